//! The two tables of a calibration.

use crate::report;
use bellwether_calibrate::{Bound, Change, Finding, PowerCurve, PowerStudy, QuietStudy, RunLength};

/// Time to a false verdict: the model, each kind of traffic, each task.
pub(super) fn quiet(study: &QuietStudy) {
    let width = study.tasks.keys().map(String::len).max().unwrap_or(0).max(14);
    report::result(&format!(
        "False verdicts on {} quiet streams of {} events: retrain, continual_update, new_task or shared_encoder",
        study.streams,
        thousands(study.events_per_stream as f64)
    ));
    report::header(&format!(
        "{:<width$}  {:>12} {:>6} {:>12}  {:<28} configured {}",
        "",
        "events",
        "false",
        "mean time",
        "95 % interval",
        thousands(study.configured)
    ));
    line(width, "model", &study.model);
    for (variant, length) in &study.by_variant {
        line(width, &format!("  {}", variant.as_str()), length);
    }
    for (task, quiet) in &study.tasks {
        if quiet.messages == 0 {
            report::result(&format!("{task:<width$}  no message in the quiet period"));
            continue;
        }
        line(width, task, &quiet.alarm);
    }
    report::result(&format!(
        "any verdict but healthy, watch too; configured {}",
        thousands(study.configured_watch)
    ));
    for (variant, length) in &study.watch_by_variant {
        line(width, &format!("  {}", variant.as_str()), length);
    }
    for (verdict, count) in &study.verdicts {
        report::result(&format!("first false verdict {verdict}: {count}"));
    }
    if study.model.finding == Finding::NotShown && study.model.alarms == 0 {
        report::result(&format!(
            "{} events without a false verdict would show the configured run length",
            thousands(RunLength::events_to_show(study.configured))
        ));
    }
    report::result("");
}

fn line(width: usize, name: &str, length: &RunLength) {
    let mean = length.mean.map_or_else(|| "-".to_owned(), thousands);
    let interval = match length.high {
        Some(high) => format!("{} to {}", thousands(length.low), thousands(high)),
        None => format!("{} or more", thousands(length.low)),
    };
    report::result(&format!(
        "{name:<width$}  {:>12} {:>6} {mean:>12}  {interval:<28} {}",
        thousands(length.events as f64),
        length.alarms,
        length.finding.as_str()
    ));
}

/// The smallest change of each kind that is found.
pub(super) fn power(study: &PowerStudy) {
    let width = study.tasks.keys().map(String::len).max().unwrap_or(4).max(4);
    report::result(&format!(
        "Smallest change found in {:.0} % of {} runs within {} events of the task (labels for quality), and its median delay",
        100.0 * study.power,
        study.runs,
        study.within
    ));
    report::header(&format!(
        "{:<width$}  {:<18} {:<18} {:<18} {:<18} {:<18}",
        "task", "shift (sd)", "damage", "a new task", "new classes", "fall of quality"
    ));
    for (task, curves) in &study.tasks {
        let cells: Vec<String> = curves
            .iter()
            .map(|curve| format!("{:<18}", cell(curve)))
            .collect();
        report::result(&format!("{task:<width$}  {}", cells.join(" ").trim_end()));
    }
    let growth = study
        .tasks
        .values()
        .flatten()
        .any(|c| c.unit == "relative growth of error");
    if growth {
        report::result("fall of quality: of right answers; for numbers (×) growth of the absolute error");
    }
    for (task, curves) in &study.tasks {
        for curve in curves {
            if let Some(why) = curve.not_tried {
                report::note(&format!("{task}: {} was not tried: {why}", curve.change.as_str()));
            }
        }
    }
}

fn cell(curve: &PowerCurve) -> String {
    let Some(smallest) = curve.smallest else {
        return "-".to_owned();
    };
    let size = match curve.change {
        Change::Shift => format!("{:.2}", smallest.size),
        Change::QualityFall if curve.unit == "relative growth of error" => {
            format!("×{:.2}", 1.0 + smallest.size)
        }
        Change::Damage | Change::Novelty | Change::NewClasses | Change::QualityFall => {
            format!("{:.1} %", 100.0 * smallest.size)
        }
    };
    let bound = match smallest.bound {
        Bound::About => "",
        Bound::AtMost => "≤ ",
        Bound::Above => "> ",
    };
    let delay = smallest
        .median_delay
        .map_or_else(String::new, |delay| format!(" after {delay:.0}"));
    format!("{bound}{size}{delay}")
}

/// A whole number with its thousands apart.
fn thousands(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_are_apart() {
        for (x, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(thousands(x), text);
        }
    }
}
