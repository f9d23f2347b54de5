//! The history is written while the process is killed, again and again, and read all the while.

use crate::fixture::{Fixture, directory, run, text};
use crate::http::{get, json, try_json};
use crate::monitor::{Monitor, Outcome, PATIENCE};
use crate::report;
use crate::stream::Stream;
use bellwether_tests::{Program, RealKafka, wait_until};
use parquet::file::reader::{FileReader, SerializedFileReader};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const EVENTS: usize = 4000;
/// Times at which the process is killed.
const KILLS: usize = 8;
/// Longest time between listening and the end.
const LONGEST: Duration = Duration::from_millis(900);
/// Many windows, so that something is always being written.
const WINDOWS: &str = "[history]\npath = \"history\"\nwindow = \"10m\"\n";

/// Rows as text, by the file that holds them.
type Rows = BTreeMap<String, Vec<String>>;

/// What a reader sees that lists a directory and passes over names that begin with a dot, as `DuckDB` and pandas do.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rows_of(bytes: Vec<u8>) -> Result<Vec<String>, parquet::errors::ParquetError> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    reader
        .get_row_iter(None)?
        .map(|row| row.map(|row| row.to_string()))
        .collect()
}

/// All that is in a history, as it is now.
fn all_rows(root: &Path) -> Rows {
    let read = |path: PathBuf| {
        let rows = rows_of(std::fs::read(&path).expect("readable")).expect("whole Parquet");
        let name = path.strip_prefix(root).expect("it is inside");
        (text(name).to_owned(), rows)
    };
    files(root).into_iter().map(read).collect()
}

/// What a reader saw that looked all the while.
#[derive(Debug, Default)]
struct Seen {
    looks: usize,
    files: usize,
    half: usize,
    doubled: usize,
    lost: usize,
}

fn look(root: &Path, done: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    while !done.load(Ordering::Relaxed) {
        seen.looks += 1;
        for path in files(root) {
            let mut bytes = Vec::new();
            // Opened and read at once: what is renamed in between is another file.
            let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
            match read {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            }
            seen.files += 1;
            let Ok(rows) = rows_of(bytes) else {
                seen.half += 1;
                continue;
            };
            let count = rows.len();
            let rows: BTreeSet<String> = rows.into_iter().collect();
            seen.doubled += count - rows.len();
            let before = known.insert(path.clone(), rows).unwrap_or_default();
            seen.lost += before.difference(&known[&path]).count();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    seen
}

/// Without the window in which a recording ended: a monitor has not closed it.
fn complete(rows: Rows) -> Rows {
    let start = |row: &String| row.split(',').next().expect("a first column").to_owned();
    let last = rows.values().flatten().map(start).max().expect("there are rows");
    let kept = rows.into_iter().map(|(name, rows)| {
        let kept: Vec<String> = rows.into_iter().filter(|row| start(row) != last).collect();
        (name, kept)
    });
    kept.filter(|(_, rows)| !rows.is_empty()).collect()
}

fn check(found: &Rows, expected: &Rows, story: &str) {
    let names = |rows: &Rows| rows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{story}: files");
    for (name, rows) in expected {
        for (one, other) in found[name].iter().zip(rows) {
            assert_eq!(one, other, "{story}: {name}");
        }
        assert_eq!(found[name].len(), rows.len(), "{story}: rows of {name}");
    }
}

/// The history of a replay of the same topics.
fn replayed(monitor: &Monitor<'_>) -> Rows {
    let folder = directory();
    let (config, history) = (monitor.path("bellwether.toml"), folder.path().join("history"));
    let timeline = folder.path().join("timeline.jsonl");
    let done = run(&[
        "replay",
        "--from-kafka",
        "--config",
        text(&config),
        "--timeline",
        text(&timeline),
        "--history",
        text(&history),
    ]);
    assert!(done.success(), "{done:?}");
    complete(all_rows(&history))
}

/// Nothing waits on the monitor's machine any more.
fn wait_until_shipped(monitor: &Monitor<'_>) {
    let spool = monitor.path("state").join("history");
    wait_until("the history is shipped", PATIENCE, || {
        files(&spool).is_empty().then_some(())
    });
}

#[test]
fn a_history_that_is_written_over_kills_has_every_row_once_and_is_always_whole() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = Stream::new(&kafka.topics(), "history", EVENTS, 7);
    stream.write(&kafka.topics());
    let undisturbed = Monitor::with(kafka, &fixture, &stream, "history-undisturbed", "1h", WINDOWS);
    let outcome = undisturbed.undisturbed();
    let expected = all_rows(&undisturbed.path("history"));
    check(&replayed(&undisturbed), &expected, "a replay");

    let monitor = Monitor::with(kafka, &fixture, &stream, "history-killed", "100ms", WINDOWS);
    let (root, done) = (monitor.path("history"), AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| look(&root, &done));
        let mut random = ChaCha8Rng::seed_from_u64(11);
        for _ in 0..KILLS {
            let (run, _) = monitor.start();
            std::thread::sleep(LONGEST.mul_f64(random.random()));
            run.crash();
            drop(run.wait(Duration::from_secs(60)));
        }
        monitor
            .complete(&outcome)
            .check(&outcome, "killed while the history is written");
        done.store(true, Ordering::Relaxed);
        reader.join().expect("the reader only counts")
    });
    check(&all_rows(&root), &expected, "after kills");
    assert!(
        files(&monitor.path("state").join("history")).is_empty(),
        "all is shipped at the end"
    );
    assert_eq!((seen.half, seen.doubled, seen.lost), (0, 0, 0), "{seen:?}");
    shows_the_past(&monitor, &outcome, &expected);
    let rows: usize = expected.values().map(Vec::len).sum();
    report(&format!(
        "killed {KILLS} times while {rows} rows in {} files were written: rows lost 0, doubled 0; read {} files in {} looks \
         meanwhile: half files {}, doubled rows {}, rows gone {}",
        expected.len(),
        seen.files,
        seen.looks,
        seen.half,
        seen.doubled,
        seen.lost
    ));
}

