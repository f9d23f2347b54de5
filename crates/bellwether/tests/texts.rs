//! What of a text is found where, by `[texts]`: a planted secret is looked for in everything that the monitor writes and says.

mod support;

use bellwether_store::read_work_set;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{PATIENCE, Site, labels, program, records, traffic};

/// Words that are nowhere else, and an address that is personal data.
const WORDS: &str = "zanzibarquince";
const MAIL: &str = "ann.secret@mail.example";

/// All that a run left behind and said.
struct Traces {
    /// Files of state, timeline and sets by path, and answers by route, the log as `log`.
    found: Vec<(String, Vec<u8>)>,
    /// The sets themselves, whose files are compressed.
    texts: Vec<String>,
    sets: usize,
}

impl Traces {
    fn places_of(&self, needle: &str) -> Vec<&str> {
        let holds = |bytes: &[u8]| {
            bytes
                .windows(needle.len())
                .any(|w| w.eq_ignore_ascii_case(needle.as_bytes()))
        };
        let mut places: Vec<&str> = self
            .found
            .iter()
            .filter(|(_, bytes)| holds(bytes))
            .map(|f| f.0.as_str())
            .collect();
        if self.texts.iter().any(|text| text.contains(needle)) {
            places.push("sets");
        }
        places
    }
}

fn get(url: &str, path: &str) -> Vec<u8> {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    answer
}

