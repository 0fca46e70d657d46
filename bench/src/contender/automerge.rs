//! automerge. What it saves is compressed with DEFLATE. Copies start from one that has the container already, since
//! containers that two copies make are two.

use super::{Open, Replica, Structure};
use crate::measure::Cap;
use crate::op::{Add, ListOp, Patch, Put, Shown};
use automerge::transaction::Transactable;
use automerge::{
    ActorId, AutoCommit, ObjId, ObjType, ReadDoc, ScalarValue, ScalarValueRef, ValueRef, ROOT,
};
use std::marker::PhantomData;

const OWN: &str = "what was written here can be read";
const FITS: &str = "the edit fits the document";

/// What an operation is in automerge.
pub trait Write {
    fn create(doc: &mut AutoCommit);
    fn find(doc: &AutoCommit) -> ObjId;
    fn write(&self, doc: &mut AutoCommit, at: &ObjId);
    fn shown(doc: &AutoCommit, at: &ObjId) -> Shown;
}

pub struct Automerge<O> {
    doc: AutoCommit,
    at: ObjId,
    of: PhantomData<O>,
}

impl<O: Write> Automerge<O> {
    fn of(mut doc: AutoCommit, id: u64) -> Self {
        doc.set_actor(actor(id));
        let at = O::find(&doc);
        Self {
            doc,
            at,
            of: PhantomData,
        }
    }
}

/// 16 bytes, as its own random ones have.
fn actor(id: u64) -> ActorId {
    let low = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ActorId::from(((u128::from(id) << 64) | u128::from(low)).to_be_bytes())
}

impl<O: Write> Structure<O> for Automerge<O> {
    fn apply(&mut self, op: &O) {
        op.write(&mut self.doc, &self.at);
        self.doc.commit();
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.save()
    }

    fn read(&mut self) -> Shown {
        O::shown(&self.doc, &self.at)
    }
}

impl<O: Write> Replica<O> for Automerge<O> {
    fn apply_encoded(&mut self, op: &O) -> Vec<u8> {
        self.apply(op);
        let change = self.doc.get_last_local_change();
        change.map_or_else(Vec::new, |change| change.raw_bytes().to_vec())
    }

    fn merge(&mut self, update: &[u8]) {
        self.doc.load_incremental(update).expect(OWN);
    }

    fn merge_together(&mut self, updates: &[Vec<u8>], _cap: &Cap) -> usize {
        self.doc.load_incremental(&updates.concat()).expect(OWN);
        updates.len()
    }

    fn apply_offline(&mut self, ops: &[O], cap: &Cap) -> Option<Vec<Vec<u8>>> {
        let before = self.doc.get_heads();
        let done = self.apply_each(ops, cap) == ops.len();
        done.then(|| vec![self.doc.save_after(&before)])
    }

    fn full(&mut self) -> Option<Vec<u8>> {
        Some(self.doc.save())
    }

    fn apply_together(&mut self, ops: &[O], cap: &Cap) -> Option<usize> {
        let done = cap.each(ops, |op| op.write(&mut self.doc, &self.at));
        self.doc.commit();
        Some(done)
    }
}

impl<O: Write> Open<O> for Automerge<O> {
    fn new(id: u64) -> Self {
        let mut doc = AutoCommit::new();
        doc.set_actor(actor(0));
        O::create(&mut doc);
        doc.commit();
        Self::of(doc, id)
    }

    fn load(id: u64, saved: &[u8]) -> Self {
        Self::of(AutoCommit::load(saved).expect(OWN), id)
    }
}

fn named(doc: &AutoCommit, name: &str) -> ObjId {
    let (_, found) = doc.get(ROOT, name).expect(FITS).expect("it was created");
    found
}

fn number(value: &ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Scalar(ScalarValueRef::Int(number)) => *number,
        other => panic!("{other:?} was never written"),
    }
}

impl Write for Patch {
    fn create(doc: &mut AutoCommit) {
        doc.put_object(ROOT, "text", ObjType::Text).expect(FITS);
    }

    fn find(doc: &AutoCommit) -> ObjId {
        named(doc, "text")
    }

    fn write(&self, doc: &mut AutoCommit, at: &ObjId) {
        let deleted = isize::try_from(self.deleted).expect(FITS);
        doc.splice_text(at, self.at, deleted, &self.inserted)
            .expect(FITS);
    }

    fn shown(doc: &AutoCommit, at: &ObjId) -> Shown {
        Shown::Text(doc.text(at).expect(FITS))
    }
}

impl Write for Put {
    /// The top of a document is a map.
    fn create(_doc: &mut AutoCommit) {}

    fn find(_doc: &AutoCommit) -> ObjId {
        ROOT
    }

    fn write(&self, doc: &mut AutoCommit, at: &ObjId) {
        doc.put(at, self.key.as_str(), self.value).expect(FITS);
    }

    fn shown(doc: &AutoCommit, at: &ObjId) -> Shown {
        Shown::map(
            doc.map_range(at, ..)
                .map(|item| (item.key.into_owned(), number(&item.value))),
        )
    }
}

impl Write for ListOp {
    fn create(doc: &mut AutoCommit) {
        doc.put_object(ROOT, "list", ObjType::List).expect(FITS);
    }

    fn find(doc: &AutoCommit) -> ObjId {
        named(doc, "list")
    }

    fn write(&self, doc: &mut AutoCommit, at: &ObjId) {
        match *self {
            Self::Insert(index, value) => doc.insert(at, index, value),
            Self::Delete(index) => doc.delete(at, index),
        }
        .expect(FITS);
    }

    fn shown(doc: &AutoCommit, at: &ObjId) -> Shown {
        Shown::list(doc.list_range(at, ..).map(|item| number(&item.value)))
    }
}

impl Write for Add {
    fn create(doc: &mut AutoCommit) {
        doc.put(ROOT, "counter", ScalarValue::counter(0))
            .expect(FITS);
    }

    fn find(_doc: &AutoCommit) -> ObjId {
        ROOT
    }

    fn write(&self, doc: &mut AutoCommit, at: &ObjId) {
        doc.increment(at, "counter", self.0).expect(FITS);
    }

    fn shown(doc: &AutoCommit, at: &ObjId) -> Shown {
        let (value, _) = doc.get(at, "counter").expect(FITS).expect("it was created");
        Shown::counter(value.as_i64().unwrap_or_default())
    }
}
