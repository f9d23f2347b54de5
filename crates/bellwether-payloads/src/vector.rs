//! Vectors in every way they travel: numbers, base64, raw little-endian bytes, tensors.

use crate::value::Value;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bellwether_events::{Fault, RejectReason};
use half::f16;

/// The standard alphabet; some encoders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a base64 text; none when it is no base64.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Appends the numbers of a vector to `out`, row by row, and returns the length of its rows where it has some.
///
/// `components` is how many there should be: it tells float16 from float32 where only bytes came. Without it, or when neither
/// fits, bytes are read as float32. A null becomes NaN, which the checks refuse.
///
/// # Errors
/// A [`Fault`] when the value is no vector, its rows differ in length, or its bytes do not divide into floats.
pub(crate) fn read(
    field: &str,
    value: &Value,
    components: Option<usize>,
    out: &mut Vec<f32>,
) -> Result<Option<usize>, Fault> {
    match value {
        Value::Floats(floats) => {
            out.extend_from_slice(floats);
            Ok(None)
        }
        Value::List(items) if items.iter().any(|item| !is_number(item)) => {
            rows(field, items, components, out)
        }
        Value::List(items) => {
            out.extend(items.iter().filter_map(number));
            Ok(None)
        }
        Value::Bytes(bytes) => from_bytes(field, bytes, components, out),
        Value::Text(text) => match base64(text) {
            Some(bytes) => from_bytes(field, &bytes, components, out),
            None => Err(wrong(field, "a string that is not base64")),
        },
        Value::Map(_) => match (value.get("data"), value.get("shape")) {
            (Some(data), Some(shape)) => {
                let width = read(field, data, components, out)?;
                Ok(width.or_else(|| row_width(shape)))
            }
            _ => Err(wrong(field, "an object that is no tensor")),
        },
        other => Err(wrong(field, other.kind())),
    }
}

/// Lists in a list. A single row is a vector, as models answer a batch of one.
fn rows(
    field: &str,
    items: &[Value],
    components: Option<usize>,
    out: &mut Vec<f32>,
) -> Result<Option<usize>, Fault> {
    let start = out.len();
    let mut width = None;
    let is_list = |item: &Value| matches!(item, Value::List(_) | Value::Floats(_));
    let nested = items.first().is_some_and(is_list);
    if let Some(odd) = items
        .iter()
        .find(|item| if nested { !is_list(item) } else { !is_number(item) })
    {
        return Err(wrong(field, &format!("{} in the array", odd.kind())));
    }
    for item in items {
        let before = out.len();
        read(field, item, components, out)?;
        let this = out.len() - before;
        if width.is_some_and(|width| width != this) {
            out.truncate(start);
            return Err(Fault::new(
                RejectReason::InvalidField,
                format!("`{field}` holds arrays of different lengths; send rows of one length"),
            ));
        }
        width = Some(this);
    }
    Ok(width.filter(|_| items.len() > 1))
}

/// The length of a tensor's rows, where its shape says that it has several.
fn row_width(shape: &Value) -> Option<usize> {
    let Value::List(sizes) = shape else { return None };
    let sizes: Option<Vec<usize>> = sizes
        .iter()
        .map(|size| match size {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        })
        .collect();
    let sizes: Vec<usize> = sizes?.into_iter().skip_while(|size| *size == 1).collect();
    if sizes.len() > 1 {
        sizes.last().copied()
    } else {
        None
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Float(_) | Value::Null)
}

fn number(value: &Value) -> Option<f32> {
    match value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to f32 is the purpose, and overflow gives an infinity"
        )]
        Value::Float(x) => Some(*x as f32),
        Value::Int(n) => Some(*n as f32),
        Value::Null => Some(f32::NAN),
        _ => None,
    }
}

fn from_bytes(
    field: &str,
    bytes: &[u8],
    components: Option<usize>,
    out: &mut Vec<f32>,
) -> Result<Option<usize>, Fault> {
    if components.is_some_and(|n| n.checked_mul(2) == Some(bytes.len())) {
        let (pairs, _) = bytes.as_chunks::<2>();
        out.extend(pairs.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()));
        return Ok(None);
    }
    let (floats, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Fault::new(
            RejectReason::InvalidField,
            format!(
                "`{field}` has {} bytes, which are no whole number of little-endian float32, nor the float16 of the \
                 reference's width; send 4 bytes a component, or 2",
                bytes.len()
            ),
        ));
    }
    out.extend(floats.iter().map(|float| f32::from_le_bytes(*float)));
    Ok(None)
}

fn wrong(field: &str, found: &str) -> Fault {
    Fault::new(
        RejectReason::InvalidField,
        format!(
            "`{field}` must be numbers, base64 or bytes of little-endian floats, or a tensor with `shape` and `data`; found {found}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    fn floats(value: &Value, components: Option<usize>) -> Result<(Vec<f32>, Option<usize>), String> {
        let mut out = Vec::new();
        let width = read("embedding", value, components, &mut out).map_err(|fault| fault.to_string())?;
        Ok((out, width))
    }

    fn json(text: &str) -> Value {
        Value::from_json(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn every_way_to_write_a_vector_gives_the_same() {
        let vector = [0.5_f32, -2.0];
        let wide: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        let narrow: Vec<u8> = vector
            .iter()
            .flat_map(|x| f16::from_f32(*x).to_le_bytes())
            .collect();
        for value in [
            json("[0.5, -2]"),
            json("[[0.5, -2]]"),
            json(r#"{"name": "e", "datatype": "FP32", "shape": [1, 2], "data": [0.5, -2]}"#),
            Value::Floats(vector.to_vec()),
            Value::Text(STANDARD_NO_PAD.encode(&wide)),
            Value::Text(STANDARD_NO_PAD.encode(&narrow)),
            Value::Bytes(wide),
            Value::Bytes(narrow),
        ] {
            assert_eq!(floats(&value, Some(2)), Ok((vector.to_vec(), None)), "{value:?}");
        }
    }

    #[test]
    fn rows_keep_their_width() {
        let expected = Ok((vec![1.0, 2.0, 3.0, 4.0], Some(2)));
        assert_eq!(floats(&json("[[1, 2], [3, 4]]"), None), expected);
        assert_eq!(
            floats(&json(r#"{"shape": [2, 2], "data": [1, 2, 3, 4]}"#), None),
            expected
        );
        assert_eq!(
            floats(&json("[[1, 2], [3]]"), None),
            Err(
                "invalid_field: `embedding` holds arrays of different lengths; send rows of one length"
                    .to_owned()
            )
        );
    }

    #[test]
    fn what_is_no_vector_is_named() {
        for (text, found) in [
            ("{}", "an object that is no tensor"),
            ("true", "a boolean"),
            ("[1, \"x\"]", "a string in the array"),
            ("\"not base64!\"", "a string that is not base64"),
        ] {
            let error = floats(&json(text), None).expect_err("no vector");
            assert!(error.ends_with(&format!("found {found}")), "{error}");
        }
        let error = floats(&Value::Bytes(vec![0; 7]), Some(2)).expect_err("odd bytes");
        assert!(error.contains("has 7 bytes"), "{error}");
        assert!(floats(&json("[1, null]"), None).expect("a vector").0[1].is_nan());
    }
}
