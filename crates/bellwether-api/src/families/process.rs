//! Metrics of the process, under the names that every exporter uses for them.

use super::{Family, Snapshot, family};
use crate::exposition::MetricKind::{Counter, Gauge};
use crate::process::ProcessMetrics;

/// NaN where the system does not tell.
fn of(now: &Snapshot, number: fn(&ProcessMetrics) -> f64) -> f64 {
    now.process.as_ref().map_or(f64::NAN, number)
}

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "process_resident_memory_bytes",
        &[],
        "Memory of the process that is in the machine's",
        |now, out| out.value(of(now, |process| process.resident_memory)),
    ),
    family(
        Gauge,
        "process_virtual_memory_bytes",
        &[],
        "Addresses that the process has asked for",
        |now, out| out.value(of(now, |process| process.virtual_memory)),
    ),
    family(
        Counter,
        "process_cpu_seconds_total",
        &[],
        "Processor time that the process took, in the system and outside",
        |now, out| out.value(of(now, |process| process.cpu_seconds)),
    ),
    family(
        Gauge,
        "process_open_fds",
        &[],
        "Files and sockets that are open",
        |now, out| out.value(of(now, |process| process.open_files)),
    ),
    family(
        Gauge,
        "process_max_fds",
        &[],
        "Files and sockets that may be open",
        |now, out| out.value(of(now, |process| process.open_files_limit)),
    ),
    family(
        Gauge,
        "process_threads",
        &[],
        "Threads of the process",
        |now, out| out.value(of(now, |process| process.threads)),
    ),
    family(
        Gauge,
        "process_start_time_seconds",
        &[],
        "Wall-clock time at which the process started",
        |now, out| out.value(of(now, |process| process.started_seconds)),
    ),
];
