//! The power study: how small a change is still found, per task and kind.

use crate::change::{Change, Shape, Subject, WARM_UP, scene};
use crate::curve::{PowerPoint, Smallest, median, smallest};
use crate::error::Error;
use crate::held_out::{ClassesHeldOut, HeldOut, Newcomers, ReferenceInput};
use crate::player::{Event, play, time_of};
use crate::pool::Pool;
use bellwether_events::{ModelSchema, TaskId, TaskKind};
use bellwether_monitor::{MonitorConfig, Reference, TimelineLine, Verdict};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Events scored at once: a run ends soon after it is decided.
const CHUNK: usize = 25;
/// Fewest messages, or comparable labels, of a task on which a change is tried.
const FEWEST: usize = 30;
/// Tasks that are left out in turn, so that novelty is not one task's.
const SOURCES: usize = 3;
/// Fewest tasks among which one can be left out: what is new is told from what is another task's.
const TASKS_FOR_NOVELTY: usize = 3;
/// Keeps the generators of the power study apart from those of the quiet one.
const SEED_OFFSET: u64 = 0x9e37_79b9_7f4a_7c15;

/// How much to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerPlan {
    /// Runs of each task, kind and size.
    pub runs: usize,
    /// Events, or labels, within which a change must be found.
    pub within: usize,
    /// What the runs are drawn with.
    pub seed: u64,
}

/// The smallest changes that are found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerStudy {
    /// Runs of each task, kind and size.
    pub runs: usize,
    /// Events of the task, or labels for quality, within which a change must be found.
    pub within: usize,
    /// Share of the runs that must be found.
    pub power: f64,
    /// Tasks that were left out of the reference in turn, to arrive as novelty.
    pub held_out: Vec<String>,
    /// Each task's curves.
    pub tasks: BTreeMap<String, Vec<PowerCurve>>,
}

/// Shares found by size, of one task and kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerCurve {
    /// The kind.
    pub change: Change,
    /// What the size measures.
    pub unit: &'static str,
    /// `events` or `labels`: what delays count.
    pub delay_in: &'static str,
    /// Sizes there are to try, in order; `points` has those that were tried.
    pub sizes: Vec<f64>,
    /// By size.
    pub points: Vec<PowerPoint>,
    /// Runs left out because the verdict stood before the change.
    pub left_out: usize,
    /// The smallest size found in enough runs; `None` where nothing could be tried.
    pub smallest: Option<Smallest>,
    /// Why nothing could be tried.
    pub not_tried: Option<&'static str>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// What would say it stood before anything happened.
    StoodBefore,
    Missed,
    /// After so many events or labels, with a verdict that names the change or with another.
    Found {
        delay: u64,
        named: bool,
    },
}

/// What a task's runs need.
struct TaskKit {
    task: TaskId,
    shape: Shape,
    labelled: Vec<usize>,
    loss: f64,
    /// One a held-out reference that is not of the task itself.
    newcomers: Vec<(usize, Newcomers)>,
    /// Rows that the reference without some classes knows, and messages of those classes.
    classes: Option<(Vec<usize>, Newcomers)>,
}

/// Plays changes of several kinds and sizes in each task and measures which are found; `done` is told after each run,
/// from any thread, out of [`power_runs`].
///
/// Sizes are tried from the largest down, to the first after it that no run finds: smaller ones are not tried.
/// Only the task under study has traffic. Deterministic for a seed, whatever the number of threads. Costs the build of
/// up to four references and O(tasks · runs · `within`) events.
///
/// # Errors
/// [`Error::HeldOut`] when a reference without a task cannot be built.
pub fn power_study(
    pool: &Pool,
    reference: &Arc<Reference>,
    input: &ReferenceInput,
    config: &MonitorConfig,
    plan: PowerPlan,
    done: impl Fn() + Sync,
) -> Result<PowerStudy, Error> {
    let held_out = hold_out(pool, reference, input, config, plan.seed)?;
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed ^ SEED_OFFSET);
    rng.set_stream(u64::MAX);
    let classes = ClassesHeldOut::new(pool.schema(), input, config, &mut rng).map_err(Error::Classes)?;
    let kits: Vec<TaskKit> = pool
        .schema()
        .tasks()
        .map(|task| TaskKit::new(pool, task, &held_out, classes.as_ref(), plan.seed))
        .collect();
    let study = Runs {
        pool,
        reference,
        held_out: &held_out,
        classes: classes.as_ref(),
        config,
        plan,
    };
    let curves: Vec<Vec<PowerCurve>> = kits
        .par_iter()
        .map(|kit| {
            let curves = Change::ALL.par_iter();
            curves.map(|&change| study.curve(kit, change, &done)).collect()
        })
        .collect();
    let names = pool
        .schema()
        .tasks()
        .map(|task| pool.schema().name(task).to_owned());
    Ok(PowerStudy {
        runs: plan.runs,
        within: plan.within,
        power: crate::curve::POWER,
        held_out: held_out
            .iter()
            .map(|h| pool.schema().name(h.task).to_owned())
            .collect(),
        tasks: names.zip(curves).collect(),
    })
}

