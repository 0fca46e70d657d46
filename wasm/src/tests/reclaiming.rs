use driftwood_crdt::{Delta, Kind, MergeError, Path, TextEdit};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn in_memory(relays: &[&str]) -> Setup {
    Setup {
        memory: true,
        ..setup(relays)
    }
}

fn edit(document: &Document, edit: impl FnOnce(&mut TextEdit<'_>)) {
    let handle = document
        .handles
        .borrow_mut()
        .of(&Path::root("body", Kind::Text));
    let written = document.edit(handle, |node| {
        edit(&mut TextEdit::from(node));
        Ok::<_, Failure>(())
    });
    written.expect("the edit is fine");
    document.commit();
}

#[wasm_bindgen_test]
async fn who_hangs_on_what_was_let_go_of_is_asked_for_it() {
    let name = unique("doc");
    let opened = |relays| {
        let name = name.clone();
        async move { open(&name, in_memory(relays), &Heard::default()).await }
    };
    let here = opened(&[]).await.expect("it opens");
    let away = opened(&[NOWHERE]).await.expect("it opens");
    edit(&here, |text| text.insert(0, "abc").expect("at the start"));
    until("the other tab has it", || body(&away) == "abc").await;

    away.client.suspend();
    edit(&away, |text| text.insert(2, "X").expect("between b and c"));
    edit(&here, |text| text.delete(0..3).expect("it is there"));
    assert_eq!(here.reclaim(0), 3, "nobody here needs them");
    let news = away.doc.borrow().delta_since(here.doc.borrow().version());
    let news = Delta::decode(&news.encode()).expect("it was just encoded");
    let refused = here.doc.borrow_mut().merge(&news);
    assert!(matches!(refused, Err(MergeError::MissingAnchors { .. })));

    away.client.resume();
    until("both have both", || {
        body(&here) == "X" && body(&away) == "X"
    })
    .await;
    let canonical = |document: &Document| document.doc.borrow().canonical();
    assert_eq!(canonical(&here), canonical(&away));
    close(&here).await;
    close(&away).await;
}

#[wasm_bindgen_test]
async fn what_was_let_go_of_is_not_stored() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    edit(&document, |text| {
        text.insert(0, &"gone ".repeat(1_000))
            .expect("at the start");
        text.insert(0, "left ").expect("at the start");
    });
    edit(&document, |text| {
        text.delete(5..5_005).expect("it is there");
    });
    let before = document.doc.borrow().save();
    // What is left was typed before the first of them, and hangs on it.
    assert_eq!(document.reclaim(0), 4_999);
    assert_ne!(document.doc.borrow().save(), before);
    document.write_snapshot();
    stored(&document).await;
    document.compact();
    until("it is compacted", || !document.compacting.get()).await;
    let saved = document.doc.borrow().save();
    close(&document).await;
    let again = open_plain(&name).await;
    assert_eq!(body(&again), "left ");
    assert_eq!(again.doc.borrow().save(), saved);
    close(&again).await;
}

#[wasm_bindgen_test]
async fn nobody_walks_over_a_document_that_was_just_opened() {
    let document = open(&unique("doc"), in_memory(&[]), &Heard::default())
        .await
        .expect("it opens");
    let write = |letter: &str| {
        edit(&document, |text| {
            text.insert(0, letter).expect("at the start");
        });
    };
    write("a");
    let first = document.reclaim_at.get();
    assert!(first > host::now_ms(), "not now");
    write("b");
    assert_eq!(document.reclaim_at.get(), first, "nor with what follows");
    document.reclaim_at.set(1);
    write("c");
    assert!(
        document.reclaim_at.get() >= first,
        "but in its time, and then not again"
    );
    close(&document).await;
}
