//! Making a container equal to a Rust value, by as little as it takes.

use crate::ordered::{BTreeMap, BTreeSet};

use ::serde::ser::Error;
use ::serde::Serialize;

use super::{CounterEdit, ListEdit, MapEdit, NodeEdit, SetEdit, TextEdit};
use crate::document::{Found, NodeRef};
use crate::serde::{common, AssignError, Shape};
use crate::{EditError, Kind, Value};

impl NodeEdit<'_> {
    /// Makes the container equal to a Rust value and writes only what differs; see
    /// [`serde`](crate::serde). `None` empties it.
    ///
    /// In a list, elements that are equal stay (beyond some hundred changes: those at its start and
    /// end). Between them, elements are paired in their order, and changed in place where both are
    /// containers of a kind. Costs a walk over the container.
    ///
    /// # Errors
    /// [`AssignError::Unsupported`] for a value that a container of this kind cannot hold,
    /// [`AssignError::Refused`] when it is beyond a limit or the container is gone. Nothing was
    /// changed then, unless it was a counter's sum or a set's value that went too far.
    pub fn assign<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AssignError> {
        let mut shape = Shape::of(value)?;
        if shape == Shape::Absent {
            shape = Shape::empty(self.kind());
        }
        self.check_writable()?;
        shape.check(self.tree.path(self.at).steps().len())?;
        assign(self.again(), shape)
    }

    fn kind(&self) -> Kind {
        let step = &self.tree.get(self.at).step;
        step.as_ref().map_or(Kind::Map, |step| step.kind)
    }

    fn found(&self) -> NodeRef<'_> {
        NodeRef::of(self.tree, self.at)
    }
}

impl MapEdit<'_> {
    /// Makes the map equal to a Rust value, a struct or a map, and writes only what differs.
    ///
    /// ```
    /// # use driftwood_crdt::{Doc, ReplicaId};
    /// # use std::collections::BTreeMap;
    /// let mut doc = Doc::new(ReplicaId::new(1));
    /// let mut prices = BTreeMap::from([("tent", 120), ("rope", 15)]);
    /// doc.edit(0).map("prices").assign(&prices)?;
    /// prices.insert("rope", 18);
    /// let mut edit = doc.edit(0);
    /// edit.map("prices").assign(&prices)?; // writes the key `rope` and no other
    /// # Ok::<(), driftwood_crdt::serde::AssignError>(())
    /// ```
    ///
    /// # Errors
    /// As [`NodeEdit::assign`].
    pub fn assign<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AssignError> {
        self.0.assign(value)
    }
}

impl ListEdit<'_> {
    /// Makes the list equal to a Rust value, a sequence, and writes only what differs.
    ///
    /// # Errors
    /// As [`NodeEdit::assign`].
    pub fn assign<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AssignError> {
        self.0.assign(value)
    }
}

/// As deep as the shape, which was checked.
fn assign(node: NodeEdit<'_>, shape: Shape) -> Result<(), AssignError> {
    match (node.kind(), shape) {
        (Kind::Map, Shape::Map(fields)) => assign_map(node.into(), fields),
        (Kind::List, Shape::List(items)) => assign_list(node.into(), items),
        (Kind::Text, Shape::Text(text) | Shape::Plain(Value::String(text))) => {
            Ok(assign_text(&mut node.into(), &text)?)
        }
        (Kind::Set, Shape::Set(values)) => Ok(assign_set(&mut node.into(), values)?),
        (Kind::Set, Shape::List(items)) => {
            let values = items.into_iter().map(Shape::into_value).collect();
            Ok(assign_set(&mut node.into(), values)?)
        }
        (Kind::Counter, Shape::Counter(sum) | Shape::Plain(Value::Int(sum))) => {
            Ok(assign_counter(&mut node.into(), sum)?)
        }
        (kind, _) => Err(AssignError::custom(format_args!(
            "a {kind:?} cannot hold this value"
        ))),
    }
}

fn assign_map(mut map: MapEdit<'_>, fields: BTreeMap<String, Shape>) -> Result<(), AssignError> {
    let keys = map.0.found().as_map().keys();
    for key in keys.iter().filter(|key| !fields.contains_key(*key)) {
        map.delete(key)?;
    }
    for (key, field) in fields {
        assign_key(&mut map, &key, field).map_err(|error| error.within(&key))?;
    }
    Ok(())
}

