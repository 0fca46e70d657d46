//! Trees. A node's id is the dot that made it, as text.

use driftwood_crdt::{Dot, Kind, NodeEdit, ReplicaId, TreeEdit};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::handles::Handle;
use crate::raw::RawDocument;

/// A dot as JavaScript has it.
pub(crate) fn id(dot: Dot) -> String {
    format!("{}:{}", dot.replica, dot.seq)
}

/// A dot from JavaScript.
pub(crate) fn dot(id: &str) -> Result<Dot, Failure> {
    let parts = id.split_once(':').and_then(|(replica, seq)| {
        let replica = u64::from_str_radix(replica, 16).ok()?;
        Some(Dot::new(ReplicaId::new(replica), seq.parse().ok()?))
    });
    parts.ok_or_else(|| Failure::argument("this is no id of a tree's node"))
}

fn maybe_dot(id: Option<String>) -> Result<Option<Dot>, Failure> {
    id.map(|id| dot(&id)).transpose()
}

#[wasm_bindgen]
impl RawDocument {
    /// Makes a node and gives its id; without an index it is the last child.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `LIMIT_*`, `DELETED`.
    #[wasm_bindgen(js_name = treeCreate)]
    pub fn tree_create(
        &self,
        handle: Handle,
        under: Option<String>,
        index: Option<usize>,
    ) -> Result<String, Failure> {
        let under = maybe_dot(under)?;
        let children = self.children_of(handle, under)?.len();
        let edit =
            |node: NodeEdit<'_>| TreeEdit::from(node).create(under, index.unwrap_or(children));
        self.document().edit(handle, edit).map(|(node, _)| id(node))
    }

    /// Moves a node with all under it; without an index it becomes the last child.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `CYCLE`, `DELETED`.
    #[wasm_bindgen(js_name = treeMove)]
    pub fn tree_move(
        &self,
        handle: Handle,
        node: &str,
        under: Option<String>,
        index: Option<usize>,
    ) -> Result<f64, Failure> {
        let (node, under) = (dot(node)?, maybe_dot(under)?);
        let siblings = self.children_of(handle, under)?;
        let last = siblings.iter().filter(|&&other| other != node).count();
        let edit =
            |tree: NodeEdit<'_>| TreeEdit::from(tree).move_to(node, under, index.unwrap_or(last));
        self.document().edit(handle, edit).map(|((), mark)| mark)
    }

    /// Deletes a node with all under it.
    ///
    /// # Errors
    /// `DELETED`.
    #[wasm_bindgen(js_name = treeDelete)]
    pub fn tree_delete(&self, handle: Handle, node: &str) -> Result<f64, Failure> {
        self.expect(handle, Kind::Tree)?;
        let node = dot(node)?;
        let edit = |tree: NodeEdit<'_>| TreeEdit::from(tree).delete(node);
        self.document().edit(handle, edit).map(|(_, mark)| mark)
    }

    /// The ids of the nodes under one, or at the top.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = treeChildren)]
    pub fn tree_children(
        &self,
        handle: Handle,
        under: Option<String>,
    ) -> Result<Vec<String>, Failure> {
        let children = self.children_of(handle, maybe_dot(under)?)?;
        Ok(children.into_iter().map(id).collect())
    }

    /// The id of what a node is under: `null` at the top, `undefined` for one that is not there.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = treeParent)]
    pub fn tree_parent(&self, handle: Handle, node: &str) -> Result<JsValue, Failure> {
        let node = dot(node)?;
        self.read(handle, Kind::Tree, |tree| {
            let tree = tree.as_tree();
            match tree.parent(node) {
                Some(parent) => id(parent).into(),
                None if tree.has(node) => JsValue::NULL,
                None => JsValue::UNDEFINED,
            }
        })
    }

    /// Whether a node is in the tree.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = treeHas)]
    pub fn tree_has(&self, handle: Handle, node: &str) -> Result<bool, Failure> {
        let node = dot(node)?;
        self.read(handle, Kind::Tree, |tree| tree.as_tree().has(node))
    }

    /// The handle of a node's data.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = treeData)]
    pub fn tree_data(&self, handle: Handle, node: &str) -> Result<Handle, Failure> {
        self.data_of(handle, dot(node)?)
    }

    /// `[id, depth, data]*` of all nodes, flat, parents first; depth counts from 0.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = treeNodes)]
    pub fn tree_nodes(&self, handle: Handle) -> Result<Array, Failure> {
        let nodes = self.read(handle, Kind::Tree, |tree| {
            let tree = tree.as_tree();
            let mut nodes = Vec::new();
            let mut open: Vec<(Dot, u32)> = Vec::new();
            open.extend(tree.children(None).iter().rev().map(|&node| (node, 0)));
            while let Some((node, depth)) = open.pop() {
                nodes.push((node, depth));
                let children = tree.children(Some(node)).iter().rev();
                open.extend(children.map(|&child| (child, depth + 1)));
            }
            nodes
        })?;
        let flat = Array::new();
        for (node, depth) in nodes {
            flat.push(&id(node).into());
            flat.push(&depth.into());
            flat.push(&self.data_of(handle, node)?.into());
        }
        Ok(flat)
    }
}

impl RawDocument {
    fn children_of(&self, tree: Handle, under: Option<Dot>) -> Result<Vec<Dot>, Failure> {
        self.read(tree, Kind::Tree, |node| {
            node.as_tree().children(under).to_vec()
        })
    }

    fn data_of(&self, tree: Handle, node: Dot) -> Result<Handle, Failure> {
        let mut handles = self.document().handles.borrow_mut();
        let path = handles.path_of(tree, Kind::Tree)?.element(node, Kind::Map);
        Ok(handles.of(&path))
    }
}
