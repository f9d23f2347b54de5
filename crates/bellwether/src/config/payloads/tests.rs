use super::super::Config;
use super::*;

fn problems(text: &str) -> Vec<String> {
    match Config::parse(text, Path::new("/etc/bellwether")) {
        Ok(config) => panic!("accepted as {config:?}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn accepted(text: &str) -> Payloads {
    match Config::parse(text, Path::new("/etc/bellwether")) {
        Ok(config) => config.payloads,
        Err(problems) => panic!("{problems:?}"),
    }
}

#[test]
fn formats_and_a_mapping_are_read() {
    let payloads = accepted(
        r#"
        [payloads.observations]
        format = "confluent"
        timestamp_unit = "s"
        prediction_form = "index"
        [payloads.observations.fields]
        task = "constant:banking"
        event_id = "kafka:key | meta.id"
        prediction = "response.outputs[name=label].data[0]"
        [payloads.observations.attributes]
        language = "header:lang"
        [payloads.labels]
        format = "sagemaker"
        [payloads.registry]
        url = "https://registry:8081"
        [payloads.kserve]
        max_age = "1h"
        max_records = 7
        "#,
    );
    assert_eq!(
        (payloads.decode.observations, payloads.decode.labels),
        (Format::Confluent, Format::Sagemaker)
    );
    let fields = payloads.decode.observation_fields.expect("a mapping");
    assert_eq!(fields.task.to_string(), "constant:banking");
    assert_eq!(fields.event_id.to_string(), "kafka:key | value:meta.id");
    assert_eq!(
        fields.timestamp.to_string(),
        "value:timestamp",
        "as the contract names it"
    );
    assert_eq!(
        (fields.timestamp_unit, fields.prediction_form),
        (TimeUnit::Seconds, PredictionForm::Index)
    );
    assert_eq!(fields.attribute[0].0, "language");
    assert_eq!(payloads.decode.label_fields, None, "the format's own");
    assert_eq!(
        (
            payloads.decode.pairs.max_age_ms,
            payloads.decode.pairs.max_records
        ),
        (3_600_000, 7)
    );
    assert_eq!(payloads.registry.expect("a registry").timeout, TIMEOUT);
}

#[test]
fn a_mapping_starts_from_the_places_of_its_format() {
    let payloads = accepted(
        "[payloads.observations]\nformat = \"kserve\"\n[payloads.observations.fields]\ntask = \"constant:banking\"",
    );
    let fields = payloads.decode.observation_fields.expect("a mapping");
    assert_eq!(fields.event_id, kserve_fields().event_id);
    assert_eq!(fields.task.to_string(), "constant:banking");
}

#[test]
fn what_is_wrong_is_named_with_key_line_and_fix() {
    let text = r#"[payloads.observations]
format = "sagemaker"
timestamp_unit = "minutes"
[payloads.observations.fields]
tasks = "x"
text = "a..b"
[payloads.observations.attributes]
language = "kafka:offset"
[payloads.labels]
format = "confluent"
[payloads.registri]
url = "x"
[payloads.kserve]
max_records = 0
"#;
    let source_fix = "write a path such as \"response.outputs[name=label].data[0]\", \"header:NAME\", \"kafka:key\", \"kafka:topic\", \"kafka:timestamp\" or \"constant:VALUE\"";
    assert_eq!(
        problems(text),
        [
            "line 2: payloads.observations.format: \"sagemaker\" is not known here; write one of \"auto\", \"json\", \"arrow\", \"protobuf\", \"confluent\", \"kserve\"".to_owned(),
            "line 3: payloads.observations.timestamp_unit: \"minutes\" is not known here; write one of \"s\", \"ms\", \"us\", \"ns\"".to_owned(),
            "line 5: payloads.observations.fields.tasks: there is no such key; did you mean `task`?".to_owned(),
            format!("line 6: payloads.observations.fields.text: \"a..b\" names no place: `a..b` is no path: a name is empty at character 3; {source_fix}"),
            format!("line 8: payloads.observations.attributes.language: \"kafka:offset\" names no place: `kafka:offset` is unknown; a record has kafka:topic, kafka:key and kafka:timestamp; {source_fix}"),
            "line 10: payloads.labels.format: the Confluent wire format needs a schema registry; write payloads.registry.url".to_owned(),
            "line 11: payloads.registri: there is no such key; did you mean `registry`?".to_owned(),
            "line 14: payloads.kserve.max_records: 0 is out of range; write a whole number from 1 to 10000000".to_owned(),
        ]
    );
}

#[test]
fn the_registrys_secret_stands_elsewhere() {
    let registry = |lines: &str| format!("[payloads.registry]\nurl = \"https://registry\"\n{lines}");
    assert_eq!(
        problems(&registry("username = \"alice\"\npassword = \"hunter2\"")),
        [
            "line 4: payloads.registry.password: the secret itself stands in the file; write \"env:NAME\" or \"file:PATH\", and the secret there"
        ]
    );
    assert_eq!(
        problems(&registry("username = \"alice\"")),
        [
            "line 3: payloads.registry.username: there is no password to it; write payloads.registry.password too"
        ]
    );
    let missing = problems(&registry(
        "username = \"alice\"\npassword = \"env:BELLWETHER_TEST_UNSET\"",
    ));
    assert!(
        missing[0].contains("BELLWETHER_TEST_UNSET is not set"),
        "{missing:?}"
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "hunter2\n").expect("it is written");
    let text = registry(&format!(
        "username = \"alice\"\npassword = \"file:{}\"",
        file.path().display()
    ));
    let payloads = accepted(&text);
    assert!(!format!("{payloads:?}").contains("hunter2"));
    let credentials = payloads.registry.and_then(|registry| registry.credentials);
    assert_eq!(credentials.expect("credentials").password, "hunter2");
}

#[test]
fn an_address_that_is_none_and_a_mapping_without_use_are_refused() {
    assert_eq!(
        problems(
            "[payloads.registry]\nurl = \"registry:8081\"\ntimeout = \"2m\"\nauthorities = \"none.pem\""
        )[..2],
        [
            "line 2: payloads.registry.url: `registry:8081` is not an address that starts with http:// or https://; write an address such as \"https://registry:8081\", and names and passwords in their own keys",
            "line 3: payloads.registry.timeout: 120 s is out of range; write a time up to \"60s\": decoding waits for it",
        ]
    );
    assert_eq!(
        problems("[payloads.labels]\nformat = \"arrow\"\ntimestamp_unit = \"s\""),
        [
            "line 2: payloads.labels.format: records of the format \"arrow\" have the contract's columns and take no mapping; remove [payloads.labels.fields] and the other keys of the mapping, or write another format"
        ]
    );
}

#[test]
fn attributes_one_by_one_are_a_table() {
    assert_eq!(
        problems("[payloads.observations]\nattributes = \"meta.tags\""),
        [
            "line 2: payloads.observations.attributes: a table is needed, not a value; write [payloads.observations.attributes] and a key for each name"
        ]
    );
}

#[test]
fn the_documented_examples_are_accepted() {
    let text = include_str!("../../../../../docs/PAYLOADS.md");
    let examples: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let problems = match Config::parse(example, Path::new("")) {
            Ok(_) => Vec::new(),
            Err(problems) => problems,
        };
        // The secret of the example is not in the environment of a test.
        let others: Vec<String> = problems
            .iter()
            .map(ToString::to_string)
            .filter(|problem| !problem.contains("REGISTRY_PASSWORD is not set"))
            .collect();
        assert_eq!(others, Vec::<String>::new(), "{example}");
    }
}
