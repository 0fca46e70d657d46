//! Undo and redo: what comes back, and what is left alone.

mod copies;
mod laws;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use copies::{exchange, pair, seen, Copy};
use driftwood_crdt::{Doc, Edit, Expand, Item, Kind, Path, ReplicaId, UndoManager, UndoOptions};
use driftwood_crdt::{Undone, Unit, Value};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[allow(clippy::unnecessary_wraps, reason = "it is what a key gives")]
fn item(value: impl Into<Value>) -> Option<Item> {
    Some(Item::Value(value.into()))
}

#[test]
fn a_key_gets_back_its_value_or_its_absence() {
    let mut a = Copy::new(1);
    a.edit(|e| e.map("m").set("k", 1).unwrap());
    a.edit(|e| e.map("m").set("k", 2).unwrap());
    a.edit(|e| assert!(e.map("m").delete("k").unwrap()));
    let states = [None, item(1), item(2), None];
    for state in states[..3].iter().rev() {
        a.undo().unwrap();
        assert_eq!(a.at("k"), *state);
    }
    assert!(a.undo().is_none());
    for state in &states[1..] {
        a.redo().unwrap();
        assert_eq!(a.at("k"), *state);
    }
    assert!(a.redo().is_none());
}

#[test]
fn a_key_gets_back_its_container_with_what_was_in_it() {
    let mut a = Copy::new(1);
    a.edit(|e| {
        let mut map = e.map("m");
        let mut trip = map.map("trip");
        trip.text("body").insert(0, "Pack").unwrap();
        trip.list("days")
            .insert_map(0)
            .unwrap()
            .set("to", "Rome")
            .unwrap();
        trip.counter("nights").add(3).unwrap();
        trip.set_at("tags").add("x").unwrap();
        let node = trip.tree("plan").create(None, 0).unwrap();
        trip.tree("plan").data(node).set("n", 1).unwrap();
    });
    let before = a.doc.to_value();
    a.edit(|e| e.map("m").set("trip", "plain").unwrap());
    a.undo().unwrap();
    assert_eq!(a.doc.to_value(), before);
    a.redo().unwrap();
    assert_eq!(a.at("trip"), item("plain"));
    assert_eq!(
        a.doc.map("m").map_at("trip").to_value(),
        Value::Map([].into_iter().collect())
    );
}

/// Stewen & Kleppmann's first figure; theirs stays here.
#[test]
fn what_somebody_has_written_over_mine_stays() {
    let (mut a, mut b) = pair(|e| e.map("m").set("k", "black").unwrap());
    a.edit(|e| e.map("m").set("k", "red").unwrap());
    exchange(&mut a, &mut b);
    b.edit(|e| e.map("m").set("k", "green").unwrap());
    exchange(&mut a, &mut b);
    assert!(a.undo().is_none(), "nothing of mine is left");
    assert_eq!(a.at("k"), item("green"));
    b.undo().unwrap();
    assert_eq!(
        b.at("k"),
        item("red"),
        "what was before my write, whoever wrote it"
    );
}

#[test]
fn what_somebody_has_written_after_an_undo_stays_when_it_is_redone() {
    let (mut a, mut b) = pair(|e| e.map("m").set("k", "black").unwrap());
    a.edit(|e| e.map("m").set("k", "red").unwrap());
    a.undo().unwrap();
    assert_eq!(a.at("k"), item("black"));
    exchange(&mut a, &mut b);
    b.edit(|e| e.map("m").set("k", "green").unwrap());
    exchange(&mut a, &mut b);
    assert!(a.redo().is_none());
    assert_eq!(a.at("k"), item("green"));
}

