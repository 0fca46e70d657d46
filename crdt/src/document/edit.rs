//! Changing a document.

use std::collections::BTreeSet;
use std::ops::Range;

use super::path::{Key, Kind, Path, Step};
use super::tree::{check_key, ContainerId, Tree};
use crate::container::{Body, ChangeKind, Changes, Element, ListPatch, TextPatch};
use crate::sequence::content::{Chars, Extent, Unit};
use crate::{Change, Delta, Dot, EditError, Interval, Replicated, Value};
use crate::{List, VersionVector};

/// An edit of a document: what is written between [`Doc::edit`](crate::Doc::edit) and
/// [`commit`](Self::commit) travels as one delta, with one stamp.
///
/// Each call takes effect at once. An edit that is dropped without a commit stays in the document,
/// and its delta comes with the next commit.
#[derive(Debug)]
#[must_use = "commit gives the delta to send"]
pub struct Edit<'a> {
    inner: &'a mut Replicated<Tree>,
    /// There until the edit ends.
    change: Option<Change>,
    changes: Changes,
}

impl<'a> Edit<'a> {
    pub(super) fn new(inner: &'a mut Replicated<Tree>, now_ms: u64) -> Self {
        let change = Some(inner.begin(now_ms));
        Self {
            inner,
            change,
            changes: Changes::default(),
        }
    }

    /// The map of this name.
    pub fn map(&mut self, name: &str) -> MapEdit<'_> {
        MapEdit(self.at(&Path::root(name, Kind::Map)))
    }

    /// The list of this name.
    pub fn list(&mut self, name: &str) -> ListEdit<'_> {
        ListEdit(self.at(&Path::root(name, Kind::List)))
    }

    /// The text of this name.
    pub fn text(&mut self, name: &str) -> TextEdit<'_> {
        TextEdit(self.at(&Path::root(name, Kind::Text)))
    }

    /// The set of this name.
    pub fn set(&mut self, name: &str) -> SetEdit<'_> {
        SetEdit(self.at(&Path::root(name, Kind::Set)))
    }

    /// The counter of this name.
    pub fn counter(&mut self, name: &str) -> CounterEdit<'_> {
        CounterEdit(self.at(&Path::root(name, Kind::Counter)))
    }

    /// Any container, to be turned into the edit of its kind by `into()`.
    pub fn at(&mut self, path: &Path) -> NodeEdit<'_> {
        let tree = self.inner.store_mut();
        let at = tree.find_or_name(path);
        let change = self
            .change
            .as_mut()
            .expect("the change is there until the edit ends");
        NodeEdit {
            tree,
            change,
            changes: &mut self.changes,
            at,
        }
    }

    /// Ends the edit and gives the delta to send. It is empty if nothing was written.
    pub fn commit(self) -> Delta {
        self.commit_with_changes().0
    }

    /// As [`Self::commit`], and what changed for a reader.
    pub fn commit_with_changes(mut self) -> (Delta, Changes) {
        self.end();
        (self.inner.commit(), std::mem::take(&mut self.changes))
    }

    fn end(&mut self) {
        if let Some(change) = self.change.take() {
            self.inner.end(change);
        }
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A container that is being edited.
#[derive(Debug)]
pub struct NodeEdit<'e> {
    tree: &'e mut Tree,
    change: &'e mut Change,
    changes: &'e mut Changes,
    at: ContainerId,
}

impl NodeEdit<'_> {
    fn child(&mut self, key: Key, kind: Kind) -> NodeEdit<'_> {
        let at = self.tree.child_named(self.at, Step { key, kind });
        NodeEdit {
            tree: self.tree,
            change: self.change,
            changes: self.changes,
            at,
        }
    }

    /// Does one thing to the container: `write` changes it or refuses, leaving it as it was.
    fn write<R>(
        &mut self,
        write: impl FnOnce(&mut Body, &mut Change) -> Result<(R, ChangeKind), EditError>,
    ) -> Result<R, EditError> {
        self.tree.check_writable(self.at)?;
        let (result, change) = self.write_at(self.at, write)?;
        self.tree.note(self.at, change, self.changes);
        for (parent, step) in self.tree.unmarked(self.at) {
            self.mark(parent, step);
        }
        Ok(result)
    }

    fn write_at<R>(
        &mut self,
        at: ContainerId,
        write: impl FnOnce(&mut Body, &mut Change) -> Result<R, EditError>,
    ) -> Result<R, EditError> {
        let (first, before) = (self.change.last(), self.tree.get(at).body.live_len());
        let result = write(self.tree.body_mut(at), self.change)?;
        let replica = self.change.replica();
        let from: VersionVector = [(replica, first)].into_iter().collect();
        let to: VersionVector = [(replica, self.change.last())].into_iter().collect();
        let new = self.tree.get(at).body.live_in(Interval {
            from: &from,
            to: &to,
        });
        self.tree
            .settle_written(at, self.change.removed_after(first), &new);
        self.tree.recount(at, before);
        Ok(result)
    }

    /// Makes a map say that a container is there, in place of the plain value that was.
    fn mark(&mut self, parent: ContainerId, Step { key, kind }: Step) {
        let Key::Name(name) = key else { return };
        let marked = self.write_at(parent, |body, change| {
            let Body::Map(map) = body else {
                unreachable!("only maps have names for containers")
            };
            let by = map.children.set((name.to_string(), kind), (), change);
            change.removed(by, map.values.take(&*name));
            Ok(())
        });
        marked.expect("setting a mark is never refused");
        self.tree.note(parent, key_changed(&name), self.changes);
    }

    /// Removes what is in these containers, as part of the change `by`.
    fn clear(&mut self, containers: Vec<ContainerId>, by: Dot) {
        for id in containers {
            let live = self.tree.get(id).body.live();
            self.change.removed(by, live.runs());
            self.tree.remove_from(id, &live, self.changes);
        }
    }
}

