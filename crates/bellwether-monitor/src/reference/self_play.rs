//! The reference plays its own novelty, so that the two scores over novel groups need no threshold set by hand.
//!
//! *Affinity*, new classes (0) against a new task (1): classes held out of a task, against classes of another task whose
//! own reference is taken away. *Coherence*, one thing (1) against scatter (0): both of those, against single rows of
//! many classes whose own class is taken away. Each group is mixed with the task's own far tail, as a detector finds it.

use super::manifest::{ReferenceRows, Score, SelfPlay};
use super::{NEIGHBOURS, Reference};
use crate::group::{Centre, Group};
use bellwether_events::{TaskId, TaskKind};
use bellwether_stats::{IDENTICAL_COSINE, LogisticModel, Standardiser, pairwise_cosines};
use rand::Rng;
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom, index};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

const SEED: u64 = 0;
/// Rounds a task for each of: held-out classes, scatter. Enough that the scores hardly depend on the seed.
const ROUNDS: usize = 64;
/// Rounds for each pair of tasks.
const PAIR_ROUNDS: usize = 10;
/// Sizes of a group, from a detector's minimum to nearly its maximum.
const SIZES: Range<usize> = 12..70;
/// Share of the held-out rows that are far enough to be noticed.
const NOTICED_OWN: f64 = 0.7;
/// The same for rows of another task.
const NOTICED_OTHER: f64 = 0.8;
/// Share of a task's own rows that make its far tail.
const TAIL: f64 = 0.05;
/// Fewest rows left to a task after holding classes out.
const MIN_REST: usize = 30;

/// Scores that decide nothing: log-odds zero.
pub(super) fn untrained() -> SelfPlay {
    let score = || Score {
        mean: Vec::new(),
        scale: Vec::new(),
        weights: vec![0.0],
        training_accuracy: None,
    };
    SelfPlay {
        affinity: score(),
        coherence: score(),
        class_cosine: 0.0,
    }
}

/// Trains both scores. `similarities` is `[rows, tasks]`.
pub(super) fn train(
    reference: &Reference,
    rows: &ReferenceRows,
    unit: &[f32],
    similarities: &[f32],
    ranges: &[Range<usize>],
) -> SelfPlay {
    let classifiers: Vec<Classifier> = reference
        .schema()
        .tasks()
        .filter(|&t| reference.task(t).kind == TaskKind::Classification)
        .map(|t| Classifier::new(t, rows, unit, similarities, ranges[t.index()].clone(), reference))
        .collect();
    let mut play = Play {
        class_cosine: class_cosine(&classifiers, rows),
        reference,
        rows,
        unit,
        similarities,
        classifiers,
        rng: ChaCha8Rng::seed_from_u64(SEED),
        affinity: Vec::new(),
        coherence: Vec::new(),
    };
    for at in 0..play.classifiers.len() {
        for _ in 0..ROUNDS {
            play.hold_classes_out(at);
        }
        for other in (0..play.classifiers.len()).filter(|&o| o != at) {
            for _ in 0..PAIR_ROUNDS {
                play.hide_a_task(at, other);
            }
        }
        for _ in 0..ROUNDS {
            play.scatter(at);
        }
    }
    let tasks = reference.schema().len();
    SelfPlay {
        class_cosine: play.class_cosine,
        affinity: fit(&play.affinity, tasks),
        coherence: fit(&play.coherence, 0),
    }
}

/// Halfway between the mean cosine of two rows of one class and that of two classes of one task; 0 without such pairs.
fn class_cosine(classifiers: &[Classifier], rows: &ReferenceRows) -> f64 {
    let (mut same, mut different) = ((0.0, 0.0), (0.0, 0.0));
    for classifier in classifiers {
        let n = classifier.rows.len();
        for i in 0..n {
            for j in 0..i {
                let cosine = f64::from(classifier.cosines[i * n + j]);
                // Repeats of a text are marked by −1 and say nothing about its class.
                if cosine > -1.0 {
                    let truths = [i, j].map(|at| rows.truth[classifier.rows[at]]);
                    let pairs = if truths[0] == truths[1] {
                        &mut same
                    } else {
                        &mut different
                    };
                    *pairs = (pairs.0 + cosine, pairs.1 + 1.0);
                }
            }
        }
    }
    if same.1 > 0.0 && different.1 > 0.0 {
        f64::midpoint(same.0 / same.1, different.0 / different.1)
    } else {
        0.0
    }
}

