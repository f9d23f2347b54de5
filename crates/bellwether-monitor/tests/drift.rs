//! Drift reports say what moved, by how much, and who accounts for it.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

use bellwether_monitor::{DriftReport, Engine, MonitorConfig, TaskReports};
use rand::Rng;
use synthetic::{DIM, Input, World, batch, play, reference};

/// Alpha's report after ordinary traffic and then `n` inputs of alpha as `change` makes them.
fn report_after(seed: u64, before: usize, n: usize, change: impl Fn(&mut World) -> Input) -> DriftReport {
    let mut world = World::new(seed);
    let mut inputs: Vec<Input> = (0..before).map(|_| world.ordinary(0)).collect();
    inputs.extend((0..n).map(|_| change(&mut world)));
    let (engine, _) = play(&reference(), &inputs, 100, true);
    alpha(&engine)
}

fn alpha(engine: &Engine) -> DriftReport {
    engine.status().tasks.swap_remove(0).drift
}

fn p_values(report: &DriftReport) -> Vec<f64> {
    [&report.kernel, &report.linear, &report.energy]
        .into_iter()
        .map(|test| test.as_ref().expect("enough observations").p_value)
        .collect()
}

#[test]
fn quiet_traffic_is_not_seen_to_differ() {
    let mut rejected = 0;
    for seed in 0..12 {
        let report = report_after(200 + seed, 400, 0, |w| w.ordinary(0));
        assert_eq!((report.observations, report.since_onset), (200, false));
        rejected += p_values(&report).iter().filter(|&&p| p < 0.05).count();
        let auc = report.classifier_auc.expect("a classifier");
        assert!((auc.value - 0.5).abs() < 0.15, "{auc:?}");
        let spread = report.split.expect("a split").spread_ratio.expect("a spread");
        assert!((spread.value - 1.0).abs() < 0.1, "{spread:?}");
    }
    assert!(rejected <= 6, "{rejected} of 36 at 5 %");
}

#[test]
fn a_change_of_mix_is_told_as_such_and_its_class_is_named() {
    let report = report_after(220, 200, 300, |w| {
        let class = if w.rng.random_bool(0.8) { 3 } else { 0 };
        w.of_class(0, class)
    });
    assert!(
        report.since_onset && report.observations >= 250,
        "{}",
        report.observations
    );
    assert!(p_values(&report).iter().all(|&p| p < 0.01));
    let split = report.split.expect("a split");
    assert!(split.mix_ratio.expect("beyond doubt") > 0.9, "{split:?}");
    assert!(
        split.mix.interval.low > 0.0 && split.within.value < 0.2 * split.mix.value,
        "{split:?}"
    );
    let first = &report.classes[0];
    assert_eq!(first.class, "c3");
    assert!(first.share.interval.low > first.reference_share, "{first:?}");
    let summary = report.summary.expect("a sentence");
    assert!(
        summary.contains("by the class mix") && summary.contains("c3"),
        "{summary}"
    );
    assert_eq!(report.examples.len(), 5);
}

#[test]
fn movement_of_one_class_is_within_it() {
    let push: Vec<f32> = World::new(99).at(30, 0);
    let report = report_after(230, 200, 300, |w| {
        let mut input = w.ordinary(0);
        if input.label == "c1" {
            input
                .embedding
                .iter_mut()
                .zip(&push)
                .for_each(|(x, p)| *x += 0.8 * p);
        }
        input
    });
    let split = report.split.expect("a split");
    assert!(split.within_ratio.expect("beyond doubt") > 0.8, "{split:?}");
    assert_eq!(report.classes[0].class, "c1", "{:?}", report.classes);
    assert!(report.classes[0].moved.expect("rows").interval.low > 0.3);
    assert!(report.classes[0].within_share > 0.8);
    let direction = report.direction.expect("it moved");
    assert!(direction.shift_deviations > 0.5, "{direction:?}");
    assert_eq!(
        (direction.examples.len(), direction.reference_examples.len()),
        (5, 5)
    );
    // The window's events are those of the stream, and none of the two hundred before the change.
    for id in &direction.examples {
        let at: usize = id[1..].parse().expect("a number");
        assert!((150..500).contains(&at), "{id}");
    }
}

