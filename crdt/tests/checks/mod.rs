//! What must hold whatever the bytes: the targets in `fuzz/` call this with what they make up, and
//! `crashes.rs` with all that was ever found.

// The code under test takes time as an input; how long it takes itself is what is measured here.
#![allow(clippy::disallowed_types)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use driftwood_crdt::codec::Writer;
use driftwood_crdt::{
    Cursor, Delta, Doc, EditError, Expand, ImportError, Journal, Kind, MergeError, ReplicaId,
    SeedError, Unit, VersionVector,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes of memory that a byte of input may take while it is read, and what any input may take besides.
const DECODE_FACTOR: usize = 16;
/// Beyond 64 KiB: a deleted element and a living one of one byte, by turns, take three bytes, and 80 of memory.
const DECODE_FACTOR_LARGE: usize = 28;
/// Of compressed bytes.
const DECODE_FACTOR_PACKED: usize = 32;
/// How a compressed delta begins.
const PACKED: u8 = 0x10;
const SMALL: usize = 64 << 10;
/// The same for merging: what a document takes for containers of one element each, of which one is 13 bytes
/// of input. All else is within [`DECODE_FACTOR`] where nothing was before; see `bounds.rs`.
const MERGE_FACTOR: usize = 72;
const FREE: usize = 1 << 20;
/// How long 64 KiB may take.
const DECODE_TIME: Duration = Duration::from_millis(100);
const MERGE_TIME: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });

/// How much memory a call took at its peak, and how long it ran.
pub(crate) struct Cost {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// What 64 KiB may take of memory, to be read and to be merged.
pub(crate) const SMALL_BYTES_MAX: usize = DECODE_FACTOR * SMALL + FREE;

pub(crate) fn measure<T>(call: impl FnOnce() -> T) -> (T, Cost) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let started = Instant::now();
    let result = call();
    let time = started.elapsed();
    let bytes = MEMORY.peak_usage().saturating_sub(before);
    (result, Cost { bytes, time })
}

fn bounded<T>(len: usize, factor: usize, time: Duration, call: impl Fn() -> T) -> T {
    let (mut result, mut cost) = measure(&call);
    let max = factor * len + FREE;
    assert!(cost.bytes <= max, "{} bytes for {len}", cost.bytes);
    // The machine may have been busy with something else, but not every time.
    for _ in 0..4 {
        if cost.time <= time {
            break;
        }
        (result, cost) = measure(&call);
    }
    let time = time * (len / SMALL + 1) as u32;
    assert!(cost.time <= time, "{:?} for {len} bytes", cost.time);
    result
}

fn decode(bytes: &[u8]) -> Option<Delta> {
    let is_packed = bytes.first() == Some(&PACKED);
    let factor = match bytes.len() {
        _ if is_packed => DECODE_FACTOR_PACKED,
        ..=SMALL => DECODE_FACTOR,
        _ => DECODE_FACTOR_LARGE,
    };
    bounded(bytes.len(), factor, DECODE_TIME, || Delta::decode(bytes)).ok()
}

/// A delta has one encoding, which may be compressed; what makes containers is read in full too. Whether it is one.
pub(crate) fn delta(bytes: &[u8]) -> bool {
    let Some(delta) = decode(bytes) else {
        return false;
    };
    let span = (delta.from().clone(), delta.to().clone());
    assert_eq!(Delta::span(bytes), Ok(span));
    let plain = delta.canonical();
    let is_packed = bytes.first() == Some(&PACKED);
    let in_full = bytes[0] & 0x80 == 0 && plain[0] & 0x80 != 0;
    assert!(is_packed || in_full || plain == bytes, "another encoding");
    let mut again = vec![7];
    delta.encode_into(&mut again);
    assert!(again[1..] == delta.encode() && again[0] == 7);
    let again = Delta::decode(&again[1..]).expect("own delta");
    assert!(again.canonical() == plain, "another delta");
    true
}

