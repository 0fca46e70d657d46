//! [`MvRegister`]: a value that remembers concurrent writes until one has seen them.

use crate::{
    Change, Dot, DotRun, DotSet, DotStore, Interval, MergeError, ReplicaId, Stamp, VersionVector,
};

/// One of the concurrent values of a register.
#[derive(Clone, PartialEq, Debug)]
pub struct Sibling<V> {
    /// The write.
    pub dot: Dot,
    /// When it was made; ranks it among its siblings.
    pub stamp: Stamp,
    /// What was written.
    pub value: V,
}

impl<V> Sibling<V> {
    /// What decides which sibling a read shows: the greatest wins.
    pub(crate) fn rank(&self) -> (Stamp, Dot) {
        (self.stamp, self.dot)
    }
}

/// A multi-value register: a write removes the siblings that it saw; among concurrent ones a read
/// shows that with the greatest (stamp, replica), and the others stay to be seen as conflicts.
///
/// Dropping a loser while merging would make equal versions hold different states: whether it had
/// lost would depend on the order of merging. A state-based form is in Shapiro, Preguiça, Baquero,
/// Zawirski, "A comprehensive study of Convergent and Commutative Replicated Data Types", 2011,
/// §3.2.2.
///
/// ```
/// use driftwood_crdt::{MvRegister, ReplicaId, Replicated};
/// let mut here = Replicated::<MvRegister<&str>>::new(ReplicaId::new(1));
/// let mut there = Replicated::<MvRegister<&str>>::new(ReplicaId::new(2));
/// let (_, a) = here.edit(1, |title, change| title.set("Trip", change));
/// let (_, b) = there.edit(2, |title, change| title.set("Journey", change));
/// here.merge(&b)?;
/// there.merge(&a)?;
/// assert_eq!(here.store().get(), Some(&"Journey"));
/// assert_eq!(here.store(), there.store());
/// assert_eq!(here.store().siblings().len(), 2);
/// # Ok::<(), driftwood_crdt::MergeError>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct MvRegister<V> {
    /// In order of dot. Rarely more than one.
    siblings: Vec<Sibling<V>>,
}

impl<V> Default for MvRegister<V> {
    fn default() -> Self {
        Self {
            siblings: Vec::new(),
        }
    }
}

impl<V> MvRegister<V> {
    /// Writes a value over all that is seen here; gives the dot of the write.
    pub fn set(&mut self, value: V, change: &mut Change) -> Dot {
        let dot = change.dot();
        change.removed(dot, self.clear());
        self.siblings.push(Sibling {
            dot,
            stamp: change.stamp(),
            value,
        });
        dot
    }

    /// The value that a read shows.
    pub fn get(&self) -> Option<&V> {
        self.winner().map(|winner| &winner.value)
    }

    /// The sibling that a read shows.
    pub fn winner(&self) -> Option<&Sibling<V>> {
        self.siblings.iter().max_by_key(|sibling| sibling.rank())
    }

    /// All concurrent values, in order of dot; more than one is a conflict.
    pub fn siblings(&self) -> &[Sibling<V>] {
        &self.siblings
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.siblings.is_empty()
    }

    /// Removes all siblings and gives their dots; the caller notes by which change.
    pub(crate) fn clear(&mut self) -> Vec<DotRun> {
        self.siblings
            .drain(..)
            .map(|s| DotRun {
                start: s.dot,
                len: 1,
            })
            .collect()
    }

    /// Adds a sibling that another replica wrote.
    pub(crate) fn insert(&mut self, sibling: Sibling<V>) {
        if let Err(place) = self.siblings.binary_search_by_key(&sibling.dot, |s| s.dot) {
            self.siblings.insert(place, sibling);
        }
    }

    /// Removes a sibling if it is there.
    pub(crate) fn remove_dot(&mut self, dot: Dot) -> bool {
        let before = self.siblings.len();
        self.siblings.retain(|s| s.dot != dot);
        before > self.siblings.len()
    }
}

impl<V: Clone + PartialEq + std::fmt::Debug> DotStore for MvRegister<V> {
    type Items = Vec<Sibling<V>>;
    type Effects = ();

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        self.siblings
            .iter()
            .filter(|s| interval.contains(s.dot))
            .cloned()
            .collect()
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        self.siblings
            .iter()
            .map(|s| s.dot)
            .filter(|&dot| interval.contains(dot))
            .collect()
    }

    fn dots_of(items: &Self::Items) -> DotSet {
        items.iter().map(|s| s.dot).collect()
    }

    fn max_stamp(items: &Self::Items, of: Option<ReplicaId>) -> Option<Stamp> {
        let items = items
            .iter()
            .filter(|s| of.is_none_or(|of| s.dot.replica == of));
        items.map(|s| s.stamp).max()
    }

    fn check(&self, _: &Self::Items, _: &VersionVector) -> Result<(), MergeError> {
        Ok(())
    }

    fn join(&mut self, items: &Self::Items, seen: &VersionVector, (): &mut ()) {
        for sibling in items.iter().filter(|s| !seen.contains(s.dot)) {
            self.insert(sibling.clone());
        }
    }

    fn remove(&mut self, dots: &DotSet, (): &mut ()) {
        self.siblings.retain(|s| !dots.contains(s.dot));
    }
}
