//! How far apart are two samples of vectors?

use crate::error::Error;
use ndarray::ArrayView2;

/// How the averages over pairs within a sample are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimator {
    /// Over pairs of different rows: mean zero when the distributions agree, hence sometimes negative. Do not clamp.
    Unbiased,
    /// Over all pairs, a row with itself included: never negative, zero for equal samples, too large by chance.
    Biased,
}

/// Squared energy distance `2 E|X − Y| − E|X − X′| − E|Y − Y′|` of samples `x` `[n, dim]` and `y` `[m, dim]`,
/// row-major, with Euclidean distances. In the units of the distance. O((n + m)² dim) time, no allocation;
/// accumulates in f64.
///
/// Székely and Rizzo, "Energy statistics: a class of statistics based on distances" (2013). The root of the biased
/// estimate is scipy's `energy_distance` when `dim` is one.
///
/// # Errors
/// [`Error::LengthMismatch`] when a slice is not a whole number of rows, [`Error::TooFew`] below two rows (one, if
/// biased), [`Error::NonFinite`].
pub fn squared_energy_distance(x: &[f32], y: &[f32], dim: usize, estimator: Estimator) -> Result<f64, Error> {
    // The negated distance is a conditionally positive definite kernel, and its MMD² the energy distance
    // (Sejdinovic et al., "Equivalence of distance-based and RKHS-based statistics in hypothesis testing" (2013)).
    discrepancy(x, y, dim, estimator, 0.0, |squared| -squared.sqrt())
}

/// Squared maximum mean discrepancy of samples `x` `[n, dim]` and `y` `[m, dim]`, row-major, under the Gaussian kernel
/// `exp(−|x − y|² / 2σ²)` with `bandwidth` σ. O((n + m)² dim) time, no allocation; accumulates in f64.
///
/// Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test" (2012), lemma 6 (unbiased) and equation 5
/// (biased).
///
/// # Errors
/// As [`squared_energy_distance`], and [`Error::Parameter`] for a bandwidth that is not above zero.
pub fn squared_mmd(
    x: &[f32],
    y: &[f32],
    dim: usize,
    bandwidth: f64,
    estimator: Estimator,
) -> Result<f64, Error> {
    check_bandwidth(bandwidth)?;
    let scale = -0.5 / (bandwidth * bandwidth);
    discrepancy(x, y, dim, estimator, 1.0, |squared| (scale * squared).exp())
}

/// Median distance of the rows `[n, dim]` from each other: the customary bandwidth of a Gaussian kernel. The mean
/// of the middle two for an even number of pairs. O(n² dim) time, O(n²) memory.
///
/// Gretton et al. (2012), section 8.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] below two rows, [`Error::NonFinite`].
pub fn median_distance(rows: &[f32], dim: usize) -> Result<f64, Error> {
    let n = check_rows(rows, dim, 2)?;
    let mut squares = Vec::with_capacity(n * (n - 1) / 2);
    for (i, a) in rows.chunks_exact(dim).enumerate() {
        squares.extend(
            rows[(i + 1) * dim..]
                .chunks_exact(dim)
                .map(|b| squared_distance(a, b)),
        );
    }
    let middle = squares.len() / 2;
    let (below, &mut upper, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // An odd number has its middle; else the two around it.
    Ok(if (n * (n - 1) / 2) % 2 == 1 {
        upper.sqrt()
    } else {
        0.5 * (lower.sqrt() + upper.sqrt())
    })
}

/// Mean kernel within `x` and within `y`, less twice the mean between them.
fn discrepancy(
    x: &[f32],
    y: &[f32],
    dim: usize,
    estimator: Estimator,
    at_zero: f64,
    kernel: impl Fn(f64) -> f64,
) -> Result<f64, Error> {
    let need = match estimator {
        Estimator::Unbiased => 2,
        Estimator::Biased => 1,
    };
    let (n, m) = (check_rows(x, dim, need)?, check_rows(y, dim, need)?);
    let within = |rows: &[f32], n: usize| {
        let mut sum = 0.0;
        for (i, a) in rows.chunks_exact(dim).enumerate() {
            let rest = rows[(i + 1) * dim..].chunks_exact(dim);
            sum += 2.0 * rest.map(|b| kernel(squared_distance(a, b))).sum::<f64>();
        }
        let n = n as f64;
        match estimator {
            Estimator::Unbiased => sum / (n * (n - 1.0)),
            Estimator::Biased => (sum + n * at_zero) / (n * n),
        }
    };
    let mut between = 0.0;
    for a in x.chunks_exact(dim) {
        between += y
            .chunks_exact(dim)
            .map(|b| kernel(squared_distance(a, b)))
            .sum::<f64>();
    }
    Ok(within(x, n) + within(y, m) - 2.0 * between / (n as f64 * m as f64))
}

pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| {
            let d = f64::from(a) - f64::from(b);
            d * d
        })
        .sum()
}

