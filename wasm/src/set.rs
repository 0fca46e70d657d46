//! Sets.

use driftwood_crdt::{Kind, NodeEdit, SetEdit};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::error::Failure;
use crate::handles::Handle;
use crate::raw::RawDocument;

#[wasm_bindgen]
impl RawDocument {
    /// Adds a value.
    ///
    /// # Errors
    /// `INVALID_VALUE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = setAdd)]
    pub fn set_add(&self, handle: Handle, value: &JsValue) -> Result<f64, Failure> {
        self.expect(handle, Kind::Set)?;
        let value = convert::value(value)?;
        let edit = |node: NodeEdit<'_>| SetEdit::from(node).add(value);
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// Removes a value.
    ///
    /// # Errors
    /// `INVALID_VALUE`, `DELETED`.
    #[wasm_bindgen(js_name = setDelete)]
    pub fn set_delete(&self, handle: Handle, value: &JsValue) -> Result<f64, Failure> {
        self.expect(handle, Kind::Set)?;
        let value = convert::value(value)?;
        let edit = |node: NodeEdit<'_>| SetEdit::from(node).delete(&value);
        self.document().edit(handle, edit).map(|(_, mark)| mark)
    }

    /// Whether a value is in it.
    ///
    /// # Errors
    /// `INVALID_VALUE`.
    #[wasm_bindgen(js_name = setHas)]
    pub fn set_has(&self, handle: Handle, value: &JsValue) -> Result<bool, Failure> {
        let value = convert::value(value)?;
        self.read(handle, Kind::Set, |node| node.as_set().has(&value))
    }

    /// The values, in order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = setValues)]
    pub fn set_values(&self, handle: Handle) -> Result<Array, Failure> {
        let values = self.read(handle, Kind::Set, |node| node.as_set().values())?;
        Ok(values.iter().map(convert::to_js).collect())
    }
}
