//! What happened since a version, as plain objects.

use driftwood_crdt::{Difference, Item, ReplicaId, VersionVector};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

use crate::convert;
use crate::document::Document;
use crate::tree::id;

/// `[complete, handle, differences, handle, differences, …]`
pub(crate) fn to_js(document: &Document, since: &VersionVector) -> Array {
    let found = document.doc.borrow().changes_since(since);
    let mut handles = document.handles.borrow_mut();
    let flat = Array::of1(&found.complete.into());
    for (path, differences) in &found.containers {
        flat.push(&handles.of(path).into());
        let differences: Array = differences.iter().map(one).collect();
        flat.push(&Object::freeze(&differences));
    }
    flat
}

/// An object in the making.
struct Plain(Object);

impl Plain {
    fn new(what: &str, by: ReplicaId, ms: u64) -> Self {
        let object = Self(Object::new());
        object
            .with("type", what)
            .with("replica", by.to_string())
            .with("time", ms as f64)
    }

    fn with(self, name: &str, value: impl Into<JsValue>) -> Self {
        // Setting a new property of a fresh object cannot fail.
        let _ = Reflect::set(&self.0, &name.into(), &value.into());
        self
    }

    /// A plain value, or nothing where a container is.
    fn with_item(self, item: &Item) -> Self {
        match item {
            Item::Value(value) => self.with("value", convert::to_js(value)),
            Item::Container(_) => self,
        }
    }
}

fn one(difference: &Difference) -> JsValue {
    use Difference as D;
    let plain = match difference {
        D::Set {
            key,
            item,
            shown,
            by,
            stamp,
        } => Plain::new("set", *by, stamp.millis())
            .with("key", key)
            .with("shown", *shown)
            .with_item(item),
        D::Deleted { key, by, minute } => {
            Plain::new("delete", *by, minute.millis()).with("key", key)
        }
        D::TextInserted {
            start,
            text,
            by,
            minute,
        } => Plain::new("insert", *by, minute.millis())
            .with("at", start.utf16 as f64)
            .with("text", text),
        D::Removed {
            at,
            count,
            by,
            minute,
        } => Plain::new("remove", *by, minute.millis())
            .with("at", at.utf16 as f64)
            .with("count", *count as f64),
        D::Marked {
            start,
            end,
            name,
            value,
            by,
            stamp,
        } => Plain::new("mark", *by, stamp.millis())
            .with("start", start.utf16 as f64)
            .with("end", end.utf16 as f64)
            .with("name", name)
            .with("value", convert::to_js(value)),
        D::Inserted {
            index,
            item,
            by,
            minute,
        } => Plain::new("insert", *by, minute.millis())
            .with("at", *index as f64)
            .with_item(item),
        D::Moved { index, by, stamp } => {
            Plain::new("move", *by, stamp.millis()).with("at", *index as f64)
        }
        D::Added { value, by, stamp } => {
            Plain::new("add", *by, stamp.millis()).with("value", convert::to_js(value))
        }
        D::TakenOut { value, by, minute } => {
            Plain::new("delete", *by, minute.millis()).with("value", convert::to_js(value))
        }
        D::Counted { by, minute } => Plain::new("count", *by, minute.millis()),
        D::NodeCreated { node, by, minute } => {
            Plain::new("create", *by, minute.millis()).with("node", id(*node))
        }
        D::NodeMoved { node, by, stamp } => {
            Plain::new("move", *by, stamp.millis()).with("node", id(*node))
        }
        D::NodeDeleted { node, by, minute } => {
            Plain::new("delete", *by, minute.millis()).with("node", id(*node))
        }
        _ => return JsValue::UNDEFINED,
    };
    Object::freeze(&plain.0).into()
}
