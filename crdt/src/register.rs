//! [`MvRegister`]: a value that remembers concurrent writes until one has seen them.

use crate::plain::plain;
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
#[derive(Clone, Debug)]
pub struct MvRegister<V> {
    siblings: Siblings<V>,
}

/// In order of dot. There is rarely more than one, which then takes no memory of its own.
#[derive(Clone, Debug)]
enum Siblings<V> {
    One(Sibling<V>),
    /// None, or more than one.
    Many(Vec<Sibling<V>>),
}

impl<V: PartialEq> PartialEq for MvRegister<V> {
    fn eq(&self, other: &Self) -> bool {
        self.siblings() == other.siblings()
    }
}

impl<V> Default for MvRegister<V> {
    fn default() -> Self {
        Self {
            siblings: Siblings::Many(Vec::new()),
        }
    }
}

impl<V> From<Sibling<V>> for MvRegister<V> {
    fn from(one: Sibling<V>) -> Self {
        let siblings = Siblings::One(one);
        Self { siblings }
    }
}

impl<V> MvRegister<V> {
    /// Writes a value over all that is seen here; gives the dot of the write.
    pub fn set(&mut self, value: V, change: &mut Change) -> Dot {
        let dot = change.dot();
        change.removed(dot, self.clear());
        self.siblings = Siblings::One(Sibling {
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
        self.siblings().iter().max_by_key(|sibling| sibling.rank())
    }

    /// All concurrent values, in order of dot; more than one is a conflict.
    pub fn siblings(&self) -> &[Sibling<V>] {
        match &self.siblings {
            Siblings::One(one) => std::slice::from_ref(one),
            Siblings::Many(many) => many,
        }
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.siblings().is_empty()
    }

    /// All siblings, to be changed; leaves none.
    fn take(&mut self) -> Vec<Sibling<V>> {
        match std::mem::take(self).siblings {
            Siblings::One(one) => vec![one],
            Siblings::Many(many) => many,
        }
    }

    /// Removes all siblings and gives their dots; the caller notes by which change.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = DotRun> {
        let (one, many) = match std::mem::take(self).siblings {
            Siblings::One(one) => (Some(one), Vec::new()),
            Siblings::Many(many) => (None, many),
        };
        let all = one.into_iter().chain(many);
        plain(all.map(|s| DotRun {
            start: s.dot,
            len: 1,
        }))
    }

    /// Adds a sibling that another replica wrote.
    pub(crate) fn insert(&mut self, sibling: Sibling<V>) {
        if self.is_empty() {
            self.siblings = Siblings::One(sibling);
            return;
        }
        let mut siblings = self.take();
        if let Err(place) = siblings.binary_search_by_key(&sibling.dot, |s| s.dot) {
            siblings.insert(place, sibling);
        }
        self.siblings = Siblings::Many(siblings);
    }

    /// Removes a sibling if it is there.
    pub(crate) fn remove_dot(&mut self, dot: Dot) -> bool {
        let before = self.siblings().len();
        self.retain(|s| s.dot != dot);
        before > self.siblings().len()
    }

    fn retain(&mut self, mut keeps: impl FnMut(&Sibling<V>) -> bool) {
        match &mut self.siblings {
            Siblings::One(one) if keeps(one) => {}
            Siblings::One(_) => *self = Self::default(),
            Siblings::Many(many) => {
                many.retain(keeps);
                if let [_] = many[..] {
                    let one = many.pop();
                    self.siblings = one.map(Siblings::One).expect("there is one");
                }
            }
        }
    }
}

impl<V: Clone + PartialEq + std::fmt::Debug> DotStore for MvRegister<V> {
    type Items = Vec<Sibling<V>>;
    type Effects = ();
    type Plan = ();

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        self.siblings()
            .iter()
            .filter(|s| interval.contains(s.dot))
            .cloned()
            .collect()
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        self.siblings()
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

    fn join(&mut self, items: &Self::Items, (): (), seen: &VersionVector, (): &mut ()) {
        for sibling in items.iter().filter(|s| !seen.contains(s.dot)) {
            self.insert(sibling.clone());
        }
    }

    fn remove(&mut self, dots: &DotSet, (): &mut ()) {
        self.retain(|s| !dots.contains(s.dot));
    }
}
