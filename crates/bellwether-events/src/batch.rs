//! Validated batches: columns side by side, embeddings as one contiguous slice.

use crate::attributes::{Attribute, Attributes};
use crate::encoder::{EncoderEvent, SpotCheck};
use crate::floats::Floats;
use crate::schema::{ModelSchema, TaskId, TaskKind};
use crate::versions::Versions;
use arrow::array::{Array, StringArray, StringBuilder};

/// What a head said about one observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prediction<'a> {
    /// Index of the class in the task's labels.
    Class(u32),
    /// Space-separated tags.
    Tags(&'a str),
    /// A number.
    Value(f64),
}

/// One observation on its way into a batch; every field already checked against the schema.
#[derive(Debug, Clone, Copy)]
pub struct ObservationRow<'a> {
    /// Unique within the stream.
    pub event_id: &'a str,
    /// The task whose head was asked.
    pub task: TaskId,
    /// When the prediction was made, in milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// The input's text, if it was sent.
    pub text: Option<&'a str>,
    /// The shared encoder's embedding, `[dim]`, finite.
    pub embedding: &'a [f32],
    /// What the head said.
    pub prediction: Prediction<'a>,
    /// Classification: `[labels]`. Sequence labelling: `[tokens × labels]`, row by row. Regression or unknown: empty.
    pub probabilities: &'a [f32],
    /// Names and values that cut the traffic into slices; empty without.
    pub attributes: &'a [Attribute<'a>],
    /// Version of the model that predicted, if it was sent.
    pub model_version: Option<&'a str>,
}

/// Observations in columns. Embeddings are `[len, dim]`, row-major, as they arrived (not normalised).
#[derive(Debug, Clone)]
pub struct ObservationBatch {
    dim: usize,
    event_id: StringArray,
    task: Vec<TaskId>,
    timestamp_ms: Vec<i64>,
    text: StringArray,
    embeddings: Vec<f32>,
    class: Vec<u32>,
    value: Vec<f64>,
    tags: StringArray,
    confidence: Vec<f32>,
    /// Of the classifications, one after the other.
    probabilities: Vec<f32>,
    /// Where each row's probabilities end, `[len]`.
    probability_ends: Vec<usize>,
    attributes: Attributes,
    versions: Versions,
    /// Rows whose embedding is still zeros.
    unembedded: Vec<usize>,
    encoder_events: Vec<EncoderEvent>,
    spot_checks: Vec<SpotCheck>,
}

