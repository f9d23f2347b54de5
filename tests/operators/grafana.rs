//! A dashboard's questions as Grafana would ask them: variables by the values that Prometheus knows, then each query.

use crate::prometheus::{Prometheus, Span, repository};
use serde_json::Value;
use std::collections::BTreeMap;

/// The dashboards there are.
pub(crate) const DASHBOARDS: [&str; 4] = ["fleet", "task", "shared-encoder", "pipeline"];

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Series with numbers.
    Data,
    /// None, or nothing but NaN.
    Nothing,
    /// Prometheus did not understand.
    Error(String),
}

/// A question of a dashboard: `fleet / Traffic by task / {{task}}`.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) place: String,
    expression: String,
    instant: bool,
}

/// A dashboard as it is in its file.
#[derive(Debug)]
pub(crate) struct Dashboard {
    json: Value,
}

impl Dashboard {
    pub(crate) fn read(name: &str) -> Self {
        Self::parse(&repository(&format!("dashboards/bellwether-{name}.json")))
    }

    pub(crate) fn parse(text: &str) -> Self {
        Self {
            json: serde_json::from_str(text).expect("a dashboard is JSON"),
        }
    }

    /// Those of panels, in rows as well, and of annotations.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let name = string(&self.json["uid"]).replace("bellwether-", "");
        let mut all = Vec::new();
        for panel in list(&self.json["panels"]) {
            let inner = panel["panels"].as_array().into_iter().flatten();
            for panel in std::iter::once(panel).chain(inner) {
                for target in panel["targets"].as_array().into_iter().flatten() {
                    let title = string(&panel["title"]);
                    all.push(Question {
                        place: format!("{name} / {title} / {}", string(&target["legendFormat"])),
                        expression: string(&target["expr"]),
                        instant: target["instant"] == true,
                    });
                }
            }
        }
        for annotation in list(&self.json["annotations"]["list"]) {
            all.push(Question {
                place: format!("{name} / annotation / {}", string(&annotation["name"])),
                expression: string(&annotation["expr"]),
                instant: false,
            });
        }
        all
    }

    /// What its variables can be, one after the other: where one value is chosen, each of them.
    ///
    /// # Panics
    /// Where a variable has no value.
    pub(crate) fn choices(&self, prometheus: &Prometheus, span: Span) -> Vec<BTreeMap<String, String>> {
        let mut choices = vec![builtin(span)];
        for variable in list(&self.json["templating"]["list"]) {
            let name = string(&variable["name"]);
            let values = match variable["type"].as_str() {
                Some("query") => {
                    let definition = fill(&string(&variable["definition"]), &choices[0]);
                    let values = label_values(&definition, prometheus, span);
                    assert!(!values.is_empty(), "variable {name} has no value: {definition}");
                    if variable["multi"] == true {
                        vec![format!("({})", values.join("|"))]
                    } else {
                        values
                    }
                }
                Some("custom" | "textbox") => vec![string(&variable["current"]["value"])],
                // Which Prometheus is asked does not stand in an expression.
                _ => continue,
            };
            let choose = |value: &String| {
                let mut chosen = choices.clone();
                for choice in &mut chosen {
                    choice.insert(name.clone(), value.clone());
                }
                chosen
            };
            choices = values.iter().flat_map(choose).collect();
        }
        choices
    }
}

impl Question {
    /// Asks Prometheus.
    ///
    /// # Panics
    /// Where a variable stands in the expression that the dashboard has not.
    pub(crate) fn ask(
        &self,
        choice: &BTreeMap<String, String>,
        prometheus: &Prometheus,
        span: Span,
    ) -> Answer {
        let expression = fill(&self.expression, choice);
        assert!(!expression.contains('$'), "{}: {expression}", self.place);
        let answer = if self.instant {
            prometheus.instant(&expression, span.to)
        } else {
            prometheus.range(&expression, span)
        };
        match answer {
            Err(error) => Answer::Error(format!("{error} in {expression}")),
            Ok(series) if series.iter().any(has_number) => Answer::Data,
            Ok(_) => Answer::Nothing,
        }
    }
}

/// What Grafana itself knows.
fn builtin(span: Span) -> BTreeMap<String, String> {
    let seconds = span.seconds().ceil();
    BTreeMap::from([
        ("__rate_interval".to_owned(), "4s".to_owned()),
        ("__interval".to_owned(), "1s".to_owned()),
        ("__range".to_owned(), format!("{seconds}s")),
    ])
}

/// An expression with values in the place of `$name`, the longest names first.
fn fill(expression: &str, choice: &BTreeMap<String, String>) -> String {
    let mut names: Vec<&String> = choice.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.into_iter().fold(expression.to_owned(), |text, name| {
        text.replace(&format!("${name}"), &choice[name])
    })
}

/// The answer to `label_values(selector, label)`.
fn label_values(definition: &str, prometheus: &Prometheus, span: Span) -> Vec<String> {
    let inner = definition
        .strip_prefix("label_values(")
        .and_then(|rest| rest.strip_suffix(')'));
    let (selector, label) = inner
        .and_then(|inner| inner.rsplit_once(", "))
        .unwrap_or_else(|| panic!("{definition}"));
    prometheus.label_values(selector, label, span)
}

fn has_number(series: &Value) -> bool {
    let of_range = series["values"].as_array().into_iter().flatten();
    let one = series.get("value").into_iter();
    of_range
        .chain(one)
        .any(|sample| sample[1].as_str().is_some_and(|value| value != "NaN"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
