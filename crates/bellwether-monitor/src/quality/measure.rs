//! Every metric of a task's kind, over labelled observations.

use super::facts::Facts;
use bellwether_events::TaskKind;
use bellwether_stats::{
    Binning, ClassMeasures, ClassMetric, ClassProbabilities, Confusion, Measured, PredictedNumbers,
    Reliability, SpanCounts, TokenCounts, Weights, class_measures, reliability, span_quality, token_accuracy,
    weighted_mean_interval,
};

const CLASSIFICATION: &[&str] = &[
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "matthews_correlation",
    "auroc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
];
const SEQUENCE_LABELLING: &[&str] = &[
    "span_f1",
    "span_precision",
    "span_recall",
    "token_accuracy",
    "exact_match",
    "ece",
];
const REGRESSION: &[&str] = &["mae", "rmse", "r_squared", "pearson", "spearman"];

/// Names of the metrics of a kind, the chief one first.
pub(crate) fn names(kind: TaskKind) -> &'static [&'static str] {
    match kind {
        TaskKind::Classification => CLASSIFICATION,
        TaskKind::SequenceLabelling => SEQUENCE_LABELLING,
        TaskKind::Regression => REGRESSION,
    }
}

/// Labelled observations of one task with their weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels<'a> {
    pub(crate) kind: TaskKind,
    pub(crate) classes: usize,
    /// `[n]`
    pub(crate) facts: &'a [&'a Facts],
    /// `[n]`; `None` for equal ones.
    pub(crate) weights: Option<&'a [f64]>,
}

impl<'a> Labels<'a> {
    fn weight(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[i])
    }

    fn weights(&self) -> Weights<'a> {
        Weights::from(self.weights)
    }

    /// The metrics, in the order of [`names`]; `None` where there is nothing to measure it by.
    pub(crate) fn measure(&self) -> Vec<Option<Measured>> {
        if self.facts.is_empty() {
            return vec![None; names(self.kind).len()];
        }
        match self.kind {
            TaskKind::Classification => self.classification(),
            TaskKind::SequenceLabelling => self.sequences(),
            TaskKind::Regression => self.numbers(),
        }
    }

    /// Precision, recall and F1 of each class; empty for other kinds.
    pub(crate) fn by_class(&self) -> Vec<ClassMeasures> {
        if self.kind == TaskKind::Classification {
            class_measures(&self.confusion())
        } else {
            Vec::new()
        }
    }

    /// Is the head right as often as it says? `None` without confidences.
    pub(crate) fn reliability(&self) -> Option<Reliability> {
        let (mut confidence, mut right, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (i, facts) in self.facts.iter().enumerate() {
            if let Some(is_right) = facts.is_right()
                && facts.confidence().is_finite()
            {
                confidence.push(facts.confidence().clamp(0.0, 1.0));
                right.push(is_right);
                weights.push(self.weight(i));
            }
        }
        reliability(&confidence, &right, Weights::Each(&weights), Binning::CUSTOMARY).ok()
    }

    fn confusion(&self) -> Confusion {
        let mut table = Confusion::new(self.classes);
        for (i, facts) in self.facts.iter().enumerate() {
            if let Facts::Class { predicted, truth, .. } = facts {
                // The weights were made by `stratified_weights`, whose results are none that a table refuses.
                let added = table.add_weighted(
                    truth.map(|t| t as usize),
                    Some(*predicted as usize),
                    self.weight(i),
                );
                debug_assert!(added.is_ok(), "weight {}", self.weight(i));
            }
        }
        table
    }

    fn classification(&self) -> Vec<Option<Measured>> {
        let table = self.confusion();
        let mut out: Vec<Option<Measured>> = [
            ClassMetric::Accuracy,
            ClassMetric::BalancedAccuracy,
            ClassMetric::MacroF1,
            ClassMetric::MicroF1,
            ClassMetric::WeightedF1,
            ClassMetric::MatthewsCorrelation,
        ]
        .into_iter()
        .map(|metric| metric.measure(&table).ok())
        .collect();
        let rows = Distributions::gather(self);
        let weights = Weights::Each(&rows.weights);
        match ClassProbabilities::new(&rows.probabilities, self.classes, &rows.truth, weights) {
            Ok(p) => out.extend([
                p.auroc().ok(),
                p.average_precision().ok(),
                Some(p.log_loss()),
                Some(p.brier()),
            ]),
            Err(_) => out.extend([None; 4]),
        }
        out.push(self.reliability().map(|r| r.ece));
        out
    }

    fn sequences(&self) -> Vec<Option<Measured>> {
        let (mut spans, mut tokens, mut exact): (Vec<SpanCounts>, Vec<TokenCounts>, Vec<f64>) =
            (Vec::new(), Vec::new(), Vec::new());
        for facts in self.facts {
            if let Facts::Tags {
                exact: is_exact,
                tokens: t,
                spans: s,
                ..
            } = facts
            {
                spans.push(*s);
                tokens.push(*t);
                exact.push(f64::from(u8::from(*is_exact)));
            }
        }
        let quality = span_quality(&spans, self.weights()).ok();
        vec![
            quality.and_then(|q| q.f1),
            quality.and_then(|q| q.precision),
            quality.and_then(|q| q.recall),
            token_accuracy(&tokens, self.weights()).ok(),
            share(&exact, self.weights()),
            self.reliability().map(|r| r.ece),
        ]
    }

    fn numbers(&self) -> Vec<Option<Measured>> {
        let (predicted, truth): (Vec<f64>, Vec<f64>) = self
            .facts
            .iter()
            .filter_map(|facts| match facts {
                Facts::Number { predicted, truth } => Some((*predicted, *truth)),
                _ => None,
            })
            .unzip();
        match PredictedNumbers::new(&predicted, &truth, self.weights()) {
            Ok(numbers) => vec![
                Some(numbers.mean_absolute_error()),
                Some(numbers.root_mean_squared_error()),
                numbers.r_squared().ok(),
                numbers.pearson().ok(),
                numbers.spearman().ok(),
            ],
            Err(_) => vec![None; REGRESSION.len()],
        }
    }
}

