//! In which leaf each element is.

use super::chunks::Chunks;
use super::id::Id;

/// The elements from a seq on, up to the next of these, are in this leaf, those of them that there are.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Home {
    pub(super) seq: u64,
    pub(super) leaf: u32,
}

/// The leaves of one replica's elements.
#[derive(Clone, PartialEq, Default, Debug)]
struct Street {
    homes: Chunks<Home>,
    /// One past the greatest seq.
    end: u64,
}

/// The leaf of each element, by replica and seq. Runs of elements in one leaf are one entry.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Homes {
    streets: Vec<Street>,
}

impl Homes {
    /// Of the homes of each replica, by number, in order of seq, and one past its greatest seq.
    pub(super) fn new<'a>(of: impl Iterator<Item = (&'a [Home], u64)>) -> Self {
        let streets = of.map(|(homes, end)| {
            let mut homes = homes.to_vec();
            // Neighbours in one leaf have one home.
            homes.dedup_by_key(|home| home.leaf);
            let homes = Chunks::of(homes.into_iter());
            Street { homes, end }
        });
        Self {
            streets: streets.collect(),
        }
    }

    /// The leaf in which the element is, if it is anywhere; O(log n).
    pub(super) fn leaf_of(&self, id: Id) -> Option<u32> {
        let street = self.streets.get(usize::from(id.agent))?;
        let (_, home) = street.homes.last_before(|home| home.seq <= id.seq)?;
        (id.seq < street.end).then_some(home.leaf)
    }

    /// Says that these elements are in this leaf; O(log n), and what is replaced.
    pub(super) fn assign(&mut self, start: Id, len: u64, leaf: u32) {
        let agent = usize::from(start.agent);
        if self.streets.len() <= agent {
            // Most sequences have one.
            if self.streets.is_empty() {
                self.streets.reserve_exact(agent + 1);
            }
            self.streets.resize(agent + 1, Street::default());
        }
        self.streets[agent].assign(start.seq, start.seq + len, leaf);
    }
}

impl Street {
    fn assign(&mut self, start: u64, end: u64, leaf: u32) {
        if start >= self.end {
            self.end = end;
            if self.homes.last().is_none_or(|last| last.leaf != leaf) {
                self.homes.push(Home { seq: start, leaf });
            }
            return;
        }
        // What comes after these stays where it is.
        let after = self.homes.last_before(|home| home.seq <= end);
        let after = after.map(|(_, home)| *home);
        let after = after.filter(|home| end < self.end && home.seq < end && home.leaf != leaf);
        self.end = self.end.max(end);
        while let Some((at, home)) = self.homes.last_before(|home| home.seq < end) {
            if home.seq < start {
                break;
            }
            self.homes.remove(at);
        }
        if let Some(Home { leaf, .. }) = after {
            let at = self.homes.first_not(|home| home.seq < end);
            self.homes.insert(at, Home { seq: end, leaf });
        }
        let before = self.homes.last_before(|home| home.seq < start);
        if before.is_none_or(|(_, home)| home.leaf != leaf) {
            let at = self.homes.first_not(|home| home.seq < start);
            self.homes.insert(at, Home { seq: start, leaf });
        }
    }
}
