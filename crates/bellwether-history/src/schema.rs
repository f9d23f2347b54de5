//! The columns, written down once: rows, Parquet schema and document are made from the same table.

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use std::fmt::Write as _;
use std::sync::Arc;

/// Version of the columns. A later one may add columns that may be null; it changes and removes none.
pub const SCHEMA_VERSION: u32 = 1;

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    pub(crate) about: &'static str,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Time,
    MaybeTime,
    Text,
    MaybeText,
    Number,
    Count,
    MaybeCount,
    Flag,
    MaybeFlag,
}

impl Holds {
    fn data_type(self) -> DataType {
        match self {
            Self::Time | Self::MaybeTime => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Text | Self::MaybeText => DataType::Utf8,
            Self::Number => DataType::Float64,
            Self::Count | Self::MaybeCount => DataType::Int64,
            Self::Flag | Self::MaybeFlag => DataType::Boolean,
        }
    }

    fn is_nullable(self) -> bool {
        !matches!(self, Self::Time | Self::Text | Self::Count | Self::Flag)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Time => "timestamp (ms, UTC)",
            Self::MaybeTime => "timestamp (ms, UTC), may be null",
            Self::Text => "string",
            Self::MaybeText => "string, may be null",
            Self::Number => "double, may be null",
            Self::Count => "int64",
            Self::MaybeCount => "int64, may be null",
            Self::Flag => "boolean",
            Self::MaybeFlag => "boolean, may be null",
        }
    }
}

/// The type of a field for what its column holds.
macro_rules! field_type {
    (Time) => { i64 };
    (MaybeTime) => { Option<i64> };
    (Text) => { String };
    (MaybeText) => { Option<String> };
    (Number) => { Option<f64> };
    (Count) => { i64 };
    (MaybeCount) => { Option<i64> };
    (Flag) => { bool };
    (MaybeFlag) => { Option<bool> };
}

/// A row and the table of its columns.
macro_rules! row {
    ($about:literal $name:ident { $($column:ident : $holds:ident = $words:literal,)+ }) => {
        #[doc = $about]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $(#[doc = $words] pub $column: $crate::schema::field_type!($holds),)+
        }

        impl $name {
            pub(crate) const ABOUT: &str = $about;
            pub(crate) const COLUMNS: &[$crate::schema::Column] = &[
                $($crate::schema::Column {
                    name: stringify!($column),
                    holds: $crate::schema::Holds::$holds,
                    about: $words,
                },)+
            ];
        }
    };
}

pub(crate) use {field_type, row};

/// The columns in Arrow's words.
pub(crate) fn fields(columns: &[Column]) -> Vec<FieldRef> {
    let field = |c: &Column| Arc::new(Field::new(c.name, c.holds.data_type(), c.holds.is_nullable()));
    columns.iter().map(field).collect()
}

/// A section on one kind of rows, for the documents.
pub(crate) fn markdown(kind: &str, about: &str, columns: &[Column]) -> String {
    let mut out = format!("### `kind={kind}`\n\n{about}\n\n| column | type | what |\n| --- | --- | --- |\n");
    for column in columns {
        writeln!(
            out,
            "| `{}` | {} | {} |",
            column.name,
            column.holds.words(),
            column.about
        )
        .expect("a string takes all");
    }
    out
}
