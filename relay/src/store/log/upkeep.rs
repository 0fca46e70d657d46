//! What can wait: checkpoints, giving space back, writing the index.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::super::{checkpoint, StoreError, TAIL_RECORDS};
use super::frame::{Base, Owned, Record, What};
use super::index::{head_key, mark_key, owner_key, Meta, Table};
use super::segments::{steps, Step};
use super::{lock, read, Contents, Entry, LogStore, RECORD_BYTES_MORE};

/// So much of the room that is kept free is for upkeep: without any, nothing could be given back.
const FREE_SHARE: u64 = 4;

/// As much is written again before it takes over.
const MOVED_BYTES: usize = 16 << 20;

/// The table and what is in it.
pub(super) struct Index {
    table: Box<dyn Table>,
    /// `None` when all of it is to be written.
    pub(super) meta: Option<Meta>,
    /// It failed, and is let be.
    pub(super) broken: bool,
}

impl Index {
    pub(super) fn new(table: Box<dyn Table>, meta: Option<Meta>) -> Self {
        Self {
            table,
            meta,
            broken: false,
        }
    }
}

/// A base that was written and has not taken over yet.
struct Moved {
    entry: Arc<Entry>,
    place: u64,
    base: Base,
}

impl LogStore {
    /// Makes a checkpoint. Nobody else is at upkeep.
    pub(super) fn merge(&self, entry: &Arc<Entry>) -> Result<(), StoreError> {
        let contents = {
            let _reading = read(&entry.gate);
            self.contents(entry)?
        };
        let Some(count) = contents.pieces.len().checked_sub(TAIL_RECORDS as usize) else {
            return Ok(());
        };
        if count <= usize::from(contents.merged) {
            return Ok(());
        }
        let (older, newer) = contents.pieces.split_at(count);
        let state = checkpoint::merge(older.iter().map(|piece| &*piece.bytes))
            .map_err(|reason| self.damaged(entry, reason))?;
        let pieces = std::iter::once(state)
            .chain(newer.iter().cloned())
            .collect();
        let contents = Contents {
            pieces,
            merged: true,
            ..contents
        };
        let moved = self.write_base(entry, contents)?;
        self.log.flush()?;
        moved.into_iter().for_each(Self::take_over);
        Ok(())
    }

    /// Writes all of a document in one record, unless it was purged meanwhile.
    fn write_base(
        &self,
        entry: &Arc<Entry>,
        contents: Contents,
    ) -> Result<Option<Moved>, StoreError> {
        let bytes = contents.pieces.iter();
        let bytes: usize = bytes
            .map(|piece| piece.bytes.len() + 12 * piece.to.len() + 16)
            .sum();
        self.take_room(bytes + RECORD_BYTES_MORE, self.free_bytes_min / FREE_SHARE)?;
        let record = Record {
            document: entry.number,
            what: What::Base(Base {
                name: entry.name.clone(),
                at: contents.at,
                merged: contents.merged,
                replaced: contents.places.into_iter().collect(),
                pieces: contents.pieces,
            }),
        };
        // Nothing of it is written behind the record that it is gone.
        let state = lock(&entry.state);
        if state.gone {
            return Ok(None);
        }
        let (place, _) = self.log.append(&record)?;
        drop(state);
        let What::Base(base) = record.what else {
            unreachable!("it was made so");
        };
        Ok(Some(Moved {
            entry: Arc::clone(entry),
            place,
            base,
        }))
    }

    /// The new base is safe on disk: from now on it is read.
    fn take_over(moved: Moved) {
        let Moved { entry, place, base } = moved;
        // Readers that began before finish first.
        let _switch = entry.gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = lock(&entry.state);
        state.head.rebase(place, &base);
        state.changed = true;
    }

    /// Gives files back in which little is live, until there is little to gain.
    pub(super) fn give_back(&self) -> Result<(), StoreError> {
        // What cannot be moved, for it cannot be read.
        let mut stuck = Vec::new();
        while self.log.is_untidy() {
            let Some(start) = self.log.deadest(&stuck) else {
                let later = self.log.end() + 4 * self.sizes.segment_min;
                self.gave_up.store(later, Ordering::Relaxed);
                return Ok(());
            };
            if self.move_out(start)? {
                self.log.remove(start)?;
            } else {
                stuck.push(start);
            }
        }
        Ok(())
    }

