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
