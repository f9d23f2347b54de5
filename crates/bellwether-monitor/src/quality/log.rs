//! What is kept of one task for its quality report: labelled observations by time of prediction, delays, counts.

use super::LabelRecord;
use super::facts::Facts;
use super::probabilities::StoredProbabilities;
use super::strata::{STRATA, StratumLog, stratum};
use crate::config::MonitorConfig;
use crate::reference::Reference;
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use bellwether_events::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Labelled observations kept at the most.
const CAPACITY: usize = 1024;
/// Delays of the newest labels kept.
const DELAYS: usize = 512;
/// Newest predictions kept for the estimates without labels.
pub(crate) const UNLABELLED_WINDOW: usize = 200;
/// A label log whose predictions too young to be counted exceed this share is thinned to every other one.
const THIN_FROM: f64 = 0.25;
/// It is thickened again below this share; four times less, so that the two do not take turns.
const THICKEN_BELOW: f64 = 1.0 / 16.0;
/// Share of labels that have come by the age from which predictions count.
const MATURE_SHARE: f64 = 0.9;

/// A labelled observation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Labelling {
    pub(crate) record: LabelRecord,
    pub(crate) facts: Facts,
    /// Uniform over all events; breaks ties of time and decides who stays when the log is thinned.
    pub(crate) hash: u64,
}

impl Labelling {
    fn key(&self) -> (i64, u64) {
        (self.record.observed_ms, self.hash)
    }
}

/// A prediction without label.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Unlabelled {
    pub(crate) class: usize,
    /// NaN without.
    pub(crate) confidence: f64,
    pub(crate) probabilities: Option<StoredProbabilities>,
}

/// What is kept of one task.
///
/// Newest by time of *prediction*, whenever the labels came. A log of the newest arrivals would, for the predictions that
/// are old enough to count, hold the slowly labelled ones only. Where traffic is so high that the log does not reach back
/// to such predictions, it is thinned by a hash of the event: every prediction has the same chance to stay.
#[derive(Debug, Clone)]
pub(crate) struct QualityLog {
    edges: [f64; STRATA - 2],
    labels: Vec<Labelling>,
    /// One in `2^thinning` labels is kept.
    thinning: u32,
    delays_ms: VecDeque<i64>,
    pub(crate) strata: StratumLog,
    pub(crate) newest: VecDeque<Unlabelled>,
}

impl QualityLog {
    pub(crate) fn new(edges: [f64; STRATA - 2], config: &MonitorConfig) -> Self {
        Self {
            edges,
            labels: Vec::new(),
            thinning: 0,
            delays_ms: VecDeque::new(),
            strata: StratumLog::new(config.label_retention_ms),
            newest: VecDeque::new(),
        }
    }

    /// Whether all that is kept is of this task.
    pub(crate) fn fits(&self, task: TaskId, reference: &Reference) -> bool {
        let (kind, classes) = (reference.schema().spec(task).kind, reference.task(task).classes);
        let unlabelled = |u: &Unlabelled| {
            u.class < classes && u.probabilities.as_ref().is_none_or(|p| p.classes() == classes)
        };
        self.labels.iter().all(|l| l.facts.fits(kind, classes)) && self.newest.iter().all(unlabelled)
    }

    /// The stratum of a confidence.
    pub(crate) fn stratum(&self, confidence: f64) -> usize {
        stratum(&self.edges, confidence)
    }

    /// Counts a prediction, whatever its order.
    pub(crate) fn count(&mut self, timestamp_ms: i64, confidence: f64) {
        let stratum = self.stratum(confidence);
        self.strata.observe(timestamp_ms, stratum);
    }

    /// Takes a prediction in order of time.
    pub(crate) fn observe(&mut self, prediction: Unlabelled) {
        if self.newest.len() == UNLABELLED_WINDOW {
            self.newest.pop_front();
        }
        self.newest.push_back(prediction);
    }

    /// Takes a joined label. O(1) but for every few hundredth.
    pub(crate) fn label(&mut self, labelling: Labelling, now_ms: i64) {
        let record = &labelling.record;
        let stratum = self.stratum(labelling.facts.confidence());
        self.strata.label(record.observed_ms, stratum);
        if self.delays_ms.len() == DELAYS {
            self.delays_ms.pop_front();
        }
        self.delays_ms
            .push_back((record.labelled_ms - record.observed_ms).max(0));
        if !self.stays(labelling.hash) {
            return;
        }
        self.labels.push(labelling);
        if self.labels.len() == CAPACITY {
            self.make_room(now_ms);
        }
    }

    fn stays(&self, hash: u64) -> bool {
        hash.trailing_zeros() >= self.thinning
    }

    fn make_room(&mut self, now_ms: i64) {
        self.labels.sort_by_key(Labelling::key);
        let mature_until = self.mature_until(now_ms);
        let young = CAPACITY
            - self
                .labels
                .partition_point(|l| l.record.observed_ms <= mature_until);
        let share = young as f64 / CAPACITY as f64;
        if share > THIN_FROM {
            self.thinning = (self.thinning + 1).min(u64::BITS);
            let thinning = self.thinning;
            self.labels.retain(|l| l.hash.trailing_zeros() >= thinning);
        }
        // Thinning leaves about a half; the oldest go where it did not, or where chance left more.
        let keep = CAPACITY * 3 / 4;
        self.labels.drain(..self.labels.len().saturating_sub(keep));
        if share < THICKEN_BELOW {
            self.thinning = self.thinning.saturating_sub(1);
        }
    }

