//! One panel: what it asks, and how the answer looks.

use crate::query::Query;
use crate::verdict;
use serde_json::{Map, Value, json};

/// How an answer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stat,
    Lines,
    Stack,
    States,
    Table,
    Heatmap,
}

/// What a number is a number of, as Grafana calls it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// A bare number.
    None,
    /// A count, shortened.
    Count,
    /// A share, shown in percent.
    Share,
    Seconds,
    Bytes,
    PerSecond,
    BytesPerSecond,
    /// Milliseconds since 1970, shown as a time.
    Time,
}

impl Unit {
    fn id(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Count => "short",
            Self::Share => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::PerSecond => "ops",
            Self::BytesPerSecond => "Bps",
            Self::Time => "dateTimeAsIso",
        }
    }
}

/// Where every query goes: to what the variable `datasource` names.
pub(crate) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// A panel under construction. Its place and number are the dashboard's business.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    kind: Kind,
    title: &'static str,
    description: String,
    width: u64,
    height: u64,
    targets: Vec<(String, String)>,
    defaults: Map<String, Value>,
    overrides: Vec<Value>,
    transformations: Vec<Value>,
    options: Map<String, Value>,
}

impl Panel {
    fn new(kind: Kind, title: &'static str, unit: Unit, description: &str) -> Self {
        let mut defaults = Map::new();
        defaults.insert("unit".to_owned(), json!(unit.id()));
        Self {
            kind,
            title,
            description: description.to_owned(),
            width: 8,
            height: 8,
            targets: Vec::new(),
            defaults,
            overrides: Vec::new(),
            transformations: Vec::new(),
            options: Map::new(),
        }
    }

    /// Single numbers, as they are now.
    pub(crate) fn stat(title: &'static str, unit: Unit, description: &str) -> Self {
        let mut panel = Self::new(Kind::Stat, title, unit, description).size(4, 4);
        panel
            .defaults
            .insert("color".to_owned(), json!({"mode": "thresholds"}));
        panel.coloured("text").option(json!({
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "textMode": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
        }))
    }

    /// Numbers over time.
    pub(crate) fn lines(title: &'static str, unit: Unit, description: &str) -> Self {
        Self::series(Kind::Lines, title, unit, description)
    }

    /// Numbers over time that make up a whole.
    pub(crate) fn stack(title: &'static str, unit: Unit, description: &str) -> Self {
        Self::series(Kind::Stack, title, unit, description).with_zero()
    }

    fn series(kind: Kind, title: &'static str, unit: Unit, description: &str) -> Self {
        let stacked = kind == Kind::Stack;
        let mut panel = Self::new(kind, title, unit, description);
        panel.defaults.insert(
            "custom".to_owned(),
            json!({
                "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "showPoints": "never",
                "spanNulls": false, "fillOpacity": if stacked { 60 } else { 0 },
                "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
                "thresholdsStyle": {"mode": "off"},
            }),
        );
        panel.option(json!({
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }))
    }

    /// States over time, one band a series.
    pub(crate) fn states(title: &'static str, description: &str, mappings: Value) -> Self {
        let mut panel = Self::new(Kind::States, title, Unit::None, description);
        panel.defaults.insert("mappings".to_owned(), mappings);
        panel
            .defaults
            .insert("custom".to_owned(), json!({"fillOpacity": 85, "lineWidth": 0}));
        panel.coloured(verdict::QUIET).option(json!({
            "mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.85,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
            "tooltip": {"mode": "single", "sort": "none"},
        }))
    }

    /// Numbers as they are now, one row for each value of `key`, the largest of the column `sort` first.
    pub(crate) fn table(title: &'static str, unit: Unit, description: &str, key: &str, sort: &str) -> Self {
        let mut panel = Self::new(Kind::Table, title, unit, description).size(24, 11);
        let custom = json!({"align": "auto", "cellOptions": {"type": "auto"}, "filterable": true});
        panel.defaults.insert("custom".to_owned(), custom);
        panel
            .transformations
            .push(json!({"id": "joinByField", "options": {"byField": key, "mode": "outer"}}));
        panel.coloured("text").option(json!({
            "showHeader": true, "cellHeight": "sm", "sortBy": [{"displayName": sort, "desc": true}],
            "footer": {"show": false, "countRows": false, "enablePagination": true, "fields": "", "reducer": ["sum"]},
        }))
    }

