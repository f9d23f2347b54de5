//! Verdicts as numbers, colours and words: the same on every dashboard, and as on the monitor's own page.

use crate::query::{Query, Scope};
use bellwether_monitor::Verdict;
use serde_json::{Map, Value, json};

/// By need, what can wait longest first; the place is the number that stands for it.
pub(crate) const BY_NEED: [Verdict; 6] = [
    Verdict::Healthy,
    Verdict::Unknown,
    Verdict::Watch,
    Verdict::ContinualUpdate,
    Verdict::NewTask,
    Verdict::Retrain,
];

/// The colour of what is common to the tasks, which is no verdict.
pub(crate) const SHARED: &str = "#4353d6";
/// The colour of nothing to see.
pub(crate) const QUIET: &str = "#8b93a1";

/// Its colour, that of its mark on the page (`tokens.css`).
pub(crate) fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => QUIET,
        Verdict::Healthy => "#14926d",
        Verdict::Watch => "#d99a00",
        Verdict::Retrain => "#d5460f",
        Verdict::ContinualUpdate => "#1180c9",
        Verdict::NewTask => "#b043ab",
    }
}

/// Its words.
pub(crate) fn words(verdict: Verdict) -> String {
    verdict.as_str().replace('_', " ")
}

/// The number of the verdict that stands for each task, from 0 (healthy) to 5 (retrain).
pub(crate) fn need(scope: Scope) -> Query {
    sum(scope, false)
}

fn sum(scope: Scope, at_end: bool) -> Query {
    let of = |(code, verdict): (usize, Verdict)| {
        let gauge = scope
            .gauge("bellwether_task_verdict")
            .only(&format!("verdict=\"{}\"", verdict.as_str()));
        let value = if at_end { gauge.at_end() } else { gauge.value() };
        value.times(code as f64)
    };
    let codes = BY_NEED.into_iter().enumerate().map(of);
    let all = codes.reduce(|all, next| all.or(&next));
    all.expect("there are six").sum_by("task")
}

/// The tasks to look at where there are too many to draw: those in most need at the end of the time that is looked at, and
/// among equals those that were longest not healthy in it; as many as the variable `top` says.
pub(crate) fn in_need(scope: Scope) -> Query {
    let healthy = scope
        .gauge("bellwether_task_verdict")
        .only("verdict=\"healthy\"")
        .value();
    let share = healthy.max_by("task").complement().mean_in_range();
    sum(scope, true).plus(&share).top("$top")
}

/// What stands for the numbers of [`need`].
pub(crate) fn mappings() -> Value {
    let mut options = Map::new();
    for (code, verdict) in BY_NEED.into_iter().enumerate() {
        options.insert(
            code.to_string(),
            json!({"text": words(verdict), "color": colour(verdict), "index": code}),
        );
    }
    json!([{"type": "value", "options": options}])
}

/// What stands for 0 and 1.
pub(crate) fn flag(no: &str, yes: &str, colour: &str) -> Value {
    json!([{"type": "value", "options": {
        "0": {"text": no, "color": QUIET, "index": 0},
        "1": {"text": yes, "color": colour, "index": 1},
    }}])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's colours, by name.
    fn tokens() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../bellwether-api/assets/tokens.css");
        let text = std::fs::read_to_string(path).unwrap();
        let light = text.split("@media").next().expect("the light theme comes first");
        light.to_owned()
    }

    #[test]
    fn colours_are_those_of_the_page() {
        let tokens = tokens();
        for verdict in Verdict::ALL {
            let token = format!("--{}-mark: {};", verdict.as_str(), colour(verdict));
            assert!(tokens.contains(&token), "{token}");
        }
        assert!(tokens.contains(&format!("--accent: {SHARED};")));
    }

    /// Red, green and blue in light, not in code.
    fn linear(colour: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| {
            let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal");
            let x = f64::from(byte) / 255.0;
            if x <= 0.040_45 {
                x / 12.92
            } else {
                ((x + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    fn product(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    /// CIE L*a*b* under D65.
    fn lab(rgb: [f64; 3]) -> [f64; 3] {
        let xyz = product(
            [
                [0.4124, 0.3576, 0.1805],
                [0.2126, 0.7152, 0.0722],
                [0.0193, 0.1192, 0.9505],
            ],
            rgb.map(|x| x.clamp(0.0, 1.0)),
        );
        let white = [0.9505, 1.0, 1.089];
        let [x, y, z] = [0, 1, 2].map(|i| {
            let t: f64 = xyz[i] / white[i];
            if t > 0.008_856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn verdicts_stay_apart_for_eyes_that_lack_a_cone() {
        // Machado, Oliveira and Fernandes (2009), severity 1.
        let eyes = [
            ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
            (
                "protanopia",
                [
                    [0.152_286, 1.052_583, -0.204_868],
                    [0.114_503, 0.786_281, 0.099_216],
                    [-0.003_882, -0.048_116, 1.051_998],
                ],
            ),
            (
                "deuteranopia",
                [
                    [0.367_322, 0.860_646, -0.227_968],
                    [0.280_085, 0.672_501, 0.047_413],
                    [-0.011_820, 0.042_940, 0.968_881],
                ],
            ),
            (
                "tritanopia",
                [
                    [1.255_528, -0.076_749, -0.178_779],
                    [-0.078_411, 0.930_809, 0.147_602],
                    [0.004_733, 0.691_367, 0.303_900],
                ],
            ),
        ];
        for (name, matrix) in eyes {
            for (at, one) in BY_NEED.into_iter().enumerate() {
                for other in &BY_NEED[at + 1..] {
                    let [a, b] = [one, *other].map(|v| lab(product(matrix, linear(colour(v)))));
                    let distance = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    // Two is what an eye just tells apart.
                    assert!(distance > 10.0, "{name}: {one:?} and {other:?}: {distance:.1}");
                }
            }
        }
    }
}
