//! The Confluent wire format: a zero byte, the identifier of the writer's schema, and the record.

use crate::varint;
use bellwether_events::{Fault, RejectReason};

/// Most indexes on the way to a message; messages nest no deeper in practice.
const MAX_INDEXES: usize = 32;

/// A record and the identifier of the schema it was written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    /// The schema's identifier in the registry.
    pub(crate) schema_id: u32,
    /// What follows it.
    pub(crate) body: &'a [u8],
}

/// Splits a payload.
///
/// # Errors
/// A [`Fault`] when it does not start as the format does.
pub(crate) fn split(payload: &[u8]) -> Result<Framed<'_>, Fault> {
    match payload {
        [0, a, b, c, d, body @ ..] => Ok(Framed {
            schema_id: u32::from_be_bytes([*a, *b, *c, *d]),
            body,
        }),
        [0, ..] | [] => Err(malformed(format!(
            "the payload has {} bytes, and a record of the Confluent wire format at least 5",
            payload.len()
        ))),
        [first, ..] => Err(malformed(format!(
            "the payload starts with byte {first}, and a record of the Confluent wire format with 0 and a schema's \
             identifier; use the registry's serializer, or set the format of the topic to what it carries"
        ))),
    }
}

/// Takes the indexes of a Protobuf message from the front: those of a message of the file, of one nested in it, and so on.
///
/// # Errors
/// A [`Fault`] when they do not end, are too many, or negative.
pub(crate) fn message_indexes(body: &mut &[u8]) -> Result<Vec<usize>, Fault> {
    let fault = || malformed("the indexes of the Protobuf message before it cannot be read".to_owned());
    let count = usize::try_from(varint::zigzag(body).ok_or_else(fault)?).map_err(|_| fault())?;
    if count == 0 {
        // The first message of the file, which is nearly every record, is written in one byte.
        return Ok(vec![0]);
    }
    if count > MAX_INDEXES {
        return Err(fault());
    }
    (0..count)
        .map(|_| {
            let index = varint::zigzag(body).ok_or_else(fault)?;
            usize::try_from(index).map_err(|_| fault())
        })
        .collect()
}

fn malformed(detail: String) -> Fault {
    Fault::new(RejectReason::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_named_in_four_bytes_big_end_first() {
        let framed = split(&[0, 0, 0, 1, 2, 7, 8]).expect("framed");
        assert_eq!((framed.schema_id, framed.body), (258, &[7, 8][..]));
        assert!(split(&[0, 0, 0, 0, 9]).expect("an empty record").body.is_empty());
    }

    #[test]
    fn what_is_not_framed_says_what_to_do() {
        let detail = |payload: &[u8]| split(payload).expect_err("not framed").detail;
        assert!(detail(b"").contains("has 0 bytes"));
        assert!(detail(&[0, 1]).contains("has 2 bytes"));
        assert!(detail(b"{}").contains("starts with byte 123"));
    }

    #[test]
    fn message_indexes_are_a_counted_list_of_which_nothing_means_the_first() {
        let read = |mut bytes: &[u8]| message_indexes(&mut bytes).map(|indexes| (indexes, bytes.len()));
        assert_eq!(read(&[0, 9]), Ok((vec![0], 1)));
        assert_eq!(read(&[4, 2, 0, 9]), Ok((vec![1, 0], 1)));
        for wrong in [&[][..], &[1], &[4, 2], &[2, 1], &[0xFE, 0xFF, 0x03]] {
            read(wrong).expect_err("no list");
        }
    }
}
