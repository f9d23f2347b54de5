//! The functions between matrix products, one element or one row at a time.
//!
//! Written without branches and without reordered sums, so that compilers turn them into vector instructions and yet every
//! processor gives the same bits: sums run in [`LANES`] interleaved parts, whatever the width of a register.

use crate::architecture::Activation;

/// Interleaved parts of a sum.
const LANES: usize = 16;

/// Numerator and denominator, in powers of x², of erf(x / √2) / x for |x| up to [`ERF_LIMIT`]. A rational fit of degrees five
/// and five with nearly equal ripples; in single precision the error of erf is below 4e-7. `tests/golden/erf.py` is the fit.
const ERF_OVER: [f32; 6] = [
    0.797_884_5,
    0.065_468_565,
    0.009_235_748,
    0.000_317_064_64,
    1.278_465_4e-5,
    4.877_853e-8,
];
const ERF_UNDER: [f32; 6] = [
    1.0,
    0.248_718_97,
    0.028_029_177,
    0.001_826_499,
    7.090_023e-5,
    1.247_904_6e-6,
];
/// Beyond it erf(x / √2) is 1 in single precision.
const ERF_LIMIT: f32 = 5.25;

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

/// x · Φ(x), Φ the normal distribution's cumulative function. Within 1e-6 for |x| up to 8, relative beyond.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let square = x * x;
    let inside = x * polynomial(&ERF_OVER, square) / polynomial(&ERF_UNDER, square);
    let erf = if x.abs() < ERF_LIMIT {
        inside
    } else {
        1.0_f32.copysign(x)
    };
    0.5 * x * (1.0 + erf)
}

/// The approximation of [`gelu`] by the hyperbolic tangent: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    const ROOT_OF_TWO_OVER_PI: f32 = 0.797_884_6;
    let y = ROOT_OF_TWO_OVER_PI * (x + 0.044_715 * x * x * x);
    // tanh(y) = 1 - 2 / (exp(2y) + 1), and half of one more than that.
    x * (1.0 - 1.0 / (exp(2.0 * y) + 1.0))
}

/// eˣ to a few units in the last place; arguments beyond ±87 count as ±87.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the lowest bits.
    const SHIFT: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Taylor's series: the remainder at half of ln 2 is below 1e-8.
    const SERIES: [f32; 8] = [
        1.0,
        1.0,
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
    ];
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let whole = shifted - SHIFT;
    let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    polynomial(&SERIES, rest) * power
}

#[inline(always)]
pub(crate) fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => {
            for v in values {
                *v = gelu(*v);
            }
        }
        Activation::GeluTanh => {
            for v in values {
                *v = gelu_tanh(*v);
            }
        }
        Activation::Relu => {
            for v in values {
                *v = v.max(0.0);
            }
        }
    }
}

/// Sum of `f` over the row, in interleaved parts.
#[inline(always)]
fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut parts = [0.0_f32; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (part, &v) in parts.iter_mut().zip(chunk) {
            *part += f(v);
        }
    }
    for (part, &v) in parts.iter_mut().zip(rest) {
        *part += f(v);
    }
    folded(parts, |a, b| a + b)
}

#[inline(always)]
fn folded(mut parts: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for at in 0..half {
            parts[at] = f(parts[at], parts[at + half]);
        }
        half /= 2;
    }
    parts[0]
}

/// Scales a row to mean 0 and variance 1, then by `weight`, and moves it by `bias`: Ba, Kiros and Hinton, "Layer
/// Normalization" (2016).
#[inline(always)]
pub(crate) fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let width = row.len() as f32;
    let mean = sum(row, |v| v) / width;
    let variance = sum(row, |v| (v - mean) * (v - mean)) / width;
    let scale = 1.0 / (variance + epsilon).sqrt();
    for ((v, &w), &b) in row.iter_mut().zip(weight).zip(bias) {
        *v = (*v - mean) * scale * w + b;
    }
}

/// Replaces scores by the exponentials of their scaled distance to the largest, and returns one over their sum.
#[inline(always)]
pub(crate) fn exponentials(row: &mut [f32], scale: f32) -> f32 {
    let mut parts = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (part, &v) in parts.iter_mut().zip(chunk) {
            *part = if v > *part { v } else { *part };
        }
    }
    for (part, &v) in parts.iter_mut().zip(rest) {
        *part = if v > *part { v } else { *part };
    }
    let largest = folded(parts, f32::max);
    for v in row.iter_mut() {
        *v = exp((*v - largest) * scale);
    }
    1.0 / sum(row, |v| v)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its series, enough terms for |x| up to 6 in double precision.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_is_the_normal_distributions_to_one_in_a_million() {
        for step in -8000..=8000_i16 {
            let x = f32::from(step) / 1000.0;
            let exact = 0.5
                * f64::from(x)
                * (1.0
                    + if x.abs() < 5.9 {
                        erf(f64::from(x) / 2_f64.sqrt())
                    } else {
                        f64::from(x.signum())
                    });
            let error = (f64::from(gelu(x)) - exact).abs();
            assert!(error < 1.2e-6, "{x}: {error}");
        }
        assert!((gelu(100.0) - 100.0).abs() < 1e-6 && gelu(-100.0).abs() < 1e-6);
    }

    #[test]
    fn exp_is_right_to_a_few_units_in_the_last_place() {
        for step in -870..=870_i16 {
            let x = f32::from(step) / 10.0;
            let exact = f64::from(x).exp();
            assert!(
                (f64::from(exp(x)) / exact - 1.0).abs() < 3e-7,
                "{x}: {} is not {exact}",
                exp(x)
            );
        }
    }

    #[test]
    fn gelu_by_tanh_follows_its_definition() {
        for step in -600..=600_i16 {
            let x = f64::from(step) / 100.0;
            let exact = 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh());
            #[expect(clippy::cast_possible_truncation, reason = "a hundredth")]
            let got = gelu_tanh(x as f32);
            assert!((f64::from(got) - exact).abs() < 1e-6, "{x}: {got} is not {exact}");
        }
    }

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        for width in [1_u8, 15, 16, 17, 100] {
            let mut row: Vec<f32> = (0..width).map(|v| f32::from(v) * 3.0 - 7.0).collect();
            let (weight, bias) = (vec![1.0; row.len()], vec![0.0; row.len()]);
            layer_norm(&mut row, &weight, &bias, 1e-12);
            let mean: f32 = row.iter().sum::<f32>() / f32::from(width);
            let variance: f32 = row.iter().map(|v| v * v).sum::<f32>() / f32::from(width);
            assert!(mean.abs() < 1e-5, "{mean}");
            assert!(width == 1 || (variance - 1.0).abs() < 1e-4, "{variance}");
        }
    }
}
