//! Numbers that begin at the start of a cache line, so that no vector of them straddles two.

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// A fixed number of floats or integers, the first at a multiple of 64 bytes.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    /// Never grows after it is made, so it never moves.
    values: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(crate) fn zeroed(len: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let values = vec![T::default(); len + spare];
        // In elements; the allocator aligns them at least to their own size.
        let start = values.as_ptr().align_offset(LINE).min(spare);
        Self { values, start, len }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.values[self.start..self.start + self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.len]
    }
}

/// Memory for intermediate results that only ever grows.
#[derive(Debug)]
pub(crate) struct Scratch(Aligned<f32>);

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
