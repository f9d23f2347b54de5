//! Figures that tell whether the data is fit to show what it is meant to show; `docs/demo-data.md` quotes them.

use super::Answered;
use super::story::Cause;
use super::tasks::{Kind, Task};
use super::widen;
use ndarray::{Array1, Array2, ArrayView1, Axis};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Neighbours whose mean cosine says how ordinary a text is.
const NEIGHBOURS: usize = 5;
const FAR: f64 = 0.05;

/// What one group of events looks like beside its task's reference.
#[derive(Debug)]
struct Group {
    task: &'static str,
    name: String,
    events: usize,
    /// Share of right answers; for tags, the F1 of the spans.
    quality: f64,
    confidence: f64,
    /// Share of the events whose conformal p-value of novelty is below .05, and below .5.
    far: f64,
    below_half: f64,
}

/// All figures.
#[derive(Debug)]
pub(super) struct Report {
    groups: Vec<Group>,
    shared_cosine: f64,
}

struct Reference {
    embeddings: Array2<f32>,
    /// Leave-one-out scores, ascending.
    scores: Vec<f32>,
    /// Mean embedding of each predicted class.
    means: BTreeMap<String, Array1<f32>>,
}

impl Report {
    pub(super) fn new(tasks: &[Task], reference: &[Answered], stream: &[Answered]) -> Self {
        let mut groups = Vec::new();
        let mut shifts = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            let of: Vec<&Answered> = reference.iter().filter(|r| r.example.task == index).collect();
            let known = Reference::new(&of);
            groups.push(Group::new(task, "reference".to_owned(), &of, None));
            let events: Vec<&Answered> = stream.iter().filter(|r| r.example.task == index).collect();
            let mut causes: Vec<Cause> = events.iter().map(|e| e.example.cause).collect();
            causes.sort_unstable();
            causes.dedup();
            for cause in causes {
                let of: Vec<&Answered> = events
                    .iter()
                    .copied()
                    .filter(|e| e.example.cause == cause)
                    .collect();
                if cause == Cause::Preprocessor {
                    shifts.push(known.shift(&of));
                }
                groups.push(Group::new(task, cause.as_str().to_owned(), &of, Some(&known)));
            }
        }
        Self {
            groups,
            shared_cosine: median_cosine(&shifts),
        }
    }
}

impl Group {
    fn new(task: &Task, name: String, of: &[&Answered], known: Option<&Reference>) -> Self {
        let n = of.len() as f64;
        let confidence = |row: &Answered| -> f64 {
            let tokens = row.prediction.split(' ').count();
            let labels = row.probabilities.len() / tokens;
            row.probabilities
                .chunks(labels)
                .map(|p| f64::from(p.iter().copied().fold(0.0, f32::max)))
                .product()
        };
        let quality = match task.kind {
            Kind::Classification => of.iter().filter(|row| row.correct()).count() as f64 / n,
            Kind::SequenceLabelling => span_f1(of),
        };
        let p: Vec<f64> = known.map_or_else(Vec::new, |known| {
            of.iter().map(|row| known.p_value(row)).collect()
        });
        let share = |limit: f64| p.iter().filter(|&&p| p < limit).count() as f64 / p.len() as f64;
        Self {
            task: task.name,
            name,
            events: of.len(),
            quality,
            confidence: of.iter().map(|row| confidence(row)).sum::<f64>() / n,
            far: share(FAR),
            below_half: share(0.5),
        }
    }
}

impl Reference {
    fn new(rows: &[&Answered]) -> Self {
        let embeddings = stack(rows);
        let cosines = embeddings.dot(&embeddings.t());
        let mut scores: Vec<f32> = cosines
            .rows()
            .into_iter()
            .enumerate()
            .map(|(i, row)| nearest(&row, Some(i)))
            .collect();
        scores.sort_by(f32::total_cmp);
        let mut classes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            classes.entry(class_of(row)).or_default().push(i);
        }
        let means = classes
            .into_iter()
            .filter_map(|(class, of)| Some((class, embeddings.select(Axis(0), &of).mean_axis(Axis(0))?)))
            .collect();
        Self {
            embeddings,
            scores,
            means,
        }
    }

    /// Share of the reference at least as far from its neighbours as this event.
    fn p_value(&self, row: &Answered) -> f64 {
        let cosines = self.embeddings.dot(&Array1::from(widen(&row.embedding)));
        let score = nearest(&cosines.view(), None);
        let lower = self.scores.partition_point(|&s| s <= score);
        (1 + lower) as f64 / (1 + self.scores.len()) as f64
    }

    /// Mean residual of the events from the means of their predicted classes.
    fn shift(&self, rows: &[&Answered]) -> Array1<f32> {
        let mut sum = Array1::<f32>::zeros(self.embeddings.ncols());
        for row in rows {
            sum += &Array1::from(widen(&row.embedding));
            if let Some(mean) = self.means.get(&class_of(row)) {
                sum -= mean;
            }
        }
        sum
    }
}

