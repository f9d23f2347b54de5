//! Queries in which a counter can only be read as a rate, and a gauge never.
//!
//! A metric is looked up in the catalogue by its name and its kind when it is written down, and a query knows the labels that
//! its series have. So a name that does not exist, or exists as another kind, and a label that is not there make no
//! dashboard at all.

use bellwether_api::{MetricKind, metric_descriptions};

/// Which series a dashboard is about: those that its variables name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope {
    /// Of a monitor, of the tasks that are chosen; none chosen is all.
    Tasks,
    /// Of a monitor, of one task.
    OneTask,
}

impl Scope {
    /// A gauge of the catalogue.
    pub(crate) fn gauge(self, name: &'static str) -> Gauge {
        Gauge(self.select(name, MetricKind::Gauge))
    }

    /// A counter of the catalogue.
    pub(crate) fn counter(self, name: &'static str) -> Counter {
        Counter(self.select(name, MetricKind::Counter))
    }

    /// A histogram of the catalogue.
    pub(crate) fn histogram(self, name: &'static str) -> Histogram {
        Histogram(self.select(name, MetricKind::Histogram))
    }

    fn select(self, name: &'static str, kind: MetricKind) -> Selector {
        let metric = metric_descriptions()
            .find(|metric| metric.name == name && metric.kind == kind)
            .unwrap_or_else(|| panic!("there is no {} {name}", kind.as_str()));
        let mut labels = vec!["job", "instance"];
        labels.extend(metric.labels);
        let mut matchers = vec![r#"job="$job""#.to_owned(), r#"instance=~"$instance""#.to_owned()];
        if metric.labels.contains(&"task") {
            matchers.push(
                match self {
                    Self::Tasks => r#"task=~"$task""#,
                    Self::OneTask => r#"task="$task""#,
                }
                .to_owned(),
            );
        }
        Selector {
            name,
            labels,
            matchers,
        }
    }
}

#[derive(Debug, Clone)]
struct Selector {
    name: &'static str,
    labels: Vec<&'static str>,
    matchers: Vec<String>,
}

impl Selector {
    fn only(mut self, matcher: &str) -> Self {
        let label = matcher.split(['=', '!']).next().unwrap_or_default();
        assert!(self.labels.contains(&label), "{} has no label {label}", self.name);
        self.matchers.push(matcher.to_owned());
        self
    }

    fn text(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}", self.name, self.matchers.join(","))
    }

    fn query(&self, text: String) -> Query {
        Query {
            text,
            labels: self.labels.clone(),
        }
    }
}

/// A metric that goes up and down.
#[derive(Debug, Clone)]
pub(crate) struct Gauge(Selector);

impl Gauge {
    /// Of its series those that match, as in `verdict="watch"`.
    pub(crate) fn only(self, matcher: &str) -> Self {
        Self(self.0.only(matcher))
    }

    /// Its value.
    pub(crate) fn value(&self) -> Query {
        self.0.query(self.0.text(""))
    }

    /// Its value at the end of the time that is looked at, for each moment in it.
    pub(crate) fn at_end(&self) -> Query {
        self.0.query(format!("{} @ end()", self.0.text("")))
    }
}

/// A metric that only grows, until the process starts again.
#[derive(Debug, Clone)]
pub(crate) struct Counter(Selector);

impl Counter {
    /// Of its series those that match.
    pub(crate) fn only(self, matcher: &str) -> Self {
        Self(self.0.only(matcher))
    }

    /// Per second.
    pub(crate) fn rate(&self) -> Query {
        self.over_time("rate", "$__rate_interval")
    }

    /// Since the step before.
    pub(crate) fn increase(&self) -> Query {
        self.over_time("increase", "$__rate_interval")
    }

    /// In all the time that is looked at; for a single value, not for a line.
    pub(crate) fn increase_in_range(&self) -> Query {
        self.over_time("increase", "$__range")
    }

    fn over_time(&self, function: &str, window: &str) -> Query {
        self.0.query(format!("{function}({}[{window}])", self.0.text("")))
    }
}

/// A metric of counts in buckets.
#[derive(Debug, Clone)]
pub(crate) struct Histogram(Selector);

impl Histogram {
    /// What a share of the values lies below.
    pub(crate) fn quantile(&self, q: f64) -> Query {
        Query {
            text: format!("histogram_quantile({q}, {})", self.buckets().text),
            labels: Vec::new(),
        }
    }

    /// The mean of the values.
    pub(crate) fn mean(&self) -> Query {
        let sum = |suffix| format!("sum(rate({}[$__rate_interval]))", self.0.text(suffix));
        Query {
            text: format!("{} / {}", sum("_sum"), sum("_count")),
            labels: Vec::new(),
        }
    }

    /// New values a second by bucket.
    pub(crate) fn buckets(&self) -> Query {
        let text = self.0.text("_bucket");
        Query {
            text: format!("sum by (le) (rate({text}[$__rate_interval]))"),
            labels: vec!["le"],
        }
    }
}

/// An expression of Prometheus' language, and the labels of its series. Whatever joins two puts them in parentheses.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    text: String,
    labels: Vec<&'static str>,
}

