//! Counters.

use driftwood_crdt::{CounterEdit, Kind, NodeEdit};
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::handles::Handle;
use crate::raw::RawDocument;

#[wasm_bindgen]
impl RawDocument {
    /// Adds a whole number, which is safe in JavaScript.
    ///
    /// # Errors
    /// `LIMIT_COUNTER`, `DELETED`.
    #[wasm_bindgen(js_name = counterAdd)]
    pub fn counter_add(&self, handle: Handle, n: f64) -> Result<f64, Failure> {
        self.expect(handle, Kind::Counter)?;
        let edit = |node: NodeEdit<'_>| CounterEdit::from(node).add(n as i64);
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// The sum, as near as JavaScript's numbers come.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = counterValue)]
    pub fn counter_value(&self, handle: Handle) -> Result<f64, Failure> {
        self.read(handle, Kind::Counter, |node| {
            node.as_counter().value() as f64
        })
    }
}
