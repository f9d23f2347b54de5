//! What a reference says about quality: its own metrics, and how to read confidence.

use super::facts::Facts;
use super::importance::ImportanceReference;
use super::measure::{Distributions, Labels, names};
use super::strata::{STRATA, quartiles};
use crate::reference::{ReferenceRows, TaskReference};
use bellwether_events::TaskKind;
use bellwether_stats::{ClassProbabilities, TemperatureScaling, ThresholdedConfidence, Weights};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Temperatures outside are not what a head needs but what a reference without errors, or with nothing else, gives.
const LEAST_TEMPERATURE: f64 = 0.05;
const MOST_TEMPERATURE: f64 = 20.0;

/// Quality of one task in the reference, measured when it was built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasuredReference {
    /// Every metric of the task's kind that has a value, by name; see `docs/METRICS.md`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// How to read the head's probabilities; `None` where they were not sent.
    #[serde(default)]
    pub calibration: Option<ProbabilityCalibration>,
}

/// Temperature scaling fitted on the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProbabilityCalibration {
    /// Above one when the head was too sure.
    pub temperature: f64,
    /// Mean over the reference of the calibrated probability of the prediction less whether it was right.
    pub residual_mean: f64,
    /// Standard error of that mean.
    pub residual_standard_error: f64,
}

/// Measures a task of a reference that is being built.
pub(crate) fn measure_reference(kind: TaskKind, classes: usize, facts: &[Facts]) -> MeasuredReference {
    let facts: Vec<&Facts> = facts.iter().collect();
    let labels = Labels {
        kind,
        classes,
        facts: &facts,
        weights: None,
    };
    let metrics = names(kind)
        .iter()
        .zip(labels.measure())
        .filter_map(|(name, measured)| Some(((*name).to_owned(), measured?.value)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    MeasuredReference {
        metrics,
        calibration: fit_temperature(&labels),
    }
}

fn fit_temperature(labels: &Labels<'_>) -> Option<ProbabilityCalibration> {
    let rows = Distributions::gather(labels);
    let reference =
        ClassProbabilities::new(&rows.probabilities, labels.classes, &rows.truth, Weights::Equal).ok()?;
    let fitted = TemperatureScaling::fit(&reference).ok()?;
    // A head that is right throughout gives no hint at how its errors look: its own probabilities stand.
    let scaling = if (LEAST_TEMPERATURE..MOST_TEMPERATURE).contains(&fitted.temperature()) {
        fitted
    } else {
        TemperatureScaling::of(1.0)
    };
    let residuals: Vec<f64> = rows
        .probabilities
        .chunks_exact(labels.classes)
        .zip(rows.predicted.iter().zip(&rows.truth))
        .map(|(row, (&predicted, truth))| {
            let mut row = row.to_vec();
            scaling.apply(&mut row);
            row[predicted] - f64::from(u8::from(predicted == *truth))
        })
        .collect();
    let residual = Residual::of(&residuals);
    Some(ProbabilityCalibration {
        temperature: scaling.temperature(),
        residual_mean: residual.mean,
        residual_standard_error: residual.standard_error,
    })
}

/// What an estimate leaves over in the reference: estimated less observed, per observation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Residual {
    pub(crate) mean: f64,
    pub(crate) standard_error: f64,
}

impl Residual {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self {
            mean,
            // Residuals that are all zero show no spread; an event that was not seen in n has a standard error of 1/n.
            standard_error: (squares.sqrt() / n).max(1.0 / n),
        }
    }
}

/// One task of a reference, ready for its quality report.
#[derive(Debug, Clone)]
pub(crate) struct QualityReference {
    /// Between the strata of confidence.
    pub(crate) edges: [f64; STRATA - 2],
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Rows and errors by predicted class, `[classes]`.
    pub(crate) predicted: Vec<(usize, usize)>,
    /// Calibration of whole distributions.
    pub(crate) temperature: Option<(TemperatureScaling, Residual)>,
    /// What the isotonic calibration of the confidence leaves over.
    pub(crate) isotonic: Option<Residual>,
    pub(crate) threshold: Option<(ThresholdedConfidence, Residual)>,
    pub(crate) importance: Option<ImportanceReference>,
}

