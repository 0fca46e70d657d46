//! The store on disk, kept by redb, for those who trust a database more than a log.
//!
//! What is appended waits in memory for the next sync, which is one transaction. Tables: `names`
//! (number → name), `records` (number, place in the document's log → what is new, delta), `states`
//! (number → the checkpoint, and up to where it goes), `heads` (number → what the log comes to),
//! `owners`, `marks`, and `gone`, which says that the file is to be written anew: pages that are free keep what
//! was in them. Every value has a checksum of its own, because redb looks at its own only after a crash.

#[cfg(test)]
mod power_cut;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Mark, MarkId};

use self::tables::{Head, Merged, Tables};
use super::checkpoint::{self, Piece};
use super::mark::{self, Kind};
use super::{
    check_whole, is_due, lock, Missing, Owner, Store, StoreError, StoreOptions, Stored,
    TAIL_RECORDS,
};

/// The database's file.
const FILE: &str = "documents.redb";

/// The file that says that the folder is in use.
const LOCK: &str = "LOCK";

/// How much may be appended before the disk's room is asked for again.
const ROOM_STEP_BYTES: u64 = 4 << 20;

/// Pages that a small record takes along when it is written.
const WRITE_BYTES_MORE: u64 = 16 << 10;

/// Keeps the logs in a redb database in a folder. One process at a time can have it open.
pub struct RedbStore {
    tables: RwLock<Tables>,
    documents: RwLock<BTreeMap<DocumentName, Arc<Entry>>>,
    /// The highest number of a document.
    last: AtomicU32,
    owners: Mutex<Owners>,
    marks: Mutex<Marks>,
    due: Mutex<BTreeSet<DocumentName>>,
    /// What is to be written at the next sync.
    unwritten: Mutex<BTreeMap<u32, Arc<Entry>>>,
    /// One transaction at a time.
    writing: Mutex<()>,
    room: Mutex<u64>,
    /// The folder, and how much of its disk is kept free.
    place: Option<(PathBuf, u64)>,
    _lock: Option<File>,
}

#[derive(Default)]
struct Owners {
    all: BTreeSet<Owner>,
    unwritten: Vec<Owner>,
}

#[derive(Default)]
struct Marks {
    all: BTreeMap<MarkId, Mark>,
    unwritten: BTreeSet<MarkId>,
}

struct Entry {
    number: u32,
    name: DocumentName,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    head: Head,
    /// The newest records, up to `head.last`, that are not in a table yet.
    waiting: Vec<Piece>,
    damaged: Option<&'static str>,
    /// Whether it was purged.
    gone: bool,
}

impl State {
    fn check(&self, document: &DocumentName) -> Result<(), StoreError> {
        check_whole(self.damaged, document)
    }

    /// The records up to here are in a table.
    fn written(&self) -> u64 {
        self.head.last - self.waiting.len() as u64
    }

    fn is_due(&self) -> bool {
        let Head {
            last,
            state,
            bytes,
            state_bytes,
            ..
        } = self.head;
        is_due(last - state, bytes, state_bytes)
    }
}