#[test]
fn messages_that_become_alike_are_seen_by_their_spread() {
    // Each input half way to the middle of its class, which is what the seed's noise averages to.
    let mut centres = Vec::new();
    let mut world = World::new(1234);
    for class in 0..4 {
        let mut mean = vec![0.0_f32; DIM];
        for _ in 0..2000 {
            for (m, x) in mean.iter_mut().zip(world.at(0, class)) {
                *m += x / 2000.0;
            }
        }
        centres.push(mean);
    }
    let report = report_after(240, 200, 300, |w| {
        let mut input = w.ordinary(0);
        let class: usize = input.label[1..].parse().expect("a class");
        for (x, c) in input.embedding.iter_mut().zip(&centres[class]) {
            *x = 0.6 * *x + 0.4 * c;
        }
        input
    });
    let spread = report.split.expect("a split").spread_ratio.expect("a spread");
    assert!(spread.interval.high < 0.9, "{spread:?}");
    let summary = report.summary.expect("a sentence");
    assert!(summary.contains("more alike"), "{summary}");
}

#[test]
fn few_observations_have_no_numbers() {
    let report = report_after(250, 20, 0, |w| w.ordinary(0));
    assert_eq!(report.observations, 20);
    assert!(report.kernel.is_none() && report.split.is_none() && report.summary.is_none());
    assert!(report.classes.is_empty() && report.examples.is_empty());
    let nothing = Engine::new(reference(), MonitorConfig::default());
    assert_eq!(alpha(&nothing), DriftReport::empty());
}

#[test]
fn a_report_depends_on_the_events_alone_and_one_a_look_is_made_anew() {
    let mut world = World::new(260);
    let inputs: Vec<Input> = (0..800).map(|i| world.ordinary(i % 4)).collect();
    let (reference, cut) = (reference(), 100);
    let (mut engine, _) = play(&reference, &inputs, cut, true);
    let (again, _) = play(&reference, &inputs, 7, true);
    assert_eq!(alpha(&engine), alpha(&again));

    let mut reports = TaskReports::new();
    let drift = |engine: &Engine, reports: &mut TaskReports| -> Vec<DriftReport> {
        engine
            .status_reusing(reports)
            .tasks
            .into_iter()
            .map(|t| t.drift)
            .collect()
    };
    let first = drift(&engine, &mut reports);
    assert_eq!(first[0], alpha(&engine));
    let more: Vec<Input> = (0..40).map(|i| world.ordinary(i % 4)).collect();
    let schema = engine.schema().clone();
    // After the labels of what came before, so that nothing is late.
    engine.push_observations(batch(&schema, &more, 1000));
    engine.drain().expect("in memory");
    let renewed = |now: &[DriftReport], then: &[DriftReport]| {
        now.iter()
            .zip(then)
            .filter(|(a, b)| a.as_of_ms != b.as_of_ms)
            .count()
    };
    let second = drift(&engine, &mut reports);
    assert_eq!(renewed(&second, &first), 1, "one a look");
    for _ in 0..3 {
        drift(&engine, &mut reports);
    }
    let last = drift(&engine, &mut reports);
    assert_eq!(renewed(&last, &first), 4, "and all in the end");
    assert_eq!(last[0], alpha(&engine));
}

#[test]
fn the_map_shows_what_is_new_apart_from_the_reference() {
    let report = report_after(270, 400, 240, |w| {
        if w.rng.random_bool(0.5) {
            let embedding = w.at(0, 9);
            w.unknown(0, embedding)
        } else {
            w.ordinary(0)
        }
    });
    let map = report.map.as_ref().expect("enough observations");
    assert_eq!(map.now.len(), report.observations);
    assert_eq!((map.reference.len(), map.classes.len()), (300, 4));
    assert!(
        map.reference
            .iter()
            .all(|p| !p.novel && p.text.is_none() && p.timestamp_ms == 0)
    );
    assert!(map.now.windows(2).all(|p| p[0].timestamp_ms <= p[1].timestamp_ms));
    // The new class is found, and lies apart: its points are nearer to each other than to the reference's middle.
    let novel: Vec<[f32; 2]> = map.now.iter().filter(|p| p.novel).map(|p| p.at).collect();
    assert!(novel.len() > 60, "{}", novel.len());
    let middle = |points: &[[f32; 2]]| {
        let n = points.len() as f32;
        [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f32>() / n)
    };
    let spread = |points: &[[f32; 2]], from: [f32; 2]| {
        let squares = points
            .iter()
            .map(|p| (p[0] - from[0]).powi(2) + (p[1] - from[1]).powi(2));
        (squares.sum::<f32>() / points.len() as f32).sqrt()
    };
    let reference: Vec<[f32; 2]> = map.reference.iter().map(|p| p.at).collect();
    let (own, theirs) = (middle(&novel), middle(&reference));
    assert!(
        theirs.iter().all(|x| x.abs() < 0.01),
        "about the reference's mean: {theirs:?}"
    );
    assert!(spread(&novel, own) < 0.7 * spread(&novel, theirs), "{own:?}");
    let kept: f64 = map.kept_ratios.iter().sum();
    assert!(map.kept_ratios.iter().all(|&r| r > 0.0) && kept < 1.0, "{kept}");
}
