//! The configuration: as written, with every problem found, then as typed settings.

mod alerts;
mod decision;
mod document;
mod encoder;
mod history;
mod kafka;
mod listen;
mod otlp;
mod payloads;
mod references;
mod state;
mod texts;
mod work_sets;

use bellwether_alerts::AlertsConfig;
use bellwether_monitor::{MAX_SLICE_ATTRIBUTES, MonitorConfig, Seasons};
use document::Document;
pub(crate) use document::{Problem, read_secret};
pub(crate) use encoder::{ARITHMETICS, EncoderConfig, POOLINGS, PRECISIONS};
pub(crate) use history::{HistoryAddress, HistoryConfig, WINDOW_MS};
pub(crate) use kafka::{VerdictsFormat, control_topic};
pub(crate) use listen::{ListenConfig, TokenSource};
pub(crate) use otlp::OtlpSettings;
pub(crate) use payloads::Payloads;
pub(crate) use references::ReferencesConfig;
pub(crate) use state::{StartFrom, StateConfig};
use std::path::{Path, PathBuf};
use std::time::Duration;
pub(crate) use texts::TextsConfig;
pub(crate) use work_sets::WorkSetsConfig;

/// Everything `run` needs.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) reference: Option<PathBuf>,
    /// Where others are registered that can be activated without a restart.
    pub(crate) references: Option<ReferencesConfig>,
    /// The encoder that the monitor has itself, to embed texts and to check production's.
    pub(crate) encoder: Option<EncoderConfig>,
    pub(crate) listen: ListenConfig,
    pub(crate) otlp: Option<OtlpSettings>,
    pub(crate) alerts: AlertsConfig,
    pub(crate) timeline: Option<PathBuf>,
    pub(crate) kafka: bellwether_ingest::Config,
    pub(crate) verdicts_format: VerdictsFormat,
    /// Topic through which several instances work as one; without it, one instance does all.
    pub(crate) evidence_topic: Option<String>,
    pub(crate) payloads: Payloads,
    /// Without it the state is in memory only.
    pub(crate) state: Option<StateConfig>,
    /// Without it nothing is kept for good.
    pub(crate) history: Option<HistoryConfig>,
    /// Longest time that a stop may take.
    pub(crate) shutdown_timeout: Duration,
    /// What is kept of texts, and for how long.
    pub(crate) texts: TextsConfig,
    /// Where work sets go; without it there are none.
    pub(crate) work_sets: Option<WorkSetsConfig>,
    pub(crate) monitor: MonitorConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reference: None,
            references: None,
            encoder: None,
            listen: ListenConfig::default(),
            otlp: None,
            alerts: AlertsConfig::default(),
            timeline: None,
            kafka: bellwether_ingest::Config::default(),
            verdicts_format: VerdictsFormat::default(),
            evidence_topic: None,
            payloads: Payloads::default(),
            state: None,
            history: None,
            shutdown_timeout: Duration::from_secs(20),
            texts: TextsConfig::default(),
            work_sets: None,
            monitor: MonitorConfig::default(),
        }
    }
}

/// Largest average run length that can be asked for: beyond it the detectors' logarithms are capped.
const MAX_RUN_LENGTH: f64 = 1e12;

impl Config {
    /// Reads a configuration; relative paths in it start at its own directory.
    ///
    /// # Errors
    /// Every problem, in order of lines.
    pub(crate) fn read(path: &Path) -> Result<Self, Vec<Problem>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![Problem {
                line: None,
                key: String::new(),
                what: format!("cannot read {}: {error}", path.display()),
                fix: "correct the path, or write a configuration from docs/CONFIG.md".to_owned(),
            }]
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")))
    }

    /// Parses a configuration whose relative paths start at `base`.
    ///
    /// # Errors
    /// Every problem, in order of lines.
    pub(crate) fn parse(text: &str, base: &Path) -> Result<Self, Vec<Problem>> {
        let mut document = Document::parse(text).map_err(|problem| vec![problem])?;
        let defaults = Self::default();
        let path = |p: Option<String>| p.map(|p| base.join(p));
        let reference = path(document.string("reference"));
        let encoder = encoder::encoder(&mut document, base);
        let listen = listen::listen(&mut document, base);
        let otlp = otlp::otlp(&mut document);
        let timeline = path(document.string("timeline.path"));
        let kafka = kafka::kafka(&mut document, defaults.kafka);
        let alerts = alerts::alerts(&mut document, base, &kafka.group_id);
        let verdicts_format = kafka::verdicts_format(&mut document);
        let payloads = payloads::payloads(&mut document, base);
        let state = state::state(&mut document, base, &kafka);
        let history = history::history(&mut document, base, state.as_ref());
        let evidence_topic = kafka::evidence_topic(&mut document, &kafka, state.as_ref());
        let (has_state, is_shared) = (state.is_some(), document.has("kafka.evidence_topic"));
        let references = references::references(&mut document, base, has_state, is_shared);
        let shutdown_timeout = document.duration_ms("shutdown_timeout");
        let shutdown_timeout = shutdown_timeout.map_or(defaults.shutdown_timeout, |ms| {
            Duration::from_millis(ms.unsigned_abs())
        });
        let texts = texts::texts(&mut document);
        let work_sets = work_sets::work_sets(&mut document, base);
        let mut monitor = monitor(&mut document, defaults.monitor);
        monitor.text_retention_ms = texts.retention_ms;
        monitor.work_sets = work_sets.is_some();
        document.unknown_keys();
        let problems = document.finish();
        if problems.is_empty() {
            Ok(Self {
                reference,
                references,
                encoder,
                listen,
                otlp,
                alerts,
                timeline,
                kafka,
                verdicts_format,
                evidence_topic,
                payloads,
                state,
                history,
                shutdown_timeout,
                texts,
                work_sets,
                monitor,
            })
        } else {
            Err(problems)
        }
    }
}