    /// Writes again what is live in a segment; `false` if some of it cannot be.
    pub(super) fn move_out(&self, start: u64) -> Result<bool, StoreError> {
        let bytes = self.log.segment_bytes(start)?;
        let mut live: BTreeMap<u32, Arc<Entry>> = BTreeMap::new();
        let mut all = true;
        for step in steps(start, &bytes) {
            let Step::Record { place, record, .. } = step else {
                // Whose it was nobody knows.
                all = false;
                continue;
            };
            if let What::Mark(marked) = &record.what {
                self.move_mark(place, marked.mark.id)?;
                continue;
            }
            if lock(&self.gone).contains(&record.document) {
                continue;
            }
            let entry = read(&self.documents)
                .by_number
                .get(&record.document)
                .map(Arc::clone);
            let Some(entry) = entry else {
                all = false;
                continue;
            };
            match record.what {
                What::Delta(delta) if delta.at > lock(&entry.state).head.base => {
                    live.insert(entry.number, entry);
                }
                What::Base(_) if lock(&entry.state).head.base_place == place => {
                    live.insert(entry.number, entry);
                }
                What::Owner(owner) => self.move_owner(&entry, place, owner)?,
                _ => {}
            }
        }
        let mut moved = Vec::new();
        let mut moved_bytes = 0;
        for entry in live.into_values() {
            let contents = {
                let _reading = read(&entry.gate);
                self.contents(&entry)
            };
            let contents = match contents {
                Ok(contents) => contents,
                Err(StoreError::Corrupt { .. }) => {
                    all = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            moved_bytes += contents
                .pieces
                .iter()
                .map(|it| it.bytes.len())
                .sum::<usize>();
            moved.extend(self.write_base(&entry, contents)?);
            if moved_bytes > MOVED_BYTES {
                self.log.flush()?;
                moved.drain(..).for_each(Self::take_over);
                moved_bytes = 0;
            }
        }
        self.log.flush()?;
        moved.drain(..).for_each(Self::take_over);
        Ok(all)
    }

    fn move_owner(&self, entry: &Entry, place: u64, owner: Owned) -> Result<(), StoreError> {
        let mut owners = lock(&self.owners);
        let key = (entry.number, owner.replica.get());
        let Some(bound) = owners.get_mut(&key).filter(|it| it.it.place == place) else {
            return Ok(());
        };
        let (place, _) = self.log.append(&Record {
            document: entry.number,
            what: What::Owner(owner),
        })?;
        bound.it.place = place;
        bound.changed = true;
        Ok(())
    }

    /// Brings the index up to the log. What is in it is on disk in the log before.
    pub(super) fn write_index(&self, index: &mut Index) -> Result<(), StoreError> {
        let (upto, segments) = self.log.extent();
        if index.broken {
            return Ok(self.log.flush()?);
        }
        let alone = index.meta.is_none();
        let mut meta = index.meta.take().unwrap_or_default();
        (meta.upto, meta.segments) = (upto, segments);
        let mut entries = Vec::new();
        let documents: Vec<_> = read(&self.documents).by_number.values().cloned().collect();
        for entry in documents {
            let mut state = lock(&entry.state);
            if state.changed || alone {
                let key = head_key(entry.number);
                let value = state.head.write(&entry.name);
                let old = if alone { None } else { state.indexed };
                state.indexed = Some(meta.count(&key, &value, old));
                state.changed = false;
                entries.push((key, value));
            }
        }
        for ((document, replica), bound) in &mut *lock(&self.owners) {
            if bound.changed || alone {
                let key = owner_key(*document, *replica);
                let value = bound.it.write();
                let old = if alone { None } else { bound.indexed };
                bound.indexed = Some(meta.count(&key, &value, old));
                bound.changed = false;
                entries.push((key, value));
            }
        }
        for (id, marked) in &mut *lock(&self.marks) {
            if marked.changed || alone {
                let key = mark_key(*id);
                let value = marked.it.write();
                let old = if alone { None } else { marked.indexed };
                marked.indexed = Some(meta.count(&key, &value, old));
                marked.changed = false;
                entries.push((key, value));
            }
        }
        entries.push(meta.entry());
        self.log.flush()?;
        if let Err(reason) = index.table.write(entries, alone) {
            tracing::warn!(
                reason,
                "the index cannot be written; the next start makes it anew"
            );
            index.broken = true;
        }
        self.indexed.store(upto, Ordering::Relaxed);
        index.meta = Some(meta);
        Ok(())
    }
}
