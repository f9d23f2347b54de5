//! Files that people give.

use crate::laws;
use bellwether_monitor::{MonitorConfig, Reference};
use bellwether_store::{
    ObservationReader, embedding_width, read_labels, read_reference, read_reference_input,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Rows of a file that are read: a few bytes can say that there are billions, and people may wait for them.
const ROWS: usize = 20_000;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("the temporary directory is writable");
}

fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.with(|folder| folder.path().join(name));
    std::fs::write(&path, bytes).expect("the temporary directory is writable");
    path
}

/// A reference file: read and made ready, or refused with a reason.
pub(super) fn reference(input: &[u8]) {
    let path = written("model.ref", input);
    let (manifest, rows) = match read_reference(&path) {
        Ok(found) => found,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    if let Err(error) = Reference::assemble(manifest, &rows, &MonitorConfig::default()) {
        assert!(!error.to_string().is_empty());
    }
}

/// A byte that chooses the extension, and a file of observations, labels or both.
pub(super) fn observations_and_labels(input: &[u8]) {
    let Some((choice, content)) = input.split_first() else {
        return;
    };
    let name = ["rows.parquet", "rows.arrow", "rows.jsonl", "rows"][usize::from(choice % 4)];
    let path = written(name, content);
    if observations(&path).is_some() {
        labels(&path);
        reference_input(&path);
    }
    match embedding_width(&path) {
        Ok(_) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Rows that can be used and rejects are what the file has; none where it has more than are to be read.
fn observations(path: &Path) -> Option<()> {
    let schema = laws::schema();
    let mut rows = 0;
    match ObservationReader::open(path, schema) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(reader) => {
            for item in reader {
                match item {
                    Err(error) => assert!(!error.to_string().is_empty()),
                    Ok((batch, rejects)) => {
                        laws::check_observations(schema, &batch);
                        laws::check_rejects(&rejects);
                        assert!(rejects.iter().all(|reject| reject.row >= rows));
                        rows += batch.len() + rejects.len();
                    }
                }
                if rows > ROWS {
                    return None;
                }
            }
        }
    }
    Some(())
}

fn labels(path: &Path) {
    match read_labels(path) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok((labels, rejects)) => {
            laws::check_labels(&labels);
            laws::check_rejects(&rejects);
        }
    }
}

fn reference_input(path: &Path) {
    let schema = laws::schema();
    match read_reference_input(path, schema) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok((batch, truths, rejects)) => {
            laws::check_observations(schema, &batch);
            assert_eq!(batch.len(), truths.len());
            laws::check_rejects(&rejects);
        }
    }
}
