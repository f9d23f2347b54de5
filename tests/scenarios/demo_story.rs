//! The demo says of its recorded days what happened in them.
//!
//! The recording carries its own story: which verdict is right for which task from when to when. It was written by what
//! made the days, not by what the monitor says about them.

use crate::fixture::{PATIENCE, directory, recording, text};
use crate::reader::{of, parse, time};
use bellwether_tests::Binary;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;

const HOUR_MS: f64 = 3_600_000.0;
/// An interval shorter than this gives no time to see what it is; its verdict is not asked for.
const SHORTEST_HOURS: f64 = 20.0;

/// What holds for a task, or for the model, for a time.
#[derive(Debug, Deserialize)]
struct Interval {
    task: Option<String>,
    cause: String,
    from_ms: i64,
    to_ms: i64,
    verdict: Option<String>,
    also_accepted: Vec<String>,
    shared_encoder: bool,
}

impl Interval {
    fn hours(&self) -> f64 {
        hours(self.to_ms - self.from_ms)
    }

    fn is_right(&self, line: Option<&Value>) -> bool {
        let said = verdict(line);
        match &self.verdict {
            Some(intended) => intended == said || self.also_accepted.iter().any(|other| other == said),
            None => shared(line) == self.shared_encoder,
        }
    }

    /// Hours until what is right stands.
    fn delay(&self, lines: &[&Value]) -> Option<f64> {
        if self.is_right(standing(lines, self.from_ms)) {
            return Some(0.0);
        }
        let within = |line: &&&Value| (self.from_ms..self.to_ms).contains(&ms(line));
        let right = lines
            .iter()
            .filter(within)
            .find(|line| self.is_right(Some(line)))?;
        Some(hours(ms(right) - self.from_ms))
    }
}

fn hours(ms: i64) -> f64 {
    ms as f64 / HOUR_MS
}

fn ms(line: &Value) -> i64 {
    let timestamp: jiff::Timestamp = time(line).parse().expect("RFC 3339");
    timestamp.as_millisecond()
}

/// What stands just before a time.
fn standing<'a>(lines: &[&'a Value], before_ms: i64) -> Option<&'a Value> {
    lines.iter().rev().find(|line| ms(line) < before_ms).copied()
}

fn verdict(line: Option<&Value>) -> &str {
    line.and_then(|line| line["verdict"].as_str())
        .unwrap_or("unknown")
}

fn shared(line: Option<&Value>) -> bool {
    line.is_some_and(|line| line["shared_encoder"] == true)
}

fn timeline() -> Vec<Value> {
    let directory = directory();
    let path = directory.path().join("timeline.jsonl");
    let speed = std::env::var("BELLWETHER_DEMO_SPEED").unwrap_or_else(|_| "100000".to_owned());
    let mut arguments = vec!["demo", "--exit", "--listen", "127.0.0.1:0", "--speed", &speed];
    arguments.extend(["--timeline", text(&path), "--output", "json"]);
    let finished = Binary::locate().run(&arguments, PATIENCE * 10);
    assert!(finished.success(), "{}", finished.stderr);
    parse(&std::fs::read(&path).expect("the timeline was written"))
}

#[test]
fn demo_gives_the_intended_verdicts() {
    let story: Vec<Interval> = serde_json::from_str(&recording().story).expect("the story is JSON");
    let lines = timeline();
    let mut table = format!(
        "{:<20} {:<13} {:>6} {:>6}  {:<17} {:<17} delay h\n",
        "task", "cause", "from h", "hours", "intended", "said at end"
    );
    let start_ms = story
        .iter()
        .map(|i| i.from_ms)
        .min()
        .expect("a story has intervals");
    let mut wrong = Vec::new();
    for interval in &story {
        let own: Vec<&Value> = of(&lines, interval.task.as_deref()).collect();
        let last = standing(&own, interval.to_ms);
        let delay = interval.delay(&own);
        let flag = |shared| {
            if shared { "shared_encoder" } else { "not shared" }
        };
        let (intended, said) = match &interval.verdict {
            Some(intended) => (intended.as_str(), verdict(last)),
            None => (flag(interval.shared_encoder), flag(shared(last))),
        };
        let asked = interval.hours() >= SHORTEST_HOURS;
        let right = interval.is_right(last) && delay.is_some();
        let row = format!(
            "{:<20} {:<13} {:>6} {:>6}  {intended:<17} {said:<17} {:>7}{}",
            interval.task.as_deref().unwrap_or("(model)"),
            interval.cause,
            hours(interval.from_ms - start_ms),
            interval.hours(),
            delay.map_or_else(|| "never".to_owned(), |delay| format!("{delay:.1}")),
            match (asked, right) {
                (false, _) => "  too short to ask",
                (true, true) => "",
                (true, false) => "  WRONG",
            }
        );
        writeln!(table, "{row}").expect("memory takes it");
        if asked && !right {
            wrong.push(row);
        }
    }
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{} wrong of\n{table}", wrong.len());

    let fault_ms = story
        .iter()
        .find(|i| i.shared_encoder)
        .map(|i| i.from_ms)
        .expect("a shared fault");
    let early = lines
        .iter()
        .find(|line| shared(Some(line)) && ms(line) < fault_ms);
    assert_eq!(early, None, "a shared shift before there was one");
    let alarm = of(&lines, Some("device_support"))
        .filter(|line| ms(line) < fault_ms)
        .find(|line| !["healthy", "unknown", "watch"].contains(&verdict(Some(line))));
    assert_eq!(
        alarm, None,
        "nothing happened to device_support before the shared fault"
    );
}
