//! The drift report of one task.

use super::map::{self, DriftMap};
use super::reference::DriftReference;
use super::split::{self, ClassDrift, DriftDirection, DriftSplit};
use crate::recent::{RecentObservations, RecentRow};
use crate::reference::TaskReference;
use crate::status::Estimate;
use bellwether_events::TaskSpec;
use bellwether_stats::{KernelFeatures, PermutationTest, Shuffles, domain_classifier_auc};
use serde::Serialize;
use std::sync::Arc;

/// Newest observations that make the window while nothing stands.
const WINDOW: usize = 200;
/// Observations it holds at the most since the onset of what stands.
const MOST: usize = 400;
/// Fewest observations that are compared.
const MINIMUM: usize = 30;
/// Rows a side of the energy distance, whose cost grows with their square.
const ENERGY_ROWS: usize = 150;
/// Shuffles: the smallest p-value is one in two hundred, which is what a report needs; verdicts have their own evidence.
const PERMUTATIONS: usize = 199;
/// Parts of the classifier: the later half is judged, each by all before it.
const FOLDS: usize = 10;
/// Observations that are named as examples.
pub(super) const EXAMPLES: usize = 5;
/// p-value below which the summary calls a difference one: of three tests of the same null, one in two hundred is rare.
const SAID_P: f64 = 0.01;
const SEED: u64 = 0x6472_6966;

/// How the newest observations of a task differ from its reference.
///
/// The window holds the observations since the earliest onset of what stands, the newest 400 at most; the newest 200 where
/// nothing stands or where fewer than 30 have come since. Copies are left out. The reference is a sample of at most 300 of
/// its rows, evenly over its period, for the tests, and all its rows for the split. Numbers are `None` below 30 observations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// Event time at which it was made; 0 before the first observation.
    pub as_of_ms: i64,
    /// Time of the window's oldest observation; 0 without any.
    pub from_ms: i64,
    /// Time of the window's newest observation; 0 without any.
    pub to_ms: i64,
    /// Observations in the window.
    pub observations: usize,
    /// Whether the window begins with the onset of what stands.
    pub since_onset: bool,
    /// MMD² under a Gaussian kernel at the reference's median distance, by random features: from 0 to 2, any difference.
    pub kernel: Option<DriftTest>,
    /// Squared distance of the means (MMD² under the linear kernel): from 0 to 4, a difference of means.
    pub linear: Option<DriftTest>,
    /// Squared energy distance over at most 150 rows a side: any difference, with more weight on large ones.
    pub energy: Option<DriftTest>,
    /// Area under the ROC curve of a classifier that tells the window from the reference; 0.5 when nothing does.
    pub classifier_auc: Option<Estimate>,
    /// How much is a change of the class mix, how much moved within classes, and whether their spread has changed.
    pub split: Option<DriftSplit>,
    /// The classes that account for most of it, first the most, at most 16; empty unless classification.
    pub classes: Vec<ClassDrift>,
    /// Where the inputs went within their classes.
    pub direction: Option<DriftDirection>,
    /// Event ids of the window's observations that are least like the reference and most like each other: highest along
    /// the kernel's witness.
    pub examples: Vec<String>,
    /// The calendar that the mix bet of the task follows, where its reference shows a season. The report itself compares
    /// with the reference as a whole.
    pub season: Option<&'static str>,
    /// What to make of it, in a sentence; `None` below 30 observations.
    pub summary: Option<String>,
    /// Both samples as points of a plane; `None` below 30 observations. Shared, as it is large and reports are copied.
    #[serde(skip)]
    pub map: Option<Arc<DriftMap>>,
}

/// A two-sample statistic with its permutation p-value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DriftTest {
    /// Unbiased: may be slightly negative when nothing has changed.
    pub value: f64,
    /// From 0.005 to 1.
    pub p_value: f64,
    /// The value over its standard deviation when nothing has changed.
    pub deviations: f64,
}

impl DriftTest {
    fn new(test: PermutationTest) -> Self {
        Self {
            value: test.value,
            p_value: test.p_value,
            deviations: test.value / test.deviation,
        }
    }
}

