//! Which few stand best for the many: greedy facility location.
//!
//! The value of a choice is `Σ wⱼ · maxᵢ cos(i, j)` over all rows `j`: how well each is stood for by the chosen one that is nearest,
//! by its weight. Each step takes the row that adds most, which gives at least `1 − 1/e` of what can be reached (Nemhauser, Wolsey,
//! Fisher, Mathematical Programming 14 (1978)). Gains only fall as more is chosen, so that most need not be computed again (Minoux,
//! "Accelerated greedy algorithms", 1978). Wei, Iyer, Bilmes, "Submodularity in data subset selection and active learning", ICML
//! 2015, use it for what to label. Core-sets by k-centre (Sener and Savarese, ICLR 2018) go for the outermost rows, which here are
//! strangers and not what is new.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Weights for a choice among the rows of one matrix of cosines.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    /// `[n, n]`, row-major.
    pub(crate) cosines: &'a [f32],
    /// What each row counts, `[n]`, not negative.
    pub(crate) weights: &'a [f64],
}

impl Choice<'_> {
    /// At most `most` of `candidates` in order of what they add, beginning beside those that are chosen already.
    pub(crate) fn choose(&self, candidates: &[usize], already: &[usize], most: usize) -> Vec<usize> {
        let n = self.weights.len();
        let mut cover = vec![0.0; n];
        for &row in already {
            self.cover(row, &mut cover);
        }
        let mut heap: BinaryHeap<Gain> = candidates
            .iter()
            .map(|&row| Gain {
                adds: self.gain(row, &cover),
                row,
                chosen: 0,
            })
            .collect();
        let mut out = Vec::with_capacity(most.min(candidates.len()));
        while out.len() < most
            && let Some(best) = heap.pop()
        {
            if best.chosen == out.len() {
                self.cover(best.row, &mut cover);
                out.push(best.row);
            } else {
                heap.push(Gain {
                    adds: self.gain(best.row, &cover),
                    chosen: out.len(),
                    ..best
                });
            }
        }
        out
    }

    fn gain(&self, row: usize, cover: &[f64]) -> f64 {
        let n = self.weights.len();
        let near = &self.cosines[row * n..(row + 1) * n];
        let of = |((&cosine, &cover), &weight): ((&f32, &f64), &f64)| {
            weight * (f64::from(cosine) - cover).max(0.0)
        };
        near.iter().zip(cover).zip(self.weights).map(of).sum()
    }

    fn cover(&self, row: usize, cover: &mut [f64]) {
        let n = self.weights.len();
        for (cover, &cosine) in cover.iter_mut().zip(&self.cosines[row * n..(row + 1) * n]) {
            *cover = cover.max(f64::from(cosine));
        }
    }
}

/// What a row adds to a choice of so many.
#[derive(Debug, Clone, Copy)]
struct Gain {
    adds: f64,
    row: usize,
    chosen: usize,
}

impl Ord for Gain {
    /// The larger gain first, and of equal ones the earlier row.
    fn cmp(&self, other: &Self) -> Ordering {
        self.adds.total_cmp(&other.adds).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Gain {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Gain {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Gain {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same without the heap.
    fn plainly(choice: &Choice<'_>, candidates: &[usize], most: usize) -> Vec<usize> {
        let mut cover = vec![0.0; choice.weights.len()];
        let mut left = candidates.to_vec();
        let mut out = Vec::new();
        while out.len() < most && !left.is_empty() {
            let gains: Vec<f64> = left.iter().map(|&row| choice.gain(row, &cover)).collect();
            let mut best = 0;
            for at in 1..left.len() {
                if gains[at] > gains[best] {
                    best = at;
                }
            }
            let row = left.remove(best);
            choice.cover(row, &mut cover);
            out.push(row);
        }
        out
    }

    proptest! {
        #[test]
        fn lazy_steps_are_the_greedy_ones(
            rows in prop::collection::vec((prop::array::uniform3(-1.0_f32..1.0), 0.0_f64..1.0), 1..25),
            most in 1_usize..30,
        ) {
            let n = rows.len();
            let cosines: Vec<f32> = (0..n * n)
                .map(|at| rows[at / n].0.iter().zip(&rows[at % n].0).map(|(a, b)| a * b).sum())
                .collect();
            let weights: Vec<f64> = rows.iter().map(|row| row.1).collect();
            let choice = Choice { cosines: &cosines, weights: &weights };
            let all: Vec<usize> = (0..n).collect();
            prop_assert_eq!(choice.choose(&all, &[], most), plainly(&choice, &all, most));
        }
    }

    #[test]
    fn one_of_each_kind_comes_before_a_second_and_weights_decide() {
        // Three rows of one kind, two of another; the last of little weight.
        let cosine = |a: usize, b: usize| match (a, b) {
            _ if a == b => 1.0,
            (0..=2, 0..=2) | (3..=4, 3..=4) => 0.9,
            _ => 0.0,
        };
        let cosines: Vec<f32> = (0..25).map(|at| cosine(at / 5, at % 5)).collect();
        let weights = [1.0, 1.0, 1.0, 1.0, 0.1];
        let choice = Choice {
            cosines: &cosines,
            weights: &weights,
        };
        assert_eq!(choice.choose(&[0, 1, 2, 3, 4], &[], 2), [0, 3]);
        assert_eq!(choice.choose(&[1, 2, 3], &[0], 2), [3, 1]);
        assert_eq!(choice.choose(&[], &[0], 2), Vec::<usize>::new());
    }
}
