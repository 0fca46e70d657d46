//! Containers by number: what crosses to JavaScript instead of a path.

use driftwood_crdt::{Key, Kind, Path};
use js_sys::Array;
use wasm_bindgen::JsValue;

use crate::error::Failure;
use crate::table::Table;

/// The number of a container of one open document. Numbers are given out once and never taken back:
/// their count is bounded by that of the containers which were ever looked at.
pub(crate) type Handle = u32;

/// The containers that have a number.
#[derive(Default)]
pub(crate) struct Handles {
    paths: Vec<Path>,
    parents: Vec<Option<Handle>>,
    /// Which ones the face has asked about.
    described: Vec<bool>,
    numbers: Table<Path, Handle>,
}

impl Handles {
    /// The number of a container, a new one if need be. What it lies in gets one too.
    pub(crate) fn of(&mut self, path: &Path) -> Handle {
        if let Some(&handle) = self.numbers.get(path) {
            return handle;
        }
        let parent = parent(path).map(|parent| self.of(&parent));
        let handle =
            Handle::try_from(self.paths.len()).expect("memory holds fewer than 2^32 paths");
        self.paths.push(path.clone());
        self.parents.push(parent);
        self.described.push(false);
        self.numbers.insert(path.clone(), handle);
        handle
    }

    /// The container of a number.
    pub(crate) fn path(&self, handle: Handle) -> Result<&Path, Failure> {
        self.paths
            .get(handle as usize)
            .ok_or_else(|| Failure::argument("this is no container of the document"))
    }

    /// The container of a number, which must be of this kind.
    pub(crate) fn path_of(&self, handle: Handle, kind: Kind) -> Result<&Path, Failure> {
        let path = self.path(handle)?;
        if path.kind() == kind {
            Ok(path)
        } else {
            Err(Failure::argument("this container is of another kind"))
        }
    }

    /// The number of what a container lies in.
    pub(crate) fn parent(&self, handle: Handle) -> Result<Handle, Failure> {
        self.parents
            .get(handle as usize)
            .copied()
            .flatten()
            .ok_or_else(|| Failure::argument("this container lies in no other"))
    }

    /// Whether a container is the data of a tree's node.
    fn lies_in_tree(&self, handle: Handle) -> bool {
        let parent = self.parent(handle).and_then(|parent| self.path(parent));
        parent.is_ok_and(|path| path.kind() == Kind::Tree)
    }

    /// The number of a container that the face knows.
    pub(crate) fn described(&self, path: &Path) -> Option<Handle> {
        let handle = *self.numbers.get(path)?;
        self.described[handle as usize].then_some(handle)
    }

    /// `[kind, parent or -1, key or undefined]`
    pub(crate) fn describe(&mut self, handle: Handle) -> Result<Array, Failure> {
        if let Some(described) = self.described.get_mut(handle as usize) {
            *described = true;
        }
        let path = self.path(handle)?;
        let parent = self.parents[handle as usize].map_or(-1.0, f64::from);
        let key = match path.steps().last().map(|step| &step.key) {
            Some(Key::Name(name)) => JsValue::from_str(name),
            Some(&Key::Element(dot)) if self.lies_in_tree(handle) => crate::tree::id(dot).into(),
            _ => JsValue::UNDEFINED,
        };
        Ok(Array::of3(
            &f64::from(number(path.kind())).into(),
            &parent.into(),
            &key,
        ))
    }
}

/// The container that another lies in.
fn parent(path: &Path) -> Option<Path> {
    let mut parent: Option<Path> = None;
    for step in &path.steps()[..path.steps().len() - 1] {
        parent = Some(match (&parent, &step.key) {
            (None, Key::Name(name)) => Path::root(name, step.kind),
            (Some(parent), Key::Name(name)) => parent.key(name, step.kind),
            (Some(parent), Key::Element(dot)) => parent.element(*dot, step.kind),
            (None, Key::Element(_)) => return None,
        });
    }
    parent
}

/// A kind as JavaScript has it.
pub(crate) fn number(kind: Kind) -> u8 {
    match kind {
        Kind::Map => 0,
        Kind::List => 1,
        Kind::Text => 2,
        Kind::Set => 3,
        Kind::Counter => 4,
        Kind::Tree => 5,
    }
}

/// A kind from JavaScript.
pub(crate) fn kind(number: u8) -> Result<Kind, Failure> {
    Kind::ALL
        .into_iter()
        .find(|&kind| self::number(kind) == number)
        .ok_or_else(|| Failure::argument("there is no such kind of container"))
}
