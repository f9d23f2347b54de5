//! The quality report: corrected for how labels are chosen and when they come, and checked against them.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

use bellwether_events::{LabelRow, TaskId};
use bellwether_monitor::{Engine, MonitorConfig, QualityReport, Reference, TaskReports, UnlabelledEstimate};
use rand::Rng;
use std::sync::Arc;
use synthetic::{Input, World, batch, reference};

/// Inputs of `alpha` whose head is right as often as it says, between 55 and 99 %.
fn honest(world: &mut World, n: usize) -> Vec<Input> {
    (0..n)
        .map(|_| {
            let mut input = world.of_class(0, 0);
            let class = world.rng.random_range(0..4_u32);
            input.embedding = world.at(0, u64::from(class));
            input.confidence = world.rng.random_range(0.55..0.99);
            let right = world.rng.random_bool(f64::from(input.confidence));
            input.predicted = if right {
                class
            } else {
                (class + world.rng.random_range(1..4)) % 4
            };
            input.label = format!("c{class}");
            input
        })
        .collect()
}

fn is_right(input: &Input) -> bool {
    input.label == format!("c{}", input.predicted)
}

/// A reference whose first task is honest.
fn honest_reference() -> Arc<Reference> {
    let schema = synthetic::schema();
    let mut world = World::new(7);
    let mut inputs = honest(&mut world, 600);
    for task in 1..4 {
        inputs.extend((0..150).map(|_| world.ordinary(task)));
    }
    let truth: Vec<String> = inputs.iter().map(|i| i.label.clone()).collect();
    let (manifest, rows) = bellwether_monitor::build(&schema, &batch(&schema, &inputs, 0), &truth, None)
        .expect("a sound reference");
    Arc::new(Reference::assemble(manifest, &rows, &MonitorConfig::default()).expect("a sound reference"))
}

/// Plays inputs, one a minute, with the labels that `label` gives them after so many minutes.
fn play(
    reference: &Arc<Reference>,
    inputs: &[Input],
    mut label: impl FnMut(usize, &Input) -> Option<i64>,
) -> Engine {
    let mut engine = Engine::new(Arc::clone(reference), MonitorConfig::default());
    let schema = engine.schema().clone();
    engine.push_observations(batch(&schema, inputs, 0));
    let end = 60_000 * i64::try_from(inputs.len()).expect("a short stream");
    let labels: Vec<LabelRow> = inputs
        .iter()
        .enumerate()
        .filter_map(|(at, input)| {
            let after = label(at, input)?;
            Some(LabelRow {
                event_id: format!("e{at:06}"),
                timestamp_ms: 60_000 * (i64::try_from(at).expect("a short stream") + after),
                label: input.label.clone(),
            })
        })
        .filter(|l| l.timestamp_ms <= end)
        .collect();
    engine.push_labels(labels);
    engine.drain().expect("in memory");
    engine
}

fn report(engine: &Engine) -> QualityReport {
    engine.status().tasks.swap_remove(0).report
}

fn metric(report: &QualityReport, name: &str) -> (f64, f64, f64, f64) {
    let metric = report
        .metrics
        .iter()
        .find(|m| m.metric == name)
        .expect("a metric");
    let (current, raw) = (metric.current.expect("labels"), metric.raw.expect("labels"));
    (
        current.value,
        current.interval.low,
        current.interval.high,
        raw.value,
    )
}

fn estimate<'a>(report: &'a QualityReport, method: &str, metric: &str) -> &'a UnlabelledEstimate {
    let is = |e: &&UnlabelledEstimate| (e.method, e.metric) == (method, metric);
    report.estimates.iter().find(is).expect("an estimate")
}

