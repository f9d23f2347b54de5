//! Slices of floats as the wire carries them, and their conversion to `f32` in bulk.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Floats of one row, borrowed from the input.
#[derive(Debug, Clone, Copy)]
pub enum Floats<'a> {
    /// Half precision.
    F16(&'a [f16]),
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// This many components, at least one of them null: no number to use.
    WithNull(usize),
}

impl Floats<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::F16(x) => x.len(),
            Self::F32(x) => x.len(),
            Self::F64(x) => x.len(),
            Self::WithNull(len) => len,
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Appends the components as `f32`. What overflows becomes infinite and a null NaN, so that one check of finiteness
    /// afterwards covers every way of not being a number.
    pub(crate) fn append_to(self, out: &mut Vec<f32>) {
        match self {
            Self::F16(x) => {
                let start = out.len();
                out.resize(start + x.len(), 0.0);
                x.convert_to_f32_slice(&mut out[start..]);
            }
            Self::F32(x) => out.extend_from_slice(x),
            Self::F64(x) => out.extend(x.iter().map(|&v| narrow(v))),
            Self::WithNull(len) => out.resize(out.len() + len, f32::NAN),
        }
    }
}

/// The nearest `f32`; infinite where the value is out of its range.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is the purpose, and overflow gives an infinity"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