/// A document of three replicas with something of every kind, some of it deleted, some contested.
pub(crate) fn filled() -> Doc {
    static FILLED: OnceLock<Doc> = OnceLock::new();
    FILLED.get_or_init(fill).clone()
}

fn fill() -> Doc {
    let mut docs = [1, 2, 3].map(|id| Doc::new(ReplicaId::new(id)));
    for round in 0..4 {
        for (number, doc) in docs.iter_mut().enumerate() {
            let mut edit = doc.edit(1_000 + round * 70_000 + number as u64);
            write(&mut edit, round as usize, number).expect("all offsets are inside");
            let _ = edit.commit();
        }
        exchange(&mut docs);
    }
    contest(&mut docs).expect("all copies have the same");
    exchange(&mut docs);
    let [mut doc, ..] = docs;
    let seeded = doc.seed("seed", |edit| edit.text("seeded").insert(0, "Hello"));
    seeded.map_err(|_: SeedError| ()).expect("a seed");
    doc.reclaim(400_000, 0, &[]);
    doc.reclaim(500_000, 0, &[]);
    doc
}

fn exchange(docs: &mut [Doc; 3]) {
    let deltas = docs.each_ref().map(Doc::whole);
    for doc in docs {
        for delta in &deltas {
            doc.merge(delta).expect("a whole state starts from nothing");
        }
    }
}

/// Moves that close a cycle, and things that are deleted while others write in them.
fn contest(docs: &mut [Doc; 3]) -> Result<(), EditError> {
    let tops = docs[0].tree("n").children(None).to_vec();
    let [a, b, c] = tops[..3] else {
        unreachable!("some were made")
    };
    let list = docs[0].list("l");
    let map = (0..list.len()).find(|&at| list.map(at).has("in"));
    let map = map.expect("a map was inserted");
    let [one, two, three] = docs;
    let mut edit = one.edit(300_000);
    edit.tree("n").move_to(a, Some(b), 0)?;
    edit.tree("n").delete(c)?;
    edit.list("l").delete(map..map + 1)?;
    edit.list("l").move_to(0, 3)?;
    let _ = edit.commit();
    let mut edit = two.edit(300_001);
    edit.tree("n").move_to(b, Some(a), 0)?;
    edit.tree("n").data(c).set("kept", 1)?;
    edit.list("l").map(map)?.set("kept", 1)?;
    edit.list("l").move_to(0, 2)?;
    let _ = edit.commit();
    let mut edit = three.edit(300_002);
    edit.tree("n").move_to(c, Some(a), 0)?;
    edit.text("t")
        .mark(Unit::Chars, 0..5, "b", 2, Expand::Both)?;
    let _ = edit.commit();
    Ok(())
}

/// What a copy is sent that has dropped what others hang on.
pub(crate) fn answer() -> Delta {
    let [mut one, mut other] = [1, 2].map(|id| Doc::new(ReplicaId::new(id)));
    let mut edit = one.edit(0);
    edit.text("t").insert(0, "abc").expect("the start");
    other.merge(&edit.commit()).expect("from nothing");
    let mut edit = one.edit(1);
    edit.text("t").delete(1..3).expect("three characters");
    let _ = edit.commit();
    one.reclaim(2, 0, &[]);
    one.reclaim(3, 0, &[]);
    let mut edit = other.edit(2);
    edit.text("t").insert(2, "d").expect("three characters");
    let refused = one.merge(&edit.commit());
    let Err(MergeError::MissingAnchors { anchors }) = refused else {
        panic!("it hangs on what was dropped: {refused:?}");
    };
    other.delta_with_anchors(one.version(), &anchors)
}

