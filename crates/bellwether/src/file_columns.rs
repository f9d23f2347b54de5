//! The mapping of the configuration, as far as it applies to files: a file has columns, and neither headers nor keys.

use crate::config::Payloads;
use bellwether_payloads::{LabelFields, ObservationFields, Source, Sources, TimeUnit, Value};
use bellwether_store::{ColumnMap, ColumnPlace, FileTimeUnit};

/// Where the contract's columns are in files; nothing where they have the contract's names.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileColumns {
    pub(crate) observations: Option<ColumnMap>,
    pub(crate) labels: Option<ColumnMap>,
    /// Observations with their labels.
    pub(crate) reference: Option<ColumnMap>,
}

impl FileColumns {
    pub(crate) fn of(payloads: &Payloads) -> Self {
        let fields = payloads.decode.observation_fields.as_ref();
        let label_fields = payloads.decode.label_fields.as_ref();
        let observations = fields.map(of_observations);
        let labels = label_fields.map(of_labels);
        let reference = match (&observations, label_fields) {
            (None, None) => None,
            (observations, label_fields) => {
                let mut both = observations.clone().unwrap_or_default();
                let truth = label_fields.map(|fields| ("label", places(&fields.label)));
                both.places.extend(truth);
                Some(both)
            }
        };
        Self {
            observations,
            labels,
            reference,
        }
    }
}

fn of_observations(fields: &ObservationFields) -> ColumnMap {
    let always = [
        ("task", &fields.task),
        ("event_id", &fields.event_id),
        ("timestamp", &fields.timestamp),
    ];
    let sometimes = [
        ("text", &fields.text),
        ("embedding", &fields.embedding),
        ("prediction", &fields.prediction),
        ("probabilities", &fields.probabilities),
        ("model_version", &fields.model_version),
        ("attributes", &fields.attributes),
    ];
    let sometimes = sometimes
        .into_iter()
        .filter_map(|(name, sources)| Some((name, sources.as_ref()?)));
    let all = always.into_iter().chain(sometimes);
    ColumnMap {
        places: all.map(|(name, sources)| (name, places(sources))).collect(),
        attributes: fields
            .attribute
            .iter()
            .map(|(name, sources)| (name.clone(), places(sources)))
            .collect(),
        time_unit: unit(fields.timestamp_unit),
    }
}

fn of_labels(fields: &LabelFields) -> ColumnMap {
    ColumnMap {
        places: vec![
            ("event_id", places(&fields.event_id)),
            ("timestamp", places(&fields.timestamp)),
            ("label", places(&fields.label)),
        ],
        attributes: Vec::new(),
        time_unit: unit(fields.timestamp_unit),
    }
}

/// The places that a file may have. Elements of lists, headers and what Kafka says of a record are none.
fn places(sources: &Sources) -> Vec<ColumnPlace> {
    sources
        .iter()
        .filter_map(|source| match source {
            Source::Path(path) => {
                let names = path.names()?.into_iter().map(str::to_owned).collect();
                Some(ColumnPlace::Path(names))
            }
            Source::Constant(Value::Text(text)) => Some(ColumnPlace::Constant(text.clone())),
            _ => None,
        })
        .collect()
}

fn unit(unit: TimeUnit) -> FileTimeUnit {
    match unit {
        TimeUnit::Seconds => FileTimeUnit::Seconds,
        TimeUnit::Milliseconds => FileTimeUnit::Milliseconds,
        TimeUnit::Microseconds => FileTimeUnit::Microseconds,
        TimeUnit::Nanoseconds => FileTimeUnit::Nanoseconds,
    }
}
