//! Copies that can undo.

use driftwood_crdt::{Doc, Edit, Item, ReplicaId, Segment, UndoManager, UndoOptions, Value};

/// All that a reader sees.
pub(crate) type Seen = (Value, Vec<Vec<Segment>>);

pub(crate) fn seen(doc: &Doc) -> Seen {
    let mut texts: Vec<_> = ["a", "b", "c"].map(|name| doc.text(name).segments()).into();
    for map in ["a", "b", "c"] {
        texts.extend(["a", "b", "c"].map(|key| doc.map(map).text_at(key).segments()));
    }
    (doc.to_value(), texts)
}

/// A copy and its undo manager.
pub(crate) struct Copy {
    pub(crate) doc: Doc,
    pub(crate) undo: UndoManager,
    pub(crate) now: u64,
}

impl Copy {
    pub(crate) fn new(id: u64) -> Self {
        let doc = Doc::new(ReplicaId::new(id));
        let (undo, now) = (solo(), 1_000 + id);
        Self { doc, undo, now }
    }

    pub(crate) fn edit(&mut self, write: impl FnOnce(&mut Edit<'_>)) {
        self.now += 1_000;
        let mut edit = self.doc.edit_recorded(self.now, &mut self.undo);
        write(&mut edit);
        let _ = edit.commit();
        self.doc.assert_invariants();
    }

    pub(crate) fn undo(&mut self) -> Option<()> {
        self.now += 1_000;
        let undone = self.undo.undo(&mut self.doc, self.now);
        self.doc.assert_invariants();
        undone.map(|undone| assert!(!undone.delta.is_empty()))
    }

    pub(crate) fn redo(&mut self) -> Option<()> {
        self.now += 1_000;
        let redone = self.undo.redo(&mut self.doc, self.now);
        self.doc.assert_invariants();
        redone.map(|redone| assert!(!redone.delta.is_empty()))
    }

    pub(crate) fn text(&self) -> String {
        self.doc.text("t").to_string()
    }

    pub(crate) fn at(&self, key: &str) -> Option<Item> {
        self.doc.map("m").get(key)
    }

    pub(crate) fn values(&self) -> Vec<Value> {
        self.doc.list("l").values()
    }
}

pub(crate) fn exchange(a: &mut Copy, b: &mut Copy) {
    b.doc.merge(&a.doc.delta_since(b.doc.version())).unwrap();
    a.doc.merge(&b.doc.delta_since(a.doc.version())).unwrap();
    assert!(a.doc.canonical() == b.doc.canonical());
    assert_eq!(seen(&a.doc), seen(&b.doc));
}

pub(crate) fn pair(write: impl FnOnce(&mut Edit<'_>)) -> (Copy, Copy) {
    let (mut a, mut b) = (Copy::new(1), Copy::new(2));
    a.edit(write);
    a.undo.clear();
    exchange(&mut a, &mut b);
    b.now = a.now + 7;
    (a, b)
}

pub(crate) fn solo() -> UndoManager {
    UndoManager::new(UndoOptions {
        group_ms: 0,
        depth: 1_000,
        ..UndoOptions::default()
    })
}
