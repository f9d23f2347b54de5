//! A TOML document that is asked key by key and collects every problem, each with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Line in the file, from 1; none when the file itself is the problem.
    pub(crate) line: Option<usize>,
    /// Full key, such as `kafka.brokers`; empty when there is none.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do.
    pub(crate) fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.fix)
    }
}

/// A value as written, without its table structure.
#[derive(Debug, Clone)]
enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Strings(Vec<String>),
    Other(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a point",
            Self::Strings(_) => "an array of strings",
            Self::Other(kind) => kind,
        }
    }
}

/// What a text stands for: `env:NAME` the value of a variable, `file:PATH` the contents of a file, any other itself.
///
/// # Errors
/// What is wrong, and what to do.
pub(crate) fn read_secret(text: String) -> Result<String, (String, &'static str)> {
    if let Some(name) = text.strip_prefix("env:") {
        let unset = |_| {
            (
                format!("the environment variable {name} is not set"),
                "set it, or use file:PATH",
            )
        };
        return std::env::var(name).map_err(unset);
    }
    if let Some(path) = text.strip_prefix("file:") {
        let unread = |error| {
            (
                format!("cannot read {path}: {error}"),
                "correct the path, or use env:NAME",
            )
        };
        let read = std::fs::read_to_string(path);
        return read.map(|value| value.trim_end().to_owned()).map_err(unread);
    }
    Ok(text)
}

