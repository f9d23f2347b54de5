//! The false-alarm study: quiet streams, and what the monitor says on them all the same.

use crate::player::{Event, play, time_of};
use crate::pool::Pool;
use crate::run_length::RunLength;
use crate::traffic::{Draw, Variant, null_stream};
use bellwether_events::TaskId;
use bellwether_monitor::{MonitorConfig, Reference, TimelineLine, Verdict};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Events scored at once.
const CHUNK: usize = 512;

/// How much to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietPlan {
    /// Streams, shared evenly among the variants.
    pub streams: usize,
    /// Events a stream.
    pub events: usize,
    /// What the streams are drawn with.
    pub seed: u64,
}

/// Time to a false verdict on quiet streams.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuietStudy {
    /// Streams.
    pub streams: usize,
    /// Events of each.
    pub events_per_stream: usize,
    /// Configured events until any false `retrain`, `continual_update`, `new_task` or `shared_encoder` of the model.
    pub configured: f64,
    /// Configured events until a false `watch` of a signal that can say no more.
    pub configured_watch: f64,
    /// The model: events of all tasks until the first such verdict of any.
    pub model: RunLength,
    /// The same for each kind of traffic.
    pub by_variant: BTreeMap<Variant, RunLength>,
    /// The model until anything but `unknown` and `healthy` of any task, for each kind of traffic.
    pub watch_by_variant: BTreeMap<Variant, RunLength>,
    /// First false verdicts by name.
    pub verdicts: BTreeMap<String, u64>,
    /// Each task: its own events until its first such verdict.
    pub tasks: BTreeMap<String, TaskQuiet>,
}

/// Time to a false verdict of one task, in its own events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskQuiet {
    /// Messages of the quiet period.
    pub messages: usize,
    /// Different ones among them.
    pub distinct_messages: usize,
    /// How often each message came in a stream, on average: above 1 the streams repeat themselves.
    pub uses_per_stream: f64,
    /// Until `retrain`, `continual_update` or `new_task`.
    pub alarm: RunLength,
    /// The same for each kind of traffic.
    pub by_variant: BTreeMap<Variant, RunLength>,
    /// Until anything but `unknown` and `healthy`.
    pub watch: RunLength,
}

/// When each first thing happened in one stream.
struct StreamOutcome {
    variant: Variant,
    /// Events of the model.
    events: u64,
    model: Option<(u64, &'static str)>,
    watch: Option<u64>,
    tasks: Vec<TaskOutcome>,
}

#[derive(Clone, Copy, Default)]
struct TaskOutcome {
    events: u64,
    alarm: Option<u64>,
    watch: Option<u64>,
}

/// Plays quiet streams and measures the time to a false verdict; `done` is told after each stream, from any thread.
///
/// Deterministic for a seed, whatever the number of threads. O(streams · events).
#[must_use]
pub fn quiet_study(
    pool: &Pool,
    reference: &Arc<Reference>,
    config: &MonitorConfig,
    plan: QuietPlan,
    done: impl Fn() + Sync,
) -> QuietStudy {
    let outcomes: Vec<StreamOutcome> = (0..plan.streams)
        .into_par_iter()
        .map(|number| {
            let variant = Variant::ALL[number % Variant::ALL.len()];
            let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
            rng.set_stream(number as u64);
            let draws = null_stream(pool, variant, plan.events, &mut rng);
            let outcome = play_quiet(pool, reference, config, variant, &draws);
            done();
            outcome
        })
        .collect();
    summarise(pool, config, plan, &outcomes)
}

fn play_quiet(
    pool: &Pool,
    reference: &Arc<Reference>,
    config: &MonitorConfig,
    variant: Variant,
    draws: &[Draw],
) -> StreamOutcome {
    let schema = pool.schema();
    let times: Vec<i64> = draws.iter().map(|d| d.at_ms).collect();
    let mut task_times: Vec<Vec<i64>> = vec![Vec::new(); schema.len()];
    for draw in draws {
        task_times[pool.task(draw.row).index()].push(draw.at_ms);
    }
    let mut tasks: Vec<TaskOutcome> = task_times
        .iter()
        .map(|times| TaskOutcome {
            events: times.len() as u64,
            ..TaskOutcome::default()
        })
        .collect();
    let (mut model, mut watch) = (None, None);
    let mut take = |line: &TimelineLine| {
        let at_ms = time_of(line);
        let events_until = |times: &[i64]| times.partition_point(|&t| t <= at_ms) as u64;
        let verdict = line.verdict.unwrap_or(Verdict::Unknown);
        let task = line.task.as_deref().and_then(|name| schema.task(name));
        let false_verdict = match task {
            Some(task) => {
                let outcome = &mut tasks[task.index()];
                let now = events_until(&task_times[task.index()]);
                if verdict.is_alarm() {
                    outcome.alarm.get_or_insert(now);
                }
                if verdict.is_alarm() || verdict == Verdict::Watch {
                    outcome.watch.get_or_insert(now);
                    watch.get_or_insert(events_until(&times));
                }
                verdict.is_alarm().then(|| verdict.as_str())
            }
            None => line.shared_encoder.then_some("shared_encoder"),
        };
        if let Some(name) = false_verdict {
            model.get_or_insert((events_until(&times), name));
        }
    };
    let events = draws.iter().map(|draw| quiet_event(pool, draw));
    play(reference, config, events, CHUNK, |lines| {
        lines.iter().for_each(&mut take);
        ControlFlow::Continue(())
    });
    StreamOutcome {
        variant,
        events: draws.len() as u64,
        model,
        watch,
        tasks,
    }
}

fn quiet_event<'a>(pool: &'a Pool, draw: &Draw) -> Event<'a> {
    let label = pool.row(draw.row).label.as_deref();
    Event {
        task: pool.task(draw.row),
        at_ms: draw.at_ms,
        text: pool.text(draw.row),
        embedding: Cow::Borrowed(pool.embedding(draw.row)),
        prediction: pool.prediction(draw.row),
        confidence: pool.confidence(draw.row),
        label: draw.label_ms.zip(label.map(Cow::Borrowed)),
    }
}

