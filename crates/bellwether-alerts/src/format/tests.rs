use super::*;
use crate::incident::{Call, End};
use crate::policy::Occasion;
use crate::settings::Secret;
use crate::tests::incident;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_773_450_000_123;

fn config() -> AlertsConfig {
    AlertsConfig {
        source: "intents".to_owned(),
        external_url: Some("https://bellwether.example/".to_owned()),
        runbook_url: Some("https://bellwether.example/runbooks".to_owned()),
        ..AlertsConfig::default()
    }
}

fn item(incident: Incident) -> Item {
    Item {
        firing: incident.is_firing(),
        incident,
        acknowledged_by: None,
        is_news: true,
        is_acknowledgement: false,
    }
}

fn notice(items: Vec<Item>) -> Notice {
    Notice {
        id: "msg_1".to_owned(),
        group: String::new(),
        occasion: Occasion::News,
        items,
    }
}

fn over(mut incident: Incident) -> Incident {
    incident.revision += 1;
    incident.end = Some(End::Recovered);
    incident
}

fn sent(format: Format, notice: &Notice) -> (Request, Value) {
    let mut receiver = Receiver::new("on-call", format, "https://example.com/hook");
    receiver.token = Some(Secret::new("very-secret"));
    let config = config();
    let context = Context {
        config: &config,
        receiver: &receiver,
        now_ms: NOW_MS,
    };
    let request = request(context, notice).expect("it can be made");
    let body = serde_json::from_slice(&request.body).expect("JSON");
    (request, body)
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut headers = request.headers.iter();
    headers
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn the_webhook_has_all_that_alertmanager_writes_and_the_line_of_the_timeline() {
    let notice = notice(vec![
        item(incident(&["a", "b"], Call::SharedEncoder)),
        item(over(incident(&["söme task"], Call::Retrain))),
    ]);
    let (request, body) = sent(Format::Webhook, &notice);
    assert_eq!(header(&request, "webhook-id"), Some("msg_1"));
    assert_eq!(header(&request, "webhook-timestamp"), Some("1773450000"));
    assert_eq!(header(&request, "authorization"), Some("Bearer very-secret"));
    // The names that a running Alertmanager sends.
    for name in [
        "receiver",
        "status",
        "alerts",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "version",
        "groupKey",
        "truncatedAlerts",
    ] {
        assert!(!body[name].is_null(), "{name}");
    }
    assert_eq!(
        (&body["version"], &body["status"]),
        (&json!("4"), &json!("firing"))
    );
    assert_eq!(body["commonLabels"], json!({"monitor": "intents"}));
    let [shared, task] = [0, 1].map(|at| &body["alerts"][at]);
    for name in [
        "status",
        "labels",
        "annotations",
        "startsAt",
        "endsAt",
        "generatorURL",
        "fingerprint",
    ] {
        assert!(!shared[name].is_null(), "{name}");
    }
    assert_eq!(shared["labels"]["alertname"], "BellwetherSharedEncoder");
    assert_eq!(shared["labels"]["severity"], "critical");
    assert_eq!(shared["labels"].get("task"), None);
    assert_eq!(shared["annotations"]["tasks"], "a, b");
    assert_eq!(
        shared["annotations"]["runbook_url"],
        "https://bellwether.example/runbooks/shared-encoder.md"
    );
    assert_eq!(shared["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(
        (&task["status"], &task["endsAt"]),
        (&json!("resolved"), &json!("2026-03-14T00:00:00.000Z"))
    );
    assert_eq!(
        task["generatorURL"],
        "https://bellwether.example/#/task/s%C3%B6me%20task"
    );
    assert_eq!(task["record"]["evidence"]["observations"], 812);
}

#[test]
fn a_cloud_event_has_what_the_specification_asks_for() {
    let one = notice(vec![item(incident(&["a"], Call::Retrain))]);
    let (request, event) = sent(Format::CloudEvents, &one);
    assert_eq!(
        header(&request, "content-type"),
        Some("application/cloudevents+json; charset=UTF-8")
    );
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", "msg_1"),
        ("source", "/bellwether/intents"),
        ("type", "io.bellwether.alert.v1"),
        ("time", "2026-03-14T00:00:00.000Z"),
        ("subject", "a"),
        ("datacontenttype", "application/json"),
    ] {
        assert_eq!(event[name], value, "{name}");
    }
    assert_eq!(event["data"]["version"], "4");
}

#[test]
fn an_alertmanager_is_told_that_the_verdict_before_is_over() {
    let mut changed = incident(&["a"], Call::Watch);
    changed.call = Call::Retrain;
    changed.called.insert(Call::Retrain);
    "2026-03-14T01:02:00Z".clone_into(&mut changed.opened);
    let (request, alerts) = sent(Format::Alertmanager, &notice(vec![item(changed)]));
    assert_eq!(request.path, "/api/v2/alerts");
    let told: Vec<(&Value, &Value)> = alerts
        .as_array()
        .expect("a list")
        .iter()
        .map(|alert| (&alert["labels"]["verdict"], &alert["endsAt"]))
        .collect();
    // The incident begins after the clock's time, and an end before that would be refused.
    let begins = json!("2026-03-14T01:02:00Z");
    assert_eq!(
        told,
        [
            (&json!("watch"), &begins),
            (&json!("retrain"), &json!("2026-03-14T01:04:00.123Z"))
        ]
    );
}

#[test]
fn a_message_of_slack_is_within_its_limits_and_calls_nobody() {
    let long = "x".repeat(4000);
    let mut items: Vec<Item> = (0..40)
        .map(|n| item(incident(&[&format!("task{n}")], Call::Retrain)))
        .collect();
    items[0].incident.said.summary = format!("<!channel> & {long}");
    let (_, body) = sent(Format::Slack, &notice(items));
    let blocks = body["blocks"].as_array().expect("a list");
    assert!(blocks.len() <= 50, "{}", blocks.len());
    let text = |block: &Value| {
        block["text"]["text"]
            .as_str()
            .map(str::to_owned)
            .unwrap_or_default()
    };
    assert!(text(&blocks[0]).chars().count() <= 150);
    let section = text(&blocks[1]);
    assert!(
        section.chars().count() <= 3000 && section.contains("&lt;!channel&gt; &amp;"),
        "{section}"
    );
    assert!(section.ends_with("<https://bellwether.example/#/task/task0|Page> · <https://bellwether.example/runbooks/retrain.md|Runbook>"));
    assert_eq!(body["text"], "40 incidents stand");
    assert_eq!(blocks.last().expect("one")["elements"][0]["text"], "and 25 more");
}

#[test]
fn a_card_of_teams_has_what_a_workflow_takes() {
    let (_, body) = sent(
        Format::Teams,
        &notice(vec![item(over(incident(&["a_b"], Call::Retrain)))]),
    );
    let attachment = &body["attachments"][0];
    assert_eq!(
        attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachment["content"];
    assert_eq!(
        (&card["type"], &card["version"]),
        (&json!("AdaptiveCard"), &json!("1.2"))
    );
    assert_eq!(card["body"][1]["text"], "Over: a\\_b needs re-training");
    assert_eq!(card["body"][1]["color"], "Good");
    assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
}

#[test]
fn pagerduty_has_one_key_from_trigger_to_resolve() {
    let opened = incident(&["a"], Call::Retrain);
    let mut taken = item(opened.clone());
    taken.is_acknowledgement = true;
    let steps = [item(opened.clone()), taken, item(over(opened.clone()))].map(|item| {
        let (request, event) = sent(Format::PagerDuty, &notice(vec![item]));
        assert_eq!(header(&request, "authorization"), None, "the key is in the body");
        assert_eq!(
            (&event["routing_key"], &event["dedup_key"]),
            (&json!("very-secret"), &json!(opened.key))
        );
        event["event_action"]
            .as_str()
            .map(str::to_owned)
            .unwrap_or_default()
    });
    assert_eq!(steps, ["trigger", "acknowledge", "resolve"]);
    let mut long = item(opened);
    long.incident.said.summary = "ü".repeat(5000);
    let (_, event) = sent(Format::PagerDuty, &notice(vec![long]));
    let payload = &event["payload"];
    assert_eq!(
        payload["summary"].as_str().map(|text| text.chars().count()),
        Some(1024)
    );
    assert_eq!(
        (&payload["severity"], &payload["source"], &payload["component"]),
        (&json!("warning"), &json!("intents"), &json!("a"))
    );
}

#[test]
fn jira_is_asked_to_create_and_to_close_by_the_same_alias() {
    let opened = incident(&["a"], Call::SharedEncoder);
    let (request, body) = sent(Format::Jira, &notice(vec![item(opened.clone())]));
    assert_eq!(request.path, "/v2/alerts");
    assert_eq!(header(&request, "authorization"), Some("GenieKey very-secret"));
    assert_eq!(
        (&body["alias"], &body["priority"]),
        (&json!(opened.key), &json!("P1"))
    );
    let (request, _) = sent(Format::Jira, &notice(vec![item(over(opened.clone()))]));
    assert_eq!(
        request.path,
        format!("/v2/alerts/{}/close?identifierType=alias", opened.key)
    );
}

#[test]
fn a_template_makes_what_it_says_and_its_faults_are_named_with_their_line() {
    let text = "{\"n\": {{ alerts|length }}, \"who\": {{ alerts[0].labels.task|tojson }}}";
    let template = Template::new(text, "application/vnd.own+json").expect("a template");
    let one = notice(vec![item(incident(&["a\"b"], Call::Retrain))]);
    let (request, body) = sent(Format::Template(template), &one);
    assert_eq!(body, json!({"n": 1, "who": "a\"b"}));
    assert_eq!(header(&request, "content-type"), Some("application/vnd.own+json"));
    assert_eq!(
        header(&request, "webhook-id"),
        Some("msg_1"),
        "it can be signed as well"
    );
    let problem = Template::new("a\n{{ b", "text/plain")
        .expect_err("it has no end")
        .to_string();
    assert!(problem.starts_with("line 2: syntax error"), "{problem}");
    for (text, said) in [
        ("{{ alerst|length }}", "undefined"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "fuel",
        ),
    ] {
        let template = Template::new(text, "text/plain").expect("a template");
        let receiver = Receiver::new("own", Format::Template(template), "http://localhost");
        let context = Context {
            config: &config(),
            receiver: &receiver,
            now_ms: NOW_MS,
        };
        let problem = request_problem(context, &one);
        assert!(problem.contains(said), "{problem}");
    }
}

fn request_problem(context: Context<'_>, notice: &Notice) -> String {
    super::request(context, notice).expect_err("it fails").to_string()
}
