//! Words, numbers and times as a person reads them; the same as on the page (`assets/format.js`).

use bellwether_monitor::{Estimate, Verdict, rfc3339};

const MINUTE_MS: i64 = 60_000;
pub(super) const DAY_MS: i64 = 1440 * MINUTE_MS;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// What stands where there is no value.
pub(super) const NONE: &str = "–";

/// `continual update`
pub(super) fn word(name: &str) -> String {
    name.replace('_', " ")
}

/// A share as per cent.
pub(super) fn percent(value: f64, digits: usize) -> String {
    if value.is_finite() {
        format!("{}\u{202f}%", fixed(100.0 * value, digits))
    } else {
        NONE.to_owned()
    }
}

pub(super) fn fixed(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        // No minus before what is nothing but zeros.
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A number with its thousands apart.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Events an hour.
pub(super) fn rate(value: f64) -> String {
    if value < 10.0 {
        return fixed(value, 1);
    }
    // What is beyond a count, or no number, is told as none.
    fixed(value, 0).parse().map_or(NONE.to_owned(), count)
}

/// Quality in its metric's unit: shares as per cent, errors as numbers.
pub(super) fn quality(metric: &str, value: f64, digits: usize) -> String {
    if metric == "mae" {
        fixed(value, digits + 1)
    } else {
        percent(value, digits)
    }
}

pub(super) fn metric_name(metric: &str) -> &str {
    match metric {
        "accuracy" => "Accuracy",
        "span_f1" => "Span F1",
        "mae" => "Mean absolute error",
        other => other,
    }
}

/// The interval in the unit of its metric.
pub(super) fn quality_interval(metric: &str, estimate: &Estimate) -> String {
    let (low, high) = (estimate.interval.low, estimate.interval.high);
    format!("{} to {}", quality(metric, low, 1), quality(metric, high, 1))
}

/// `3 h 20 min`, `2 d 5 h`
pub(super) fn duration(span_ms: i64) -> String {
    let minutes = (span_ms.max(0) + MINUTE_MS / 2) / MINUTE_MS;
    let (hours, rest) = (minutes / 60, minutes % 60);
    match hours {
        0 => format!("{minutes} min"),
        1..10 if rest > 0 => format!("{hours} h {rest} min"),
        1..48 => format!("{hours} h"),
        _ if hours % 24 > 0 => format!("{} d {} h", hours / 24, hours % 24),
        _ => format!("{} d", hours / 24),
    }
}

/// `14 Mar`
pub(super) fn day(at_ms: i64) -> String {
    let text = rfc3339(at_ms);
    let month = text[5..7]
        .parse::<usize>()
        .map_or(0, |month| month.saturating_sub(1));
    format!(
        "{} {}",
        text[8..10].trim_start_matches('0'),
        MONTHS[month.min(11)]
    )
}

/// `15:00`
pub(super) fn clock(at_ms: i64) -> String {
    rfc3339(at_ms)[11..16].to_owned()
}

/// `14 Mar 15:00`
pub(super) fn short_time(at_ms: i64) -> String {
    format!("{} {}", day(at_ms), clock(at_ms))
}

/// `14 Mar 2026, 15:00`
pub(super) fn long_time(at_ms: i64) -> String {
    format!("{} {}, {}", day(at_ms), &rfc3339(at_ms)[..4], clock(at_ms))
}

/// A time of a record, in milliseconds since the epoch; 0 where it is none.
pub(super) fn at_ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_millisecond)
}

/// A summary where its task is named already: without the name in front, beginning with a capital letter.
pub(super) fn sentence(summary: &str, task: &str) -> String {
    let rest = summary
        .strip_prefix(task)
        .and_then(|rest| rest.strip_prefix(": "));
    let Some(rest) = rest.filter(|_| !task.is_empty()) else {
        return summary.to_owned();
    };
    let mut letters = rest.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// What asks for action comes first.
pub(super) fn need(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Retrain => 0,
        Verdict::NewTask => 1,
        Verdict::ContinualUpdate => 2,
        Verdict::Watch => 3,
        Verdict::Unknown => 4,
        Verdict::Healthy => 5,
    }
}

/// The first letters of what is too long for its place.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let first: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", first.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_page() {
        assert_eq!(percent(0.8125, 1), "81.2\u{202f}%");
        assert_eq!(percent(f64::NAN, 1), NONE);
        assert_eq!(fixed(-0.0004, 3), "0.000");
        assert_eq!(fixed(-0.25, 2), "−0.25");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(rate(3.25), "3.2");
        assert_eq!(rate(f64::INFINITY), NONE);
        assert_eq!(quality("mae", 0.8512, 1), "0.85");
        assert_eq!(duration(59 * 60_000), "59 min");
        assert_eq!(duration(200 * 60_000), "3 h 20 min");
        assert_eq!(duration(53 * 3_600_000), "2 d 5 h");
        assert_eq!(short_time(1_773_500_400_000), "14 Mar 15:00");
        assert_eq!(long_time(1_773_500_400_000), "14 Mar 2026, 15:00");
        assert_eq!(at_ms("2026-03-14T15:00:00.000Z"), 1_773_500_400_000);
        assert_eq!(sentence("home: inputs moved.", "home"), "Inputs moved.");
        assert_eq!(sentence("home is as before.", "home"), "home is as before.");
        assert_eq!(shortened("kitchen_and_dining", 10), "kitchen_a…");
    }
}
