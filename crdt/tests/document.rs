//! What a document promises to those who edit it together.

use driftwood_crdt::{
    Delta, Doc, EditError, Item, Kind, LoadError, MergeError, Path, ReplicaId, Value,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn exchange(a: &mut Doc, b: &mut Doc) {
    b.merge(&a.delta_since(b.version())).unwrap();
    a.merge(&b.delta_since(a.version())).unwrap();
    assert_eq!(a.canonical(), b.canonical());
    assert_eq!(a.to_value(), b.to_value());
}

fn write(doc: &mut Doc, now: u64, edit: impl FnOnce(&mut driftwood_crdt::Edit<'_>)) -> Delta {
    let mut open = doc.edit(now);
    edit(&mut open);
    open.commit()
}

#[test]
fn concurrent_creation_of_a_child_merges() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 1, |e| {
        e.map("notes").map("trip").set("title", "Rome").unwrap();
    });
    write(&mut b, 2, |e| {
        e.map("notes")
            .map("trip")
            .text("body")
            .insert(0, "Pack")
            .unwrap();
    });
    exchange(&mut a, &mut b);
    let trip = a.map("notes").map_at("trip");
    assert_eq!(trip.get("title"), Some(Item::Value("Rome".into())));
    assert_eq!(trip.text_at("body").to_string(), "Pack");
}

#[test]
fn what_is_written_inside_a_deleted_map_survives() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 1, |e| {
        let mut notes = e.map("notes");
        let mut trip = notes.map("trip");
        trip.set("title", "Rome").unwrap();
        trip.set("year", 2026).unwrap();
    });
    exchange(&mut a, &mut b);
    write(&mut a, 2, |e| {
        assert!(e.map("notes").delete("trip").unwrap());
    });
    write(&mut b, 3, |e| {
        e.map("notes").map("trip").set("year", 2027).unwrap();
    });
    exchange(&mut a, &mut b);
    let trip = a.map("notes").map_at("trip");
    assert_eq!(trip.keys(), ["year"]);
    assert_eq!(
        a.map("notes").keys(),
        ["trip"],
        "it shows again, with what survived"
    );
}

#[test]
fn the_newest_kind_shows_and_the_other_is_kept() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 5, |e| {
        e.map("m").text("k").insert(0, "text").unwrap();
    });
    write(&mut b, 9, |e| e.map("m").map("k").set("in", "map").unwrap());
    exchange(&mut a, &mut b);
    assert_eq!(a.map("m").get("k"), Some(Item::Container(Kind::Map)));
    assert_eq!(a.map("m").text_at("k").to_string(), "text");
    write(&mut a, 10, |e| e.map("m").set("k", "plain").unwrap());
    exchange(&mut a, &mut b);
    assert_eq!(b.map("m").get("k"), Some(Item::Value("plain".into())));
    assert_eq!(
        b.map("m").text_at("k").to_string(),
        "",
        "a write removes what it saw"
    );
}

#[test]
fn conflicts_stay_until_a_write_has_seen_them() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 10, |e| e.map("meta").set("title", "A").unwrap());
    write(&mut b, 5, |e| e.map("meta").set("title", "B").unwrap());
    exchange(&mut a, &mut b);
    assert_eq!(b.map("meta").get("title"), Some(Item::Value("A".into())));
    assert_eq!(b.map("meta").conflicts("title").len(), 2);
    // A clock that is behind makes no difference to a write that has seen the others.
    write(&mut b, 1, |e| e.map("meta").set("title", "C").unwrap());
    exchange(&mut a, &mut b);
    assert_eq!(a.map("meta").get("title"), Some(Item::Value("C".into())));
    assert_eq!(a.map("meta").conflicts("title").len(), 1);
}

#[test]
fn a_deleted_list_element_takes_its_container_along() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 1, |e| {
        e.list("todos")
            .insert_map(0)
            .unwrap()
            .set("text", "Milk")
            .unwrap();
    });
    exchange(&mut a, &mut b);
    let todo = Path::root("todos", Kind::List).element(a.list("todos").ids()[0], Kind::Map);
    write(&mut b, 2, |e| e.list("todos").delete(0..1).unwrap());
    let mut edit = b.edit(3);
    let refused = driftwood_crdt::MapEdit::from(edit.at(&todo)).set("text", "Bread");
    assert_eq!(refused, Err(EditError::Deleted));
    assert!(edit.commit().is_empty());
    exchange(&mut a, &mut b);
    assert_eq!(a.list("todos").values(), []);
}

#[test]
fn what_replaces_a_word_stays_before_what_follows_it() {
    for (first, second) in [(1, 2), (2, 1)] {
        let (mut a, mut b) = (doc(first), doc(second));
        write(&mut a, 1, |e| e.text("t").insert(0, "hello").unwrap());
        exchange(&mut a, &mut b);
        write(&mut a, 2, |e| e.text("t").replace(0..5, "bye").unwrap());
        write(&mut b, 3, |e| e.text("t").insert(5, " world").unwrap());
        exchange(&mut a, &mut b);
        assert_eq!(a.text("t").to_string(), "bye world");
    }
}