fn assign_key(map: &mut MapEdit<'_>, key: &str, shape: Shape) -> Result<(), AssignError> {
    let there = match map.0.found().as_map().found(key) {
        Some(Found::Node(_, kind)) if shape.fits(kind) => {
            return assign(map.child(key, kind), shape);
        }
        Some(Found::Value(value)) if shape.is_value(value) => return Ok(()),
        found => found.is_some(),
    };
    let Some(kind) = shape.kind() else {
        return Ok(map.set(key, shape.into_value())?);
    };
    // What is seen here now could be newer than the container, and would be seen instead of it.
    if there {
        map.delete(key)?;
    }
    map.create(key, kind)?;
    assign(map.child(key, kind), shape)
}

fn assign_list(mut list: ListEdit<'_>, items: Vec<Shape>) -> Result<(), AssignError> {
    let old: Vec<_> = list.0.found().as_list().found().collect();
    let lens = (old.len(), items.len());
    let mut kept = common(lens, |at, item| items[item].is(old[at]));
    kept.push(lens);
    // An element that was deleted and of which only the content survived would be gone without it.
    let now = list.0.found().as_list();
    let old = old
        .into_iter()
        .enumerate()
        .map(|(index, found)| match found {
            Found::Node(_, kind) if !now.is_kept(index) => Some(kind),
            _ => None,
        });
    let old: Vec<Option<Kind>> = old.collect();

    let mut items = items.into_iter();
    let (mut old_at, mut at) = (0, 0);
    for (old_end, end) in kept {
        // Between two elements that stay, old and new ones are paired in their order.
        let mut gone = old[old_at..old_end].iter();
        for (index, item) in (at..end).zip(&mut items) {
            let done = match gone.next() {
                Some(kind) => assign_element(&mut list, index, *kind, item),
                None => insert(&mut list, index, item),
            };
            done.map_err(|error| error.within(format_args!("[{index}]")))?;
        }
        list.delete(end..end + gone.len())?;
        items.next();
        (old_at, at) = (old_end + 1, end + 1);
    }
    Ok(())
}

/// Makes one element another: in place, where it is a container of a kind that can take it.
fn assign_element(
    list: &mut ListEdit<'_>,
    index: usize,
    kind: Option<Kind>,
    item: Shape,
) -> Result<(), AssignError> {
    if let Some(kind) = kind.filter(|&kind| item.fits(kind)) {
        return assign(list.child(index, kind)?, item);
    }
    // The new element comes first, while the old one is alive to hang on.
    insert(list, index, item)?;
    Ok(list.delete(index + 1..index + 2)?)
}

fn insert(list: &mut ListEdit<'_>, index: usize, item: Shape) -> Result<(), AssignError> {
    match item.kind() {
        Some(kind) => {
            list.insert_child(index, kind)?;
            assign(list.child(index, kind)?, item)
        }
        None => Ok(list.insert(index, item.into_value())?),
    }
}

/// Replaces what lies between the common start and the common end.
fn assign_text(edit: &mut TextEdit<'_>, text: &str) -> Result<(), EditError> {
    let old: Vec<char> = edit.0.found().as_text().to_string().chars().collect();
    let new: Vec<char> = text.chars().collect();
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let ends = old[start..].iter().rev().zip(new[start..].iter().rev());
    let end = ends.take_while(|(a, b)| a == b).count();
    let between: String = new[start..new.len() - end].iter().collect();
    edit.replace(start..old.len() - end, &between)
}

fn assign_set(set: &mut SetEdit<'_>, values: BTreeSet<Value>) -> Result<(), EditError> {
    let old: BTreeSet<Value> = set.0.found().as_set().found().cloned().collect();
    for value in old.difference(&values) {
        set.delete(value)?;
    }
    values
        .into_iter()
        .filter(|value| !old.contains(value))
        .try_for_each(|value| set.add(value))
}

fn assign_counter(counter: &mut CounterEdit<'_>, sum: i64) -> Result<(), EditError> {
    let difference = i128::from(sum) - counter.0.found().as_counter().value();
    match i64::try_from(difference) {
        Ok(0) => Ok(()),
        Ok(by) => counter.add(by),
        Err(_) => Err(EditError::Limit {
            what: "sum of a counter",
            max: crate::limits::COUNTER_MAX,
        }),
    }
}
