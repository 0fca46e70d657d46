//! Maps.

use driftwood_crdt::ordered;
use std::cmp::Reverse;

use driftwood_crdt::{Kind, MapEdit, NodeEdit, Sibling, Value};
use js_sys::{Array, JsString};
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::error::Failure;
use crate::handles::Handle;
use crate::hatch;
use crate::raw::RawDocument;

#[wasm_bindgen]
impl RawDocument {
    /// Writes a key.
    ///
    /// # Errors
    /// `INVALID_VALUE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = mapSet)]
    pub fn map_set(&self, handle: Handle, key: &JsString, value: &JsValue) -> Result<f64, Failure> {
        self.map_put(handle, &convert::string(key)?, convert::value(value)?)
    }

    /// As [`Self::map_set`], of a key and a value in the hatch; negative if that is refused.
    #[wasm_bindgen(js_name = mapSetShort)]
    pub fn map_set_short(&self, handle: Handle, key: usize, tag: u8, number: f64) -> f64 {
        let value = hatch::value(key, tag, number);
        let put =
            value.and_then(|value| hatch::with_str(key, |key| self.map_put(handle, key, value)));
        put.and_then(Result::ok).unwrap_or(-1.0)
    }

    /// Removes a key.
    ///
    /// # Errors
    /// `DELETED`.
    #[wasm_bindgen(js_name = mapDelete)]
    pub fn map_delete(&self, handle: Handle, key: &JsString) -> Result<f64, Failure> {
        self.expect(handle, Kind::Map)?;
        let key = convert::string(key)?;
        let edit = |node: NodeEdit<'_>| MapEdit::from(node).delete(&key);
        self.document().edit(handle, edit).map(|(_, mark)| mark)
    }

    /// `[tag, value]` of a key, `undefined` when nothing is there.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = mapEntry)]
    pub fn map_entry(&self, handle: Handle, key: &str) -> Result<Option<Array>, Failure> {
        let Some(item) = self.read(handle, Kind::Map, |node| node.as_map().get(key))? else {
            return Ok(None);
        };
        let [tag, value] = Self::entry(&item, |kind| self.child_at(handle, key, kind))?;
        Ok(Some(Array::of2(&tag, &value)))
    }

    /// The keys, in order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = mapKeys)]
    pub fn map_keys(&self, handle: Handle) -> Result<Vec<String>, Failure> {
        self.read(handle, Kind::Map, |node| node.as_map().keys())
    }

    /// `[value, replica, ms, id]*` of what was written to a key concurrently, flat, the shown one
    /// first.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = mapConflicts)]
    pub fn map_conflicts(&self, handle: Handle, key: &str) -> Result<Array, Failure> {
        let mut siblings = self.read(handle, Kind::Map, |node| node.as_map().conflicts(key))?;
        ordered::sort_by_key(&mut siblings, |sibling| {
            Reverse((sibling.stamp, sibling.dot))
        });
        let flat = Array::new();
        for Sibling { dot, stamp, value } in &siblings {
            flat.push(&convert::to_js(value));
            flat.push(&dot.replica.to_string().into());
            flat.push(&(stamp.millis() as f64).into());
            flat.push(&crate::tree::id(*dot).into());
        }
        Ok(flat)
    }
}

impl RawDocument {
    fn map_put(&self, handle: Handle, key: &str, value: Value) -> Result<f64, Failure> {
        self.expect(handle, Kind::Map)?;
        let edit = |node: NodeEdit<'_>| MapEdit::from(node).set(key, value);
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }
}
