//! What a caller can get wrong.

/// Why a statistic cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Fewer values than the statistic needs.
    #[error("{have} values given, at least {need} needed")]
    TooFew {
        /// Values given.
        have: usize,
        /// Values needed.
        need: usize,
    },
    /// Two inputs that belong together differ in length.
    #[error("lengths differ: {left} and {right}")]
    LengthMismatch {
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// NaN or infinity where a number is needed.
    #[error("value {index} is not finite")]
    NonFinite {
        /// Position of the first such value.
        index: usize,
    },
}

/// Checks that all values are finite.
pub(crate) fn all_finite(values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NonFinite { index }),
        None => Ok(()),
    }
}
