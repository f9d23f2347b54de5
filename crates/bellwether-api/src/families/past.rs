//! Metrics of the history.

use super::{Family, family};
use crate::exposition::MetricKind::{Counter, Gauge};

pub(super) static FAMILIES: &[Family] = &[
    family(
        Counter,
        "bellwether_history_windows_total",
        &["outcome"],
        "Windows of the history, by outcome: written to its store, or dropped because too many waited; 0 where none is kept",
        |now, out| {
            let history = now.history.unwrap_or_default();
            out.labelled(&["written"], history.written_windows as f64);
            out.labelled(&["dropped"], history.dropped_windows as f64);
        },
    ),
    family(
        Counter,
        "bellwether_history_failures_total",
        &[],
        "Times that the store of the history took nothing; it is tried again",
        |now, out| out.value(now.history.unwrap_or_default().failed_writes as f64),
    ),
    family(
        Gauge,
        "bellwether_history_waiting_windows",
        &[],
        "Windows that wait on this machine for the store of the history; NaN where none is kept",
        |now, out| out.value(now.history.map_or(f64::NAN, |h| h.waiting_windows as f64)),
    ),
    family(
        Gauge,
        "bellwether_history_waiting_bytes",
        &[],
        "Size of what waits, bounded by history.max_spool_bytes; NaN where no history is kept",
        |now, out| out.value(now.history.map_or(f64::NAN, |h| h.waiting_bytes as f64)),
    ),
];
