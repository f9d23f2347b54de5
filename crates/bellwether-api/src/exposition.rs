//! The metrics as Prometheus reads them, and as the documentation lists them.
//!
//! The families are rows of a catalogue, each with its words and the code that fills it, so that the exposition and
//! `docs/METRICS.md` cannot say different things. A scrape reads one snapshot: its numbers belong together.

use crate::families::{FAMILIES, Family, Samples, Snapshot};
use crate::state::ApiState;
use prometheus::TextEncoder;
use prometheus::proto::{MetricFamily, MetricType};

/// How the values of a metric behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that goes up and down; NaN while there is none.
    Gauge,
    /// A total since the start of the process.
    Counter,
    /// Cumulative counts in buckets, with `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl MetricKind {
    /// As the exposition format spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }

    fn proto(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::GAUGE,
            Self::Counter => MetricType::COUNTER,
            Self::Histogram => MetricType::HISTOGRAM,
        }
    }
}

/// What the documentation says about one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricDescription {
    /// Its full name.
    pub name: &'static str,
    /// How its values behave.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence without full stop.
    pub help: &'static str,
}

/// Every metric of the product, in the order of the exposition.
pub fn metric_descriptions() -> impl Iterator<Item = MetricDescription> {
    FAMILIES
        .iter()
        .flat_map(|(_, families)| families.iter())
        .map(|family| family.description)
}

/// The tables of `docs/METRICS.md`: one section per stage, one row per metric.
#[must_use]
pub fn metrics_markdown() -> String {
    let row = |family: &Family| {
        let MetricDescription {
            name,
            kind,
            labels,
            help,
        } = family.description;
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!(
            "| `{name}` | {} | {} | {help} |\n",
            kind.as_str(),
            labels.join(", ")
        )
    };
    let section = |(title, families): &(&str, &[Family])| {
        let rows: String = families.iter().map(row).collect();
        format!("## {title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n{rows}")
    };
    FAMILIES.iter().map(section).collect::<Vec<String>>().join("\n")
}

/// The exposition in the text format 0.0.4.
pub(crate) fn render(state: &ApiState) -> String {
    let snapshot = Snapshot::take(state);
    let mut families = Vec::new();
    for family in FAMILIES.iter().flat_map(|(_, families)| families.iter()) {
        let mut samples = Samples::new(family.description);
        (family.collect)(&snapshot, &mut samples);
        let samples = samples.into_metrics();
        // The format knows no family without a sample; those per task have none before the tasks are known.
        if samples.is_empty() {
            continue;
        }
        let mut out = MetricFamily::default();
        out.set_name(family.description.name.to_owned());
        out.set_help(family.description.help.to_owned());
        out.set_field_type(family.description.kind.proto());
        out.set_metric(samples);
        families.push(out);
    }
    TextEncoder::new()
        .encode_to_string(&families)
        .unwrap_or_else(|error| {
            // Unreachable while every family has a name and a sample; a scrape that fails is noticed, a panic is worse.
            tracing::error!(%error, "Could not write the metrics");
            String::new()
        })
}
