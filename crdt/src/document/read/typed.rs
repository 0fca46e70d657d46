//! Reading containers as Rust types, and without a copy.

use crate::plain::plain;
use ::serde::Deserialize;

use super::super::tree::{ContainerId, Seen, Tree};
use super::{ListRef, MapRef, NodeRef, SetRef};
use crate::container::list::{Element, ListBody};
use crate::serde::{ReadError, Reader};
use crate::{Kind, OrSet, Value};

/// What is at a key or an index, without a copy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    Value(&'a Value),
    Node(NodeRef<'a>, Kind),
}

impl<'a> NodeRef<'a> {
    pub(crate) fn of(tree: &'a Tree, id: ContainerId) -> Self {
        let at = Some(id);
        Self { tree, at }
    }

    /// Reads the container and all in it as a Rust type; see [`serde`](crate::serde).
    ///
    /// An empty or missing container is `None` for an `Option`.
    ///
    /// # Errors
    /// When something in it is not what the type expects; the error says where.
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, ReadError> {
        match self.kind() {
            Some(kind) => self.read_as(kind),
            None => T::deserialize(Reader::nothing()),
        }
    }

    fn read_as<T: Deserialize<'a>>(self, kind: Kind) -> Result<T, ReadError> {
        T::deserialize(Reader::top(self, kind, self.is_empty()))
    }

    fn kind(&self) -> Option<Kind> {
        let step = &self.tree.get(self.at?).step;
        Some(step.as_ref().map_or(Kind::Map, |step| step.kind))
    }

    fn is_empty(&self) -> bool {
        match self.kind() {
            Some(Kind::Map) => self.as_map().is_empty(),
            _ => self.body().is_none_or(|body| body.live_len() == 0),
        }
    }
}

impl<'a> MapRef<'a> {
    /// Reads the map and all in it as a Rust type: a struct or a map; see [`serde`](crate::serde).
    ///
    /// ```
    /// # use driftwood_crdt::{Doc, ReplicaId};
    /// # use std::collections::BTreeMap;
    /// let mut doc = Doc::new(ReplicaId::new(1));
    /// doc.edit(0).map("prices").set("tent", 120)?;
    /// let prices: BTreeMap<&str, u32> = doc.map("prices").read()?;
    /// assert_eq!(prices["tent"], 120);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`NodeRef::read`].
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, ReadError> {
        self.0.read_as(Kind::Map)
    }

    /// The keys and what is there, in order.
    pub(crate) fn found_all(&self) -> Vec<(&'a str, Found<'a>)> {
        let keys = self.0.at.map(|at| self.0.tree.keys(at));
        let keys = keys.into_iter().flatten();
        keys.filter_map(|key| Some((key, self.found(key)?)))
            .collect()
    }

    pub(crate) fn found(&self, key: &str) -> Option<Found<'a>> {
        Some(match self.seen(key)? {
            Seen::Value(value) => Found::Value(value),
            Seen::Container(id) => {
                let node = NodeRef::of(self.0.tree, id);
                Found::Node(node, node.kind().expect("the container was just found"))
            }
        })
    }
}

impl<'a> ListRef<'a> {
    /// Reads the list and all in it as a Rust type: a sequence; see [`serde`](crate::serde).
    ///
    /// # Errors
    /// As [`NodeRef::read`].
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, ReadError> {
        self.0.read_as(Kind::List)
    }

    /// Whether the element at an index was deleted, and is shown for what survived in it.
    pub(crate) fn is_kept(&self, index: usize) -> bool {
        let list = self.list();
        list.is_some_and(|list| list.get(index).is_some_and(|(dot, _)| list.is_kept(dot)))
    }

    pub(crate) fn found(&self) -> impl Iterator<Item = Found<'a>> {
        let node = self.0;
        let elements = self.list().into_iter().flat_map(ListBody::elements);
        plain(elements.map(move |(dot, element)| match element {
            Element::Value(value) => Found::Value(value),
            Element::Child(kind) => Found::Node(node.child(dot.into(), kind), kind),
        }))
    }
}

impl<'a> SetRef<'a> {
    pub(crate) fn found(&self) -> impl Iterator<Item = &'a Value> {
        plain(self.set().into_iter().flat_map(OrSet::iter))
    }
}