#[test]
fn of_concurrent_values_only_mine_is_replaced() {
    let (mut a, mut b) = pair(|e| e.map("m").set("k", 0).unwrap());
    a.edit(|e| e.map("m").set("k", "mine").unwrap());
    b.edit(|e| e.map("m").set("k", "theirs").unwrap());
    exchange(&mut a, &mut b);
    a.undo().unwrap();
    exchange(&mut a, &mut b);
    let values = b.doc.map("m").conflicts("k");
    let values: BTreeSet<Value> = values.into_iter().map(|sibling| sibling.value).collect();
    assert_eq!(
        values,
        BTreeSet::from([Value::from(0), Value::from("theirs")])
    );
}

#[test]
fn a_deletion_is_not_taken_back_over_something_new() {
    let (mut a, mut b) = pair(|e| e.map("m").set("k", 0).unwrap());
    a.edit(|e| assert!(e.map("m").delete("k").unwrap()));
    exchange(&mut a, &mut b);
    b.edit(|e| e.map("m").set("k", 1).unwrap());
    exchange(&mut a, &mut b);
    assert!(a.undo().is_none());
    assert_eq!(a.at("k"), item(1));
}

#[test]
fn what_others_typed_in_my_text_stays() {
    let (mut a, mut b) = pair(|e| e.text("t").insert(0, "<>").unwrap());
    a.edit(|e| e.text("t").insert(1, "mine").unwrap());
    exchange(&mut a, &mut b);
    b.edit(|e| e.text("t").replace(2..3, "THEIRS").unwrap());
    exchange(&mut a, &mut b);
    assert_eq!(a.text(), "<mTHEIRSne>");
    a.undo().unwrap();
    assert_eq!(a.text(), "<THEIRS>");
    a.redo().unwrap();
    assert_eq!(
        a.text(),
        "<mTHEIRSne>",
        "what they deleted of it stays deleted"
    );
    exchange(&mut a, &mut b);
}

#[test]
fn deleted_text_comes_back_where_it_was() {
    let (mut a, mut b) = pair(|e| e.text("t").insert(0, "abcdef").unwrap());
    a.edit(|e| e.text("t").delete(2..4).unwrap());
    b.edit(|e| e.text("t").insert(3, "-").unwrap());
    b.edit(|e| e.text("t").delete(1..3).unwrap());
    exchange(&mut a, &mut b);
    assert_eq!(a.text(), "a-ef");
    a.undo().unwrap();
    assert_eq!(
        a.text(),
        "ac-def",
        "although somebody else deleted the c too"
    );
    exchange(&mut a, &mut b);
    a.redo().unwrap();
    assert_eq!(a.text(), "a-ef");
    a.undo().unwrap();
    assert_eq!(a.text(), "ac-def", "once");
    exchange(&mut a, &mut b);
}

#[test]
fn deleted_text_comes_back_with_its_marks() {
    let (mut a, mut b) = pair(|e| {
        e.text("t").insert(0, "see the link").unwrap();
        e.text("t")
            .mark(Unit::Chars, 8..12, "link", "/", Expand::None)
            .unwrap();
        e.text("t")
            .mark(Unit::Chars, 0..10, "bold", true, Expand::After)
            .unwrap();
        e.text("t").embed(Unit::Chars, 3, "img").unwrap();
    });
    let before = seen(&a.doc);
    for range in [9..13, 0..13, 3..4, 11..13, 2..11] {
        a.edit(|e| e.text("t").delete(range).unwrap());
        a.undo().unwrap();
        assert_eq!(
            a.doc.text("t").segments().len(),
            b.doc.text("t").segments().len()
        );
        assert_eq!(seen(&a.doc), before);
    }
    exchange(&mut a, &mut b);
}

