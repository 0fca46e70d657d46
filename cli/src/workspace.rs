//! The data folder: the store with its lock, the pool of replica ids, and what is remembered between runs.
//!
//! ```text
//! FOLDER/store/          the log of every document (see driftwood-relay's store)
//! FOLDER/replicas/       one file an id; its lock is held while the id is in use
//! FOLDER/ledger.json     the relay last used; per document, when it changed and what is saved elsewhere
//! FOLDER/drafts/         texts that are being edited
//! FOLDER/lock            held while the store is open
//! ```
//!
//! Several commands may run at once, a `watch` for hours among them. So the store is never kept open: a command opens
//! it, reads or appends, and closes it again within milliseconds. What was appended by others meanwhile is merged when
//! it is opened next.

mod ledger;
mod lock;
mod replica_pool;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{bail, Context as _, Result};
use driftwood_crdt::{Changes, Delta, Doc, ReplicaId, VersionVector};
use driftwood_relay::store::{LogStore, Store as _, StoreError, StoreOptions, Stored};
use driftwood_sync::DocumentName;
use etcetera::BaseStrategy as _;

pub(crate) use self::ledger::{Ledger, Saved};
use self::lock::FolderLock;
pub(crate) use self::replica_pool::Lease;

/// How long a command waits for another one that has the store open.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The folder that holds everything this program keeps.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    folder: PathBuf,
    /// What this process is doing, for others that wait for it.
    activity: &'static str,
}

impl Workspace {
    /// Takes the folder that was asked for, or else the platform's place for data, and makes it if it is missing.
    pub(crate) fn open(folder: Option<PathBuf>, activity: &'static str) -> Result<Self> {
        let folder = match folder {
            Some(folder) => folder,
            None => etcetera::base_strategy::choose_native_strategy()
                .context("cannot tell where data belongs on this system; use --data FOLDER")?
                .data_dir()
                .join("driftwood"),
        };
        if folder.join("FORMAT").exists() {
            bail!(
                "{} is the folder of a relay; choose another one with --data",
                folder.display()
            );
        }
        for part in ["", "replicas", "drafts"] {
            let path = folder.join(part);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot make the folder {}", path.display()))?;
        }
        Ok(Self { folder, activity })
    }

    /// Where texts are kept while an editor has them.
    pub(crate) fn drafts(&self) -> PathBuf {
        self.folder.join("drafts")
    }

    /// Takes a replica id that no other process uses now.
    pub(crate) fn lease(&self) -> Result<Lease> {
        replica_pool::lease(&self.folder.join("replicas")).context("cannot take a replica id")
    }

    /// Opens the store, waiting a little for another command that has it open.
    pub(crate) fn store(&self) -> Result<OpenStore> {
        let lock = FolderLock::take(&self.folder.join("lock"), self.activity, LOCK_WAIT)?;
        let options = StoreOptions {
            lock_wait: LOCK_WAIT,
            ..StoreOptions::default()
        };
        let path = self.folder.join("store");
        let store = quietly(|| LogStore::open_with(&path, &options))
            .map_err(|error| self.explain(error))?;
        Ok(OpenStore {
            store,
            ledger: Ledger::read(&self.ledger_path()),
            ledger_changed: false,
            appended: false,
            workspace: self.clone(),
            _lock: lock,
        })
    }

    /// When some command last changed the store, as far as a look at one file can tell.
    pub(crate) fn last_changed(&self) -> Option<SystemTime> {
        fs::metadata(self.ledger_path()).ok()?.modified().ok()
    }

    fn ledger_path(&self) -> PathBuf {
        self.folder.join("ledger.json")
    }

    fn explain(&self, error: StoreError) -> anyhow::Error {
        let hint = match &error {
            StoreError::Full => "nothing was written; make room and try again",
            StoreError::Corrupt { .. } => {
                "the other documents are unaffected; what a relay has of this one comes back with \
                 `driftwood --data OTHER-FOLDER sync NAME`"
            }
            StoreError::FormatTooNew { .. } => "nothing was changed; use the newer program",
            _ => "nothing was changed",
        };
        let context = format!("cannot use the notes in {} ({hint})", self.folder.display());
        anyhow::Error::new(error).context(context)
    }
}

