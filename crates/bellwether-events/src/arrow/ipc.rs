//! Arrow IPC payloads of unknown origin.
//!
//! The reader of the `arrow` crate checks what it builds, yet trusts a few numbers on the way there: where a buffer lies in
//! the body, and how large it will be when decompressed. A wrong one is a panic or an allocation of that size. So the
//! frames are walked first and those numbers checked against the payload; the reader sees only what passed. A panic
//! that is left is caught and reported like any other broken payload.

use crate::reject::{Fault, RejectReason};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::{Message, root_as_message};
use std::panic::catch_unwind;

/// The file format is this, zeros up to the writer's alignment (8 bytes at least), and a complete stream before the footer.
const FILE_MAGIC: &[u8] = b"ARROW1\0\0";

const CONTINUATION: [u8; 4] = [0xff; 4];

/// What one payload may grow to when decompressed. Chosen: far beyond what a broker lets through, small against memory.
const MAX_DECOMPRESSED_BYTES: usize = 256 << 20;

/// All record batches of a stream or file.
pub(super) fn read(payload: &[u8]) -> Result<Vec<RecordBatch>, Fault> {
    let stream = payload.strip_prefix(FILE_MAGIC).map_or(payload, skip_padding);
    verify(stream).map_err(malformed)?;
    let decoded = catch_unwind(|| StreamReader::try_new(stream, None)?.collect::<Result<Vec<_>, _>>());
    match decoded {
        Ok(Ok(batches)) => Ok(batches),
        Ok(Err(error)) => Err(malformed(&error.to_string())),
        Err(_) => Err(malformed("a buffer does not fit its column")),
    }
}

fn skip_padding(mut stream: &[u8]) -> &[u8] {
    while let Some(rest) = stream.strip_prefix(&[0; 8]) {
        stream = rest;
    }
    stream
}

fn malformed(what: &str) -> Fault {
    Fault::new(
        RejectReason::Malformed,
        format!("the payload is not valid Arrow IPC: {what}"),
    )
}

/// Walks the messages of a stream up to its end marker.
fn verify(mut stream: &[u8]) -> Result<(), &'static str> {
    if stream.is_empty() {
        return Err("it is empty");
    }
    let mut decompressed = 0_usize;
    while let Some(length) = take_length(&mut stream)? {
        let metadata = take(&mut stream, length).ok_or("it ends inside a message")?;
        let message = root_as_message(metadata).map_err(|_| "a message is not a flatbuffer of the format")?;
        let length = usize::try_from(message.bodyLength()).map_err(|_| "a body has a negative length")?;
        let body = take(&mut stream, length).ok_or("it ends inside a body")?;
        decompressed = verify_buffers(&message, body)?
            .and_then(|bytes| decompressed.checked_add(bytes))
            .filter(|total| *total <= MAX_DECOMPRESSED_BYTES)
            .ok_or("it would decompress to more than 256 MiB")?;
    }
    Ok(())
}

/// The length of the next message's metadata; none at the end of the stream.
fn take_length(stream: &mut &[u8]) -> Result<Option<usize>, &'static str> {
    if stream.is_empty() {
        return Ok(None);
    }
    let mut word = || {
        stream
            .split_off(..4)
            .and_then(|word| word.try_into().ok())
            .ok_or("it ends inside a message")
    };
    let mut length: [u8; 4] = word()?;
    if length == CONTINUATION {
        length = word()?;
    }
    let length =
        usize::try_from(i32::from_le_bytes(length)).map_err(|_| "a message has a negative length")?;
    Ok((length > 0).then_some(length))
}

fn take<'a>(stream: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    stream.split_off(..length)
}

/// Checks that every buffer of a message lies in its body. Returns the bytes they decompress to, none when that overflows.
fn verify_buffers(message: &Message<'_>, body: &[u8]) -> Result<Option<usize>, &'static str> {
    const OUTSIDE: &str = "a buffer lies outside its message";
    let batch = message.header_as_record_batch().or_else(|| {
        message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data())
    });
    let Some(batch) = batch else { return Ok(Some(0)) };
    let compressed = batch.compression().is_some();
    let mut decompressed = Some(0_usize);
    for buffer in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(buffer.offset()).map_err(|_| OUTSIDE)?;
        let length = usize::try_from(buffer.length()).map_err(|_| OUTSIDE)?;
        let bytes = start
            .checked_add(length)
            .and_then(|end| body.get(start..end))
            .ok_or(OUTSIDE)?;
        if compressed && let Some(prefix) = bytes.first_chunk() {
            // Minus one says that the buffer was left as it is.
            let size = usize::try_from(i64::from_le_bytes(*prefix)).unwrap_or(0);
            decompressed = decompressed.and_then(|sum| sum.checked_add(size));
        }
    }
    Ok(decompressed)
}
