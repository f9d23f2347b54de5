//! `[alerts]`: who is told of incidents, how and when.

use super::document::Document;
use bellwether_alerts::{
    Alerts, AlertsConfig, Call, Format, Grouping, Maintenance, Matcher, Receiver, Secret, SigningKey,
    Template, Timing,
};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// The runbooks of this version's alerts.
const RUNBOOKS: &str = "https://github.com/bellwether-monitor/bellwether/blob/main/docs/runbooks";
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// Keys that a receiver may be sent signatures by at one time.
const MOST_KEYS: usize = 4;
const MOST_RECEIVERS: usize = 32;
/// Bounds of how long a receiver may take to answer.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// `source` is what the monitor calls itself.
pub(super) fn alerts(document: &mut Document, base: &Path, source: &str) -> AlertsConfig {
    let directory = document.string("alerts.directory").map(|path| base.join(path));
    let external_url = address(document, "alerts.external_url");
    let runbook_url = address(document, "alerts.runbook_url").unwrap_or_else(|| RUNBOOKS.to_owned());
    let timing = Timings::read(document, "alerts");
    let names = document.tables_in("alerts.receivers");
    if names.len() > MOST_RECEIVERS {
        document.problem(
            "alerts.receivers",
            format!("{} are too many", names.len()),
            &format!("write at most {MOST_RECEIVERS}; a receiver may pass on what it gets"),
        );
    }
    let receivers: Vec<Receiver> = names
        .iter()
        .filter_map(|name| receiver(document, base, name, timing))
        .collect();
    if directory.is_none() && !names.is_empty() {
        document.problem(
            "alerts.receivers",
            "there is no alerts.directory, and a restart would forget what is still to be delivered"
                .to_owned(),
            "write alerts.directory = \"alerts\", a directory of this instance alone that outlives it",
        );
    }
    let windows = document.tables_in("alerts.maintenance");
    let maintenance = windows.iter().filter_map(|name| maintenance(document, name));
    let config = AlertsConfig {
        source: source.to_owned(),
        external_url,
        runbook_url: Some(runbook_url),
        directory,
        receivers,
        maintenance: maintenance.collect(),
    };
    for receiver in &config.receivers {
        if let Err(error) = Alerts::rehearse(&config, receiver) {
            let key = format!("alerts.receivers.{}.template", receiver.name);
            document.problem(
                &key,
                error.to_string(),
                "correct the template; docs/ALERTS.md has what it may use",
            );
        }
    }
    config
}

/// When what stands is said again.
#[derive(Debug, Clone, Copy)]
enum Repeat {
    Never,
    Every(Duration),
}

/// What is said of times; what is not follows the level above.
#[derive(Debug, Clone, Copy, Default)]
struct Timings {
    wait: Option<Duration>,
    interval: Option<Duration>,
    repeat: Option<Repeat>,
}

impl Timings {
    fn read(document: &mut Document, table: &str) -> Self {
        let duration = |document: &mut Document, key: &str| {
            let ms = document.duration_ms(&format!("{table}.{key}"))?;
            Some(Duration::from_millis(ms.unsigned_abs()))
        };
        let wait = duration(document, "group_wait");
        let interval = duration(document, "group_interval");
        let key = format!("{table}.repeat_interval");
        let repeat = if document.is_string(&key, "never") {
            Some(Repeat::Never)
        } else {
            duration(document, "repeat_interval").map(Repeat::Every)
        };
        if matches!(repeat, Some(Repeat::Every(every)) if every < Duration::from_secs(60)) {
            let fix = "write such as \"4h\", or \"never\"";
            document.problem(
                &key,
                "what stands would be said again more often than once a minute".to_owned(),
                fix,
            );
        }
        Self {
            wait,
            interval,
            repeat,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            wait: self.wait.or(other.wait),
            interval: self.interval.or(other.interval),
            repeat: self.repeat.or(other.repeat),
        }
    }

    fn over(self, default: Timing) -> Timing {
        Timing {
            group_wait: self.wait.unwrap_or(default.group_wait),
            group_interval: self.interval.unwrap_or(default.group_interval),
            repeat_interval: match self.repeat {
                None => default.repeat_interval,
                Some(Repeat::Never) => None,
                Some(Repeat::Every(every)) => Some(every),
            },
        }
    }
}

