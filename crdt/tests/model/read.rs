//! What a replica shows, computed from the operations that it knows.

use std::collections::BTreeSet;

use driftwood_crdt::{Kind, Value};

use super::order::Trees;
use super::{Dot, History, Holds, Key, Op, OpId, OpSet, Place, Stamp, What, TOP};

/// All that can be read from a set of operations.
pub(crate) struct View<'h> {
    history: &'h History,
    pub(super) trees: Trees,
    /// What is known and was taken away by nothing that is known.
    pub(super) living: OpSet,
    /// The living operations of each container.
    inside: Vec<Vec<OpId>>,
    /// Whether anything is alive in a container or in those inside of it.
    alive: Vec<bool>,
}

/// What a reader sees at a key of a map.
pub(crate) enum Seen<'h> {
    Value(&'h Value),
    Container(Place),
}

impl<'h> View<'h> {
    pub(crate) fn of(history: &'h History, known: &OpSet) -> Self {
        let mut living = known.clone();
        for op in known.iter() {
            for &gone in &history.ops[op].removes {
                living.remove(gone);
            }
        }
        let mut inside = vec![Vec::new(); history.names.len()];
        let mut alive = vec![false; history.names.len()];
        for op in living.iter() {
            let Some(home) = history.home(op) else {
                continue;
            };
            inside[home].push(op);
            alive[TOP] = true;
            for place in history.upwards(home) {
                alive[place] = true;
            }
        }
        Self {
            history,
            trees: Trees::of(history, known),
            living,
            inside,
            alive,
        }
    }

    fn op(&self, op: OpId) -> &'h Op {
        &self.history.ops[op]
    }

    /// The living operations of a container.
    pub(super) fn inside(&self, place: Place) -> impl Iterator<Item = (OpId, &'h What)> + '_ {
        self.inside[place].iter().map(|&op| (op, &self.op(op).what))
    }

    /// The greatest stamp on what is alive of a replica; elements and tallies bear none.
    pub(crate) fn last_stamp(&self, replica: u64) -> Stamp {
        let own = self.living.iter().map(|op| self.op(op));
        own.filter(|op| op.dot.replica == replica)
            .filter(|op| matches!(op.what, What::Value(..) | What::Mark(_) | What::Member(..)))
            .map(|op| op.stamp)
            .max()
            .unwrap_or_default()
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
        let rank = |op: OpId| -> (Stamp, Dot) { (self.op(op).stamp, self.op(op).dot) };
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

    /// The living elements of a list or text, in order.
    pub(crate) fn elements(&self, place: Place) -> Vec<(OpId, &'h Holds)> {
        let all = self.trees.walk(place).into_iter();
        let living = all.filter(|&op| self.living.contains(op));
        living
            .map(|op| match &self.op(op).what {
                What::Element { holds, .. } => (op, holds),
                _ => unreachable!("only elements are in an order"),
            })
            .collect()
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
                let values = elements.map(|(op, holds)| match holds {
                    Holds::Value(value) => value.clone(),
                    Holds::Child(kind) => self
                        .history
                        .find(place, &Key::Element(op), *kind)
                        .map_or_else(|| empty(*kind), |child| self.value(child)),
                    Holds::Char(_) => unreachable!("a list holds no characters"),
                });
                Value::List(values.collect())
            }
            Kind::Text => Value::String(self.text(place)),
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
            .filter_map(|(_, holds)| match holds {
                Holds::Char(c) => Some(*c),
                _ => None,
            })
            .collect()
    }

    /// Whether a container can be written to: no list element on the way to it was deleted.
    pub(super) fn is_writable(&self, place: Place) -> bool {
        self.history.upwards(place).into_iter().all(|place| {
            let name = &self.history.names[place];
            match name.key {
                Key::Name(ref name) => name.len() <= driftwood_crdt::limits::KEY_BYTES_MAX,
                Key::Element(op) => {
                    let holds = |what: &What| matches!(what, What::Element { holds: Holds::Child(kind), .. } if *kind == name.kind);
                    self.living.contains(op) && holds(&self.op(op).what)
                }
            }
        })
    }

    /// The living operations in the containers at a key and in all inside of them, and the marks of
    /// those at the key.
    pub(super) fn all_at(&self, parent: Place, key: &Key) -> Vec<OpId> {
        let mut open = self.at_key(parent, key);
        let mut all: Vec<OpId> = open.iter().flat_map(|&place| self.marks(place)).collect();
        while let Some(place) = open.pop() {
            all.extend(&self.inside[place]);
            open.extend(&self.history.children[place]);
        }
        all
    }
}

fn empty(kind: Kind) -> Value {
    match kind {
        Kind::Map => Value::Map([].into()),
        Kind::List | Kind::Set => Value::List(Vec::new()),
        Kind::Text => Value::String(String::new()),
        Kind::Counter => Value::Int(0),
    }
}