#[test]
fn a_gap_is_refused_and_said() {
    let (mut a, mut b) = (doc(1), doc(2));
    let first = write(&mut a, 1, |e| e.text("t").insert(0, "a").unwrap());
    let second = write(&mut a, 2, |e| e.text("t").insert(1, "b").unwrap());
    let before = b.canonical();
    assert_eq!(
        b.merge(&second).unwrap_err(),
        MergeError::Gap {
            have: b.version().clone()
        }
    );
    assert_eq!(b.canonical(), before);
    b.merge(&first).unwrap();
    b.merge(&second).unwrap();
    b.merge(&second).unwrap();
    assert_eq!(b.text("t").to_string(), "ab");
}

#[test]
fn a_dropped_edit_comes_with_the_next_commit() {
    let (mut a, mut b) = (doc(1), doc(2));
    drop(a.edit(1).text("t").insert(0, "first "));
    let delta = write(&mut a, 2, |e| e.text("t").insert(6, "second").unwrap());
    b.merge(&delta).unwrap();
    assert_eq!(b.text("t").to_string(), "first second");
}

#[test]
fn a_new_name_takes_over_without_loss() {
    let (mut a, mut b) = (doc(1), doc(2));
    drop(a.edit(1).text("t").insert(0, "old"));
    let rest = a.set_replica(ReplicaId::new(3));
    let delta = write(&mut a, 2, |e| e.text("t").insert(3, " new").unwrap());
    // The first change under the new name hangs on all that was seen under the old one.
    assert_eq!(delta.from(), rest.to());
    assert!(matches!(b.merge(&delta), Err(MergeError::Gap { .. })));
    b.merge(&rest).unwrap();
    b.merge(&delta).unwrap();
    assert_eq!(b.text("t").to_string(), "old new");
    assert_eq!(
        b.version().get(ReplicaId::new(1)),
        4,
        "three letters and the mark of the text"
    );
}

#[test]
fn nothing_is_left_of_what_was_created_and_deleted() {
    let mut a = doc(1);
    for n in 0..2_000 {
        let key = format!("key {n}");
        write(&mut a, n, |e| {
            e.map("m").set(&key, "value").unwrap();
            e.set("s").add(key.as_str()).unwrap();
        });
        write(&mut a, n, |e| {
            assert!(e.map("m").delete(&key).unwrap());
            assert!(e.set("s").delete(&key.as_str().into()).unwrap());
        });
    }
    let saved = a.save().len();
    assert!(saved <= 100, "{saved} bytes");
}

#[test]
fn every_flipped_byte_of_a_save_is_noticed() {
    let mut a = doc(1);
    write(&mut a, 1, |e| {
        e.text("t").insert(0, "Hello 🌊").unwrap();
        e.map("m").set("k", 1).unwrap();
        e.list("l").push(true).unwrap();
    });
    let saved = a.save();
    for at in 0..saved.len() {
        for bit in 0..8 {
            let mut damaged = saved.clone();
            damaged[at] ^= 1 << bit;
            assert!(
                Doc::load(ReplicaId::new(2), &damaged).is_err(),
                "byte {at}, bit {bit}"
            );
        }
    }
    let mut newer = saved.clone();
    newer[4] = 9;
    assert!(matches!(
        Doc::load(ReplicaId::new(2), &newer),
        Err(LoadError::FormatTooNew {
            found: 9,
            newest: 1
        })
    ));
    assert_eq!(
        Doc::load(ReplicaId::new(2), b"hello").unwrap_err(),
        LoadError::NotADocument
    );
}

