//! The record of a change of state: one line of the timeline, the verdict topic, the API and the history.

use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// One change of state, in the form of the contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineLine {
    /// Event time of the change, RFC 3339, UTC, milliseconds.
    pub timestamp: String,
    /// The task, or `None` for the model.
    pub task: Option<String>,
    /// The verdict; for the model `new_task` while any task says so, else `healthy`.
    pub verdict: Option<Verdict>,
    /// Whether a shift common to the tasks stands.
    pub shared_encoder: bool,
    /// When what is said began, as dated by the detectors: RFC 3339.
    pub since: String,
    /// From 0 to 1: how far the evidence is beyond what the verdict asks for; see `docs/concepts.md`.
    pub confidence: f64,
    /// One sentence a person understands.
    pub summary: String,
    /// The numbers behind it.
    pub evidence: serde_json::Value,
}

/// A line as it is kept: its evidence is the JSON text that was said, so that no number changes on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredLine {
    /// As in the line.
    pub timestamp: String,
    /// As in the line.
    pub task: Option<String>,
    /// As in the line.
    pub verdict: Option<Verdict>,
    /// As in the line.
    pub shared_encoder: bool,
    /// As in the line.
    pub since: String,
    /// As in the line.
    pub confidence: f64,
    /// As in the line.
    pub summary: String,
    /// The numbers behind it, as JSON.
    pub evidence: String,
}

impl From<&TimelineLine> for StoredLine {
    fn from(line: &TimelineLine) -> Self {
        Self {
            timestamp: line.timestamp.clone(),
            task: line.task.clone(),
            verdict: line.verdict,
            shared_encoder: line.shared_encoder,
            since: line.since.clone(),
            confidence: line.confidence,
            summary: line.summary.clone(),
            evidence: line.evidence.to_string(),
        }
    }
}

impl StoredLine {
    /// The line, whose evidence is `null` where the text is no JSON.
    #[must_use]
    pub fn line(&self) -> TimelineLine {
        TimelineLine {
            timestamp: self.timestamp.clone(),
            task: self.task.clone(),
            verdict: self.verdict,
            shared_encoder: self.shared_encoder,
            since: self.since.clone(),
            confidence: self.confidence,
            summary: self.summary.clone(),
            evidence: serde_json::from_str(&self.evidence).unwrap_or_default(),
        }
    }
}

/// Milliseconds since the epoch as RFC 3339 in UTC with milliseconds, such as `2026-03-14T15:00:00.000Z`.
///
/// Valid for years 0 to 9999; times outside are clamped to that range.
#[must_use]
pub fn rfc3339(timestamp_ms: i64) -> String {
    const DAY: i64 = 86_400_000;
    let clamped = timestamp_ms.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let (days, ms) = (clamped.div_euclid(DAY), clamped.rem_euclid(DAY));
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1000 % 60,
        ms % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        // Golden values of `date -u -d @SECONDS +%FT%TZ`: epoch, leap days of 2000 and 2024, the century without one, before 1970.
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }
}
