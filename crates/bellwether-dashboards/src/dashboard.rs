//! A dashboard: its variables, annotations and links, and its panels in rows, each in its place.

use crate::panel::{Panel, datasource};
use crate::query::{Query, Scope};
use crate::verdict;
use bellwether_monitor::Verdict;
use serde_json::{Map, Value, json};

/// The version of Grafana's dashboard format that is written: of Grafana 10; later ones read it.
const SCHEMA_VERSION: u64 = 39;
const COLUMNS: u64 = 24;

/// How a dashboard lets its tasks be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tasks {
    /// Several or all, of which panels draw those in most need.
    Many,
    /// One.
    One,
    /// Not at all: it is about the process.
    None,
}

/// A row and its panels, in reading order.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) panels: Vec<Panel>,
}

/// A dashboard of the product.
#[derive(Debug)]
pub struct Dashboard {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) tasks: Tasks,
    pub(crate) rows: Vec<Row>,
}

impl Dashboard {
    /// Its identity in Grafana, for ever; its file is called so as well.
    #[must_use]
    pub fn uid(&self) -> String {
        format!("bellwether-{}", self.name)
    }

    /// Its file, the same bytes each time.
    ///
    /// # Panics
    /// Never: what was made here can be written.
    #[must_use]
    pub fn file(&self) -> String {
        let text = serde_json::to_string_pretty(&sorted(self.json()));
        text.expect("a value can be written") + "\n"
    }

    fn json(&self) -> Value {
        json!({
            "uid": self.uid(),
            "title": format!("Bellwether: {}", self.title),
            "description": self.description,
            "tags": ["bellwether"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": "30s",
            "time": {"from": "now-24h", "to": "now"},
            "templating": {"list": self.variables()},
            "annotations": {"list": self.annotations()},
            "links": links(),
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let (mut id, mut y) = (0, 0);
        let mut next_id = || {
            id += 1;
            id
        };
        for row in &self.rows {
            panels.push(json!({
                "id": next_id(),
                "type": "row",
                "title": row.title,
                "collapsed": false,
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
                "panels": [],
            }));
            y += 1;
            let (mut x, mut tallest) = (0, 0);
            for panel in &row.panels {
                if x + panel.width() > COLUMNS {
                    y += tallest;
                    (x, tallest) = (0, 0);
                }
                panels.push(panel.json(next_id(), x, y));
                x += panel.width();
                tallest = tallest.max(panel.height());
            }
            y += tallest;
        }
        panels
    }

    fn variables(&self) -> Vec<Value> {
        let mut list = vec![
            json!({
                "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
                "hide": 0, "refresh": 1, "regex": "", "multi": false, "includeAll": false, "current": {},
            }),
            variable(
                "job",
                "Monitor",
                "label_values(bellwether_build_info, job)",
                false,
            ),
            variable(
                "instance",
                "Instance",
                r#"label_values(bellwether_build_info{job="$job"}, instance)"#,
                true,
            ),
        ];
        let tasks = r#"label_values(bellwether_task_verdict{job="$job",instance=~"$instance"}, task)"#;
        match self.tasks {
            Tasks::Many => {
                list.push(variable("task", "Task", tasks, true));
                list.push(most());
            }
            Tasks::One => list.push(variable("task", "Task", tasks, false)),
            Tasks::None => {}
        }
        list.push(json!({
            "name": "page", "label": "Page", "type": "textbox", "hide": 0,
            "description": "Where a browser finds the monitor's own page; the links lead there.",
            "query": "http://127.0.0.1:8177",
            "current": {"text": "http://127.0.0.1:8177", "value": "http://127.0.0.1:8177"},
            "options": [{"text": "http://127.0.0.1:8177", "value": "http://127.0.0.1:8177", "selected": true}],
        }));
        list
    }

    fn annotations(&self) -> Vec<Value> {
        let scope = match self.tasks {
            Tasks::One => Scope::OneTask,
            Tasks::Many | Tasks::None => Scope::Tasks,
        };
        let mut list = Vec::new();
        if self.tasks != Tasks::None {
            let changes = scope
                .counter("bellwether_task_verdict_changes_total")
                .only(r#"verdict!="unknown""#)
                .increase()
                .sum_by("task, verdict")
                .above(0.0);
            let colour = verdict::colour(Verdict::Watch);
            list.push(annotation(
                "Verdicts",
                changes.text(),
                colour,
                "{{task}}: {{verdict}}",
            ));
        }
        let shared = scope
            .counter("bellwether_shared_encoder_changes_total")
            .increase()
            .sum()
            .above(0.0);
        list.push(annotation(
            "Shared encoder",
            shared.text(),
            verdict::SHARED,
            "A shift common to the tasks began or ended",
        ));
        let mine = match self.tasks {
            // Those that are about no task have none to name.
            Tasks::One => r#",task=~"$task|""#,
            Tasks::Many | Tasks::None => "",
        };
        // Of all monitors: the alert that none answers names none.
        let alerts = format!(r#"ALERTS{{alertname=~"Bellwether.*",alertstate="firing"{mine}}}"#);
        let colour = verdict::colour(Verdict::Retrain);
        list.push(annotation("Alerts", &alerts, colour, "{{alertname}} {{task}}"));
        list
    }
}

/// A variable that Prometheus knows the values of.
fn variable(name: &str, label: &str, query: &str, many: bool) -> Value {
    let mut variable = json!({
        "name": name, "label": label, "type": "query", "datasource": datasource(),
        "definition": query,
        "query": {"query": query, "refId": name},
        // With each change of the time range, as tasks come and go.
        "refresh": 2, "sort": 1, "regex": "", "hide": 0, "multi": many, "includeAll": many, "current": {},
    });
    if many {
        variable["allValue"] = json!(".*");
        variable["current"] = json!({"text": ["All"], "value": ["$__all"]});
    }
    variable
}

/// How many tasks are drawn where all would be too many.
fn most() -> Value {
    let chosen = "25";
    let option = |n: &str| json!({"text": n, "value": n, "selected": n == chosen});
    let options = ["10", chosen, "50", "100", "500"].map(option);
    json!({
        "name": "top", "label": "Tasks drawn", "type": "custom", "hide": 0, "multi": false, "includeAll": false,
        "description": "Panels that draw a line or a band for each task draw so many, those in most need first.",
        "query": "10,25,50,100,500",
        "current": {"text": chosen, "value": chosen},
        "options": options,
    })
}

fn annotation(name: &str, expr: &str, colour: &str, title: &str) -> Value {
    json!({
        "name": name, "datasource": datasource(), "enable": true, "hide": false, "iconColor": colour,
        "expr": expr, "titleFormat": title, "step": "",
    })
}

fn links() -> Value {
    json!([
        {
            "title": "Dashboards", "type": "dashboards", "tags": ["bellwether"], "asDropdown": false,
            "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link",
            "tooltip": "", "url": "",
        },
        {
            "title": "Page of the monitor", "type": "link", "tags": [], "asDropdown": false,
            "includeVars": false, "keepTime": false, "targetBlank": true, "icon": "external link",
            "tooltip": "What the monitor itself says, with the reasons", "url": "${page}",
        },
    ])
}

/// With the keys of all objects in order, in which a map of `serde_json` keeps them with some features only.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            let entries = entries.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// A question that draws a series for each task, of those in most need.
pub(crate) fn drawn(query: Query, scope: Scope) -> Query {
    query.of_tasks_in(&verdict::in_need(scope))
}
