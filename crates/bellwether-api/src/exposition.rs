//! The metrics as Prometheus reads them, and as the documentation lists them.
//!
//! The families are rows of a catalogue, each with its words and the code that fills it, so that the exposition and
//! `docs/METRICS.md` cannot say different things. A scrape reads one snapshot: its numbers belong together.

use crate::families::{FAMILIES, Family, Snapshot};
use crate::state::ApiState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text as openmetrics};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

/// How names of counters end.
const TOTAL: &str = "_total";

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

    fn encoded(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
            Self::Histogram => MetricType::Histogram,
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

impl MetricDescription {
    /// The names that a query can use, each with whether it only grows: a histogram has three.
    pub fn series(self) -> impl Iterator<Item = (String, bool)> {
        let suffixes: &[&str] = match self.kind {
            MetricKind::Histogram => &["_bucket", "_sum", "_count"],
            MetricKind::Gauge | MetricKind::Counter => &[""],
        };
        let grows = self.kind != MetricKind::Gauge;
        suffixes
            .iter()
            .map(move |suffix| (format!("{}{suffix}", self.name), grows))
    }
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

/// The two text formats of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0: the same numbers, and exemplars.
    OpenMetrics,
}

impl Format {
    /// What the client asks for; Prometheus' own format where it does not say.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let weight = |range: &str| {
            let q = range.split(';').find_map(|part| part.trim().strip_prefix("q="));
            q.map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0))
        };
        let weight_of = |media: &str| {
            let ranges = accept.unwrap_or_default().split(',').map(str::trim);
            let of_it = ranges.filter(|range| range.split(';').next().map(str::trim) == Some(media));
            of_it.map(weight).fold(0.0, f32::max)
        };
        if weight_of("application/openmetrics-text") > weight_of("text/plain") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The exposition.
pub(crate) fn render(state: &ApiState, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot::take(state)));
    let mut text = String::new();
    let written = match format {
        Format::Prometheus => prometheus_text::encode(&mut text, &registry),
        Format::OpenMetrics => openmetrics::encode(&mut text, &registry),
    };
    written.unwrap_or_else(|error| {
        // Unreachable, as memory takes what is written; a scrape that fails is noticed, a panic is worse.
        tracing::error!(%error, "Could not write the metrics");
        text.clear();
    });
    text
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (family, samples) in self.families() {
            // The encoder adds the ending where its format wants it.
            let name = family_name(family.name);
            let mut out = encoder.encode_descriptor(name, family.help, None, family.kind.encoded())?;
            for sample in &samples {
                let pairs: Vec<(&str, &str)> = family.labels.iter().copied().zip(sample.labels()).collect();
                sample.encode(out.encode_family(&pairs)?)?;
            }
        }
        Ok(())
    }
}

/// The name without what a format adds to it.
pub(crate) fn family_name(name: &str) -> &str {
    name.strip_suffix(TOTAL).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_client_chooses_the_format() {
        let of = |accept| Format::accepted(Some(accept));
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(of(prometheus), Format::OpenMetrics);
        assert_eq!(of("application/openmetrics-text"), Format::OpenMetrics);
        assert_eq!(
            of("application/openmetrics-text;q=0.1, text/plain"),
            Format::Prometheus
        );
        for any in [
            "*/*",
            "text/html,*/*;q=0.8",
            "",
            "application/openmetrics-text;q=x",
        ] {
            assert_eq!(of(any), Format::Prometheus, "{any}");
        }
        assert_eq!(Format::accepted(None), Format::Prometheus);
    }
}
