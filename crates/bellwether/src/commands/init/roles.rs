//! Which column plays which part: by its name, and by what it holds.

use bellwether_store::{Cell, Sample};
use std::collections::BTreeSet;

/// Different values of a column that are counted.
const MOST_DISTINCT: usize = 5_000;
/// A list of numbers without a telling name is an embedding from this width.
const EMBEDDING_WIDTH: usize = 16;
/// 2000-01-01 and 2100-01-01 in seconds: a number between them, in some unit, is a time.
const TIMES_S: std::ops::Range<f64> = 946_684_800.0..4_102_444_800.0;

const EVENT_ID: [&str; 15] = [
    "eventid",
    "requestid",
    "predictionid",
    "inferenceid",
    "messageid",
    "correlationid",
    "traceid",
    "callid",
    "utteranceid",
    "sampleid",
    "rowid",
    "uuid",
    "guid",
    "id",
    "key",
];
const TASK: [&str; 9] = [
    "task",
    "taskname",
    "taskid",
    "head",
    "headname",
    "modeltask",
    "usecase",
    "skill",
    "domain",
];
const TIMESTAMP: [&str; 17] = [
    "timestamp",
    "ts",
    "time",
    "eventtime",
    "eventtimestamp",
    "timestampms",
    "predictedat",
    "createdat",
    "created",
    "occurredat",
    "loggedat",
    "receivedat",
    "datetime",
    "date",
    "at",
    "knownat",
    "labeledat",
];
const TEXT: [&str; 13] = [
    "text",
    "utterance",
    "input",
    "inputtext",
    "query",
    "message",
    "sentence",
    "prompt",
    "content",
    "body",
    "question",
    "document",
    "comment",
];
const EMBEDDING: [&str; 10] = [
    "embedding",
    "embeddings",
    "emb",
    "vector",
    "vec",
    "pooled",
    "sentenceembedding",
    "features",
    "hidden",
    "representation",
];
const PREDICTION: [&str; 14] = [
    "prediction",
    "predicted",
    "predictedlabel",
    "predictedclass",
    "predictedintent",
    "pred",
    "ypred",
    "intent",
    "class",
    "output",
    "answer",
    "result",
    "tags",
    "predictions",
];
const TRUTH: [&str; 12] = [
    "label",
    "truth",
    "groundtruth",
    "gold",
    "goldlabel",
    "truelabel",
    "ytrue",
    "actual",
    "target",
    "expected",
    "annotation",
    "correct",
];
const PROBABILITIES: [&str; 10] = [
    "probabilities",
    "probs",
    "proba",
    "probability",
    "classprobabilities",
    "scores",
    "confidences",
    "softmax",
    "distribution",
    "labelscores",
];
const MODEL_VERSION: [&str; 5] = ["modelversion", "modelrevision", "modelid", "version", "revision"];
const ATTRIBUTES: [&str; 5] = ["attributes", "tags", "metadata", "meta", "dimensions"];

/// The unit of times, as the configuration names it; none where they have a type of their own or are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Typed,
    Rfc3339,
    /// Dates and times of day without an offset.
    WithoutOffset,
    Numbers(&'static str),
}

/// What is known of a column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) at: usize,
    pub(super) path: Vec<String>,
    pub(super) present: usize,
    pub(super) distinct: usize,
    pub(super) width: Option<usize>,
    texts: usize,
    numbers: usize,
    lists: usize,
    maps: usize,
    text_maps: usize,
    words: usize,
    times: Option<Times>,
    pub(super) is_repeated: bool,
}

impl Column {
    /// All columns of a sample.
    fn all(sample: &Sample) -> Vec<Self> {
        let mut cells: Vec<Vec<&Cell>> = vec![Vec::new(); sample.columns.len()];
        for (place, cell) in sample.rows.iter().flatten() {
            cells[*place].push(cell);
        }
        let all = cells.iter().enumerate();
        all.map(|(at, cells)| Self::of(at, &sample.columns[at], cells))
            .collect()
    }

