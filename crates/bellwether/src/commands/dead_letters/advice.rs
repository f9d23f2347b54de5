//! What to do about a reason.

use bellwether_events::RejectReason;

/// What usually stands behind a reason, and what helps.
pub(super) fn advice(reason: &str) -> &'static str {
    let known = RejectReason::ALL
        .into_iter()
        .find(|known| known.as_str() == reason);
    match known {
        Some(RejectReason::Malformed) => {
            "The bytes are not of the topic's format: correct the producer, or name the format in [payloads]. \
             Bytes that are cut off or damaged cannot be used again."
        }
        Some(RejectReason::MissingField) => {
            "A column of the contract is absent: where the record has it elsewhere, map it in [payloads.observations.fields] \
             or [payloads.labels.fields] and send the record again; else the producer must write it."
        }
        Some(RejectReason::InvalidField) => {
            "A value has another type or range than the contract: correct the producer, or for times set timestamp_unit."
        }
        Some(RejectReason::UnknownTask) => {
            "The reference has no such task: correct the task's name in the producer, or build a reference with it; \
             after that the record can be sent again."
        }
        Some(RejectReason::EmbeddingWidth) => {
            "The encoder is not the one of the reference: build a reference with the new encoder; after that the record can be sent again."
        }
        Some(RejectReason::EncoderVersion) => {
            "The event states another version of the encoder than the reference: build and register a reference of that version; \
             after that the record can be sent again."
        }
        Some(RejectReason::NonFinite) => {
            "The model computed NaN or infinity: look at the model server, in particular at half precision. \
             The record cannot be used again."
        }
        Some(RejectReason::UnknownPrediction) => {
            "The model predicts a class that the reference does not have: build a reference with the new head, \
             or set prediction_form where classes are numbers; after that the record can be sent again."
        }
        Some(RejectReason::Probabilities) => {
            "The probabilities do not fit the labels of the task in the reference: build a reference with the new head, \
             or write them in the order of tasks.json."
        }
        Some(RejectReason::Schema) => {
            "The schema of the record is not known or cannot be used: register it, or correct payloads.registry; \
             after that the record can be sent again."
        }
        Some(RejectReason::Unpaired) => {
            "The other half of the call did not come in time: give both the same key, and raise [payloads.kserve] where it is late. \
             A half alone cannot be used."
        }
        None => "The record says nothing that is known here: it may not be a dead letter of this program.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_advice() {
        let all: std::collections::BTreeSet<_> = RejectReason::ALL
            .iter()
            .map(|reason| advice(reason.as_str()))
            .collect();
        assert_eq!(all.len(), RejectReason::ALL.len());
        assert!(!all.contains(advice("no such reason")));
    }
}