fn key_changed(key: &str) -> ChangeKind {
    ChangeKind::Map(BTreeSet::from([key.to_owned()]))
}

/// A map that is being edited.
#[derive(Debug)]
pub struct MapEdit<'e>(NodeEdit<'e>);

impl MapEdit<'_> {
    /// Writes a value in place of all that is seen at this key, containers included.
    ///
    /// # Errors
    /// [`EditError::Limit`] for a key or value that is too large, [`EditError::Deleted`] when this
    /// map is gone. Nothing was changed; so it is with every edit below.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        check_key(key)?;
        let by = self.0.write(|body, change| {
            let by = map(body).values.set(key.to_owned(), value, change);
            let marks = Kind::ALL.map(|kind| map(body).children.take(&(key.to_owned(), kind)));
            change.removed(by, marks.into_iter().flatten());
            Ok((by, key_changed(key)))
        })?;
        let inside = self.0.tree.subtrees_at(self.0.at, &key.into());
        self.0.clear(inside, by);
        Ok(())
    }

    /// Removes a key with all that is seen there; whether there was anything.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn delete(&mut self, key: &str) -> Result<bool, EditError> {
        if self.0.tree.seen_at(self.0.at, key).is_none() {
            self.0.tree.check_writable(self.0.at)?;
            return Ok(false);
        }
        let by = self.0.write(|body, change| {
            let by = change.dot();
            change.removed(by, map(body).values.take(key));
            let marks = Kind::ALL.map(|kind| map(body).children.take(&(key.to_owned(), kind)));
            change.removed(by, marks.into_iter().flatten());
            Ok((by, key_changed(key)))
        })?;
        let inside = self.0.tree.subtrees_at(self.0.at, &key.into());
        self.0.clear(inside, by);
        Ok(true)
    }

    /// The container of any kind at a key. It is there once it is written to.
    pub fn child(&mut self, key: &str, kind: Kind) -> NodeEdit<'_> {
        self.0.child(key.into(), kind)
    }

    /// Makes sure that a container is at a key, even if it stays empty.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn create(&mut self, key: &str, kind: Kind) -> Result<(), EditError> {
        self.0
            .child(key.into(), kind)
            .write(|_, _| Ok(((), ChangeKind::none(kind))))
    }

    /// The map at a key.
    pub fn map(&mut self, key: &str) -> MapEdit<'_> {
        MapEdit(self.child(key, Kind::Map))
    }

    /// The list at a key.
    pub fn list(&mut self, key: &str) -> ListEdit<'_> {
        ListEdit(self.child(key, Kind::List))
    }

    /// The text at a key.
    pub fn text(&mut self, key: &str) -> TextEdit<'_> {
        TextEdit(self.child(key, Kind::Text))
    }

    /// The set at a key.
    pub fn set_at(&mut self, key: &str) -> SetEdit<'_> {
        SetEdit(self.child(key, Kind::Set))
    }

    /// The counter at a key.
    pub fn counter(&mut self, key: &str) -> CounterEdit<'_> {
        CounterEdit(self.child(key, Kind::Counter))
    }
}

/// A list that is being edited.
#[derive(Debug)]
pub struct ListEdit<'e>(NodeEdit<'e>);

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

/// A text that is being edited.
#[derive(Debug)]
pub struct TextEdit<'e>(NodeEdit<'e>);

