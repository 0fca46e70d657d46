//! What is stored on this device, and the one way to write to it.
//!
//! Group commit: what comes while a transaction runs goes into the next one. A write that failed stays
//! queued, is retried together with what came since, and nothing is reported as durable before the
//! transaction that holds it, and every one before it, has completed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use driftwood_crdt::VersionVector;
use driftwood_sync::DocumentName;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::IdbKeyRange;

use crate::error::Failure;
use crate::host::{self, Timer};
use crate::indexeddb::{prefix, Database, Operation};
use crate::table::Table;

/// The first part of a record's key: what it belongs to.
pub(crate) const DOCUMENTS: &str = "doc";
const RECORDS: &str = "rec";
const JOURNALS: &str = "log";
/// See [`crate::replica_pool`].
pub(crate) const REPLICAS: &str = "id";

const RETRY_MS_MIN: f64 = 500.0;
const RETRY_MS_MAX: f64 = 30_000.0;

/// The name of a record: a document's, or of the document itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// What is known about a document beside its content.
    Document(DocumentName),
    /// A piece of its content.
    Record(DocumentName, Rc<str>),
    /// Its past.
    Journal(DocumentName),
}

impl Key {
    fn to_js(&self) -> JsValue {
        match self {
            Self::Document(name) => Array::of2(&DOCUMENTS.into(), &name.as_str().into()).into(),
            Self::Journal(name) => Array::of2(&JOURNALS.into(), &name.as_str().into()).into(),
            Self::Record(name, key) => {
                Array::of3(&RECORDS.into(), &name.as_str().into(), &(&**key).into()).into()
            }
        }
    }
}

/// What the store tells its owner.
pub(crate) enum News {
    /// These versions are durable now.
    Flushed(Table<DocumentName, VersionVector>),
    /// A write failed, and will be tried again.
    Failed(Failure),
    /// What had failed has been written.
    Recovered,
    /// The connection had been lost and is a new one, perhaps to an emptied database: write
    /// everything again.
    Reopened,
}

#[derive(Default)]
struct Batch {
    /// The last word on each record; the order among different ones does not matter, since a
    /// transaction is all or nothing.
    operations: Table<Key, Option<Rc<[u8]>>>,
    /// What is durable when this batch is, and all before it.
    marks: Table<DocumentName, VersionVector>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.marks.is_empty()
    }

    /// Puts an earlier batch under this one.
    fn put_before(&mut self, earlier: Batch) {
        for (key, operation) in earlier.operations {
            self.operations.or_insert_with(key, || operation);
        }
        for (name, version) in earlier.marks {
            self.marks
                .or_insert_with(name, VersionVector::new)
                .merge(&version);
        }
    }
}

/// The writing side of a database that may fail, vanish and return.
pub(crate) struct Store {
    name: String,
    database: RefCell<Option<Rc<Database>>>,
    next: RefCell<Batch>,
    /// Transactions that run now.
    running: Cell<u32>,
    /// Why a write failed that has not been made up for.
    trouble: RefCell<Option<Failure>>,
    /// How many writes have failed. A transaction that began before the last failure holds less than
    /// its marks say, even when it completes.
    failures: Cell<u32>,
    delay_ms: Cell<f64>,
    retry: Timer,
    tell: Box<dyn Fn(News)>,
}

impl Store {
    /// A store that writes to `database` and tells its news to `tell`.
    pub(crate) fn new(name: &str, database: Database, tell: impl Fn(News) + 'static) -> Rc<Self> {
        Rc::new_cyclic(|weak: &std::rc::Weak<Self>| {
            let weak = weak.clone();
            Self {
                name: name.to_owned(),
                database: RefCell::new(Some(Rc::new(database))),
                next: RefCell::default(),
                running: Cell::new(0),
                trouble: RefCell::default(),
                failures: Cell::new(0),
                delay_ms: Cell::new(RETRY_MS_MIN),
                retry: Timer::new(move || {
                    if let Some(store) = weak.upgrade() {
                        store.start();
                    }
                }),
                tell: Box::new(tell),
            }
        })
    }

    /// The connection, unless it was lost.
    pub(crate) fn database(&self) -> Option<Rc<Database>> {
        self.database
            .borrow()
            .as_ref()
            .filter(|database| database.is_open())
            .cloned()
    }

    /// Queues a record. [`Self::commit`] sends it off.
    pub(crate) fn put(&self, key: Key, bytes: Vec<u8>) {
        self.next
            .borrow_mut()
            .operations
            .insert(key, Some(bytes.into()));
    }

    /// Queues the removal of a record.
    pub(crate) fn delete(&self, key: Key) {
        self.next.borrow_mut().operations.insert(key, None);
    }

    /// Says what will be durable when all that is queued is.
    pub(crate) fn mark(&self, document: &DocumentName, version: &VersionVector) {
        self.next
            .borrow_mut()
            .marks
            .or_insert_with(document.clone(), VersionVector::new)
            .merge(version);
    }

    /// Begins a transaction with what is queued, unless one is running or a retry is due: then it
    /// goes along with that.
    pub(crate) fn commit(self: &Rc<Self>) {
        if self.running.get() == 0 && self.trouble.borrow().is_none() {
            self.start();
        }
    }

