//! The encoder, as JSON.

use super::time;
use bellwether_monitor::{EncoderFault, EncoderStatus, OtherEncoderStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the encoder is what made the reference.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Encoder)]
pub(crate) struct EncoderView<'a> {
    /// What stands against it; null while texts whose embedding is known come back as they were.
    fault: Option<FaultView<'a>>,
    /// Observations of another encoder that arrive and are not judged; null without.
    other: Option<OtherView<'a>>,
    /// Canary texts that the reference has.
    canaries: usize,
    /// When the last one came back through the production path.
    last_canary: Option<String>,
    /// Canaries that came back.
    canaries_checked: u64,
    /// Of them, those that differ from the reference.
    canaries_differing: u64,
    /// Canaries that the reference does not have.
    unknown_canaries: u64,
    /// Observations with text and vector that were embedded again.
    spot_checks: u64,
    /// Of them, those whose vector differs.
    spot_checks_differing: u64,
    /// Observations of another encoder, by version or width.
    other_encoder_events: u64,
}

/// The encoder is not the reference's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EncoderFault)]
struct FaultView<'a> {
    /// The first text that came back otherwise.
    since: Option<String>,
    /// `canary`, `monitor` or `spot_check`.
    source: &'static str,
    /// What differs.
    differences: Vec<DifferenceView<'a>>,
    /// Texts that came back otherwise, of those that came last.
    differing: u32,
    /// Texts that came last.
    checked: u32,
}

/// One thing that differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EncoderDifference)]
struct DifferenceView<'a> {
    /// `width`, `normalisation`, `pooling`, `precision`, `tokenizer`, `truncation` or `weights`.
    aspect: &'static str,
    /// How.
    detail: &'a str,
}

/// Another encoder that arrives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OtherEncoder)]
struct OtherView<'a> {
    /// The version that the last observation states.
    version: Option<&'a str>,
    /// Width of its embedding; 0 where it had none.
    width: u32,
    since: Option<String>,
    last: Option<String>,
    events: u64,
}

impl<'a> EncoderView<'a> {
    pub(crate) fn new(status: &'a EncoderStatus) -> Self {
        let counts = status.counts;
        Self {
            fault: status.fault.as_ref().map(FaultView::new),
            other: status.other.as_ref().map(OtherView::new),
            canaries: status.canaries,
            last_canary: status.last_canary_ms.and_then(time),
            canaries_checked: counts.canaries,
            canaries_differing: counts.canaries_differing,
            unknown_canaries: counts.unknown_canaries,
            spot_checks: counts.spot_checks,
            spot_checks_differing: counts.spot_checks_differing,
            other_encoder_events: counts.other_encoder_events,
        }
    }
}

impl<'a> FaultView<'a> {
    fn new(fault: &'a EncoderFault) -> Self {
        let differences = fault.differences.iter().map(|difference| DifferenceView {
            aspect: difference.aspect.as_str(),
            detail: &difference.detail,
        });
        Self {
            since: time(fault.since_ms),
            source: fault.source.as_str(),
            differences: differences.collect(),
            differing: fault.differing,
            checked: fault.checked,
        }
    }
}

impl<'a> OtherView<'a> {
    fn new(other: &'a OtherEncoderStatus) -> Self {
        Self {
            version: other.version.as_deref(),
            width: other.width,
            since: time(other.since_ms),
            last: time(other.last_ms),
            events: other.events,
        }
    }
}
