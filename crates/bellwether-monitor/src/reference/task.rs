//! One task's share of the reference: scales, means, residuals and the bounds of its detectors.

use super::movement::{ClassedRows, Movement};
use super::season::Season;
use super::text_form::TextForm;
use super::{NEIGHBOURS, ReferenceError, ReferenceRows};
use crate::config::MonitorConfig;
use crate::group::Centre;
use crate::selection::{STRATA, stratum};
use bellwether_events::{ModelSchema, TaskId, TaskKind};
use bellwether_stats::{ConformalScale, Isotonic, NearestSimilarity, RegressionBet, ShiftBet, upper_mean};
use std::collections::BTreeMap;
use std::ops::Range;

/// Pseudo-observations of the task's mean in each class mean: a class with few rows leans on the task.
const CLASS_PRIOR: f64 = 5.0;
/// p-values of similarity above this make the bulk: rows that look like the reference.
pub(crate) const BULK_P: f64 = 0.2;
/// Mean of `(1[p < .05] + 1[p < .01]) / 2` for uniform p-values.
const FAR_RATE: f64 = 0.03;
/// Its standard deviation: `sqrt((.05 + 3 · .01) / 4 - .03²)`.
const FAR_DEVIATION: f64 = 0.138_203;
/// Widens a class's error rate by its own uncertainty: one-sided 95 %.
const CLASS_MARGIN_SE: f64 = 1.64;
/// Standard errors of the reference by which a warning's bound is widened: over references as they come, the warnings together
/// still keep the run length of `watch`.
pub(crate) const WARNING_MARGIN_SE: f64 = 1.25;
/// Extra tolerance on the mean rank of a regression task's residuals, whose bound serves recovery only.
const RANK_TOLERANCE: f64 = 0.02;

/// Largest means of the detectors' statistics that count as normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Of the far statistic.
    pub novelty: f64,
    /// The same with less margin: beyond it unusual inputs may be on the rise.
    pub novelty_warning: f64,
    /// Of the far statistic of the texts' form; `None` without texts.
    pub text_form: Option<f64>,
    /// Of one minus confidence; `None` without probabilities.
    pub confidence: Option<f64>,
    /// Of the labelled loss.
    pub loss: f64,
    /// Of the labelled loss without tolerance: beyond it quality may be falling.
    pub loss_warning: f64,
    /// Of the share of labels outside the label set.
    pub unknown_label: f64,
}

impl Bounds {
    /// From what the reference's own rows give: far statistics, doubts (one minus confidence), losses.
    fn new(
        far: &[f64],
        doubt: Option<&Vec<f64>>,
        loss: &[f64],
        has_text: bool,
        is_regression: bool,
        config: &MonitorConfig,
    ) -> Self {
        let margin = config.reference_margin_se;
        let rows = loss.len() as f64;
        let rank_error = (1.0 / (12.0 * rows)).sqrt();
        let (loss_bound, loss_warning) = if is_regression {
            // Losses are ranks among the reference's own.
            let alarm = 0.5 + margin * rank_error + config.loss_tolerance + RANK_TOLERANCE;
            (alarm, 0.5 + WARNING_MARGIN_SE * rank_error)
        } else {
            let alarm = mean(loss) + margin * standard_error(loss) + config.loss_tolerance;
            (alarm, upper_mean(loss, WARNING_MARGIN_SE))
        };
        Self {
            novelty: FAR_RATE + margin * standard_error(far) + config.novelty_tolerance,
            novelty_warning: FAR_RATE + WARNING_MARGIN_SE * standard_error(far) + config.novelty_tolerance,
            // Ranks of one sample on its own scale: their far statistic varies as that of uniform p-values.
            text_form: has_text
                .then(|| FAR_RATE + margin * FAR_DEVIATION / rows.sqrt() + config.text_form_tolerance),
            confidence: doubt
                .map(|doubt| mean(doubt) + margin * standard_error(doubt) + config.confidence_tolerance),
            loss: loss_bound,
            loss_warning,
            unknown_label: config.unknown_label_tolerance,
        }
    }
}

