//! From standing signals to what a task needs by itself, before the other tasks are asked.
//!
//! The order of questions: how much of the window looks unlike the reference, and has the rest moved (damage)? What do the
//! labels say? Is what is far one thing that lasts, and whose is it (novelty)? Does quality fall?

use crate::config::MonitorConfig;
use crate::costs::asks_for_retraining;
use crate::group::Group;
use crate::recent::RecentRow;
use crate::reference::{BULK_P, Reference};
use crate::score::FAR_P;
use crate::shared::Eclipse;
use crate::signal::Signal;
use crate::task::TaskState;
use crate::verdict::Verdict;
use bellwether_events::{TaskId, TaskKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Fewest observations that are diagnosed.
const WINDOW_MINIMUM: usize = 15;
/// Fewest bulk observations whose shift is measured.
const BULK_MINIMUM: usize = 20;
/// Labels looked back on for outcomes.
const LABELS: usize = 300;
/// Labels looked back on for unknown ones.
const UNKNOWN_LABELS: usize = 400;
/// One-sided 99 %: standard errors beyond which a Poisson count is an excess.
const EXCESS_SE: f64 = 2.33;
/// Share of a group that must be nearest to one other task for misrouted traffic.
const MISROUTED_SHARE: f64 = 0.6;
/// Median p-value of that part within the other task from which it is ordinary there.
const MISROUTED_P: f64 = 0.25;
/// Share of a group nearer to its own task above which it is not misrouted.
const MISROUTED_OWN: f64 = 0.3;
/// Share of a group that must be malformed for known text that arrives damaged: some seven times what sound text has.
const MALFORMED_SHARE: f64 = 1.0 / 3.0;
/// The same while it is said to be damaged, and where labels call the far observations known.
const MALFORMED_STILL: f64 = 0.25;
/// The same where labels call the far observations unknown: a new capability brings new words, and its own way of writing.
const MALFORMED_UNKNOWN: f64 = 0.5;
/// Share of a group that must be unlike any text the encoder ever gave for a fault of the encoder's.
const ALIEN_SHARE: f64 = 0.5;
/// Log-odds from which a group is one thing: about three to one.
const COHERENT: f64 = 1.0;
/// p-value of a text's form below which it is malformed.
const MALFORMED_P: f64 = 0.05;
/// Share of a group nearer to its own task below which it is not that task's text, damaged or not.
const STRANGER_OWN: f64 = 0.3;
/// Log-odds within which the kind of novelty that was said stands.
const AFFINITY_HYSTERESIS: f64 = 1.0;
/// Observations of a group that are named as examples.
const EXAMPLES: usize = 5;

/// What a task needs by itself, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Diagnosis {
    pub(crate) verdict: Verdict,
    /// Observations looked at.
    pub(crate) window: usize,
    /// Share of the window that looks unlike the reference, by the lack of ordinary p-values.
    pub(crate) altered_share: f64,
    /// Squared shift of the bulk within its classes over the residual variance.
    pub(crate) bulk_shift: f64,
    /// Fall of the bulk's mean confidence.
    pub(crate) confidence_drop: f64,
    /// Whether known inputs arrive damaged.
    pub(crate) damaged: bool,
    /// Labels inside the label set within the window, and their mean loss.
    pub(crate) in_scope: Option<(usize, f64)>,
    /// The novel group, when there is one to examine.
    pub(crate) group: Option<NovelGroup>,
    /// Event ids that show what is meant.
    pub(crate) examples: Vec<String>,
}

/// A set of novel observations under examination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NovelGroup {
    pub(crate) size: usize,
    pub(crate) hours: f64,
    pub(crate) coherence: f64,
    pub(crate) affinity: f64,
    /// Share nearer to the own task than to any other.
    pub(crate) own_share: f64,
    /// Share of it that is spelt unlike the reference or cut short; NaN without texts.
    pub(crate) malformed_share: f64,
    pub(crate) misrouted_to: Option<TaskId>,
    /// Share of it that lies further from all tasks than texts of one task lie from the others.
    pub(crate) alien_share: f64,
    /// Its mean direction, unit, `[dim]`.
    pub(crate) direction: Vec<f64>,
}

