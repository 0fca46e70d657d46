//! What people do: each edit becomes operations, one dot each.

use std::ops::Range;

use driftwood_crdt::{limits, Kind, Value};

use super::{Dot, History, Holds, Key, Op, OpId, Place, Replica, View, What};

/// The edit is impossible; nothing was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused;

pub(super) type Done = Result<(), Refused>;

/// An edit by one replica, which has taken its stamp.
pub(crate) struct Edit<'w> {
    pub(super) history: &'w mut History,
    replica: &'w mut Replica,
}

impl<'w> Edit<'w> {
    pub(crate) fn new(history: &'w mut History, replica: &'w mut Replica, now: u64) -> Self {
        replica.stamp = replica.stamp.next(now);
        Self { history, replica }
    }

    /// As part of the last one, with its stamp.
    pub(crate) fn again(history: &'w mut History, replica: &'w mut Replica) -> Self {
        Self { history, replica }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::of(self.history, self.replica)
    }

    /// The history, for naming containers.
    pub(crate) fn history(&mut self) -> &mut History {
        self.history
    }

    /// Takes the next dot.
    pub(super) fn note(&mut self, what: What, removes: Vec<OpId>) -> OpId {
        let dot = Dot {
            replica: self.replica.id,
            seq: self.replica.seq(self.history) + 1,
        };
        let op = self.history.push(Op {
            dot,
            stamp: self.replica.stamp,
            what,
            removes,
            seen: self.replica.known.clone(),
        });
        self.replica.learn(self.history, op);
        op
    }

    /// Adds to what an operation that was just made took away.
    pub(super) fn also_removes(&mut self, op: OpId, removed: Vec<OpId>) {
        self.history.ops[op].removes.extend(removed);
        self.replica.learn(self.history, op);
    }

    pub(super) fn check_writable(&self, place: Place) -> Done {
        self.view().is_writable(place).then_some(()).ok_or(Refused)
    }

    /// Says of a container and of all that it is in that they are there, where that is not said, in
    /// place of plain values.
    pub(super) fn mark(&mut self, place: Place) {
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

    /// A change that says nothing but that something was erased, as the engine says it was.
    pub(crate) fn erased(&mut self) {
        self.note(What::Nothing, Vec::new());
    }

    /// Deletes a container of a map, and nothing else that is at its key.
    pub(crate) fn delete_container(&mut self, place: Place) -> Done {
        let map = self.history.names[place].parent;
        let view = self.view();
        let mut removed: Vec<OpId> = view.marks(place).collect();
        removed.extend(view.all_in(vec![place]));
        if removed.is_empty() {
            return Ok(());
        }
        self.check_writable(map)?;
        self.note(What::Nothing, removed);
        self.mark(map);
        Ok(())
    }

    /// Deletes what is in a list by its name, or a node of a tree.
    pub(crate) fn delete_element(&mut self, place: Place, element: OpId) -> Done {
        if self.history.names[place].kind == Kind::Tree {
            return self.delete_node(place, element);
        }
        let elements = self.view().elements(place);
        match elements.iter().position(|e| e.op == element) {
            Some(index) => self.delete_range(place, index..index + 1),
            None => Ok(()),
        }
    }

    pub(crate) fn insert(&mut self, list: Place, index: usize, holds: Holds) -> Done {
        self.check_writable(list)?;
        let (left, right) = self.around(list, index)?;
        self.insert_all(list, left, right, vec![holds]);
        self.mark(list);
        Ok(())
    }

    /// The cells of the elements before and after an index.
    fn around(&self, list: Place, index: usize) -> Result<(Option<OpId>, Option<OpId>), Refused> {
        let cells: Vec<OpId> = self.view().elements(list).iter().map(|e| e.cell).collect();
        if index > cells.len() {
            return Err(Refused);
        }
        let left = index.checked_sub(1).map(|before| cells[before]);
        Ok((left, cells.get(index).copied()))
    }

    /// Gives the first one.
    pub(super) fn insert_all(
        &mut self,
        place: Place,
        left: Option<OpId>,
        right: Option<OpId>,
        all: Vec<Holds>,
    ) -> Option<OpId> {
        let order = self.view().walk(place);
        let (mut parent, mut right) = self.history.anchor(&order, left, right);
        let mut first = None;
        for holds in all {
            let element = What::Element {
                place,
                parent,
                right,
                holds,
            };
            // The next one hangs on the right of this one.
            (parent, right) = (Some(self.note(element, Vec::new())), true);
            first = first.or(parent);
        }
        first
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
        let removed = elements[range]
            .iter()
            .flat_map(|element| view.all_of(list, element.op))
            .collect();
        self.check_writable(list)?;
        self.note(What::Nothing, removed);
        self.mark(list);
        Ok(())
    }

    pub(crate) fn move_element(&mut self, list: Place, from: usize, to: usize) -> Done {
        let view = self.view();
        let elements = view.elements(list);
        if from.max(to) >= elements.len() {
            return Err(Refused);
        }
        let of = elements[from].op;
        let seen = view.places_of(list, of);
        self.check_writable(list)?;
        if from == to {
            return Ok(());
        }
        let (left, right) = self.around(list, if to > from { to + 1 } else { to })?;
        let holds = Holds::Place { of, under: None };
        let place = self.insert_all(list, left, right, vec![holds]);
        self.also_removes(place.expect("one was inserted"), seen);
        self.mark(list);
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
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::List(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Map(values) => 1 + values.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
