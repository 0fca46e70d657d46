//! Ordered maps, sets and a sort that take little code for each type they are used with.

mod set;
mod sort;
#[cfg(test)]
mod tests;

pub use set::Set;
pub(super) use sort::sort;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Bound, Index, RangeBounds};

/// Entries of a chunk at most: as many as are soon moved, and few in debug builds, so that small tests split them.
const CHUNK: usize = if cfg!(debug_assertions) { 6 } else { 128 };

/// A sorted list of entries in chunks, of which none is empty. Finding is O(log n); inserting and removing move a chunk
/// at most, and once in a chunk's worth the list of chunks.
#[derive(Clone)]
pub struct Map<K, V> {
    chunks: Vec<Vec<(K, V)>>,
    len: usize,
}

/// Where an entry is: always a chunk and an entry in it, or the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    chunk: usize,
    index: usize,
}

/// How many of `len` things, of which the first ones are `before` something, are. One copy for all that is looked for.
fn count(len: usize, before: &mut dyn FnMut(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, len);
    // What is new mostly comes last, and what was new is looked for most.
    if len > 0 && before(len - 1) {
        return len;
    }
    while from < to {
        let middle = from + (to - from) / 2;
        if before(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

impl<K, V> Map<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The entries in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            chunks: &self.chunks,
            from: Place { chunk: 0, index: 0 },
            to: self.end(),
        }
    }

    /// The entries in order, whose values may be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut(self.chunks.iter_mut().flatten())
    }

    /// The keys in order.
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys(self.iter())
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> Values<'_, K, V> {
        Values(self.iter())
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.chunks.iter_mut().flatten().map(|(_, value)| value)
    }

    /// The values alone.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The first entry.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The last entry.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// Takes the first entry.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (self.len > 0).then(|| self.take(Place { chunk: 0, index: 0 }))
    }

    /// Takes the last entry.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let chunk = self.chunks.len().checked_sub(1)?;
        let index = self.chunks[chunk].len() - 1;
        Some(self.take(Place { chunk, index }))
    }

    /// Keeps what `keep` wants to.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for chunk in &mut self.chunks {
            chunk.retain_mut(|(key, value)| keep(key, value));
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.len = self.chunks.iter().map(Vec::len).sum();
    }

    fn end(&self) -> Place {
        Place {
            chunk: self.chunks.len(),
            index: 0,
        }
    }

    fn put(&mut self, Place { chunk, index }: Place, entry: (K, V)) -> Place {
        self.len += 1;
        let Some(entries) = self.chunks.get_mut(chunk) else {
            self.chunks.push(vec![entry]);
            return Place { chunk, index };
        };
        if entries.len() < CHUNK {
            entries.insert(index, entry);
            return Place { chunk, index };
        }
        // What comes in order leaves full chunks behind.
        let half = if index == CHUNK { CHUNK } else { CHUNK / 2 };
        let mut right = entries.split_off(half);
        let place = if let Some(index) = index.checked_sub(half) {
            right.insert(index, entry);
            Place {
                chunk: chunk + 1,
                index,
            }
        } else {
            entries.insert(index, entry);
            Place { chunk, index }
        };
        self.chunks.insert(chunk + 1, right);
        place
    }

    fn take(&mut self, Place { chunk, index }: Place) -> (K, V) {
        self.len -= 1;
        let entries = &mut self.chunks[chunk];
        let entry = entries.remove(index);
        let left = entries.len();
        if left == 0 {
            self.chunks.remove(chunk);
        } else if left < CHUNK / 4 && chunk > 0 && self.chunks[chunk - 1].len() <= CHUNK / 2 {
            let mut rest = self.chunks.remove(chunk);
            self.chunks[chunk - 1].append(&mut rest);
        }
        entry
    }
}

