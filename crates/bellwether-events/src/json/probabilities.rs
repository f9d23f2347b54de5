//! The `probabilities` of a record: numbers, arrays of numbers, or an object from label to number.

use super::value::{Element, Kind};
use crate::floats::narrow;
use crate::raw::{self, RawProbabilities};
use crate::reject::{Fault, RejectReason};
use crate::schema::{ModelSchema, TaskId};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The last `probabilities` that were read; the buffers are reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Probabilities {
    form: Form,
    values: Vec<f32>,
    /// The labels of an object, end to end; `name_ends[i]` is where the label of `values[i]` ends.
    names: String,
    name_ends: Vec<usize>,
    /// An object's numbers in the order of the task's labels.
    by_label: Vec<f32>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    #[default]
    Absent,
    Flat,
    /// Arrays in an array, all of this length.
    Rows(usize),
    /// Arrays of different lengths.
    Ragged,
    Named,
    Holds(Kind),
    Is(Kind),
}

impl Probabilities {
    pub(crate) fn clear(&mut self) {
        self.form = Form::Absent;
        self.values.clear();
        self.names.clear();
        self.name_ends.clear();
    }

    /// The numbers in the order of the task's labels, their count unchecked. `task` is none when the record names no
    /// known task, which is then refused for that.
    pub(crate) fn resolve(
        &mut self,
        schema: &ModelSchema,
        task: Option<TaskId>,
    ) -> Result<RawProbabilities<'_>, Fault> {
        let invalid = |what: String| {
            Fault::new(
                RejectReason::InvalidField,
                format!(
                    "`probabilities` must be an array of numbers or an object from label to number, {what}"
                ),
            )
        };
        match self.form {
            Form::Absent => Ok(RawProbabilities {
                values: &[],
                width: None,
            }),
            Form::Flat => Ok(RawProbabilities {
                values: &self.values,
                width: None,
            }),
            Form::Rows(width) => Ok(RawProbabilities {
                values: &self.values,
                width: Some(width),
            }),
            Form::Ragged => Err(Fault::new(
                RejectReason::Probabilities,
                "`probabilities` holds arrays of different lengths; send one number for each label in every token's array",
            )),
            Form::Named => self.by_label(schema, task),
            Form::Holds(kind) => Err(invalid(format!("found {kind} in it"))),
            Form::Is(kind) => Err(invalid(format!("found {kind}"))),
        }
    }

    fn by_label(
        &mut self,
        schema: &ModelSchema,
        task: Option<TaskId>,
    ) -> Result<RawProbabilities<'_>, Fault> {
        let mut start = 0;
        let named = self.values.iter().zip(&self.name_ends).map(|(&value, &end)| {
            let label = &self.names[start..end];
            start = end;
            (label, value)
        });
        raw::probabilities_by_label(schema, task, named, &mut self.by_label)?;
        Ok(RawProbabilities {
            values: &self.by_label,
            width: None,
        })
    }
}

/// Reads probabilities into their buffers.
pub(crate) struct ProbabilitiesSeed<'s>(pub(crate) &'s mut Probabilities);

impl<'de> DeserializeSeed<'de> for ProbabilitiesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.clear();
        self.0.form = deserializer.deserialize_any(ProbabilitiesVisitor(self.0))?;
        Ok(())
    }
}

struct ProbabilitiesVisitor<'s>(&'s mut Probabilities);

impl<'de> Visitor<'de> for ProbabilitiesVisitor<'_> {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers or an object from label to number")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Form::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Form::Is(Kind::Boolean))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Form::Is(Kind::Number))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Form::Is(Kind::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Form::Is(Kind::Number))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Form::Is(Kind::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut form = None;
        while let Some(item) = seq.next_element_seed(ItemSeed(&mut self.0.values))? {
            form = Some(match (form, item) {
                (Some(Form::Holds(kind)), _) | (_, Item::Other(kind)) => Form::Holds(kind),
                (None | Some(Form::Flat), Item::Number) => Form::Flat,
                (None, Item::Row(width)) => Form::Rows(width),
                (Some(Form::Rows(seen)), Item::Row(width)) if seen == width => Form::Rows(width),
                (Some(Form::Rows(_) | Form::Ragged), Item::Row(_)) => Form::Ragged,
                (Some(_), Item::Number) => Form::Holds(Kind::Number),
                (Some(_), Item::Row(_)) => Form::Holds(Kind::Array),
            });
        }
        Ok(form.unwrap_or(Form::Absent))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut foreign = None;
        while map.next_key_seed(NameSeed(&mut self.0.names))?.is_some() {
            self.0.name_ends.push(self.0.names.len());
            match map.next_value::<Element>()? {
                Element::Number(value) => self.0.values.push(value),
                Element::Other(kind) => foreign = foreign.or(Some(kind)),
            }
        }
        Ok(foreign.map_or(Form::Named, Form::Holds))
    }
}

/// What one element of the array turned out to be; its numbers are in the buffer.
enum Item {
    Number,
    Row(usize),
    Other(Kind),
}

struct ItemSeed<'s>(&'s mut Vec<f32>);

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Item;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Item, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or an array of numbers")
    }

    fn visit_f64<E>(self, v: f64) -> Result<Item, E> {
        self.0.push(narrow(v));
        Ok(Item::Number)
    }

    fn visit_i64<E>(self, v: i64) -> Result<Item, E> {
        self.0.push(v as f32);
        Ok(Item::Number)
    }

    fn visit_u64<E>(self, v: u64) -> Result<Item, E> {
        self.0.push(v as f32);
        Ok(Item::Number)
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        self.0.push(f32::NAN);
        Ok(Item::Number)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Item, E> {
        Ok(Item::Other(Kind::Boolean))
    }

    fn visit_str<E>(self, _: &str) -> Result<Item, E> {
        Ok(Item::Other(Kind::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
        let start = self.0.len();
        let mut foreign = None;
        while let Some(element) = seq.next_element::<Element>()? {
            match element {
                Element::Number(value) => self.0.push(value),
                Element::Other(kind) => foreign = foreign.or(Some(kind)),
            }
        }
        Ok(foreign.map_or(Item::Row(self.0.len() - start), Item::Other))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Item::Other(Kind::Object))
    }
}

/// Appends a key to a buffer: `Cow` as a key type would own every one.
struct NameSeed<'s>(&'s mut String);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.0.push_str(name);
        Ok(())
    }
}
