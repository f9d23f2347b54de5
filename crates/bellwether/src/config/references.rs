//! `[references]`: where references are registered that can be activated without a restart.

use super::document::Document;
use std::path::{Path, PathBuf};

/// A reference of some hundred thousand rows.
const UPLOAD_BYTES: u64 = 256 << 20;

/// Where references are registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferencesConfig {
    pub(crate) directory: PathBuf,
    /// Longest upload, bytes.
    pub(crate) max_upload_bytes: u64,
}

/// `None` without a directory: then the reference of the configuration is the only one.
pub(super) fn references(
    document: &mut Document,
    base: &Path,
    has_state: bool,
    is_shared: bool,
) -> Option<ReferencesConfig> {
    const KEY: &str = "references.directory";
    let directory = document.string(KEY);
    let bytes = document.integer("references.max_upload_bytes", (1 << 20)..=(16 << 30));
    let directory = directory?;
    if directory.trim().is_empty() {
        let fix = "write a path, or leave the key out";
        document.problem(KEY, "it is empty".to_owned(), fix);
    }
    if is_shared {
        document.problem(
            KEY,
            "several instances work as one (kafka.evidence_topic), and each would choose for itself"
                .to_owned(),
            "leave it out, and change the reference by a rollout of all of them",
        );
    } else if !has_state {
        document.problem(
            KEY,
            "there is no state.directory, which says where another reference begins".to_owned(),
            "write state.directory as well",
        );
    }
    Some(ReferencesConfig {
        directory: base.join(directory),
        max_upload_bytes: bytes.unwrap_or(UPLOAD_BYTES),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Option<ReferencesConfig>, Vec<String>> {
        let parsed = Config::parse(text, Path::new("/etc/bellwether"));
        parsed
            .map(|config| config.references)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_directory_needs_a_state_and_a_monitor_alone() {
        assert_eq!(parse("reference = \"a\"").expect("no problem"), None);
        let state = "[state]\ndirectory = \"state\"\n";
        let text = format!("{state}[references]\ndirectory = \"refs\"\nmax_upload_bytes = 1048576\n");
        let expected = ReferencesConfig {
            directory: "/etc/bellwether/refs".into(),
            max_upload_bytes: 1 << 20,
        };
        assert_eq!(parse(&text).expect("no problem"), Some(expected));
        let alone = parse("[references]\ndirectory = \"refs\"").expect_err("there is no state");
        assert_eq!(
            alone,
            [
                "line 2: references.directory: there is no state.directory, which says where another reference begins; write state.directory as well"
            ]
        );
        let shared = format!("{text}[kafka]\nevidence_topic = \"evidence\"\n");
        let shared = parse(&shared).expect_err("several would choose");
        assert!(
            shared.iter().any(|p| p.contains("several instances work as one")),
            "{shared:?}"
        );
    }
}
