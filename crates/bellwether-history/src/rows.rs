//! The rows of each kind.

use crate::schema::{Column, row};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

row! {
    "One task in one window in which something happened to it, as it stood at the window's end: what was counted, drift, novelty, and its quality in short."
    WindowRow {
        window_start: Time = "First moment of the window, event time.",
        window_end: Time = "First moment behind it.",
        complete: Flag = "Whether event time has passed the window's end; otherwise the recording ended within it.",
        task: Text = "The task.",
        task_kind: Text = "`classification`, `sequence_labelling` or `regression`.",
        reference: Text = "Identity of the reference in force.",
        verdict: Text = "What stood.",
        changed: MaybeTime = "Last change of verdict; null before the first.",
        since: MaybeTime = "Since when its cause held; null before the first.",
        confidence: Number = "From 0 to 1, as in the timeline.",
        summary: Text = "Why, in a sentence.",
        observations: Count = "Observations judged in the window, in order of time.",
        labels: Count = "Labels joined in the window, whenever they were predicted.",
        observations_total: Count = "Observations judged since the detectors began.",
        labels_total: Count = "Labels joined since the detectors began.",
        label_coverage: Number = "Share of the recent observations that have a label.",
        label_delay_seconds: Number = "Median delay of the recent labels behind their observations.",
        drift_within_class: Number = "Squared distance of the mean residual within classes over the reference's residual variance.",
        drift_mix: Number = "Total variation distance of the predicted-class proportions.",
        far_ratio: Number = "Share of the recent observations with a novelty p-value below 0.05.",
        group_size: Count = "Observations in the novel group that was last examined.",
        coherence: Number = "Log-odds that the group is coherent rather than scattered.",
        affinity: Number = "Log-odds that the group is a new task rather than new classes of this one.",
        misrouted_to: MaybeText = "The task for which it is ordinary, when it is misrouted traffic.",
        quality_metric: Text = "`accuracy`, `span_f1` or `mae`.",
        quality_reference: Number = "That metric in the reference.",
        quality: Number = "By labels.",
        quality_low: Number = "Lower end of its 95 % interval.",
        quality_high: Number = "Upper end.",
        quality_size: MaybeCount = "Labels it rests on.",
        estimated: Number = "Without labels, by calibrated confidence.",
        estimated_low: Number = "Lower end of its 95 % interval.",
        estimated_high: Number = "Upper end.",
        estimated_size: MaybeCount = "Observations it rests on.",
        report_from: MaybeTime = "Time of the oldest labelled prediction of the quality report.",
        report_to: MaybeTime = "Predictions up to this time were old enough for it.",
        report_labels: Count = "Labels in it.",
        report_effective_labels: Number = "Equally weighted labels that would tell as much.",
        report_outside_label_set: Count = "Labels of it outside the task's label set.",
        report_coverage: Number = "Share of its predictions that have a label.",
        report_delay_median_seconds: Number = "Median delay of the newest 512 labels.",
        report_delay_late_seconds: Number = "90th percentile of that delay.",
        selection_p_value: Number = "That every quartile of confidence is labelled at one rate.",
        selection_corrected: Flag = "Whether labels are weighted for it.",
        advice: MaybeText = "What to make of it, where estimates and labels contradict each other.",
    }
}

row! {
    "One metric of one task at the end of a window: by labels, and as it is estimated without them."
    QualityRow {
        window_start: Time = "First moment of the window, event time.",
        window_end: Time = "First moment behind it.",
        task: Text = "The task.",
        metric: Text = "Its name, as in the quality report; `precision`, `recall` and `f1` where `class` is given.",
        method: Text = "`labels`: corrected for delay and for the choice of labels; `labels_raw`: each label counting one; otherwise the estimate's method.",
        class: MaybeText = "The class, where it is of one class.",
        value: Number = "The value.",
        low: Number = "Lower end of its 95 % interval.",
        high: Number = "Upper end.",
        size: MaybeCount = "Labels or observations it rests on.",
        reference: Number = "The same metric in the reference.",
        calibration: MaybeText = "`temperature` or `isotonic`, of `calibrated_confidence`.",
        disagreement: Number = "The estimate for labelled observations less what their labels say.",
        disagreement_low: Number = "Lower end of its 95 % interval.",
        disagreement_high: Number = "Upper end.",
        disagreement_size: MaybeCount = "Labels compared.",
        disagreement_significant: MaybeFlag = "Whether it is beyond chance, at 0.1 %.",
    }
}

