//! What a replica shows, computed from the operations that it knows.

use std::collections::{BTreeMap, BTreeSet};

use driftwood_crdt::{Kind, Value};

use super::{Dot, History, Holds, Key, Op, OpId, OpSet, Place, Replica, Stamp, What};

/// All that can be read from a set of operations.
pub(crate) struct View<'h> {
    pub(super) history: &'h History,
    known: &'h OpSet,
    /// What is known and was taken away by nothing that is known.
    pub(super) living: OpSet,
    /// The living operations, by container.
    inside: Vec<(Place, OpId)>,
    /// Whether anything is alive in a container or in those inside of it.
    pub(super) alive: Vec<bool>,
}

/// An element that is shown.
#[derive(Clone, Copy)]
pub(crate) struct Element<'h> {
    /// Its name: the operation that made it.
    pub(crate) op: OpId,
    /// The one whose place it has: itself, unless it was moved.
    pub(crate) cell: OpId,
    pub(crate) holds: &'h Holds,
}

/// What a reader sees at a key of a map.
pub(crate) enum Seen<'h> {
    Value(&'h Value),
    Container(Place),
}

impl<'h> View<'h> {
    pub(crate) fn of(history: &'h History, replica: &'h Replica) -> Self {
        let living = replica.living();
        let mut inside = Vec::new();
        let mut alive = vec![false; history.names.len()];
        for op in living.iter() {
            let Some(mut home) = history.home(op) else {
                continue;
            };
            inside.push((home, op));
            while !std::mem::replace(&mut alive[home], true) {
                home = history.names[home].parent;
            }
        }
        inside.sort_unstable();
        Self {
            history,
            known: &replica.known,
            living,
            inside,
            alive,
        }
    }

