//! Reading a document.

#[cfg(feature = "serde")]
mod typed;

use std::ops::Range;

use super::path::{Key, Kind, Path, Step};
use super::tree::{ContainerId, Seen, Tree, ROOT};
use crate::container::list::{Element, ListBody};
use crate::container::text::{Anchor, Segment, TextBody};
use crate::container::tree::TreeBody;
use crate::container::{Body, MapBody};
use crate::sequence::blame::Blame;
use crate::sequence::content::{Extent, Unit};
use crate::{Cursor, Dot, EditError, OrSet, Sibling, Side, Value, ValueMap};
#[cfg(feature = "serde")]
pub(crate) use typed::Found;

/// What is at a key or an index.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// A plain value.
    Value(Value),
    /// A container of this kind.
    Container(Kind),
}

/// Any container, for reading; one that is not there reads as empty.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    tree: &'a Tree,
    at: Option<ContainerId>,
}

impl<'a> NodeRef<'a> {
    pub(super) fn new(tree: &'a Tree, path: &Path) -> Self {
        Self {
            tree,
            at: tree.find(path.steps()),
        }
    }

    pub(super) fn at_id(tree: &'a Tree, at: Option<ContainerId>) -> Self {
        Self { tree, at }
    }

    pub(super) fn top(tree: &'a Tree) -> Self {
        Self {
            tree,
            at: Some(ROOT),
        }
    }

    fn body(&self) -> Option<&'a Body> {
        Some(&self.tree.get(self.at?).body)
    }

    fn child(&self, key: Key, kind: Kind) -> NodeRef<'a> {
        let at = self
            .at
            .and_then(|at| self.tree.child(at, &Step { key, kind }));
        NodeRef {
            tree: self.tree,
            at,
        }
    }

    /// This container as a map.
    pub fn as_map(self) -> MapRef<'a> {
        MapRef(self)
    }

    /// This container as a list.
    pub fn as_list(self) -> ListRef<'a> {
        ListRef(self)
    }

    /// This container as a text.
    pub fn as_text(self) -> TextRef<'a> {
        TextRef(self)
    }

    /// This container as a set.
    pub fn as_set(self) -> SetRef<'a> {
        SetRef(self)
    }

    /// This container as a tree.
    pub fn as_tree(self) -> TreeRef<'a> {
        TreeRef(self)
    }

    /// This container as a counter.
    pub fn as_counter(self) -> CounterRef<'a> {
        CounterRef(self)
    }

    /// The container and all in it as a plain value: a text is a string, a set a list, a counter a
    /// number.
    pub fn to_value(&self) -> Value {
        // The depth of containers is bounded, and so is that of the values in them.
        match self.body() {
            None => Value::Null,
            Some(Body::Map(_)) => {
                let map = MapRef(*self);
                let values = map.keys().into_iter().filter_map(|key| {
                    let value = map.value_at(&key)?;
                    Some((key, value))
                });
                Value::Map(values.collect())
            }
            Some(Body::List(_)) => Value::List(ListRef(*self).values()),
            Some(Body::Text(text)) => Value::String(text.chars.to_string()),
            Some(Body::Tree(_)) => TreeRef(*self).to_value(),
            Some(Body::Set(set)) => Value::List(set.iter().cloned().collect()),
            Some(Body::Counter(counter)) => {
                let sum = counter.value();
                i64::try_from(sum).map_or(Value::Float(sum as f64), Value::Int)
            }
        }
    }
}

/// A map, for reading.
#[derive(Clone, Copy, Debug)]
pub struct MapRef<'a>(NodeRef<'a>);

