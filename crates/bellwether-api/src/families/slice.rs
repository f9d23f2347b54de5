//! Metrics of each slice. Their labels hold attribute values of the traffic: at most `max_slices` a task.

use super::{Family, Samples, Snapshot, family, flag};
use crate::exposition::MetricKind::{Counter, Gauge};
use bellwether_monitor::{SignalStatus, SliceStatus};

const TASK: &[&str] = &["task"];
const SLICE: &[&str] = &["task", "attribute", "value"];
const SIGNAL: &[&str] = &["task", "attribute", "value", "signal"];

fn each(now: &Snapshot, out: &mut Samples, value: fn(&SliceStatus) -> f64) {
    for task in now.tasks() {
        for slice in &task.slices {
            out.labelled(&[&task.task, &slice.attribute, &slice.value], value(slice));
        }
    }
}

fn each_signal(now: &Snapshot, out: &mut Samples, value: fn(&SignalStatus) -> f64) {
    for task in now.tasks() {
        for slice in &task.slices {
            for signal in &slice.signals {
                let labels: [&str; 4] = [&task.task, &slice.attribute, &slice.value, signal.signal];
                out.labelled(&labels, value(signal));
            }
        }
    }
}

pub(super) static FAMILIES: &[Family] = &[
    family(
        Counter,
        "bellwether_slice_observations_total",
        SLICE,
        "Observations of the slice that were judged",
        |now, out| each(now, out, |s| s.observations as f64),
    ),
    family(
        Counter,
        "bellwether_slice_labels_total",
        SLICE,
        "Labels of the slice that counted",
        |now, out| each(now, out, |s| s.labels as f64),
    ),
    family(
        Gauge,
        "bellwether_slice_signal_active",
        SIGNAL,
        "1 while the detector of the slice stands",
        |now, out| each_signal(now, out, |s| flag(s.active)),
    ),
    family(
        Gauge,
        "bellwether_slice_signal_log_e_value_nats",
        SIGNAL,
        "Natural logarithm of the value of the slice's e-detector",
        |now, out| each_signal(now, out, |s| s.log_e_value),
    ),
    family(
        Counter,
        "bellwether_slice_unwatched_values_total",
        TASK,
        "Attribute values of observations for which there was no slice left",
        |now, out| {
            for task in now.tasks() {
                out.labelled(&[&task.task], task.unwatched_slice_values as f64);
            }
        },
    ),
];
