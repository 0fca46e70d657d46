//! [`LwwMap`]: keys with registers.

use crate::ordered::{self, BTreeSet};
use crate::plain::plain;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Debug;

use crate::dot_map::DotMap;
use crate::limits::SIBLINGS_MAX;
use crate::slots::Slots;
use crate::sorted::{Place, Sorted};
use crate::{
    Change, Dot, DotRun, DotSet, DotStore, Interval, MergeError, MvRegister, Rank, ReplicaId,
    Sibling,
};
use crate::{Stamp, VersionVector};

/// A map whose values are [`MvRegister`]s: the last writer wins for a reader, concurrent writers are
/// remembered. A deleted key leaves nothing behind, and a value written concurrently with the
/// deletion stays (add-wins).
///
/// After DSON's observed-remove map (Rinberg et al., VLDB 2022, §4).
#[derive(Clone)]
pub struct LwwMap<K, V> {
    entries: Slots<(K, MvRegister<V>)>,
    /// The entries, in order of key.
    order: Sorted<Listed>,
    /// The slot of each live dot.
    dots: DotMap<true>,
    live: usize,
}

/// Where an entry is. Beside it the rank of its key in two halves, so that this takes 12 bytes.
#[derive(Clone, Copy, Debug)]
struct Listed {
    rank: [u32; 2],
    slot: u32,
}

impl Listed {
    fn new(rank: u64, slot: u32) -> Self {
        let rank = [(rank >> 32) as u32, rank as u32];
        Self { rank, slot }
    }

    fn rank(self) -> u64 {
        u64::from(self.rank[0]) << 32 | u64::from(self.rank[1])
    }
}

impl<K, V> Default for LwwMap<K, V> {
    fn default() -> Self {
        Self {
            entries: Slots::default(),
            order: Sorted::default(),
            dots: DotMap::default(),
            live: 0,
        }
    }
}

impl<K: Debug, V: Debug> Debug for LwwMap<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self.in_order().map(|(key, register)| (key, register));
        f.debug_map().entries(entries).finish()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for LwwMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.in_order().eq(other.in_order())
    }
}

impl<K, V> LwwMap<K, V> {
    fn in_order(&self) -> impl Iterator<Item = &(K, MvRegister<V>)> {
        plain(self.order.iter().map(|at| self.entries.get(at.slot)))
    }
}

impl<K: Rank + Clone, V> LwwMap<K, V> {
    /// Writes a value over all that is seen at this key.
    pub fn set(&mut self, key: K, value: V, change: &mut Change) -> Dot {
        let slot = match self.find(&key) {
            Ok((_, slot)) => slot,
            Err(place) => self.put(place, key),
        };
        self.overwrite(slot, value, change)
    }

    /// As [`Self::set`], with a key that is copied only if it is new.
    pub(crate) fn write<Q>(&mut self, key: &Q, value: V, change: &mut Change) -> Dot
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ToOwned<Owned = K> + ?Sized,
    {
        let slot = self.slot(key);
        self.overwrite(slot, value, change)
    }

    fn overwrite(&mut self, slot: u32, value: V, change: &mut Change) -> Dot {
        let (_, register) = self.entries.get_mut(slot);
        for &Sibling { dot, .. } in register.siblings() {
            self.dots.remove(DotRun { start: dot, len: 1 });
            self.live -= 1;
        }
        let dot = register.set(value, change);
        self.index(dot, slot);
        dot
    }

    fn index(&mut self, start: Dot, slot: u32) {
        self.dots.insert(DotRun { start, len: 1 }, slot);
        self.live += 1;
    }

