//! [`OrSet`]: elements that are in or out.

use crate::ordered::BTreeSet;
use crate::plain::plain;
use std::borrow::Cow;
use std::fmt::Debug;

use crate::map::{LwwMap, MapItem};
use crate::VersionVector;
use crate::{Change, Dot, DotSet, DotStore, Interval, MergeError, Rank, ReplicaId, Stamp};

/// An observed-remove set: adding takes a new dot that replaces the element's older ones, removing
/// takes the dots that were seen, so an element that is added concurrently stays. Removed elements
/// leave nothing behind.
///
/// Bieniusa et al., "An optimized conflict-free replicated set", 2012.
#[derive(Clone, Debug)]
pub struct OrSet<V> {
    elements: LwwMap<V, ()>,
}

impl<V> Default for OrSet<V> {
    fn default() -> Self {
        Self {
            elements: LwwMap::default(),
        }
    }
}

impl<V: PartialEq> PartialEq for OrSet<V> {
    fn eq(&self, other: &Self) -> bool {
        self.elements == other.elements
    }
}

impl<V: Rank + Clone> OrSet<V> {
    /// Adds an element, or adds it again: a removal that did not see this has no effect on it.
    pub fn add(&mut self, element: V, change: &mut Change) -> Dot {
        self.elements.set(element, (), change)
    }

    /// Removes an element; whether it was there.
    pub fn delete<Q>(&mut self, element: &Q, change: &mut Change) -> bool
    where
        V: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        self.elements.delete(element, change)
    }

    /// Whether the element is in the set; O(log n).
    pub fn has<Q>(&self, element: &Q) -> bool
    where
        V: std::borrow::Borrow<Q>,
        Q: Rank + ?Sized,
    {
        self.elements.register(element).is_some()
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &V> {
        plain(self.elements.iter().map(|(element, _)| element))
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Those of the dots that are alive, with their elements.
    pub(crate) fn named<'a>(&'a self, dots: &'a DotSet) -> impl Iterator<Item = (Dot, &'a V)> {
        plain(self.elements.named(dots))
    }

    /// The elements and their dots.
    pub(crate) fn elements(&self) -> &LwwMap<V, ()> {
        &self.elements
    }

    /// Adds an element beside the dots that it has.
    pub(crate) fn add_beside(&mut self, element: &V, change: &mut Change) -> Dot {
        self.elements.add(element, (), change.stamp(), change)
    }

    /// As [`DotStore::join`], for whom knows the elements.
    pub(crate) fn take_in(&mut self, items: Cow<'_, [MapItem<V, ()>]>, seen: &VersionVector)
    where
        V: Debug,
    {
        self.elements.take_in(items, seen);
    }

    /// As [`LwwMap::strike`].
    pub(crate) fn strike(&mut self, removed: Option<Dot>, item: &MapItem<V, ()>) -> Option<()> {
        self.elements.strike(removed, item)
    }

    pub(crate) fn live_len(&self) -> usize {
        self.elements.live_len()
    }

    pub(crate) fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(self.elements.dots())
    }
}

impl<V: Rank + Clone + Debug> DotStore for OrSet<V> {
    type Items = Vec<MapItem<V, ()>>;
    type Effects = BTreeSet<V>;
    type Plan = ();

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        self.elements.collect(interval)
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        self.elements.live_in(interval)
    }

    fn dots_of(items: &Self::Items) -> DotSet {
        LwwMap::dots_of(items)
    }

    fn max_stamp(items: &Self::Items, of: Option<ReplicaId>) -> Option<Stamp> {
        LwwMap::max_stamp(items, of)
    }

    fn check(&self, items: &Self::Items, seen: &VersionVector) -> Result<(), MergeError> {
        self.elements.check(items, seen)
    }

    fn join(
        &mut self,
        items: &Self::Items,
        (): (),
        seen: &VersionVector,
        changed: &mut BTreeSet<V>,
    ) {
        self.elements.join(items, (), seen, changed);
    }

    fn remove(&mut self, dots: &DotSet, changed: &mut BTreeSet<V>) {
        self.elements.remove(dots, changed);
    }
}
