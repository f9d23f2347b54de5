//! Metrics of incidents and of their delivery.

use super::{Family, family, flag, seconds};
use crate::exposition::MetricKind::{Counter, Gauge};

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_incidents",
        &["verdict"],
        "Incidents that stand, by what they ask for; one cause is one incident",
        |now, out| {
            for (verdict, count) in &now.alerts.standing {
                out.labelled(&[verdict], *count as f64);
            }
        },
    ),
    family(
        Gauge,
        "bellwether_silences",
        &[],
        "Silences that hold; maintenance windows aside",
        |now, out| out.value(now.alerts.silences as f64),
    ),
    family(
        Counter,
        "bellwether_alert_deliveries_total",
        &["receiver", "outcome"],
        "Notices to each receiver of alerts, by outcome: delivered, failed (and tried again) or refused (for good)",
        |now, out| {
            for receiver in &now.alerts.receivers {
                let name = receiver.name.as_str();
                out.labelled(&[name, "delivered"], receiver.delivered as f64);
                out.labelled(&[name, "failed"], receiver.failed as f64);
                out.labelled(&[name, "refused"], receiver.refused as f64);
            }
        },
    ),
    family(
        Gauge,
        "bellwether_alerts_pending",
        &["receiver"],
        "Incidents whose state the receiver does not know yet, silenced ones aside",
        |now, out| {
            for receiver in &now.alerts.receivers {
                out.labelled(&[&receiver.name], receiver.pending as f64);
            }
        },
    ),
    family(
        Gauge,
        "bellwether_alerts_pending_timestamp_seconds",
        &["receiver"],
        "Wall-clock time since which the oldest of them waits; NaN where none does",
        |now, out| {
            for receiver in &now.alerts.receivers {
                out.labelled(
                    &[&receiver.name],
                    receiver.pending_since_ms.map_or(f64::NAN, seconds),
                );
            }
        },
    ),
    family(
        Gauge,
        "bellwether_alert_receiver_gone",
        &["receiver"],
        "1 for a receiver that has answered 410: nothing is sent to it until its address is another",
        |now, out| {
            for receiver in &now.alerts.receivers {
                out.labelled(&[&receiver.name], flag(receiver.gone));
            }
        },
    ),
    family(
        Counter,
        "bellwether_alert_ledger_failures_total",
        &[],
        "Times that what is to be delivered could not be written to alerts.directory; it is kept in memory and tried again",
        |now, out| out.value(now.alerts.failed_writes as f64),
    ),
];
