//! The headers of a record in one run of bytes, so that a batch needs no allocation for them.

use bytes::{Bytes, BytesMut};

/// Most bytes of headers that are kept of one record.
const MAX_BYTES: usize = 64 << 10;

/// Headers, each as the length of its name, the name, the length of its value, and the value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(Bytes);

/// Appends a header to those that start at `start`, where it still fits the bound.
pub(crate) fn append(buffer: &mut BytesMut, start: usize, name: &str, value: &[u8]) {
    let taken = buffer.len() - start;
    let size = name.len().saturating_add(value.len()).saturating_add(8);
    if taken.saturating_add(size) > MAX_BYTES {
        return;
    }
    for part in [name.as_bytes(), value] {
        // Both fit, being shorter than the bound.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(part);
    }
}

impl Headers {
    /// What [`append`] wrote.
    pub(crate) fn new(block: Bytes) -> Self {
        Self(block)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let name = part(&mut rest)?;
            let value = part(&mut rest)?;
            Some((std::str::from_utf8(name).ok()?, value))
        })
    }
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_out_as_they_went_in_up_to_the_bound() {
        let mut buffer = BytesMut::from(&b"before"[..]);
        let start = buffer.len();
        append(&mut buffer, start, "ce_id", b"1");
        append(&mut buffer, start, "large", &vec![7; MAX_BYTES]);
        append(&mut buffer, start, "empty", b"");
        let headers = Headers::new(buffer.freeze().slice(start..));
        let found: Vec<(&str, &[u8])> = headers.iter().collect();
        assert_eq!(found, [("ce_id", &b"1"[..]), ("empty", b"")]);
        assert_eq!(Headers::default().iter().count(), 0);
    }
}
