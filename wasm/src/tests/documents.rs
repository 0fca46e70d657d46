use driftwood_crdt::checksum::crc32;
use driftwood_sync::{DocumentName, Level};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::record;

#[wasm_bindgen_test]
async fn an_edit_is_there_at_once_and_still_after_a_reload() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    let mark = write(&document, "Hello");
    assert_eq!(body(&document), "Hello");
    assert!(
        !document.is_saved(Level::Local, mark),
        "nothing is reported before it is durable"
    );
    until("it is stored", || document.is_saved(Level::Local, mark)).await;
    assert!(!document.is_saved(Level::Relay, mark));
    let replica = document.replica();
    close(&document).await;

    let again = open_plain(&name).await;
    assert_eq!(body(&again), "Hello");
    assert_eq!(again.unsaved(Level::Local), 0);
    assert_eq!(again.replica(), replica, "the id came back from the pool");
    write(&again, "Oh. ");
    stored(&again).await;
    assert_eq!(again.doc.borrow().version().len(), 1);
    close(&again).await;
    let listed = crate::store::list(&database().await).await.expect("listed");
    assert!(listed.contains(&JsValue::from_str(&name)));
}

#[wasm_bindgen_test]
async fn many_edits_of_a_task_are_one_record() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    for _ in 0..1_000 {
        write(&document, "x");
    }
    stored(&document).await;
    assert_eq!(records(&name).await.len(), 1);
    close(&document).await;
}

#[wasm_bindgen_test]
async fn records_become_one_and_hold_the_same() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    for i in 0..20 {
        write(&document, &format!("{i} "));
        stored(&document).await;
    }
    assert_eq!(records(&name).await.len(), 20);
    document.compact();
    for _ in 0..100 {
        if records(&name).await.len() == 1 {
            break;
        }
        sleep(20.0).await;
    }
    assert_eq!(records(&name).await.len(), 1);
    write(&document, "after ");
    stored(&document).await;
    let (text, saved) = (body(&document), document.doc.borrow().canonical());
    close(&document).await;
    let again = open_plain(&name).await;
    assert_eq!(body(&again), text);
    assert_eq!(again.doc.borrow().canonical(), saved);
    close(&again).await;
}

/// Overwrites one record of a document.
async fn overwrite(name: &str, key: &str, bytes: &[u8]) {
    let key = Array::of3(&"rec".into(), &name.into(), &key.into()).into();
    let value = Uint8Array::from(bytes).into();
    let db = database().await;
    db.write(&[(key, Some(value))])
        .expect("queued")
        .complete()
        .await
        .expect("written");
}

#[wasm_bindgen_test]
async fn a_damaged_record_is_reported_and_the_rest_is_loaded() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    for text in ["a", "b", "c"] {
        write(&document, text);
        stored(&document).await;
    }
    let replica = document.replica();
    close(&document).await;
    let keys = records(&name).await;
    overwrite(&name, &keys[1], &[1, 1, 0, 0, 0, 0, 9]).await;

    let heard = Heard::default();
    let again = open(&name, setup(&[]), &heard).await.expect("it opens");
    assert!(heard.has(3, "STORE_CORRUPT"));
    assert_eq!(body(&again), "a", "the last waits for the damaged one");
    assert_ne!(
        again.replica(),
        replica,
        "the id may have been used by what could not be read"
    );
    // A change from here on is stored, and nothing was lost that could be read.
    write(&again, "d");
    stored(&again).await;
    close(&again).await;
    assert_eq!(records(&name).await.len(), 4);
}

#[wasm_bindgen_test]
async fn every_flipped_bit_of_a_record_is_noticed() {
    let whole = record::encode(record::Kind::Delta, b"some delta");
    assert!(record::decode(&whole).is_ok());
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            record::decode(&flipped),
            Err(record::Unreadable::Damaged),
            "bit {bit}"
        );
    }
    for len in 0..whole.len() {
        assert_eq!(
            record::decode(&whole[..len]),
            Err(record::Unreadable::Damaged)
        );
    }
}

#[wasm_bindgen_test]
async fn a_record_of_a_later_format_keeps_the_document_closed() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    write(&document, "a");
    stored(&document).await;
    close(&document).await;
    let mut later = record::encode(record::Kind::Delta, b"whatever it means");
    later[0] = 2;
    let checksum = crc32(&[&later[..2], &later[6..]]);
    later[2..6].copy_from_slice(&checksum.to_le_bytes());
    overwrite(&name, "zz", &later).await;

    let refused = open(&name, setup(&[]), &Heard::default())
        .await
        .err()
        .expect("it is refused");
    assert_eq!(refused.code, "FORMAT_TOO_NEW");
    assert_eq!(records(&name).await.len(), 2, "nothing was changed");
}

#[wasm_bindgen_test]
async fn a_document_in_memory_is_not_stored_and_never_said_to_be() {
    let name = unique("doc");
    let memory = Setup {
        relays: Vec::new(),
        token: None,
        memory: true,
    };
    let document = open(&name, memory, &Heard::default())
        .await
        .expect("it opens");
    let mark = write(&document, "a");
    sleep(100.0).await;
    assert!(!document.is_saved(Level::Local, mark));
    assert!(document.unsaved(Level::Local) > 0);
    close(&document).await;
    assert!(records(&name).await.is_empty());
}

#[wasm_bindgen_test]
async fn a_destroyed_document_is_gone() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    write(&document, "a");
    stored(&document).await;
    close(&document).await;
    let id = DocumentName::new(&name).expect("a name");
    crate::store::destroy(&database().await, &id)
        .await
        .expect("destroyed");
    let again = open_plain(&name).await;
    assert_eq!(body(&again), "");
    close(&again).await;
}

#[wasm_bindgen_test]
async fn an_emptied_database_gets_everything_again() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    write(&document, "kept");
    stored(&document).await;
    let factory: web_sys::IdbFactory = crate::host::global("indexedDB").unchecked_into();
    factory
        .delete_database(DATABASE)
        .expect("deleting can be asked for");
    let store = document.client.store().expect("there is one");
    until("the connection is gone", || store.database().is_none()).await;
    sleep(50.0).await;
    write(&document, "still ");
    stored(&document).await;
    close(&document).await;
    let again = open_plain(&name).await;
    assert_eq!(body(&again), "still kept");
    close(&again).await;
}