/// What is normal for one task.
#[derive(Debug, Clone)]
pub struct TaskReference {
    /// Its kind.
    pub kind: TaskKind,
    /// Number of predicted classes; 1 for tasks without.
    pub classes: usize,
    /// The task's distinct reference vectors.
    pub nearest: NearestSimilarity,
    /// Similarities of its own rows.
    pub similarity: ConformalScale,
    /// Confidences of its own rows; `None` without probabilities.
    pub confidence: Option<ConformalScale>,
    /// Forms of its texts; `None` unless every row has one.
    pub(crate) text_form: Option<TextForm>,
    /// Combined log p-values of its own rows.
    pub novelty: ConformalScale,
    /// Mean of each predicted class, `[classes, dim]`.
    pub class_means: Vec<f32>,
    /// How its rows lie about the class means; `None` where they do not vary.
    pub(crate) movement: Option<Movement>,
    /// Bets that doubt has risen among the reference's; `None` without probabilities.
    pub(crate) doubt: Option<ShiftBet>,
    /// Bounds of the labelled loss without tolerance by quartile of confidence; empty without probabilities.
    pub(crate) loss_warning_of: Vec<f64>,
    /// Mean squared norm of the residuals.
    pub residual_variance: f64,
    /// Rows by predicted class, `[classes]`.
    pub class_counts: Vec<f64>,
    /// Where its rows lie.
    pub(crate) centre: Centre,
    /// Share of its most frequent message; 0 when each came once.
    pub most_frequent: f64,
    /// Mean confidence of the bulk; NaN without probabilities.
    pub bulk_confidence: f64,
    /// Bounds of the detectors.
    pub bounds: Bounds,
    /// Largest normal error rate by predicted class, `[classes]`; empty unless classification.
    pub class_loss_bounds: Vec<f64>,
    /// What confidence was worth; `None` without probabilities.
    pub calibration: Option<Isotonic>,
    /// Ranks of absolute residuals; only for regression.
    pub regression: Option<RegressionBet>,
    /// How the class mix follows the calendar, where the rows show it.
    pub(crate) season: Option<Season>,
}

impl TaskReference {
    pub(super) fn new(
        task: TaskId,
        schema: &ModelSchema,
        rows: &ReferenceRows,
        unit: &[f32],
        range: Range<usize>,
        config: &MonitorConfig,
    ) -> Result<Self, ReferenceError> {
        let dim = schema.dim();
        let spec = schema.spec(task);
        let failed = |source| ReferenceError::Statistic {
            task: schema.name(task).to_owned(),
            source,
        };
        let classes = if spec.kind == TaskKind::Classification {
            spec.labels.len()
        } else {
            1
        };
        let vectors = &unit[range.start * dim..range.end * dim];
        let class: Vec<usize> = rows.class[range.clone()].iter().map(|&c| c as usize).collect();
        if class.iter().any(|&c| c >= classes) {
            return Err(ReferenceError::Damaged(
                "a predicted class is outside its task's labels",
            ));
        }
        let loss = &rows.loss[range.clone()];
        let confidence: Vec<f64> = rows.confidence[range.clone()]
            .iter()
            .map(|&c| f64::from(c))
            .collect();
        let has_confidence = confidence.iter().all(|c| c.is_finite());
        let text_form = TextForm::new(rows, range.clone()).map_err(failed)?;
        let season = (spec.kind == TaskKind::Classification)
            .then(|| rows.timestamp_ms.get(range.clone()))
            .flatten()
            .and_then(|at_ms| Season::learn(&class, at_ms, classes, config.seasons));
        let own: Vec<f64> = rows.own_similarity[range].iter().map(|&s| f64::from(s)).collect();

        let scales = Scales::new(&own, &confidence, has_confidence).map_err(failed)?;

        let means = ClassMeans::new(vectors, &class, classes, dim);
        let doubt: Vec<f64> = confidence.iter().map(|c| 1.0 - c).collect();
        let bulk: Vec<f64> = scales
            .p_similarity
            .iter()
            .zip(&confidence)
            .filter(|(p, _)| **p > BULK_P)
            .map(|(_, &c)| c)
            .collect();
        let regression = if spec.kind == TaskKind::Regression {
            Some(RegressionBet::new(loss, config.residual_tolerance).map_err(failed)?)
        } else {
            None
        };
        let bounds = Bounds::new(
            &scales.far,
            has_confidence.then_some(&doubt),
            loss,
            text_form.is_some(),
            regression.is_some(),
            config,
        );
        let calibration = if has_confidence && regression.is_none() {
            let right: Vec<f64> = loss.iter().map(|l| 1.0 - l).collect();
            Some(Isotonic::fit(&confidence, &right).map_err(failed)?)
        } else {
            None
        };
        let places = distinct(vectors, dim);
        let nearest = NearestSimilarity::new(&distinct_rows(vectors, &places, dim), dim, NEIGHBOURS);
        let movement = Movement::new(&nearest, &places, &means.rows(vectors, &class, dim), config);
        let doubt_bet = |_: &ConformalScale| {
            let n = confidence.len();
            ShiftBet::new(n, WARNING_MARGIN_SE / (n as f64).sqrt())
        };
        Ok(Self {
            kind: spec.kind,
            classes,
            movement: movement.map_err(failed)?,
            doubt: scales
                .confidence
                .as_ref()
                .map(doubt_bet)
                .transpose()
                .map_err(failed)?,
            loss_warning_of: loss_warning_of(scales.confidence.as_ref(), &confidence, loss),
            nearest,
            similarity: scales.similarity,
            confidence: scales.confidence,
            text_form: text_form.clone(),
            novelty: scales.novelty,
            bounds,
            class_loss_bounds: if spec.kind == TaskKind::Classification {
                class_loss_bounds(&class, loss, classes, config.loss_tolerance)
            } else {
                Vec::new()
            },
            class_means: means.means,
            residual_variance: means.residual_variance,
            class_counts: means.counts,
            centre: Centre::of(vectors.chunks_exact(dim), dim),
            most_frequent: most_frequent(vectors, dim),
            bulk_confidence: mean(&bulk),
            calibration,
            regression,
            season,
        })
    }

