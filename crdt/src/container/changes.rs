//! What a reader is told of an edit or a merge.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::Cells;
use crate::sequence::content::{Chars, Content, Extent};
use crate::sequence::Patch;
use crate::{Dot, Kind};

/// A change to a text; see [`Patch`]. Offsets and lengths are in both units.
#[derive(Clone, PartialEq, Debug)]
pub struct TextPatch {
    /// Where.
    pub at: Extent,
    /// How much is deleted there.
    pub deleted: Extent,
    /// What is inserted there.
    pub inserted: String,
}

/// A change to a list; several are to be carried out one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListPatch {
    /// At which index.
    pub at: usize,
    /// How many elements are deleted there.
    pub deleted: usize,
    /// How many are inserted there.
    pub inserted: usize,
}

/// What happened to a container.
#[derive(Clone, PartialEq, Debug)]
pub enum ChangeKind {
    /// Something changed at these keys.
    Map(BTreeSet<String>),
    /// Elements came and went.
    List(Vec<ListPatch>),
    /// Characters came and went, or, if there are no patches, only marks.
    Text(Vec<TextPatch>),
    /// Elements came or went.
    Set,
    /// The number changed.
    Counter,
    /// These nodes came, went or moved.
    Tree(BTreeSet<Dot>),
}

impl ChangeKind {
    pub(crate) fn none(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(BTreeSet::new()),
            Kind::List => Self::List(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Set => Self::Set,
            Kind::Counter => Self::Counter,
            Kind::Tree => Self::Tree(BTreeSet::new()),
        }
    }

    /// Adds what happened afterwards to the same container.
    pub(crate) fn extend(&mut self, later: Self) {
        match (self, later) {
            (Self::Map(keys), Self::Map(later)) => keys.extend(later),
            (Self::List(patches), Self::List(later)) => patches.extend(later),
            (Self::Text(patches), Self::Text(later)) => patches.extend(later),
            (Self::Tree(nodes), Self::Tree(later)) => nodes.extend(later),
            _ => {}
        }
    }
}

impl From<Patch<Chars>> for TextPatch {
    fn from(patch: Patch<Chars>) -> Self {
        let inserted = patch
            .inserted
            .map(|chars| chars.as_str().to_owned())
            .unwrap_or_default();
        Self {
            at: patch.at,
            deleted: patch.deleted,
            inserted,
        }
    }
}

impl From<Patch<Cells>> for ListPatch {
    fn from(patch: Patch<Cells>) -> Self {
        let inserted = patch.inserted.map_or(0, |cells| cells.extent().chars);
        Self {
            at: patch.at.chars,
            deleted: patch.deleted.chars,
            inserted,
        }
    }
}

/// What happened in a document, container by container.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Changes {
    containers: BTreeMap<crate::Path, ChangeKind>,
}

impl Changes {
    /// The containers in which something happened, in order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&crate::Path, &ChangeKind)> {
        self.containers.iter()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// Adds what happened afterwards.
    pub fn extend(&mut self, later: Self) {
        for (path, change) in later.containers {
            self.add(path, change);
        }
    }

    pub(crate) fn add(&mut self, path: crate::Path, change: ChangeKind) {
        match self.containers.entry(path) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(change);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().extend(change);
            }
        }
    }
}