/// Weighted share of ones: the accuracy of a table with two cells, for its interval.
fn share(ones: &[f64], weights: Weights<'_>) -> Option<Measured> {
    let mut table = Confusion::new(1);
    for (i, one) in ones.iter().enumerate() {
        let weight = match weights {
            Weights::Equal => 1.0,
            Weights::Each(w) => w[i],
        };
        let truth = (*one > 0.5).then_some(0);
        table.add_weighted(truth, Some(0), weight).ok()?;
    }
    ClassMetric::Accuracy.measure(&table).ok()
}

/// Distributions over the classes beside the true class, of the labels that have both.
pub(crate) struct Distributions {
    /// `[rows, classes]`
    pub(crate) probabilities: Vec<f64>,
    /// `[rows]`
    pub(crate) predicted: Vec<usize>,
    /// `[rows]`
    pub(crate) truth: Vec<usize>,
    /// `[rows]`
    pub(crate) weights: Vec<f64>,
}

impl Distributions {
    pub(crate) fn gather(labels: &Labels<'_>) -> Self {
        let mut out = Self {
            probabilities: Vec::new(),
            predicted: Vec::new(),
            truth: Vec::new(),
            weights: Vec::new(),
        };
        for (i, facts) in labels.facts.iter().enumerate() {
            if let (
                Some((predicted, p)),
                Facts::Class {
                    truth: Some(truth), ..
                },
            ) = (facts.distribution(), facts)
                && p.classes() == labels.classes
            {
                p.append_to(&mut out.probabilities);
                out.predicted.push(predicted);
                out.truth.push(*truth as usize);
                out.weights.push(labels.weight(i));
            }
        }
        out
    }
}