/// One example: features, the task it was played for, and the answer.
type Example<const K: usize> = ([f64; K], TaskId, bool);

/// Indicators of tasks are this large instead of one, which makes their penalty twenty times that of the features: which
/// classes were held out of a task says little about those that will come.
const TASK_INDICATOR: f64 = 0.223_607;

fn fit<const K: usize>(examples: &[Example<K>], task_weights: usize) -> Score {
    let features: Vec<Vec<f64>> = examples.iter().map(|(f, _, _)| f.to_vec()).collect();
    let Ok(standard) = Standardiser::fit(&features) else {
        return untrained().affinity;
    };
    let design: Vec<Vec<f64>> = examples
        .iter()
        .map(|(f, task, _)| {
            let mut row = vec![1.0];
            standard.apply(f, &mut row);
            row.extend((0..task_weights).map(|t| if t == task.index() { TASK_INDICATOR } else { 0.0 }));
            row
        })
        .collect();
    let answers: Vec<bool> = examples.iter().map(|e| e.2).collect();
    match LogisticModel::fit(&design, &answers) {
        Ok(model) => Score {
            weights: in_units_of_one(model.weights, standard.mean.len()),
            mean: standard.mean,
            scale: standard.scale,
            training_accuracy: Some(model.training_accuracy).filter(|a| a.is_finite()),
        },
        Err(_) => untrained().affinity,
    }
}

/// Weights of indicators that are one.
fn in_units_of_one(mut weights: Vec<f64>, features: usize) -> Vec<f64> {
    for weight in weights.iter_mut().skip(1 + features) {
        *weight *= TASK_INDICATOR;
    }
    weights
}

/// A classification task as self-play sees it; rows are indices into the reference.
struct Classifier {
    task: TaskId,
    rows: Vec<usize>,
    /// Cosines of its rows with each other, identical ones at −1, `[rows, rows]`.
    cosines: Vec<f32>,
    /// Its far tail.
    tail: Vec<usize>,
    /// A row's similarity to its task without its own class, `[rows]`.
    without_class: Vec<f32>,
    classes: Vec<u32>,
}

impl Classifier {
    fn new(
        task: TaskId,
        rows: &ReferenceRows,
        unit: &[f32],
        similarities: &[f32],
        range: Range<usize>,
        reference: &Reference,
    ) -> Self {
        let (dim, tasks) = (reference.schema().dim(), reference.schema().len());
        let mut cosines = pairwise_cosines(&unit[range.start * dim..range.end * dim], dim);
        for c in &mut cosines {
            if *c > IDENTICAL_COSINE {
                *c = -1.0;
            }
        }
        let own: Vec<f32> = range
            .clone()
            .map(|r| similarities[r * tasks + task.index()])
            .collect();
        let cut = quantile(&own, TAIL);
        let tail = range
            .clone()
            .zip(&own)
            .filter(|(_, s)| **s <= cut)
            .map(|(r, _)| r)
            .collect();
        let n = range.len();
        let truth = &rows.truth[range.clone()];
        let without_class = (0..n)
            .map(|i| {
                top_mean(
                    cosines[i * n..(i + 1) * n]
                        .iter()
                        .zip(truth)
                        .filter(|(_, t)| **t != truth[i])
                        .map(|(c, _)| *c),
                )
            })
            .collect();
        let mut classes: Vec<u32> = truth.iter().copied().filter(|&t| t != u32::MAX).collect();
        classes.sort_unstable();
        classes.dedup();
        Self {
            task,
            rows: range.collect(),
            cosines,
            tail,
            without_class,
            classes,
        }
    }
}

