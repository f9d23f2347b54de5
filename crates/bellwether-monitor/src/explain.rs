//! Verdicts in words and numbers.

use crate::costs;
use crate::diagnosis::NovelGroup;
use crate::encoder::OtherEncoderStatus;
use crate::forgetting::Finding as VersionFinding;
use crate::judge::Judge;
use crate::quality::estimated_quality;
use crate::signal::Signal;
use crate::slices::Finding;
use crate::status::{Estimate, QualityStatus};
use crate::timeline::{TimelineLine, rfc3339};
use crate::verdict::Verdict;
use serde_json::{Value, json};

/// Coupled tasks that are named.
const COUPLED_TASKS: usize = 3;
/// Fewest labels whose quality is worth a clause.
const SPEAKING_LABELS: usize = 20;

/// What is said about a task when its verdict changes.
pub(crate) struct Explained {
    pub(crate) since_ms: i64,
    pub(crate) confidence: f64,
    pub(crate) summary: String,
}

/// Of a task that has too little data.
pub(crate) fn waiting(task: &str, have: u64, need: u64) -> String {
    format!("{task}: {have} of the {need} observations that an answer needs.")
}

/// Explains the standing verdict of the task at `at`.
pub(crate) fn task(judge: &Judge, at: usize) -> Explained {
    Explained {
        since_ms: since(judge, at),
        confidence: confidence(judge, at),
        summary: summary(judge, at),
    }
}

/// The earliest onset of what stands; for health the moment it was found.
fn since(judge: &Judge, at: usize) -> i64 {
    let standing = &judge.standing[at];
    if matches!(standing.verdict, Verdict::Healthy | Verdict::Unknown) {
        return standing.changed_ms;
    }
    let own = judge.tasks[at]
        .signals
        .all()
        .into_iter()
        .filter_map(Signal::active)
        .chain(findings(judge, at).iter().filter_map(|f| f.signal.active()))
        .map(|o| o.timestamp_ms)
        .chain(judge.forgetting.since_ms(at))
        .min();
    match own {
        Some(onset) => onset,
        None if judge.model.shift.stands => judge.model.shared_since_ms,
        None => standing.changed_ms,
    }
}

/// `E / (E + c)` of the strongest signal that stands, over its threshold `c`: one half at the threshold, towards one
/// beyond, and one where the encoder is known to be another. For novelty times the probability that affinity gives to the kind that was said. For health what the
/// strongest signal leaves. Under a common shift the share of moved tasks times the median cosine, when that is more.
fn confidence(judge: &Judge, at: usize) -> f64 {
    let odds = |s: &&Signal| logistic(s.log_e_value() - s.threshold());
    let signals = judge.tasks[at].signals.all();
    let strongest = |active: bool| {
        signals
            .iter()
            .filter(|s| s.is_active() == active)
            .map(odds)
            .fold(0.0, f64::max)
    };
    let standing = &judge.standing[at];
    let common = if judge.encoder.fault().is_some() {
        1.0
    } else if judge.model.shift.stands {
        judge.model.shift.moved_ratio * judge.model.shift.cosine
    } else {
        0.0
    };
    let of_slices = findings(judge, at)
        .first()
        .map_or(0.0, |finding| logistic(finding.excess()));
    let of_version = judge.forgetting.excess(at).map_or(0.0, logistic);
    let value = match standing.verdict {
        Verdict::Unknown => 0.0,
        Verdict::Healthy => 1.0 - strongest(false),
        Verdict::Watch | Verdict::Retrain => strongest(true).max(common).max(of_slices).max(of_version),
        Verdict::ContinualUpdate | Verdict::NewTask => {
            let affinity = standing.own.group.as_ref().map_or(0.0, |g| g.affinity);
            let towards = if standing.verdict == Verdict::NewTask {
                affinity
            } else {
                -affinity
            };
            strongest(true) * logistic(towards).max(0.5)
        }
    };
    round(value, 4)
}