#[test]
fn labels_of_what_the_head_is_unsure_of_are_weighted_back() {
    let reference = honest_reference();
    let (mut corrected_error, mut raw_error, mut covered) = (0.0, 0.0, 0);
    // The mean confidence: the head is right as often as it says.
    let truth = 0.77;
    let streams = 12;
    for seed in 0..streams {
        let mut world = World::new(20 + seed);
        let inputs = honest(&mut world, 1500);
        let engine = play(&reference, &inputs, |_, input| {
            let chance = if input.confidence < 0.66 { 0.6 } else { 0.08 };
            world.rng.random_bool(chance).then_some(30)
        });
        let report = report(&engine);
        let (corrected, low, high, raw) = metric(&report, "accuracy");
        assert!(report.selection.corrected && report.selection.p_value < 1e-6);
        assert!(report.effective_labels < 0.8 * report.labels as f64);
        assert!((0.1..0.4).contains(&report.coverage), "{}", report.coverage);
        covered += usize::from(low < truth && truth < high);
        corrected_error += (corrected - truth) / streams as f64;
        raw_error += (raw - truth) / streams as f64;
    }
    assert!(corrected_error.abs() < 0.02, "corrected by {corrected_error}");
    assert!(covered >= 10, "{covered} of 12 intervals hold the truth");
    assert!(raw_error < -0.06, "raw by {raw_error}");
}

#[test]
fn random_labels_keep_their_equal_weights() {
    let mut world = World::new(40);
    let inputs = honest(&mut world, 1200);
    let engine = play(&honest_reference(), &inputs, |at, _| (at % 3 == 0).then_some(45));
    let report = report(&engine);
    assert!(!report.selection.corrected, "p = {}", report.selection.p_value);
    assert_eq!((report.labels, report.outside_label_set), (200, 0));
    assert!((report.effective_labels - 200.0).abs() < 1e-9);
    assert!((report.coverage - 1.0 / 3.0).abs() < 0.02, "{}", report.coverage);
    assert!((report.delay_median_seconds - 2700.0).abs() < 1e-9);
    for metric in &report.metrics {
        assert_eq!(metric.current, metric.raw, "{}", metric.metric);
        let (now, before) = (
            metric.current.expect("labels"),
            metric.reference.expect("measured"),
        );
        assert!((now.value - before).abs() < 0.2, "{}", metric.metric);
        assert!(now.interval.low <= now.value && now.value <= now.interval.high);
    }
    let curve = report.reliability.expect("confidences");
    assert_eq!(curve.points.iter().map(|p| p.labels).sum::<usize>(), 200);
    assert_eq!(report.classes.len(), 4);
    assert!(report.classes.windows(2).all(|c| c[0].support >= c[1].support));
    assert!(report.confusions.windows(2).all(|c| c[0].labels >= c[1].labels));
    for confusion in &report.confusions {
        assert_ne!(Some(&confusion.predicted), confusion.label.as_ref());
        let share = confusion.labels as f64 / confusion.predictions as f64;
        assert!((confusion.share.value - share).abs() < 1e-12 && confusion.share.interval.low <= share);
        let before = confusion.reference_error.expect("predicted in the reference");
        assert!((0.0..=1.0).contains(&before));
    }
    let wrong: usize = report.confusions.iter().map(|c| c.labels).sum();
    let accuracy = report.metrics[0].raw.expect("labels").value;
    let told = 1.0 - wrong as f64 / 200.0;
    assert!(
        (told - accuracy).abs() < 1e-9,
        "sixteen pairs hold all of four classes"
    );
}

#[test]
fn labels_that_come_late_when_the_head_is_wrong_do_not_flatter_it() {
    let mut world = World::new(50);
    let inputs = honest(&mut world, 900);
    // The label of a wrong prediction takes five hours instead of half an hour.
    let minutes = |input: &Input| if is_right(input) { 30_i32 } else { 300 };
    let engine = play(&honest_reference(), &inputs, |_, input| {
        Some(i64::from(minutes(input)))
    });
    let report = report(&engine);
    let (corrected, ..) = metric(&report, "accuracy");
    let accuracy =
        |inputs: &[&Input]| inputs.iter().filter(|i| is_right(i)).count() as f64 / inputs.len() as f64;
    let labelled = inputs
        .iter()
        .enumerate()
        .filter(|(at, i)| at + usize::try_from(minutes(i)).expect("positive") <= 900);
    let newest: Vec<&Input> = labelled.map(|(_, input)| input).rev().take(200).collect();
    let old_enough: Vec<&Input> = inputs[400..600].iter().collect();
    assert!(
        accuracy(&newest) > 0.95,
        "the newest labelled predictions are the right ones"
    );
    assert!((corrected - accuracy(&old_enough)).abs() < 0.02, "{corrected}");
    assert!((report.delay_late_seconds - 300.0 * 60.0).abs() < 1e-9);
    assert!((report.coverage - 1.0).abs() < 0.03, "{}", report.coverage);
}

