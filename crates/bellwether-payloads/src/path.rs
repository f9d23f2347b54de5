//! Paths into a tree of values, such as `response.outputs[0].data` or `outputs[name=logits].data`.

use crate::value::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Most steps of a path.
const MAX_STEPS: usize = 32;

/// Where a value is within another. Steps are names joined by points; `[2]` takes an element of a list, `[name=logits]` the
/// first element whose field `name` has that text, and `["odd.name"]` a field whose name is not plain. The empty path is the
/// whole value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    Where { field: String, text: String },
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A name is empty.
    #[error("a name is empty at character {0}")]
    EmptyName(usize),
    /// A bracket is not closed.
    #[error("the bracket at character {0} is not closed")]
    OpenBracket(usize),
    /// What is in brackets is not understood.
    #[error("`[{0}]` is neither an index, nor `name=text`, nor a name in quotes")]
    Bracket(String),
    /// Something follows a bracket that is neither a point nor a bracket.
    #[error("character {0} must be a point or a bracket")]
    AfterBracket(usize),
    /// Too many steps.
    #[error("it has more than {MAX_STEPS} steps")]
    TooLong,
}

impl Path {
    /// The names on the way from the outermost; none where a step is not a name.
    #[must_use]
    pub fn names(&self) -> Option<Vec<&str>> {
        let names = self.steps.iter().map(|step| {
            if let Step::Field(name) = step {
                Some(name.as_str())
            } else {
                None
            }
        });
        names.collect()
    }

    /// The value at this path; none where a step leads nowhere. A null is found like any other value.
    #[must_use]
    pub fn find<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        let mut at = value;
        for (done, step) in self.steps.iter().enumerate() {
            at = match (step, at) {
                (Step::Field(name), at) => at.get(name)?,
                (Step::Index(index), Value::List(items)) => items.get(*index)?,
                (Step::Index(index), Value::Floats(items)) if done + 1 == self.steps.len() => {
                    return items.get(*index).map(|x| Cow::Owned(Value::Float((*x).into())));
                }
                (Step::Where { field, text }, Value::List(items)) => items
                    .iter()
                    .find(|item| item.get(field).and_then(Value::as_str) == Some(text))?,
                _ => return None,
            };
        }
        Some(Cow::Borrowed(at))
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        let mut rest = text;
        let place = |rest: &str| text[..text.len() - rest.len()].chars().count() + 1;
        let mut name_expected = !text.is_empty() && !text.starts_with('[');
        while name_expected || !rest.is_empty() {
            if steps.len() == MAX_STEPS {
                return Err(PathError::TooLong);
            }
            if name_expected {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if rest[..end].is_empty() {
                    return Err(PathError::EmptyName(place(rest)));
                }
                steps.push(Step::Field(rest[..end].to_owned()));
                rest = &rest[end..];
            } else if let Some(inside) = rest.strip_prefix('[') {
                let (step, after) = bracket(inside).ok_or_else(|| PathError::OpenBracket(place(rest)))?;
                steps.push(step?);
                rest = after;
            } else {
                return Err(PathError::AfterBracket(place(rest)));
            }
            name_expected = rest.starts_with('.');
            if name_expected {
                rest = &rest[1..];
            }
        }
        Ok(Self { steps })
    }
}

/// The step in brackets and what follows it; none when the bracket is not closed.
fn bracket(inside: &str) -> Option<(Result<Step, PathError>, &str)> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let (name, after) = quoted.split_once("\"]")?;
        return Some((Ok(Step::Field(name.to_owned())), after));
    }
    let (inside, after) = inside.split_once(']')?;
    let step = if let Ok(index) = inside.parse() {
        Ok(Step::Index(index))
    } else {
        match inside.split_once('=') {
            Some((field, text)) if !field.is_empty() => Ok(Step::Where {
                field: field.to_owned(),
                text: text.to_owned(),
            }),
            _ => Err(PathError::Bracket(inside.to_owned())),
        }
    };
    Some((step, after))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Field(name) if needs_quotes(name) => write!(f, "[\"{name}\"]")?,
                Step::Field(name) if at == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Where { field, text } => write!(f, "[{field}={text}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a name reads as another when it stands alone. With a closing quote in it, it cannot have come from quotes.
fn needs_quotes(name: &str) -> bool {
    let odd = name.is_empty() || name.contains(['.', '[']) || name.ends_with(char::is_whitespace);
    odd && !name.contains("\"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<Value> {
        let value = Value::from_json(
            br#"{"response": {"outputs": [{"name": "a", "data": [1, 2]}, {"name": "b", "data": [3]}]}, "x.y": 7, "": 8}"#,
        )
        .expect("JSON");
        let path: Path = path.parse().expect("a path");
        assert_eq!(path.to_string().parse(), Ok(path.clone()));
        path.find(&value).map(Cow::into_owned)
    }

    #[test]
    fn fields_elements_and_named_elements_are_found() {
        assert_eq!(found("response.outputs[0].data[1]"), Some(Value::Int(2)));
        assert_eq!(found("response.outputs[name=b].data[0]"), Some(Value::Int(3)));
        assert_eq!(found("[\"x.y\"]"), Some(Value::Int(7)));
        assert_eq!(found("[\"\"]"), Some(Value::Int(8)));
        assert!(matches!(found(""), Some(Value::Map(_))));
        for nowhere in [
            "response.outputs[2]",
            "response[0]",
            "x",
            "response.outputs[name=c]",
        ] {
            assert_eq!(found(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn floats_of_binary_formats_have_elements() {
        let value = Value::Map(vec![("v".to_owned(), Value::Floats(vec![0.5, 1.5]))]);
        let path: Path = "v[1]".parse().expect("a path");
        assert_eq!(path.find(&value).as_deref(), Some(&Value::Float(1.5)));
    }

    #[test]
    fn what_is_no_path_says_where() {
        let error = |text: &str| text.parse::<Path>().expect_err("no path").to_string();
        assert_eq!(error("a..b"), "a name is empty at character 3");
        assert_eq!(error("a."), "a name is empty at character 3");
        assert_eq!(error("a[0"), "the bracket at character 2 is not closed");
        assert_eq!(error("a[0]b"), "character 5 must be a point or a bracket");
        assert_eq!(
            error("a[x]"),
            "`[x]` is neither an index, nor `name=text`, nor a name in quotes"
        );
        assert_eq!(error(&"a.".repeat(40)), "it has more than 32 steps");
    }
}