/// What slices say, the strongest first; under a common shift nothing, because it has its own cause.
fn findings(judge: &Judge, at: usize) -> Vec<Finding<'_>> {
    if judge.model.shift.stands {
        Vec::new()
    } else {
        judge.tasks[at].slices.findings()
    }
}

/// The strongest finding about labels, or the strongest of the others.
fn slice_clause(judge: &Judge, at: usize, of_labels: bool) -> Option<String> {
    let findings = findings(judge, at);
    findings
        .iter()
        .find(|f| f.is_loss() == of_labels)
        .map(Finding::clause)
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn summary(judge: &Judge, at: usize) -> String {
    let state = &judge.tasks[at];
    let standing = &judge.standing[at];
    let name = judge.reference.schema().name(state.task);
    match standing.verdict {
        Verdict::Unknown => waiting(name, state.seen(), judge.config.min_observations),
        Verdict::Healthy => format!("{name} is as in the reference{}.", quality_clause(judge, at)),
        Verdict::Watch if judge.model.shift.stands => {
            let moves = if judge.model.shift.moved_together {
                "moves with the other tasks"
            } else {
                "is embedded by an encoder that is not the reference's"
            };
            format!(
                "{name} {moves}{}: look at the shared encoder or what feeds it.",
                quality_clause(judge, at)
            )
        }
        Verdict::Watch if state.signals.loss_warning.is_active() => {
            format!("{name}: {}.", watch_clause(judge, at))
        }
        Verdict::Watch => format!(
            "{name}: {}; quality is not seen to fall.",
            watch_clause(judge, at)
        ),
        Verdict::Retrain => format!(
            "{name}: {}: re-train with fresh data of this task.",
            retrain_clause(judge, at)
        ),
        Verdict::ContinualUpdate => {
            format!(
                "{name}: {} near its known classes: extend this head.",
                group_clause(standing.own.group.as_ref())
            )
        }
        Verdict::NewTask => {
            format!(
                "{name}: {} that no task covers: add a task.",
                group_clause(standing.own.group.as_ref())
            )
        }
    }
}

fn quality_clause(judge: &Judge, at: usize) -> String {
    let status = quality(judge, at);
    match status.current {
        Some(now) if now.size >= SPEAKING_LABELS => format!(
            ", {} {:.2} [{:.2}, {:.2}] by {} labels",
            metric_words(status.metric),
            now.value,
            now.interval.low,
            now.interval.high,
            now.size
        ),
        _ => String::new(),
    }
}

fn metric_words(metric: &str) -> &'static str {
    match metric {
        "span_f1" => "span F1",
        "mae" => "mean absolute error",
        _ => "accuracy",
    }
}

fn watch_clause(judge: &Judge, at: usize) -> String {
    let state = &judge.tasks[at];
    let signals = &state.signals;
    let own = &judge.standing[at].own;
    let far = percent(signals.novelty.recent_mean());
    if let Some(NovelGroup {
        misrouted_to: Some(to),
        size,
        ..
    }) = own.group
    {
        return format!(
            "{size} unusual inputs are ordinary for {}: misrouted traffic",
            judge.reference.schema().name(to)
        );
    }
    let mut parts = Vec::new();
    if signals.loss_warning.is_active() {
        parts.push(format!("quality may be falling{}", quality_clause(judge, at)));
    }
    if signals.mix.is_active() {
        let distance = percent(state.mix.distance());
        parts.push(format!("the class mix moved by {distance} (total variation)"));
    }
    if signals.movement.is_active() {
        parts.push("inputs moved within their classes".to_owned());
    }
    if signals.novelty.is_active() {
        parts.push(match &own.group {
            Some(group) if group.coherence <= 0.0 => {
                format!("unusual inputs ({far} in the tail) without a common theme")
            }
            Some(group) if group.hours < judge.config.persistence_hours => {
                format!(
                    "a burst of unusual inputs ({far} in the tail), {:.0} h so far",
                    group.hours
                )
            }
            _ => format!("more unusual inputs than the reference has ({far} in the tail)"),
        });
    } else if signals.novelty_warning.is_active() {
        parts.push(format!("unusual inputs may be on the rise ({far} in the tail)"));
    }
    if signals.confidence.is_active() || signals.confidence_warning.is_active() {
        parts.push("the head is less confident".to_owned());
    }
    if signals.unknown_label.is_active() {
        parts.push("annotators use labels the head does not know".to_owned());
    }
    parts.extend(slice_clause(judge, at, false));
    parts.extend(judge.forgetting.clause(at, VersionFinding::Doubtful));
    if parts.is_empty() {
        // Hysteresis keeps a verdict a little beyond its cause.
        parts.push("the last signal has just settled".to_owned());
    }
    parts.join(", ")
}