row! {
    "One sequential detector of one task at the end of a window."
    SignalRow {
        window_start: Time = "First moment of the window, event time.",
        window_end: Time = "First moment behind it.",
        task: Text = "The task.",
        signal: Text = "The detector, such as `novelty`, `within_class`, `mix` or `loss`.",
        active: Flag = "Whether it stood.",
        log_e_value: Number = "Natural logarithm of its e-detector's value.",
        threshold: Number = "The logarithm at which it raises.",
        value: Number = "Recent mean of the statistic it bets on.",
        tolerance: Number = "The mean it tolerates.",
    }
}

row! {
    "The model in one window in which anything was judged: the shared encoder, and what was counted over all tasks."
    ModelRow {
        window_start: Time = "First moment of the window, event time.",
        window_end: Time = "First moment behind it.",
        complete: Flag = "Whether event time has passed the window's end; otherwise the recording ended within it.",
        reference: Text = "Identity of the reference in force.",
        shared_encoder: Flag = "Whether a shift common to the tasks stood.",
        shared_since: MaybeTime = "Since when that was so; null before the first change.",
        common_shift_cosine: Number = "Median pairwise cosine of the moved tasks' mean residuals.",
        moved_task_ratio: Number = "Share of the active tasks that moved.",
        summary: Text = "One sentence on the model as a whole.",
        model_version: MaybeText = "The newest version of the model, once it has changed.",
        active_tasks: Count = "Tasks in which something happened.",
        observations: Count = "Observations judged in the window, in order of time.",
        late_observations: Count = "Observations that came later than allowed.",
        duplicate_observations: Count = "Observations whose `event_id` was seen before.",
        labels: Count = "Labels joined in the window.",
        duplicate_labels: Count = "Labels of observations already labelled.",
    }
}

row! {
    "One line of the timeline, in the window in which it was said."
    VerdictRow {
        window_start: Time = "First moment of the window, event time.",
        window_end: Time = "First moment behind it.",
        line: Count = "Its place among the window's lines, from 0.",
        timestamp: Time = "Event time of the change.",
        task: MaybeText = "The task; null for the model.",
        verdict: MaybeText = "The verdict; null where the model's line has none.",
        shared_encoder: Flag = "Whether a shift common to the tasks stood.",
        since: Time = "When what is said began, as dated by the detectors.",
        confidence: Number = "From 0 to 1.",
        summary: Text = "One sentence a person understands.",
        evidence: Text = "The numbers behind it, as JSON.",
    }
}

/// What rows of every kind have.
pub(crate) trait Row: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name of the kind, in paths.
    const KIND: &'static str;
    /// What it is, in a sentence.
    const ABOUT_KIND: &'static str;
    /// Its columns.
    const TABLE: &'static [Column];

    /// The first moment of its window.
    fn window_start(&self) -> i64;
    /// Where the rows of this kind are among all.
    fn of(rows: &Rows) -> &Vec<Self>;
    /// The same, to be changed.
    fn of_mut(rows: &mut Rows) -> &mut Vec<Self>;
}

macro_rules! kinds {
    ($($about:literal $row:ident, $field:ident;)+) => {
        /// Rows of every kind. Within a window they are in a fixed order; windows are in order of time.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Rows {
            $(#[doc = $about] pub $field: Vec<$row>,)+
        }

        impl Rows {
            /// Number of rows of all kinds.
            #[must_use]
            pub fn len(&self) -> usize {
                0 $(+ self.$field.len())+
            }

            /// Adds what is in `more` behind what is here.
            pub fn append(&mut self, more: Self) {
                $(self.$field.extend(more.$field);)+
            }
        }

        $(impl Row for $row {
            const KIND: &'static str = stringify!($field);
            const ABOUT_KIND: &'static str = $row::ABOUT;
            const TABLE: &'static [Column] = $row::COLUMNS;

            fn window_start(&self) -> i64 {
                self.window_start
            }

            fn of(rows: &Rows) -> &Vec<Self> {
                &rows.$field
            }

            fn of_mut(rows: &mut Rows) -> &mut Vec<Self> {
                &mut rows.$field
            }
        })+
    };
}

kinds! {
    "Tasks by window." WindowRow, windows;
    "Metrics of tasks by window." QualityRow, quality;
    "Detectors of tasks by window." SignalRow, signals;
    "The model by window." ModelRow, model;
    "Lines of the timeline." VerdictRow, verdicts;
}

/// Does the same for rows of every kind, which is called by the name that is given.
macro_rules! each_kind {
    ($kind:ident => $body:expr) => {{
        type $kind = $crate::rows::WindowRow;
        $body
    }
    {
        type $kind = $crate::rows::QualityRow;
        $body
    }
    {
        type $kind = $crate::rows::SignalRow;
        $body
    }
    {
        type $kind = $crate::rows::ModelRow;
        $body
    }
    {
        type $kind = $crate::rows::VerdictRow;
        $body
    }};
}

pub(crate) use each_kind;

impl Rows {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
