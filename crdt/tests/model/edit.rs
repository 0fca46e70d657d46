//! What people do: each edit becomes operations, one dot each.

use std::ops::Range;

use driftwood_crdt::{limits, Value};

use super::{Dot, History, Holds, Key, Op, OpId, Place, Replica, View, What};

/// The edit is impossible; nothing was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused;

type Done = Result<(), Refused>;

/// An edit by one replica, which has taken its stamp.
pub(crate) struct Edit<'w> {
    history: &'w mut History,
    replica: &'w mut Replica,
}

impl<'w> Edit<'w> {
    pub(crate) fn new(history: &'w mut History, replica: &'w mut Replica, now: u64) -> Self {
        replica.stamp = replica.stamp.next(now);
        Self { history, replica }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::of(self.history, &self.replica.known)
    }

    /// The history, for naming containers.
    pub(crate) fn history(&mut self) -> &mut History {
        self.history
    }

    /// Takes the next dot.
    fn note(&mut self, what: What, removes: Vec<OpId>) -> OpId {
        let dot = Dot {
            replica: self.replica.id,
            seq: self.replica.seq(self.history) + 1,
        };
        let op = self.history.ops.len();
        self.history.ops.push(Op {
            dot,
            stamp: self.replica.stamp,
            what,
            removes,
            seen: self.replica.known.clone(),
        });
        self.replica.known.insert(op);
        op
    }

    fn check_writable(&self, place: Place) -> Done {
        self.view().is_writable(place).then_some(()).ok_or(Refused)
    }

    /// Says of a container and of all that it is in that they are there, where that is not said, in
    /// place of plain values.
    fn mark(&mut self, place: Place) {
        for place in self.history.upwards(place) {
            let name = self.history.names[place].clone();
            let Key::Name(key) = name.key else { continue };
            let view = self.view();
            if view.marks(place).next().is_none() {
                let replaced = view.siblings(name.parent, &key);
                self.note(What::Mark(place), replaced);
            }
        }
    }

    /// All that is at a key of a map.
    fn all_at(&self, map: Place, key: &str) -> Vec<OpId> {
        let view = self.view();
        let mut all = view.siblings(map, key);
        all.extend(view.all_at(map, &Key::Name(key.to_owned())));
        all
    }

    pub(crate) fn set(&mut self, map: Place, key: &str, value: Value) -> Done {
        self.check_writable(map)?;
        if key.len() > limits::KEY_BYTES_MAX || depth(&value) > limits::DEPTH_MAX {
            return Err(Refused);
        }
        let replaced = self.all_at(map, key);
        self.note(What::Value(map, key.to_owned(), value), replaced);
        self.mark(map);
        Ok(())
    }

    pub(crate) fn delete(&mut self, map: Place, key: &str) -> Done {
        self.check_writable(map)?;
        if self.view().seen(map, key).is_some() {
            let removed = self.all_at(map, key);
            self.note(What::Nothing, removed);
            self.mark(map);
        }
        Ok(())
    }

    pub(crate) fn create(&mut self, place: Place) -> Done {
        self.check_writable(place)?;
        self.mark(place);
        Ok(())
    }

    pub(crate) fn insert(&mut self, list: Place, index: usize, holds: Holds) -> Done {
        self.check_writable(list)?;
        if index > self.view().elements(list).len() {
            return Err(Refused);
        }
        self.insert_all(list, index, vec![holds]);
        self.mark(list);
        Ok(())
    }

    fn insert_all(&mut self, place: Place, index: usize, all: Vec<Holds>) {
        let view = self.view();
        let (mut parent, mut right) = view.trees.anchor(self.history, &view.living, place, index);
        for holds in all {
            let element = What::Element {
                place,
                parent,
                right,
                holds,
            };
            // The next one hangs on the right of this one.
            (parent, right) = (Some(self.note(element, Vec::new())), true);
        }
    }

    pub(crate) fn delete_range(&mut self, list: Place, range: Range<usize>) -> Done {
        let view = self.view();
        let elements = view.elements(list);
        if range.start > range.end || range.end > elements.len() {
            return Err(Refused);
        }
        if range.is_empty() {
            return Ok(());
        }
        let mut removed = Vec::new();
        for (element, _) in &elements[range] {
            removed.push(*element);
            removed.extend(view.all_at(list, &Key::Element(*element)));
        }
        self.check_writable(list)?;
        self.note(What::Nothing, removed);
        self.mark(list);
        Ok(())
    }

    /// Replaces a range of a text, in characters: the new text comes before what it replaces.
    pub(crate) fn replace(&mut self, text: Place, range: Range<usize>, new: &str) -> Done {
        let len = self.view().elements(text).len();
        if range.start > range.end || range.end > len {
            return Err(Refused);
        }
        if range.is_empty() && new.is_empty() {
            return Ok(());
        }
        self.check_writable(text)?;
        let old: Vec<OpId> = self.view().elements(text)[range.clone()]
            .iter()
            .map(|(op, _)| *op)
            .collect();
        self.insert_all(text, range.start, new.chars().map(Holds::Char).collect());
        if !old.is_empty() {
            self.note(What::Nothing, old);
        }
        self.mark(text);
        Ok(())
    }

    fn members(&self, set: Place, value: &Value) -> Vec<OpId> {
        let view = self.view();
        let here = view.inside(set);
        here.filter(|(_, what)| matches!(what, What::Member(_, v) if v == value))
            .map(|(op, _)| op)
            .collect()
    }

    pub(crate) fn add(&mut self, set: Place, value: Value) -> Done {
        self.check_writable(set)?;
        let replaced = self.members(set, &value);
        self.note(What::Member(set, value), replaced);
        self.mark(set);
        Ok(())
    }

    pub(crate) fn remove(&mut self, set: Place, value: &Value) -> Done {
        let removed = self.members(set, value);
        if !removed.is_empty() {
            self.check_writable(set)?;
            self.note(What::Nothing, removed);
            self.mark(set);
        }
        Ok(())
    }

    pub(crate) fn count(&mut self, counter: Place, by: i64) -> Done {
        self.check_writable(counter)?;
        let view = self.view();
        let own = view
            .inside(counter)
            .find(|&(op, _)| self.history.ops[op].dot.replica == self.replica.id);
        let (mut up, mut down) = match own {
            Some((_, &What::Tally { up, down, .. })) => (up, down),
            _ => (0, 0),
        };
        let replaced: Vec<OpId> = own.map(|(op, _)| op).into_iter().collect();
        if by > 0 {
            up += by.unsigned_abs();
        } else {
            down += by.unsigned_abs();
        }
        if up.max(down) > limits::COUNTER_MAX {
            return Err(Refused);
        }
        let tally = What::Tally {
            place: counter,
            up,
            down,
        };
        self.note(tally, replaced);
        self.mark(counter);
        Ok(())
    }
}

/// How deep lists and maps lie in a value.
fn depth(value: &Value) -> usize {
    match value {
        Value::List(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Map(values) => 1 + values.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
