use driftwood_crdt::{
    DeltaOp, Dot, Kind, ListEdit, Marks, NodeEdit, Path, TextEdit, TreeEdit, Unit, Value,
};
use js_sys::Array;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::handles::Handle;

fn root(document: &Document, name: &str, kind: Kind) -> Handle {
    document.handles.borrow_mut().of(&Path::root(name, kind))
}

fn tree_node(document: &Document, under: Option<Dot>) -> Dot {
    let tree = root(document, "outline", Kind::Tree);
    let edit = |node: NodeEdit<'_>| TreeEdit::from(node).create(under, 0);
    document.edit(tree, edit).expect("it is made").0
}

#[wasm_bindgen_test]
async fn marks_trees_and_moves_are_there_after_a_reload() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    let bold = Marks::from([("bold".to_owned(), Value::Bool(true))]);
    let ops = [
        DeltaOp::Insert("Grüße 😀".to_owned(), bold),
        DeltaOp::Embed(Value::Int(1), Marks::new()),
    ];
    let edit = |node: NodeEdit<'_>| TextEdit::from(node).apply_delta(Unit::Utf16, &ops);
    document
        .edit(root(&document, "body", Kind::Text), edit)
        .expect("it is written");
    let top = tree_node(&document, None);
    tree_node(&document, Some(top));
    let list = root(&document, "list", Kind::List);
    for value in ["a", "b", "c"] {
        let edit = |node: NodeEdit<'_>| ListEdit::from(node).insert(0, value);
        document.edit(list, edit).expect("it is inserted");
    }
    let edit = |node: NodeEdit<'_>| ListEdit::from(node).move_to(0, 2);
    document.edit(list, edit).expect("it is moved");
    stored(&document).await;
    let (saved, segments) = {
        let doc = document.doc.borrow();
        (doc.canonical(), doc.text("body").segments())
    };
    close(&document).await;

    let again = open_plain(&name).await;
    {
        let doc = again.doc.borrow();
        assert_eq!(doc.canonical(), saved);
        assert_eq!(doc.text("body").segments(), segments);
        assert_eq!(doc.tree("outline").children(Some(top)).len(), 1);
        let list = doc.list("list").values();
        assert_eq!(list, ["b", "a", "c"].map(Value::from));
    }
    close(&again).await;
}

#[wasm_bindgen_test]
async fn a_seed_is_stored_and_known_after_a_reload() {
    let name = unique("doc");
    let document = open_plain(&name).await;
    write(&document, "mine ");
    let fill = |document: &Document| {
        let edit = |node: NodeEdit<'_>| TextEdit::from(node).insert(0, "seed");
        document
            .edit(root(document, "body", Kind::Text), edit)
            .map(drop)
    };
    let seed = |document: &Document| document.seed("welcome", || fill(document));
    let changes: Option<Array> = seed(&document).expect("it is written");
    assert!(changes.is_some_and(|changes| changes.length() == 2));
    write(&document, "more ");
    stored(&document).await;
    let text = body(&document);
    assert_eq!(text.matches("seed").count(), 1);
    close(&document).await;

    let again = open_plain(&name).await;
    assert_eq!(body(&again), text);
    assert!(seed(&again).expect("it is there").is_none());
    assert_eq!(again.unsaved(Level::Local), 0);
    close(&again).await;
}