    /// Where a key is, or would be.
    fn place<Q>(&self, key: &Q) -> Place
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        let rank = key.rank();
        self.order.seek(|at| match at.rank().cmp(&rank) {
            Ordering::Equal => self.entries.get(at.slot).0.borrow() < key,
            order => order.is_lt(),
        })
    }

    /// Where a key is, and its slot, or where it would be.
    fn find<Q>(&self, key: &Q) -> Result<(Place, u32), Place>
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        let place = self.place(key);
        match self.order.get(place) {
            Some(&Listed { slot, .. }) if self.entries.get(slot).0.borrow() == key => {
                Ok((place, slot))
            }
            _ => Err(place),
        }
    }

    /// Puts in a key that is not there; gives its slot.
    fn put(&mut self, place: Place, key: K) -> u32 {
        let rank = key.rank();
        let slot = self.entries.insert((key, MvRegister::default()));
        self.order.insert(place, Listed::new(rank, slot));
        slot
    }

    /// The slot of a key, which may be new.
    fn slot<Q>(&mut self, key: &Q) -> u32
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ToOwned<Owned = K> + ?Sized,
    {
        match self.find(key) {
            Ok((_, slot)) => slot,
            Err(place) => self.put(place, key.to_owned()),
        }
    }

    /// Removes a key with all that is seen at it; whether there was anything.
    pub fn delete<Q>(&mut self, key: &Q, change: &mut Change) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        let runs = self.take(key);
        if runs.is_empty() {
            return false;
        }
        let by = change.dot();
        change.removed(by, runs);
        true
    }

    /// Removes a key and gives its dots; the caller notes by which change.
    pub(crate) fn take<Q>(&mut self, key: &Q) -> Vec<DotRun>
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        let Ok((place, slot)) = self.find(key) else {
            return Vec::new();
        };
        self.order.remove(place);
        let (_, mut register) = self.entries.remove(slot);
        let runs: Vec<DotRun> = register.clear().collect();
        for &run in &runs {
            self.dots.remove(run);
        }
        self.live -= runs.len();
        runs
    }

    /// The register of a key, if anything is written there.
    pub fn register<Q>(&self, key: &Q) -> Option<&MvRegister<V>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        let (_, slot) = self.find(key).ok()?;
        Some(&self.entries.get(slot).1)
    }

    /// The value that a read shows.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        self.register(key).and_then(MvRegister::get)
    }

    /// The keys and their registers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &MvRegister<V>)> {
        plain(self.in_order().map(|(key, register)| (key, register)))
    }

    /// All values, in order of key and dot.
    pub(crate) fn entries(&self) -> Vec<Entry<'_, K, V>> {
        let mut entries = Vec::with_capacity(self.live);
        for (key, register) in self.iter() {
            let siblings = register.siblings().iter();
            entries.extend(siblings.map(|sibling| Entry::new(key, sibling)));
        }
        entries
    }

    /// The keys from this one on and their registers, in order.
    pub(crate) fn iter_from<'a>(
        &'a self,
        first: &K,
    ) -> impl Iterator<Item = (&'a K, &'a MvRegister<V>)> {
        let slots = self.order.iter_from(self.place(first));
        let entries = slots.map(|at| self.entries.get(at.slot));
        plain(entries.map(|(key, register)| (key, register)))
    }

    /// Adds a value beside those that are there, as if it had been written concurrently
    /// and at this time, unless that is yet to come.
    pub(crate) fn add<Q>(&mut self, key: &Q, value: V, stamp: Stamp, change: &mut Change) -> Dot
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ToOwned<Owned = K> + ?Sized,
    {
        let (dot, stamp) = (change.dot(), stamp.min(change.stamp()));
        self.insert(key, Sibling { dot, stamp, value });
        dot
    }

    fn insert<Q>(&mut self, key: &Q, sibling: Sibling<V>)
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ToOwned<Owned = K> + ?Sized,
    {
        let slot = self.slot(key);
        self.index(sibling.dot, slot);
        self.entries.get_mut(slot).1.insert(sibling);
    }

    /// The keys and values of those of the dots that are alive.
    pub(crate) fn items_of(&self, dots: &DotSet) -> Vec<MapItem<K, V>>
    where
        V: Clone,
    {
        let alive = dots.runs().flat_map(|run| self.alive_in(run));
        alive.map(|(dot, entry)| Self::item(dot, entry)).collect()
    }

    /// Removes a dot from what is in a slot; gives the key.
    fn remove_from(&mut self, slot: u32, dot: Dot) -> K {
        let (key, register) = self.entries.get_mut(slot);
        register.remove_dot(dot);
        if !register.is_empty() {
            return key.clone();
        }
        let key = key.clone();
        self.order.remove(self.place(&key));
        self.entries.remove(slot);
        key
    }

    /// The living ones of a run of dots, with what is at their keys.
    fn alive_in(&self, run: DotRun) -> impl Iterator<Item = (Dot, &(K, MvRegister<V>))> {
        plain(self.dots.parts_in(run).flat_map(|(part, first)| {
            let dots = part.dots().zip(first..);
            dots.map(|(dot, slot)| (dot, self.entries.get(slot)))
        }))
    }

    /// As [`DotStore::join`], for whom knows the keys.
    pub(crate) fn take_in(&mut self, items: Cow<'_, [MapItem<K, V>]>, seen: &VersionVector)
    where
        V: Clone,
    {
        let is_new = |item: &&MapItem<K, V>| !seen.contains(item.sibling.dot);
        // In a browser what is loaded counts more than what is computed.
        let at_once = cfg!(not(target_arch = "wasm32")) && self.is_empty();
        if at_once && items.iter().all(|item| is_new(&item)) {
            *self = Self::of(items);
            return;
        }
        for MapItem { key, sibling } in items.iter().filter(is_new) {
            if !self.has_dot(sibling.dot) {
                self.insert(key, sibling.clone());
            }
        }
    }

    /// Takes in one value that is new, in place of the one that it removed at the same key; `None`, with
    /// nothing done, if that is not there or the siblings would be too many.
    pub(crate) fn strike(&mut self, removed: Option<Dot>, item: &MapItem<K, V>) -> Option<()>
    where
        V: Clone,
    {
        let slot = match (self.find(&item.key), removed) {
            (Ok((_, slot)), _) => slot,
            (Err(place), None) => self.put(place, item.key.clone()),
            (Err(_), Some(_)) => return None,
        };
        let (_, register) = self.entries.get_mut(slot);
        if let Some(old) = removed {
            if !register.remove_dot(old) {
                return None;
            }
            self.dots.remove(DotRun { start: old, len: 1 });
            self.live -= 1;
        } else if register.siblings().len() >= SIBLINGS_MAX {
            return None;
        }
        register.insert(item.sibling.clone());
        self.index(item.sibling.dot, slot);
        Some(())
    }

    /// Of items in order, at once.
    fn of(items: Cow<'_, [MapItem<K, V>]>) -> Self
    where
        V: Clone,
    {
        let of_keys = items.chunk_by(|a, b| a.key == b.key);
        let mut dots = Vec::with_capacity(items.len());
        let mut order = Vec::new();
        for (items, slot) in of_keys.zip(0..) {
            dots.extend(items.iter().map(|item| (item.sibling.dot, slot)));
            order.push(Listed::new(items[0].key.rank(), slot));
        }
        ordered::sort_dots(&mut dots, |&(dot, _)| dot);
        let live = items.len();
        let mut each: Box<dyn Iterator<Item = MapItem<K, V>> + '_> = match items {
            Cow::Owned(items) => Box::new(items.into_iter()),
            Cow::Borrowed(items) => Box::new(items.iter().cloned()),
        };
        let mut each = each.by_ref().peekable();
        let entries = order.iter().map(|_| {
            let MapItem { key, sibling } = each.next().expect("as many were counted");
            let mut register = MvRegister::from(sibling);
            while let Some(item) = each.next_if(|item| item.key == key) {
                register.insert(item.sibling);
            }
            (key, register)
        });
        Self {
            entries: Slots::of(entries),
            order: Sorted::of(order.into_iter()),
            dots: DotMap::of(&dots),
            live,
        }
    }

    fn item(dot: Dot, (key, register): &(K, MvRegister<V>)) -> MapItem<K, V>
    where
        V: Clone,
    {
        let siblings = register.siblings();
        let place = siblings.binary_search_by_key(&dot, |sibling| sibling.dot);
        MapItem {
            key: key.clone(),
            sibling: siblings[place.expect("a dot of the index is in its register")].clone(),
        }
    }

    /// What a change wrote that is alive, and where.
    pub(crate) fn written(&self, dot: Dot) -> Option<(&K, &Sibling<V>)> {
        let (key, register) = self.entries.get(self.dots.get(dot)?);
        let sibling = register
            .siblings()
            .iter()
            .find(|sibling| sibling.dot == dot);
        Some((key, sibling.expect("a dot of the index is in its register")))
    }

    /// The key of a dot that is alive.
    pub(crate) fn key_of(&self, dot: Dot) -> Option<&K> {
        let slot = self.dots.get(dot)?;
        Some(&self.entries.get(slot).0)
    }

    /// The first of these dots that is alive.
    pub(crate) fn first_in(&self, run: DotRun) -> Option<Dot> {
        self.dots.first_in(run).map(|(part, _)| part.start)
    }

    /// Whether this dot is alive.
    pub(crate) fn has_dot(&self, dot: Dot) -> bool {
        self.dots.get(dot).is_some()
    }

    /// The dots at a key.
    pub(crate) fn dots_at<Q>(&self, key: &Q) -> impl Iterator<Item = Dot> + '_
    where
        K: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        let siblings = self.register(key).map_or(&[][..], MvRegister::siblings);
        plain(siblings.iter().map(|sibling| sibling.dot))
    }

    /// Those of the dots that are alive, with their keys.
    pub(crate) fn named<'a>(&'a self, dots: &'a DotSet) -> impl Iterator<Item = (Dot, &'a K)> {
        let alive = dots.runs().flat_map(|run| self.alive_in(run));
        plain(alive.map(|(dot, (key, _))| (dot, key)))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many values there are, conflicting ones included.
    pub(crate) fn live_len(&self) -> usize {
        self.live
    }

    /// The dots of all values.
    pub(crate) fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(self.dots.iter().flat_map(|(run, _)| run.dots()))
    }

    fn living<'a>(
        &'a self,
        interval: Interval<'a>,
    ) -> impl Iterator<Item = (Dot, &'a (K, MvRegister<V>))> + 'a {
        let spans = interval.spans().map(|(replica, first, last)| DotRun {
            start: Dot::new(replica, first),
            len: last - first + 1,
        });
        plain(spans.flat_map(|run| self.alive_in(run)))
    }
}