fn monitor(document: &mut Document, defaults: MonitorConfig) -> MonitorConfig {
    const HOUR_MS: f64 = 3_600_000.0;
    let mut config = defaults;
    let run_length = 100.0..=MAX_RUN_LENGTH;
    if let Some(x) = document.number("monitor.average_run_length", &run_length) {
        config.average_run_length = x;
    }
    if let Some(x) = document.number("monitor.watch_run_length", &run_length) {
        config.watch_run_length = x;
    }
    if let Some(n) = document.integer("monitor.min_observations", 1..=1_000_000) {
        config.min_observations = n;
    }
    if let Some(ms) = document.duration_ms("monitor.allowed_lateness") {
        config.allowed_lateness_ms = ms;
    }
    if let Some(ms) = document.duration_ms("monitor.label_retention") {
        config.label_retention_ms = ms;
    }
    if let Some(n) = document.integer("monitor.max_pending", 1000..=100_000_000) {
        config.max_pending = usize::try_from(n).unwrap_or(usize::MAX);
    }
    if let Some(n) = document.integer("monitor.max_pending_in_memory", 1000..=100_000_000) {
        config.max_pending_in_memory = usize::try_from(n).unwrap_or(usize::MAX);
    }
    if let Some(n) = document.integer("monitor.probability_classes", 0..=1_000_000) {
        config.probability_classes = usize::try_from(n).unwrap_or(usize::MAX);
    }
    if let Some(names) = document.strings("monitor.slice_attributes", MAX_SLICE_ATTRIBUTES) {
        config.slice_attributes = names;
    }
    if let Some(n) = document.integer("monitor.max_slice_attributes", 0..=MAX_SLICE_ATTRIBUTES as u64) {
        config.max_slice_attributes = usize::try_from(n).unwrap_or(MAX_SLICE_ATTRIBUTES);
    }
    if let Some(n) = document.integer("monitor.max_slices", 0..=250) {
        config.max_slices = usize::try_from(n).unwrap_or(0);
    }
    if let Some(n) = document.integer("monitor.slice_min_observations", 1..=1_000_000) {
        config.slice_min_observations = n;
    }
    config.seasons = seasons(document, config.seasons);
    if let Some(ms) = document.duration_ms("monitor.persistence") {
        config.persistence_hours = ms as f64 / HOUR_MS;
    }
    if let Some(ms) = document.duration_ms("monitor.hold") {
        config.hold_hours = ms as f64 / HOUR_MS;
    }
    config.forgetting = decision::forgetting(document, config.forgetting);
    config.costs = decision::costs(document, config.costs);
    config
}

fn seasons(document: &mut Document, default: Seasons) -> Seasons {
    let offset = document.string("monitor.utc_offset");
    let utc_offset_ms = offset.as_deref().map(|text| {
        utc_offset_ms(text).unwrap_or_else(|| {
            document.problem(
                "monitor.utc_offset",
                format!("{text:?} is not an offset from UTC"),
                "write hours and minutes, such as \"+02:00\" or \"-03:30\", from \"-14:00\" to \"+14:00\"",
            );
            0
        })
    });
    let learn = match (utc_offset_ms, default) {
        (Some(utc_offset_ms), _) => Seasons::Learn { utc_offset_ms },
        (None, Seasons::Learn { .. }) => default,
        (None, Seasons::Off) => Seasons::Learn { utc_offset_ms: 0 },
    };
    match document.string("monitor.seasons").as_deref() {
        None if utc_offset_ms.is_none() => default,
        None | Some("learn") => learn,
        Some("off") => Seasons::Off,
        Some(other) => {
            document.problem(
                "monitor.seasons",
                format!("{other:?} is neither \"learn\" nor \"off\""),
                "write \"learn\" for the calendar of the reference, or \"off\" for one mix at all hours",
            );
            default
        }
    }
}

