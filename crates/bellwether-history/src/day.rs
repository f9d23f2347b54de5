//! Days of event time, and where the rows of one lie.

use crate::rows::Row;
use bellwether_monitor::rfc3339;

/// The folder of a kind.
pub(crate) fn kind_folder<R: Row>() -> String {
    format!("kind={}", R::KIND)
}

/// The day that a moment is in, as folders are called: `day=2026-03-14`. They sort by time.
pub(crate) fn folder(at_ms: i64) -> String {
    // Year, month and day are the first ten characters: the years 0 to 9999 are written.
    format!("day={}", &rfc3339(at_ms)[..10])
}

/// The one file with the rows of a kind of a day.
pub(crate) fn file<R: Row>(day: &str) -> String {
    format!("kind={0}/{day}/{0}.parquet", R::KIND)
}

/// Adds the rows of windows that are not there yet, window by window, and says how many windows these are. A window is
/// written at one time, so that its rows are all there or none is.
pub(crate) fn add_new_windows<R: Row>(rows: &mut Vec<R>, more: Vec<R>) -> usize {
    let known: std::collections::BTreeSet<i64> = rows.iter().map(Row::window_start).collect();
    let mut added = std::collections::BTreeSet::new();
    rows.extend(more.into_iter().filter(|row| {
        let is_new = !known.contains(&row.window_start());
        if is_new {
            added.insert(row.window_start());
        }
        is_new
    }));
    // Stable: within a window the order stays.
    rows.sort_by_key(Row::window_start);
    added.len()
}
