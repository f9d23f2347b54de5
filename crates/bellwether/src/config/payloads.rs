//! What the topics carry: formats, where the columns are in foreign records, and the schema registry.

use super::document::Document;
use bellwether_payloads::{
    Credentials, Format, HttpRegistry, HttpRegistryConfig, LabelFields, ObservationFields, PairLimits,
    PayloadConfig, PredictionForm, RegistryError, Sources, TimeUnit, kserve_fields, sagemaker_fields,
};
use std::path::Path;
use std::time::Duration;

/// Longest and default time for an answer of the registry.
const MAX_TIMEOUT_MS: i64 = 60_000;
const TIMEOUT: Duration = Duration::from_secs(5);

const SOURCE_FIX: &str = "write a path such as \"response.outputs[name=label].data[0]\", \"header:NAME\", \"kafka:key\", \
                          \"kafka:topic\", \"kafka:timestamp\" or \"constant:VALUE\"";

/// How records are read, and where their schemas come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Payloads {
    pub(crate) decode: PayloadConfig,
    pub(crate) registry: Option<HttpRegistryConfig>,
}

pub(super) fn payloads(document: &mut Document, base: &Path) -> Payloads {
    let registry = registry(document, base);
    let observations = format(document, "observations", Format::Sagemaker);
    let labels = format(document, "labels", Format::Kserve);
    let decode = PayloadConfig {
        observations,
        observation_fields: observation_fields(document, observations),
        labels,
        label_fields: label_fields(document, labels),
        pairs: pair_limits(document, PairLimits::default()),
    };
    for (topic, format, mapped) in [
        ("observations", observations, decode.observation_fields.is_some()),
        ("labels", labels, decode.label_fields.is_some()),
    ] {
        let key = format!("payloads.{topic}.format");
        if format == Format::Confluent && registry.is_none() {
            document.problem(
                &key,
                "the Confluent wire format needs a schema registry".to_owned(),
                "write payloads.registry.url",
            );
        }
        if mapped && matches!(format, Format::Arrow | Format::Protobuf) {
            document.problem(
                &key,
                format!("records of the format {:?} have the contract's columns and take no mapping", format.as_str()),
                &format!("remove [payloads.{topic}.fields] and the other keys of the mapping, or write another format"),
            );
        }
    }
    Payloads { decode, registry }
}

fn format(document: &mut Document, topic: &str, of_the_other: Format) -> Format {
    let key = format!("payloads.{topic}.format");
    let known = Format::ALL.into_iter().filter(|format| *format != of_the_other);
    document
        .choice(&key, known.map(|format| (format.as_str(), format)).collect())
        .unwrap_or_default()
}

fn sources(document: &mut Document, key: &str) -> Option<Sources> {
    let text = document.string(key)?;
    parsed(document, key, &text)
}

fn parsed(document: &mut Document, key: &str, text: &str) -> Option<Sources> {
    match text.parse() {
        Ok(sources) => Some(sources),
        Err(error) => {
            document.problem(key, format!("{text:?} names no place: {error}"), SOURCE_FIX);
            None
        }
    }
}

fn time_unit(document: &mut Document, topic: &str) -> Option<TimeUnit> {
    let units = vec![
        ("s", TimeUnit::Seconds),
        ("ms", TimeUnit::Milliseconds),
        ("us", TimeUnit::Microseconds),
        ("ns", TimeUnit::Nanoseconds),
    ];
    document.choice(&format!("payloads.{topic}.timestamp_unit"), units)
}

/// The format's own places with those that are written; none when none is written.
fn observation_fields(document: &mut Document, format: Format) -> Option<ObservationFields> {
    let mut fields = match format {
        Format::Kserve => kserve_fields(),
        _ => ObservationFields::default(),
    };
    let written = ["fields", "attributes", "timestamp_unit", "prediction_form"]
        .iter()
        .any(|key| document.has(&format!("payloads.observations.{key}")));
    for (name, field) in [
        ("task", &mut fields.task),
        ("event_id", &mut fields.event_id),
        ("timestamp", &mut fields.timestamp),
    ] {
        if let Some(sources) = sources(document, &format!("payloads.observations.fields.{name}")) {
            *field = sources;
        }
    }
    for (name, field) in [
        ("text", &mut fields.text),
        ("embedding", &mut fields.embedding),
        ("prediction", &mut fields.prediction),
        ("probabilities", &mut fields.probabilities),
        ("model_version", &mut fields.model_version),
        ("encoder_version", &mut fields.encoder_version),
        ("attributes", &mut fields.attributes),
    ] {
        if let Some(sources) = sources(document, &format!("payloads.observations.fields.{name}")) {
            *field = Some(sources);
        }
    }
    fields.timestamp_unit = time_unit(document, "observations").unwrap_or_default();
    let forms = vec![("label", PredictionForm::Label), ("index", PredictionForm::Index)];
    fields.prediction_form = document
        .choice("payloads.observations.prediction_form", forms)
        .unwrap_or_default();
    for (name, text) in document.texts("payloads.observations.attributes") {
        let key = format!("payloads.observations.attributes.{name}");
        fields
            .attribute
            .extend(parsed(document, &key, &text).map(|sources| (name, sources)));
    }
    written.then_some(fields)
}

