//! What is inside a container of each kind: the one place that dispatches on the kind.

mod anchors;
pub(crate) mod cell;
mod changes;
pub(crate) mod list;
mod part;
mod plan;
mod said;
pub(crate) mod text;
mod touched;
pub(crate) mod tree;

use crate::ordered::{self, BTreeSet};
use crate::plain::plain;
use std::borrow::Cow;

use crate::counter::Tally;
use crate::document::Departure;
use crate::map::MapItem;
use crate::sequence::content::Content;
use crate::sequence::run::RunItem;
use crate::sequence::RunItems;
use crate::{
    Dot, DotRun, DotSet, DotStore, Interval, Kind, LwwMap, MergeError, OrSet, PnCounter, ReplicaId,
};
use crate::{Sequence, Stamp, Value, VersionVector};
use cell::Cells;
pub(crate) use changes::Entry;
pub use changes::{ChangeKind, Changes, ListPatch, TextPatch};
use list::ListBody;
use part::Part;
pub(crate) use plan::Plan;
pub(crate) use said::{Runs, Said};
use text::{TextBody, TextItems};
pub use touched::Touched;
use tree::TreeBody;

/// The content of a container.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Map(Part<MapBody>),
    List(Part<ListBody>),
    Text(Part<TextBody>),
    Set(Part<OrSet<Value>>),
    Counter(Part<PnCounter>),
    Tree(Part<TreeBody>),
}

/// The content of a map: plain values, and which containers are at which key.
#[derive(Clone, Default, Debug)]
pub(crate) struct MapBody {
    pub(crate) values: Part<LwwMap<String, Value>>,
    /// A container is there from the moment it is first written to, even while it is empty.
    pub(crate) children: Part<LwwMap<(String, Kind), ()>>,
}

impl MapBody {
    /// Removes the marks of all containers at a key and gives their dots.
    pub(crate) fn take_marks(&mut self, key: &str) -> Vec<DotRun> {
        if self.children.is_empty() {
            return Vec::new();
        }
        let marks = Kind::ALL.into_iter();
        let marks = marks.flat_map(|kind| self.children.take(&(key.to_owned(), kind)));
        marks.collect()
    }

    /// The dots of all that is written at a key.
    pub(crate) fn dots_at<'a>(&'a self, key: &'a str) -> impl Iterator<Item = Dot> + 'a {
        let marks = Kind::ALL.into_iter();
        let marks = marks.flat_map(|kind| self.children.dots_at(&(key.to_owned(), kind)));
        plain(self.values.dots_at(key).chain(marks))
    }
}

/// What a delta says of a container.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum BodyItems {
    Map {
        values: Vec<MapItem<String, Value>>,
        children: Vec<MapItem<(String, Kind), ()>>,
    },
    List(RunItems<Cells>),
    Text(TextItems),
    Set(Vec<MapItem<Value, ()>>),
    Counter(Vec<Tally>),
    Tree(RunItems<Cells>),
}

