//! How far a copy has come.

use std::fmt;

use crate::codec::{DecodeError, Reader, Writer};
use crate::limits;
use crate::{Dot, ReplicaId};

/// The highest contiguous seq of every replica whose changes a copy has seen.
///
/// Every change takes a dot, deletions included, so equal version vectors mean equal state. Also
/// known as a vector clock (Fidge 1988; Mattern 1989); as the context of a causal delta-state CRDT
/// see Almeida, Shoker, Baquero, "Delta State Replicated Data Types", 2018, §7.
///
/// ```
/// use driftwood_crdt::{ReplicaId, VersionVector};
/// let (a, b) = (ReplicaId::new(1), ReplicaId::new(2));
/// let mut mine = VersionVector::new();
/// mine.advance(a, 3);
/// let mut theirs = mine.clone();
/// theirs.advance(b, 1);
/// assert!(theirs.includes(&mine) && !mine.includes(&theirs));
/// mine.merge(&theirs);
/// assert_eq!(mine, theirs);
/// ```
#[doc(alias = "vector clock")]
#[derive(Clone, PartialEq, Eq, Default)]
pub struct VersionVector {
    /// The entry of the lowest replica; that of most deltas is their only one, and takes no memory of
    /// its own so.
    first: Option<(ReplicaId, u64)>,
    /// The others, sorted; never a zero: an absent replica has seq 0. A document has at most
    /// [`limits::REPLICAS_MAX`], so that moving them for a new one costs little.
    rest: Vec<(ReplicaId, u64)>,
}

impl VersionVector {
    /// The version of an empty copy.
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest seq seen of `replica`, or 0.
    #[inline]
    pub fn get(&self, replica: ReplicaId) -> u64 {
        match self.first {
            Some((first, seq)) if first == replica => seq,
            _ => self.place(replica).map_or(0, |place| self.rest[place].1),
        }
    }

    fn place(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.rest.binary_search_by_key(&replica, |&(id, _)| id)
    }

    /// Whether the change has been seen.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.seq <= self.get(dot.replica)
    }

    /// Whether everything that `other` has seen has been seen here; O(entries of `other`).
    pub fn includes(&self, other: &VersionVector) -> bool {
        other.iter().all(|(replica, seq)| seq <= self.get(replica))
    }

    /// Raises the entry of `replica` to `seq`; never lowers it.
    #[inline]
    pub fn advance(&mut self, replica: ReplicaId, seq: u64) {
        match &mut self.first {
            Some((first, own)) if *first == replica => *own = seq.max(*own),
            _ => self.advance_other(replica, seq),
        }
    }

    /// As [`Self::advance`], of any but the first.
    fn advance_other(&mut self, replica: ReplicaId, seq: u64) {
        if seq == 0 {
            return;
        }
        match &mut self.first {
            Some(first) if *first < (replica, 0) => match self.place(replica) {
                Ok(place) => self.rest[place].1 = seq.max(self.rest[place].1),
                Err(place) => self.rest.insert(place, (replica, seq)),
            },
            None => self.first = Some((replica, seq)),
            Some(first) => {
                let second = std::mem::replace(first, (replica, seq));
                self.rest.insert(0, second);
            }
        }
    }

    /// Raises every entry to that of `other`.
    pub fn merge(&mut self, other: &VersionVector) {
        for (replica, seq) in other.iter() {
            self.advance(replica, seq);
        }
    }

    /// The entries, in order of replica; none is 0.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.first.iter().chain(&self.rest).copied()
    }

    /// How many replicas have been seen.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// A hash that is the same for equal vectors, on every machine: the sum over replicas of a
    /// mixed (replica, seq), so that it could be kept up to date in O(1) a change. It is no
    /// protection against somebody who picks ids to make two vectors collide.
    pub fn digest(&self) -> u64 {
        self.iter().fold(0, |sum, (replica, seq)| {
            sum.wrapping_add(mix(mix(replica.get()) ^ seq))
        })
    }

    /// Writes the entries: their count, then (replica as 8 bytes, seq) of each.
    pub fn write(&self, out: &mut Writer) {
        out.varint(self.len() as u64);
        for (replica, seq) in self.iter() {
            out.u64_le(replica.get());
            out.varint(seq);
        }
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// When the bytes end early, replicas are out of order or too many, or a seq is 0 or too large.
    pub fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = input.count(limits::REPLICAS_MAX, "replicas", 9)?;
        let mut version = Self::new();
        let mut last = None;
        for _ in 0..count {
            let replica = ReplicaId::new(input.u64_le()?);
            if last >= Some(replica) {
                return Err(input.error("replicas out of order"));
            }
            last = Some(replica);
            let seq = input.seq()?;
            version.advance(replica, seq);
        }
        Ok(version)
    }

    /// The bytes of [`Self::write`].
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.write(&mut out);
        out.into_vec()
    }

    /// Reads exactly what [`Self::encode`] gave.
    ///
    /// # Errors
    /// As [`Self::read`], and when bytes are left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let version = Self::read(&mut input)?;
        input.finish()?;
        Ok(version)
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(entries: I) -> Self {
        let mut version = Self::new();
        for (replica, seq) in entries {
            version.advance(replica, seq);
        }
        version
    }
}

impl fmt::Debug for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every input bit reaches every output bit.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    proptest! {
        #[test]
        fn is_a_map_that_only_grows(raised in prop::collection::vec((0u64..12, 0u64..9), 0..60)) {
            let mut version = VersionVector::new();
            let mut model = BTreeMap::new();
            for (replica, seq) in raised {
                let replica = ReplicaId::new(replica);
                version.advance(replica, seq);
                if seq > 0 {
                    let entry = model.entry(replica).or_insert(seq);
                    *entry = seq.max(*entry);
                }
                prop_assert!(version.iter().eq(model.iter().map(|(&replica, &seq)| (replica, seq))));
                prop_assert_eq!((version.len(), version.is_empty()), (model.len(), model.is_empty()));
            }
            for replica in (0..13).map(ReplicaId::new) {
                prop_assert_eq!(version.get(replica), model.get(&replica).copied().unwrap_or(0));
            }
            prop_assert_eq!(VersionVector::decode(&version.encode()), Ok(version));
        }
    }
}