fn summarise(pool: &Pool, config: &MonitorConfig, plan: QuietPlan, outcomes: &[StreamOutcome]) -> QuietStudy {
    let alarm_length = config.average_run_length;
    let by_variant = |first: &dyn Fn(&StreamOutcome) -> (u64, Option<u64>), configured: f64| {
        let of = |variant| {
            run_length(
                outcomes.iter().filter(|o| o.variant == variant).map(first),
                configured,
            )
        };
        let present = Variant::ALL.into_iter().take(plan.streams);
        present
            .map(|variant| (variant, of(variant)))
            .collect::<BTreeMap<_, _>>()
    };
    let model = |o: &StreamOutcome| (o.events, o.model.map(|(at, _)| at));
    let watched = |o: &StreamOutcome| (o.events, o.watch);
    let mut verdicts = BTreeMap::new();
    for (_, name) in outcomes.iter().filter_map(|o| o.model) {
        *verdicts.entry(name.to_owned()).or_insert(0) += 1;
    }
    let task = |id: TaskId| {
        let at = id.index();
        let alarm = move |o: &StreamOutcome| (o.tasks[at].events, o.tasks[at].alarm);
        let watch = move |o: &StreamOutcome| (o.tasks[at].events, o.tasks[at].watch);
        let quiet = &pool.tasks()[at];
        let drawn: u64 = outcomes.iter().map(|o| o.tasks[at].events).sum();
        TaskQuiet {
            messages: quiet.rows.len(),
            distinct_messages: quiet.distinct,
            uses_per_stream: drawn as f64 / (quiet.rows.len() * outcomes.len()).max(1) as f64,
            alarm: run_length(outcomes.iter().map(alarm), alarm_length),
            by_variant: by_variant(&alarm, alarm_length),
            watch: run_length(outcomes.iter().map(watch), config.watch_run_length),
        }
    };
    let schema = pool.schema();
    QuietStudy {
        streams: plan.streams,
        events_per_stream: plan.events,
        configured: alarm_length,
        configured_watch: config.watch_run_length,
        model: run_length(outcomes.iter().map(model), alarm_length),
        by_variant: by_variant(&model, alarm_length),
        watch_by_variant: by_variant(&watched, config.watch_run_length),
        verdicts,
        tasks: schema
            .tasks()
            .map(|id| (schema.name(id).to_owned(), task(id)))
            .collect(),
    }
}

/// From each stream's events and its first alarm.
fn run_length(streams: impl Iterator<Item = (u64, Option<u64>)>, configured: f64) -> RunLength {
    let (events, alarms) = streams.fold((0, 0), |(events, alarms), (length, alarm)| {
        (
            events + alarm.unwrap_or(length),
            alarms + u64::from(alarm.is_some()),
        )
    });
    RunLength::new(events, alarms, configured)
}
