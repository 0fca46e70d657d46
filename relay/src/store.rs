//! Where deltas live: an append-only log per document, behind one trait.
//!
//! A store keeps the very bytes that came in, in the order in which they were accepted, and beside
//! them the version each document has reached. It never looks into a delta, except to make a
//! *checkpoint*: then the older part of a log is merged into one state, and that state takes the
//! place of the records it was made of.
//!
//! The rules every implementation keeps, and `tests/store_contract.rs` checks on each:
//!
//! 1. After [`Store::flush`] has returned, everything appended before survives a crash and a power
//!    cut.
//! 2. [`Store::load_since`] gives records in append order, so a reader that holds `version` can
//!    merge them one by one and never meets a gap.
//! 3. A failed append leaves no trace.
//! 4. A damaged record refuses its own document and no other; where the store begins it anew, until the next append.

mod checkpoint;
mod log;
mod mark;
mod memory;
#[cfg(test)]
mod power_cut;
mod record;
mod redb;
mod sled;
#[cfg(test)]
mod world;

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, ErrorCode, Mark, MarkId};

use self::checkpoint::Piece;
pub use self::log::LogStore;
pub(crate) use self::mark::relay_id;
pub use self::mark::Kind;
pub use self::memory::MemoryStore;
pub use self::redb::RedbStore;
pub use self::sled::SledStore;

/// The newest records of a log that a checkpoint leaves as they are, so that someone who was away
/// for a moment gets a few small deltas and not the whole state.
pub const TAIL_RECORDS: u64 = 64;

/// A log of more records than this since its last checkpoint may be due for the next.
pub const CHECKPOINT_RECORDS: u64 = 1024;

/// So may a log of more bytes than this.
const CHECKPOINT_BYTES: u64 = 1 << 20;

/// A log of more records than this is due in any case: to load it takes a merge for each.
const CHECKPOINT_RECORDS_MAX: u64 = 16 << 10;

/// What a record takes besides its delta.
const RECORD_OVERHEAD_BYTES: u64 = 64;

/// Whether a log is long enough for a checkpoint, given what came since the last one and how large
/// that is. A large state is written anew only after it has grown by a quarter: otherwise a long
/// document under slow typing would be written again and again.
fn is_due(records: u64, bytes: u64, checkpoint_bytes: u64) -> bool {
    let long =
        records > CHECKPOINT_RECORDS || (bytes > CHECKPOINT_BYTES && records > 2 * TAIL_RECORDS);
    let grown = bytes + records * RECORD_OVERHEAD_BYTES > checkpoint_bytes / 4;
    (long && grown) || records > CHECKPOINT_RECORDS_MAX
}

/// How to open a store on disk.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How long to wait for a folder that another process has open; a killed process may hold it a
    /// little longer.
    pub lock_wait: Duration,
    /// Appends are refused with [`StoreError::Full`] while the disk has less room than this.
    pub free_bytes_min: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            lock_wait: Duration::from_secs(2),
            free_bytes_min: 64 << 20,
        }
    }
}

/// Opens the store in a folder, and makes it if the folder is empty or missing. Without a kind it is
/// the one that the folder has, or else [`Kind::Log`].
///
/// # Errors
/// When the folder is in use, belongs to someone else, to a newer program or to another kind of store,
/// or cannot be read.
pub fn open(path: &Path, kind: Option<Kind>) -> Result<Box<dyn Store>, StoreError> {
    let kind = match (kind, mark::kind_of(path)?) {
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => Kind::Log,
    };
    if kind == Kind::Sled {
        return Err(StoreError::OtherKind {
            path: path.to_owned(),
            found: kind,
            wanted: Kind::Log,
        });
    }
    open_any(path, kind)
}

/// The store in a folder that has one, whatever its kind.
pub(crate) fn open_there(path: &Path) -> Result<Option<Box<dyn Store>>, StoreError> {
    let kind = mark::kind_of(path)?;
    kind.map(|kind| open_any(path, kind)).transpose()
}

/// How the store in a folder keeps its documents; `None` if the folder is missing or empty.
///
/// # Errors
/// When the folder holds something else, or what only a newer program can read.
pub fn kind_of(path: &Path) -> Result<Option<Kind>, StoreError> {
    mark::kind_of(path)
}

fn open_any(path: &Path, kind: Kind) -> Result<Box<dyn Store>, StoreError> {
    Ok(match kind {
        Kind::Sled => Box::new(SledStore::open(path)?),
        Kind::Log => Box::new(LogStore::open(path)?),
        Kind::Redb => Box::new(RedbStore::open(path)?),
    })
}

