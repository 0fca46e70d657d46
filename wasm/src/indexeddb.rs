//! One IndexedDB database as a key-value store.
//!
//! The rule that keeps this short and right: every request of a transaction is queued synchronously,
//! and only the transaction's `complete` is awaited. There is one object store, made once and never
//! changed, so that no upgrade can ever be blocked by an old tab: records carry their own format.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest,
    IdbRequest, IdbTransaction,
};

use crate::error::{describe, Failure};
use crate::host::{self, Listener, Timer};

/// The database of every Driftwood document of an origin.
pub(crate) const DATABASE: &str = "driftwood";
const STORE: &str = "records";
/// An open that takes longer than this is given up: it may be blocked for ever.
const OPEN_MS: f64 = 4_000.0;
/// A read that takes longer is given up as well.
const READ_MS: f64 = 20_000.0;

#[wasm_bindgen]
extern "C" {
    // web-sys has the options of `transaction` only behind its switch for unstable interfaces.
    #[wasm_bindgen(js_name = IDBDatabase, extends = IdbDatabase)]
    type DurableDatabase;
    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &DurableDatabase,
        store: &str,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}

/// A connection to the database.
pub(crate) struct Database {
    db: IdbDatabase,
    open: Rc<Cell<bool>>,
    _listeners: [Listener; 2],
}

/// One change of a record; `None` deletes it.
pub(crate) type Operation = (JsValue, Option<JsValue>);

/// A transaction whose requests are all queued.
pub(crate) struct Queued {
    transaction: IdbTransaction,
    done: Promise,
}

impl Queued {
    /// Waits until the transaction is committed, durably as far as the browser keeps its word.
    pub(crate) async fn complete(self) -> Result<(), Failure> {
        let result = JsFuture::from(self.done.clone()).await;
        self.outcome(result)
    }

    /// The same, for what somebody waits for.
    async fn complete_soon(self) -> Result<(), Failure> {
        let result = within(READ_MS, &self.done).await;
        self.outcome(result)
    }

    fn outcome(&self, result: Result<JsValue, JsValue>) -> Result<(), Failure> {
        match result {
            Ok(_) => Ok(()),
            Err(error) if error.is_null() => Err(Failure::new(
                "STORAGE_UNAVAILABLE",
                "IndexedDB does not answer",
            )),
            Err(_) => Err(self.transaction.error().map_or_else(
                || Failure::new("STORAGE_FAILED", "the transaction was aborted"),
                |error| failure(&error),
            )),
        }
    }
}

impl Database {
    /// Opens the database, making it where there is none.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE` when there is no IndexedDB or it does not answer in time;
    /// `FORMAT_TOO_NEW` when a later version of this package has changed the database.
    pub(crate) async fn open(name: &str) -> Result<Self, Failure> {
        let factory = host::global("indexedDB");
        if !host::member(&factory, "open").is_function() {
            return Err(Failure::new(
                "STORAGE_UNAVAILABLE",
                "there is no IndexedDB here",
            ));
        }
        let factory: IdbFactory = factory.unchecked_into();
        let request = factory
            .open_with_u32(name, 1)
            .map_err(|error| Failure::thrown("STORAGE_UNAVAILABLE", &error))?;
        let db = opened(&request).await?;

        let open = Rc::new(Cell::new(true));
        // Another tab wants to delete the database: holding on would block it.
        let on_version = Listener::new(&db, "versionchange", {
            let (db, open) = (db.clone(), open.clone());
            move |_| {
                open.set(false);
                db.close();
            }
        });
        // The browser took the connection away (storage cleared, backing store lost).
        let on_close = Listener::new(&db, "close", {
            let open = open.clone();
            move |_| open.set(false)
        });
        Ok(Self {
            db,
            open,
            _listeners: [on_version, on_close],
        })
    }

    /// Whether the connection still works, as far as the browser has said.
    pub(crate) fn is_open(&self) -> bool {
        self.open.get()
    }

    fn begin(&self) -> Result<(IdbTransaction, IdbObjectStore), Failure> {
        let options = Object::new();
        let _ = Reflect::set(&options, &"durability".into(), &"strict".into());
        let transaction = self
            .db
            .unchecked_ref::<DurableDatabase>()
            .transaction(STORE, "readwrite", &options)
            .map_err(|error| self.thrown(&error))?;
        let store = transaction
            .object_store(STORE)
            .map_err(|error| self.thrown(&error))?;
        Ok((transaction, store))
    }

    fn thrown(&self, error: &JsValue) -> Failure {
        // "The database connection is closing": the events above may come later or never.
        self.open.set(false);
        failure(error)
    }

    /// Queues all the operations in one transaction.
    ///
    /// # Errors
    /// `STORAGE_FULL`, `STORAGE_FAILED`; nothing is written then.
    pub(crate) fn write(&self, operations: &[Operation]) -> Result<Queued, Failure> {
        let (transaction, store) = self.begin()?;
        for (key, value) in operations {
            let request = match value {
                Some(value) => store.put_with_key(value, key),
                None => store.delete(key),
            };
            if let Err(error) = request {
                let _ = transaction.abort();
                return Err(failure(&error));
            }
        }
        Ok(queued(transaction))
    }

