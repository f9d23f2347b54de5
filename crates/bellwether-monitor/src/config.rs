//! What may be set, and where each default comes from.

use crate::costs::Costs;
use crate::forgetting::ForgettingConfig;

/// Settings of the monitor. Every default is the shipped one; the reasons stand in `docs/decisions/0002-constants.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorConfig {
    /// Expected observations until any false alarm of the model.
    pub average_run_length: f64,
    /// The same for signals that by themselves can only say `watch`.
    pub watch_run_length: f64,
    /// Observations below which a quiet task is `unknown`.
    pub min_observations: u64,
    /// Growth of a loss (error rate) that is tolerated.
    pub loss_tolerance: f64,
    /// Share of novel observations that is tolerated.
    pub novelty_tolerance: f64,
    /// Growth of the far statistic of the texts' form that is tolerated: new subjects bring new words.
    pub text_form_tolerance: f64,
    /// Fall of mean confidence that is tolerated.
    pub confidence_tolerance: f64,
    /// Movement within the classes that is tolerated beyond the error of a finite reference, in standard deviations along
    /// the direction of the movement.
    pub movement_tolerance: f64,
    /// Share of labels outside the label set that is tolerated.
    pub unknown_label_tolerance: f64,
    /// Divergence of the class mix that is tolerated, in nats.
    pub mix_tolerance_nats: f64,
    /// Relative growth of absolute residuals that is tolerated.
    pub residual_tolerance: f64,
    /// Standard errors by which bounds estimated from the reference are widened: the reference is finite.
    pub reference_margin_se: f64,
    /// Half-life of what a task remembers for its mix and its drift, in observations.
    pub half_life: f64,
    /// The same for the direction in which movement is sought. The shorter, the less it learns of the error of the reference.
    pub witness_half_life: f64,
    /// Observations between diagnoses.
    pub stride: u64,
    /// Most observations a diagnosis looks back on.
    pub window: u64,
    /// Observations it looks at when the onset is unknown.
    pub default_window: u64,
    /// Novel observations that a group holds at most.
    pub group_size: usize,
    /// Fewest novel observations that make a group.
    pub group_minimum: usize,
    /// Hours that a novel group must span, so that a burst is none.
    pub persistence_hours: f64,
    /// Share of an altered bulk from which the known inputs are called damaged.
    pub damage_share: f64,
    /// Shift of the unaltered-looking bulk, in units of the residual variance, from which inputs are called damaged.
    pub damage_shift: f64,
    /// In-scope labels that may clear a task of a fall in confidence.
    pub clearing_labels: usize,
    /// Likelihood ratio for health that ends an alarm.
    pub recovery_ratio: f64,
    /// Hours that a class mix must be back before its alarm ends: half a day, so that a daily season is one alarm.
    pub mix_hold_hours: f64,
    /// Hours that a change away from an alarm must hold.
    pub hold_hours: f64,
    /// Share of the active tasks that must have moved for a common shift.
    pub shared_ratio: f64,
    /// Median pairwise cosine of their shifts for a common shift.
    pub shared_cosine: f64,
    /// How late an observation may be against the newest of its source, in milliseconds of event time.
    pub allowed_lateness_ms: i64,
    /// How long an observation waits for its label, and a label for its observation, in milliseconds of event time.
    pub label_retention_ms: i64,
    /// Most observations that wait, in memory and on disk; beyond it the oldest are given up and counted.
    pub max_pending: usize,
    /// Of them, the most in memory where there is a store on disk: older ones are moved there. Of labels that wait, the most
    /// at all (or `max_pending`, if that is less); beyond it the oldest are given up and counted.
    pub max_pending_in_memory: usize,
    /// Most classes of a task whose probabilities are kept until the label comes, at two bytes a class for each waiting
    /// observation. Tasks with more have no log-loss, Brier score, AUROC, average precision or expected macro-F1; all
    /// else is measured from prediction and confidence.
    pub probability_classes: usize,
    /// Attributes whose values make slices, at most [`MAX_SLICE_ATTRIBUTES`]; empty for the first that are met.
    pub slice_attributes: Vec<String>,
    /// Most attributes that are watched when none is named.
    pub max_slice_attributes: usize,
    /// Most slices a task has, shared evenly by its attributes; further values are counted and not watched.
    pub max_slices: usize,
    /// Observations of a slice below which nothing is said of it.
    pub slice_min_observations: u64,
    /// Whether the class mix that is normal follows the calendar.
    pub seasons: Seasons,
    /// How a new version of the model is watched.
    pub forgetting: ForgettingConfig,
    /// Whether the material of work sets is taken when an alarm is said: whoever asks for it has to take it.
    pub work_sets: bool,
    /// How long a text that may be kept is kept, in milliseconds of event time.
    pub text_retention_ms: i64,
    /// What the remedies cost.
    pub costs: Costs,
}

/// What is done about daily and weekly seasons of the class mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seasons {
    /// One mix at all hours.
    Off,
    /// Where the reference's own rows show a season, its mix is what is normal at each hour.
    Learn {
        /// Of the owner's clock from UTC, milliseconds: it says where a day begins.
        utc_offset_ms: i64,
    },
}

