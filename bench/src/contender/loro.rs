//! Loro. Its history can be left out of a snapshot; columns are compressed with LZ4 in what it saves.

use super::{wide, Open, Replica, Structure};
use crate::measure::Cap;
use crate::op::{Add, ListOp, Patch, Put, Shown};
use loro::{
    ExportMode, LoroCounter, LoroDoc, LoroList, LoroMap, LoroText, LoroValue, ValueOrContainer,
};

const OWN: &str = "what was written here can be read";
const FITS: &str = "the edit fits the document";

/// What an operation is in Loro.
pub trait Write {
    type Root;
    fn root(doc: &LoroDoc) -> Self::Root;
    fn write(&self, root: &Self::Root);
    fn shown(root: &Self::Root) -> Shown;
}

pub struct Loro<O: Write> {
    doc: LoroDoc,
    root: O::Root,
}

impl<O: Write> Loro<O> {
    fn of(doc: LoroDoc, id: u64) -> Self {
        doc.set_peer_id(wide(id))
            .expect("nothing is uncommitted yet");
        let root = O::root(&doc);
        Self { doc, root }
    }

    fn export(&self, mode: ExportMode<'_>) -> Vec<u8> {
        self.doc.export(mode).expect("all of the document is there")
    }
}

impl<O: Write> Structure<O> for Loro<O> {
    fn apply(&mut self, op: &O) {
        op.write(&self.root);
        self.doc.commit();
    }

    fn save(&mut self) -> Vec<u8> {
        self.export(ExportMode::Snapshot)
    }

    fn read(&mut self) -> Shown {
        O::shown(&self.root)
    }
}

impl<O: Write> Replica<O> for Loro<O> {
    fn apply_encoded(&mut self, op: &O) -> Vec<u8> {
        let before = self.doc.oplog_vv();
        self.apply(op);
        self.export(ExportMode::updates(&before))
    }

    fn merge(&mut self, update: &[u8]) {
        self.doc.import(update).expect(OWN);
    }

    fn merge_together(&mut self, updates: &[Vec<u8>], _cap: &Cap) -> usize {
        self.doc.import_batch(updates).expect(OWN);
        updates.len()
    }

    fn apply_offline(&mut self, ops: &[O], cap: &Cap) -> Option<Vec<Vec<u8>>> {
        let before = self.doc.oplog_vv();
        let done = self.apply_each(ops, cap) == ops.len();
        done.then(|| vec![self.export(ExportMode::updates(&before))])
    }

    fn full(&mut self) -> Option<Vec<u8>> {
        Some(self.export(ExportMode::all_updates()))
    }

    fn apply_together(&mut self, ops: &[O], cap: &Cap) -> Option<usize> {
        let done = cap.each(ops, |op| op.write(&self.root));
        self.doc.commit();
        Some(done)
    }

    fn save_without_history(&mut self) -> Option<Vec<u8>> {
        Some(self.export(ExportMode::shallow_snapshot(&self.doc.oplog_frontiers())))
    }
}

impl<O: Write> Open<O> for Loro<O> {
    fn new(id: u64) -> Self {
        Self::of(LoroDoc::new(), id)
    }

    fn load(id: u64, saved: &[u8]) -> Self {
        Self::of(LoroDoc::from_snapshot(saved).expect(OWN), id)
    }
}

fn number(value: ValueOrContainer) -> i64 {
    match value {
        ValueOrContainer::Value(LoroValue::I64(number)) => number,
        other => panic!("{other:?} was never written"),
    }
}

impl Write for Patch {
    type Root = LoroText;

    fn root(doc: &LoroDoc) -> LoroText {
        doc.get_text("text")
    }

    fn write(&self, text: &LoroText) {
        if self.deleted > 0 {
            text.delete(self.at, self.deleted).expect(FITS);
        }
        if !self.inserted.is_empty() {
            text.insert(self.at, &self.inserted).expect(FITS);
        }
    }

    fn shown(text: &LoroText) -> Shown {
        Shown::Text(text.to_string())
    }
}

impl Write for Put {
    type Root = LoroMap;

    fn root(doc: &LoroDoc) -> LoroMap {
        doc.get_map("map")
    }

    fn write(&self, map: &LoroMap) {
        map.insert(&self.key, self.value).expect(FITS);
    }

    fn shown(map: &LoroMap) -> Shown {
        let mut entries = Vec::new();
        map.for_each(|key, value| entries.push((key.to_owned(), number(value))));
        Shown::map(entries.into_iter())
    }
}

impl Write for ListOp {
    type Root = LoroList;

    fn root(doc: &LoroDoc) -> LoroList {
        doc.get_list("list")
    }

    fn write(&self, list: &LoroList) {
        match *self {
            Self::Insert(index, value) => list.insert(index, value),
            Self::Delete(index) => list.delete(index, 1),
        }
        .expect(FITS);
    }

    fn shown(list: &LoroList) -> Shown {
        let mut values = Vec::with_capacity(list.len());
        list.for_each(|value| values.push(number(value)));
        Shown::list(values.into_iter())
    }
}

impl Write for Add {
    type Root = LoroCounter;

    fn root(doc: &LoroDoc) -> LoroCounter {
        doc.get_counter("counter")
    }

    fn write(&self, counter: &LoroCounter) {
        counter.increment(self.0 as f64).expect(FITS);
    }

    fn shown(counter: &LoroCounter) -> Shown {
        Shown::counter(counter.get_value() as i64)
    }
}
