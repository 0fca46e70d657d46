//! What may not be taken from others: more context than they have, and their clocks.

use driftwood_crdt::{Delta, Doc, Edit, MergeError, ReplicaId};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn write(doc: &mut Doc, now: u64, edit: impl FnOnce(&mut Edit<'_>)) -> Delta {
    let mut open = doc.edit(now);
    edit(&mut open);
    open.commit()
}

#[test]
fn what_is_shared_before_its_commit_implies_no_more() {
    let (mut a, mut b, mut c) = (doc(1), doc(2), doc(3));
    drop(a.edit(1).text("t").insert(0, "a"));
    b.merge(&a.delta_since(b.version())).unwrap();
    write(&mut c, 1, |e| e.text("t").insert(0, "c").unwrap());
    a.merge(&c.delta_since(a.version())).unwrap();
    drop(a.edit(2).commit());
    let delta = write(&mut a, 3, |e| e.text("t").insert(2, "!").unwrap());
    // b has all of a's changes before this one, and nothing of c's, on which it hangs.
    let refused = b.merge(&delta).unwrap_err();
    assert!(matches!(refused, MergeError::Gap { .. }), "{refused}");
}

#[test]
fn a_merge_takes_over_no_stamp_of_another() {
    let (mut a, mut b) = (doc(1), doc(2));
    b.merge(&write(&mut a, 1_000, |e| {
        e.map("m").set("k", "a").unwrap();
    }))
    .unwrap();
    // b's clock is far ahead.
    write(&mut b, 9_000_000, |e| e.map("m").set("l", "b").unwrap());
    // A reload forgets what was removed: the next delta is a whole state, a's own changes included.
    let b = Doc::load(b.replica(), &b.save()).unwrap();
    a.merge(&b.delta_since(a.version())).unwrap();
    let delta = write(&mut a, 1_001, |e| e.map("m").set("k", "a").unwrap());
    assert_eq!(delta.max_stamp().unwrap().millis(), 1_001);
}

#[test]
fn a_reload_takes_over_no_stamp_of_another() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 1_000, |e| e.map("m").set("k", "a").unwrap());
    let ahead = write(&mut b, 9_000_000, |e| e.map("m").set("l", "b").unwrap());
    a.merge(&ahead).unwrap();
    let mut a = Doc::load(a.replica(), &a.save()).unwrap();
    let delta = write(&mut a, 1_001, |e| e.map("m").set("k", "a").unwrap());
    assert_eq!(delta.max_stamp().unwrap().millis(), 1_001);
}
