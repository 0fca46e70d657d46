//! What every CRDT here is underneath: a store of live dots.
//!
//! Joining two stores with contexts c₁ and c₂ keeps `(s₁ ∩ s₂) ∪ {d ∈ s₁ : d ∉ c₂} ∪ {d ∈ s₂ : d ∉ c₁}`
//! (Almeida, Shoker, Baquero 2018, §7.2): a dot that the other context has and its store lacks was
//! removed there. [`Replicated`](crate::Replicated) does that once for all stores; a store itself only
//! gives out and takes in what is alive.

use crate::{DotSet, Interval, MergeError, ReplicaId, Stamp, VersionVector};

/// A store of live dots with what they carry.
pub trait DotStore: Default {
    /// The live part of a delta.
    type Items: Default + Clone + PartialEq + std::fmt::Debug;
    /// What changed for a reader, in the order in which it happened.
    type Effects: Default;
    /// What a check found out that the join needs as well.
    type Plan: Default;

    /// Everything alive with a dot inside the interval; O(replicas + result) and a logarithm.
    fn collect(&self, interval: Interval<'_>) -> Self::Items;

    /// The live dots inside the interval.
    fn live_in(&self, interval: Interval<'_>) -> DotSet;

    /// The live dots that the items bring.
    fn dots_of(items: &Self::Items) -> DotSet;

    /// The greatest stamp among the items, or among those of one replica, if any has one.
    fn max_stamp(items: &Self::Items, of: Option<ReplicaId>) -> Option<Stamp>;

    /// Makes sure that [`Self::join`] can take the items.
    ///
    /// # Errors
    /// When they contradict what is here, or refer to what is not. Nothing was changed.
    fn check(&self, items: &Self::Items, seen: &VersionVector) -> Result<Self::Plan, MergeError>;

    /// Takes in the items whose dots are not in `seen`; they have passed [`Self::check`], which gave the
    /// plan. Any other that it can give would do, and take longer.
    fn join(
        &mut self,
        items: &Self::Items,
        plan: Self::Plan,
        seen: &VersionVector,
        effects: &mut Self::Effects,
    );

    /// As [`Self::join`], of items that nobody else needs.
    fn take(
        &mut self,
        items: Self::Items,
        plan: Self::Plan,
        seen: &VersionVector,
        effects: &mut Self::Effects,
    ) {
        self.join(&items, plan, seen, effects);
    }

    /// Removes those of the dots that are alive here.
    fn remove(&mut self, dots: &DotSet, effects: &mut Self::Effects);
}
