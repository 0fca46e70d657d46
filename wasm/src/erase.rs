//! Erasing: deleting for good, so that no undo and no journal brings it back.

use driftwood_crdt::{EditError, Kind, ListEdit, MapEdit, NodeEdit, SetEdit, TextEdit, TreeEdit};
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::error::Failure;
use crate::handles::Handle;
use crate::raw::RawDocument;

#[wasm_bindgen]
impl RawDocument {
    /// Erases a container with all in it.
    ///
    /// # Errors
    /// `DELETED`.
    #[allow(
        clippy::redundant_closure_for_method_calls,
        reason = "the method itself does not do for all lifetimes"
    )]
    pub fn erase(&self, handle: Handle) -> Result<f64, Failure> {
        let erased = self
            .document()
            .edit_at(handle, |edits, path| edits.erase(path))?;
        self.document().forget(handle)?;
        Ok(erased.1)
    }

    /// Erases a key.
    ///
    /// # Errors
    /// `DELETED`.
    #[wasm_bindgen(js_name = mapErase)]
    pub fn map_erase(&self, handle: Handle, key: &JsString) -> Result<f64, Failure> {
        let key = convert::string(key)?;
        self.erase_in(handle, Kind::Map, |node| {
            MapEdit::from(node).erase(&key).map(drop)
        })
    }

    /// Erases elements.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `DELETED`.
    #[wasm_bindgen(js_name = listErase)]
    pub fn list_erase(&self, handle: Handle, index: usize, count: usize) -> Result<f64, Failure> {
        self.erase_in(handle, Kind::List, |node| {
            ListEdit::from(node).erase(index..index.saturating_add(count))
        })
    }

    /// Erases code units.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`, `DELETED`.
    #[wasm_bindgen(js_name = textErase)]
    pub fn text_erase(&self, handle: Handle, at: usize, count: usize) -> Result<f64, Failure> {
        self.erase_in(handle, Kind::Text, |node| {
            TextEdit::from(node).erase_utf16(at..at.saturating_add(count))
        })
    }

    /// Erases a value.
    ///
    /// # Errors
    /// `INVALID_VALUE`, `DELETED`.
    #[wasm_bindgen(js_name = setErase)]
    pub fn set_erase(&self, handle: Handle, value: &JsValue) -> Result<f64, Failure> {
        let value = convert::value(value)?;
        self.erase_in(handle, Kind::Set, |node| {
            SetEdit::from(node).erase(&value).map(drop)
        })
    }

    /// Erases a node with all under it.
    ///
    /// # Errors
    /// `DELETED`.
    #[wasm_bindgen(js_name = treeErase)]
    pub fn tree_erase(&self, handle: Handle, node: &str) -> Result<f64, Failure> {
        let node = crate::tree::dot(node)?;
        self.erase_in(handle, Kind::Tree, |tree| {
            TreeEdit::from(tree).erase(node).map(drop)
        })
    }
}

impl RawDocument {
    fn erase_in(
        &self,
        handle: Handle,
        kind: Kind,
        erase: impl FnOnce(NodeEdit<'_>) -> Result<(), EditError>,
    ) -> Result<f64, Failure> {
        self.expect(handle, kind)?;
        let ((), mark) = self.document().edit(handle, erase)?;
        self.document().forget(handle)?;
        Ok(mark)
    }
}
