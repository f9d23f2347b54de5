//! Metrics of the way from bytes to observations.

use super::{Family, family, seconds};
use crate::exposition::MetricKind::{Counter, Gauge, Histogram};
use crate::pipeline::TopicKind;
use bellwether_events::RejectReason;

pub(super) static FAMILIES: &[Family] = &[
    family(
        Counter,
        "bellwether_decoded_records_total",
        &["kind"],
        "Records decoded, by kind of input",
        |now, out| {
            for kind in TopicKind::ALL {
                out.labelled(&[kind.as_str()], now.pipeline.decoded(kind) as f64);
            }
        },
    ),
    family(
        Counter,
        "bellwether_rejected_records_total",
        &["kind", "reason"],
        "Records that cannot be used, by kind of input and reason",
        |now, out| {
            // The decoders' own reasons always, so that each series exists before its first record; then whatever else
            // the pipeline counted.
            let decoders = RejectReason::ALL.map(RejectReason::as_str);
            let mut reasons = decoders.to_vec();
            reasons.extend(
                now.pipeline
                    .rejected
                    .iter()
                    .map(|r| r.reason)
                    .filter(|r| !decoders.contains(r)),
            );
            reasons[decoders.len()..].sort_unstable();
            reasons.dedup();
            for kind in TopicKind::ALL {
                for reason in &reasons {
                    out.labelled(
                        &[kind.as_str(), reason],
                        now.pipeline.rejected(kind, reason) as f64,
                    );
                }
            }
        },
    ),
    family(
        Counter,
        "bellwether_dead_letters_total",
        &["outcome"],
        "Rejected records handed to the dead-letter topic, by outcome: published or failed",
        |now, out| {
            out.labelled(&["published"], now.pipeline.dead_letters_published as f64);
            out.labelled(&["failed"], now.pipeline.dead_letters_failed as f64);
        },
    ),
    family(
        Counter,
        "bellwether_schema_fetches_failed_total",
        &[],
        "Times that a batch had to wait because a schema of its records could not be fetched",
        |now, out| out.value(now.pipeline.schema_fetches_failed as f64),
    ),
    family(
        Gauge,
        "bellwether_waiting_records",
        &[],
        "Halves of calls that wait for their other half, bounded by payloads.kserve.max_records",
        |now, out| out.value(now.pipeline.waiting_records as f64),
    ),
    family(
        Gauge,
        "bellwether_waiting_bytes",
        &[],
        "Memory of the halves that wait, bounded by payloads.kserve.max_bytes",
        |now, out| out.value(now.pipeline.waiting_bytes as f64),
    ),
    family(
        Gauge,
        "bellwether_consumer_lag_records",
        &["topic", "partition"],
        "Records between the consumer and the end of each assigned partition",
        |now, out| {
            for lag in &now.pipeline.lag {
                out.labelled(&[&lag.topic, &lag.partition.to_string()], lag.records as f64);
            }
        },
    ),
    family(
        Histogram,
        "bellwether_batch_rows",
        &[],
        "Sizes of the batches taken from the input",
        |now, out| {
            let sizes = &now.pipeline.batch_sizes;
            out.histogram(sizes.batches(), sizes.rows(), sizes.cumulative());
        },
    ),
    family(
        Gauge,
        "bellwether_last_poll_timestamp_seconds",
        &[],
        "Wall-clock time of the last poll of the input, whether or not it brought anything",
        |now, out| out.value(now.pipeline.last_poll_ms.map_or(f64::NAN, seconds)),
    ),
    family(
        Gauge,
        "bellwether_progress_ratio",
        &[],
        "Share of a finite input that has been played; NaN for an endless stream",
        |now, out| out.value(now.pipeline.progress_ratio.unwrap_or(f64::NAN)),
    ),
];
