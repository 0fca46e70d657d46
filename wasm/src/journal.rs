//! The journal of a document that keeps one: its past, with names for some versions.
//!
//! It is one record beside the document's own. It is written when a version is named, when something
//! was erased, with every compaction and at the end; what it misses after a crash it catches up with as
//! one step.

use driftwood_crdt::{Delta, Doc, Journal, JournalError, LoadError, VersionVector};
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::document::Document;
use crate::error::Failure;
use crate::host;
use crate::raw::RawDocument;
use crate::record::{self, Kind, Unreadable};
use crate::store::Key;
use crate::telling::Event;

impl Document {
    /// Begins to keep a journal, with the one that is stored if there is one.
    ///
    /// # Errors
    /// `FORMAT_TOO_NEW`, `STORAGE_UNAVAILABLE`, `STORAGE_FAILED`: an older one must not be written over.
    pub(crate) async fn open_journal(&self) -> Result<(), Failure> {
        let stored = match self.client.store().filter(|_| self.persistent.get()) {
            Some(store) => store.get(&Key::Journal(self.name.clone())).await?,
            None => None,
        };
        if self.journal.borrow().is_some() {
            return Ok(());
        }
        self.commit();
        let mut damaged = None;
        let journal = match stored.map(|bytes| read(&bytes)).transpose() {
            Ok(journal) => journal,
            Err(failure) if failure.code == "FORMAT_TOO_NEW" => return Err(failure),
            Err(failure) => {
                damaged = Some(failure);
                None
            }
        };
        let journal = {
            let doc = self.doc.borrow();
            let caught_up = journal.map(|mut journal| journal.catch_up(&doc).map(|_| journal));
            caught_up.transpose()?.unwrap_or_else(|| Journal::new(&doc))
        };
        *self.journal.borrow_mut() = Some(journal);
        if let Some(failure) = damaged {
            self.tell(Event::Storage(failure));
        }
        Ok(())
    }

    /// Takes a delta down that is in the document already.
    pub(crate) fn note(&self, delta: &Delta) {
        let mut journal = self.journal.borrow_mut();
        let Some(journal) = journal.as_mut() else {
            return;
        };
        let mut erases = delta.erases();
        match journal.record(delta) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                erases = true;
                let doc = self.doc.borrow();
                if journal.catch_up(&doc).is_err() {
                    // It cannot go on from what it has: it begins anew with what there is.
                    *journal = Journal::new(&doc);
                }
            }
        }
        // What was erased must not outlive this on the disk.
        if erases {
            self.put_journal_of(journal);
        }
    }

    /// Queues the journal to be stored.
    pub(crate) fn put_journal(&self) {
        if let Some(journal) = self.journal.borrow().as_ref() {
            self.put_journal_of(journal);
        }
    }

    fn put_journal_of(&self, journal: &Journal) {
        if let Some(store) = self.client.store().filter(|_| self.persistent.get()) {
            let bytes = record::encode(Kind::Journal, &journal.to_bytes());
            store.put(Key::Journal(self.name.clone()), bytes);
            store.commit();
        }
    }

    fn with_journal<R>(&self, act: impl FnOnce(&mut Journal) -> R) -> Result<R, Failure> {
        self.commit();
        let mut journal = self.journal.borrow_mut();
        let journal = journal.as_mut().ok_or_else(|| {
            Failure::argument("the document was not opened with { journal: true }")
        })?;
        Ok(act(journal))
    }

    fn past(&self, version: &[u8]) -> Result<Doc, Failure> {
        let version = VersionVector::decode(version)?;
        Ok(self.with_journal(|journal| journal.at(&version))??)
    }
}

fn read(bytes: &[u8]) -> Result<Journal, Failure> {
    match record::decode(bytes) {
        Ok((Kind::Journal, payload)) => Ok(Journal::from_bytes(payload)?),
        Err(Unreadable::TooNew) => Err(too_new()),
        _ => Err(damaged()),
    }
}

fn too_new() -> Failure {
    Failure::new(
        "FORMAT_TOO_NEW",
        "a later version of driftwood-sync has stored this journal",
    )
}

fn damaged() -> Failure {
    Failure::new(
        "STORE_CORRUPT",
        "the stored journal is damaged; a new one is begun",
    )
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::NotRecorded { .. } => Self::new(
                "NOT_RECORDED",
                "the journal has no such version: one that was named, or that the document stopped at",
            ),
            JournalError::LongLabel { .. } => Self::new("LIMIT_KEY", error.to_string()),
            JournalError::Load(LoadError::FormatTooNew { .. }) => too_new(),
            _ => damaged(),
        }
    }
}

#[wasm_bindgen]
impl RawDocument {
    /// Begins to keep a journal. The promise rejects with `FORMAT_TOO_NEW`, `STORAGE_UNAVAILABLE`,
    /// `STORAGE_FAILED`.
    #[wasm_bindgen(js_name = journalOpen)]
    pub fn journal_open(&self) -> Promise {
        let document = self.shared();
        host::promise(async move {
            document.open_journal().await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Gives the present version a name, and gives the version.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `LIMIT_KEY`.
    #[wasm_bindgen(js_name = journalName)]
    pub fn journal_name(&self, label: &str) -> Result<Vec<u8>, Failure> {
        let document = self.document();
        let version = document.with_journal(|journal| {
            journal.name(label, host::now_ms())?;
            Ok::<_, Failure>(journal.version().encode())
        })??;
        document.put_journal();
        Ok(version)
    }

    /// `[label, version, ms]*`, in the order in which they were named.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = journalNames)]
    pub fn journal_names(&self) -> Result<Array, Failure> {
        self.document().with_journal(|journal| {
            let flat = Array::new();
            for named in journal.names() {
                flat.push(&named.label.as_str().into());
                flat.push(&js_sys::Uint8Array::from(&*named.version.encode()).into());
                flat.push(&(named.minute.millis() as f64).into());
            }
            flat
        })
    }

    /// The document as it was, as a plain value.
    ///
    /// # Errors
    /// `BAD_BYTES`, `NOT_RECORDED`, `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = journalAt)]
    pub fn journal_at(&self, version: &[u8]) -> Result<JsValue, Failure> {
        let past = self.document().past(version)?;
        Ok(convert::to_js(&past.top().to_value()))
    }

    /// Makes the document what it was. `[handle, detail]*` of what changed.
    ///
    /// # Errors
    /// `BAD_BYTES`, `NOT_RECORDED`, `INVALID_ARGUMENT`, `LIMIT_COUNTER`; nothing has changed then.
    pub fn revert(&self, version: &[u8]) -> Result<Array, Failure> {
        let document = self.document();
        let past = document.past(version)?;
        document.client.before_edit(document);
        // On a copy, so that it is done whole or not at all, and what changed is known.
        let mut reverted = document.doc.borrow().clone();
        let delta = reverted.revert_to(&past, host::now_ms())?;
        let changes = document.doc.borrow_mut().merge(&delta);
        let changes = changes.map_err(|error| Failure::new("INTERNAL", error.to_string()))?;
        document.local(&delta);
        Ok(document.changes_to_js(&changes))
    }
}
