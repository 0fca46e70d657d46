//! Who makes changes.

use std::fmt;

/// The name of a replica: one copy of a document that makes changes of its own.
///
/// A random 64-bit number, taken from a pool and used by one writer at a time; two writers under one
/// id would give the same name to different changes. It is never derived from a user or a device.
///
/// ```
/// use driftwood_crdt::ReplicaId;
/// assert_eq!(ReplicaId::new(0xbeef).to_string(), "000000000000beef");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// The replica with this number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{:x}", self.0)
    }
}
