//! Lists.

use driftwood_crdt::{Dot, EditError, Item, Kind, ListEdit, NodeEdit, Value};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::convert;
use crate::error::Failure;
use crate::handles::{kind, Handle};
use crate::hatch;
use crate::raw::{id, RawDocument};

#[wasm_bindgen]
impl RawDocument {
    /// Inserts values before an index, all or none.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `INVALID_VALUE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = listInsert)]
    pub fn list_insert(
        &self,
        handle: Handle,
        index: usize,
        values: &Array,
    ) -> Result<f64, Failure> {
        let values: Result<Vec<_>, _> = values.iter().map(|value| convert::value(&value)).collect();
        self.list_insert_all(handle, index, values?)
    }

    /// As [`Self::list_insert`], of one value in the hatch; negative if that is refused.
    #[wasm_bindgen(js_name = listInsertShort)]
    pub fn list_insert_short(&self, handle: Handle, index: usize, tag: u8, number: f64) -> f64 {
        let value = hatch::value(0, tag, number);
        let inserted = value.map(|value| self.list_insert_all(handle, index, vec![value]));
        inserted.and_then(Result::ok).unwrap_or(-1.0)
    }

    /// Inserts an empty container before an index and gives its handle.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = listInsertContainer)]
    pub fn list_insert_container(
        &self,
        handle: Handle,
        index: usize,
        kind: u8,
    ) -> Result<Handle, Failure> {
        self.expect(handle, Kind::List)?;
        let kind = self::kind(kind)?;
        let edit = |node: NodeEdit<'_>| ListEdit::from(node).insert_child(index, kind);
        let (dot, _) = self.document().edit(handle, edit)?;
        self.child_in(handle, dot, kind)
    }

    /// Deletes elements.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `DELETED`.
    #[wasm_bindgen(js_name = listDelete)]
    pub fn list_delete(&self, handle: Handle, index: usize, count: usize) -> Result<f64, Failure> {
        self.expect(handle, Kind::List)?;
        let edit =
            |node: NodeEdit<'_>| ListEdit::from(node).delete(index..index.saturating_add(count));
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// Moves the element at `from` so that it is at `to` afterwards.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `DELETED`.
    #[wasm_bindgen(js_name = listMove)]
    pub fn list_move(&self, handle: Handle, from: usize, to: usize) -> Result<f64, Failure> {
        self.expect(handle, Kind::List)?;
        let edit = |node: NodeEdit<'_>| ListEdit::from(node).move_to(from, to);
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// `[tag, value]` of an index, `undefined` past the end.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = listEntry)]
    pub fn list_entry(&self, handle: Handle, index: usize) -> Result<Option<Array>, Failure> {
        let found = self.read(handle, Kind::List, |node| {
            let list = node.as_list();
            let item = list.get(index)?;
            let dot = matches!(item, Item::Container(_))
                .then(|| id(list, index))
                .flatten();
            Some((item, dot))
        })?;
        let Some((item, dot)) = found else {
            return Ok(None);
        };
        let [tag, value] = self.list_item(handle, &item, dot)?;
        Ok(Some(Array::of2(&tag, &value)))
    }

    /// `[tag, value]*` of all elements, flat.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = listEntries)]
    pub fn list_entries(&self, handle: Handle) -> Result<Array, Failure> {
        let items: Vec<(Item, Dot)> = self.read(handle, Kind::List, |node| {
            let list = node.as_list();
            let ids = list.ids();
            (0..list.len())
                .filter_map(|index| list.get(index))
                .zip(ids)
                .collect()
        })?;
        let flat = Array::new();
        for (item, dot) in items {
            let [tag, value] = self.list_item(handle, &item, Some(dot))?;
            flat.push(&tag);
            flat.push(&value);
        }
        Ok(flat)
    }

    /// The elements, if all of them are numbers as JavaScript has them: they cross in one piece.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = listNumbers)]
    pub fn list_numbers(&self, handle: Handle) -> Result<Option<Vec<f64>>, Failure> {
        self.read(handle, Kind::List, |node| {
            let list = node.as_list();
            let number = |index| match list.get(index)? {
                Item::Value(value) => convert::to_number(&value),
                Item::Container(_) => None,
            };
            (0..list.len()).map(number).collect()
        })
    }

    /// How many elements there are.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = listLength)]
    pub fn list_length(&self, handle: Handle) -> Result<usize, Failure> {
        self.read(handle, Kind::List, |node| node.as_list().len())
    }
}

impl RawDocument {
    fn list_insert_all(
        &self,
        handle: Handle,
        index: usize,
        values: Vec<Value>,
    ) -> Result<f64, Failure> {
        self.expect(handle, Kind::List)?;
        let edit = |node: NodeEdit<'_>| {
            let mut list = ListEdit::from(node);
            if index > list.len() {
                return Err(EditError::OutOfBounds {
                    position: index,
                    len: list.len(),
                });
            }
            for (done, value) in values.into_iter().enumerate() {
                if let Err(error) = list.insert(index + done, value) {
                    // One of several is too large.
                    list.delete(index..index + done)?;
                    return Err(error);
                }
            }
            Ok(())
        };
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    fn list_item(
        &self,
        list: Handle,
        item: &Item,
        dot: Option<Dot>,
    ) -> Result<[JsValue; 2], Failure> {
        Self::entry(item, |kind| {
            let dot = dot.ok_or_else(|| Failure::argument("the element is gone"))?;
            self.child_in(list, dot, kind)
        })
    }
}