    /// Conformal p-values of an observation's similarity to the task's reference, and of similarity and confidence together.
    pub(crate) fn p_values(&self, similarity: f32, confidence: f32) -> (f64, f64) {
        let p_similarity = self.similarity.p_value(f64::from(similarity));
        // Without a confidence the observation counts as wholly confident: novelty can only be understated.
        let p_confidence = match &self.confidence {
            Some(scale) if confidence.is_finite() && self.kind != TaskKind::Regression => {
                scale.p_value(f64::from(confidence))
            }
            _ => 1.0,
        };
        let p_novelty = self.novelty.p_value(p_similarity.ln() + p_confidence.ln());
        (p_similarity, p_novelty)
    }

    /// Means of the predicted classes as they are, without leaning on the task, `[classes, dim]`; zero without rows.
    pub(crate) fn plain_class_means(&self) -> Vec<f64> {
        let mut means = Vec::with_capacity(self.class_means.len());
        for (class, &n) in self.class_counts.iter().enumerate() {
            // `class_mean` holds (sum + CLASS_PRIOR · mean of all) / (n + CLASS_PRIOR).
            let of_all = self.class_mean(class).iter().zip(&self.centre.mean);
            means.extend(of_all.map(|(&leaning, all)| {
                let sum = f64::from(leaning) * (n + CLASS_PRIOR) - CLASS_PRIOR * all;
                if n > 0.0 { sum / n } else { 0.0 }
            }));
        }
        means
    }

    /// The mean of a predicted class, `[dim]`.
    #[must_use]
    pub fn class_mean(&self, class: usize) -> &[f32] {
        let dim = self.centre.mean.len();
        &self.class_means[class * dim..(class + 1) * dim]
    }
}

/// `(1[p < .05] + 1[p < .01]) / 2`: excess in the tail, with more weight on the far one.
pub(crate) fn far_statistic(p: f64) -> f64 {
    0.5 * (f64::from(u8::from(p < 0.05)) + f64::from(u8::from(p < 0.01)))
}

/// The conformal scales of one task, and what its own rows score on them.
struct Scales {
    similarity: ConformalScale,
    confidence: Option<ConformalScale>,
    novelty: ConformalScale,
    p_similarity: Vec<f64>,
    far: Vec<f64>,
}

impl Scales {
    fn new(own: &[f64], confidence: &[f64], has_confidence: bool) -> Result<Self, bellwether_stats::Error> {
        let similarity = ConformalScale::new(own.to_vec())?;
        let confidence_scale = if has_confidence {
            Some(ConformalScale::new(confidence.to_vec())?)
        } else {
            None
        };
        let p_similarity: Vec<f64> = own.iter().map(|&s| similarity.p_value(s)).collect();
        let combined: Vec<f64> = p_similarity
            .iter()
            .zip(confidence)
            .map(|(p, &c)| {
                p.ln()
                    + confidence_scale
                        .as_ref()
                        .map_or(0.0, |scale| scale.p_value(c).ln())
            })
            .collect();
        let novelty = ConformalScale::new(combined.clone())?;
        let far = combined
            .iter()
            .map(|&s| far_statistic(novelty.p_value(s)))
            .collect();
        Ok(Self {
            similarity,
            confidence: confidence_scale,
            novelty,
            p_similarity,
            far,
        })
    }
}

/// Means of the predicted classes, each leaning on the mean of all.
pub(super) struct ClassMeans {
    /// `[classes, dim]`.
    pub(super) means: Vec<f32>,
    /// Of every row from the mean of its class without it, `[n, dim]`.
    pub(super) residuals: Vec<f32>,
    residual_variance: f64,
    counts: Vec<f64>,
}

