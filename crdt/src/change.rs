//! What a local edit takes: dots, a stamp, and the record of what it removed.

use crate::ordered::{self, BTreeMap};
use crate::plain::plain;

use crate::removal_log::Record;
use crate::undo::write::Record as Undoing;
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
    /// What was removed, in the order in which it was said.
    removals: Vec<Record>,
    /// The limit that leaves no room for more changes, and its value.
    pub(crate) full: Option<(&'static str, u64)>,
    /// What it takes to undo the edit, if somebody wants to.
    pub(crate) record: Option<Box<Undoing>>,
    /// All that the write in the making makes alive, where it knows; else it is looked up.
    pub(crate) made: Option<DotRun>,
}

impl Change {
    /// An edit of `replica`, whose last change had seq `last`; `room` is empty.
    #[inline]
    pub(crate) fn new(replica: ReplicaId, last: u64, stamp: Stamp, room: Vec<Record>) -> Self {
        Self {
            replica,
            last,
            stamp,
            removals: room,
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
        let minute = self.stamp.into();
        let records = runs.into_iter().map(|run| Record::new(by, minute, run));
        self.removals.extend(records);
    }

    /// How many runs were said to be removed until now.
    pub(crate) fn removed_len(&self) -> usize {
        self.removals.len()
    }

    /// What was said to be removed since [`Self::removed_len`] was `len`, by the changes after the
    /// one with seq `last`.
    pub(crate) fn removed_after(&self, len: usize, last: u64) -> impl Iterator<Item = DotRun> + '_ {
        let said = self.removals[len..].iter();
        let after = said.filter(move |record| record.by().seq > last);
        plain(after.map(Record::run))
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// What was removed, in the order of the changes.
    #[inline]
    pub(crate) fn take_removals(&mut self) -> Vec<Record> {
        let mut removals = std::mem::take(&mut self.removals);
        if removals.len() > 1 && !removals.is_sorted_by_key(Record::by) {
            ordered::sort_by_key(&mut removals, Record::by);
        }
        removals
    }
}
