//! Tensors of the Open Inference Protocol: a name, a shape, a type, and data in one of several places.

use super::invalid;
use crate::value::Value;
use crate::vector;
use bellwether_events::raw::quote;
use bellwether_events::{Fault, RejectReason};
use half::{bf16, f16};

/// A tensor with its data in a row.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    data: Data,
}

#[derive(Debug)]
enum Data {
    /// What was redacted, or never sent.
    Absent,
    Floats(Vec<f32>),
    Values(Vec<Value>),
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Floats(floats) => floats.len(),
            Self::Values(values) => values.len(),
        }
    }
}

impl Tensor {
    /// Reads a tensor; `raw` is its part of the raw contents, where the call has some.
    ///
    /// # Errors
    /// A [`Fault`] that names the tensor and what is wrong with it.
    pub(super) fn read(value: &Value, raw: Option<&Value>) -> Result<Self, Fault> {
        let name = value.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| missing("a tensor has no `name`".to_owned()))?;
        let wrong = |what: &str| invalid(format!("tensor {} {what}", quote(name)));
        let shape = shape(value.get("shape")).ok_or_else(|| wrong("has no `shape` of whole numbers"))?;
        let datatype = value
            .get("datatype")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("has no `datatype`"))?;
        let parameter = |key: &str| value.get("parameters").and_then(|p| p.get(key));
        if parameter("binary_data_size").is_some() {
            return Err(wrong(
                "has its data outside the JSON (`binary_data_size`), which the logger does not keep; turn off the binary data \
                 extension for calls that are logged",
            ));
        }
        let base64 = parameter("content_type").and_then(Value::as_str) == Some("base64");
        let data = match (raw, value.get("data"), value.get("contents")) {
            (Some(Value::Null), ..) | (None, None | Some(Value::Null), None | Some(Value::Null)) => {
                Data::Absent
            }
            (Some(raw), ..) => {
                from_raw(datatype, raw).ok_or_else(|| wrong("has raw contents that do not fit its type"))?
            }
            (None, Some(text @ Value::Text(_)), _) if datatype != "BYTES" => from_raw(datatype, text)
                .ok_or_else(|| wrong("has `data` that is neither an array nor base64 of its type"))?,
            (None, Some(data), _) if !matches!(data, Value::Null) => Data::Values(flat(data, base64)),
            (None, _, Some(contents)) => {
                let data = only_contents(contents).ok_or_else(|| wrong("has `contents` without data"))?;
                // Protobuf writes bytes as base64 when it writes JSON.
                Data::Values(flat(data, datatype == "BYTES"))
            }
            (None, _, None) => Data::Absent,
        };
        let size = shape.iter().try_fold(1_usize, |size, n| size.checked_mul(*n));
        let size = size.ok_or_else(|| wrong("has a shape without measure"))?;
        if !matches!(data, Data::Absent) && data.len() != size {
            return Err(wrong(&format!(
                "has {} values, and its shape {shape:?} says {size}",
                data.len()
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            shape,
            data,
        })
    }

    /// The part of one instance: a scalar, a list, or a tensor of what is left of the shape.
    pub(super) fn instance(&self, index: usize, of: usize) -> Value {
        let (range, shape) = match self.shape.split_first() {
            Some((first, rest)) if *first == of && of > 0 => {
                let size = self.data.len() / of;
                (index * size..(index + 1) * size, rest)
            }
            // One instance without a dimension of its own, or a value that all share.
            _ => (0..self.data.len(), self.shape.as_slice()),
        };
        let data = match &self.data {
            Data::Absent => return Value::Null,
            Data::Floats(floats) if range.len() == 1 => Value::Float(floats[range.start].into()),
            Data::Values(values) if range.len() == 1 => values[range.start].clone(),
            Data::Floats(floats) => Value::Floats(floats[range].to_vec()),
            Data::Values(values) => Value::List(values[range].to_vec()),
        };
        if shape.len() < 2 {
            return data;
        }
        let sizes = shape
            .iter()
            .map(|n| Value::Int(i128::try_from(*n).unwrap_or(i128::MAX)));
        Value::Map(vec![
            ("shape".to_owned(), Value::List(sizes.collect())),
            ("data".to_owned(), data),
        ])
    }
}

