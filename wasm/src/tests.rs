//! Tests in a real browser: its IndexedDB, its Web Locks, its BroadcastChannel.

mod convert;
mod documents;
mod inbox;
mod indexeddb;
mod journal;
mod page;
mod reclaiming;
mod replica_pool;
mod rich;
mod tabs;

use std::cell::RefCell;
use std::rc::Rc;

use driftwood_crdt::{Kind, Path};
use driftwood_sync::{DocumentName, Level};
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::client::{Client, Setup};
use crate::document::Document;
use crate::error::Failure;
use crate::host::{self, Timer};
use crate::indexeddb::{Database, DATABASE};
use crate::telling::Face;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Waits.
async fn sleep(ms: f64) {
    let mut timer = None;
    let promise = Promise::new(&mut |resolve, _| {
        let once = Timer::new(move || {
            resolve.call0(&JsValue::UNDEFINED).expect("resolving works");
        });
        once.set(ms);
        timer = Some(once);
    });
    JsFuture::from(promise).await.expect("it is never rejected");
}

/// Waits until something holds; fails after five seconds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        sleep(10.0).await;
    }
    panic!("waited in vain until {what}");
}

/// A name that no other test uses, nor an earlier run.
fn unique(what: &str) -> String {
    format!("{what}-{:016x}", host::random_u64())
}

async fn database() -> Database {
    Database::open(DATABASE).await.expect("there is IndexedDB")
}

/// What a document told its face.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<(String, String)>>>);

impl Heard {
    fn face(&self) -> Face {
        let heard = self.0.clone();
        let face =
            Closure::<dyn FnMut(f64, JsValue, JsValue)>::new(move |event: f64, a: JsValue, _| {
                heard
                    .borrow_mut()
                    .push((event.to_string(), a.as_string().unwrap_or_default()));
            });
        face_of(&face.into_js_value())
    }

    fn has(&self, event: u8, code: &str) -> bool {
        self.0
            .borrow()
            .contains(&(event.to_string(), code.to_owned()))
    }
}

/// A face that tells what it hears.
fn face_of(tell: &JsValue) -> Face {
    let face = Object::new();
    Reflect::set(&face, &"tell".into(), tell).expect("it is new");
    face.unchecked_into()
}

fn setup(relays: &[&str]) -> Setup {
    Setup {
        relays: relays.iter().map(ToString::to_string).collect(),
        token: None,
        memory: false,
    }
}

/// Relays that do not exist: clients of other relays are as other tabs to each other.
const NOWHERE: &str = "ws://127.0.0.1:9/sync";

async fn open(name: &str, setup: Setup, heard: &Heard) -> Result<Rc<Document>, Failure> {
    let client = Client::get(setup).await?;
    client
        .open(DocumentName::new(name).expect("a good name"), heard.face())
        .await
}

async fn open_plain(name: &str) -> Rc<Document> {
    open(name, setup(&[]), &Heard::default())
        .await
        .expect("it opens")
}

async fn close(document: &Rc<Document>) {
    document
        .client
        .close(document)
        .await
        .expect("everything can be stored");
}

/// Inserts at the start of the text `body`.
fn write(document: &Document, text: &str) -> f64 {
    let path = Path::root("body", Kind::Text);
    let handle = document.handles.borrow_mut().of(&path);
    let edit =
        |node: driftwood_crdt::NodeEdit<'_>| driftwood_crdt::TextEdit::from(node).insert(0, text);
    document.edit(handle, edit).expect("the edit is fine").1
}

fn body(document: &Document) -> String {
    document.doc.borrow().text("body").to_string()
}

async fn stored(document: &Document) {
    document.commit();
    until("the document is stored", || {
        document.unsaved(Level::Local) == 0
    })
    .await;
}

/// The keys of a document's records.
async fn records(name: &str) -> Vec<String> {
    let range = crate::indexeddb::prefix(&["rec", name]).expect("a range");
    let keys = database()
        .await
        .keys(&range)
        .await
        .expect("keys can be read");
    keys.iter()
        .filter_map(|key| js_sys::Array::from(key).get(2).as_string())
        .collect()
}