fn receiver(document: &mut Document, base: &Path, name: &str, above: Timings) -> Option<Receiver> {
    let table = format!("alerts.receivers.{name}");
    let key = |name: &str| format!("{table}.{name}");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) {
        document.problem(
            &table,
            "it is a name for metrics and logs".to_owned(),
            "write up to 64 letters, digits, - and _",
        );
    }
    let format = format(document, base, &table);
    let url = document.secret_or_text(&key("url"));
    let url = url.or_else(|| (format == Some(Format::PagerDuty)).then(|| PAGERDUTY.to_owned()));
    let token = document.secret_elsewhere(&key("token"));
    let keys = document.secrets_elsewhere(&key("signing_keys"), MOST_KEYS);
    let headers = document.properties(&key("headers"));
    let authorities = document.string(&key("ca")).map(|path| base.join(path));
    let calls = calls(document, &key("verdicts"));
    let grouping = vec![("incident", Grouping::Incident), ("model", Grouping::Model)];
    let grouping = document.choice(&key("group_by"), grouping);
    let timings = Timings::read(document, &table);
    let timeout = document
        .duration_ms(&key("timeout"))
        .map(|ms| Duration::from_millis(ms.unsigned_abs()));
    let encryption = document.choice(&key("encryption"), vec![("elsewhere", ())]);
    let Some(format) = format else {
        if !document.has(&key("format")) {
            let fix = "write \"webhook\", \"slack\", \"teams\", \"pagerduty\", \"jira\", \"alertmanager\", \"cloudevents\" or \"template\"";
            document.problem(&table, "it has no format".to_owned(), fix);
        }
        return None;
    };
    let Some(url) = url else {
        if !document.has(&key("url")) {
            document.problem(
                &table,
                "it has no url".to_owned(),
                "write url = \"https://…\", or where it stands: \"env:NAME\" or \"file:PATH\"",
            );
        }
        return None;
    };
    let mut receiver = Receiver::new(name, format, url);
    url_problems(
        document,
        &table,
        &receiver,
        token.is_some() && encryption.is_none(),
    );
    misfits(document, &table, &receiver.format, grouping, !keys.is_empty());
    for text in &keys {
        match SigningKey::parse(text) {
            Ok(key) => receiver.keys.push(key),
            Err(problem) => document.problem(
                &key("signing_keys"),
                problem.to_owned(),
                "make one with `echo whsec_$(openssl rand -base64 32)`, and give it to the receiver as well",
            ),
        }
    }
    if timeout.is_some_and(|timeout| !TIMEOUTS.contains(&timeout)) {
        document.problem(
            &key("timeout"),
            "it is out of range".to_owned(),
            "write from \"100ms\" to \"60s\"",
        );
    }
    // An Alertmanager waits and repeats by itself: what is said for all receivers is not meant for it.
    let timings = if receiver.format == Format::Alertmanager {
        timings
    } else {
        timings.or(above)
    };
    receiver.timing = timings.over(receiver.timing);
    receiver.token = token.map(Secret::new);
    receiver.headers = headers
        .into_iter()
        .map(|(name, value)| (name, Secret::new(value)))
        .collect();
    receiver.authorities = authorities;
    receiver.calls = calls.unwrap_or(receiver.calls);
    receiver.grouping = grouping.unwrap_or(receiver.grouping);
    receiver.timeout = timeout.unwrap_or(receiver.timeout);
    Some(receiver)
}

/// What does not fit the format.
fn misfits(
    document: &mut Document,
    table: &str,
    format: &Format,
    grouping: Option<Grouping>,
    has_keys: bool,
) {
    let key = |name: &str| format!("{table}.{name}");
    let one_at_a_time = format.is_one_at_a_time();
    if one_at_a_time && !document.has(&key("token")) {
        document.problem(
            table,
            "the service knows senders by a key, and there is none".to_owned(),
            "write token = \"env:NAME\" or \"file:PATH\"",
        );
    }
    if one_at_a_time && grouping == Some(Grouping::Model) {
        document.problem(
            &key("group_by"),
            "this service is told of one incident at a time".to_owned(),
            "leave the key out",
        );
    }
    let is_signed = matches!(
        format,
        Format::Webhook | Format::CloudEvents | Format::Template(_)
    );
    if !is_signed && has_keys {
        document.problem(
            &key("signing_keys"),
            "this service checks no signatures".to_owned(),
            "leave the key out",
        );
    }
}

fn format(document: &mut Document, base: &Path, table: &str) -> Option<Format> {
    const TEMPLATE: &str = "template";
    let key = format!("{table}.format");
    let template_key = format!("{table}.template");
    let template = document.string(&template_key);
    let content_type = document.string(&format!("{table}.content_type"));
    let known = [
        ("webhook", Some(Format::Webhook)),
        ("cloudevents", Some(Format::CloudEvents)),
        ("alertmanager", Some(Format::Alertmanager)),
        ("slack", Some(Format::Slack)),
        ("teams", Some(Format::Teams)),
        ("pagerduty", Some(Format::PagerDuty)),
        ("jira", Some(Format::Jira)),
        (TEMPLATE, None),
    ];
    let format = document.choice(&key, known.into())?;
    match (format, template) {
        (Some(format), None) => Some(format),
        (Some(_), Some(_)) => {
            document.problem(
                &template_key,
                "this format has a body of its own".to_owned(),
                "write format = \"template\", or leave the template out",
            );
            None
        }
        (None, None) => {
            document.problem(
                &key,
                "there is no template".to_owned(),
                "write template = \"FILE\"",
            );
            None
        }
        (None, Some(path)) => {
            let path = base.join(path);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()));
            let content_type = content_type.unwrap_or_else(|| "application/json".to_owned());
            let template =
                text.and_then(|text| Template::new(text, content_type).map_err(|error| error.to_string()));
            match template {
                Ok(template) => Some(Format::Template(template)),
                Err(problem) => {
                    document.problem(
                        &template_key,
                        problem,
                        "correct the template; docs/ALERTS.md has what it may use",
                    );
                    None
                }
            }
        }
    }
}

