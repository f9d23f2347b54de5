//! Serves the page with invented, moving data, to work on its looks without a stream:
//!
//! ```sh
//! cargo run -p bellwether-api --example preview            # prints the address of the page
//! cargo run -p bellwether-api --example preview -- empty   # before the first observation
//! ```
//!
//! Nothing here is measured: the numbers come from a short script of situations and a noise generator, and the page says
//! so through the name of the reference.

#![expect(
    clippy::print_stdout,
    reason = "an example talks to the person who started it"
)]

use bellwether_api::{
    Access, ApiConfig, ApiState, BatchSizes, PartitionLag, PipelineMetrics, RejectedRecords, TopicKind, serve,
};
use bellwether_events::TaskKind;
use bellwether_monitor::{
    DriftReport, Estimate, Interval, ModelStatus, NoveltyStatus, PipelineCounts, QualityReport,
    QualityStatus, SignalStatus, TaskStatus, TimelineLine, Verdict, rfc3339,
};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const START_MS: i64 = 1_773_486_000_000;
const STEP_MS: i64 = 15 * 60_000;
const TASKS: [(&str, TaskKind); 6] = [
    ("banking", TaskKind::Classification),
    ("clinic", TaskKind::Classification),
    ("home", TaskKind::Classification),
    ("slots", TaskKind::SequenceLabelling),
    ("support", TaskKind::Classification),
    ("travel", TaskKind::Classification),
];

/// One situation of the script: from hour to hour, which task, what is said, and how strong each effect is.
struct Situation {
    hours: (i64, i64),
    task: &'static str,
    verdict: Verdict,
    summary: &'static str,
    within: f64,
    mix: f64,
    far: f64,
    quality: f64,
}

#[rustfmt::skip]
const SCRIPT: [Situation; 5] = [
    Situation { hours: (40, 78), task: "travel", verdict: Verdict::Watch, within: 0.0, mix: 0.24, far: 0.0, quality: 0.0,
        summary: "The mix of predicted classes moved while quality holds: more of `cancel_booking` than in the reference." },
    Situation { hours: (70, 400), task: "banking", verdict: Verdict::ContinualUpdate, within: 0.0, mix: 0.06, far: 0.17, quality: -0.05,
        summary: "A coherent group of 64 messages near this task fits none of its classes: extend its head." },
    Situation { hours: (110, 400), task: "support", verdict: Verdict::Retrain, within: 0.09, mix: 0.08, far: 0.05, quality: -0.19,
        summary: "Inputs moved within their classes and accuracy fell from 0.93 to 0.74: train the model again with fresh data of this task." },
    Situation { hours: (150, 400), task: "home", verdict: Verdict::NewTask, within: 0.0, mix: 0.05, far: 0.22, quality: -0.07,
        summary: "A coherent group of 41 messages is far from every task: no head covers it." },
    Situation { hours: (165, 200), task: "*", verdict: Verdict::Watch, within: 0.13, mix: 0.1, far: 0.1, quality: -0.06,
        summary: "Moved together with the other tasks: see the shared encoder." },
];

/// A small linear congruential generator: noise for the eye, not for statistics.
struct Noise(u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 40
    }

    /// From -1 to 1, most often near 0.
    fn next(&mut self) -> f64 {
        (self.bits() + self.bits()) as f64 / (1_u64 << 24) as f64 - 1.0
    }

    /// A whole number from 0 to `most`.
    fn up_to(&mut self, most: u64) -> u64 {
        self.bits() % (most + 1)
    }
}

struct Preview {
    noise: Noise,
    step: i64,
    batch_sizes: BatchSizes,
    tasks: Vec<TaskStatus>,
    shared: bool,
    shared_since_ms: i64,
}

impl Preview {
    fn new() -> Self {
        let tasks = TASKS
            .into_iter()
            .map(|(name, kind)| empty_task(name, kind))
            .collect();
        Self {
            noise: Noise(7),
            step: 0,
            batch_sizes: BatchSizes::default(),
            tasks,
            shared: false,
            shared_since_ms: 0,
        }
    }

    /// A quarter of an hour of event time: the new status and what changed.
    fn advance(&mut self) -> (ModelStatus, Vec<TimelineLine>) {
        self.step += 1;
        let now = START_MS + self.step * STEP_MS;
        let hour = self.step * STEP_MS / 3_600_000;
        let mut lines = Vec::new();
        for task in &mut self.tasks {
            advance_task(task, hour, now, &mut self.noise, &mut lines);
        }
        let shared = SCRIPT
            .iter()
            .any(|s| s.task == "*" && hour >= s.hours.0 && hour < s.hours.1);
        if shared != self.shared {
            (self.shared, self.shared_since_ms) = (shared, now);
            lines.push(TimelineLine {
                timestamp: rfc3339(now),
                task: None,
                verdict: Some(Verdict::Healthy),
                shared_encoder: shared,
                since: rfc3339(now - 3 * STEP_MS),
                confidence: 0.97,
                summary: if shared {
                    "All 6 tasks moved in one direction at once: look at preprocessing and the encoder first."
                        .into()
                } else {
                    "The common shift is over: the tasks stand for themselves again.".into()
                },
                evidence: json!({"moved_tasks": 6, "median_cosine": 0.71, "preview": true}),
            });
        }
        (self.status(now), lines)
    }

