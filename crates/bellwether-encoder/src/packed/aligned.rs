//! Numbers that begin at the start of a cache line, so that no vector of them straddles two.

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;
const LINE_FLOATS: usize = LINE / size_of::<f32>();

/// A fixed number of floats, the first at a multiple of 64 bytes.
#[derive(Debug)]
pub(crate) struct Aligned {
    /// Never grows after it is made, so it never moves.
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn zeroed(len: usize) -> Self {
        let values = vec![0.0_f32; len + LINE_FLOATS];
        // In floats; the allocator aligns them at least to their own size.
        let start = values.as_ptr().align_offset(LINE).min(LINE_FLOATS);
        Self { values, start, len }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}

/// Memory for intermediate results that only ever grows.
#[derive(Debug)]
pub(crate) struct Scratch(Aligned);

impl Default for Scratch {
    fn default() -> Self {
        Self(Aligned::zeroed(0))
    }
}

impl Scratch {
    /// The first `len` numbers, whatever they hold.
    pub(crate) fn take(&mut self, len: usize) -> &mut [f32] {
        if self.0.len < len {
            self.0 = Aligned::zeroed(len);
        }
        &mut self.0.as_mut_slice()[..len]
    }
}
