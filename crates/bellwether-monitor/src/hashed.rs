//! Maps by keys that are hashes already.

use std::hash::Hasher;

/// Takes a key for its own hash, or the lower half of a long one. Whoever chooses event ids could make them collide, for
/// which xxHash is no guard; but each map is bounded, and its slowest look-up with it.
#[derive(Debug, Default)]
pub(crate) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn write_u128(&mut self, key: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is a hash as well")]
        {
            self.0 = key as u64;
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
