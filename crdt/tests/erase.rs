//! What was erased is in no bytes of any copy that knows of it, and copies stay equal.

#[allow(dead_code)]
mod support;

use driftwood_crdt::{Delta, Doc, Expand, Kind, MergeError, Path, ReplicaId, Unit, VersionVector};
use proptest::prelude::*;
use support::{Step, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NEEDLE: &str = "n33dle";

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn has(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|w| w == needle.as_bytes())
}

/// Every version that lies between nothing and that of the document, replica by replica.
fn versions(doc: &Doc) -> Vec<VersionVector> {
    let mut versions = vec![VersionVector::new()];
    for (replica, last) in doc.version().iter() {
        let before = versions.clone();
        versions = (0..=last)
            .flat_map(|seq| {
                before.iter().map(move |version| {
                    let mut version = version.clone();
                    version.advance(replica, seq);
                    version
                })
            })
            .collect();
    }
    versions
}

/// That no bytes which the document can give have the needle.
fn assert_clean(doc: &Doc, needle: &str) {
    doc.assert_invariants();
    assert!(!has(&doc.save(), needle), "saved");
    assert!(!has(&doc.canonical(), needle), "canonical");
    for version in versions(doc) {
        let delta = doc.delta_since(&version).encode();
        assert!(!has(&delta, needle), "since {version:?}");
    }
    assert!(!format!("{doc:?}").contains(needle), "in memory");
}

fn exchange(a: &mut Doc, b: &mut Doc) {
    for _ in 0..2 {
        bring(a, b);
        bring(b, a);
    }
    assert_eq!(a.version(), b.version());
    assert_eq!(a.canonical(), b.canonical());
    assert_eq!(a.to_value(), b.to_value());
}

/// As a peer does it: what is missing, and everything when something hangs on what was dropped.
fn bring(from: &Doc, to: &mut Doc) {
    let delta = from.delta_since(to.version());
    let delta = Delta::decode(&delta.encode()).expect("own delta");
    match to.merge(&delta) {
        Err(MergeError::MissingAnchors { .. }) => {
            to.merge(&from.whole()).expect("everything can be merged");
        }
        other => drop(other.expect("nothing lies between")),
    }
}

type Fill = fn(&mut Doc);
type Erase = fn(&mut Doc);

/// What holds the needle, and how it is erased.
const CASES: [(&str, Fill, Erase); 9] = [
    (
        "a root text",
        |doc| {
            let mut edit = doc.edit(1);
            edit.text(NEEDLE).insert(0, NEEDLE).unwrap();
            edit.text(NEEDLE).delete(1..2).unwrap();
            edit.commit();
        },
        |doc| {
            let path = Path::root(NEEDLE, Kind::Text);
            assert!(doc.edit(2).erase(&path).unwrap());
        },
    ),
    (
        "a part of a text",
        |doc| {
            let mut edit = doc.edit(1);
            edit.text("t").insert(0, "before n33dle after").unwrap();
            edit.text("t")
                .mark(Unit::Chars, 7..13, "comment", NEEDLE, Expand::None)
                .unwrap();
            edit.commit();
        },
        |doc| doc.edit(2).text("t").erase(7..13).unwrap(),
    ),
    (
        "a key and its value",
        |doc| doc.edit(1).map("m").set(NEEDLE, NEEDLE).unwrap(),
        |doc| assert!(doc.edit(2).map("m").erase(NEEDLE).unwrap()),
    ),
    (
        "containers at a key",
        |doc| {
            let mut edit = doc.edit(1);
            let mut map = edit.map("m");
            map.map(NEEDLE).text(NEEDLE).insert(0, NEEDLE).unwrap();
            map.map(NEEDLE).list("l").push(NEEDLE).unwrap();
            map.map(NEEDLE).create("n33dle2", Kind::Set).unwrap();
            edit.commit();
        },
        |doc| assert!(doc.edit(2).map("m").erase(NEEDLE).unwrap()),
    ),
    (
        "a key that was deleted",
        |doc| {
            doc.edit(1).map("m").text(NEEDLE).insert(0, NEEDLE).unwrap();
            doc.edit(1).map("m").delete(NEEDLE).unwrap();
        },
        |doc| assert!(doc.edit(2).map("m").erase(NEEDLE).unwrap()),
    ),
    (
        "elements of a list",
        |doc| {
            let mut edit = doc.edit(1);
            edit.list("l").push(1).unwrap();
            edit.list("l").push(NEEDLE).unwrap();
            edit.list("l")
                .insert_map(1)
                .unwrap()
                .text(NEEDLE)
                .insert(0, "x")
                .unwrap();
            edit.list("l").push(2).unwrap();
            edit.commit();
        },
        |doc| doc.edit(2).list("l").erase(1..3).unwrap(),
    ),
    (
        "an element of a list by its path",
        |doc| {
            let mut edit = doc.edit(1);
            edit.list("l").push(1).unwrap();
            edit.list("l")
                .insert_map(0)
                .unwrap()
                .set(NEEDLE, NEEDLE)
                .unwrap();
            edit.commit();
        },
        |doc| {
            let element = doc.list("l").id(0).unwrap();
            let path = Path::root("l", Kind::List).element(element, Kind::Map);
            assert!(doc.edit(2).erase(&path).unwrap());
        },
    ),
    (
        "a value of a set",
        |doc| doc.edit(1).set("s").add(NEEDLE).unwrap(),
        |doc| assert!(doc.edit(2).set("s").erase(&NEEDLE.into()).unwrap()),
    ),
    (
        "a node of a tree",
        |doc| {
            let mut edit = doc.edit(1);
            let mut tree = edit.tree("tree");
            let top = tree.create(None, 0).unwrap();
            let below = tree.create(Some(top), 0).unwrap();
            tree.data(below).text(NEEDLE).insert(0, NEEDLE).unwrap();
            edit.commit();
        },
        |doc| {
            let top = doc.tree("tree").children(None)[0];
            assert!(doc.edit(2).tree("tree").erase(top).unwrap());
        },
    ),
];