impl NovelGroup {
    /// Known text that arrives damaged, by what labels say of it and whether it was said `before`.
    fn is_malformed(&self, labels: &LabelEvidence, before: bool) -> bool {
        self.malformed_share
            > if labels.tail_is_unknown() {
                MALFORMED_UNKNOWN
            } else if before || labels.tail_is_known() {
                MALFORMED_STILL
            } else {
                MALFORMED_SHARE
            }
    }

    /// Vectors that no text of the reference's kind has: the encoder's doing, or its input's.
    fn is_alien(&self) -> bool {
        self.alien_share > ALIEN_SHARE
    }

    /// A coherent, lasting novelty that no other task knows; `border` is what costs add to the log-odds it needs.
    pub(crate) fn is_novelty(&self, said: bool, border: f64, config: &MonitorConfig) -> bool {
        self.misrouted_to.is_none()
            && self.coherence > border + if said { 0.0 } else { COHERENT }
            && self.hours >= config.persistence_hours
    }

    /// Neither one thing nor the task's own: out-of-scope noise, or another task's traffic.
    fn is_foreign(&self) -> bool {
        self.coherence < COHERENT && self.own_share < STRANGER_OWN
    }
}

impl Diagnosis {
    /// Of a task on which no signal stands.
    pub(crate) fn healthy() -> Self {
        Self {
            verdict: Verdict::Healthy,
            window: 0,
            altered_share: 0.0,
            bulk_shift: f64::NAN,
            confidence_drop: 0.0,
            damaged: false,
            in_scope: None,
            group: None,
            examples: Vec::new(),
        }
    }

    /// Whether enough labels inside the label set clear the task of a fall in quality.
    pub(crate) fn cleared_by_labels(&self, loss_bound: f64, config: &MonitorConfig) -> bool {
        self.in_scope.is_some_and(|(n, loss)| {
            let se = (loss * (1.0 - loss) / n as f64).sqrt();
            n >= config.clearing_labels && loss + se <= loss_bound
        })
    }
}

/// Diagnoses a task whose `signals` stand; `before` is the last diagnosis, `eclipse` a time whose rows do not count.
pub(crate) fn diagnose(
    state: &TaskState,
    reference: &Reference,
    config: &MonitorConfig,
    before: &Diagnosis,
    eclipse: Option<Eclipse>,
) -> Diagnosis {
    let mut out = Diagnosis {
        verdict: Verdict::Watch,
        ..Diagnosis::healthy()
    };
    let own_time = |at_ms: i64| !eclipse.is_some_and(|e| e.covers(at_ms));
    let window: Vec<(u64, &RecentRow)> = state
        .recent
        .since(window_start(state, config))
        .filter(|(_, row)| own_time(row.timestamp_ms) && !row.repeated)
        .collect();
    out.window = window.len();
    if window.len() >= WINDOW_MINIMUM {
        examine(&mut out, &window, state, reference, config, before);
    }
    if state.signals.loss.is_active()
        && asks_for_retraining(&state.signals.loss, state.task, reference, config, before)
    {
        out.verdict = Verdict::Retrain;
    }
    if out.examples.is_empty() {
        out.examples = strangest(&window);
    }
    out
}

/// The first step of the window: the earliest onset of what stands, within bounds.
fn window_start(state: &TaskState, config: &MonitorConfig) -> u64 {
    let signals = &state.signals;
    let next = state.recent.next_step();
    [&signals.novelty, &signals.movement, &signals.confidence]
        .into_iter()
        .filter_map(Signal::active)
        .map(|onset| onset.step)
        .min()
        .unwrap_or(next.saturating_sub(config.default_window))
        .max(next.saturating_sub(config.window))
}