struct Play<'a> {
    reference: &'a Reference,
    rows: &'a ReferenceRows,
    unit: &'a [f32],
    similarities: &'a [f32],
    classifiers: Vec<Classifier>,
    rng: ChaCha8Rng,
    class_cosine: f64,
    affinity: Vec<Example<5>>,
    coherence: Vec<Example<3>>,
}

/// Rows of a group being composed, each with its similarities to every task.
#[derive(Default)]
struct Composed {
    unit: Vec<f32>,
    similarities: Vec<f32>,
}

impl Play<'_> {
    fn dim(&self) -> usize {
        self.reference.schema().dim()
    }

    fn tasks(&self) -> usize {
        self.reference.schema().len()
    }

    fn take(&self, into: &mut Composed, row: usize, replaced: Option<(TaskId, f32)>) {
        let (dim, tasks) = (self.dim(), self.tasks());
        into.unit
            .extend_from_slice(&self.unit[row * dim..(row + 1) * dim]);
        let at = into.similarities.len();
        into.similarities
            .extend_from_slice(&self.similarities[row * tasks..(row + 1) * tasks]);
        if let Some((task, similarity)) = replaced {
            into.similarities[at + task.index()] = similarity;
        }
    }

    /// Adds rows of the task's own far tail, as a detector would find them among the novel ones.
    fn contaminate(&mut self, into: &mut Composed, at: usize, share: f64) {
        let size = into.unit.len() / self.dim();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of at most 70 rows"
        )]
        let extra = (size as f64 * share) as usize;
        let rng = &mut self.rng;
        let rows: Vec<usize> = (0..extra)
            .filter_map(|_| self.classifiers[at].tail.choose(rng).copied())
            .collect();
        for row in rows {
            self.take(into, row, None);
        }
    }

    fn group_size(&mut self, available: usize) -> usize {
        self.rng.random_range(SIZES).min(available)
    }

    /// New classes: some classes of a task are taken for unseen.
    fn hold_classes_out(&mut self, at: usize) {
        let classifier = &self.classifiers[at];
        if classifier.classes.len() < 2 {
            return;
        }
        let how_many = self.rng.random_range(2..5).min(classifier.classes.len() - 1);
        let held: Vec<u32> = classifier
            .classes
            .choose_multiple(&mut self.rng, how_many)
            .copied()
            .collect();
        let n = classifier.rows.len();
        let (out, rest): (Vec<usize>, Vec<usize>) =
            (0..n).partition(|&i| held.contains(&self.rows.truth[classifier.rows[i]]));
        if out.len() < SIZES.start || rest.len() < MIN_REST {
            return;
        }
        let own: Vec<f32> = out
            .iter()
            .map(|&i| top_mean(rest.iter().map(|&j| classifier.cosines[i * n + j])))
            .collect();
        let cut = quantile(&own, NOTICED_OWN);
        let mut noticed: Vec<(usize, f32)> = out.into_iter().zip(own).filter(|(_, s)| *s <= cut).collect();
        let centre = Centre::of(rest.iter().map(|&i| self.row(classifier.rows[i])), self.dim());
        let (task, rows) = (classifier.task, classifier.rows.clone());
        let size = self.group_size(noticed.len());
        noticed.shuffle(&mut self.rng);
        let mut group = Composed::default();
        for &(i, similarity) in &noticed[..size] {
            self.take(&mut group, rows[i], Some((task, similarity)));
        }
        let share = self.rng.random_range(0.15..0.5);
        self.contaminate(&mut group, at, share);
        self.learn(&group, task, None, Some(&centre), false);
    }

    /// A new task: classes of another task, whose own reference is taken away.
    fn hide_a_task(&mut self, at: usize, other: usize) {
        let (task, hidden) = (self.classifiers[at].task, self.classifiers[other].task);
        let classes = self.classifiers[other].classes.clone();
        let how_many = self.rng.random_range(3..16).min(classes.len());
        let chosen: Vec<u32> = classes
            .choose_multiple(&mut self.rng, how_many)
            .copied()
            .collect();
        let candidates: Vec<usize> = self.classifiers[other]
            .rows
            .iter()
            .copied()
            .filter(|&r| chosen.contains(&self.rows.truth[r]))
            .collect();
        let own: Vec<f32> = candidates
            .iter()
            .map(|&r| self.similarities[r * self.tasks() + task.index()])
            .collect();
        if own.is_empty() {
            return;
        }
        let cut = quantile(&own, NOTICED_OTHER);
        let mut noticed: Vec<usize> = candidates
            .into_iter()
            .zip(own)
            .filter(|(_, s)| *s <= cut)
            .map(|(r, _)| r)
            .collect();
        let size = self.group_size(noticed.len());
        noticed.shuffle(&mut self.rng);
        let mut group = Composed::default();
        for &row in &noticed[..size] {
            self.take(&mut group, row, Some((hidden, -1.0)));
        }
        let share = self.rng.random_range(0.15..0.5);
        self.contaminate(&mut group, at, share);
        self.learn(&group, task, Some(hidden), None, true);
    }

    /// Scatter: one row of each class of every other task, none of which its own task knows.
    fn scatter(&mut self, at: usize) {
        let mut picked: Vec<(usize, TaskId, f32)> = Vec::new();
        for other in (0..self.classifiers.len()).filter(|&o| o != at) {
            let classifier = &self.classifiers[other];
            for &class in &classifier.classes {
                let of_class: Vec<usize> = (0..classifier.rows.len())
                    .filter(|&i| self.rows.truth[classifier.rows[i]] == class)
                    .collect();
                if let Some(&i) = of_class.choose(&mut self.rng) {
                    picked.push((classifier.rows[i], classifier.task, classifier.without_class[i]));
                }
            }
        }
        let size = self.group_size(picked.len());
        let mut group = Composed::default();
        for i in index::sample(&mut self.rng, picked.len(), size) {
            let (row, task, similarity) = picked[i];
            self.take(&mut group, row, Some((task, similarity)));
        }
        let share = self.rng.random_range(0.3..1.2);
        self.contaminate(&mut group, at, share);
        if group.unit.is_empty() {
            return;
        }
        let features = self.view(&group).coherence_features(self.reference.homes());
        self.coherence.push((features, self.classifiers[at].task, false));
    }

    fn learn(
        &mut self,
        composed: &Composed,
        task: TaskId,
        hidden: Option<TaskId>,
        centre: Option<&Centre>,
        is_new_task: bool,
    ) {
        let group = self.view(composed);
        let others: Vec<TaskId> = self
            .reference
            .homes()
            .iter()
            .copied()
            .filter(|&t| t != task && Some(t) != hidden)
            .collect();
        let centres: Vec<&Centre> = others.iter().map(|&t| &self.reference.task(t).centre).collect();
        let centre = centre.unwrap_or(&self.reference.task(task).centre);
        let affinity = group.affinity_features(task, &others, centre, &centres, self.class_cosine);
        let coherence = group.coherence_features(self.reference.homes());
        self.affinity.push((affinity, task, is_new_task));
        self.coherence.push((coherence, task, true));
    }

    fn view<'b>(&self, composed: &'b Composed) -> Group<'b> {
        Group {
            unit: &composed.unit,
            similarities: &composed.similarities,
            tasks: self.tasks(),
            dim: self.dim(),
        }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.unit[row * self.dim()..(row + 1) * self.dim()]
    }
}

/// Mean of the nearest cosines.
fn top_mean(cosines: impl Iterator<Item = f32>) -> f32 {
    let mut all: Vec<f32> = cosines.collect();
    all.sort_by(|a, b| b.total_cmp(a));
    all.resize(all.len().max(NEIGHBOURS), -1.0);
    all[..NEIGHBOURS].iter().sum::<f32>() / NEIGHBOURS as f32
}

/// The value at or below which a share `q` lies, by linear interpolation (numpy's default).
fn quantile(values: &[f32], q: f64) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = q * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index within the slice"
    )]
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    #[expect(clippy::cast_possible_truncation, reason = "a weight in [0, 1]")]
    let weight = (at - low as f64) as f32;
    sorted[low] + (sorted[high] - sorted[low]) * weight
}
