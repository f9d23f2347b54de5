//! Versions of the model that made each prediction: in most streams one or two, so each is kept once a batch.

use std::collections::BTreeMap;

/// Longest version that is kept, in bytes; what is longer is cut at a character.
const MAX_BYTES: usize = 120;

/// Stands for a row without a version.
const NONE: u32 = u32::MAX;

/// The version of each row as an index into the batch's own names; while no row has one, nothing is allocated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions {
    names: Vec<Box<str>>,
    index: BTreeMap<Box<str>, u32>,
    /// Index into `names` of each row; rows behind its end have none.
    rows: Vec<u32>,
}

impl Versions {
    /// Adds the version of `row`; rows come in order.
    pub(crate) fn push(&mut self, row: usize, version: Option<&str>) {
        let Some(version) = version.map(cut).filter(|version| !version.is_empty()) else {
            return;
        };
        let id = self.id(version);
        self.rows.resize(row, NONE);
        self.rows.push(id);
    }

    /// Rows that follow each other mostly have the same version, which costs one comparison.
    fn id(&mut self, version: &str) -> u32 {
        if let Some(&last) = self.rows.last()
            && self
                .names
                .get(last as usize)
                .is_some_and(|name| **name == *version)
        {
            return last;
        }
        if let Some(&id) = self.index.get(version) {
            return id;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(NONE);
        self.names.push(version.into());
        self.index.insert(version.into(), id);
        id
    }

    /// Index of a row's version in [`Self::names`].
    pub(crate) fn get(&self, row: usize) -> Option<u32> {
        self.rows.get(row).copied().filter(|&id| id != NONE)
    }

    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }
}

fn cut(version: &str) -> &str {
    let mut end = version.len().min(MAX_BYTES);
    while !version.is_char_boundary(end) {
        end -= 1;
    }
    &version[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_own_version_or_none() {
        let mut versions = Versions::default();
        let long = "é".repeat(100);
        for (row, version) in [
            None,
            Some("v1"),
            Some("v2"),
            None,
            Some("v1"),
            Some(&long),
            Some(""),
        ]
        .into_iter()
        .enumerate()
        {
            versions.push(row, version);
        }
        let of = |row| versions.get(row).map(|id| &*versions.names()[id as usize]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(of),
            [None, Some("v1"), Some("v2"), None, Some("v1")]
        );
        assert_eq!(of(5).map(str::len), Some(120), "cut at a character");
        assert_eq!((of(6), of(7)), (None, None));
        assert_eq!(versions.names().len(), 3);
    }
}
