//! Entity-level quality of tag sequences.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One tag in terms of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Outside every span.
    Outside,
    /// First token of a span of the type.
    Begin(u16),
    /// A further token.
    Inside(u16),
    /// Last token of a span (BIOES).
    End(u16),
    /// The only token of a span (BIOES).
    Single(u16),
}

/// What each label of a task means as a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagScheme {
    tags: Vec<Tag>,
    types: Vec<String>,
}

impl TagScheme {
    /// Reads labels such as `O`, `B-date`, `I-date`, `E-date`, `S-date`; anything else is a span of one token of
    /// its own type.
    #[must_use]
    pub fn new(labels: &[String]) -> Self {
        let mut types: BTreeMap<&str, u16> = BTreeMap::new();
        let mut id = |name| {
            let next = u16::try_from(types.len()).unwrap_or(u16::MAX);
            *types.entry(name).or_insert(next)
        };
        let tags = labels
            .iter()
            .map(|label| match label.split_once('-') {
                _ if label == "O" => Tag::Outside,
                Some(("B", name)) => Tag::Begin(id(name)),
                Some(("I" | "M", name)) => Tag::Inside(id(name)),
                Some(("E" | "L", name)) => Tag::End(id(name)),
                Some(("S" | "U", name)) => Tag::Single(id(name)),
                _ => Tag::Single(id(label.as_str())),
            })
            .collect();
        // Their numbers, which count up from zero in order of appearance, are the positions; past the last number
        // all share one.
        let mut named = vec![String::new(); types.values().max().map_or(0, |&last| usize::from(last) + 1)];
        for (name, id) in types {
            name.clone_into(&mut named[usize::from(id)]);
        }
        Self { tags, types: named }
    }

    /// Names of the span types; a type's number in a [`Tag`] is its position.
    #[must_use]
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The tag of a label index; outside for an index the scheme does not know.
    #[must_use]
    pub fn tag(&self, label: u16) -> Tag {
        self.tags.get(usize::from(label)).copied().unwrap_or(Tag::Outside)
    }
}

/// Spans found, missed and invented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanCounts {
    /// Spans in both, with equal bounds and type.
    pub hits: u32,
    /// Spans predicted.
    pub predicted: u32,
    /// Spans in the truth.
    pub truth: u32,
}

impl SpanCounts {
    /// Sums the counts.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            predicted: self.predicted + other.predicted,
            truth: self.truth + other.truth,
        }
    }

    /// Share of the predicted spans that are right; NaN when none is predicted.
    #[must_use]
    pub fn precision(self) -> f64 {
        f64::from(self.hits) / f64::from(self.predicted)
    }

    /// Share of the true spans that are found; NaN when there is none.
    #[must_use]
    pub fn recall(self) -> f64 {
        f64::from(self.hits) / f64::from(self.truth)
    }

    /// `2·hits / (predicted + truth)`; NaN without spans. Equals seqeval's micro-averaged `f1_score`.
    #[must_use]
    pub fn f1(self) -> f64 {
        2.0 * f64::from(self.hits) / f64::from(self.predicted + self.truth)
    }
}

/// Compares two sentences' tags (label indices, one a token) span by span: equal bounds and type count as found.
///
/// Spans are read as conlleval reads them: a further token of another type, or without a beginning, begins a span.
#[must_use]
pub fn span_counts(scheme: &TagScheme, predicted: &[u16], truth: &[u16]) -> SpanCounts {
    let mut counts = SpanCounts::default();
    compare(scheme, predicted, truth, |_, found| counts = counts.merge(found));
    counts
}

/// As [`span_counts`], added to `by_type[kind]`, one entry a type of the scheme: summed over sentences they give
/// each type's precision, recall and F1. A type past the end of `by_type` is left out.
pub fn add_span_counts_by_type(
    scheme: &TagScheme,
    predicted: &[u16],
    truth: &[u16],
    by_type: &mut [SpanCounts],
) {
    compare(scheme, predicted, truth, |kind, found| {
        if let Some(counts) = by_type.get_mut(usize::from(kind)) {
            *counts = counts.merge(found);
        }
    });
}