    fn of(at: usize, path: &[String], cells: &[&Cell]) -> Self {
        let mut values = BTreeSet::new();
        for cell in cells {
            if values.len() < MOST_DISTINCT
                && let Some(value) = text_of(cell)
            {
                values.insert(value);
            }
        }
        let widths: BTreeSet<usize> = cells
            .iter()
            .filter_map(|cell| match cell {
                Cell::Numbers(width) => Some(*width),
                _ => None,
            })
            .collect();
        let count = |is: fn(&Cell) -> bool| cells.iter().filter(|cell| is(cell)).count();
        let texts = count(|cell| matches!(cell, Cell::Text(_)));
        let words = cells.iter().map(|cell| match cell {
            Cell::Text(text) => text.split_whitespace().count(),
            _ => 0,
        });
        Self {
            at,
            path: path.to_vec(),
            present: cells.len(),
            distinct: values.len(),
            width: widths.first().copied().filter(|_| widths.len() == 1),
            texts,
            numbers: count(|cell| matches!(cell, Cell::Int(_) | Cell::Float(_))),
            lists: count(|cell| matches!(cell, Cell::Numbers(_))),
            maps: count(|cell| matches!(cell, Cell::NumberMap(_))),
            text_maps: count(|cell| matches!(cell, Cell::TextMap)),
            words: words.sum(),
            times: times(cells),
            is_repeated: values.len() < cells.len().min(MOST_DISTINCT),
        }
    }

    fn is(&self, kind: usize) -> bool {
        kind > 0 && kind == self.present
    }

    fn is_identifier(&self) -> bool {
        self.is(self.texts) || (self.is(self.numbers) && self.times.is_none())
    }

    fn is_value(&self) -> bool {
        self.is(self.texts) || self.is(self.numbers)
    }

    fn words_each(&self) -> f64 {
        self.words as f64 / self.texts.max(1) as f64
    }

    /// The place as the configuration writes it.
    pub(super) fn place(&self) -> String {
        let mut out = String::new();
        for name in &self.path {
            let plain = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            if plain && !name.is_empty() {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            } else {
                out.push_str("[\"");
                out.push_str(name);
                out.push_str("\"]");
            }
        }
        out
    }
}

/// A value that may be a class, as text.
pub(super) fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Int(whole) => Some(whole.to_string()),
        Cell::Float(number) => Some(number.to_string()),
        Cell::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn times(cells: &[&Cell]) -> Option<Times> {
    if cells.is_empty() {
        return None;
    }
    let all = |is: &dyn Fn(&Cell) -> bool| cells.iter().all(|cell| is(cell));
    if all(&|cell| matches!(cell, Cell::Time)) {
        return Some(Times::Typed);
    }
    let text = |cell: &Cell, is: fn(&str) -> bool| matches!(cell, Cell::Text(text) if is(text));
    if all(&|cell| text(cell, |t| t.parse::<jiff::Timestamp>().is_ok())) {
        return Some(Times::Rfc3339);
    }
    if all(&|cell| text(cell, |t| t.parse::<jiff::civil::DateTime>().is_ok())) {
        return Some(Times::WithoutOffset);
    }
    let units = [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)];
    let unit = units.into_iter().find(|(_, per_second)| {
        all(&|cell| match cell {
            Cell::Int(whole) => TIMES_S.contains(&(*whole as f64 / per_second)),
            Cell::Float(number) => TIMES_S.contains(&(number / per_second)),
            _ => false,
        })
    });
    unit.map(|(name, _)| Times::Numbers(name))
}

/// The columns by the part they play.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) event_id: Option<Column>,
    pub(super) task: Option<Column>,
    pub(super) timestamp: Option<Column>,
    pub(super) text: Option<Column>,
    pub(super) embedding: Option<Column>,
    pub(super) prediction: Option<Column>,
    pub(super) truth: Option<Column>,
    pub(super) probabilities: Option<Column>,
    pub(super) model_version: Option<Column>,
    pub(super) attributes: Option<Column>,
    /// Columns of few texts that cut the traffic.
    pub(super) slices: Vec<Column>,
}

