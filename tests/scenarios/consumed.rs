//! A monitor that has read all that its topics hold.

use crate::fixture::text;
use crate::http::{metric, wait_for_count};
use bellwether_tests::{Binary, Running};
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// Starts the monitor and waits until it has decoded so many observations and labels, and no others; gives the address of
/// its page too.
pub(crate) fn consume(config: &Path, observations: usize, labels: usize) -> (Running, String) {
    let run = Binary::locate().spawn(&["run", "--config", text(config)]);
    let url = run.listening_url(PATIENCE);
    let total = u64::try_from(observations + labels).expect("a count");
    wait_for_count(&url, "/pipeline/decoded", total, PATIENCE);
    let of = |kind: &str| {
        metric(
            &url,
            &format!("bellwether_decoded_records_total{{kind=\"{kind}\"}}"),
        )
    };
    assert_eq!(
        (of("observations"), of("labels")),
        (observations as f64, labels as f64)
    );
    (run, url)
}

/// Stops it as Ctrl-C does.
pub(crate) fn stop(run: Running) {
    run.interrupt();
    let finished = run.wait(Duration::from_secs(30));
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}
