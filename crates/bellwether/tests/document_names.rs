//! Commands, flags, configuration keys and metrics that the documents name are there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Endings of names of files, which look like keys.
const FILES: [&str; 7] = ["json", "jsonl", "md", "py", "rs", "toml", "yaml"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn markdown(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// The documents with their texts. What was decided once may name what is no longer there.
fn documents() -> Vec<(PathBuf, String)> {
    let mut all = vec![root().join("README.md")];
    markdown(&root().join("docs"), &mut all);
    all.retain(|path| !path.starts_with(root().join("docs/decisions")));
    all.into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// What stands between single backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Commands of the program: lines of blocks, and what is quoted.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| line.starts_with("bellwether ")).collect();
    let mut fenced = false;
    let prose: String = text
        .lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
        .fold(String::new(), |all, line| all + line + "\n");
    let inline = quoted(&prose).into_iter().map(str::to_owned);
    let inline: Vec<String> = inline.filter(|words| words.starts_with("bellwether ")).collect();
    let bare = |line: &&str| !line.contains('`');
    lines
        .into_iter()
        .filter(bare)
        .map(str::to_owned)
        .chain(inline)
        .collect()
}

/// Help of commands, each asked for once.
#[derive(Default)]
struct Help(BTreeMap<Vec<String>, String>);

impl Help {
    fn of(&mut self, command: &[String]) -> &str {
        self.0.entry(command.to_vec()).or_insert_with(|| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_bellwether"));
            let output = program.args(command).arg("--help").output().unwrap();
            assert!(output.status.success(), "{command:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// The command that these words begin with.
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        let mut command = Vec::new();
        for word in words {
            let help = self.of(&command);
            let known = help
                .lines()
                .any(|line| line.starts_with("  ") && line.split_whitespace().next() == Some(word));
            if !help.contains("\nCommands:\n") || !known || *word == "help" {
                break;
            }
            command.push((*word).to_owned());
        }
        command
    }
}

#[test]
fn commands_and_flags_of_the_documents_are_there() {
    let (mut help, mut seen, mut wrong) = (Help::default(), 0, Vec::new());
    for (path, text) in documents() {
        for line in commands(&text) {
            let words: Vec<&str> = line
                .split('#')
                .next()
                .unwrap()
                .split_whitespace()
                .skip(1)
                .collect();
            let command = help.command(&words);
            let of_all = words
                .first()
                .is_some_and(|word| word.starts_with('-') || *word == "help");
            if command.is_empty() && !of_all {
                wrong.push(format!("{}: no such command: {line}", path.display()));
                continue;
            }
            let text = help.of(&command);
            let known: BTreeSet<&str> = text
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .collect();
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                seen += 1;
                let flag = flag.split('=').next().unwrap();
                if !known.contains(flag) {
                    wrong.push(format!("{}: no such flag {flag}: {line}", path.display()));
                }
            }
        }
    }
    assert!(seen > 80, "{seen} flags were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Keys of the configuration with their tables, and the tables.
fn keys() -> BTreeSet<String> {
    let text = include_str!("../default.toml");
    let (mut table, mut keys) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.clone_into(&mut table);
            keys.insert(table.clone());
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.contains(' ')
        {
            keys.insert(
                format!("{table}.{}", key.trim_matches('"'))
                    .trim_start_matches('.')
                    .to_owned(),
            );
        }
    }
    keys
}

#[test]
fn keys_and_metrics_of_the_documents_are_there() {
    let keys = keys();
    let tables: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('.').next()).collect();
    let metrics = fs::read_to_string(root().join("docs/METRICS.md")).unwrap();
    let metrics: BTreeSet<&str> = quoted(&metrics).into_iter().collect();
    let is_name = |word: &str| {
        word.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c))
    };
    // Of the answers of the API, and of the columns that a mapping may name.
    let elsewhere = ["encoder.other", "payloads.labels.fields.label"];
    let (mut seen, mut wrong) = (0, Vec::new());
    for (path, text) in documents() {
        // Options of the chart have names like keys.
        if path.starts_with(root().join("docs/deploy")) {
            continue;
        }
        let words = quoted(&text).into_iter();
        for word in words.filter(|word| is_name(word) && !elsewhere.contains(word)) {
            let ending = word.rsplit('.').next().unwrap_or_default();
            let is_file = FILES.contains(&ending);
            let (unknown, what) = if word.starts_with("bellwether_") {
                (!metrics.contains(word), "metric")
            } else {
                let table = word.split_once('.').map(|(table, _)| table);
                let is_key = table.is_some_and(|table| tables.contains(table)) && !is_file;
                seen += usize::from(is_key);
                (is_key && !keys.contains(word), "key")
            };
            if unknown {
                wrong.push(format!("{}: no such {what}: {word}", path.display()));
            }
        }
    }
    assert!(seen > 80, "{seen} keys were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