/// One edit of every kind.
pub(crate) fn write(
    edit: &mut driftwood_crdt::Edit<'_>,
    round: usize,
    number: usize,
) -> Result<(), EditError> {
    edit.text("t").insert(round, "a né🌊")?;
    edit.text("t").delete(round + 1..round + 3)?;
    edit.text("t")
        .mark(Unit::Chars, 0..3, "b", true, Expand::After)?;
    edit.text("t").unmark(Unit::Chars, 1..2, "b")?;
    edit.text("t").embed(Unit::Chars, 1, "pic")?;
    edit.text("t").erase(2..3)?;
    edit.list("l").insert(0, round as u32)?;
    edit.list("l").insert_map(0)?.text("in").insert(0, "deep")?;
    edit.list("l").move_to(0, 1)?;
    let node = edit.tree("n").create(None, 0)?;
    let under = edit.tree("n").create(Some(node), 0)?;
    edit.tree("n").data(under).set("d", "data")?;
    edit.tree("n").move_to(under, None, 1)?;
    let gone = edit.tree("n").create(Some(node), 0)?;
    edit.tree("n").delete(gone)?;
    edit.map("m").set("secret", "s")?;
    edit.map("m").erase("secret")?;
    edit.map("m").set("k", number as u32)?;
    edit.map("m").set("gone", true)?;
    edit.map("m").delete("gone")?;
    edit.map("m").map("x").map("y").set("z", "w")?;
    edit.map("m").create("e", Kind::ALL[number])?;
    edit.set("s").add(round as u32)?;
    edit.counter("c").add([-1, 0, 1][number])
}

/// Merging a delta that was decoded: into nothing and into a document, alone and with others.
pub(crate) fn merge(bytes: &[u8]) {
    let filled = filled();
    let Some(delta) = decode(bytes) else {
        let merged = filled.clone().merge_quietly(bytes);
        assert!(merged.is_err(), "no delta, and merged");
        return;
    };
    let empty = Doc::new(ReplicaId::new(9));
    merge_bytes(&empty, &delta, bytes);
    merge_bytes(&filled, &delta, bytes);
    merge_into(&empty, &delta, bytes.len());
    merge_into(&filled, &delta, bytes.len());
    let whole = filled.whole();
    let apart = |v: &VersionVector| {
        v.iter()
            .all(|(replica, _)| filled.version().get(replica) == 0)
    };
    if apart(delta.to()) {
        let (mut one, mut other) = (empty.clone(), empty);
        let first = one.merge(&delta).and_then(|_| one.merge(&whole));
        let second = other.merge(&whole).and_then(|_| other.merge(&delta));
        if first.is_ok() && second.is_ok() {
            assert!(one.canonical() == other.canonical(), "the order matters");
        }
    }
}

/// From its bytes a delta is merged as it is otherwise.
fn merge_bytes(doc: &Doc, delta: &Delta, bytes: &[u8]) {
    let mut copies = [doc.clone(), doc.clone(), doc.clone()];
    let [one, told, quiet] = &mut copies;
    let changes = one.merge(delta).map_err(ImportError::Merge);
    assert!(told.merge_encoded(bytes) == changes);
    assert!(quiet.merge_quietly(bytes) == changes.map(drop));
    check_invariants(&copies[1]);
    let whole = copies.each_ref().map(Doc::canonical);
    assert!(
        whole[0] == whole[1] && whole[0] == whole[2],
        "merged otherwise"
    );
}

fn merge_into(doc: &Doc, delta: &Delta, len: usize) {
    let before = doc.canonical();
    // What a copy of the document takes is not the delta's.
    let len = len + 2 * before.len();
    let (merged, changed) = bounded(len, MERGE_FACTOR, MERGE_TIME, || {
        let mut doc = doc.clone();
        let changed = doc.merge(delta);
        (doc, changed.is_ok())
    });
    check_invariants(&merged);
    let after = merged.canonical();
    if !changed {
        assert!(after == before, "refused, and changed");
        assert!(merged.version() == doc.version(), "refused, and changed");
        return;
    }
    let mut twice = merged.clone();
    twice.merge(delta).expect("what was merged can be merged");
    assert!(
        twice.canonical() == after,
        "merging twice is not merging once"
    );
    let saved = merged.save();
    // A document that is written as it lies is written as its delta is, after what begins a saved one.
    let nothing = VersionVector::new();
    assert!(saved[9..] == merged.whole().encode(), "saved otherwise");
    let whole = merged.delta_since(&nothing).encode();
    assert!(merged.encode_since(&nothing) == whole, "written otherwise");
    let loaded = Doc::load(doc.replica(), &saved).expect("what was merged can be saved and loaded");
    assert!(loaded.canonical() == after, "saving changed it");
    let _ = merged.to_value();
}