/// Most attributes that one observation can be sliced by.
pub const MAX_SLICE_ATTRIBUTES: usize = 4;

/// Shares of the one budget of false alarms: the tasks', and that of all their slices. Evidence pays for a share by its
/// logarithm: the tasks lose a tenth of a nat, a slice waits for 2.3 more.
const TASKS_SHARE: f64 = 0.9;
const SLICES_SHARE: f64 = 0.1;
/// Signals that can by themselves lead to an alarm and share its budget: novelty, confidence, loss, unknown labels.
const ALARM_SIGNALS: f64 = 4.0;
/// Signals that by themselves can only lead to `watch`: within-class movement, mix, the texts' form, and the warnings of
/// novelty, confidence and loss, which have less tolerance or none.
const WATCH_SIGNALS: f64 = 6.0;

/// Signals of a slice that can by themselves lead to an alarm: loss.
const SLICE_ALARM_SIGNALS: f64 = 1.0;
/// Signals of a slice that by themselves can only lead to `watch`: confidence and novelty.
const SLICE_WATCH_SIGNALS: f64 = 2.0;

impl MonitorConfig {
    /// How many attributes an observation is sliced by at most.
    pub(crate) fn slice_attribute_limit(&self) -> usize {
        let wanted = if self.slice_attributes.is_empty() {
            self.max_slice_attributes
        } else {
            self.slice_attributes.len()
        };
        wanted.min(MAX_SLICE_ATTRIBUTES)
    }

    /// Detectors of one kind of signal that one observation can step among the slices.
    fn slices_of_observation(&self) -> f64 {
        self.slice_attribute_limit().max(1) as f64
    }

    /// Logarithm at which a slice's loss raises. An observation steps at most one slice of each attribute, so all slices
    /// together take their share of the budget, whatever their number.
    #[must_use]
    pub fn slice_alarm_threshold(&self) -> f64 {
        (self.average_run_length * SLICE_ALARM_SIGNALS * self.slices_of_observation() / SLICES_SHARE).ln()
    }

    /// Logarithm at which a slice's confidence and novelty raise.
    #[must_use]
    pub fn slice_watch_threshold(&self) -> f64 {
        (self.watch_run_length * SLICE_WATCH_SIGNALS * self.slices_of_observation() / SLICES_SHARE).ln()
    }

    /// Most labels that wait for their observation: they lie in memory.
    pub(crate) fn max_pending_labels(&self) -> usize {
        self.max_pending.min(self.max_pending_in_memory)
    }

    /// Forgetting of an exponentially weighted mean, an observation.
    pub(crate) fn decay(&self) -> f64 {
        0.5_f64.powf(1.0 / self.half_life)
    }

    /// The same of the direction in which movement is sought.
    pub(crate) fn witness_decay(&self) -> f64 {
        0.5_f64.powf(1.0 / self.witness_half_life)
    }

    /// Logarithm at which an alarm signal raises. A task's detectors step only with its own observations, so the rate of
    /// false alarms per observation of the model does not grow with the number of tasks; it does with the signals.
    #[must_use]
    pub fn alarm_threshold(&self) -> f64 {
        (self.average_run_length * ALARM_SIGNALS / TASKS_SHARE).ln()
    }

    /// Logarithm at which a watch signal raises.
    #[must_use]
    pub fn watch_threshold(&self) -> f64 {
        (self.watch_run_length * WATCH_SIGNALS / TASKS_SHARE).ln()
    }
}

impl Default for MonitorConfig {
    fn default() -> Self {
        const HOUR: i64 = 3_600_000;
        Self {
            average_run_length: 1e6,
            watch_run_length: 1e5,
            min_observations: 30,
            loss_tolerance: 0.03,
            novelty_tolerance: 0.01,
            text_form_tolerance: 0.05,
            confidence_tolerance: 0.03,
            movement_tolerance: 0.40,
            unknown_label_tolerance: 0.03,
            mix_tolerance_nats: 0.05,
            residual_tolerance: 0.15,
            reference_margin_se: 2.33,
            half_life: 50.0,
            witness_half_life: 25.0,
            stride: 5,
            window: 400,
            default_window: 100,
            group_size: 80,
            group_minimum: 12,
            persistence_hours: 6.0,
            damage_share: 0.5,
            damage_shift: 0.015,
            clearing_labels: 30,
            recovery_ratio: 100.0,
            mix_hold_hours: 12.0,
            hold_hours: 2.0,
            shared_ratio: 0.6,
            shared_cosine: 0.3,
            allowed_lateness_ms: 5 * 60_000,
            label_retention_ms: 30 * 24 * HOUR,
            max_pending: 1_000_000,
            max_pending_in_memory: 1_000_000,
            probability_classes: 256,
            slice_attributes: Vec::new(),
            max_slice_attributes: 3,
            max_slices: 32,
            slice_min_observations: 30,
            seasons: Seasons::Learn { utc_offset_ms: 0 },
            forgetting: ForgettingConfig::default(),
            work_sets: false,
            text_retention_ms: 30 * 24 * HOUR,
            costs: Costs::default(),
        }
    }
}
