//! Rich text as operations.

use driftwood_crdt::{DeltaOp, Doc, EditError, Expand, Marks, ReplicaId, Segment, Unit, Value};
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn marks(pairs: &[(&str, Value)]) -> Marks {
    let owned = pairs
        .iter()
        .map(|(name, v)| ((*name).to_owned(), v.clone()));
    owned.collect()
}

fn bold() -> Marks {
    marks(&[("bold", Value::Bool(true))])
}

fn plain(text: &str) -> Segment {
    Segment {
        text: text.to_owned(),
        embed: None,
        marks: Marks::new(),
    }
}

fn insert(text: &str, marks: Marks) -> DeltaOp {
    DeltaOp::Insert(text.to_owned(), marks)
}

fn retain(len: usize) -> DeltaOp {
    DeltaOp::Retain(len, Marks::new())
}

fn apply(doc: &mut Doc, unit: Unit, ops: &[DeltaOp]) {
    doc.edit(1).text("t").apply_delta(unit, ops).unwrap();
}

#[test]
fn a_character_is_shown_with_so_many_marks() {
    let mut doc = doc(1);
    let mut edit = doc.edit(1);
    edit.text("t").insert(0, "abc").unwrap();
    let max = driftwood_crdt::limits::MARKS_SHOWN_MAX;
    let name = |number: usize| format!("{number:04}");
    for number in 0..max + 5 {
        let (name, value) = (name(number), number as u32);
        let mut text = edit.text("t");
        text.mark(Unit::Chars, 0..3, &name, value, Expand::None)
            .unwrap();
    }
    // What is taken away makes room for the next.
    edit.text("t").unmark(Unit::Chars, 1..2, &name(0)).unwrap();
    let _ = edit.commit();
    let segments = doc.text("t").segments();
    let shown = |segment: &Segment| segment.marks.keys().cloned().collect::<Vec<_>>();
    let names = |range: std::ops::Range<usize>| range.map(name).collect::<Vec<_>>();
    assert_eq!(segments.len(), 3);
    assert_eq!(shown(&segments[0]), names(0..max));
    assert_eq!(shown(&segments[1]), names(1..max + 1));
    assert_eq!(shown(&segments[2]), names(0..max));
}

#[test]
fn inserted_text_has_exactly_its_marks() {
    let mut doc = doc(1);
    apply(&mut doc, Unit::Chars, &[insert("bold", bold())]);
    apply(
        &mut doc,
        Unit::Chars,
        &[
            retain(2),
            insert("-", Marks::new()),
            retain(2),
            insert(" not", Marks::new()),
        ],
    );
    let segments = doc.text("t").segments();
    let expected = [
        Segment {
            marks: bold(),
            ..plain("bo")
        },
        plain("-"),
        Segment {
            marks: bold(),
            ..plain("ld")
        },
        plain(" not"),
    ];
    assert_eq!(segments, expected);
    // What is typed by hand afterwards takes part in what it is typed into.
    doc.edit(2).text("t").insert(9, "!").unwrap();
    assert_eq!(doc.text("t").segments()[3], plain(" not!"));
}

#[test]
fn marks_change_come_and_go_by_retaining() {
    let mut doc = doc(1);
    let link = |to: &str| marks(&[("link", to.into())]);
    apply(&mut doc, Unit::Chars, &[insert("see here", link("a"))]);
    let gone = marks(&[("link", Value::Null), ("bold", Value::Bool(true))]);
    apply(
        &mut doc,
        Unit::Chars,
        &[DeltaOp::Retain(4, gone), DeltaOp::Retain(2, link("b"))],
    );
    let expected = [
        Segment {
            marks: bold(),
            ..plain("see ")
        },
        Segment {
            marks: link("b"),
            ..plain("he")
        },
        Segment {
            marks: link("a"),
            ..plain("re")
        },
    ];
    assert_eq!(doc.text("t").segments(), expected);
}

#[test]
fn embeds_come_with_their_marks() {
    let mut doc = doc(1);
    let image = Value::Map([("image".to_owned(), "x.png".into())].into_iter().collect());
    let ops = [
        insert("a😀", Marks::new()),
        DeltaOp::Embed(image.clone(), bold()),
        insert("b", Marks::new()),
    ];
    apply(&mut doc, Unit::Utf16, &ops);
    let embed = Segment {
        text: "\u{fffc}".to_owned(),
        embed: Some(image),
        marks: bold(),
    };
    assert_eq!(doc.text("t").segments(), [plain("a😀"), embed, plain("b")]);
    apply(&mut doc, Unit::Utf16, &[retain(3), DeltaOp::Delete(1)]);
    assert_eq!(doc.text("t").segments(), [plain("a😀b")]);
}