#[test]
fn a_mark_gives_way_to_what_was_marked_before() {
    let mark = |color: &'static str, range| {
        move |e: &mut Edit<'_>| {
            let mut text = e.text("t");
            text.mark(Unit::Chars, range, "color", color, Expand::None)
                .unwrap();
        }
    };
    let (mut a, mut b) = pair(|e| e.text("t").insert(0, "abcd").unwrap());
    let colors = |copy: &Copy| {
        let segments = copy.doc.text("t").segments().into_iter();
        let colors = segments.map(|s| (s.text, s.marks.get("color").cloned()));
        colors.collect::<Vec<_>>()
    };
    a.edit(mark("red", 0..4));
    let red = colors(&a);
    a.edit(mark("blue", 0..4));
    a.undo().unwrap();
    assert_eq!(colors(&a), red);
    a.redo().unwrap();
    exchange(&mut a, &mut b);
    b.edit(mark("green", 1..2));
    exchange(&mut a, &mut b);
    a.undo().unwrap();
    let expected = [("a", "red"), ("b", "green"), ("cd", "red")];
    let expected = expected.map(|(text, color)| (text.to_owned(), Some(Value::from(color))));
    assert_eq!(colors(&a), expected);
    exchange(&mut a, &mut b);
    b.edit(mark("black", 0..4));
    exchange(&mut a, &mut b);
    assert!(a.undo().is_none(), "mine is covered");
}

#[test]
fn elements_come_back_with_what_was_in_them() {
    let (mut a, mut b) = pair(|e| {
        (0..4).for_each(|i| e.list("l").push(i).unwrap());
        e.list("l")
            .insert_map(2)
            .unwrap()
            .text("in")
            .insert(0, "deep")
            .unwrap();
    });
    let before = a.values();
    a.edit(|e| e.list("l").delete(1..4).unwrap());
    b.edit(|e| e.list("l").push(9).unwrap());
    exchange(&mut a, &mut b);
    a.undo().unwrap();
    assert_eq!(a.values()[..5], before[..]);
    // What was done before, in an element that has another name now, can still be undone.
    a.edit(|e| {
        e.list("l")
            .map(2)
            .unwrap()
            .text("in")
            .insert(4, "er")
            .unwrap();
    });
    a.edit(|e| e.list("l").delete(2..3).unwrap());
    a.undo().unwrap();
    a.undo().unwrap();
    assert_eq!(a.values()[..5], before[..]);
    exchange(&mut a, &mut b);
}

#[test]
fn a_moved_element_goes_back_if_nobody_else_moved_it() {
    let (mut a, mut b) = pair(|e| {
        for v in ["x", "y", "z"] {
            e.list("l").push(v).unwrap();
        }
    });
    let before = a.values();
    a.edit(|e| e.list("l").move_to(0, 2).unwrap());
    a.edit(|e| e.list("l").move_to(2, 1).unwrap());
    b.edit(|e| e.list("l").insert(0, "w").unwrap());
    exchange(&mut a, &mut b);
    a.undo().unwrap();
    a.undo().unwrap();
    assert_eq!(a.values()[1..], before[..]);
    a.redo().unwrap();
    assert_eq!(a.values(), ["w", "y", "z", "x"].map(Value::from));
    exchange(&mut a, &mut b);
    b.edit(|e| e.list("l").move_to(3, 0).unwrap());
    exchange(&mut a, &mut b);
    assert!(a.undo().is_none());
    assert_eq!(a.values(), ["x", "w", "y", "z"].map(Value::from));
}

#[test]
fn nodes_of_trees_come_and_go_and_move_back() {
    let mut a = Copy::new(1);
    let (mut root, mut leaf) = (None, None);
    a.edit(|e| root = Some(e.tree("t").create(None, 0).unwrap()));
    a.edit(|e| {
        leaf = Some(e.tree("t").create(root, 0).unwrap());
        e.tree("t").data(leaf.unwrap()).set("n", 1).unwrap();
    });
    a.edit(|e| e.tree("t").move_to(leaf.unwrap(), None, 0).unwrap());
    a.edit(|e| e.tree("t").move_to(root.unwrap(), leaf, 0).unwrap());
    a.edit(|e| assert!(e.tree("t").delete(leaf.unwrap()).unwrap()));
    let mut states = vec![a.doc.tree("t").to_value()];
    while a.undo().is_some() {
        states.push(a.doc.tree("t").to_value());
    }
    assert_eq!(states.len(), 6);
    assert_eq!(states[5], Value::List(Vec::new()));
    for state in states[..5].iter().rev() {
        a.redo().unwrap();
        assert_eq!(a.doc.tree("t").to_value(), *state);
    }
}

