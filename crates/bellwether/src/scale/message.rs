//! What instances tell each other through the evidence topic, in the postcard format.

use bellwether_events::LabelRow;
use bellwether_ingest::{RawMessage, TopicPartition, Topics};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A message of another form is not read.
const FORMAT: u32 = 1;

/// One message.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message<'a> {
    /// What was read of one source partition.
    #[serde(borrow)]
    Rows(Rows<'a>),
    /// The source partitions that are the writer's now.
    Present(Vec<Present>),
    /// The source partitions that are to deliver nothing for now.
    Hold(Vec<Source>),
}

/// A source partition, by the name of its topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// A source partition that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Present {
    pub(crate) source: Source,
    /// All that was read before this offset is in the log before this message.
    pub(crate) next: i64,
    /// Whether nothing lay beyond it.
    pub(crate) at_end: bool,
}

/// What was read of one source partition.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rows<'a> {
    pub(crate) topic: Cow<'a, str>,
    pub(crate) partition: i32,
    /// Identity of the reference that rows were scored against.
    pub(crate) reference: Cow<'a, str>,
    /// Version of the form of rows.
    pub(crate) version: u32,
    #[serde(borrow)]
    pub(crate) parts: Vec<Part<'a>>,
}

/// A record, or a part of one that is large.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part<'a> {
    pub(crate) offset: i64,
    /// Which part of the record, from 0. Where a record is cut depends on the record alone.
    pub(crate) number: u32,
    pub(crate) is_last: bool,
    /// The newest event time of the record.
    pub(crate) event_time_ms: Option<i64>,
    #[serde(borrow)]
    pub(crate) content: Content<'a>,
}

/// What a record came to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Content<'a> {
    /// Observations, one behind the other, and labels.
    Scored {
        #[serde(borrow, with = "serde_bytes")]
        rows: Cow<'a, [u8]>,
        #[serde(borrow)]
        labels: Vec<Label<'a>>,
    },
    /// The record as it came: something in it cannot be used, or it needs another record.
    #[serde(borrow)]
    Record(Record<'a>),
}

/// A label.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Label<'a> {
    pub(crate) event_id: Cow<'a, str>,
    pub(crate) timestamp_ms: i64,
    pub(crate) truth: Cow<'a, str>,
}

/// A record as it came.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow, with = "serde_bytes")]
    key: Option<Cow<'a, [u8]>>,
    timestamp_ms: Option<i64>,
    #[serde(borrow)]
    headers: Vec<(Cow<'a, str>, Bytes<'a>)>,
    #[serde(borrow, with = "serde_bytes")]
    payload: Cow<'a, [u8]>,
}

/// Bytes, written at once.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Bytes<'a>(#[serde(borrow, with = "serde_bytes")] Cow<'a, [u8]>);

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("it has format {0}, and this version reads {FORMAT}")]
    OtherFormat(u32),
    #[error("it is none of ours")]
    NotOurs,
}

impl<'a> Message<'a> {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let start = postcard::to_allocvec(&FORMAT).expect("a number");
        postcard::to_extend(self, start).expect("a message is made of numbers, texts and sequences")
    }

    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let (format, rest) = postcard::take_from_bytes::<u32>(bytes).map_err(|_| MessageError::NotOurs)?;
        if format != FORMAT {
            return Err(MessageError::OtherFormat(format));
        }
        match postcard::take_from_bytes(rest) {
            Ok((message, [])) => Ok(message),
            _ => Err(MessageError::NotOurs),
        }
    }
}

impl Source {
    pub(crate) fn of(partition: TopicPartition, topics: &Topics) -> Self {
        Self {
            topic: topics.name(partition.kind).unwrap_or_default().to_owned(),
            partition: partition.partition,
        }
    }

    /// `None` where its topic is not configured any more.
    pub(crate) fn among(&self, topics: &Topics) -> Option<TopicPartition> {
        topics.partition(&self.topic, self.partition)
    }
}

