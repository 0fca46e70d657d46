use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

#[wasm_bindgen_test]
async fn a_page_that_returns_takes_its_id_again() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    let replica = document.replica();
    write(&document, "a");
    document.client.suspend();
    until("the id is let go of", || {
        document.client.lease.borrow().is_none()
    })
    .await;
    assert_eq!(
        document.unsaved(driftwood_sync::Level::Local),
        0,
        "it was stored first"
    );
    sleep(50.0).await;
    document.client.resume();
    until("there is an id", || {
        document.client.lease.borrow().is_some()
    })
    .await;
    assert_eq!(document.replica(), replica);
    write(&document, "b");
    stored(&document).await;
    close(&document).await;
}

#[wasm_bindgen_test]
async fn what_was_written_under_its_id_meanwhile_is_read_first() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    write(&document, "a");
    document.client.suspend();
    until("the id is let go of", || {
        document.client.lease.borrow().is_none()
    })
    .await;
    sleep(50.0).await;

    let other = open(&name, setup(&[NOWHERE]), &Heard::default())
        .await
        .expect("it opens");
    let shared = other.replica() == document.replica();
    write(&other, "b");
    stored(&other).await;
    close(&other).await;
    sleep(50.0).await;

    document.client.resume();
    until("there is an id", || {
        document.client.lease.borrow().is_some()
    })
    .await;
    assert!(shared, "the other page took the free id");
    assert_eq!(body(&document), "ba");
    write(&document, "c");
    stored(&document).await;
    let canonical = document.doc.borrow().canonical();
    close(&document).await;
    let again = open_plain(&name).await;
    assert_eq!(body(&again), "cba");
    assert_eq!(again.doc.borrow().canonical(), canonical);
    close(&again).await;
}

#[wasm_bindgen_test]
async fn an_edit_that_does_not_wait_gets_an_id_of_its_own() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    write(&document, "a");
    let replica = document.replica();
    document.client.suspend();
    until("the id is let go of", || {
        document.client.lease.borrow().is_none()
    })
    .await;
    document.client.resume();
    let mark = write(&document, "b");
    assert_ne!(document.replica(), replica);
    until("there is an id", || {
        document.client.lease.borrow().is_some()
    })
    .await;
    until("it is taken", || document.replica() == replica).await;
    write(&document, "c");
    stored(&document).await;
    assert!(
        document.is_saved(driftwood_sync::Level::Local, mark),
        "marks outlive their id"
    );
    assert_eq!(body(&document), "cba");
    close(&document).await;
    let again = open_plain(&name).await;
    assert_eq!(body(&again), "cba");
    close(&again).await;
}
