//! The metrics pushed to a collector by the OpenTelemetry protocol, where one cannot scrape.

use crate::exposition::{MetricDescription, MetricKind, family_name};
use crate::families::Snapshot;
use crate::samples::{Sample, Value};
use crate::state::ApiState;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest wait for the collector.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where metrics are pushed to.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The collector's address for metrics, by HTTP with protobuf, such as `http://localhost:4318/v1/metrics`.
    pub endpoint: String,
    /// How often.
    pub interval: Duration,
    /// Headers of each request, such as one with a key; their values are secrets.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        out.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint)
            .field("interval", &self.interval)
            .field("headers", &names)
            .finish()
    }
}

/// Pushes every metric of the catalogue again and again, for ever.
///
/// Totals are cumulative, so that a push that fails loses nothing: the next one says it all. How many did is counted.
pub async fn export_otlp(state: ApiState, config: OtlpConfig) -> Infallible {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .user_agent("bellwether")
        .build()
        .new_agent();
    let started = nanoseconds();
    let mut ticks = tokio::time::interval(config.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        let body = request(&Snapshot::take(&state), state.instance(), started).encode_to_vec();
        let (agent, to) = (agent.clone(), config.clone());
        let sent = tokio::task::spawn_blocking(move || post(&agent, &to, &body)).await;
        let problem = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let failed = problem.is_some();
        state.count_export(!failed);
        match problem {
            None if failing => {
                tracing::info!(endpoint = config.endpoint, "The collector takes metrics again");
            }
            // Once, not at each of its intervals.
            Some(cause) if !failing => {
                tracing::warn!(
                    cause,
                    endpoint = config.endpoint,
                    "The collector takes no metrics; trying on"
                );
            }
            _ => {}
        }
        failing = failed;
    }
}

fn post(agent: &ureq::Agent, config: &OtlpConfig, body: &[u8]) -> Result<(), ureq::Error> {
    let mut request = agent
        .post(&config.endpoint)
        .header("content-type", "application/x-protobuf");
    for (name, value) in &config.headers {
        request = request.header(name, value);
    }
    request.send(body).map(drop)
}

fn nanoseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn request(snapshot: &Snapshot, instance: &str, started: u64) -> ExportMetricsServiceRequest {
    let (now, version) = (nanoseconds(), env!("CARGO_PKG_VERSION"));
    let metrics = snapshot
        .families()
        .filter_map(|(family, samples)| metric(family, &samples, started, now))
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![
                    attribute("service.name", "bellwether"),
                    attribute("service.instance.id", instance),
                    attribute("service.version", version),
                ],
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "bellwether".to_owned(),
                    version: version.to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// A family under the name that becomes its own in Prometheus; none without a number.
fn metric(family: &MetricDescription, samples: &[Sample], started: u64, now: u64) -> Option<Metric> {
    let attributes = |sample: &Sample| -> Vec<KeyValue> {
        let pairs = family.labels.iter().zip(sample.labels());
        pairs.map(|(name, value)| attribute(name, value)).collect()
    };
    let mut numbers = Vec::new();
    let mut histograms = Vec::new();
    for sample in samples {
        match sample.value() {
            // What has no value yet is not there.
            Value::Gauge(value) | Value::Counter(value, _) if value.is_nan() => {}
            Value::Gauge(value) | Value::Counter(value, _) => numbers.push(NumberDataPoint {
                attributes: attributes(sample),
                start_time_unix_nano: started,
                time_unix_nano: now,
                value: Some(number_data_point::Value::AsDouble(*value)),
                ..NumberDataPoint::default()
            }),
            Value::Histogram { count, sum, buckets } => histograms.push(HistogramDataPoint {
                attributes: attributes(sample),
                start_time_unix_nano: started,
                time_unix_nano: now,
                count: *count,
                sum: Some(*sum),
                bucket_counts: buckets.iter().map(|(_, count)| *count).collect(),
                // The last bucket has no bound.
                explicit_bounds: buckets
                    .iter()
                    .map(|(bound, _)| *bound)
                    .filter(|b| b.is_finite())
                    .collect(),
                ..HistogramDataPoint::default()
            }),
        }
    }
    if numbers.is_empty() && histograms.is_empty() {
        return None;
    }
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        MetricKind::Gauge => metric::Data::Gauge(Gauge { data_points: numbers }),
        MetricKind::Counter => metric::Data::Sum(Sum {
            data_points: numbers,
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        MetricKind::Histogram => metric::Data::Histogram(Histogram {
            data_points: histograms,
            aggregation_temporality: cumulative,
        }),
    };
    Some(Metric {
        name: family_name(family.name).to_owned(),
        description: family.help.to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}