    fn status(&self, event_time_ms: i64) -> ModelStatus {
        let total = |f: fn(&TaskStatus) -> u64| self.tasks.iter().map(f).sum::<u64>();
        let moved = self
            .tasks
            .iter()
            .filter(|t| t.signals.iter().any(|s| s.active))
            .count();
        ModelStatus {
            encoder: bellwether_monitor::EncoderStatus::default(),
            event_time_ms,
            reference: "preview: invented data".into(),
            shared_encoder: self.shared,
            shared_since_ms: self.shared_since_ms,
            common_shift_cosine: if self.shared { 0.71 } else { f64::NAN },
            moved_task_ratio: moved as f64 / self.tasks.len() as f64,
            summary: if self.shared {
                "All 6 tasks moved in one direction at once: look at preprocessing and the encoder first."
                    .into()
            } else {
                "No shift is common to the tasks.".into()
            },
            forgetting: None,
            tasks: self.tasks.clone(),
            counts: PipelineCounts {
                observations: total(|t| t.observations),
                labels: total(|t| t.labels),
                late_observations: 12,
                duplicate_observations: 31,
                pending_observations: 1840,
                buffered: 96,
                ..PipelineCounts::default()
            },
        }
    }
}

fn empty_task(name: &str, kind: TaskKind) -> TaskStatus {
    let signal = |signal, tolerance| SignalStatus {
        signal,
        active: false,
        log_e_value: 0.0,
        threshold: if signal == "mix" { 11.5 } else { 15.6 },
        value: tolerance * 0.6,
        tolerance,
    };
    let signals = [
        ("novelty", 0.06),
        ("within_class", 0.6),
        ("mix", 0.05),
        ("confidence", 0.12),
        ("loss", 0.11),
        ("unknown_label", 0.03),
    ];
    TaskStatus {
        task: name.to_owned(),
        kind,
        verdict: Verdict::Unknown,
        changed_ms: 0,
        since_ms: 0,
        confidence: 0.0,
        summary: "Not enough observations yet.".into(),
        observations: 0,
        labels: 0,
        label_coverage: 0.0,
        label_delay_seconds: f64::NAN,
        signals: signals
            .into_iter()
            .map(|(name, tolerance)| signal(name, tolerance))
            .collect(),
        drift_within_class: 0.0,
        drift_mix: 0.0,
        common_cosine: f64::NAN,
        quality: QualityStatus {
            metric: if kind == TaskKind::SequenceLabelling {
                "span_f1"
            } else {
                "accuracy"
            },
            reference: 0.93,
            current: None,
            macro_f1: None,
        },
        estimated: None,
        report: QualityReport::empty(kind),
        drift: DriftReport::empty(),
        novelty: NoveltyStatus {
            far_ratio: 0.05,
            group_size: 0,
            coherence: f64::NAN,
            affinity: f64::NAN,
            misrouted_to: None,
        },
        forgetting: None,
        costs: None,
        slices: Vec::new(),
        unwatched_slice_values: 0,
    }
}

fn estimate(value: f64, half_width: f64, size: usize) -> Estimate {
    let value = value.clamp(0.0, 1.0);
    let interval = Interval {
        low: (value - half_width).max(0.0),
        high: (value + half_width).min(1.0),
    };
    Estimate {
        value,
        interval,
        size,
    }
}

