//! Whether a broker's answer that no record is so new can be true: some keep no index of times.

use super::{ANSWER, RangeClient, subscribe};
use crate::error::Error;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Whether the last record of a partition has this time or a newer one.
pub(super) fn last_is_at_or_after(
    client: &RangeClient,
    (topic, partition): &(String, i32),
    (low, high): (i64, i64),
    time_ms: i64,
) -> Result<bool, Error> {
    if low >= high {
        return Ok(false);
    }
    let failed = |source| subscribe(topic, source);
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(topic, *partition, Offset::Offset(high - 1))
        .map_err(failed)?;
    client.assign(&list).map_err(failed)?;
    let deadline = Instant::now() + ANSWER;
    let mut newest_ms = None;
    while Instant::now() < deadline {
        match client.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                newest_ms = message.timestamp().to_millis();
                break;
            }
            // The last offset is not a record: then the broker is one that keeps times.
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(_)) | None => {}
        }
    }
    client.unassign().map_err(failed)?;
    Ok(newest_ms.is_some_and(|newest| newest >= time_ms))
}