/// `+02:00`: a sign, two digits of hours, two of minutes.
fn utc_offset_ms(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str| -> Option<i64> {
        let whole = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        whole.then(|| digits.parse().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = 60 * hours + minutes;
    (minutes < 60 && total <= 14 * 60).then_some(sign * total * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        match Config::parse(text, Path::new("/etc/bellwether")) {
            Ok(config) => panic!("accepted as {config:?}"),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented =
            Config::parse(include_str!("../../default.toml"), Path::new("")).expect("no problem");
        let defaults = Config::default();
        assert_eq!(documented.monitor, defaults.monitor);
        assert_eq!(documented.kafka, defaults.kafka);
        assert_eq!(documented.verdicts_format, defaults.verdicts_format);
        assert_eq!(documented.payloads, defaults.payloads);
        assert_eq!(
            (documented.listen, documented.reference),
            (defaults.listen, defaults.reference)
        );
    }

    #[test]
    fn slices_are_named_by_an_array_of_strings() {
        let text = "[monitor]\nslice_attributes = [\"language\", \"channel\"]\nmax_slices = 7";
        let config = Config::parse(text, Path::new("")).expect("no problem").monitor;
        assert_eq!(config.slice_attributes, ["language", "channel"]);
        assert_eq!(config.max_slices, 7);
        for (value, what) in [
            ("\"language\"", "an array of strings is needed, not a string"),
            (
                "[1]",
                "an array of strings is needed, not an array of other things",
            ),
            ("[\"a\", \"b\", \"c\", \"d\", \"e\"]", "5 are too many"),
        ] {
            let fix = "write at most 4 strings, such as [\"language\", \"channel\"]";
            assert_eq!(
                problems(&format!("[monitor]\nslice_attributes = {value}")),
                [format!("line 2: monitor.slice_attributes: {what}; {fix}")]
            );
        }
    }

    #[test]
    fn seasons_are_learnt_at_an_offset_or_switched_off() {
        let of = |text: &str| {
            Config::parse(&format!("[monitor]\n{text}"), Path::new(""))
                .expect("no problem")
                .monitor
                .seasons
        };
        let learn = |minutes: i64| Seasons::Learn {
            utc_offset_ms: minutes * 60_000,
        };
        assert_eq!(of(""), learn(0));
        assert_eq!(of("utc_offset = \"+05:30\""), learn(330));
        assert_eq!(of("utc_offset = \"-03:30\"\nseasons = \"learn\""), learn(-210));
        assert_eq!(of("utc_offset = \"+02:00\"\nseasons = \"off\""), Seasons::Off);
        for wrong in ["2", "+2:00", "+15:00", "+02:60", "02:00", "+0200", "+ü:00", ""] {
            assert_eq!(
                problems(&format!("[monitor]\nutc_offset = \"{wrong}\"")),
                [format!(
                    "line 2: monitor.utc_offset: {wrong:?} is not an offset from UTC; write hours and minutes, such as \"+02:00\" or \"-03:30\", from \"-14:00\" to \"+14:00\""
                )]
            );
        }
        assert_eq!(
            problems("[monitor]\nseasons = \"on\""),
            [
                "line 2: monitor.seasons: \"on\" is neither \"learn\" nor \"off\"; write \"learn\" for the calendar of the reference, or \"off\" for one mix at all hours"
            ]
        );
    }

    #[test]
    fn every_problem_is_found_with_line_and_fix() {
        let text = "reference = 3\n[kafka]\nbroker = \"x\"\nidle_timeout = \"soon\"\n[monitor]\nmin_observations = 0\n[listen]\naddress = \"0.0.0.0:80\"\n";
        assert_eq!(
            problems(text),
            [
                "line 1: reference: a string is needed, not an integer; write it in quotes",
                "line 3: kafka.broker: there is no such key; did you mean `brokers`?",
                "line 4: kafka.idle_timeout: \"soon\" is not a duration; write a number and a unit, such as \"30s\", \"5m\", \"12h\" or \"30d\"",
                "line 6: monitor.min_observations: 0 is out of range; write a whole number from 1 to 1000000",
                "line 8: listen.address: 0.0.0.0:80 can be reached from other machines, and whoever asks need not be known; write listen.token = \"file:PATH\" or \"env:NAME\", or listen on 127.0.0.1 or [::1]",
                "line 8: listen.address: 0.0.0.0:80 can be reached from other machines, and nothing is encrypted; name listen.certificate and listen.key; or write listen.encryption = \"elsewhere\" where a proxy or a mesh in front encrypts",
            ]
        );
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let found = problems("reference = \"a\"\n[kafka\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("line 2: "), "{found:?}");
    }

    #[test]
    fn secrets_come_from_the_environment_or_a_file_and_are_named_when_missing() {
        let found = problems(
            "[kafka.properties]\n\"sasl.password\" = \"env:BELLWETHER_TEST_UNSET\"\n\"ssl.key.password\" = \"file:/does/not/exist\"\n",
        );
        assert!(
            found[0].contains("BELLWETHER_TEST_UNSET") && found[0].starts_with("line 2"),
            "{found:?}"
        );
        assert!(
            found[1].contains("/does/not/exist") && found[1].starts_with("line 3"),
            "{found:?}"
        );
    }

    #[test]
    fn relative_paths_start_at_the_configuration() {
        let config =
            Config::parse("reference = \"model.ref\"", Path::new("/etc/bellwether")).expect("no problem");
        assert_eq!(
            config.reference.as_deref(),
            Some(Path::new("/etc/bellwether/model.ref"))
        );
    }
}