#[test]
fn erased_bytes_are_nowhere() {
    for (name, fill, erase) in CASES {
        let mut here = doc(1);
        here.edit(0).map("m").set("other", 1).unwrap();
        fill(&mut here);
        assert!(
            has(&here.save(), NEEDLE) || name.contains("deleted"),
            "{name}"
        );
        let mut there = doc(2);
        bring(&here, &mut there);
        let mut behind = there.clone();
        let mut whole = there.clone();
        there.edit(1).map("m").set("more", 2).unwrap();

        erase(&mut here);
        assert_clean(&here, NEEDLE);
        exchange(&mut here, &mut there);
        assert_clean(&there, NEEDLE);
        // By a whole state, from which it is seen what is gone.
        whole.merge(&there.whole()).unwrap();
        assert_clean(&whole, NEEDLE);
        assert_eq!(whole.canonical(), here.canonical(), "{name}");
        // From a copy that knew nothing at all.
        let loaded = Doc::load(ReplicaId::new(3), &here.save()).unwrap();
        assert_eq!(loaded.canonical(), here.canonical());
        behind.merge(&loaded.delta_since(behind.version())).unwrap();
        assert_clean(&behind, NEEDLE);
        assert_eq!(behind.canonical(), here.canonical(), "{name}");
    }
}

#[test]
fn the_log_of_removals_may_be_long_past() {
    for (name, fill, erase) in CASES {
        let (mut here, mut there) = (doc(1), doc(2));
        fill(&mut here);
        bring(&here, &mut there);
        erase(&mut here);
        // No two changes in a row remove dots in a row: each is a record of its own.
        for i in 0..9_000 {
            let mut edit = here.edit(3);
            let key = (i * i % 1_009 % 37).to_string();
            edit.map("churn").set(&key, i).unwrap();
            let _ = edit.commit();
        }
        let delta = here.delta_since(there.version());
        assert!(delta.from().is_empty(), "the whole state");
        exchange(&mut here, &mut there);
        assert!(!has(&there.save(), NEEDLE), "{name}");
        assert!(!format!("{there:?}").contains(NEEDLE), "{name}");
    }
}

#[test]
fn what_others_write_meanwhile_stays() {
    let (mut here, mut there) = (doc(1), doc(2));
    here.edit(0).map("m").text("k").insert(0, "secret").unwrap();
    exchange(&mut here, &mut there);
    here.edit(1).map("m").erase("k").unwrap();
    there.edit(1).map("m").text("k").insert(3, "!").unwrap();
    exchange(&mut here, &mut there);
    assert_eq!(here.map("m").text_at("k").to_string(), "!");
    here.edit(2).map("m").text("k").insert(1, "?").unwrap();
    exchange(&mut here, &mut there);
    assert_eq!(there.map("m").text_at("k").to_string(), "!?");
    // Once that is gone as well, so is the name.
    there.edit(3).map("m").delete("k").unwrap();
    exchange(&mut here, &mut there);
    assert_eq!((here.container_count(), there.container_count()), (2, 2));
}

#[test]
fn nothing_to_erase_is_no_change() {
    let mut doc = doc(1);
    let mut edit = doc.edit(0);
    edit.map("m").set("k", 1).unwrap();
    edit.commit();
    let version = doc.version().clone();
    let mut edit = doc.edit(1);
    assert!(!edit.map("m").erase("other").unwrap());
    assert!(!edit.erase(&Path::root("x", Kind::List)).unwrap());
    assert!(!edit.set("s").erase(&1.into()).unwrap());
    assert!(edit.commit().is_empty());
    assert_eq!(*doc.version(), version);
    assert_eq!(doc.container_count(), 2);
}

