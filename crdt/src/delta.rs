//! What travels between copies.

use crate::document::Items;
use crate::{Interval, Removals, VersionVector};

/// A small state: everything that the changes after one version up to another left behind, and what
/// they removed. Merging it is a join of states, so it may come twice, or late, or overlap others.
///
/// `I` is what a store has to say for itself; a [`Doc`](crate::Doc)'s deltas also have bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct Delta<I = Items> {
    pub(crate) from: VersionVector,
    pub(crate) to: VersionVector,
    pub(crate) items: I,
    pub(crate) removals: Removals,
    /// Whether `removals` has all that the changes inside removed. A delta made from a whole state
    /// has none of it: what is gone is seen from its absence.
    pub(crate) complete: bool,
}

impl<I> Delta<I> {
    /// The delta that says nothing.
    pub(crate) fn empty() -> Self
    where
        I: Default,
    {
        let nothing = VersionVector::new();
        let removals = Removals::new();
        Self {
            from: nothing.clone(),
            to: nothing,
            items: I::default(),
            removals,
            complete: true,
        }
    }

    /// What a copy must hold before it can merge this: the place where the delta starts.
    pub fn from(&self) -> &VersionVector {
        &self.from
    }

    /// The entries of the version vector that this raises, and how far.
    pub fn to(&self) -> &VersionVector {
        &self.to
    }

    /// Whether the delta says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    pub(crate) fn interval(&self) -> Interval<'_> {
        Interval {
            from: &self.from,
            to: &self.to,
        }
    }
}
