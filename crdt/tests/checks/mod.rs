//! What must hold whatever the bytes: the targets in `fuzz/` call this with what they make up, and
//! `crashes.rs` with all that was ever found.

// The code under test takes time as an input; how long it takes itself is what is measured here.
#![allow(clippy::disallowed_types)]

use std::time::{Duration, Instant};

use driftwood_crdt::codec::Writer;
use driftwood_crdt::{Delta, Doc, Kind, ReplicaId, VersionVector};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes of memory that a byte of input may take while it is read, and what any input may take besides.
const DECODE_FACTOR: usize = 16;
/// Beyond 64 KiB: a deleted element and a living one of one byte, by turns, take three bytes, and 80 of memory.
const DECODE_FACTOR_LARGE: usize = 28;
const SMALL: usize = 64 << 10;
/// The same for merging: what a document takes for its smallest parts.
const MERGE_FACTOR: usize = 512;
const FREE: usize = 1 << 20;
/// How long 64 KiB may take.
const DECODE_TIME: Duration = Duration::from_millis(100);
const MERGE_TIME: Duration = Duration::from_secs(2);

/// How much memory a call took at its peak, and how long it ran.
pub(crate) struct Cost {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

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
    let factor = match bytes.len() {
        ..=SMALL => DECODE_FACTOR,
        _ => DECODE_FACTOR_LARGE,
    };
    bounded(bytes.len(), factor, DECODE_TIME, || Delta::decode(bytes)).ok()
}

/// A delta has one encoding.
pub(crate) fn delta(bytes: &[u8]) {
    if let Some(delta) = decode(bytes) {
        assert!(delta.encode() == bytes, "another encoding");
    }
}

/// A document of three replicas with something of every kind, some of it deleted.
pub(crate) fn filled() -> Doc {
    let mut docs = [1, 2, 3].map(|id| Doc::new(ReplicaId::new(id)));
    for round in 0..4 {
        for (number, doc) in docs.iter_mut().enumerate() {
            let mut edit = doc.edit(1_000 + round * 7 + number as u64);
            write(&mut edit, round as usize, number).expect("all offsets are inside");
            let _ = edit.commit();
        }
        let deltas = docs.each_ref().map(Doc::whole);
        for doc in &mut docs {
            for delta in &deltas {
                doc.merge(delta).expect("a whole state starts from nothing");
            }
        }
    }
    let [doc, ..] = docs;
    doc
}

/// One edit of every kind.
pub(crate) fn write(
    edit: &mut driftwood_crdt::Edit<'_>,
    round: usize,
    number: usize,
) -> Result<(), driftwood_crdt::EditError> {
    edit.text("t").insert(round, "a né🌊")?;
    edit.text("t").delete(round + 1..round + 3)?;
    edit.list("l").insert(0, round as u32)?;
    edit.list("l").insert_map(0)?.text("in").insert(0, "deep")?;
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
    let Some(delta) = decode(bytes) else { return };
    let empty = Doc::new(ReplicaId::new(9));
    let filled = filled();
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
    let mut out = Writer::new();
    // Format, flags, lowest stamp, one replica, from nothing to its dot 1, the set "", one element.
    out.raw(&[1, 2, 0, 1]);
    out.u64_le(7);
    out.raw(&[0, 1, 0, 1, 2, 0, 0x13, 0, 0, 1]);
    out.raw(bytes);
    out.raw(&[0, 1, 0, 0]);
    delta(&out.into_vec());
}

/// A version vector.
pub(crate) fn version(bytes: &[u8]) {
    let read = || VersionVector::decode(bytes);
    if let Ok(version) = bounded(bytes.len(), DECODE_FACTOR, DECODE_TIME, read) {
        assert!(version.encode() == bytes, "another encoding");
        assert!(version.includes(&version));
    }
}
