//! What mean does a finite sample allow?

/// The mean of values in `[0, 1]` plus `margin` of its standard errors, with one value of a half added: a sample without
/// errors does not promise none. O(n).
#[must_use]
pub fn upper_mean(values: &[f64], margin: f64) -> f64 {
    let n = (values.len() + 1) as f64;
    let mean = (values.iter().sum::<f64>() + 0.5) / n;
    let with_one = values.iter().copied().chain([0.5]);
    let variance = with_one.map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    mean + margin * (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::upper_mean;

    #[test]
    fn it_is_the_mean_of_a_large_sample_and_never_zero() {
        let values: Vec<f64> = (0..100_000).map(|i| f64::from(u8::from(i % 10 == 0))).collect();
        assert!((upper_mean(&values, 0.0) - 0.1).abs() < 1e-5);
        assert!((upper_mean(&values, 2.0) - 0.1 - 2.0 * 0.3 / 1e5_f64.sqrt()).abs() < 1e-5);
        assert!(upper_mean(&[0.0; 99], 0.0) > 0.004);
        assert!((upper_mean(&[], 1.0) - 0.5).abs() < 1e-12);
    }
}
