//! All that the fuzz targets of this crate ever found, and what they began with.

// It reads files.
#![cfg(not(target_arch = "wasm32"))]

use driftwood_crdt::{Delta, Doc, Edit, EditError, Expand, Journal, ReplicaId, Side, Unit, Value};

#[allow(dead_code)]
mod checks;
mod replay;

use replay::{put, Target};

const TARGETS: [Target; 7] = [
    ("delta", |bytes| _ = checks::delta(bytes)),
    ("merge", checks::merge),
    ("saved", checks::saved),
    ("value", checks::value),
    ("version", checks::version),
    ("cursor", checks::cursor),
    ("journal", checks::journal),
];

#[test]
fn nothing_that_was_found_happens_again() {
    replay::all(&TARGETS);
}

/// What is put around a value for fuzzing is a delta: else only that would be tried.
#[test]
fn a_value_stands_in_a_delta() {
    for value in [&[0, 0][..], &[5, 3, b'a', b'b', b'c']] {
        let bytes = checks::with_value(value);
        assert!(checks::delta(&bytes), "{:?}", Delta::decode(&bytes));
    }
}

/// What fuzzing begins with: deltas of every kind of edit, on a document and from nothing.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    let filled = checks::filled();
    let mut doc = filled.clone();
    let id = ReplicaId::new(5);
    let _ = doc.set_replica(id);
    let mut deltas = vec![("whole", filled.whole())];
    for (name, round) in [("first", 0), ("second", 1)] {
        let mut edit = doc.edit(5_000 + round);
        checks::write(&mut edit, round as usize, 1).expect("all offsets are inside");
        deltas.push((name, edit.commit()));
    }
    let mut alone = Doc::new(id);
    let mut edit = alone.edit(7);
    checks::write(&mut edit, 0, 2).expect("all offsets are inside");
    deltas.push(("alone", edit.commit()));
    for delta in edits(&mut doc) {
        let name = deltas.len().to_string();
        deltas.push((name.leak(), delta));
    }
    deltas.push(("both", doc.delta_since(filled.version())));
    deltas.push(("answer", checks::answer()));
    put("journal", "edits", &journal(&mut doc));
    for (name, offset, side) in [("start", 0, Side::Left), ("inside", 2, Side::Right)] {
        let text = doc.text("t");
        let cursor = text.cursor(Unit::Chars, offset, side).expect("inside");
        put("cursor", name, &cursor.encode());
    }
    for (name, delta) in deltas {
        put("delta", name, &delta.encode());
        put("merge", name, &delta.encode());
    }
    for (number, bytes) in golden().enumerate() {
        let name = format!("vector-{number}");
        let targets = match bytes.first() {
            Some(b'D') => &["saved"][..],
            _ => &["delta", "merge"],
        };
        for target in targets {
            put(target, &name, &bytes);
        }
    }
    put("saved", "filled", &filled.save());
    put("saved", "content", &alone.whole().encode());
    put("version", "filled", &filled.version().encode());
    put("value", "string", &[5, 3, b'a', b'b', b'c']);
    put(
        "value",
        "map",
        &[8, 2, 1, b'a', 0, 2, 1, b'b', 7, 2, 3, 4, 6, 1, 255],
    );
    put("value", "float", &[4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
}

/// What stands in hex in the vectors: deltas and saved documents.
fn golden() -> impl Iterator<Item = Vec<u8>> {
    let now = include_str!("../../vectors/data-v1.json").split('"');
    let before = include_str!("../../vectors/data-v1-in-full.json").split('"');
    let strings = now.chain(before);
    strings.filter_map(|string| {
        let byte = |at: usize| u8::from_str_radix(string.get(at..at + 2)?, 16).ok();
        let bytes = (0..string.len()).step_by(2).map(byte);
        bytes.collect::<Option<Vec<u8>>>().filter(|b| b.len() > 3)
    })
}

/// The content of a journal of such edits, with a name.
fn journal(doc: &mut Doc) -> Vec<u8> {
    let mut journal = Journal::new(doc);
    for (number, delta) in edits(doc).iter().enumerate() {
        journal.record(delta).expect("in order");
        if number == 3 {
            journal.name("named", 9_000).expect("a short label");
        }
    }
    // Without what stands before the content.
    journal.to_bytes()[9..].to_vec()
}

/// A delta for one edit each.
fn edits(doc: &mut Doc) -> Vec<Delta> {
    type One = fn(&mut Edit<'_>) -> Result<(), EditError>;
    let edits: [One; 14] = [
        |edit| edit.text("t").insert(3, "y\u{1f30a}"),
        |edit| edit.text("t").delete(0..5),
        |edit| edit.list("l").delete(0..2),
        |edit| edit.list("l").insert_map(1)?.set("a", 1.5),
        |edit| edit.map("m").delete("x").map(drop),
        |edit| {
            edit.map("m")
                .set("k", Value::List(vec![Value::Null, "x".into()]))
        },
        |edit| edit.set("s").delete(&Value::Int(1)).map(drop),
        |edit| edit.counter("c").add(-5),
        |edit| edit.list("l").move_to(0, 1),
        |edit| edit.tree("n").create(None, 0).map(drop),
        |edit| {
            let node = edit.tree("n").create(None, 0)?;
            edit.tree("n").move_to(node, None, 1)
        },
        |edit| {
            edit.text("t")
                .mark(Unit::Chars, 1..3, "i", "x", Expand::None)
        },
        |edit| edit.text("t").embed(Unit::Chars, 2, 7),
        |edit| edit.text("t").erase(0..2),
    ];
    let now = 9_000;
    let one = |one: One| {
        let mut edit = doc.edit(now);
        one(&mut edit).expect("the document has it");
        edit.commit()
    };
    edits.map(one).into()
}