/// An address of the web that may be shown.
fn address(document: &mut Document, key: &str) -> Option<String> {
    let url = document.string(key)?;
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
        document.problem(
            key,
            "an address of the web is needed, without name and password".to_owned(),
            "write such as \"https://bellwether.example\"",
        );
        return None;
    }
    Some(url)
}

/// What is wrong with a receiver's address, which is not shown: it may be all that one needs to know.
fn url_problems(document: &mut Document, table: &str, receiver: &Receiver, has_open_token: bool) {
    let key = format!("{table}.url");
    let url = receiver.url.reveal();
    let Some((scheme, rest)) = url
        .split_once("://")
        .filter(|(scheme, _)| ["http", "https"].contains(scheme))
    else {
        document.problem(
            &key,
            "it is no address of the web".to_owned(),
            "write such as \"https://hooks.example/bellwether\"",
        );
        return;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty()
        || authority.contains('@')
        || url.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        document.problem(
            &key,
            "it has no host, or a name and password, or white space".to_owned(),
            "write a plain address, and secrets in token or headers",
        );
    }
    let host = if authority.starts_with('[') {
        authority.split(']').next()
    } else {
        authority.split(':').next()
    };
    let host = host.unwrap_or_default().trim_start_matches('[');
    let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if scheme == "http" && !is_local && has_open_token {
        document.problem(
            &key,
            "the token would go to another machine unencrypted".to_owned(),
            &format!("write https://, or {table}.encryption = \"elsewhere\" where a mesh encrypts"),
        );
    }
}

fn calls(document: &mut Document, key: &str) -> Option<BTreeSet<Call>> {
    let words = document.strings(key, Call::ALL.len())?;
    let mut calls = BTreeSet::new();
    for word in words {
        match Call::ALL.into_iter().find(|call| call.as_str() == word) {
            Some(call) => drop(calls.insert(call)),
            None => document.problem(key, format!("{word:?} is not known here"), "write some of \"watch\", \"retrain\", \"continual_update\", \"new_task\", \"other_encoder\", \"shared_encoder\""),
        }
    }
    Some(calls)
}

fn maintenance(document: &mut Document, name: &str) -> Option<Maintenance> {
    let table = format!("alerts.maintenance.{name}");
    let key = |name: &str| format!("{table}.{name}");
    let time = |document: &mut Document, name: &str| {
        document.parsed::<Time>(&key(name), "an hour such as \"22:30\"")
    };
    let (from, to) = (time(document, "from"), time(document, "to"));
    let zone = match document.string(&key("time_zone")) {
        None => Some(TimeZone::UTC),
        Some(name) => {
            let zone = TimeZone::get(&name).ok();
            if zone.is_none() {
                document.problem(
                    &key("time_zone"),
                    format!("{name:?} is no time zone"),
                    "write such as \"Europe/Vienna\" or \"UTC\"",
                );
            }
            zone
        }
    };
    let days = document.strings(&key("days"), 7);
    let days: Option<Vec<Weekday>> = match days {
        None => Some(Weekday::Monday.cycle_forward().take(7).collect()),
        Some(words) => words
            .iter()
            .map(|word| weekday(document, &key("days"), word))
            .collect(),
    };
    let tasks = document.strings(&key("tasks"), 1000).unwrap_or_default();
    let calls = calls(document, &key("verdicts")).unwrap_or_default();
    for (name, given) in [("from", from), ("to", to)] {
        if given.is_none() && !document.has(&key(name)) {
            document.problem(
                &table,
                format!("it has no {name}"),
                "write from = \"22:00\" and to = \"04:00\"",
            );
        }
    }
    Some(Maintenance {
        name: name.to_owned(),
        matcher: Matcher {
            tasks: tasks.into_iter().collect(),
            calls,
            incident: None,
        },
        days: days?,
        from: from?,
        to: to?,
        zone: zone?,
    })
}

fn weekday(document: &mut Document, key: &str, word: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let found = DAYS.iter().position(|day| *day == word.to_ascii_lowercase());
    let found = found.and_then(|at| Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok());
    if found.is_none() {
        document.problem(key, format!("{word:?} is no day"), "write such as \"saturday\"");
    }
    found
}

#[cfg(test)]
mod tests;