impl QualityReference {
    /// Of the rows of one task; `unit` are all rows' vectors.
    pub(crate) fn new(
        task: &TaskReference,
        measured: Option<&MeasuredReference>,
        rows: &ReferenceRows,
        unit: &[f32],
        range: Range<usize>,
    ) -> Self {
        let confidence: Vec<f64> = rows.confidence[range.clone()]
            .iter()
            .map(|&c| f64::from(c))
            .collect();
        let right: Vec<bool> = rows.loss[range.clone()].iter().map(|&l| l == 0.0).collect();
        let is_right = |i: usize| f64::from(u8::from(right[i]));
        let residual = |estimate: &dyn Fn(f64) -> f64| {
            let values: Vec<f64> = confidence
                .iter()
                .enumerate()
                .map(|(i, &c)| estimate(c) - is_right(i))
                .collect();
            Residual::of(&values)
        };
        let isotonic = task
            .calibration
            .as_ref()
            .map(|calibration| residual(&|c| calibration.predict(c)));
        // Where there is a calibration, every row has a confidence and is right or wrong.
        let judged = isotonic.is_some();
        let threshold = judged
            .then(|| ThresholdedConfidence::fit(&confidence, &right, Weights::Equal).ok())
            .flatten()
            .map(|fit| {
                let above = |c: f64| f64::from(u8::from(c >= fit.threshold()));
                (fit, residual(&above))
            });
        let dim = unit.len() / rows.len();
        let importance = judged
            .then(|| {
                let own = &unit[range.start * dim..range.end * dim];
                ImportanceReference::new(own, dim, &confidence, &right)
            })
            .flatten();
        let temperature = measured.and_then(|m| m.calibration).map(|c| {
            let residual = Residual {
                mean: c.residual_mean,
                standard_error: c.residual_standard_error,
            };
            (TemperatureScaling::of(c.temperature), residual)
        });
        let mut predicted = vec![(0, 0); task.classes];
        for (&class, &right) in rows.class[range.clone()].iter().zip(&right) {
            if let Some((rows, errors)) = predicted.get_mut(class as usize) {
                *rows += 1;
                *errors += usize::from(!right);
            }
        }
        Self {
            predicted,
            edges: quartiles(&rows.confidence[range]),
            metrics: measured.map(|m| m.metrics.clone()).unwrap_or_default(),
            temperature,
            isotonic,
            threshold,
            importance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::probabilities::StoredProbabilities;
    use super::*;

    fn facts(n: usize, confidence: f32, wrong_every: usize) -> Vec<Facts> {
        (0..n)
            .map(|i| Facts::Class {
                predicted: 0,
                truth: Some(u32::from(i % wrong_every == 0)),
                confidence,
                probabilities: StoredProbabilities::new(&[confidence, 1.0 - confidence], 2),
            })
            .collect()
    }

    #[test]
    fn a_head_that_is_too_sure_is_cooled_and_its_metrics_are_kept() {
        let got = measure_reference(TaskKind::Classification, 2, &facts(400, 0.99, 5));
        let calibration = got.calibration.expect("probabilities");
        assert!(calibration.temperature > 2.0 && calibration.residual_mean.abs() < 1e-3);
        assert!((got.metrics["accuracy"] - 0.8).abs() < 1e-12);
        assert!((got.metrics["ece"] - 0.19).abs() < 1e-3);
        assert!(got.metrics.values().all(|v| v.is_finite()));
    }

    #[test]
    fn a_reference_without_errors_leaves_the_probabilities_alone() {
        let got = measure_reference(TaskKind::Classification, 2, &facts(99, 0.97, 1000)[1..]);
        let calibration = got.calibration.expect("probabilities");
        assert!((calibration.temperature - 1.0).abs() < 1e-12);
        assert!((calibration.residual_mean + 0.03).abs() < 1e-3);
        assert!(calibration.residual_standard_error >= 0.01);
    }
}
