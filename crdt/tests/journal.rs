//! A journal shows every version that it recorded, and what was erased in none; a document is made
//! what it was by one change.

#[allow(dead_code)]
mod support;

use driftwood_crdt::{
    checksum, Delta, Doc, Expand, Journal, JournalError, Kind, LoadError, MergeError, Path,
    ReplicaId, Segment, Unit, Value, VersionVector,
};
use proptest::prelude::*;
use support::{Step, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NAMES: [&str; 3] = ["a", "b", "c"];
const NEEDLE: &str = "n33dle";

/// What a reader sees of a document.
#[derive(Clone, PartialEq, Debug)]
struct View {
    value: Value,
    roots: Vec<Value>,
    segments: Vec<Vec<Segment>>,
}

fn view(doc: &Doc) -> View {
    let roots = NAMES
        .iter()
        .flat_map(|name| Kind::ALL.map(|kind| doc.at(&Path::root(name, kind)).to_value()));
    View {
        value: doc.to_value(),
        // A container that is not there is nothing, one that is empty is empty.
        roots: roots.map(no_nothing).collect(),
        segments: NAMES.iter().map(|name| doc.text(name).segments()).collect(),
    }
}

fn no_nothing(value: Value) -> Value {
    let empty = match &value {
        Value::List(items) => items.is_empty(),
        Value::Map(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Int(number) => *number == 0,
        _ => false,
    };
    if empty {
        Value::Null
    } else {
        value
    }
}

fn has(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|w| w == needle.as_bytes())
}

/// A document with its journal, and what it looked like at each version.
struct Kept {
    doc: Doc,
    journal: Journal,
    seen: Vec<(VersionVector, View)>,
}

impl Kept {
    fn new(id: u64) -> Self {
        let doc = Doc::new(ReplicaId::new(id));
        let journal = Journal::new(&doc);
        let seen = vec![(doc.version().clone(), view(&doc))];
        Self { doc, journal, seen }
    }

    fn note(&mut self, delta: &Delta) {
        if self.journal.record(delta).expect("in order") {
            self.seen
                .push((self.doc.version().clone(), view(&self.doc)));
        }
        assert!(!self.journal.record(delta).expect("it is known"), "known");
        assert_eq!(self.journal.version(), self.doc.version());
    }

    fn merge(&mut self, delta: &Delta) {
        if self.doc.merge(delta).is_ok() {
            self.note(delta);
        }
    }

    fn check_past(&self) {
        assert_eq!(self.journal.versions().count(), self.seen.len());
        for (version, seen) in &self.seen {
            let then = self.journal.at(version).expect("it was recorded");
            then.assert_invariants();
            assert_eq!(then.version(), version);
            assert_eq!(view(&then), *seen);
        }
    }

    fn check_bytes(&self) {
        let bytes = self.journal.to_bytes();
        assert!(Journal::from_bytes(&bytes).unwrap() == self.journal);
        let len = self.journal.len_bytes();
        assert!(
            len.abs_diff(bytes.len()) <= len / 4 + 64,
            "{len} {}",
            bytes.len()
        );
    }
}

fn bring(from: &Doc, to: &mut Kept) {
    let delta = from.delta_since(to.doc.version());
    match to.doc.merge(&delta) {
        Err(MergeError::MissingAnchors { .. }) => to.merge(&from.whole()),
        other => {
            other.expect("nothing lies between");
            to.note(&delta);
        }
    }
}

type Row = (u8, u8, usize, usize, usize);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(
        (0u8..16, any::<u8>(), 0usize..60, 0usize..60, 0usize..60),
        1..50,
    )
}