    pub(super) fn op(&self, op: OpId) -> &'h Op {
        &self.history.ops[op]
    }

    /// The living operations of a container.
    pub(super) fn inside(&self, place: Place) -> impl Iterator<Item = (OpId, &'h What)> + '_ {
        let first = self.inside.partition_point(|&(home, _)| home < place);
        let inside = self.inside[first..].iter();
        inside
            .take_while(move |&&(home, _)| home == place)
            .map(|&(_, op)| (op, &self.op(op).what))
    }

    /// How many operations made something that is still alive.
    pub(crate) fn live_len(&self) -> usize {
        self.inside.len()
    }

    /// What decides between things of one name.
    pub(super) fn rank(&self, op: OpId) -> (Stamp, Dot) {
        (self.op(op).stamp, self.op(op).dot)
    }

    /// All known elements of a sequence in reading order, the deleted ones too.
    pub(super) fn walk(&self, place: Place) -> Vec<OpId> {
        self.history.walk(self.known, place)
    }

    pub(super) fn holds(&self, element: OpId) -> &'h Holds {
        match &self.op(element).what {
            What::Element { holds, .. } => holds,
            _ => unreachable!("only elements are in an order"),
        }
    }

    /// The plain values at a key, in order of dot.
    pub(crate) fn siblings(&self, map: Place, key: &str) -> Vec<OpId> {
        let here = self.inside(map);
        let mut siblings: Vec<OpId> = here
            .filter(|(_, what)| matches!(what, What::Value(_, k, _) if k == key))
            .map(|(op, _)| op)
            .collect();
        siblings.sort_by_key(|&op| self.op(op).dot);
        siblings
    }

    /// The marks that say that a container is there.
    pub(super) fn marks(&self, container: Place) -> impl Iterator<Item = OpId> + '_ {
        self.inside(self.history.names[container].parent)
            .filter(move |(_, what)| matches!(what, What::Mark(c) if *c == container))
            .map(|(op, _)| op)
    }

    /// The containers at a key, of any kind.
    pub(super) fn at_key(&self, parent: Place, key: &Key) -> Vec<Place> {
        let children = self.history.children[parent].iter().copied();
        children
            .filter(|&child| self.history.names[child].key == *key)
            .collect()
    }

    /// Of what is at a key the newest; containers of which only the content survived a removal come
    /// after all others, the last kind first.
    pub(crate) fn seen(&self, map: Place, key: &str) -> Option<Seen<'h>> {
        let rank = |op: OpId| self.rank(op);
        let values = self.siblings(map, key).into_iter();
        let value = values.max_by_key(|&op| rank(op));
        let containers = self.at_key(map, &Key::Name(key.to_owned())).into_iter();
        let newest = containers
            .map(|place| (self.marks(place).map(rank).max(), place))
            .filter(|&(mark, place)| mark.is_some() || self.alive[place])
            .max_by_key(|&(mark, place)| (mark, self.history.names[place].kind));
        let value = value.map(|op| match &self.op(op).what {
            What::Value(_, _, value) => (rank(op), value),
            _ => unreachable!("it is one of the values"),
        });
        match (value, newest) {
            (Some((rank, value)), Some((mark, _))) if Some(rank) > mark => Some(Seen::Value(value)),
            (_, Some((_, place))) => Some(Seen::Container(place)),
            (value, None) => value.map(|(_, value)| Seen::Value(value)),
        }
    }

    /// The keys of a map at which something is seen.
    pub(crate) fn keys(&self, map: Place) -> BTreeSet<&'h str> {
        let history = self.history;
        let name = |place: Place| match &history.names[place].key {
            Key::Name(name) => Some(name.as_str()),
            Key::Element(_) => None,
        };
        let here = self.inside(map).filter_map(|(_, what)| match what {
            What::Value(_, key, _) => Some(key.as_str()),
            What::Mark(child) => name(*child),
            _ => None,
        });
        let children = history.children[map].iter().copied();
        let survivors = children.filter(|&child| self.alive[child]);
        here.chain(survivors.filter_map(name)).collect()
    }

    /// Whether something lives in the container of an element or node.
    pub(super) fn lives_inside(&self, place: Place, element: OpId) -> bool {
        let children = self.history.children[place].iter();
        let mut inside =
            children.filter(|&&child| self.history.names[child].key == Key::Element(element));
        inside.any(|&child| self.alive[child])
    }

    /// The living places to which an element or node was moved.
    pub(super) fn places_of(&self, place: Place, element: OpId) -> Vec<OpId> {
        let here = self.inside(place);
        here.filter(|(_, what)| matches!(what, What::Element { holds: Holds::Place { of, .. }, .. } if *of == element))
            .map(|(op, _)| op)
            .collect()
    }

    /// The elements of a list or text that are shown, in order: those that are alive and those in
    /// which something lives, each once, at its last place.
    pub(crate) fn elements(&self, place: Place) -> Vec<Element<'h>> {
        let order = self.walk(place);
        let mut places: BTreeMap<OpId, OpId> = BTreeMap::new();
        for &cell in order.iter().filter(|&&cell| self.living.contains(cell)) {
            if let Holds::Place { of, .. } = self.holds(cell) {
                let last = places.entry(*of).or_insert(cell);
                *last = std::cmp::max_by_key(*last, cell, |&place| self.rank(place));
            }
        }
        let shown = order.into_iter().filter_map(|cell| {
            let op = match self.holds(cell) {
                Holds::Place { of, .. } => *of,
                _ => cell,
            };
            let here = places.get(&op).copied().unwrap_or(op) == cell;
            let there = self.living.contains(op) || self.lives_inside(place, op);
            (here && there).then(|| Element {
                op,
                cell,
                holds: self.holds(op),
            })
        });
        shown.collect()
    }

    /// A container and all in it as a plain value.
    pub(crate) fn value(&self, place: Place) -> Value {
        match self.history.names[place].kind {
            Kind::Map => {
                let keys = self.keys(place).into_iter();
                let seen = keys.filter_map(|key| {
                    let value = match self.seen(place, key)? {
                        Seen::Value(value) => value.clone(),
                        Seen::Container(child) => self.value(child),
                    };
                    Some((key.to_owned(), value))
                });
                Value::Map(seen.collect())
            }
            Kind::List => {
                let elements = self.elements(place).into_iter();
                let values = elements.map(|Element { op, holds, .. }| match holds {
                    Holds::Value(value) => value.clone(),
                    Holds::Child(kind) => self
                        .history
                        .find(place, &Key::Element(op), *kind)
                        .map_or_else(|| empty(*kind), |child| self.value(child)),
                    _ => unreachable!("a list holds no characters and nodes"),
                });
                Value::List(values.collect())
            }
            Kind::Text => Value::String(self.text(place)),
            Kind::Tree => self.tree(place).value(self, place),
            Kind::Set => {
                let members: BTreeSet<Value> = self
                    .inside(place)
                    .filter_map(|(_, what)| match what {
                        What::Member(_, value) => Some(value.clone()),
                        _ => None,
                    })
                    .collect();
                Value::List(members.into_iter().collect())
            }
            Kind::Counter => {
                let tallies = self.inside(place).map(|(_, what)| match what {
                    What::Tally { up, down, .. } => up.cast_signed() - down.cast_signed(),
                    _ => 0,
                });
                Value::Int(tallies.sum())
            }
        }
    }

    pub(crate) fn text(&self, place: Place) -> String {
        let elements = self.elements(place).into_iter();
        elements
            .filter_map(|element| match element.holds {
                Holds::Char(c) => Some(*c),
                _ => None,
            })
            .collect()
    }

    /// Whether a container can be written to: what it is in is shown, all the way up.
    pub(super) fn is_writable(&self, place: Place) -> bool {
        self.history.upwards(place).into_iter().all(|place| {
            let name = &self.history.names[place];
            match name.key {
                Key::Name(ref name) => name.len() <= driftwood_crdt::limits::KEY_BYTES_MAX,
                Key::Element(op) => self.living.contains(op) || self.lives_inside(name.parent, op),
            }
        })
    }

    /// The living operations in the containers at a key and in all inside of them, and the marks of
    /// those at the key.
    pub(super) fn all_at(&self, parent: Place, key: &Key) -> Vec<OpId> {
        let at_key = self.at_key(parent, key);
        let marks = at_key.iter().flat_map(|&place| self.marks(place));
        let mut all: Vec<OpId> = marks.collect();
        all.extend(self.all_in(at_key));
        all
    }

    /// The living operations in these containers and in all inside of them.
    pub(super) fn all_in(&self, mut open: Vec<Place>) -> Vec<OpId> {
        let mut all = Vec::new();
        while let Some(place) = open.pop() {
            all.extend(self.inside(place).map(|(op, _)| op));
            open.extend(&self.history.children[place]);
        }
        all
    }

    /// All that is alive of an element or node: itself, its places, and what is inside of it.
    pub(super) fn all_of(&self, place: Place, element: OpId) -> Vec<OpId> {
        let mut all = self.all_at(place, &Key::Element(element));
        all.extend(self.places_of(place, element));
        if self.living.contains(element) {
            all.push(element);
        }
        all
    }
}

/// What a container shows in which nothing is.
pub(crate) fn empty(kind: Kind) -> Value {
    match kind {
        Kind::Map => Value::Map(BTreeMap::new().into()),
        Kind::List | Kind::Set | Kind::Tree => Value::List(Vec::new()),
        Kind::Text => Value::String(String::new()),
        Kind::Counter => Value::Int(0),
    }
}
