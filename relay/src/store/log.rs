//! The store on disk: a log of records in files, and an index of it that can be made anew.
//!
//! All documents share one log. A record names its document and the document's record before it, so a
//! document is read from its newest record back to its *base*, which holds everything before in one
//! record: the state that a [checkpoint](Store::checkpoint) made, and the newest deltas. In memory is
//! where these two are, and the version.
//!
//! Nothing is ever written over, and nothing but the end of the log that was never synced is ever cut
//! off. Space is given back by files: what is live in one is written again at the end of the log, and
//! when that is safe the file goes.

mod disk;
mod frame;
mod head;
mod index;
#[cfg(test)]
mod power_cut;
mod purge;
mod recover;
mod segments;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use driftwood_crdt::{Delta as Change, ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Mark, MarkId};

use self::disk::{Disk, Folder};
use self::frame::{Delta, Owned, Record, What};
use self::head::{Binding, Head, Purged};
use self::index::{SledTable, Table};
use self::recover::{recover, Indexed};
use self::segments::{Log, Sizes};
use self::upkeep::Index;
use super::checkpoint::Piece;
use super::mark::{self, Kind};
use super::{check_whole, lock, Missing, Owner, Store, StoreError, StoreOptions, Stored};

/// How much may be appended before the disk's room is asked for again.
const ROOM_STEP_BYTES: u64 = 4 << 20;

/// What a record may take besides its delta.
const RECORD_BYTES_MORE: usize = 1024;

/// The folder of the index.
const INDEX: &str = "index";

/// The file that says that the folder is in use.
const LOCK: &str = "LOCK";

/// Keeps the logs in a folder. One process at a time can have it open.
pub struct LogStore {
    log: Log,
    documents: RwLock<Documents>,
    owners: Mutex<BTreeMap<(u32, u64), Indexed<Binding>>>,
    marks: Mutex<BTreeMap<MarkId, Indexed<Purged>>>,
    /// The numbers of documents that were purged, which are not given again.
    gone: Mutex<BTreeSet<u32>>,
    due: Mutex<BTreeSet<DocumentName>>,
    /// One checkpoint, or other upkeep, at a time: it holds whole documents in memory.
    index: Mutex<Index>,
    /// How far the index follows.
    indexed: AtomicU64,
    /// Something else than the log has changed what should be in it.
    stale: AtomicBool,
    /// Until the log is as long as this no more space can be given back.
    gave_up: AtomicU64,
    /// What may still be written before the disk is asked again.
    room: AtomicU64,
    free_bytes_min: u64,
    sizes: Sizes,
    _lock: Option<File>,
}

#[derive(Default)]
struct Documents {
    /// Of those with one name the newest: the others are damaged.
    by_name: BTreeMap<DocumentName, Arc<Entry>>,
    by_number: BTreeMap<u32, Arc<Entry>>,
    /// What those held that were damaged and begun anew.
    before: BTreeMap<DocumentName, VersionVector>,
    /// The number of the last one.
    last: u32,
}

/// One document of the store.
struct Entry {
    number: u32,
    name: DocumentName,
    /// Held shared while the log is read, and exclusively at the moment when a new base takes over.
    gate: RwLock<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    head: Head,
    /// Why the document is refused, if it is.
    damaged: Option<&'static str>,
    /// The checksum of its entry in the index.
    indexed: Option<u32>,
    /// Whether that is no longer true.
    changed: bool,
    /// Whether it was purged.
    gone: bool,
}

/// A document as it is in the log: what its records hold, and where they are.
struct Contents {
    pieces: Vec<Piece>,
    /// The first piece is a state that a checkpoint made.
    merged: bool,
    /// The last record that it covers.
    at: u64,
    /// Segments, and how many bytes of it are in each.
    places: BTreeMap<u64, u64>,
}

impl Entry {
    fn is_whole(&self) -> bool {
        lock(&self.state).damaged.is_none()
    }
}

impl State {
    fn check(&self, document: &DocumentName) -> Result<(), StoreError> {
        check_whole(self.damaged, document)
    }
}