impl DriftReport {
    /// Of a task of which nothing has been seen.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            as_of_ms: 0,
            from_ms: 0,
            to_ms: 0,
            observations: 0,
            since_onset: false,
            kernel: None,
            linear: None,
            energy: None,
            classifier_auc: None,
            split: None,
            classes: Vec::new(),
            direction: None,
            examples: Vec::new(),
            season: None,
            summary: None,
            map: None,
        }
    }
}

/// What a report is made of.
pub(crate) struct DriftSources<'a> {
    pub(crate) spec: &'a TaskSpec,
    pub(crate) task: &'a TaskReference,
    pub(crate) reference: &'a DriftReference,
    /// Features at a bandwidth of one.
    pub(crate) features: &'a KernelFeatures,
    pub(crate) recent: &'a RecentObservations,
    /// Earliest onset of what stands.
    pub(crate) onset_ms: Option<i64>,
    pub(crate) now_ms: i64,
    /// How long texts may be kept, milliseconds of event time.
    pub(crate) text_retention_ms: i64,
}

/// The rows that are compared.
pub(super) struct Window<'a> {
    pub(super) rows: Vec<&'a RecentRow>,
    /// `[n, dim]`
    pub(super) vectors: Vec<f32>,
    since_onset: bool,
}

impl DriftSources<'_> {
    /// The report. Some 10 ms at 384 dimensions: O((window + sample) · (dim + 2 · frequencies) · shuffles).
    pub(crate) fn report(&self) -> DriftReport {
        let window = self.window();
        let mut out = DriftReport::empty();
        out.as_of_ms = self.now_ms;
        out.observations = window.rows.len();
        out.from_ms = window.rows.first().map_or(0, |row| row.timestamp_ms);
        out.to_ms = window.rows.last().map_or(0, |row| row.timestamp_ms);
        out.since_onset = window.since_onset;
        out.season = self.task.season.as_ref().map(crate::reference::Season::name);
        if window.rows.len() >= MINIMUM {
            let sample = self.reference.vectors(&self.task.nearest);
            self.compare(&window, &sample, &mut out);
            split::report(self, &window, &sample, &mut out);
            out.map = map::map(self, &window, &sample);
            out.summary = Some(summary(&out));
        }
        out
    }

    fn window(&self) -> Window<'_> {
        let kept = |oldest_ms: i64, most: usize| {
            let rows: Vec<(u64, &RecentRow)> = self
                .recent
                .since(0)
                .filter(|(_, row)| !row.repeated && row.timestamp_ms >= oldest_ms)
                .collect();
            rows[rows.len().saturating_sub(most)..].to_vec()
        };
        let since = self
            .onset_ms
            .map(|onset| kept(onset, MOST))
            .filter(|rows| rows.len() >= MINIMUM);
        let since_onset = since.is_some();
        let steps = since.unwrap_or_else(|| kept(i64::MIN, WINDOW));
        let mut vectors = Vec::new();
        for (step, _) in &steps {
            self.recent.vector(*step, &mut vectors);
        }
        Window {
            rows: steps.into_iter().map(|(_, row)| row).collect(),
            vectors,
            since_onset,
        }
    }

    /// The tests. What a statistic cannot be computed from leaves it out.
    fn compare(&self, window: &Window<'_>, sample: &[f32], out: &mut DriftReport) {
        let (n, m) = (window.rows.len(), self.reference.len());
        let dim = sample.len() / m;
        let all = [window.vectors.as_slice(), sample].concat();
        #[expect(clippy::cast_possible_truncation, reason = "a distance between unit vectors")]
        let scale = (1.0 / self.reference.bandwidth) as f32;
        let scaled: Vec<f32> = all.iter().map(|x| x * scale).collect();
        let Ok(features) = self.features.features(&scaled) else {
            return;
        };
        let width = self.features.width();
        if let Ok(shuffles) = Shuffles::new(n, n + m, PERMUTATIONS, SEED) {
            out.kernel = shuffles.mean_distance(&features, width).ok().map(DriftTest::new);
            out.linear = shuffles.mean_distance(&all, dim).ok().map(DriftTest::new);
        }
        let (few, few_of_sample) = (evenly(&all[..n * dim], dim), evenly(sample, dim));
        let first = few.len() / dim;
        let few = [few, few_of_sample].concat();
        out.energy = Shuffles::new(first, few.len() / dim, PERMUTATIONS, SEED)
            .and_then(|shuffles| shuffles.energy_distance(&few, dim))
            .ok()
            .map(DriftTest::new);
        out.classifier_auc = domain_classifier_auc(&[(&all, dim), (&features, width)], n, FOLDS, SEED)
            .ok()
            .map(|auc| Estimate {
                value: auc.value,
                interval: auc.interval.into(),
                size: n,
            });
        let (now, then) = features.split_at(n * width);
        let (now_mean, then_mean) = (column_means(now, width), column_means(then, width));
        let along = now.chunks_exact(width).map(|z| {
            let means = now_mean.iter().zip(&then_mean);
            z.iter()
                .zip(means)
                .map(|(&z, (a, b))| f64::from(z) * (a - b))
                .sum()
        });
        out.examples = highest(&along.collect::<Vec<f64>>())
            .map(|row| window.rows[row].event_id.clone())
            .collect();
    }
}