impl RedbStore {
    /// Opens the store in a folder, and makes it if the folder is empty or missing.
    ///
    /// # Errors
    /// When the folder is in use, belongs to someone else, to a newer program or to another kind of
    /// store, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, &StoreOptions::default())
    }

    /// [`open`](Self::open) with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        mark::make_or_check(path, Kind::Redb)?;
        let lock = mark::lock(path, &path.join(LOCK), options.lock_wait)?;
        let damaged = |reason| StoreError::Damaged {
            path: path.to_owned(),
            reason,
        };
        // The engine asserts what it finds in its file, so damage can show as a panic.
        let opened = std::panic::catch_unwind(|| Tables::open(&path.join(FILE)));
        let tables = match opened {
            Ok(Err(StoreError::Engine(reason))) => return Err(damaged(reason)),
            Ok(opened) => opened?,
            Err(_panic) => return Err(damaged("the engine cannot read its file".into())),
        };
        mark::sync_folder(path)?;
        let place = (path.to_owned(), options.free_bytes_min);
        Self::on(tables, Some(place), Some(lock))
    }

    fn on(
        tables: Tables,
        place: Option<(PathBuf, u64)>,
        lock: Option<File>,
    ) -> Result<Self, StoreError> {
        let mut documents = BTreeMap::new();
        let mut due = BTreeSet::new();
        let mut names = BTreeMap::new();
        for (number, name, head) in tables.documents()? {
            let state = State {
                damaged: head.is_none().then_some("what is known of it is damaged"),
                head: head.unwrap_or_default(),
                waiting: Vec::new(),
                gone: false,
            };
            if state.is_due() && state.damaged.is_none() {
                due.insert(name.clone());
            }
            names.insert(number, name.clone());
            let entry = Entry {
                number,
                name: name.clone(),
                state: Mutex::new(state),
            };
            documents.insert(name, Arc::new(entry));
        }
        let all = tables.owners(&names)?;
        let marks = Marks {
            all: tables.marks()?,
            ..Marks::default()
        };
        let last = names.last_key_value().map_or(0, |(&number, _)| number);
        Ok(Self {
            tables: RwLock::new(tables),
            marks: Mutex::new(marks),
            documents: RwLock::new(documents),
            last: AtomicU32::new(last),
            owners: Mutex::new(Owners {
                all,
                unwritten: Vec::new(),
            }),
            due: Mutex::new(due),
            unwritten: Mutex::default(),
            writing: Mutex::default(),
            room: Mutex::new(0),
            place,
            _lock: lock,
        })
    }

    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, document: &DocumentName) -> Option<Arc<Entry>> {
        let documents = self.documents.read();
        let documents = documents.unwrap_or_else(PoisonError::into_inner);
        documents.get(document).map(Arc::clone)
    }

    fn entry_or_new(&self, document: &DocumentName) -> Arc<Entry> {
        if let Some(entry) = self.entry(document) {
            return entry;
        }
        let documents = self.documents.write();
        let mut documents = documents.unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = documents.get(document) {
            return Arc::clone(entry);
        }
        let entry = Arc::new(Entry {
            // Under the lock of the documents.
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            name: document.clone(),
            state: Mutex::default(),
        });
        documents.insert(document.clone(), Arc::clone(&entry));
        entry
    }

    fn take_room(&self, bytes: usize) -> Result<(), StoreError> {
        let Some((path, free_bytes_min)) = &self.place else {
            return Ok(());
        };
        let needed = bytes as u64 * 2 + WRITE_BYTES_MORE;
        let mut room = lock(&self.room);
        if *room < needed {
            let available = fs4::available_space(path)?;
            *room = available.saturating_sub(*free_bytes_min);
            *room = (*room).min(ROOM_STEP_BYTES.max(needed));
        }
        *room = room.checked_sub(needed).ok_or(StoreError::Full)?;
        Ok(())
    }

    fn damaged(&self, entry: &Entry, reason: &'static str) -> StoreError {
        let document = entry.name.clone();
        tracing::error!(document = document.as_str(), reason, "document is damaged");
        lock(&entry.state).damaged = Some(reason);
        lock(&self.due).remove(&document);
        StoreError::Corrupt { document, reason }
    }

    /// The checkpoint and the records that are in tables, and those that wait.
    fn pieces(&self, entry: &Entry) -> Result<Vec<Piece>, StoreError> {
        let (waiting, written) = {
            let state = lock(&entry.state);
            state.check(&entry.name)?;
            (state.waiting.clone(), state.written())
        };
        let mut pieces = (self.tables().pieces(entry.number, written)?)
            .map_err(|reason| self.damaged(entry, reason))?;
        pieces.extend(waiting);
        Ok(pieces)
    }

    /// Writes all that waits, and this besides. Nobody else is writing.
    fn write(&self, besides: Option<(&Entry, &Merged)>) -> Result<(), StoreError> {
        let entries = std::mem::take(&mut *lock(&self.unwritten));
        let owners = std::mem::take(&mut lock(&self.owners).unwritten);
        let marks = {
            let mut marks = lock(&self.marks);
            let unwritten = std::mem::take(&mut marks.unwritten);
            let marks = unwritten.iter().filter_map(|id| marks.all.get(id));
            marks.cloned().collect::<Vec<_>>()
        };
        if entries.is_empty() && owners.is_empty() && marks.is_empty() {
            return Ok(());
        }
        let mut counts = Vec::new();
        let mut change = self.tables().change()?;
        for mark in &marks {
            change.mark(mark)?;
        }
        let is_gone = |entry: &Entry| lock(&entry.state).gone;
        let entries: Vec<_> = entries.into_values().filter(|it| !is_gone(it)).collect();
        for entry in &entries {
            let state = lock(&entry.state);
            counts.push(state.waiting.len());
            let (waiting, head) = (state.waiting.clone(), state.head.clone());
            let first = state.written() + 1;
            drop(state);
            change.document(entry.number, &entry.name, &head)?;
            for (at, piece) in waiting.iter().enumerate() {
                change.record(entry.number, first + at as u64, piece)?;
            }
        }
        for owner in &owners {
            if let Some(entry) = self.entry(&owner.document) {
                change.owner(entry.number, owner)?;
            }
        }
        if let Some((entry, merged)) = besides.filter(|(entry, _)| !is_gone(entry)) {
            change.state(entry.number, merged)?;
        }
        change.commit()?;
        for (entry, count) in entries.iter().zip(counts) {
            lock(&entry.state).waiting.drain(..count);
        }
        Ok(())
    }
}

