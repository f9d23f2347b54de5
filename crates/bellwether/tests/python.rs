//! The example in Python sends what the monitor takes.

mod support;

use bellwether_tests::wait_until;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{PATIENCE, Site, lines, output, program, traffic};

/// The first Python on the path that has the client.
fn python() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("python3"))
        .find(|python| {
            let tried = Command::new(python)
                .args(["-c", "import confluent_kafka"])
                .output();
            tried.is_ok_and(|output| output.status.success())
        })
}

/// A metric as it is exposed, its labels included.
fn metric(address: &str, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let line = answer
        .lines()
        .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn the_producer_in_python_is_understood() {
    let Some(python) = python() else {
        println!("skipped: no python3 on the path has confluent_kafka");
        return;
    };
    let site = Site::new(&[("predictions", 2), ("labels", 1)]);
    let config = site.configure("bellwether.toml", "model.ref", "");
    let mut requests = traffic(300);
    for request in requests.iter_mut().step_by(3) {
        request["label"] = request["prediction"].clone();
    }
    site.write("requests.jsonl", lines(&requests));
    site.write("canaries.jsonl", output(&["reference", "canaries"]));
    let canaries = std::fs::read_to_string(site.path("canaries.jsonl"))
        .unwrap()
        .lines()
        .count();
    assert!(canaries > 0);

    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/python/produce.py");
    let run = program(&["run", "--config", &config]);
    let url = run.listening_url(PATIENCE);
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let sent = Command::new(python)
        .arg(example)
        .args(["--brokers", site.broker.brokers(), "--requests"])
        .arg(site.path("requests.jsonl"))
        .arg("--canaries")
        .arg(site.path("canaries.jsonl"))
        .output()
        .unwrap();
    assert!(sent.status.success(), "{sent:?}");
    let expected = format!("300 predictions and {canaries} canaries sent, 0 lost\n");
    assert_eq!(String::from_utf8(sent.stdout).unwrap(), expected);

    let is = |name: &str, value: f64| metric(&address, name) == Some(value);
    // This reference knows no canaries: they are counted, and are no observations. The newest of them lets time pass for the rest.
    wait_until("all is judged", PATIENCE, || {
        (is("bellwether_observations_total", 300.0)
            && is("bellwether_labels_total", 100.0)
            && is("bellwether_unknown_canaries_total", canaries as f64))
        .then_some(())
    });
    run.terminate();
    assert_eq!(run.wait(Duration::from_secs(30)).code(), Some(0));
}
