//! When the course of a recording has its next point.
//!
//! Points lie at round times of the stream, behind an event each: where turns begin and end does not matter, nor does a clock.
//! The distance doubles as points become many, so that a recording of any length has some thousand of them.

/// The first distance: finer than windows move.
const FINEST_MS: i64 = 60_000;
/// Points after which the distance doubles.
const POINTS: u32 = 500;

/// The times of the points.
#[derive(Debug)]
pub(crate) struct Course {
    interval_ms: i64,
    points: u32,
    /// The next one, once an event before it has been seen.
    due_ms: Option<i64>,
}

impl Course {
    pub(crate) fn new() -> Self {
        Self {
            interval_ms: FINEST_MS,
            points: 0,
            due_ms: None,
        }
    }

    /// The next time at which the state is to be seen, where everything strictly before `before_ms` may be judged and the oldest
    /// event that is not yet judged is at `oldest_ms`.
    pub(crate) fn next(&mut self, oldest_ms: Option<i64>, before_ms: i64) -> Option<i64> {
        if self.due_ms.is_none() {
            let oldest_ms = oldest_ms.filter(|oldest| *oldest < before_ms)?;
            let round = oldest_ms.div_euclid(self.interval_ms).saturating_add(1);
            self.due_ms = Some(round.saturating_mul(self.interval_ms));
        }
        let due_ms = self.due_ms.filter(|due| *due <= before_ms)?;
        self.due_ms = None;
        self.points += 1;
        if self.points == POINTS {
            self.points = 0;
            self.interval_ms = self.interval_ms.saturating_mul(2);
        }
        Some(due_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, FINEST_MS, POINTS};

    /// The points of events that are released in parts, each up to one of `watermarks`.
    fn points(events: &[i64], watermarks: &[i64]) -> Vec<i64> {
        let mut course = Course::new();
        let mut judged = 0;
        let mut points = Vec::new();
        for &before in watermarks {
            while let Some(at) = course.next(events.get(judged).copied(), before) {
                judged = events.partition_point(|event| *event < at).max(judged);
                points.push(at);
            }
            judged = events.partition_point(|event| *event < before).max(judged);
        }
        points
    }

    #[test]
    fn points_do_not_depend_on_the_parts() {
        let mut events: Vec<i64> = (0..400).map(|i| i * 37_777 + (i % 7) * 5_000_000).collect();
        events.sort_unstable();
        let end = events[events.len() - 1] + 1;
        let whole = points(&events, &[end]);
        assert!(whole.len() > 100, "{}", whole.len());
        for part in [1_000, 61_000, 999_999, 60_000] {
            let mut parts: Vec<i64> = (1..=end / part).map(|i| i * part).collect();
            parts.push(end);
            assert_eq!(points(&events, &parts), whole, "{part}");
        }
    }

    #[test]
    fn a_long_recording_has_points_far_apart_and_a_gap_none() {
        let day = 86_400_000;
        let events: Vec<i64> = (0..200_000)
            .map(|i| i * 60_000)
            .chain([9_000_000 * day])
            .collect();
        let points = points(&events, &[i64::MAX]);
        assert!(points.len() < 12 * POINTS as usize, "{}", points.len());
        assert_eq!(points[0], FINEST_MS);
        let last = points[points.len() - 1];
        assert!(last > 9_000_000 * day, "{last}");
    }
}
