//! The samples of one family, whatever the format they are written in.

use crate::exposition::{MetricDescription, MetricKind};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::exemplar::CounterWithExemplar;
use std::fmt;
use std::sync::atomic::AtomicU64;

/// Characters that the labels of an exemplar may have together, by `OpenMetrics`.
const EXEMPLAR_LIMIT: usize = 128;

/// What a counter counted last, for whoever wants to look at one: names and values.
pub(crate) type Exemplar = Vec<(&'static str, String)>;

/// One sample.
#[derive(Debug)]
pub(crate) struct Sample {
    labels: Vec<String>,
    value: Value,
}

/// Its value, by the kind of its family.
#[derive(Debug)]
pub(crate) enum Value {
    Gauge(f64),
    Counter(f64, Option<Exemplar>),
    /// Buckets hold their upper bounds and how many are in them alone.
    Histogram {
        count: u64,
        sum: f64,
        buckets: Vec<(f64, u64)>,
    },
}

impl Sample {
    /// In the order of the family's label names.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn encode(&self, mut out: MetricEncoder<'_>) -> fmt::Result {
        match &self.value {
            Value::Gauge(value) => out.encode_gauge(value),
            Value::Counter(total, None) => out.encode_counter::<NoLabelSet, f64, f64>(total, None),
            Value::Counter(total, Some(exemplar)) => {
                let counter = CounterWithExemplar::<_, f64, AtomicU64>::default();
                counter.inc_by(total - 1.0, None, None);
                counter.inc_by(1.0, Some(exemplar.clone()), None);
                counter.encode(out)
            }
            Value::Histogram { count, sum, buckets } => {
                out.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

/// Collects the samples of one family.
pub(crate) struct Samples {
    family: MetricDescription,
    samples: Vec<Sample>,
}

impl Samples {
    pub(crate) fn new(family: MetricDescription) -> Self {
        Self {
            family,
            samples: Vec::new(),
        }
    }

    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.samples
    }

    /// The one sample of a family without labels.
    pub(crate) fn value(&mut self, value: f64) {
        self.labelled(&[], value);
    }

    /// A sample; the label values are in the order of the family's labels.
    pub(crate) fn labelled(&mut self, labels: &[&str], value: f64) {
        let value = match self.family.kind {
            MetricKind::Counter => Value::Counter(value, None),
            MetricKind::Gauge | MetricKind::Histogram => Value::Gauge(value),
        };
        self.push(labels, value);
    }

    /// A sample of a counter with one of those that it counted, if there are any.
    pub(crate) fn with_exemplar(&mut self, labels: &[&str], total: f64, exemplar: Option<Exemplar>) {
        let length = |exemplar: &Exemplar| {
            let characters = |(name, value): &(&str, String)| name.chars().count() + value.chars().count();
            exemplar.iter().map(characters).sum::<usize>()
        };
        let exemplar = exemplar.filter(|exemplar| total >= 1.0 && length(exemplar) <= EXEMPLAR_LIMIT);
        self.push(labels, Value::Counter(total, exemplar));
    }

    /// The one sample of a histogram without labels, of cumulative counts.
    pub(crate) fn histogram(&mut self, count: u64, sum: u64, cumulative: impl Iterator<Item = (u64, u64)>) {
        let mut below = 0;
        let mut buckets: Vec<(f64, u64)> = cumulative
            .map(|(bound, up_to)| {
                let alone = up_to - below;
                below = up_to;
                (bound as f64, alone)
            })
            .collect();
        buckets.push((f64::INFINITY, count - below));
        let sum = sum as f64;
        self.push(&[], Value::Histogram { count, sum, buckets });
    }

    fn push(&mut self, labels: &[&str], value: Value) {
        debug_assert_eq!(self.family.labels.len(), labels.len(), "{}", self.family.name);
        self.samples.push(Sample {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            value,
        });
    }
}