/// Most runs that [`power_study`] makes: tasks, kinds, sizes and runs multiplied.
#[must_use]
pub fn power_runs(schema: &ModelSchema, runs: usize) -> usize {
    let sizes = |change: Change| change.sizes(TaskKind::Classification).len();
    schema.len() * Change::ALL.map(sizes).iter().sum::<usize>() * runs
}

/// The references without one task: of those with a home of their own where there are enough, else of any.
fn hold_out(
    pool: &Pool,
    reference: &Reference,
    input: &ReferenceInput,
    config: &MonitorConfig,
    seed: u64,
) -> Result<Vec<HeldOut>, Error> {
    let schema = pool.schema();
    if schema.len() < TASKS_FOR_NOVELTY {
        return Ok(Vec::new());
    }
    let enough = |task: &TaskId| pool.tasks()[task.index()].rows.len() >= FEWEST;
    let mut sources: Vec<TaskId> = reference.homes().iter().copied().filter(enough).collect();
    if sources.len() < 2 {
        sources = schema.tasks().filter(enough).collect();
    }
    sources.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ SEED_OFFSET));
    sources.truncate(SOURCES);
    sources.sort_unstable();
    // One after the other: a build keeps all threads busy by itself.
    sources
        .into_iter()
        .map(|task| HeldOut::new(task, schema, input, config))
        .collect()
}

impl TaskKit {
    fn new(
        pool: &Pool,
        task: TaskId,
        held_out: &[HeldOut],
        classes: Option<&ClassesHeldOut>,
        seed: u64,
    ) -> Self {
        let rows = &pool.tasks()[task.index()].rows;
        let losses: Vec<(usize, f64)> = rows
            .iter()
            .filter_map(|&row| pool.loss(row).map(|loss| (row, loss)))
            .collect();
        let total: f64 = losses.iter().map(|(_, loss)| loss).sum();
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ SEED_OFFSET);
        rng.set_stream(task.index() as u64);
        let others = held_out.iter().enumerate().filter(|(_, h)| h.task != task);
        Self {
            task,
            shape: Shape::new(pool, task),
            loss: total / losses.len().max(1) as f64,
            labelled: losses.into_iter().map(|(row, _)| row).collect(),
            newcomers: others
                .map(|(at, h)| {
                    let from = &pool.tasks()[h.task.index()].rows;
                    (at, Newcomers::new(pool, from, rows, &mut rng))
                })
                .collect(),
            classes: classes.map(|c| c.part(pool, task)).and_then(|(known, new)| {
                let enough = known.len() >= FEWEST && new.len() >= FEWEST;
                let new = enough.then(|| Newcomers::new(pool, &new, &known, &mut rng));
                new.map(|new| (known, new))
            }),
        }
    }

    /// Why a change cannot be tried on the task.
    fn unfit(&self, pool: &Pool, change: Change) -> Option<&'static str> {
        if pool.tasks()[self.task.index()].rows.len() < FEWEST {
            return Some("fewer than 30 quiet messages");
        }
        match change {
            Change::Novelty if self.newcomers.is_empty() => Some("no other task can be left out"),
            Change::NewClasses if self.classes.is_none() => Some("no classes can be left out"),
            Change::QualityFall if self.labelled.len() < FEWEST => Some("fewer than 30 quiet labels"),
            _ => None,
        }
    }
}

/// What all runs share.
#[derive(Clone, Copy)]
struct Runs<'a> {
    pool: &'a Pool,
    reference: &'a Arc<Reference>,
    held_out: &'a [HeldOut],
    classes: Option<&'a ClassesHeldOut>,
    config: &'a MonitorConfig,
    plan: PowerPlan,
}

