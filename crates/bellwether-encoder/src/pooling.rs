//! The states of a text's tokens to one vector.

use crate::options::Pooling;

/// Appends the embedding of `states`, `[tokens, dim]` with at least one token, to `out`. Sums and norms are in 64 bits.
pub(crate) fn pool(states: &[f32], dim: usize, pooling: Pooling, normalise: bool, out: &mut Vec<f32>) {
    let rows = states.chunks_exact(dim);
    let tokens = rows.len() as f64;
    let mut pooled: Vec<f64> = match pooling {
        Pooling::Cls => states[..dim].iter().copied().map(f64::from).collect(),
        Pooling::Mean => {
            let mut sum = vec![0.0_f64; dim];
            for row in rows {
                for (sum, &v) in sum.iter_mut().zip(row) {
                    *sum += f64::from(v);
                }
            }
            sum.iter().map(|sum| sum / tokens).collect()
        }
        Pooling::Max => {
            let mut largest = vec![f32::NEG_INFINITY; dim];
            for row in rows {
                for (largest, &v) in largest.iter_mut().zip(row) {
                    // Not `f32::max`, which would pass over a NaN.
                    *largest = if v <= *largest { *largest } else { v };
                }
            }
            largest.into_iter().map(f64::from).collect()
        }
    };
    if normalise {
        let norm = pooled.iter().map(|v| v * v).sum::<f64>().sqrt();
        // What PyTorch divides by at least.
        let norm = norm.max(1e-12);
        for v in &mut pooled {
            *v /= norm;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "means of f32 and components of a unit vector fit f32"
    )]
    out.extend(pooled.iter().map(|&v| v as f32));
}