impl LogStore {
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
        mark::make_or_check(path, Kind::Log)?;
        let lock = mark::lock(path, &path.join(LOCK), options.lock_wait)?;
        let disk = Box::new(Folder(PathBuf::from(path)));
        let table = Box::new(SledTable::new(&path.join(INDEX)));
        let free_bytes_min = options.free_bytes_min;
        Self::on(disk, table, Sizes::default(), free_bytes_min, Some(lock))
    }

    fn on(
        disk: Box<dyn Disk>,
        mut table: Box<dyn Table>,
        sizes: Sizes,
        free_bytes_min: u64,
        lock: Option<File>,
    ) -> Result<Self, StoreError> {
        let found = recover(&*disk, &mut *table)?;
        let mut documents = Documents::default();
        let mut doubtful = Vec::new();
        let mut due = BTreeSet::new();
        for (number, found) in found.documents {
            documents.last = number;
            let doubt = found.is_damaged() || found.head.damaged;
            let Some(name) = found.name else {
                // Without its name a log belongs to nobody; the document comes back from those who
                // hold it.
                tracing::error!(number, "a document's name is lost; its log is left alone");
                continue;
            };
            if found.head.is_due() {
                due.insert(name.clone());
            }
            let mut state = State {
                head: found.head,
                damaged: None,
                indexed: found.indexed,
                changed: found.changed,
                gone: false,
            };
            if std::mem::take(&mut state.head.damaged) {
                state.changed = true;
            }
            let entry = documents.add(number, name, state);
            doubtful.extend(doubt.then_some(entry));
        }
        let gone = found.gone.last().copied().unwrap_or(0);
        documents.last = documents.last.max(gone);
        let log = Log::open(
            disk,
            sizes.clone(),
            found.segments,
            found.goes_on,
            found.end,
        )?;
        let indexed = found.meta.as_ref().map_or(0, |meta| meta.upto);
        let store = Self {
            log,
            documents: RwLock::new(documents),
            owners: Mutex::new(found.owners),
            marks: Mutex::new(found.marks),
            gone: Mutex::new(found.gone),
            due: Mutex::new(due),
            index: Mutex::new(Index::new(table, found.meta)),
            indexed: AtomicU64::new(indexed),
            stale: AtomicBool::new(false),
            gave_up: AtomicU64::new(0),
            room: AtomicU64::new(0),
            free_bytes_min,
            sizes,
            _lock: lock,
        };
        for entry in doubtful {
            match store.contents(&entry) {
                Ok(contents) => store.take_back(&entry, contents)?,
                // Whoever reads it says so.
                Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(store)
    }

    /// Adds what could not be read for a while to the document that was begun anew in its place, if one was.
    fn take_back(&self, entry: &Entry, contents: Contents) -> Result<(), StoreError> {
        let Some(current) = self.entry(&entry.name) else {
            return Ok(());
        };
        if current.number == entry.number || !current.is_whole() {
            return Ok(());
        }
        for Piece { to, bytes } in contents.pieces {
            let held = lock(&current.state).head.version.clone();
            let follows = Change::span(&bytes).is_ok_and(|(from, _)| held.includes(&from));
            if follows && !held.includes(&to) {
                self.append(&entry.name, &bytes, &to)?;
            }
        }
        Ok(())
    }

    fn entry(&self, document: &DocumentName) -> Option<Arc<Entry>> {
        let documents = read(&self.documents);
        documents.by_name.get(document).map(Arc::clone)
    }

    /// The document, begun anew if it is damaged.
    fn whole_or_new(&self, document: &DocumentName) -> Arc<Entry> {
        if let Some(entry) = self.entry(document).filter(|entry| entry.is_whole()) {
            return entry;
        }
        let mut documents = (self.documents.write()).unwrap_or_else(PoisonError::into_inner);
        let known = documents.by_name.get(document);
        if let Some(entry) = known.filter(|entry| entry.is_whole()) {
            return Arc::clone(entry);
        }
        if known.is_some() {
            tracing::warn!(
                document = document.as_str(),
                "a damaged document is begun anew"
            );
        }
        let number = documents.last + 1;
        documents.add(number, document.clone(), State::default())
    }

    /// Makes sure that the disk has room for so many bytes more, and that many stay free.
    fn take_room(&self, bytes: usize, free_bytes_min: u64) -> Result<(), StoreError> {
        let needed = bytes as u64;
        let take = |room: u64| room.checked_sub(needed);
        let order = Ordering::Relaxed;
        if self.room.fetch_update(order, order, take).is_ok() {
            return Ok(());
        }
        let available = self.log.disk().available_bytes()?;
        let spare = available.saturating_sub(free_bytes_min);
        take(spare).ok_or(StoreError::Full)?;
        let rest = available.saturating_sub(self.free_bytes_min.saturating_add(needed));
        self.room.store(rest.min(ROOM_STEP_BYTES), order);
        Ok(())
    }

    /// Refuses the document from now on.
    fn damaged(&self, entry: &Entry, reason: &'static str) -> StoreError {
        let document = entry.name.clone();
        tracing::error!(document = document.as_str(), reason, "document is damaged");
        let mut state = lock(&entry.state);
        state.damaged = Some(reason);
        state.head.damaged = true;
        state.changed = true;
        drop(state);
        self.stale.store(true, Ordering::Relaxed);
        let current = self.entry(&document);
        if current.is_none_or(|current| current.number == entry.number) {
            lock(&self.due).remove(&document);
        }
        StoreError::Corrupt { document, reason }
    }

    /// Everything of a document, in order. Its gate is held, or nobody else gives it a new base.
    fn contents(&self, entry: &Entry) -> Result<Contents, StoreError> {
        let head = {
            let state = lock(&entry.state);
            state.check(&entry.name)?;
            state.head.clone()
        };
        let mut contents = Contents {
            pieces: Vec::new(),
            merged: false,
            at: head.last,
            places: BTreeMap::new(),
        };
        let mut place = head.last_place;
        for at in (head.base + 1..=head.last).rev() {
            let (what, length) = self.record(entry, place)?;
            let What::Delta(delta) = what else {
                return Err(self.damaged(entry, "a record is missing"));
            };
            if delta.at != at {
                return Err(self.damaged(entry, "a record is missing"));
            }
            contents.add(self.log.segment_of(place), length);
            contents.pieces.push(delta.piece);
            place = delta.before.unwrap_or(0);
        }
        if head.base > 0 {
            let (what, length) = self.record(entry, head.base_place)?;
            let What::Base(base) = what else {
                return Err(self.damaged(entry, "a record is missing"));
            };
            contents.add(self.log.segment_of(head.base_place), length);
            contents.merged = base.merged;
            contents.pieces.extend(base.pieces.into_iter().rev());
        }
        contents.pieces.reverse();
        Ok(contents)
    }

    fn record(&self, entry: &Entry, place: u64) -> Result<(What, u64), StoreError> {
        match self.log.read(place)? {
            Some((record, length)) if record.document == entry.number => Ok((record.what, length)),
            _ => Err(self.damaged(entry, "a record cannot be read")),
        }
    }
}

impl Contents {
    fn add(&mut self, segment: u64, bytes: u64) {
        *self.places.entry(segment).or_default() += bytes;
    }
}

impl Documents {
    /// Adds a document, in place of one of that name.
    fn add(&mut self, number: u32, name: DocumentName, state: State) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            number,
            name: name.clone(),
            gate: RwLock::default(),
            state: Mutex::new(state),
        });
        if let Some(old) = self.by_name.insert(name.clone(), Arc::clone(&entry)) {
            let held = lock(&old.state).head.version.clone();
            self.before.entry(name).or_default().merge(&held);
        }
        self.by_number.insert(number, Arc::clone(&entry));
        self.last = self.last.max(number);
        entry
    }
}

