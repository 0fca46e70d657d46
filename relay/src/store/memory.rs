//! A store that forgets: for tests, and for a relay that only passes things on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Mark, MarkId};

use super::checkpoint::{self, Piece};
use super::{is_due, lock, Missing, Owner, Store, StoreError, Stored, TAIL_RECORDS};

/// Keeps everything in memory; [`flush`](Store::flush) has nothing to do.
#[derive(Default)]
pub struct MemoryStore {
    logs: Mutex<BTreeMap<DocumentName, Log>>,
    owners: Mutex<BTreeMap<(DocumentName, ReplicaId), Arc<str>>>,
    marks: Mutex<BTreeMap<MarkId, Mark>>,
}

#[derive(Default)]
struct Log {
    version: VersionVector,
    checkpoint: Option<Piece>,
    records: Vec<Piece>,
    bytes: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<DocumentName, Log>> {
        // Nothing here panics between two writes, so what a poisoned lock guards is whole.
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn documents(&self) -> Result<Vec<Stored>, StoreError> {
        let stored = |(name, log): (&DocumentName, &Log)| Stored {
            name: name.clone(),
            version: log.version.clone(),
            bytes: log.bytes
                + log
                    .checkpoint
                    .as_ref()
                    .map_or(0, |it| it.bytes.len() as u64),
            damaged: false,
            healing: false,
        };
        Ok(self.logs().iter().map(stored).collect())
    }

    fn version(&self, document: &DocumentName) -> Result<Option<VersionVector>, StoreError> {
        Ok(self.logs().get(document).map(|log| log.version.clone()))
    }

    fn append(
        &self,
        document: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<(), StoreError> {
        let mut logs = self.logs();
        let log = logs.entry(document.clone()).or_default();
        log.version.merge(to);
        log.bytes += delta.len() as u64;
        log.records.push(Piece {
            to: to.clone(),
            bytes: delta.into(),
        });
        Ok(())
    }

    fn bind(
        &self,
        document: &DocumentName,
        replica: ReplicaId,
        principal: &str,
    ) -> Result<(), StoreError> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (document.clone(), replica);
        owners.entry(key).or_insert_with(|| principal.into());
        Ok(())
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let owner =
            |((document, replica), principal): (&(DocumentName, ReplicaId), &Arc<str>)| Owner {
                document: document.clone(),
                replica: *replica,
                principal: Arc::clone(principal),
            };
        Ok(owners.iter().map(owner).collect())
    }

    fn mark(&self, mark: &Mark) -> Result<(), StoreError> {
        lock(&self.marks).insert(mark.id, mark.clone());
        Ok(())
    }

    fn marks(&self) -> Result<Vec<Mark>, StoreError> {
        Ok(lock(&self.marks).values().cloned().collect())
    }

    fn purge(&self, ids: &BTreeSet<MarkId>) -> Result<(), StoreError> {
        let stays = |document: &DocumentName| !ids.contains(&MarkId::of(document));
        self.logs().retain(|document, _| stays(document));
        lock(&self.owners).retain(|(document, _), _| stays(document));
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn load_some(
        &self,
        document: &DocumentName,
        version: &VersionVector,
        bytes_max: usize,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        let logs = self.logs();
        let Some(log) = logs.get(document) else {
            return Ok(Vec::new());
        };
        let pieces = log.checkpoint.iter().chain(&log.records);
        Ok(Missing::of(version, bytes_max, pieces))
    }

    fn due(&self) -> Vec<DocumentName> {
        let due = |log: &Log| {
            let checkpoint_bytes = log.checkpoint.as_ref().map_or(0, |piece| piece.bytes.len());
            is_due(log.records.len() as u64, log.bytes, checkpoint_bytes as u64)
        };
        self.logs()
            .iter()
            .filter(|(_, log)| due(log))
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError> {
        let corrupt = |reason| StoreError::Corrupt {
            document: document.clone(),
            reason,
        };
        let mut logs = self.logs();
        let Some(log) = logs.get_mut(document) else {
            return Ok(());
        };
        let old = log.records.len().saturating_sub(TAIL_RECORDS as usize);
        if old == 0 {
            return Ok(());
        }
        let merged = log.checkpoint.iter().chain(&log.records[..old]);
        log.checkpoint =
            Some(checkpoint::merge(merged.map(|piece| piece.bytes.as_ref())).map_err(corrupt)?);
        log.records.drain(..old);
        log.bytes = log
            .records
            .iter()
            .map(|piece| piece.bytes.len() as u64)
            .sum();
        Ok(())
    }
}
