//! What the pipeline says about itself: plain numbers since its start, handed over whole.

/// Which of the two inputs a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// Predictions.
    Observations,
    /// Truths.
    Labels,
}

impl TopicKind {
    /// Both, so that each series exists from the start.
    pub const ALL: [Self; 2] = [Self::Observations, Self::Labels];

    /// The value of the metric label `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observations => "observations",
            Self::Labels => "labels",
        }
    }
}

/// Where a record lies in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPlace {
    /// Number of the partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// Records refused for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRecords {
    /// Where they came from.
    pub kind: TopicKind,
    /// The stable name of the reason, from a closed set.
    pub reason: &'static str,
    /// How many since the start.
    pub total: u64,
    /// The last of them, where it came from a topic.
    pub last: Option<RecordPlace>,
}

/// How far the consumer is behind on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Records between the consumer and the end of the partition.
    pub records: u64,
}

/// Sizes of the batches taken from the input, as a cumulative histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchSizes {
    counts: [u64; Self::BOUNDS.len()],
    batches: u64,
    rows: u64,
}

impl BatchSizes {
    /// Upper ends of the buckets, in rows, inclusive; larger batches count in the total alone. Powers of four from a
    /// single record to the largest batch that is worth having.
    pub const BOUNDS: [u64; 8] = [1, 4, 16, 64, 256, 1024, 4096, 16384];

    /// Counts one batch of `rows` rows.
    pub fn observe(&mut self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.batches += 1;
        self.rows = self.rows.saturating_add(rows);
        for (count, bound) in self.counts.iter_mut().zip(Self::BOUNDS) {
            *count += u64::from(rows <= bound);
        }
    }

    /// Batches so far.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Rows in all of them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// For each bound, how many batches had at most that many rows.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        Self::BOUNDS.into_iter().zip(self.counts)
    }
}

/// The connection to the brokers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerMetrics {
    /// Brokers with a connection.
    pub up: u64,
    /// Times that partitions came or went.
    pub rebalances: u64,
    /// Faults that the client met; most it mends by trying again.
    pub faults: u64,
}

/// The kept state.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CheckpointMetrics {
    /// Checkpoints that are durable.
    pub taken: u64,
    /// Attempts that failed, as on a full disk.
    pub failed: u64,
    /// Wall-clock time of the last, in milliseconds since the epoch; `None` before the first of this process.
    pub last_ms: Option<i64>,
    /// Bytes of the last, joins on disk aside.
    pub last_bytes: u64,
    /// Time that the last took, in seconds.
    pub last_seconds: f64,
    /// Bytes of the directory's database, in which observations wait for labels.
    pub database_bytes: Option<u64>,
    /// Bytes of keys and values that the changelog took.
    pub changelog_bytes: u64,
    /// Whether the state came from the changelog when the process started.
    pub from_changelog: bool,
}

/// The part of one instance of several in the work of its group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberMetrics {
    /// Whether it judges for the group; one instance does.
    pub is_judge: bool,
    /// Observations that it scored for whoever judges.
    pub scored_observations: u64,
    /// Bytes of evidence that it wrote.
    pub evidence_bytes: u64,
}

/// The pipeline's own numbers. Totals count since the start of the process and never fall.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PipelineMetrics {
    /// Observations decoded.
    pub decoded_observations: u64,
    /// Labels decoded.
    pub decoded_labels: u64,
    /// Records refused, by input and reason; reasons that never occurred may be left out.
    pub rejected: Vec<RejectedRecords>,
    /// Refused records that were written to the dead-letter topic.
    pub dead_letters_published: u64,
    /// Refused records that the dead-letter topic did not take.
    pub dead_letters_failed: u64,
    /// Times that a batch had to wait because a schema of its records could not be fetched.
    pub schema_fetches_failed: u64,
    /// Halves of calls that wait for their other half.
    pub waiting_records: u64,
    /// What they take in memory, in bytes.
    pub waiting_bytes: u64,
    /// What waits for the watermark takes so many bytes.
    pub buffered_bytes: u64,
    /// Beyond so many bytes, partitions that are ahead are held; `None` without a consumer.
    pub buffered_bytes_limit: Option<u64>,
    /// Partitions that are not read on for now, as they are ahead of others.
    pub held_partitions: u64,
    /// One entry per assigned partition; empty without a consumer.
    pub lag: Vec<PartitionLag>,
    /// The connection to the brokers; none without a consumer.
    pub brokers: Option<BrokerMetrics>,
    /// The kept state; none where it is in memory only.
    pub checkpoints: Option<CheckpointMetrics>,
    /// Its part in a group; none where one instance does all.
    pub member: Option<MemberMetrics>,
    /// Sizes of the batches so far.
    pub batch_sizes: BatchSizes,
    /// Wall-clock time of the last poll of the input, in milliseconds since the epoch, whether or not it brought
    /// anything; `None` before the first.
    pub last_poll_ms: Option<i64>,
    /// Share of a finite input that has been played, from 0 to 1; `None` for an endless stream. At 1 the input is over:
    /// silence is then no fault.
    pub progress_ratio: Option<f64>,
}

impl PipelineMetrics {
    /// Records decoded from one input.
    #[must_use]
    pub fn decoded(&self, kind: TopicKind) -> u64 {
        match kind {
            TopicKind::Observations => self.decoded_observations,
            TopicKind::Labels => self.decoded_labels,
        }
    }

    /// The record of one input that was refused last for a reason.
    #[must_use]
    pub(crate) fn last_rejected(&self, kind: TopicKind, reason: &str) -> Option<RecordPlace> {
        let of_it = self
            .rejected
            .iter()
            .filter(|r| r.kind == kind && r.reason == reason);
        of_it.filter_map(|r| r.last).next_back()
    }

    /// Records of one input refused for one reason.
    #[must_use]
    pub fn rejected(&self, kind: TopicKind, reason: &str) -> u64 {
        self.rejected
            .iter()
            .filter(|r| r.kind == kind && r.reason == reason)
            .map(|r| r.total)
            .sum()
    }

    /// True for an instance of several while another one judges.
    pub(crate) fn stands_by(&self) -> bool {
        self.member.is_some_and(|member| !member.is_judge)
    }

    /// True when a finite input has been played to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.progress_ratio.is_some_and(|ratio| ratio >= 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::BatchSizes;

    #[test]
    fn batch_sizes_are_counted_in_every_bucket_that_holds_them() {
        let mut sizes = BatchSizes::default();
        for rows in [1, 5, 256, 1_000_000] {
            sizes.observe(rows);
        }
        let cumulative: Vec<_> = sizes.cumulative().collect();
        assert_eq!(
            cumulative,
            [
                (1, 1),
                (4, 1),
                (16, 2),
                (64, 2),
                (256, 3),
                (1024, 3),
                (4096, 3),
                (16384, 3)
            ],
            "the largest batch is beyond every bound"
        );
        assert_eq!((sizes.batches(), sizes.rows()), (4, 1_000_262));
    }
}
