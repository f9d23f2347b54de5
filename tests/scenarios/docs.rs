//! What the documents and the design say about the crates is so.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in the workspace")
}

/// A crate's dependencies outside its tests.
type Dependencies = BTreeMap<String, BTreeSet<String>>;

fn dependencies() -> Dependencies {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("an array").iter();
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("an array").iter();
            let shipped = all.filter(|dependency| dependency["kind"] != "dev");
            (name(package), shipped.map(name).collect())
        })
        .collect()
}

/// The crates that depend on one whose name starts so.
fn users<'a>(dependencies: &'a Dependencies, prefix: &str) -> Vec<&'a str> {
    let uses = |names: &BTreeSet<String>| names.iter().any(|name| name.starts_with(prefix));
    dependencies
        .iter()
        .filter(|(_, names)| uses(names))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// What of the workspace a crate depends on.
fn own<'a>(dependencies: &'a Dependencies, name: &str) -> Vec<&'a str> {
    let names = dependencies[name].iter().map(String::as_str);
    names.filter(|name| dependencies.contains_key(*name)).collect()
}

#[test]
fn the_crate_map_names_the_crates_that_there_are() {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("it is there");
    let (_, rest) = text.split_once("\n## Crates\n").expect("a section on crates");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let named: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    let there: BTreeSet<String> = dependencies().into_keys().collect();
    assert_eq!(named, there);
    for entry in std::fs::read_dir(root().join("crates")).expect("it is there") {
        let entry = entry.expect("it can be read");
        if entry.path().join("Cargo.toml").exists() {
            let name = entry.file_name().into_string().expect("UTF-8");
            assert!(named.contains(&name), "crates/{name} is not on the map");
        }
    }
}

#[test]
fn statistics_and_monitor_know_no_input_and_output() {
    let dependencies = dependencies();
    assert_eq!(own(&dependencies, "bellwether-stats"), [""; 0]);
    assert_eq!(own(&dependencies, "bellwether-events"), [""; 0]);
    assert_eq!(
        own(&dependencies, "bellwether-monitor"),
        ["bellwether-events", "bellwether-stats"]
    );
    assert_eq!(
        own(&dependencies, "bellwether-calibrate"),
        ["bellwether-events", "bellwether-monitor", "bellwether-stats"]
    );
    for name in ["bellwether-stats", "bellwether-monitor", "bellwether-calibrate"] {
        for foreign in ["tokio", "rdkafka", "axum", "parquet", "arrow"] {
            let all = &dependencies[name];
            assert!(!all.contains(foreign), "{name} depends on {foreign}: {all:?}");
        }
    }
}

#[test]
fn each_library_of_the_edge_has_one_home() {
    let dependencies = dependencies();
    assert_eq!(
        users(&dependencies, "rdkafka"),
        ["bellwether-ingest", "bellwether-tests"]
    );
    // What comes in, and what is kept for good.
    assert_eq!(
        users(&dependencies, "parquet"),
        ["bellwether-history", "bellwether-store", "xtask"]
    );
    assert_eq!(users(&dependencies, "object_store"), ["bellwether-history"]);
    // Who serves over HTTP describes what it serves and bounds what a client takes.
    for library in ["axum", "governor", "utoipa"] {
        assert_eq!(users(&dependencies, library), ["bellwether-api"], "{library}");
    }
    // What is shown to people as a document is escaped by what writes it.
    assert_eq!(users(&dependencies, "maud"), ["bellwether-api"]);
    // The program redacts texts; the fuzzed configuration is its own module.
    assert_eq!(users(&dependencies, "regex"), ["bellwether", "bellwether-fuzz"]);
    assert_eq!(
        own(&dependencies, "bellwether-worksets"),
        ["bellwether-monitor", "bellwether-stats"]
    );
    // Models and their tokens, and where models come from.
    for library in ["candle", "tokenizers", "hf-hub"] {
        assert_eq!(users(&dependencies, library), ["bellwether-encoder"], "{library}");
    }
    // Only the program has a command line, and only it prints.
    for library in ["anstream", "anstyle", "clap_complete", "clap_mangen", "indicatif"] {
        assert_eq!(users(&dependencies, library), ["bellwether"], "{library}");
    }
    for library in ["apache-avro", "protox"] {
        assert_eq!(
            users(&dependencies, library),
            ["bellwether-payloads"],
            "{library}"
        );
    }
    // What is asked for (schemas) and what is pushed (metrics, alerts) go over HTTP, and the metrics as protobuf.
    assert_eq!(
        users(&dependencies, "ureq"),
        ["bellwether-alerts", "bellwether-api", "bellwether-payloads"]
    );
    assert_eq!(
        users(&dependencies, "prost"),
        ["bellwether-api", "bellwether-payloads"]
    );
    assert_eq!(
        users(&dependencies, "fjall"),
        ["bellwether-alerts", "bellwether-store"]
    );
}
