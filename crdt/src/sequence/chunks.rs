//! A sorted list in chunks, for what is looked up by search and mostly grows at its end.

use crate::plain::plain;
use crate::sorted::chunks;

/// Items a chunk may have; few in debug builds, so that small tests split them.
const CHUNK: usize = if cfg!(debug_assertions) { 6 } else { 128 };

/// Items in ascending order of whatever the caller compares them by: one that inserts with one order and
/// searches with another is wrong. Chunks lie in a vector, beside copies of their first items once there is
/// more than one, so an insertion moves at most a chunk and, once in a chunk's worth of them, the vector.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Chunks<T> {
    parts: Vec<Vec<T>>,
    heads: Vec<T>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            heads: Vec::new(),
        }
    }
}

/// Where an item is, or would be: a chunk, and a place in it. Good until the next insertion or removal.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct At {
    chunk: usize,
    slot: usize,
}

impl At {
    /// The place after that of an item.
    pub(super) fn next(self) -> Self {
        Self {
            slot: self.slot + 1,
            ..self
        }
    }
}

impl<T: Copy> Chunks<T> {
    #[cfg(any(test, debug_assertions))]
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    pub(super) fn get(&self, at: At) -> Option<&T> {
        self.parts.get(at.chunk)?.get(at.slot)
    }

    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        self.parts.last()?.last()
    }

    /// Changes an item without changing its place in the order.
    #[inline]
    pub(super) fn update(&mut self, at: At, change: impl FnOnce(&mut T)) {
        let item = &mut self.parts[at.chunk][at.slot];
        change(item);
        if let Some(head) = self.heads.get_mut(at.chunk).filter(|_| at.slot == 0) {
            *head = *item;
        }
    }

    /// The last item, of which there is one.
    #[inline]
    pub(super) fn last_at(&self) -> Option<At> {
        let chunk = self.parts.len().checked_sub(1)?;
        Some(At {
            chunk,
            slot: self.parts[chunk].len() - 1,
        })
    }

    /// The first item that is not `before` what is looked for; all before it are. O(log n).
    pub(super) fn first_not(&self, before: impl Fn(&T) -> bool) -> At {
        // Most of what is looked for is near the end.
        let last = self.heads.len().saturating_sub(1);
        let chunk = match self.heads.last() {
            Some(head) if before(head) => last,
            _ => self.heads[..last]
                .partition_point(|item| before(item))
                .saturating_sub(1),
        };
        let slot = match self.parts.get(chunk) {
            Some(items) if items.last().is_some_and(&before) => items.len(),
            Some(items) => items.partition_point(|item| before(item)),
            None => 0,
        };
        At { chunk, slot }
    }

    /// The last item that is `before` what is looked for.
    pub(super) fn last_before(&self, before: impl Fn(&T) -> bool) -> Option<(At, &T)> {
        let at = self.prev(self.first_not(before))?;
        Some((at, &self.parts[at.chunk][at.slot]))
    }

    /// The item before this place.
    pub(super) fn prev(&self, at: At) -> Option<At> {
        if let Some(slot) = at.slot.checked_sub(1) {
            return Some(At { slot, ..at });
        }
        let chunk = at.chunk.checked_sub(1)?;
        Some(At {
            chunk,
            slot: self.parts[chunk].len() - 1,
        })
    }

    /// The place of the item that is at this place or, at the end of a chunk, after it.
    pub(super) fn item_at(&self, at: At) -> At {
        match self.get(at) {
            Some(_) => at,
            None => At {
                chunk: at.chunk + 1,
                slot: 0,
            },
        }
    }

    /// All items.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        plain(self.parts.iter().flatten())
    }

    /// The items from this place on.
    pub(super) fn iter_from(&self, at: At) -> impl Iterator<Item = &T> + '_ {
        let chunks = self.parts.get(at.chunk..).unwrap_or_default();
        let first = chunks.first().map_or(&[][..], |chunk| &chunk[at.slot..]);
        plain(first.iter().chain(chunks.iter().skip(1).flatten()))
    }

    /// Of items in order, of which it is known how many there are: in no more room than they take.
    pub(super) fn of(items: impl Iterator<Item = T>) -> Self {
        // In a browser what is loaded counts more than what is computed.
        if cfg!(target_arch = "wasm32") {
            let mut chunks = Self::default();
            items.for_each(|item| chunks.push(item));
            return chunks;
        }
        let parts = chunks(items, CHUNK);
        // One chunk is found without.
        let heads = match &parts[..] {
            [_] => Vec::new(),
            parts => parts.iter().map(|part| part[0]).collect(),
        };
        Self { parts, heads }
    }

    /// Inserts an item at a place that [`Self::first_not`] gave for it, or after another; gives where it is
    /// then. O(√n) at worst, with a tiny constant.
    pub(super) fn insert(&mut self, at: At, item: T) -> At {
        let is_last = at.chunk + 1 == self.parts.len();
        let Some(chunk) = self.parts.get_mut(at.chunk) else {
            // Many have one item and never another.
            if self.parts.is_empty() {
                self.parts.reserve_exact(1);
            }
            self.parts.push(vec![item]);
            return at;
        };
        if chunk.len() < CHUNK {
            chunk.insert(at.slot, item);
            if let Some(head) = self.heads.get_mut(at.chunk).filter(|_| at.slot == 0) {
                *head = item;
            }
            return at;
        }
        let next = At {
            chunk: at.chunk + 1,
            slot: 0,
        };
        if self.heads.is_empty() {
            self.heads.push(chunk[0]);
        }
        // What grows at its end leaves full chunks behind.
        if is_last && at.slot == chunk.len() {
            self.parts.push(vec![item]);
            self.heads.push(item);
            return next;
        }
        let mut rest = chunk.split_off(chunk.len() / 2);
        let put = if let Some(slot) = at.slot.checked_sub(chunk.len()).filter(|&slot| slot > 0) {
            rest.insert(slot, item);
            At { slot, ..next }
        } else {
            chunk.insert(at.slot, item);
            at
        };
        self.heads[at.chunk] = chunk[0];
        self.heads.insert(next.chunk, rest[0]);
        self.parts.insert(next.chunk, rest);
        put
    }

    /// Adds an item after all others.
    pub(super) fn push(&mut self, item: T) {
        let chunk = self.parts.len().saturating_sub(1);
        let slot = self.parts.last().map_or(0, Vec::len);
        self.insert(At { chunk, slot }, item);
    }

    /// Removes an item.
    pub(super) fn remove(&mut self, at: At) -> T {
        let chunk = &mut self.parts[at.chunk];
        let item = chunk.remove(at.slot);
        if let Some(&head) = chunk.first() {
            if let Some(old) = self.heads.get_mut(at.chunk) {
                *old = head;
            }
        } else {
            self.parts.remove(at.chunk);
            if !self.heads.is_empty() {
                self.heads.remove(at.chunk);
            }
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn is_a_sorted_set(steps in prop::collection::vec((0..200_u32, any::<bool>()), 0..300)) {
            let mut chunks = Chunks::default();
            let mut model = BTreeSet::new();
            for (item, add) in steps {
                let at = chunks.first_not(|&other| other < item);
                let there = chunks.get(at) == Some(&item)
                    || chunks.iter_from(at).next() == Some(&item);
                prop_assert_eq!(there, model.contains(&item));
                if add && !there {
                    chunks.insert(at, item);
                    model.insert(item);
                } else if !add && there {
                    let (at, _) = chunks.last_before(|&other| other <= item).unwrap();
                    prop_assert_eq!(chunks.remove(at), item);
                    model.remove(&item);
                }
                prop_assert!(chunks.iter().eq(&model));
                prop_assert_eq!(chunks.len(), model.len());
                let before = chunks.last_before(|&other| other < item).map(|(_, &item)| item);
                prop_assert_eq!(before, model.range(..item).next_back().copied());
            }
        }
    }
}