/// Random edits on replicas that all keep journals.
fn play(
    replicas: usize,
    rows: &[Row],
    mut extra: impl FnMut(&mut Kept, usize, usize),
) -> Vec<Kept> {
    let mut world = World::new(replicas);
    let mut kept: Vec<Kept> = (1..=replicas).map(|id| Kept::new(id as u64)).collect();
    for &(kind, what, who, a, b) in rows {
        let at = who % replicas;
        match kind {
            0..=9 => {
                let before = world.deltas.len();
                world.docs[at] = kept[at].doc.clone();
                world.step(&Step::Edit(at, what, a, b, who / replicas));
                kept[at].doc = world.docs[at].clone();
                if world.deltas.len() > before {
                    let delta = Delta::decode(&world.deltas[before]).unwrap();
                    kept[at].note(&delta);
                } else {
                    // What a refused edit did before it was refused comes with the next.
                    let rest = kept[at].doc.edit(0).commit();
                    kept[at].note(&rest);
                }
            }
            10..=12 => {
                let from = kept[a % replicas].doc.clone();
                bring(&from, &mut kept[at]);
            }
            13 => {
                if let Some(bytes) = world.deltas.get(a % world.deltas.len().max(1)) {
                    kept[at].merge(&Delta::decode(bytes).unwrap());
                }
            }
            _ => extra(&mut kept[at], a, b),
        }
        kept[at].doc.assert_invariants();
    }
    kept
}

fn settle(kept: &mut [Kept]) {
    let count = kept.len();
    for _ in 0..2 {
        for i in 0..count {
            let from = kept[i].doc.clone();
            bring(&from, &mut kept[(i + 1) % count]);
        }
    }
    for pair in kept.windows(2) {
        assert_eq!(pair[0].doc.version(), pair[1].doc.version());
        assert!(pair[0].doc.canonical() == pair[1].doc.canonical());
        assert_eq!(view(&pair[0].doc), view(&pair[1].doc));
    }
}

/// Whether there are nodes anywhere.
fn has_trees(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(has_trees),
        Value::Map(items) => items
            .iter()
            .any(|(key, value)| key == "data" || has_trees(value)),
        _ => false,
    }
}

fn revert(kept: &mut Kept, to: usize) {
    let (version, seen) = kept.seen[to % kept.seen.len()].clone();
    let old = kept.journal.at(&version).unwrap();
    let delta = kept.doc.revert_to(&old, 9_000_000).unwrap();
    let delta = Delta::decode(&delta.encode()).unwrap();
    kept.doc.assert_invariants();
    assert_eq!(view(&kept.doc), seen);
    kept.note(&delta);
    let again = kept.doc.revert_to(&old, 9_000_001).unwrap();
    assert_eq!(view(&kept.doc), seen);
    kept.note(&again);
    // Nodes of trees are told by their names alone.
    let trees = Kind::ALL.len() - 1;
    let no_nodes = seen
        .roots
        .iter()
        .skip(trees)
        .step_by(trees + 1)
        .all(|tree| *tree == Value::Null);
    assert!(
        again.is_empty() || !no_nodes || has_trees(&seen.value),
        "what is as it was takes no change"
    );
}

