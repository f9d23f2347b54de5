//! What a monitor would publish: every part of a status is there, so that whoever shows it can be held to all of it.

use bellwether_api::{
    BatchSizes, BrokerMetrics, CheckpointMetrics, MemberMetrics, PartitionLag, PipelineMetrics, RecordPlace,
    RejectedRecords, TopicKind,
};
use bellwether_events::TaskKind;
use bellwether_monitor::{
    ClassDrift, ClassStatus, ConfusionStatus, CostStatus, Disagreement, DriftDirection, DriftMap,
    DriftReport, DriftSplit, DriftTest, Estimate, ForgettingStatus, Interval, MapPoint, ModelStatus,
    NoveltyStatus, PipelineCounts, QualityReport, QualityStatus, ReliabilityCurve, ReliabilityPoint,
    RemedyCost, SignalStatus, SliceStatus, StratumStatus, TaskForgetting, TaskStatus, TimelineLine, Verdict,
    rfc3339,
};
use std::sync::Arc;

/// 2026-03-14T15:00:00Z
pub const START_MS: i64 = 1_773_500_400_000;

pub fn task(name: &str, verdict: Verdict) -> TaskStatus {
    let labelled = name != "unlabelled";
    TaskStatus {
        task: name.to_owned(),
        kind: TaskKind::Classification,
        verdict,
        changed_ms: START_MS - 60_000,
        since_ms: START_MS - 120_000,
        confidence: 0.875,
        summary: format!("{name} is {verdict}."),
        observations: 1200,
        labels: 300,
        label_coverage: if labelled { 0.25 } else { 0.0 },
        label_delay_seconds: if labelled { 5400.0 } else { f64::NAN },
        signals: ["novelty", "loss"]
            .into_iter()
            .map(|signal| SignalStatus {
                signal,
                active: verdict.is_alarm(),
                log_e_value: 3.5,
                threshold: 15.6,
                value: 0.04,
                tolerance: 0.06,
            })
            .collect(),
        drift_within_class: -0.001,
        drift_mix: 0.125,
        common_cosine: if labelled { 0.5 } else { f64::NAN },
        quality: QualityStatus {
            metric: "accuracy",
            reference: 0.93,
            current: labelled.then_some(Estimate {
                value: 0.75,
                interval: Interval { low: 0.7, high: 0.8 },
                size: 300,
            }),
            macro_f1: labelled.then_some(0.72),
        },
        estimated: None,
        report: if labelled {
            report()
        } else {
            QualityReport::empty(TaskKind::Classification)
        },
        drift: if labelled { drift() } else { DriftReport::empty() },
        novelty: NoveltyStatus {
            far_ratio: 0.0625,
            group_size: 7,
            coherence: f64::NAN,
            affinity: f64::NAN,
            misrouted_to: None,
        },
        forgetting: (name != "unlabelled").then(|| forgetting(verdict)),
        costs: verdict.is_alarm().then(costs),
        slices: vec![SliceStatus {
            attribute: "language".to_owned(),
            value: "de \"CH\"".to_owned(),
            observations: 240,
            labels: 54,
            in_reference: 60,
            signals: vec![SignalStatus {
                signal: "loss",
                active: verdict.is_alarm(),
                log_e_value: 2.5,
                threshold: 14.9,
                value: 0.29,
                tolerance: 0.11,
            }],
        }],
        unwatched_slice_values: 3,
    }
}

/// A watch that found the task worse where it is an alarm.
fn forgetting(verdict: Verdict) -> TaskForgetting {
    let worse = verdict.is_alarm();
    TaskForgetting {
        outcome: if worse { "worse" } else { "undecided" },
        left_alone: true,
        forgotten: worse,
        baseline: "past",
        loss_before: Some(estimate(0.0625, 0.03125, 300)),
        loss_after: Some(estimate(0.25, 0.0625, 80)),
        log_e_value: if worse { 7.5 } else { -1.5 },
        threshold: 5.75,
        labels_missing: (!worse).then_some(120),
        doubt_before: Some(estimate(0.125, 0.03125, 400)),
        doubt_after: None,
        doubt_log_e_value: 0.0,
        doubtful: false,
        estimated_before: Some(0.875),
        estimated_after: None,
        disagreement: None,
        observations: 240,
    }
}

