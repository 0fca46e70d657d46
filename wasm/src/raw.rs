//! What crosses to JavaScript: one thin class, spread over a file for each kind of container. Its
//! types are in `ts/core.d.ts`, and its only user is the facade in `ts/`.

use std::cell::RefCell;
use std::rc::Rc;

use driftwood_crdt::{Delta, Dot, Item, Kind, ListRef, NodeRef, VersionVector};
use driftwood_sync::{DocumentName, Input, Level};
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;

use crate::client::{Client, Setup};
use crate::convert;
use crate::document::Document;
use crate::error::Failure;
use crate::handles::{kind, number, Handle};
use crate::hatch;
use crate::host;
use crate::indexeddb::{Database, DATABASE};
use crate::store;
use crate::telling::Face;

thread_local! {
    static PANIC: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Has `report` called with the message when this module panics. Nothing in it may be called
/// afterwards: its memory is in an unknown state.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(report: Function) {
    PANIC.with(|panic| *panic.borrow_mut() = Some(report));
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string();
        PANIC.with(|panic| {
            if let Some(report) = panic.borrow().as_ref() {
                // Nothing can be done about a failure to report a failure.
                let _ = report.call1(&JsValue::UNDEFINED, &message.into());
            }
        });
    }));
}

/// Opens a document; see `ts/core.d.ts`. The promise rejects with `FORMAT_TOO_NEW`, `LIMIT_NAME`.
#[wasm_bindgen(js_name = openDocument)]
pub fn open_document(
    name: String,
    relays: Vec<String>,
    token: Option<String>,
    memory: bool,
    face: Face,
) -> Promise {
    host::promise(async move {
        let name = document_name(&name)?;
        let client = Client::get(Setup {
            relays,
            token,
            memory,
        })
        .await?;
        client
            .open(name, face)
            .await
            .map(|document| RawDocument(document).into())
    })
}

/// The names of the documents stored on this device. The promise rejects with
/// `STORAGE_UNAVAILABLE`, `STORAGE_FAILED`.
#[wasm_bindgen(js_name = listDocuments)]
pub fn list_documents() -> Promise {
    host::promise(async {
        let names = store::list(&Database::open(DATABASE).await?).await?;
        Ok(names.into_iter().collect::<Array>().into())
    })
}

/// Removes what is stored of a document on this device. The promise rejects with
/// `STORAGE_UNAVAILABLE`, `STORAGE_FAILED`, `LIMIT_NAME`.
#[wasm_bindgen(js_name = destroyDocument)]
pub fn destroy_document(name: String) -> Promise {
    host::promise(async move {
        let name = document_name(&name)?;
        store::destroy(&Database::open(DATABASE).await?, &name).await?;
        Ok(JsValue::UNDEFINED)
    })
}

fn document_name(name: &str) -> Result<DocumentName, Failure> {
    DocumentName::new(name).map_err(|error| Failure::new("LIMIT_NAME", error.to_string()))
}

fn level(number: u8) -> Level {
    match number {
        0 => Level::Local,
        1 => Level::Relay,
        _ => Level::Replicated,
    }
}

/// An open document.
#[wasm_bindgen]
pub struct RawDocument(pub(crate) Rc<Document>);

impl RawDocument {
    pub(crate) fn document(&self) -> &Document {
        &self.0
    }

    pub(crate) fn shared(&self) -> Rc<Document> {
        self.0.clone()
    }

