//! What a reader is told of an edit or a merge.

use crate::ordered::{BTreeMap, BTreeSet};
use crate::plain::plain;

use super::cell::Cells;
use crate::sequence::content::{Chars, Content, Extent};
use crate::sequence::Patch;
use crate::{Dot, Kind, Path, Step};

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
    /// Characters came and went, or, if there are no patches, only marks.
    Text(Vec<TextPatch>),
    /// Elements came or went.
    Set,
    /// The number changed.
    Counter,
    /// These nodes came, went or moved.
    Tree(BTreeSet<Dot>),
}

impl ChangeKind {
    pub(crate) fn none(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(BTreeSet::new()),
            Kind::List => Self::List(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Set => Self::Set,
            Kind::Counter => Self::Counter,
            Kind::Tree => Self::Tree(BTreeSet::new()),
        }
    }

    /// Adds what happened afterwards to the same container.
    pub(crate) fn extend(&mut self, later: Self) {
        match (self, later) {
            (Self::Map(keys), Self::Map(later)) => keys.extend(later),
            (Self::List(patches), Self::List(later)) => patches.extend(later),
            (Self::Text(patches), Self::Text(later)) => patches.extend(later),
            (Self::Tree(nodes), Self::Tree(later)) => nodes.extend(later),
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

impl From<Patch<Cells>> for ListPatch {
    fn from(patch: Patch<Cells>) -> Self {
        let inserted = patch.inserted.map_or(0, |cells| cells.extent().chars);
        Self {
            at: patch.at.chars,
            deleted: patch.deleted.chars,
            inserted,
        }
    }
}

/// What happened in a document, container by container.
///
/// It takes the same for a container however deep it is: each is named by what it is in and the step
/// from there.
#[derive(Clone, Default, Debug)]
pub struct Changes {
    /// The numbers of the containers in which something happened, and of those that these are in.
    numbers: BTreeMap<(Number, Step), Number>,
    kinds: BTreeMap<Number, ChangeKind>,
    /// The greatest number.
    last: Number,
}

/// The number of a container, here only.
type Number = u32;

/// That of the document itself, which is not among the containers.
const TOP: Number = 0;

impl Changes {
    /// From what happened, by the numbers of the containers, and from the numbers of these and of all
    /// that they are in, by what they are in themselves and the step from there.
    pub(crate) fn new(
        kinds: BTreeMap<Number, ChangeKind>,
        numbers: BTreeMap<(Number, Step), Number>,
    ) -> Self {
        let last = numbers.values().copied().max().unwrap_or(TOP);
        Self {
            numbers,
            kinds,
            last,
        }
    }

    /// The containers in which something happened, in order of their paths; O(length of the path) for
    /// each, and a logarithm.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &ChangeKind)> {
        let mut open = vec![self.inside(TOP)];
        let mut steps = Vec::new();
        std::iter::from_fn(move || loop {
            let Some((step, number)) = open.last_mut()?.next() else {
                open.pop();
                steps.pop();
                continue;
            };
            steps.push(step.clone());
            open.push(self.inside(number));
            if let Some(change) = self.kinds.get(&number) {
                return Some((Path::from_steps(steps.clone()), change));
            }
        })
    }

    /// What happened in one container; a logarithm for each step of the path.
    pub fn of(&self, path: &Path) -> Option<&ChangeKind> {
        let mut steps = path.steps().iter();
        let number = steps.try_fold(TOP, |parent, step| {
            self.numbers.get(&(parent, step.clone())).copied()
        })?;
        self.kinds.get(&number)
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Adds what happened afterwards; a logarithm for each container of that.
    pub fn extend(&mut self, mut later: Self) {
        if self.is_empty() {
            *self = later;
            return;
        }
        let mut open = vec![(TOP, TOP)];
        while let Some((of_later, of_self)) = open.pop() {
            for (step, number) in later.inside(of_later) {
                let own = self.numbers.entry((of_self, step.clone()));
                let own = *own.or_insert_with(|| {
                    self.last += 1;
                    self.last
                });
                open.push((number, own));
            }
            if let Some(change) = later.kinds.remove(&of_later) {
                match self.kinds.get_mut(&of_self) {
                    Some(earlier) => earlier.extend(change),
                    None => drop(self.kinds.insert(of_self, change)),
                }
            }
        }
    }

    /// The containers in one, in the order of their steps.
    fn inside(&self, number: Number) -> impl Iterator<Item = (&Step, Number)> {
        let first = Step {
            key: "".into(),
            kind: Kind::Map,
        };
        let inside = (number, first.clone())..(number + 1, first);
        let inside = self.numbers.range(inside);
        plain(inside.map(|((_, step), &number)| (step, number)))
    }
}

impl PartialEq for Changes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
