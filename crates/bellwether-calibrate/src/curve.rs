//! From shares of runs found to the smallest size that is found.

use serde::Serialize;

/// Share of the runs that must be found.
pub const POWER: f64 = 0.8;

/// What was found at one size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PowerPoint {
    /// The size of the change, in the unit of its kind.
    pub size: f64,
    /// Runs that counted.
    pub runs: usize,
    /// Runs in which it was found.
    pub found: usize,
    /// Those of them in which the first verdict also named the change.
    pub named: usize,
    /// `found / runs`; 0 without runs.
    pub share: f64,
    /// Median events, or labels, from the change to the verdict in those runs; `None` when there are none.
    pub median_delay: Option<f64>,
}

/// How the smallest size stands to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// About this size, between two that were tried.
    About,
    /// This size or less: the smallest that was tried is found.
    AtMost,
    /// More than this: the largest that was tried is not found.
    Above,
}

/// The smallest size that is found in [`POWER`] of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Smallest {
    /// How the size stands to `size`.
    pub bound: Bound,
    /// The size.
    pub size: f64,
    /// Median delay at the smallest size tried that is found.
    pub median_delay: Option<f64>,
}

/// Reads the smallest size off points in order of size; `None` without runs.
///
/// Sizes beyond the largest that is found do not count: where most of a task is new, it may be taken for damaged instead.
/// The shares are then made monotone by pooling adjacent violators (Ayer et al., "An empirical distribution function for
/// sampling with incomplete information", 1955), then interpolated along the logarithm of size.
#[must_use]
pub fn smallest(points: &[PowerPoint]) -> Option<Smallest> {
    let mut counted: Vec<&PowerPoint> = points.iter().filter(|p| p.runs > 0).collect();
    let (first, last) = (*counted.first()?, *counted.last()?);
    if let Some(enough) = counted.iter().rposition(|p| p.share >= POWER) {
        counted.truncate(enough + 1);
    }
    let shares = monotone(&counted);
    let Some(at) = shares.iter().position(|&share| share >= POWER) else {
        return Some(Smallest {
            bound: Bound::Above,
            size: last.size,
            median_delay: None,
        });
    };
    let median_delay = counted[at].median_delay;
    if at == 0 {
        return Some(Smallest {
            bound: Bound::AtMost,
            size: first.size,
            median_delay,
        });
    }
    let part = (POWER - shares[at - 1]) / (shares[at] - shares[at - 1]);
    let (low, high) = (counted[at - 1].size.ln(), counted[at].size.ln());
    Some(Smallest {
        bound: Bound::About,
        size: (low + part * (high - low)).exp(),
        median_delay,
    })
}

/// The nearest non-decreasing shares, weighted by runs.
fn monotone(points: &[&PowerPoint]) -> Vec<f64> {
    // Blocks of (runs, found, points).
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for point in points {
        blocks.push((point.runs as f64, point.found as f64, 1));
        while let [.., before, last] = blocks.as_slice()
            && before.1 / before.0 > last.1 / last.0
        {
            let merged = (before.0 + last.0, before.1 + last.1, before.2 + last.2);
            blocks.truncate(blocks.len() - 2);
            blocks.push(merged);
        }
    }
    blocks
        .into_iter()
        .flat_map(|(runs, found, n)| std::iter::repeat_n(found / runs, n))
        .collect()
}

/// The middle of some delays.
pub(crate) fn median(mut values: Vec<u64>) -> Option<f64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)? as f64;
    if values.len() % 2 == 1 {
        Some(upper)
    } else {
        Some(f64::midpoint(values[middle - 1] as f64, upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(found: &[usize]) -> Vec<PowerPoint> {
        let sizes = [0.1, 0.2, 0.4, 0.8];
        sizes
            .into_iter()
            .zip(found)
            .map(|(size, &found)| PowerPoint {
                size,
                runs: 10,
                found,
                named: found,
                share: found as f64 / 10.0,
                median_delay: (found > 0).then_some(100.0 / size),
            })
            .collect()
    }

    fn found(shares: &[usize]) -> (Bound, f64) {
        let smallest = smallest(&points(shares)).expect("there are runs");
        (smallest.bound, smallest.size)
    }

    #[test]
    fn the_smallest_size_lies_between_those_tried_or_beyond_them() {
        let (bound, size) = found(&[0, 2, 10, 10]);
        assert_eq!(bound, Bound::About);
        // Three quarters of the way from .2 to .4, along the logarithm.
        assert!((size - 0.2 * 2.0_f64.powf(0.75)).abs() < 1e-12, "{size}");
        assert_eq!(
            found(&[0, 2, 10, 1]),
            (bound, size),
            "what is taken for something else beyond"
        );
        assert_eq!(found(&[8, 9, 10, 10]), (Bound::AtMost, 0.1));
        assert_eq!(found(&[0, 0, 3, 7]), (Bound::Above, 0.8));
        assert_eq!(smallest(&[]), None);
    }

    #[test]
    fn a_lucky_small_size_does_not_make_power() {
        // Pooled, the first two are .45: the crossing lies beyond them.
        let (bound, size) = found(&[9, 0, 6, 10]);
        assert_eq!(bound, Bound::About);
        assert!((0.4..0.8).contains(&size), "{size}");
        let all = points(&[9, 0, 6, 10]);
        let shares = monotone(&all.iter().collect::<Vec<_>>());
        assert_eq!(shares, [0.45, 0.45, 0.6, 1.0]);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(vec![9, 1, 4]), Some(4.0));
        assert_eq!(median(vec![9, 1, 4, 5]), Some(4.5));
        assert_eq!(median(Vec::new()), None);
    }
}