impl Roles {
    /// The parts that every observation must have, by the contract's names.
    pub(super) fn keys(&self) -> [(&'static str, &Option<Column>); 3] {
        [
            ("event_id", &self.event_id),
            ("task", &self.task),
            ("timestamp", &self.timestamp),
        ]
    }

    /// Its other parts.
    pub(super) fn parts(&self) -> [(&'static str, &Option<Column>); 6] {
        [
            ("text", &self.text),
            ("embedding", &self.embedding),
            ("prediction", &self.prediction),
            ("probabilities", &self.probabilities),
            ("model_version", &self.model_version),
            ("attributes", &self.attributes),
        ]
    }

    pub(super) fn of(sample: &Sample) -> Self {
        let mut free = Free(Column::all(sample));
        let mut roles = Self {
            embedding: free.named(&EMBEDDING, |column| {
                column.width.is_some() || column.is(column.texts)
            }),
            timestamp: free.named(&TIMESTAMP, |column| column.times.is_some()),
            task: free.named(&TASK, |column| column.is(column.texts) && column.distinct <= 1000),
            ..Self::default()
        };
        roles.embedding = roles.embedding.or_else(|| {
            free.best(|column| {
                column
                    .width
                    .filter(|width| *width >= EMBEDDING_WIDTH && column.maps == 0)
            })
        });
        roles.timestamp = roles
            .timestamp
            .or_else(|| free.best(|column| column.times.map(|_| usize::MAX - column.at)));
        roles.probabilities = free.named(&PROBABILITIES, |column| {
            column.is(column.maps) || column.is(column.lists)
        });
        roles.text = free.named(&TEXT, |column| column.is(column.texts));
        // An identifier is different in every row; a name that ends in `id` decides between several.
        roles.event_id = free.named(&EVENT_ID, |column| column.is_identifier() && !column.is_repeated);
        roles.prediction = free.named(&PREDICTION, Column::is_value);
        roles.truth = free.named(&TRUTH, Column::is_value);
        if roles.prediction.is_none() {
            roles.prediction = roles.truth.take();
        }
        roles.text = roles.text.or_else(|| {
            free.best(|column| {
                let long = column.is(column.texts) && column.words_each() >= 2.0 && column.times.is_none();
                (long && column.distinct > 20).then_some(column.words)
            })
        });
        roles.event_id = roles.event_id.or_else(|| {
            free.best(|column| {
                let unique = column.is(column.texts) && !column.is_repeated && column.words_each() < 1.5;
                (unique && column.times.is_none()).then_some(usize::MAX - column.at)
            })
        });
        roles.model_version = free.named(&MODEL_VERSION, |column| {
            column.is_value() && column.distinct < 100
        });
        roles.attributes = free.named(&ATTRIBUTES, |column| column.is(column.text_maps));
        let within = roles.attributes.as_ref().map(|column| column.path.clone());
        roles.slices = free.0;
        roles.slices.retain(|column| {
            let few = column.is(column.texts) && (2..=20).contains(&column.distinct) && column.is_repeated;
            few && within.as_ref().is_none_or(|path| !column.path.starts_with(path))
        });
        roles
    }

    /// The columns of a file or topic of labels.
    pub(super) fn of_labels(sample: &Sample) -> Self {
        let mut free = Free(Column::all(sample));
        let timestamp = free.named(&TIMESTAMP, |column| column.times.is_some());
        let timestamp =
            timestamp.or_else(|| free.best(|column| column.times.map(|_| usize::MAX - column.at)));
        let event_id = free.named(&EVENT_ID, Column::is_identifier);
        let names = [&TRUTH[..], &PREDICTION[..]].concat();
        let truth = free.named(&names, Column::is_value);
        Self {
            event_id,
            timestamp,
            truth,
            ..Self::default()
        }
    }

    pub(super) fn times(&self) -> Option<Times> {
        self.timestamp.as_ref().and_then(|column| column.times)
    }
}

/// The columns that have no part yet.
struct Free(Vec<Column>);

impl Free {
    fn take(&mut self, at: usize) -> Column {
        let column = self.0.remove(at);
        // What is within a column plays no part of its own.
        self.0.retain(|other| !other.path.starts_with(&column.path));
        column
    }

    /// The column with the first of these names; of several, the one that is the least deep.
    fn named(&mut self, names: &[&str], fits: impl Fn(&Column) -> bool) -> Option<Column> {
        let plain = |name: &str| -> String {
            let letters = name.chars().filter(|c| c.is_alphanumeric());
            letters.flat_map(char::to_lowercase).collect()
        };
        let found = self.0.iter().enumerate().filter_map(|(at, column)| {
            let name = plain(column.path.last()?);
            let mut rank = names.iter().position(|wanted| *wanted == name);
            // An `id` within `request` is the request's.
            if rank.is_none() && column.path.len() > 1 {
                let joined = plain(&column.path[column.path.len() - 2..].concat());
                rank = names.iter().position(|wanted| *wanted == joined);
            }
            fits(column).then_some((rank?, column.path.len(), at))
        });
        let (_, _, at) = found.min()?;
        Some(self.take(at))
    }

    /// The column of the highest score.
    fn best(&mut self, score: impl Fn(&Column) -> Option<usize>) -> Option<Column> {
        let scored = self.0.iter().enumerate();
        let scored =
            scored.filter_map(|(at, column)| Some((score(column).filter(|_| column.present > 0)?, at)));
        let (_, at) = scored.max_by_key(|(score, at)| (*score, std::cmp::Reverse(*at)))?;
        Some(self.take(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Roles {
        let mut sample = Sample::default();
        assert!(sample.add_json(lines.as_bytes()));
        Roles::of(&sample)
    }

    fn place(column: Option<&Column>) -> Option<String> {
        column.map(Column::place)
    }

    #[test]
    fn parts_are_found_under_other_names() {
        let rows: Vec<String> = (0..50)
            .map(|n| {
                format!(
                    "{{\"request\": {{\"id\": \"r{n}\", \"utterance\": \"where is parcel {n}\"}}, \"head\": \"t{}\", \
                     \"ts\": {}.5, \"vec\": [1, 2, 3], \"intent\": \"c{}\", \"scores\": {{\"c0\": 0.5, \"c1\": 0.5}}, \
                     \"lang\": \"l{}\", \"odd name\": {n}}}",
                    n % 2,
                    1_772_409_600 + n,
                    n % 3,
                    n % 2
                )
            })
            .collect();
        let roles = of(&rows.join("\n"));
        assert_eq!(place(roles.event_id.as_ref()).as_deref(), Some("request.id"));
        assert_eq!(place(roles.text.as_ref()).as_deref(), Some("request.utterance"));
        assert_eq!(place(roles.task.as_ref()).as_deref(), Some("head"));
        assert_eq!(roles.times(), Some(Times::Numbers("s")));
        assert_eq!(roles.embedding.as_ref().and_then(|column| column.width), Some(3));
        assert_eq!(place(roles.prediction.as_ref()).as_deref(), Some("intent"));
        assert_eq!(place(roles.probabilities.as_ref()).as_deref(), Some("scores"));
        assert!(roles.truth.is_none());
        let slices: Vec<String> = roles.slices.iter().map(Column::place).collect();
        assert_eq!(slices, ["lang"]);
    }

    #[test]
    fn units_are_told_by_size() {
        for (number, unit) in [
            ("1772409600", "s"),
            ("1772409600.25", "s"),
            ("1772409600000", "ms"),
            ("1772409600000000", "us"),
            ("1772409600000000000", "ns"),
        ] {
            let roles = of(&format!("{{\"time\": {number}}}"));
            assert_eq!(roles.times(), Some(Times::Numbers(unit)), "{number}");
        }
        assert_eq!(
            of("{\"time\": \"2026-03-02T00:00:00Z\"}").times(),
            Some(Times::Rfc3339)
        );
        assert_eq!(
            of("{\"time\": \"2026-03-02 00:00:00\"}").times(),
            Some(Times::WithoutOffset)
        );
        assert_eq!(of("{\"time\": 17}").times(), None);
    }

    #[test]
    fn a_label_beside_a_prediction_is_the_truth() {
        let roles = of("{\"label\": \"a\", \"pred\": \"b\"}");
        assert_eq!(place(roles.prediction.as_ref()).as_deref(), Some("pred"));
        assert_eq!(place(roles.truth.as_ref()).as_deref(), Some("label"));
        let roles = of("{\"label\": \"a\", \"odd.name\": [1, 2]}");
        assert_eq!(place(roles.prediction.as_ref()).as_deref(), Some("label"));
    }
}
