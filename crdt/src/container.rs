//! What is inside a container of each kind: the one place that dispatches on the kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::counter::Tally;
use crate::map::MapItem;
use crate::sequence::content::{Chars, Content, Extent};
use crate::sequence::run::RunItem;
use crate::sequence::Patch;
use crate::{DotRun, DotSet, DotStore, Interval, Kind, List, LwwMap, MergeError, OrSet, PnCounter};
use crate::{Stamp, Text, Value, VersionVector};

/// What a list holds at an index.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Element {
    Value(Value),
    /// A container, named after the element.
    Child(Kind),
}

/// The content of a container.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Map(MapBody),
    List(List<Element>),
    Text(Text),
    Set(OrSet<Value>),
    Counter(PnCounter),
}

/// The content of a map: plain values, and which containers are at which key.
#[derive(Clone, Default, Debug)]
pub(crate) struct MapBody {
    pub(crate) values: LwwMap<String, Value>,
    /// A container is there from the moment it is first written to, even while it is empty.
    pub(crate) children: LwwMap<(String, Kind), ()>,
}

/// What a delta says of a container.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum BodyItems {
    Map {
        values: Vec<MapItem<String, Value>>,
        children: Vec<MapItem<(String, Kind), ()>>,
    },
    List(Vec<RunItem<Vec<Element>>>),
    Text(Vec<RunItem<Chars>>),
    Set(Vec<MapItem<Value, ()>>),
    Counter(Vec<Tally>),
}

/// A change to a text; see [`Patch`]. Offsets and lengths are in both units.
#[derive(Clone, PartialEq, Debug)]
pub struct TextPatch {
    /// Where.
    pub at: Extent,
    /// How much is deleted there.
    pub deleted: Extent,
    /// What is inserted there.
    pub inserted: String,
}

/// A change to a list; several are to be carried out one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListPatch {
    /// At which index.
    pub at: usize,
    /// How many elements are deleted there.
    pub deleted: usize,
    /// How many are inserted there.
    pub inserted: usize,
}

/// What happened to a container.
#[derive(Clone, PartialEq, Debug)]
pub enum ChangeKind {
    /// Something changed at these keys.
    Map(BTreeSet<String>),
    /// Elements came and went.
    List(Vec<ListPatch>),
    /// Characters came and went.
    Text(Vec<TextPatch>),
    /// Elements came or went.
    Set,
    /// The number changed.
    Counter,
}

impl ChangeKind {
    pub(crate) fn none(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(BTreeSet::new()),
            Kind::List => Self::List(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Set => Self::Set,
            Kind::Counter => Self::Counter,
        }
    }

    /// Adds what happened afterwards to the same container.
    pub(crate) fn extend(&mut self, later: Self) {
        match (self, later) {
            (Self::Map(keys), Self::Map(later)) => keys.extend(later),
            (Self::List(patches), Self::List(later)) => patches.extend(later),
            (Self::Text(patches), Self::Text(later)) => patches.extend(later),
            _ => {}
        }
    }
}

impl From<Patch<Chars>> for TextPatch {
    fn from(patch: Patch<Chars>) -> Self {
        let inserted = patch
            .inserted
            .map(|chars| chars.as_str().to_owned())
            .unwrap_or_default();
        Self {
            at: patch.at,
            deleted: patch.deleted,
            inserted,
        }
    }
}

impl From<Patch<Vec<Element>>> for ListPatch {
    fn from(patch: Patch<Vec<Element>>) -> Self {
        let inserted = patch.inserted.map_or(0, |elements| elements.extent().chars);
        Self {
            at: patch.at.chars,
            deleted: patch.deleted.chars,
            inserted,
        }
    }
}

