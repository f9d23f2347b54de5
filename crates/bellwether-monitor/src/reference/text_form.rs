//! Whether a text is formed as the task's texts are: spelt alike and not cut short.
//!
//! Embeddings cannot tell a damaged message from one on a new subject; its letters can. What is kept of the reference's
//! texts are counts of letter sequences and lengths.

use super::ReferenceRows;
use bellwether_stats::{ConformalScale, Error, Trigrams};
use std::ops::Range;

/// What two numbers say about the form of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Form {
    /// Mean rarity of its letter sequences; NaN without a text.
    pub(crate) surprise: f32,
    /// Its length in characters.
    pub(crate) length: f32,
}

impl Form {
    pub(crate) const NONE: Self = Self {
        surprise: f32::NAN,
        length: 0.0,
    };

    /// Of a text that is not of the reference.
    pub(crate) fn of(text: Option<&str>, trigrams: &Trigrams) -> Self {
        text.map_or(Self::NONE, |t| Self::new(t, trigrams.surprise(t)))
    }

    /// Of one of the reference's own texts, as if it were not.
    pub(crate) fn of_own(text: Option<&str>, trigrams: &Trigrams) -> Self {
        text.map_or(Self::NONE, |t| Self::new(t, trigrams.surprise_of_counted(t)))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a mean of small numbers, and a length that needs no precision"
    )]
    fn new(text: &str, surprise: f64) -> Self {
        Self {
            surprise: surprise as f32,
            length: text.trim().chars().count() as f32,
        }
    }
}

/// The forms of one task's texts.
#[derive(Debug, Clone)]
pub(crate) struct TextForm {
    /// Surprises, turned so that low is strange.
    familiarity: ConformalScale,
    length: ConformalScale,
    /// The smaller of both p-values.
    combined: ConformalScale,
}

impl TextForm {
    /// The forms of rows `range`; `None` unless all of them have texts.
    pub(super) fn new(rows: &ReferenceRows, range: Range<usize>) -> Result<Option<Self>, Error> {
        let surprises = &rows.surprise[range.clone()];
        if surprises.iter().any(|s| s.is_nan()) {
            return Ok(None);
        }
        let familiarity = ConformalScale::new(surprises.iter().map(|&s| -f64::from(s)).collect())?;
        let lengths = &rows.text_length[range];
        let length = ConformalScale::new(lengths.iter().map(|&l| f64::from(l)).collect())?;
        let smaller = |(&s, &l): (&f32, &f32)| {
            let p = familiarity.p_value(-f64::from(s));
            p.min(length.p_value(f64::from(l)))
        };
        let combined = ConformalScale::new(surprises.iter().zip(lengths).map(smaller).collect())?;
        Ok(Some(Self {
            familiarity,
            length,
            combined,
        }))
    }

    /// Small for a text that is spelt unlike the reference's, or much shorter; NaN without a text.
    pub(crate) fn p_value(&self, form: Form) -> f64 {
        if form.surprise.is_nan() {
            return f64::NAN;
        }
        let spelling = self.familiarity.p_value(-f64::from(form.surprise));
        let length = self.length.p_value(f64::from(form.length));
        self.combined.p_value(spelling.min(length))
    }
}