fn examine(
    out: &mut Diagnosis,
    window: &[(u64, &RecentRow)],
    state: &TaskState,
    reference: &Reference,
    config: &MonitorConfig,
    before: &Diagnosis,
) {
    let signals = &state.signals;
    let task = reference.task(state.task);
    let n = window.len() as f64;
    let ordinary = window.iter().filter(|(_, row)| row.p_similarity > 0.5).count() as f64;
    out.altered_share = 1.0 - (2.0 * ordinary / n).min(1.0);
    let bulk = || window.iter().filter(|(_, row)| row.p_similarity > BULK_P);
    let bulk_size = bulk().count();
    out.bulk_shift = bulk_shift(state, reference, window);
    if bulk_size >= WINDOW_MINIMUM && task.kind != TaskKind::Regression && task.bulk_confidence.is_finite() {
        let mean = bulk().map(|(_, row)| row.confidence).sum::<f64>() / bulk_size as f64;
        out.confidence_drop = if mean.is_finite() {
            task.bulk_confidence - mean
        } else {
            0.0
        };
    }

    let (moved, far) = (signals.movement.is_active(), signals.novelty.is_active());
    let unknown_labels = signals.unknown_label.is_active();
    let confidence_falls = signals.confidence.is_active();
    let shifted = (moved || far) && out.altered_share > config.damage_share;
    let span = window[window.len() - 1].1.timestamp_ms - window[0].1.timestamp_ms;
    let lasts = hours(span) >= config.persistence_hours;
    if far || unknown_labels || shifted {
        examine_group(out, window, state, reference, config);
    }
    let foreign = out.group.as_ref().is_some_and(NovelGroup::is_foreign);
    let labels = LabelEvidence::gather(state, window);
    out.in_scope = (labels.in_scope > 0).then_some((labels.in_scope, labels.in_scope_loss));
    let known = labels.tail_is_known();
    let malformed = out.group.as_ref().is_some_and(|g| {
        // Annotators who lack the right class take the nearest: where the letters are sound, they are believed.
        let by_labels = known && g.malformed_share.is_nan();
        !foreign && (g.is_malformed(&labels, before.damaged) || by_labels || g.is_alien())
    });
    // A burst of strangers that moves the inputs is not yet the task's own text, damaged.
    let strangers = out.group.as_ref().is_some_and(|g| g.own_share < STRANGER_OWN);
    out.damaged = shifted && !foreign && (moved && !strangers || lasts)
        || moved && out.bulk_shift > config.damage_shift && !foreign
        || malformed;

    let cleared = out.cleared_by_labels(signals.loss.bound(), config);
    let confidence_of_bulk_falls =
        confidence_falls && out.confidence_drop > config.confidence_tolerance && !unknown_labels;
    let kind = kind_of_novelty(out, before, config.costs.new_task_border());
    let border = config
        .costs
        .acting_border(reference.schema().name(state.task), kind);
    let novel = (far || unknown_labels)
        && !out.damaged
        && !shifted
        && !confidence_of_bulk_falls
        && out
            .group
            .as_ref()
            .is_some_and(|g| g.is_novelty(is_novelty(before.verdict), border, config));
    let bulk_suffers =
        out.confidence_drop > config.confidence_tolerance && (signals.mix.is_active() || moved || far);
    if novel {
        // Without classes there is nothing to extend: what is not a task of its own is looked at.
        out.verdict = if task.kind == TaskKind::Classification || kind == Verdict::NewTask {
            kind
        } else {
            Verdict::Watch
        };
    } else if confidence_falls
        && !cleared
        && (out.damaged || bulk_suffers)
        && asks_for_retraining(&signals.confidence, state.task, reference, config, before)
    {
        out.verdict = Verdict::Retrain;
    }
}

/// New classes or a new task, by affinity against the border that costs set; near it the earlier word stands.
pub(crate) fn kind_of_novelty(out: &Diagnosis, before: &Diagnosis, border: f64) -> Verdict {
    let affinity = out.group.as_ref().map_or(0.0, |g| g.affinity) - border;
    let said = before.verdict;
    if affinity.abs() < AFFINITY_HYSTERESIS && is_novelty(said) {
        said
    } else if affinity > 0.0 {
        Verdict::NewTask
    } else {
        Verdict::ContinualUpdate
    }
}

fn is_novelty(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NewTask | Verdict::ContinualUpdate)
}

/// What labels say about the window and about the far tail.
struct LabelEvidence {
    in_scope: usize,
    in_scope_loss: f64,
    unknown: usize,
    far_in_scope: usize,
}

