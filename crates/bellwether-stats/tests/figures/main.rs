//! The pictures of `docs/concepts.md`, drawn from what the code computes.
//!
//! `BELLWETHER_WRITE_DOCS=1 cargo test --workspace --test figures` writes them anew.

mod svg;

use bellwether_stats::{EDetector, ln_threshold};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::path::Path;
use svg::Drawing;

const MOST_BYTES: usize = 60_000;

type Point = (f64, f64);

/// Holds a picture to the one among the documents, or writes it there.
fn hold(name: &str, drawing: Drawing) {
    let drawn = drawing.finish();
    assert!(drawn.len() < MOST_BYTES, "{name} has {} bytes", drawn.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/images")
        .join(name);
    if std::env::var_os("BELLWETHER_WRITE_DOCS").is_some() {
        std::fs::write(&path, drawn).expect("the directory of pictures can be written");
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == drawn,
        "{} is not what the code draws; write it anew with BELLWETHER_WRITE_DOCS=1",
        path.display()
    );
}

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A pair of independent normal deviates.
fn deviates(rng: &mut ChaCha8Rng) -> Point {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
    (radius * cosine, radius * sine)
}

fn cloud(rng: &mut ChaCha8Rng, centre: Point, spread: f64, count: usize) -> Vec<Point> {
    (0..count)
        .map(|_| {
            let (x, y) = deviates(rng);
            (centre.0 + spread * x, centre.1 + spread * y)
        })
        .collect()
}

fn mean(points: &[Point]) -> Point {
    let n = points.len() as f64;
    let sum = points
        .iter()
        .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    (sum.0 / n, sum.1 / n)
}

/// A head that errs in one answer of ten, and in one of four from the 400th label on, beside one that stays as it was.
#[test]
fn the_evidence_of_a_fall_rises_to_its_threshold() {
    const LABELS: u64 = 800;
    const CHANGE: u64 = 400;
    const TOLERATED: f64 = 0.13;
    let threshold = ln_threshold(1e6);
    let course = |seed: u64, after: f64| -> Vec<f64> {
        let (mut rng, mut detector) = (generator(seed), EDetector::bounded(TOLERATED));
        (0..LABELS)
            .map(|label| {
                let rate = if label < CHANGE { 0.1 } else { after };
                detector.observe(f64::from(u8::from(rng.random::<f64>() < rate)), label, 0);
                detector.log_e_value()
            })
            .collect()
    };
    let (quiet, fallen) = (course(2, 0.1), course(1, 0.25));
    let raised = fallen
        .iter()
        .position(|&e| e > threshold)
        .expect("a fall of 15 points is found");
    assert!(raised as u64 > CHANGE, "raised at {raised}");
    assert!(quiet.iter().all(|&e| e < threshold));

    let (left, width, bottom, height) = (56.0, 668.0, 276.0, 220.0);
    let x = |label: f64| left + width * label / LABELS as f64;
    let y = |e: f64| bottom - height * (e.clamp(-2.0, 20.0) + 2.0) / 22.0;
    let mut drawing = Drawing::new(760, 330, "Evidence of a fall of quality, label by label");
    drawing.text(
        "head",
        (left, 24.0),
        "start",
        "Evidence that errors rose beyond what is tolerated",
    );
    drawing.text(
        "small",
        (left, 42.0),
        "start",
        "logarithm of the e-value; 10 % errors, and 25 % after the change; 13 % are tolerated",
    );
    drawing.frame((left, bottom - height), width, height);
    for mark in [0.0, 5.0, 10.0, 15.0, 20.0] {
        drawing.text("small", (left - 8.0, y(mark) + 4.0), "end", &format!("{mark}"));
    }
    for mark in [0.0, 200.0, 400.0, 600.0, 800.0] {
        drawing.text("small", (x(mark), bottom + 17.0), "middle", &format!("{mark}"));
    }
    drawing.text("small", (x(400.0), bottom + 36.0), "middle", "labels");
    drawing.line("goal", (left, y(threshold)), (left + width, y(threshold)));
    let words = "ln 1,000,000: the detector raises";
    drawing.text("small", (left + 8.0, y(threshold) - 6.0), "start", words);
    drawing.line(
        "change",
        (x(CHANGE as f64), bottom - height),
        (x(CHANGE as f64), bottom),
    );
    drawing.text("small", (x(CHANGE as f64) + 6.0, bottom - 8.0), "start", "change");
    let points = |course: &[f64]| -> Vec<Point> {
        let all = course.iter().enumerate().step_by(2);
        all.map(|(label, &e)| (x(label as f64), y(e))).collect()
    };
    drawing.curve("quiet", &points(&quiet));
    drawing.curve("now", &points(&fallen));
    drawing.dot("tip", (x(raised as f64), y(threshold)));
    let delay = raised as u64 - CHANGE;
    let words = format!("raised {delay} labels after the change");
    drawing.text(
        "small",
        (x(raised as f64) - 10.0, y(threshold) - 6.0),
        "end",
        &words,
    );
    hold("concepts-evidence.svg", drawing);
}

/// One movement of the mean, of two causes.
#[test]
fn a_change_of_mix_is_not_a_movement_within_classes() {
    let mut rng = generator(5);
    let centres = [(120.0, 205.0), (240.0, 125.0)];
    let spread = 22.0;
    let two = |rng: &mut ChaCha8Rng, counts: [usize; 2], moved: Point| -> Vec<Point> {
        centres
            .iter()
            .zip(counts)
            .flat_map(|(c, count)| cloud(rng, (c.0 + moved.0, c.1 + moved.1), spread, count))
            .collect()
    };
    let reference = two(&mut rng, [90, 90], (0.0, 0.0));
    let mix = two(&mut rng, [20, 70], (0.0, 0.0));
    let within = two(&mut rng, [45, 45], (46.0, 20.0));
    let mut drawing = Drawing::new(760, 330, "A change of mix beside a movement within classes");
    for (offset, now, head, small) in [
        (
            0.0,
            &mix,
            "mix",
            "the classes are where they were, one comes more often",
        ),
        (
            380.0,
            &within,
            "within class",
            "each class is somewhere else, as often as before",
        ),
    ] {
        let place = |p: &Point| (p.0 + offset, p.1);
        drawing.text("head", (16.0 + offset, 24.0), "start", head);
        drawing.text("small", (16.0 + offset, 42.0), "start", small);
        drawing.frame((16.0 + offset, 56.0), 348.0, 240.0);
        for point in &reference {
            drawing.dot("old", place(point));
        }
        for point in now {
            drawing.dot("new", place(point));
        }
        drawing.arrow(place(&mean(&reference)), place(&mean(now)));
    }
    let words = "grey: the reference; blue: now; arrow: how the mean input moved";
    drawing.text("small", (16.0, 318.0), "start", words);
    hold("concepts-mix-within.svg", drawing);
}

/// As many far inputs, once together and once apart.
#[test]
fn novelty_is_coherent_or_scattered() {
    let mut rng = generator(9);
    let reference = cloud(&mut rng, (130.0, 190.0), 30.0, 170);
    let together = cloud(&mut rng, (285.0, 120.0), 16.0, 34);
    let mut apart = Vec::new();
    while apart.len() < 34 {
        let point = (
            28.0 + 324.0 * rng.random::<f64>(),
            68.0 + 216.0 * rng.random::<f64>(),
        );
        if (point.0 - 130.0).hypot(point.1 - 190.0) > 95.0 {
            apart.push(point);
        }
    }
    let mut drawing = Drawing::new(760, 330, "Coherent novelty beside scattered novelty");
    for (offset, far, head, small) in [
        (
            0.0,
            &together,
            "coherent",
            "one new kind of request: new classes or a new task",
        ),
        (
            380.0,
            &apart,
            "scattered",
            "many unlike requests: out of scope, watch at most",
        ),
    ] {
        drawing.text("head", (16.0 + offset, 24.0), "start", head);
        drawing.text("small", (16.0 + offset, 42.0), "start", small);
        drawing.frame((16.0 + offset, 56.0), 348.0, 240.0);
        for point in &reference {
            drawing.dot("old", (point.0 + offset, point.1));
        }
        for point in far {
            drawing.diamond("far", (point.0 + offset, point.1));
        }
    }
    let words = "grey: the reference; purple: as many inputs that are far from it";
    drawing.text("small", (16.0, 318.0), "start", words);
    hold("concepts-novelty.svg", drawing);
}

/// Median cosine of the pairs.
fn agreement(shifts: &[Point]) -> f64 {
    let mut cosines = Vec::new();
    for (at, a) in shifts.iter().enumerate() {
        for b in &shifts[at + 1..] {
            cosines.push((a.0 * b.0 + a.1 * b.1) / (a.0.hypot(a.1) * b.0.hypot(b.1)));
        }
    }
    cosines.sort_by(f64::total_cmp);
    let half = cosines.len() / 2;
    if cosines.len().is_multiple_of(2) {
        f64::midpoint(cosines[half - 1], cosines[half])
    } else {
        cosines[half]
    }
}

/// Five tasks that moved one way, and five that moved each its own.
#[test]
fn a_common_shift_is_not_many_shifts() {
    let mut rng = generator(3);
    let homes = [
        (80.0, 110.0),
        (250.0, 100.0),
        (165.0, 175.0),
        (80.0, 222.0),
        (255.0, 235.0),
    ];
    let along = |degrees: f64| {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        (46.0 * cosine, 46.0 * sine)
    };
    let common = [-22.0, -8.0, -15.0, -30.0, -3.0].map(along);
    let own = [-20.0, 130.0, -110.0, 40.0, 200.0].map(along);
    assert!(agreement(&common) > 0.3 && agreement(&own) < 0.3);
    let mut drawing = Drawing::new(760, 330, "A shift common to the tasks beside shifts of their own");
    for (offset, shifts, head, kind) in [
        (0.0, &common, "common", "shared_encoder"),
        (380.0, &own, "each its own", "the tasks' own business"),
    ] {
        drawing.text("head", (16.0 + offset, 24.0), "start", head);
        let words = format!("median cosine of the shifts {:.2}: {kind}", agreement(shifts));
        drawing.text("small", (16.0 + offset, 42.0), "start", &words);
        drawing.frame((16.0 + offset, 56.0), 348.0, 240.0);
        for (home, shift) in homes.iter().zip(shifts) {
            let (x, y) = (home.0 + offset, home.1);
            for (px, py) in cloud(&mut rng, (x, y), 11.0, 26) {
                drawing.dot("old", (px, py));
            }
            for (px, py) in cloud(&mut rng, (x + shift.0, y + shift.1), 11.0, 18) {
                drawing.dot("new", (px, py));
            }
            drawing.arrow((x, y), (x + shift.0, y + shift.1));
        }
    }
    let words = "one cloud a task; grey: the reference; blue: now; arrow: its mean shift within classes";
    drawing.text("small", (16.0, 318.0), "start", words);
    hold("concepts-common.svg", drawing);
}
