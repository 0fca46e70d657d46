use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::DocumentName;
use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::{sleep, unique, until};
use crate::host;
use crate::indexeddb::{prefix, Database};
use crate::store::{self, Key, News, Store};

fn key(parts: &[&str]) -> JsValue {
    parts
        .iter()
        .map(|part| JsValue::from_str(part))
        .collect::<Array>()
        .into()
}

fn delete_database(name: &str) {
    let factory: web_sys::IdbFactory = host::global("indexedDB").unchecked_into();
    factory
        .delete_database(name)
        .expect("deleting can be asked for");
}

#[wasm_bindgen_test]
async fn records_are_written_together_and_read_by_prefix() {
    let name = unique("db");
    let db = Database::open(&name).await.expect("it opens");
    let put = |parts: &[&str], value: &str| (key(parts), Some(JsValue::from_str(value)));
    let batch = [
        put(&["rec", "b", "2"], "b2"),
        put(&["rec", "b", "1"], "b1"),
        put(&["rec", "bb", "1"], "no"),
        put(&["rec", "a", "1"], "no"),
        put(&["doc", "b"], "no"),
    ];
    db.write(&batch)
        .expect("queued")
        .complete()
        .await
        .expect("written");
    let range = prefix(&["rec", "b"]).expect("a range");
    let values: Vec<_> = db
        .read(&range)
        .await
        .expect("read")
        .into_iter()
        .map(|(_, v)| v)
        .collect();
    assert_eq!(values, [JsValue::from("b1"), JsValue::from("b2")]);

    db.write(&[(key(&["rec", "b", "1"]), None)])
        .expect("queued")
        .complete()
        .await
        .expect("written");
    assert_eq!(db.keys(&range).await.expect("read").len(), 1);
    db.delete(&range).await.expect("deleted");
    assert!(db.keys(&range).await.expect("read").is_empty());
    delete_database(&name);
}

#[wasm_bindgen_test]
async fn a_connection_gives_way_to_a_deletion() {
    let name = unique("db");
    let db = Database::open(&name).await.expect("it opens");
    delete_database(&name);
    until("the connection is closed", || !db.is_open()).await;
    assert!(db.write(&[(key(&["a"]), Some(JsValue::NULL))]).is_err());
}

#[wasm_bindgen_test]
async fn a_later_version_of_the_database_is_left_alone() {
    let name = unique("db");
    let factory: web_sys::IdbFactory = host::global("indexedDB").unchecked_into();
    let request = factory
        .open_with_u32(&name, 2)
        .expect("it can be asked for");
    let opened = Rc::new(RefCell::new(false));
    let done = Closure::once_into_js({
        let opened = opened.clone();
        move || *opened.borrow_mut() = true
    });
    request.set_onsuccess(Some(done.unchecked_ref()));
    until("version 2 is there", || *opened.borrow()).await;
    let refused = Database::open(&name).await.err().expect("it is refused");
    assert_eq!(refused.code, "FORMAT_TOO_NEW");
    let db: web_sys::IdbDatabase = request.result().expect("it is open").unchecked_into();
    db.close();
    delete_database(&name);
}

/// A store, and what it told.
async fn new_store(name: &str) -> (Rc<Store>, Rc<RefCell<Vec<String>>>) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let database = Database::open(name).await.expect("it opens");
    let store = Store::new(name, database, {
        let told = told.clone();
        move |news| {
            told.borrow_mut().push(match news {
                News::Flushed(marks) => {
                    let last = marks
                        .values()
                        .flat_map(VersionVector::iter)
                        .map(|(_, seq)| seq)
                        .max();
                    format!("flushed {}", last.unwrap_or(0))
                }
                News::Failed(failure) => format!("failed {}", failure.code),
                News::Recovered => "recovered".to_owned(),
                News::Reopened => "reopened".to_owned(),
            });
        }
    });
    (store, told)
}

fn put(store: &Rc<Store>, document: &DocumentName, seq: u64) {
    store.put(
        Key::Record(document.clone(), seq.to_string().into()),
        vec![1, 2, 3],
    );
    store.mark(document, &[(ReplicaId::new(1), seq)].into_iter().collect());
}

#[wasm_bindgen_test]
async fn what_comes_while_a_transaction_runs_goes_into_the_next() {
    let name = unique("db");
    let (store, told) = new_store(&name).await;
    let document = DocumentName::new("d").expect("a name");
    for seq in 1..=100 {
        put(&store, &document, seq);
        store.commit();
    }
    assert!(told.borrow().is_empty(), "nothing is durable yet");
    until("all is written", || store.is_idle()).await;
    assert_eq!(*told.borrow(), ["flushed 1", "flushed 100"]);
    let (_, records) = store.read(&document).await.expect("read");
    assert_eq!(records.len(), 100);
    assert_eq!(
        records
            .iter()
            .map(|(key, _)| key)
            .collect::<BTreeSet<_>>()
            .len(),
        100
    );
    delete_database(&name);
}

#[wasm_bindgen_test]
async fn a_lost_connection_is_made_again_and_everything_written_again() {
    let name = unique("db");
    let (store, told) = new_store(&name).await;
    let document = DocumentName::new("d").expect("a name");
    put(&store, &document, 1);
    store.commit();
    until("it is written", || store.is_idle()).await;
    delete_database(&name);
    until("the connection is gone", || store.database().is_none()).await;
    sleep(20.0).await;
    put(&store, &document, 2);
    store.commit();
    until("it is written", || store.is_idle()).await;
    assert_eq!(*told.borrow(), ["flushed 1", "reopened", "flushed 2"]);
    assert_eq!(store.read(&document).await.expect("read").1.len(), 1);
    delete_database(&name);
}

#[wasm_bindgen_test]
async fn documents_are_listed_and_destroyed() {
    let name = unique("db");
    let (store, _) = new_store(&name).await;
    for document in ["b", "a", "ab"] {
        let document = DocumentName::new(document).expect("a name");
        store.put(Key::Document(document.clone()), vec![1]);
        put(&store, &document, 1);
    }
    store.commit();
    until("it is written", || store.is_idle()).await;
    let database = store.database().expect("it is open");
    let names = store::list(&database).await.expect("listed");
    assert_eq!(names, ["a", "ab", "b"].map(JsValue::from_str));
    store::destroy(&database, &DocumentName::new("a").expect("a name"))
        .await
        .expect("destroyed");
    let names = store::list(&database).await.expect("listed");
    assert_eq!(names, ["ab", "b"].map(JsValue::from_str));
    assert_eq!(
        database
            .keys(&prefix(&["rec", "a"]).expect("a range"))
            .await,
        Ok(Vec::new())
    );
    delete_database(&name);
}