impl BodyItems {
    /// Nothing about a container of this kind.
    pub(crate) fn none(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map {
                values: Vec::new(),
                children: Vec::new(),
            },
            Kind::List => Self::List(RunItems::default()),
            Kind::Text => Self::Text(TextItems::default()),
            Kind::Set => Self::Set(Vec::new()),
            Kind::Counter => Self::Counter(Vec::new()),
            Kind::Tree => Self::Tree(RunItems::default()),
        }
    }

    /// Whether anything is alive.
    pub(crate) fn has_live(&self) -> bool {
        match self {
            Self::List(runs) | Self::Tree(runs) => runs.has_live(),
            Self::Text(text) => !text.marks.is_empty() || text.runs.has_live(),
            Self::Map { .. } | Self::Set(_) | Self::Counter(_) => !self.is_empty(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Map { .. } => Kind::Map,
            Self::List(_) => Kind::List,
            Self::Text(_) => Kind::Text,
            Self::Set(_) => Kind::Set,
            Self::Counter(_) => Kind::Counter,
            Self::Tree(_) => Kind::Tree,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Map { values, children } => values.is_empty() && children.is_empty(),
            Self::List(runs) | Self::Tree(runs) => runs.is_empty(),
            Self::Text(text) => text.runs.is_empty() && text.marks.is_empty(),
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
            Self::List(runs) | Self::Tree(runs) => Sequence::dots_of(runs),
            Self::Text(text) => {
                let mut live = Sequence::dots_of(&text.runs);
                live.extend(&LwwMap::dots_of(&text.marks));
                live
            }
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
            Self::List(runs) | Self::Tree(runs) => runs.for_each_dots(each),
            Self::Text(text) => {
                text.runs.for_each_dots(&mut each);
                text.marks
                    .iter()
                    .for_each(|item| each(one(item.sibling.dot)));
            }
            Self::Set(items) => items.iter().for_each(|item| each(one(item.sibling.dot))),
            Self::Counter(tallies) => tallies.iter().for_each(|tally| each(one(tally.dot))),
        }
    }

    /// Those of them that are alive.
    pub(crate) fn for_each_live(&self, mut each: impl FnMut(DotRun)) {
        match self {
            Self::List(runs) | Self::Tree(runs) => runs.live().for_each(each),
            Self::Text(text) => {
                text.runs.live().for_each(&mut each);
                let marks = text.marks.iter().map(|item| item.sibling.dot);
                marks.for_each(|start| each(DotRun { start, len: 1 }));
            }
            Self::Map { .. } | Self::Set(_) | Self::Counter(_) => self.for_each_run(&mut each),
        }
    }

    /// The dots of the elements of a sequence, alive and deleted.
    pub(crate) fn for_each_element_run(&self, each: impl FnMut(DotRun)) {
        match self {
            Self::List(runs) | Self::Tree(runs) => runs.for_each_dots(each),
            Self::Text(text) => text.runs.for_each_dots(each),
            Self::Map { .. } | Self::Set(_) | Self::Counter(_) => {}
        }
    }

    /// Adds deleted elements that others hang on.
    pub(crate) fn add_skeleton(&mut self, body: &Body, dots: &[Dot], from: &VersionVector) {
        fn add<C: Content>(runs: &mut RunItems<C>, skeleton: Vec<RunItem<C>>) {
            runs.change(|runs| {
                runs.extend(skeleton);
                ordered::sort_by_key(runs, |run| run.start);
            });
        }
        match (self, body) {
            (Self::List(runs), Body::List(list)) => add(runs, list.cells.skeleton_of(dots, from)),
            (Self::Tree(runs), Body::Tree(tree)) => add(runs, tree.cells.skeleton_of(dots, from)),
            (Self::Text(text), Body::Text(body)) => {
                add(&mut text.runs, body.chars.skeleton_of(dots, from));
            }
            _ => {}
        }
    }

    /// How many runs [`Self::for_each_run`] calls back with.
    pub(crate) fn run_count(&self) -> usize {
        match self {
            Self::Map { values, children } => values.len() + children.len(),
            Self::List(runs) | Self::Tree(runs) => runs.len(),
            Self::Text(text) => text.runs.len() + text.marks.len(),
            Self::Set(items) => items.len(),
            Self::Counter(tallies) => tallies.len(),
        }
    }

    /// All dots that name something, sorted.
    pub(crate) fn all(&self) -> Vec<DotRun> {
        let mut all = Vec::with_capacity(self.run_count());
        self.for_each_run(|run| all.push(run));
        ordered::sort_dots(&mut all, |run| run.start);
        all
    }

    /// Calls back with all of these, sorted.
    pub(crate) fn for_each_sorted_run(&self, each: impl FnMut(DotRun)) {
        match self {
            // They come in order of dot.
            Self::List(_) | Self::Tree(_) | Self::Counter(_) => self.for_each_run(each),
            Self::Text(text) if text.marks.is_empty() => self.for_each_run(each),
            _ => self.all().into_iter().for_each(each),
        }
    }

    pub(crate) fn max_stamp(&self, of: Option<ReplicaId>) -> Option<Stamp> {
        match self {
            Self::Map { values, children } => {
                LwwMap::max_stamp(values, of).max(LwwMap::max_stamp(children, of))
            }
            Self::Set(items) => OrSet::max_stamp(items, of),
            Self::Text(text) => LwwMap::max_stamp(&text.marks, of),
            Self::List(runs) | Self::Tree(runs) => runs.max_stamp(of),
            Self::Counter(_) => None,
        }
    }
}

