//! Our rules, quick enough for recorded days that go by in seconds.
//!
//! What is compared with a number of seconds (an age of 120 s, a lag of 600 s) is not scaled: only durations are.

use crate::prometheus::repository;
use std::fmt::Write as _;

/// By how much the durations of the rules are divided: five minutes become two and a half seconds.
const FASTER: u64 = 120;

/// Our rules, with every duration divided.
pub(crate) fn scaled_rules() -> String {
    let rules = repository("alert-rules/bellwether.yaml");
    let scaled: Vec<String> = rules.lines().map(scaled_line).collect();
    scaled.join("\n")
}

/// `for: 5m` and `rate(x[5m])`, and nothing else.
fn scaled_line(line: &str) -> String {
    for key in ["for: ", "keep_firing_for: "] {
        if let Some((indent, duration)) = line.split_once(key)
            && indent.trim().is_empty()
        {
            return format!("{indent}{key}{}", scaled(duration));
        }
    }
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((window, after)) = after.split_once(']') else {
            break;
        };
        let _written = write!(out, "{before}[{}]", scaled(window));
        rest = after;
    }
    out + rest
}

fn scaled(duration: &str) -> String {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => panic!("no duration: {duration}"),
    };
    let number: u64 = number
        .parse()
        .unwrap_or_else(|_| panic!("no duration: {duration}"));
    format!("{}ms", number * seconds * 1000 / FASTER)
}
