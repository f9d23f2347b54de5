//! `bellwether replay --from-kafka` against the broker in this process.

mod support;

use support::{START_MS, Site, labels, output, program, records, replay_files, traffic};

/// Twice the time by which a partition may run ahead of another.
const EVENTS: usize = 800;

/// The timeline of a replay of the topics.
fn replay_topics(site: &Site, config: &str, more: &[&str]) -> Vec<u8> {
    let timeline = site.text("from-kafka.jsonl");
    let fixed = [
        "replay",
        "--from-kafka",
        "--config",
        config,
        "--timeline",
        &timeline,
    ];
    output(&[&fixed[..], more].concat());
    std::fs::read(&timeline).expect("the timeline was written")
}

fn assert_same(from_kafka: &[u8], from_files: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(from_kafka), text(from_files));
    let changes = from_files.split(|byte| *byte == b'\n').count();
    assert!(changes > 3, "{}", text(from_files));
}

#[test]
fn all_partitions_give_the_timeline_of_the_files_and_the_live_group_is_not_touched() {
    let site = Site::new(&[("predictions", 3), ("labels", 2)]);
    let config = site.configure("bellwether.toml", "model.ref", "");
    let observed = traffic(EVENTS);
    let known = labels(&observed);
    site.topics().produce("predictions", &records(&observed, 3));
    site.topics().produce("labels", &records(&known, 2));
    let from_files = replay_files(&site, &config, &observed, &known);
    assert_same(&replay_topics(&site, &config, &[]), &from_files);
    assert_same(
        &replay_topics(
            &site,
            &config,
            &["--from", "earliest", "--to", "latest", "--threads", "1"],
        ),
        &from_files,
    );
    for group in ["site", "site-reader"] {
        assert_eq!(site.topics().committed(group, "predictions"), [], "{group}");
        assert_eq!(site.topics().committed(group, "labels"), [], "{group}");
    }
}

#[test]
fn a_stretch_by_offsets_or_by_times_gives_the_timeline_of_those_records() {
    let site = Site::new(&[("predictions", 1), ("labels", 1)]);
    let config = site.configure("bellwether.toml", "model.ref", "");
    let observed = traffic(EVENTS);
    let known = labels(&observed);
    site.topics().produce("predictions", &records(&observed, 1));
    site.topics().produce("labels", &records(&known, 1));
    let (from, to) = (100, 700);
    let time = |at: i64| bellwether_monitor::rfc3339(START_MS + at * 60_000);
    let (from_ms, to_ms) = (START_MS + 100 * 60_000, START_MS + 700 * 60_000);
    let within = |row: &&serde_json::Value| {
        let ms = row["timestamp"].as_i64().expect("a time");
        (from_ms..to_ms).contains(&ms)
    };
    let known_within: Vec<_> = known.iter().filter(within).cloned().collect();
    let first = known.iter().position(|row| within(&row)).expect("some");
    let from_files = replay_files(&site, &config, &observed[from..to], &known_within);
    let offsets = |of: usize, labels: usize| format!("predictions/0/{of},labels/0/{labels}");
    assert_same(
        &replay_topics(
            &site,
            &config,
            &[
                "--from",
                &offsets(from, first),
                "--to",
                &offsets(to, first + known_within.len()),
            ],
        ),
        &from_files,
    );
    assert_same(
        &replay_topics(&site, &config, &["--from", &time(100), "--to", &time(700)]),
        &from_files,
    );
    let empty = replay_topics(&site, &config, &["--from", "2030-01-01T00:00:00Z"]);
    assert!(empty.is_empty(), "nothing is so new");
}

#[test]
fn what_cannot_be_read_is_said() {
    let site = Site::new(&[("predictions", 1), ("labels", 1)]);
    let config = site.configure("bellwether.toml", "model.ref", "");
    let timeline = site.text("timeline.jsonl");
    let base = ["replay", "--from-kafka", "--timeline", &timeline];
    for (more, code, said) in [
        (&[][..], 2, "--config"),
        (&["--config", &config, "--from", "yesterday"], 2, "earliest"),
        (
            &["--config", &config, "--observations", "x"],
            2,
            "cannot be used with",
        ),
        (
            &["--config", &config, "--to", "predictions/7/0"],
            1,
            "has no partition 7",
        ),
        (
            &["--config", &config, "--from", "payments/0/0"],
            1,
            "has no partition 0",
        ),
    ] {
        let finished = program(&[&base[..], more].concat()).wait(support::PATIENCE);
        assert_eq!(finished.code(), Some(code), "{finished:?}");
        assert!(finished.stderr.contains(said), "{said}: {finished:?}");
    }
}
