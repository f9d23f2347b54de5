//! The body of the pipeline's own view.

use crate::past::PastMetrics;
use crate::pipeline::{
    BrokerMetrics, CheckpointMetrics, MemberMetrics, PartitionLag, PipelineMetrics, RejectedRecords,
};
use bellwether_alerts::{AlertMetrics, ReceiverMetrics};
use bellwether_monitor::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// What the pipeline says about itself. Totals count since the start of the process.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PipelineDetail)]
pub(crate) struct PipelineDetailView<'a> {
    /// When this was answered, by the clock: totals of two answers give a rate.
    asked: String,
    decoded_observations: u64,
    decoded_labels: u64,
    rejected: Vec<RejectedView>,
    dead_letters_published: u64,
    dead_letters_failed: u64,
    schema_fetches_failed: u64,
    /// Halves of calls that wait for their other half.
    waiting_records: u64,
    waiting_bytes: u64,
    buffered_bytes: u64,
    /// `null` without a consumer.
    buffered_bytes_limit: Option<u64>,
    /// Partitions that wait for others.
    held_partitions: u64,
    batches: u64,
    batch_rows: u64,
    last_poll: Option<String>,
    /// Share of a finite input that was played; `null` for an endless one.
    progress_ratio: Option<f64>,
    /// One a partition that is read here.
    lag: Vec<LagView<'a>>,
    brokers: Option<BrokersView>,
    /// `null` where the state is in memory only.
    checkpoints: Option<CheckpointsView>,
    /// `null` where one instance does all.
    member: Option<MemberView>,
    deliveries: DeliveriesView<'a>,
    /// `null` where no history is kept.
    history: Option<HistoryView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rejected)]
struct RejectedView {
    kind: &'static str,
    reason: &'static str,
    total: u64,
    /// Where the last of them lies, where it came from a topic.
    last_partition: Option<i32>,
    last_offset: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lag)]
struct LagView<'a> {
    topic: &'a str,
    partition: i32,
    records: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Brokers)]
struct BrokersView {
    up: u64,
    rebalances: u64,
    faults: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checkpoints)]
struct CheckpointsView {
    taken: u64,
    failed: u64,
    last: Option<String>,
    last_bytes: u64,
    last_seconds: f64,
    database_bytes: Option<u64>,
    changelog_bytes: u64,
    from_changelog: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberView {
    is_judge: bool,
    scored_observations: u64,
    evidence_bytes: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deliveries)]
struct DeliveriesView<'a> {
    /// Writes to `alerts.directory` that failed.
    failed_writes: u64,
    receivers: Vec<ReceiverView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiverDeliveries)]
struct ReceiverView<'a> {
    name: &'a str,
    delivered: u64,
    /// Attempts that are tried again.
    failed: u64,
    /// Notices that it refused for good.
    refused: u64,
    /// Incidents of whose state it does not know yet.
    pending: u64,
    pending_since: Option<String>,
    /// Whether it answered 410 and is sent nothing any more.
    gone: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryKeeping)]
struct HistoryView {
    written_windows: u64,
    dropped_windows: u64,
    failed_writes: u64,
    waiting_windows: u64,
    waiting_bytes: u64,
}

impl<'a> PipelineDetailView<'a> {
    pub(crate) fn new(
        now_ms: i64,
        metrics: &'a PipelineMetrics,
        alerts: &'a AlertMetrics,
        past: Option<PastMetrics>,
    ) -> Self {
        Self {
            asked: rfc3339(now_ms),
            decoded_observations: metrics.decoded_observations,
            decoded_labels: metrics.decoded_labels,
            rejected: metrics
                .rejected
                .iter()
                .filter(|r| r.total > 0)
                .map(RejectedView::new)
                .collect(),
            dead_letters_published: metrics.dead_letters_published,
            dead_letters_failed: metrics.dead_letters_failed,
            schema_fetches_failed: metrics.schema_fetches_failed,
            waiting_records: metrics.waiting_records,
            waiting_bytes: metrics.waiting_bytes,
            buffered_bytes: metrics.buffered_bytes,
            buffered_bytes_limit: metrics.buffered_bytes_limit,
            held_partitions: metrics.held_partitions,
            batches: metrics.batch_sizes.batches(),
            batch_rows: metrics.batch_sizes.rows(),
            last_poll: metrics.last_poll_ms.map(rfc3339),
            progress_ratio: metrics.progress_ratio,
            lag: metrics.lag.iter().map(LagView::new).collect(),
            brokers: metrics.brokers.map(BrokersView::new),
            checkpoints: metrics.checkpoints.map(CheckpointsView::new),
            member: metrics.member.map(MemberView::new),
            deliveries: DeliveriesView {
                failed_writes: alerts.failed_writes,
                receivers: alerts.receivers.iter().map(ReceiverView::new).collect(),
            },
            history: past.map(HistoryView::new),
        }
    }
}

impl RejectedView {
    fn new(rejected: &RejectedRecords) -> Self {
        Self {
            kind: rejected.kind.as_str(),
            reason: rejected.reason,
            total: rejected.total,
            last_partition: rejected.last.map(|place| place.partition),
            last_offset: rejected.last.map(|place| place.offset),
        }
    }
}

impl<'a> LagView<'a> {
    fn new(lag: &'a PartitionLag) -> Self {
        Self {
            topic: &lag.topic,
            partition: lag.partition,
            records: lag.records,
        }
    }
}

impl BrokersView {
    fn new(brokers: BrokerMetrics) -> Self {
        Self {
            up: brokers.up,
            rebalances: brokers.rebalances,
            faults: brokers.faults,
        }
    }
}

impl CheckpointsView {
    fn new(checkpoints: CheckpointMetrics) -> Self {
        Self {
            taken: checkpoints.taken,
            failed: checkpoints.failed,
            last: checkpoints.last_ms.map(rfc3339),
            last_bytes: checkpoints.last_bytes,
            last_seconds: checkpoints.last_seconds,
            database_bytes: checkpoints.database_bytes,
            changelog_bytes: checkpoints.changelog_bytes,
            from_changelog: checkpoints.from_changelog,
        }
    }
}

impl MemberView {
    fn new(member: MemberMetrics) -> Self {
        Self {
            is_judge: member.is_judge,
            scored_observations: member.scored_observations,
            evidence_bytes: member.evidence_bytes,
        }
    }
}

impl<'a> ReceiverView<'a> {
    fn new(receiver: &'a ReceiverMetrics) -> Self {
        Self {
            name: &receiver.name,
            delivered: receiver.delivered,
            failed: receiver.failed,
            refused: receiver.refused,
            pending: receiver.pending,
            pending_since: receiver.pending_since_ms.map(rfc3339),
            gone: receiver.gone,
        }
    }
}

impl HistoryView {
    fn new(past: PastMetrics) -> Self {
        Self {
            written_windows: past.written_windows,
            dropped_windows: past.dropped_windows,
            failed_writes: past.failed_writes,
            waiting_windows: past.waiting_windows,
            waiting_bytes: past.waiting_bytes,
        }
    }
}