#[test]
fn truncated_and_altered_deltas_do_no_harm() {
    let mut a = doc(1);
    let delta = write(&mut a, 1, |e| {
        e.text("t").insert(0, "Hello").unwrap();
        e.map("m")
            .map("n")
            .set("k", Value::List(vec![1.into(), "x".into()]))
            .unwrap();
        e.list("l").push(2.5).unwrap();
        e.set("s").add("y").unwrap();
        e.counter("c").add(-4).unwrap();
        e.text("t").delete(1..2).unwrap();
    });
    let bytes = delta.encode();
    for end in 0..bytes.len() {
        assert!(Delta::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Delta::decode(&longer).unwrap_err().offset, bytes.len());
    for at in 0..bytes.len() {
        for byte in 0..=255 {
            let mut altered = bytes.clone();
            altered[at] = byte;
            let Ok(delta) = Delta::decode(&altered) else {
                continue;
            };
            assert_eq!(delta.encode(), altered, "what decodes has one encoding");
            let mut b = doc(2);
            let before = b.canonical();
            if b.merge(&delta).is_err() {
                assert_eq!(b.canonical(), before);
            }
            b.assert_invariants();
        }
    }
}

#[test]
fn limits_hold_where_people_edit() {
    let mut a = doc(1);
    let long = "k".repeat(driftwood_crdt::limits::KEY_BYTES_MAX + 1);
    let mut edit = a.edit(1);
    assert!(matches!(
        edit.map("m").set(&long, 1),
        Err(EditError::Limit { .. })
    ));
    assert!(matches!(
        edit.text(&long).insert(0, "x"),
        Err(EditError::Limit { .. })
    ));
    let large = "x".repeat(driftwood_crdt::limits::VALUE_BYTES_MAX);
    assert!(matches!(
        edit.map("m").set("k", large),
        Err(EditError::Limit { .. })
    ));
    let deep = (0..70).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    assert!(matches!(
        edit.map("m").set("k", deep),
        Err(EditError::Limit { .. })
    ));
    let mut path = Path::root("m", Kind::Map);
    for _ in 0..70 {
        path = path.key("m", Kind::Map);
    }
    let refused = driftwood_crdt::MapEdit::from(edit.at(&path)).set("k", 1);
    assert!(matches!(refused, Err(EditError::Limit { .. })));
    assert!(edit.commit().is_empty());
    assert!(a.version().is_empty());
}

#[test]
fn a_merge_says_what_changed() {
    let (mut a, mut b) = (doc(1), doc(2));
    write(&mut a, 1, |e| e.text("body").insert(0, "🌊 sea").unwrap());
    exchange(&mut a, &mut b);
    write(&mut a, 2, |e| {
        e.text("body").replace(2..5, "tide").unwrap();
        e.map("meta").set("title", "x").unwrap();
    });
    let changes = b.merge(&a.delta_since(b.version())).unwrap();
    let shown: Vec<String> = changes
        .iter()
        .map(|(path, change)| format!("{path} {change:?}"))
        .collect();
    assert!(shown[1].starts_with("meta Map({\"title\"})"), "{shown:?}");
    let mut units: Vec<u16> = "🌊 sea".encode_utf16().collect();
    for (_, change) in changes.iter() {
        let driftwood_crdt::ChangeKind::Text(patches) = change else {
            continue;
        };
        for patch in patches {
            let start = patch.at.utf16;
            units.splice(
                start..start + patch.deleted.utf16,
                patch.inserted.encode_utf16(),
            );
        }
    }
    assert_eq!(String::from_utf16(&units).unwrap(), "🌊 tide");
}

#[test]
fn a_document_full_of_replicas_takes_no_more() {
    let mut a = doc(1);
    for id in 1..=driftwood_crdt::limits::REPLICAS_MAX as u64 {
        let _ = a.set_replica(ReplicaId::new(id));
        write(&mut a, id, |e| e.counter("c").add(1).unwrap());
    }
    let _ = a.set_replica(ReplicaId::new(5_000));
    let refused = a.edit(1).counter("c").add(1);
    assert!(
        matches!(refused, Err(EditError::Limit { max: 4_096, .. })),
        "{refused:?}"
    );
    let loaded = Doc::load(ReplicaId::new(1), &a.save()).expect("it was kept loadable");
    assert_eq!(loaded.counter("c").value(), 4_096);
}

#[test]
fn what_several_merges_say_adds_up() {
    let (mut a, mut b) = (doc(1), doc(2));
    let deltas = [
        write(&mut a, 1, |e| {
            e.map("m").map("x").map("y").set("z", 1).unwrap();
            e.list("l").insert_map(0).unwrap().set("in", 1).unwrap();
        }),
        write(&mut a, 2, |e| {
            e.map("m").map("x").set("w", 2).unwrap();
            e.text("t").insert(0, "new").unwrap();
        }),
        write(&mut a, 3, |e| {
            e.map("m").map("x").map("y").set("v", 3).unwrap();
            e.map("b").set("first", true).unwrap();
        }),
    ];
    let mut all = driftwood_crdt::Changes::default();
    for delta in &deltas {
        all.extend(b.merge(delta).unwrap());
    }
    let paths: Vec<Path> = all.iter().map(|(path, _)| path).collect();
    assert!(paths.is_sorted(), "{paths:?}");
    let element = b.list("l").ids()[0];
    let deep = Path::root("m", Kind::Map).key("x", Kind::Map);
    let expected = [
        (Path::root("b", Kind::Map), vec!["first"]),
        (
            Path::root("l", Kind::List).element(element, Kind::Map),
            vec!["in"],
        ),
        (Path::root("m", Kind::Map), vec!["x"]),
        (deep.clone(), vec!["w", "y"]),
        (deep.key("y", Kind::Map), vec!["v", "z"]),
    ];
    for (path, keys) in &expected {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let change = driftwood_crdt::ChangeKind::Map(keys);
        assert_eq!(all.of(path), Some(&change), "{path}");
    }
    // With the list and the text.
    assert_eq!(paths.len(), expected.len() + 2);
    assert_eq!(all.of(&Path::root("m", Kind::List)), None);
    assert_eq!(all.of(&Path::top()), None);
    let mut again = driftwood_crdt::Changes::default();
    assert_ne!(again, all);
    again.extend(all.clone());
    assert_eq!(again, all);
}