impl LabelEvidence {
    fn gather(state: &TaskState, window: &[(u64, &RecentRow)]) -> Self {
        let in_window = |step: u64| window.binary_search_by_key(&step, |(s, _)| *s).is_ok();
        let mut evidence = Self {
            in_scope: 0,
            in_scope_loss: 0.0,
            unknown: 0,
            far_in_scope: 0,
        };
        for record in state.labelled.newest(LABELS) {
            let unknown = record.outcome.is_unknown_label();
            if record.step.is_some_and(in_window) {
                evidence.unknown += usize::from(unknown);
                if !unknown {
                    evidence.in_scope += 1;
                    evidence.far_in_scope += usize::from(record.p_novelty < FAR_P);
                    evidence.in_scope_loss += record.loss;
                }
            }
        }
        evidence.in_scope_loss /= evidence.in_scope.max(1) as f64;
        evidence
    }

    /// Labels outside the label set on more of the window than known ones on far observations.
    fn tail_is_unknown(&self) -> bool {
        self.unknown > self.far_in_scope
    }

    /// Known labels on far observations beyond the tail's own share: known text, damaged, not novelty.
    fn tail_is_known(&self) -> bool {
        let expected = 2.0 * FAR_P * self.in_scope as f64;
        let excess = expected + EXCESS_SE * expected.sqrt() + 1.0;
        self.far_in_scope > self.unknown && self.far_in_scope as f64 > excess
    }
}

/// Squared shift of the bulk's residuals over the reference's variance, unbiased; 0 with too few.
pub(crate) fn bulk_shift(state: &TaskState, reference: &Reference, window: &[(u64, &RecentRow)]) -> f64 {
    let task = reference.task(state.task);
    let dim = reference.schema().dim();
    let mut residuals = Vec::new();
    let mut count = 0;
    for (step, row) in window.iter().filter(|(_, row)| row.p_similarity > BULK_P) {
        let at = residuals.len();
        state.recent.vector(*step, &mut residuals);
        for (x, m) in residuals[at..].iter_mut().zip(task.class_mean(row.class)) {
            *x -= m;
        }
        count += 1;
    }
    if count < BULK_MINIMUM {
        return 0.0;
    }
    bellwether_stats::squared_mean_shift(residuals.chunks_exact(dim), &mut Vec::new())
        / task.residual_variance
}

/// Examines what is far, when there is enough of it.
fn examine_group(
    out: &mut Diagnosis,
    window: &[(u64, &RecentRow)],
    state: &TaskState,
    reference: &Reference,
    config: &MonitorConfig,
) {
    let steps = group_steps(window, state, config);
    if steps.len() < config.group_minimum {
        return;
    }
    let (dim, tasks) = (reference.schema().dim(), reference.schema().len());
    let (unit, similarities) = state.recent.vectors_and_similarities(&steps, reference);
    let group = Group {
        unit: &unit,
        similarities: &similarities,
        tasks,
        dim,
    };
    let others: Vec<TaskId> = reference
        .homes()
        .iter()
        .copied()
        .filter(|&t| t != state.task)
        .collect();
    let centres: Vec<_> = others.iter().map(|&t| &reference.task(t).centre).collect();
    let play = &reference.manifest().self_play;
    let centre = &reference.task(state.task).centre;
    let features = group.affinity_features(state.task, &others, centre, &centres, play.class_cosine);
    let time = |step: &u64| state.recent.get(*step).map_or(0, |row| row.timestamp_ms);
    let span = steps.last().map_or(0, time) - steps.first().map_or(0, time);
    let coherence = play
        .coherence
        .log_odds(&group.coherence_features(reference.homes()), None);
    let forms: Vec<f64> = steps
        .iter()
        .filter_map(|&step| state.recent.get(step))
        .map(|row| row.p_text_form)
        .filter(|p| p.is_finite())
        .collect();
    let malformed = forms.iter().filter(|&&p| p < MALFORMED_P).count();
    let found = NovelGroup {
        malformed_share: malformed as f64 / forms.len() as f64,
        size: steps.len(),
        hours: hours(span),
        coherence,
        affinity: play.affinity.log_odds(&features, Some(state.task)),
        own_share: features[0],
        alien_share: group.alien_share(reference.manifest().alien_similarity),
        direction: group.mean_direction(),
        misrouted_to: misrouted_to(&group, &others, reference).filter(|_| features[0] < MISROUTED_OWN),
    };
    out.group = Some(found);
    out.examples = most_central(&group, &steps, state);
}

