//! Questions of the dashboards that may have no answer in the recorded days, each with its reason. One that has an answer after
//! all fails as well, so that the list stays as short as it can be.

/// When a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Healthy,
    Drifted,
    Always,
}

use When::{Always, Drifted, Healthy};

/// The place of a question, when it has no answer, and why.
pub(crate) const MAY_BE_EMPTY: &[(&str, When, &str)] = &[];

/// Why a question may be empty in a phase.
pub(crate) fn reason(place: &str, phase: When) -> Option<&'static str> {
    MAY_BE_EMPTY
        .iter()
        .find(|(entry, when, _)| *entry == place && (*when == phase || *when == Always))
        .map(|(_, _, reason)| *reason)
}