/// After a restart, in which nothing new comes, the API has what was said and what each window was like.
fn shows_the_past(monitor: &Monitor<'_>, outcome: &Outcome, expected: &Rows) {
    let (run, url) = monitor.start();
    wait_until("the past is shown", PATIENCE, || {
        try_json(&url, "/api/v1/model").filter(|model| model["counts"]["observations"].as_u64() > Some(0))
    });
    let without_id = |mut line: Value| {
        line.as_object_mut().expect("a line").remove("id");
        line
    };
    let mut recent = list(&json(&url, "/api/v1/timeline?limit=1000")["lines"]);
    recent.reverse();
    let recent: Vec<Value> = recent.into_iter().map(without_id).collect();
    let said: Vec<Value> = outcome
        .timeline
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(recent, said, "the timeline after a restart");
    let task = said
        .iter()
        .find_map(|line| line["task"].as_str())
        .expect("a line of a task");
    let series = json(&url, &format!("/api/v1/tasks/{task}/series"));
    assert!(list(&series["timestamp_ms"]).len() > 20, "{series}");

    let pages = |what: &str, member: &str| {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = json(&url, &format!("/api/v1/history/{what}?limit=100{after}"));
            all.extend(list(&page[member]));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    };
    let of = |kind: &str| -> usize {
        let rows = expected.iter().filter(|(name, _)| name.contains(kind));
        rows.map(|(_, rows)| rows.len()).sum()
    };
    assert_eq!(pages("windows", "windows").len(), of("kind=windows"));
    let lines = pages("verdicts", "lines");
    assert_eq!(lines, said[..lines.len()], "the lines of windows that are over");
    assert_eq!(lines.len(), of("kind=verdicts"));
    let one = json(
        &url,
        &format!("/api/v1/history/windows?task={task}&from=2026-03-03T00:00:00Z&to=2026-03-03T01:00:00Z"),
    );
    let starts = list(&one["windows"]);
    assert!(!starts.is_empty() && starts.len() <= 6, "{one}");
    for window in starts {
        assert_eq!(window["task"], task);
        assert!(
            window["window_start"]
                .as_str()
                .is_some_and(|at| at.starts_with("2026-03-03T00")),
            "{window}"
        );
    }
    let problem = get(&url, "/api/v1/history/windows?from=yesterday");
    assert_eq!(problem.status, 400, "{}", problem.body);
    run.crash();
    drop(run.wait(Duration::from_secs(60)));
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("an array").clone()
}

#[test]
fn a_store_that_is_away_stops_nothing_and_gets_everything_when_it_is_back() {
    const SERVER: &str = "moto_server";
    if !Program::are_installed(&[SERVER]) {
        return;
    }
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = Stream::new(&kafka.topics(), "history-away", EVENTS, 8);
    stream.write(&kafka.topics());
    let undisturbed = Monitor::with(kafka, &fixture, &stream, "history-here", "1h", WINDOWS);
    let outcome = undisturbed.undisturbed();
    let expected = all_rows(&undisturbed.path("history"));

    let to = |endpoint: &str| {
        format!(
            "[history]\nurl = \"s3://bucket/of/one\"\nwindow = \"10m\"\n[history.options]\naws_endpoint = \"{endpoint}\"\n\
             allow_http = true\naws_access_key_id = \"key\"\naws_secret_access_key = \"secret\"\naws_region = \"us-east-1\"\n"
        )
    };
    // Nobody listens at the port of discarding.
    let away = to("http://127.0.0.1:9");
    let monitor = Monitor::with(kafka, &fixture, &stream, "history-away", "100ms", &away);
    monitor.complete(&outcome).check(&outcome, "without a store");
    let waiting = files(&monitor.path("state").join("history")).len();
    assert!(waiting > 0, "it waits on this machine");

    let server = Program::start(SERVER, |port| {
        ["-H", "127.0.0.1", "-p", &port.to_string()]
            .map(str::to_owned)
            .into()
    });
    let address = server.address();
    assert_eq!(http(&address, "PUT", "/bucket").0, 200);
    let config = monitor.path("bellwether.toml");
    let written = std::fs::read_to_string(&config).expect("readable");
    let back = written.replace("http://127.0.0.1:9", &server.url());
    std::fs::write(&config, back).expect("writable");
    let (run, _) = monitor.start();
    wait_until_shipped(&monitor);
    run.terminate();
    assert_eq!(run.wait(PATIENCE).code(), Some(0));

    let stored = expected.keys().map(|name| {
        let (status, body) = http(&address, "GET", &format!("/bucket/of/one/{name}"));
        assert_eq!(status, 200, "{name}");
        (name.clone(), rows_of(body).expect("whole Parquet"))
    });
    check(&stored.collect(), &expected, "in the bucket");
    let (_, listing) = http(&address, "GET", "/bucket?list-type=2");
    let listing = String::from_utf8(listing).expect("XML");
    assert_eq!(listing.matches("<Key>").count(), expected.len(), "{listing}");
    report(&format!(
        "a store that was away: counts and lines as without fault, {waiting} files waited, then {} objects in the bucket: \
         rows lost 0, doubled 0",
        expected.len()
    ));
}

/// One request of a client whose signature nobody checks.
fn http(address: &str, method: &str, path: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let path = path.replace("=2026", "%3D2026").replace("kind=", "kind%3D");
    let authorization =
        "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\n\r\n"
    )
    .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    (status, answer.split_off(end + 4))
}