impl<'a> MapRef<'a> {
    fn map(&self) -> Option<&'a MapBody> {
        self.0.tree.map_body(self.0.at?)
    }

    fn seen(&self, key: &str) -> Option<Seen<'a>> {
        self.0.tree.seen_at(self.0.at?, key)
    }

    /// What is at a key: of several, what was written last.
    pub fn get(&self, key: &str) -> Option<Item> {
        Some(match self.seen(key)? {
            Seen::Value(value) => Item::Value(value.clone()),
            Seen::Container(id) => Item::Container(self.0.tree.get(id).body.kind()),
        })
    }

    fn value_at(&self, key: &str) -> Option<Value> {
        Some(match self.seen(key)? {
            Seen::Value(value) => value.clone(),
            Seen::Container(id) => NodeRef {
                tree: self.0.tree,
                at: Some(id),
            }
            .to_value(),
        })
    }

    /// Whether something is at a key.
    pub fn has(&self, key: &str) -> bool {
        self.seen(key).is_some()
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.0.at.map(|at| self.0.tree.keys(at)).unwrap_or_default();
        keys.into_iter().map(str::to_owned).collect()
    }

    /// The keys and what is there, in order.
    pub fn entries(&self) -> Vec<(String, Item)> {
        let keys = self.keys().into_iter();
        keys.filter_map(|key| self.get(&key).map(|item| (key, item)))
            .collect()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.at.map_or(0, |at| self.0.tree.keys(at).len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The plain values that were written to a key concurrently, in order of dot: more than one is
    /// a conflict that the next write settles.
    pub fn conflicts(&self, key: &str) -> Vec<Sibling<Value>> {
        let register = self.map().and_then(|map| map.values.register(key));
        register
            .map(|register| register.siblings().to_vec())
            .unwrap_or_default()
    }

    /// The container of this kind at a key.
    pub fn child(&self, key: &str, kind: Kind) -> NodeRef<'a> {
        self.0.child(key.into(), kind)
    }

    /// The map at a key.
    #[must_use]
    pub fn map_at(&self, key: &str) -> MapRef<'a> {
        MapRef(self.child(key, Kind::Map))
    }

    /// The list at a key.
    pub fn list_at(&self, key: &str) -> ListRef<'a> {
        ListRef(self.child(key, Kind::List))
    }

    /// The text at a key.
    pub fn text_at(&self, key: &str) -> TextRef<'a> {
        TextRef(self.child(key, Kind::Text))
    }

    /// The set at a key.
    pub fn set_at(&self, key: &str) -> SetRef<'a> {
        SetRef(self.child(key, Kind::Set))
    }

    /// The tree at a key.
    pub fn tree_at(&self, key: &str) -> TreeRef<'a> {
        TreeRef(self.child(key, Kind::Tree))
    }

    /// The counter at a key.
    pub fn counter_at(&self, key: &str) -> CounterRef<'a> {
        CounterRef(self.child(key, Kind::Counter))
    }

    /// The map and all in it as a plain value.
    pub fn to_value(&self) -> Value {
        match self.0.to_value() {
            Value::Null => Value::Map(ValueMap::new()),
            value => value,
        }
    }
}

/// A list, for reading.
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a>(NodeRef<'a>);

impl<'a> ListRef<'a> {
    fn list(&self) -> Option<&'a ListBody> {
        match self.0.body()? {
            Body::List(list) => Some(list),
            _ => None,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.list().map_or(0, ListBody::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is at an index; O(log n).
    pub fn get(&self, index: usize) -> Option<Item> {
        Some(match self.list()?.get(index)?.1 {
            Element::Value(value) => Item::Value(value.clone()),
            Element::Child(kind) => Item::Container(kind),
        })
    }

    /// The container of this kind at an index.
    pub fn child(&self, index: usize, kind: Kind) -> NodeRef<'a> {
        match self.id(index) {
            Some(dot) => self.0.child(dot.into(), kind),
            None => NodeRef {
                tree: self.0.tree,
                at: None,
            },
        }
    }

    /// The map at an index.
    pub fn map(&self, index: usize) -> MapRef<'a> {
        MapRef(self.child(index, Kind::Map))
    }

    /// The text at an index.
    pub fn text(&self, index: usize) -> TextRef<'a> {
        TextRef(self.child(index, Kind::Text))
    }

    /// The name of the element at an index: it stays while others come and go; O(log n).
    pub fn id(&self, index: usize) -> Option<Dot> {
        self.list()?.get(index).map(|(dot, _)| dot)
    }

    /// The names of the elements, in order.
    pub fn ids(&self) -> Vec<Dot> {
        self.list()
            .map(|list| list.elements().map(|(dot, _)| dot).collect())
            .unwrap_or_default()
    }

    /// Where the element of this name is now.
    pub fn index_of(&self, element: Dot) -> Option<usize> {
        self.list()?.index_of(element)
    }

    /// A cursor before an index, which stays beside the element before it (left) or after it (right)
    /// while others edit, and goes with it when it is moved; O(log n).
    ///
    /// # Errors
    /// Past the end.
    pub fn cursor(&self, index: usize, side: Side) -> Result<Cursor, EditError> {
        let len = self.len();
        if index > len {
            let position = index;
            return Err(EditError::OutOfBounds { position, len });
        }
        let (at, edge) = match side {
            Side::Left => (index.checked_sub(1).and_then(|at| self.id(at)), Side::Right),
            Side::Right => (self.id(index), Side::Left),
        };
        let side = if at.is_some() { edge } else { side };
        let offset = index as u64;
        Ok(Cursor { at, side, offset })
    }

    /// Before which index a cursor is now: in the gap of its element if that was deleted, where it was
    /// made if it is not known here, but at most at the end; O(log n).
    pub fn resolve(&self, cursor: &Cursor) -> usize {
        let place = match (cursor.at, cursor.side) {
            (None, Side::Left) => Some(0),
            (None, Side::Right) => Some(self.len()),
            (Some(dot), side) => self.list().and_then(|list| list.edge_of(dot, side)),
        };
        place.unwrap_or((cursor.offset as usize).min(self.len()))
    }

    /// The elements as plain values.
    pub fn values(&self) -> Vec<Value> {
        let elements = self.list().into_iter().flat_map(ListBody::elements);
        let values = elements.map(|(dot, element)| match element {
            Element::Value(value) => value.clone(),
            Element::Child(kind) => empty_as_value(self.0.child(dot.into(), kind), kind),
        });
        values.collect()
    }
}

