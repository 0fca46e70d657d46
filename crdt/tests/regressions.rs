//! Faults that the schedules found, each made small.

use driftwood_crdt::{Delta, Doc, Edit, Expand, Item, Kind, MergeError, Path, ReplicaId};
use driftwood_crdt::{UndoManager, UndoOptions, Unit};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn write<R>(doc: &mut Doc, now: u64, edit: impl FnOnce(&mut Edit<'_>) -> R) -> R {
    let mut open = doc.edit(now);
    let result = edit(&mut open);
    let _ = open.commit();
    result
}

/// `to` gets what it lacks of `from`, and asks once for what it dropped.
fn sync(from: &Doc, to: &mut Doc) {
    let decode = |delta: Delta| Delta::decode(&delta.encode()).unwrap();
    let anchors = match to.merge(&decode(from.delta_since(to.version()))) {
        Err(MergeError::MissingAnchors { anchors }) => anchors,
        other => return drop(other.unwrap()),
    };
    let answer = from.delta_with_anchors(to.version(), &anchors);
    to.merge(&decode(answer)).unwrap();
}

#[test]
fn a_whole_state_brings_back_what_was_erased_under_something_new() {
    let (mut a, mut b) = (doc(1), doc(2));
    let (top, node) = write(&mut a, 1_000, |e| {
        let top = e.tree("t").create(None, 0).unwrap();
        (top, e.tree("t").create(Some(top), 0).unwrap())
    });
    sync(&a, &mut b);
    write(&mut a, 1_003, |e| {
        e.tree("t").create(Some(node), 0).unwrap()
    });
    write(&mut a, 300_000, |e| {
        e.tree("t").create(Some(top), 1).unwrap()
    });
    write(&mut b, 400_000, |e| {
        assert!(e.erase(&Path::root("t", Kind::Tree)).unwrap());
    });
    let mut a = Doc::load(a.replica(), &a.save()).unwrap();
    sync(&a, &mut b);
    sync(&b, &mut a);
    assert_eq!(a.canonical(), b.canonical());
}

#[test]
fn what_came_back_before_its_neighbour_is_dropped_with_it() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 0, |e| e.text("t").insert(0, "ab").unwrap());
    write(&mut a, 0, |e| e.text("t").insert(2, "c").unwrap());
    sync(&a, &mut b);
    write(&mut a, 0, |e| e.text("t").insert(3, "d").unwrap());
    write(&mut b, 0, |e| e.text("t").delete(0..3).unwrap());
    assert_eq!(b.reclaim(0, 0, &[]), 3);
    sync(&a, &mut b);
    write(&mut b, 0, |e| e.text("t").delete(0..1).unwrap());
    assert_eq!(b.reclaim(0, 0, &[]), 4, "c came back after d was there");
    write(&mut b, 0, |e| {
        assert!(e.erase(&Path::root("t", Kind::Text)).unwrap());
    });
    sync(&b, &mut a);
    assert_eq!(a.canonical(), b.canonical());
}

#[test]
fn undoing_a_deletion_leaves_marks_as_they_were() {
    let mut a = doc(1);
    let mut undo = UndoManager::new(UndoOptions {
        group_ms: 0,
        ..UndoOptions::default()
    });
    let mut edit = a.edit_recorded(0, &mut undo);
    edit.text("t").insert(0, "🌊!").unwrap();
    edit.text("t")
        .mark(Unit::Chars, 0..1, "bold", 2, Expand::Before)
        .unwrap();
    edit.text("t").replace(0..1, "x").unwrap();
    edit.text("t").insert(2, "x").unwrap();
    let _ = edit.commit();
    let before = a.text("t").segments();
    let mut edit = a.edit_recorded(0, &mut undo);
    edit.text("t")
        .mark(Unit::Chars, 0..3, "bold", 3, Expand::Before)
        .unwrap();
    let _ = edit.commit();
    let mut edit = a.edit_recorded(0, &mut undo);
    edit.text("t").delete(1..3).unwrap();
    let _ = edit.commit();
    let _ = undo.undo(&mut a, 0).expect("the deletion");
    let _ = undo.undo(&mut a, 0).expect("the mark");
    assert_eq!(a.text("t").segments(), before);
}

#[test]
fn what_an_undo_brings_back_hides_nothing_that_hid_it() {
    let (mut a, mut b) = (doc(1), doc(2));
    let mut undo = UndoManager::default();
    write(&mut a, 1_000, |e| e.map("m").set("k", "value").unwrap());
    write(&mut b, 2_000, |e| {
        e.map("m").list("k").insert(0, 1).unwrap();
    });
    sync(&a, &mut b);
    sync(&b, &mut a);
    let shown = a.to_value();
    assert_eq!(a.map("m").get("k"), Some(Item::Container(Kind::List)));
    let mut edit = a.edit_recorded(3_000, &mut undo);
    edit.map("m").text("k").insert(0, "text").unwrap();
    let _ = edit.commit();
    assert_eq!(a.map("m").get("k"), Some(Item::Container(Kind::Text)));
    let _ = undo.undo(&mut a, 4_000).expect("the text");
    assert_eq!(a.map("m").conflicts("k").len(), 1, "the value is back");
    sync(&a, &mut b);
    assert_eq!((a.to_value(), b.to_value()), (shown.clone(), shown));
    let _ = undo.redo(&mut a, 5_000).expect("the text");
    assert_eq!(a.map("m").get("k"), Some(Item::Container(Kind::Text)));
}

