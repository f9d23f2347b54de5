//! The description of the API: that it is the one in `docs/`, and that what it says is so on every route.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_api::{Access, ApiConfig, ApiState, Token, openapi_json};
use serde_json::Value;
use std::collections::BTreeSet;
use support::{START_MS, Server, status};

const READ: &str = "a token that reads";
const OPERATE: &str = "a token that operates";

fn document() -> Value {
    serde_json::from_str(openapi_json()).unwrap()
}

/// A method on a path with a role; of `None` the route is open.
struct Route {
    method: String,
    path: String,
    role: Option<String>,
    operation: Value,
}

fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let role = operation["security"]
                .get(0)
                .map(|way| way["bearer"][0].as_str().unwrap().to_owned());
            routes.push(Route {
                method: method.to_uppercase(),
                // Names that nothing has: who may ask is decided before.
                path: path.replace(['{', '}'], ""),
                role,
                operation: operation.clone(),
            });
        }
    }
    assert!(routes.len() >= 13, "{}", routes.len());
    routes
}

#[test]
fn the_description_in_the_documents_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    if std::env::var_os("BELLWETHER_WRITE_DOCS").is_some() {
        std::fs::write(path, openapi_json()).unwrap();
        return;
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == openapi_json(),
        "docs/openapi.json differs from the code; write it anew with \
         BELLWETHER_WRITE_DOCS=1 cargo test --workspace --test openapi description"
    );
}

#[test]
fn every_route_is_told_with_its_answers_and_in_the_documents() {
    let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let documented = std::fs::read_to_string(documented).unwrap();
    let mut ids = BTreeSet::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        assert!(
            documented.contains(&format!("`{path}`")),
            "docs/api.md lacks {path}"
        );
        for (method, operation) in methods.as_object().unwrap() {
            let text = |field: &str| operation[field].as_str().unwrap_or_default();
            assert!(!text("summary").is_empty(), "{method} {path}");
            assert!(ids.insert(text("operationId").to_owned()), "{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{path}");
            for (status, answer) in answers {
                assert!(answer["content"].is_object(), "{method} {path} {status}");
                // The codes stand between backticks, and in the table of errors.
                let told = answer["description"].as_str().unwrap();
                let codes = told.split('`').skip(1).step_by(2);
                let codes: Vec<&str> = codes.filter(|_| status.starts_with(['4', '5'])).collect();
                assert_eq!(codes.is_empty(), status.starts_with('2'), "{path} {status}");
                for code in codes {
                    assert!(
                        documented.contains(&format!("| `{code}` |")),
                        "docs/api.md lacks {code}"
                    );
                }
            }
        }
    }
}

fn ready() -> ApiState {
    let state = ApiState::new(ApiConfig::default());
    state.publish(status(START_MS));
    state
}

async fn ask(server: &Server, route: &Route, token: Option<&str>, more: &[(&str, &str)]) -> support::Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-length", "0")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    headers.extend(more);
    // A stream of events has no end, but refuses as the others do: only its head is read.
    server.head(&route.method, &route.path, &headers).await
}

#[tokio::test]
async fn every_route_knows_its_role() {
    let access = Access {
        token: Some(Token::new(READ)),
        operate_token: Some(Token::new(OPERATE)),
        ..Access::default()
    };
    let server = Server::with_access(&ready(), access).await;
    for route in routes() {
        let what = format!("{} {}", route.method, route.path);
        let nobody = ask(&server, &route, None, &[]).await;
        let Some(role) = &route.role else {
            assert_eq!(nobody.status, 200, "{what}");
            continue;
        };
        assert_eq!(nobody.status, 401, "{what}");
        for wrong in ["", "a token that reads?", "A token that reads"] {
            assert_eq!(ask(&server, &route, Some(wrong), &[]).await.status, 401, "{what}");
        }
        let reader = ask(&server, &route, Some(READ), &[]).await;
        let operator = ask(&server, &route, Some(OPERATE), &[]).await;
        assert!(
            !matches!(operator.status, 401 | 403),
            "{what}: {}",
            operator.status
        );
        match role.as_str() {
            "read" => {
                assert_eq!(route.method, "GET", "{what}: what only reads is asked with GET");
                assert!(!matches!(reader.status, 401 | 403), "{what}: {}", reader.status);
            }
            "operate" => {
                assert_ne!(route.method, "GET", "{what}: GET changes nothing");
                assert_eq!(reader.status, 403, "{what}");
                let foreign = [("origin", "http://evil.example")];
                let foreign = ask(&server, &route, Some(OPERATE), &foreign).await;
                assert_eq!(foreign.status, 403, "{what}");
            }
            other => panic!("{what}: {other}"),
        }
    }
    server.stop().await;
}

/// A token for reading alone: nobody changes anything.
#[tokio::test]
async fn without_a_token_of_operators_nothing_changes() {
    let access = Access {
        token: Some(Token::new(READ)),
        ..Access::default()
    };
    let server = Server::with_access(&ready(), access).await;
    for route in routes() {
        let answer = ask(&server, &route, Some(READ), &[]).await;
        let refused = route.role.as_deref() == Some("operate");
        assert_eq!(answer.status == 403, refused, "{} {}", route.method, route.path);
    }
    server.stop().await;
}

/// Without tokens whoever is on this machine may do all, but no web site through a browser.
#[tokio::test]
async fn on_this_machine_a_foreign_page_changes_nothing() {
    let server = Server::start(&ready()).await;
    for route in routes() {
        let what = format!("{} {}", route.method, route.path);
        let program = ask(&server, &route, None, &[]).await;
        assert!(!matches!(program.status, 401 | 403), "{what}: {}", program.status);
        let rebound = ask(&server, &route, None, &[("host", "evil.example")]).await;
        assert_eq!(rebound.status, 403, "{what}");
        if route.role.as_deref() == Some("operate") {
            let form = [
                ("origin", "http://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ];
            assert_eq!(ask(&server, &route, None, &form).await.status, 403, "{what}");
        }
    }
    server.stop().await;
}

/// As fuzzing over HTTP finds it out for all answers, and this at once for those that a test has.
#[test]
fn answers_are_told_with_every_member() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let task = &schemas["Task"];
    let required: BTreeSet<&str> = task["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let properties: BTreeSet<&str> = task["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(required, properties);
    let verdicts = schemas["Verdict"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str);
    assert!(
        verdicts.eq(bellwether_monitor::Verdict::ALL
            .iter()
            .map(|verdict| verdict.as_str()))
    );
    for route in routes() {
        for (status, answer) in route.operation["responses"].as_object().unwrap() {
            let problem = answer["content"].get("application/problem+json").is_some();
            assert_eq!(problem, status.starts_with(['4', '5']), "{} {status}", route.path);
        }
    }
}
