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
    /// A weight that is negative, NaN, infinite, or so large or small that its square is none.
    #[error("weight {index} is neither zero nor between 1e-100 and 1e100")]
    InvalidWeight {
        /// Position of the first such weight.
        index: usize,
    },
    /// Weights that are all zero.
    #[error("all weights are zero")]
    NoWeight,
    /// A value outside the range that its meaning allows, such as a probability above one.
    #[error("value {index} is out of range")]
    OutOfRange {
        /// Position of the first such value.
        index: usize,
    },
    /// Probabilities of one observation that do not add up to one.
    #[error("the probabilities of row {row} add up to {sum}, not to one")]
    NotADistribution {
        /// The first such row.
        row: usize,
        /// What they add up to.
        sum: f64,
    },
    /// A class or stratum index that is not below the number of classes or strata.
    #[error("index {class} of observation {index} is not below {classes}")]
    UnknownClass {
        /// Position of the first such observation.
        index: usize,
        /// Its index.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A statistic that compares positives with negatives, given only one of them.
    #[error("all observations with weight are of one class")]
    OneClass,
    /// A parameter outside the range in which the statistic is defined.
    #[error("{name} is {value}, outside its range")]
    Parameter {
        /// The parameter's name in the documentation.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A matrix that has to be positive definite is not.
    #[error("the matrix is not positive definite")]
    NotPositiveDefinite,
}

/// Checks that all values are finite.
pub(crate) fn all_finite(values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NonFinite { index }),
        None => Ok(()),
    }
}
