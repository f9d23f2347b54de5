//! What differs, named from how known texts came back.

use super::reading::Reading;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A fault's vectors are met when what came lies this near them on average: two implementations of one fault, or its
/// arithmetic in another precision, stay well below, and different poolings of one text are 0.8 and more apart.
const MET: f32 = 0.05;
/// And when it lies so much nearer to them than to what was expected.
const NEARER: f32 = 0.3;
/// Up to here arithmetic of another precision explains a difference: bfloat16 moves directions by some 0.01.
const ROUNDING: f32 = 0.04;
/// Up to here float16 does.
const HALF_ROUNDING: f32 = 0.004;
/// No fault's name: of it there are no vectors but the encoder's own.
const AS_IT_IS: &str = "";
/// Fewest texts that came back as they were for a pattern among those that did not.
const FEWEST_UNTOUCHED: usize = 2;

/// The part of an encoder in which another one differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Components of an embedding.
    Width,
    /// Whether embeddings are scaled to unit length.
    Normalisation,
    /// How the states of the tokens become one vector.
    Pooling,
    /// Bits of the arithmetic.
    Precision,
    /// How a text becomes tokens, or what is done to it before.
    Tokenizer,
    /// After how many tokens a text is cut.
    Truncation,
    /// The weights; also said where nothing else explains it.
    Weights,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Width,
        Self::Normalisation,
        Self::Pooling,
        Self::Precision,
        Self::Tokenizer,
        Self::Truncation,
        Self::Weights,
    ];

    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::Normalisation => "normalisation",
            Self::Pooling => "pooling",
            Self::Precision => "precision",
            Self::Tokenizer => "tokenizer",
            Self::Truncation => "truncation",
            Self::Weights => "weights",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In which part.
    pub aspect: Aspect,
    /// How, in a few words.
    pub detail: String,
}

impl Difference {
    fn new(aspect: Aspect, detail: impl Into<String>) -> Self {
        Self {
            aspect,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.aspect, self.detail)
    }
}

/// What differs by these readings; empty when all agree.
pub(super) fn differences<'a>(readings: impl Iterator<Item = &'a Reading>) -> Vec<Difference> {
    let (same, other): (Vec<&Reading>, Vec<&Reading>) = readings.partition(|r| r.agrees());
    let Some(first) = other.first() else {
        return Vec::new();
    };
    if let Some(reading) = other.iter().find(|r| r.has_other_width()) {
        let (came, expected) = reading.width;
        return vec![Difference::new(
            Aspect::Width,
            format!("{came} components, {expected} in the reference"),
        )];
    }
    let furthest = other.iter().map(|r| r.to_expected.direction).fold(0.0, f32::max);
    if other.iter().all(|r| r.to_expected.direction <= r.tolerance) {
        return vec![normalisation(first.to_expected.length_ratio)];
    }
    // What differs first of all, and the vectors whose lengths those that came are held to.
    let (main, held_to) = if let Some(fault) = met_fault(&same, &other) {
        (named(fault), Some(fault))
    } else if furthest <= ROUNDING {
        (rounding(furthest), Some(AS_IT_IS))
    } else {
        let otherwise = || Difference::new(Aspect::Weights, "no known fault explains it: another checkpoint");
        (pattern(&same, &other).unwrap_or_else(otherwise), None)
    };
    let mut found = vec![main];
    if let Some(fault) = held_to {
        let scaled = other.iter().filter(|r| r.to(fault).has_other_length()).count();
        if 2 * scaled > other.len() {
            found.push(normalisation(first.to(fault).length_ratio));
        }
    }
    found
}

fn rounding(furthest: f32) -> Difference {
    let size = if furthest <= HALF_ROUNDING {
        "float16"
    } else {
        "bfloat16"
    };
    Difference::new(
        Aspect::Precision,
        format!("directions are off by {furthest:.1e}, as arithmetic in {size} does"),
    )
}

fn normalisation(length_ratio: f32) -> Difference {
    Difference::new(
        Aspect::Normalisation,
        format!("lengths are {length_ratio:.2} times those of the reference, directions are the same"),
    )
}

/// The fault whose vectors the texts that came back otherwise lie at, where those that did not contradict it.
fn met_fault<'a>(same: &[&Reading], other: &[&'a Reading]) -> Option<&'a str> {
    let mean = |of: &dyn Fn(&Reading) -> f32| other.iter().map(|r| of(r)).sum::<f32>() / other.len() as f32;
    let unexplained = mean(&|r| r.to_expected.direction);
    let names = other
        .iter()
        .flat_map(|r| r.to_variants.iter().map(|(name, _)| &**name));
    let mut best: Option<(&str, f32)> = None;
    for name in names {
        let distance = mean(&|r| r.to(name).direction);
        let untouched = same.iter().filter(|r| r.to(name).direction <= MET).count();
        let holds = distance <= MET.min(NEARER * unexplained) && 2 * untouched >= same.len();
        if holds && best.is_none_or(|(_, least)| distance < least) {
            best = Some((name, distance));
        }
    }
    best.map(|(name, _)| name)
}

/// A fault by its name in the reference.
fn named(fault: &str) -> Difference {
    let (aspect, value) = fault.split_once('=').unwrap_or((fault, ""));
    match aspect {
        "pooling" => Difference::new(Aspect::Pooling, format!("it is `{value}`")),
        "normalisation" => Difference::new(Aspect::Normalisation, format!("it is `{value}`")),
        "precision" => Difference::new(Aspect::Precision, format!("it is `{value}`")),
        "truncation" => Difference::new(Aspect::Truncation, format!("texts are cut after {value} tokens")),
        "tokenizer" => Difference::new(Aspect::Tokenizer, format!("it is as with `{value}`")),
        _ => Difference::new(Aspect::Weights, format!("it is as with `{fault}`")),
    }
}

/// What the texts that came back otherwise have in common, and no other text has.
fn pattern(same: &[&Reading], other: &[&Reading]) -> Option<Difference> {
    if same.len() < FEWEST_UNTOUCHED {
        return None;
    }
    let longest_untouched = same.iter().map(|r| r.text.characters).max()?;
    let shortest_touched = other.iter().map(|r| r.text.characters).min()?;
    // All that came back otherwise have it, of those that have it most did, and some have not.
    let only_those = |has: fn(&Reading) -> bool| {
        let untouched = same.iter().filter(|r| has(r)).count();
        other.iter().all(|r| has(r)) && untouched <= other.len() && same.len() - untouched >= FEWEST_UNTOUCHED
    };
    if shortest_touched > longest_untouched {
        Some(Difference::new(
            Aspect::Truncation,
            format!("only texts of more than {longest_untouched} characters come back otherwise"),
        ))
    } else if only_those(|r| r.text.beyond_ascii) {
        Some(Difference::new(
            Aspect::Tokenizer,
            "only texts with characters beyond ASCII come back otherwise",
        ))
    } else if only_those(|r| r.text.has_capitals) {
        Some(Difference::new(
            Aspect::Tokenizer,
            "only texts with capital letters come back otherwise",
        ))
    } else if only_those(|r| r.text.has_capitals || r.text.beyond_ascii) {
        // Lower-casing takes accents away as well in the tokenizers of BERT.
        Some(Difference::new(
            Aspect::Tokenizer,
            "only texts with capital letters or characters beyond ASCII come back otherwise",
        ))
    } else {
        None
    }
}