/// What a store knows of one document without reading its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The document's name.
    pub name: DocumentName,
    /// How far it has come: the join of what was appended.
    pub version: VersionVector,
    /// What its log takes, its checkpoint included.
    pub bytes: u64,
    /// Whether a record of it failed its checksum; every use of it then answers
    /// [`StoreError::Corrupt`], but for an append where [`Store::begins_anew`].
    pub damaged: bool,
    /// Whether it was damaged and begun anew, and not all that it held is here again.
    pub healing: bool,
}

/// Whose a replica id is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The document it writes in.
    pub document: DocumentName,
    /// The id.
    pub replica: ReplicaId,
    /// Its owner.
    pub principal: Arc<str>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is (almost) full. Nothing was written; the same call succeeds once there is room.
    #[error("the disk has less room than the store keeps free")]
    Full,
    /// A record of this document is damaged.
    #[error("a record of the document is damaged: {reason}")]
    Corrupt {
        /// The document that is refused from now on.
        document: DocumentName,
        /// What did not fit.
        reason: &'static str,
    },
    /// The folder was written by a newer program; nothing in it was changed.
    #[error("{} has store format {found}, newer than the {} this program knows", .path.display(), mark::NEWEST)]
    FormatTooNew {
        /// The folder.
        path: PathBuf,
        /// The format it says it has.
        found: String,
    },
    /// The folder keeps its documents in another way.
    #[error(
        "{} keeps its documents in `{}`, not in `{}`; `driftwood-relay migrate --from {} --to NEW-FOLDER` \
         puts them into another folder",
        .path.display(), .found.name(), .wanted.name(), .path.display()
    )]
    OtherKind {
        /// The folder.
        path: PathBuf,
        /// How it keeps them.
        found: Kind,
        /// How it was to be opened.
        wanted: Kind,
    },
    /// Another process has the folder open.
    #[error("{} is in use by another process", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds files, but no store.
    #[error("{} holds files that are not a Driftwood store; choose an empty folder", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The engine cannot open its files. The documents come back from other relays and from clients
    /// into a new folder.
    #[error("the store in {} is damaged: {reason}; move the folder away to start with an empty one", .path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What the engine says.
        reason: String,
    },
    /// The operating system refused a read, a write or a sync. What is on disk is unknown: stop and
    /// start again.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The storage engine failed. What is on disk is unknown: stop and start again.
    #[error("storage engine: {0}")]
    Engine(String),
}

impl StoreError {
    /// The code that peers are told, if the trouble is one of the document or passes by itself.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            StoreError::Full => Some(ErrorCode::StorageFull),
            StoreError::Corrupt { .. } => Some(ErrorCode::StoreCorrupt),
            StoreError::FormatTooNew { .. } => Some(ErrorCode::FormatTooNew),
            _ => None,
        }
    }

    /// Whether the process must stop: after a failed sync the kernel may have dropped the pages, so
    /// trying again could report success for data that is gone.
    pub fn is_fatal(&self) -> bool {
        matches!(self, StoreError::Io(_) | StoreError::Engine(_))
    }
}

/// A log of deltas per document. All calls block; none needs `&mut`.
pub trait Store: Send + Sync {
    /// Every document, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn documents(&self) -> Result<Vec<Stored>, StoreError>;

    /// How far a document has come, appended records that are not flushed yet included; `None` if
    /// it is unknown.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the document is damaged.
    fn version(&self, document: &DocumentName) -> Result<Option<VersionVector>, StoreError>;

    /// Adds a delta, whose [`to`](driftwood_crdt::Delta::to) is `to`, at the end of the document's
    /// log.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Corrupt`] leave the log as it was; others are fatal.
    fn append(
        &self,
        document: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<(), StoreError>;

    /// Remembers that a replica id of a document belongs to a principal. Once it does, the first call
    /// counts.
    ///
    /// # Errors
    /// [`StoreError::Full`] leaves everything as it was; others are fatal.
    fn bind(
        &self,
        document: &DocumentName,
        replica: ReplicaId,
        principal: &str,
    ) -> Result<(), StoreError>;

    /// Whose the replica ids are.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn owners(&self) -> Result<Vec<Owner>, StoreError>;

    /// Whether a document that is damaged is begun anew by the next append. What was there of it is left as
    /// it is.
    fn begins_anew(&self) -> bool {
        false
    }

    /// Remembers a mark of a document, in place of the one before.
    ///
    /// # Errors
    /// Always fatal.
    fn mark(&self, mark: &Mark) -> Result<(), StoreError> {
        Err(no_marks(mark.id))
    }

    /// All marks.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn marks(&self) -> Result<Vec<Mark>, StoreError> {
        Ok(Vec::new())
    }