/// Harmonic mean of precision and recall over exact spans.
fn span_f1(rows: &[&Answered]) -> f64 {
    let (mut right, mut said, mut true_) = (0_usize, 0_usize, 0_usize);
    for row in rows {
        let (predicted, truth) = (spans(&row.prediction), spans(&row.example.label));
        right += predicted.intersection(&truth).count();
        said += predicted.len();
        true_ += truth.len();
    }
    2.0 * right as f64 / (said + true_) as f64
}

/// First word, end and name of each span; an `I-` that continues nothing opens a span.
fn spans(tags: &str) -> BTreeSet<(usize, usize, &str)> {
    let mut out = BTreeSet::new();
    let mut open: Option<(usize, &str)> = None;
    let words: Vec<&str> = tags.split(' ').collect();
    for (i, tag) in words.iter().copied().chain(["O"]).enumerate() {
        let (prefix, name) = tag.split_once('-').unwrap_or(("O", ""));
        if let Some((from, of)) = open
            && (prefix != "I" || name != of)
        {
            out.insert((from, i, of));
            open = None;
        }
        if prefix != "O" && open.is_none() {
            open = Some((i, name));
        }
    }
    out
}

/// The predicted class; tag sequences are all one class.
fn class_of(row: &Answered) -> String {
    if row.prediction.contains(' ') {
        String::new()
    } else {
        row.prediction.clone()
    }
}

fn stack(rows: &[&Answered]) -> Array2<f32> {
    let width = rows.first().map_or(0, |row| row.embedding.len());
    let mut out = Array2::zeros((rows.len(), width));
    for (mut target, row) in out.rows_mut().into_iter().zip(rows) {
        target.assign(&Array1::from(widen(&row.embedding)));
    }
    out
}

fn nearest(cosines: &ArrayView1<'_, f32>, except: Option<usize>) -> f32 {
    let mut values: Vec<f32> = cosines
        .iter()
        .enumerate()
        .filter(|(i, _)| Some(*i) != except)
        .map(|(_, &c)| c)
        .collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values.truncate(NEIGHBOURS);
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

fn median_cosine(shifts: &[Array1<f32>]) -> f64 {
    let norm = |v: &Array1<f32>| v.dot(v).sqrt();
    let mut cosines: Vec<f32> = (0..shifts.len())
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| shifts[i].dot(&shifts[j]) / (norm(&shifts[i]) * norm(&shifts[j])))
        .collect();
    cosines.sort_by(f32::total_cmp);
    match cosines.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => f64::from(cosines[n / 2]),
        n => f64::from(cosines[n / 2 - 1] + cosines[n / 2]) / 2.0,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| task | events | rows | quality | confidence | p < .05 | p < .5 |"
        )?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: |")?;
        let share = |v: f64| {
            if v.is_nan() {
                String::new()
            } else {
                format!("{v:.3}")
            }
        };
        for g in &self.groups {
            writeln!(
                f,
                "| {} | {} | {} | {:.3} | {:.3} | {} | {} |",
                g.task,
                g.name,
                g.events,
                g.quality,
                g.confidence,
                share(g.far),
                share(g.below_half)
            )?;
        }
        writeln!(
            f,
            "\nmedian pairwise cosine of the tasks' mean residuals under the preprocessor fault: {:.2}",
            self.shared_cosine
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_from_tags() {
        assert_eq!(spans("O B-date I-date O"), BTreeSet::from([(1, 3, "date")]));
        assert_eq!(
            spans("B-date B-date I-item"),
            BTreeSet::from([(0, 1, "date"), (1, 2, "date"), (2, 3, "item")])
        );
        assert!(spans("O O").is_empty());
    }

    #[test]
    fn the_median_cosine_of_parallel_shifts_is_one() {
        let v = |a: f32, b: f32| Array1::from(vec![a, b]);
        assert!((median_cosine(&[v(1.0, 1.0), v(2.0, 2.0), v(3.0, 3.0)]) - 1.0).abs() < 1e-6);
        assert!(median_cosine(&[v(1.0, 0.0), v(0.0, 1.0)]).abs() < 1e-6);
        assert!(median_cosine(&[]).is_nan());
    }
}
