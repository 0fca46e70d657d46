//! The names of what was deleted lately: see [`Doc::changes_since`](super::Doc::changes_since).

use crate::ordered::{BTreeMap, BTreeSet};
use crate::plain::plain;
use std::collections::VecDeque;

use super::tree::ContainerId;
use crate::{Dot, DotRun, ReplicaId, Value};

/// What a deleted dot stood for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Departure {
    /// Something at a key of a map.
    Key(String),
    /// An element of a set.
    Element(Value),
}

/// A deleted key leaves nothing behind, not even its name; this remembers the last ones. It is a
/// cache, no part of the state.
#[derive(Clone, Default, Debug)]
pub(super) struct Departed {
    dots: BTreeMap<Dot, (ContainerId, Departure)>,
    by_container: BTreeSet<(ContainerId, Dot)>,
    /// Oldest first.
    order: VecDeque<Dot>,
}

/// How many are remembered, as many as deletions are.
const DEPARTED_MAX: usize = 4_096;

impl Departed {
    pub(super) fn note(&mut self, dot: Dot, from: ContainerId, what: Departure) {
        if self.dots.insert(dot, (from, what)).is_none() {
            self.order.push_back(dot);
        }
        self.by_container.insert((from, dot));
        if self.order.len() > DEPARTED_MAX {
            let oldest = self.order.pop_front();
            let gone = oldest.and_then(|dot| Some((self.dots.remove(&dot)?.0, dot)));
            gone.map(|gone| self.by_container.remove(&gone));
        }
    }

    /// Forgets what was in a container, whose number another may get.
    pub(super) fn forget(&mut self, container: ContainerId) {
        let first = Dot::new(ReplicaId::new(0), 0);
        let inside = (container, first)..(container + 1, first);
        while let Some(&(_, dot)) = self.by_container.range(inside.clone()).next() {
            self.by_container.remove(&(container, dot));
            self.dots.remove(&dot);
        }
        // Its dots stay in the order, where they do no harm, until their turn comes.
    }

    /// Forgets all: what was erased must not be found anywhere.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What the dots of a run stood for, and in which container.
    pub(super) fn of(&self, run: DotRun) -> impl Iterator<Item = (Dot, ContainerId, &Departure)> {
        let range = run.start..=run.start.plus(run.len - 1);
        let found = self.dots.range(range);
        plain(found.map(|(&dot, (from, what))| (dot, *from, what)))
    }
}
