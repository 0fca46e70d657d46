//! A document so simple that it is unlikely to be wrong, to hold the engine against.
//!
//! Everything that anybody ever did is one list of operations, the [`History`]; each has one dot, says
//! what it made, and names the operations whose effect it had seen and took away. A replica is the set
//! of operations that it knows. What it shows is computed from that set alone, from scratch at every
//! read ([`View`]); merging is the union of two sets. There is no delta, no interval, no log of
//! removals, no run and no index here.
//!
//! A new kind of container needs: a variant of [`What`] and its arm in [`History::home`], or one of
//! [`Holds`] if it is a sequence, an arm in [`View::value`], and its edits.

mod edit;
mod order;
mod read;
mod text;
mod tree;

use std::collections::BTreeMap;

use driftwood_crdt::{Kind, Value};

pub(crate) use edit::{Edit, Refused};
pub(crate) use read::{empty, View};

/// An operation, by its place in the history.
pub(crate) type OpId = usize;
/// The name of a container, by its number.
pub(crate) type Place = usize;

/// The document itself: a map of the root containers.
pub(crate) const TOP: Place = 0;

/// The `seq`-th change of `replica`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Dot {
    pub replica: u64,
    pub seq: u64,
}

/// Milliseconds and a counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Stamp {
    pub millis: u64,
    pub counter: u16,
}

impl Stamp {
    /// A stamp later than this one, and that of the clock if that is later.
    pub(crate) fn next(self, now: u64) -> Self {
        if now > self.millis {
            Self {
                millis: now,
                counter: 0,
            }
        } else {
            Self {
                counter: self.counter + 1,
                ..self
            }
        }
    }
}

/// Where in its parent a container is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    Name(String),
    Element(OpId),
}

/// A container is named by what it is in, where in that, and its kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    pub parent: Place,
    pub key: Key,
    pub kind: Kind,
}

/// What an element of a list, text or tree holds.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Holds {
    Char(char),
    Value(Value),
    Child(Kind),
    /// A node of a tree, and under which other it was made.
    Node {
        under: Option<OpId>,
    },
    /// Where an element of a list or a node of a tree was moved to.
    Place {
        of: OpId,
        under: Option<OpId>,
    },
}

/// An end of a mark: right before or right after a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Anchor {
    /// `None` is the start of the text or, after it, its end.
    pub at: Option<OpId>,
    pub after: bool,
}

/// A mark on a text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Mark {
    pub name: String,
    pub start: Anchor,
    pub end: Anchor,
    pub level: u32,
    pub value: Value,
}

/// What an operation made, besides what it took away.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Nothing,
    Value(Place, String, Value),
    /// Says in its parent that the container is there.
    Mark(Place),
    Element {
        place: Place,
        /// `None` is the sequence itself.
        parent: Option<OpId>,
        right: bool,
        holds: Holds,
    },
    Member(Place, Value),
    /// A mark on a text.
    Format(Place, Mark),
    /// All that its replica has added and taken away since the counter was last removed.
    Tally {
        place: Place,
        up: u64,
        down: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub dot: Dot,
    pub stamp: Stamp,
    pub what: What,
    /// The living operations that it took away.
    pub removes: Vec<OpId>,
    /// All that its replica knew when it was made.
    pub seen: OpSet,
}

/// Everything that anybody ever did, and the names of all containers.
pub(crate) struct History {
    pub ops: Vec<Op>,
    pub names: Vec<Name>,
    pub children: Vec<Vec<Place>>,
    /// The left and the right children of every element, in order of dot, whoever knows them.
    kids: Vec<[Vec<OpId>; 2]>,
    /// What hangs on the sequences themselves.
    roots: Vec<Vec<OpId>>,
}

impl History {
    pub(crate) fn new() -> Self {
        let top = Name {
            parent: TOP,
            key: Key::Name(String::new()),
            kind: Kind::Map,
        };
        Self {
            ops: Vec::new(),
            names: vec![top],
            children: vec![Vec::new()],
            kids: Vec::new(),
            roots: vec![Vec::new()],
        }
    }

    /// Notes what was done.
    fn push(&mut self, op: Op) -> OpId {
        let id = self.ops.len();
        self.kids.push([Vec::new(), Vec::new()]);
        if let What::Element {
            place,
            parent,
            right,
            ..
        } = op.what
        {
            let siblings = match parent {
                Some(parent) => &mut self.kids[parent][usize::from(right)],
                None => &mut self.roots[place],
            };
            let before = |&other: &OpId| self.ops[other].dot < op.dot;
            siblings.insert(siblings.partition_point(before), id);
        }
        self.ops.push(op);
        id
    }