    /// How often values came, by their size and over time.
    pub(crate) fn heatmap(title: &'static str, unit: Unit, description: &str) -> Self {
        Self::new(Kind::Heatmap, title, unit, description).option(json!({
            "calculate": false, "cellGap": 1, "rowsFrame": {"layout": "auto"},
            "color": {"mode": "scheme", "scheme": "Blues", "scale": "exponential", "exponent": 0.5, "steps": 64,
                      "reverse": false, "fill": "dark-blue"},
            "yAxis": {"axisPlacement": "left", "reverse": false, "unit": unit.id()},
            "tooltip": {"show": true, "yHistogram": false},
            "legend": {"show": true}, "filterValues": {"le": 1e-9}, "exemplars": {"color": "rgba(255,0,255,0.7)"},
        }))
    }

    /// Columns of 24, and rows.
    pub(crate) fn size(mut self, width: u64, height: u64) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Another question, and how its series are called.
    pub(crate) fn ask(mut self, query: &Query, legend: &str) -> Self {
        for label in legend
            .split("{{")
            .skip(1)
            .filter_map(|rest| rest.split("}}").next())
        {
            assert!(query.has(label), "{}: no {label} in {}", self.title, query.text());
        }
        self.targets.push((query.text().to_owned(), legend.to_owned()));
        self
    }

    /// A column of a table: a question, its title, and the unit of its numbers.
    pub(crate) fn column(mut self, query: &Query, title: &str, unit: Unit) -> Self {
        let properties = json!([{"id": "displayName", "value": title}, {"id": "unit", "value": unit.id()}]);
        let field = format!("Value #{}", letter(self.targets.len()));
        self.overrides.push(by_name(&field, &properties));
        self.ask(query, title)
    }

    /// How the numbers of a column or series look.
    pub(crate) fn looks(mut self, name: &str, properties: &Value) -> Self {
        self.overrides.push(by_name(name, properties));
        self
    }

