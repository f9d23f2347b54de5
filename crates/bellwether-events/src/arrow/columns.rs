//! Typed views of the contract's columns, whichever of the accepted Arrow types they have.

use super::ColumnError;
use crate::floats::Floats;
use arrow::array::types::{
    Float16Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, LargeStringArray, OffsetSizeTrait,
    RecordBatch, StringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimeUnit};
use half::f16;

pub(super) const STRING: &str = "a string (utf8, large_utf8, utf8_view or a dictionary of them)";
pub(super) const TIMESTAMP: &str = "a timestamp of any unit, or int64 milliseconds since the epoch";
pub(super) const FLOAT_LIST: &str = "a list or fixed-size list of float16, float32 or float64";

/// The column of that name; a column of the null type counts as absent.
pub(super) fn find<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    batch
        .column_by_name(name)
        .filter(|column| *column.data_type() != DataType::Null)
}

/// The column of that name, or an error that lists what is there.
pub(super) fn require<'a>(
    batch: &'a RecordBatch,
    column: &'static str,
    expected: &'static str,
) -> Result<&'a ArrayRef, ColumnError> {
    find(batch, column).ok_or_else(|| ColumnError::Missing {
        column,
        expected,
        present: batch.schema().fields().iter().map(|f| f.name().clone()).collect(),
    })
}

fn wrong_type(column: &'static str, expected: &'static str, array: &dyn Array) -> ColumnError {
    ColumnError::Type {
        column,
        expected,
        found: array.data_type().to_string(),
    }
}

/// A column of strings.
#[derive(Debug)]
pub(super) enum Strings<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Dictionary {
        keys: Vec<usize>,
        nulls: Option<&'a NullBuffer>,
        values: Box<Strings<'a>>,
    },
}

impl<'a> Strings<'a> {
    pub(super) fn new(column: &'static str, array: &'a dyn Array) -> Result<Self, ColumnError> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Utf8(array.as_string())),
            DataType::LargeUtf8 => Ok(Self::LargeUtf8(array.as_string())),
            DataType::Utf8View => Ok(Self::Utf8View(array.as_string_view())),
            DataType::Dictionary(_, value)
                if matches!(**value, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) =>
            {
                let dictionary = array.as_any_dictionary();
                let values = Self::new(column, dictionary.values())?;
                // An empty dictionary goes with nulls only, and `normalized_keys` may not be asked about it.
                let keys = if dictionary.values().is_empty() {
                    vec![0; array.len()]
                } else {
                    dictionary.normalized_keys()
                };
                Ok(Self::Dictionary {
                    keys,
                    nulls: array.nulls(),
                    values: Box::new(values),
                })
            }
            _ => Err(wrong_type(column, STRING, array)),
        }
    }

    /// The value of a row; none where it is null.
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::LargeUtf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Utf8View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Dictionary { keys, nulls, values } => {
                if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                    return None;
                }
                let key = keys[row];
                if key < values.len() { values.get(key) } else { None }
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Utf8(array) => array.len(),
            Self::LargeUtf8(array) => array.len(),
            Self::Utf8View(array) => array.len(),
            Self::Dictionary { keys, .. } => keys.len(),
        }
    }
}

/// A column of times, given as milliseconds since the epoch. A time without a zone is taken as UTC.
#[derive(Debug)]
pub(super) struct Times<'a> {
    values: &'a [i64],
    nulls: Option<&'a NullBuffer>,
    unit: TimeUnit,
}