/// The document: full keys with their values and places.
#[derive(Debug)]
pub(crate) struct Document {
    values: BTreeMap<String, (Value, usize)>,
    tables: BTreeMap<String, usize>,
    asked: BTreeSet<String>,
    free_tables: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Document {
    /// Parses the text.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let line_of = |span: Range<usize>| text[..span.start.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| Problem {
            line: error.span().map(line_of),
            key: String::new(),
            what: error.message().trim().replace('\n', ", "),
            fix: "correct the TOML".to_owned(),
        })?;
        let mut document = Self {
            values: BTreeMap::new(),
            tables: BTreeMap::new(),
            asked: BTreeSet::new(),
            free_tables: BTreeSet::new(),
            problems: Vec::new(),
        };
        document.collect("", table.get_ref(), &line_of);
        Ok(document)
    }

    fn collect(&mut self, prefix: &str, table: &DeTable<'_>, line_of: &impl Fn(Range<usize>) -> usize) {
        for (key, value) in table {
            let line = line_of(key.span());
            let full = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            if let DeValue::Table(inner) = value.get_ref() {
                self.tables.insert(full.clone(), line);
                self.collect(&full, inner, line_of);
            } else {
                self.values.insert(full, (simple(value), line));
            }
        }
    }

    /// Notes a problem with a key.
    pub(crate) fn problem(&mut self, key: &str, what: String, fix: &str) {
        let line = self
            .values
            .get(key)
            .map(|v| v.1)
            .or_else(|| self.tables.get(key).copied());
        self.problems.push(Problem {
            line,
            key: key.to_owned(),
            what,
            fix: fix.to_owned(),
        });
    }

    fn ask(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.to_owned());
        if self.tables.contains_key(key) {
            self.problem(
                key,
                "a value is needed, not a table".to_owned(),
                "write `key = value`",
            );
        }
        self.values.get(key).map(|(value, _)| value.clone())
    }

    /// A string; none when absent or wrong.
    pub(crate) fn string(&mut self, key: &str) -> Option<String> {
        match self.ask(key)? {
            Value::String(text) => Some(text),
            other => {
                self.problem(
                    key,
                    format!("a string is needed, not {}", other.kind()),
                    "write it in quotes",
                );
                None
            }
        }
    }

    /// Strings, at most `most` of them.
    pub(crate) fn strings(&mut self, key: &str, most: usize) -> Option<Vec<String>> {
        let fix = format!("write at most {most} strings, such as [\"language\", \"channel\"]");
        match self.ask(key)? {
            Value::Strings(texts) if texts.len() <= most => Some(texts),
            Value::Strings(texts) => {
                self.problem(key, format!("{} are too many", texts.len()), &fix);
                None
            }
            other => {
                let what = format!("an array of strings is needed, not {}", other.kind());
                self.problem(key, what, &fix);
                None
            }
        }
    }

    /// A string that parses as `T`.
    pub(crate) fn parsed<T: FromStr>(&mut self, key: &str, form: &str) -> Option<T> {
        let text = self.string(key)?;
        if let Ok(value) = text.parse() {
            return Some(value);
        }
        self.problem(key, format!("{text:?} cannot be read"), &format!("write {form}"));
        None
    }

    /// One of some words.
    pub(crate) fn choice<T>(&mut self, key: &str, known: Vec<(&str, T)>) -> Option<T> {
        let text = self.string(key)?;
        let words: Vec<String> = known.iter().map(|(word, _)| format!("{word:?}")).collect();
        let found = known.into_iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.problem(
                key,
                format!("{text:?} is not known here"),
                &format!("write one of {}", words.join(", ")),
            );
        }
        found.map(|(_, value)| value)
    }

    /// A duration of text with a unit, in milliseconds, not negative.
    pub(crate) fn duration_ms(&mut self, key: &str) -> Option<i64> {
        const FIX: &str = "write a number and a unit, such as \"30s\", \"5m\", \"12h\" or \"30d\"";
        let text = match self.ask(key)? {
            Value::String(text) => text,
            other => {
                self.problem(key, format!("a duration is needed, not {}", other.kind()), FIX);
                return None;
            }
        };
        let parsed = parse_duration_ms(&text);
        if parsed.is_none() {
            self.problem(key, format!("{text:?} is not a duration"), FIX);
        }
        parsed
    }

    /// A number within a range.
    pub(crate) fn number(&mut self, key: &str, range: &RangeInclusive<f64>) -> Option<f64> {
        let fix = format!("write a number from {} to {}", range.start(), range.end());
        let value = match self.ask(key)? {
            Value::Integer(n) => n as f64,
            Value::Float(x) => x,
            other => {
                self.problem(key, format!("a number is needed, not {}", other.kind()), &fix);
                return None;
            }
        };
        if range.contains(&value) {
            return Some(value);
        }
        self.problem(key, format!("{value} is out of range"), &fix);
        None
    }

    /// A whole number within a range.
    /// True or false.
    pub(crate) fn boolean(&mut self, key: &str) -> Option<bool> {
        match self.ask(key)? {
            Value::Other("true") => Some(true),
            Value::Other("false") => Some(false),
            other => {
                let what = format!("true or false is needed, not {}", other.kind());
                self.problem(key, what, "write true or false, without quotes");
                None
            }
        }
    }

    pub(crate) fn integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let fix = format!("write a whole number from {} to {}", range.start(), range.end());
        match self.ask(key)? {
            Value::Integer(n) => {
                if let Some(n) = u64::try_from(n).ok().filter(|n| range.contains(n)) {
                    return Some(n);
                }
                self.problem(key, format!("{n} is out of range"), &fix);
            }
            other => self.problem(
                key,
                format!("a whole number is needed, not {}", other.kind()),
                &fix,
            ),
        }
        None
    }

    /// A table of free keys; values are scalars, `env:NAME` or `file:PATH`.
    pub(crate) fn properties(&mut self, table: &str) -> BTreeMap<String, String> {
        self.free_table(table, Self::property)
    }

    fn property(&mut self, key: &str) -> Option<String> {
        match self.values.get(key)?.0.clone() {
            Value::String(text) => self.secret(key, text),
            Value::Integer(n) => Some(n.to_string()),
            Value::Float(x) => Some(x.to_string()),
            Value::Other("true") => Some("true".to_owned()),
            Value::Other("false") => Some("false".to_owned()),
            other => {
                self.problem(
                    key,
                    format!("a string is needed, not {}", other.kind()),
                    "write it in quotes",
                );
                None
            }
        }
    }

    /// A table of free keys, each with a number within a range.
    pub(crate) fn numbers(&mut self, table: &str, range: &RangeInclusive<f64>) -> BTreeMap<String, f64> {
        self.free_table(table, |document, key| document.number(key, range))
    }

    /// A table of keys that are not known in advance, each read in one way; those that cannot be read are left out.
    fn free_table<T>(
        &mut self,
        table: &str,
        mut read: impl FnMut(&mut Self, &str) -> Option<T>,
    ) -> BTreeMap<String, T> {
        self.free_tables.insert(table.to_owned());
        let prefix = format!("{table}.");
        let keys = self.values.keys().filter(|key| key.starts_with(&prefix));
        let keys: Vec<String> = keys.cloned().collect();
        let mut out = BTreeMap::new();
        for key in keys {
            if let Some(value) = read(self, &key) {
                out.insert(key[prefix.len()..].to_owned(), value);
            }
        }
        out
    }

    /// A table of free keys, each with a string.
    pub(crate) fn texts(&mut self, table: &str) -> BTreeMap<String, String> {
        if self.values.contains_key(table) {
            self.problem(
                table,
                "a table is needed, not a value".to_owned(),
                &format!("write [{table}] and a key for each name"),
            );
        }
        self.free_table(table, Self::string)
    }

    /// A secret, which must stand elsewhere: `env:NAME` or `file:PATH`.
    pub(crate) fn secret_elsewhere(&mut self, key: &str) -> Option<String> {
        let text = self.string(key)?;
        self.elsewhere(key, text)
    }

    fn elsewhere(&mut self, key: &str, text: String) -> Option<String> {
        if text.starts_with("env:") || text.starts_with("file:") {
            return self.secret(key, text);
        }
        self.problem(
            key,
            "the secret itself stands in the file".to_owned(),
            "write \"env:NAME\" or \"file:PATH\", and the secret there",
        );
        None
    }

    /// Secrets, at most `most`, each of which must stand elsewhere: `env:NAME` or `file:PATH`. Those that cannot be read are left out.
    pub(crate) fn secrets_elsewhere(&mut self, key: &str, most: usize) -> Vec<String> {
        let texts = self.strings(key, most).unwrap_or_default();
        let read = |text| self.elsewhere(key, text);
        texts.into_iter().filter_map(read).collect()
    }

    /// A text, or where it stands: `env:NAME` or `file:PATH`.
    pub(crate) fn secret_or_text(&mut self, key: &str) -> Option<String> {
        let text = self.string(key)?;
        self.secret(key, text)
    }

    /// Whether this very text is written; it counts as asked for.
    pub(crate) fn is_string(&mut self, key: &str, text: &str) -> bool {
        self.asked.insert(key.to_owned());
        matches!(self.values.get(key), Some((Value::String(written), _)) if written == text)
    }

    /// Names of the tables directly within one.
    pub(crate) fn tables_in(&mut self, table: &str) -> Vec<String> {
        let prefix = format!("{table}.");
        let within = self.tables.keys().filter_map(|key| key.strip_prefix(&prefix));
        within
            .filter(|name| !name.contains('.'))
            .map(str::to_owned)
            .collect()
    }

    /// Whether a key or table is written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key) || self.tables.contains_key(key)
    }

    fn secret(&mut self, key: &str, text: String) -> Option<String> {
        match read_secret(text) {
            Ok(secret) => Some(secret),
            Err((what, fix)) => {
                self.problem(key, what, fix);
                None
            }
        }
    }

    /// Notes every key that nobody asked for, with the nearest one that exists.
    pub(crate) fn unknown_keys(&mut self) {
        let free = |key: &str| {
            self.free_tables
                .iter()
                .any(|t| key == t || key.starts_with(&format!("{t}.")))
        };
        // Of `payloads.labels.format` both `payloads` and `payloads.labels`.
        let sections: BTreeSet<&str> = self
            .asked
            .iter()
            .flat_map(|k| k.match_indices('.').map(|(end, _)| &k[..end]))
            .collect();
        let unknown_tables: Vec<String> = self
            .tables
            .keys()
            .filter(|t| !sections.contains(t.as_str()) && !free(t) && !self.asked.contains(*t))
            .cloned()
            .collect();
        let within_unknown = |key: &str| unknown_tables.iter().any(|t| key.starts_with(&format!("{t}.")));
        let unknown: Vec<String> = self
            .values
            .keys()
            .filter(|k| !self.asked.contains(*k) && !free(k) && !within_unknown(k))
            .chain(unknown_tables.iter().filter(|t| !within_unknown(t)))
            .cloned()
            .collect();
        let sections: Vec<String> = sections
            .into_iter()
            .filter(|section| !section.contains('.'))
            .map(str::to_owned)
            .collect();
        for key in unknown {
            let mut candidates: Vec<&str> = match key.rsplit_once('.') {
                Some((section, _)) => self
                    .asked
                    .iter()
                    .filter_map(|k| k.strip_prefix(&format!("{section}.")))
                    .filter_map(|k| k.split('.').next())
                    .collect(),
                None => self
                    .asked
                    .iter()
                    .map(String::as_str)
                    .filter(|k| !k.contains('.'))
                    .chain(sections.iter().map(String::as_str))
                    .collect(),
            };
            candidates.dedup();
            let fix = suggestion(key.rsplit('.').next().unwrap_or(&key), &candidates);
            self.problem(&key, "there is no such key".to_owned(), &fix);
        }
    }

    /// Every problem, in order of lines.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|p| p.line);
        self.problems
    }
}

