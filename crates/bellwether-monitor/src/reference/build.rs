//! From labelled observations to a reference.

use super::manifest::{FORMAT_VERSION, ReferenceManifest, ReferenceQuality, ReferenceRows};
use super::slices;
use super::task::{distinct, distinct_rows};
use super::text_form::Form;
use super::{NEIGHBOURS, Reference, ReferenceError, self_play, unit_rows};
use crate::config::MonitorConfig;
use crate::outcome::{Outcome, TagIndex, facts, parse_number};
use crate::quality::{Facts, MeasuredReference, StoredProbabilities, measure_reference};
use bellwether_events::{ModelSchema, ObservationBatch, Prediction, TaskId, TaskKind};
use bellwether_stats::{NearestSimilarity, SpanCounts, Trigrams};
use half::f16;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::Range;

/// Builds a reference from observations and their labels, `labels[row]` for each row.
///
/// Deterministic: rows are ordered by (task, timestamp, `event_id`), so the input's order does not matter.
/// O(n² · dim) for the similarities of all rows to all tasks.
///
/// # Errors
/// [`ReferenceError`] when a task has too few rows or a number cannot be read.
pub fn build(
    schema: &ModelSchema,
    observations: &ObservationBatch,
    labels: &[String],
    encoder_version: Option<String>,
) -> Result<(ReferenceManifest, ReferenceRows), ReferenceError> {
    let mut order: Vec<usize> = (0..observations.len()).collect();
    let key = |row: usize| {
        (
            observations.tasks()[row],
            observations.timestamps_ms()[row],
            observations.event_id(row),
        )
    };
    order.sort_by(|&a, &b| key(a).cmp(&key(b)));

    let trigrams = Trigrams::fit(order.iter().filter_map(|&row| observations.text(row)));
    let mut rows = ReferenceRows::default();
    let mut tally: Vec<QualityTally> = vec![QualityTally::default(); schema.len()];
    let mut labelled: Vec<Vec<Facts>> = vec![Vec::new(); schema.len()];
    let tag_indices: Vec<TagIndex> = schema.tasks().map(|t| TagIndex::new(schema.spec(t))).collect();
    for &row in &order {
        let task = observations.tasks()[row];
        let label = &labels[row];
        if schema.spec(task).kind == TaskKind::Regression && parse_number(label).is_none() {
            return Err(ReferenceError::NotANumber {
                task: schema.name(task).to_owned(),
                label: label.clone(),
                event_id: observations.event_id(row).to_owned(),
            });
        }
        let facts = facts_of(schema, observations, row, &tag_indices, label);
        let outcome = facts.as_ref().map_or(Outcome::Unreadable, Facts::outcome);
        labelled[task.index()].extend(facts);
        tally[task.index()].add(&outcome);
        rows.task.push(task);
        rows.embedding.extend(unit_f16(observations.embedding(row)));
        rows.class.push(match observations.prediction(row) {
            Prediction::Class(class) => class,
            _ => 0,
        });
        rows.truth
            .push(schema.label_index(task, label).unwrap_or(u32::MAX));
        rows.confidence.push(observations.confidences()[row]);
        rows.loss.push(outcome.loss());
        let form = Form::of_own(observations.text(row), &trigrams);
        rows.surprise.push(form.surprise);
        rows.text_length.push(form.length);
        rows.timestamp_ms.push(observations.timestamps_ms()[row]);
        rows.event_id.push(observations.event_id(row).to_owned());
    }
    let ranges = super::task_ranges(&rows, schema)?;
    let dim = schema.dim();
    let unit = unit_rows(&rows, dim);

    let (similarities, own_similarity) = all_similarities(&unit, &ranges, dim);
    rows.own_similarity = own_similarity;

    let own_nearest_ratio = schema
        .tasks()
        .map(|t| {
            (
                schema.name(t).to_owned(),
                own_nearest(&similarities, schema.len(), &ranges[t.index()], t),
            )
        })
        .collect();
    let quality = schema
        .tasks()
        .map(|t| {
            (
                schema.name(t).to_owned(),
                tally[t.index()].finish(schema.spec(t).kind),
            )
        })
        .collect();
    let times = || order.iter().map(|&row| observations.timestamps_ms()[row]);
    let mut manifest = ReferenceManifest {
        format_version: FORMAT_VERSION,
        id: identity(schema, &rows),
        dim,
        encoder_version,
        model_version: common_version(observations),
        from_ms: times().min().unwrap_or(0),
        to_ms: times().max().unwrap_or(0),
        tasks: schema
            .tasks()
            .map(|t| (schema.name(t).to_owned(), schema.spec(t).clone()))
            .collect::<BTreeMap<_, _>>(),
        quality,
        measured: measure(schema, &labelled),
        own_nearest_ratio,
        coupling: super::coupling::coupling(&similarities, schema, &ranges),
        alien_similarity: alien_similarity(&similarities, &rows.task, schema.len()),
        trigrams: trigrams.counts().collect(),
        encoder: None,
        self_play: self_play::untrained(),
        slices: BTreeMap::new(),
    };
    let reference = Reference::assemble(manifest.clone(), &rows, &MonitorConfig::default())?;
    manifest.self_play = self_play::train(&reference, &rows, &unit, &similarities, &ranges);
    manifest.slices = slices::of(&reference, &rows, &ranges, |row| {
        observations.attributes(order[row])
    });
    Ok((manifest, rows))
}