    /// The colour of a series.
    pub(crate) fn colour(self, name: &str, colour: &str) -> Self {
        self.looks(
            name,
            &json!([{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]),
        )
    }

    /// Every series that is called after a verdict in the verdict's colour.
    pub(crate) fn verdict_colours(self) -> Self {
        verdict::BY_NEED.into_iter().fold(self, |panel, verdict| {
            panel.colour(verdict.as_str(), verdict::colour(verdict))
        })
    }

    /// The series `name low` and `name high` as the edges of a band.
    pub(crate) fn band(self, name: &str, colour: &str) -> Self {
        let edge = |more: Value| {
            let mut properties = vec![
                json!({"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}),
                json!({"id": "custom.lineWidth", "value": 0}),
                json!({"id": "custom.hideFrom", "value": {"legend": true, "tooltip": false, "viz": false}}),
            ];
            properties.extend(more.as_array().cloned().unwrap_or_default());
            Value::Array(properties)
        };
        let low = format!("{name} low");
        let filled = edge(json!([
            {"id": "custom.fillBelowTo", "value": low},
            {"id": "custom.fillOpacity", "value": 18},
        ]));
        self.looks(&low, &edge(json!([])))
            .looks(&format!("{name} high"), &filled)
            .colour(name, colour)
    }

    /// A series that is a bound and no measurement.
    pub(crate) fn dashed(self, name: &str) -> Self {
        self.looks(
            name,
            &json!([
                {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}},
                {"id": "color", "value": {"mode": "fixed", "fixedColor": verdict::QUIET}},
            ]),
        )
    }

    /// Series whose names match, on an axis of their own at the right.
    pub(crate) fn right_axis(mut self, pattern: &str, unit: Unit) -> Self {
        self.overrides.push(json!({
            "matcher": {"id": "byRegexp", "options": pattern},
            "properties": [
                {"id": "custom.axisPlacement", "value": "right"},
                {"id": "unit", "value": unit.id()},
            ],
        }));
        self
    }

    /// Words and colours in the place of numbers.
    pub(crate) fn mapped(mut self, mappings: Value) -> Self {
        self.defaults.insert("mappings".to_owned(), mappings);
        self
    }

    /// One colour below the bound and another one from there on; lines show the bound as a line.
    pub(crate) fn threshold(mut self, bound: f64, colour: &str) -> Self {
        self.set_thresholds(&json!([
            {"color": if self.kind == Kind::Stat { "text" } else { "transparent" }, "value": null},
            {"color": colour, "value": bound},
        ]));
        if let Some(custom) = self.defaults.get_mut("custom") {
            custom["thresholdsStyle"] = json!({"mode": "dashed"});
        }
        self
    }

    fn coloured(mut self, colour: &str) -> Self {
        self.set_thresholds(&json!([{"color": colour, "value": null}]));
        self
    }

    fn set_thresholds(&mut self, steps: &Value) {
        let thresholds = json!({"mode": "absolute", "steps": steps});
        self.defaults.insert("thresholds".to_owned(), thresholds);
    }

    /// An axis that begins at zero.
    pub(crate) fn with_zero(mut self) -> Self {
        self.defaults.insert("min".to_owned(), json!(0));
        self
    }

    /// An axis from zero to one.
    pub(crate) fn with_one(mut self) -> Self {
        self.defaults.insert("max".to_owned(), json!(1));
        self.with_zero()
    }

    pub(crate) fn decimals(mut self, places: u64) -> Self {
        self.defaults.insert("decimals".to_owned(), json!(places));
        self
    }

    /// Where a click on a series that names its task leads to.
    pub(crate) fn links_to_task(mut self) -> Self {
        let links = task_links("${__field.labels.task}");
        self.defaults.insert("links".to_owned(), links);
        self
    }

    /// Merges options of the drawing.
    pub(crate) fn option(mut self, options: Value) -> Self {
        if let Value::Object(options) = options {
            self.options.extend(options);
        }
        self
    }

    /// Hides the columns that Grafana makes of the time of each answer.
    pub(crate) fn without_times(mut self) -> Self {
        let mut hidden = Map::new();
        hidden.insert("Time".to_owned(), json!(true));
        for n in 1..=self.targets.len() {
            hidden.insert(format!("Time {n}"), json!(true));
        }
        let organised = json!({"excludeByName": hidden, "indexByName": {}, "renameByName": {}});
        self.transformations
            .push(json!({"id": "organize", "options": organised}));
        self
    }

    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    pub(crate) fn height(&self) -> u64 {
        self.height
    }

    /// The panel as Grafana reads it.
    pub(crate) fn json(&self, id: u64, x: u64, y: u64) -> Value {
        let kind = match self.kind {
            Kind::Stat => "stat",
            Kind::Lines | Kind::Stack => "timeseries",
            Kind::States => "state-timeline",
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
        };
        let targets: Vec<Value> = (self.targets.iter().enumerate())
            .map(|(at, (expr, legend))| self.target(at, expr, legend))
            .collect();
        let mut panel = json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self.defaults, "overrides": self.overrides},
            "options": self.options,
            "targets": targets,
        });
        if !self.transformations.is_empty() {
            panel["transformations"] = json!(self.transformations);
        }
        panel
    }

    fn target(&self, at: usize, expr: &str, legend: &str) -> Value {
        let instant = matches!(self.kind, Kind::Stat | Kind::Table);
        let format = match self.kind {
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
            _ => "time_series",
        };
        json!({
            "refId": letter(at),
            "datasource": datasource(),
            "editorMode": "code",
            "expr": expr,
            "legendFormat": legend,
            "format": format,
            "instant": instant,
            "range": !instant,
        })
    }
}

/// The name of a question: A, B, C.
fn letter(at: usize) -> char {
    u8::try_from(at).map_or('A', |at| char::from(b'A' + at))
}

fn by_name(name: &str, properties: &Value) -> Value {
    json!({"matcher": {"id": "byName", "options": name}, "properties": properties})
}

/// From a name of a task to its dashboard, and to the monitor's own page.
pub(crate) fn task_links(task: &str) -> Value {
    json!([
        {
            "title": "Task dashboard",
            "url": format!(
                "/d/bellwether-task?var-task={task}&${{datasource:queryparam}}&${{job:queryparam}}&\
                 ${{instance:queryparam}}&${{page:queryparam}}&${{__url_time_range}}"
            ),
        },
        {"title": "Page of the monitor", "url": format!("${{page}}/#/task/{task}"), "targetBlank": true},
    ])
}
