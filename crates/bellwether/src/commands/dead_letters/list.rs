//! `bellwether dead-letters list`.

use super::{Letters, configured, identity, text, time};
use crate::cli::{ListArgs, Output};
use crate::failure::Failure;
use crate::report;
use bellwether_ingest::{Bound, DeadLetter};
use serde_json::json;
use std::collections::BTreeMap;

/// Characters of a detail in a table's row.
const DETAIL_WIDTH: usize = 80;

pub(crate) fn list(args: &ListArgs) -> Result<(), Failure> {
    args.selection.check()?;
    let (config, topic) = configured(&args.config)?;
    let mut newest = BTreeMap::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let from = args.selection.since.map_or(Bound::Earliest, Bound::Time);
    Letters::open(&config, &topic, &from, &Bound::Latest)?.each(|letter| {
        if !args.selection.takes(&letter) {
            return;
        }
        *counts.entry(letter.reason.clone()).or_default() += 1;
        newest.insert((letter.written_ms, letter.place.clone()), letter);
        if newest.len() > args.limit {
            newest.pop_first();
        }
    })?;
    let letters: Vec<DeadLetter> = newest.into_values().collect();
    match args.output {
        Output::Json => report::result(&document(&topic, &letters, &counts)),
        Output::Text => table(&topic, &letters, &counts),
    }
    Ok(())
}

fn document(topic: &str, letters: &[DeadLetter], counts: &BTreeMap<String, u64>) -> String {
    let listed: Vec<_> = letters
        .iter()
        .map(|letter| {
            let identity = identity(letter);
            json!({
                "place": letter.place.to_string(),
                "written": time(letter.written_ms),
                "reason": letter.reason,
                "detail": letter.detail,
                "origin": text(letter.origin.as_ref()),
                "task": identity.task,
                "event_id": identity.event_id,
                "bytes": letter.payload.len(),
                "resubmissions": letter.resubmissions,
                "resubmitted_from": text(letter.resubmitted_from.as_ref()),
            })
        })
        .collect();
    let total: u64 = counts.values().sum();
    json!({"topic": topic, "total": total, "by_reason": counts, "dead_letters": listed}).to_string()
}

fn table(topic: &str, letters: &[DeadLetter], counts: &BTreeMap<String, u64>) {
    let total: u64 = counts.values().sum();
    if total == 0 {
        report::result(&format!("no dead letters in {topic}"));
        return;
    }
    let mut rows = vec![
        [
            "place",
            "written",
            "reason",
            "came from",
            "task",
            "event",
            "detail",
        ]
        .map(str::to_owned),
    ];
    for letter in letters {
        let identity = identity(letter);
        let mut detail: String = letter.detail.chars().take(DETAIL_WIDTH).collect();
        if detail.len() < letter.detail.len() {
            detail.push('…');
        }
        if letter.resubmissions > 0 {
            detail = format!("(sent again {} times) {detail}", letter.resubmissions);
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        rows.push([
            letter.place.to_string(),
            or_dash(time(letter.written_ms)),
            letter.reason.clone(),
            or_dash(text(letter.origin.as_ref())),
            or_dash(identity.task),
            or_dash(identity.event_id),
            detail,
        ]);
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{:<width$}", printable(cell)))
            .collect();
        let line = cells.join("  ");
        if at == 0 {
            report::header(line.trim_end());
        } else {
            report::result(line.trim_end());
        }
    }
    report::result("");
    report::header(&format!("{:<20} {:>8}", "reason", "count"));
    for (reason, count) in counts {
        report::result(&format!("{:<20} {count:>8}", printable(reason)));
    }
    let shown = letters.len();
    report::result(&format!(
        "{total} dead letters in {topic}, the newest {shown} of them above"
    ));
}

/// Without the control characters that a foreign record may have put there.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}