fn simple(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(n) => i64::from_str_radix(&n.as_str().replace('_', ""), n.radix())
            .map_or(Value::Other("so large an integer"), Value::Integer),
        DeValue::Float(x) => x
            .as_str()
            .replace('_', "")
            .parse()
            .map_or(Value::Other("so odd a number"), Value::Float),
        DeValue::Boolean(true) => Value::Other("true"),
        DeValue::Boolean(false) => Value::Other("false"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<String>>>()
            .map_or(Value::Other("an array of other things"), Value::Strings),
        DeValue::Table(_) => Value::Other("a table"),
    }
}

/// `30s`, `5m`, `12h`, `30d`, also together: a day is 24 hours here, as event time knows no calendar.
fn parse_duration_ms(text: &str) -> Option<i64> {
    let span: jiff::Span = text.parse().ok()?;
    let ms = span
        .total((jiff::Unit::Millisecond, jiff::SpanRelativeTo::days_are_24_hours()))
        .ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within range")]
    (0.0..=1e15).contains(&ms).then_some(ms as i64)
}

fn suggestion(key: &str, candidates: &[&str]) -> String {
    let nearest = candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(key, c), *c))
        .min();
    match nearest {
        Some((distance, candidate)) if distance <= 3 => format!("did you mean `{candidate}`?"),
        _ if candidates.is_empty() => "remove it".to_owned(),
        _ => format!("the keys here are {}", candidates.join(", ")),
    }
}
