//! One task's state: its detectors, its recent observations and labels.

use crate::class_loss::ClassLoss;
use crate::config::MonitorConfig;
use crate::forgetting::NO_VERSION;
use crate::outcome::Outcome;
use crate::quality::{LabelRecord, Labelled, QUALITY_WINDOW, quality};
use crate::recent::{Place, RecentObservations};
use crate::reference::{Movement, Reference, TaskReference, WARNING_MARGIN_SE};
use crate::repeats::Repeats;
use crate::score::ScoredBatch;
use crate::selection::{LabelSelection, stratum};
use crate::shared::Eclipse;
use crate::signal::Signal;
use crate::slices::Slices;
use crate::snapshot::state;
use crate::status::QualityStatus;
use crate::witness::Witness;
use crate::work::Leavers;
use bellwether_events::{TaskId, TaskKind};
use bellwether_stats::{ContaminationBet, DecayingSum, MixBet, ShiftBet, foreign_share_below};

/// Weight of the reference mix in the plug-in alternative, in observations.
const MIX_PRIOR: f64 = 6.0;
/// A mix alarm ends when the distance is within this multiple of what chance gives.
const MIX_SETTLED: f64 = 1.3;

/// The detectors of one task, by what they see.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    /// Observations unlike the reference.
    pub(crate) novelty: Signal,
    /// The same with less margin: unusual inputs may be on the rise.
    pub(crate) novelty_warning: Signal,
    /// Movement within the classes.
    pub(crate) movement: Signal,
    /// Proportions of predicted classes.
    pub(crate) mix: Signal,
    /// Texts formed unlike the reference's.
    pub(crate) text_form: Signal,
    /// One minus confidence.
    pub(crate) confidence: Signal,
    /// The rank of doubt, without tolerance: the head may be less sure.
    pub(crate) confidence_warning: Signal,
    /// Labelled loss inside the label set.
    pub(crate) loss: Signal,
    /// The same without tolerance: quality may be falling.
    pub(crate) loss_warning: Signal,
    /// Labels outside the label set.
    pub(crate) unknown_label: Signal,
}

state!(Signals {
    values: ;
    parts: novelty, novelty_warning, movement, mix, text_form, confidence, confidence_warning, loss, loss_warning, unknown_label
});

impl Signals {
    fn new(reference: &TaskReference, config: &MonitorConfig) -> Self {
        let (alarm, watch) = (config.alarm_threshold(), config.watch_threshold());
        let recovery = config.recovery_ratio.ln();
        let decay = config.decay();
        let signal = |name, bound, threshold| Signal::new(name, bound, threshold, recovery, decay);
        let bounds = &reference.bounds;
        let tolerated = |bet: Option<&ShiftBet>| bet.map_or(0.0, ShiftBet::tolerated);
        Self {
            novelty: signal("novelty", bounds.novelty, alarm),
            novelty_warning: signal("novelty_warning", bounds.novelty_warning, watch),
            movement: signal(
                "within_class",
                tolerated(reference.movement.as_ref().map(Movement::bet)),
                watch,
            ),
            mix: signal("mix", 1.0, watch),
            text_form: signal("text_form", bounds.text_form.unwrap_or(1.0), watch),
            confidence: signal("confidence", bounds.confidence.unwrap_or(1.0), alarm),
            confidence_warning: signal("confidence_warning", tolerated(reference.doubt.as_ref()), watch),
            loss: signal("loss", bounds.loss, alarm),
            loss_warning: signal("loss_warning", bounds.loss_warning, watch),
            unknown_label: signal("unknown_label", bounds.unknown_label, alarm),
        }
    }

    pub(crate) fn all(&self) -> [&Signal; 10] {
        [
            &self.novelty,
            &self.novelty_warning,
            &self.movement,
            &self.mix,
            &self.text_form,
            &self.confidence,
            &self.confidence_warning,
            &self.loss,
            &self.loss_warning,
            &self.unknown_label,
        ]
    }

    /// Whether any signal of the inputs, mix aside, stands.
    fn inputs_active(&self) -> bool {
        self.movement.is_active() || self.inputs_harmed()
    }

    /// Whether the inputs have become such as may harm quality: more than a movement that nothing else tells of.
    fn inputs_harmed(&self) -> bool {
        let of_inputs = [&self.novelty, &self.confidence, &self.text_form];
        let of_labels = [&self.loss, &self.loss_warning, &self.unknown_label];
        let stands = |signals: &[&Signal; 3]| signals.iter().any(|s| s.is_active());
        stands(&of_inputs) || self.movement.is_active() && stands(&of_labels)
    }

