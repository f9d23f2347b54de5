//! What can go wrong when embeddings are added to a file, and what to do about it.

use crate::error::Error;
use crate::format::Format;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file cannot be given embeddings.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] Error),
    /// The output is the input.
    #[error("{} would be written over while it is read", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
    },
    /// The output's name says another format than the input's.
    #[error("{} is named as {output}, and the input is {input}", path.display())]
    OtherFormat {
        /// The output.
        path: PathBuf,
        /// Its format, by its name.
        output: Format,
        /// The format of the input.
        input: Format,
    },
    /// There is no column of texts.
    #[error("{} has no column `{column}`; it has {}", path.display(), present.join(", "))]
    NoTexts {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        column: String,
        /// The columns there are.
        present: Vec<String>,
    },
    /// The column of texts holds something else.
    #[error("the column `{column}` of {} is {found}, not text", path.display())]
    TextType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// The embeddings that are there cannot be kept.
    #[error("the column `embedding` of {} is {found}, not a list of floats", path.display())]
    EmbeddingType {
        /// The file.
        path: PathBuf,
        /// Its type.
        found: String,
    },
    /// An embedding that is there has another width than the encoder's.
    #[error("the embedding of row {row} of {} has {found} numbers, the encoder's have {dim}", path.display())]
    EmbeddingWidth {
        /// The file.
        path: PathBuf,
        /// Number of the row, from 1.
        row: usize,
        /// Its width.
        found: usize,
        /// The encoder's.
        dim: usize,
    },
    /// A row is no JSON object.
    #[error("row {row} of {} is not a JSON object", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Number of the row, from 1, blank lines not counted.
        row: usize,
        /// Where it departs.
        source: serde_json::Error,
    },
    /// A text is something else.
    #[error("`{column}` in row {row} of {} is neither a string nor null", path.display())]
    TextValue {
        /// The file.
        path: PathBuf,
        /// The field.
        column: String,
        /// Number of the row, from 1, blank lines not counted.
        row: usize,
    },
    /// No row of a file of JSON has the field.
    #[error("no row of {} has a field `{column}`", path.display())]
    NoTextField {
        /// The file.
        path: PathBuf,
        /// The field.
        column: String,
    },
    /// A number is beyond what half precision holds.
    #[error("the embedding of row {row} of {} does not fit float16", path.display())]
    Overflow {
        /// The file.
        path: PathBuf,
        /// Number of the row, from 1.
        row: usize,
    },
    /// Where vectors are kept until all are there cannot be used.
    #[error("cannot use {}", path.display())]
    Partial {
        /// The directory or a file of it.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another run works on the same output.
    #[error("another run is writing to {}", path.display())]
    Busy {
        /// The directory of its vectors.
        path: PathBuf,
    },
    /// What a run left behind was made of something else.
    #[error("{} holds vectors of a run with {what}", path.display())]
    OtherRun {
        /// The directory.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The input has other rows than when its texts were read.
    #[error("{} changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The output cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EmbedError {
    pub(super) fn partial(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Partial {
            path: path.clone(),
            source,
        }
    }

    pub(super) fn write<E>(path: &Path) -> impl Fn(E) -> Self + use<E>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = path.to_owned();
        move |source| Self::Write {
            path: path.clone(),
            source: source.into(),
        }
    }

    /// What the user can do about it, as one imperative sentence without a full stop; none where the cause says it all.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        let fix = match self {
            Self::Input(error) => return error.fix(),
            Self::SameFile { .. } => "write to another file".to_owned(),
            Self::OtherFormat { input, .. } => {
                format!("name the output to end in .{}: the format stays", input.extension())
            }
            Self::NoTexts { .. } | Self::TextType { .. } | Self::NoTextField { .. } => {
                "name the column that holds the texts with --text-column".to_owned()
            }
            Self::EmbeddingType { .. } => {
                "rename or remove that column, or replace it with --overwrite".to_owned()
            }
            Self::EmbeddingWidth { .. } => {
                "use the encoder that made the embeddings that are there, or replace them all with --overwrite".to_owned()
            }
            Self::Json { .. } => "write one JSON object a line".to_owned(),
            Self::TextValue { .. } => "write a string or null there, or name another column with --text-column".to_owned(),
            Self::Overflow { .. } => "keep single precision with --float32".to_owned(),
            Self::Partial { .. } | Self::Write { .. } => {
                "choose a file in a directory that exists, can be written and has room".to_owned()
            }
            Self::Busy { .. } => "wait for it to end, or write to another file".to_owned(),
            Self::OtherRun { .. } => {
                "give the command of that run to go on with it, or begin anew with --restart".to_owned()
            }
            Self::Changed { .. } => "begin anew with --restart once the file is complete".to_owned(),
        };
        Some(fix)
    }
}
