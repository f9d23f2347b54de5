//! What a collector gets: the numbers of a scrape, in the words of OpenTelemetry.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_api::{ApiConfig, ApiState, MetricKind, OtlpConfig, export_otlp, metric_descriptions};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, NumberDataPoint, number_data_point};
use prost::Message;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{START_MS, Server, pipeline, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A collector that answers as it is told, and hands over what it got: head and body.
async fn receive(listener: &TcpListener, answer: &str) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec())
            .unwrap()
            .to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        if bytes.len() == end + 4 + length {
            let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

fn labels(attributes: &[KeyValue]) -> String {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => {
            // As the text format of Prometheus has it.
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{}=\"{text}\"", pair.key)
        }
        other => panic!("{other:?}"),
    };
    attributes.iter().map(text).collect::<Vec<_>>().join(",")
}

fn value(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_numbers_of_a_scrape() {
    let state = ApiState::new(ApiConfig::default());
    state.publish(status(START_MS));
    state.pipeline(pipeline());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let config = OtlpConfig {
        endpoint: format!("http://{}/v1/metrics", listener.local_addr().unwrap()),
        interval: Duration::from_millis(20),
        headers: vec![("api-key".to_owned(), "secret".to_owned())],
    };
    assert!(!format!("{config:?}").contains("secret"));
    let exporting = tokio::spawn(export_otlp(state.clone(), config));
    receive(&listener, "503 Service Unavailable").await;
    let (head, body) = receive(&listener, "200 OK").await;
    assert!(head.starts_with("post /v1/metrics http/1.1"), "{head}");
    assert!(
        head.contains("content-type: application/x-protobuf") && head.contains("api-key: secret"),
        "{head}"
    );
    // The third is sent once the second is counted.
    receive(&listener, "200 OK").await;
    let server = Server::start(&state).await;
    let scraped = server.get("/metrics").await.body;
    server.stop().await;
    exporting.abort();
    assert!(scraped.contains("bellwether_otlp_exports_total{outcome=\"failed\"} 1.0\n"));

    let request = ExportMetricsServiceRequest::decode(body.as_slice()).unwrap();
    let resource = &request.resource_metrics[0];
    let described = labels(&resource.resource.as_ref().unwrap().attributes);
    assert!(
        described.starts_with("service.name=\"bellwether\",service.instance.id="),
        "{described}"
    );
    let catalogue: BTreeMap<&str, MetricKind> = metric_descriptions()
        .map(|metric| {
            (
                metric.name.strip_suffix("_total").unwrap_or(metric.name),
                metric.kind,
            )
        })
        .collect();
    let mut compared = 0;
    for metric in &resource.scope_metrics[0].metrics {
        let (points, suffix) = match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => (&gauge.data_points, ""),
            Data::Sum(sum) => {
                assert!(sum.is_monotonic);
                assert_eq!(
                    sum.aggregation_temporality,
                    AggregationTemporality::Cumulative as i32
                );
                (&sum.data_points, "_total")
            }
            Data::Histogram(histogram) => {
                let point = &histogram.data_points[0];
                assert_eq!((point.count, point.sum), (2, Some(503.0)));
                assert_eq!(point.bucket_counts, [0, 1, 0, 0, 0, 1, 0, 0, 0]);
                assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
                continue;
            }
            other => panic!("{other:?}"),
        };
        let expected = if suffix.is_empty() {
            MetricKind::Gauge
        } else {
            MetricKind::Counter
        };
        assert_eq!(catalogue[metric.name.as_str()], expected, "{}", metric.name);
        // These go on between the push and the scrape.
        if metric.name.starts_with("process_") || metric.name == "bellwether_otlp_exports" {
            continue;
        }
        for point in points {
            let labels = labels(&point.attributes);
            let labels = if labels.is_empty() {
                labels
            } else {
                format!("{{{labels}}}")
            };
            let series = format!("{}{suffix}{labels} ", metric.name);
            let line = scraped.lines().find_map(|line| line.strip_prefix(&series));
            let seen: f64 = line.unwrap_or_else(|| panic!("no {series}")).parse().unwrap();
            assert_eq!(seen.to_bits(), value(point).to_bits(), "{series}");
            compared += 1;
        }
    }
    let numbers = scraped
        .lines()
        .filter(|line| !line.starts_with('#') && !line.ends_with(" NaN"));
    let others = numbers.filter(|line| {
        ["process_", "bellwether_otlp_", "bellwether_batch_rows"]
            .iter()
            .any(|p| line.starts_with(p))
    });
    let all = scraped
        .lines()
        .filter(|line| !line.starts_with('#') && !line.ends_with(" NaN"))
        .count();
    assert_eq!(compared, all - others.count(), "every number of the scrape");
}