fn retrain_clause(judge: &Judge, at: usize) -> String {
    let signals = &judge.tasks[at].signals;
    let own = &judge.standing[at].own;
    let mut parts = Vec::new();
    if judge.model.shift.moved_together {
        parts.push("moves with the other tasks".to_owned());
    }
    if signals.loss.is_active() {
        let status = quality(judge, at);
        if let Some(now) = status.current {
            parts.push(format!(
                "{} {:.2} [{:.2}, {:.2}] by labels, {:.2} in the reference",
                metric_words(status.metric),
                now.value,
                now.interval.low,
                now.interval.high,
                status.reference
            ));
        }
    }
    parts.extend(slice_clause(judge, at, true));
    parts.extend(judge.forgetting.clause(at, VersionFinding::Worse));
    if own.damaged {
        parts.push(format!("{} of the inputs altered", percent(own.altered_share)));
    }
    if signals.confidence.is_active() {
        parts.push(format!(
            "mean confidence {:.2} where {:.2} is the least that is normal",
            1.0 - signals.confidence.recent_mean(),
            1.0 - signals.confidence.bound()
        ));
    }
    if parts.is_empty() {
        parts.push("most tasks are harmed by the common fault".to_owned());
    }
    parts.join(", ")
}

fn group_clause(group: Option<&NovelGroup>) -> String {
    match group {
        Some(g) => format!(
            "{} novel inputs over {:.0} h form one coherent group",
            g.size, g.hours
        ),
        None => "novel inputs form one coherent group".to_owned(),
    }
}

fn percent(ratio: f64) -> String {
    if ratio.is_finite() {
        format!("{:.0} %", 100.0 * ratio)
    } else {
        "an unknown share".to_owned()
    }
}

/// One sentence on the model.
pub(crate) fn model_summary(judge: &Judge) -> String {
    let shift = judge.model.shift;
    if let Some(fault) = judge.encoder.fault() {
        return format!("{}: look at the shared encoder or what feeds it.", fault.clause());
    }
    if let (Some(other), false) = (judge.encoder.other(), shift.stands) {
        return other_encoder_summary(judge, other);
    }
    if shift.stands {
        let harm = if judge.model.verdict == Verdict::Retrain {
            "quality falls"
        } else {
            "quality holds"
        };
        return format!(
            "{} of the tasks moved in one direction (median cosine {:.2}) and {harm}: look at the shared encoder or what feeds it.",
            percent(shift.moved_ratio),
            shift.cosine
        );
    }
    match judge.model.verdict {
        Verdict::NewTask => {
            let names: Vec<&str> = (0..judge.tasks.len())
                .filter(|&t| judge.standing[t].own.verdict == Verdict::NewTask)
                .map(|t| judge.reference.schema().name(judge.tasks[t].task))
                .collect();
            format!(
                "A new kind of request arrives in {}: no task covers it.",
                names.join(", ")
            )
        }
        Verdict::Unknown => "Waiting for enough observations.".to_owned(),
        _ => "No shift is common to the tasks.".to_owned(),
    }
}

