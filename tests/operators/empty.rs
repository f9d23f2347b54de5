//! Questions of the dashboards that may have no answer in the recorded days, each with its reason. One that has an answer after
//! all fails as well, so that the list stays as short as it can be.

/// When a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Healthy,
    Drifted,
    Always,
}

use When::{Always, Healthy};

/// The place of a question, when it has no answer, and why.
pub(crate) const MAY_BE_EMPTY: &[(&str, When, &str)] = &[
    (
        "fleet / annotation / Verdicts",
        Healthy,
        "no verdict changes in quiet days",
    ),
    (
        "fleet / annotation / Shared encoder",
        Healthy,
        "no common shift comes or goes in quiet days",
    ),
    (
        "task / One thing, and whose? / coherence",
        Healthy,
        "no group of novel observations was examined yet",
    ),
    (
        "task / One thing, and whose? / affinity to a new task",
        Healthy,
        "no group of novel observations was examined yet",
    ),
    (
        "task / Loss before and after / before",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "task / Loss before and after / after",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "task / Loss before and after / missing labels",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "task / Evidence of forgetting / evidence",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "task / Evidence of forgetting / threshold",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "task / Cost of each remedy, and of waiting / {{remedy}}",
        Healthy,
        "nothing stands that a remedy would be for",
    ),
    (
        "task / annotation / Verdicts",
        Healthy,
        "no verdict changes in quiet days",
    ),
    (
        "task / annotation / Shared encoder",
        Healthy,
        "no common shift comes or goes in quiet days",
    ),
    (
        "shared-encoder / As it is for / since",
        Healthy,
        "no common shift came or went yet",
    ),
    (
        "shared-encoder / Do the shifts agree? / median cosine",
        Healthy,
        "fewer than three tasks moved",
    ),
    (
        "shared-encoder / Last canary / since",
        Always,
        "no canary is sent in the recorded days",
    ),
    (
        "shared-encoder / Came / ago",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "shared-encoder / Share of the traffic / new version",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "shared-encoder / Evidence that a task got worse / {{task}}",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "shared-encoder / Change of the loss / {{task}}",
        Healthy,
        "the new version of the model comes later",
    ),
    (
        "shared-encoder / annotation / Verdicts",
        Healthy,
        "no verdict changes in quiet days",
    ),
    (
        "shared-encoder / annotation / Shared encoder",
        Healthy,
        "no common shift comes or goes in quiet days",
    ),
    (
        "pipeline / annotation / Shared encoder",
        Healthy,
        "no common shift comes or goes in quiet days",
    ),
    ("pipeline / Progress / played", Always, "a topic has no end"),
    (
        "pipeline / Notices to receivers / {{receiver}} {{outcome}}",
        Always,
        "the demo has no receiver of alerts",
    ),
    (
        "pipeline / Not told yet / {{receiver}}",
        Always,
        "the demo has no receiver of alerts",
    ),
    (
        "pipeline / Not told yet / {{receiver}} is gone",
        Always,
        "the demo has no receiver of alerts",
    ),
    (
        "pipeline / Waiting since / {{receiver}}",
        Always,
        "the demo has no receiver of alerts",
    ),
    (
        "pipeline / Waiting for the history's store / {{instance}}",
        Always,
        "the demo keeps no history",
    ),
    (
        "pipeline / Waiting for the history's store / {{instance}} size",
        Always,
        "the demo keeps no history",
    ),
];

/// Why a question may be empty in a phase.
pub(crate) fn reason(place: &str, phase: When) -> Option<&'static str> {
    MAY_BE_EMPTY
        .iter()
        .find(|(entry, when, _)| *entry == place && (*when == phase || *when == Always))
        .map(|(_, _, reason)| *reason)
}
