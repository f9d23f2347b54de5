//! What the documents and the design say about the crates is so.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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

/// The Markdown files under a directory.
fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// A page without what stands in fences, where brackets and number signs mean other things.
fn prose(page: &Path) -> String {
    let text = std::fs::read_to_string(page).expect("it is UTF-8");
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The names by which the headings of a page can be reached.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let name = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

/// Where the links and pictures of a page lead.
fn targets(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let pictures = ["src=\"", "srcset=\""]
        .into_iter()
        .flat_map(|name| text.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next());
    links.chain(pictures).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut all = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    pages(&root().join("docs"), &mut all);
    let (mut broken, mut followed) = (Vec::new(), 0);
    for page in &all {
        let text = prose(page);
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") || target.contains(char::is_whitespace)
            {
                continue;
            }
            followed += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let led = if path.is_empty() {
                page.clone()
            } else {
                page.parent().expect("a page is in a directory").join(path)
            };
            let is_page = led.extension().is_some_and(|ending| ending == "md");
            let missing = !led.exists() || (is_page && !anchor.is_empty() && !anchors(&led).contains(anchor));
            if missing {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(followed > 300, "{followed} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
