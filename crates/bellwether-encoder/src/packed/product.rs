//! Matrix products for rows of activations: `[rows, inputs]` times `[inputs, outputs]`.
//!
//! The second factor lies in panels of as many columns as the accumulators of a tile hold, so that a step along `inputs` reads one
//! run of memory. Each element is one chain of fused multiply-adds over `inputs` in ascending order, in whichever tile it
//! falls: a row's product does not depend on the rows beside it, to the last bit.

use pulp::Simd;

/// Rows of a tile.
const TILE_ROWS: usize = 8;
/// Most columns of a panel: three vectors of the widest kind.
pub(crate) const MAX_PANEL: usize = 48;
/// The product of one tile.
pub(crate) type Tile = [f32; TILE_ROWS * MAX_PANEL];

/// A matrix in panels. Beyond `outputs` the last panel holds zeros.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Vectors of a panel's row: one, two or three.
    pub(crate) vectors: usize,
}

/// Rows of the first factor: row `r` begins at `r * stride`.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) count: usize,
    pub(crate) stride: usize,
}

/// How many numbers a matrix takes in panels of `vectors` vectors of `lanes`.
pub(crate) fn panel_len(inputs: usize, outputs: usize, vectors: usize, lanes: usize) -> usize {
    outputs.next_multiple_of(vectors * lanes) * inputs
}

/// Multiplies all rows with all columns. `finish` gets the rows' products of one panel, a row at a time: the row, the first
/// column and the products.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    rows: Rows<'_>,
    panels: Panels<'_>,
    mut finish: impl FnMut(usize, usize, &[f32]),
) {
    match panels.vectors {
        1 => by_panel::<S, 1>(simd, rows, panels, &mut finish),
        2 => by_panel::<S, 2>(simd, rows, panels, &mut finish),
        _ => by_panel::<S, 3>(simd, rows, panels, &mut finish),
    }
}

#[inline(always)]
fn by_panel<S: Simd, const V: usize>(
    simd: S,
    rows: Rows<'_>,
    panels: Panels<'_>,
    finish: &mut impl FnMut(usize, usize, &[f32]),
) {
    let width = V * S::F32_LANES;
    let mut tile: Tile = [0.0; TILE_ROWS * MAX_PANEL];
    for (panel, values) in panels.values.chunks_exact(width * panels.inputs).enumerate() {
        let column = panel * width;
        let columns = width.min(panels.outputs - column);
        let mut row = 0;
        while row < rows.count {
            let from = Rows {
                values: &rows.values[row * rows.stride..],
                ..rows
            };
            let done = match rows.count - row {
                // With 32 registers three vectors for each of eight rows stay in them, with 16 for each of four.
                left if left >= 8 && S::REGISTER_COUNT >= 32 => {
                    tile_of::<S, 8, V>(simd, from, panels.inputs, values, &mut tile)
                }
                left if left >= 4 => tile_of::<S, 4, V>(simd, from, panels.inputs, values, &mut tile),
                2 | 3 => tile_of::<S, 2, V>(simd, from, panels.inputs, values, &mut tile),
                _ => tile_of::<S, 1, V>(simd, from, panels.inputs, values, &mut tile),
            };
            for (at, products) in tile.chunks_exact(width).take(done).enumerate() {
                finish(row + at, column, &products[..columns]);
            }
            row += done;
        }
    }
}

/// Products of the first `R` rows with a panel.
#[inline(always)]
fn tile_of<S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: Rows<'_>,
    inputs: usize,
    panel: &[f32],
    tile: &mut Tile,
) -> usize {
    let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
    let steps = inputs.min(panel.len());
    let panel = &panel[..steps];
    let mut at = [&rows.values[..0]; R];
    for (row, values) in at.iter_mut().enumerate() {
        *values = &rows.values[row * rows.stride..][..steps];
    }
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (step, columns) in panel.iter().enumerate() {
        for row in 0..R {
            let value = simd.splat_f32s(at[row][step]);
            for vector in 0..V {
                sums[row][vector] = simd.mul_add_f32s(value, columns[vector], sums[row][vector]);
            }
        }
    }
    let out = S::as_mut_simd_f32s(tile).0;
    for (out, sums) in out.chunks_exact_mut(V).zip(&sums) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = sum;
        }
    }
    R
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Scalar, WithSimd};

    /// Rows of `[count, inputs]` times a matrix `[inputs, outputs]`, with the vectors it is run with.
    struct Product<'a> {
        rows: &'a [f32],
        matrix: &'a [f32],
        inputs: usize,
        vectors: usize,
    }

    impl WithSimd for Product<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let (count, outputs) = (self.rows.len() / self.inputs, self.matrix.len() / self.inputs);
            let width = self.vectors * S::F32_LANES;
            let mut values = vec![0.0; panel_len(self.inputs, outputs, self.vectors, S::F32_LANES)];
            for (at, &v) in self.matrix.iter().enumerate() {
                let (input, output) = (at / outputs, at % outputs);
                values[output / width * width * self.inputs + input * width + output % width] = v;
            }
            let rows = Rows {
                values: self.rows,
                count,
                stride: self.inputs,
            };
            let panels = Panels {
                values: &values,
                inputs: self.inputs,
                outputs,
                vectors: self.vectors,
            };
            let mut out = vec![0.0; count * outputs];
            multiply(simd, rows, panels, |row, column, products| {
                out[row * outputs + column..][..products.len()].copy_from_slice(products);
            });
            out
        }
    }

    #[test]
    fn each_processor_and_tile_gives_the_same_bits() {
        let (inputs, outputs) = (37, 71);
        let noise = |at: usize| (at * 7919 % 1009) as f32 / 504.5 - 1.0;
        let matrix: Vec<f32> = (0..inputs * outputs).map(noise).collect();
        for count in [1, 2, 3, 4, 7, 8, 9, 21] {
            let rows: Vec<f32> = (0..inputs * count).map(|at| noise(at + 77)).collect();
            let one_by_one: Vec<f32> = (0..count * outputs)
                .map(|at| {
                    let (row, output) = (at / outputs, at % outputs);
                    (0..inputs).fold(0.0_f32, |sum, i| {
                        rows[row * inputs + i].mul_add(matrix[i * outputs + output], sum)
                    })
                })
                .collect();
            for vectors in 1..=3 {
                let product = || Product {
                    rows: &rows,
                    matrix: &matrix,
                    inputs,
                    vectors,
                };
                assert_eq!(product().with_simd(Scalar), one_by_one);
                assert_eq!(pulp::Arch::new().dispatch(product()), one_by_one);
                #[cfg(target_arch = "x86_64")]
                if let Some(simd) = pulp::x86::V3::try_new() {
                    assert_eq!(Simd::vectorize(simd, product()), one_by_one);
                }
            }
        }
    }
}
