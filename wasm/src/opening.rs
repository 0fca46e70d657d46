//! Documents come, are stored, and go.

use std::rc::Rc;

use driftwood_sync::{DocumentName, Input, Level};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::client::Client;
use crate::document::Document;
use crate::error::Failure;
use crate::loading::{self, Acks};
use crate::record::{self, Kind};
use crate::replica_pool::Lease;
use crate::store::News;
use crate::telling::{Event, Face};

impl Client {
    /// Opens a document. It is not open yet.
    pub(crate) async fn open(
        self: &Rc<Self>,
        name: DocumentName,
        face: Face,
    ) -> Result<Rc<Document>, Failure> {
        let mut trouble = self.storeless.borrow().clone();
        let mut found = None;
        if let Some(store) = self.store() {
            match store.read(&name).await {
                Ok(read) => found = Some(read),
                Err(failure) => trouble = Some(failure),
            }
        }
        let persistent = found.is_some();
        let (about, records) = found.unwrap_or_default();
        // An id of the pool may have been used before, by records that could not be read here.
        let leased = self.lease.borrow().as_ref().map(|lease| lease.replica);
        let own = Lease::for_session().replica;
        let mut loaded = loading::load(leased.filter(|_| persistent).unwrap_or(own), &records)?;
        let damaged = loaded.damaged.len();
        if damaged > 0 {
            loaded = loading::load(own, &records)?;
        }
        let private = loaded.doc.replica() == own;
        let acks = about.map(|bytes| match record::decode(&bytes) {
            Ok((Kind::Acks, payload)) => Acks::decode(payload).unwrap_or_default(),
            _ => Acks::default(),
        });
        let document = Document::new(
            name.clone(),
            self.clone(),
            loaded,
            acks,
            persistent,
            private,
            face,
        );
        if self.documents.borrow().contains(&name) {
            return Err(Failure::argument("the document is open"));
        }
        self.documents.borrow_mut().insert(name, document.clone());
        self.announce(&document);
        if let Some(failure) = trouble {
            document.tell(Event::Storage(failure));
        }
        if damaged > 0 {
            document.tell(Event::Storage(corrupt(damaged)));
        }
        document.schedule_compaction();
        Ok(document)
    }

    /// Tells the node how far a document is and who writes it.
    pub(crate) fn announce(&self, document: &Document) {
        let version = if document.persistent.get() {
            document.saved.borrow().local.clone()
        } else {
            document.saved.borrow().queued.clone()
        };
        let own = Some(document.replica());
        self.input(Input::Open {
            document: document.name.clone(),
            version,
            own,
        });
    }

    /// Stores what is left of a document and lets go of it.
    pub(crate) async fn close(self: &Rc<Self>, document: &Rc<Document>) -> Result<(), Failure> {
        document.commit();
        document.put_journal();
        let mut result = Ok(());
        while document.persistent.get() && self.is_storing(document) {
            if let Some(failure) = self.store().and_then(|store| store.failure()) {
                result = Err(failure);
                break;
            }
            self.store_has_news().await;
        }
        self.put_acks();
        self.input(Input::Shut {
            document: document.name.clone(),
        });
        let last = {
            let mut documents = self.documents.borrow_mut();
            documents.remove(&document.name);
            documents.is_empty()
        };
        if last {
            self.end();
        }
        result
    }

    fn is_storing(&self, document: &Document) -> bool {
        let has_journal = document.journal.borrow().is_some();
        let is_busy = || self.store().is_some_and(|store| !store.is_idle());
        document.unsaved(Level::Local) > 0 || has_journal && is_busy()
    }

    /// Stores what relays have acknowledged.
    pub(crate) fn put_acks(&self) {
        let Some(store) = self.store() else { return };
        for document in self.documents.borrow().values() {
            document.put_acks();
        }
        store.commit();
    }

    pub(crate) async fn store_has_news(&self) {
        let news = Promise::new(&mut |resolve, _| self.waiting.borrow_mut().push(resolve));
        // It is never rejected.
        let _ = JsFuture::from(news).await;
    }

    pub(crate) fn store_news(&self, news: News) {
        match news {
            News::Flushed(marks) => {
                for (name, version) in marks {
                    self.flushed(&name, &version);
                }
            }
            News::Failed(failure) => {
                self.tell_all(|| Event::Storage(failure.clone()));
            }
            News::Recovered => {
                let recovered = Failure::new(
                    "STORAGE_RECOVERED",
                    "what could not be stored is stored now",
                );
                self.tell_all(|| Event::Storage(recovered.clone()));
            }
            News::Reopened => {
                let documents: Vec<_> = self.documents.borrow().values().cloned().collect();
                for document in documents
                    .iter()
                    .filter(|document| document.persistent.get())
                {
                    document.write_snapshot();
                    document.put_journal();
                }
            }
        }
        let waiting = self.waiting.take();
        for resolve in waiting {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
        self.settle_suspension();
    }
}

/// What to say about records that could not be read.
fn corrupt(count: usize) -> Failure {
    let mut message = count.to_string();
    message.push_str(" stored records of this document are damaged and were left out");
    Failure::new("STORE_CORRUPT", message)
}
