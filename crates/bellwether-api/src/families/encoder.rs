//! Metrics of the encoder itself.

use super::{Family, family, flag, seconds};
use crate::exposition::MetricKind::{Counter, Gauge};
use bellwether_monitor::Aspect;

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_encoder_fault",
        &["aspect"],
        "1 while texts whose embedding is known come back otherwise, by what differs from the reference's encoder",
        |now, out| {
            for aspect in Aspect::ALL {
                let differs = now.status.as_ref().and_then(|status| {
                    let fault = status.encoder.fault.as_ref()?;
                    Some(
                        fault
                            .differences
                            .iter()
                            .any(|difference| difference.aspect == aspect),
                    )
                });
                out.labelled(&[aspect.as_str()], flag(differs.unwrap_or(false)));
            }
        },
    ),
    family(
        Counter,
        "bellwether_encoder_checks_total",
        &["source", "result"],
        "Vectors that were held to a known one, of canaries through the production path and of observations with text and vector",
        |now, out| {
            let counts = now
                .status
                .as_ref()
                .map(|status| status.encoder.counts)
                .unwrap_or_default();
            let (canaries, spots) = (counts.canaries, counts.spot_checks);
            out.labelled(
                &["canary", "agrees"],
                (canaries - counts.canaries_differing) as f64,
            );
            out.labelled(&["canary", "differs"], counts.canaries_differing as f64);
            out.labelled(
                &["spot_check", "agrees"],
                (spots - counts.spot_checks_differing) as f64,
            );
            out.labelled(&["spot_check", "differs"], counts.spot_checks_differing as f64);
        },
    ),
    family(
        Counter,
        "bellwether_unknown_canaries_total",
        &[],
        "Canaries that the reference in force does not have",
        |now, out| out.value(now.of_model(|m| m.encoder.counts.unknown_canaries as f64)),
    ),
    family(
        Gauge,
        "bellwether_last_canary_timestamp_seconds",
        &[],
        "Event time of the last canary that came back through the production path; NaN before the first",
        |now, out| out.value(now.of_model(|m| m.encoder.last_canary_ms.map_or(f64::NAN, seconds))),
    ),
    family(
        Gauge,
        "bellwether_other_encoder",
        &[],
        "1 while observations of another encoder arrive, by version or width: they are not judged",
        |now, out| out.value(now.of_model(|m| flag(m.encoder.other.is_some()))),
    ),
    family(
        Counter,
        "bellwether_other_encoder_events_total",
        &[],
        "Observations of another encoder than the reference's, which were not judged",
        |now, out| out.value(now.of_model(|m| m.encoder.counts.other_encoder_events as f64)),
    ),
];
