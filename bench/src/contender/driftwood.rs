//! Driftwood, by its public API: an edit takes effect by itself, and its delta is what a commit gives.

use super::{wide, Open, Replica, Structure};
use crate::measure::Cap;
use crate::op::{Add, ListOp, Patch, Put, Shown};
use driftwood_crdt::{Doc, Edit, Item, ReplicaId, Value, VersionVector};
use std::marker::PhantomData;

/// The clock of somebody who works at a steady pace.
const START_MS: u64 = 1_700_000_000_000;
const STEP_MS: u64 = 200;

/// What an operation is in Driftwood.
pub trait Write {
    /// Writes it.
    fn write(&self, edit: &mut Edit<'_>);
    /// What it is written into.
    fn shown(doc: &Doc) -> Shown;
}

pub struct Driftwood<O> {
    doc: Doc,
    now_ms: u64,
    of: PhantomData<O>,
}

impl<O> Driftwood<O> {
    fn of(doc: Doc) -> Self {
        Self {
            doc,
            now_ms: START_MS,
            of: PhantomData,
        }
    }

    fn edit(&mut self) -> Edit<'_> {
        self.now_ms += STEP_MS;
        self.doc.edit(self.now_ms)
    }
}

impl<O: Write> Structure<O> for Driftwood<O> {
    fn apply(&mut self, op: &O) {
        // Nobody asks for its delta: as with the others, that is made when it is to be sent.
        op.write(&mut self.edit());
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.save()
    }

    fn read(&mut self) -> Shown {
        O::shown(&self.doc)
    }
}

impl<O: Write> Replica<O> for Driftwood<O> {
    fn apply_encoded(&mut self, op: &O) -> Vec<u8> {
        let mut edit = self.edit();
        op.write(&mut edit);
        edit.commit_encoded()
    }

    fn merge(&mut self, update: &[u8]) {
        // Nobody asks what changed: as with the others, that is told to who listens.
        let merged = self.doc.merge_quietly(update);
        merged.expect("deltas of our own can be read, and come in their order");
    }

    fn apply_offline(&mut self, ops: &[O], cap: &Cap) -> Option<Vec<Vec<u8>>> {
        let before = self.doc.version().clone();
        let done = self.apply_each(ops, cap) == ops.len();
        done.then(|| vec![self.doc.encode_since(&before)])
    }

    fn full(&mut self) -> Option<Vec<u8>> {
        Some(self.doc.encode_since(&VersionVector::new()))
    }

    fn apply_together(&mut self, ops: &[O], cap: &Cap) -> Option<usize> {
        let mut edit = self.edit();
        Some(cap.each(ops, |op| op.write(&mut edit)))
    }

    /// There is no other: what is deleted is gone, and no past is kept.
    fn save_without_history(&mut self) -> Option<Vec<u8>> {
        Some(self.doc.save())
    }
}

impl<O: Write> Open<O> for Driftwood<O> {
    fn new(id: u64) -> Self {
        Self::of(Doc::new(ReplicaId::new(wide(id))))
    }

    fn load(id: u64, saved: &[u8]) -> Self {
        let doc = Doc::load(ReplicaId::new(wide(id)), saved);
        Self::of(doc.expect("a document of our own can be read"))
    }
}

impl Write for Patch {
    fn write(&self, edit: &mut Edit<'_>) {
        let range = self.at..self.at + self.deleted;
        let mut text = edit.text("text");
        let written = match (self.deleted, self.inserted.as_str()) {
            (0, inserted) => text.insert(self.at, inserted),
            (_, "") => text.delete(range),
            (_, inserted) => text.replace(range, inserted),
        };
        written.expect("the patch lies in the text");
    }

    fn shown(doc: &Doc) -> Shown {
        Shown::Text(doc.text("text").to_string())
    }
}

impl Write for Put {
    fn write(&self, edit: &mut Edit<'_>) {
        let written = edit.map("map").set(&self.key, self.value);
        written.expect("a key and a number can be written");
    }

    fn shown(doc: &Doc) -> Shown {
        let entries = doc.map("map").entries();
        Shown::map(entries.into_iter().map(|(key, item)| match item {
            Item::Value(Value::Int(number)) => (key, number),
            other => panic!("{other:?} was never written"),
        }))
    }
}

impl Write for ListOp {
    fn write(&self, edit: &mut Edit<'_>) {
        let mut list = edit.list("list");
        let written = match *self {
            Self::Insert(index, value) => list.insert(index, value),
            Self::Delete(index) => list.delete(index..index + 1),
        };
        written.expect("the index lies in the list");
    }

    fn shown(doc: &Doc) -> Shown {
        let values = doc.list("list").values();
        Shown::list(values.into_iter().map(|value| match value {
            Value::Int(number) => number,
            other => panic!("{other:?} was never written"),
        }))
    }
}

impl Write for Add {
    fn write(&self, edit: &mut Edit<'_>) {
        let written = edit.counter("counter").add(self.0);
        written.expect("the sum fits");
    }

    fn shown(doc: &Doc) -> Shown {
        let value = i64::try_from(doc.counter("counter").value());
        Shown::counter(value.expect("the sum fits"))
    }
}
