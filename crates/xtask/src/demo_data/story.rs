//! What happens in the ten simulated days, and the order of events that follows from it.

use super::tasks::{Class, Task};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

pub(super) const HOUR_MS: i64 = 3_600_000;
/// Monday, 2 March 2026, midnight UTC.
pub(super) const START_MS: i64 = 1_772_409_600_000;
pub(super) const HOURS: i64 = 240;

const MIX_FROM: i64 = 48;
const NEW_INTENTS_FROM: i64 = 66;
const DAMAGE: (i64, i64) = (90, 150);
const NEW_TASK_FROM: i64 = 110;
const PREPROCESSOR: (i64, i64) = (185, 209);
/// Share of the task's messages that belong to the new intents, and to the new kind of request.
const NEW_INTENTS_SHARE: f64 = 0.25;
const NEW_TASK_SHARE: f64 = 0.30;
/// The classes that a courier strike brings: late, lost and missed parcels take most of the orders task's traffic.
const DOMINANT: [(&str, f64); 3] = [
    ("where_is_my_order", 0.34),
    ("delivery_late", 0.27),
    ("missed_delivery", 0.13),
];
/// Share of the events that get a label, and after how many hours.
const LABELLED_SHARE: f64 = 0.25;
const LABEL_DELAY_HOURS: std::ops::Range<f64> = 1.0..20.0;
/// Annotators call a class they do not know `__other__` until, after a day, they have agreed on a name.
const NAMED_AFTER_HOURS: i64 = 24;

/// The label of what belongs to no class of the task.
pub(super) const OTHER: &str = "__other__";

/// Why an event is not as the reference would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    None,
    Mix,
    NewIntents,
    Damage,
    NewTask,
    Preprocessor,
}

impl Cause {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mix => "mix",
            Self::NewIntents => "new_intents",
            Self::Damage => "damage",
            Self::NewTask => "new_task",
            Self::Preprocessor => "preprocessor",
        }
    }
}

/// What holds for a task, or for the model, from one hour to another.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Interval {
    /// `None` for the model as a whole.
    pub(super) task: Option<&'static str>,
    pub(super) cause: Cause,
    /// Hours since the stream's start.
    pub(super) from_hour: i64,
    pub(super) to_hour: i64,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// What a monitor should say; absent for the model.
    pub(super) verdict: Option<&'static str>,
    /// Other verdicts that are not wrong.
    pub(super) also_accepted: Vec<&'static str>,
    pub(super) shared_encoder: bool,
}

/// One message of the stream, before it has words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub(super) timestamp_ms: i64,
    pub(super) task: usize,
    pub(super) class: Class,
    pub(super) cause: Cause,
    pub(super) label_timestamp_ms: Option<i64>,
}

/// The intervals of every task, gapless and in order of time, and those of the model.
pub(super) fn intervals(tasks: &[Task]) -> Vec<Interval> {
    let interval = |task, cause, from: i64, to: i64, verdict| Interval {
        task,
        cause,
        from_hour: from,
        to_hour: to,
        from_ms: START_MS + from * HOUR_MS,
        to_ms: START_MS + to * HOUR_MS,
        verdict,
        // Quality falls, so re-training is due; a monitor that says the shift is shared need not say so task by task.
        also_accepted: if cause == Cause::Preprocessor && task.is_some() {
            vec!["watch"]
        } else {
            Vec::new()
        },
        shared_encoder: cause == Cause::Preprocessor,
    };
    let mut out = Vec::new();
    for task in tasks {
        let name = Some(task.name);
        let lasting = match task.name {
            "orders_and_delivery" => Some((Cause::Mix, MIX_FROM, HOURS, "watch")),
            "payments" => Some((Cause::NewIntents, NEW_INTENTS_FROM, HOURS, "continual_update")),
            "product_advice" => Some((Cause::Damage, DAMAGE.0, DAMAGE.1, "retrain")),
            "account_access" => Some((Cause::NewTask, NEW_TASK_FROM, HOURS, "new_task")),
            _ => None,
        };
        let mut pieces = Vec::new();
        let mut at = 0;
        if let Some((cause, from, to, verdict)) = lasting {
            pieces.push((Cause::None, 0, from, "healthy"));
            pieces.push((cause, from, to, verdict));
            at = to;
        }
        pieces.push((Cause::None, at, HOURS, "healthy"));
        for (cause, from, to, verdict) in pieces {
            let (down, up) = PREPROCESSOR;
            if from < down.min(to) {
                out.push(interval(name, cause, from, to.min(down), Some(verdict)));
            }
            if from <= down && down < to {
                out.push(interval(name, Cause::Preprocessor, down, up, Some("retrain")));
            }
            if up.max(from) < to {
                out.push(interval(name, cause, up.max(from), to, Some(verdict)));
            }
        }
    }
    let (down, up) = PREPROCESSOR;
    out.push(interval(None, Cause::None, 0, down, None));
    out.push(interval(None, Cause::Preprocessor, down, up, None));
    out.push(interval(None, Cause::None, up, HOURS, None));
    out
}