/// Fewer in wasm, where the point is that the code runs there at all.
const CASES: u32 = if cfg!(target_arch = "wasm32") {
    30
} else {
    300
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_version_is_shown_as_it_was(replicas in 1usize..4, rows in rows(), cut in any::<prop::sample::Index>()) {
        let mut kept = play(replicas, &rows, |_, _, _| ());
        settle(&mut kept);
        for kept in &mut kept {
            kept.check_past();
            kept.check_bytes();
            // What is older than some version goes; the rest stays as it was.
            let cut = cut.index(kept.seen.len());
            let before = kept.seen[cut].0.clone();
            kept.journal.compact(&before).unwrap();
            kept.seen.drain(..cut);
            kept.check_past();
            kept.check_bytes();
        }
    }

    #[test]
    fn any_version_can_be_brought_back(replicas in 1usize..4, rows in rows(), to in any::<prop::sample::Index>()) {
        let mut kept = play(replicas, &rows, |kept, a, _| revert(kept, a));
        for kept in &mut kept {
            let now = kept.doc.clone();
            prop_assert!(kept.doc.revert_to(&now, 1).unwrap().is_empty());
            revert(kept, to.index(1_000));
        }
        settle(&mut kept);
        kept.iter().for_each(Kept::check_past);
    }

    #[test]
    fn journals_with_erasures_hold(replicas in 1usize..4, rows in rows()) {
        let mut kept = play(replicas, &rows, |kept, a, b| {
            let (name, key) = (NAMES[a % 3], NAMES[b % 3]);
            let len = kept.doc.text(name).len();
            let mut edit = kept.doc.edit(7_000_000);
            match a / 3 % 4 {
                0 => drop(edit.map(name).erase(key).unwrap()),
                1 => drop(edit.erase(&Path::root(name, Kind::ALL[b % 6])).unwrap()),
                2 => edit.text(name).erase(b.min(len)..(b + 3).min(len)).unwrap(),
                _ => drop(edit.set(name).erase(&"x".into()).unwrap()),
            }
            let delta = edit.commit();
            kept.note(&delta);
        });
        settle(&mut kept);
        for kept in &mut kept {
            for version in kept.journal.versions() {
                let then = kept.journal.at(&version).unwrap();
                then.assert_invariants();
                prop_assert!(*then.version() == version);
            }
            // The present is what it is.
            let now = kept.journal.at(kept.doc.version()).unwrap();
            prop_assert_eq!(view(&now), view(&kept.doc));
            prop_assert!(now.canonical() == kept.doc.canonical());
            kept.check_bytes();
            revert(kept, 0);
        }
    }

    #[test]
    fn strange_bytes_are_refused(rows in rows(), at in any::<prop::sample::Index>(), bit in 0u8..8, seal in any::<bool>()) {
        let kept = play(1, &rows, |_, _, _| ());
        let mut journal = kept[0].journal.clone();
        journal.name("now", 1).unwrap();
        let mut bytes = journal.to_bytes();
        let at = at.index(bytes.len());
        prop_assert!(Journal::from_bytes(&bytes[..at]).is_err());
        bytes[at] ^= 1 << bit;
        if seal {
            // As if somebody had made it up: with a right checksum.
            let sum = checksum::crc32(&[&bytes[9..]]).to_le_bytes();
            bytes[5..9].copy_from_slice(&sum);
        } else {
            prop_assert!(Journal::from_bytes(&bytes).is_err());
        }
        if let Ok(journal) = Journal::from_bytes(&bytes) {
            prop_assert_eq!(journal.to_bytes(), bytes);
            for version in journal.versions() {
                let _ = journal.at(&version);
            }
        }
    }
}