fn read<T>(shared: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

impl Store for LogStore {
    fn documents(&self) -> Result<Vec<Stored>, StoreError> {
        let documents = read(&self.documents);
        let stored = |entry: &Arc<Entry>| {
            let state = lock(&entry.state);
            let before = documents.before.get(&entry.name);
            Stored {
                name: entry.name.clone(),
                version: state.head.version.clone(),
                bytes: state.head.bytes + state.head.state_bytes,
                damaged: state.damaged.is_some(),
                healing: before.is_some_and(|held| !state.head.version.includes(held)),
            }
        };
        Ok(documents.by_name.values().map(stored).collect())
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
        self.take_room(delta.len() + RECORD_BYTES_MORE, self.free_bytes_min)?;
        let entry = self.whole_or_new(document);
        let mut state = lock(&entry.state);
        let head = &mut state.head;
        let at = head.last + 1;
        let record = Record {
            document: entry.number,
            what: What::Delta(Delta {
                name: (at == 1).then(|| document.clone()),
                at,
                before: (at > 1).then_some(head.last_place),
                piece: Piece {
                    to: news(to, &head.version),
                    bytes: delta.into(),
                },
            }),
        };
        let (place, _) = self.log.append(&record)?;
        let What::Delta(delta) = &record.what else {
            unreachable!("it was made so");
        };
        head.append(place, delta);
        let due = head.is_due();
        state.changed = true;
        drop(state);
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
        self.take_room(principal.len() + RECORD_BYTES_MORE, self.free_bytes_min)?;
        let entry = self.whole_or_new(document);
        let mut owners = lock(&self.owners);
        let key = (entry.number, replica.get());
        if owners.contains_key(&key) {
            return Ok(());
        }
        let (place, _) = self.log.append(&Record {
            document: entry.number,
            what: What::Owner(Owned {
                name: document.clone(),
                replica,
                principal: principal.to_owned(),
            }),
        })?;
        let binding = Binding {
            principal: principal.into(),
            place,
        };
        owners.insert(
            key,
            Indexed {
                it: binding,
                indexed: None,
                changed: true,
            },
        );
        drop(owners);
        lock(&entry.state).changed = true;
        Ok(())
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        let documents = read(&self.documents);
        let owners = lock(&self.owners);
        let owner = |((number, replica), bound): (&(u32, u64), &Indexed<Binding>)| {
            let entry = documents.by_number.get(number)?;
            Some(Owner {
                document: entry.name.clone(),
                replica: ReplicaId::new(*replica),
                principal: Arc::clone(&bound.it.principal),
            })
        };
        let mut owners: Vec<Owner> = owners.iter().filter_map(owner).collect();
        owners.sort();
        Ok(owners)
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(self.log.flush()?)
    }

    fn begins_anew(&self) -> bool {
        true
    }

    fn mark(&self, mark: &Mark) -> Result<(), StoreError> {
        self.add_mark(mark)
    }

    fn marks(&self) -> Result<Vec<Mark>, StoreError> {
        let marks = lock(&self.marks);
        Ok(marks.values().map(|it| it.it.marked.mark.clone()).collect())
    }

    fn purge(&self, ids: &BTreeSet<MarkId>) -> Result<(), StoreError> {
        self.take_out(ids)
    }

    fn scrub(&self) -> Result<bool, StoreError> {
        let mut index = lock(&self.index);
        self.get_rid(&mut index)
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
        let _reading = read(&entry.gate);
        let contents = self.contents(&entry)?;
        Ok(Missing::of(version, bytes_max, contents.pieces))
    }

    fn due(&self) -> Vec<DocumentName> {
        lock(&self.due).iter().cloned().collect()
    }

    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError> {
        let _alone = lock(&self.index);
        lock(&self.due).remove(document);
        let Some(entry) = self.entry(document) else {
            return Ok(());
        };
        self.merge(&entry)?;
        // What came meanwhile has asked for another one, on top of what is merged now.
        if !lock(&entry.state).head.is_due() {
            lock(&self.due).remove(document);
        }
        Ok(())
    }

    fn is_untidy(&self) -> bool {
        let end = self.log.end();
        !self.unclean().is_empty()
            || end - self.indexed.load(Ordering::Relaxed) > self.sizes.index_step
            || end >= self.gave_up.load(Ordering::Relaxed) && self.log.is_untidy()
    }

    fn tidy(&self) -> Result<(), StoreError> {
        let mut index = lock(&self.index);
        self.get_rid(&mut index)?;
        self.give_back()?;
        if self.log.end() - self.indexed.load(Ordering::Relaxed) > self.sizes.index_step {
            self.write_index(&mut index)?;
        }
        Ok(())
    }
}

/// What of a version is new.
fn news(to: &VersionVector, held: &VersionVector) -> VersionVector {
    let news = |(replica, seq): &(ReplicaId, u64)| held.get(*replica) < *seq;
    let news: VersionVector = to.iter().filter(news).collect();
    if news.is_empty() {
        to.clone()
    } else {
        news
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        // The next start is quicker so; all that was promised is safe without.
        let mut index = lock(&self.index);
        let behind = self.log.end() > self.indexed.load(Ordering::Relaxed);
        if behind || self.stale.load(Ordering::Relaxed) {
            if let Err(error) = self.write_index(&mut index) {
                tracing::warn!(%error, "the end of the log is not in the index");
            }
        }
    }
}