fn check_invariants(doc: &Doc) {
    #[cfg(debug_assertions)]
    doc.assert_invariants();
    let _ = doc;
}

/// A saved document: the bytes as they are, and as the content behind a right checksum.
pub(crate) fn saved(bytes: &[u8]) {
    load(bytes);
    let mut sealed = b"DWD\x1a\x01".to_vec();
    sealed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    sealed.extend_from_slice(bytes);
    load(&sealed);
}

fn load(bytes: &[u8]) {
    let load = || Doc::load(ReplicaId::new(9), bytes);
    if let Ok(doc) = bounded(bytes.len(), MERGE_FACTOR, MERGE_TIME, load) {
        check_invariants(&doc);
        let again = Doc::load(ReplicaId::new(9), &doc.save()).expect("its own save");
        assert!(again.canonical() == doc.canonical(), "saving changed it");
    }
}

/// A plain value, as the only one of a set.
pub(crate) fn value(bytes: &[u8]) {
    delta(&with_value(bytes));
}

/// A delta that puts a value in a set.
pub(crate) fn with_value(bytes: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    // In full and with times, from minute 0; one replica, from nothing to its dot 2, the set "", one element.
    out.raw(&[0x0a, 0, 1]);
    out.u64_le(7);
    out.raw(&[0, 1, 2, 2, 0, 0x13, 0, 0, 1]);
    out.raw(bytes);
    // Dot 1, at millisecond 0; nothing was removed.
    out.raw(&[2, 0, 0, 0]);
    out.into_vec()
}

/// A version vector.
pub(crate) fn version(bytes: &[u8]) {
    let read = || VersionVector::decode(bytes);
    if let Ok(version) = bounded(bytes.len(), DECODE_FACTOR, DECODE_TIME, read) {
        assert!(version.encode() == bytes, "another encoding");
        assert!(version.includes(&version));
    }
}

/// A cursor, in a document that knows what it is beside or not.
pub(crate) fn cursor(bytes: &[u8]) {
    let read = || Cursor::decode(bytes);
    if let Ok(cursor) = bounded(bytes.len(), DECODE_FACTOR, DECODE_TIME, read) {
        assert!(cursor.encode() == bytes, "another encoding");
        let mut doc = filled();
        let (text, list) = (doc.text("t"), doc.list("l"));
        assert!(text.resolve(&cursor).chars <= text.len());
        assert!(list.resolve(&cursor) <= list.len());
        doc.reclaim(u64::MAX, 0, &[cursor]);
    }
}

/// A journal: the bytes as they are, and as the content behind a right checksum.
pub(crate) fn journal(bytes: &[u8]) {
    open_journal(bytes);
    let mut sealed = b"DWJ\x1a\x01".to_vec();
    sealed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    sealed.extend_from_slice(bytes);
    open_journal(&sealed);
}

fn open_journal(bytes: &[u8]) {
    let read = || Journal::from_bytes(bytes);
    let Ok(mut journal) = bounded(bytes.len(), DECODE_FACTOR_LARGE, DECODE_TIME, read) else {
        return;
    };
    assert!(journal.to_bytes() == bytes, "another encoding");
    // Each costs all before it.
    let versions: Vec<_> = journal.versions().take(32).collect();
    for version in &versions {
        if let Ok(doc) = journal.at(version) {
            check_invariants(&doc);
            assert!(doc.version() == version, "another version");
        }
    }
    let _ = journal.record(&filled().whole());
    let _ = journal.compact(&versions[versions.len() / 2]);
    let again = Journal::from_bytes(&journal.to_bytes());
    assert!(again.as_ref() == Ok(&journal), "saving changed it");
}