#[test]
fn a_node_under_which_others_put_theirs_goes_alone() {
    let (mut a, mut b) = pair(|_| ());
    a.edit(|e| assert!(e.tree("t").create(None, 0).is_ok()));
    exchange(&mut a, &mut b);
    let node = a.doc.tree("t").nodes()[0];
    let mut theirs = None;
    b.edit(|e| theirs = Some(e.tree("t").create(Some(node), 0).unwrap()));
    exchange(&mut a, &mut b);
    a.undo().unwrap();
    assert_eq!(a.doc.tree("t").nodes(), [theirs.unwrap()]);
    exchange(&mut a, &mut b);
}

#[test]
fn sets_and_counters() {
    let (mut a, mut b) = pair(|e| {
        e.set("s").add("there").unwrap();
        e.counter("c").add(10).unwrap();
    });
    a.edit(|e| e.set("s").add("new").unwrap());
    a.edit(|e| e.set("s").add("there").unwrap());
    a.edit(|e| assert!(e.set("s").delete(&"there".into()).unwrap()));
    a.edit(|e| e.counter("c").add(5).unwrap());
    a.edit(|e| e.counter("c").add(-2).unwrap());
    b.edit(|e| e.counter("c").add(100).unwrap());
    exchange(&mut a, &mut b);
    let sum = |copy: &Copy| copy.doc.counter("c").value();
    let has = |copy: &Copy, value: &str| copy.doc.set("s").has(&value.into());
    assert_eq!(sum(&a), 113);
    a.undo().unwrap();
    a.undo().unwrap();
    assert_eq!(sum(&a), 110);
    a.redo().unwrap();
    assert_eq!(sum(&a), 115);
    a.undo().unwrap();
    a.undo().unwrap();
    assert!(has(&a, "there") && has(&a, "new"));
    a.undo().unwrap();
    assert!(has(&a, "there") && has(&a, "new"), "it was there before");
    a.undo().unwrap();
    assert!(has(&a, "there") && !has(&a, "new"));
    exchange(&mut a, &mut b);
}

#[test]
fn a_counter_that_went_on_gets_the_opposite() {
    let mut a = Copy::new(1);
    a.edit(|e| e.counter("c").add(5).unwrap());
    let mut edit = a.doc.edit(5_000);
    edit.counter("c").add(1).unwrap();
    let _ = edit.commit();
    a.undo().unwrap();
    assert_eq!(a.doc.counter("c").value(), 1);
    a.redo().unwrap();
    assert_eq!(a.doc.counter("c").value(), 6);
}

#[test]
fn what_others_put_in_my_container_survives_its_undoing() {
    let (mut a, mut b) = pair(|_| ());
    a.edit(|e| e.map("m").map("trip").set("mine", 1).unwrap());
    a.edit(|e| e.list("l").insert_map(0).unwrap().set("mine", 1).unwrap());
    exchange(&mut a, &mut b);
    b.edit(|e| e.map("m").map("trip").set("theirs", 2).unwrap());
    b.edit(|e| e.list("l").map(0).unwrap().set("theirs", 2).unwrap());
    exchange(&mut a, &mut b);
    a.undo().unwrap();
    a.undo().unwrap();
    assert_eq!(a.doc.map("m").map_at("trip").keys(), ["theirs"]);
    assert_eq!(a.doc.list("l").map(0).keys(), ["theirs"]);
    exchange(&mut a, &mut b);
}