fn label_fields(document: &mut Document, format: Format) -> Option<LabelFields> {
    let mut fields = match format {
        Format::Sagemaker => sagemaker_fields(),
        _ => LabelFields::default(),
    };
    let written = ["fields", "timestamp_unit"]
        .iter()
        .any(|key| document.has(&format!("payloads.labels.{key}")));
    for (name, field) in [
        ("event_id", &mut fields.event_id),
        ("timestamp", &mut fields.timestamp),
        ("label", &mut fields.label),
    ] {
        if let Some(sources) = sources(document, &format!("payloads.labels.fields.{name}")) {
            *field = sources;
        }
    }
    fields.timestamp_unit = time_unit(document, "labels").unwrap_or_default();
    written.then_some(fields)
}

fn pair_limits(document: &mut Document, defaults: PairLimits) -> PairLimits {
    let mut limits = defaults;
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if let Some(n) = document.integer("payloads.kserve.max_records", 1..=10_000_000) {
        limits.max_records = size(n);
    }
    if let Some(n) = document.integer("payloads.kserve.max_bytes", 65_536..=1 << 36) {
        limits.max_bytes = size(n);
    }
    if let Some(ms) = document.duration_ms("payloads.kserve.max_age") {
        limits.max_age_ms = ms;
    }
    limits
}

fn registry(document: &mut Document, base: &Path) -> Option<HttpRegistryConfig> {
    let url = document.string("payloads.registry.url");
    let username = document.string("payloads.registry.username");
    let has_password = document.has("payloads.registry.password");
    let password = document.secret_elsewhere("payloads.registry.password");
    let authorities = document.string("payloads.registry.authorities").and_then(|path| {
        match std::fs::read(base.join(&path)) {
            Ok(pem) => Some(pem),
            Err(error) => {
                document.problem(
                    "payloads.registry.authorities",
                    format!("cannot read {path}: {error}"),
                    "correct the path of the PEM file, or leave the key out for the public authorities",
                );
                None
            }
        }
    });
    let timeout = document
        .duration_ms("payloads.registry.timeout")
        .map_or(TIMEOUT, |ms| {
            if !(1..=MAX_TIMEOUT_MS).contains(&ms) {
                document.problem(
                    "payloads.registry.timeout",
                    format!("{} s is out of range", ms as f64 / 1000.0),
                    "write a time up to \"60s\": decoding waits for it",
                );
            }
            Duration::from_millis(ms.unsigned_abs())
        });
    for (here, there, missing) in [
        ("username", "password", username.is_some() && !has_password),
        ("password", "username", has_password && username.is_none()),
    ] {
        if missing {
            document.problem(
                &format!("payloads.registry.{here}"),
                format!("there is no {there} to it"),
                &format!("write payloads.registry.{there} too"),
            );
        }
    }
    let credentials = username
        .zip(password)
        .map(|(username, password)| Credentials { username, password });
    let config = HttpRegistryConfig {
        url: url?,
        credentials,
        authorities,
        timeout,
    };
    if let Err(error) = HttpRegistry::new(&config) {
        let (key, fix) = match error {
            RegistryError::Url(_) => (
                "payloads.registry.url",
                "write an address such as \"https://registry:8081\", and names and passwords in their own keys",
            ),
            RegistryError::Authorities => (
                "payloads.registry.authorities",
                "name a file with `-----BEGIN CERTIFICATE-----`",
            ),
        };
        document.problem(key, error.to_string(), fix);
    }
    Some(config)
}

#[cfg(test)]
mod tests;
