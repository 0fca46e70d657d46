//! Neighbouring elements with neighbouring dots and one fate, in 16 bytes.

use crate::id::{Agent, Id};

/// What became of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// Alive, and read.
    Shown,
    /// Alive, and skipped by readers: its list shows it elsewhere.
    Hidden,
    /// Deleted, and read all the same: something inside of it survived.
    Kept,
    /// Deleted; the content is gone.
    Dead,
}

impl Life {
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Shown | Self::Hidden)
    }

    pub(crate) fn is_shown(self) -> bool {
        matches!(self, Self::Shown | Self::Kept)
    }

    pub(super) fn has_content(self) -> bool {
        self != Self::Dead
    }
}

/// Neighbouring elements with neighbouring dots and one fate. Their content is with the leaf.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The first seq, above two bits of life.
    head: u64,
    /// How many, above sixteen bits of agent.
    tail: u64,
}

impl Span {
    /// The longest span.
    pub(super) const LEN_MAX: u64 = (1 << 48) - 1;

    /// Of `len` elements, at most [`Self::LEN_MAX`].
    pub(super) fn new(start: Id, len: u64, life: Life) -> Self {
        debug_assert!(len > 0 && len <= Self::LEN_MAX);
        Self {
            head: start.seq << 2 | life as u64,
            tail: len << 16 | u64::from(start.agent),
        }
    }

    pub(super) fn agent(self) -> Agent {
        (self.tail & 0xffff) as Agent
    }

    pub(super) fn seq(self) -> u64 {
        self.head >> 2
    }

    pub(super) fn start(self) -> Id {
        Id {
            agent: self.agent(),
            seq: self.seq(),
        }
    }

    pub(super) fn len(self) -> u64 {
        self.tail >> 16
    }

    /// One past the last element.
    pub(super) fn end(self) -> Id {
        self.start().plus(self.len())
    }

    pub(super) fn life(self) -> Life {
        match self.head & 3 {
            0 => Life::Shown,
            1 => Life::Hidden,
            2 => Life::Kept,
            _ => Life::Dead,
        }
    }

    /// The number of the element in the span.
    pub(super) fn find(self, id: Id) -> Option<u64> {
        let within = id.seq.wrapping_sub(self.seq());
        (self.agent() == id.agent && within < self.len()).then_some(within)
    }

    /// How many elements of content it has.
    pub(super) fn content_len(self) -> usize {
        if self.life().has_content() {
            self.len() as usize
        } else {
            0
        }
    }

    /// How many elements of it are shown.
    pub(super) fn shown_len(self) -> usize {
        if self.is_shown() {
            self.len() as usize
        } else {
            0
        }
    }

    fn is_shown(self) -> bool {
        self.head & 1 == 0
    }

    /// With more elements at its end, or fewer.
    pub(super) fn with_len(self, len: u64) -> Self {
        Self::new(self.start(), len, self.life())
    }

    /// Its elements from the one numbered `at` on.
    pub(super) fn from(self, at: u64) -> Self {
        Self::new(self.start().plus(at), self.len() - at, self.life())
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Id { agent, seq } = self.start();
        write!(f, "{agent}:{seq}+{} {:?}", self.len(), self.life())
    }
}