    /// Deletes documents that are marked, and whose their replica ids are; they are unknown from now on. O(documents).
    ///
    /// # Errors
    /// Always fatal.
    fn purge(&self, ids: &BTreeSet<MarkId>) -> Result<(), StoreError> {
        ids.first().map_or(Ok(()), |id| Err(no_marks(*id)))
    }

    /// Returns when nothing of what was purged is left in any file; `false` if something may be, in a
    /// piece that is damaged. Takes as long as it takes to read all that is stored.
    ///
    /// # Errors
    /// [`StoreError::Full`] leaves some of it; others are fatal.
    fn scrub(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Returns once everything appended, bound, marked or purged before the call is safe on disk.
    ///
    /// # Errors
    /// Always fatal.
    fn flush(&self) -> Result<(), StoreError>;

    /// The first records that someone who holds `version` lacks, in append order: at least one if
    /// any is missing, and no further ones once they make up `bytes_max`. Ask again with what these
    /// lead to for those that follow. Costs a read of the log since its checkpoint. An unknown
    /// document has none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the document is damaged.
    fn load_some(
        &self,
        document: &DocumentName,
        version: &VersionVector,
        bytes_max: usize,
    ) -> Result<Vec<Arc<[u8]>>, StoreError>;

    /// All the records that someone who holds `version` lacks, as [`load_some`](Store::load_some)
    /// gives them.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the document is damaged.
    fn load_since(
        &self,
        document: &DocumentName,
        version: &VersionVector,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        self.load_some(document, version, usize::MAX)
    }

    /// The whole document: deltas to be merged in this order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the document is damaged.
    fn load(&self, document: &DocumentName) -> Result<Vec<Arc<[u8]>>, StoreError> {
        self.load_since(document, &VersionVector::new())
    }

    /// The documents whose logs are long enough for a [checkpoint](Store::checkpoint).
    fn due(&self) -> Vec<DocumentName>;

    /// Merges all but the newest [`TAIL_RECORDS`] of a document's log into one state and keeps that
    /// in their place. Takes time and memory for the whole document; reads and appends go on
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the log cannot be merged; the log is then left as it was.
    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError>;

    /// Whether [`tidy`](Store::tidy) has something to do.
    fn is_untidy(&self) -> bool {
        false
    }

    /// Does what can wait, such as giving space back. Reads and appends go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Full`] leaves everything as it was; others are fatal.
    fn tidy(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The first kind of store is only read.
fn no_marks(id: MarkId) -> StoreError {
    StoreError::Engine(format!("this kind of store cannot keep the mark {id}"))
}

/// What is behind the stores' locks is whole: nothing there panics between two writes to it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses a document that is damaged, if it is.
fn check_whole(damaged: Option<&'static str>, document: &DocumentName) -> Result<(), StoreError> {
    match damaged {
        None => Ok(()),
        Some(reason) => Err(StoreError::Corrupt {
            document: document.clone(),
            reason,
        }),
    }
}

/// Gathers what a reader lacks, up to a number of bytes.
struct Missing<'a> {
    held: &'a VersionVector,
    bytes_left: usize,
    deltas: Vec<Arc<[u8]>>,
}

impl<'a> Missing<'a> {
    fn new(held: &'a VersionVector, bytes_max: usize) -> Self {
        Self {
            held,
            bytes_left: bytes_max,
            deltas: Vec::new(),
        }
    }

    /// What a reader lacks of a log.
    fn of<P: Borrow<Piece>>(
        held: &'a VersionVector,
        bytes_max: usize,
        pieces: impl IntoIterator<Item = P>,
    ) -> Vec<Arc<[u8]>> {
        let mut missing = Self::new(held, bytes_max);
        for piece in pieces {
            if missing.is_full() {
                break;
            }
            let piece = piece.borrow();
            missing.take(&piece.to, Arc::clone(&piece.bytes));
        }
        missing.deltas
    }

    fn is_full(&self) -> bool {
        self.bytes_left == 0
    }

    /// Takes the next record of the log.
    fn take(&mut self, to: &VersionVector, delta: impl Into<Arc<[u8]>>) {
        if !self.held.includes(to) {
            let delta = delta.into();
            self.bytes_left = self.bytes_left.saturating_sub(delta.len());
            self.deltas.push(delta);
        }
    }
}