fn costs() -> CostStatus {
    CostStatus {
        remedies: ["retrain", "continual_update", "new_task"]
            .into_iter()
            .map(|remedy| RemedyCost {
                remedy,
                probability: 0.5,
                cost: 2.0,
                expected: 4.0,
            })
            .collect(),
        lost_quality: 0.1875,
        days: 4.0,
        waited: 0.75,
        waiting: 3.1875,
        due: false,
    }
}

fn estimate(value: f64, half: f64, size: usize) -> Estimate {
    Estimate {
        value,
        interval: Interval {
            low: value - half,
            high: value + half,
        },
        size,
    }
}

/// A report whose labels were chosen and contradict the estimate.
pub fn report() -> QualityReport {
    let mut report = QualityReport::empty(TaskKind::Classification);
    report.as_of_ms = START_MS;
    report.from_ms = START_MS - 7_200_000;
    report.to_ms = START_MS - 3_600_000;
    report.labels = 200;
    report.effective_labels = 120.5;
    report.outside_label_set = 3;
    report.coverage = 0.3125;
    report.delay_median_seconds = 1800.0;
    report.delay_late_seconds = 3600.0;
    report.selection.p_value = 0.0001;
    report.selection.corrected = true;
    report.selection.uncovered = 0.0;
    report.selection.strata = vec![
        StratumStatus {
            observations: 160,
            labels: 120,
        };
        5
    ];
    for metric in report.metrics.iter_mut().filter(|m| m.metric != "brier") {
        metric.current = Some(estimate(0.75, 0.0625, 200));
        metric.raw = Some(estimate(0.625, 0.0625, 200));
        metric.reference = Some(0.9375);
    }
    report.classes = vec![ClassStatus {
        class: "pay_bill".to_owned(),
        support: 40.0,
        precision: Some(estimate(0.5, 0.125, 200)),
        recall: None,
        f1: None,
    }];
    report.confusions = vec![ConfusionStatus {
        predicted: "pay_bill".to_owned(),
        label: None,
        labels: 3,
        predictions: 12,
        share: estimate(0.25, 0.125, 12),
        reference_error: Some(0.0625),
    }];
    report.reliability = Some(ReliabilityCurve {
        binning: "fifteen bins of equal width",
        points: vec![ReliabilityPoint {
            confidence: 0.9,
            frequency: 0.75,
            interval: Interval { low: 0.7, high: 0.8 },
            labels: 200,
        }],
    });
    let calibrated = &mut report.estimates[0];
    calibrated.calibration = Some("temperature");
    calibrated.current = Some(estimate(0.875, 0.03125, 200));
    calibrated.disagreement = Some(Disagreement {
        value: 0.125,
        interval: Interval {
            low: 0.0625,
            high: 0.1875,
        },
        size: 200,
        significant: true,
    });
    report.advice = Some("Do not trust the estimates.".to_owned());
    report
}

/// A map of one input and one row of the reference.
fn map() -> DriftMap {
    let point = |event_id: &str, timestamp_ms, text: Option<&str>| MapPoint {
        event_id: event_id.to_owned(),
        at: [0.25, -0.5],
        class: 0,
        timestamp_ms,
        novel: text.is_some(),
        text: text.map(str::to_owned),
    };
    DriftMap {
        kept_ratios: [0.25, 0.125],
        classes: vec!["pay_bill".to_owned()],
        reference: vec![point("r1", 0, None)],
        now: vec![point("e7", START_MS, Some("[email] sent it back"))],
    }
}

/// A drift report of inputs that moved by their mix.
pub fn drift() -> DriftReport {
    let test = |value, p_value| {
        Some(DriftTest {
            value,
            p_value,
            deviations: 8.0,
        })
    };
    DriftReport {
        as_of_ms: START_MS,
        from_ms: START_MS - 7_200_000,
        to_ms: START_MS - 60_000,
        observations: 250,
        since_onset: true,
        kernel: test(0.0625, 0.005),
        linear: test(0.03125, 0.01),
        energy: test(0.125, 0.015),
        classifier_auc: Some(estimate(0.75, 0.0625, 250)),
        split: Some(DriftSplit {
            total: estimate(0.25, 0.0625, 250),
            mix: estimate(0.1875, 0.0625, 250),
            within: estimate(0.03125, 0.0625, 250),
            interaction: 0.03125,
            mix_ratio: Some(0.8125),
            within_ratio: Some(0.1875),
            spread_ratio: Some(estimate(0.9375, 0.0625, 250)),
        }),
        classes: vec![ClassDrift {
            class: "pay_bill".to_owned(),
            observations: 100,
            reference_rows: 50,
            share: estimate(0.375, 0.0625, 250),
            reference_share: 0.0625,
            moved: None,
            within_share: 0.5,
        }],
        direction: Some(DriftDirection {
            shift_deviations: 0.25,
            examples: vec!["e9".to_owned()],
            reference_examples: vec!["r1".to_owned()],
        }),
        examples: vec!["e7".to_owned(), "e8".to_owned()],
        season: Some("quarters of the day"),
        summary: Some("The inputs have moved.".to_owned()),
        map: Some(Arc::new(map())),
    }
}