/// Calls `add` for every span with its type: found, invented or missed.
fn compare(scheme: &TagScheme, predicted: &[u16], truth: &[u16], mut add: impl FnMut(u16, SpanCounts)) {
    const FOUND: SpanCounts = SpanCounts {
        hits: 1,
        predicted: 1,
        truth: 1,
    };
    const INVENTED: SpanCounts = SpanCounts {
        hits: 0,
        predicted: 1,
        truth: 0,
    };
    const MISSED: SpanCounts = SpanCounts {
        hits: 0,
        predicted: 0,
        truth: 1,
    };
    let (mut p, mut t) = (Spans::new(scheme, predicted), Spans::new(scheme, truth));
    let (mut next_p, mut next_t) = (p.next(), t.next());
    // Both come in order of their first token: a merge.
    loop {
        match (next_p, next_t) {
            (None, None) => return,
            (Some(a), Some(b)) if a == b => {
                add(a.2, FOUND);
                (next_p, next_t) = (p.next(), t.next());
            }
            (Some(a), b) if b.is_none_or(|b| a.0 <= b.0) => {
                add(a.2, INVENTED);
                next_p = p.next();
            }
            (_, b) => {
                add(b.map_or(u16::MAX, |b| b.2), MISSED);
                next_t = t.next();
            }
        }
    }
}

/// Spans of a sentence as (first token, token after the last, type).
struct Spans<'a> {
    scheme: &'a TagScheme,
    tags: &'a [u16],
    at: usize,
}

impl<'a> Spans<'a> {
    fn new(scheme: &'a TagScheme, tags: &'a [u16]) -> Self {
        Self { scheme, tags, at: 0 }
    }
}

impl Iterator for Spans<'_> {
    type Item = (usize, usize, u16);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.at;
            let tag = self.scheme.tag(*self.tags.get(start)?);
            self.at += 1;
            let (kind, open) = match tag {
                Tag::Outside => continue,
                Tag::Single(kind) | Tag::End(kind) => (kind, false),
                Tag::Begin(kind) | Tag::Inside(kind) => (kind, true),
            };
            if open {
                let rest = self.tags[self.at..].iter().map(|&t| self.scheme.tag(t));
                for tag in rest {
                    let ends = tag == Tag::End(kind);
                    if !ends && tag != Tag::Inside(kind) {
                        break;
                    }
                    self.at += 1;
                    if ends {
                        break;
                    }
                }
            }
            return Some((start, self.at, kind));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(predicted: &str, truth: &str) -> (u32, u32, u32) {
        let mut labels: Vec<String> = predicted
            .split(' ')
            .chain(truth.split(' '))
            .map(str::to_owned)
            .collect();
        labels.sort();
        labels.dedup();
        let scheme = TagScheme::new(&labels);
        let indices = |text: &str| -> Vec<u16> {
            let at = |tag: &str| labels.iter().position(|l| l == tag).unwrap();
            text.split(' ').map(|t| u16::try_from(at(t)).unwrap()).collect()
        };
        let counts = span_counts(&scheme, &indices(predicted), &indices(truth));
        (counts.hits, counts.predicted, counts.truth)
    }

    #[test]
    fn bounds_and_type_must_agree() {
        assert_eq!(count("B-a I-a O", "B-a I-a O"), (1, 1, 1));
        assert_eq!(count("B-a I-a O", "B-a O O"), (0, 1, 1));
        assert_eq!(count("B-a I-a O", "B-b I-b O"), (0, 1, 1));
        assert_eq!(count("B-a B-a O", "B-a I-a O"), (0, 2, 1));
    }

    #[test]
    fn a_type_that_changes_begins_a_span() {
        assert_eq!(count("B-a I-b I-b", "B-a B-b I-b"), (2, 2, 2));
    }

    #[test]
    fn the_letters_of_bilou_mean_those_of_bioes() {
        assert_eq!(count("B-a M-a L-a U-b", "B-a I-a E-a S-b"), (2, 2, 2));
    }

    #[test]
    fn any_other_label_is_a_span_of_one_token() {
        assert_eq!(count("date date O", "date O O"), (1, 2, 1));
    }

    #[test]
    fn labels_beyond_the_scheme_are_outside() {
        let scheme = TagScheme::new(&["O".to_owned(), "B-a".to_owned()]);
        assert_eq!(scheme.tag(9), Tag::Outside);
        assert_eq!(span_counts(&scheme, &[1, 9, 9], &[1]).hits, 1);
    }
}
