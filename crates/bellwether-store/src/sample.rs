//! A look at rows whose columns are not known yet: their names, and what kind of value each holds.

use crate::columnar::Batches;
use crate::error::Error;
use crate::format::{Format, open};
use crate::json_lines::JsonLines;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::ipc::reader::{FileReader, StreamReader};
use serde_json::Value;
use std::collections::HashMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Deepest field that is looked at.
const MAX_DEPTH: usize = 4;
/// Most columns that are told apart: beyond are keys that are values.
const MAX_COLUMNS: usize = 1000;

/// What a row holds in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A time that has a type of its own.
    Time,
    /// A list of so many numbers.
    Numbers(usize),
    /// Numbers by name.
    NumberMap(Vec<String>),
    /// Texts by name.
    TextMap,
    /// Something else.
    Other,
}

/// Rows with what they hold; a null is not held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// The columns, each by the names that lead to it from the outermost.
    pub columns: Vec<Vec<String>>,
    /// Of each row, the columns by their place in `columns`, and what they hold.
    pub rows: Vec<Vec<(usize, Cell)>>,
    places: HashMap<Vec<String>, usize>,
}

impl Sample {
    /// The first rows of a file, at most so many, and the file's format.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be read so far. A row of JSON that is no object is left out.
    pub fn of_file(path: impl AsRef<Path>, most_rows: usize) -> Result<(Self, Format), Error> {
        let path = path.as_ref();
        let (file, format) = open(path)?;
        let mut sample = Self::default();
        if format == Format::Json {
            let mut lines = JsonLines::new(path, file)?;
            while sample.rows.len() < most_rows
                && let Some(chunk) = lines.next_lines()?
            {
                sample.add_json(chunk);
            }
        } else {
            let mut batches = Batches::new(path, file, format, None)?;
            while sample.rows.len() < most_rows
                && let Some(batch) = batches.next_batch()?
            {
                sample.add_batch(&batch);
            }
        }
        sample.rows.truncate(most_rows);
        Ok((sample, format))
    }

    /// Adds the rows of JSON: an object, an array of them, or lines. False when it holds none.
    pub fn add_json(&mut self, bytes: &[u8]) -> bool {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let before = self.rows.len();
        let whole = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        for value in whole.map_while(Result::ok) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| self.add_object(item)),
                value => self.add_object(&value),
            }
        }
        self.rows.len() > before
    }

    /// Adds the rows of an Arrow IPC stream or file. False when it is none or holds none.
    pub fn add_arrow(&mut self, bytes: &[u8]) -> bool {
        let before = self.rows.len();
        // Decoders check most of what they read and panic on some of the rest.
        let read = catch_unwind(AssertUnwindSafe(|| -> Vec<RecordBatch> {
            let cursor = Cursor::new(bytes.to_vec());
            if bytes.starts_with(b"ARROW1") {
                let reader = FileReader::try_new(cursor, None);
                return reader.map_or_else(|_| Vec::new(), |all| all.map_while(Result::ok).collect());
            }
            let reader = StreamReader::try_new(cursor, None);
            reader.map_or_else(|_| Vec::new(), |all| all.map_while(Result::ok).collect())
        }));
        for batch in read.unwrap_or_default() {
            self.add_batch(&batch);
        }
        self.rows.len() > before
    }

    /// Adds a row of plain columns.
    pub fn add_row<'a>(&mut self, cells: impl IntoIterator<Item = (&'a str, Cell)>) {
        let cells = cells.into_iter();
        let row = cells.filter_map(|(name, cell)| Some((self.place(&[name.to_owned()])?, cell)));
        let row = row.collect();
        self.rows.push(row);
    }

    fn place(&mut self, path: &[String]) -> Option<usize> {
        if let Some(place) = self.places.get(path) {
            return Some(*place);
        }
        if self.columns.len() >= MAX_COLUMNS {
            return None;
        }
        self.columns.push(path.to_vec());
        self.places.insert(path.to_vec(), self.columns.len() - 1);
        Some(self.columns.len() - 1)
    }

    fn add_object(&mut self, value: &Value) {
        if value.is_object() {
            let mut row = Vec::new();
            self.fields(value, &mut Vec::new(), &mut row);
            self.rows.push(row);
        }
    }

    fn fields(&mut self, value: &Value, path: &mut Vec<String>, row: &mut Vec<(usize, Cell)>) {
        let cell = match value {
            Value::Null => return,
            Value::String(text) => Cell::Text(text.clone()),
            Value::Bool(truth) => Cell::Bool(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Cell::Int(whole),
                None => Cell::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
                Cell::Numbers(items.len())
            }
            Value::Array(_) => Cell::Other,
            Value::Object(fields) => {
                if path.len() < MAX_DEPTH {
                    for (name, value) in fields {
                        path.push(name.clone());
                        self.fields(value, path, row);
                        path.pop();
                    }
                }
                let holds = |is: fn(&Value) -> bool| !fields.is_empty() && fields.values().all(is);
                if holds(Value::is_number) {
                    Cell::NumberMap(fields.keys().cloned().collect())
                } else if holds(Value::is_string) {
                    Cell::TextMap
                } else {
                    Cell::Other
                }
            }
        };
        if !path.is_empty()
            && let Some(place) = self.place(path)
        {
            row.push((place, cell));
        }
    }

    fn add_batch(&mut self, batch: &RecordBatch) {
        let mut rows = vec![Vec::new(); batch.num_rows()];
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            self.column(column, &mut vec![field.name().clone()], &mut rows);
        }
        self.rows.extend(rows);
    }

    fn column(&mut self, column: &ArrayRef, path: &mut Vec<String>, rows: &mut [Vec<(usize, Cell)>]) {
        let kind = column.data_type();
        if let DataType::Struct(_) = kind
            && path.len() < MAX_DEPTH
        {
            let fields = column.as_struct();
            for (field, column) in fields.fields().iter().zip(fields.columns()) {
                path.push(field.name().clone());
                self.column(column, path, rows);
                path.pop();
            }
        }
        let Some(place) = self.place(path) else {
            return;
        };
        let cells = cells(column);
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.extend(cell.map(|cell| (place, cell)));
        }
    }
}