impl ObservationBatch {
    /// What it takes in memory, near enough for a bound; its embeddings aside.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        /// Task, time, class, value, confidence, ends of probabilities, and places of attributes and version.
        const ROW: usize = 64;
        let texts = [&self.event_id, &self.text, &self.tags];
        texts.map(Array::get_array_memory_size).iter().sum::<usize>()
            + 4 * self.probabilities.len()
            + ROW * self.len()
    }

    /// A builder for about `rows` observations of `schema`.
    #[must_use]
    pub fn builder(schema: &ModelSchema, rows: usize) -> ObservationBatchBuilder {
        ObservationBatchBuilder {
            dim: schema.dim(),
            kinds: schema.tasks().map(|t| schema.spec(t).kind).collect(),
            label_counts: schema.tasks().map(|t| schema.spec(t).labels.len()).collect(),
            event_id: StringBuilder::with_capacity(rows, rows * 24),
            task: Vec::with_capacity(rows),
            timestamp_ms: Vec::with_capacity(rows),
            text: StringBuilder::new(),
            embeddings: Vec::with_capacity(rows * schema.dim()),
            class: Vec::with_capacity(rows),
            value: Vec::with_capacity(rows),
            tags: StringBuilder::new(),
            confidence: Vec::with_capacity(rows),
            probabilities: Vec::new(),
            probability_ends: Vec::with_capacity(rows),
            attributes: Attributes::default(),
            versions: Versions::default(),
            unembedded: Vec::new(),
            encoder_events: Vec::new(),
        }
    }

    /// Number of observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.task.len()
    }

    /// True when there is no observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.task.is_empty()
    }

    /// Embedding width.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The event's identifier.
    #[must_use]
    pub fn event_id(&self, row: usize) -> &str {
        self.event_id.value(row)
    }

    /// The tasks, `[len]`.
    #[must_use]
    pub fn tasks(&self) -> &[TaskId] {
        &self.task
    }

    /// Prediction times, `[len]`, milliseconds since the epoch.
    #[must_use]
    pub fn timestamps_ms(&self) -> &[i64] {
        &self.timestamp_ms
    }

    /// The text of a row, if it was sent.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        self.text.is_valid(row).then(|| self.text.value(row))
    }

    /// All embeddings, `[len, dim]`, row-major.
    #[must_use]
    pub fn embeddings(&self) -> &[f32] {
        &self.embeddings
    }

    /// Rows that came with a text and without an embedding: theirs is zeros until it is written.
    #[must_use]
    pub fn unembedded(&self) -> &[usize] {
        &self.unembedded
    }

    /// Writes the embeddings of the [unembedded](Self::unembedded) rows, `[rows, dim]`, row-major, in their order.
    ///
    /// # Panics
    /// When there are more or fewer numbers.
    pub fn embed(&mut self, embeddings: &[f32]) {
        assert_eq!(
            embeddings.len(),
            self.unembedded.len() * self.dim,
            "one embedding for each row without"
        );
        for (row, embedding) in std::mem::take(&mut self.unembedded)
            .into_iter()
            .zip(embeddings.chunks_exact(self.dim))
        {
            self.embeddings[row * self.dim..(row + 1) * self.dim].copy_from_slice(embedding);
        }
    }

    /// Canaries, and observations of other encoders: beside the rows.
    #[must_use]
    pub fn encoder_events(&self) -> &[EncoderEvent] {
        &self.encoder_events
    }

    /// The same, to embed canaries that came as text.
    pub fn encoder_events_mut(&mut self) -> &mut Vec<EncoderEvent> {
        &mut self.encoder_events
    }

    /// Holds rows to what a known encoder makes of their texts.
    pub fn check_rows(&mut self, checks: Vec<SpotCheck>) {
        self.spot_checks = checks;
    }

    /// The rows that are held to a known encoder.
    #[must_use]
    pub fn spot_checks(&self) -> &[SpotCheck] {
        &self.spot_checks
    }

    /// Takes the embeddings out, `[len, dim]`, for whoever keeps them in another form: there are none afterwards.
    #[must_use]
    pub fn take_embeddings(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.embeddings)
    }

    /// Replaces each text by what `keep` makes of it: nothing of it is left but that.
    pub fn keep_texts(&mut self, mut keep: impl FnMut(&str) -> Option<String>) {
        self.text = self.text.iter().map(|text| text.and_then(&mut keep)).collect();
    }

    /// All embeddings, for scaling in place.
    pub fn embeddings_mut(&mut self) -> &mut [f32] {
        &mut self.embeddings
    }

    /// One embedding, `[dim]`.
    #[must_use]
    pub fn embedding(&self, row: usize) -> &[f32] {
        &self.embeddings[row * self.dim..(row + 1) * self.dim]
    }

    /// What the head said about a row.
    #[must_use]
    pub fn prediction(&self, row: usize) -> Prediction<'_> {
        if self.tags.is_valid(row) {
            Prediction::Tags(self.tags.value(row))
        } else if self.class[row] == u32::MAX {
            Prediction::Value(self.value[row])
        } else {
            Prediction::Class(self.class[row])
        }
    }

    /// The head's probability for its own answer, `[len]`: the maximum probability of a classification, the product of the
    /// tokens' maxima of a tag sequence; NaN where no probabilities were sent.
    #[must_use]
    pub fn confidences(&self) -> &[f32] {
        &self.confidence
    }

    /// A classification's probabilities in the order of the task's labels, each in `[0, 1]`, as they arrived; empty for
    /// other kinds and where none were sent.
    #[must_use]
    pub fn class_probabilities(&self, row: usize) -> &[f32] {
        let start = row
            .checked_sub(1)
            .map_or(0, |before| self.probability_ends[before]);
        &self.probabilities[start..self.probability_ends[row]]
    }

    /// Names and values of a row's attributes, in the order of the event.
    pub fn attributes(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.get(row)
    }

    /// Version of the model that made a row's prediction, as an index into [`Self::model_versions`]; `None` where none was
    /// sent. A version is at most 120 bytes long, what is longer was cut.
    #[must_use]
    pub fn model_version(&self, row: usize) -> Option<u32> {
        self.versions.get(row)
    }

    /// The versions that occur in the batch, each once, in order of first occurrence.
    #[must_use]
    pub fn model_versions(&self) -> &[Box<str>] {
        self.versions.names()
    }
}