/// Weighted mean with its interval; `None` without values.
pub(crate) fn mean(values: &[f64], weights: &[f64]) -> Option<Measured> {
    weighted_mean_interval(values, Weights::Each(weights)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::probabilities::StoredProbabilities;
    use super::*;

    fn class(predicted: u32, truth: Option<u32>, p: [f32; 2]) -> Facts {
        Facts::Class {
            predicted,
            truth,
            confidence: p[0].max(p[1]),
            probabilities: StoredProbabilities::new(&p, 2),
        }
    }

    fn by_name(kind: TaskKind, facts: &[Facts], weights: Option<&[f64]>) -> impl Fn(&str) -> f64 {
        let facts: Vec<&Facts> = facts.iter().collect();
        let measured = Labels {
            kind,
            classes: 2,
            facts: &facts,
            weights,
        }
        .measure();
        assert_eq!(measured.len(), names(kind).len());
        move |name: &str| {
            let at = names(kind)
                .iter()
                .position(|n| *n == name)
                .expect("a metric of the kind");
            measured[at].map_or(f64::NAN, |m| {
                assert!(m.interval.low <= m.value && m.value <= m.interval.high, "{name}");
                m.value
            })
        }
    }

    #[test]
    fn classes_are_measured_as_by_hand() {
        let facts = [
            class(0, Some(0), [0.8, 0.2]),
            class(0, Some(1), [0.6, 0.4]),
            class(1, Some(1), [0.1, 0.9]),
            class(1, None, [0.3, 0.7]),
        ];
        let got = by_name(TaskKind::Classification, &facts, None);
        for (name, want) in [
            ("accuracy", 0.5),
            ("micro_f1", 0.5),
            // F1: class 0: 2/3, class 1: 2/4, the outside 0.
            ("macro_f1", (2.0 / 3.0 + 0.5) / 3.0),
            ("balanced_accuracy", (1.0 + 0.5 + 0.0) / 3.0),
            // Of the three known truths every class-0 one outranks every class-1 one.
            ("auroc", 1.0),
            ("log_loss", -(0.8_f64.ln() + 0.4_f64.ln() + 0.9_f64.ln()) / 3.0),
            ("brier", (0.08 + 0.72 + 0.02) / 3.0),
            // Each in a bin of its own.
            ("ece", (0.2 + 0.6 + 0.1 + 0.7) / 4.0),
        ] {
            assert!(
                (got(name) - want).abs() < 2e-3,
                "{name}: {} instead of {want}",
                got(name)
            );
        }
        let weighted = by_name(TaskKind::Classification, &facts, Some(&[3.0, 1.0, 1.0, 1.0]));
        assert!((weighted("accuracy") - 4.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn sequences_and_numbers_are_measured_as_by_hand() {
        let tags = |exact, right, tokens, spans: [u32; 3]| Facts::Tags {
            exact,
            tokens: TokenCounts { right, tokens },
            spans: SpanCounts {
                hits: spans[0],
                predicted: spans[1],
                truth: spans[2],
            },
            confidence: f32::NAN,
        };
        let facts = [tags(true, 4, 4, [1, 1, 1]), tags(false, 3, 6, [1, 2, 3])];
        let got = by_name(TaskKind::SequenceLabelling, &facts, None);
        for (name, want) in [
            ("span_f1", 4.0 / 7.0),
            ("span_precision", 2.0 / 3.0),
            ("span_recall", 0.5),
            ("token_accuracy", 0.7),
            ("exact_match", 0.5),
        ] {
            assert!((got(name) - want).abs() < 1e-12, "{name}");
        }
        assert!(got("ece").is_nan(), "no confidences");

        let facts: Vec<Facts> = [(1.0, 2.0), (2.0, 2.0), (5.0, 3.0), (4.0, 6.0), (7.0, 7.0)]
            .map(|(predicted, truth)| Facts::Number { predicted, truth })
            .to_vec();
        let got = by_name(TaskKind::Regression, &facts, None);
        assert!((got("mae") - 1.0).abs() < 1e-12);
        assert!((got("rmse") - 1.8_f64.sqrt()).abs() < 1e-12);
        // Truths 2, 2, 3, 6, 7 have mean 4 and squared deviations 22.
        assert!((got("r_squared") - (1.0 - 9.0 / 22.0)).abs() < 1e-12);
        assert!(got("pearson") > 0.7 && got("spearman") > 0.7);
    }

    #[test]
    fn without_labels_every_metric_is_there_and_none_has_a_value() {
        for kind in [
            TaskKind::Classification,
            TaskKind::SequenceLabelling,
            TaskKind::Regression,
        ] {
            let got = by_name(kind, &[], None);
            assert!(names(kind).iter().all(|n| got(n).is_nan()));
        }
    }
}
