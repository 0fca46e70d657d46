//! A sorted vector in chunks: what the stores of this crate keep their entries in.

use crate::plain::plain;

/// Entries in an order that the caller knows. Finding is O(log n); inserting and removing move at most
/// one chunk, and of a million entries a few pointers.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<T> {
    /// None is empty.
    chunks: Vec<Vec<T>>,
    len: usize,
}

/// Where an entry is, or would be.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Place {
    chunk: usize,
    /// Zero in the first chunk only: what comes first in another is at the end of the one before.
    index: usize,
}

impl Place {
    /// The place of the entry before one that [`Sorted::seek`] gave.
    pub(crate) fn before(self) -> Option<Self> {
        let index = self.index.checked_sub(1)?;
        Some(Self { index, ..self })
    }
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

/// Items, of which it is known how many there are, in chunks, all full but the last.
pub(crate) fn chunks<T>(items: impl Iterator<Item = T>, len: usize) -> Vec<Vec<T>> {
    let (mut left, _) = items.size_hint();
    let mut chunks: Vec<Vec<T>> = Vec::with_capacity(left.div_ceil(len));
    for item in items {
        if chunks.last().is_none_or(|last| last.len() == len) {
            chunks.push(Vec::with_capacity(len.min(left)));
            left = left.saturating_sub(len);
        }
        let last = chunks.last_mut().expect("one was just added");
        last.push(item);
    }
    chunks
}

impl<T> Sorted<T> {
    /// Entries of a chunk: as many as are soon moved.
    const CHUNK_MAX: usize = 4_096 / size_of::<T>();

    /// Of entries that come in order, of which it is known how many there are: in no more room than they
    /// take.
    pub(crate) fn of(entries: impl Iterator<Item = T>) -> Self {
        let chunks = chunks(entries, Self::CHUNK_MAX);
        let len = chunks.iter().map(Vec::len).sum();
        Self { chunks, len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place of the first entry that is not before what is looked for; O(log n).
    pub(crate) fn seek(&self, mut is_before: impl FnMut(&T) -> bool) -> Place {
        let Some(last) = self.chunks.last() else {
            return Place { chunk: 0, index: 0 };
        };
        // What is new mostly comes last, and what was new is looked for most.
        if last.last().is_some_and(&mut is_before) {
            return Place {
                chunk: self.chunks.len() - 1,
                index: last.len(),
            };
        }
        let after = self.chunks.partition_point(|chunk| is_before(&chunk[0]));
        let chunk = after.saturating_sub(1);
        let index = self.chunks[chunk].partition_point(is_before);
        Place { chunk, index }
    }

    /// Where the entry at a place really is.
    fn at(&self, place: Place) -> Place {
        match self.chunks.get(place.chunk) {
            Some(chunk) if place.index >= chunk.len() => Place {
                chunk: place.chunk + 1,
                index: 0,
            },
            _ => place,
        }
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        let Place { chunk, index } = self.at(place);
        self.chunks.get(chunk)?.get(index)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let Place { chunk, index } = place;
        // Mostly it is not at the end of a chunk.
        if self.chunks.get(chunk)?.len() > index {
            return self.chunks[chunk].get_mut(index);
        }
        self.chunks.get_mut(chunk + 1)?.first_mut()
    }

    /// Inserts an entry before the one at a place; gives where it is then.
    pub(crate) fn insert(&mut self, place: Place, entry: T) -> Place {
        let Place { chunk, index } = place;
        self.len += 1;
        let Some(entries) = self.chunks.get_mut(chunk) else {
            // Many have one entry and never another.
            self.chunks.reserve_exact(1);
            self.chunks.push(vec![entry]);
            return place;
        };
        if entries.len() < Self::CHUNK_MAX {
            entries.insert(index, entry);
            return place;
        }
        let next = chunk + 1;
        if index == entries.len() {
            // What comes in order leaves full chunks behind.
            self.chunks.insert(next, vec![entry]);
            return Place {
                chunk: next,
                index: 0,
            };
        }
        let mut right = entries.split_off(Self::CHUNK_MAX / 2);
        let put = match index.checked_sub(Self::CHUNK_MAX / 2) {
            Some(index) if index > 0 => {
                right.insert(index, entry);
                Place { chunk: next, index }
            }
            _ => {
                entries.insert(index, entry);
                place
            }
        };
        self.chunks.insert(next, right);
        put
    }

    /// Removes the entry at a place.
    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let Place { chunk, index } = self.at(place);
        let entries = self.chunks.get_mut(chunk)?;
        if index >= entries.len() {
            return None;
        }
        let entry = entries.remove(index);
        self.len -= 1;
        let left = entries.len();
        if left == 0 {
            self.chunks.remove(chunk);
        } else if left < Self::CHUNK_MAX / 4 && chunk > 0 {
            let before = &self.chunks[chunk - 1];
            if before.len() + left <= Self::CHUNK_MAX / 2 {
                let mut rest = self.chunks.remove(chunk);
                self.chunks[chunk - 1].append(&mut rest);
            }
        }
        Some(entry)
    }

    /// Removes entries from a place on, as far as they lie together and `goes` says so; gives how many.
    pub(crate) fn remove_while(&mut self, place: Place, mut goes: impl FnMut(&T) -> bool) -> usize {
        let Place { chunk, index } = self.at(place);
        let Some(entries) = self.chunks.get_mut(chunk) else {
            return 0;
        };
        let rest = entries.get(index..).unwrap_or_default();
        let count = rest.iter().take_while(|entry| goes(entry)).count();
        entries.drain(index..index + count);
        self.len -= count;
        if entries.is_empty() {
            self.chunks.remove(chunk);
        }
        count
    }

    /// Removes the last entry.
    pub(crate) fn pop_last(&mut self) -> Option<T> {
        let entries = self.chunks.last_mut()?;
        let last = entries.pop();
        self.len -= 1;
        if entries.is_empty() {
            self.chunks.pop();
        }
        last
    }

    /// All entries, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + '_ {
        plain(self.chunks.iter().flatten())
    }

