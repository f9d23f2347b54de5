//! The description of the API as `OpenAPI` 3.1, made from the routes.
//!
//! What holds for all of them is written here once: who may ask, which answers the guards give, that errors have one shape, and
//! that a value which does not exist is `null` and not left out.

use crate::access::Role;
use crate::problem::{PROBLEM_JSON, ProblemView};
use crate::routes::{self, Routes};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use utoipa::openapi::OpenApi;
use utoipa::{PartialSchema, ToSchema};

const DESCRIPTION: &str = "A production drift and performance monitor for multi-task NLP models. \
    Times are RFC 3339 in UTC, and a value that does not exist is `null`.";

/// What a refusal of the guards stands for.
const REFUSALS: [(&str, &str); 7] = [
    ("401", "`unauthorized`: the token is missing or wrong"),
    (
        "403",
        "`forbidden_host`: the request was sent to a foreign name; `forbidden_role`: the token only reads; \
         `forbidden_origin`: another web site sent it",
    ),
    ("408", "`timeout`: the request took too long"),
    (
        "413",
        "`body_too_large`: the body is longer than the server takes",
    ),
    ("415", "`unsupported_media_type`: the body is of another kind"),
    (
        "429",
        "`too_many_requests`: this client asks more often than it may",
    ),
    ("503", "`too_many_connections`: as many as the server allows"),
];

/// The description of the API, as `docs/openapi.json` holds it and `/api/v1/openapi.json` answers it.
#[must_use]
pub fn openapi_json() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
        text.push('\n');
        text
    });
    &TEXT
}

fn document() -> Value {
    let Routes {
        open,
        read,
        operate,
        upload,
    } = routes::all();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bellwether",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {},
        "components": {
            "schemas": {ProblemView::name(): ProblemView::schema()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The token"},
                "password": {"type": "http", "scheme": "basic", "description": "Any user, with the token as password"},
            },
        },
    });
    for (role, routes) in [
        (None, open.into_openapi()),
        (Some(Role::Read), read.into_openapi()),
        (Some(Role::Operate), operate.into_openapi()),
        (Some(Role::Operate), upload.into_openapi()),
    ] {
        add(&mut document, role, &routes);
    }
    complete_answers(&mut document);
    document
}

/// Adds routes of one role.
fn add(document: &mut Value, role: Option<Role>, routes: &OpenApi) {
    let mut routes = serde_json::to_value(routes).unwrap_or_default();
    if let Some(paths) = routes["paths"].as_object_mut() {
        for (path, methods) in std::mem::take(paths) {
            let Value::Object(methods) = methods else { continue };
            for (method, mut operation) in methods {
                guard(&mut operation, role);
                document["paths"][&path][&method] = operation;
            }
        }
    }
    if let Some(schemas) = routes["components"]["schemas"].as_object_mut() {
        for (name, schema) in std::mem::take(schemas) {
            document["components"]["schemas"][&name] = schema;
        }
    }
}

/// Says who may ask, and what the guards answer.
fn guard(operation: &mut Value, role: Option<Role>) {
    let has_body = operation.get("requestBody").is_some();
    operation["security"] = match role {
        None => json!([]),
        // Without tokens, on a loopback address, nobody need be known: then the server does not ask.
        Some(role) => json!([{"bearer": [role.as_str()]}, {"password": [role.as_str()]}]),
    };
    let applies = |status: &str| match status {
        "401" | "429" | "503" => role.is_some(),
        "413" | "415" => has_body,
        _ => true,
    };
    for (status, description) in REFUSALS {
        if !applies(status) {
            continue;
        }
        let answer = &mut operation["responses"][status];
        let own = answer["description"]
            .as_str()
            .map(|own| format!("{own}; {description}"));
        *answer = json!({"description": own.unwrap_or_else(|| description.to_owned())});
    }
    let Some(answers) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, answer) in answers {
        if status.starts_with(['4', '5']) {
            answer["content"] = json!({PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}});
        }
        if matches!(status.as_str(), "408" | "429") {
            let seconds = json!({"type": "integer", "minimum": 1});
            answer["headers"] = json!({
                "Retry-After": {"description": "Seconds to wait", "required": true, "schema": seconds},
            });
        }
    }
}

/// In answers every member is there, and a number may be missing, which JSON writes as `null`.
fn complete_answers(document: &mut Value) {
    let mut asked = BTreeSet::new();
    for methods in document["paths"].as_object().into_iter().flat_map(Map::values) {
        for operation in methods.as_object().into_iter().flat_map(Map::values) {
            if let Some(body) = operation.get("requestBody") {
                named(body, document, &mut asked);
            }
        }
    }
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    for (name, schema) in schemas {
        if !asked.contains(name) {
            complete(schema);
        }
    }
}

/// The names of the schemas that something refers to, directly or through others.
fn named(value: &Value, document: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let referred = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = referred.and_then(|at| at.strip_prefix("#/components/schemas/"))
                && names.insert(name.to_owned())
            {
                named(&document["components"]["schemas"][name], document, names);
            }
            members.values().for_each(|member| named(member, document, names));
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, document, names)),
        _ => {}
    }
}

fn complete(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type") == Some(&json!("number")) {
                members.insert("type".to_owned(), json!(["number", "null"]));
            }
            if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                let all: Vec<&String> = properties.keys().collect();
                let all = json!(all);
                members.insert("required".to_owned(), all);
            }
            members.values_mut().for_each(complete);
        }
        Value::Array(items) => items.iter_mut().for_each(complete),
        _ => {}
    }
}
