//! Attributes of observations (channel, language, client): few short strings a row, and in most streams none at all.

use std::borrow::Cow;

/// A name with its value, as an event carries it.
pub type Attribute<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The attributes of many rows in one text; while no row has any, nothing is allocated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    text: String,
    /// Where each name and each value ends in `text`, in turn.
    ends: Vec<usize>,
    /// Number of pairs up to and with each row; rows behind its end have none.
    pairs: Vec<usize>,
}

impl Attributes {
    /// Adds the attributes of `row`; rows come in order.
    pub(crate) fn push(&mut self, row: usize, attributes: &[Attribute<'_>]) {
        if attributes.is_empty() {
            return;
        }
        self.pairs.resize(row, self.ends.len() / 2);
        for (name, value) in attributes {
            for part in [name, value] {
                self.text.push_str(part);
                self.ends.push(self.text.len());
            }
        }
        self.pairs.push(self.ends.len() / 2);
    }

    /// Names and values of a row, in the order of the event.
    pub(crate) fn get(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let range = match self.pairs.get(row) {
            Some(&to) => row.checked_sub(1).map_or(0, |before| self.pairs[before])..to,
            None => 0..0,
        };
        range.map(|pair| (self.part(2 * pair), self.part(2 * pair + 1)))
    }

    fn part(&self, at: usize) -> &str {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[from..self.ends[at]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_own_and_rows_without_keep_none() {
        let mut attributes = Attributes::default();
        let de: [Attribute<'_>; 2] = [("language".into(), "de".into()), ("channel".into(), "".into())];
        attributes.push(0, &[]);
        attributes.push(1, &de);
        attributes.push(2, &[]);
        attributes.push(3, &de[..1]);
        attributes.push(4, &[]);
        let of = |row| attributes.get(row).collect::<Vec<_>>();
        assert_eq!(of(1), [("language", "de"), ("channel", "")]);
        assert_eq!(of(3), [("language", "de")]);
        for row in [0, 2, 4, 5] {
            assert!(of(row).is_empty(), "row {row}");
        }
    }
}
