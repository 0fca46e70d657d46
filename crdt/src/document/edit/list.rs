//! Changing a list.

use std::ops::Range;

use super::{MapEdit, NodeEdit, TextEdit};
use crate::container::{Body, ChangeKind, Element, ListPatch};
use crate::{Dot, EditError, Kind, List, Value};

/// A list that is being edited.
#[derive(Debug)]
pub struct ListEdit<'e>(pub(super) NodeEdit<'e>);

impl ListEdit<'_> {
    /// Inserts a value before an index.
    ///
    /// # Errors
    /// Past the end; as [`MapEdit::set`].
    pub fn insert(&mut self, index: usize, value: impl Into<Value>) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        self.insert_element(index, Element::Value(value)).map(drop)
    }

    /// Inserts a value at the end.
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn push(&mut self, value: impl Into<Value>) -> Result<(), EditError> {
        self.insert(self.len(), value)
    }

    /// Inserts an empty container before an index and gives its element's name.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn insert_child(&mut self, index: usize, kind: Kind) -> Result<Dot, EditError> {
        self.insert_element(index, Element::Child(kind))
    }

    /// Inserts a map before an index, to be filled.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn insert_map(&mut self, index: usize) -> Result<MapEdit<'_>, EditError> {
        let dot = self.insert_child(index, Kind::Map)?;
        Ok(MapEdit(self.0.child(dot.into(), Kind::Map)))
    }

    /// Inserts a text before an index, to be filled.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn insert_text(&mut self, index: usize) -> Result<TextEdit<'_>, EditError> {
        let dot = self.insert_child(index, Kind::Text)?;
        Ok(TextEdit(self.0.child(dot.into(), Kind::Text)))
    }

    /// Inserts a list before an index, to be filled.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn insert_list(&mut self, index: usize) -> Result<ListEdit<'_>, EditError> {
        let dot = self.insert_child(index, Kind::List)?;
        Ok(ListEdit(self.0.child(dot.into(), Kind::List)))
    }

    /// Deletes the elements of a range of indexes, with all that is seen in them.
    ///
    /// # Errors
    /// Past the end, and where the range ends before it starts; as [`MapEdit::set`].
    pub fn delete(&mut self, range: Range<usize>) -> Result<(), EditError> {
        if range.start > range.end {
            return Err(EditError::BadRange {
                start: range.start,
                end: range.end,
            });
        }
        if range.end > self.len() {
            return Err(EditError::OutOfBounds {
                position: range.end,
                len: self.len(),
            });
        }
        if range.is_empty() {
            return Ok(());
        }
        let inside: Vec<_> = range
            .clone()
            .filter_map(|index| match list(&self.0).get(index)? {
                Element::Child(_) => list(&self.0).dot(index),
                Element::Value(_) => None,
            })
            .flat_map(|dot| self.0.tree.subtrees_at(self.0.at, &dot.into()))
            .collect();
        let by = self.0.write(|body, change| {
            let Body::List(list) = body else {
                unreachable!("this is a list")
            };
            let by = Dot::new(change.replica(), change.last() + 1);
            list.delete_values(range.clone(), change)?;
            let patch = ListPatch {
                at: range.start,
                deleted: range.len(),
                inserted: 0,
            };
            Ok((by, ChangeKind::List(vec![patch])))
        })?;
        self.0.clear(inside, by);
        Ok(())
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.0.tree.get(self.0.at).body.live_len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The container of this kind in the element at an index.
    ///
    /// # Errors
    /// [`EditError::WrongKind`] when something else is there.
    pub fn child(&mut self, index: usize, kind: Kind) -> Result<NodeEdit<'_>, EditError> {
        let list = list(&self.0);
        match (list.get(index), list.dot(index)) {
            (Some(Element::Child(found)), Some(dot)) if *found == kind => {
                Ok(self.0.child(dot.into(), kind))
            }
            _ => Err(EditError::WrongKind {
                index,
                expected: kind,
            }),
        }
    }

    /// The map in the element at an index.
    ///
    /// # Errors
    /// As [`Self::child`].
    pub fn map(&mut self, index: usize) -> Result<MapEdit<'_>, EditError> {
        Ok(MapEdit(self.child(index, Kind::Map)?))
    }

    /// The text in the element at an index.
    ///
    /// # Errors
    /// As [`Self::child`].
    pub fn text(&mut self, index: usize) -> Result<TextEdit<'_>, EditError> {
        Ok(TextEdit(self.child(index, Kind::Text)?))
    }

    fn insert_element(&mut self, index: usize, element: Element) -> Result<Dot, EditError> {
        self.0.write(|body, change| {
            let Body::List(list) = body else {
                unreachable!("this is a list")
            };
            let dot = list.insert_values(index, vec![element], change)?;
            let patch = ListPatch {
                at: index,
                deleted: 0,
                inserted: 1,
            };
            Ok((
                dot.expect("one element was inserted"),
                ChangeKind::List(vec![patch]),
            ))
        })
    }
}

fn list<'a>(node: &'a NodeEdit<'_>) -> &'a List<Element> {
    match &node.tree.get(node.at).body {
        Body::List(list) => list,
        _ => unreachable!("this is a list"),
    }
}