impl<'a> Label<'a> {
    pub(crate) fn of(row: &'a LabelRow) -> Self {
        Self {
            event_id: Cow::Borrowed(&row.event_id),
            timestamp_ms: row.timestamp_ms,
            truth: Cow::Borrowed(&row.label),
        }
    }

    pub(crate) fn into_row(self) -> LabelRow {
        LabelRow {
            event_id: self.event_id.into_owned(),
            timestamp_ms: self.timestamp_ms,
            label: self.truth.into_owned(),
        }
    }
}

impl<'a> Record<'a> {
    pub(crate) fn of(message: &'a RawMessage) -> Self {
        let headers = message.headers();
        Self {
            key: message.key.as_deref().map(Cow::Borrowed),
            timestamp_ms: message.timestamp_ms,
            headers: headers
                .map(|(name, value)| (Cow::Borrowed(name), Bytes(Cow::Borrowed(value))))
                .collect(),
            payload: Cow::Borrowed(&message.payload),
        }
    }

    pub(crate) fn to_message(&self, partition: TopicPartition, offset: i64) -> RawMessage {
        let headers = self.headers.iter().map(|(name, value)| (&**name, &*value.0));
        let message = RawMessage::new(partition, offset, self.payload.to_vec().into());
        let mut message = message.with_headers(headers);
        message.key = self.key.as_ref().map(|key| key.to_vec().into());
        message.timestamp_ms = self.timestamp_ms;
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(message: &RawMessage) -> Message<'_> {
        let label = Label {
            event_id: "e1".into(),
            timestamp_ms: -5,
            truth: "good".into(),
        };
        let part = |offset, content| Part {
            offset,
            number: 0,
            is_last: true,
            event_time_ms: Some(7),
            content,
        };
        let scored = Content::Scored {
            rows: Cow::Borrowed(&[1, 2, 3]),
            labels: vec![label],
        };
        Message::Rows(Rows {
            topic: "predictions".into(),
            partition: 3,
            reference: "one".into(),
            version: 3,
            parts: vec![part(8, scored), part(9, Content::Record(Record::of(message)))],
        })
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let partition = TopicPartition::observations(3);
        let mut message = RawMessage::new(partition, 9, vec![0, 255].into());
        message = message.with_headers([("ce_id", &b"a"[..]), ("empty", b"")]);
        message.key = Some(vec![1].into());
        message.timestamp_ms = Some(4);
        let written = rows(&message);
        let bytes = written.to_bytes();
        let read = Message::from_bytes(&bytes).expect("it is ours");
        assert_eq!(read, written);
        let Message::Rows(read) = read else { panic!("rows") };
        let Content::Record(record) = &read.parts[1].content else {
            panic!("a record")
        };
        let again = record.to_message(partition, 9);
        assert_eq!(
            (&again.key, again.timestamp_ms),
            (&message.key, message.timestamp_ms)
        );
        assert_eq!(again.payload, message.payload);
        assert!(again.headers().eq(message.headers()));
    }

    #[test]
    fn what_is_not_ours_is_told_from_what_a_later_version_wrote() {
        let bytes = Message::Hold(Vec::new()).to_bytes();
        assert_eq!(Message::from_bytes(&bytes), Ok(Message::Hold(Vec::new())));
        assert_eq!(Message::from_bytes(b""), Err(MessageError::NotOurs));
        let of_format = |format: u32, rest: &[u8]| {
            let start = postcard::to_allocvec(&format).expect("a number");
            [&start, rest].concat()
        };
        let unknown = of_format(FORMAT, &[9]);
        assert_eq!(Message::from_bytes(&unknown), Err(MessageError::NotOurs));
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Message::from_bytes(&longer), Err(MessageError::NotOurs));
        let later = of_format(FORMAT + 1, &[]);
        assert_eq!(
            Message::from_bytes(&later),
            Err(MessageError::OtherFormat(FORMAT + 1))
        );
    }
}