/// The share of each known class in healthy traffic: some things are asked more often than others.
pub(super) fn usual_mix(task: &Task) -> Vec<f64> {
    let weights: Vec<f64> = (0..task.known_classes())
        .map(|i| 1.0 / (1.0 + 0.1 * i as f64))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

fn strike_mix(task: &Task) -> Vec<f64> {
    let share: Vec<Option<f64>> = task
        .known
        .intents()
        .iter()
        .map(|name| {
            DOMINANT
                .iter()
                .find(|(dominant, _)| dominant == name)
                .map(|&(_, share)| share)
        })
        .collect();
    let usual = usual_mix(task);
    let rest: f64 = usual
        .iter()
        .zip(&share)
        .filter(|(_, s)| s.is_none())
        .map(|(u, _)| u)
        .sum();
    let left = 1.0 - share.iter().flatten().sum::<f64>();
    usual
        .iter()
        .zip(&share)
        .map(|(u, s)| s.unwrap_or(u / rest * left))
        .collect()
}

/// Every event of the stream in order of time, and within a moment in order of task.
pub(super) fn plan(tasks: &[Task], seed: u64) -> Vec<Planned> {
    let mut events = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // One stream of random numbers a task: a change to one leaves the others as they were.
        rng.set_stream(index as u64);
        let usual = usual_mix(task);
        let strike = strike_mix(task);
        for timestamp_ms in arrivals(task, &mut rng) {
            let hour = (timestamp_ms - START_MS).div_euclid(HOUR_MS);
            let (class, cause) = request(task, hour, &usual, &strike, &mut rng);
            let broken = (PREPROCESSOR.0..PREPROCESSOR.1).contains(&hour);
            let delay = rng.random_range(LABEL_DELAY_HOURS);
            let labelled = rng.random_bool(LABELLED_SHARE);
            events.push(Planned {
                timestamp_ms,
                task: index,
                class,
                cause: if broken { Cause::Preprocessor } else { cause },
                label_timestamp_ms: labelled.then(|| timestamp_ms + milliseconds(delay)),
            });
        }
    }
    events.sort_by_key(|e| (e.timestamp_ms, e.task));
    events
}

fn request(task: &Task, hour: i64, usual: &[f64], strike: &[f64], rng: &mut impl Rng) -> (Class, Cause) {
    let novel = task.classes().len() - task.known_classes();
    let stranger =
        |rng: &mut dyn rand::RngCore| Class(task.known_classes() + rng.random_range(0..novel.max(1)));
    match task.name {
        "orders_and_delivery" if hour >= MIX_FROM => (draw(strike, rng), Cause::Mix),
        "payments" if hour >= NEW_INTENTS_FROM && rng.random_bool(NEW_INTENTS_SHARE) => {
            (stranger(rng), Cause::NewIntents)
        }
        "account_access" if hour >= NEW_TASK_FROM && rng.random_bool(NEW_TASK_SHARE) => {
            (stranger(rng), Cause::NewTask)
        }
        "product_advice" if (DAMAGE.0..DAMAGE.1).contains(&hour) => (draw(usual, rng), Cause::Damage),
        _ => (draw(usual, rng), Cause::None),
    }
}

fn draw(mix: &[f64], rng: &mut impl Rng) -> Class {
    let mut left: f64 = rng.random();
    for (class, share) in mix.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return Class(class);
        }
    }
    Class(mix.len() - 1)
}

