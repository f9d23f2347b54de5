//! How far has the mean of vectors moved, squared and without bias?

/// Mean of residuals over the masked rows: `out[d] = Σ rows / n`. Rows are `[n, dim]`, row-major.
pub fn mean_residual<'a>(rows: impl Iterator<Item = &'a [f32]>, out: &mut [f64]) -> usize {
    out.fill(0.0);
    let mut n = 0;
    for row in rows {
        for (sum, &x) in out.iter_mut().zip(row) {
            *sum += f64::from(x);
        }
        n += 1;
    }
    if n > 0 {
        for sum in out.iter_mut() {
            *sum /= n as f64;
        }
    }
    n
}

/// Unbiased estimate of the squared norm of the mean of residuals: the linear-kernel MMD² against a zero mean.
///
/// `(|Σ r|² − Σ |r|²) / (n (n − 1))` over rows of `[n, dim]`. May be slightly negative when nothing moved: do not
/// clamp. NaN below two rows. O(n·dim). Gretton et al., "A Kernel Two-Sample Test", JMLR 13 (2012), lemma 6 with a
/// linear kernel and a known second sample.
pub fn squared_mean_shift<'a>(rows: impl Iterator<Item = &'a [f32]>, scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    let (mut n, mut squares) = (0_usize, 0.0);
    for row in rows {
        if n == 0 {
            scratch.resize(row.len(), 0.0);
        }
        for (sum, &x) in scratch.iter_mut().zip(row) {
            let x = f64::from(x);
            *sum += x;
            squares += x * x;
        }
        n += 1;
    }
    if n < 2 {
        return f64::NAN;
    }
    let total: f64 = scratch.iter().map(|s| s * s).sum();
    (total - squares) / (n as f64 * (n as f64 - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_two_rows_have_no_squared_shift() {
        let row = [1.0_f32, 2.0];
        assert!(squared_mean_shift(std::iter::empty(), &mut Vec::new()).is_nan());
        assert!(squared_mean_shift([&row[..]].into_iter(), &mut Vec::new()).is_nan());
    }

    #[test]
    fn the_squared_shift_can_be_negative_and_the_scratch_is_reused() {
        let (a, b) = ([1.0_f32, 0.0], [-1.0_f32, 0.0]);
        let mut scratch = vec![7.0; 9];
        let shift = squared_mean_shift([&a[..], &b[..]].into_iter(), &mut scratch);
        assert!((shift + 1.0).abs() < 1e-12, "{shift}");
        let shift = squared_mean_shift([&a[..], &a[..]].into_iter(), &mut scratch);
        assert!((shift - 1.0).abs() < 1e-12, "{shift}");
    }

    #[test]
    fn the_mean_of_no_rows_is_zero() {
        let mut out = [f64::NAN; 2];
        assert_eq!(mean_residual(std::iter::empty(), &mut out), 0);
        assert!(out.iter().all(|&x| x == 0.0));
    }
}
