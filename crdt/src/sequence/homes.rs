//! In which leaf each element is.

use super::chunks::Chunks;
use crate::id::Id;

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
    /// Of the homes of each replica, by number, in order of seq, neighbours in other leaves; and one past its
    /// greatest seq.
    pub(super) fn new(of: impl Iterator<Item = (Vec<Home>, u64)>) -> Self {
        let streets = of.map(|(homes, end)| Street {
            homes: Chunks::of(homes.into_iter()),
            end,
        });
        let mut streets: Vec<Street> = streets.collect();
        // Mostly there is one, and room for four was made.
        streets.shrink_to_fit();
        Self { streets }
    }

    /// The leaf in which the element is, if it is anywhere; O(log n).
    pub(super) fn leaf_of(&self, id: Id) -> Option<u32> {
        let street = self.streets.get(usize::from(id.agent))?;
        let (_, home) = street.homes.last_before(|home| home.seq <= id.seq)?;
        (id.seq < street.end).then_some(home.leaf)
    }

    /// Says that these elements are in this leaf; O(log n), and what is replaced.
    #[inline]
    pub(super) fn assign(&mut self, start: Id, len: u64, leaf: u32) {
        let street = self.streets.get_mut(usize::from(start.agent));
        match street.filter(|street| street.ends_in(leaf) && start.seq >= street.end) {
            Some(street) => street.end = start.seq + len,
            None => self.assign_any(start, len, leaf),
        }
    }

    fn assign_any(&mut self, start: Id, len: u64, leaf: u32) {
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
    /// Whether the last home is in this leaf.
    #[inline]
    fn ends_in(&self, leaf: u32) -> bool {
        self.homes.last().is_some_and(|last| last.leaf == leaf)
    }

    fn assign(&mut self, start: u64, end: u64, leaf: u32) {
        if start >= self.end {
            self.end = end;
            if !self.ends_in(leaf) {
                self.homes.push(Home { seq: start, leaf });
            }
            return;
        }
        let homes = &mut self.homes;
        let is_before = |home: &Home| home.seq < start;
        let mut at = homes.first_not(is_before);
        let before = homes.prev(at).and_then(|at| homes.get(at));
        let before = before.map(|home| home.leaf);
        // Where what comes after these is, and stays.
        let (mut rest, mut next) = (before, homes.item_at(at));
        while let Some(home) = homes.get(next).filter(|home| home.seq < end) {
            rest = Some(home.leaf);
            homes.remove(next);
            next = homes.item_at(next);
            at = homes.first_not(is_before);
        }
        let goes_on = end < self.end && homes.get(next).is_none_or(|home| home.seq > end);
        self.end = self.end.max(end);
        if before != Some(leaf) {
            at = homes.insert(at, Home { seq: start, leaf }).next();
        }
        if let Some(rest) = rest.filter(|&rest| goes_on && rest != leaf) {
            let leaf = rest;
            homes.insert(at, Home { seq: end, leaf });
        }
    }
}