/// At most [`ENERGY_ROWS`] rows, evenly.
fn evenly(rows: &[f32], dim: usize) -> Vec<f32> {
    let n = rows.len() / dim;
    let taken = n.min(ENERGY_ROWS);
    (0..taken)
        .flat_map(|i| &rows[i * n / taken * dim..][..dim])
        .copied()
        .collect()
}

fn column_means(rows: &[f32], width: usize) -> Vec<f64> {
    let mut means = vec![0.0; width];
    bellwether_stats::mean_residual(rows.chunks_exact(width), &mut means);
    means
}

/// Positions of the few highest values, highest first; the earlier of equal ones.
pub(super) fn highest(values: &[f64]) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order.into_iter().take(EXAMPLES)
}

fn summary(report: &DriftReport) -> String {
    let tests = [&report.kernel, &report.linear, &report.energy];
    let differs = tests.into_iter().flatten().any(|t| t.p_value < SAID_P);
    let spread = report.split.as_ref().and_then(DriftSplit::spread_words);
    if !differs {
        return match spread {
            Some(words) => format!("The inputs lie where the reference's do; {words}."),
            None => "The inputs are not seen to differ from the reference's.".to_owned(),
        };
    }
    let mut parts = vec!["The inputs have moved".to_owned()];
    if let Some((mix, within)) = report
        .split
        .as_ref()
        .and_then(|s| s.mix_ratio.zip(s.within_ratio))
    {
        let percent = |x: f64| format!("{:.0} %", 100.0 * x);
        parts.push(format!(
            "{} by the class mix and {} within classes",
            percent(mix),
            percent(within)
        ));
    }
    if let Some(first) = report.classes.first() {
        parts.push(format!("most of it {}", first.class));
    }
    parts.extend(spread);
    format!("{}.", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_first_and_ties_in_order() {
        let found: Vec<usize> = highest(&[1.0, 5.0, 5.0, -2.0, 7.0, 0.0, 3.0]).collect();
        assert_eq!(found, [4, 1, 2, 6, 0]);
        assert_eq!(highest(&[]).count(), 0);
    }

    #[test]
    fn rows_are_taken_evenly() {
        let rows: Vec<f32> = (0..1000_u16).flat_map(|i| [f32::from(i), 0.0]).collect();
        let taken = evenly(&rows, 2);
        assert_eq!(taken.len(), 2 * ENERGY_ROWS);
        // Every sixth or seventh.
        assert!((taken[2] - 6.0).abs() < 1e-6 && (taken[2 * ENERGY_ROWS - 2] - 993.0).abs() < 1e-6);
        assert_eq!(evenly(&rows[..20], 2), &rows[..20]);
    }
}
