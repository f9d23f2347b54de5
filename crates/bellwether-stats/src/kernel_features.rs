//! The random features to use at a width: dense or structured, whichever is faster there.

use crate::error::Error;
use crate::hadamard::walsh_hadamard;
use crate::random_features::{OrthogonalFeatures, scaled_waves};
use crate::two_sample::{check_bandwidth, check_rows};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width from which the structured transform is faster for 128 frequencies and more; at 384 both cost about the same:
/// `cargo bench -p bellwether-stats -- random_features`.
const STRUCTURED_FROM: usize = 512;

/// Structured orthogonal random features: directions are rows of `√d/σ · H D₁ H D₂ H D₃` with the Hadamard matrix `H`
/// scaled to be orthogonal and random signs on the diagonals `D`, so that a vector is projected on `d` of them in
/// O(d log d). The width is padded with zeros to the next power of two.
///
/// Yu, Suresh, Choromanski, Holtmann-Rice and Kumar, "Orthogonal random features" (2016), section 4. The kernel is met
/// up to a bias that vanishes with the width, as all directions have the length `√d/σ`. Deterministic in the seed.
#[derive(Debug, Clone)]
pub struct StructuredFeatures {
    dim: usize,
    width: usize,
    frequencies: usize,
    /// Signs of each block of `width` directions, `[blocks][3][width]`; the last of a block carry the scale.
    signs: Vec<[Vec<f32>; 3]>,
}

impl StructuredFeatures {
    /// Features for vectors of width `dim` under a Gaussian kernel with `bandwidth` σ: `frequencies` cosines and as many
    /// sines. O(frequencies + dim).
    ///
    /// # Errors
    /// As [`OrthogonalFeatures::new`].
    pub fn new(dim: usize, frequencies: usize, bandwidth: f64, seed: u64) -> Result<Self, Error> {
        if dim == 0 || frequencies == 0 {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        check_bandwidth(bandwidth)?;
        let width = dim.next_power_of_two();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Each of the three transforms lacks 1/√width to be orthogonal; together with √width/σ:
        #[expect(clippy::cast_possible_truncation, reason = "a scale of the order of one")]
        let scale = (1.0 / (width as f64 * bandwidth)) as f32;
        let mut sign = |scale: f32| if rng.random::<bool>() { scale } else { -scale };
        let signs = (0..frequencies.div_ceil(width))
            .map(|_| [1.0, 1.0, scale].map(|scale| (0..width).map(|_| sign(scale)).collect()))
            .collect();
        Ok(Self {
            dim,
            width,
            frequencies,
            signs,
        })
    }

    /// Features of rows `[n, dim]`, row-major: `[n, 2 · frequencies]`, cosines before sines, with `z(x) · z(y)` about the
    /// kernel.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NonFinite`].
    pub fn features(&self, rows: &[f32]) -> Result<Vec<f32>, Error> {
        let n = check_rows(rows, self.dim, 1)?;
        let mut out = vec![0.0; n * 2 * self.frequencies];
        let mut scratch = vec![0.0; self.width];
        let mut angles = vec![0.0; self.frequencies];
        for (row, out) in rows
            .chunks_exact(self.dim)
            .zip(out.chunks_exact_mut(2 * self.frequencies))
        {
            self.angles(row, &mut scratch, &mut angles);
            scaled_waves(&angles, out);
        }
        Ok(out)
    }

    fn angles(&self, row: &[f32], scratch: &mut [f32], angles: &mut [f32]) {
        for (block, signs) in angles.chunks_mut(self.width).zip(&self.signs) {
            scratch[..self.dim].copy_from_slice(row);
            scratch[self.dim..].fill(0.0);
            for diagonal in signs {
                for (x, sign) in scratch.iter_mut().zip(diagonal) {
                    *x *= sign;
                }
                walsh_hadamard(scratch);
            }
            let taken = block.len();
            block.copy_from_slice(&scratch[..taken]);
        }
    }
}

/// Random features of the Gaussian kernel, dense below a width of 512 and structured from there on.
#[derive(Debug, Clone)]
pub enum KernelFeatures {
    /// A matrix product.
    Dense(OrthogonalFeatures),
    /// Three fast transforms.
    Structured(StructuredFeatures),
}

impl KernelFeatures {
    /// The faster features for vectors of width `dim`, with `frequencies` cosines and as many sines.
    ///
    /// # Errors
    /// As [`OrthogonalFeatures::new`].
    pub fn new(dim: usize, frequencies: usize, bandwidth: f64, seed: u64) -> Result<Self, Error> {
        if dim < STRUCTURED_FROM {
            OrthogonalFeatures::new(dim, frequencies, bandwidth, seed).map(Self::Dense)
        } else {
            StructuredFeatures::new(dim, frequencies, bandwidth, seed).map(Self::Structured)
        }
    }

    /// Features of rows `[n, dim]`: `[n, 2 · frequencies]`, row-major.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NonFinite`].
    pub fn features(&self, rows: &[f32]) -> Result<Vec<f32>, Error> {
        match self {
            Self::Dense(features) => features.features(rows),
            Self::Structured(features) => features.features(rows),
        }
    }

    /// Numbers that a row gives: two a frequency.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Dense(features) => features.width(),
            Self::Structured(features) => 2 * features.frequencies,
        }
    }
}