    /// Median and 90th percentile of the newest labels' delay, in milliseconds; `None` without labels.
    ///
    /// Labels are taken as they came, so slow ones are missing as long as the stream is younger than they are.
    pub(crate) fn delays_ms(&self) -> Option<(i64, i64)> {
        let mut sorted: Vec<i64> = self.delays_ms.iter().copied().collect();
        sorted.sort_unstable();
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank within the slice"
            )]
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied()
        };
        Some((at(0.5)?, at(MATURE_SHARE)?))
    }

    /// Predictions up to this time have had the time in which nine of ten labels come.
    pub(crate) fn mature_until(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.delays_ms().map_or(0, |(_, late)| late))
    }

    /// The newest `most` labelled predictions that are mature and wanted, oldest first.
    pub(crate) fn window(
        &self,
        now_ms: i64,
        most: usize,
        wanted: impl Fn(&LabelRecord) -> bool,
    ) -> Vec<&Labelling> {
        let until = self.mature_until(now_ms);
        let mut window: Vec<&Labelling> = self
            .labels
            .iter()
            .filter(|l| l.record.observed_ms <= until && wanted(&l.record))
            .collect();
        window.sort_by_key(|l| l.key());
        window.drain(..window.len().saturating_sub(most));
        window
    }
}

impl State for QualityLog {
    fn write(&self, out: &mut Writer) {
        out.put(&(&self.labels, self.thinning, &self.delays_ms, &self.newest));
        self.strata.write(out);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        (self.labels, self.thinning, self.delays_ms, self.newest) = from.take()?;
        let fits = self.labels.len() < CAPACITY
            && self.thinning <= u64::BITS
            && self.delays_ms.len() <= DELAYS
            && self.newest.len() <= UNLABELLED_WINDOW;
        ensure(fits, "more labels than are kept")?;
        self.strata.read(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn log() -> QualityLog {
        QualityLog::new([0.5; STRATA - 2], &MonitorConfig::default())
    }

    fn labelling(observed_ms: i64, delay_ms: i64, right: bool) -> Labelling {
        let facts = Facts::Class {
            predicted: 0,
            truth: right.then_some(0),
            confidence: 0.5,
            probabilities: None,
        };
        Labelling {
            record: LabelRecord {
                version: crate::forgetting::NO_VERSION,
                step: None,
                observed_ms,
                labelled_ms: observed_ms + delay_ms,
                p_novelty: 1.0,
                stratum: None,
                repeated: false,
                slices: crate::slices::SliceSet::empty(),
                outcome: Outcome::Unreadable,
                loss: 0.0,
            },
            facts,
            hash: twox_hash::XxHash64::oneshot(1, &observed_ms.to_le_bytes()),
        }
    }

    #[test]
    fn only_predictions_whose_labels_had_time_to_come_count() {
        let mut log = log();
        // Nine of ten labels after 100 ms, one after 1000 ms.
        for at in 0..100 {
            log.label(
                labelling(at * 10, if at % 10 == 0 { 1000 } else { 100 }, true),
                2000,
            );
        }
        assert_eq!(log.delays_ms(), Some((100, 100)));
        assert_eq!(log.mature_until(500), 400);
        let window = log.window(500, 30, |_| true);
        let times: Vec<i64> = window.iter().map(|l| l.record.observed_ms).collect();
        assert_eq!(times, (11..=40).map(|at| at * 10).collect::<Vec<_>>());
        assert!(log.window(500, 30, |r| r.observed_ms > 395).len() == 1);
        assert!(
            QualityLog::new([0.5; 3], &MonitorConfig::default())
                .delays_ms()
                .is_none()
        );
    }

    /// A stream of a prediction a millisecond, of which the wrong ones are labelled late.
    #[test]
    fn slow_labels_are_not_over_represented_however_high_the_traffic() {
        let mut log = log();
        let (fast, slow, end) = (5000, 8000, 60_000);
        let mut arrivals: Vec<Labelling> = (0..end)
            .map(|at| {
                let wrong = at % 5 == 0;
                labelling(at, if wrong { slow } else { fast }, !wrong)
            })
            .collect();
        arrivals.sort_by_key(|l| (l.record.labelled_ms, l.record.observed_ms));
        for label in arrivals {
            let now = label.record.labelled_ms;
            if now < end {
                log.label(label, now);
            }
        }
        assert!(log.thinning > 0 && log.labels.len() < CAPACITY);
        let window = log.window(end, 200, |_| true);
        assert_eq!(window.len(), 200);
        let wrong = window
            .iter()
            .filter(|l| l.facts.is_right() == Some(false))
            .count();
        assert!((22..=60).contains(&wrong), "{wrong} of 200, 40 expected");
        // Traffic falls: the thinning goes back.
        for at in 0..20_000_i64 {
            let observed = end + 10_000 * at;
            log.label(labelling(observed, fast, true), observed + fast);
        }
        assert_eq!(log.thinning, 0);
    }
}