/// Collects rows into an [`ObservationBatch`].
#[derive(Debug)]
pub struct ObservationBatchBuilder {
    dim: usize,
    kinds: Vec<TaskKind>,
    label_counts: Vec<usize>,
    event_id: StringBuilder,
    task: Vec<TaskId>,
    timestamp_ms: Vec<i64>,
    text: StringBuilder,
    embeddings: Vec<f32>,
    class: Vec<u32>,
    value: Vec<f64>,
    tags: StringBuilder,
    confidence: Vec<f32>,
    probabilities: Vec<f32>,
    probability_ends: Vec<usize>,
    attributes: Attributes,
    versions: Versions,
    unembedded: Vec<usize>,
    encoder_events: Vec<EncoderEvent>,
}

impl ObservationBatchBuilder {
    /// Adds a checked row.
    ///
    /// # Panics
    /// When the embedding's width is not the schema's: the decoders check it first.
    pub fn push(&mut self, row: &ObservationRow<'_>) {
        assert_eq!(
            row.embedding.len(),
            self.dim,
            "embedding width was checked when the row was decoded"
        );
        self.embeddings.extend_from_slice(row.embedding);
        self.push_beside_embedding(row);
    }

    /// Adds a row whose embedding is still in its wire format; `row.embedding` is not looked at. False, and nothing added,
    /// when a component is null, NaN or infinite as an `f32`. The caller has checked the width.
    #[must_use]
    pub(crate) fn push_with_embedding(&mut self, row: &ObservationRow<'_>, embedding: Floats<'_>) -> bool {
        debug_assert_eq!(
            embedding.len(),
            self.dim,
            "the width is checked before the row is pushed"
        );
        let start = self.embeddings.len();
        embedding.append_to(&mut self.embeddings);
        // A fold instead of `all`: without the early exit the comparison runs eight lanes at a time.
        if !self.embeddings[start..]
            .iter()
            .fold(true, |finite, x| finite & x.is_finite())
        {
            self.embeddings.truncate(start);
            return false;
        }
        self.push_beside_embedding(row);
        true
    }

    /// Adds a row whose text is embedded later.
    pub(crate) fn push_unembedded(&mut self, row: &ObservationRow<'_>) {
        self.unembedded.push(self.task.len());
        self.embeddings.resize(self.embeddings.len() + self.dim, 0.0);
        self.push_beside_embedding(row);
    }

    /// Adds what is no observation of a task.
    pub(crate) fn push_encoder_event(&mut self, event: EncoderEvent) {
        self.encoder_events.push(event);
    }

    /// Canaries and observations of other encoders so far.
    #[must_use]
    pub fn encoder_events(&self) -> &[EncoderEvent] {
        &self.encoder_events
    }

    fn push_beside_embedding(&mut self, row: &ObservationRow<'_>) {
        let at = row.task.index();
        let confidence = confidence(self.kinds[at], self.label_counts[at], row.probabilities);
        self.push_kept(row, confidence);
    }

