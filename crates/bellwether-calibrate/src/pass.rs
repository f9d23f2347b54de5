//! Drawing without favourites: every message once before any comes again.

use rand::Rng;
use rand::seq::SliceRandom;

/// Messages of a pass that are looked at when a certain kind is wanted.
const LOOK_AHEAD: usize = 200;

/// A shuffled walk over some rows; at its end they are shuffled anew.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    rows: Vec<usize>,
    next: usize,
}

impl Pass {
    /// A walk over `rows`; nothing is ever drawn from none.
    pub(crate) fn new(rows: &[usize]) -> Self {
        Self {
            rows: rows.to_vec(),
            next: rows.len(),
        }
    }

    /// The next row.
    pub(crate) fn draw(&mut self, rng: &mut impl Rng) -> Option<usize> {
        self.draw_preferring(rng, 0, |_| false)
    }

    /// The first of the next rows that `fits`, the next one when none of the first `look_ahead` does. What is passed
    /// over is drawn later in the same walk.
    pub(crate) fn draw_preferring(
        &mut self,
        rng: &mut impl Rng,
        look_ahead: usize,
        fits: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let found = self.find(rng, look_ahead, fits);
        self.take(found.unwrap_or(self.next))
    }

    /// One of the next rows that `fits`; none when the walk's nearest part has none.
    pub(crate) fn draw_like(&mut self, rng: &mut impl Rng, fits: impl FnMut(usize) -> bool) -> Option<usize> {
        let found = self.find(rng, LOOK_AHEAD, fits)?;
        self.take(found)
    }

    fn find(
        &mut self,
        rng: &mut impl Rng,
        look_ahead: usize,
        mut fits: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        if self.next == self.rows.len() {
            self.rows.shuffle(rng);
            self.next = 0;
        }
        let end = self.rows.len().min(self.next + look_ahead);
        (self.next..end).find(|&at| fits(self.rows[at]))
    }

    fn take(&mut self, at: usize) -> Option<usize> {
        if at >= self.rows.len() {
            return None;
        }
        self.rows.swap(at, self.next);
        self.next += 1;
        Some(self.rows[self.next - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeMap;

    #[test]
    fn every_row_comes_once_before_any_comes_again_whatever_is_preferred() {
        let rows: Vec<usize> = (10..47).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut pass = Pass::new(&rows);
        for round in 1..=3 {
            let mut drawn: Vec<usize> = (0..rows.len())
                .map(|n| match n % 3 {
                    0 => pass.draw(&mut rng),
                    1 => pass.draw_preferring(&mut rng, 16, |row| row % 5 == 0),
                    _ => pass
                        .draw_like(&mut rng, |row| row % 2 == 0)
                        .or_else(|| pass.draw(&mut rng)),
                })
                .map(|row| row.expect("there are rows"))
                .collect();
            drawn.sort_unstable();
            assert_eq!(drawn, rows, "round {round}");
        }
    }

    #[test]
    fn what_is_preferred_comes_more_often_early_and_nothing_comes_from_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut pass = Pass::new(&(0..100).collect::<Vec<_>>());
        let early = (0..50).filter_map(|_| pass.draw_like(&mut rng, |row| row < 50));
        assert_eq!(early.filter(|&row| row < 50).count(), 50);
        assert_eq!(
            pass.draw_like(&mut rng, |row| row < 50),
            None,
            "the walk has no more"
        );
        assert_eq!(Pass::new(&[]).draw(&mut rng), None);
    }

    #[test]
    fn walks_with_other_seeds_differ_and_with_the_same_agree() {
        let rows: Vec<usize> = (0..50).collect();
        let walk = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut pass = Pass::new(&rows);
            (0..80).filter_map(|_| pass.draw(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(walk(5), walk(5));
        assert_ne!(walk(5), walk(6));
        let counts = walk(7).into_iter().fold(BTreeMap::new(), |mut counts, row| {
            *counts.entry(row).or_insert(0) += 1;
            counts
        });
        assert_eq!(counts.values().filter(|&&n| n == 2).count(), 30, "{counts:?}");
    }
}