/// Times of a task's messages: a fixed number, denser in the afternoon than at night.
fn arrivals(task: &Task, rng: &mut impl Rng) -> Vec<i64> {
    let total = task.per_day * usize::try_from(HOURS / 24).unwrap_or(0);
    let mut times = Vec::with_capacity(total);
    while times.len() < total {
        let hour = rng.random_range(0.0..HOURS as f64);
        // Busiest at 15:00, a third of that at 3:00.
        let rate = (2.0 + ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos()) / 3.0;
        if rng.random::<f64>() < rate {
            times.push(START_MS + milliseconds(hour));
        }
    }
    times.sort_unstable();
    times
}

/// What the annotators write for an event of `class`, had they labelled it then; tags of a sequence are the caller's.
pub(super) fn truth(task: &Task, class: Class, timestamp_ms: i64) -> &str {
    if class.0 < task.known_classes() {
        return task.class_name(class);
    }
    let agreed = START_MS + (NEW_INTENTS_FROM + NAMED_AFTER_HOURS) * HOUR_MS;
    if task.name == "payments" && timestamp_ms >= agreed {
        task.class_name(class)
    } else {
        OTHER
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a few hundred hours in milliseconds"
)]
fn milliseconds(hours: f64) -> i64 {
    (hours * HOUR_MS as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::super::tasks;
    use super::*;

    #[test]
    fn intervals_cover_the_stream_of_every_task() {
        let tasks = tasks::all().unwrap();
        let intervals = intervals(&tasks);
        for name in tasks.iter().map(|t| Some(t.name)).chain([None]) {
            let mut at = 0;
            for interval in intervals.iter().filter(|i| i.task == name) {
                assert_eq!(interval.from_hour, at, "{name:?}");
                assert!(interval.to_hour > at);
                at = interval.to_hour;
            }
            assert_eq!(at, HOURS, "{name:?}");
        }
    }

    #[test]
    fn the_plan_tells_the_story() {
        let tasks = tasks::all().unwrap();
        let plan = plan(&tasks, 1);
        let intervals = intervals(&tasks);
        assert!(plan.windows(2).all(|w| w[0].timestamp_ms <= w[1].timestamp_ms));
        assert!((9_500..=10_500).contains(&plan.len()));
        for event in &plan {
            let name = Some(tasks[event.task].name);
            let holds = |i: &&Interval| i.task == name && (i.from_ms..i.to_ms).contains(&event.timestamp_ms);
            let interval = intervals.iter().find(holds).unwrap();
            // Among new intents and leaking requests the task's own messages go on.
            assert!(
                event.cause == interval.cause || event.cause == Cause::None,
                "{event:?} in {interval:?}"
            );
        }
        let share = |task: &str, cause: Cause, from: i64, to: i64| {
            let hours = START_MS + from * HOUR_MS..START_MS + to * HOUR_MS;
            let of: Vec<_> = plan
                .iter()
                .filter(|e| tasks[e.task].name == task && hours.contains(&e.timestamp_ms))
                .collect();
            of.iter().filter(|e| e.cause == cause).count() as f64 / of.len() as f64
        };
        // Standard errors of the shares are below .02.
        assert!((share("payments", Cause::NewIntents, 66, 185) - 0.25).abs() < 0.06);
        assert!((share("account_access", Cause::NewTask, 110, 185) - 0.30).abs() < 0.06);
        assert!((share("product_advice", Cause::Damage, 90, 150) - 1.0).abs() < 1e-9);
        assert!((share("device_support", Cause::Preprocessor, 185, 209) - 1.0).abs() < 1e-9);
        let labelled: Vec<i64> = plan
            .iter()
            .filter_map(|e| e.label_timestamp_ms.map(|t| t - e.timestamp_ms))
            .collect();
        assert!((labelled.len() as f64 / plan.len() as f64 - 0.25).abs() < 0.02);
        assert!(labelled.iter().all(|d| (HOUR_MS..=20 * HOUR_MS).contains(d)));
    }

    #[test]
    fn mixes_are_distributions() {
        for task in tasks::all().unwrap() {
            for mix in [usual_mix(&task), strike_mix(&task)] {
                assert!((mix.iter().sum::<f64>() - 1.0).abs() < 1e-12 || task.name != "orders_and_delivery");
                assert!(mix.iter().all(|&p| p > 0.0));
            }
        }
    }
}