    pub(crate) fn any_active(&self) -> bool {
        self.all().iter().any(|s| s.is_active())
    }

    /// One bit a signal: a key for what stands.
    pub(crate) fn active_set(&self) -> u16 {
        self.all()
            .iter()
            .enumerate()
            .map(|(i, s)| u16::from(s.is_active()) << i)
            .sum()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "hours of a configuration")]
fn milliseconds(hours: f64) -> i64 {
    (hours * 3_600_000.0) as i64
}

/// p-value at which the reference's own uncertainty about its tail is measured.
const TAIL_P: f64 = 0.01;

/// Share of novel traffic that is normal: what is tolerated, and what the tail of a finite reference leaves open within
/// `margin` standard errors.
pub(crate) fn tolerated_novelty(task: &TaskReference, config: &MonitorConfig, margin: f64) -> f64 {
    let se = (TAIL_P * (1.0 - TAIL_P) / task.similarity.len() as f64).sqrt();
    (config.novelty_tolerance + margin * se / foreign_share_below(TAIL_P)).min(0.5)
}

/// Everything that is remembered of one task.
#[derive(Debug, Clone)]
pub(crate) struct TaskState {
    pub(crate) task: TaskId,
    pub(crate) signals: Signals,
    pub(crate) recent: RecentObservations,
    /// What has left `recent` and a work set may still want.
    pub(crate) leavers: Leavers,
    pub(crate) labelled: Labelled,
    /// The same watch over parts of the traffic.
    pub(crate) slices: Slices,
    /// Exponentially weighted sum of residuals: where the task is moving.
    pub(crate) drift: DecayingSum,
    pub(crate) mix: MixBet,
    witness: Option<Witness>,
    class_loss: ClassLoss,
    novelty_bet: ContaminationBet,
    novelty_warning_bet: ContaminationBet,
    repeats: Repeats,
    selection: LabelSelection,
    /// Since when the mix is as in the reference, while its alarm stands.
    mix_settled_ms: Option<i64>,
    mix_hold_ms: i64,
    /// Whether the inputs have been such as may harm quality since they were last as in the reference.
    inputs_harmed: bool,
    /// Labels of observations before this time speak of inputs that are no more.
    quality_since_ms: i64,
    /// Nor do labels of observations in this time speak of the task.
    eclipse: Option<Eclipse>,
}

state!(TaskState {
    values: labelled, selection, mix_settled_ms, inputs_harmed, quality_since_ms, eclipse;
    parts: signals, recent, leavers, slices, drift, mix, witness, class_loss, repeats
});

impl TaskState {
    pub(crate) fn new(task: TaskId, reference: &Reference, config: &MonitorConfig) -> Self {
        let task_reference = reference.task(task);
        let dim = reference.schema().dim();
        #[expect(clippy::cast_possible_truncation, reason = "factors just below one")]
        let (decay_f32, witness_decay) = (config.decay() as f32, config.witness_decay() as f32);
        let novelty_bet = |margin| ContaminationBet::new(tolerated_novelty(task_reference, config, margin));
        Self {
            task,
            signals: Signals::new(task_reference, config),
            recent: RecentObservations::new(dim),
            leavers: Leavers::new(dim),
            labelled: Labelled::default(),
            slices: Slices::new(task_reference, reference.slices(task), config),
            drift: DecayingSum::new(dim, decay_f32),
            mix: MixBet::new(
                &task_reference.class_counts,
                config.decay(),
                MIX_PRIOR,
                config.mix_tolerance_nats,
            ),
            witness: task_reference
                .movement
                .as_ref()
                .map(|movement| Witness::new(movement, dim, witness_decay)),
            class_loss: ClassLoss::new(&task_reference.class_loss_bounds),
            repeats: Repeats::new(task_reference.most_frequent),
            selection: LabelSelection::default(),
            mix_settled_ms: None,
            mix_hold_ms: milliseconds(config.mix_hold_hours),
            novelty_bet: novelty_bet(config.reference_margin_se),
            novelty_warning_bet: novelty_bet(WARNING_MARGIN_SE),
            inputs_harmed: false,
            quality_since_ms: i64::MIN,
            eclipse: None,
        }
    }

    /// Whether what was read is of a task of this reference.
    pub(crate) fn fits(&self, reference: &TaskReference) -> bool {
        let witness = match (&self.witness, &reference.movement) {
            (Some(witness), Some(movement)) => witness.fits(movement, self.drift.sum().len()),
            _ => true,
        };
        let rows = self.recent.fits(reference.classes) && self.leavers.fits(reference.classes);
        witness && rows && self.labelled.fits(reference.classes)
    }

