//! What a document tells its face.

use driftwood_crdt::{ChangeKind, Changes};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::document::Document;
use crate::error::Failure;
use crate::handles::Handle;
use crate::hatch;

#[wasm_bindgen]
extern "C" {
    /// What a document tells of itself: `Sink` in `ts/core.d.ts`. It queues what it hears, and does not throw.
    pub type Face;
    #[wasm_bindgen(method)]
    fn tell(this: &Face, event: u8, a: &JsValue, b: &JsValue);
    #[wasm_bindgen(method)]
    fn changed(this: &Face, handle: Handle, at: usize, deleted: usize, inserted: usize);
}

/// What the face is told; the numbers are those of `Sink` in `ts/core.d.ts`.
pub(crate) enum Event {
    /// Changes from elsewhere.
    Changes(Array),
    /// The status, or how far things are saved.
    Status,
    /// Another's presence.
    Presence(String, JsValue),
    /// Trouble with the storage, or its end.
    Storage(Failure),
    /// Any other trouble.
    Error(Failure),
    /// A delta of changes that were made here.
    Delta(Vec<u8>),
}

impl Document {
    /// Tells the face. Nothing may be borrowed: it asks `describe` back.
    pub(crate) fn tell(&self, event: Event) {
        let (number, a, b) = match event {
            Event::Changes(changes) => (0, changes.into(), JsValue::UNDEFINED),
            Event::Status => (1, JsValue::UNDEFINED, JsValue::UNDEFINED),
            Event::Presence(peer, state) => (2, peer.into(), state),
            Event::Storage(failure) => (3, failure.code.into(), failure.message.into()),
            Event::Error(failure) => (4, failure.code.into(), failure.message.into()),
            Event::Delta(delta) => (5, Uint8Array::from(&*delta).into(), JsValue::UNDEFINED),
        };
        self.face.tell(number, &a, &b);
    }

    /// Tells of changes from elsewhere.
    pub(crate) fn tell_changes(&self, changes: &Changes) {
        if changes.is_empty() || self.tell_one(changes).is_some() {
            return;
        }
        let changes = self.changes_to_js(changes);
        self.tell(Event::Changes(changes));
    }

    /// Tells of a single small change: what was inserted is in the hatch. `None` if it is anything else.
    fn tell_one(&self, changes: &Changes) -> Option<()> {
        let mut all = changes.iter();
        let (path, kind) = all.next()?;
        let handle = self.handles.borrow().described(&path)?;
        let (at, deleted, inserted) = match kind {
            ChangeKind::Text(patches) => {
                let one = only(patches)?;
                let inserted = hatch::hand_out_str(&one.inserted)?;
                (one.at.utf16, one.deleted.utf16, inserted)
            }
            ChangeKind::List(patches) => {
                let one = only(patches)?;
                (one.at, one.deleted, one.inserted)
            }
            ChangeKind::Map(keys) => (0, 0, hatch::hand_out_str(only(keys)?)?),
            ChangeKind::Set | ChangeKind::Counter => (0, 0, 0),
            ChangeKind::Tree(_) => return None,
        };
        if all.next().is_some() {
            return None;
        }
        self.face.changed(handle, at, deleted, inserted);
        Some(())
    }

    /// `[handle, detail]*`
    pub(crate) fn changes_to_js(&self, changes: &Changes) -> Array {
        let flat = Array::new();
        let mut handles = self.handles.borrow_mut();
        for (path, kind) in changes.iter() {
            flat.push(&handles.of(&path).into());
            flat.push(&detail(kind));
        }
        flat
    }
}

/// What there is one of.
fn only<T>(all: impl IntoIterator<Item = T>) -> Option<T> {
    let mut all = all.into_iter();
    all.next().filter(|_| all.next().is_none())
}

fn detail(kind: &ChangeKind) -> JsValue {
    let flat = Array::new();
    match kind {
        ChangeKind::Map(keys) => {
            for key in keys {
                flat.push(&key.as_str().into());
            }
        }
        ChangeKind::Text(patches) => {
            for patch in patches {
                flat.push(&(patch.at.utf16 as f64).into());
                flat.push(&(patch.deleted.utf16 as f64).into());
                flat.push(&patch.inserted.as_str().into());
            }
        }
        ChangeKind::List(patches) => {
            for patch in patches {
                flat.push(&(patch.at as f64).into());
                flat.push(&(patch.deleted as f64).into());
                flat.push(&(patch.inserted as f64).into());
            }
        }
        ChangeKind::Tree(nodes) => {
            for &node in nodes {
                flat.push(&crate::tree::id(node).into());
            }
        }
        ChangeKind::Set | ChangeKind::Counter => return JsValue::UNDEFINED,
    }
    flat.into()
}
