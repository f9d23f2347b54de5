//! Files whose columns have other names than the contract's.

use crate::object::Object;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// One place where a column of the contract may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnPlace {
    /// A column, or a field of one: the names from the outermost.
    Path(Vec<String>),
    /// In all rows this.
    Constant(String),
}

/// The unit of times that are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileTimeUnit {
    /// Seconds since the epoch, perhaps with a fraction.
    Seconds,
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl FileTimeUnit {
    fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    fn whole_ms(self, number: i64) -> i64 {
        match self {
            Self::Seconds => number.saturating_mul(1000),
            _ => number.div_euclid(self.per_second() / 1000),
        }
    }

    fn ms(self, number: f64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "out of range saturates, and is refused later"
        )]
        let ms = (number * 1000.0 / self.per_second() as f64).floor() as i64;
        ms
    }
}

/// Where the contract's columns are in a file. Of several places the first that the file has counts (in JSON, the first that
/// the row has); where it has none of them, the column of the contract's own name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnMap {
    /// Places by the contract's name.
    pub places: Vec<(&'static str, Vec<ColumnPlace>)>,
    /// Single attributes by name.
    pub attributes: Vec<(String, Vec<ColumnPlace>)>,
    /// The unit of a mapped `timestamp` that is a number.
    pub time_unit: FileTimeUnit,
}

const TIMESTAMP: &str = "timestamp";
const ATTRIBUTES: &str = "attributes";
/// What the contract has as strings, and other writers perhaps as numbers or truth values.
const STRINGS: [&str; 5] = ["event_id", "task", "prediction", "label", "model_version"];

impl ColumnMap {
    fn of(&self, column: &str) -> &[ColumnPlace] {
        let found = self.places.iter().find(|(name, _)| *name == column);
        found.map_or(&[], |(_, places)| places)
    }

