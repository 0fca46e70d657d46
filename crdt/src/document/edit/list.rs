//! Changing a list.

use std::ops::Range;

use super::{MapEdit, NodeEdit, TextEdit};
use crate::container::cell::Cell;
use crate::container::list::{Element, ListBody};
use crate::container::{Body, ChangeKind, ListPatch};
use crate::{Dot, DotRun, DotSet, EditError, Kind, Value};

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
        self.insert_cell(index, Cell::Value(value)).map(drop)
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
        self.insert_cell(index, Cell::Child(kind))
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
        self.0.check_writable()?;
        let list = list(&self.0);
        let elements: Vec<Dot> = range
            .filter_map(|i| list.get(i))
            .map(|(dot, _)| dot)
            .collect();
        let dots = list.dots_of_elements(elements.iter().copied());
        let inside = elements
            .iter()
            .flat_map(|&dot| self.0.tree.subtrees_at(self.0.at, dot))
            .collect();
        self.0.losing(|_| dots.clone());
        let by = self.0.change.dot();
        self.0.clear(inside, by);
        self.0.write(|body, change| {
            change.removed(by, dots.runs());
            Ok(((), ChangeKind::List(list_mut(body).remove(&dots))))
        })
    }

    /// Moves the element at `from` so that it is at index `to` afterwards. Of concurrent moves of
    /// one element the last one counts; what is edited inside of it meanwhile stays.
    ///
    /// # Errors
    /// Past the end; as [`MapEdit::set`].
    pub fn move_to(&mut self, from: usize, to: usize) -> Result<(), EditError> {
        let len = self.len();
        if from.max(to) >= len {
            let position = from.max(to);
            return Err(EditError::OutOfBounds { position, len });
        }
        if from == to {
            return self.0.check_writable();
        }
        self.0.losing(|body| match body {
            Body::List(list) => list.places_of(list.get(from).map(|(element, _)| element)),
            _ => DotSet::new(),
        });
        self.0.write(|body, change| {
            Ok((
                (),
                ChangeKind::List(list_mut(body).move_to(from, to, change)),
            ))
        })
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        list(&self.0).len()
    }

    /// The name of the element at an index.
    pub(super) fn id(&self, index: usize) -> Option<Dot> {
        list(&self.0).get(index).map(|(dot, _)| dot)
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
        match list(&self.0).get(index) {
            Some((dot, Element::Child(found))) if found == kind => {
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

    fn insert_cell(&mut self, index: usize, cell: Cell) -> Result<Dot, EditError> {
        let len = self.len();
        if index > len {
            let position = index;
            return Err(EditError::OutOfBounds { position, len });
        }
        self.0.write_made(
            |body, change| {
                let dot = list_mut(body).insert(index, vec![cell], change);
                change.made = Some(DotRun { start: dot, len: 1 });
                Ok(dot)
            },
            |_| {
                ChangeKind::List(vec![ListPatch {
                    at: index,
                    deleted: 0,
                    inserted: 1,
                }])
            },
        )
    }
}

fn list<'a>(node: &'a NodeEdit<'_>) -> &'a ListBody {
    match &node.tree.get(node.at).body {
        Body::List(list) => list,
        _ => unreachable!("this is a list"),
    }
}

fn list_mut(body: &mut Body) -> &mut ListBody {
    match body {
        Body::List(list) => list,
        _ => unreachable!("this is a list"),
    }
}