fn shape(value: Option<&Value>) -> Option<Vec<usize>> {
    let Value::List(sizes) = value? else { return None };
    sizes
        .iter()
        .map(|size| match size {
            Value::Int(size) => usize::try_from(*size).ok(),
            // Protobuf writes 64-bit numbers as text when it writes JSON.
            Value::Text(text) => text.parse().ok(),
            _ => None,
        })
        .collect()
}

/// Data that may come nested as the shape is, or in a row.
fn flat(value: &Value, base64: bool) -> Vec<Value> {
    fn walk(value: &Value, base64: bool, out: &mut Vec<Value>) {
        match value {
            Value::List(items) => items.iter().for_each(|item| walk(item, base64, out)),
            Value::Text(text) if base64 => match vector::base64(text) {
                Some(bytes) => out.push(text_or_bytes(bytes)),
                None => out.push(value.clone()),
            },
            other => out.push(other.clone()),
        }
    }
    let mut out = Vec::new();
    walk(value, base64, &mut out);
    out
}

/// The one list that `contents` holds, whatever its type's name.
fn only_contents(contents: &Value) -> Option<&Value> {
    let Value::Map(entries) = contents else {
        return None;
    };
    let full = |value: &&Value| matches!(value, Value::List(items) if !items.is_empty());
    entries.iter().map(|(_, value)| value).find(full)
}

fn text_or_bytes(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text)
}

/// Values out of base64 of their little-endian bytes.
fn from_raw(datatype: &str, raw: &Value) -> Option<Data> {
    fn chunks<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        rest.is_empty()
            .then(|| chunks.iter().map(|chunk| value(*chunk)).collect())
    }
    fn integers<const N: usize, T: Into<i128>>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Option<Data> {
        chunks(bytes, |chunk| Value::Int(value(chunk).into())).map(Data::Values)
    }
    let decoded;
    let bytes: &[u8] = match raw {
        Value::Text(text) => {
            decoded = vector::base64(text)?;
            &decoded
        }
        Value::Bytes(bytes) => bytes,
        _ => return None,
    };
    match datatype {
        "FP32" => chunks(bytes, f32::from_le_bytes).map(Data::Floats),
        "FP16" => chunks(bytes, |c| f16::from_le_bytes(c).to_f32()).map(Data::Floats),
        "BF16" => chunks(bytes, |c| bf16::from_le_bytes(c).to_f32()).map(Data::Floats),
        "FP64" => chunks(bytes, |c| Value::Float(f64::from_le_bytes(c))).map(Data::Values),
        "INT8" => integers(bytes, i8::from_le_bytes),
        "INT16" => integers(bytes, i16::from_le_bytes),
        "INT32" => integers(bytes, i32::from_le_bytes),
        "INT64" => integers(bytes, i64::from_le_bytes),
        "UINT8" => integers(bytes, u8::from_le_bytes),
        "UINT16" => integers(bytes, u16::from_le_bytes),
        "UINT32" => integers(bytes, u32::from_le_bytes),
        "UINT64" => integers(bytes, u64::from_le_bytes),
        "BOOL" => chunks(bytes, |[byte]: [u8; 1]| Value::Bool(byte != 0)).map(Data::Values),
        "BYTES" => elements(bytes).map(Data::Values),
        _ => None,
    }
}

/// Elements of bytes, each behind its length in four bytes.
fn elements(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (element, rest) = rest.split_at_checked(length)?;
        out.push(text_or_bytes(element.to_vec()));
        bytes = rest;
    }
    Some(out)
}

fn missing(detail: String) -> Fault {
    Fault::new(RejectReason::MissingField, detail)
}
