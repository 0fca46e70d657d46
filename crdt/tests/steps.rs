//! The short form of a delta, and the compressed one.

use driftwood_crdt::codec::Writer;
use driftwood_crdt::{Delta, Doc, Edit, EditError, Kind, ReplicaId, VersionVector};
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: u64 = 1_700_000_000_000;
const ADA: u64 = 0x9e37_79b9_7f4a_7c15;
const BEN: u64 = 0xbf58_476d_1ce4_e5b9;

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn write(doc: &mut Doc, now: u64, edit: impl FnOnce(&mut Edit<'_>)) -> Delta {
    let mut open = doc.edit(now);
    edit(&mut open);
    open.commit()
}

fn is_step(bytes: &[u8]) -> bool {
    bytes[0] & 0x80 != 0
}

/// A document in which there is something of each kind to build on, and the deltas of one edit each.
fn steps() -> Vec<(&'static str, Vec<u8>)> {
    type Do = fn(&mut Edit<'_>) -> Result<(), EditError>;
    let edits: [(&str, Do); 19] = [
        ("a character at the end", |e| e.text("t").insert(5, "x")),
        ("another one", |e| e.text("t").insert(6, "é")),
        ("one before", |e| e.text("t").insert(1, "🌊")),
        ("a word", |e| e.text("t").insert(2, "néw words")),
        ("a character deleted", |e| e.text("t").delete(3..4)),
        ("more deleted", |e| e.text("t").delete(5..8)),
        ("replaced", |e| e.text("t").replace(0..1, "abc")),
        ("an element", |e| e.list("l").insert(1, "two")),
        ("an element deleted", |e| e.list("l").delete(0..1)),
        ("a value", |e| e.map("m").set("k", "v")),
        ("a value again", |e| e.map("m").set("k", 7)),
        ("a value far below", |e| {
            e.map("m").map("n").map("o").set("k", true)
        }),
        ("an element of a set", |e| e.set("s").add("y")),
        ("a counter", |e| e.counter("c").add(-3)),
        ("the first of a text", |e| e.text("new").insert(0, "né")),
        ("the first far below", |e| {
            e.map("a").map("b").list("c").push(1)
        }),
        ("the first in what is there", |e| {
            e.map("m").map("new").set("k", 1)
        }),
        ("the first of a set", |e| {
            e.map("m").map("n").set_at("set").add("x")
        }),
        ("the first of a counter", |e| e.map("m").counter("c").add(9)),
    ];
    let mut ada = doc(ADA);
    write(&mut ada, NOW, |e| {
        e.text("t").insert(0, "Hello").unwrap();
        e.list("l").push(0).unwrap();
        e.map("m").map("n").map("o").set("k", false).unwrap();
        e.set("s").add("x").unwrap();
        e.counter("c").add(1).unwrap();
    });
    let mut ben = doc(BEN);
    ben.merge(&ada.whole()).unwrap();
    let mut steps = Vec::new();
    for (second, writer) in [&mut ada, &mut ben].into_iter().enumerate() {
        for (at, (name, edit)) in (1..).zip(edits) {
            let delta = write(writer, NOW + at * 61_001 + second as u64, |e| {
                edit(e).unwrap();
            });
            steps.push((name, delta.encode()));
        }
    }
    steps
}

#[test]
fn one_change_of_any_kind_is_a_step() {
    let mut ada = doc(ADA);
    for (name, bytes) in steps() {
        assert!(is_step(&bytes), "{name}");
        let delta = Delta::decode(&bytes).unwrap();
        assert_eq!(delta.canonical(), bytes, "{name}");
        let mut after = vec![1, 2];
        delta.encode_into(&mut after);
        assert_eq!(
            (&after[..2], &after[2..]),
            (&[1, 2][..], &bytes[..]),
            "{name}"
        );
        // It says no more than it says.
        let _ = ada.merge(&delta);
        ada.assert_invariants();
    }
}

#[test]
fn cut_or_altered_steps_are_refused_or_another_ones() {
    for (name, bytes) in steps() {
        for end in 0..bytes.len() {
            assert!(Delta::decode(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Delta::decode(&longer).is_err(), "{name}");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                let Ok(delta) = Delta::decode(&altered) else {
                    continue;
                };
                assert_eq!(delta.encode(), altered, "{name}: one encoding");
                let mut copy = doc(3);
                let _ = copy.merge(&delta);
                copy.assert_invariants();
            }
        }
    }
}

/// The figure that people compare.
#[test]
fn a_keystroke_is_less_than_twenty_bytes() {
    let mut ada = doc(ADA);
    write(&mut ada, NOW, |e| e.text("t").insert(0, "It").unwrap());
    let mut sizes = Vec::new();
    for stroke in 0..20_000 {
        let len = ada.text("t").len();
        let now = NOW + stroke * 200;
        let delta = write(&mut ada, now, |e| match stroke % 7 {
            6 => e.text("t").delete(len - 1..len).unwrap(),
            _ if stroke % 50 == 0 => e.text("t").insert(len / 3, "x").unwrap(),
            _ => e.text("t").insert(len, "y").unwrap(),
        });
        sizes.push(delta.encode().len());
    }
    let average = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    assert!(average < 18.0, "{average}");
    assert!(sizes.iter().all(|&size| size <= 20));
}

/// Whoever wrote a step in full would write it longer.
#[test]
fn a_step_in_full_is_refused() {
    let mut out = Writer::new();
    out.raw(&[0x08 | 1 | 2]);
    out.varint(NOW / 60_000);
    out.byte(1);
    out.u64_le(ADA);
    // From 1 to 2: a removal of the first by the second.
    let rest = |len: u8| [1, 1, 1, 1, 1, 0, 1, 4, 0, 1, 2, len];
    let head = out.into_vec();
    let of = |len| Delta::decode(&[&head[..], &rest(len)].concat());
    assert_eq!(
        of(1).unwrap_err().reason,
        "a step not written the short way"
    );
    // Two runs are no step.
    let two = [&head[..], &[1, 2, 1, 1, 1, 0, 1, 6, 0, 2, 2, 2, 1, 1]].concat();
    assert_eq!(Delta::decode(&two).unwrap().encode(), two);
}

/// A large text, some of it deleted, and many keys.
fn large() -> Doc {
    let mut ada = doc(ADA);
    write(&mut ada, NOW, |e| {
        let words = "the quick brown fox jumps over the lazy dog; ".repeat(60);
        e.text("t").insert(0, &words).unwrap();
        for at in 0..80_u32 {
            let place = at as usize;
            e.text("t").delete(place * 9..place * 9 + 2).unwrap();
            e.text("t").insert(place * 11, "né").unwrap();
            e.map("m").set(&format!("key {at}"), at).unwrap();
        }
    });
    ada
}

#[test]
fn what_is_large_is_compressed_and_comes_back() {
    let ada = large();
    let whole = ada.whole();
    let (bytes, plain) = (whole.encode(), whole.canonical());
    assert_eq!(bytes[0], 0x10);
    assert!(
        bytes.len() * 3 < plain.len() * 2,
        "{} of {}",
        bytes.len(),
        plain.len()
    );
    assert_eq!(Delta::decode(&bytes).unwrap(), whole);
    assert_eq!(Delta::decode(&plain).unwrap(), whole);
    let saved = ada.save();
    assert!(saved.len() < plain.len());
    let loaded = Doc::load(ReplicaId::new(BEN), &saved).unwrap();
    assert_eq!(loaded.canonical(), ada.canonical());
    assert_ne!(ada.canonical()[0], 0x10);
    for end in 0..bytes.len() {
        assert!(Delta::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        if let Ok(delta) = Delta::decode(&altered) {
            let again = Delta::decode(&delta.encode()).unwrap();
            assert_eq!(again.canonical(), delta.canonical());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is edited, its delta comes back as it was, and one that is as large as a step is one.
    #[test]
    fn deltas_come_back(edits in prop::collection::vec((0usize..9, 0usize..40, "\\PC{1,5}"), 1..40)) {
        let (mut ada, mut ben) = (doc(ADA), doc(BEN));
        for (number, (what, at, text)) in edits.into_iter().enumerate() {
            let writer = if what % 2 == 0 { &mut ada } else { &mut ben };
            let len = writer.text("t").len();
            let delta = write(writer, NOW + number as u64 * 7_000, |e| match what {
                0..=2 => e.text("t").insert(at.min(len), &text).unwrap(),
                3 | 4 if len > 0 => e.text("t").replace(at % len..len.min(at % len + 2), &text).unwrap(),
                5 => _ = e.text("t").delete(len.min(at)..len.min(at + 3)),
                6 => e.list("l").push(text.clone()).unwrap(),
                7 => e.map("m").map(&text).set("k", at as u32).unwrap(),
                _ => _ = e.map("m").create(&text, Kind::Set),
            });
            if delta.is_empty() {
                continue;
            }
            let bytes = delta.encode();
            prop_assert_eq!(&Delta::decode(&bytes).unwrap(), &delta);
            if at % 5 == 0 {
                ada.merge(&ben.delta_since(ada.version())).unwrap();
                ben.merge(&ada.delta_since(ben.version())).unwrap();
            }
        }
        let whole = ada.delta_since(&VersionVector::new());
        prop_assert_eq!(&Delta::decode(&whole.encode()).unwrap(), &whole);
        prop_assert_eq!(&Delta::decode(&whole.canonical()).unwrap(), &whole);
    }
}