    /// Begins a transaction at once, as a page must that is about to be put away.
    pub(crate) fn commit_now(self: &Rc<Self>) {
        self.start();
    }

    /// Why the last write failed, until one succeeds again.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.trouble.borrow().clone()
    }

    /// Whether nothing is queued or under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.get() == 0 && self.next.borrow().is_empty()
    }

    fn start(self: &Rc<Self>) {
        if self.next.borrow().is_empty() {
            return;
        }
        let Some(database) = self.database() else {
            self.reopen();
            return;
        };
        let batch = self.next.take();
        let operations: Vec<Operation> = batch
            .operations
            .iter()
            .map(|(key, bytes)| {
                let value = bytes
                    .as_ref()
                    .map(|bytes| Uint8Array::from(&**bytes).into());
                (key.to_js(), value)
            })
            .collect();
        let failures = self.failures.get();
        match database.write(&operations) {
            Ok(queued) => {
                self.running.set(self.running.get() + 1);
                let store = self.clone();
                host::spawn(async move {
                    let result = queued.complete().await;
                    store.running.set(store.running.get() - 1);
                    store.finish(batch, failures, result);
                });
            }
            Err(failure) => self.finish(batch, failures, Err(failure)),
        }
    }

    fn finish(self: &Rc<Self>, batch: Batch, failures: u32, result: Result<(), Failure>) {
        match result {
            Ok(()) if failures == self.failures.get() => {
                if self.trouble.take().is_some() {
                    self.delay_ms.set(RETRY_MS_MIN);
                    (self.tell)(News::Recovered);
                }
                (self.tell)(News::Flushed(batch.marks));
            }
            Ok(()) => {
                let marks = Batch {
                    marks: batch.marks,
                    ..Batch::default()
                };
                self.next.borrow_mut().put_before(marks);
            }
            Err(failure) => {
                self.next.borrow_mut().put_before(batch);
                self.fail(failure);
            }
        }
        self.commit();
    }

    fn fail(&self, failure: Failure) {
        *self.trouble.borrow_mut() = Some(failure.clone());
        self.failures.set(self.failures.get() + 1);
        let delay = self.delay_ms.get();
        self.delay_ms.set((delay * 2.0).min(RETRY_MS_MAX));
        self.retry.set(delay);
        (self.tell)(News::Failed(failure));
    }

    /// Gets a new connection, then has everything written again: the database may be another one.
    fn reopen(self: &Rc<Self>) {
        if self.running.get() > 0 {
            // Transactions of the old connection still run; what follows them comes back here.
            return;
        }
        self.running.set(1);
        let store = self.clone();
        host::spawn(async move {
            let opened = Database::open(&store.name).await;
            store.running.set(store.running.get() - 1);
            match opened {
                Ok(database) => {
                    *store.database.borrow_mut() = Some(Rc::new(database));
                    (store.tell)(News::Reopened);
                    store.start();
                }
                Err(failure) => store.fail(failure),
            }
        });
    }

    fn connection(&self) -> Result<Rc<Database>, Failure> {
        self.database()
            .ok_or_else(|| Failure::new("STORAGE_UNAVAILABLE", "the connection was lost"))
    }

    /// One record.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Failure> {
        let found = self.connection()?.read(&exactly(key)?).await?;
        Ok(found.first().and_then(|(_, value)| bytes_of(value)))
    }

    /// All records of a document: its own first, if it has one, then the pieces of its content with
    /// their keys, in order of key.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub(crate) async fn read(
        &self,
        document: &DocumentName,
    ) -> Result<(Option<Vec<u8>>, Vec<(Rc<str>, Vec<u8>)>), Failure> {
        let database = self.connection()?;
        let about = self.get(&Key::Document(document.clone())).await?;
        let range = prefix(&[RECORDS, document.as_str()])?;
        let mut records = Vec::new();
        for (key, value) in database.read(&range).await? {
            let key = Array::from(&key).get(2).as_string().unwrap_or_default();
            // What is not bytes cannot be ours; as no bytes at all it counts as damaged.
            records.push((key.into(), bytes_of(&value).unwrap_or_default()));
        }
        Ok((about, records))
    }
}

/// Removes everything stored of a document.
///
/// # Errors
/// As [`Database::read`].
pub(crate) async fn destroy(database: &Database, document: &DocumentName) -> Result<(), Failure> {
    database
        .delete(&prefix(&[RECORDS, document.as_str()])?)
        .await?;
    database
        .delete(&exactly(&Key::Journal(document.clone()))?)
        .await?;
    database
        .delete(&exactly(&Key::Document(document.clone()))?)
        .await
}

/// The names of all documents stored here.
///
/// # Errors
/// As [`Database::read`].
pub(crate) async fn list(database: &Database) -> Result<Vec<JsValue>, Failure> {
    let keys = database.keys(&prefix(&[DOCUMENTS])?).await?;
    Ok(keys.iter().map(|key| Array::from(key).get(1)).collect())
}

fn exactly(key: &Key) -> Result<IdbKeyRange, Failure> {
    IdbKeyRange::only(&key.to_js()).map_err(|error| Failure::thrown("STORAGE_FAILED", &error))
}

fn bytes_of(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}