    /// Observations judged.
    pub(crate) fn seen(&self) -> u64 {
        self.recent.next_step()
    }

    /// Takes one observation into every detector that needs no label.
    pub(crate) fn observe(
        &mut self,
        reference: &TaskReference,
        config: &MonitorConfig,
        batch: &ScoredBatch,
        row: usize,
    ) -> Place {
        let step = self.recent.next_step();
        let confidence = f64::from(batch.observations.confidences()[row]);
        let expected = match &reference.calibration {
            Some(calibration) if confidence.is_finite() => calibration.predict(confidence),
            _ => f64::NAN,
        };
        let repeated = self.repeats.observe(batch.score(row).message);
        self.recent.push(batch, row, expected, repeated);
        let stratum = stratum(reference.confidence.as_ref(), confidence);
        if let Some(stratum) = stratum {
            self.selection.observe(stratum);
        }
        let slices = self.slices.place(batch.observations.attributes(row), config);
        if !repeated {
            self.detect(reference, batch, row, step);
            let at_ms = batch.observations.timestamps_ms()[row];
            self.slices
                .observe(slices, batch.score(row).p_novelty, confidence, step, at_ms);
        }
        Place {
            step,
            repeated,
            stratum,
            slices,
            version: NO_VERSION,
        }
    }

    fn detect(&mut self, reference: &TaskReference, batch: &ScoredBatch, row: usize, step: u64) {
        let timestamp_ms = batch.observations.timestamps_ms()[row];
        let confidence = f64::from(batch.observations.confidences()[row]);
        let class = batch.class(row);
        self.inputs_harmed |= self.signals.inputs_harmed();
        self.detect_mix(reference, class, timestamp_ms, step);
        // Runs of a class share their confidence and their subject: where runs are usual, they are evidence once.
        let weight = self.mix.fresh();

        let p = batch.score(row).p_novelty;
        let far = crate::reference::far_statistic(p);
        let was_far = self.signals.novelty.is_active();
        self.signals
            .novelty
            .observe_factors(*self.novelty_bet.factors(p), far, step, timestamp_ms);
        self.signals.novelty_warning.observe_factors(
            *self.novelty_warning_bet.factors(p),
            far,
            step,
            timestamp_ms,
        );
        if was_far && !self.signals.novelty.is_active() {
            self.signals.novelty_warning.lift();
        }
        let p_text_form = batch.score(row).p_text_form;
        if p_text_form.is_finite() {
            let malformed = crate::reference::far_statistic(p_text_form);
            self.signals.text_form.observe(malformed, step, timestamp_ms);
        }
        if let (Some(scale), Some(bet)) = (&reference.confidence, &reference.doubt)
            && confidence.is_finite()
        {
            let doubt = (1.0 - confidence).clamp(0.0, 1.0);
            let was_less_sure = self.signals.confidence.is_active();
            self.signals.confidence.observe(doubt, step, timestamp_ms);
            // Doubt rises as confidence falls.
            let (below, at_or_below) = scale.ranks(confidence);
            let ranks = (scale.len() - at_or_below, scale.len() - below);
            self.signals
                .confidence_warning
                .observe_ranks(bet, ranks, weight, step, timestamp_ms);
            if was_less_sure && !self.signals.confidence.is_active() {
                self.signals.confidence_warning.lift();
            }
        }

        let vector = batch.vector(row);
        self.drift
            .add_steps_difference(vector, reference.class_mean(class));
        if let (Some(movement), Some(witness)) = (&reference.movement, &mut self.witness)
            && let Some(rank) = witness.observe(
                movement,
                reference.nearest.rows(),
                vector,
                batch.coordinates(row),
                class,
            )
        {
            self.signals
                .movement
                .observe_ranks(movement.bet(), (rank, rank), weight, step, timestamp_ms);
        }
        if self.inputs_harmed && !self.signals.inputs_active() {
            self.inputs_harmed = false;
            self.forget_quality(timestamp_ms);
        }
    }

    fn detect_mix(&mut self, reference: &TaskReference, class: usize, timestamp_ms: i64, step: u64) {
        if reference.kind == TaskKind::Classification
            && let Some(factors) = match &reference.season {
                Some(season) => self.mix.observe_against(class, season.proportions(timestamp_ms)),
                None => self.mix.observe(class),
            }
        {
            let distance = self.mix.distance();
            self.signals
                .mix
                .observe_factors_only(factors, distance, step, timestamp_ms);
            self.settle_mix(distance, timestamp_ms);
        }
    }