/// A container as a plain value, where it may be one that nobody has written to yet.
fn empty_as_value(node: NodeRef<'_>, kind: Kind) -> Value {
    match (node.to_value(), kind) {
        (Value::Null, Kind::Map) => Value::Map(ValueMap::new()),
        (Value::Null, Kind::List | Kind::Set | Kind::Tree) => Value::List(Vec::new()),
        (Value::Null, Kind::Text) => Value::String(String::new()),
        (Value::Null, Kind::Counter) => Value::Int(0),
        (value, _) => value,
    }
}

/// A text, for reading.
#[derive(Clone, Copy, Debug)]
pub struct TextRef<'a>(NodeRef<'a>);

impl<'a> TextRef<'a> {
    fn text(&self) -> Option<&'a TextBody> {
        match self.0.body()? {
            Body::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How long it is, in both units.
    pub fn extent(&self) -> Extent {
        self.text()
            .map(|text| text.chars.extent())
            .unwrap_or_default()
    }

    /// How many Unicode scalar values it has.
    pub fn len(&self) -> usize {
        self.extent().chars
    }

    /// How many UTF-16 code units it has.
    pub fn len_utf16(&self) -> usize {
        self.extent().utf16
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a range.
    ///
    /// # Errors
    /// Past the end, inside of a character, and where the range ends before it starts.
    pub fn slice(&self, unit: Unit, range: Range<usize>) -> Result<String, EditError> {
        let empty = TextBody::default();
        let chars = &self.text().unwrap_or(&empty).chars;
        let (start, end) = chars.resolve_range(unit, range)?;
        Ok(chars.slice(start, end))
    }

    /// A cursor at an offset, which stays beside the character before it (left) or after it (right)
    /// while others edit; O(log n).
    ///
    /// # Errors
    /// Past the end, and inside of a character.
    pub fn cursor(&self, unit: Unit, offset: usize, side: Side) -> Result<Cursor, EditError> {
        let empty = TextBody::default();
        let text = self.text().unwrap_or(&empty);
        let offset = text.chars.resolve(unit, offset)?.chars;
        let Anchor { at, side } = text.anchor_at(offset, side);
        let offset = offset as u64;
        Ok(Cursor { at, side, offset })
    }

    /// Where a cursor is now: in the gap of its character if that was deleted, at the offset where it
    /// was made if it is not known here, but at most at the end; O(log n).
    pub fn resolve(&self, cursor: &Cursor) -> Extent {
        let Some(text) = self.text() else {
            return Extent::default();
        };
        let Cursor { at, side, offset } = *cursor;
        text.resolve(Anchor { at, side }).unwrap_or_else(|| {
            let end = text.chars.extent();
            let near = text
                .chars
                .resolve(Unit::Chars, (offset as usize).min(end.chars));
            near.unwrap_or(end)
        })
    }

    /// Who wrote a range and when, in pieces of one replica and minute, in order; O(range).
    ///
    /// # Errors
    /// Past the end, inside of a character, and where the range ends before it starts.
    pub fn blame(&self, unit: Unit, range: Range<usize>) -> Result<Vec<Blame>, EditError> {
        let empty = TextBody::default();
        let chars = &self.text().unwrap_or(&empty).chars;
        let (start, end) = chars.resolve_range(unit, range)?;
        Ok(chars.blame(start, end))
    }

    /// The text with its marks and embeds, in parts with the same marks all through;
    /// O(text + marks · log marks).
    pub fn segments(&self) -> Vec<Segment> {
        self.text().map(TextBody::segments).unwrap_or_default()
    }
}

impl std::fmt::Display for TextRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text().map_or(Ok(()), |text| text.chars.fmt(f))
    }
}

