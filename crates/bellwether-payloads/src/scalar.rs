//! Texts, numbers and times out of a value, with one sentence for each way to be wrong.

use crate::value::Value;
use bellwether_events::raw::{RawPrediction, time_ms};
use bellwether_events::{Fault, RejectReason};
use std::borrow::Cow;

/// The unit in which a topic counts time since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// Seconds, also with a fraction.
    Seconds,
    /// Milliseconds, as in the contract.
    #[default]
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

pub(crate) fn wrong(field: &str, expected: &str, found: &str) -> Fault {
    Fault::new(
        RejectReason::InvalidField,
        format!("`{field}` must be {expected}, found {found}"),
    )
}

/// Text, with whole numbers written out: identifiers and versions come as both.
pub(crate) fn identifier<'v>(field: &str, value: &'v Value) -> Result<Cow<'v, str>, Fault> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Int(number) => Ok(Cow::Owned(number.to_string())),
        other => Err(wrong(field, "a string or an integer", other.kind())),
    }
}

/// Text and nothing else.
pub(crate) fn text<'v>(field: &str, value: &'v Value) -> Result<&'v str, Fault> {
    value
        .as_str()
        .ok_or_else(|| wrong(field, "a string", value.kind()))
}

/// A prediction; a list of texts, as token classifiers answer, is read as tags by the caller.
pub(crate) fn prediction(value: &Value) -> Result<RawPrediction<'_>, Fault> {
    match value {
        Value::Text(text) => Ok(RawPrediction::Text(text)),
        Value::Int(number) => Ok(RawPrediction::Number(*number as f64)),
        Value::Float(number) => Ok(RawPrediction::Number(*number)),
        other => Err(wrong("prediction", "a string or a number", other.kind())),
    }
}

/// A label as text, as the prediction is written.
pub(crate) fn label(value: &Value) -> Result<Cow<'_, str>, Fault> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Int(number) => Ok(Cow::Owned(number.to_string())),
        Value::Float(number) => Ok(Cow::Owned(number.to_string())),
        other => Err(wrong("label", "a string or a number", other.kind())),
    }
}

/// Milliseconds since the epoch: RFC 3339, or a number in the topic's unit, also written as text, as headers have it.
pub(crate) fn timestamp_ms(value: &Value, unit: TimeUnit) -> Result<i64, Fault> {
    const EXPECTED: &str = "RFC 3339 with an offset (2026-03-14T15:00:00Z) or a number since the epoch";
    match value {
        Value::Text(text) => {
            let number = || text.trim().parse().ok().map(|number| whole(number, unit));
            let fraction = || {
                let seconds: f64 = text.trim().parse().ok()?;
                (unit == TimeUnit::Seconds && seconds.is_finite()).then(|| from_seconds(seconds))
            };
            time_ms(text)
                .or_else(number)
                .or_else(fraction)
                .ok_or_else(|| wrong("timestamp", EXPECTED, "a string that is neither"))
        }
        Value::Int(number) => Ok(whole(*number, unit)),
        Value::Float(number) if unit == TimeUnit::Seconds && number.is_finite() => Ok(from_seconds(*number)),
        Value::Float(number) if number.fract() == 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "out of range saturates, and is refused"
            )]
            let number = *number as i64;
            Ok(whole(number.into(), unit))
        }
        Value::Float(_) => Err(wrong("timestamp", EXPECTED, "a fraction")),
        other => Err(wrong("timestamp", EXPECTED, other.kind())),
    }
}

fn from_seconds(seconds: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "out of range saturates, and is refused"
    )]
    let ms = (seconds * 1000.0).floor() as i64;
    ms
}

/// What does not fit is far outside the range that is checked later.
fn whole(number: i128, unit: TimeUnit) -> i64 {
    let ms = match unit {
        TimeUnit::Seconds => number.saturating_mul(1000),
        TimeUnit::Milliseconds => number,
        TimeUnit::Microseconds => number.div_euclid(1000),
        TimeUnit::Nanoseconds => number.div_euclid(1_000_000),
    };
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_topics_unit() {
        let read = |value: Value, unit| timestamp_ms(&value, unit).map_err(|fault| fault.detail);
        let text = |text: &str| Value::Text(text.to_owned());
        let expected = Ok(1_773_500_400_123);
        assert_eq!(
            read(text("2026-03-14T15:00:00.1239Z"), TimeUnit::Seconds),
            expected
        );
        assert_eq!(read(text("1773500400123"), TimeUnit::Milliseconds), expected);
        assert_eq!(
            read(Value::Int(1_773_500_400_123), TimeUnit::Milliseconds),
            expected
        );
        assert_eq!(
            read(Value::Int(1_773_500_400_123_456), TimeUnit::Microseconds),
            expected
        );
        assert_eq!(
            read(Value::Int(1_773_500_400_123_456_789), TimeUnit::Nanoseconds),
            expected
        );
        assert_eq!(
            read(Value::Float(1_773_500_400.123_9), TimeUnit::Seconds),
            expected
        );
        assert_eq!(read(Value::Int(-1), TimeUnit::Microseconds), Ok(-1));
        assert_eq!(read(Value::Int(i128::MAX), TimeUnit::Seconds), Ok(i64::MAX));
        assert!(read(Value::Float(0.5), TimeUnit::Milliseconds).is_err());
        assert!(read(text("today"), TimeUnit::Seconds).is_err());
    }
}