    /// All entries, in order; their memory goes with them.
    pub(crate) fn into_entries(self) -> std::iter::Flatten<std::vec::IntoIter<Vec<T>>> {
        self.chunks.into_iter().flatten()
    }

    /// As [`Self::iter`], with a name for its type.
    pub(crate) fn entries(&self) -> std::iter::Flatten<std::slice::Iter<'_, Vec<T>>> {
        self.chunks.iter().flatten()
    }

    /// The entries from a place on.
    pub(crate) fn iter_from(&self, Place { chunk, index }: Place) -> impl Iterator<Item = &T> + '_ {
        let chunks = self.chunks.get(chunk..).unwrap_or_default();
        plain(chunks.iter().flatten().skip(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Few of these are a chunk.
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Wide(u32, [u64; 63]);

    fn wide(entry: u32) -> Wide {
        Wide(entry, [0; 63])
    }

    fn check(sorted: &Sorted<Wide>, model: &BTreeSet<u32>) {
        assert_eq!(sorted.len(), model.len());
        assert_eq!(sorted.is_empty(), model.is_empty());
        assert!(sorted.iter().map(|wide| &wide.0).eq(model));
        assert!(sorted
            .iter()
            .rev()
            .map(|wide| &wide.0)
            .eq(model.iter().rev()));
        assert!(sorted
            .chunks
            .iter()
            .all(|chunk| !chunk.is_empty() && chunk.len() <= Sorted::<Wide>::CHUNK_MAX));
    }

    fn put(sorted: &mut Sorted<Wide>, entry: u32) -> bool {
        let place = sorted.seek(|other| other.0 < entry);
        let new = sorted.get(place) != Some(&wide(entry));
        if new {
            sorted.insert(place, wide(entry));
        }
        new
    }

    fn take(sorted: &mut Sorted<Wide>, entry: u32) -> bool {
        let place = sorted.seek(|other| other.0 < entry);
        let there = sorted.get(place) == Some(&wide(entry));
        there && sorted.remove(place) == Some(wide(entry))
    }

    proptest! {
        #[test]
        fn is_an_ordered_set(steps in prop::collection::vec((any::<bool>(), 0u32..3_000, 1u32..300), 0..40)) {
            let (mut sorted, mut model) = (Sorted::default(), BTreeSet::new());
            for (puts, first, count) in steps {
                for i in 0..count {
                    // Upwards, downwards and across.
                    let entry = match first % 3 {
                        0 => first + i,
                        1 => first + count - i,
                        _ => (first + i * 7_919) % 3_300,
                    };
                    if puts {
                        prop_assert_eq!(put(&mut sorted, entry), model.insert(entry));
                    } else {
                        prop_assert_eq!(take(&mut sorted, entry), model.remove(&entry));
                    }
                }
                check(&sorted, &model);
                let place = sorted.seek(|other| other.0 < first);
                prop_assert!(sorted.iter_from(place).map(|wide| &wide.0).eq(model.range(first..)));
                let before = place.before().and_then(|place| sorted.get(place));
                prop_assert_eq!(before.map(|wide| &wide.0), model.range(..first).next_back());
                let next = model.range(first..).next().copied();
                prop_assert_eq!(sorted.get_mut(place).map(|wide| wide.0), next);
            }
        }
    }
}