fn committed(kept: &mut Kept, edit: impl FnOnce(&mut driftwood_crdt::Edit<'_>)) -> Delta {
    let mut open = kept.doc.edit(60_000);
    edit(&mut open);
    let delta = open.commit();
    kept.note(&delta);
    delta
}

/// Everything that ever held the needle, written over and over, then erased.
#[test]
#[allow(clippy::too_many_lines)]
fn journals_lose_what_was_erased() {
    let mut here = Kept::new(1);
    let write = |here: &mut Kept, i: usize| {
        committed(here, |edit| {
            edit.map("m").set("stays", i as u32).unwrap();
            edit.map("m").set("value", format!("{NEEDLE} {i}")).unwrap();
            edit.map("m").map("under").set(NEEDLE, i as u32).unwrap();
            edit.map("m")
                .map("under")
                .text("t")
                .insert(0, NEEDLE)
                .unwrap();
            edit.text("body")
                .insert(0, &format!("{NEEDLE} {i}, "))
                .unwrap();
            edit.list("l").insert(0, NEEDLE).unwrap();
            edit.list("l")
                .insert_map(0)
                .unwrap()
                .set("k", NEEDLE)
                .unwrap();
            edit.set("s").add(format!("{NEEDLE} {i}")).unwrap();
            let node = edit.tree("tree").create(None, 0).unwrap();
            edit.tree("tree").data(node).set(NEEDLE, NEEDLE).unwrap();
            edit.text("body").embed(Unit::Chars, 0, NEEDLE).unwrap();
            edit.text("body")
                .mark(Unit::Chars, 0..2, "comment", NEEDLE, Expand::None)
                .unwrap();
        })
    };
    let mut deltas: Vec<Delta> = (0..4).map(|i| write(&mut here, i)).collect();
    deltas.push(committed(&mut here, |edit| {
        // Deleted, not erased: only the journals have it then.
        edit.text("body").delete(0..4).unwrap();
        edit.list("l").delete(0..2).unwrap();
    }));
    deltas.push(committed(&mut here, |edit| {
        edit.text("u").insert(0, "stays").unwrap();
    }));
    // One copy has every delta, one came late and begins with a state, one takes it as a whole.
    let mut there = Kept::new(2);
    for delta in &deltas {
        there.merge(delta);
    }
    let late = Doc::load(ReplicaId::new(3), &here.doc.save()).unwrap();
    let mut late = Kept {
        journal: Journal::new(&late),
        seen: Vec::new(),
        doc: late,
    };
    let mut whole = Kept::new(4);
    for delta in &deltas[..3] {
        whole.merge(delta);
    }
    for kept in [&here, &there, &late, &whole] {
        assert!(has(&kept.journal.to_bytes(), NEEDLE));
    }

    let erased = committed(&mut here, |edit| {
        assert!(edit.map("m").erase("value").unwrap());
        assert!(edit.map("m").erase("under").unwrap());
    });
    assert!(
        has(&here.journal.to_bytes(), NEEDLE),
        "the rest is there still"
    );
    deltas.push(erased);
    let nodes = here.doc.tree("tree").nodes();
    deltas.push(committed(&mut here, |edit| {
        let len = edit.text("body").extent().chars;
        edit.text("body").erase(0..len).unwrap();
        let len = edit.list("l").len();
        edit.list("l").erase(0..len).unwrap();
        assert!(edit.erase(&Path::root("s", Kind::Set)).unwrap());
        for node in nodes {
            assert!(edit.tree("tree").erase(node).unwrap());
        }
    }));
    for delta in &deltas[6..] {
        there.merge(delta);
    }
    bring(&here.doc, &mut late);
    whole.merge(&here.doc.whole());
    for kept in [&here, &there, &late, &whole] {
        assert!(!has(&kept.doc.save(), NEEDLE));
        let bytes = kept.journal.to_bytes();
        let found = bytes
            .windows(NEEDLE.len())
            .position(|w| w == NEEDLE.as_bytes());
        let near = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(20)..at + 10]));
        assert_eq!(near, None, "{:?}", kept.doc.replica());
        assert!(!has(&bytes, "under"), "names too");
        let versions: Vec<VersionVector> = kept.journal.versions().collect();
        for (i, version) in versions.iter().enumerate() {
            let then = kept.journal.at(version).unwrap();
            then.assert_invariants();
            assert!(!has(&then.save(), NEEDLE));
            if versions.len() == here.seen.len() && (1..5).contains(&i) {
                let stays = then.map("m").get("stays");
                let expected = Value::from(i as u32 - 1);
                assert_eq!(stays, Some(driftwood_crdt::Item::Value(expected)));
            }
        }
        assert_eq!(
            view(&kept.journal.at(kept.doc.version()).unwrap()),
            view(&here.doc)
        );
    }
    // A delta from before, merged late and overlapping, brings nothing of it back.
    let mut stale = Kept::new(5);
    for delta in &deltas[..2] {
        stale.merge(delta);
    }
    let overlap = stale.doc.delta_since(&VersionVector::new());
    assert!(has(&overlap.encode(), NEEDLE));
    here.merge(&overlap);
    assert!(!has(&here.journal.to_bytes(), NEEDLE));
    // What is written under the same names afterwards is recorded as ever.
    committed(&mut here, |edit| edit.map("m").set("value", "one").unwrap());
    let one = here.doc.version().clone();
    committed(&mut here, |edit| edit.map("m").set("value", "two").unwrap());
    committed(&mut here, |edit| {
        assert!(edit.map("m").erase("stays").unwrap());
    });
    let then = here.journal.at(&one).unwrap();
    assert_eq!(
        then.map("m").get("value"),
        Some(driftwood_crdt::Item::Value("one".into()))
    );
}

