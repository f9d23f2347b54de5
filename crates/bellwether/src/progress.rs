//! How far long work is: a bar on a terminal, and in a pipe nothing or a line now and then.

use crate::report;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
const STYLE: &str = "{bar:30} {percent:>3} % {human_pos} of {human_len} UNIT, {per_sec}, {eta} left {msg}";
/// For work whose end is not known.
const OPEN_STYLE: &str = "{spinner} {msg} {elapsed}";

/// A progress bar over `total`, drawn on a terminal only.
pub(crate) fn bar(total: u64, unit: &str) -> ProgressBar {
    styled(ProgressBar::new(total), &STYLE.replace("UNIT", unit))
}

/// A sign that work goes on whose end is not known, drawn on a terminal only.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = styled(ProgressBar::new_spinner().with_message(what), OPEN_STYLE);
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Progress of work that may be watched through a pipe: a bar on a terminal, else a line every ten seconds.
#[derive(Debug)]
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines {
        total: u64,
        unit: &'static str,
        state: Mutex<Lines>,
    },
    Silent,
}

#[derive(Debug)]
pub(crate) struct Lines {
    started: Instant,
    told: Instant,
    first: u64,
}

impl Progress {
    /// On standard error, in the form that suits what it is.
    pub(crate) fn told(total: u64, unit: &'static str) -> Self {
        if std::io::stderr().is_terminal() {
            return Self::Bar(bar(total, unit));
        }
        let now = Instant::now();
        let state = Mutex::new(Lines {
            started: now,
            told: now,
            first: 0,
        });
        Self::Lines { total, unit, state }
    }

    pub(crate) fn silent() -> Self {
        Self::Silent
    }

    /// What was done before is no measure of the rate.
    pub(crate) fn begin_at(&self, done: u64) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(done);
                bar.reset_eta();
            }
            Self::Lines { state, .. } => {
                if let Ok(mut state) = state.lock() {
                    state.first = done;
                }
            }
            Self::Silent => {}
        }
    }

    pub(crate) fn at(&self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { total, unit, state } => {
                let Ok(mut state) = state.lock() else { return };
                let now = Instant::now();
                if now.duration_since(state.told) < LINE_EVERY {
                    return;
                }
                state.told = now;
                let elapsed = now.duration_since(state.started);
                report::note(&line(
                    *total,
                    unit,
                    done,
                    done.saturating_sub(state.first),
                    elapsed,
                ));
            }
            Self::Silent => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(total: u64, unit: &str, done: u64, done_now: u64, elapsed: Duration) -> String {
    let rate = done_now as f64 / elapsed.as_secs_f64().max(1e-9);
    let left = total.saturating_sub(done) as f64 / rate.max(1e-9);
    let left = Duration::try_from_secs_f64(left).map_or_else(
        |_| "unknown time".to_owned(),
        |left| HumanDuration(left).to_string(),
    );
    format!("{done} of {total} {unit}, {rate:.0} per second, {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_and_time_left() {
        assert_eq!(
            line(1000, "rows", 400, 200, Duration::from_secs(10)),
            "400 of 1000 rows, 20 per second, 30 seconds left"
        );
        assert!(line(10, "rows", 0, 0, Duration::from_secs(1)).ends_with("left"));
    }
}