    /// A mix that swings with the hour of the day is not over at every turn.
    fn settle_mix(&mut self, distance: f64, now_ms: i64) {
        if !self.signals.mix.is_active() || distance >= self.mix.noise() * MIX_SETTLED {
            self.mix_settled_ms = None;
        } else if now_ms - *self.mix_settled_ms.get_or_insert(now_ms) >= self.mix_hold_ms {
            self.signals.mix.lift();
        }
    }

    /// The inputs are as in the reference again: what labels and doubt said of those before is no evidence for the present. A
    /// fall of quality that has another cause raises anew, by labels of observations from now on.
    fn forget_quality(&mut self, now_ms: i64) {
        self.quality_since_ms = now_ms;
        self.signals.novelty_warning.lift();
        self.signals.confidence_warning.lift();
        self.signals.loss.lift();
        self.signals.loss_warning.lift();
        self.signals.unknown_label.lift();
        self.class_loss.reset();
        self.slices.forget_quality();
    }

    /// A common shift is over: what labels raised in it was its doing, and labels of its observations no longer count.
    pub(crate) fn end_common_shift(&mut self, eclipse: Eclipse) {
        let raised_in_it = |signal: &Signal| {
            signal
                .active()
                .is_some_and(|onset| eclipse.covers(onset.timestamp_ms))
        };
        if raised_in_it(&self.signals.loss) {
            self.signals.loss.lift();
            self.class_loss.reset();
        }
        for signal in [
            &mut self.signals.novelty_warning,
            &mut self.signals.confidence_warning,
            &mut self.signals.loss_warning,
            &mut self.signals.mix,
            &mut self.signals.unknown_label,
        ] {
            if raised_in_it(signal) {
                signal.lift();
            }
        }
        self.slices.end_common_shift(eclipse);
        self.eclipse = Some(eclipse);
    }

    /// Whether a label tells how good the task is now.
    pub(crate) fn speaks_of_the_present(&self, record: &LabelRecord) -> bool {
        record.observed_ms >= self.quality_since_ms
            && !self.eclipse.is_some_and(|e| e.covers(record.observed_ms))
    }

    /// Labelled quality of the present beside the reference's.
    pub(crate) fn quality(
        &self,
        reference: &TaskReference,
        metric: &'static str,
        in_reference: f64,
    ) -> QualityStatus {
        let present: Vec<&LabelRecord> = self
            .labelled
            .newest(QUALITY_WINDOW)
            .filter(|r| self.speaks_of_the_present(r))
            .collect();
        quality(&present, reference, metric, in_reference)
    }

    /// Takes one joined label; returns its weight, less where its kind is labelled often.
    pub(crate) fn label(&mut self, reference: &TaskReference, record: LabelRecord) -> f64 {
        self.labelled.push(record);
        let weight = record.stratum.map_or(1.0, |s| self.selection.label(s));
        if record.outcome == Outcome::Unreadable || record.repeated || !self.speaks_of_the_present(&record) {
            return weight;
        }
        let step = self.labelled.total();
        let at = record.observed_ms;
        let unknown = record.outcome.is_unknown_label();
        if reference.kind == TaskKind::Classification {
            self.signals
                .unknown_label
                .observe(f64::from(u8::from(unknown)), step, at);
        }
        if unknown {
            return weight;
        }
        self.slices.label(record.slices, record.loss, weight, step, at);
        let fallen = self.signals.loss.is_active();
        let warning = &mut self.signals.loss_warning;
        // A wrong answer that the head was sure of says more than one that it doubted.
        let of_stratum = record
            .stratum
            .and_then(|s| reference.loss_warning_of.get(usize::from(s)));
        let normal = of_stratum.copied().unwrap_or(reference.bounds.loss_warning);
        match (record.outcome, &reference.regression) {
            (Outcome::Number { absolute_error }, Some(bet)) => {
                let factors = bet.factors(absolute_error);
                self.signals.loss.observe_factors(factors, record.loss, step, at);
                warning.observe(record.loss, step, at);
            }
            (Outcome::Class { predicted, .. }, _) => {
                let loss = record.loss;
                self.class_loss.observe(predicted as usize, loss, weight, step);
                let second = &self.class_loss.detector;
                self.signals.loss.observe_with(loss, weight, second, step, at);
                warning.observe_against(loss, normal, weight, step, at);
            }
            _ => {
                self.signals.loss.observe(record.loss, step, at);
                warning.observe_against(record.loss, normal, 1.0, step, at);
            }
        }
        if fallen && !self.signals.loss.is_active() {
            // What was evidence of the fall that is over is none for a small one.
            self.signals.loss_warning.lift();
            self.class_loss.reset();
        }
        weight
    }
}