/// Of what was deleted and not erased the state has no names; journals have.
#[test]
fn what_was_deleted_can_be_erased_later() {
    let mut here = Kept::new(1);
    let mut there = Kept::new(2);
    let mut both = |here: &mut Kept, edit: &dyn Fn(&mut driftwood_crdt::Edit<'_>)| {
        let delta = committed(here, |open| edit(open));
        there.merge(&delta);
        has(&there.journal.to_bytes(), NEEDLE)
    };
    both(&mut here, &|edit| edit.map("m").set(NEEDLE, 1).unwrap());
    both(&mut here, &|edit| edit.map("m").set("k", NEEDLE).unwrap());
    both(&mut here, &|edit| {
        edit.map("m").map("k").set("deep", NEEDLE).unwrap();
    });
    both(&mut here, &|edit| {
        assert!(edit.map("m").delete("k").unwrap());
    });
    both(&mut here, &|edit| {
        assert!(edit.map("m").delete(NEEDLE).unwrap());
    });
    assert!(both(&mut here, &|edit| edit
        .map("m")
        .set("k", "alive")
        .unwrap()));

    let map = Path::root("m", Kind::Map);
    let mut dots = here.journal.dots_at(&map, "k");
    assert!(dots.runs().count() > 0 && here.journal.dots_at(&Path::top(), "k").is_empty());
    dots.extend(&here.journal.dots_at(&map, NEEDLE));
    assert!(!both(&mut here, &|edit| assert!(edit.erase_dots(&dots))));
    assert!(!has(&here.journal.to_bytes(), NEEDLE));
    assert_eq!(here.doc.map("m").keys(), ["k"]);
    assert_eq!(
        view(&here.journal.at(here.doc.version()).unwrap()),
        view(&here.doc)
    );
    // Nothing is left that could be erased.
    let version = here.doc.version().clone();
    let alive = here.journal.dots_at(&map, "k");
    assert!(!here.doc.edit(1).erase_dots(&alive));
    assert_eq!(*here.doc.version(), version);
}

#[test]
fn versions_have_names() {
    let mut kept = Kept::new(1);
    committed(&mut kept, |edit| edit.counter("n").add(1).unwrap());
    kept.journal.name("one", 120_000).unwrap();
    committed(&mut kept, |edit| edit.counter("n").add(1).unwrap());
    kept.journal.name("two", 180_000).unwrap();
    kept.check_bytes();
    let names = kept.journal.names().to_vec();
    assert_eq!((names[0].label.as_str(), names[0].minute.get()), ("one", 2));
    let one = kept.journal.at(&names[0].version).unwrap();
    assert_eq!(one.counter("n").value(), 1);
    assert!(kept.journal.name(&"x".repeat(2_000), 0).is_err());
    kept.journal.compact(&names[1].version).unwrap();
    assert_eq!(kept.journal.names().len(), 1);
    let error = kept.journal.at(&names[0].version).unwrap_err();
    let last = names[1].version.clone();
    assert_eq!(
        error,
        JournalError::NotRecorded {
            first: last.clone(),
            last
        }
    );
    assert_eq!(
        Journal::from_bytes(b"DWD\x1a"),
        Err(LoadError::NotADocument.into())
    );
}

#[test]
fn a_gap_is_refused() {
    let mut kept = Kept::new(1);
    let mut other = Journal::new(&kept.doc);
    let first = committed(&mut kept, |edit| edit.set("s").add(1).unwrap());
    let second = committed(&mut kept, |edit| edit.set("s").add(2).unwrap());
    assert!(matches!(
        other.record(&second),
        Err(JournalError::Gap { .. })
    ));
    assert!(other.record(&first).unwrap() && other.record(&second).unwrap());
    let mut late = Journal::new(&Doc::new(ReplicaId::new(9)));
    assert!(late.catch_up(&kept.doc).unwrap());
    assert_eq!(view(&late.at(kept.doc.version()).unwrap()), view(&kept.doc));
}

#[test]
fn only_what_differs_is_brought_back() {
    let mut kept = Kept::new(1);
    committed(&mut kept, |edit| {
        edit.text("a").insert(0, "one two three").unwrap();
        for i in 0..20 {
            edit.list("a").push(i).unwrap();
        }
        edit.map("a").set("k", "v").unwrap();
    });
    let old = kept.doc.clone();
    let ids = old.list("a").ids();
    committed(&mut kept, |edit| {
        edit.text("a").delete(4..8).unwrap();
        edit.list("a").move_to(3, 15).unwrap();
        edit.list("a").delete(7..8).unwrap();
        edit.map("a").set("l", 1).unwrap();
    });
    let before = kept.doc.version().get(kept.doc.replica());
    let delta = kept.doc.revert_to(&old, 1).unwrap();
    assert_eq!(view(&kept.doc), view(&old));
    // Four letters and the element, each a dot; the move; the key.
    assert_eq!(delta.to().get(kept.doc.replica()) - before, 4 + 1 + 1 + 1);
    let now = kept.doc.list("a").ids();
    assert_eq!(
        ids.iter().zip(&now).filter(|(a, b)| a != b).count(),
        1,
        "others keep their names"
    );
}