impl<K: Ord, V> Map<K, V> {
    /// Where the entry of a key is, or would have to be put.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let chunks = &self.chunks;
        let after = count(chunks.len(), &mut |at| chunks[at][0].0.borrow() <= key);
        let chunk = after.saturating_sub(1);
        let Some(entries) = chunks.get(chunk) else {
            return Err(self.end());
        };
        let index = count(entries.len(), &mut |at| entries[at].0.borrow() < key);
        let place = Place { chunk, index };
        match entries.get(index) {
            Some((found, _)) if found.borrow() == key => Ok(place),
            _ => Err(place),
        }
    }

    /// The place of the first entry that is not before a key or, where `past` is set, not at it either.
    fn seek<Q: Ord + ?Sized>(&self, key: &Q, past: bool) -> Place
    where
        K: Borrow<Q>,
    {
        let mut place = match self.find(key) {
            Ok(place) => Place {
                index: place.index + usize::from(past),
                ..place
            },
            Err(place) => place,
        };
        if self
            .chunks
            .get(place.chunk)
            .is_some_and(|chunk| place.index == chunk.len())
        {
            place = Place {
                chunk: place.chunk + 1,
                index: 0,
            };
        }
        place
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let Place { chunk, index } = self.find(key).ok()?;
        Some(&self.chunks[chunk][index].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let Place { chunk, index } = self.find(key).ok()?;
        Some(&mut self.chunks[chunk][index].1)
    }

    /// Whether a key is there.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Gives a key a value; the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(Place { chunk, index }) => {
                let old = &mut self.chunks[chunk][index].1;
                Some(std::mem::replace(old, value))
            }
            Err(place) => {
                self.put(place, (key, value));
                None
            }
        }
    }

    /// Removes a key; the value it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.take(place).1)
    }

    /// The place for a key's value.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { map: self, key }
    }

    /// The entries whose keys are in a range.
    pub fn range<Q: Ord + ?Sized, R: RangeBounds<Q>>(&self, range: R) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let from = match range.start_bound() {
            Bound::Unbounded => Place { chunk: 0, index: 0 },
            Bound::Included(key) => self.seek(key, false),
            Bound::Excluded(key) => self.seek(key, true),
        };
        let to = match range.end_bound() {
            Bound::Unbounded => self.end(),
            Bound::Included(key) => self.seek(key, true),
            Bound::Excluded(key) => self.seek(key, false),
        };
        assert!(from <= to, "a range that runs backwards");
        Iter {
            chunks: &self.chunks,
            from,
            to,
        }
    }

    /// Takes what is at or after a key.
    #[must_use]
    pub fn split_off<Q: Ord + ?Sized>(&mut self, key: &Q) -> Self
    where
        K: Borrow<Q>,
    {
        let Place { chunk, index } = self.seek(key, false);
        let mut rest = Self::new();
        if chunk < self.chunks.len() {
            rest.chunks = self.chunks.split_off(chunk);
            if index > 0 {
                let tail = rest.chunks[0].split_off(index);
                self.chunks
                    .push(std::mem::replace(&mut rest.chunks[0], tail));
            }
            rest.len = rest.chunks.iter().map(Vec::len).sum();
            self.len -= rest.len;
        }
        rest
    }

    /// Moves all entries of another map here.
    pub fn append(&mut self, other: &mut Self) {
        self.extend(std::mem::take(other));
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other)
    }
}

impl<K: Eq, V: Eq> Eq for Map<K, V> {}

impl<K: PartialOrd, V: PartialOrd> PartialOrd for Map<K, V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.iter().partial_cmp(other)
    }
}

impl<K: Ord, V: Ord> Ord for Map<K, V> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other)
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Ord, V> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for Map<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("a key that is there")
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut Map<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

/// Entries of a [`Map`] whose values may be changed.
pub struct IterMut<'a, K, V>(std::iter::Flatten<std::slice::IterMut<'a, Vec<(K, V)>>>);

impl<'a, K, V> Iterator for IterMut<'a, K, V> {
    type Item = (&'a K, &'a mut V);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.next()?;
        Some((key, value))
    }
}

/// The place for a key's value in a [`Map`].
pub struct Entry<'a, K, V> {
    map: &'a mut Map<K, V>,
    key: K,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    /// The value there, or one made and put there.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let place = match self.map.find(&self.key) {
            Ok(place) => place,
            Err(place) => self.map.put(place, (self.key, make())),
        };
        &mut self.map.chunks[place.chunk][place.index].1
    }

    /// The value there, or this one put there.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value there, or an empty one put there.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value there, if one is.
    #[must_use]
    pub fn and_modify(self, change: impl FnOnce(&mut V)) -> Self {
        if let Some(value) = self.map.get_mut(&self.key) {
            change(value);
        }
        self
    }
}

/// Entries of a [`Map`], in order from both ends.
pub struct Iter<'a, K, V> {
    chunks: &'a [Vec<(K, V)>],
    from: Place,
    to: Place,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.from == self.to {
            return None;
        }
        let chunk = &self.chunks[self.from.chunk];
        let (key, value) = &chunk[self.from.index];
        self.from.index += 1;
        if self.from.index == chunk.len() {
            self.from = Place {
                chunk: self.from.chunk + 1,
                index: 0,
            };
        }
        Some((key, value))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.from == self.to {
            return None;
        }
        if self.to.index == 0 {
            self.to.chunk -= 1;
            self.to.index = self.chunks[self.to.chunk].len();
        }
        self.to.index -= 1;
        let (key, value) = &self.chunks[self.to.chunk][self.to.index];
        Some((key, value))
    }
}

/// Keys of a [`Map`], or what is in a [`Set`].
pub struct Keys<'a, K, V>(Iter<'a, K, V>);

/// Values of a [`Map`].
pub struct Values<'a, K, V>(Iter<'a, K, V>);

macro_rules! half {
    ($name:ident, $item:ident, $index:tt) => {
        impl<K, V> Clone for $name<'_, K, V> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<'a, K, V> Iterator for $name<'a, K, V> {
            type Item = &'a $item;

            fn next(&mut self) -> Option<Self::Item> {
                Some(self.0.next()?.$index)
            }
        }

        impl<K, V> DoubleEndedIterator for $name<'_, K, V> {
            fn next_back(&mut self) -> Option<Self::Item> {
                Some(self.0.next_back()?.$index)
            }
        }
    };
}

half!(Keys, K, 0);
half!(Values, V, 1);
