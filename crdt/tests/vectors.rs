//! What every later version must still read, and what a second implementation would have to write:
//! `vectors/data-v1.json`. The npm package's tests read the same file.
//!
//! `cargo test -p driftwood-crdt --test vectors -- --ignored` writes it, which must not happen again
//! once its bytes are out in the world, but for new cases.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;

use driftwood_crdt::{
    Delta, Doc, Edit, EditError, Expand, Item, Kind, Marks, MergeError, ReplicaId, Unit, Value,
    VersionVector,
};
use serde_json::{json, Value as Json};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/data-v1.json");

/// The replica ids of those who write, and of who only reads.
const ADA: u64 = 0x0ada;
const BEN: u64 = 0x0be4;
const READER: u64 = 9;

/// What is done in a case: who changes what, and what comes of it in the order in which it is read.
struct Case {
    name: &'static str,
    ada: Doc,
    ben: Doc,
    now_ms: u64,
    deltas: Vec<Vec<u8>>,
    /// What cannot be merged before the last delta: it hangs on elements that are not there.
    refused: Option<Vec<u8>>,
}

impl Case {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            ada: Doc::new(ReplicaId::new(ADA)),
            ben: Doc::new(ReplicaId::new(BEN)),
            now_ms: 1_700_000_000_000,
            deltas: Vec::new(),
            refused: None,
        }
    }

    fn write(&mut self, by: u64, edit: impl FnOnce(&mut Edit<'_>) -> Result<(), EditError>) {
        self.now_ms += 61_000;
        let doc = if by == ADA {
            &mut self.ada
        } else {
            &mut self.ben
        };
        let mut open = doc.edit(self.now_ms);
        edit(&mut open).unwrap();
        self.deltas.push(open.commit().encode());
    }

    fn ada(mut self, edit: impl FnOnce(&mut Edit<'_>) -> Result<(), EditError>) -> Self {
        self.write(ADA, edit);
        self
    }

    fn ben(mut self, edit: impl FnOnce(&mut Edit<'_>) -> Result<(), EditError>) -> Self {
        self.write(BEN, edit);
        self
    }

    /// Both get what they lack.
    fn meet(mut self) -> Self {
        let news = self.ben.delta_since(self.ada.version());
        self.ada.merge(&news).unwrap();
        let news = self.ada.delta_since(self.ben.version());
        self.ben.merge(&news).unwrap();
        self
    }

    fn to_json(&self) -> Json {
        let mut doc = Doc::new(ReplicaId::new(READER));
        for delta in &self.deltas {
            doc.merge(&Delta::decode(delta).unwrap()).unwrap();
        }
        json!({
            "name": self.name,
            "deltas": self.deltas.iter().map(|delta| hex(delta)).collect::<Vec<_>>(),
            "refused": self.refused.as_deref().map(hex),
            "version": hex(&doc.version().encode()),
            "whole": hex(&doc.delta_since(&VersionVector::new()).encode()),
            "saved": hex(&doc.save()),
            "canonical": hex(&doc.canonical()),
            "value": plain(&doc.to_value()),
            "rich": rich(&doc),
        })
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::from(small());
    cases.extend(sequences());
    cases.extend([tree(), erasure(), removals(), seed(), skeletons()]);
    cases
}

fn small() -> [Case; 4] {
    let nested = || Value::List(vec![Value::Int(1), Value::Null, Value::from("two")]);
    let values = Case::new("values of every kind, overwritten and deleted")
        .ada(|e| {
            let mut map = e.map("m");
            map.set("null", Value::Null)?;
            map.set("true", true)?;
            map.set("int", -40)?;
            map.set("big", i64::MAX)?;
            map.set("float", 1.5)?;
            map.set("string", "Grüße 🌊")?;
            map.set("bytes", Value::Bytes(vec![0, 255, 7]))?;
            map.set("list", nested())?;
            map.map("inner").map("deeper").set("leaf", 1)
        })
        .ada(|e| e.map("m").set("int", 41))
        .ada(|e| e.map("m").delete("true").map(drop));
    let conflict = Case::new("one key set by two")
        .ada(|e| e.map("m").set("k", "first"))
        .meet()
        .ada(|e| e.map("m").set("k", "ada"))
        .ben(|e| e.map("m").set("k", "ben"));
    let set = Case::new("a set: adding wins over a removal that did not see it")
        .ada(|e| {
            e.set("s").add("stays")?;
            e.set("s").add("goes")?;
            e.set("s").add(7)
        })
        .meet()
        .ada(|e| e.set("s").add("stays"))
        .ben(|e| {
            e.set("s").delete(&"stays".into())?;
            e.set("s").delete(&"goes".into()).map(drop)
        });
    let counter = Case::new("a counter of two")
        .ada(|e| e.counter("c").add(5))
        .ben(|e| e.counter("c").add(-12))
        .meet()
        .ada(|e| e.counter("c").add(1 << 40));
    [values, conflict, set, counter]
}

fn sequences() -> [Case; 5] {
    let list = Case::new("a list of values and containers")
        .ada(|e| {
            let mut list = e.list("l");
            list.push("a")?;
            list.push("c")?;
            list.insert(1, "b")?;
            list.insert_map(3)?.set("title", "in a list")?;
            list.insert_text(4)?.insert(0, "text in a list")
        })
        .ada(|e| e.list("l").delete(0..1))
        .ada(|e| e.list("l").map(2)?.set("done", true));
    let moves = Case::new("elements of a list moved by two")
        .ada(|e| {
            ["a", "b", "c", "d"]
                .into_iter()
                .try_for_each(|value| e.list("l").push(value))
        })
        .meet()
        .ada(|e| e.list("l").move_to(0, 3))
        .ben(|e| e.list("l").move_to(0, 1))
        .ben(|e| e.list("l").move_to(3, 0));
    let text = Case::new("a text typed by two at one place")
        .ada(|e| e.text("t").insert(0, "The 🌊 ends"))
        .meet()
        .ada(|e| e.text("t").insert(4, "wild "))
        .ben(|e| e.text("t").insert(4, "blue "))
        .ben(|e| e.text("t").delete(0..4))
        .meet()
        .ada(|e| e.text("t").replace(0..4, "A tame"));
    let marks = Case::new("marks of every expansion, overlapping and taken away")
        .ada(|e| e.text("t").insert(0, "one two three four"))
        .meet()
        .ada(|e| {
            let mut text = e.text("t");
            text.mark(Unit::Chars, 0..3, "bold", true, Expand::After)?;
            text.mark(
                Unit::Chars,
                4..7,
                "link",
                "https://example.org",
                Expand::None,
            )?;
            text.mark(Unit::Chars, 8..13, "size", 3, Expand::Both)?;
            text.mark(Unit::Chars, 14..18, "tint", "red", Expand::Before)
        })
        .ben(|e| {
            let mut text = e.text("t");
            text.mark(Unit::Chars, 2..10, "bold", true, Expand::After)?;
            text.insert(5, "W")
        })
        .meet()
        .ada(|e| {
            let mut text = e.text("t");
            text.unmark(Unit::Chars, 1..5, "bold")?;
            text.insert(14, "!")?;
            text.insert(8, "?")
        });
    let embeds = Case::new("embeds among the characters")
        .ada(|e| {
            let mut text = e.text("t");
            text.insert(0, "before after")?;
            text.embed(Unit::Chars, 7, object("image", "image.png"))?;
            text.mark(Unit::Chars, 6..9, "bold", true, Expand::After)
        })
        .meet()
        .ben(|e| {
            let formula = object("formula", "e = mc²");
            e.text("t").embed(Unit::Chars, 0, formula)
        })
        .ada(|e| e.text("t").delete(0..3));
    [list, moves, text, marks, embeds]
}

/// Editors want an embed to be an object with one member.
fn object(name: &str, value: &str) -> Value {
    let entry = (name.to_owned(), Value::from(value));
    Value::Map(std::iter::once(entry).collect())
}

fn tree() -> Case {
    let mut case = Case::new("a tree: two moves that would make a circle, a deletion");
    let mut nodes = Vec::new();
    case.write(ADA, |e| {
        for title in ["x", "y", "z"] {
            let node = e.tree("tree").create(None, nodes.len())?;
            e.tree("tree").data(node).set("title", title)?;
            nodes.push(node);
        }
        let under = e.tree("tree").create(Some(nodes[2]), 0)?;
        e.tree("tree").data(under).set("title", "under z")
    });
    let (x, y, z) = (nodes[0], nodes[1], nodes[2]);
    case.meet()
        .ada(|e| e.tree("tree").move_to(x, Some(y), 0))
        .ben(|e| e.tree("tree").move_to(y, Some(x), 0))
        .ben(|e| e.tree("tree").delete(z).map(drop))
}

fn erasure() -> Case {
    Case::new("what was erased is gone, elsewhere too")
        .ada(|e| {
            e.map("m").set("secret", "42")?;
            e.map("m").set("open", "yes")?;
            e.text("t").insert(0, "name: Ada, 36")
        })
        .meet()
        .ada(|e| e.map("m").erase("secret").map(drop))
        .ada(|e| e.text("t").erase(6..9))
        .ben(|e| e.text("t").insert(13, " years"))
}

fn removals() -> Case {
    Case::new("containers deleted while somebody wrote into them")
        .ada(|e| {
            e.map("m").map("plan").set("who", "Ada")?;
            e.map("m").map("plan").text("notes").insert(0, "pack")?;
            e.map("m").map("old").set("gone", true)?;
            e.list("l").insert_map(0)?.set("item", 1)
        })
        .meet()
        .ada(|e| {
            e.map("m").delete("plan")?;
            e.map("m").delete("old")?;
            e.list("l").delete(0..1)
        })
        .ben(|e| {
            e.map("m")
                .map("plan")
                .text("notes")
                .insert(4, " the tent")?;
            e.list("l").map(0)?.set("more", 2)
        })
}

fn seed() -> Case {
    let mut case = Case::new("a seed sown by two, one of whom changed it");
    let fill = |e: &mut Edit<'_>| -> Result<(), EditError> {
        e.text("t").insert(0, "Hello")?;
        e.list("l").push("Say hello back")?;
        e.counter("c").add(3)
    };
    for doc in [&mut case.ada, &mut case.ben] {
        let (delta, _) = doc.seed("welcome", fill).unwrap().unwrap();
        case.deltas.push(delta.encode());
    }
    case.ada(|e| e.text("t").insert(5, ", Ada"))
        .ben(|e| e.list("l").delete(0..1))
}

/// Ada let go of what is left of deleted elements; what Ben wrote beside them comes with it.
fn skeletons() -> Case {
    let mut case = Case::new("a delta that hangs on what was reclaimed, and the answer")
        .ada(|e| {
            e.text("t").insert(0, "abc")?;
            e.list("l").push(1)?;
            e.list("l").push(2)
        })
        .meet();
    case.deltas.clear();
    case = case
        .ada(|e| {
            e.text("t").delete(0..3)?;
            e.list("l").delete(0..2)
        })
        .ben(|e| {
            e.text("t").insert(2, "X")?;
            e.list("l").insert(1, "between")
        });
    assert!(case.ada.reclaim(case.now_ms, 0, &[]) > 0);
    let news = case.ben.delta_since(case.ada.version());
    let Err(MergeError::MissingAnchors { anchors }) = case.ada.merge(&news) else {
        panic!("it hangs on what is gone");
    };
    let answer = case.ben.delta_with_anchors(case.ada.version(), &anchors);
    case.deltas = vec![case.ada.whole().encode(), answer.encode()];
    case.refused = Some(news.encode());
    case
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn bytes(hex: &Json) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// A value as JSON: bytes are `{"$bytes": hex}`, whole numbers beyond 2^53 `{"$int": digits}`.
fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Int(int) if int.unsigned_abs() < 1 << 53 => json!(int),
        Value::Int(int) => json!({ "$int": int.to_string() }),
        Value::Float(float) => json!(float),
        Value::String(text) => json!(text),
        Value::Bytes(bytes) => json!({ "$bytes": hex(bytes) }),
        Value::List(values) => values.iter().map(plain).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
    }
}

/// The text `t` as Quill has it; null where there is none.
fn rich(doc: &Doc) -> Json {
    if doc.top().get("t") != Some(Item::Container(Kind::Text)) {
        return Json::Null;
    }
    let attributes = |marks: &Marks| -> Json {
        let marks = marks.iter();
        marks
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect()
    };
    let segments = doc.text("t").segments();
    let ops = segments.iter().map(|segment| {
        let insert = segment.embed.as_ref();
        let insert = insert.map_or_else(|| json!(segment.text), plain);
        if segment.marks.is_empty() {
            json!({ "insert": insert })
        } else {
            json!({ "insert": insert, "attributes": attributes(&segment.marks) })
        }
    });
    ops.collect()
}

fn golden() -> Vec<Json> {
    let file: Json = serde_json::from_str(include_str!("../../vectors/data-v1.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
#[ignore = "writes the vectors"]
fn write_vectors() {
    let cases: Vec<Json> = cases().iter().map(Case::to_json).collect();
    let file = json!({
        "about": "Deltas, documents and what they say, in version 1 of the data format. Bytes are in hex.",
        "cases": cases,
    });
    std::fs::write(PATH, format!("{file:#}\n")).unwrap();
}

#[test]
fn the_golden_bytes_are_read_and_written_as_they_always_were() {
    let golden = golden();
    assert!(golden.len() >= 14);
    for case in &golden {
        let name = case["name"].as_str().unwrap();
        let mut doc = Doc::new(ReplicaId::new(READER));
        let deltas = case["deltas"].as_array().unwrap();
        for (index, delta) in deltas.iter().enumerate() {
            if let (true, Json::String(_)) = (index + 1 == deltas.len(), &case["refused"]) {
                let refused = Delta::decode(&bytes(&case["refused"])).unwrap();
                let error = doc.merge(&refused).unwrap_err();
                assert!(
                    matches!(error, MergeError::MissingAnchors { .. }),
                    "{name}: {error}"
                );
            }
            let encoded = bytes(delta);
            let delta = Delta::decode(&encoded).unwrap();
            assert_eq!(delta.encode(), encoded, "{name}");
            doc.merge(&delta).unwrap();
            assert!(doc.merge(&delta).unwrap().is_empty(), "{name}");
        }
        doc.assert_invariants();
        let loaded = Doc::load(ReplicaId::new(READER), &bytes(&case["saved"])).unwrap();
        let mut whole = Doc::new(ReplicaId::new(READER));
        whole
            .merge(&Delta::decode(&bytes(&case["whole"])).unwrap())
            .unwrap();
        for doc in [&doc, &loaded, &whole] {
            assert_eq!(plain(&doc.to_value()), case["value"], "{name}");
            assert_eq!(rich(doc), case["rich"], "{name}");
            assert_eq!(hex(&doc.version().encode()), case["version"], "{name}");
            assert_eq!(hex(&doc.canonical()), case["canonical"], "{name}");
            assert_eq!(hex(&doc.save()), case["saved"], "{name}");
        }
        let encoded = doc.delta_since(&VersionVector::new()).encode();
        assert_eq!(hex(&encoded), case["whole"], "{name}");
    }
}

/// What makes containers was written in full before it could be a step.
#[test]
fn what_was_written_in_full_is_read() {
    let file: Json =
        serde_json::from_str(include_str!("../../vectors/data-v1-in-full.json")).unwrap();
    let golden = golden();
    for before in file["cases"].as_array().unwrap() {
        let case = golden.iter().find(|case| case["name"] == before["name"]);
        let case = case.expect("it is one of the cases");
        assert_ne!(case["deltas"], before["deltas"]);
        let mut doc = Doc::new(ReplicaId::new(READER));
        for (delta, now) in before["deltas"]
            .as_array()
            .unwrap()
            .iter()
            .zip(case["deltas"].as_array().unwrap())
        {
            let delta = Delta::decode(&bytes(delta)).unwrap();
            assert_eq!(hex(&delta.encode()), *now);
            doc.merge(&delta).unwrap();
        }
        assert_eq!(hex(&doc.canonical()), case["canonical"]);
    }
}

/// Whoever writes the same today sends the same bytes, and both writers come to what is read.
#[test]
fn the_cases_are_those_of_the_file() {
    for (case, golden) in cases().iter().zip(golden()) {
        assert_eq!(case.to_json(), golden, "{}", case.name);
    }
    assert_eq!(cases().len(), golden().len());
}

/// The order in which concurrent deltas come makes no difference.
#[test]
fn in_any_order_that_has_no_gap_the_same_comes_out() {
    for case in golden() {
        let mut doc = Doc::new(ReplicaId::new(READER));
        let deltas = case["deltas"].as_array().unwrap();
        let deltas: Vec<Delta> = deltas
            .iter()
            .map(|d| Delta::decode(&bytes(d)).unwrap())
            .collect();
        let mut open: Vec<&Delta> = deltas.iter().rev().collect();
        while !open.is_empty() {
            let before = open.len();
            open.retain(|delta| doc.merge(delta).is_err());
            assert!(open.len() < before, "{}", case["name"]);
        }
        assert_eq!(hex(&doc.canonical()), case["canonical"], "{}", case["name"]);
    }
}