#[test]
fn churn_costs_no_memory() {
    let mut doc = doc(1);
    doc.edit(0).map("m").set("stays", 1).unwrap();
    let mut other = Doc::new(ReplicaId::new(2));
    let empty = doc.save().len();
    for i in 0..20_000 {
        let key = format!("key {i}");
        let mut edit = doc.edit(i);
        edit.map("m").map(&key).set("a", "b").unwrap();
        edit.map("m").map(&key).create("c", Kind::Set).unwrap();
        let made = edit.commit();
        let mut edit = doc.edit(i);
        edit.map("m").delete(&key).unwrap();
        let deleted = edit.commit();
        if i % 10 == 0 {
            bring(&doc, &mut other);
        } else {
            other.merge(&made).unwrap();
            other.merge(&deleted).unwrap();
        }
    }
    println!(
        "{} containers, {} bytes beyond {empty}",
        doc.container_count(),
        doc.save().len() - empty
    );
    assert_eq!((doc.container_count(), other.container_count()), (2, 2));
    assert!(doc.save().len() < empty + 100);
    assert_eq!(other.canonical(), doc.canonical());

    // Texts keep the names of what was typed, for what others may hang on them; unless erased.
    let mut doc = Doc::new(ReplicaId::new(1));
    for i in 0..5_000 {
        let mut edit = doc.edit(i);
        edit.map("m")
            .text(&format!("key {i}"))
            .insert(0, "x")
            .unwrap();
        edit.map("m").erase(&format!("key {i}")).unwrap();
    }
    println!(
        "{} containers, {} bytes",
        doc.container_count(),
        doc.save().len()
    );
    assert_eq!(doc.container_count(), 2);
    // An edit that names a container and writes nothing leaves nothing.
    doc.edit(0).map("never").map("written").map("to");
    assert_eq!(doc.container_count(), 2);
}

#[test]
fn erasures_of_what_is_unknown_are_refused() {
    let mut here = doc(1);
    here.edit(0).map("m").set("k", 1).unwrap();
    here.edit(0).map("m").set("l", 1).unwrap();
    let before = here.version().clone();
    let mut edit = here.edit(1);
    edit.map("m").erase("l").unwrap();
    let delta = edit.commit();
    let bytes = delta.encode();
    assert_eq!(Delta::decode(&bytes).unwrap(), delta);
    for len in 0..bytes.len() {
        assert!(Delta::decode(&bytes[..len]).is_err());
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(delta) = Delta::decode(&bytes) {
                assert_eq!(delta.encode(), bytes, "one encoding");
                let mut copy = doc(2);
                copy.merge(&here.whole()).unwrap();
                let _ = copy.merge(&delta);
                let mut copy = doc(2);
                let _ = copy.merge(&delta);
                copy.assert_invariants();
            }
        }
    }
    assert_ne!(*here.version(), before);
}

/// Erases something, as the numbers say.
fn erase_some(world: &mut World, who: usize, what: usize, a: usize, b: usize) {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let (name, key) = (NAMES[a % 3], NAMES[b % 3]);
    let count = world.docs.len();
    let doc = &mut world.docs[who % count];
    let (text, list) = (doc.text(name).len(), doc.list(name).len());
    let nodes = doc.tree(name).nodes();
    let mut edit = doc.edit(5_000_000);
    let done = match what % 6 {
        0 => edit.erase(&Path::root(name, Kind::ALL[b % 6])).map(drop),
        1 => edit.map(name).erase(key).map(drop),
        2 => edit.text(name).erase(b.min(text)..(b + 4).min(text)),
        3 => edit.list(name).erase(b.min(list)..(b + 2).min(list)),
        4 => edit.set(name).erase(&"x".into()).map(drop),
        _ => match nodes.first() {
            Some(&node) => edit.tree(name).erase(node).map(drop),
            None => Ok(()),
        },
    };
    done.expect("what is there can be erased");
    let delta = edit.commit();
    if !delta.is_empty() {
        world.deltas.push(delta.encode());
    }
    world.docs[who % count].assert_invariants();
}

/// Fewer in wasm, where the point is that the code runs there at all.
const ROUNDS: u32 = if cfg!(target_arch = "wasm32") {
    40
} else {
    400
};

proptest! {
    #![proptest_config(ProptestConfig { cases: ROUNDS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn copies_stay_equal(
        replicas in 2usize..4,
        steps in prop::collection::vec((0u8..8, any::<u8>(), 0usize..60, 0usize..60, 0usize..60), 1..60),
    ) {
        let mut world = World::new(replicas);
        for (kind, what, who, a, b) in steps {
            match kind {
                0..=3 => world.step(&Step::Edit(who, what, a, b, who / 3)),
                4 | 5 => erase_some(&mut world, who, usize::from(what), a, b),
                6 => {
                    let (from, to) = (who % replicas, a % replicas);
                    if from != to {
                        let from = world.docs[from].clone();
                        bring(&from, &mut world.docs[to]);
                    }
                }
                _ => {
                    let bytes = world.deltas.get(a % world.deltas.len().max(1)).cloned();
                    if let Some(bytes) = bytes {
                        let delta = Delta::decode(&bytes).unwrap();
                        let _ = world.docs[who % replicas].merge(&delta);
                    }
                }
            }
            world.docs.iter().for_each(Doc::assert_invariants);
        }
        for _ in 0..2 {
            for i in 0..replicas {
                let from = world.docs[i].clone();
                bring(&from, &mut world.docs[(i + 1) % replicas]);
            }
        }
        world.assert_equal_where_versions_are();
        let last = world.docs[0].version().clone();
        prop_assert!(world.docs.iter().all(|doc| *doc.version() == last));
    }
}