pub(crate) fn check_bandwidth(bandwidth: f64) -> Result<(), Error> {
    if bandwidth > 0.0 && bandwidth.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter {
            name: "bandwidth",
            value: bandwidth,
        })
    }
}

/// Rows `[n, dim]` as a matrix, at least `need` of them, all finite.
pub(crate) fn matrix(rows: &[f32], dim: usize, need: usize) -> Result<ArrayView2<'_, f32>, Error> {
    let n = check_rows(rows, dim, need)?;
    ArrayView2::from_shape((n, dim), rows).map_err(|_| Error::LengthMismatch {
        left: rows.len(),
        right: n * dim,
    })
}

/// Number of rows of `[n, dim]`, at least `need`, all finite.
pub(crate) fn check_rows(rows: &[f32], dim: usize, need: usize) -> Result<usize, Error> {
    if dim == 0 {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    let n = rows.len() / dim;
    if n * dim != rows.len() {
        return Err(Error::LengthMismatch {
            left: rows.len(),
            right: n * dim,
        });
    }
    if n < need {
        return Err(Error::TooFew { have: n, need });
    }
    match rows.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NonFinite { index }),
        None => Ok(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dimension_by_hand() {
        let (x, y) = ([0.0_f32, 2.0], [1.0_f32, 5.0]);
        // Between: 1, 5, 1, 3; within x 2, within y 4.
        let got = squared_energy_distance(&x, &y, 1, Estimator::Unbiased).unwrap();
        assert!((got - (2.0 * 2.5 - 2.0 - 4.0)).abs() < 1e-12);
        let got = squared_energy_distance(&x, &y, 1, Estimator::Biased).unwrap();
        assert!((got - (2.0 * 2.5 - 1.0 - 2.0)).abs() < 1e-12);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        // Distances 1, 2, 3, 1, 2, 1 and then 1, 3, 2.
        assert!((median_distance(&[0.0, 1.0, 2.0, 3.0], 1).unwrap() - 1.5).abs() < 1e-12);
        assert!((median_distance(&[0.0, 1.0, 3.0], 1).unwrap() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn samples_that_cannot_be_compared_are_errors() {
        let call =
            |x: &[f32], dim| squared_mmd(x, &[1.0, 2.0, 3.0, 4.0], dim, 1.0, Estimator::Unbiased).map(|_| ());
        assert_eq!(
            call(&[1.0, 2.0, 3.0], 2),
            Err(Error::LengthMismatch { left: 3, right: 2 })
        );
        assert_eq!(call(&[1.0, 2.0], 2), Err(Error::TooFew { have: 1, need: 2 }));
        assert_eq!(call(&[1.0, f32::NAN], 1), Err(Error::NonFinite { index: 1 }));
        assert_eq!(call(&[1.0], 0), Err(Error::TooFew { have: 0, need: 1 }));
        let wide = squared_mmd(&[1.0, 2.0], &[1.0, 2.0], 1, 0.0, Estimator::Biased);
        assert!(matches!(wide, Err(Error::Parameter { .. })));
    }
}