/// Steps of the newest far observations of the window, and of the newest ones that annotators call unknown.
fn group_steps(window: &[(u64, &RecentRow)], state: &TaskState, config: &MonitorConfig) -> Vec<u64> {
    let far: Vec<u64> = window
        .iter()
        .filter(|(_, row)| row.p_novelty < FAR_P)
        .map(|(step, _)| *step)
        .collect();
    let newest = |steps: &[u64]| steps[steps.len().saturating_sub(config.group_size)..].to_vec();
    let mut steps: BTreeSet<u64> = newest(&far).into_iter().collect();
    if state.signals.unknown_label.is_active() {
        let unknown: Vec<u64> = state
            .labelled
            .newest(UNKNOWN_LABELS)
            .filter(|r| r.outcome.is_unknown_label() && state.speaks_of_the_present(r))
            .filter_map(|r| r.step)
            .filter(|&step| state.recent.get(step).is_some())
            .collect();
        steps.extend(newest(&unknown));
    }
    steps.into_iter().collect()
}

/// The one other task for which most of the group is ordinary traffic.
fn misrouted_to(group: &Group<'_>, others: &[TaskId], reference: &Reference) -> Option<TaskId> {
    let nearest: Vec<TaskId> = (0..group.len())
        .map(|row| {
            let similarity = |t: &&TaskId| group.similarities[row * group.tasks + t.index()];
            others
                .iter()
                .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
                .copied()
        })
        .collect::<Option<_>>()?;
    let count = |task: TaskId| nearest.iter().filter(|&&t| t == task).count();
    let candidate = others.iter().copied().max_by_key(|&t| count(t))?;
    if (count(candidate) as f64) < MISROUTED_SHARE * group.len() as f64 {
        return None;
    }
    let scale = &reference.task(candidate).similarity;
    let mut p_values: Vec<f64> = (0..group.len())
        .filter(|&row| nearest[row] == candidate)
        .map(|row| {
            scale.p_value(f64::from(
                group.similarities[row * group.tasks + candidate.index()],
            ))
        })
        .collect();
    p_values.sort_by(f64::total_cmp);
    let middle = p_values.len() / 2;
    let median = if p_values.len().is_multiple_of(2) {
        f64::midpoint(p_values[middle - 1], p_values[middle])
    } else {
        p_values[middle]
    };
    (median > MISROUTED_P).then_some(candidate)
}

/// Event ids of the rows nearest to the rest of the group.
fn most_central(group: &Group<'_>, steps: &[u64], state: &TaskState) -> Vec<String> {
    let n = steps.len();
    let cosines = bellwether_stats::pairwise_cosines(group.unit, group.dim);
    let centrality = |row: usize| cosines[row * n..(row + 1) * n].iter().sum::<f32>();
    let mut rows: Vec<usize> = (0..n).collect();
    rows.sort_by(|&a, &b| centrality(b).total_cmp(&centrality(a)).then(a.cmp(&b)));
    let ids = rows
        .iter()
        .take(EXAMPLES)
        .filter_map(|&row| state.recent.get(steps[row]));
    ids.map(|row| row.event_id.clone()).collect()
}

/// Event ids of the window's least ordinary rows.
fn strangest(window: &[(u64, &RecentRow)]) -> Vec<String> {
    let mut rows: Vec<(u64, &RecentRow)> = window.to_vec();
    let stranger = |(a_step, a): &(u64, &RecentRow), (b_step, b): &(u64, &RecentRow)| {
        a.p_novelty
            .total_cmp(&b.p_novelty)
            .then(b.timestamp_ms.cmp(&a.timestamp_ms))
            .then(a_step.cmp(b_step))
    };
    if rows.len() > EXAMPLES {
        rows.select_nth_unstable_by(EXAMPLES, stranger);
        rows.truncate(EXAMPLES);
    }
    rows.sort_unstable_by(stranger);
    rows.iter().map(|(_, row)| row.event_id.clone()).collect()
}

pub(crate) fn hours(ms: i64) -> f64 {
    ms as f64 / 3_600_000.0
}
