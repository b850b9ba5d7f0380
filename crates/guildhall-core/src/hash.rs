//! Hashers for maps in hot paths: for ids that are hashes already, and for text that clients choose.

/// For what is a hash already: method ids, and what [`Seeded`] returns.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

/// Hashes text that comes from outside, with a secret seed.
#[derive(Clone, Copy, Debug)]
pub struct Seeded(pub u64);

impl Seeded {
    /// The hash of `text`, for tables with [`IdHasher`].
    #[inline]
    pub fn hash(self, text: &str) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), self.0)
    }
}

impl std::hash::Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    #[inline]
    fn write_u32(&mut self, id: u32) {
        self.0 = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
