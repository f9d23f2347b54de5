//! The document: its head, its parts in order, and how to read it.

use super::facts::Facts;
use super::parts::{Fact, stats};
use super::words::{NONE, duration, long_time};
use super::{details, encoder, fleet, happenings, lanes};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page's colours. The report has the light ones alone: it is printed.
const TOKENS: &str = include_str!("../../assets/tokens.css");
const STYLE: &str = include_str!("report.css");
/// Nothing is fetched and nothing runs, whatever a text in it says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The tokens without those of the dark page.
pub(super) fn light_tokens() -> String {
    let (light, rest) = TOKENS
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap_or((TOKENS, ""));
    // The block of the dark page ends where a brace stands at the beginning of a line.
    let after = rest.split_once("\n}").map_or("", |(_, after)| after);
    format!("{light}{after}")
}

pub(super) fn document(facts: &Facts) -> Markup {
    let headline = fleet::headline(&facts.status);
    let (from, to) = facts.period;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                meta name="generator" content=(concat!("bellwether ", env!("CARGO_PKG_VERSION")));
                title { "Bellwether report: " (headline) ", " (long_time(from)) " to " (long_time(to)) }
                style { (PreEscaped(light_tokens())) (PreEscaped(STYLE)) }
            }
            body {
                (masthead(facts, &headline))
                main {
                    (fleet::table(facts))
                    (lanes::lanes(facts))
                    (happenings::happenings(facts))
                    (details::in_need(facts))
                    (details::in_short(facts))
                    (encoder::encoder(facts))
                    (happenings::counted(facts))
                }
                (reading(facts))
            }
        }
    }
}

fn masthead(facts: &Facts, headline: &str) -> Markup {
    let (status, options) = (&facts.status, &facts.options);
    let (from, to) = facts.period;
    let known = |text: &str| if text.is_empty() { NONE } else { text }.to_owned();
    let seen = status
        .forgetting
        .as_ref()
        .map(|change| change.model_version.as_str());
    let model = seen.or(options.model_version.as_deref()).unwrap_or_default();
    let of_reference = match &options.model_version {
        Some(version) if seen.is_some_and(|seen| seen != version) => format!("reference of {version}"),
        _ => String::new(),
    };
    let encoder = options
        .encoder_version
        .as_ref()
        .map(|version| format!("encoder {version}"));
    let mut numbers = vec![
        Fact::new(
            "Period, UTC",
            format!("{} to {}", long_time(from), long_time(to)),
            duration(to - from),
        ),
        Fact::new("State as of, UTC", long_time(status.event_time_ms), "event time"),
        Fact::new("Reference", known(&status.reference), encoder.unwrap_or_default()),
    ];
    if !model.is_empty() {
        numbers.push(Fact::new("Model version", model, of_reference));
    }
    if let Some(written) = options.written_ms {
        numbers.push(Fact::new("Written, UTC", long_time(written), "by the clock"));
    }
    let is_past = to < status.event_time_ms;
    html! {
        header class="masthead" {
            p class="brand" { "Bellwether report" }
            h1 { (headline) }
            p class="lead" { (status.summary) }
            (stats(&numbers))
            @if is_past {
                p class="warned" {
                    "The period ends before the newest judgement. Lines, bands, changes and incidents are of the period; "
                    "the table of tasks, maps and reports show the state as of " (long_time(status.event_time_ms)) " UTC."
                }
            }
        }
    }
}

fn reading(facts: &Facts) -> Markup {
    let words = [
        (
            "Retrain",
            "the inputs moved within their classes, or what is right changed, and quality suffers: train again with fresh data.",
        ),
        (
            "New task",
            "requests arrive that no head covers: a head is missing.",
        ),
        (
            "Continual update",
            "a task receives classes that it does not know: add them to its head.",
        ),
        ("Watch", "inputs moved and quality holds: look, do not act yet."),
        ("Unknown", "too few observations to say."),
        ("Healthy", "as in the reference."),
        (
            "Shared encoder",
            "most tasks moved in one direction: look at the encoder, or what feeds it, before the single tasks.",
        ),
    ];
    html! {
        footer {
            h2 { "How to read this" }
            dl { @for (name, said) in words { div { dt { (name) } dd { (said) } } } }
            p {
                "All times are event time in UTC. Intervals hold 95 %. Quality by labels is that of the newest labelled predictions; "
                "without labels it is what the task's confidence promises, and is worth as much as its calibration. "
                "Drift within classes is the squared distance of the mean input from the reference's, class by class, over the reference's variance; "
                "that of the class mix is the total variation distance of the predicted classes. "
                "Evidence is the logarithm of an e-detector's value: it stands from its threshold on."
            }
            @if !facts.options.command.is_empty() { p class="made" { "Made by " code { (facts.options.command) } } }
            p class="note" { "Bellwether " (env!("CARGO_PKG_VERSION")) ". This file holds all that it shows: it asks no network and runs no script." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{STYLE, light_tokens};

    #[test]
    fn the_colours_are_the_light_ones_of_the_page() {
        let tokens = light_tokens();
        assert!(tokens.contains("--bg: #f6f7f9") && tokens.contains("[data-verdict=\"new_task\"]"));
        assert!(
            !tokens.contains("prefers-color-scheme") && !tokens.contains("#0e1115"),
            "{tokens}"
        );
        assert_eq!(tokens.matches('{').count(), tokens.matches('}').count());
        // What is put into a style element as it is must not end it, nor fetch anything.
        for style in [tokens.as_str(), STYLE] {
            assert!(!style.contains('<') && !style.contains("url(") && !style.contains("@import"));
        }
    }
}