impl TextEdit<'_> {
    /// Inserts text at an offset in Unicode scalar values.
    ///
    /// # Errors
    /// Past the end; as [`MapEdit::set`].
    pub fn insert(&mut self, offset: usize, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Chars, offset..offset, text)
    }

    /// Deletes a range, in Unicode scalar values.
    ///
    /// # Errors
    /// Past the end, and where the range ends before it starts; as [`MapEdit::set`].
    pub fn delete(&mut self, range: Range<usize>) -> Result<(), EditError> {
        self.replace_in(Unit::Chars, range, "")
    }

    /// Deletes a range, in Unicode scalar values, and inserts text there.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub fn replace(&mut self, range: Range<usize>, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Chars, range, text)
    }

    /// Inserts text at an offset in UTF-16 code units.
    ///
    /// # Errors
    /// Past the end and inside of a character; as [`MapEdit::set`].
    pub fn insert_utf16(&mut self, offset: usize, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Utf16, offset..offset, text)
    }

    /// Deletes a range, in UTF-16 code units.
    ///
    /// # Errors
    /// As [`Self::delete`] and [`Self::insert_utf16`].
    pub fn delete_utf16(&mut self, range: Range<usize>) -> Result<(), EditError> {
        self.replace_in(Unit::Utf16, range, "")
    }

    /// Deletes a range, in UTF-16 code units, and inserts text there.
    ///
    /// # Errors
    /// As [`Self::delete_utf16`].
    pub fn replace_utf16(&mut self, range: Range<usize>, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Utf16, range, text)
    }

    fn replace_in(&mut self, unit: Unit, range: Range<usize>, text: &str) -> Result<(), EditError> {
        if range.is_empty() && range.start == range.end && text.is_empty() {
            let Body::Text(body) = &self.0.tree.get(self.0.at).body else {
                return Ok(());
            };
            return body.resolve(unit, range.start).map(drop);
        }
        self.0.write(|body, change| {
            let Body::Text(body) = body else {
                unreachable!("this is a text")
            };
            let (at, deleted) = body.delete(unit, range, change)?;
            if !text.is_empty() {
                body.insert_at(at.chars, Chars::from(text), change);
            }
            let patch = TextPatch {
                at,
                deleted,
                inserted: text.to_owned(),
            };
            Ok(((), ChangeKind::Text(vec![patch])))
        })
    }

    /// How long the text is, in both units.
    pub fn extent(&self) -> Extent {
        match &self.0.tree.get(self.0.at).body {
            Body::Text(text) => text.extent(),
            _ => Extent::default(),
        }
    }
}

/// A set that is being edited.
#[derive(Debug)]
pub struct SetEdit<'e>(NodeEdit<'e>);

impl SetEdit<'_> {
    /// Adds a value, or adds it again.
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn add(&mut self, value: impl Into<Value>) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        self.0.write(|body, change| {
            let Body::Set(set) = body else {
                unreachable!("this is a set")
            };
            set.add(value, change);
            Ok(((), ChangeKind::Set))
        })
    }

    /// Removes a value; whether it was there.
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn delete(&mut self, value: &Value) -> Result<bool, EditError> {
        let Body::Set(set) = &self.0.tree.get(self.0.at).body else {
            return Ok(false);
        };
        if !set.has(value) {
            return Ok(false);
        }
        self.0.write(|body, change| {
            let Body::Set(set) = body else {
                unreachable!("this is a set")
            };
            Ok((set.delete(value, change), ChangeKind::Set))
        })
    }
}

/// A counter that is being edited.
#[derive(Debug)]
pub struct CounterEdit<'e>(NodeEdit<'e>);

impl CounterEdit<'_> {
    /// Adds a number, which may be negative.
    ///
    /// # Errors
    /// [`EditError::Limit`] when this replica's sum would pass
    /// [`COUNTER_MAX`](crate::limits::COUNTER_MAX); as [`MapEdit::set`].
    pub fn add(&mut self, by: i64) -> Result<(), EditError> {
        self.0.write(|body, change| {
            let Body::Counter(counter) = body else {
                unreachable!("this is a counter")
            };
            Ok((counter.add(by, change).map(drop)?, ChangeKind::Counter))
        })
    }
}

fn map(body: &mut Body) -> &mut crate::container::MapBody {
    match body {
        Body::Map(map) => map,
        _ => unreachable!("this is a map"),
    }
}

fn list<'a>(node: &'a NodeEdit<'_>) -> &'a List<Element> {
    match &node.tree.get(node.at).body {
        Body::List(list) => list,
        _ => unreachable!("this is a list"),
    }
}

macro_rules! from_node {
    ($($edit:ident: $kind:ident),*) => {
        $(impl<'e> From<NodeEdit<'e>> for $edit<'e> {
            /// # Panics
            /// When the container is of another kind.
            #[track_caller]
            fn from(node: NodeEdit<'e>) -> Self {
                let kind = node.tree.path(node.at).kind();
                assert_eq!(kind, Kind::$kind, "the path names a container of another kind");
                Self(node)
            }
        })*
    };
}

from_node!(MapEdit: Map, ListEdit: List, TextEdit: Text, SetEdit: Set, CounterEdit: Counter);
