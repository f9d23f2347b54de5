use super::super::Config;
use super::*;

fn parse(text: &str, base: &Path) -> Result<AlertsConfig, Vec<String>> {
    let parsed = Config::parse(text, base);
    parsed
        .map(|config| config.alerts)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn receivers_of_all_formats_are_read_and_no_secret_is_shown() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writable");
    write("key", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n");
    write("token", "very-secret\n");
    write("slack", "https://hooks.slack.example/services/very-secret\n");
    write("own.j2", "{{ alerts|length }}");
    let file = |name: &str| format!("\"file:{}\"", folder.path().join(name).display());
    let (key, token, slack) = (file("key"), file("token"), file("slack"));
    let text = format!(
        r#"
[kafka]
group_id = "intents"
[alerts]
directory = "alerts"
external_url = "https://bellwether.example"
group_wait = "1m"
repeat_interval = "never"
[alerts.receivers.hook]
format = "webhook"
url = "https://hooks.example/in"
signing_keys = [{key}]
verdicts = ["watch", "retrain"]
group_by = "incident"
timeout = "3s"
[alerts.receivers.hook.headers]
x-key = {token}
[alerts.receivers.chat]
format = "slack"
url = {slack}
repeat_interval = "1h"
[alerts.receivers.pager]
format = "pagerduty"
token = {token}
[alerts.receivers.am]
format = "alertmanager"
url = "http://alertmanager:9093"
[alerts.receivers.own]
format = "template"
template = "own.j2"
content_type = "text/plain"
url = "http://127.0.0.1:9000"
[alerts.maintenance.nightly]
days = ["saturday", "Sunday"]
from = "22:00"
to = "04:00"
time_zone = "Europe/Vienna"
tasks = ["banking"]
"#
    );
    let alerts = parse(&text, folder.path()).expect("no problem");
    assert_eq!(alerts.source, "intents");
    assert_eq!(alerts.directory.as_deref(), Some(&*folder.path().join("alerts")));
    let by_name = |name: &str| {
        alerts
            .receivers
            .iter()
            .find(|receiver| receiver.name == name)
            .expect(name)
    };
    let hook = by_name("hook");
    assert_eq!(hook.calls, [Call::Watch, Call::Retrain].into());
    assert_eq!(
        (hook.keys.len(), hook.grouping, hook.timeout),
        (1, Grouping::Incident, Duration::from_secs(3))
    );
    assert_eq!(
        (hook.timing.group_wait, hook.timing.repeat_interval),
        (Duration::from_secs(60), None)
    );
    assert_eq!(hook.headers["x-key"].reveal(), "very-secret");
    assert_eq!(
        by_name("chat").timing.repeat_interval,
        Some(Duration::from_secs(3600))
    );
    assert_eq!(by_name("pager").url.reveal(), PAGERDUTY);
    assert_eq!(
        by_name("am").timing.group_wait,
        Duration::ZERO,
        "what is said for all is not meant for it"
    );
    assert!(matches!(by_name("own").format, Format::Template(_)));
    assert_eq!(alerts.maintenance[0].days, [Weekday::Saturday, Weekday::Sunday]);
    assert!(!format!("{alerts:?}").contains("very-secret"));
}

#[test]
fn what_is_missing_or_does_not_fit_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("token");
    std::fs::write(&file, "whsec_short").expect("writable");
    let secret = format!("\"file:{}\"", file.display());
    std::fs::write(folder.path().join("typo.j2"), "{{ alerst|length }}").expect("writable");
    let problems = |text: &str| parse(text, folder.path()).expect_err(text).join("\n");
    let without = problems("[alerts.receivers.a]\nformat = \"webhook\"\nurl = \"https://a\"");
    assert!(
        without.contains("line 1: alerts.receivers: there is no alerts.directory"),
        "{without}"
    );
    for (receiver, said) in [
        (
            "url = \"https://a\"",
            "line 3: alerts.receivers.a: it has no format",
        ),
        (
            "format = \"webhook\"",
            "line 3: alerts.receivers.a: it has no url",
        ),
        (
            "format = \"webhook\"\nurl = \"ftp://a\"",
            "line 5: alerts.receivers.a.url: it is no address",
        ),
        (
            "format = \"slack\"\nurl = \"https://me:pass@a\"",
            "line 5: alerts.receivers.a.url: it has no host, or a name",
        ),
        (
            "format = \"slack\"\nurl = \"env:BELLWETHER_TEST_UNSET\"",
            "BELLWETHER_TEST_UNSET is not set",
        ),
        (
            "format = \"pagerduty\"",
            "line 3: alerts.receivers.a: the service knows senders by a key",
        ),
        (
            "format = \"pagerduty\"\ntoken = \"written\"",
            "the secret itself stands in the file",
        ),
        (
            &format!("format = \"jira\"\nurl = \"http://jira:80\"\ntoken = {secret}"),
            "the token would go to another machine unencrypted",
        ),
        (
            &format!("format = \"jira\"\nurl = \"https://j\"\ntoken = {secret}\ngroup_by = \"model\""),
            "told of one incident at a time",
        ),
        (
            &format!("format = \"webhook\"\nurl = \"https://a\"\nsigning_keys = [{secret}]"),
            "what follows whsec_ is not",
        ),
        (
            &format!("format = \"slack\"\nurl = \"https://a\"\nsigning_keys = [{secret}]"),
            "checks no signatures",
        ),
        (
            "format = \"webhook\"\nurl = \"https://a\"\nsigning_keys = [\"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\"]",
            "the secret itself stands in the file",
        ),
        (
            "format = \"template\"\nurl = \"https://a\"",
            "there is no template",
        ),
        (
            "format = \"template\"\nurl = \"https://a\"\ntemplate = \"none.j2\"",
            "cannot read",
        ),
        (
            "format = \"template\"\nurl = \"https://a\"\ntemplate = \"typo.j2\"",
            "line 6: alerts.receivers.a.template: receiver `a`: its template fails: line 1: undefined",
        ),
        (
            "format = \"webhook\"\nurl = \"https://a\"\nverdicts = [\"drift\"]",
            "\"drift\" is not known here",
        ),
        (
            "format = \"webhook\"\nurl = \"https://a\"\nrepeat_interval = \"1s\"",
            "more often than once a minute",
        ),
        (
            "format = \"webhook\"\nurl = \"https://a\"\ntimeout = \"1h\"",
            "it is out of range",
        ),
        (
            "format = \"webhook\"\nurl = \"https://a\"\nurls = \"b\"",
            "there is no such key",
        ),
    ] {
        let said_of = problems(&format!(
            "[alerts]\ndirectory = \"alerts\"\n[alerts.receivers.a]\n{receiver}"
        ));
        assert!(said_of.contains(said), "{receiver}: {said_of}");
        assert!(!said_of.contains("me:pass"), "{said_of}");
    }
}

#[test]
fn a_window_of_maintenance_has_hours_days_and_a_zone() {
    let problems = |text: &str| parse(text, Path::new("")).expect_err(text).join("\n");
    let window =
        problems("[alerts.maintenance.m]\nfrom = \"25:00\"\ndays = [\"caturday\"]\ntime_zone = \"Mars\"");
    for said in [
        "\"25:00\" cannot be read",
        "\"caturday\" is no day",
        "\"Mars\" is no time zone",
        "it has no to",
    ] {
        assert!(window.contains(said), "{window}");
    }
}