/// Keeps the storage engine from printing a backtrace over damaged files: the error that comes of it says enough.
fn quietly<R>(open: impl FnOnce() -> R) -> R {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = open();
    std::panic::set_hook(hook);
    result
}

/// The open store. Others wait until it is dropped; what was appended counts once [`finish`](Self::finish) has
/// returned.
pub(crate) struct OpenStore {
    // Dropped in this order: the engine lets go of its files before the next process may open them.
    store: LogStore,
    pub(crate) ledger: Ledger,
    ledger_changed: bool,
    appended: bool,
    workspace: Workspace,
    _lock: FolderLock,
}

impl OpenStore {
    /// Every document that is stored here, by name.
    pub(crate) fn documents(&self) -> Result<Vec<Stored>> {
        self.store.documents().map_err(|error| self.explain(error))
    }

    /// How far a stored document has come; nothing if it is not stored.
    pub(crate) fn version(&self, name: &DocumentName) -> Result<VersionVector> {
        let version = self.store.version(name);
        Ok(version
            .map_err(|error| self.explain(error))?
            .unwrap_or_default())
    }

    /// The document as it is stored; an empty one if it is not.
    pub(crate) fn load(&self, name: &DocumentName, replica: ReplicaId) -> Result<Doc> {
        let mut doc = Doc::new(replica);
        self.catch_up(name, &mut doc)?;
        Ok(doc)
    }

    /// Merges what is stored of a document and missing in `doc`.
    pub(crate) fn catch_up(&self, name: &DocumentName, doc: &mut Doc) -> Result<Changes> {
        let mut changes = Changes::default();
        for bytes in self.load_since(name, doc.version())? {
            let damaged = || format!("the stored document `{name}` is damaged");
            let delta = Delta::decode(&bytes).with_context(damaged)?;
            changes.extend(doc.merge(&delta).with_context(damaged)?);
        }
        Ok(changes)
    }

    /// The stored deltas that take `version` to what is stored.
    pub(crate) fn load_since(
        &self,
        name: &DocumentName,
        version: &VersionVector,
    ) -> Result<Vec<std::sync::Arc<[u8]>>> {
        self.store
            .load_since(name, version)
            .map_err(|error| self.explain(error))
    }

    /// Adds a delta to a document's log.
    pub(crate) fn append(
        &mut self,
        name: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<()> {
        self.store
            .append(name, delta, to)
            .map_err(|error| self.explain(error))?;
        self.ledger.touch(name, driftwood_relay::now().as_millis());
        self.appended = true;
        self.ledger_changed = true;
        Ok(())
    }

    /// [`append`](Self::append) for a commit that was just made.
    pub(crate) fn append_commit(&mut self, name: &DocumentName, delta: &Delta) -> Result<()> {
        if delta.is_empty() {
            return Ok(());
        }
        self.append(name, &delta.encode(), delta.to())
    }

    /// Remembers what is saved elsewhere.
    pub(crate) fn note_saved(&mut self, name: &DocumentName, saved: &Saved) {
        self.ledger_changed |= self.ledger.merge_saved(name, saved);
    }

    /// Remembers the relay that was reached.
    pub(crate) fn note_relay(&mut self, url: &str) {
        if self.ledger.relay.as_deref() != Some(url) {
            self.ledger.relay = Some(url.to_owned());
            self.ledger_changed = true;
        }
    }

    /// Makes durable what was appended, and shortens logs that have grown long.
    pub(crate) fn finish(self) -> Result<()> {
        if self.appended {
            self.store.flush().map_err(|error| self.explain(error))?;
        }
        if self.ledger_changed {
            self.ledger.write(&self.workspace.ledger_path())?;
        }
        if self.appended {
            for document in self.store.due() {
                match self.store.checkpoint(&document) {
                    // Nothing is lost by a log that stays long.
                    Ok(()) | Err(StoreError::Full) => {}
                    Err(error) => return Err(self.explain(error)),
                }
            }
        }
        Ok(())
    }

    fn explain(&self, error: StoreError) -> anyhow::Error {
        self.workspace.explain(error)
    }
}

/// Makes a name durable that was added to a folder.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    // Only Unix lets a folder be opened; elsewhere names are durable by themselves.
    if cfg!(unix) {
        fs::File::open(path)?.sync_all()?;
    }
    Ok(())
}
