//! The bodies of a call: the V1 protocol and the Open Inference Protocol v2, as instances.

use super::invalid;
use super::tensor::Tensor;
use crate::value::Value;
use crate::vector;
use bellwether_events::raw::quote;
use bellwether_events::{Fault, RejectReason};

/// Most instances of one call.
const MAX_INSTANCES: usize = 100_000;

/// One instance of a call: what was asked and what was answered.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) request: Value,
    pub(super) response: Value,
}

/// The instances of a call, in order.
///
/// # Errors
/// A [`Fault`] when the bodies are of no protocol, of two, or do not fit each other.
pub(super) fn instances(request: &Value, response: &Value) -> Result<Vec<Instance>, Fault> {
    if let Some(error) = response.get("error")
        && !matches!(error, Value::Null)
    {
        return Err(invalid(
            "the model answered with an error, so there is no prediction; look at the model's own log"
                .to_owned(),
        ));
    }
    match (response.get("outputs"), response.get("predictions")) {
        (Some(outputs), None) => open_inference(request, response, outputs),
        (None, Some(predictions)) => v1(request, predictions),
        (Some(_), Some(_)) => Err(invalid(
            "the response holds both `predictions` and `outputs`; send one of the two protocols".to_owned(),
        )),
        (None, None) => Err(missing(
            "the response holds neither `predictions` (V1 protocol) nor `outputs` (Open Inference Protocol)",
        )),
    }
}

fn v1(request: &Value, predictions: &Value) -> Result<Vec<Instance>, Fault> {
    let instances = request.get("instances").ok_or_else(|| {
        missing("the request holds no `instances`, though the response holds `predictions`")
    })?;
    let predictions = predictions_list(predictions)?;
    let count = predictions.len();
    let requests: Vec<Value> = match instances {
        Value::List(items) if items.len() == count => items.clone(),
        // Redacted as a whole: there are predictions, and nothing is known of what was asked.
        Value::Null => vec![Value::Null; count],
        Value::List(items) => {
            return Err(invalid(format!(
                "the request has {} instances and the response {count} predictions; each instance needs its own",
                items.len()
            )));
        }
        other => {
            return Err(invalid(format!(
                "`instances` must be an array, found {}",
                other.kind()
            )));
        }
    };
    check_count(count)?;
    Ok(requests
        .into_iter()
        .zip(predictions)
        .map(|(request, response)| Instance {
            request: named(decoded(request), "text", "embedding"),
            response: named(decoded(response), "prediction", "probabilities"),
        })
        .collect())
}

fn predictions_list(predictions: &Value) -> Result<Vec<Value>, Fault> {
    match predictions {
        Value::List(items) => Ok(items.clone()),
        Value::Null => Err(missing("`predictions` is null or redacted")),
        other => Err(invalid(format!(
            "`predictions` must be an array, found {}",
            other.kind()
        ))),
    }
}

/// A bare value under the name of what it must be: a scalar or a list of numbers.
fn named(value: Value, scalar: &str, list: &str) -> Value {
    let name = match &value {
        Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_) => scalar,
        Value::List(_) | Value::Floats(_) | Value::Bytes(_) => list,
        Value::Null | Value::Map(_) => return value,
    };
    Value::Map(vec![(name.to_owned(), value)])
}

/// Binary values as the V1 protocol writes them, `{"b64": "…"}`, at the first two levels of an instance.
fn decoded(value: Value) -> Value {
    let unwrap = |value: Value| {
        if let Value::Map(entries) = &value
            && let [(name, Value::Text(text))] = entries.as_slice()
            && name == "b64"
            && let Some(bytes) = vector::base64(text)
        {
            return String::from_utf8(bytes)
                .map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text);
        }
        value
    };
    match unwrap(value) {
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, unwrap(value)))
                .collect(),
        ),
        other => other,
    }
}

fn open_inference(request: &Value, response: &Value, outputs: &Value) -> Result<Vec<Instance>, Fault> {
    let inputs = request
        .get("inputs")
        .ok_or_else(|| missing("the request holds no `inputs`, though the response holds `outputs`"))?;
    let inputs = tensors("inputs", inputs, request.get("raw_input_contents"))?;
    let outputs = tensors("outputs", outputs, response.get("raw_output_contents"))?;
    if outputs.is_empty() {
        return Err(missing("`outputs` holds no tensor"));
    }
    let count = batch_size(inputs.iter().chain(&outputs))?;
    check_count(count)?;
    let of = |tensors: &[Tensor], index: usize| {
        let entries = tensors
            .iter()
            .map(|tensor| (tensor.name.clone(), tensor.instance(index, count)));
        Value::Map(entries.collect())
    };
    Ok((0..count)
        .map(|index| Instance {
            request: of(&inputs, index),
            response: of(&outputs, index),
        })
        .collect())
}

fn tensors(field: &str, value: &Value, raw: Option<&Value>) -> Result<Vec<Tensor>, Fault> {
    let items = match value {
        Value::List(items) => items.as_slice(),
        Value::Null => &[],
        other => {
            return Err(invalid(format!(
                "`{field}` must be an array of tensors, found {}",
                other.kind()
            )));
        }
    };
    let raw = match raw {
        Some(Value::List(raw)) if raw.len() == items.len() => Some(raw),
        None | Some(Value::Null) => None,
        Some(_) => {
            return Err(invalid(format!(
                "the raw contents of `{field}` must hold one value for each tensor"
            )));
        }
    };
    items
        .iter()
        .enumerate()
        .map(|(at, item)| Tensor::read(item, raw.map(|raw| &raw[at])))
        .collect()
}

/// The number of instances that the tensors' first dimensions agree on. Where they differ and one of them is 1, the others are of
/// one instance without a dimension for it.
fn batch_size<'t>(tensors: impl Iterator<Item = &'t Tensor> + Clone) -> Result<usize, Fault> {
    let firsts = tensors.clone().filter_map(|tensor| tensor.shape.first().copied());
    let (least, most) = firsts.fold((usize::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
    if most == 0 || least == most || least == 1 {
        return Ok(if least == most { least } else { 1 });
    }
    let named: Vec<String> = tensors
        .filter(|tensor| !tensor.shape.is_empty())
        .take(4)
        .map(|tensor| format!("{} has {}", quote(&tensor.name), tensor.shape[0]))
        .collect();
    Err(invalid(format!(
        "the tensors of the call differ in their number of instances ({}); send the same first dimension in each",
        named.join(", ")
    )))
}

fn check_count(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(missing("the call holds no instance")),
        1..=MAX_INSTANCES => Ok(()),
        more => Err(invalid(format!(
            "the call holds {more} instances, and at most {MAX_INSTANCES} are read"
        ))),
    }
}

fn missing(detail: &str) -> Fault {
    Fault::new(RejectReason::MissingField, detail)
}