#[test]
fn an_undo_beneath_what_others_wrote_does_not_show() {
    let (mut a, mut b) = (doc(1), doc(2));
    let mut undo = UndoManager::default();
    let mark = |e: &mut Edit<'_>, value: i64| {
        let mut text = e.text("t");
        text.mark(Unit::Chars, 0..1, "size", value, Expand::None)
            .unwrap();
    };
    write(&mut a, 1_000, |e| {
        e.map("m").set("k", 1).unwrap();
        e.text("t").insert(0, "x").unwrap();
        mark(e, 1);
    });
    sync(&a, &mut b);
    let mut edit = a.edit_recorded(2_000, &mut undo);
    edit.map("m").set("k", 2).unwrap();
    mark(&mut edit, 2);
    let _ = edit.commit();
    write(&mut b, 3_000, |e| {
        e.map("m").set("k", 3).unwrap();
        mark(e, 3);
    });
    sync(&b, &mut a);
    let shown = |doc: &Doc| (doc.map("m").get("k"), doc.text("t").segments());
    let before = shown(&a);
    assert_eq!(before.0, Some(Item::Value(3.into())));
    let _ = undo.undo(&mut a, 4_000).expect("both");
    assert_eq!(shown(&a), before);
    let _ = undo.redo(&mut a, 5_000).expect("both");
    assert_eq!(shown(&a), before);
    sync(&a, &mut b);
    assert_eq!(shown(&b), before);
}

#[test]
fn undoing_the_deletion_of_a_parent_and_a_move_out_of_it() {
    let mut a = doc(1);
    let mut undo = UndoManager::new(UndoOptions {
        group_ms: 0,
        ..UndoOptions::default()
    });
    let (parent, node) = write(&mut a, 10, |edit| {
        let parent = edit.tree("t").create(None, 0).unwrap();
        (parent, edit.tree("t").create(Some(parent), 0).unwrap())
    });
    let before = a.to_value();
    // The clock went back meanwhile.
    let mut edit = a.edit_recorded(5, &mut undo);
    edit.tree("t").move_to(node, None, 1).unwrap();
    edit.tree("t").delete(parent).unwrap();
    let _ = edit.commit();
    let _ = undo.undo(&mut a, 5).expect("the step");
    assert_eq!(a.to_value(), before);
}

#[test]
fn what_is_added_again_to_a_counter_is_added_under_the_new_name_too() {
    let mut a = doc(1);
    let mut undo = UndoManager::new(UndoOptions {
        group_ms: 0,
        ..UndoOptions::default()
    });
    let add = |a: &mut Doc, by, undo: &mut UndoManager| {
        let mut edit = a.edit_recorded(10, undo);
        edit.counter("n").add(by).unwrap();
        let _ = edit.commit();
        a.to_value()
    };
    let mut shown = vec![a.to_value(), add(&mut a, -3, &mut undo)];
    let mut a = Doc::load(ReplicaId::new(2), &a.save()).unwrap();
    shown.push(add(&mut a, 0, &mut undo));
    shown.push(add(&mut a, -1, &mut undo));
    for _ in 0..2 {
        for before in shown.iter().rev().skip(1) {
            let _ = undo.undo(&mut a, 10).expect("a step");
            assert_eq!(a.to_value(), *before);
        }
        for after in shown.iter().skip(1) {
            let _ = undo.redo(&mut a, 10).expect("it was undone");
            assert_eq!(a.to_value(), *after);
        }
    }
}

#[test]
fn a_deleted_counter_that_says_nothing_goes_again_when_its_deletion_is_redone() {
    let (mut a, mut b) = (doc(1), doc(2));
    let mut undo = UndoManager::default();
    write(&mut b, 10, |edit| {
        edit.map("m").counter("n").add(0).unwrap();
    });
    sync(&b, &mut a);
    let mut edit = a.edit_recorded(20, &mut undo);
    assert!(edit.map("m").delete("n").unwrap());
    let _ = edit.commit();
    let deleted = a.to_value();
    let _ = undo.undo(&mut a, 30).expect("the deletion");
    assert_eq!(a.to_value(), b.to_value());
    let _ = undo.redo(&mut a, 40).expect("it was undone");
    assert_eq!(a.to_value(), deleted);
}

#[test]
fn a_move_over_concurrent_ones_is_done_again() {
    let (mut a, mut b) = (doc(1), doc(2));
    let mut undo = UndoManager::default();
    let (left, right, node) = write(&mut a, 10, |edit| {
        let mut tree = edit.tree("t");
        let [left, right] = [0, 1].map(|i| tree.create(None, i).unwrap());
        (left, right, tree.create(Some(left), 0).unwrap())
    });
    sync(&a, &mut b);
    write(&mut a, 20, |edit| {
        edit.tree("t").move_to(node, None, 2).unwrap();
    });
    write(&mut b, 30, |edit| {
        edit.tree("t").move_to(node, Some(left), 0).unwrap();
    });
    sync(&b, &mut a);
    let before = a.to_value();
    let mut edit = a.edit_recorded(40, &mut undo);
    edit.tree("t").move_to(node, Some(right), 0).unwrap();
    let _ = edit.commit();
    let after = a.to_value();
    let _ = undo.undo(&mut a, 50).expect("the move");
    assert_eq!(a.to_value(), before);
    let _ = undo.redo(&mut a, 60).expect("it was undone");
    assert_eq!(a.to_value(), after);
}