impl BodyItems {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Map { .. } => Kind::Map,
            Self::List(_) => Kind::List,
            Self::Text(_) => Kind::Text,
            Self::Set(_) => Kind::Set,
            Self::Counter(_) => Kind::Counter,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Map { values, children } => values.is_empty() && children.is_empty(),
            Self::List(runs) => runs.is_empty(),
            Self::Text(runs) => runs.is_empty(),
            Self::Set(items) => items.is_empty(),
            Self::Counter(tallies) => tallies.is_empty(),
        }
    }

    /// The dots that are alive.
    pub(crate) fn live(&self) -> DotSet {
        match self {
            Self::Map { values, children } => {
                let mut live = LwwMap::dots_of(values);
                live.extend(&LwwMap::dots_of(children));
                live
            }
            Self::List(runs) => List::dots_of(runs),
            Self::Text(runs) => Text::dots_of(runs),
            Self::Set(items) => OrSet::dots_of(items),
            Self::Counter(tallies) => PnCounter::dots_of(tallies),
        }
    }

    /// All dots that name something in the container, in the order of the items: those alive, and the
    /// skeleton of a sequence.
    pub(crate) fn for_each_run(&self, mut each: impl FnMut(DotRun)) {
        let one = |start| DotRun { start, len: 1 };
        match self {
            Self::Map { values, children } => {
                let (values, children) = (values.iter(), children.iter());
                let dots = values.map(|item| item.sibling.dot);
                dots.chain(children.map(|item| item.sibling.dot))
                    .for_each(|dot| each(one(dot)));
            }
            Self::List(runs) => runs.iter().for_each(|run| each(run.dots())),
            Self::Text(runs) => runs.iter().for_each(|run| each(run.dots())),
            Self::Set(items) => items.iter().for_each(|item| each(one(item.sibling.dot))),
            Self::Counter(tallies) => tallies.iter().for_each(|tally| each(one(tally.dot))),
        }
    }

    /// Those of them that are alive.
    pub(crate) fn for_each_live(&self, mut each: impl FnMut(DotRun)) {
        match self {
            Self::List(runs) => runs.iter().flat_map(RunItem::live).for_each(each),
            Self::Text(runs) => runs.iter().flat_map(RunItem::live).for_each(each),
            Self::Map { .. } | Self::Set(_) | Self::Counter(_) => self.for_each_run(&mut each),
        }
    }

    /// All dots that name something, sorted.
    pub(crate) fn all(&self) -> Vec<DotRun> {
        let mut count = 0;
        self.for_each_run(|_| count += 1);
        let mut all = Vec::with_capacity(count);
        self.for_each_run(|run| all.push(run));
        all.sort_unstable();
        all
    }

    pub(crate) fn max_stamp(&self) -> Option<Stamp> {
        match self {
            Self::Map { values, children } => {
                LwwMap::max_stamp(values).max(LwwMap::max_stamp(children))
            }
            Self::Set(items) => OrSet::max_stamp(items),
            Self::List(_) | Self::Text(_) | Self::Counter(_) => None,
        }
    }
}