    /// Reads a container of this kind.
    pub(crate) fn read<R>(
        &self,
        handle: Handle,
        kind: Kind,
        read: impl FnOnce(NodeRef<'_>) -> R,
    ) -> Result<R, Failure> {
        let doc = self.0.doc.borrow();
        let handles = self.0.handles.borrow();
        Ok(read(doc.at(handles.path_of(handle, kind)?)))
    }

    /// Makes sure that a container is of this kind, before it is edited.
    pub(crate) fn expect(&self, handle: Handle, kind: Kind) -> Result<(), Failure> {
        self.0.handles.borrow().path_of(handle, kind).map(drop)
    }

    /// The container at a key of a map.
    pub(crate) fn child_at(&self, map: Handle, key: &str, kind: Kind) -> Result<Handle, Failure> {
        let mut handles = self.0.handles.borrow_mut();
        let path = handles.path_of(map, Kind::Map)?.key(key, kind);
        Ok(handles.of(&path))
    }

    /// The container in an element of a list.
    pub(crate) fn child_in(&self, list: Handle, dot: Dot, kind: Kind) -> Result<Handle, Failure> {
        let mut handles = self.0.handles.borrow_mut();
        let path = handles.path_of(list, Kind::List)?.element(dot, kind);
        Ok(handles.of(&path))
    }

    /// `[tag, value]`
    pub(crate) fn entry(
        item: &Item,
        child: impl FnOnce(Kind) -> Result<Handle, Failure>,
    ) -> Result<[JsValue; 2], Failure> {
        Ok(match item {
            Item::Value(value) => [(-1.0).into(), convert::to_js(value)],
            Item::Container(kind) => [f64::from(number(*kind)).into(), child(*kind)?.into()],
        })
    }
}

#[wasm_bindgen]
impl RawDocument {
    /// The handle of a root container.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn root(&self, name: &str, kind: u8) -> Result<Handle, Failure> {
        let path = driftwood_crdt::Path::root(name, self::kind(kind)?);
        Ok(self.0.handles.borrow_mut().of(&path))
    }

    /// `[name, handle]*`, flat, in order.
    pub fn roots(&self) -> Array {
        let flat = Array::new();
        for (name, item) in self.0.doc.borrow().top().entries() {
            if let Item::Container(kind) = item {
                let path = driftwood_crdt::Path::root(&name, kind);
                flat.push(&name.into());
                flat.push(&self.0.handles.borrow_mut().of(&path).into());
            }
        }
        flat
    }