fn advance_task(
    task: &mut TaskStatus,
    hour: i64,
    now: i64,
    noise: &mut Noise,
    lines: &mut Vec<TimelineLine>,
) {
    let holds =
        |s: &&Situation| (s.task == task.task || s.task == "*") && hour >= s.hours.0 && hour < s.hours.1;
    let active: Vec<&Situation> = SCRIPT.iter().filter(holds).collect();
    let sum = |f: fn(&Situation) -> f64| active.iter().map(|s| f(s)).sum::<f64>();
    // The window's numbers follow their causes slowly, as a window does.
    let follow = |old: f64, target: f64, jitter: f64| old + (target - old) * 0.08 + jitter;
    task.observations += 14 + noise.up_to(12);
    task.labels = task.observations * 7 / 20;
    task.label_coverage = follow(task.label_coverage, 0.35, noise.next() * 0.004);
    task.label_delay_seconds = 5400.0 + 300.0 * noise.next();
    task.drift_within_class = follow(
        task.drift_within_class,
        0.002 + sum(|s| s.within),
        noise.next() * 0.003,
    );
    task.drift_mix = follow(task.drift_mix, 0.05 + sum(|s| s.mix), noise.next() * 0.005).max(0.0);
    task.novelty.far_ratio = follow(
        task.novelty.far_ratio,
        0.05 + sum(|s| s.far),
        noise.next() * 0.004,
    )
    .max(0.0);
    if hour > 5 {
        let old = task.quality.current.map_or(0.93, |e| e.value);
        let value = follow(old, 0.93 + sum(|s| s.quality), noise.next() * 0.006);
        task.quality.current = Some(estimate(value, 0.045, 140));
        task.quality.macro_f1 = Some(value - 0.02);
        let old = task.estimated.map_or(0.93, |e| e.value);
        task.estimated = Some(estimate(
            follow(old, 0.93 + sum(|s| s.quality) * 0.6, noise.next() * 0.003),
            0.02,
            400,
        ));
    }
    let strengths = [
        sum(|s| s.far),
        sum(|s| s.within),
        sum(|s| s.mix) - 0.09,
        0.0,
        -sum(|s| s.quality) - 0.1,
        0.0,
    ];
    for (signal, strength) in task.signals.iter_mut().zip(strengths) {
        let growth = if strength > 0.0 { strength * 8.0 } else { -0.9 };
        signal.log_e_value = (signal.log_e_value + growth + noise.next() * 0.7).clamp(-1.0, 34.0);
        signal.active = if signal.active {
            signal.log_e_value > 2.0
        } else {
            signal.log_e_value > signal.threshold
        };
        signal.value = signal.tolerance * (0.6 + strength.max(0.0) * 6.0 + noise.next() * 0.05);
    }
    let own = active.iter().find(|s| s.task != "*").or(active.first());
    let alarmed = task.signals.iter().any(|s| s.active);
    let (verdict, summary) = match own {
        Some(situation) if alarmed => (situation.verdict, situation.summary),
        _ if hour < 8 => (Verdict::Unknown, "Not enough observations yet."),
        _ => (Verdict::Healthy, "As in the reference."),
    };
    if verdict == task.verdict {
        return;
    }
    task.verdict = verdict;
    summary.clone_into(&mut task.summary);
    (task.changed_ms, task.since_ms, task.confidence) = (now, now - 6 * STEP_MS, 0.9);
    lines.push(TimelineLine {
        timestamp: rfc3339(now),
        task: Some(task.task.clone()),
        verdict: Some(verdict),
        shared_encoder: false,
        since: rfc3339(now - 6 * STEP_MS),
        confidence: 0.9,
        summary: summary.to_owned(),
        evidence: json!({
            "preview": true,
            "active_signals": task.signals.iter().filter(|s| s.active).map(|s| s.signal).collect::<Vec<_>>(),
            "window": {"observations": 400, "labels": 140, "label_coverage": 0.35},
            "quality": {"metric": task.quality.metric, "reference": 0.93, "current": task.quality.current.map(|e| e.value)},
            "event_ids": ["preview-0412", "preview-0431", "preview-0440"],
        }),
    });
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let state = ApiState::new(ApiConfig::default());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("preview with invented data on http://{}/", listener.local_addr()?);
    let mut preview = Preview::new();
    if mode == "empty" {
        state.publish(ModelStatus {
            event_time_ms: 0,
            ..preview.status(0)
        });
    } else {
        let mut feed = state.clone();
        for _ in 0..700 {
            step(&mut preview, &mut feed);
        }
        tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(300));
            loop {
                clock.tick().await;
                step(&mut preview, &mut feed);
            }
        });
    }
    serve(listener, state, Access::default(), std::future::pending()).await?;
    Ok(())
}

fn step(preview: &mut Preview, state: &mut ApiState) {
    let (status, lines) = preview.advance();
    let decoded_observations = status.counts.observations;
    preview
        .batch_sizes
        .observe(usize::try_from(20 + preview.noise.up_to(200)).unwrap_or(20));
    state.publish(status);
    state.push_lines(&lines);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    state.pipeline(PipelineMetrics {
        decoded_observations,
        decoded_labels: decoded_observations * 7 / 20,
        rejected: vec![RejectedRecords {
            kind: TopicKind::Observations,
            reason: "embedding_width",
            total: 3,
            last: None,
        }],
        dead_letters_published: 3,
        lag: vec![PartitionLag {
            topic: "predictions".into(),
            partition: 0,
            records: 42,
        }],
        batch_sizes: preview.batch_sizes,
        last_poll_ms: i64::try_from(now).ok(),
        progress_ratio: Some((preview.step as f64 / 960.0).min(0.99)),
        ..PipelineMetrics::default()
    });
}