impl Query {
    /// As it is sent to Prometheus.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether its series have this label.
    pub(crate) fn has(&self, label: &str) -> bool {
        self.labels.contains(&label)
    }

    fn with(self, text: impl FnOnce(&str) -> String) -> Self {
        Self {
            text: text(&self.text),
            labels: self.labels,
        }
    }

    fn all(self, function: &str) -> Self {
        Self {
            text: format!("{function}({})", self.text),
            labels: Vec::new(),
        }
    }

    fn by(self, function: &str, labels: &'static str) -> Self {
        let kept: Vec<&'static str> = labels.split(", ").collect();
        for label in &kept {
            assert!(self.has(label), "no {label} in {}", self.text);
        }
        Self {
            text: format!("{function} by ({labels}) ({})", self.text),
            labels: kept,
        }
    }

    pub(crate) fn sum(self) -> Self {
        self.all("sum")
    }

    pub(crate) fn sum_by(self, labels: &'static str) -> Self {
        self.by("sum", labels)
    }

    /// Several instances of a group may know a number; one is right where it is a number at all.
    pub(crate) fn max(self) -> Self {
        self.all("max")
    }

    pub(crate) fn max_by(self, labels: &'static str) -> Self {
        self.by("max", labels)
    }

    pub(crate) fn quantile(self, q: f64) -> Self {
        Self {
            text: format!("quantile({q}, {})", self.text),
            labels: Vec::new(),
        }
    }

    pub(crate) fn count(self) -> Self {
        self.all("count")
    }

    /// The largest values.
    pub(crate) fn top(self, most: &str) -> Self {
        self.with(|text| format!("topk({most}, {text})"))
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        self.with(|text| format!("{text} * {factor}"))
    }

    pub(crate) fn plus(self, other: &Self) -> Self {
        self.with(|text| format!("({text}) + ({})", other.text))
    }

    pub(crate) fn minus(self, other: &Self) -> Self {
        self.with(|text| format!("({text}) - ({})", other.text))
    }

    pub(crate) fn over(self, other: &Self) -> Self {
        self.with(|text| format!("({text}) / ({})", other.text))
    }

    /// This, and where it has no series the other.
    pub(crate) fn or(self, other: &Self) -> Self {
        self.with(|text| format!("{text} or {}", other.text))
    }

    /// Of its series those of the tasks of the other.
    pub(crate) fn of_tasks_in(self, other: &Self) -> Self {
        assert!(self.has("task") && other.has("task"), "{} has no task", self.text);
        self.with(|text| format!("({text}) and on (task) {}", other.text))
    }

    /// Where it is above a number.
    pub(crate) fn above(self, bound: f64) -> Self {
        self.with(|text| format!("({text}) > {bound}"))
    }

    /// 1 where it is that number, 0 where it is another one.
    pub(crate) fn equals(self, value: f64) -> Self {
        self.with(|text| format!("({text}) == bool {value}"))
    }

    /// How long ago a time in seconds was.
    pub(crate) fn ago(self) -> Self {
        self.with(|text| format!("time() - {text}"))
    }

    /// How long a time in seconds was before another, which is a single one.
    pub(crate) fn before(self, other: &Self) -> Self {
        assert!(other.labels.is_empty(), "{} is not a single time", other.text);
        self.with(|text| format!("scalar({}) - {text}", other.text))
    }

    /// Its mean over the time that is looked at, as known at the end of it.
    pub(crate) fn mean_in_range(self) -> Self {
        self.with(|text| format!("avg_over_time(({text})[$__range:$__interval] @ end())"))
    }

    /// One less this.
    pub(crate) fn complement(self) -> Self {
        self.with(|text| format!("1 - {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "there is no counter bellwether_shared_encoder")]
    fn a_gauge_is_no_counter() {
        let _none = Scope::Tasks.counter("bellwether_shared_encoder");
    }

    #[test]
    #[should_panic(expected = "there is no gauge bellwether_shared_encodr")]
    fn one_wrong_letter_makes_no_query() {
        let _none = Scope::Tasks.gauge("bellwether_shared_encodr");
    }

    #[test]
    #[should_panic(expected = "no tsk in")]
    fn one_wrong_letter_of_a_label_makes_no_query() {
        let gauge = Scope::Tasks.gauge("bellwether_task_verdict");
        let _none = gauge.value().max_by("tsk");
    }

    #[test]
    #[should_panic(expected = "has no label reason")]
    fn a_metric_is_not_matched_by_a_label_of_another() {
        let _none = Scope::Tasks.gauge("bellwether_task_verdict").only("reason=\"x\"");
    }

    #[test]
    fn a_query_is_about_what_the_variables_name() {
        let one = Scope::OneTask.counter("bellwether_task_labels_total").rate();
        assert_eq!(
            one.text(),
            r#"rate(bellwether_task_labels_total{job="$job",instance=~"$instance",task="$task"}[$__rate_interval])"#
        );
        let model = Scope::OneTask.gauge("bellwether_shared_encoder").value();
        assert_eq!(
            model.text(),
            r#"bellwether_shared_encoder{job="$job",instance=~"$instance"}"#
        );
    }
}