impl Body {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(MapBody::default()),
            Kind::List => Self::List(List::default()),
            Kind::Text => Self::Text(Text::default()),
            Kind::Set => Self::Set(OrSet::default()),
            Kind::Counter => Self::Counter(PnCounter::default()),
        }
    }

    /// Whether deleted dots stay as the skeleton that others hang on.
    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self, Self::List(_) | Self::Text(_))
    }

    /// How many dots are alive.
    pub(crate) fn live_len(&self) -> usize {
        match self {
            Self::Map(map) => map.values.live_len() + map.children.live_len(),
            Self::List(list) => list.extent().chars,
            Self::Text(text) => text.extent().chars,
            Self::Set(set) => set.live_len(),
            Self::Counter(counter) => counter.live_len(),
        }
    }

    /// The dots that are alive.
    pub(crate) fn live(&self) -> DotSet {
        let mut live = DotSet::new();
        match self {
            Self::Map(map) => {
                map.values
                    .dots()
                    .chain(map.children.dots())
                    .for_each(|dot| live.insert(dot));
            }
            Self::List(list) => list.live_runs().for_each(|run| live.insert_run(run)),
            Self::Text(text) => text.live_runs().for_each(|run| live.insert_run(run)),
            Self::Set(set) => set.dots().for_each(|dot| live.insert(dot)),
            Self::Counter(counter) => counter.dots().for_each(|dot| live.insert(dot)),
        }
        live
    }

    pub(crate) fn collect(&self, interval: Interval<'_>) -> BodyItems {
        match self {
            Self::Map(map) => BodyItems::Map {
                values: map.values.collect(interval),
                children: map.children.collect(interval),
            },
            Self::List(list) => BodyItems::List(list.collect(interval)),
            Self::Text(text) => BodyItems::Text(text.collect(interval)),
            Self::Set(set) => BodyItems::Set(set.collect(interval)),
            Self::Counter(counter) => BodyItems::Counter(counter.collect(interval)),
        }
    }

    pub(crate) fn live_in(&self, interval: Interval<'_>) -> DotSet {
        match self {
            Self::Map(map) => {
                let mut live = map.values.live_in(interval);
                live.extend(&map.children.live_in(interval));
                live
            }
            Self::List(list) => list.live_in(interval),
            Self::Text(text) => text.live_in(interval),
            Self::Set(set) => set.live_in(interval),
            Self::Counter(counter) => counter.live_in(interval),
        }
    }

    pub(crate) fn check(&self, items: &BodyItems, seen: &VersionVector) -> Result<(), MergeError> {
        match (self, items) {
            (Self::List(list), BodyItems::List(items)) => list.check(items, seen),
            (Self::Text(text), BodyItems::Text(items)) => text.check(items, seen),
            (Self::Map(map), BodyItems::Map { values, children }) => {
                map.values.check(values, seen)?;
                map.children.check(children, seen)
            }
            (Self::Set(set), BodyItems::Set(items)) => set.check(items, seen),
            _ => Ok(()),
        }
    }

    pub(crate) fn join(&mut self, items: &BodyItems, seen: &VersionVector) -> ChangeKind {
        match (self, items) {
            (Self::Map(map), BodyItems::Map { values, children }) => {
                let mut keys = BTreeSet::new();
                map.values.join(values, seen, &mut keys);
                let mut slots = BTreeSet::new();
                map.children.join(children, seen, &mut slots);
                keys.extend(slots.into_iter().map(|(key, _)| key));
                ChangeKind::Map(keys)
            }
            (Self::List(list), BodyItems::List(items)) => {
                let mut patches = Vec::new();
                list.join(items, seen, &mut patches);
                ChangeKind::List(patches.into_iter().map(ListPatch::from).collect())
            }
            (Self::Text(text), BodyItems::Text(items)) => {
                let mut patches = Vec::new();
                text.join(items, seen, &mut patches);
                ChangeKind::Text(patches.into_iter().map(TextPatch::from).collect())
            }
            (Self::Set(set), BodyItems::Set(items)) => {
                set.join(items, seen, &mut BTreeSet::new());
                ChangeKind::Set
            }
            (Self::Counter(counter), BodyItems::Counter(items)) => {
                counter.join(items, seen, &mut ());
                ChangeKind::Counter
            }
            _ => unreachable!("a path ends in the kind of its container, and so do its items"),
        }
    }

    pub(crate) fn remove(&mut self, dots: &DotSet) -> ChangeKind {
        match self {
            Self::Map(map) => {
                let mut keys = BTreeSet::new();
                map.values.remove(dots, &mut keys);
                let mut slots = BTreeSet::new();
                map.children.remove(dots, &mut slots);
                keys.extend(slots.into_iter().map(|(key, _)| key));
                ChangeKind::Map(keys)
            }
            Self::List(list) => {
                let mut patches = Vec::new();
                list.remove(dots, &mut patches);
                ChangeKind::List(patches.into_iter().map(ListPatch::from).collect())
            }
            Self::Text(text) => {
                let mut patches = Vec::new();
                text.remove(dots, &mut patches);
                ChangeKind::Text(patches.into_iter().map(TextPatch::from).collect())
            }
            Self::Set(set) => {
                set.remove(dots, &mut BTreeSet::new());
                ChangeKind::Set
            }
            Self::Counter(counter) => {
                counter.remove(dots, &mut ());
                ChangeKind::Counter
            }
        }
    }
}

/// What happened in a document, container by container.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Changes {
    containers: BTreeMap<crate::Path, ChangeKind>,
}

impl Changes {
    /// The containers in which something happened, in order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&crate::Path, &ChangeKind)> {
        self.containers.iter()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// Adds what happened afterwards.
    pub fn extend(&mut self, later: Self) {
        for (path, change) in later.containers {
            self.add(path, change);
        }
    }

    pub(crate) fn add(&mut self, path: crate::Path, change: ChangeKind) {
        match self.containers.entry(path) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(change);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().extend(change);
            }
        }
    }
}
