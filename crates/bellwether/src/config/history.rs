//! `[history]`: where summaries and verdicts are kept for good.

use super::document::Document;
use super::state::StateConfig;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Length of a window, unless another is written.
pub(crate) const WINDOW_MS: i64 = 60 * MINUTE_MS;
/// How long days are kept, unless another time is written.
const RETENTION_MS: i64 = 400 * DAY_MS;
/// How much of the past is shown after a restart.
const SHOWN_MS: i64 = 14 * DAY_MS;
/// How much may wait for a store that is away.
const MAX_SPOOL_BYTES: u64 = 256 << 20;

/// Where and how the history is kept.
#[derive(Clone)]
pub(crate) struct HistoryConfig {
    pub(crate) address: HistoryAddress,
    /// Credentials may be among them.
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) window_ms: i64,
    /// How long days are kept; `None` for ever.
    pub(crate) retention_ms: Option<i64>,
    /// How far back the page and the API see after a restart.
    pub(crate) shown_ms: i64,
    /// Where it waits for its store.
    pub(crate) spool: PathBuf,
    pub(crate) max_spool_bytes: u64,
}

/// A directory, or a store by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HistoryAddress {
    Directory(PathBuf),
    Url(String),
}

impl fmt::Debug for HistoryConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HistoryConfig")
            .field("address", &self.address)
            .field("options", &self.options.keys())
            .field("window_ms", &self.window_ms)
            .field("retention_ms", &self.retention_ms)
            .finish_non_exhaustive()
    }
}

/// `None` without an address: then no history is written.
pub(super) fn history(
    document: &mut Document,
    base: &Path,
    state: Option<&StateConfig>,
) -> Option<HistoryConfig> {
    let address = address(document, base);
    let options = document.properties("history.options");
    let window_ms = between(
        document,
        "history.window",
        MINUTE_MS..=DAY_MS,
        "\"1h\"; from \"1m\" to \"24h\"",
    );
    let retention_ms = between(
        document,
        "history.retention",
        DAY_MS..=i64::MAX,
        "\"400d\"; at least \"1d\"",
    );
    let shown_ms = document.duration_ms("history.shown_after_restart");
    let max_spool_bytes = document.integer("history.max_spool_bytes", 1 << 20..=1 << 40);
    let address = address?;
    let Some(state) = state else {
        document.problem(
            "history",
            "there is no state.directory, without which a restart would leave holes or write things twice"
                .to_owned(),
            "set state.directory as well",
        );
        return None;
    };
    Some(HistoryConfig {
        address,
        options,
        window_ms: window_ms.unwrap_or(WINDOW_MS),
        retention_ms: Some(retention_ms.unwrap_or(RETENTION_MS)),
        shown_ms: shown_ms.unwrap_or(SHOWN_MS),
        spool: state.directory.join("history"),
        max_spool_bytes: max_spool_bytes.unwrap_or(MAX_SPOOL_BYTES),
    })
}

fn address(document: &mut Document, base: &Path) -> Option<HistoryAddress> {
    const FIX: &str = "write such as \"s3://bucket/prefix\" or \"file:///var/lib/bellwether/history\", and credentials in [history.options] as \"env:NAME\" or \"file:PATH\"";
    let (path, url) = (document.string("history.path"), document.string("history.url"));
    let has_options = document.has("history.options");
    match (path, url) {
        (Some(_), Some(_)) => {
            let what = "there is a history.path as well".to_owned();
            document.problem("history.url", what, "write one of them");
            None
        }
        (Some(path), None) => {
            if has_options {
                let what = "a directory has no options".to_owned();
                document.problem("history.options", what, "remove them, or write history.url");
            }
            Some(HistoryAddress::Directory(base.join(path)))
        }
        (None, Some(url)) => {
            let rest = url.strip_prefix("s3://").or_else(|| url.strip_prefix("file:///"));
            // A name and password in the address would end up in logs.
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
                let what = "the address of a store is needed, without name and password".to_owned();
                document.problem("history.url", what, FIX);
                return None;
            }
            Some(HistoryAddress::Url(url))
        }
        (None, None) => {
            if document.has("history") {
                let what = "it says not where the history is to lie".to_owned();
                document.problem(
                    "history",
                    what,
                    "write history.path = \"history\", or history.url",
                );
            }
            None
        }
    }
}

fn between(
    document: &mut Document,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    form: &str,
) -> Option<i64> {
    let ms = document.duration_ms(key)?;
    if !range.contains(&ms) {
        let what = "it is too short or too long".to_owned();
        document.problem(key, what, &format!("write such as {form}"));
    }
    Some(ms)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn of(text: &str) -> Result<Config, Vec<String>> {
        let parsed = Config::parse(text, Path::new("/etc/bellwether"));
        parsed.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_history_lies_in_a_directory_or_a_store_and_has_defaults() {
        assert!(of("").expect("no problem").history.is_none());
        let text = "[state]\ndirectory = \"state\"\n[history]\npath = \"history\"";
        let history = of(text).expect("no problem").history.expect("it is configured");
        assert_eq!(
            history.address,
            HistoryAddress::Directory("/etc/bellwether/history".into())
        );
        assert_eq!(history.spool, Path::new("/etc/bellwether/state/history"));
        assert_eq!(
            (history.window_ms, history.retention_ms, history.shown_ms),
            (WINDOW_MS, Some(RETENTION_MS), SHOWN_MS)
        );
        let text = "[state]\ndirectory = \"state\"\n[history]\nurl = \"s3://bucket/models/one\"\nwindow = \"15m\"\n\
                    retention = \"30d\"\n[history.options]\naws_region = \"eu-central-1\"\naws_secret_access_key = \"file:/dev/null\"";
        let history = of(text).expect("no problem").history.expect("it is configured");
        assert_eq!(
            history.address,
            HistoryAddress::Url("s3://bucket/models/one".to_owned())
        );
        assert_eq!(
            (history.window_ms, history.retention_ms),
            (15 * MINUTE_MS, Some(30 * DAY_MS))
        );
        assert_eq!(history.options["aws_region"], "eu-central-1");
        let shown = format!("{history:?}");
        assert!(
            shown.contains("aws_region") && !shown.contains("eu-central-1"),
            "{shown}"
        );
    }

    #[test]
    fn what_cannot_be_is_said_with_what_to_do() {
        let wrong = |text: &str| of(text).expect_err("it cannot be");
        assert_eq!(
            wrong("[history]\npath = \"history\""),
            [
                "line 1: history: there is no state.directory, without which a restart would leave holes or write things twice; set state.directory as well"
            ]
        );
        let state = "[state]\ndirectory = \"state\"\n[history]\n";
        assert_eq!(
            wrong(&format!("{state}path = \"a\"\nurl = \"s3://b\"")),
            ["line 5: history.url: there is a history.path as well; write one of them"]
        );
        for url in ["ftp://b", "s3://", "s3://name:password@bucket", "bucket"] {
            let found = wrong(&format!("{state}url = \"{url}\""));
            assert!(
                found[0].starts_with("line 4: history.url: the address of a store is needed"),
                "{found:?}"
            );
        }
        let found = wrong(&format!(
            "{state}path = \"a\"\nwindow = \"30s\"\nretention = \"1h\"\n[history.options]\na = \"b\""
        ));
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(
            wrong(&format!("{state}window = \"1h\"")),
            [
                "line 3: history: it says not where the history is to lie; write history.path = \"history\", or history.url"
            ]
        );
    }
}
