//! Cursors in texts and lists, and who wrote a text.

use driftwood_crdt::{Cursor, Kind, Side, Unit};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::handles::Handle;
use crate::raw::RawDocument;

fn side(right: bool) -> Side {
    if right {
        Side::Right
    } else {
        Side::Left
    }
}

#[wasm_bindgen]
impl RawDocument {
    /// A cursor, encoded, that stays beside what is left or right of an offset.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`.
    #[wasm_bindgen(js_name = textCursor)]
    pub fn text_cursor(&self, handle: Handle, at: usize, right: bool) -> Result<Vec<u8>, Failure> {
        let cursor = self.read(handle, Kind::Text, |node| {
            node.as_text().cursor(Unit::Utf16, at, side(right))
        })?;
        Ok(cursor?.encode())
    }

    /// Where a cursor is now.
    ///
    /// # Errors
    /// `BAD_BYTES`.
    #[wasm_bindgen(js_name = textResolve)]
    pub fn text_resolve(&self, handle: Handle, cursor: &[u8]) -> Result<usize, Failure> {
        let cursor = Cursor::decode(cursor)?;
        self.read(handle, Kind::Text, |node| {
            node.as_text().resolve(&cursor).utf16
        })
    }

    /// A cursor, encoded, that stays beside the element left or right of an index.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`.
    #[wasm_bindgen(js_name = listCursor)]
    pub fn list_cursor(&self, handle: Handle, at: usize, right: bool) -> Result<Vec<u8>, Failure> {
        let cursor = self.read(handle, Kind::List, |node| {
            node.as_list().cursor(at, side(right))
        })?;
        Ok(cursor?.encode())
    }

    /// Before which index a cursor is now.
    ///
    /// # Errors
    /// `BAD_BYTES`.
    #[wasm_bindgen(js_name = listResolve)]
    pub fn list_resolve(&self, handle: Handle, cursor: &[u8]) -> Result<usize, Failure> {
        let cursor = Cursor::decode(cursor)?;
        self.read(handle, Kind::List, |node| node.as_list().resolve(&cursor))
    }

    /// `[start, end, replica, ms]*` of a range, flat.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`.
    #[wasm_bindgen(js_name = textBlame)]
    pub fn text_blame(&self, handle: Handle, start: usize, end: usize) -> Result<Array, Failure> {
        let parts = self.read(handle, Kind::Text, |node| {
            node.as_text().blame(Unit::Utf16, start..end)
        })?;
        let flat = Array::new();
        for part in parts? {
            flat.push(&(part.start.utf16 as f64).into());
            flat.push(&(part.end.utf16 as f64).into());
            flat.push(&part.replica.to_string().into());
            flat.push(&(part.minute.millis() as f64).into());
        }
        Ok(flat)
    }
}
