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
                    // Where to look: the record as it lies in its topic.
                    let last = now.pipeline.last_rejected(kind, reason).map(|place| {
                        vec![
                            ("partition", place.partition.to_string()),
                            ("offset", place.offset.to_string()),
                        ]
                    });
                    let total = now.pipeline.rejected(kind, reason) as f64;
                    out.with_exemplar(&[kind.as_str(), reason], total, last);
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
        "bellwether_buffered_bytes",
        &[],
        "Memory of what waits for the slowest partition and the allowed lateness; beyond kafka.max_buffered_bytes faster partitions are held",
        |now, out| out.value(now.pipeline.buffered_bytes as f64),
    ),
    family(
        Gauge,
        "bellwether_buffered_bytes_limit",
        &[],
        "Memory beyond which faster partitions are held (kafka.max_buffered_bytes); NaN without a consumer",
        |now, out| {
            let limit = now.pipeline.buffered_bytes_limit;
            out.value(limit.map_or(f64::NAN, |bytes| bytes as f64));
        },
    ),
    family(
        Gauge,
        "bellwether_held_partitions",
        &[],
        "Partitions that are not read on for now, as they are ahead of others",
        |now, out| out.value(now.pipeline.held_partitions as f64),
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
        Gauge,
        "bellwether_brokers_up",
        &[],
        "Brokers that the consumer is connected to; NaN without a consumer",
        |now, out| out.value(now.pipeline.brokers.map_or(f64::NAN, |b| b.up as f64)),
    ),
    family(
        Counter,
        "bellwether_consumer_rebalances_total",
        &[],
        "Times that partitions came to the consumer or went",
        |now, out| out.value(now.pipeline.brokers.map_or(0.0, |b| b.rebalances as f64)),
    ),
    family(
        Counter,
        "bellwether_consumer_faults_total",
        &[],
        "Faults that the consumer's client met, such as a lost connection; most it mends by trying again",
        |now, out| out.value(now.pipeline.brokers.map_or(0.0, |b| b.faults as f64)),
    ),
    family(
        Counter,
        "bellwether_checkpoints_total",
        &["outcome"],
        "Checkpoints of the state, by outcome: taken or failed",
        |now, out| {
            let checkpoints = now.pipeline.checkpoints.unwrap_or_default();
            out.labelled(&["taken"], checkpoints.taken as f64);
            out.labelled(&["failed"], checkpoints.failed as f64);
        },
    ),
    family(
        Gauge,
        "bellwether_checkpoint_timestamp_seconds",
        &[],
        "Wall-clock time of the last checkpoint; NaN before the first, and where the state is in memory only",
        |now, out| {
            let last = now.pipeline.checkpoints.and_then(|c| c.last_ms);
            out.value(last.map_or(f64::NAN, seconds));
        },
    ),
    family(
        Gauge,
        "bellwether_checkpoint_bytes",
        &[],
        "Size of the last checkpoint, what waits in the store on disk aside",
        |now, out| out.value(now.pipeline.checkpoints.map_or(f64::NAN, |c| c.last_bytes as f64)),
    ),
    family(
        Gauge,
        "bellwether_checkpoint_duration_seconds",
        &[],
        "Time that the last checkpoint took",
        |now, out| out.value(now.pipeline.checkpoints.map_or(f64::NAN, |c| c.last_seconds)),
    ),
    family(
        Gauge,
        "bellwether_database_bytes",
        &[],
        "Size on disk of the store in which observations wait for labels, after the last checkpoint; NaN where there is none",
        |now, out| {
            let bytes = now.pipeline.checkpoints.and_then(|c| c.database_bytes);
            out.value(bytes.map_or(f64::NAN, |bytes| bytes as f64));
        },
    ),
    family(
        Gauge,
        "bellwether_judge",
        &[],
        "1 for the instance that judges for its group, and for one that is alone; 0 for one that only scores",
        |now, out| out.value(f64::from(u8::from(!now.pipeline.stands_by()))),
    ),
    family(
        Counter,
        "bellwether_scored_observations_total",
        &[],
        "Observations scored for the judge of the group; 0 where one instance does all",
        |now, out| out.value(now.pipeline.member.map_or(0.0, |m| m.scored_observations as f64)),
    ),
    family(
        Counter,
        "bellwether_evidence_bytes_total",
        &[],
        "Bytes written to the evidence topic",
        |now, out| out.value(now.pipeline.member.map_or(0.0, |m| m.evidence_bytes as f64)),
    ),
    family(
        Counter,
        "bellwether_changelog_bytes_total",
        &[],
        "Bytes of keys and values written to the changelog topic with the checkpoints",
        |now, out| {
            let checkpoints = now.pipeline.checkpoints.unwrap_or_default();
            out.value(checkpoints.changelog_bytes as f64);
        },
    ),
    family(
        Gauge,
        "bellwether_state_from_changelog",
        &[],
        "1 where the state was built again from the changelog topic when the process started",
        |now, out| {
            let checkpoints = now.pipeline.checkpoints.unwrap_or_default();
            out.value(f64::from(u8::from(checkpoints.from_changelog)));
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
