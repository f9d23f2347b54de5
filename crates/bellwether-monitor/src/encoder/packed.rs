//! Vectors in JSON: little-endian bytes as base64, so that no digit is lost and none is wasted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use std::borrow::Cow;

pub(super) fn serialize<S: Serializer>(bytes: impl Iterator<Item = u8>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&STANDARD.encode(bytes.collect::<Vec<u8>>()))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, T, const N: usize>(
    from: D,
    number: fn([u8; N]) -> T,
) -> Result<Vec<T>, D::Error> {
    let text = Cow::<str>::deserialize(from)?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
    let (numbers, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(D::Error::custom("half of a number is missing"));
    }
    Ok(numbers.iter().map(|&bytes| number(bytes)).collect())
}
