//! The same watch for each slice of a task: who speaks one language, comes through one channel, is one client.
//!
//! A fall that hits a fifth of the traffic moves the whole little and late. Each slice has its own e-detectors against its
//! own part of the reference: a slice that was always worse is no news. An observation falls in at most one slice of each
//! attribute, so what false alarms cost grows with the attributes, not with the slices; the budget stands in
//! `docs/decisions/0005-slices.md`.

mod bounds;
mod slice;
mod snapshot;

pub(crate) use bounds::SliceBounds;
pub(crate) use slice::{Finding, Slice};

use crate::config::{MAX_SLICE_ATTRIBUTES, MonitorConfig};
use crate::reference::{ReferenceSlice, TaskReference};
use crate::shared::Eclipse;
use bellwether_events::TaskKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest name and value that are watched, in bytes: they become labels of metrics.
const MAX_TEXT: usize = 120;

/// The slices an observation falls in, at most one of each attribute: small, because it waits with its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SliceSet([u8; MAX_SLICE_ATTRIBUTES]);

impl SliceSet {
    const NONE: u8 = u8::MAX;

    pub(crate) const fn empty() -> Self {
        Self([Self::NONE; MAX_SLICE_ATTRIBUTES])
    }

    /// Whether it names none but the first `watched` slices.
    pub(crate) fn fits(self, watched: usize) -> bool {
        self.indices().all(|at| at < watched)
    }

    fn indices(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().filter(|&i| i != Self::NONE).map(usize::from)
    }
}

/// One attribute and the slices its values make.
#[derive(Debug, Clone)]
struct WatchedAttribute {
    name: String,
    slices: BTreeMap<String, u8>,
}

/// The slices of one task.
#[derive(Debug, Clone)]
pub(crate) struct Slices {
    kind: TaskKind,
    attributes: Vec<WatchedAttribute>,
    watched: Vec<Slice>,
    /// Most attributes; further names are not watched.
    max_attributes: usize,
    /// Most values of one attribute, so that one with many cannot crowd out the others.
    max_values: usize,
    /// What a value without a reference of its own is held against.
    of_task: SliceBounds,
    unwatched: u64,
}

impl Slices {
    /// Slices of the reference first, the largest first; what is left is for values that come later.
    pub(crate) fn new(task: &TaskReference, reference: &[ReferenceSlice], config: &MonitorConfig) -> Self {
        let max_attributes = config.slice_attribute_limit();
        let mut slices = Self {
            kind: task.kind,
            attributes: Vec::new(),
            watched: Vec::new(),
            max_attributes,
            max_values: config.max_slices.min(usize::from(SliceSet::NONE)) / max_attributes.max(1),
            of_task: SliceBounds::of_task(task, config),
            unwatched: 0,
        };
        let names: Vec<&str> = if config.slice_attributes.is_empty() {
            attributes_of(reference)
        } else {
            config.slice_attributes.iter().map(String::as_str).collect()
        };
        for name in names {
            slices.attribute(name);
        }
        if !config.slice_attributes.is_empty() {
            slices.max_attributes = slices.attributes.len();
        }
        let mut largest_first: Vec<&ReferenceSlice> = reference.iter().collect();
        largest_first.sort_by(|a, b| b.size.cmp(&a.size).then(a.value.cmp(&b.value)));
        for known in largest_first {
            if let Some(at) = slices.attributes.iter().position(|a| a.name == known.attribute) {
                let bounds = SliceBounds::of_slice(known, task, config);
                slices.admit(at, &known.value, bounds, config);
            }
        }
        slices
    }

    fn attribute(&mut self, name: &str) -> Option<usize> {
        let found = self.attributes.iter().position(|a| a.name == name);
        if found.is_some() || self.attributes.len() >= self.max_attributes || name.len() > MAX_TEXT {
            return found;
        }
        self.attributes.push(WatchedAttribute {
            name: name.to_owned(),
            slices: BTreeMap::new(),
        });
        Some(self.attributes.len() - 1)
    }

