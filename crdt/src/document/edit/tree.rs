//! Changing a tree.

use crate::ordered::BTreeSet;

use super::{MapEdit, NodeEdit};
use crate::container::tree::TreeBody;
use crate::container::{Body, ChangeKind};
use crate::{Dot, DotSet, EditError, Kind};

/// A tree that is being edited.
#[derive(Debug)]
pub struct TreeEdit<'e>(pub(super) NodeEdit<'e>);

impl TreeEdit<'_> {
    /// Makes a node: the child at `index` of the node `under`, or at the top. Gives its name.
    ///
    /// # Errors
    /// [`EditError::Deleted`] when `under` is not there, [`EditError::OutOfBounds`] past the end of
    /// its children; as [`MapEdit::set`].
    pub fn create(&mut self, under: Option<Dot>, index: usize) -> Result<Dot, EditError> {
        self.0.write(|body, change| {
            let node = tree_mut(body).create(under, index, change)?;
            Ok((node, ChangeKind::Tree(BTreeSet::from([node]))))
        })
    }

    /// Moves a node with all under it, so that it is the child at `index` of `under` afterwards. Of
    /// concurrent moves the last one counts; one that would close a cycle with others does not.
    ///
    /// # Errors
    /// [`EditError::Cycle`] when `under` is the node or under it; as [`Self::create`].
    pub fn move_to(
        &mut self,
        node: Dot,
        under: Option<Dot>,
        index: usize,
    ) -> Result<(), EditError> {
        self.0.losing(|body| match body {
            Body::Tree(tree) => tree.places_of(node),
            _ => DotSet::new(),
        });
        self.0.write(|body, change| {
            tree_mut(body).move_to(node, under, index, change)?;
            Ok(((), ChangeKind::Tree(BTreeSet::from([node]))))
        })
    }

    /// Deletes a node with its data and all that is seen under it; whether it was there.
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn delete(&mut self, node: Dot) -> Result<bool, EditError> {
        self.0.check_writable()?;
        let shape = tree(&self.0).shape();
        if !shape.has(node) {
            return Ok(false);
        }
        let nodes = shape.subtree(node);
        self.delete_all(&nodes)?;
        Ok(true)
    }

    /// Deletes nodes with their data, as one change.
    pub(super) fn delete_all(&mut self, nodes: &[Dot]) -> Result<(), EditError> {
        self.0.check_writable()?;
        let dots = tree(&self.0).dots_of_nodes(nodes);
        let data = nodes
            .iter()
            .flat_map(|&node| self.0.tree.subtrees_at(self.0.at, node))
            .collect();
        self.0.losing(|_| dots.clone());
        let by = self.0.change.dot();
        self.0.clear(data, by);
        self.0.write(|body, change| {
            change.removed(by, dots.runs());
            Ok(((), ChangeKind::Tree(tree_mut(body).remove(&dots))))
        })
    }

    /// The data of a node.
    pub fn data(&mut self, node: Dot) -> MapEdit<'_> {
        MapEdit(self.0.child(node.into(), Kind::Map))
    }
}

fn tree<'a>(node: &'a NodeEdit<'_>) -> &'a TreeBody {
    match &node.tree.get(node.at).body {
        Body::Tree(tree) => tree,
        _ => unreachable!("this is a tree"),
    }
}

fn tree_mut(body: &mut Body) -> &mut TreeBody {
    match body {
        Body::Tree(tree) => tree,
        _ => unreachable!("this is a tree"),
    }
}
