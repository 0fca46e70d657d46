//! What a local edit takes: dots, a stamp, and the record of what it removed.

use std::collections::BTreeMap;

use crate::undo::write::Record;
use crate::{Dot, DotRun, EditError, Minute, ReplicaId, Stamp};

/// What one change removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removal {
    /// When.
    pub minute: Minute,
    /// The dots that were alive until then, as far as the change's replica had seen.
    pub runs: Vec<DotRun>,
}

/// What each change removed, by the dot of the change.
pub type Removals = BTreeMap<Dot, Removal>;

/// An edit in the making. Every write to a store takes its dots from here, deletions included, and
/// says here what it removed.
#[derive(Debug)]
pub struct Change {
    replica: ReplicaId,
    /// The seq of the last dot that was taken.
    last: u64,
    stamp: Stamp,
    removals: Removals,
    /// The limit that leaves no room for more changes, and its value.
    pub(crate) full: Option<(&'static str, u64)>,
    /// What it takes to undo the edit, if somebody wants to.
    pub(crate) record: Option<Box<Record>>,
    /// All that the write in the making makes alive, where it knows; else it is looked up.
    pub(crate) made: Option<DotRun>,
}

impl Change {
    /// An edit of `replica`, whose last change had seq `last`.
    pub(crate) fn new(replica: ReplicaId, last: u64, stamp: Stamp) -> Self {
        Self {
            replica,
            last,
            stamp,
            removals: Removals::new(),
            full: None,
            record: None,
            made: None,
        }
    }

    /// Who makes the edit.
    pub fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// When the edit is made.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Makes sure that another change can be named.
    ///
    /// # Errors
    /// [`EditError::Limit`] when the document has as many replicas as it may, or this one as many
    /// changes.
    pub(crate) fn check_room(&self) -> Result<(), EditError> {
        self.full
            .map_or(Ok(()), |(what, max)| Err(EditError::Limit { what, max }))
    }

    /// Takes the next dot.
    pub fn dot(&mut self) -> Dot {
        self.dots(1)
    }

    /// Takes the next `len` dots and gives the first.
    pub fn dots(&mut self, len: u64) -> Dot {
        let first = Dot::new(self.replica, self.last + 1);
        self.last += len;
        first
    }

    /// Notes that the change `by` removed these dots.
    pub fn removed(&mut self, by: Dot, runs: impl IntoIterator<Item = DotRun>) {
        let mut runs = runs.into_iter().peekable();
        if runs.peek().is_some() {
            let removal = self.removals.entry(by).or_insert_with(|| Removal {
                minute: self.stamp.into(),
                runs: Vec::new(),
            });
            removal.runs.extend(runs);
        }
    }

    /// What was removed by the changes after the one with seq `last`.
    pub(crate) fn removed_after(&self, last: u64) -> impl Iterator<Item = DotRun> + '_ {
        let after = Dot::new(self.replica, last + 1);
        self.removals
            .range(after..)
            .flat_map(|(_, removal)| removal.runs.iter().copied())
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn into_removals(self) -> Removals {
        self.removals
    }
}

/// The removals of the near past, so that a copy that is a little behind can be told of them.
///
/// It is a cache, no part of the state: its oldest records are dropped when it grows, and whoever is
/// further behind gets the whole state, from which it sees what is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemovalLog {
    records: Removals,
    /// The order in which the records came, oldest first.
    order: std::collections::VecDeque<Dot>,
    /// Up to here, records may be missing.
    floor: crate::VersionVector,
}

/// Records that are kept; a record is some 80 bytes.
const RECORDS_MAX: usize = 4_096;

/// Former dots that an erasure names at most: it stays in the state.
const FORMER_MAX: usize = 1_024;

impl RemovalLog {
    /// Adds records; a dot's record that is already there is replaced.
    pub(crate) fn extend(&mut self, removals: &Removals) {
        for (&by, removal) in removals {
            if self.records.insert(by, removal.clone()).is_none() {
                self.order.push_back(by);
            }
        }
        while self.order.len() > RECORDS_MAX {
            let oldest = self
                .order
                .pop_front()
                .expect("the log is longer than its maximum");
            self.records.remove(&oldest);
            self.floor.advance(oldest.replica, oldest.seq);
        }
    }

    /// Notes that what was removed up to `version` was not said.
    pub(crate) fn raise_floor(&mut self, version: &crate::VersionVector) {
        self.floor.merge(version);
    }

    /// The dots and those that they replaced, and so on: former values of a key say, as far as is
    /// remembered.
    pub(crate) fn with_former(&self, runs: &[DotRun]) -> crate::DotSet {
        let mut all: crate::DotSet = runs.iter().copied().collect();
        let mut open = runs.to_vec();
        let mut found = 0;
        while let Some(run) = open.pop().filter(|_| found < FORMER_MAX) {
            let replaced = self.records.range(run.start..=run.start.plus(run.len - 1));
            for former in replaced.flat_map(|(_, removal)| &removal.runs) {
                found += 1;
                open.push(*former);
                all.insert_run(*former);
            }
        }
        all
    }

    /// All that was removed by the changes after `since`, or `None` where the log does not reach
    /// back so far; O(replicas + result).
    pub(crate) fn since(
        &self,
        since: &crate::VersionVector,
        now: &crate::VersionVector,
    ) -> Option<Removals> {
        if !since.includes(&self.floor) {
            return None;
        }
        let mut removals = Removals::new();
        for (replica, last) in now.iter() {
            let first = since.get(replica) + 1;
            if first <= last {
                let range = Dot::new(replica, first)..=Dot::new(replica, last);
                removals.extend(
                    self.records
                        .range(range)
                        .map(|(&by, removal)| (by, removal.clone())),
                );
            }
        }
        Some(removals)
    }
}