/// One value of a map, as a delta carries it.
#[derive(Clone, PartialEq, Debug)]
pub struct MapItem<K, V> {
    /// Where it is.
    pub key: K,
    /// The write.
    pub sibling: Sibling<V>,
}

/// One value of a map, where it lies.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a, K, V> {
    pub(crate) key: &'a K,
    pub(crate) dot: Dot,
    pub(crate) stamp: Stamp,
    pub(crate) value: &'a V,
}

impl<'a, K, V> Entry<'a, K, V> {
    fn new(key: &'a K, sibling: &'a Sibling<V>) -> Self {
        Self {
            key,
            dot: sibling.dot,
            stamp: sibling.stamp,
            value: &sibling.value,
        }
    }
}

impl<'a, K, V> From<&'a MapItem<K, V>> for Entry<'a, K, V> {
    fn from(item: &'a MapItem<K, V>) -> Self {
        Self::new(&item.key, &item.sibling)
    }
}

impl<K, V> DotStore for LwwMap<K, V>
where
    K: Rank + Clone + Debug,
    V: Clone + PartialEq + Debug,
{
    /// In order of key and dot.
    type Items = Vec<MapItem<K, V>>;
    /// The keys at which something changed.
    type Effects = BTreeSet<K>;
    type Plan = ();

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        // In a browser what is loaded counts more than what is computed.
        if cfg!(not(target_arch = "wasm32")) && interval.from.is_empty() {
            // Most are asked for, and they are in order here.
            let mut items = Vec::with_capacity(self.live);
            for (key, register) in self.iter() {
                let siblings = register.siblings().iter();
                let siblings = siblings.filter(|sibling| interval.contains(sibling.dot));
                items.extend(siblings.cloned().map(|sibling| MapItem {
                    key: key.clone(),
                    sibling,
                }));
            }
            return items;
        }
        let living = self.living(interval);
        let mut items: Vec<_> = living.map(|(dot, entry)| Self::item(dot, entry)).collect();
        ordered::sort_by(&mut items, |a, b| {
            (&a.key, a.sibling.dot).cmp(&(&b.key, b.sibling.dot))
        });
        items
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        self.living(interval).map(|(dot, _)| dot).collect()
    }

    fn dots_of(items: &Self::Items) -> DotSet {
        items.iter().map(|item| item.sibling.dot).collect()
    }

    fn max_stamp(items: &Self::Items, of: Option<ReplicaId>) -> Option<Stamp> {
        let siblings = items.iter().map(|item| &item.sibling);
        let siblings = siblings.filter(|s| of.is_none_or(|of| s.dot.replica == of));
        siblings.map(|s| s.stamp).max()
    }

    /// Bounds the siblings of a key: what they would be if the delta removed none.
    fn check(&self, items: &Self::Items, seen: &VersionVector) -> Result<(), MergeError> {
        for of_key in items.chunk_by(|a, b| a.key == b.key) {
            let here = self.register(&of_key[0].key);
            let here = here.map_or(0, |register| register.siblings().len());
            if here + of_key.len() <= SIBLINGS_MAX {
                continue;
            }
            let new = of_key
                .iter()
                .filter(|item| !seen.contains(item.sibling.dot));
            if here + new.count() > SIBLINGS_MAX {
                return Err(MergeError::Limit {
                    what: "siblings of a key",
                    max: SIBLINGS_MAX as u64,
                });
            }
        }
        Ok(())
    }

    fn join(
        &mut self,
        items: &Self::Items,
        (): (),
        seen: &VersionVector,
        changed: &mut BTreeSet<K>,
    ) {
        self.take_in(Cow::Borrowed(items), seen);
        let new = items.iter().filter(|i| !seen.contains(i.sibling.dot));
        changed.extend(new.map(|item| item.key.clone()));
    }

    fn remove(&mut self, dots: &DotSet, changed: &mut BTreeSet<K>) {
        for run in dots.runs() {
            let gone: Vec<(DotRun, u32)> = self.dots.parts_in(run).collect();
            for (part, first) in gone {
                self.dots.remove(part);
                for (dot, slot) in part.dots().zip(first..) {
                    self.live -= 1;
                    changed.insert(self.remove_from(slot, dot));
                }
            }
        }
    }
}
