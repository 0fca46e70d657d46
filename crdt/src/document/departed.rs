//! The names of what was deleted lately: see [`Doc::changes_since`](super::Doc::changes_since).

use std::collections::{BTreeMap, VecDeque};

use super::tree::ContainerId;
use crate::{Dot, DotRun, Value};

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
        if self.order.len() > DEPARTED_MAX {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.dots.remove(&oldest));
        }
    }

    /// What the dots of a run stood for, and in which container.
    pub(super) fn of(&self, run: DotRun) -> impl Iterator<Item = (Dot, ContainerId, &Departure)> {
        let range = run.start..=run.start.plus(run.len - 1);
        let found = self.dots.range(range);
        found.map(|(&dot, (from, what))| (dot, *from, what))
    }
}
