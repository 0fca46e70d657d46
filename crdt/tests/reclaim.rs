//! What deleting leaves behind, and that dropping it harms nobody.

use driftwood_crdt::{Cursor, Delta, Doc, Edit, Expand, Kind, MergeError, ReplicaId, Side, Unit};
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

/// `to` gets what it lacks of `from`, and asks for anchors if it must; whether it had to.
fn sync(from: &Doc, to: &mut Doc) -> bool {
    let bytes = from.delta_since(to.version()).encode();
    match to.merge(&Delta::decode(&bytes).unwrap()) {
        Ok(_) => false,
        Err(MergeError::MissingAnchors { anchors }) => {
            let answer = from.delta_with_anchors(to.version(), &anchors).encode();
            to.merge(&Delta::decode(&answer).unwrap()).unwrap();
            true
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn churn_leaves_nothing() {
    let mut doc = doc(1);
    let report = |what: &str, doc: &mut Doc| {
        let before = doc.save().len();
        doc.reclaim(0, 0, &[]);
        let after = doc.save().len();
        println!("20,000 x create and delete a {what}: saved in {before} bytes, {after} after reclaiming");
        assert!(after <= 100, "{what}: {after} bytes");
        doc.assert_invariants();
    };
    for n in 0..20_000 {
        let key = format!("key {n}");
        write(&mut doc, n, |e| e.map("m").set(&key, "value").unwrap());
        write(&mut doc, n, |e| assert!(e.map("m").delete(&key).unwrap()));
    }
    report("key", &mut doc);
    for n in 0..20_000 {
        let value = format!("element {n}");
        write(&mut doc, n, |e| e.set("s").add(value.as_str()).unwrap());
        write(&mut doc, n, |e| {
            assert!(e.set("s").delete(&value.as_str().into()).unwrap());
        });
    }
    report("set element", &mut doc);
    for n in 0..20_000 {
        write(&mut doc, n, |e| e.list("l").push(n as u32).unwrap());
        write(&mut doc, n, |e| e.list("l").delete(0..1).unwrap());
    }
    report("list item", &mut doc);
    for n in 0..20_000 {
        let mut node = None;
        write(&mut doc, n, |e| {
            node = Some(e.tree("t").create(None, 0).unwrap());
        });
        write(&mut doc, n, |e| {
            assert!(e.tree("t").delete(node.unwrap()).unwrap());
        });
    }
    report("tree node", &mut doc);
}

#[test]
fn a_million_characters_typed_and_deleted() {
    let mut doc = doc(1);
    let line =
        "The tide comes in, the tide goes out, and driftwood stays on the beach. ".repeat(14);
    let line: String = line.chars().take(1_000).collect();
    // Typed at places all over, by the thousand, deleted from the middle of what others typed.
    for n in 0..1_000_usize {
        let len = doc.text("t").len();
        write(&mut doc, n as u64 * 10_000, |e| {
            e.text("t").insert(n * 7_919 % (len + 1), &line).unwrap();
        });
        if n % 4 == 3 {
            let len = doc.text("t").len();
            write(&mut doc, n as u64 * 10_000, |e| {
                e.text("t").delete(len / 3..len).unwrap();
            });
        }
    }
    let len = doc.text("t").len();
    write(&mut doc, 20_000_000, |e| {
        e.text("t").delete(0..len).unwrap();
    });
    let before = doc.save().len();
    let dropped = doc.reclaim(0, 0, &[]);
    let after = doc.save().len();
    println!(
        "1,000,000 characters typed and deleted: saved in {before} bytes, {after} after reclaiming"
    );
    assert_eq!(dropped, 1_000_000);
    assert!(after < 1_000, "{after} bytes");
}

#[test]
fn a_grace_is_waited_for() {
    let mut doc = doc(1);
    write(&mut doc, 0, |e| {
        e.text("t").insert(0, "old and new").unwrap();
    });
    write(&mut doc, 1, |e| e.text("t").delete(3..7).unwrap());
    assert_eq!(
        doc.reclaim(1_000, 500, &[]),
        0,
        "found unneeded for the first time"
    );
    assert_eq!(doc.reclaim(1_499, 500, &[]), 0);
    write(&mut doc, 2, |e| e.text("t").delete(0..3).unwrap());
    assert_eq!(
        doc.reclaim(1_500, 500, &[]),
        0,
        "the letters before hang on nothing, those after on them"
    );
    write(&mut doc, 3, |e| e.text("t").delete(0..4).unwrap());
    assert_eq!(doc.reclaim(1_600, 500, &[]), 0);
    assert_eq!(doc.reclaim(2_100, 500, &[]), 11);
}

#[test]
fn cursors_and_marks_hold_their_places() {
    let mut doc = doc(1);
    write(&mut doc, 0, |e| {
        e.text("t").insert(0, "one two three").unwrap();
    });
    write(&mut doc, 0, |e| e.text("t").insert(13, " four").unwrap());
    let cursor = doc.text("t").cursor(Unit::Chars, 16, Side::Left).unwrap();
    let cursor = Cursor::decode(&cursor.encode()).unwrap();
    write(&mut doc, 1, |e| {
        let mut text = e.text("t");
        text.mark(Unit::Chars, 4..13, "link", "x", Expand::None)
            .unwrap();
        text.delete(8..18).unwrap();
    });
    let dropped = doc.reclaim(0, 0, &[cursor]);
    assert_eq!(dropped, 2, "what comes after the cursor's letter");
    assert_eq!(doc.text("t").resolve(&cursor).chars, 8);
    write(&mut doc, 2, |e| e.text("t").insert(8, "!").unwrap());
    let marked: Vec<_> = doc
        .text("t")
        .segments()
        .into_iter()
        .map(|s| (s.text, s.marks.len()))
        .collect();
    assert_eq!(
        marked,
        [("one ".into(), 0), ("two ".into(), 1), ("!".into(), 0)]
    );
    doc.reclaim(0, 0, &[]);
    assert_eq!(
        doc.text("t").resolve(&cursor).chars,
        9,
        "near where it was made"
    );
}

#[test]
fn who_was_away_for_a_hundred_rounds_merges_back() {
    let (mut home, mut away) = (doc(1), doc(2));
    write(&mut home, 0, |e| {
        e.text("t").insert(0, "in the beginning").unwrap();
        e.list("l").insert_map(0).unwrap().set("n", 0).unwrap();
        e.tree("tree").create(None, 0).unwrap();
        e.map("m").set("k", "old").unwrap();
    });
    sync(&home, &mut away);
    // What is written away hangs on letters, an item and a node that will be gone at home.
    write(&mut away, 1, |e| {
        e.text("t").insert(6, " very").unwrap();
        e.list("l").map(0).unwrap().set("n", "away").unwrap();
        e.map("m").map("k2").set("own", true).unwrap();
    });
    let node = away.tree("tree").nodes()[0];
    write(&mut away, 2, |e| {
        e.tree("tree").data(node).set("name", "away").unwrap();
        e.tree("tree").create(Some(node), 0).unwrap();
    });
    for round in 0..100 {
        write(&mut home, 10 + round, |e| {
            let len = e.text("t").extent().chars;
            e.text("t").delete(0..len).unwrap();
            e.text("t").insert(0, &format!("round {round}")).unwrap();
            let len = e.list("l").len();
            e.list("l").delete(0..len).unwrap();
            e.list("l").push(round as u32).unwrap();
            e.map("m").delete("k").unwrap();
            e.map("m").set("k", round as u32).unwrap();
        });
        let nodes = home.tree("tree").nodes();
        write(&mut home, 10 + round, |e| {
            for node in nodes {
                e.tree("tree").delete(node).unwrap();
            }
            e.tree("tree").create(None, 0).unwrap();
        });
        home.reclaim(round, 0, &[]);
    }
    assert!(
        sync(&away, &mut home),
        "what it wrote hangs on what was dropped here"
    );
    sync(&home, &mut away);
    assert_eq!(home.version(), away.version());
    assert_eq!(home.canonical(), away.canonical());
    home.assert_invariants();
    away.assert_invariants();
    let text = home.text("t").to_string();
    assert!(
        text.contains(" very") && text.contains("round 99"),
        "{text}"
    );
    assert_eq!(
        text.len(),
        " very".len() + "round 99".len(),
        "nothing else came back: {text}"
    );
    let list = home.list("l");
    assert_eq!(
        list.len(),
        2,
        "the last round's item, and what survived of the first"
    );
    let survivor = (0..2).find_map(|i| list.map(i).get("n")).unwrap();
    assert_eq!(survivor, driftwood_crdt::Item::Value("away".into()));
    assert_eq!(home.map("m").map_at("k2").len(), 1);
    assert_eq!(
        home.map("m").get("k"),
        Some(driftwood_crdt::Item::Value(99.into()))
    );
    let tree = home.tree("tree");
    assert_eq!(
        tree.nodes().len(),
        3,
        "the last round's, the one whose data survived, its child"
    );
    assert_eq!(tree.parent(tree.children(Some(node))[0]), Some(node));
    assert_eq!(
        home.top().get("t"),
        Some(driftwood_crdt::Item::Container(Kind::Text))
    );
}