fn body(answer: &[u8]) -> Value {
    let text = String::from_utf8_lossy(answer);
    let (_, body) = text.split_once("\r\n\r\n").expect("an answer");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn files(directory: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one situation from beginning to end")]
/// Runs the monitor on traffic with the secret in each text, until there is a set.
fn run(texts: &str) -> Traces {
    let site = Site::new(&[("predictions", 1), ("labels", 1), ("dead", 1), ("verdicts", 1)]);
    let more = format!(
        "verdicts_topic = \"verdicts\"\n[timeline]\npath = \"timeline.jsonl\"\n[state]\ndirectory = \"state\"\ncheckpoint_interval = \"1s\"\n[work_sets]\ndirectory = \"sets\"\n{texts}"
    );
    let config = site.configure("bellwether.toml", "model.ref", &more);
    let mut rows = traffic(1600);
    for (at, row) in rows.iter_mut().enumerate() {
        row["text"] = json!(format!("{WORDS} number {at}, write to {MAIL}"));
    }
    // One that is refused: its detail must not tell the text either.
    let mut refused = rows[0].clone();
    refused["event_id"] = json!("refused");
    refused["task"] = json!("weather");
    rows.push(refused);
    site.topics().produce("predictions", &records(&rows, 1));
    // From the middle on one task's inputs are others, and its answers wrong: re-train.
    let mut truths = labels(&rows[..1600]);
    for truth in &mut truths {
        let at: usize = truth["event_id"].as_str().expect("a name")[1..]
            .parse()
            .expect("a number");
        if at > 800 && at.is_multiple_of(2) {
            truth["label"] = json!(if truth["label"] == "good" { "bad" } else { "good" });
        }
    }
    site.topics().produce("labels", &records(&truths, 1));
    let run = program(&["run", "--config", &config, "--log", "trace"]);
    let url = run.listening_url(PATIENCE);
    let begun = Instant::now();
    let sets = loop {
        let listed = body(&get(&url, "/api/v1/work-sets"));
        let sets = listed["work_sets"].as_array().expect("a list").clone();
        let model = body(&get(&url, "/api/v1/model"));
        let judged = model["counts"]["observations"]
            .as_u64()
            .is_some_and(|n| n >= 1500);
        if !sets.is_empty() && judged {
            break sets;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no set: {listed} {model}"
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    let mut found = Vec::new();
    let mut routes: Vec<String> = [
        "model",
        "tasks",
        "tasks/mood",
        "tasks/mood/series",
        "timeline",
        "work-sets",
    ]
    .map(|route| format!("/api/v1/{route}"))
    .into();
    routes.push("/metrics".to_owned());
    for set in &sets {
        let id = set["id"].as_str().expect("a name");
        routes.push(format!("/api/v1/work-sets/{id}"));
        let file = get(&url, &format!("/api/v1/work-sets/{id}/file"));
        let start = file.windows(4).position(|w| w == b"\r\n\r\n").expect("a body") + 4;
        assert_eq!(
            std::fs::read(site.path("sets").join(format!("{id}.parquet"))).expect("there"),
            file[start..]
        );
    }
    assert!(get(&url, "/api/v1/work-sets/..%2Fbellwether/file").starts_with(b"HTTP/1.1 404"));
    for route in routes {
        let answer = get(&url, &route);
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{route}: {}",
            String::from_utf8_lossy(&answer)
        );
        found.push((route, answer));
    }
    // A checkpoint with all of it.
    std::thread::sleep(Duration::from_secs(2));
    run.terminate();
    let finished = run.wait(Duration::from_secs(30));
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    found.push((
        "log".to_owned(),
        format!("{}{}", finished.stdout, finished.stderr).into_bytes(),
    ));
    let mut paths = vec![site.path("timeline.jsonl")];
    files(&site.path("state"), &mut paths);
    files(&site.path("sets"), &mut paths);
    for path in paths {
        let kind = if path.starts_with(site.path("state")) {
            "state"
        } else {
            "file"
        };
        found.push((
            format!("{kind} {}", path.display()),
            std::fs::read(&path).expect("readable"),
        ));
    }
    for record in site.topics().all("verdicts") {
        found.push(("verdicts".to_owned(), record.payload.clone()));
    }
    let mut paths = Vec::new();
    files(&site.path("sets"), &mut paths);
    let read: Vec<_> = paths
        .iter()
        .map(|path| read_work_set(path).expect("sound"))
        .collect();
    let texts = read.iter().flat_map(|set| {
        let of_rows = set.rows.iter().filter_map(|row| row.observation.text.clone());
        let of_groups = set.header.groups.iter().flat_map(|g| g.texts.iter().cloned());
        of_rows.chain(of_groups).collect::<Vec<_>>()
    });
    Traces {
        texts: texts.collect(),
        sets: read.len(),
        found,
    }
}

#[test]
fn by_default_a_text_is_found_nowhere() {
    let traces = run("");
    assert!(traces.sets > 0);
    assert_eq!(traces.places_of(WORDS), [""; 0]);
    assert_eq!(traces.places_of(MAIL), [""; 0]);
    assert!(traces.texts.is_empty());
}

#[test]
fn where_it_is_kept_it_is_in_state_and_sets_and_not_in_the_log() {
    // Which also shows that the search finds what is there. Old traffic: sets keep texts for as long as they say.
    let traces = run("[texts]\nkeep = \"plain\"\nretention = \"10000d\"");
    let places = traces.places_of(MAIL);
    assert!(
        places.contains(&"sets") && places.iter().any(|place| place.starts_with("state ")),
        "{places:?}"
    );
    assert!(
        places.iter().any(|place| place.starts_with("/api/v1/work-sets/")),
        "{places:?} {}",
        traces
            .found
            .iter()
            .filter(|f| f.0.starts_with("/api/v1/work-sets"))
            .map(|f| String::from_utf8_lossy(&f.1[f.1.len().saturating_sub(1500)..]).into_owned())
            .collect::<String>()
    );
    for place in ["log", "/metrics", "verdicts", "/api/v1/timeline", "/api/v1/model"] {
        assert!(!places.contains(&place), "{place}");
    }
    assert!(
        !places.iter().any(|place| place.contains("timeline")),
        "{places:?}"
    );
}

#[test]
fn redacted_texts_have_what_is_replaced_and_not_what_was_there() {
    let traces = run("[texts]\nkeep = \"redacted\"\nretention = \"10000d\"");
    assert_eq!(traces.places_of(MAIL), [""; 0]);
    assert!(traces.places_of("write to [email]").contains(&"sets"));
    assert!(traces.texts.iter().any(|text| text.contains(WORDS)));
}

#[test]
fn what_is_older_than_the_retention_is_in_no_set() {
    // The traffic is of a past day, and a set's texts age by the clock.
    let traces = run("[texts]\nkeep = \"plain\"\nretention = \"1d\"");
    assert!(traces.sets > 0);
    assert_eq!(traces.texts, [""; 0]);
}
