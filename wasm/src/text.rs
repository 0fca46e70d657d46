//! Texts. Offsets are in UTF-16 code units.

use driftwood_crdt::{Kind, NodeEdit, TextEdit};
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::error::Failure;
use crate::handles::Handle;
use crate::raw::RawDocument;

#[wasm_bindgen]
impl RawDocument {
    /// Deletes `count` code units at `at` and inserts text there.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = textReplace)]
    pub fn text_replace(
        &self,
        handle: Handle,
        at: usize,
        count: usize,
        text: &JsString,
    ) -> Result<f64, Failure> {
        self.expect(handle, Kind::Text)?;
        let text = convert::string(text)?;
        let edit = |node: NodeEdit<'_>| {
            TextEdit::from(node).replace_utf16(at..at.saturating_add(count), &text)
        };
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// The whole text.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = textString)]
    pub fn text_string(&self, handle: Handle) -> Result<String, Failure> {
        self.read(handle, Kind::Text, |node| node.as_text().to_string())
    }

    /// How long it is.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = textLength)]
    pub fn text_length(&self, handle: Handle) -> Result<usize, Failure> {
        self.read(handle, Kind::Text, |node| node.as_text().len_utf16())
    }
}