impl Runs<'_> {
    fn curve(&self, kit: &TaskKit, change: Change, done: &(impl Fn() + Sync)) -> PowerCurve {
        let kind = self.pool.schema().spec(kit.task).kind;
        let not_tried = kit.unfit(self.pool, change);
        let (mut points, mut left_out) = (Vec::new(), 0);
        for size in change.sizes(kind).into_iter().rev() {
            // At the largest size nothing may be found because it looks like something else: a task of which half is new
            // is taken for damaged.
            let nothing = |p: &PowerPoint| p.found == 0;
            let nothing_found = points.last().is_some_and(nothing) && points.len() > 1;
            let endings: Vec<Ending> = (0..self.plan.runs)
                .into_par_iter()
                .filter_map(|number| {
                    let tried = not_tried.is_none() && !nothing_found;
                    let ending = tried.then(|| self.run(kit, change, size, number));
                    done();
                    ending
                })
                .collect();
            if !endings.is_empty() {
                left_out += endings.iter().filter(|e| **e == Ending::StoodBefore).count();
                points.push(point(size, &endings));
            }
        }
        points.reverse();
        PowerCurve {
            change,
            unit: unit(change, kind),
            delay_in: if change.counts_labels() {
                "labels"
            } else {
                "events"
            },
            left_out,
            sizes: change.sizes(kind).to_vec(),
            smallest: smallest(&points),
            points,
            not_tried,
        }
    }

    fn run(&self, kit: &TaskKit, change: Change, size: f64, number: usize) -> Ending {
        let rows = self.pool.tasks()[kit.task.index()].rows.as_slice();
        let (reference, rows, newcomers) = match (change, &kit.classes, self.classes) {
            (Change::NewClasses, Some((known, new)), Some(classes)) => {
                (&classes.reference, known.as_slice(), Some(new))
            }
            (Change::Novelty, ..) => match kit.newcomers.get(number % kit.newcomers.len().max(1)) {
                Some((at, newcomers)) => (&self.held_out[*at].reference, rows, Some(newcomers)),
                None => (self.reference, rows, None),
            },
            _ => (self.reference, rows, None),
        };
        // The size is no part of it: runs of one number differ in the size alone, which makes the curves smoother.
        let mut rng = ChaCha8Rng::seed_from_u64(self.plan.seed.wrapping_add(SEED_OFFSET));
        let curve = kit.task.index() * Change::ALL.len() + change as usize;
        rng.set_stream((curve * self.plan.runs + number) as u64);
        let subject = Subject {
            pool: self.pool,
            task: kit.task,
            shape: &kit.shape,
            labelled: &kit.labelled,
            loss: kit.loss,
            newcomers,
            rows,
        };
        let mut events = scene(subject, change, size, self.plan.within, &mut rng);
        let name = self.pool.schema().name(kit.task);
        let Some(task) = reference.schema().task(name) else {
            return Ending::Missed;
        };
        for event in &mut events {
            event.task = task;
        }
        judge(reference, self.config, name, change, events)
    }
}

/// Plays a scene until the change is found.
fn judge(
    reference: &Arc<Reference>,
    config: &MonitorConfig,
    task: &str,
    change: Change,
    events: Vec<Event<'_>>,
) -> Ending {
    let Some(onset_ms) = events.get(WARM_UP).map(|event| event.at_ms) else {
        return Ending::Missed;
    };
    let last_ms = events.last().map_or(onset_ms, |event| event.at_ms);
    let mut counted: Vec<i64> = events[WARM_UP..]
        .iter()
        .filter_map(|event| {
            if change.counts_labels() {
                event.label.as_ref().map(|(known_ms, _)| *known_ms)
            } else {
                Some(event.at_ms)
            }
        })
        .collect();
    counted.sort_unstable();

    let mut stands = false;
    let mut ending = Ending::Missed;
    let mut look = |line: &TimelineLine| {
        let says = match &line.task {
            Some(name) => name == task && line.verdict.is_some_and(|v| change.is_found_by(v)),
            // A shift that is called common is found all the same.
            None => line.shared_encoder && change.is_found_by(Verdict::Watch),
        };
        let at_ms = time_of(line);
        if at_ms < onset_ms {
            if line.task.is_some() {
                stands = says;
            }
        } else if stands {
            ending = Ending::StoodBefore;
            return ControlFlow::Break(());
        } else if says && (change.counts_labels() || at_ms <= last_ms) {
            ending = Ending::Found {
                delay: counted.partition_point(|&t| t <= at_ms) as u64,
                named: line.verdict.is_some_and(|v| change.is_named_by(v)),
            };
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    play(reference, config, events.into_iter(), CHUNK, |lines| {
        lines.iter().try_for_each(&mut look)
    });
    if stands && ending == Ending::Missed {
        return Ending::StoodBefore;
    }
    ending
}

fn point(size: f64, endings: &[Ending]) -> PowerPoint {
    let runs = endings.iter().filter(|e| **e != Ending::StoodBefore).count();
    let (delays, named): (Vec<u64>, Vec<bool>) = endings
        .iter()
        .filter_map(|ending| match *ending {
            Ending::Found { delay, named } => Some((delay, named)),
            Ending::StoodBefore | Ending::Missed => None,
        })
        .unzip();
    PowerPoint {
        size,
        runs,
        found: delays.len(),
        named: named.into_iter().filter(|&named| named).count(),
        share: delays.len() as f64 / runs.max(1) as f64,
        median_delay: median(delays),
    }
}

fn unit(change: Change, kind: TaskKind) -> &'static str {
    match (change, kind) {
        (Change::Shift, _) => "standard deviations",
        (Change::Damage | Change::Novelty | Change::NewClasses, _) => "share of messages",
        (Change::QualityFall, TaskKind::Classification) => "fall of accuracy",
        (Change::QualityFall, TaskKind::SequenceLabelling) => "fall of exact sequences",
        (Change::QualityFall, TaskKind::Regression) => "relative growth of error",
    }
}
