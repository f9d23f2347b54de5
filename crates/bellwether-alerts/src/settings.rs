//! Who is told, of what, how and when.

use crate::format::Format;
use crate::incident::Call;
use crate::sign::SigningKey;
use crate::silence::Maintenance;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be sent where it belongs and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// Everything that is configured of alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertsConfig {
    /// What this monitor calls itself; part of every incident's key.
    pub source: String,
    /// Where people find the page, such as `https://bellwether.example`; links lead there.
    pub external_url: Option<String>,
    /// Where runbooks are.
    pub runbook_url: Option<String>,
    /// Where it is kept what is still to be delivered; in memory only without.
    pub directory: Option<PathBuf>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// When nobody is told.
    pub maintenance: Vec<Maintenance>,
}

/// What belongs together in one notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Each incident has its own.
    Incident,
    /// All incidents of the model.
    Model,
}

/// When notices are sent; the words and their defaults are Alertmanager's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long the first notice of a group waits for more of the same.
    pub group_wait: Duration,
    /// Shortest time between a notice of a group and one of its changes. What becomes more urgent does not wait for it.
    pub group_interval: Duration,
    /// After so long, what still stands is said again; never without.
    pub repeat_interval: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Some(Duration::from_secs(4 * 3600)),
        }
    }
}

/// One who is told.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Its name in the configuration, the metrics and the log.
    pub name: String,
    /// What it understands.
    pub format: Format,
    /// Where notices are posted to. Whoever knows it can post as well, so it is a secret.
    pub url: Secret,
    /// Keys that notices are signed with: the newest first, and those that it may still have.
    pub keys: Vec<SigningKey>,
    /// What the service knows the sender by: `PagerDuty`'s routing key, Jira's API key, a bearer token for others.
    pub token: Option<Secret>,
    /// Headers of each request.
    pub headers: BTreeMap<String, Secret>,
    /// Certificates of authorities that sign for it, beside the usual ones: PEM.
    pub authorities: Option<PathBuf>,
    /// What it is told of.
    pub calls: BTreeSet<Call>,
    /// What belongs together.
    pub grouping: Grouping,
    /// When it is told.
    pub timing: Timing,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// Shortest time between two requests.
    pub spacing: Duration,
}

impl Receiver {
    /// A receiver with everything else as it is by default.
    #[must_use]
    pub fn new(name: impl Into<String>, format: Format, url: impl Into<String>) -> Self {
        let grouping = format.grouping();
        Self {
            name: name.into(),
            timing: format.timing(),
            spacing: format.spacing(),
            format,
            url: Secret::new(url),
            keys: Vec::new(),
            token: None,
            headers: BTreeMap::new(),
            authorities: None,
            calls: Call::ALL
                .into_iter()
                .filter(|call| *call != Call::Watch)
                .collect(),
            grouping,
            timeout: Duration::from_secs(10),
        }
    }

    /// Scheme and host of its address, which may be shown.
    #[must_use]
    pub fn place(&self) -> String {
        let url = self.url.reveal();
        let Some((scheme, rest)) = url.split_once("://") else {
            return "…".to_owned();
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}")
    }
}