    /// The greatest stamp of a replica on some operations; characters, elements and tallies bear none.
    pub(crate) fn last_stamp(&self, ops: impl Iterator<Item = OpId>, replica: u64) -> Stamp {
        let own = ops.map(|op| &self.ops[op]).filter(|op| {
            let bears = match &op.what {
                What::Value(..) | What::Mark(_) | What::Member(..) | What::Format(..) => true,
                What::Element { holds, .. } => matches!(holds, Holds::Place { .. }),
                What::Nothing | What::Tally { .. } => false,
            };
            bears && op.dot.replica == replica
        });
        own.map(|op| op.stamp).max().unwrap_or_default()
    }

    /// The number of a name, which is given to it the first time.
    pub(crate) fn place(&mut self, parent: Place, key: Key, kind: Kind) -> Place {
        if let Some(place) = self.find(parent, &key, kind) {
            return place;
        }
        let place = self.names.len();
        self.names.push(Name { parent, key, kind });
        self.children.push(Vec::new());
        self.roots.push(Vec::new());
        self.children[parent].push(place);
        place
    }

    pub(crate) fn find(&self, parent: Place, key: &Key, kind: Kind) -> Option<Place> {
        let mut children = self.children[parent].iter().copied();
        children.find(|&child| self.names[child].key == *key && self.names[child].kind == kind)
    }

    /// The container and what it is in, up to the top, which is left out.
    pub(crate) fn upwards(&self, place: Place) -> Vec<Place> {
        let mut way = Vec::new();
        let mut at = place;
        while at != TOP {
            way.push(at);
            at = self.names[at].parent;
        }
        way
    }

    /// The container that an operation made something in.
    pub(crate) fn home(&self, op: OpId) -> Option<Place> {
        match &self.ops[op].what {
            What::Nothing => None,
            What::Value(place, ..)
            | What::Element { place, .. }
            | What::Member(place, _)
            | What::Format(place, _)
            | What::Tally { place, .. } => Some(*place),
            What::Mark(child) => Some(self.names[*child].parent),
        }
    }
}

/// One copy: who it is and what it knows.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub id: u64,
    pub known: OpSet,
    /// What something known took away.
    gone: OpSet,
    pub stamp: Stamp,
}

impl Replica {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            known: OpSet::default(),
            gone: OpSet::default(),
            stamp: Stamp::default(),
        }
    }

    /// Learns of an operation.
    pub(crate) fn learn(&mut self, history: &History, op: OpId) {
        self.known.insert(op);
        for &gone in &history.ops[op].removes {
            self.gone.insert(gone);
        }
    }

    /// What is known and was taken away by nothing that is known.
    pub(crate) fn living(&self) -> OpSet {
        self.known.without(&self.gone)
    }

    /// The highest seq that it knows of every replica.
    pub(crate) fn version(&self, history: &History) -> BTreeMap<u64, u64> {
        let mut version = BTreeMap::new();
        for op in self.known.iter() {
            let Dot { replica, seq } = history.ops[op].dot;
            let highest = version.entry(replica).or_insert(seq);
            *highest = seq.max(*highest);
        }
        version
    }

    /// How many changes it has made under its present name.
    pub(crate) fn seq(&self, history: &History) -> u64 {
        let own = |op: &OpId| history.ops[*op].dot.replica == self.id;
        self.known.iter().filter(own).count() as u64
    }
}

/// A set of operations.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct OpSet {
    bits: Vec<u64>,
}

impl OpSet {
    pub(crate) fn insert(&mut self, op: OpId) {
        if self.bits.len() <= op / 64 {
            self.bits.resize(op / 64 + 1, 0);
        }
        self.bits[op / 64] |= 1 << (op % 64);
    }

    fn without(&self, other: &OpSet) -> Self {
        let gone = other.bits.iter().copied().chain(std::iter::repeat(0));
        let bits = self.bits.iter().zip(gone).map(|(a, b)| a & !b);
        Self {
            bits: bits.collect(),
        }
    }

    pub(crate) fn contains(&self, op: OpId) -> bool {
        let bits = self.bits.get(op / 64).copied().unwrap_or(0);
        bits >> (op % 64) & 1 == 1
    }

    pub(crate) fn includes(&self, other: &OpSet) -> bool {
        let mine = self.bits.iter().copied().chain(std::iter::repeat(0));
        other.bits.iter().zip(mine).all(|(b, a)| b & !a == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = OpId> + '_ {
        self.bits.iter().enumerate().flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(word * 64 + bit)
            })
        })
    }
}
