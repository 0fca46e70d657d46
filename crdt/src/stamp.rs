//! When a change was made, as far as that matters.

use std::fmt;

/// A hybrid-logical-clock time: 48 bits of milliseconds since 1970, 16 bits of counter.
///
/// Causality decides first: a write removes the siblings that it saw. A stamp only ranks *concurrent*
/// siblings, and only when they are read. It grows with every edit of a replica and is never taken
/// over from others, so a clock that is far ahead cannot spread (Kulkarni et al. 2014, without the
/// receive rule).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(u64);

impl Stamp {
    /// Milliseconds that fit: until the year 10889.
    pub const MILLIS_MAX: u64 = (1 << 48) - 1;

    /// The stamp of this millisecond (at most [`Self::MILLIS_MAX`] is kept) and counter.
    pub const fn new(millis: u64, counter: u16) -> Self {
        let millis = if millis > Self::MILLIS_MAX {
            Self::MILLIS_MAX
        } else {
            millis
        };
        Self(millis << 16 | counter as u64)
    }

    /// The stamp with these 64 bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All 64 bits; ordered as stamps are.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// The counter within the millisecond.
    pub const fn counter(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The next stamp of a replica whose last one was `self`, when its clock shows `now_ms`.
    ///
    /// ```
    /// use driftwood_crdt::Stamp;
    /// let a = Stamp::new(5, 0);
    /// assert_eq!(a.next(7), Stamp::new(7, 0));
    /// assert_eq!(a.next(3), Stamp::new(5, 1)); // the clock went back
    /// ```
    #[must_use]
    pub const fn next(self, now_ms: u64) -> Self {
        let now = Self::new(now_ms, 0);
        if now.0 > self.0 {
            now
        } else {
            Self(self.0.saturating_add(1))
        }
    }
}

/// A minute since 1970: how exactly the elements of texts and lists, and deletions, say when they were
/// made. It ranks nothing; a stamp for each letter would weigh more than the letter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Minute(u32);

impl Minute {
    /// The minute with this number.
    pub const fn new(minutes: u32) -> Self {
        Self(minutes)
    }

    /// Minutes since 1970.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Its beginning, in milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0 as u64 * 60_000
    }
}

impl From<Stamp> for Minute {
    fn from(stamp: Stamp) -> Self {
        Self(u32::try_from(stamp.millis() / 60_000).unwrap_or(u32::MAX))
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.millis(), self.counter())
    }
}
