//! The store on disk, kept by sled.
//!
//! Four trees: `names` (number → name), `log` (see [`Place`]), `owners` (number, replica → principal)
//! and `heads` (number, position → what
//! the log amounts to up to that position, so that opening reads the few records behind it and not
//! the whole log). A head can be lost: then the log is read through. No key is ever written twice,
//! for sled reclaims overwritten space badly, and a crash between any two writes leaves a log that
//! reads the same.

mod entry;
mod folder;
mod log;
mod owners;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::DocumentName;

use self::entry::{Entry, State};
use self::folder::{engine_error, Folder};
use self::log::Log;
use super::checkpoint;
use super::record::{seal, unseal, Place};
use super::{lock, Missing, Owner, Store, StoreError, StoreOptions, Stored, TAIL_RECORDS};

/// After this many records the next head is written.
const HEAD_RECORDS: u64 = 64;

/// How much may be appended before the disk's room is asked for again.
const ROOM_STEP_BYTES: u64 = 4 << 20;

/// The engine writes whole pages when one of their records is added: about four times what came in,
/// in our runs with records of 40 to 250,000 bytes.
const WRITE_AMPLIFICATION: u64 = 4;

/// Keeps the logs in a folder. One process at a time can have it open.
pub struct SledStore {
    folder: Folder,
    names: sled::Tree,
    log: Log,
    heads: sled::Tree,
    owners: sled::Tree,
    documents: RwLock<BTreeMap<DocumentName, Arc<Entry>>>,
    due: Mutex<BTreeSet<DocumentName>>,
    /// One checkpoint at a time: it holds a whole document in memory.
    checkpointing: Mutex<()>,
    /// How many records were ever appended, those included that checkpoints have replaced.
    records: AtomicU64,
    /// What may still be written before the disk is asked again.
    room: AtomicU64,
    free_bytes_min: u64,
}