#[test]
fn nothing_is_written_in_what_others_have_deleted() {
    let (mut a, mut b) = pair(|e| {
        e.list("l")
            .insert_text(0)
            .unwrap()
            .insert(0, "abc")
            .unwrap();
        e.map("m").text("k").insert(0, "abc").unwrap();
    });
    a.edit(|e| e.list("l").text(0).unwrap().delete(0..1).unwrap());
    a.edit(|e| e.map("m").text("k").delete(0..1).unwrap());
    exchange(&mut a, &mut b);
    b.edit(|e| e.list("l").delete(0..1).unwrap());
    b.edit(|e| assert!(e.map("m").delete("k").unwrap()));
    exchange(&mut a, &mut b);
    assert!(a.undo().is_none());
    assert!(a.values().is_empty());
    assert_eq!(a.at("k"), None);
}

#[test]
fn changes_near_each_other_are_one_step() {
    let mut doc = Doc::new(ReplicaId::new(1));
    let mut undo = UndoManager::default();
    let typed = |doc: &mut Doc, now, undo: &mut UndoManager| {
        let at = doc.text("t").len();
        // Dropped, not committed: it is recorded all the same.
        drop(doc.edit_recorded(now, undo).text("t").insert(at, "x"));
    };
    for now in [0, 400, 800, 1_300, 1_400] {
        typed(&mut doc, now, &mut undo);
    }
    undo.stop_grouping();
    typed(&mut doc, 1_401, &mut undo);
    let mut lens = Vec::new();
    while undo.undo(&mut doc, 2_000).is_some() {
        lens.push(doc.text("t").len());
    }
    assert_eq!(lens, [5, 3, 0]);
    assert!(undo.can_redo() && !undo.can_undo());
    undo.clear_redo();
    assert!(!undo.can_redo());
}

#[test]
fn depth_scopes_and_data() {
    let scope = Path::root("m", Kind::Map).key("in", Kind::Text);
    let mut doc = Doc::new(ReplicaId::new(1));
    let mut undo = UndoManager::new(UndoOptions {
        scopes: vec![scope.clone()],
        group_ms: 0,
        depth: 2,
    });
    for n in 0..4u8 {
        undo.attach(vec![n]);
        let mut edit = doc.edit_recorded(u64::from(n), &mut undo);
        edit.text("t").insert(0, "out").unwrap();
        edit.map("m").text("in").insert(0, "i").unwrap();
        let _ = edit.commit();
    }
    undo.attach(vec![9]);
    let data = |undone: Option<Undone>| undone.map(|undone| undone.data);
    assert_eq!(data(undo.undo(&mut doc, 9)), Some(vec![3]));
    assert_eq!(data(undo.undo(&mut doc, 9)), Some(vec![2]));
    assert_eq!(data(undo.undo(&mut doc, 9)), None);
    assert_eq!(doc.map("m").text_at("in").to_string(), "ii");
    assert_eq!(doc.text("t").len(), 12);
    assert_eq!(data(undo.redo(&mut doc, 9)), Some(vec![3]));
    assert_eq!(data(undo.redo(&mut doc, 9)), Some(vec![9]));
    undo.forget(&Path::root("m", Kind::Map));
    assert!(!undo.can_undo() && !undo.can_redo());
}

#[test]
fn what_is_forgotten_is_gone_from_the_steps() {
    let mut a = Copy::new(1);
    a.edit(|e| e.list("l").insert_map(0).unwrap().set("secret", 1).unwrap());
    a.edit(|e| e.text("t").insert(0, "public").unwrap());
    a.edit(|e| e.list("l").delete(0..1).unwrap());
    a.undo().unwrap();
    let inside = Path::root("l", Kind::List).element(a.doc.list("l").id(0).unwrap(), Kind::Map);
    a.undo.forget(&inside);
    assert!(!a.undo.can_redo());
    assert!(!format!("{:?}", a.undo).contains("secret"));
    a.undo().unwrap();
    assert!(a.undo().is_none());
}