impl ClassMeans {
    /// The rows that they were made of.
    fn rows<'a>(&'a self, vectors: &'a [f32], class: &'a [usize], dim: usize) -> ClassedRows<'a> {
        ClassedRows {
            vectors,
            dim,
            class,
            classes: self.counts.len(),
            residuals: &self.residuals,
        }
    }

    /// How much further a row of the class would lie from its mean if that did not hold the row itself: so do the stream's.
    pub(super) fn stretch(&self, class: usize) -> f32 {
        stretch(self.counts[class])
    }

    #[expect(clippy::cast_possible_truncation, reason = "means of unit vectors fit f32")]
    pub(super) fn new(vectors: &[f32], class: &[usize], classes: usize, dim: usize) -> Self {
        let n = class.len() as f64;
        let mut total = vec![0.0_f64; dim];
        let mut sums = vec![0.0_f64; classes * dim];
        let mut counts = vec![0.0_f64; classes];
        for (row, &c) in vectors.chunks_exact(dim).zip(class) {
            counts[c] += 1.0;
            for (j, &x) in row.iter().enumerate() {
                total[j] += f64::from(x);
                sums[c * dim + j] += f64::from(x);
            }
        }
        let means: Vec<f32> = sums
            .iter()
            .enumerate()
            .map(|(at, s)| {
                let (c, j) = (at / dim, at % dim);
                ((s + CLASS_PRIOR * total[j] / n) / (counts[c] + CLASS_PRIOR)) as f32
            })
            .collect();
        let mut residuals = Vec::with_capacity(vectors.len());
        for (row, &c) in vectors.chunks_exact(dim).zip(class) {
            let stretch = stretch(counts[c]);
            let mean = &means[c * dim..(c + 1) * dim];
            residuals.extend(row.iter().zip(mean).map(|(x, m)| (x - m) * stretch));
        }
        let residual_variance = residuals
            .iter()
            .map(|&r| f64::from(r) * f64::from(r))
            .sum::<f64>()
            / n;
        Self {
            means,
            residuals,
            residual_variance,
            counts,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a factor just above one")]
fn stretch(rows: f64) -> f32 {
    let weight = rows + CLASS_PRIOR;
    (weight / (weight - 1.0)) as f32
}

fn class_loss_bounds(class: &[usize], loss: &[f64], classes: usize, tolerance: f64) -> Vec<f64> {
    let mut count = vec![0.0; classes];
    let mut errors = vec![0.0; classes];
    for (&c, l) in class.iter().zip(loss) {
        count[c] += 1.0;
        errors[c] += l;
    }
    let overall = mean(loss);
    count
        .iter()
        .zip(errors)
        .map(|(n, e)| {
            let weight = n + CLASS_PRIOR;
            (e + CLASS_PRIOR * overall) / weight
                + CLASS_MARGIN_SE * (overall * (1.0 - overall) / weight).sqrt()
                + tolerance
        })
        .collect()
}

/// Largest normal loss without tolerance in each stratum of confidence; empty without confidence.
fn loss_warning_of(scale: Option<&ConformalScale>, confidence: &[f64], loss: &[f64]) -> Vec<f64> {
    if scale.is_none() {
        return Vec::new();
    }
    let of = |wanted: u8| {
        let rows = confidence.iter().zip(loss);
        let own = rows.filter(|&(&c, _)| stratum(scale, c) == Some(wanted));
        upper_mean(&own.map(|(_, &l)| l).collect::<Vec<_>>(), WARNING_MARGIN_SE)
    };
    (0..STRATA).map(of).collect()
}

/// The rows without exact repeats, in order, where each row's place is known: a repeated text must not look like a dense
/// neighbourhood.
pub(super) fn distinct_rows(vectors: &[f32], places: &[usize], dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(vectors.len());
    for (row, &at) in vectors.chunks_exact(dim).zip(places) {
        if at * dim == out.len() {
            out.extend_from_slice(row);
        }
    }
    out
}

/// For each row its place among the distinct ones, which stand in the order of their first occurrence.
pub(crate) fn distinct(vectors: &[f32], dim: usize) -> Vec<usize> {
    let mut seen: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect();
    vectors
        .chunks_exact(dim)
        .map(|row| {
            let next = seen.len();
            *seen.entry(bits(row)).or_insert(next)
        })
        .collect()
}

/// Share of the row that is repeated most; 0 when none is.
fn most_frequent(vectors: &[f32], dim: usize) -> f64 {
    let mut counts: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
    for row in vectors.chunks_exact(dim) {
        *counts
            .entry(row.iter().map(|x| x.to_bits()).collect())
            .or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    if most > 1 {
        f64::from(most) * dim as f64 / vectors.len() as f64
    } else {
        0.0
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn standard_error(values: &[f64]) -> f64 {
    let m = mean(values);
    let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / values.len() as f64;
    (variance / values.len() as f64).sqrt()
}