    /// The columns of a file that hold these columns of the contract.
    pub(crate) fn roots<'a>(&'a self, columns: &[&'a str]) -> Vec<&'a str> {
        let mapped = columns.iter().flat_map(|column| self.of(column));
        let attributes = self.attributes.iter().flat_map(|(_, places)| places);
        let mut roots: Vec<&str> = columns.to_vec();
        for place in mapped.chain(attributes) {
            if let ColumnPlace::Path(names) = place
                && let Some(name) = names.first()
            {
                roots.push(name);
            }
        }
        roots
    }

    /// The batch with the contract's names; `columns` are those that are looked for.
    pub(crate) fn batch(&self, batch: &RecordBatch, columns: &[&str]) -> RecordBatch {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in columns {
            let mapped = self.of(column).iter().find_map(|place| of_batch(batch, place));
            let found = match mapped {
                Some(array) if *column == TIMESTAMP => Some(self.times(array)),
                Some(array) if STRINGS.contains(column) => Some(as_strings(array)),
                Some(array) => Some(array),
                None => batch.column_by_name(column).cloned(),
            };
            let found = match found {
                _ if *column == ATTRIBUTES && !self.attributes.is_empty() => self.attribute_columns(batch),
                found => found,
            };
            if let Some(array) = found {
                fields.push(Field::new(*column, array.data_type().clone(), true));
                arrays.push(array);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        // All are columns of one batch, or made to its length.
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .unwrap_or_else(|_| batch.clone())
    }

    fn attribute_columns(&self, batch: &RecordBatch) -> Option<ArrayRef> {
        let found = self.attributes.iter().filter_map(|(name, places)| {
            let array = places.iter().find_map(|place| of_batch(batch, place))?;
            let array = as_strings(array);
            Some((Arc::new(Field::new(name, array.data_type().clone(), true)), array))
        });
        let (fields, arrays): (Vec<_>, Vec<_>) = found.unzip();
        if fields.is_empty() {
            return batch.column_by_name(ATTRIBUTES).cloned();
        }
        let columns = StructArray::try_new(fields.into(), arrays, None).ok()?;
        Some(Arc::new(columns))
    }

    /// Times as the contract has them; of another type, as they are.
    fn times(&self, array: ArrayRef) -> ArrayRef {
        let kind = array.data_type().clone();
        if kind.is_integer() {
            let Ok(numbers) = cast(&array, &DataType::Int64) else {
                return array;
            };
            let times = numbers.as_primitive::<Int64Type>().iter();
            let times: Int64Array = times.map(|n| Some(self.time_unit.whole_ms(n?))).collect();
            return Arc::new(times);
        }
        if kind.is_floating() {
            let Ok(numbers) = cast(&array, &DataType::Float64) else {
                return array;
            };
            let times = numbers.as_primitive::<Float64Type>().iter();
            let times: Int64Array = times
                .map(|x| Some(self.time_unit.ms(x.filter(|x| x.is_finite())?)))
                .collect();
            return Arc::new(times);
        }
        let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        match kind {
            // What is no time becomes null, and the row is refused.
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => cast(&array, &utc).unwrap_or(array),
            DataType::Date32 | DataType::Date64 => {
                let plain = DataType::Timestamp(TimeUnit::Millisecond, None);
                let days = cast(&array, &plain).unwrap_or(array);
                match days.as_any().downcast_ref::<TimestampMillisecondArray>() {
                    Some(times) => Arc::new(times.clone().with_timezone("UTC")),
                    None => days,
                }
            }
            _ => array,
        }
    }

    /// A chunk of JSON lines, or a whole array of objects, with the contract's names. What is no object stays as it is: it is
    /// refused where it is decoded.
    pub(crate) fn json(&self, chunk: &[u8], columns: &[&str]) -> Vec<u8> {
        let chunk = chunk.strip_prefix(b"\xef\xbb\xbf").unwrap_or(chunk);
        let mut out = String::with_capacity(chunk.len());
        if chunk.trim_ascii_start().starts_with(b"[") {
            let Ok(objects) = serde_json::from_slice::<Vec<Object<'_>>>(chunk) else {
                return chunk.to_vec();
            };
            for object in &objects {
                self.object(object, columns, &mut out);
            }
            return out.into_bytes();
        }
        let mut bytes = Vec::with_capacity(chunk.len());
        for line in chunk.split(|byte| *byte == b'\n') {
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Ok(object) = serde_json::from_slice::<Object<'_>>(line) {
                out.clear();
                self.object(&object, columns, &mut out);
                bytes.extend_from_slice(out.as_bytes());
            } else {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
        }
        bytes
    }

    fn object(&self, object: &Object<'_>, columns: &[&str], out: &mut String) {
        let mut fields: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for column in columns {
            let mapped = self.of(column).iter().find_map(|place| of_object(object, place));
            let value = match mapped {
                Some(value) if *column == TIMESTAMP => Some(self.json_time(value)),
                Some(value) => Some(value),
                None => object.get(column).map(|value| Cow::Borrowed(value.get())),
            };
            if *column == ATTRIBUTES && !self.attributes.is_empty() {
                continue;
            }
            fields.extend(value.map(|value| (Cow::Borrowed(*column), value)));
        }
        if columns.contains(&ATTRIBUTES) && !self.attributes.is_empty() {
            let mut attributes = String::new();
            let found = self.attributes.iter().filter_map(|(name, places)| {
                let value = places.iter().find_map(|place| of_object(object, place))?;
                Some((Cow::Borrowed(name.as_str()), value))
            });
            crate::object::write(found, &mut attributes);
            fields.push((Cow::Borrowed(ATTRIBUTES), Cow::Owned(attributes)));
        }
        crate::object::write(fields.into_iter(), out);
        out.push('\n');
    }

    /// A number in milliseconds; a text stays.
    fn json_time<'a>(&self, value: Cow<'a, str>) -> Cow<'a, str> {
        if let Ok(whole) = value.parse::<i64>() {
            return Cow::Owned(self.time_unit.whole_ms(whole).to_string());
        }
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Cow::Owned(self.time_unit.ms(number).to_string()),
            _ => value,
        }
    }
}

