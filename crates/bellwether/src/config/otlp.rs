//! `[otlp]`: the metrics pushed to a collector.

use super::document::Document;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// Where metrics are pushed to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OtlpSettings {
    pub(crate) endpoint: String,
    pub(crate) interval: Duration,
    pub(crate) headers: BTreeMap<String, String>,
}

impl fmt::Debug for OtlpSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OtlpSettings")
            .field("endpoint", &self.endpoint)
            .field("interval", &self.interval)
            .field("headers", &self.headers.keys())
            .finish()
    }
}

pub(super) fn otlp(document: &mut Document) -> Option<OtlpSettings> {
    const ENDPOINT: &str = "otlp.endpoint";
    let endpoint = document.string(ENDPOINT);
    let interval = document.duration_ms("otlp.interval");
    let interval = interval.map_or(DEFAULT_INTERVAL, |ms| Duration::from_millis(ms.unsigned_abs()));
    let headers = document.properties("otlp.headers");
    let endpoint = endpoint?;
    let rest = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"));
    // A name and password in the address would end up in logs.
    if rest.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
        document.problem(
            ENDPOINT,
            "the address of a collector is needed, without name and password".to_owned(),
            "write such as \"http://localhost:4318/v1/metrics\", and secrets in [otlp.headers]",
        );
    }
    if interval < Duration::from_secs(1) {
        document.problem(
            "otlp.interval",
            "the interval is shorter than a second".to_owned(),
            "write such as \"30s\"",
        );
    }
    Some(OtlpSettings {
        endpoint,
        interval,
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn the_collector_is_an_address_and_secrets_are_not_shown() {
        let parse = |text: &str| Config::parse(text, Path::new(""));
        assert_eq!(parse("").expect("no problem").otlp, None);
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("key");
        std::fs::write(&file, "very secret\n").expect("writable");
        let text = format!(
            "[otlp]\nendpoint = \"https://collector:4318/v1/metrics\"\n[otlp.headers]\napi-key = \"file:{}\"\n",
            file.display()
        );
        let otlp = parse(&text).expect("no problem").otlp.expect("configured");
        assert_eq!(otlp.interval, Duration::from_secs(30));
        assert_eq!(otlp.headers["api-key"], "very secret");
        assert!(!format!("{otlp:?}").contains("very secret"));
        let problems = parse("[otlp]\nendpoint = \"http://me:secret@collector\"\ninterval = \"10ms\"\n");
        let problems: Vec<String> = problems
            .expect_err("two")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems.iter().all(|problem| !problem.contains("me:secret")),
            "{problems:?}"
        );
    }
}
