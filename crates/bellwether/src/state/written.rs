//! What was written after the checkpoint that is gone on from: it comes again, and must not be written again.

use bellwether_ingest::Place;
use bellwether_monitor::TimelineLine;
use serde::Deserialize;
use std::collections::HashMap;
use std::hash::Hash;

/// Things with how often each is there.
#[derive(Debug)]
struct Counted<T>(HashMap<T, u32>);

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Hash + Eq> Counted<T> {
    fn add(&mut self, item: T) {
        *self.0.entry(item).or_default() += 1;
    }

    fn take<Q: ?Sized + Hash + Eq>(&mut self, item: &Q) -> bool
    where
        T: std::borrow::Borrow<Q>,
    {
        let Some(count) = self.0.get_mut(item) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.0.remove(item);
        }
        true
    }
}

/// Lines that a sink of the timeline has already.
///
/// The monitor is deterministic: what it said after the checkpoint it says again, byte for byte.
#[derive(Debug, Default)]
pub(crate) struct WrittenLines {
    lines: Counted<Vec<u8>>,
    newest: String,
    /// The newest line of each task, where all lines are read back and a compacted topic keeps no others.
    newest_of: HashMap<Option<String>, String>,
    compacted: bool,
}

impl WrittenLines {
    /// Of a sink that may have forgotten lines of a task that has newer ones: those are not written again either.
    pub(crate) fn compacted() -> Self {
        Self {
            compacted: true,
            ..Self::default()
        }
    }

    /// The sink has this line. What is no line of a timeline is somebody else's.
    pub(crate) fn add(&mut self, line: &[u8]) {
        #[derive(Deserialize)]
        struct Line {
            timestamp: String,
            task: Option<String>,
        }
        let Ok(Line { timestamp, task }) = serde_json::from_slice(line) else {
            return;
        };
        if self.compacted {
            let newest = self.newest_of.entry(task).or_default();
            *newest = timestamp.clone().max(std::mem::take(newest));
        }
        self.newest = timestamp.max(std::mem::take(&mut self.newest));
        self.lines.add(line.to_vec());
    }

    /// Whether the sink has the line, which is asked once for each that would be written.
    pub(crate) fn take(&mut self, line: &TimelineLine, body: &[u8]) -> bool {
        if self.is_empty() {
            return false;
        }
        if self.lines.take(body) {
            return true;
        }
        if self
            .newest_of
            .get(&line.task)
            .is_some_and(|newest| line.timestamp < *newest)
        {
            return true;
        }
        // Lines come in order of time: what is left over will not come any more.
        if line.timestamp > self.newest {
            let left = self.lines.0.len();
            tracing::warn!(
                left,
                "Lines written before the restart did not come again: something came later than allowed"
            );
            self.lines.0.clear();
        }
        false
    }

    /// Whether nothing is left to come again.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.0.is_empty()
    }
}

/// Refused records whose dead letters are written already; several rows of one record have a letter each.
#[derive(Debug, Default)]
pub(crate) struct WrittenLetters(Counted<Place>);

impl WrittenLetters {
    pub(crate) fn add(&mut self, origin: Place) {
        self.0.add(origin);
    }

    /// Whether the letter is there, which is asked once for each that would be written.
    pub(crate) fn take(&mut self, origin: &Place) -> bool {
        self.0.take(origin)
    }

    /// Forgets letters of records that will not be refused again.
    pub(crate) fn retain(&mut self, may_come: impl Fn(&Place) -> bool) {
        self.0.0.retain(|origin, _| may_come(origin));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_monitor::Verdict;

    fn line(timestamp: &str, summary: &str) -> (TimelineLine, Vec<u8>) {
        let line = TimelineLine {
            timestamp: timestamp.to_owned(),
            task: Some("banking".to_owned()),
            verdict: Some(Verdict::Watch),
            shared_encoder: false,
            since: timestamp.to_owned(),
            confidence: 0.5,
            summary: summary.to_owned(),
            evidence: serde_json::json!({}),
        };
        let body = serde_json::to_vec(&line).expect("a line is JSON");
        (line, body)
    }

    #[test]
    fn a_line_that_is_there_is_not_written_again_and_one_that_is_there_twice_twice() {
        let (first, first_body) = line("2026-03-14T15:00:00.000Z", "one");
        let (second, second_body) = line("2026-03-14T16:00:00.000Z", "two");
        let mut written = WrittenLines::default();
        assert!(!written.take(&first, &first_body));
        for body in [&first_body, &first_body, &second_body] {
            written.add(body);
        }
        written.add(b"somebody else's");
        assert!(written.take(&first, &first_body));
        assert!(written.take(&second, &second_body));
        assert!(!written.take(&second, &second_body));
        assert!(written.take(&first, &first_body));
        assert!(written.is_empty());
    }

    #[test]
    fn what_is_left_over_is_given_up_once_later_lines_come() {
        let (_, gone_body) = line("2026-03-14T15:00:00.000Z", "never again");
        let (same_time, same_time_body) = line("2026-03-14T15:00:00.000Z", "another");
        let (later, later_body) = line("2026-03-14T15:00:00.001Z", "later");
        let mut written = WrittenLines::default();
        written.add(&gone_body);
        assert!(!written.take(&same_time, &same_time_body) && !written.is_empty());
        assert!(!written.take(&later, &later_body) && written.is_empty());
    }

    #[test]
    fn a_compacted_sink_is_not_told_what_a_newer_line_of_the_task_has_replaced() {
        let (old, old_body) = line("2026-03-14T15:00:00.000Z", "forgotten");
        let (kept, kept_body) = line("2026-03-14T16:00:00.000Z", "kept");
        let mut other = old.clone();
        other.task = None;
        let mut written = WrittenLines::compacted();
        written.add(&kept_body);
        assert!(written.take(&old, &old_body));
        assert!(!written.take(&other, b"of the model, which has no newer line"));
        assert!(written.take(&kept, &kept_body) && written.is_empty());
    }

    #[test]
    fn letters_are_counted_by_the_place_of_their_record() {
        let place = |offset| Place {
            topic: "predictions".to_owned(),
            partition: 0,
            offset,
        };
        let mut written = WrittenLetters::default();
        for offset in [3, 3, 4, 5] {
            written.add(place(offset));
        }
        assert!(written.take(&place(3)) && written.take(&place(3)) && !written.take(&place(3)));
        written.retain(|origin| origin.offset > 4);
        assert!(!written.take(&place(4)) && written.take(&place(5)));
        assert!(written.is_empty());
    }
}
