//! The only place that prints: results to standard output, everything else to standard error.

use crate::cli::Output;
use anstyle::{AnsiColor, Style};
use bellwether_monitor::{ModelStatus, TimelineLine, Verdict};
use indicatif::ProgressBar;
use std::io::Write;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
const HEADER: Style = Style::new().bold();

/// Prints a failure, with `error:`, `cause:` and `fix:` at the beginning of lines set apart.
pub(crate) fn error(report: &str) {
    let mut text = String::new();
    for line in report.trim_end().lines() {
        let (word, rest) = line.split_at(line.find(": ").map_or(0, |at| at + 1));
        let style = match word {
            "error:" => BAD,
            "cause:" => AnsiColor::Yellow.on_default(),
            "fix:" => GOOD,
            _ => Style::new(),
        };
        text.extend([&paint(style, word), rest, "\n"]);
    }
    let _closed = anstream::stderr().lock().write_all(text.as_bytes());
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

/// Prints a result with [`paint`]ed words: plain where standard output is no terminal, or where the environment says so
/// (`NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`).
pub(crate) fn styled(text: &str) {
    let _closed = writeln!(anstream::stdout().lock(), "{text}");
}

/// Prints the head of a table.
pub(crate) fn header(text: &str) {
    styled(&paint(HEADER, text));
}

/// A word in a style; to be printed by [`styled`].
pub(crate) fn paint(style: Style, text: &str) -> String {
    if style.is_plain() || text.is_empty() {
        return text.to_owned();
    }
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// Tells changes of state as they happen.
#[derive(Debug, Clone)]
pub(crate) struct LineReporter {
    output: Output,
    /// Event time from which days are counted; absolute times without.
    start_ms: Option<i64>,
    bar: Option<ProgressBar>,
}

impl LineReporter {
    pub(crate) fn new(output: Output, start_ms: Option<i64>, bar: Option<ProgressBar>) -> Self {
        Self {
            output,
            start_ms,
            bar,
        }
    }

    pub(crate) fn lines(&self, lines: &[TimelineLine]) {
        for line in lines {
            let print = || match self.output {
                Output::Json => result(&serde_json::to_string(line).unwrap_or_default()),
                Output::Text => styled(&self.text(line)),
            };
            match &self.bar {
                Some(bar) => bar.suspend(print),
                None => print(),
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
            of_verdict(verdict),
            line.summary
        )
    }
}

/// A verdict, in the width of the longest.
fn of_verdict(verdict: Verdict) -> String {
    let style = match verdict {
        Verdict::Unknown => Style::new().dimmed(),
        Verdict::Healthy => GOOD,
        Verdict::Watch => AnsiColor::Yellow.on_default(),
        Verdict::Retrain => BAD,
        Verdict::ContinualUpdate => AnsiColor::Cyan.on_default().bold(),
        Verdict::NewTask => AnsiColor::Magenta.on_default().bold(),
    };
    paint(style, &format!("{verdict:<16}"))
}

/// The table of all tasks as they stand.
pub(crate) fn table(status: &ModelStatus, output: Output) {
    if output == Output::Json {
        result(&serde_json::to_string_pretty(status).unwrap_or_default());
        return;
    }
    let width = status
        .tasks
        .iter()
        .map(|t| t.task.len())
        .max()
        .unwrap_or(4)
        .max(4);
    header(&format!(
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
        styled(&format!(
            "{:<width$}  {} {:>7} {:>7}  {quality:<24} {}",
            task.task,
            of_verdict(task.verdict),
            task.observations,
            task.labels,
            task.summary
        ));
    }
    let flag = if status.shared_encoder { "yes" } else { "no" };
    result(&format!("shared_encoder: {flag}. {}", status.summary));
}
