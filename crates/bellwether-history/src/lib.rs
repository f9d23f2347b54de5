//! The history that lasts: what each window of event time was like, and what was said in it, as Parquet by day.
//!
//! Owns the columns, the files and how they are written: exactly once, whole, by day of event time, on a disk or in an object
//! store that may be away. Knows nothing of Kafka and HTTP, nor of how a verdict comes about. Start from [`Rows::of_window`],
//! then [`Spool`], [`Shipper`] and [`Reader`].
//!
//! ```text
//! closed window ──► Rows ──► Spool (this machine) ──► Shipper ──► Place: kind=…/day=…/….parquet ──► Reader
//! ```

mod day;
mod error;
mod file;
mod place;
mod read;
mod rows;
mod schema;
mod ship;
mod spool;
mod summary;

pub use error::Error;
pub use place::Place;
pub use read::{Cursor, Page, Query, Reader};
pub use rows::{ModelRow, QualityRow, Rows, SignalRow, VerdictRow, WindowRow};
pub use schema::SCHEMA_VERSION;
pub use ship::{Shipped, Shipper, Writer};
pub use spool::{Spool, Waiting};

/// The schema of every kind in words, for `docs/HISTORY.md`.
#[must_use]
pub fn schema_markdown() -> String {
    use rows::{Row, each_kind};
    let mut out = String::new();
    each_kind!(Kind => {
        out.push_str(&schema::markdown(Kind::KIND, Kind::ABOUT_KIND, Kind::TABLE));
        out.push('\n');
    });
    out
}