impl SledStore {
    /// Opens the store in a folder, and makes it if the folder is empty or missing.
    ///
    /// # Errors
    /// When the folder is in use, belongs to someone else or to a newer program, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, &StoreOptions::default())
    }

    /// [`open`](Self::open) with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let folder = Folder::open(path, options.lock_wait)?;
        let tree = |name: &str| folder.engine.open_tree(name).map_err(engine_error);
        let (names, log, heads) = (tree("names")?, tree("log")?, tree("heads")?);
        let owners = tree("owners")?;
        let log = Log::new(log);
        let store = Self {
            folder,
            names,
            log,
            heads,
            owners,
            documents: RwLock::default(),
            due: Mutex::default(),
            checkpointing: Mutex::default(),
            records: AtomicU64::new(0),
            room: AtomicU64::new(0),
            free_bytes_min: options.free_bytes_min,
        };
        store.read_documents()?;
        Ok(store)
    }

    fn read_documents(&self) -> Result<(), StoreError> {
        let mut documents = BTreeMap::new();
        let mut records = 0;
        for pair in &self.names {
            let (key, value) = pair.map_err(engine_error)?;
            let name = unseal(&key, &value)
                .ok()
                .and_then(|body| std::str::from_utf8(body).ok())
                .and_then(|name| DocumentName::new(name).ok());
            let number = key.as_ref().try_into().map(u32::from_be_bytes);
            let (Some(name), Ok(number)) = (name, number) else {
                // Without its name a log belongs to nobody; the document comes back from those who
                // hold it.
                tracing::error!("a document's name is damaged; its log is left alone");
                continue;
            };
            let entry = Entry::read(number, &self.heads, &self.log)?;
            let mut state = lock(&entry.state);
            if let Some(reason) = state.damaged {
                tracing::error!(document = name.as_str(), reason, "document is damaged");
            } else if state.last > state.head {
                self.write_head(number, &mut state)?;
            }
            if state.is_due() {
                lock(&self.due).insert(name.clone());
            }
            records += state.last;
            drop(state);
            documents.insert(name, Arc::new(entry));
        }
        let safe = self.folder.tide()?;
        if records < safe {
            let reason = format!("{} of {safe} records are missing", safe - records);
            return Err(self.folder.damaged(reason));
        }
        self.records.store(records, Ordering::Relaxed);
        *self
            .documents
            .write()
            .unwrap_or_else(PoisonError::into_inner) = documents;
        Ok(())
    }

    fn entry(&self, document: &DocumentName) -> Option<Arc<Entry>> {
        let documents = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        documents.get(document).map(Arc::clone)
    }

    fn entry_or_new(&self, document: &DocumentName) -> Result<Arc<Entry>, StoreError> {
        if let Some(entry) = self.entry(document) {
            return Ok(entry);
        }
        let mut documents = self
            .documents
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = documents.get(document) {
            return Ok(Arc::clone(entry));
        }
        let last = self.names.last().map_err(engine_error)?;
        let last = last
            .and_then(|(key, _)| key.as_ref().try_into().ok())
            .map(u32::from_be_bytes);
        let number = last.map_or(1, |number| number + 1);
        let key = number.to_be_bytes();
        self.names
            .insert(key, seal(&key, document.as_str().as_bytes()))
            .map_err(engine_error)?;
        let entry = Arc::new(Entry::new(number));
        documents.insert(document.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// Puts down what the log amounts to, under a new key, and drops the head before it.
    fn write_head(&self, number: u32, state: &mut State) -> Result<(), StoreError> {
        let key = state.next_head_key(number);
        if state.head_key == Some(key) {
            return Ok(());
        }
        self.heads
            .insert(key, seal(&key, &state.to_head()))
            .map_err(engine_error)?;
        if let Some(old) = state.head_key.replace(key) {
            self.heads.remove(old).map_err(engine_error)?;
        }
        state.head = state.last;
        Ok(())
    }

    /// Makes sure that the disk has room for so many bytes more.
    fn take_room(&self, bytes: usize) -> Result<(), StoreError> {
        let needed = bytes as u64 * WRITE_AMPLIFICATION;
        let take = |room: u64| room.checked_sub(needed);
        if self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
        {
            return Ok(());
        }
        let available = self.folder.available_bytes()?;
        let spare = available.saturating_sub(self.free_bytes_min);
        let rest = take(spare).ok_or(StoreError::Full)?;
        self.room
            .store(rest.min(ROOM_STEP_BYTES), Ordering::Relaxed);
        Ok(())
    }

    /// Refuses the document from now on.
    fn damaged(&self, document: &DocumentName, entry: &Entry, reason: &'static str) -> StoreError {
        tracing::error!(document = document.as_str(), reason, "document is damaged");
        lock(&entry.state).damaged = Some(reason);
        lock(&self.due).remove(document);
        StoreError::Corrupt {
            document: document.clone(),
            reason,
        }
    }
}

/// The state behind a lock; nothing here panics between two writes to it.
impl Store for SledStore {
    fn documents(&self) -> Result<Vec<Stored>, StoreError> {
        let documents = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let stored = |(name, entry): (&DocumentName, &Arc<Entry>)| {
            let state = lock(&entry.state);
            Stored {
                name: name.clone(),
                version: state.version.clone(),
                bytes: state.bytes + state.checkpoint_bytes,
                damaged: state.damaged.is_some(),
                healing: false,
            }
        };
        Ok(documents.iter().map(stored).collect())
    }

    fn version(&self, document: &DocumentName) -> Result<Option<VersionVector>, StoreError> {
        let Some(entry) = self.entry(document) else {
            return Ok(None);
        };
        let state = lock(&entry.state);
        state.check(document)?;
        Ok(Some(state.version.clone()))
    }

    fn append(
        &self,
        document: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<(), StoreError> {
        self.take_room(delta.len() + 1024)?;
        let entry = self.entry_or_new(document)?;
        let mut state = lock(&entry.state);
        state.check(document)?;
        let place = Place {
            document: entry.number,
            position: state.last + 1,
            checkpoint: false,
        };
        self.log.write(place, to, delta)?;
        self.records.fetch_add(1, Ordering::Relaxed);
        state.last += 1;
        state.bytes += delta.len() as u64;
        state.version.merge(to);
        if state.last - state.head >= HEAD_RECORDS {
            self.write_head(entry.number, &mut state)?;
        }
        if state.is_due() {
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
        self.take_room(principal.len() + 1024)?;
        let number = self.entry_or_new(document)?.number;
        owners::bind(&self.owners, number, replica, principal)
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        let documents = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let names: BTreeMap<u32, &DocumentName> = documents
            .iter()
            .map(|(name, entry)| (entry.number, name))
            .collect();
        owners::all(&self.owners, &names)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let records = self.records.load(Ordering::Relaxed);
        self.folder.sync()?;
        self.folder.set_tide(records)
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
        let _reading = entry.gate.read().unwrap_or_else(PoisonError::into_inner);
        let (checkpoint, last) = {
            let state = lock(&entry.state);
            state.check(document)?;
            (state.checkpoint, state.last)
        };
        let mut missing = Missing::new(version, bytes_max);
        for record in self.log.read(entry.number, checkpoint, last) {
            if missing.is_full() {
                break;
            }
            let record = record?.map_err(|reason| self.damaged(document, &entry, reason))?;
            missing.take(&record.to, record.delta());
        }
        Ok(missing.deltas)
    }

    fn due(&self) -> Vec<DocumentName> {
        lock(&self.due).iter().cloned().collect()
    }

    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError> {
        let _alone = lock(&self.checkpointing);
        lock(&self.due).remove(document);
        let Some(entry) = self.entry(document) else {
            return Ok(());
        };
        let (old, upto) = {
            let state = lock(&entry.state);
            state.check(document)?;
            (state.checkpoint, state.last.saturating_sub(TAIL_RECORDS))
        };
        if upto <= old {
            return Ok(());
        }
        let mut merged: Vec<Vec<u8>> = Vec::new();
        let mut merged_bytes = 0;
        for record in self.log.read(entry.number, old, upto) {
            let record = record?.map_err(|reason| self.damaged(document, &entry, reason))?;
            if !record.place.checkpoint {
                merged_bytes += record.delta().len() as u64;
            }
            merged.push(record.delta().to_vec());
        }
        let whole = checkpoint::merge(merged.iter().map(Vec::as_slice))
            .map_err(|reason| self.damaged(document, &entry, reason))?;
        drop(merged);

        // First the new state, and it is on disk before anything that it replaces goes.
        let place = |position, checkpoint| Place {
            document: entry.number,
            position,
            checkpoint,
        };
        self.take_room(whole.bytes.len() + 1024)?;
        // An attempt that was interrupted here may have been longer.
        self.log.remove(place(upto, true), place(upto + 1, false))?;
        self.log.write(place(upto, true), &whole.to, &whole.bytes)?;
        self.flush()?;
        {
            // Readers that began at the old checkpoint finish first.
            let _switch = entry.gate.write().unwrap_or_else(PoisonError::into_inner);
            let mut state = lock(&entry.state);
            state.checkpoint = upto;
            state.checkpoint_bytes = whole.bytes.len() as u64;
            state.bytes = state.bytes.saturating_sub(merged_bytes);
            self.write_head(entry.number, &mut state)?;
        }
        self.flush()?;
        self.log.remove(place(0, false), place(upto, true))
    }
}
