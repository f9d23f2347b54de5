//! A real broker that wants TLS and allows only what `docs/KAFKA.md` says that it must.

#![cfg(feature = "tls")]

mod support;

use bellwether_tests::{Finished, Message, RealKafka, Running, Stream};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use support::{PATIENCE, Site, labels, program, records, traffic};

const KAFKA: &str = include_str!("../../../docs/KAFKA.md");
const DEAD: &str = "dead_letter_topic = \"bellwether-dead-letters\"";
const VERDICTS: &str = "verdicts_topic = \"bellwether-verdicts\"";

/// Grants what the document grants, to these instead of its principals and its group.
fn grant(kafka: &RealKafka, monitor: &str, operator: &str) {
    let lines = KAFKA
        .lines()
        .filter_map(|line| line.strip_prefix("kafka-acls.sh "));
    let mut granted = 0;
    for line in lines {
        let words = line.split_whitespace().skip_while(|word| *word != "--add");
        let words: Vec<&str> = words
            .map(|word| match word {
                "User:bellwether" => monitor,
                "User:bellwether-operator" => operator,
                // The group of the tests' configuration, and what is named after it.
                "bellwether" => "site",
                "bellwether-judge" => "site-judge",
                "bellwether-state" => "site-state",
                other => other,
            })
            .collect();
        kafka.acls(&words);
        granted += 1;
    }
    assert_eq!(granted, 9, "the document's lines");
}

fn scram(site: &Site, kafka: &RealKafka, user: &str) -> String {
    let password = site.text("password");
    format!(
        "\"security.protocol\" = \"sasl_ssl\"\n\"sasl.mechanism\" = \"SCRAM-SHA-512\"\n\"sasl.username\" = {user:?}\n\
         \"sasl.password\" = \"file:{password}\"\n\"ssl.ca.location\" = \"{}\"\n",
        kafka.tls_file("ca.pem").display()
    )
}

fn finished(arguments: &[&str]) -> Finished {
    program(arguments).wait(PATIENCE)
}

fn replay(site: &Site, config: &str, environment: &[(&str, &str)]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    let timeline = site.text("timeline.jsonl");
    command.args([
        "replay",
        "--from-kafka",
        "--config",
        config,
        "--timeline",
        &timeline,
    ]);
    command.envs(environment.iter().copied());
    Running::start(command).wait(PATIENCE)
}

#[test]
fn the_documented_rights_are_enough_and_needed() {
    let Some(kafka) = RealKafka::start_secure() else {
        return;
    };
    for topic in [
        "predictions",
        "labels",
        "bellwether-verdicts",
        "bellwether-dead-letters",
        "bellwether-evidence",
        "bellwether-evidence-control",
    ] {
        kafka.topics().create(topic, 1);
    }
    kafka.topics().create_compacted("site-state");
    let observed = traffic(200);
    kafka.topics().produce("predictions", &records(&observed, 1));
    kafka.topics().produce("labels", &records(&labels(&observed), 1));
    kafka
        .topics()
        .produce("predictions", &[Message::new("{\"event_id\": \"cut")]);

    let site = Site::new(&[]);
    site.write("password", "s3cret\n");
    let at = |name: &str, more: &str, properties: &str| {
        site.configure_at(&kafka.sasl_ssl(), name, "model.ref", more, properties)
    };
    let monitor = at(
        "monitor.toml",
        &format!("{DEAD}\n{VERDICTS}"),
        &scram(&site, &kafka, "bellwether"),
    );
    let operator = at(
        "operator.toml",
        DEAD,
        &scram(&site, &kafka, "bellwether-operator"),
    );
    let list = ["dead-letters", "list", "--config", &operator, "--output", "json"];
    let denied = finished(&list);
    assert_eq!(denied.code(), Some(1), "{denied:?}");
    assert!(
        denied.stderr.to_lowercase().contains("authorization"),
        "{denied:?}"
    );

    grant(&kafka, "User:bellwether", "User:bellwether-operator");
    let run = program(&["run", "--config", &monitor]);
    let _url = run.listening_url(PATIENCE);
    let letters = kafka.topics().consume("bellwether-dead-letters", 1, PATIENCE);
    let verdicts = kafka.topics().consume("bellwether-verdicts", 1, PATIENCE);
    std::thread::sleep(Duration::from_secs(2));
    run.terminate();
    let stopped = run.wait(Duration::from_secs(30));
    assert_eq!(stopped.code(), Some(0), "{stopped:?}");
    assert!(letters.len() == 1 && !verdicts.is_empty(), "{stopped:?}");
    let committed = kafka.topics().committed("site", "predictions");
    assert_eq!(committed, [(0, 201)], "{stopped:?}");

    let listed = finished(&list);
    assert!(listed.success(), "{listed:?}");
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(listed["total"], 1);
    let replayed = replay(&site, &operator, &[]);
    assert!(replayed.success(), "{replayed:?}");
    let sent = finished(&["dead-letters", "resubmit", "--config", &operator, "--yes"]);
    assert!(
        sent.success() && sent.stdout.contains("sent 1 records"),
        "{sent:?}"
    );

    // The other ways to say who one is.
    let plain = scram(&site, &kafka, "bellwether")
        .replace("SCRAM-SHA-512", "PLAIN")
        .replace(&format!("file:{}", site.text("password")), "env:KAFKA_PASSWORD");
    let plain = at("plain.toml", "", &plain);
    let replayed = replay(&site, &plain, &[("KAFKA_PASSWORD", "s3cret")]);
    assert!(replayed.success(), "{replayed:?}");
    let wrong = replay(&site, &plain, &[("KAFKA_PASSWORD", "guessed")]);
    assert_eq!(wrong.code(), Some(1), "{wrong:?}");
    assert!(!wrong.stderr.contains("guessed"), "{wrong:?}");

    grant(&kafka, "User:CN=nobody", "User:CN=bellwether");
    let certificate = format!(
        "\"security.protocol\" = \"ssl\"\n\"ssl.ca.location\" = \"{}\"\n\"ssl.certificate.location\" = \"{}\"\n\"ssl.key.location\" = \"{}\"\n",
        kafka.tls_file("ca.pem").display(),
        kafka.tls_file("client.pem").display(),
        kafka.tls_file("client.key").display()
    );
    let mutual = site.configure_at(
        &kafka.mutual_tls(),
        "mutual.toml",
        "model.ref",
        DEAD,
        &certificate,
    );
    let listed = finished(&["dead-letters", "list", "--config", &mutual]);
    assert!(
        listed.success() && listed.stdout.contains("1 dead letters"),
        "{listed:?}"
    );

    // One of several instances, which keeps its state in a topic as well.
    let shared = at(
        "shared.toml",
        &format!(
            "{DEAD}\nevidence_topic = \"bellwether-evidence\"\n[state]\ndirectory = \"shared\"\nchangelog_topic = \"site-state\""
        ),
        &scram(&site, &kafka, "bellwether"),
    );
    let run = program(&["run", "--config", &shared]);
    let _url = run.listening_url(PATIENCE);
    // The record that was sent again is refused again, and so is this one.
    kafka
        .topics()
        .produce("predictions", &[Message::new("{\"event_id\": \"cut again")]);
    let letters = kafka.topics().consume("bellwether-dead-letters", 3, PATIENCE);
    assert_eq!(letters.len(), 3, "{}", run.printed(Stream::Stderr));
    run.terminate();
    let stopped = run.wait(Duration::from_secs(30));
    assert_eq!(stopped.code(), Some(0), "{stopped:?}");
    let state = kafka.topics().all("site-state");
    assert!(!state.is_empty(), "{stopped:?}");
}