    /// All records in a range, by key. It is read in a *readwrite* transaction, which queues behind
    /// every write that was begun before, by any tab: what a closing tab still wrote is seen.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE` when it takes too long, `STORAGE_FAILED`.
    pub(crate) async fn read(
        &self,
        range: &IdbKeyRange,
    ) -> Result<Vec<(JsValue, JsValue)>, Failure> {
        let (transaction, store) = self.begin()?;
        let keys = store
            .get_all_keys_with_key(range)
            .map_err(|error| failure(&error))?;
        let values = store
            .get_all_with_key(range)
            .map_err(|error| failure(&error))?;
        queued(transaction).complete_soon().await?;
        let (keys, values) = (result(&keys)?, result(&values)?);
        Ok(keys.iter().zip(values.iter()).collect())
    }

    /// The keys in a range.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn keys(&self, range: &IdbKeyRange) -> Result<Vec<JsValue>, Failure> {
        let (transaction, store) = self.begin()?;
        let keys = store
            .get_all_keys_with_key(range)
            .map_err(|error| failure(&error))?;
        queued(transaction).complete_soon().await?;
        Ok(result(&keys)?.iter().collect())
    }

    /// Deletes all records in a range.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn delete(&self, range: &IdbKeyRange) -> Result<(), Failure> {
        let (transaction, store) = self.begin()?;
        store.delete(range).map_err(|error| failure(&error))?;
        queued(transaction).complete_soon().await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Transactions that have begun still run to their end.
        self.db.close();
    }
}

/// The range of all array keys that begin with these parts: arrays sort after strings.
pub(crate) fn prefix(parts: &[&str]) -> Result<IdbKeyRange, Failure> {
    let lower: Array = parts.iter().map(|part| JsValue::from_str(part)).collect();
    let upper = lower.slice(0, lower.length());
    upper.push(&Array::new());
    IdbKeyRange::bound(&lower, &upper).map_err(|error| failure(&error))
}

fn result(request: &IdbRequest) -> Result<Array, Failure> {
    request
        .result()
        .map(JsCast::unchecked_into)
        .map_err(|error| failure(&error))
}

fn queued(transaction: IdbTransaction) -> Queued {
    let done = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        // An `error` that nobody handles aborts the transaction too.
        transaction.set_onabort(Some(&reject));
    });
    Queued { transaction, done }
}

/// Waits for an open request, at most [`OPEN_MS`].
async fn opened(request: &IdbOpenDbRequest) -> Result<IdbDatabase, Failure> {
    let result = |request: &IdbOpenDbRequest| -> Option<IdbDatabase> {
        request.result().ok().map(JsCast::unchecked_into)
    };
    let upgrade = host::once({
        let request = request.clone();
        move |_| {
            if let Some(db) = result(&request) {
                // It can fail only if the store is there already.
                let _ = db.create_object_store(STORE);
            }
        }
    });
    request.set_onupgradeneeded(Some(&upgrade));
    let done = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let unavailable = |message: &str| Failure::new("STORAGE_UNAVAILABLE", message);
    match within(OPEN_MS, &done).await {
        Ok(_) => result(request).ok_or_else(|| unavailable("IndexedDB opened nothing")),
        Err(error) if error.is_null() => {
            // Should it open after all, nobody would ever close it.
            let late = host::once({
                let request = request.clone();
                move |_| {
                    if let Some(db) = result(&request) {
                        db.close();
                    }
                }
            });
            request.set_onsuccess(Some(&late));
            Err(unavailable("IndexedDB does not answer"))
        }
        Err(_) => Err(match request.error() {
            Ok(Some(error)) if error.name() == "VersionError" => Failure::new(
                "FORMAT_TOO_NEW",
                "a later version of driftwood-sync has changed the database",
            ),
            Ok(Some(error)) => unavailable(&describe(&error)),
            _ => unavailable("IndexedDB could not be opened"),
        }),
    }
}

/// Waits for a promise, but not for ever: then the error is null.
async fn within(ms: f64, promise: &Promise) -> Result<JsValue, JsValue> {
    let mut timer = None;
    let over = Promise::new(&mut |_, reject| {
        let clock = Timer::new(move || {
            let _ = reject.call1(&JsValue::UNDEFINED, &JsValue::NULL);
        });
        clock.set(ms);
        timer = Some(clock);
    });
    JsFuture::from(Promise::race(&Array::of2(&over, promise))).await
}

fn failure(error: &JsValue) -> Failure {
    let name = error
        .dyn_ref::<DomException>()
        .map(DomException::name)
        .unwrap_or_default();
    if name == "QuotaExceededError" {
        Failure::new("STORAGE_FULL", "there is no space left for this site")
    } else {
        Failure::new("STORAGE_FAILED", describe(error))
    }
}