#[test]
fn what_is_expected_without_labels_agrees_with_labels_while_the_concept_stands() {
    let mut world = World::new(60);
    let inputs = honest(&mut world, 1200);
    let engine = play(&honest_reference(), &inputs, |at, _| (at % 2 == 0).then_some(20));
    let report = report(&engine);
    let newest = &inputs[1000..];
    let truth = newest.iter().filter(|i| is_right(i)).count() as f64 / 200.0;
    for method in [
        "calibrated_confidence",
        "thresholded_confidence",
        "importance_weighted",
    ] {
        let estimate = estimate(&report, method, "accuracy");
        let current = estimate.current.expect("probabilities");
        assert!(
            (current.value - truth).abs() < 0.1,
            "{method}: {} instead of {truth}",
            current.value
        );
        assert!(estimate.disagreement.is_none_or(|d| !d.significant), "{method}");
    }
    let calibrated = estimate(&report, "calibrated_confidence", "accuracy");
    assert_eq!(calibrated.calibration, Some("temperature"));
    assert!(calibrated.disagreement.is_some_and(|d| d.size == 200));
    assert!(
        estimate(&report, "calibrated_confidence", "macro_f1")
            .current
            .is_some()
    );
    assert_eq!(report.advice, None);
}

#[test]
fn a_change_of_concept_contradicts_the_estimate() {
    let mut world = World::new(70);
    let mut inputs = honest(&mut world, 1200);
    for input in &mut inputs[600..] {
        // What was c0 is now called c1: the inputs and the head's confidence are as ever.
        if input.label == "c0" {
            input.label = "c1".to_owned();
        }
    }
    let engine = play(&honest_reference(), &inputs, |at, _| (at % 2 == 0).then_some(20));
    let report = report(&engine);
    for method in ["calibrated_confidence", "thresholded_confidence"] {
        let disagreement = estimate(&report, method, "accuracy")
            .disagreement
            .expect("labels");
        assert!(
            disagreement.significant && disagreement.interval.low > 0.05,
            "{disagreement:?}"
        );
    }
    let advice = report.advice.expect("a warning");
    assert!(advice.starts_with("Do not trust"), "{advice}");
}

#[test]
fn reports_at_hand_are_the_reports() {
    let reference = reference();
    let mut world = World::new(80);
    let inputs: Vec<Input> = (0..400)
        .map(|_| {
            let task = world.any_task();
            world.ordinary(task)
        })
        .collect();
    let engine = play(&reference, &inputs, |at, _| (at % 3 == 0).then_some(60));
    let mut reports = TaskReports::new();
    let shown = |status: &bellwether_monitor::ModelStatus| format!("{status:?}");
    assert_eq!(
        shown(&engine.status_reusing(&mut reports)),
        shown(&engine.status())
    );
    assert_eq!(
        shown(&engine.status_reusing(&mut reports)),
        shown(&engine.status())
    );
    assert_eq!(
        shown(&engine.status()),
        shown(&play(&reference, &inputs, |at, _| (at % 3 == 0).then_some(60)).status())
    );
}

#[test]
fn a_task_with_more_classes_than_are_kept_is_measured_without_its_probabilities() {
    let mut world = World::new(90);
    let inputs = honest(&mut world, 600);
    let schema = synthetic::schema();
    let config = MonitorConfig {
        probability_classes: 3,
        ..MonitorConfig::default()
    };
    let mut engine = Engine::new(honest_reference(), config);
    engine.push_observations(batch(&schema, &inputs, 0));
    engine.push_labels(synthetic::labels(&inputs, 0));
    engine.drain().expect("in memory");
    assert_eq!(schema.spec(TaskId(0)).labels.len(), 4);
    let report = report(&engine);
    for metric in &report.metrics {
        let without = ["auroc", "average_precision", "log_loss", "brier"].contains(&metric.metric);
        assert_eq!(metric.current.is_none(), without, "{}", metric.metric);
    }
    let calibrated = estimate(&report, "calibrated_confidence", "accuracy");
    assert_eq!(calibrated.calibration, Some("isotonic"));
    assert!(calibrated.current.is_some() && calibrated.disagreement.is_some());
    assert!(
        estimate(&report, "calibrated_confidence", "macro_f1")
            .current
            .is_none()
    );
}