fn of_batch(batch: &RecordBatch, place: &ColumnPlace) -> Option<ArrayRef> {
    let names = match place {
        ColumnPlace::Path(names) => names,
        ColumnPlace::Constant(text) => {
            let rows = std::iter::repeat_n(text, batch.num_rows());
            return Some(Arc::new(StringArray::from_iter_values(rows)));
        }
    };
    let (first, rest) = names.split_first()?;
    let mut array = batch.column_by_name(first)?.clone();
    for name in rest {
        array = array.as_struct_opt()?.column_by_name(name)?.clone();
    }
    (*array.data_type() != DataType::Null).then_some(array)
}

fn as_strings(array: ArrayRef) -> ArrayRef {
    let kind = array.data_type();
    if kind.is_numeric() || *kind == DataType::Boolean {
        return cast(&array, &DataType::Utf8).unwrap_or(array);
    }
    array
}

fn of_object<'a>(object: &Object<'a>, place: &ColumnPlace) -> Option<Cow<'a, str>> {
    let names = match place {
        ColumnPlace::Path(names) => names,
        ColumnPlace::Constant(text) => {
            return Some(Cow::Owned(serde_json::Value::from(text.as_str()).to_string()));
        }
    };
    let (first, rest) = names.split_first()?;
    let mut value: &RawValue = object.get(first)?;
    for name in rest {
        value = serde_json::from_str::<Object<'a>>(value.get()).ok()?.get(name)?;
    }
    Some(Cow::Borrowed(value.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Float64Array;

    fn path(text: &str) -> Vec<ColumnPlace> {
        vec![ColumnPlace::Path(text.split('.').map(str::to_owned).collect())]
    }

    fn map() -> ColumnMap {
        ColumnMap {
            places: vec![
                ("event_id", path("request.id")),
                ("task", vec![ColumnPlace::Constant("mood".to_owned())]),
                ("timestamp", path("at")),
                ("text", path("not there")),
            ],
            attributes: vec![("language".to_owned(), path("lang"))],
            time_unit: FileTimeUnit::Seconds,
        }
    }

    const COLUMNS: [&str; 5] = ["event_id", "task", "timestamp", "text", "attributes"];

    #[test]
    fn objects_get_the_contracts_names() {
        let lines =
            "{\"request\": {\"id\": 7}, \"at\": 1.5, \"text\": \"own name\", \"lang\": \"de\"}\nno JSON\n";
        let mapped = map().json(lines.as_bytes(), &COLUMNS);
        assert_eq!(
            String::from_utf8(mapped).expect("UTF-8"),
            "{\"event_id\":7,\"task\":\"mood\",\"timestamp\":1500,\"text\":\"own name\",\"attributes\":{\"language\":\"de\"}}\nno JSON\n"
        );
    }

    #[test]
    fn batches_get_the_contracts_names() {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
        let request = StructArray::from(vec![(Arc::new(Field::new("id", DataType::Int64, true)), ids)]);
        let batch = RecordBatch::try_from_iter([
            ("request", Arc::new(request) as ArrayRef),
            ("at", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
            ("lang", Arc::new(StringArray::from(vec!["de", "en"]))),
        ])
        .expect("a batch");
        let mapped = map().batch(&batch, &COLUMNS);
        let names: Vec<String> = mapped
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        assert_eq!(names, ["event_id", "task", "timestamp", "attributes"]);
        assert_eq!(mapped.column(0).as_string::<i32>().value(1), "8");
        assert_eq!(mapped.column(1).as_string::<i32>().value(1), "mood");
        let times = mapped.column(2).as_primitive::<Int64Type>();
        assert_eq!((times.value(0), times.is_null(1)), (1500, true));
        let language = mapped
            .column(3)
            .as_struct()
            .column_by_name("language")
            .expect("it is there");
        assert_eq!(language.as_string::<i32>().value(0), "de");
    }
}