impl<'a> Times<'a> {
    pub(super) fn new(column: &'static str, array: &'a dyn Array) -> Result<Self, ColumnError> {
        let (values, unit): (&[i64], _) = match array.data_type() {
            DataType::Int64 => (array.as_primitive::<Int64Type>().values(), TimeUnit::Millisecond),
            DataType::Timestamp(TimeUnit::Second, _) => (
                array.as_primitive::<TimestampSecondType>().values(),
                TimeUnit::Second,
            ),
            DataType::Timestamp(TimeUnit::Millisecond, _) => (
                array.as_primitive::<TimestampMillisecondType>().values(),
                TimeUnit::Millisecond,
            ),
            DataType::Timestamp(TimeUnit::Microsecond, _) => (
                array.as_primitive::<TimestampMicrosecondType>().values(),
                TimeUnit::Microsecond,
            ),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => (
                array.as_primitive::<TimestampNanosecondType>().values(),
                TimeUnit::Nanosecond,
            ),
            _ => return Err(wrong_type(column, TIMESTAMP, array)),
        };
        Ok(Self {
            values,
            nulls: array.nulls(),
            unit,
        })
    }

    /// Milliseconds since the epoch, rounded down, saturating; none where the time is null.
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let value = self.values[row];
        Some(match self.unit {
            TimeUnit::Second => value.saturating_mul(1_000),
            TimeUnit::Millisecond => value,
            TimeUnit::Microsecond => value.div_euclid(1_000),
            TimeUnit::Nanosecond => value.div_euclid(1_000_000),
        })
    }
}

/// A column of float vectors.
#[derive(Debug)]
pub(super) struct Vectors<'a> {
    nulls: Option<&'a NullBuffer>,
    bounds: Bounds<'a>,
    values: Values<'a>,
    value_nulls: Option<&'a NullBuffer>,
}

#[derive(Debug)]
enum Bounds<'a> {
    Fixed(usize),
    List(&'a [i32]),
    LargeList(&'a [i64]),
}

#[derive(Debug)]
enum Values<'a> {
    F16(&'a [f16]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl<'a> Vectors<'a> {
    pub(super) fn new(column: &'static str, array: &'a dyn Array) -> Result<Self, ColumnError> {
        let (bounds, child): (_, &ArrayRef) = match array.data_type() {
            DataType::FixedSizeList(_, _) => {
                let list: &FixedSizeListArray = array.as_fixed_size_list();
                (
                    Bounds::Fixed(list.value_length().unsigned_abs() as usize),
                    list.values(),
                )
            }
            DataType::List(_) => {
                let list = array.as_list();
                (Bounds::List(offsets(list)), list.values())
            }
            DataType::LargeList(_) => {
                let list = array.as_list();
                (Bounds::LargeList(offsets(list)), list.values())
            }
            _ => return Err(wrong_type(column, FLOAT_LIST, array)),
        };
        let values = match child.data_type() {
            DataType::Float16 => Values::F16(child.as_primitive::<Float16Type>().values()),
            DataType::Float32 => Values::F32(child.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Values::F64(child.as_primitive::<Float64Type>().values()),
            _ => return Err(wrong_type(column, FLOAT_LIST, array)),
        };
        Ok(Self {
            nulls: array.nulls(),
            bounds,
            values,
            value_nulls: child.nulls(),
        })
    }

    /// The vector of a row, borrowed from the column; none where it is null.
    pub(super) fn get(&self, row: usize) -> Option<Floats<'a>> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let range = match self.bounds {
            Bounds::Fixed(width) => row * width..(row + 1) * width,
            Bounds::List(offsets) => index(offsets[row].into())..index(offsets[row + 1].into()),
            Bounds::LargeList(offsets) => index(offsets[row])..index(offsets[row + 1]),
        };
        if let Some(nulls) = self.value_nulls
            && range.clone().any(|at| nulls.is_null(at))
        {
            return Some(Floats::WithNull(range.len()));
        }
        Some(match self.values {
            Values::F16(values) => Floats::F16(&values[range]),
            Values::F32(values) => Floats::F32(&values[range]),
            Values::F64(values) => Floats::F64(&values[range]),
        })
    }
}

fn offsets<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> &[O] {
    list.value_offsets()
}

/// An Arrow offset as an index: arrays are validated when they are made, so offsets are neither negative nor too large.
fn index(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}
