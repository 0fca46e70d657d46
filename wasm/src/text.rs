//! Texts. Offsets are in UTF-16 code units.

use driftwood_crdt::{DeltaOp, Expand, Kind, Marks, NodeEdit, TextEdit, Unit, Value};
use js_sys::{Array, JsString, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::error::Failure;
use crate::handles::Handle;
use crate::hatch;
use crate::raw::RawDocument;

#[wasm_bindgen]
impl RawDocument {
    /// Deletes `count` code units at `at` and inserts text there, of whole characters.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = textReplace)]
    pub fn text_replace(
        &self,
        handle: Handle,
        at: usize,
        count: usize,
        text: &str,
    ) -> Result<f64, Failure> {
        self.expect(handle, Kind::Text)?;
        let edit = |node: NodeEdit<'_>| {
            TextEdit::from(node).replace_utf16(at..at.saturating_add(count), text)
        };
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// As [`Self::text_replace`], of `len` code units in the hatch; negative if that is refused, which the
    /// general way gives the reason for.
    #[wasm_bindgen(js_name = textReplaceShort)]
    pub fn text_replace_short(&self, handle: Handle, at: usize, count: usize, len: usize) -> f64 {
        let replaced = hatch::with_str(len, |text| self.text_replace(handle, at, count, text));
        replaced.and_then(Result::ok).unwrap_or(-1.0)
    }

    /// Marks a range; `null` takes the mark away. `expand` is 0 none, 1 before, 2 after, 3 both;
    /// without it, what is usual for the name.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`, `INVALID_VALUE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = textMark)]
    pub fn text_mark(
        &self,
        handle: Handle,
        start: usize,
        end: usize,
        name: &JsString,
        value: &JsValue,
        expand: Option<u8>,
    ) -> Result<f64, Failure> {
        self.expect(handle, Kind::Text)?;
        let (name, value) = (convert::string(name)?, convert::value(value)?);
        let expand = match expand {
            None => Expand::usual(&name),
            Some(0) => Expand::None,
            Some(1) => Expand::Before,
            Some(2) => Expand::After,
            Some(_) => Expand::Both,
        };
        let edit = |node: NodeEdit<'_>| {
            TextEdit::from(node).mark(Unit::Utf16, start..end, &name, value, expand)
        };
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// Inserts an embed.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`, `INVALID_VALUE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = textEmbed)]
    pub fn text_embed(&self, handle: Handle, at: usize, value: &JsValue) -> Result<f64, Failure> {
        self.expect(handle, Kind::Text)?;
        let value = convert::value(value)?;
        let edit = |node: NodeEdit<'_>| TextEdit::from(node).embed(Unit::Utf16, at, value);
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// Carries out a delta, `[kind, what, attributes or undefined]*`, flat: 0 retains a number of
    /// code units, 1 inserts a string, 2 inserts an embed, 3 deletes.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `SPLIT_SURROGATE`, `INVALID_VALUE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = textApplyDelta)]
    pub fn text_apply_delta(&self, handle: Handle, flat: &Array) -> Result<f64, Failure> {
        self.expect(handle, Kind::Text)?;
        let ops: Result<Vec<_>, _> = (0..flat.length() / 3)
            .map(|op| {
                let part = |offset| flat.get(3 * op + offset);
                let read = delta_op(&part(0), &part(1), &part(2));
                read.map_err(|failure| failure.of_operation(op as usize))
            })
            .collect();
        let ops = ops?;
        let edit = |node: NodeEdit<'_>| TextEdit::from(node).apply_delta(Unit::Utf16, &ops);
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// The text as the inserts of a Quill delta, frozen.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = textDelta)]
    pub fn text_delta(&self, handle: Handle) -> Result<Array, Failure> {
        let segments = self.read(handle, Kind::Text, |node| node.as_text().segments())?;
        let ops: Array = segments
            .into_iter()
            .map(|segment| {
                let insert = match segment.embed {
                    None => Value::String(segment.text),
                    Some(Value::Map(embed)) => Value::Map(embed),
                    // Text would be taken for text, and a number for nothing.
                    Some(other) => Value::Map([("embed".to_owned(), other)].into_iter().collect()),
                };
                let op = Object::new();
                put(&op, "insert", &convert::to_js(&insert));
                if !segment.marks.is_empty() {
                    let marks = Value::Map(segment.marks.into_iter().collect());
                    put(&op, "attributes", &convert::to_js(&marks));
                }
                Object::freeze(&op)
            })
            .collect();
        Ok(Object::freeze(&ops).unchecked_into())
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

fn put(object: &Object, name: &str, value: &JsValue) {
    // Setting a new property of a fresh object cannot fail.
    let _ = Reflect::set(object, &name.into(), value);
}

#[allow(clippy::cast_sign_loss, reason = "the facade has checked it")]
fn delta_op(kind: &JsValue, what: &JsValue, attributes: &JsValue) -> Result<DeltaOp, Failure> {
    let marks = || -> Result<Marks, Failure> {
        if attributes.is_undefined() {
            return Ok(Marks::new());
        }
        match convert::value(attributes)? {
            Value::Map(marks) => Ok(marks.into_iter().collect()),
            _ => Err(Failure::argument("attributes must be an object")),
        }
    };
    let count = || what.as_f64().unwrap_or_default() as usize;
    Ok(match kind.as_f64().unwrap_or_default() as u8 {
        0 => DeltaOp::Retain(count(), marks()?),
        1 => DeltaOp::Insert(convert::string(what.unchecked_ref())?, marks()?),
        2 => DeltaOp::Embed(convert::value(what)?, marks()?),
        _ => DeltaOp::Delete(count()),
    })
}