fn other_encoder_summary(judge: &Judge, other: &OtherEncoderStatus) -> String {
    let came = match &other.version {
        Some(version) => format!("of the encoder `{version}`"),
        None => format!("with embeddings of {} components", other.width),
    };
    let manifest = judge.reference.manifest();
    let ours = match (&manifest.encoder_version, &other.version) {
        (Some(version), Some(_)) => format!("`{version}`"),
        _ => format!("{} components", manifest.dim),
    };
    format!(
        "Events {came} arrive, the reference is of {ours}: they are not judged, what was said stands; register a reference for the new encoder."
    )
}

pub(crate) fn model_line(judge: &Judge) -> TimelineLine {
    let shift = judge.model.shift;
    let moved: Vec<&str> = judge
        .tasks
        .iter()
        .filter(|t| t.signals.movement.is_active() || t.signals.novelty.is_active())
        .map(|t| judge.reference.schema().name(t.task))
        .collect();
    let since_ms = if shift.stands {
        judge.model.shared_since_ms
    } else {
        judge.model.changed_ms
    };
    let confidence = if judge.encoder.fault().is_some() {
        1.0
    } else if shift.stands {
        shift.moved_ratio * shift.cosine
    } else {
        1.0 - common_odds(judge)
    };
    TimelineLine {
        timestamp: rfc3339(judge.now_ms),
        task: None,
        verdict: Some(judge.model.verdict),
        shared_encoder: shift.stands,
        since: rfc3339(since_ms),
        confidence: round(confidence, 4),
        summary: judge.model.summary.clone(),
        evidence: model_evidence(judge, &moved),
    }
}

fn model_evidence(judge: &Judge, moved: &[&str]) -> Value {
    let shift = judge.model.shift;
    let mut evidence = json!({
            "reference": judge.reference.manifest().id,
            "moved_task_ratio": number(shift.moved_ratio),
            "median_cosine": number(shift.cosine),
            "moved_tasks": moved,
            "thresholds": {"moved_task_ratio": judge.config.shared_ratio, "median_cosine": judge.config.shared_cosine},
    });
    if let Some(fields) = evidence.as_object_mut() {
        if let Some(fault) = judge.encoder.fault() {
            fields.insert("encoder_fault".to_owned(), json!(fault));
        }
        if let Some(other) = judge.encoder.other() {
            fields.insert("other_encoder".to_owned(), json!(other));
        }
    }
    evidence
}

