//! `[kafka]`: brokers, topics, and what is written to them.

use super::StateConfig;
use super::document::Document;
use bellwether_ingest::{Config, Error};
use std::time::Duration;

/// What records of the verdict topic look like; their value is the same line of JSON in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum VerdictsFormat {
    /// The line, with its content type.
    #[default]
    Json,
    /// With the attributes of CloudEvents 1.0 as headers, as its binding to Kafka has them in binary mode.
    CloudEvents,
}

pub(super) fn kafka(document: &mut Document, defaults: Config) -> Config {
    let mut config = defaults;
    config.brokers = document.string("kafka.brokers").unwrap_or(config.brokers);
    config.group_id = document.string("kafka.group_id").unwrap_or(config.group_id);
    config.observations_topic = document
        .string("kafka.observations_topic")
        .unwrap_or(config.observations_topic);
    config.labels_topic = document.string("kafka.labels_topic");
    config.verdicts_topic = document.string("kafka.verdicts_topic");
    config.dead_letter_topic = document.string("kafka.dead_letter_topic");
    let payload = vec![("keep", true), ("omit", false)];
    if let Some(keeps) = document.choice("kafka.dead_letter_payload", payload) {
        config.dead_letter_payload = keeps;
    }
    if let Some(idle) = document.duration_ms("kafka.idle_timeout") {
        config.idle_timeout = Duration::from_millis(idle.unsigned_abs());
    }
    if let Some(bytes) = document.integer("kafka.max_buffered_bytes", 1 << 20..=1 << 40) {
        config.max_buffered_bytes = bytes;
    }
    config.properties = document.properties("kafka.properties");
    for (key, value) in [
        ("kafka.brokers", &config.brokers),
        ("kafka.group_id", &config.group_id),
        ("kafka.observations_topic", &config.observations_topic),
    ] {
        if value.trim().is_empty() {
            document.problem(
                key,
                "it is empty".to_owned(),
                "write a name, or leave the key out for the default",
            );
        }
    }
    if config.labels_topic.as_ref() == Some(&config.observations_topic) {
        document.problem(
            "kafka.labels_topic",
            format!(
                "`{}` is also the topic of observations",
                config.observations_topic
            ),
            "give labels a topic of their own: the two are told apart by it",
        );
    }
    for problem in config.property_problems() {
        property_problem(document, problem);
    }
    config
}

/// What librdkafka would refuse later, with the line it stands in.
fn property_problem(document: &mut Document, problem: Error) {
    let (key, what, fix) = match problem {
        Error::ReservedProperty { key } => (
            key,
            "bellwether decides it".to_owned(),
            "remove it; brokers and group have keys of their own in [kafka]",
        ),
        Error::BadProperty { key, reason } if reason.contains("at build time") => (
            key,
            reason,
            "build bellwether with `--features tls` for TLS and SCRAM; Kerberos is not supported",
        ),
        Error::BadProperty { key, reason } => (
            key,
            reason,
            "write a property of librdkafka's CONFIGURATION.md, with a value of its kind",
        ),
        other => (
            String::new(),
            other.to_string(),
            "correct the keys of [kafka.properties]",
        ),
    };
    document.problem(&format!("kafka.properties.{key}"), what, fix);
}

pub(super) fn verdicts_format(document: &mut Document) -> VerdictsFormat {
    const KEY: &str = "kafka.verdicts_format";
    let known = vec![
        ("json", VerdictsFormat::Json),
        ("cloudevents", VerdictsFormat::CloudEvents),
    ];
    document.choice(KEY, known).unwrap_or_default()
}

/// The topic through which the judge of this evidence tells what to hold.
pub(crate) fn control_topic(evidence: &str) -> String {
    format!("{evidence}-control")
}

