//! Which reference is chosen, in a file that is replaced as a whole.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Result, Write};
use std::path::Path;

const NAME: &str = "active.json";
/// References that one can go back to, one after the other.
pub(super) const MOST_BEFORE: usize = 20;

/// Which reference is chosen, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Active {
    #[serde(rename = "active")]
    pub(super) id: String,
    /// Those that were chosen before, the newest last.
    pub(super) before: Vec<String>,
    /// `None` where nobody chose it but the configuration.
    pub(super) activated_ms: Option<i64>,
    pub(super) reason: Option<String>,
}

impl Active {
    /// The one of the configuration, as long as none was activated.
    pub(super) fn configured(id: String) -> Self {
        Self {
            id,
            before: Vec::new(),
            activated_ms: None,
            reason: None,
        }
    }

    /// `None` where none was activated.
    pub(super) fn read(directory: &Path) -> std::result::Result<Option<Self>, Failure> {
        let path = directory.join(NAME);
        let failed = |error: &dyn std::error::Error| {
            Failure::at_work(format!("cannot read {}: {error}", path.display()))
                .fix("correct or remove it; without it the reference of the configuration counts")
        };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| failed(&error))
    }

    /// On disk when it returns, whole or not at all.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let (partial, path) = (directory.join(".active.partial"), directory.join(NAME));
        let mut file = File::create(&partial)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&partial, &path)?;
        // The name as well.
        File::open(directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().expect("a directory");
        assert_eq!(Active::read(folder.path()).expect("nothing yet"), None);
        let active = Active {
            id: "b".to_owned(),
            before: vec!["a".to_owned()],
            activated_ms: Some(7),
            reason: Some("a new encoder".to_owned()),
        };
        active.write(folder.path()).expect("written");
        assert_eq!(Active::read(folder.path()).expect("it is there"), Some(active));
        std::fs::write(folder.path().join(NAME), "{\"active\": \"b\"").expect("written");
        assert!(Active::read(folder.path()).is_err());
    }
}