/// What a column holds in each row.
fn cells(column: &ArrayRef) -> Vec<Option<Cell>> {
    let each = |cell: &dyn Fn(usize) -> Cell| -> Vec<Option<Cell>> {
        (0..column.len())
            .map(|row| column.is_valid(row).then(|| cell(row)))
            .collect()
    };
    let numbers = |item: &DataType| item.is_floating();
    match column.data_type() {
        DataType::Null => vec![None; column.len()],
        DataType::Boolean => each(&|row| Cell::Bool(column.as_boolean().value(row))),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => each(&|_| Cell::Time),
        DataType::FixedSizeList(item, width) if numbers(item.data_type()) => {
            each(&|_| Cell::Numbers(usize::try_from(*width).unwrap_or(0)))
        }
        DataType::List(item) if numbers(item.data_type()) => {
            each(&|row| Cell::Numbers(column.as_list::<i32>().value(row).len()))
        }
        DataType::LargeList(item) if numbers(item.data_type()) => {
            each(&|row| Cell::Numbers(column.as_list::<i64>().value(row).len()))
        }
        DataType::Struct(fields) => {
            let all = |is: fn(&DataType) -> bool| {
                !fields.is_empty() && fields.iter().all(|field| is(field.data_type()))
            };
            let cell =
                if all(|kind| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)) {
                    Cell::TextMap
                } else {
                    Cell::Other
                };
            each(&|_| cell.clone())
        }
        DataType::Map(entries, _) => {
            let is_text = matches!(entries.data_type(), DataType::Struct(fields)
                if fields.iter().all(|field| matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)));
            let cell = if is_text { Cell::TextMap } else { Cell::Other };
            each(&|_| cell.clone())
        }
        kind if kind.is_integer() => match cast(column, &DataType::Int64) {
            Ok(whole) => each(&|row| Cell::Int(whole.as_primitive::<Int64Type>().value(row))),
            Err(_) => each(&|_| Cell::Other),
        },
        kind if kind.is_floating() => match cast(column, &DataType::Float64) {
            Ok(numbers) => each(&|row| Cell::Float(numbers.as_primitive::<Float64Type>().value(row))),
            Err(_) => each(&|_| Cell::Other),
        },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            match cast(column, &DataType::Utf8) {
                Ok(texts) => each(&|row| Cell::Text(texts.as_string::<i32>().value(row).to_owned())),
                Err(_) => each(&|_| Cell::Other),
            }
        }
        _ => each(&|_| Cell::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_within_fields_are_columns() {
        let mut sample = Sample::default();
        assert!(sample.add_json(
            b"{\"a\": {\"b\": [1, 2.5], \"p\": {\"x\": 0.5}}, \"t\": \"x\", \"n\": null}\n{\"t\": 3}"
        ));
        assert!(!sample.add_json(b"no JSON"));
        let names: Vec<String> = sample.columns.iter().map(|path| path.join(".")).collect();
        assert_eq!(names, ["a.b", "a.p.x", "a.p", "a", "t"]);
        assert_eq!(
            sample.rows[0],
            [
                (0, Cell::Numbers(2)),
                (1, Cell::Float(0.5)),
                (2, Cell::NumberMap(vec!["x".to_owned()])),
                (3, Cell::Other),
                (4, Cell::Text("x".to_owned())),
            ]
        );
        assert_eq!(sample.rows[1], [(4, Cell::Int(3))]);
    }
}
