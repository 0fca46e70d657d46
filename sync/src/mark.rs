//! What stays of a document that was purged: a mark, which relays tell each other.
//!
//! The name is to be forgotten too, so a mark has only a hash of it. A key would lie beside it and keep
//! nothing secret: who has the marks can find out whether a name that they guess is among them, and
//! nothing else.
//!
//! A mark counts: odd is purged, even is lifted again. The higher count wins, and of the same count all
//! that relays said of it is put together; so marks that meet become the same in any order.

use std::fmt;

use driftwood_crdt::ordered::BTreeMap;

use crate::{DocumentName, Time};

/// A mark tells of so many relays at most.
pub(crate) const RELAYS_MAX: usize = 256;

/// Which document a mark is about: the first half of the SHA-256 of `driftwood document`, a zero byte and
/// its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkId(pub [u8; 16]);

impl MarkId {
    /// That of a document.
    #[cfg(feature = "relay")]
    pub fn of(document: &DocumentName) -> Self {
        use sha2::{Digest as _, Sha256};

        let mut hasher = Sha256::new_with_prefix(b"driftwood document\0");
        hasher.update(document.as_str());
        let hash: [u8; 32] = hasher.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }

    /// Without the feature `relay` there are no marks.
    #[cfg(not(feature = "relay"))]
    pub(crate) fn of(_: &DocumentName) -> Self {
        Self([0; 16])
    }
}

impl fmt::Display for MarkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MarkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MarkId({self})")
    }
}

/// A relay's own number, drawn when its data folder was made: unlike that of its process it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u64);

impl fmt::Display for RelayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// That a document was purged, or may be there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which one.
    pub id: MarkId,
    /// Odd: purged. Even: lifted.
    pub count: u64,
    /// When that was asked for.
    pub time: Time,
    /// The relay it was asked of.
    pub by: RelayId,
    /// The relays that know of it or were known to who does, and whether they have carried it out.
    pub relays: BTreeMap<RelayId, bool>,
}

impl Mark {
    /// Whether the document is not to be there.
    pub fn is_purged(&self) -> bool {
        self.count % 2 == 1
    }

    /// Whether all relays that are known have carried it out.
    pub fn is_done(&self) -> bool {
        self.relays.values().all(|done| *done)
    }

    /// Joins what somebody else knows of the same document. Whether that was news.
    pub fn merge(&mut self, other: &Self) -> bool {
        if other.count < self.count {
            return false;
        }
        if other.count > self.count {
            *self = other.clone();
            return true;
        }
        let before = self.clone();
        // Asked for at two places at once: the first counts.
        (self.time, self.by) = (self.time, self.by).min((other.time, other.by));
        for (&relay, &done) in &other.relays {
            self.note(relay, done);
        }
        *self != before
    }

    /// A relay is to carry it out, or has.
    pub fn note(&mut self, relay: RelayId, done: bool) {
        *self.relays.entry(relay).or_insert(false) |= done;
        if self.relays.len() > RELAYS_MAX {
            let last = self.relays.keys().next_back().copied();
            last.map(|last| self.relays.remove(&last));
        }
    }
}
