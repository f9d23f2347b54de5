//! The only place that prints: results to standard output, everything else to standard error.

use crate::cli::Output;
use bellwether_monitor::{ModelStatus, TimelineLine, Verdict};
use indicatif::ProgressBar;
use std::io::{IsTerminal, Write};

/// Prints a failure.
pub(crate) fn error(report: &str) {
    note(report.trim_end());
}

/// Prints a note beside the result.
pub(crate) fn note(text: &str) {
    // A closed pipe is the reader's choice, not a fault.
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a result.
pub(crate) fn result(text: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}

/// Tells changes of state as they happen.
#[derive(Debug, Clone)]
pub(crate) struct LineReporter {
    output: Output,
    /// Event time from which days are counted; absolute times without.
    start_ms: Option<i64>,
    colour: bool,
    bar: Option<ProgressBar>,
}

impl LineReporter {
    pub(crate) fn new(output: Output, start_ms: Option<i64>, bar: Option<ProgressBar>) -> Self {
        let colour = wants_colour();
        Self {
            output,
            start_ms,
            colour,
            bar,
        }
    }

    pub(crate) fn lines(&self, lines: &[TimelineLine]) {
        for line in lines {
            let text = match self.output {
                Output::Json => serde_json::to_string(line).unwrap_or_default(),
                Output::Text => self.text(line),
            };
            match &self.bar {
                Some(bar) => bar.suspend(|| result(&text)),
                None => result(&text),
            }
        }
    }

    fn text(&self, line: &TimelineLine) -> String {
        let time = match (self.start_ms, line.timestamp.parse::<jiff::Timestamp>()) {
            (Some(start), Ok(now)) => {
                let minutes = (now.as_millisecond() - start) / 60_000;
                format!(
                    "day {:>2} {:02}:{:02}",
                    minutes / 1440,
                    minutes / 60 % 24,
                    minutes % 60
                )
            }
            _ => line.timestamp.clone(),
        };
        let who = line.task.as_deref().unwrap_or("(model)");
        let verdict = line.verdict.unwrap_or(Verdict::Unknown);
        let flag = if line.task.is_none() && line.shared_encoder {
            " shared_encoder"
        } else {
            ""
        };
        format!(
            "{time}  {who:<22} {}{flag}  {}",
            paint(verdict, self.colour),
            line.summary
        )
    }
}

/// Whether results go to a terminal that may be coloured.
fn wants_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

fn paint(verdict: Verdict, colour: bool) -> String {
    let code = match verdict {
        Verdict::Unknown => "2",
        Verdict::Healthy => "32",
        Verdict::Watch => "33",
        Verdict::Retrain => "31;1",
        Verdict::ContinualUpdate => "36;1",
        Verdict::NewTask => "35;1",
    };
    if colour {
        format!("\x1b[{code}m{verdict:<16}\x1b[0m")
    } else {
        format!("{verdict:<16}")
    }
}

/// The table of all tasks as they stand.
pub(crate) fn table(status: &ModelStatus, output: Output) {
    if output == Output::Json {
        result(&serde_json::to_string_pretty(status).unwrap_or_default());
        return;
    }
    let colour = wants_colour();
    let width = status
        .tasks
        .iter()
        .map(|t| t.task.len())
        .max()
        .unwrap_or(4)
        .max(4);
    result(&format!(
        "{:<width$}  {:<16} {:>7} {:>7}  {:<24} why",
        "task", "verdict", "events", "labels", "quality (reference)"
    ));
    for task in &status.tasks {
        let quality = task.quality.current.map_or_else(
            || format!("- ({:.2})", task.quality.reference),
            |q| {
                format!(
                    "{} {:.2} ({:.2})",
                    task.quality.metric, q.value, task.quality.reference
                )
            },
        );
        result(&format!(
            "{:<width$}  {} {:>7} {:>7}  {quality:<24} {}",
            task.task,
            paint(task.verdict, colour),
            task.observations,
            task.labels,
            task.summary
        ));
    }
    let flag = if status.shared_encoder { "yes" } else { "no" };
    result(&format!("shared_encoder: {flag}. {}", status.summary));
}