impl Body {
    pub(crate) fn as_map(&self) -> Option<&MapBody> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Map(_) => Kind::Map,
            Self::List(_) => Kind::List,
            Self::Text(_) => Kind::Text,
            Self::Set(_) => Kind::Set,
            Self::Counter(_) => Kind::Counter,
            Self::Tree(_) => Kind::Tree,
        }
    }

    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(Part::default()),
            Kind::List => Self::List(Part::default()),
            Kind::Text => Self::Text(Part::default()),
            Kind::Set => Self::Set(Part::default()),
            Kind::Counter => Self::Counter(Part::default()),
            Kind::Tree => Self::Tree(Part::default()),
        }
    }

    /// The parts of a run of deleted dots that name nothing here any more: in sequences deleted dots
    /// stay, as others hang on them.
    pub(crate) fn unnamed_in(&self, run: DotRun) -> Vec<DotRun> {
        match self {
            Self::List(list) => list.cells.unknown_in(run),
            Self::Text(text) => text.chars.unknown_in(run),
            Self::Tree(tree) => tree.cells.unknown_in(run),
            Self::Map(_) | Self::Set(_) | Self::Counter(_) => vec![run],
        }
    }

    /// Whether all that is deleted here goes on naming something: in a sequence, but for its marks.
    pub(crate) fn keeps_names(&self) -> bool {
        match self {
            Self::List(_) | Self::Tree(_) => true,
            Self::Text(text) => text.marks.is_empty(),
            Self::Map(_) | Self::Set(_) | Self::Counter(_) => false,
        }
    }

    /// What the living ones of the dots stand for, where that leaves nothing behind.
    pub(crate) fn names_of(&self, dots: &DotSet) -> Vec<(Dot, Departure)> {
        match self {
            Self::Map(map) => {
                let values = map.values.named(dots).map(|(dot, key)| (dot, key.clone()));
                let children = map
                    .children
                    .named(dots)
                    .map(|(dot, (key, _))| (dot, key.clone()));
                let names = values.chain(children);
                names.map(|(dot, key)| (dot, Departure::Key(key))).collect()
            }
            Self::Set(set) => {
                let elements = set.named(dots);
                elements
                    .map(|(dot, value)| (dot, Departure::Element(value.clone())))
                    .collect()
            }
            Self::List(_) | Self::Text(_) | Self::Counter(_) | Self::Tree(_) => Vec::new(),
        }
    }

    /// Drops deleted elements that nothing needs.
    pub(crate) fn drop_elements(&mut self, dots: &DotSet) {
        match self {
            Self::List(list) => list.cells.drop_elements(dots),
            Self::Text(text) => text.chars.drop_elements(dots),
            Self::Tree(tree) => tree.cells.drop_elements(dots),
            Self::Map(_) | Self::Set(_) | Self::Counter(_) => {}
        }
    }

    /// The deleted elements that the last join brought back.
    pub(crate) fn take_restored(&mut self) -> Vec<DotRun> {
        match self {
            Self::List(list) => list.cells.take_restored(),
            Self::Text(text) => text.chars.take_restored(),
            Self::Tree(tree) => tree.cells.take_restored(),
            Self::Map(_) | Self::Set(_) | Self::Counter(_) => Vec::new(),
        }
    }

    /// Whether deleted dots stay as the skeleton that others hang on.
    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self, Self::List(_) | Self::Text(_) | Self::Tree(_))
    }

    /// How many dots are alive.
    pub(crate) fn live_len(&self) -> usize {
        match self {
            Self::Map(map) => map.values.live_len() + map.children.live_len(),
            Self::List(list) => list.live_len(),
            Self::Text(text) => text.live_len(),
            Self::Set(set) => set.live_len(),
            Self::Counter(counter) => counter.live_len(),
            Self::Tree(tree) => tree.live_len(),
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
            Self::List(list) => list.cells.live_runs().for_each(|run| live.insert_run(run)),
            Self::Tree(tree) => tree.cells.live_runs().for_each(|run| live.insert_run(run)),
            Self::Text(text) => {
                text.chars.live_runs().for_each(|run| live.insert_run(run));
                text.marks.dots().for_each(|dot| live.insert(dot));
            }
            Self::Set(set) => set.dots().for_each(|dot| live.insert(dot)),
            Self::Counter(counter) => counter.dots().for_each(|dot| live.insert(dot)),
        }
        live
    }

    /// Whether nothing has a name here, neither alive nor as the skeleton of a sequence.
    pub(crate) fn is_bare(&self) -> bool {
        let skeleton = match self {
            Self::List(list) => list.cells.known_runs().next(),
            Self::Tree(tree) => tree.cells.known_runs().next(),
            Self::Text(text) => text.chars.known_runs().next(),
            Self::Map(_) | Self::Set(_) | Self::Counter(_) => None,
        };
        skeleton.is_none() && self.live_len() == 0
    }

    /// The dots that name something, alive or not.
    pub(crate) fn known(&self) -> DotSet {
        let mut known = match self {
            Self::List(list) => list.cells.known_runs().collect(),
            Self::Tree(tree) => tree.cells.known_runs().collect(),
            Self::Text(text) => text.chars.known_runs().collect(),
            Self::Map(_) | Self::Set(_) | Self::Counter(_) => return self.live(),
        };
        if let Self::Text(text) = self {
            text.marks
                .dots()
                .for_each(|dot| DotSet::insert(&mut known, dot));
        }
        known
    }

    /// Those of the dots that are alive.
    pub(crate) fn alive_of(&self, dots: &DotSet) -> DotSet {
        let of =
            |is_alive: &dyn Fn(Dot) -> bool| dots.dots().filter(|&dot| is_alive(dot)).collect();
        match self {
            Self::Map(map) => of(&|dot| map.values.has_dot(dot) || map.children.has_dot(dot)),
            Self::List(list) => alive_cells(&list.cells, dots),
            Self::Tree(tree) => alive_cells(&tree.cells, dots),
            Self::Text(text) => {
                let mut alive = of(&|dot| text.marks.has_dot(dot));
                let runs = dots.runs().flat_map(|run| text.chars.alive_in(run));
                runs.for_each(|run| alive.insert_run(run));
                alive
            }
            Self::Set(set) => of(&|dot| set.elements().has_dot(dot)),
            Self::Counter(counter) => of(&|dot| counter.dots().any(|other| other == dot)),
        }
    }

    pub(crate) fn collect(&self, interval: Interval<'_>) -> BodyItems {
        match self {
            Self::Map(map) => BodyItems::Map {
                values: map.values.collect(interval),
                children: map.children.collect(interval),
            },
            Self::List(list) => BodyItems::List(list.cells.collect(interval)),
            Self::Text(text) => BodyItems::Text(TextItems {
                runs: text.chars.collect(interval),
                marks: text.marks.collect(interval),
            }),
            Self::Tree(tree) => BodyItems::Tree(tree.cells.collect(interval)),
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
            Self::List(list) => list.cells.live_in(interval),
            Self::Text(text) => {
                let mut live = text.chars.live_in(interval);
                live.extend(&text.marks.live_in(interval));
                live
            }
            Self::Tree(tree) => tree.cells.live_in(interval),
            Self::Set(set) => set.live_in(interval),
            Self::Counter(counter) => counter.live_in(interval),
        }
    }

    /// Makes sure that [`Self::join`] can take the items. `wanted` are the elements that containers
    /// of the same delta are in.
    pub(crate) fn check(
        &self,
        items: &BodyItems,
        wanted: &[Dot],
        seen: &VersionVector,
    ) -> Result<Option<Plan>, MergeError> {
        let wanted = wanted.iter().copied();
        match (self, items) {
            (Self::List(list), BodyItems::List(runs)) => {
                let built = list.cells.check_with(runs, wanted, seen)?;
                Ok(built.map(Plan::Cells))
            }
            (Self::Tree(tree), BodyItems::Tree(runs)) => {
                let built = tree.cells.check_with(runs, [], seen)?;
                Ok(built.map(Plan::Cells))
            }
            (Self::Text(text), BodyItems::Text(items)) => {
                let built = text.chars.check_with(&items.runs, items.anchors(), seen)?;
                text.marks.check(&items.marks, seen)?;
                Ok(built.map(Plan::Chars))
            }
            (Self::Map(map), BodyItems::Map { values, children }) => {
                map.values.check(values, seen)?;
                map.children.check(children, seen)?;
                Ok(None)
            }
            (Self::Set(set), BodyItems::Set(items)) => {
                set.check(items, seen)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// The first of these dots that is a mark of this text.
    pub(crate) fn mark_in(&self, run: DotRun) -> Option<Dot> {
        match self {
            Self::Text(text) => text.marks.first_in(run),
            _ => None,
        }
    }

    /// The dots of a counter that the items may replace, and theirs. The newest word of a replica counts, so
    /// a hostile one that does not say that it took back what it had said leaves dots that are not alive.
    pub(crate) fn counted(&self, items: &BodyItems) -> DotSet {
        let (Self::Counter(counter), BodyItems::Counter(tallies)) = (self, items) else {
            return DotSet::new();
        };
        let here = tallies
            .iter()
            .filter_map(|tally| counter.tally_of(tally.dot.replica));
        here.chain(tallies.iter().copied())
            .map(|tally| tally.dot)
            .collect()
    }

    /// Takes in what is new of the items; gives what a reader sees of it, in full only if it `is_told`.
    pub(crate) fn join(
        &mut self,
        items: Cow<'_, BodyItems>,
        plan: Option<Plan>,
        wanted: &[Dot],
        (seen, is_told): (&VersionVector, bool),
    ) -> ChangeKind {
        if let (Self::Map(_), BodyItems::Map { values, children }) = (&*self, &*items) {
            let new = |dot| is_told && !seen.contains(dot);
            let at = values.iter().map(|item| (item.sibling.dot, &item.key));
            let inside = children.iter().map(|item| (item.sibling.dot, &item.key.0));
            let keys = at.chain(inside).filter(|&(dot, _)| new(dot));
            let keys = keys.map(|(_, key)| key.clone()).collect();
            self.take_entries(items, seen);
            return ChangeKind::Map(keys);
        }
        match (self, &*items) {
            (Self::List(list), BodyItems::List(items)) => {
                let built = plan.and_then(Plan::cells);
                ChangeKind::List(list.join(items, built, wanted, seen))
            }
            (Self::Text(text), BodyItems::Text(items)) => {
                let built = plan.and_then(Plan::chars);
                ChangeKind::Text(text.join(items, built, (seen, is_told)))
            }
            (body @ Self::Set(_), BodyItems::Set(_)) => {
                body.take_entries(items, seen);
                ChangeKind::Set
            }
            (Self::Counter(counter), BodyItems::Counter(items)) => {
                counter.join(items, (), seen, &mut ());
                ChangeKind::Counter
            }
            (Self::Tree(tree), BodyItems::Tree(items)) => {
                ChangeKind::Tree(tree.join(items, plan.and_then(Plan::cells), seen))
            }
            _ => unreachable!("a path ends in the kind of its container, and so do its items"),
        }
    }

    /// Takes in entries, those that nobody else needs without a copy.
    fn take_entries(&mut self, items: Cow<'_, BodyItems>, seen: &VersionVector) {
        match (self, items) {
            (Self::Map(map), Cow::Owned(BodyItems::Map { values, children })) => {
                map.values.take_in(Cow::Owned(values), seen);
                map.children.take_in(Cow::Owned(children), seen);
            }
            (Self::Map(map), Cow::Borrowed(BodyItems::Map { values, children })) => {
                map.values.take_in(Cow::Borrowed(values), seen);
                map.children.take_in(Cow::Borrowed(children), seen);
            }
            (Self::Set(set), Cow::Owned(BodyItems::Set(items))) => {
                set.take_in(Cow::Owned(items), seen);
            }
            (Self::Set(set), Cow::Borrowed(BodyItems::Set(items))) => {
                set.take_in(Cow::Borrowed(items), seen);
            }
            _ => {}
        }
    }

    /// Removes those of the dots that are alive; gives what a reader sees of it.
    pub(crate) fn remove(&mut self, dots: &DotSet) -> ChangeKind {
        match self {
            Self::Map(map) => {
                let mut keys = BTreeSet::new();
                map.values.remove(dots, &mut keys);
                let mut keys: Touched<String> = keys.into_iter().collect();
                let mut slots = BTreeSet::new();
                map.children.remove(dots, &mut slots);
                keys.extend(slots.into_iter().map(|(key, _)| key));
                ChangeKind::Map(keys)
            }
            Self::List(list) => ChangeKind::List(list.remove(dots)),
            Self::Text(text) => ChangeKind::Text(text.remove(dots)),
            Self::Set(set) => {
                set.remove(dots, &mut BTreeSet::new());
                ChangeKind::Set
            }
            Self::Counter(counter) => {
                counter.remove(dots, &mut ());
                ChangeKind::Counter
            }
            Self::Tree(tree) => ChangeKind::Tree(tree.remove(dots)),
        }
    }

    /// Notes whether something lives in the container of an element; what a reader sees of it.
    pub(crate) fn keep(&mut self, element: Dot, kind: Kind, lives: bool) -> Option<ChangeKind> {
        match self {
            Self::List(list) => {
                let patches = list.keep(element, kind, lives);
                (!patches.is_empty()).then_some(ChangeKind::List(patches))
            }
            Self::Tree(tree) => tree.keep(element, lives).map(ChangeKind::Tree),
            _ => None,
        }
    }
}

fn alive_cells(cells: &Sequence<Cells>, dots: &DotSet) -> DotSet {
    dots.runs().flat_map(|run| cells.alive_in(run)).collect()
}
