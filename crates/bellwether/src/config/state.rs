//! `[state]`: where the monitor's state is kept.

use super::document::Document;
use bellwether_ingest::Config;
use bellwether_store::StateOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where and how often the state is kept.
#[derive(Debug, Clone)]
pub(crate) struct StateConfig {
    pub(crate) directory: PathBuf,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) start_from: StartFrom,
    /// A compacted topic that holds the newest checkpoint as well.
    pub(crate) changelog_topic: Option<String>,
    pub(crate) options: StateOptions,
}

/// Where reading begins while there is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum StartFrom {
    /// With the oldest record: a state that was lost is built again, as far as the topics reach back.
    #[default]
    Oldest,
    /// With the group's offsets: detectors have seen nothing, and the past is not read again.
    Committed,
}

/// Longest time that is replayed after a crash, unless taking a checkpoint takes long.
const INTERVAL: Duration = Duration::from_secs(10);

/// `None` without a directory: then the state is in memory only.
pub(super) fn state(document: &mut Document, base: &Path, kafka: &Config) -> Option<StateConfig> {
    let directory = document.string("state.directory");
    let known = vec![("oldest", StartFrom::Oldest), ("committed", StartFrom::Committed)];
    let start_from = document.choice("state.start_from", known);
    let interval = document.duration_ms("state.checkpoint_interval");
    let changelog_topic = changelog_topic(document, directory.is_some(), kafka);
    Some(StateConfig {
        directory: base.join(directory?),
        checkpoint_interval: interval.map_or(INTERVAL, |ms| Duration::from_millis(ms.unsigned_abs())),
        start_from: start_from.unwrap_or_default(),
        changelog_topic,
        options: StateOptions::default(),
    })
}

fn changelog_topic(document: &mut Document, has_directory: bool, kafka: &Config) -> Option<String> {
    const KEY: &str = "state.changelog_topic";
    let topic = document.string(KEY)?;
    if topic.trim().is_empty() {
        let fix = "write a name, or leave the key out for a state on this machine only";
        document.problem(KEY, "it is empty".to_owned(), fix);
    }
    if !has_directory {
        let what = "there is no state.directory, and the topic holds a copy of what is there".to_owned();
        document.problem(
            KEY,
            what,
            "set state.directory as well; it may be lost over restarts then",
        );
    }
    if kafka.names_topic(&topic) {
        let fix = "give the changelog a topic of its own, with one partition and compacted";
        document.problem(KEY, format!("`{topic}` is a topic of [kafka] as well"), fix);
    }
    Some(topic)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn a_changelog_needs_a_directory_and_a_topic_of_its_own() {
        let of = |text: &str| Config::parse(text, Path::new(""));
        let config = of("[state]\ndirectory = \"state\"\nchangelog_topic = \"bellwether-state\"");
        let state = config.expect("no problem").state.expect("it is configured");
        assert_eq!(state.changelog_topic.as_deref(), Some("bellwether-state"));
        let text = "[kafka]\nverdicts_topic = \"verdicts\"\n[state]\nchangelog_topic = \"verdicts\"";
        let problems = of(text).expect_err("neither is so");
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "line 4: state.changelog_topic: there is no state.directory, and the topic holds a copy of what is there; set state.directory as well; it may be lost over restarts then",
                "line 4: state.changelog_topic: `verdicts` is a topic of [kafka] as well; give the changelog a topic of its own, with one partition and compacted"
            ]
        );
        of("[state]\ndirectory = \"state\"\nchangelog_topic = \"\"").expect_err("it is empty");
    }

    #[test]
    fn a_state_has_a_directory_beside_the_configuration_and_defaults() {
        let of = |text: &str| Config::parse(text, Path::new("/etc/bellwether"));
        assert!(of("").expect("no problem").state.is_none());
        let config = of("shutdown_timeout = \"5s\"\n[state]\ndirectory = \"state\"").expect("no problem");
        assert_eq!(config.shutdown_timeout, Duration::from_secs(5));
        let state = config.state.expect("it is configured");
        assert_eq!(state.directory, Path::new("/etc/bellwether/state"));
        assert_eq!(
            (state.checkpoint_interval, state.start_from),
            (INTERVAL, StartFrom::Oldest)
        );
        let text = "[state]\ndirectory = \"/var/lib/bellwether\"\ncheckpoint_interval = \"1m\"\nstart_from = \"committed\"";
        let state = of(text).expect("no problem").state.expect("it is configured");
        assert_eq!(state.directory, Path::new("/var/lib/bellwether"));
        assert_eq!(
            (state.checkpoint_interval, state.start_from),
            (Duration::from_secs(60), StartFrom::Committed)
        );
        let problems =
            of("[state]\ndirectory = \"state\"\nstart_from = \"newest\"").expect_err("it is not known");
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "line 3: state.start_from: \"newest\" is not known here; write one of \"oldest\", \"committed\""
            ]
        );
    }
}
