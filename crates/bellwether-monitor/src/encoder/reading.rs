//! One vector held to what was expected of its text.

use super::reference::Canary;
use bellwether_events::SpotCheck;
use serde::{Deserialize, Serialize};

/// Directions that lie nearer than this are one. Rounding to float16 on the way, which is no fault, moves a direction by
/// 2.2e-4 at most (2⁻¹¹/√3 ≈ 2.8e-4 is its bound for the root mean square); arithmetic in float16 moves that of `MiniLM` by 8e-4 or more
/// (`docs/decisions/0033-encoder-identity.md`).
pub(crate) const SAME: f32 = 4e-4;
/// Lengths that differ by less are one: rounding moves none by more.
pub(crate) const SAME_LENGTH: f32 = 0.02;

/// How a vector compares with what was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Components that came, and that were expected.
    pub(crate) width: (u32, u32),
    pub(crate) to_expected: Distance,
    /// How far is not far, for this text.
    pub(crate) tolerance: f32,
    /// The same to what known faults would have made of the text; of a fault that leaves it alone there is none.
    pub(crate) to_variants: Vec<(Box<str>, Distance)>,
    pub(crate) text: TextTraits,
}

/// How far one vector lies from another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distance {
    /// Length of the difference of their directions, from 0 to 2.
    pub(crate) direction: f32,
    /// Length of the one over that of the other.
    pub(crate) length_ratio: f32,
}

/// What about a text may matter to a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextTraits {
    pub(crate) characters: u32,
    pub(crate) has_capitals: bool,
    pub(crate) beyond_ascii: bool,
}

impl TextTraits {
    pub(crate) fn of(text: &str) -> Self {
        Self {
            characters: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            has_capitals: text.chars().any(char::is_uppercase),
            beyond_ascii: !text.is_ascii(),
        }
    }
}

impl Distance {
    /// Of vectors of one width.
    pub(crate) fn between(a: &[f32], b: &[f32]) -> Self {
        let square = |v: &[f32]| v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        let (of_a, of_b) = (square(a).sqrt(), square(b).sqrt());
        let (unit_a, unit_b) = (1.0 / of_a.max(1e-12), 1.0 / of_b.max(1e-12));
        let apart = a
            .iter()
            .zip(b)
            .map(|(&x, &y)| (f64::from(x) * unit_a - f64::from(y) * unit_b).powi(2));
        #[expect(clippy::cast_possible_truncation, reason = "small numbers, for people")]
        Self {
            direction: apart.sum::<f64>().sqrt() as f32,
            length_ratio: (of_a * unit_b).min(1e9) as f32,
        }
    }

    pub(crate) fn has_other_length(self) -> bool {
        (self.length_ratio - 1.0).abs() > SAME_LENGTH
    }
}

/// How far the directions of two vectors of one width lie apart: the length of the difference of their unit vectors, from 0
/// to 2. `√(2 − 2 cos)` of the angle between them.
#[must_use]
pub fn direction_distance(a: &[f32], b: &[f32]) -> f32 {
    Distance::between(a, b).direction
}

impl Reading {
    /// Of what production made of a canary.
    pub(crate) fn of_canary(canary: &Canary, embedding: &[f32]) -> Self {
        let variants = canary.variants.iter().map(|v| (v.name.as_str(), v.to_f32()));
        let text = TextTraits::of(&canary.text);
        let tolerance = SAME.max(2.0 * canary.noise);
        Self::new(embedding, &canary.embedding, variants, tolerance, text)
    }

    /// Of a row, by what a known encoder makes of its text; `None` where nothing is expected.
    pub(crate) fn of_row(check: &SpotCheck, embedding: &[f32], text: &str) -> Option<Self> {
        let ((_, expected), variants) = check.expected.split_first()?;
        let variants = variants.iter().map(|(name, v)| (name.as_str(), v.clone()));
        Some(Self::new(
            embedding,
            expected,
            variants,
            SAME,
            TextTraits::of(text),
        ))
    }

    fn new<'a>(
        embedding: &[f32],
        expected: &[f32],
        variants: impl Iterator<Item = (&'a str, Vec<f32>)>,
        tolerance: f32,
        text: TextTraits,
    ) -> Self {
        let components = |v: &[f32]| u32::try_from(v.len()).unwrap_or(u32::MAX);
        let variants = variants.filter(|(_, v)| v.len() == embedding.len());
        Self {
            width: (components(embedding), components(expected)),
            to_expected: Distance::between(embedding, expected),
            tolerance,
            to_variants: variants
                .map(|(name, v)| (name.into(), Distance::between(embedding, &v)))
                .collect(),
            text,
        }
    }

    pub(crate) fn has_other_width(&self) -> bool {
        self.width.0 != self.width.1
    }

    /// Whether it is what was expected.
    pub(crate) fn agrees(&self) -> bool {
        !self.has_other_width()
            && self.to_expected.direction <= self.tolerance
            && !self.to_expected.has_other_length()
    }

    /// The distance to what a fault would have made of the text.
    pub(crate) fn to(&self, fault: &str) -> Distance {
        let known = self.to_variants.iter().find(|(name, _)| **name == *fault);
        known.map_or(self.to_expected, |(_, distance)| *distance)
    }
}
