//! A JSON object whose fields stay as they were written.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Names and values in their order, the values as their text.
#[derive(Debug)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The value of a field that is there and not null; of several, the last.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(field, _)| field == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    /// The same of a field of this name, or of one within others whose names are joined by points.
    pub(crate) fn find(&self, name: &str) -> Option<&'a RawValue> {
        if let Some(value) = self.get(name) {
            return Some(value);
        }
        let (first, rest) = name.split_once('.')?;
        let within: Object<'a> = serde_json::from_str(self.get(first)?.get()).ok()?;
        within.find(rest)
    }

    /// Writes the object on a line with `value` as its field `name`: in its place, or at the end.
    pub(crate) fn write_with(&self, name: &str, value: &str, out: &mut String) {
        out.push('{');
        let mut written = false;
        for (field, old) in &self.0 {
            let value = match field == name {
                true if written => continue,
                true => {
                    written = true;
                    value
                }
                false => old.get(),
            };
            push_field(field, value, out);
        }
        if !written {
            push_field(name, value, out);
        }
        out.push_str("}\n");
    }
}

/// Writes an object; values are JSON already.
pub(crate) fn write<'a>(fields: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>, out: &mut String) {
    out.push('{');
    for (name, value) in fields {
        push_field(&name, &value, out);
    }
    out.push('}');
}

fn push_field(name: &str, value: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push_str(&serde_json::Value::from(name).to_string());
    out.push(':');
    // A value that spans lines would end the record; within its strings no line break stands unescaped.
    out.extend(value.chars().filter(|c| !matches!(c, '\n' | '\r')));
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_key::<Name<'de>>()? {
                    fields.push((field.0, map.next_value::<&'de RawValue>()?));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A name, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
