//! How unusual is one score, by rank among the reference's scores?

use crate::error::{Error, all_finite};

/// Calibration scores in ascending order; low means strange.
///
/// The p-value of a new score is the share of calibration scores at or below it, counting the new one: with
/// exchangeable scores it is stochastically no smaller than uniform. Vovk, Gammerman and Shafer, "Algorithmic Learning
/// in a Random World" (2005), section 2.2.
#[derive(Debug, Clone, PartialEq)]
pub struct ConformalScale {
    sorted: Vec<f64>,
    /// Where the scores of each of as many equal parts of their range begin, and where the last one ends: a search looks at a
    /// few scores of one part instead of half of all, half of those, and so on.
    starts: Vec<u32>,
    /// Parts a unit.
    per_unit: f64,
}

impl ConformalScale {
    /// A scale over calibration scores `[n]`, in any order.
    ///
    /// # Errors
    /// [`Error::TooFew`] without scores, [`Error::NonFinite`] on NaN or infinity.
    pub fn new(mut scores: Vec<f64>) -> Result<Self, Error> {
        if scores.is_empty() {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        all_finite(&scores)?;
        scores.sort_by(f64::total_cmp);
        let parts = scores.len();
        let range = scores[parts - 1] - scores[0];
        let per_unit = if range > 0.0 { parts as f64 / range } else { 0.0 };
        let mut scale = Self {
            sorted: scores,
            starts: vec![0; parts + 2],
            per_unit: if per_unit.is_finite() { per_unit } else { 0.0 },
        };
        for at in 0..parts {
            let part = scale.part(scale.sorted[at]);
            scale.starts[part + 1] += 1;
        }
        for part in 0..=parts {
            scale.starts[part + 1] += scale.starts[part];
        }
        Ok(scale)
    }

    /// The part of the range that a score falls in; it does not fall as the score grows.
    fn part(&self, score: f64) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is outside the range is taken to its ends"
        )]
        let part = ((score - self.sorted[0]) * self.per_unit) as usize;
        part.min(self.sorted.len())
    }

    /// The scores of a part, and how many are in those before.
    fn around(&self, score: f64) -> (usize, &[f64]) {
        let part = self.part(score);
        let (from, to) = (self.starts[part] as usize, self.starts[part + 1] as usize);
        (from, &self.sorted[from..to])
    }

    /// `(#{calibration ≤ score} + 1) / (n + 1)`, in `(0, 1]`; small for scores below the calibration's. O(log n), and less where
    /// scores are spread evenly.
    #[must_use]
    pub fn p_value(&self, score: f64) -> f64 {
        let (before, near) = self.around(score);
        let at_or_below = before + at_or_below(near, score);
        (at_or_below + 1) as f64 / (self.sorted.len() + 1) as f64
    }

    /// How many calibration scores are below `score`, and how many at or below it. O(log n).
    #[must_use]
    pub fn ranks(&self, score: f64) -> (usize, usize) {
        let (before, near) = self.around(score);
        (before + below(near, score), before + at_or_below(near, score))
    }

    /// Share of calibration scores strictly below `score`, in `[0, 1]`.
    #[must_use]
    pub fn rank(&self, score: f64) -> f64 {
        let (before, near) = self.around(score);
        (before + below(near, score)) as f64 / self.sorted.len() as f64
    }

    /// Number of calibration scores.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Never true: a scale has at least one score.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

/// How many of some ascending scores are below another. Where all are equal, as those of a head that is always sure, nothing
/// is searched.
fn below(ascending: &[f64], score: f64) -> usize {
    match ascending.first() {
        Some(&first) if first < score => ascending.partition_point(|&c| c < score),
        _ => 0,
    }
}

/// How many are at or below it.
fn at_or_below(ascending: &[f64], score: f64) -> usize {
    match ascending.last() {
        Some(&last) if last > score => ascending.partition_point(|&c| c <= score),
        _ => ascending.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_score_counts_itself() {
        let scale = ConformalScale::new(vec![3.0, 1.0, 2.0, 2.0]).unwrap();
        for (score, p) in [(0.0, 0.2), (1.0, 0.4), (2.0, 0.8), (2.5, 0.8), (9.0, 1.0)] {
            assert!((scale.p_value(score) - p).abs() < 1e-12, "{score}");
        }
        assert!((scale.rank(2.0) - 0.25).abs() < 1e-12);
        assert_eq!([0.0, 2.0, 2.5].map(|s| scale.ranks(s)), [(0, 0), (1, 3), (3, 3)]);
        assert!(scale.len() == 4 && !scale.is_empty());
    }

    #[test]
    fn parts_of_the_range_change_nothing() {
        let scores: Vec<f64> = (0..300)
            .map(|i: i32| f64::from(i * 7_919 % 61))
            .map(|x| x * x * x / 1e3 - 9.0)
            .collect();
        let scale = ConformalScale::new(scores.clone()).unwrap();
        let asked = scores.iter().flat_map(|&s| [s, s - 1e-9, s + 1e-9]);
        for score in asked.chain([-1e300, 1e300, f64::NEG_INFINITY, f64::INFINITY]) {
            let count = |is: &dyn Fn(f64) -> bool| scores.iter().filter(|&&c| is(c)).count();
            assert_eq!(
                scale.ranks(score),
                (count(&|c| c < score), count(&|c| c <= score)),
                "{score}"
            );
        }
        let one = ConformalScale::new(vec![2.0; 3]).unwrap();
        assert_eq!([1.0, 2.0, 3.0].map(|s| one.ranks(s)), [(0, 0), (0, 3), (3, 3)]);
        let wide = ConformalScale::new(vec![-1e308, 0.0, 1e308]).unwrap();
        assert_eq!(wide.ranks(1.0), (2, 2));
    }

    #[test]
    fn a_scale_needs_finite_scores() {
        assert_eq!(
            ConformalScale::new(vec![]),
            Err(Error::TooFew { have: 0, need: 1 })
        );
        assert_eq!(
            ConformalScale::new(vec![0.0, f64::NEG_INFINITY]),
            Err(Error::NonFinite { index: 1 })
        );
    }
}