pub fn status(event_time_ms: i64) -> ModelStatus {
    ModelStatus {
        encoder: bellwether_monitor::EncoderStatus::default(),
        event_time_ms,
        reference: "reference-7".into(),
        shared_encoder: false,
        shared_since_ms: 0,
        common_shift_cosine: f64::NAN,
        moved_task_ratio: 0.5,
        summary: "No shift is common to the tasks.".into(),
        forgetting: Some(ForgettingStatus {
            model_version: "v2".into(),
            previous_version: Some("v1".into()),
            opened_ms: START_MS - 86_400_000,
            ends_ms: START_MS + 13 * 86_400_000,
            ended: None,
            share: 0.75,
            summary: "model_version v2: forgotten: banking.".into(),
        }),
        tasks: vec![
            task("banking", Verdict::Retrain),
            task("unlabelled", Verdict::Healthy),
        ],
        counts: PipelineCounts {
            observations: 2400,
            late_observations: 1,
            duplicate_observations: 2,
            labels: 600,
            duplicate_labels: 3,
            pending_labels: 4,
            orphan_labels: 5,
            pending_observations: 6,
            buffered: 7,
            pending_observations_on_disk: 2,
            evicted_observations_by_age: 8,
            evicted_observations_by_number: 9,
            evicted_labels_by_age: 1,
            evicted_labels_by_number: 4,
        },
    }
}

pub fn pipeline() -> PipelineMetrics {
    let mut batch_sizes = BatchSizes::default();
    batch_sizes.observe(3);
    batch_sizes.observe(500);
    PipelineMetrics {
        decoded_observations: 2410,
        decoded_labels: 605,
        rejected: vec![
            RejectedRecords {
                kind: TopicKind::Observations,
                reason: "embedding_width",
                total: 9,
                last: Some(RecordPlace {
                    partition: 3,
                    offset: 1234,
                }),
            },
            RejectedRecords {
                kind: TopicKind::Labels,
                reason: "malformed",
                total: 1,
                last: None,
            },
        ],
        dead_letters_published: 10,
        dead_letters_failed: 0,
        schema_fetches_failed: 2,
        waiting_records: 5,
        waiting_bytes: 4096,
        buffered_bytes: 70_000,
        buffered_bytes_limit: Some(1 << 20),
        held_partitions: 1,
        lag: vec![PartitionLag {
            topic: "predictions".into(),
            partition: 3,
            records: 42,
        }],
        brokers: Some(BrokerMetrics {
            up: 3,
            rebalances: 2,
            faults: 1,
        }),
        member: Some(MemberMetrics {
            is_judge: true,
            scored_observations: 70,
            evidence_bytes: 60_000,
        }),
        checkpoints: Some(CheckpointMetrics {
            taken: 7,
            failed: 1,
            last_ms: Some(1_800_000_000_000),
            last_bytes: 2_000_000,
            last_seconds: 0.25,
            database_bytes: Some(5_000),
            changelog_bytes: 9_000,
            from_changelog: true,
        }),
        batch_sizes,
        last_poll_ms: Some(1_800_000_000_500),
        progress_ratio: None,
    }
}

pub fn line(task: Option<&str>, minute: i64, verdict: Verdict) -> TimelineLine {
    TimelineLine {
        timestamp: rfc3339(START_MS + minute * 60_000),
        task: task.map(str::to_owned),
        verdict: Some(verdict),
        shared_encoder: false,
        since: rfc3339(START_MS),
        confidence: 0.9,
        summary: format!("change {minute}"),
        evidence: serde_json::json!({"minute": minute}),
    }
}
