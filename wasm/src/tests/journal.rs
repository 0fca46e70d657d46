use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::raw::RawDocument;
use crate::record;
use crate::store::Key;

async fn with_journal(name: &str) -> Rc<Document> {
    let document = open_plain(name).await;
    document.open_journal().await.expect("it opens");
    document
}

fn at(document: &Rc<Document>, version: &[u8]) -> String {
    let past = RawDocument(document.clone()).journal_at(version);
    let past = past.map_err(|failure| failure.code).expect("it is known");
    host::member(&past, "body").as_string().unwrap_or_default()
}

#[wasm_bindgen_test]
async fn a_journal_is_there_after_a_reload_and_catches_up() {
    let name = unique("doc");
    let document = with_journal(&name).await;
    write(&document, "first");
    let raw = RawDocument(document.clone());
    let first = raw.journal_name("draft").map_err(|failure| failure.code);
    let first = first.expect("it is named");
    close(&document).await;

    // Without a journal for a while.
    let between = open_plain(&name).await;
    write(&between, "unseen ");
    stored(&between).await;
    close(&between).await;

    let again = with_journal(&name).await;
    assert_eq!(at(&again, &first), "first");
    let now = again.doc.borrow().version().encode();
    assert_eq!(at(&again, &now), "unseen first");
    let raw = RawDocument(again.clone());
    raw.revert(&first)
        .map_err(|failure| failure.code)
        .expect("it is known");
    assert_eq!(body(&again), "first");
    let canonical = again.doc.borrow().canonical();
    close(&again).await;
    let last = open_plain(&name).await;
    assert_eq!(last.doc.borrow().canonical(), canonical);
    close(&last).await;
}

#[wasm_bindgen_test]
async fn what_is_erased_goes_from_the_stored_journal() {
    let name = unique("doc");
    let document = with_journal(&name).await;
    write(&document, "TOPSECRET");
    let raw = RawDocument(document.clone());
    raw.journal_name("a")
        .map_err(|failure| failure.code)
        .expect("it is named");
    let key = Key::Journal(DocumentName::new(&name).expect("a good name"));
    let store = document.client.store().expect("there is one");
    let holds = || async {
        let bytes = store.get(&key).await.expect("it is read");
        let bytes = bytes.expect("it is stored");
        assert!(matches!(
            record::decode(&bytes),
            Ok((record::Kind::Journal, _))
        ));
        bytes.windows(9).any(|part| part == b"TOPSECRET")
    };
    stored(&document).await;
    assert!(holds().await);
    let handle = document
        .handles
        .borrow_mut()
        .of(&Path::root("body", Kind::Text));
    raw.text_erase(handle, 0, 9)
        .map_err(|failure| failure.code)
        .expect("it is there");
    stored(&document).await;
    assert!(!holds().await);
    close(&document).await;
    crate::store::destroy(&database().await, &document.name)
        .await
        .expect("it goes");
    assert!(database()
        .await
        .keys(&crate::indexeddb::prefix(&["log", &name]).expect("a range"))
        .await
        .expect("read")
        .is_empty());
}
