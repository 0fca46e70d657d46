//! yrs, with Yjs' first encoding and its second one. Neither is compressed; deleted text is dropped.

use super::{Open, Replica, Structure};
use crate::measure::Cap;
use crate::op::{ListOp, Patch, Put, Shown};
use std::sync::Arc;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayRef, Doc, GetString, Map, MapRef, Number, Out, ReadTxn, StateVector, Text,
    TextRef,
};
use yrs::{Transact, TransactionMut, Update};

const OWN: &str = "what was written here can be read";

/// What an operation is in yrs.
pub trait Write {
    /// As many are done in one transaction, no more: of list items yrs takes memory by their number squared, and for
    /// 100,000 more than 24 GB. The row then says that it is not finished.
    const TOGETHER_MAX: usize = usize::MAX;
    type Root;
    fn root(doc: &Doc) -> Self::Root;
    fn write(&self, root: &Self::Root, txn: &mut TransactionMut<'_>);
    fn shown(root: &Self::Root, doc: &Doc) -> Shown;
}

/// A document that speaks version 2 or 1.
pub struct Yrs<O: Write, const V2: bool> {
    doc: Doc,
    root: O::Root,
}

impl<O: Write, const V2: bool> Yrs<O, V2> {
    fn since(&self, version: &StateVector) -> Vec<u8> {
        let txn = self.doc.transact();
        if V2 {
            txn.encode_state_as_update_v2(version)
        } else {
            txn.encode_state_as_update_v1(version)
        }
    }

    fn decode(update: &[u8]) -> Update {
        if V2 {
            Update::decode_v2(update).expect(OWN)
        } else {
            Update::decode_v1(update).expect(OWN)
        }
    }
}

impl<O: Write, const V2: bool> Structure<O> for Yrs<O, V2> {
    fn apply(&mut self, op: &O) {
        let mut txn = self.doc.transact_mut();
        op.write(&self.root, &mut txn);
    }

    fn save(&mut self) -> Vec<u8> {
        self.since(&StateVector::default())
    }

    fn read(&mut self) -> Shown {
        O::shown(&self.root, &self.doc)
    }
}

impl<O: Write, const V2: bool> Replica<O> for Yrs<O, V2> {
    fn apply_encoded(&mut self, op: &O) -> Vec<u8> {
        let mut txn = self.doc.transact_mut();
        op.write(&self.root, &mut txn);
        if V2 {
            txn.encode_update_v2()
        } else {
            txn.encode_update_v1()
        }
    }

    fn merge(&mut self, update: &[u8]) {
        let update = Self::decode(update);
        self.doc.transact_mut().apply_update(update).expect(OWN);
    }

    fn merge_together(&mut self, updates: &[Vec<u8>], cap: &Cap) -> usize {
        let mut txn = self.doc.transact_mut();
        let some = &updates[..updates.len().min(O::TOGETHER_MAX)];
        cap.each(some, |update| {
            txn.apply_update(Self::decode(update)).expect(OWN);
        })
    }

    fn apply_offline(&mut self, ops: &[O], cap: &Cap) -> Option<Vec<Vec<u8>>> {
        let before = self.doc.transact().state_vector();
        let done = self.apply_each(ops, cap) == ops.len();
        done.then(|| vec![self.since(&before)])
    }

    fn full(&mut self) -> Option<Vec<u8>> {
        Some(self.since(&StateVector::default()))
    }

    fn apply_together(&mut self, ops: &[O], cap: &Cap) -> Option<usize> {
        if V2 {
            return None;
        }
        let mut txn = self.doc.transact_mut();
        let some = &ops[..ops.len().min(O::TOGETHER_MAX)];
        Some(cap.each(some, |op| op.write(&self.root, &mut txn)))
    }
}

impl<O: Write, const V2: bool> Open<O> for Yrs<O, V2> {
    fn new(id: u64) -> Self {
        let doc = Doc::with_client_id(id);
        let root = O::root(&doc);
        Self { doc, root }
    }

    fn load(id: u64, saved: &[u8]) -> Self {
        let mut doc: Self = Open::<O>::new(id);
        doc.merge(saved);
        doc
    }
}

fn number(out: Out) -> i64 {
    match out {
        Out::Any(Any::Number(Number::Int(number))) => number,
        Out::Any(Any::Number(Number::Float(number))) => number as i64,
        other => panic!("{other:?} was never written"),
    }
}

fn length(len: usize) -> u32 {
    u32::try_from(len).expect("documents are smaller than 4 GB")
}

impl Write for Patch {
    type Root = TextRef;

    fn root(doc: &Doc) -> TextRef {
        doc.get_or_insert_text("text")
    }

    fn write(&self, text: &TextRef, txn: &mut TransactionMut<'_>) {
        let at = length(self.at_byte);
        if self.deleted > 0 {
            text.remove_range(txn, at, length(self.deleted_bytes));
        }
        if !self.inserted.is_empty() {
            text.insert(txn, at, &self.inserted);
        }
    }

    fn shown(text: &TextRef, doc: &Doc) -> Shown {
        Shown::Text(text.get_string(&doc.transact()))
    }
}

impl Write for Put {
    type Root = MapRef;

    fn root(doc: &Doc) -> MapRef {
        doc.get_or_insert_map("map")
    }

    fn write(&self, map: &MapRef, txn: &mut TransactionMut<'_>) {
        map.insert(txn, Arc::<str>::from(self.key.as_str()), self.value);
    }

    fn shown(map: &MapRef, doc: &Doc) -> Shown {
        let txn = doc.transact();
        Shown::map(map.iter(&txn).map(|(key, value)| (key, number(value))))
    }
}

impl Write for ListOp {
    const TOGETHER_MAX: usize = 10_000;
    type Root = ArrayRef;

    fn root(doc: &Doc) -> ArrayRef {
        doc.get_or_insert_array("list")
    }

    fn write(&self, list: &ArrayRef, txn: &mut TransactionMut<'_>) {
        match *self {
            Self::Insert(index, value) => drop(list.insert(txn, length(index), value)),
            Self::Delete(index) => list.remove(txn, length(index)),
        }
    }

    fn shown(list: &ArrayRef, doc: &Doc) -> Shown {
        let txn = doc.transact();
        Shown::list(list.iter(&txn).map(number))
    }
}