#[test]
fn a_bad_operation_is_named_and_nothing_is_done() {
    let mut doc = doc(1);
    apply(&mut doc, Unit::Chars, &[insert("a😀b", Marks::new())]);
    let before = doc.canonical();
    let long_name = "n".repeat(driftwood_crdt::limits::KEY_BYTES_MAX + 1);
    let bad = [
        (
            retain(5),
            EditError::OutOfBounds {
                position: 5,
                len: 4,
            },
        ),
        (DeltaOp::Delete(2), EditError::SplitsCharacter { offset: 2 }),
        (
            DeltaOp::Retain(1, marks(&[("", Value::Bool(true))])),
            EditError::BadMark,
        ),
    ];
    for (op, error) in bad {
        let ops = [insert("x", bold()), op, DeltaOp::Delete(1)];
        let mut edit = doc.edit(2);
        let refused = edit.text("t").apply_delta(Unit::Utf16, &ops).unwrap_err();
        assert_eq!((refused.op, refused.error), (1, error));
        drop(edit);
        assert_eq!(doc.canonical(), before);
    }
    let ops = [insert("x", marks(&[(&long_name, Value::Bool(true))]))];
    let refused = doc.edit(2).text("t").apply_delta(Unit::Chars, &ops);
    assert!(matches!(
        refused.unwrap_err().error,
        EditError::Limit { .. }
    ));
    let huge = [retain(1), retain(usize::MAX)];
    let refused = doc.edit(2).text("t").apply_delta(Unit::Chars, &huge);
    assert_eq!(refused.unwrap_err().op, 1);
    assert_eq!(doc.canonical(), before);
}

/// A text as one entry for each character: what it is, and its marks.
type Model = Vec<(char, Option<Value>, Marks)>;

fn run(model: &mut Model, ops: &[DeltaOp]) {
    let set = |marks: &Marks| -> Marks {
        let set = marks.iter().filter(|(_, value)| **value != Value::Null);
        set.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let mut at = 0;
    for op in ops {
        match op {
            DeltaOp::Retain(len, changed) => {
                for (_, _, marks) in &mut model[at..at + len] {
                    marks.extend(changed.clone());
                    *marks = set(marks);
                }
                at += len;
            }
            DeltaOp::Insert(text, marks) => {
                for c in text.chars() {
                    model.insert(at, (c, None, set(marks)));
                    at += 1;
                }
            }
            DeltaOp::Embed(value, marks) => {
                model.insert(at, ('\u{fffc}', Some(value.clone()), set(marks)));
                at += 1;
            }
            DeltaOp::Delete(len) => drop(model.drain(at..at + len)),
        }
    }
}

fn flat(segments: Vec<Segment>) -> Model {
    let each = |segment: Segment| {
        let Segment { text, embed, marks } = segment;
        let chars: Vec<char> = text.chars().collect();
        chars
            .into_iter()
            .map(move |c| (c, embed.clone(), marks.clone()))
    };
    segments.into_iter().flat_map(each).collect()
}

fn any_marks() -> impl Strategy<Value = Marks> {
    let name = prop::sample::select(vec!["bold", "link", "colour"]);
    let value = prop::sample::select(vec![Value::Null, Value::Bool(true), "x".into()]);
    let marks = prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..3);
    marks.prop_map(Marks::from_iter)
}

fn any_op() -> impl Strategy<Value = DeltaOp> {
    prop_oneof![
        (0..6usize, any_marks()).prop_map(|(len, marks)| DeltaOp::Retain(len, marks)),
        ("[a-c😀]{0,3}", any_marks()).prop_map(|(text, marks)| DeltaOp::Insert(text, marks)),
        (0..4i64, any_marks()).prop_map(|(id, marks)| DeltaOp::Embed(id.into(), marks)),
        (0..4usize).prop_map(DeltaOp::Delete),
    ]
}

/// Makes operations fit a text of this length.
fn fitted(ops: Vec<DeltaOp>, mut left: usize) -> Vec<DeltaOp> {
    let mut fit = |len: usize| {
        let len = len.min(left);
        left -= len;
        len
    };
    let ops = ops.into_iter().map(|op| match op {
        DeltaOp::Retain(len, marks) => DeltaOp::Retain(fit(len), marks),
        DeltaOp::Delete(len) => DeltaOp::Delete(fit(len)),
        op => op,
    });
    ops.collect()
}

proptest! {
    #[test]
    fn operations_do_what_they_say(
        steps in prop::collection::vec(prop::collection::vec(any_op(), 0..6), 1..12),
    ) {
        let (mut doc, mut other, mut model) = (doc(1), doc(2), Model::new());
        // Marks that nobody asked operations for, and that grow at both ends.
        let mut edit = doc.edit(1);
        edit.text("t").insert(0, "abcdef").unwrap();
        let colour = Expand::Both;
        edit.text("t").mark(Unit::Chars, 2..4, "colour", "x", colour).unwrap();
        drop(edit);
        model.extend(flat(doc.text("t").segments()));
        for ops in steps {
            let ops = fitted(ops, model.len());
            apply(&mut doc, Unit::Chars, &ops);
            run(&mut model, &ops);
            prop_assert_eq!(&flat(doc.text("t").segments()), &model);
            doc.assert_invariants();
            other.merge(&doc.delta_since(other.version())).unwrap();
            prop_assert_eq!(other.canonical(), doc.canonical());
        }
        prop_assert_eq!(flat(other.text("t").segments()), model);
    }
}