    /// Adds a row that was in a batch before and whose confidence is known; its embedding is gone and not looked at.
    ///
    /// # Panics
    /// When the schema does not have the row's task.
    pub fn push_kept(&mut self, row: &ObservationRow<'_>, confidence: f32) {
        self.attributes.push(self.task.len(), row.attributes);
        self.versions.push(self.task.len(), row.model_version);
        self.event_id.append_value(row.event_id);
        self.task.push(row.task);
        self.timestamp_ms.push(row.timestamp_ms);
        self.text.append_option(row.text);
        let (class, value, tags) = match row.prediction {
            Prediction::Class(class) => (class, f64::NAN, None),
            Prediction::Tags(tags) => (u32::MAX, f64::NAN, Some(tags)),
            Prediction::Value(value) => (u32::MAX, value, None),
        };
        self.class.push(class);
        self.value.push(value);
        self.tags.append_option(tags);
        self.confidence.push(confidence);
        if self.kinds[row.task.index()] == TaskKind::Classification {
            self.probabilities.extend_from_slice(row.probabilities);
        }
        self.probability_ends.push(self.probabilities.len());
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.task.len()
    }

    /// True before the first row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.task.is_empty()
    }

    /// The batch.
    #[must_use]
    pub fn finish(mut self) -> ObservationBatch {
        ObservationBatch {
            dim: self.dim,
            event_id: self.event_id.finish(),
            task: self.task,
            timestamp_ms: self.timestamp_ms,
            text: self.text.finish(),
            embeddings: self.embeddings,
            class: self.class,
            value: self.value,
            tags: self.tags.finish(),
            confidence: self.confidence,
            probabilities: self.probabilities,
            probability_ends: self.probability_ends,
            attributes: self.attributes,
            versions: self.versions,
            unembedded: self.unembedded,
            encoder_events: self.encoder_events,
            spot_checks: Vec::new(),
        }
    }
}

fn confidence(kind: TaskKind, labels: usize, probabilities: &[f32]) -> f32 {
    if probabilities.is_empty() || labels == 0 {
        return f32::NAN;
    }
    let max = |p: &[f32]| p.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    match kind {
        TaskKind::Classification => max(probabilities),
        TaskKind::SequenceLabelling => probabilities.chunks(labels).map(max).product(),
        TaskKind::Regression => f32::NAN,
    }
}

/// The truth for one observation, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// The observation it belongs to.
    pub event_id: String,
    /// When the label became known, in milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// Written like the prediction.
    pub label: String,
}

/// Labels in order of arrival.
pub type LabelBatch = Vec<LabelRow>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TaskSpec;
    use std::collections::BTreeMap;

    #[test]
    fn each_classification_keeps_its_own_probabilities() {
        let spec = |kind, labels: &[&str]| TaskSpec {
            kind,
            labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        };
        let tasks = BTreeMap::from([
            ("a".to_owned(), spec(TaskKind::Classification, &["x", "y"])),
            ("b".to_owned(), spec(TaskKind::SequenceLabelling, &["O", "B-x"])),
        ]);
        let schema = ModelSchema::new(tasks, 1).expect("a sound schema");
        let mut builder = ObservationBatch::builder(&schema, 3);
        let rows: [(u16, Prediction<'_>, &[f32]); 4] = [
            (0, Prediction::Class(1), &[0.25, 0.75]),
            (1, Prediction::Tags("O B-x"), &[0.9, 0.1, 0.2, 0.8]),
            (0, Prediction::Class(0), &[]),
            (0, Prediction::Class(0), &[0.5, 0.5]),
        ];
        for (task, prediction, probabilities) in rows {
            builder.push(&ObservationRow {
                event_id: "e",
                task: TaskId(task),
                timestamp_ms: 0,
                text: None,
                embedding: &[1.0],
                prediction,
                probabilities,
                attributes: &[],
                model_version: None,
            });
        }
        let batch = builder.finish();
        let kept: Vec<&[f32]> = (0..4).map(|row| batch.class_probabilities(row)).collect();
        assert_eq!(kept, [&[0.25, 0.75][..], &[], &[], &[0.5, 0.5]]);
    }
}
