//! The column `attributes`: a map of strings, or a struct of strings as writers make of a dictionary.

use super::columns::Strings;
use crate::attributes::Attribute;
use arrow::array::{Array, ArrayRef, AsArray, MapArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use std::borrow::Cow;

const COLUMN: &str = "attributes";

/// The attributes of each row.
pub(super) enum AttributeColumn<'a> {
    /// No column, or one of another type: slices are an extra view and refuse no data.
    Absent,
    Map {
        map: &'a MapArray,
        names: Strings<'a>,
        values: Strings<'a>,
    },
    Struct {
        nulls: Option<&'a NullBuffer>,
        fields: Vec<(&'a str, Strings<'a>)>,
    },
}

impl<'a> AttributeColumn<'a> {
    pub(super) fn new(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Map(..) => {
                let map = array.as_map();
                match (
                    Strings::new(COLUMN, map.keys()),
                    Strings::new(COLUMN, map.values()),
                ) {
                    (Ok(names), Ok(values)) => Self::Map { map, names, values },
                    _ => Self::Absent,
                }
            }
            DataType::Struct(_) => {
                let columns = array.as_struct();
                let names = columns.fields().iter().map(|field| field.name().as_str());
                Self::Struct {
                    nulls: columns.nulls(),
                    fields: names
                        .zip(columns.columns())
                        .filter_map(|(name, column)| Some((name, Strings::new(COLUMN, column).ok()?)))
                        .collect(),
                }
            }
            _ => Self::Absent,
        }
    }

    /// The attributes of a row that are not null. Allocates for rows that have any.
    pub(super) fn get(&self, row: usize) -> Vec<Attribute<'a>> {
        let pair = |name, value| (Cow::Borrowed(name), Cow::Borrowed(value));
        match self {
            Self::Absent => Vec::new(),
            Self::Map { map, .. } if map.is_null(row) => Vec::new(),
            Self::Map { map, names, values } => {
                let bound = |at: usize| usize::try_from(map.value_offsets()[at]).unwrap_or(0);
                (bound(row)..bound(row + 1))
                    .filter_map(|at| Some(pair(names.get(at)?, values.get(at)?)))
                    .collect()
            }
            Self::Struct { nulls, .. } if nulls.is_some_and(|nulls| nulls.is_null(row)) => Vec::new(),
            Self::Struct { fields, .. } => fields
                .iter()
                .filter_map(|(name, values)| Some(pair(*name, values.get(row)?)))
                .collect(),
        }
    }
}
