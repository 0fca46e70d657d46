//! A store whose troubles a test decides.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_relay::store::{MemoryStore, Owner, Store, StoreError, Stored};
use driftwood_sync::DocumentName;

/// Keeps everything in memory, and fails or waits when told to.
#[derive(Default)]
pub(crate) struct Staged {
    inner: MemoryStore,
    /// Appends are refused for want of room.
    pub(crate) full: AtomicBool,
    /// Flushes fail.
    pub(crate) broken: AtomicBool,
    /// This document is damaged.
    pub(crate) damaged: Mutex<Option<DocumentName>>,
    /// How many times it was flushed.
    pub(crate) flushes: AtomicU64,
    /// How many times something was read.
    pub(crate) loads: AtomicU64,
    held: Mutex<bool>,
    released: Condvar,
}

impl Staged {
    /// Flushes wait from now on.
    pub(crate) fn hold_flushes(&self) {
        *self.held.lock().expect("not poisoned") = true;
    }

    /// Flushes go on.
    pub(crate) fn release_flushes(&self) {
        *self.held.lock().expect("not poisoned") = false;
        self.released.notify_all();
    }

    fn check(&self, document: &DocumentName) -> Result<(), StoreError> {
        if self.damaged.lock().expect("not poisoned").as_ref() == Some(document) {
            return Err(StoreError::Corrupt {
                document: document.clone(),
                reason: "staged",
            });
        }
        Ok(())
    }
}

impl Store for Staged {
    fn documents(&self) -> Result<Vec<Stored>, StoreError> {
        self.inner.documents()
    }

    fn version(&self, document: &DocumentName) -> Result<Option<VersionVector>, StoreError> {
        self.check(document)?;
        self.inner.version(document)
    }

    fn append(
        &self,
        document: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<(), StoreError> {
        self.check(document)?;
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Full);
        }
        self.inner.append(document, delta, to)
    }

    fn bind(
        &self,
        document: &DocumentName,
        replica: ReplicaId,
        principal: &str,
    ) -> Result<(), StoreError> {
        self.check(document)?;
        self.inner.bind(document, replica, principal)
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        self.inner.owners()
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Io(std::io::Error::other("staged")));
        }
        let held = self.held.lock().expect("not poisoned");
        drop(
            self.released
                .wait_while(held, |held| *held)
                .expect("not poisoned"),
        );
        self.inner.flush()
    }

    fn load_some(
        &self,
        document: &DocumentName,
        version: &VersionVector,
        bytes_max: usize,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        self.check(document)?;
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.inner.load_some(document, version, bytes_max)
    }

    fn due(&self) -> Vec<DocumentName> {
        self.inner.due()
    }

    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError> {
        self.inner.checkpoint(document)
    }
}