/// How near the tasks are to a common shift, in `[0, 1)`.
fn common_odds(judge: &Judge) -> f64 {
    let shift = judge.model.shift;
    if shift.cosine.is_finite() {
        (shift.moved_ratio * shift.cosine).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

pub(crate) fn task_line(judge: &Judge, at: usize) -> TimelineLine {
    let standing = &judge.standing[at];
    TimelineLine {
        timestamp: rfc3339(judge.now_ms),
        task: Some(judge.reference.schema().name(judge.tasks[at].task).to_owned()),
        verdict: Some(standing.verdict),
        shared_encoder: judge.model.shift.stands,
        since: rfc3339(standing.since_ms),
        confidence: standing.confidence,
        summary: standing.summary.clone(),
        evidence: evidence(judge, at),
    }
}

fn evidence(judge: &Judge, at: usize) -> Value {
    let state = &judge.tasks[at];
    let own = &judge.standing[at].own;
    let signals: Vec<Value> = state
        .signals
        .all()
        .into_iter()
        .map(|s| {
            json!({
                "signal": s.name(),
                "active": s.is_active(),
                "log_e_value": number(s.log_e_value()),
                "threshold": number(s.threshold()),
                "since": s.active().map(|o| rfc3339(o.timestamp_ms)),
                "value": number(s.recent_mean()),
                "tolerance": number(s.bound()),
            })
        })
        .collect();
    let quality = quality(judge, at);
    let group = own.group.as_ref().map(|g| {
        json!({
            "size": g.size,
            "hours": number(g.hours),
            "coherence_log_odds": number(g.coherence),
            "affinity_log_odds": number(g.affinity),
            "own_share": number(g.own_share),
            "misrouted_to": g.misrouted_to.map(|t| judge.reference.schema().name(t)),
        })
    });
    let mut evidence = json!({
        "reference": judge.reference.manifest().id,
        "observations": state.seen(),
        "labels": state.labelled.total(),
        "label_coverage": number(state.labelled.coverage(&state.recent)),
        "signals": signals,
        "window": own.window,
        "drift": {
            "within_class": number(own.bulk_shift),
            "mix_total_variation": number(state.mix.distance()),
            "altered_share": number(own.altered_share),
            "damaged": own.damaged,
        },
        "quality": {
            "metric": quality.metric,
            "reference": number(quality.reference),
            "current": quality.current.map(estimate),
            "macro_f1": quality.macro_f1.map(number),
            "in_scope_labels": own.in_scope.map(|(n, _)| n),
            "in_scope_loss": own.in_scope.map(|(_, loss)| number(loss)),
        },
        "estimated_quality": estimated_quality(&state.recent).map(estimate),
        "confidence_drop": number(own.confidence_drop),
        "novel_group": group,
        "sample_event_ids": own.examples,
    });
    if judge.standing[at].verdict == Verdict::Retrain {
        evidence["coupled_tasks"] = coupled_tasks(judge, at);
    }
    if let Some(fields) = evidence.as_object_mut() {
        if let Some(forgetting) = judge.forgetting.evidence(at) {
            fields.insert("forgetting".to_owned(), forgetting);
        }
        if let Some(costs) = costs::status(judge, at) {
            fields.insert("costs".to_owned(), costs.evidence());
        }
    }
    let slices: Vec<Value> = findings(judge, at).iter().map(Finding::evidence).collect();
    if let (Some(fields), false) = (evidence.as_object_mut(), slices.is_empty()) {
        fields.insert("slices".to_owned(), Value::Array(slices));
    }
    evidence
}

/// The other tasks that a joint re-training for this one would touch most, nearest first.
fn coupled_tasks(judge: &Judge, at: usize) -> Value {
    let name = judge.reference.schema().name(judge.tasks[at].task);
    let coupling = judge.reference.manifest().coupling.get(name);
    let mut others: Vec<(&String, f64)> = coupling.into_iter().flatten().map(|(t, &c)| (t, c)).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let nearest = others.iter().take(COUPLED_TASKS);
    nearest
        .map(|(task, coupling)| json!({"task": task, "coupling": number(*coupling)}))
        .collect()
}

/// Labelled quality of the task at `at`.
pub(crate) fn quality(judge: &Judge, at: usize) -> QualityStatus {
    let state = &judge.tasks[at];
    let task = judge.reference.task(state.task);
    let name = judge.reference.schema().name(state.task);
    let (metric, reference) = match judge.reference.manifest().quality.get(name) {
        Some(q) if q.metric == "span_f1" => ("span_f1", q.value),
        Some(q) if q.metric == "mae" => ("mae", q.value),
        Some(q) => ("accuracy", q.value),
        None => ("accuracy", f64::NAN),
    };
    state.quality(task, metric, reference)
}

pub(crate) fn estimate(e: Estimate) -> Value {
    json!({"value": number(e.value), "low": number(e.interval.low), "high": number(e.interval.high), "size": e.size})
}

/// A number of the evidence: rounded for the reader, null when there is none.
pub(crate) fn number(x: f64) -> Value {
    if x.is_finite() {
        json!(round(x, 4))
    } else {
        Value::Null
    }
}

fn round(x: f64, digits: i32) -> f64 {
    let scale = 10.0_f64.powi(digits);
    // Adding zero turns −0 into 0.
    (x * scale).round() / scale + 0.0
}
