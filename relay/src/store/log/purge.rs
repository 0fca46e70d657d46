//! Documents that are purged: first they are gone for everybody, which is durable with the next sync; then
//! every file of the log that has something of them is written anew without it.
//!
//! The record of a mark says under which numbers the document was here. These count nothing, wherever they
//! turn up: in a file that comes back in a power cut, or in an index that is older than the log.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use driftwood_sync::{Mark, MarkId};

use super::super::StoreError;
use super::frame::{Marked, Record, What};
use super::head::Purged;
use super::recover::Indexed;
use super::segments::{steps, Step};
use super::upkeep::Index;
use super::{lock, read, Entry, LogStore};

impl LogStore {
    /// Writes a mark in place of what was known. It may use what is kept free: a purge is to work when
    /// the disk is full.
    pub(super) fn add_mark(&self, mark: &Mark) -> Result<(), StoreError> {
        self.change_mark(mark.id, |marked| marked.mark = mark.clone(), Some(mark))
    }

    /// Changes what is known of a document that was purged, or makes that.
    fn change_mark(
        &self,
        id: MarkId,
        change: impl FnOnce(&mut Marked),
        new: Option<&Mark>,
    ) -> Result<(), StoreError> {
        let mut marks = lock(&self.marks);
        let known = marks.get(&id);
        let indexed = known.and_then(|known| known.indexed);
        let fresh = |mark: &Mark| Marked {
            mark: mark.clone(),
            documents: Vec::new(),
            clean: true,
        };
        let marked = known.map(|known| known.it.marked.clone());
        let Some(mut marked) = marked.or_else(|| new.map(fresh)) else {
            return Ok(());
        };
        change(&mut marked);
        let record = Record {
            document: 0,
            what: What::Mark(marked.clone()),
        };
        let (place, _) = self.log.append(&record)?;
        let purged = Indexed {
            it: Purged { marked, place },
            indexed,
            changed: true,
        };
        marks.insert(id, purged);
        Ok(())
    }

    /// Writes a mark again, if that is where it is.
    pub(super) fn move_mark(&self, place: u64, id: MarkId) -> Result<(), StoreError> {
        let known = lock(&self.marks).get(&id).map(|known| known.it.place);
        if known == Some(place) {
            self.change_mark(id, |_| {}, None)?;
        }
        Ok(())
    }

    /// Takes documents out that are marked: from now on they are unknown. O(documents).
    pub(super) fn take_out(&self, ids: &BTreeSet<MarkId>) -> Result<(), StoreError> {
        let meant: Vec<(MarkId, Arc<Entry>)> = {
            let documents = read(&self.documents);
            let all = documents.by_number.values();
            let all = all.map(|entry| (MarkId::of(&entry.name), Arc::clone(entry)));
            all.filter(|(id, _)| ids.contains(id)).collect()
        };
        for (id, entry) in meant {
            let number = entry.number;
            lock(&self.gone).insert(number);
            {
                let mut documents =
                    (self.documents.write()).unwrap_or_else(PoisonError::into_inner);
                documents.by_name.remove(&entry.name);
                documents.before.remove(&entry.name);
                documents.by_number.remove(&number);
            }
            lock(&self.due).remove(&entry.name);
            lock(&self.owners).retain(|(document, _), _| *document != number);
            lock(&entry.state).gone = true;
            let change = |marked: &mut Marked| {
                marked.documents.push(number);
                marked.clean = false;
            };
            self.change_mark(id, change, None)?;
        }
        Ok(())
    }

    /// The numbers of which something may be left.
    pub(super) fn unclean(&self) -> BTreeSet<u32> {
        let marks = lock(&self.marks);
        let unclean = marks.values().map(|known| &known.it.marked);
        let unclean = unclean.filter(|marked| !marked.clean);
        unclean.flat_map(|it| it.documents.clone()).collect()
    }

    /// Writes every segment anew that has something of what is gone, and the index. Whether nothing is
    /// left: a piece of the log that is damaged may hold anything, and is left alone. O(log).
    pub(super) fn get_rid(&self, index: &mut Index) -> Result<bool, StoreError> {
        loop {
            let gone = self.unclean();
            if gone.is_empty() {
                return Ok(true);
            }
            if !self.write_anew(&gone)? {
                return Ok(false);
            }
            (index.meta, index.broken) = (None, false);
            self.write_index(index)?;
            if index.broken {
                return Ok(false);
            }
            // What was removed does not come back, nor the index as it was.
            self.log.disk().sync_names()?;
            let all_of = |marked: &Marked| marked.documents.iter().all(|it| gone.contains(it));
            let done: Vec<MarkId> = {
                let marks = lock(&self.marks);
                let unclean = marks.iter().filter(|(_, known)| !known.it.marked.clean);
                let done = unclean.filter(|(_, known)| all_of(&known.it.marked));
                done.map(|(id, _)| *id).collect()
            };
            for id in done {
                self.change_mark(id, |marked| marked.clean = true, None)?;
            }
        }
    }

    /// `false` if some of it cannot be.
    fn write_anew(&self, gone: &BTreeSet<u32>) -> Result<bool, StoreError> {
        let mut all = true;
        for start in self.log.begin_anew()? {
            let bytes = self.log.segment_bytes(start)?;
            let touched = steps(start, &bytes).any(|step| match step {
                Step::Record { record, .. } => gone.contains(&record.document),
                Step::Hole { .. } => true,
            });
            if !touched {
                continue;
            }
            if self.move_out(start)? {
                self.log.remove(start)?;
            } else {
                all = false;
            }
        }
        Ok(all)
    }
}
