//! How a document's records are written, and how many become one.
//!
//! Compaction writes a snapshot and deletes only the records that the snapshot contains, in one
//! transaction. It may happen at any time in any tab: what another tab writes meanwhile stays, and
//! records overlap harmlessly. The lock only saves work.

use std::rc::Rc;

use driftwood_crdt::VersionVector;
use driftwood_sync::Level;

use crate::document::Document;
use crate::host;
use crate::locks::{try_lock, Answer};
use crate::record::{self, Kind};
use crate::store::Key;

/// More records than this are made one.
const RECORDS_MAX: usize = 256;
/// So are fewer ones, when those beside the snapshot are longer than this and than the snapshot.
const BYTES_MAX: usize = 128 << 10;
/// Compaction waits for a quiet moment this long, after the document was opened or written.
const DELAY_MS: f64 = 2_000.0;

impl Document {
    /// Queues a record.
    pub(crate) fn put(&self, kind: Kind, from: &VersionVector, to: &VersionVector, payload: &[u8]) {
        let Some(store) = self.client.store() else {
            return;
        };
        let key: Rc<str> = record::key(kind, from, to, payload).into();
        let bytes = record::encode(kind, payload);
        let mut stored = self.stored.borrow_mut();
        stored.records.insert(key.clone(), bytes.len());
        if !std::mem::replace(&mut stored.listed, true) {
            self.acks_due.set(true);
        }
        store.put(Key::Record(self.name.clone(), key), bytes);
        store.mark(&self.name, &self.saved.borrow().queued);
        drop(stored);
        // The first record brings the document into the list, in the same transaction.
        if self.saved.borrow().local.is_empty() {
            self.put_acks();
        }
    }

    /// Queues what relays have acknowledged, if that is due.
    pub(crate) fn put_acks(&self) {
        if let Some(store) = self.client.store().filter(|_| self.acks_due.replace(false)) {
            let bytes = record::encode(Kind::Acks, &self.saved.borrow().acks.encode());
            store.put(Key::Document(self.name.clone()), bytes);
        }
    }

    /// Queues a snapshot of the whole document, and gives its key.
    pub(crate) fn write_snapshot(&self) {
        self.commit();
        let (snapshot, version) = {
            let doc = self.doc.borrow();
            (doc.save(), doc.version().clone())
        };
        if !version.is_empty() {
            self.acks_due.set(true);
            self.put_acks();
            self.put(Kind::Snapshot, &VersionVector::new(), &version, &snapshot);
        }
    }

    /// A relay gave us what it had: damaged records that it made up for may go.
    pub(crate) fn forget_damaged(&self) {
        self.stored.borrow_mut().repaired = true;
        self.schedule_compaction();
    }

    /// Has the records made one soon, if they are too many.
    pub(crate) fn schedule_compaction(&self) {
        if self.persistent.get() && !self.compacting.get() && self.is_scattered() {
            self.compaction.set(DELAY_MS);
        }
    }

    fn is_scattered(&self) -> bool {
        let stored = self.stored.borrow();
        let is_snapshot = |key: &str| key.starts_with(record::SNAPSHOT);
        let size = |snapshots: bool| -> usize {
            let records = stored.records.iter();
            records
                .filter(|(key, _)| is_snapshot(key) == snapshots)
                .map(|(_, size)| size)
                .sum()
        };
        stored.records.len() > RECORDS_MAX
            || size(false) > size(true).max(BYTES_MAX)
            || (stored.repaired && !stored.damaged.is_empty())
    }

    /// Makes the records one, if no other tab is at it.
    pub(crate) fn compact(self: &Rc<Self>) {
        if self.compacting.replace(true) {
            return;
        }
        let document = self.clone();
        host::spawn(async move {
            let mut name = String::from("dw-compact:");
            name.push_str(document.name.as_str());
            let lock = try_lock(&name).await;
            if !matches!(lock, Answer::Busy) {
                document.replace_records().await;
            }
            drop(lock);
            document.compacting.set(false);
        });
    }

    async fn replace_records(&self) {
        let Some(store) = self
            .client
            .store()
            .filter(|store| store.failure().is_none())
        else {
            return;
        };
        self.commit();
        let mut old = std::mem::take(&mut self.stored.borrow_mut().records);
        self.write_snapshot();
        self.put_journal();
        {
            let mut stored = self.stored.borrow_mut();
            // Nothing had changed since the last snapshot: it has the same key.
            old.retain(|key, _| !stored.records.contains(key));
            let version = self.saved.borrow().queued.clone();
            let repaired = stored.repaired;
            stored.damaged.retain(|key| {
                let covered =
                    record::last_of(key).is_some_and(|(replica, seq)| version.get(replica) >= seq);
                if repaired && covered {
                    old.insert(key.clone(), 0);
                }
                !(repaired && covered)
            });
        }
        for (key, _) in old {
            store.delete(Key::Record(self.name.clone(), key));
        }
        let version = self.saved.borrow().queued.clone();
        store.commit();
        // The lock is held until it is done, lest another tab does it all again.
        while !self.is_version_saved(Level::Local, &version) && store.failure().is_none() {
            self.client.store_has_news().await;
        }
    }
}
