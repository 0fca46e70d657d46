//! Numbers that are random enough, and the same in every run.

/// The generator that is known as `SplitMix64`.
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Whether one of `times` came.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A value to be stored, of some three bytes.
    pub fn number(&mut self) -> i64 {
        (self.next() % (1 << 20)).cast_signed()
    }

    /// A word of small letters.
    pub fn word(&mut self, letters: usize) -> String {
        (0..letters).map(|_| self.letter()).collect()
    }

    /// A small letter.
    pub fn letter(&mut self) -> char {
        char::from(b'a' + self.below(26) as u8)
    }
}
