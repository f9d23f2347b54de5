//! `[state]`: where the monitor's state is kept.

use super::document::Document;
use bellwether_store::StateOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where and how often the state is kept.
#[derive(Debug, Clone)]
pub(crate) struct StateConfig {
    pub(crate) directory: PathBuf,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) start_from: StartFrom,
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
pub(super) fn state(document: &mut Document, base: &Path) -> Option<StateConfig> {
    let directory = document.string("state.directory");
    let known = vec![("oldest", StartFrom::Oldest), ("committed", StartFrom::Committed)];
    let start_from = document.choice("state.start_from", known);
    let interval = document.duration_ms("state.checkpoint_interval");
    Some(StateConfig {
        directory: base.join(directory?),
        checkpoint_interval: interval.map_or(INTERVAL, |ms| Duration::from_millis(ms.unsigned_abs())),
        start_from: start_from.unwrap_or_default(),
        options: StateOptions::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

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
