//! [`LwwMap`]: keys with registers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::limits::SIBLINGS_MAX;
use crate::{
    Change, Dot, DotRun, DotSet, DotStore, Interval, MergeError, MvRegister, ReplicaId, Sibling,
};
use crate::{Stamp, VersionVector};

/// A map whose values are [`MvRegister`]s: the last writer wins for a reader, concurrent writers are
/// remembered. A deleted key leaves nothing behind, and a value written concurrently with the
/// deletion stays (add-wins).
///
/// After DSON's observed-remove map (Rinberg et al., VLDB 2022, §4).
#[derive(Clone, Debug)]
pub struct LwwMap<K, V> {
    entries: BTreeMap<K, MvRegister<V>>,
    /// Where each live dot is.
    keys: BTreeMap<Dot, K>,
}

impl<K, V> Default for LwwMap<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for LwwMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<K: Ord + Clone, V> LwwMap<K, V> {
    /// Writes a value over all that is seen at this key.
    pub fn set(&mut self, key: K, value: V, change: &mut Change) -> Dot {
        let register = self.entries.entry(key.clone()).or_default();
        for sibling in register.siblings() {
            self.keys.remove(&sibling.dot);
        }
        let dot = register.set(value, change);
        self.keys.insert(dot, key);
        dot
    }

    /// Removes a key with all that is seen at it; whether there was anything.
    pub fn delete<Q>(&mut self, key: &Q, change: &mut Change) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
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
        Q: Ord + ?Sized,
    {
        let runs = self
            .entries
            .remove(key)
            .map(|mut r| r.clear())
            .unwrap_or_default();
        for run in &runs {
            self.keys.remove(&run.start);
        }
        runs
    }

    /// The register of a key, if anything is written there.
    pub fn register<Q>(&self, key: &Q) -> Option<&MvRegister<V>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.entries.get(key)
    }

    /// The value that a read shows.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.register(key).and_then(MvRegister::get)
    }

    /// The keys and their registers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &MvRegister<V>)> {
        self.entries.iter()
    }

    /// The keys from this one on and their registers, in order.
    pub(crate) fn iter_from<'a>(
        &'a self,
        first: &K,
    ) -> impl Iterator<Item = (&'a K, &'a MvRegister<V>)> {
        self.entries.range(first..)
    }

    /// Adds a value beside those that are there, as if it had been written concurrently.
    pub(crate) fn add(&mut self, key: K, value: V, change: &mut Change) -> Dot {
        let dot = change.dot();
        self.keys.insert(dot, key.clone());
        let stamp = change.stamp();
        let register = self.entries.entry(key).or_default();
        register.insert(Sibling { dot, stamp, value });
        dot
    }

    /// The keys and values of those of the dots that are alive.
    pub(crate) fn items_of(&self, dots: &DotSet) -> Vec<MapItem<K, V>>
    where
        V: Clone,
    {
        let alive = dots.runs().flat_map(|run| {
            let range = run.start..=run.start.plus(run.len - 1);
            self.keys.range(range)
        });
        let items = alive.filter_map(|(&dot, key)| {
            let siblings = self.entries[key].siblings();
            let sibling = siblings.iter().find(|sibling| sibling.dot == dot)?.clone();
            let key = key.clone();
            Some(MapItem { key, sibling })
        });
        items.collect()
    }

    /// Whether this dot is alive.
    pub(crate) fn has_dot(&self, dot: Dot) -> bool {
        self.keys.contains_key(&dot)
    }

    /// The dots at a key.
    pub(crate) fn dots_at<Q>(&self, key: &Q) -> impl Iterator<Item = Dot> + '_
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let siblings = self.register(key).map_or(&[][..], MvRegister::siblings);
        siblings.iter().map(|sibling| sibling.dot)
    }

    /// Those of the dots that are alive, with their keys.
    pub(crate) fn named<'a>(&'a self, dots: &'a DotSet) -> impl Iterator<Item = (Dot, &'a K)> {
        dots.runs().flat_map(|run| {
            let range = run.start..=run.start.plus(run.len - 1);
            self.keys.range(range).map(|(&dot, key)| (dot, key))
        })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many values there are, conflicting ones included.
    pub(crate) fn live_len(&self) -> usize {
        self.keys.len()
    }

    /// The dots of all values.
    pub(crate) fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        self.keys.keys().copied()
    }

    fn keys_in<'a>(&'a self, interval: Interval<'a>) -> impl Iterator<Item = (Dot, &'a K)> + 'a {
        interval
            .spans()
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|(replica, first, last)| {
                let range = Dot::new(replica, first)..=Dot::new(replica, last);
                self.keys.range(range).map(|(&dot, key)| (dot, key))
            })
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

impl<K, V> DotStore for LwwMap<K, V>
where
    K: Ord + Clone + Debug,
    V: Clone + PartialEq + Debug,
{
    /// In order of key and dot.
    type Items = Vec<MapItem<K, V>>;
    /// The keys at which something changed.
    type Effects = BTreeSet<K>;

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        let mut items: Vec<_> = self
            .keys_in(interval)
            .map(|(dot, key)| {
                let siblings = self.entries[key].siblings();
                let place = siblings.binary_search_by_key(&dot, |s| s.dot);
                let sibling =
                    siblings[place.expect("a dot of the index is in its register")].clone();
                MapItem {
                    key: key.clone(),
                    sibling,
                }
            })
            .collect();
        items.sort_by(|a, b| (&a.key, a.sibling.dot).cmp(&(&b.key, b.sibling.dot)));
        items
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        self.keys_in(interval).map(|(dot, _)| dot).collect()
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

    fn join(&mut self, items: &Self::Items, seen: &VersionVector, changed: &mut BTreeSet<K>) {
        for MapItem { key, sibling } in items.iter().filter(|i| !seen.contains(i.sibling.dot)) {
            self.keys.insert(sibling.dot, key.clone());
            self.entries
                .entry(key.clone())
                .or_default()
                .insert(sibling.clone());
            changed.insert(key.clone());
        }
    }

    fn remove(&mut self, dots: &DotSet, changed: &mut BTreeSet<K>) {
        for run in dots.runs() {
            let range = run.start..=run.start.plus(run.len - 1);
            let gone: Vec<Dot> = self.keys.range(range).map(|(&dot, _)| dot).collect();
            for dot in gone {
                let key = self.keys.remove(&dot).expect("the dot was just found");
                if let Some(register) = self.entries.get_mut(&key) {
                    register.remove_dot(dot);
                    if register.is_empty() {
                        self.entries.remove(&key);
                    }
                }
                changed.insert(key);
            }
        }
    }
}
