//! What is remembered between runs beside the documents: the relay, and what is saved elsewhere.
//!
//! It is a convenience: a ledger that is lost or damaged is begun anew, and the next sync fills it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Level};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::sync_folder;

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    /// The address of the relay that was last reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relay: Option<String>,
    documents: BTreeMap<String, Entry>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Entry {
    changed_ms: u64,
    relay: BTreeMap<String, u64>,
    replicated: BTreeMap<String, u64>,
}

/// How much of a document is saved where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Saved {
    /// On one relay.
    pub(crate) relay: VersionVector,
    /// On two relays.
    pub(crate) replicated: VersionVector,
}

impl Saved {
    /// Adds what is now saved at a level.
    pub(crate) fn note(&mut self, level: Level, version: &VersionVector) {
        match level {
            Level::Local => {}
            Level::Relay => self.relay.merge(version),
            Level::Replicated => self.replicated.merge(version),
        }
    }
}

impl Ledger {
    /// Reads it; a new one if there is none that can be read.
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Replaces the file, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            let mut file = NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.persist(path)?;
            sync_folder(folder)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// When a document was last changed here, in milliseconds since 1970.
    pub(crate) fn changed_ms(&self, name: &DocumentName) -> Option<u64> {
        self.documents
            .get(name.as_str())
            .map(|entry| entry.changed_ms)
    }

    /// How much of a document is known to be saved elsewhere.
    pub(crate) fn saved(&self, name: &DocumentName) -> Saved {
        let entry = self.documents.get(name.as_str());
        entry.map_or_else(Saved::default, |entry| Saved {
            relay: to_version(&entry.relay),
            replicated: to_version(&entry.replicated),
        })
    }

    pub(super) fn touch(&mut self, name: &DocumentName, now_ms: u64) {
        self.entry(name).changed_ms = now_ms;
    }

    /// Adds what is saved elsewhere; whether that is news.
    pub(super) fn merge_saved(&mut self, name: &DocumentName, saved: &Saved) -> bool {
        let known = self.saved(name);
        if known.relay.includes(&saved.relay) && known.replicated.includes(&saved.replicated) {
            return false;
        }
        let entry = self.entry(name);
        raise(&mut entry.relay, &saved.relay);
        raise(&mut entry.replicated, &saved.replicated);
        true
    }

    fn entry(&mut self, name: &DocumentName) -> &mut Entry {
        self.documents.entry(name.as_str().to_owned()).or_default()
    }
}

fn to_version(entries: &BTreeMap<String, u64>) -> VersionVector {
    entries
        .iter()
        .filter_map(|(replica, &seq)| {
            let replica = u64::from_str_radix(replica, 16).ok()?;
            Some((ReplicaId::new(replica), seq))
        })
        .collect()
}

fn raise(entries: &mut BTreeMap<String, u64>, version: &VersionVector) {
    for (replica, seq) in version.iter() {
        let known = entries.entry(replica.to_string()).or_default();
        *known = seq.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_damage_is_forgotten() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("ledger.json");
        let name = DocumentName::new("trip").expect("a name");
        let mut ledger = Ledger::read(&path);
        let version: VersionVector = [(ReplicaId::new(7), 12)].into_iter().collect();
        let mut saved = Saved::default();
        saved.note(Level::Relay, &version);
        assert!(ledger.merge_saved(&name, &saved));
        assert!(!ledger.merge_saved(&name, &saved));
        ledger.touch(&name, 99);
        ledger.write(&path).expect("written");

        let read = Ledger::read(&path);
        assert_eq!(read.saved(&name).relay, version);
        assert!(read.saved(&name).replicated.is_empty());
        assert_eq!(read.changed_ms(&name), Some(99));

        std::fs::write(&path, b"{ \"documents\": 7").expect("written");
        assert_eq!(Ledger::read(&path).changed_ms(&name), None);
    }
}