/// The version that every row names.
fn common_version(observations: &ObservationBatch) -> Option<String> {
    match observations.model_versions() {
        [one] if (0..observations.len()).all(|row| observations.model_version(row).is_some()) => {
            Some(one.to_string())
        }
        _ => None,
    }
}

fn facts_of(
    schema: &ModelSchema,
    observations: &ObservationBatch,
    row: usize,
    tags: &[TagIndex],
    label: &str,
) -> Option<Facts> {
    let task = observations.tasks()[row];
    let probabilities = StoredProbabilities::new(observations.class_probabilities(row), usize::MAX);
    let (prediction, confidence) = (observations.prediction(row), observations.confidences()[row]);
    facts(
        schema,
        task,
        &tags[task.index()],
        prediction,
        label,
        confidence,
        probabilities,
    )
}

fn measure(schema: &ModelSchema, labelled: &[Vec<Facts>]) -> BTreeMap<String, MeasuredReference> {
    let of_task = |t: TaskId| {
        let spec = schema.spec(t);
        measure_reference(spec.kind, spec.labels.len(), &labelled[t.index()])
    };
    schema
        .tasks()
        .map(|t| (schema.name(t).to_owned(), of_task(t)))
        .collect()
}

/// Similarity of each row to each task, `[rows, tasks]`, and to its own as the stream's rows are searched, `[rows]`.
fn all_similarities(unit: &[f32], ranges: &[Range<usize>], dim: usize) -> (Vec<f32>, Vec<f32>) {
    let rows = unit.len() / dim;
    let mut similarities = vec![0.0_f32; rows * ranges.len()];
    let (mut column, mut own) = (vec![0.0; rows], vec![0.0; rows]);
    for (t, range) in ranges.iter().enumerate() {
        let of_task = &unit[range.start * dim..range.end * dim];
        let nearest = NearestSimilarity::new(
            &distinct_rows(of_task, &distinct(of_task, dim), dim),
            dim,
            NEIGHBOURS,
        );
        nearest.query_fully(unit, &mut column);
        nearest.query(of_task, &mut own[range.clone()]);
        for (row, &s) in column.iter().enumerate() {
            similarities[row * ranges.len() + t] = s;
        }
    }
    (similarities, own)
}

fn unit_f16(embedding: &[f32]) -> impl Iterator<Item = f16> + '_ {
    let norm = embedding
        .iter()
        .map(|&x| f64::from(x) * f64::from(x))
        .sum::<f64>()
        .sqrt()
        .max(1e-9);
    embedding.iter().map(move |&x| f16::from_f64(f64::from(x) / norm))
}

fn own_nearest(similarities: &[f32], tasks: usize, range: &Range<usize>, task: TaskId) -> f64 {
    let own = range
        .clone()
        .filter(|row| {
            let row = &similarities[row * tasks..(row + 1) * tasks];
            row.iter()
                .enumerate()
                .all(|(t, &s)| t == task.index() || s < row[task.index()])
        })
        .count();
    own as f64 / range.len() as f64
}

/// The lowest hundredth of the similarities to the nearest other task; −1 with a single task.
fn alien_similarity(similarities: &[f32], task: &[TaskId], tasks: usize) -> f64 {
    let mut best: Vec<f32> = similarities
        .chunks_exact(tasks)
        .zip(task)
        .map(|(row, own)| {
            let others = row.iter().enumerate().filter(|(t, _)| *t != own.index());
            others.map(|(_, &s)| s).fold(-1.0, f32::max)
        })
        .collect();
    best.sort_unstable_by(f32::total_cmp);
    best.get(best.len() / 100).map_or(-1.0, |&s| f64::from(s))
}

/// A content hash, so that two builds of one input are one reference.
fn identity(schema: &ModelSchema, rows: &ReferenceRows) -> String {
    let mut hash = twox_hash::XxHash64::with_seed(u64::from(FORMAT_VERSION));
    for task in schema.tasks() {
        hash.write(schema.name(task).as_bytes());
        for label in &schema.spec(task).labels {
            hash.write(label.as_bytes());
            hash.write_u8(0);
        }
    }
    for row in 0..rows.len() {
        hash.write_u16(rows.task[row].0);
        hash.write_u32(rows.class[row]);
        hash.write_u32(rows.truth[row]);
        hash.write_u32(rows.confidence[row].to_bits());
        hash.write_u64(rows.loss[row].to_bits());
        hash.write_u32(rows.surprise[row].to_bits());
        hash.write_u32(rows.text_length[row].to_bits());
        // The seasons of the class mix are learnt from it.
        hash.write_i64(rows.timestamp_ms[row]);
    }
    for x in &rows.embedding {
        hash.write_u16(x.to_bits());
    }
    format!("{:016x}", hash.finish())
}

#[derive(Debug, Clone, Default)]
struct QualityTally {
    size: usize,
    total_loss: f64,
    spans: SpanCounts,
}

impl QualityTally {
    fn add(&mut self, outcome: &Outcome) {
        self.size += 1;
        self.total_loss += outcome.loss();
        if let Outcome::Tags { spans, .. } = outcome {
            self.spans = self.spans.merge(*spans);
        }
    }

    fn finish(&self, kind: TaskKind) -> ReferenceQuality {
        let mean_loss = self.total_loss / self.size as f64;
        let (metric, value) = match kind {
            TaskKind::Classification => ("accuracy", 1.0 - mean_loss),
            TaskKind::SequenceLabelling => ("span_f1", self.spans.f1()),
            TaskKind::Regression => ("mae", mean_loss),
        };
        ReferenceQuality {
            metric: metric.to_owned(),
            value,
            size: self.size,
        }
    }
}