/// A set, for reading.
#[derive(Clone, Copy, Debug)]
pub struct SetRef<'a>(NodeRef<'a>);

impl<'a> SetRef<'a> {
    fn set(&self) -> Option<&'a OrSet<Value>> {
        match self.0.body()? {
            Body::Set(set) => Some(set),
            _ => None,
        }
    }

    /// Whether the value is in it.
    pub fn has(&self, value: &Value) -> bool {
        self.set().is_some_and(|set| set.has(value))
    }

    /// The values, in order.
    pub fn values(&self) -> Vec<Value> {
        self.set()
            .map(|set| set.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.set().map_or(0, OrSet::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A counter, for reading.
#[derive(Clone, Copy, Debug)]
pub struct CounterRef<'a>(NodeRef<'a>);

impl CounterRef<'_> {
    /// The sum of all that was added; exact.
    pub fn value(&self) -> i128 {
        match self.0.body() {
            Some(Body::Counter(counter)) => counter.value(),
            _ => 0,
        }
    }
}

/// A tree, for reading.
#[derive(Clone, Copy, Debug)]
pub struct TreeRef<'a>(NodeRef<'a>);

impl<'a> TreeRef<'a> {
    fn tree(&self) -> Option<&'a TreeBody> {
        match self.0.body()? {
            Body::Tree(tree) => Some(tree),
            _ => None,
        }
    }

    /// The nodes under one, or at the top, in order; O(1), after a merge O(n log n) once.
    pub fn children(&self, under: Option<Dot>) -> &'a [Dot] {
        self.tree().map_or(&[], |tree| tree.shape().children(under))
    }

    /// What a node is under; `None` at the top, and for a node that is not there.
    pub fn parent(&self, node: Dot) -> Option<Dot> {
        self.tree()?.shape().parent(node)
    }

    /// Whether the node is in the tree.
    pub fn has(&self, node: Dot) -> bool {
        self.tree().is_some_and(|tree| tree.shape().has(node))
    }

    /// The data of a node.
    pub fn data(&self, node: Dot) -> MapRef<'a> {
        MapRef(self.0.child(node.into(), Kind::Map))
    }

    /// A node and all under it, parents first; of the top, all nodes.
    pub fn nodes(&self) -> Vec<Dot> {
        let tops = self.children(None).iter();
        let shape = self.tree().map(TreeBody::shape);
        tops.flat_map(|&node| shape.map(|shape| shape.subtree(node)).unwrap_or_default())
            .collect()
    }

    /// The nodes as a plain value: a list of maps with `data` and, in the same form, `children`.
    /// Trees may be deeper than values: what is deeper than
    /// [`DEPTH_MAX`](crate::limits::DEPTH_MAX) comes as nodes of that depth.
    pub fn to_value(&self) -> Value {
        let mut order: Vec<(Dot, usize)> = Vec::new();
        let mut open: Vec<(Dot, usize)> = Vec::new();
        open.extend(self.children(None).iter().rev().map(|&node| (node, 0)));
        while let Some((node, depth)) = open.pop() {
            order.push((node, depth));
            let below = (depth + 1).min(crate::limits::DEPTH_MAX / 2);
            open.extend(
                self.children(Some(node))
                    .iter()
                    .rev()
                    .map(|&child| (child, below)),
            );
        }
        // From the last to the first: whoever comes later and is deeper is a child of the next that
        // is less deep.
        let mut waiting: Vec<(usize, Value)> = Vec::new();
        for (node, depth) in order.into_iter().rev() {
            let mut children = Vec::new();
            while waiting.last().is_some_and(|(below, _)| *below > depth) {
                children.extend(waiting.pop().map(|(_, child)| child));
            }
            let mut value = ValueMap::new();
            value.insert("data".to_owned(), self.data(node).to_value());
            if !children.is_empty() {
                value.insert("children".to_owned(), Value::List(children));
            }
            waiting.push((depth, Value::Map(value)));
        }
        Value::List(waiting.into_iter().rev().map(|(_, value)| value).collect())
    }
}