    /// The handle of the container at a key of a map.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn child(&self, map: Handle, key: &str, kind: u8) -> Result<Handle, Failure> {
        self.child_at(map, key, self::kind(kind)?)
    }

    /// The handle of the container in a list's element.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `INVALID_ARGUMENT`.
    pub fn element(&self, list: Handle, index: usize, kind: u8) -> Result<Handle, Failure> {
        let dot = self.read(list, Kind::List, |node| id(node.as_list(), index))?;
        let dot = dot.ok_or_else(|| Failure::new("OUT_OF_RANGE", "the list ends before that"))?;
        self.child_in(list, dot, self::kind(kind)?)
    }

    /// `[kind, parent or -1, key or undefined]`
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn describe(&self, handle: Handle) -> Result<Array, Failure> {
        self.0.handles.borrow_mut().describe(handle)
    }

    /// Where the element with this container is in its list; -1 when it was deleted.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = elementIndex)]
    pub fn element_index(&self, handle: Handle) -> Result<i32, Failure> {
        let handles = self.0.handles.borrow();
        let steps = handles.path(handle)?.steps();
        let Some(driftwood_crdt::Key::Element(dot)) = steps.last().map(|step| &step.key) else {
            return Ok(-1);
        };
        let list = handles.parent(handle)?;
        let doc = self.0.doc.borrow();
        let index = doc.at(handles.path(list)?).as_list().index_of(*dot);
        Ok(index
            .and_then(|index| i32::try_from(index).ok())
            .unwrap_or(-1))
    }

    /// The version vector, encoded.
    pub fn version(&self) -> Vec<u8> {
        self.0.doc.borrow().version().encode()
    }

    /// What a copy at a version lacks, encoded.
    ///
    /// # Errors
    /// `BAD_BYTES`.
    #[wasm_bindgen(js_name = exportChanges)]
    pub fn export_changes(&self, version: &[u8]) -> Result<Vec<u8>, Failure> {
        let since = VersionVector::decode(version)?;
        Ok(self.0.doc.borrow().encode_since(&since))
    }

    /// Hands out the delta of what was written here since the last one, and gives its length; 0 if nothing was.
    #[wasm_bindgen(js_name = takeDelta)]
    pub fn take_delta(&self) -> usize {
        hatch::hand_out(|room| self.0.take_delta(room))
    }

    /// Whether to tell of each delta that is made here.
    #[wasm_bindgen(js_name = tellDeltas)]
    pub fn tell_deltas(&self, wanted: bool) {
        self.0.tell_deltas(wanted);
    }

    /// Merges what [`Self::export_changes`] gave.
    ///
    /// # Errors
    /// `BAD_BYTES`, `GAP`.
    #[wasm_bindgen(js_name = importChanges)]
    pub fn import_changes(&self, bytes: &[u8]) -> Result<(), Failure> {
        if self.0.import_keystroke(bytes) {
            return Ok(());
        }
        let delta = Delta::decode(bytes)?;
        self.0.import(&delta, bytes).map_err(|error| {
            Failure::new(
                crate::document::refusal_code(&error).as_str(),
                error.to_string(),
            )
        })
    }

    /// As [`Self::import_changes`], of bytes in the hatch; whether that was done.
    #[wasm_bindgen(js_name = importShort)]
    pub fn import_short(&self, len: usize) -> bool {
        hatch::with_bytes(len, |bytes| self.import_changes(bytes)).is_ok()
    }

    /// Has `fill`, which is called three times, write a seed. `[handle, detail]*` of what changed;
    /// `undefined` when the seed is there already.
    ///
    /// # Errors
    /// `SEED_CHANGED`, `SEED_NOT_THE_SAME`, those of the edits.
    pub fn seed(&self, name: &str, fill: &Function) -> Result<Option<Array>, Failure> {
        self.0.seed(name, || match fill.call0(&JsValue::UNDEFINED) {
            Ok(_) => Ok(()),
            // The face knows what was thrown.
            Err(error) => Err(Failure::thrown("INTERNAL", &error)),
        })
    }

    /// What happened since a version: `[complete, handle, differences, handle, differences, …]`.
    ///
    /// # Errors
    /// `BAD_BYTES`.
    pub fn differences(&self, version: &[u8]) -> Result<Array, Failure> {
        let since = VersionVector::decode(version)?;
        Ok(crate::differences::to_js(&self.0, &since))
    }

    /// Whether a change is saved at a level.
    #[wasm_bindgen(js_name = isSaved)]
    pub fn is_saved(&self, level: u8, mark: f64) -> bool {
        self.0.is_saved(self::level(level), mark)
    }

    /// Whether a version is saved at a level.
    ///
    /// # Errors
    /// `BAD_BYTES`.
    #[wasm_bindgen(js_name = isVersionSaved)]
    pub fn is_version_saved(&self, level: u8, version: &[u8]) -> Result<bool, Failure> {
        let version = VersionVector::decode(version)?;
        Ok(self.0.is_version_saved(self::level(level), &version))
    }

    /// `[state, links, local, relay, replicated, unsaved, persistent]`
    pub fn status(&self) -> Array {
        let (state, links) = self.0.client.reach();
        let unsaved =
            [Level::Local, Level::Relay, Level::Replicated].map(|level| self.0.unsaved(level));
        let open = if state == 0 { unsaved[0] } else { unsaved[1] };
        let mut fields = vec![f64::from(state).into(), (links as f64).into()];
        fields.extend(unsaved.map(|count| JsValue::from_bool(count == 0)));
        fields.extend([(open as f64).into(), self.0.persistent.get().into()]);
        fields.into_iter().collect()
    }

    /// Cuts or restores the link to the relays, for all documents that share it.
    #[wasm_bindgen(js_name = setOffline)]
    pub fn set_offline(&self, off: bool) {
        let client = &self.0.client;
        client.offline.set(off);
        if off {
            client.hang_up();
        } else {
            client.dial();
        }
    }

    /// Another token from now on, for all documents that share the links to these relays.
    #[wasm_bindgen(js_name = setToken)]
    pub fn set_token(&self, token: String) {
        self.0.client.set_token(token);
    }

    /// Stores what is left and lets go. The promise rejects with what keeps the rest from being stored.
    pub fn close(&self) -> Promise {
        let document = self.0.clone();
        host::promise(async move {
            document.client.close(&document).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Tells the others about ourselves; `undefined` leaves.
    #[wasm_bindgen(js_name = setPresence)]
    pub fn set_presence(&self, state: Option<Vec<u8>>) {
        let document = self.0.name.clone();
        self.0.client.input(Input::Presence {
            document,
            state: state.map(Into::into),
        });
    }
}

/// The name of a list's element.
pub(crate) fn id(list: ListRef<'_>, index: usize) -> Option<Dot> {
    list.id(index)
}
