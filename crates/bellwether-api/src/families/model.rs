//! Metrics of the model as a whole.

use super::{Family, family, flag, seconds};
use crate::exposition::MetricKind::{Counter, Gauge};

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_build_info",
        &["version"],
        "Always 1; the label names the version that runs",
        |_, out| out.labelled(&[env!("CARGO_PKG_VERSION")], 1.0),
    ),
    family(
        Gauge,
        "bellwether_reference_info",
        &["reference"],
        "Always 1; the label identifies the reference in force",
        |now, out| {
            if let Some(status) = &now.status {
                out.labelled(&[&status.reference], 1.0);
            }
        },
    ),
    family(
        Gauge,
        "bellwether_status_timestamp_seconds",
        &[],
        "Wall-clock time at which the pipeline last published its status",
        |now, out| out.value(now.published_ms.map_or(f64::NAN, seconds)),
    ),
    family(
        Gauge,
        "bellwether_event_timestamp_seconds",
        &[],
        "Event time of the newest observation or label that was judged",
        |now, out| out.value(now.of_model(|m| seconds(m.event_time_ms))),
    ),
    family(
        Gauge,
        "bellwether_shared_encoder",
        &[],
        "1 while a shift common to the tasks stands",
        |now, out| out.value(now.of_model(|m| flag(m.shared_encoder))),
    ),
    family(
        Gauge,
        "bellwether_shared_encoder_changed_timestamp_seconds",
        &[],
        "Event time since which bellwether_shared_encoder is what it is",
        |now, out| out.value(now.of_model(|m| seconds(m.shared_since_ms))),
    ),
    family(
        Counter,
        "bellwether_shared_encoder_changes_total",
        &[],
        "How often a shift common to the tasks was raised or cleared",
        |now, out| out.value(now.shared_changes as f64),
    ),
    family(
        Gauge,
        "bellwether_common_shift_cosine_ratio",
        &[],
        "Median pairwise cosine of the mean residuals of the tasks that moved; NaN where fewer than three did",
        |now, out| out.value(now.of_model(|m| m.common_shift_cosine)),
    ),
    family(
        Gauge,
        "bellwether_moved_task_ratio",
        &[],
        "Share of the active tasks that moved",
        |now, out| {
            out.value(now.of_model(|m| m.moved_task_ratio));
        },
    ),
    family(
        Counter,
        "bellwether_observations_total",
        &[],
        "Observations judged, over all tasks",
        |now, out| out.value(now.count(|c| c.observations)),
    ),
    family(
        Counter,
        "bellwether_late_observations_total",
        &[],
        "Observations older than the watermark on arrival: joined with labels, not used by the detectors",
        |now, out| out.value(now.count(|c| c.late_observations)),
    ),
    family(
        Counter,
        "bellwether_duplicate_observations_total",
        &[],
        "Observations whose event_id was seen before",
        |now, out| out.value(now.count(|c| c.duplicate_observations)),
    ),
    family(
        Counter,
        "bellwether_labels_total",
        &[],
        "Labels joined with their observation, over all tasks",
        |now, out| out.value(now.count(|c| c.labels)),
    ),
    family(
        Counter,
        "bellwether_duplicate_labels_total",
        &[],
        "Labels of observations that had one already",
        |now, out| out.value(now.count(|c| c.duplicate_labels)),
    ),
    family(
        Counter,
        "bellwether_orphan_labels_total",
        &[],
        "Labels given up because their observation never came",
        |now, out| out.value(now.count(|c| c.orphan_labels)),
    ),
    family(
        Counter,
        "bellwether_join_evictions_total",
        &["what", "reason"],
        "Observations and labels given up before the other came, by reason: age (the retention) or number (too many waited)",
        |now, out| {
            out.labelled(
                &["observation", "age"],
                now.count(|c| c.evicted_observations_by_age),
            );
            out.labelled(
                &["observation", "number"],
                now.count(|c| c.evicted_observations_by_number),
            );
            out.labelled(&["label", "age"], now.count(|c| c.evicted_labels_by_age));
            out.labelled(&["label", "number"], now.count(|c| c.evicted_labels_by_number));
        },
    ),
    family(
        Gauge,
        "bellwether_pending_labels",
        &[],
        "Labels waiting for their observation",
        |now, out| {
            out.value(now.count(|c| c.pending_labels));
        },
    ),
    family(
        Gauge,
        "bellwether_pending_observations",
        &[],
        "Observations remembered until their label comes or their time is over, in memory and on disk",
        |now, out| out.value(now.count(|c| c.pending_observations)),
    ),
    family(
        Gauge,
        "bellwether_pending_observations_on_disk",
        &[],
        "Of bellwether_pending_observations, those on disk",
        |now, out| out.value(now.count(|c| c.pending_observations_on_disk)),
    ),
    family(
        Gauge,
        "bellwether_buffered_events",
        &[],
        "Observations and labels held until the watermark passes them",
        |now, out| out.value(now.count(|c| c.buffered)),
    ),
    family(
        Gauge,
        "bellwether_api_timeline_lines",
        &[],
        "Timeline lines held for the page and the API",
        |now, out| out.value(now.timeline_lines as f64),
    ),
    family(
        Gauge,
        "bellwether_api_timeline_lines_limit",
        &[],
        "Timeline lines that are held at the most; older ones are forgotten",
        |now, out| out.value(now.timeline_limit as f64),
    ),
    family(
        Counter,
        "bellwether_otlp_exports_total",
        &["outcome"],
        "Pushes of the metrics to the collector of [otlp], by outcome: taken or failed",
        |now, out| {
            out.labelled(&["taken"], now.exports.taken as f64);
            out.labelled(&["failed"], now.exports.failed as f64);
        },
    ),
    family(
        Gauge,
        "bellwether_api_event_streams",
        &[],
        "Clients of the event stream that are connected",
        |now, out| out.value(now.event_streams as f64),
    ),
    family(
        Gauge,
        "bellwether_api_event_streams_limit",
        &[],
        "Clients of the event stream at the most; further ones are refused",
        |now, out| out.value(now.event_streams_limit as f64),
    ),
];
