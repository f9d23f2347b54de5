//! Records in formats that need no schema of a registry.

use crate::laws;
use crate::records::{Parts, split};
use bellwether_payloads::{Format, PairLimits, PayloadConfig, PayloadDecoder};
use std::cell::RefCell;

/// The payload of a JSON record.
pub(super) fn json(input: &[u8]) {
    payload(Format::Json, input);
}

/// The payload of an Arrow record.
pub(super) fn arrow(input: &[u8]) {
    payload(Format::Arrow, input);
}

/// The payload of a record of the product's own Protobuf.
pub(super) fn protobuf(input: &[u8]) {
    payload(Format::Protobuf, input);
}

fn payload(format: Format, payload: &[u8]) {
    let parts = Parts {
        timestamp_ms: Some(1_773_500_400_000),
        payload,
        ..Parts::default()
    };
    with_decoder(format, |decoder| laws::decode_again(decoder, &parts.record(0)));
}

/// Decoders take longer to make than small inputs to read.
fn with_decoder(format: Format, run: impl FnOnce(&mut PayloadDecoder)) {
    thread_local! {
        static DECODERS: RefCell<Vec<(Format, PayloadDecoder)>> =
            RefCell::new(Format::ALL.map(|format| (format, decoder(format, format))).into());
    }
    DECODERS.with_borrow_mut(|decoders| {
        let found = decoders.iter_mut().find(|(known, _)| *known == format);
        run(&mut found.expect("there is one for each").1);
    });
}

/// A record that says by its headers or first bytes what it is.
pub(super) fn auto(input: &[u8]) {
    let parts = Parts::of(input);
    super::schemas::with_registry(|decoder| laws::decode_again(decoder, &parts.record(0)));
}

/// Records of KServe's inference logger, as one stream with little room for those that wait.
pub(super) fn kserve(input: &[u8]) {
    let parts: Vec<Parts<'_>> = split(input).into_iter().map(Parts::of).collect();
    let records: Vec<_> = parts
        .iter()
        .zip(0..)
        .map(|(parts, at)| parts.record(at))
        .collect();
    laws::decode(|| decoder(Format::Kserve, Format::Auto), &records);
}

/// The payload of a record of ground truth.
pub(super) fn sagemaker(input: &[u8]) {
    payload(Format::Sagemaker, input);
}

fn decoder(observations: Format, labels: Format) -> PayloadDecoder {
    let config = PayloadConfig {
        observations,
        labels,
        pairs: PairLimits {
            max_records: 3,
            max_bytes: 4096,
            max_age_ms: 60_000,
        },
        ..PayloadConfig::default()
    };
    PayloadDecoder::new(config, None)
}