pub(super) fn evidence_topic(
    document: &mut Document,
    kafka: &Config,
    state: Option<&StateConfig>,
) -> Option<String> {
    const KEY: &str = "kafka.evidence_topic";
    let topic = document.string(KEY)?;
    // A compacted topic would keep no evidence.
    let changelog = state.and_then(|state| state.changelog_topic.as_ref());
    let has_use = |name: &str| kafka.names_topic(name) || changelog.is_some_and(|topic| topic == name);
    if topic.trim().is_empty() || has_use(&topic) {
        document.problem(
            KEY,
            format!("`{topic}` is empty or has another use"),
            "give evidence a topic of its own, with one partition",
        );
    }
    let control = control_topic(&topic);
    if has_use(&control) {
        document.problem(
            KEY,
            format!("its judge speaks in `{control}`, which has another use"),
            "give one of the two another name",
        );
    }
    if state.is_none() {
        document.problem(
            KEY,
            "several instances need a state to go on from when another one is elected".to_owned(),
            "set state.directory, a directory of its own for each instance",
        );
    }
    Some(topic)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use std::path::Path;

    #[test]
    fn the_format_of_verdicts_is_one_of_two() {
        let parse = |text: &str| Config::parse(&format!("[kafka]\n{text}"), Path::new(""));
        let of = |text: &str| parse(text).expect("no problem").verdicts_format;
        assert_eq!(of(""), VerdictsFormat::Json);
        assert_eq!(of("verdicts_format = \"json\""), VerdictsFormat::Json);
        assert_eq!(
            of("verdicts_format = \"cloudevents\""),
            VerdictsFormat::CloudEvents
        );
        let problems = parse("verdicts_format = \"avro\"").expect_err("it is not known");
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "line 2: kafka.verdicts_format: \"avro\" is not known here; write one of \"json\", \"cloudevents\""
            ]
        );
    }

    #[test]
    fn several_instances_need_a_topic_of_their_own_and_a_state() {
        let parse = |text: &str| Config::parse(text, Path::new(""));
        let state = "[state]\ndirectory = \"state\"\n";
        let config = parse(&format!("{state}[kafka]\nevidence_topic = \"evidence\"")).expect("no problem");
        assert_eq!(config.evidence_topic.as_deref(), Some("evidence"));
        let compacted =
            format!("{state}changelog_topic = \"evidence\"\n[kafka]\nevidence_topic = \"evidence\"");
        assert_eq!(parse(&compacted).expect_err("one topic for both").len(), 1);
        let control =
            format!("{state}[kafka]\nlabels_topic = \"evidence-control\"\nevidence_topic = \"evidence\"");
        assert_eq!(parse(&control).expect_err("the judge's topic is taken").len(), 1);
        let problems = parse("[kafka]\nlabels_topic = \"labels\"\nevidence_topic = \"labels\"");
        assert_eq!(
            problems
                .expect_err("neither is right")
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [
                "line 3: kafka.evidence_topic: `labels` is empty or has another use; give evidence a topic of its own, with one partition",
                "line 3: kafka.evidence_topic: several instances need a state to go on from when another one is elected; set state.directory, a directory of its own for each instance",
            ]
        );
    }

    #[test]
    fn a_property_that_would_be_refused_is_named_with_its_line() {
        let text = "[kafka.properties]\n\"enable.auto.commit\" = true\n\"session.timout.ms\" = 6000\n\"fetch.wait.max.ms\" = \"soon\"\n\"client.id\" = \"fine\"\n\"security.protocol\" = \"tls\"\n";
        let problems: Vec<String> = Config::parse(text, Path::new(""))
            .expect_err("none of them is good")
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "line 2: kafka.properties.enable.auto.commit: bellwether decides it; remove it",
            "line 3: kafka.properties.session.timout.ms: ",
            "line 4: kafka.properties.fetch.wait.max.ms: ",
            "line 6: kafka.properties.security.protocol: ",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
        }
        let tls = "[kafka.properties]\n\"security.protocol\" = \"sasl_ssl\"\n";
        let parsed = Config::parse(tls, Path::new(""));
        assert_eq!(parsed.is_ok(), cfg!(feature = "tls"));
        for problem in parsed.err().iter().flatten() {
            assert!(problem.to_string().contains("--features tls"), "{problem}");
        }
    }
}
