//! Records that cannot be used: why, in words a person can act on.

use std::fmt;

/// The closed set of reasons for which a record is refused; also the `reason` label of the dead-letter metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The bytes are not JSON, Arrow IPC or whatever the topic carries.
    Malformed,
    /// A column of the contract is absent or null.
    MissingField,
    /// A value is of the wrong type or out of range.
    InvalidField,
    /// The task is not in the model's schema.
    UnknownTask,
    /// The embedding's width is not the reference's.
    EmbeddingWidth,
    /// The encoder's version is not the reference's, and there is no reference of it.
    EncoderVersion,
    /// NaN or infinity in the embedding, the probabilities or a predicted number.
    NonFinite,
    /// The predicted class is not in the task's labels.
    UnknownPrediction,
    /// The probabilities do not fit the task's labels.
    Probabilities,
    /// The schema that the record names is not known, cannot be used, or is of another kind than the topic takes.
    Schema,
    /// A half of a request and response whose other half did not come in time.
    Unpaired,
}

impl RejectReason {
    /// All reasons, so that each series exists from the start.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::MissingField,
        Self::InvalidField,
        Self::UnknownTask,
        Self::EmbeddingWidth,
        Self::EncoderVersion,
        Self::NonFinite,
        Self::UnknownPrediction,
        Self::Probabilities,
        Self::Schema,
        Self::Unpaired,
    ];

    /// The stable name: metric label and dead-letter header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::UnknownTask => "unknown_task",
            Self::EmbeddingWidth => "embedding_width",
            Self::EncoderVersion => "encoder_version",
            Self::NonFinite => "non_finite",
            Self::UnknownPrediction => "unknown_prediction",
            Self::Probabilities => "probabilities",
            Self::Schema => "schema",
            Self::Unpaired => "unpaired",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why one record, or a whole message, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The class of the fault.
    pub reason: RejectReason,
    /// What was wrong and what to do, in one sentence, without the record's text.
    pub detail: String,
}

impl Fault {
    /// A fault from its parts.
    #[must_use]
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// The fault as that of the record at index `row` of its input.
    #[must_use]
    pub fn at(self, row: usize) -> Reject {
        Reject {
            row,
            reason: self.reason,
            detail: self.detail,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl std::error::Error for Fault {}

/// One refused record of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Index of the record within the input that was decoded (the row of a record batch, the message of a poll).
    pub row: usize,
    /// The class of the fault.
    pub reason: RejectReason,
    /// What was wrong and what to do, in one sentence, without the record's text.
    pub detail: String,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}: {}", self.row, self.reason, self.detail)
    }
}