    fn admit(&mut self, at: usize, value: &str, bounds: SliceBounds, config: &MonitorConfig) -> Option<u8> {
        let attribute = &mut self.attributes[at];
        if attribute.slices.len() >= self.max_values || value.len() > MAX_TEXT {
            return None;
        }
        let index = u8::try_from(self.watched.len())
            .ok()
            .filter(|&i| i != SliceSet::NONE)?;
        attribute.slices.insert(value.to_owned(), index);
        self.watched.push(Slice::new(
            attribute.name.clone(),
            value.to_owned(),
            bounds,
            config,
        ));
        Some(index)
    }

    /// The slices of an observation's attributes; values met for the first time become slices while there is room.
    pub(crate) fn place<'a>(
        &mut self,
        attributes: impl Iterator<Item = (&'a str, &'a str)>,
        config: &MonitorConfig,
    ) -> SliceSet {
        let mut set = SliceSet::empty();
        for (name, value) in attributes.filter(|(_, value)| !value.is_empty()) {
            let Some(at) = self.attribute(name) else {
                continue;
            };
            let index = match self.attributes[at].slices.get(value) {
                Some(&index) => Some(index),
                None => self.admit(at, value, self.of_task.clone(), config),
            };
            match index {
                Some(index) => set.0[at] = index,
                None => self.unwatched += 1,
            }
        }
        set
    }

    /// Takes an observation into the slices it falls in. `p_novelty` in `(0, 1]`; `confidence` NaN where unknown.
    pub(crate) fn observe(
        &mut self,
        set: SliceSet,
        p_novelty: f64,
        confidence: f64,
        step: u64,
        timestamp_ms: i64,
    ) {
        for at in set.indices() {
            self.watched[at].observe(p_novelty, confidence, step, timestamp_ms);
        }
    }

    /// Takes a label inside the label set: its loss in `[0, 1]` and the share of the bets that is placed.
    pub(crate) fn label(&mut self, set: SliceSet, loss: f64, weight: f64, step: u64, timestamp_ms: i64) {
        for at in set.indices() {
            self.watched[at].label(loss, weight, step, timestamp_ms);
        }
    }

    /// What labels said of inputs that are no more is no evidence for the present.
    pub(crate) fn forget_quality(&mut self) {
        for slice in &mut self.watched {
            slice.loss.lift();
        }
    }

    /// A common shift is over: what it raised, or had begun to, was its doing.
    pub(crate) fn end_common_shift(&mut self, eclipse: Eclipse) {
        for slice in &mut self.watched {
            slice.forget_since(eclipse);
        }
    }

    /// All slices, in the order they were met.
    pub(crate) fn all(&self) -> &[Slice] {
        &self.watched
    }

    /// Attribute values of observations for which there was no room.
    pub(crate) fn unwatched(&self) -> u64 {
        self.unwatched
    }

    /// What stands, the strongest evidence first.
    pub(crate) fn findings(&self) -> Vec<Finding<'_>> {
        let mut standing: Vec<Finding<'_>> =
            self.watched.iter().flat_map(|s| s.findings(self.kind)).collect();
        standing.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        standing
    }

    /// Whether a slice's labels stand against it, and whether anything of a slice does.
    pub(crate) fn standing(&self) -> (bool, bool) {
        let judged = || self.watched.iter().filter(|s| s.is_judged());
        (
            judged().any(|s| s.loss.is_active()),
            judged().any(Slice::is_active),
        )
    }
}

/// Attributes of the reference, those with the most slices first: a value that all traffic shares tells nothing.
fn attributes_of(reference: &[ReferenceSlice]) -> Vec<&str> {
    let mut values: BTreeMap<&str, usize> = BTreeMap::new();
    for slice in reference {
        *values.entry(&slice.attribute).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = values.into_iter().collect();
    names.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    names.into_iter().map(|(name, _)| name).collect()
}