impl Store for RedbStore {
    fn documents(&self) -> Result<Vec<Stored>, StoreError> {
        let documents = self.documents.read();
        let documents = documents.unwrap_or_else(PoisonError::into_inner);
        let stored = |entry: &Arc<Entry>| {
            let state = lock(&entry.state);
            Stored {
                name: entry.name.clone(),
                version: state.head.version.clone(),
                bytes: state.head.bytes + state.head.state_bytes,
                damaged: state.damaged.is_some(),
                healing: false,
            }
        };
        Ok(documents.values().map(stored).collect())
    }

    fn version(&self, document: &DocumentName) -> Result<Option<VersionVector>, StoreError> {
        let Some(entry) = self.entry(document) else {
            return Ok(None);
        };
        let state = lock(&entry.state);
        state.check(document)?;
        Ok(Some(state.head.version.clone()))
    }

    fn append(
        &self,
        document: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<(), StoreError> {
        self.take_room(delta.len())?;
        let entry = self.entry_or_new(document);
        let mut state = lock(&entry.state);
        state.check(document)?;
        state.head.last += 1;
        state.head.bytes += delta.len() as u64;
        state.head.version.merge(to);
        state.waiting.push(Piece {
            to: to.clone(),
            bytes: delta.into(),
        });
        let due = state.is_due();
        drop(state);
        lock(&self.unwritten).insert(entry.number, entry);
        if due {
            lock(&self.due).insert(document.clone());
        }
        Ok(())
    }

    fn bind(
        &self,
        document: &DocumentName,
        replica: ReplicaId,
        principal: &str,
    ) -> Result<(), StoreError> {
        self.take_room(principal.len())?;
        let entry = self.entry_or_new(document);
        let mut owners = lock(&self.owners);
        let first = |name: &str| Owner {
            document: document.clone(),
            replica,
            principal: name.into(),
        };
        let mut of_replica = owners.all.range(first("")..);
        let bound = of_replica.next();
        if bound.is_some_and(|it| it.document == *document && it.replica == replica) {
            return Ok(());
        }
        owners.all.insert(first(principal));
        owners.unwritten.push(first(principal));
        drop(owners);
        lock(&self.unwritten).insert(entry.number, entry);
        Ok(())
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        Ok(lock(&self.owners).all.iter().cloned().collect())
    }

    fn mark(&self, mark: &Mark) -> Result<(), StoreError> {
        let mut marks = lock(&self.marks);
        marks.unwritten.insert(mark.id);
        marks.all.insert(mark.id, mark.clone());
        Ok(())
    }

    fn marks(&self) -> Result<Vec<Mark>, StoreError> {
        Ok(lock(&self.marks).all.values().cloned().collect())
    }

    fn purge(&self, ids: &BTreeSet<MarkId>) -> Result<(), StoreError> {
        let _alone = lock(&self.writing);
        self.write(None)?;
        let meant = |document: &DocumentName| ids.contains(&MarkId::of(document));
        let documents = self.documents.write();
        let mut documents = documents.unwrap_or_else(PoisonError::into_inner);
        let gone = documents.values().filter(|entry| meant(&entry.name));
        let gone: Vec<Arc<Entry>> = gone.map(Arc::clone).collect();
        documents.retain(|name, _| !meant(name));
        drop(documents);
        if gone.is_empty() {
            return Ok(());
        }
        let mut change = self.tables().change()?;
        for entry in gone {
            lock(&entry.state).gone = true;
            lock(&self.due).remove(&entry.name);
            lock(&self.owners)
                .all
                .retain(|it| it.document != entry.name);
            change.purge(entry.number)?;
        }
        change.commit()
    }

    fn scrub(&self) -> Result<bool, StoreError> {
        let Some((folder, _)) = &self.place else {
            return Ok(true);
        };
        let _alone = lock(&self.writing);
        if !self.tables().is_to_be_written_anew()? {
            return Ok(true);
        }
        let tables = self.tables().write_anew(&folder.join(FILE))?;
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = tables;
        Ok(true)
    }

    fn tidy(&self) -> Result<(), StoreError> {
        // What a process left undone that ended in the middle.
        self.scrub().map(drop)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let _alone = lock(&self.writing);
        self.write(None)
    }

    fn load_some(
        &self,
        document: &DocumentName,
        version: &VersionVector,
        bytes_max: usize,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        let Some(entry) = self.entry(document) else {
            return Ok(Vec::new());
        };
        Ok(Missing::of(version, bytes_max, self.pieces(&entry)?))
    }

    fn due(&self) -> Vec<DocumentName> {
        lock(&self.due).iter().cloned().collect()
    }

    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError> {
        lock(&self.due).remove(document);
        let Some(entry) = self.entry(document) else {
            return Ok(());
        };
        self.flush()?;
        let (old, upto, written) = {
            let state = lock(&entry.state);
            state.check(document)?;
            let upto = state.head.last.saturating_sub(TAIL_RECORDS);
            (state.head.state, upto.min(state.written()), state.written())
        };
        if upto <= old {
            return Ok(());
        }
        let mut pieces = (self.tables().pieces(entry.number, written)?)
            .map_err(|reason| self.damaged(&entry, reason))?;
        let count = usize::from(old > 0) + (upto - old) as usize;
        pieces.truncate(count);
        let deltas = &pieces[usize::from(old > 0)..];
        let merged_bytes: u64 = deltas.iter().map(|piece| piece.bytes.len() as u64).sum();
        let state = checkpoint::merge(pieces.iter().map(|piece| &*piece.bytes))
            .map_err(|reason| self.damaged(&entry, reason))?;
        self.take_room(state.bytes.len())?;

        // Another checkpoint of it may have come first.
        let _alone = lock(&self.writing);
        {
            let mut now = lock(&entry.state);
            if now.head.state != old {
                return Ok(());
            }
            now.head.state = upto;
            now.head.state_bytes = state.bytes.len() as u64;
            now.head.bytes = now.head.bytes.saturating_sub(merged_bytes);
        }
        lock(&self.unwritten).insert(entry.number, Arc::clone(&entry));
        let merged = Merged { old, upto, state };
        self.write(Some((&entry, &merged)))
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        // As the other stores do: what was appended is kept if that is possible.
        if let Err(error) = self.flush() {
            tracing::warn!(%error, "what was not acknowledged is not stored");
        }
    }
}
