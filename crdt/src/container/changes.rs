//! What a reader is told of an edit or a merge.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The containers in which something happened, and those that these are in.
    containers: BTreeMap<(Number, Step), Changed>,
    /// The greatest number of a container.
    last: Number,
}

/// The number of a container, here only.
type Number = u32;

/// That of the document itself, which is not among the containers.
const TOP: Number = 0;

#[derive(Clone, Debug)]
struct Changed {
    number: Number,
    /// `None` where something happened only in a container inside.
    change: Option<ChangeKind>,
}

/// A container that changed, or that another one is in: what it is in, the step from there, its number,
/// and what happened to it.
pub(crate) type Note = (Number, Step, Number, Option<ChangeKind>);

impl Changes {
    /// The containers in which something happened, in order of their paths; O(1) for each step of a
    /// path, and a logarithm for each container.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &ChangeKind)> {
        let mut open = vec![self.inside(TOP)];
        let mut steps = Vec::new();
        std::iter::from_fn(move || loop {
            let Some((step, changed)) = open.last_mut()?.next() else {
                open.pop();
                steps.pop();
                continue;
            };
            steps.push(step.clone());
            open.push(self.inside(changed.number));
            if let Some(change) = &changed.change {
                return Some((Path::from_steps(steps.clone()), change));
            }
        })
    }

    /// What happened in one container; O(depth · log n).
    pub fn of(&self, path: &Path) -> Option<&ChangeKind> {
        let (last, above) = path.steps().split_last()?;
        let find = |parent, step: &Step| self.containers.get(&(parent, step.clone()));
        let parent = above.iter().try_fold(TOP, |parent, step| {
            find(parent, step).map(|changed| changed.number)
        })?;
        find(parent, last)?.change.as_ref()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// Adds what happened afterwards; a logarithm for each container of that.
    pub fn extend(&mut self, mut later: Self) {
        let mut open = vec![(TOP, TOP)];
        while let Some((number, own)) = open.pop() {
            let inside = later.containers.range_mut(range_of(number));
            for ((_, step), changed) in inside {
                let (inside, change) = (changed.number, changed.change.take());
                open.push((inside, self.add(own, step.clone(), change)));
            }
        }
    }

    /// Adds what happened to one container; gives its number.
    fn add(&mut self, parent: Number, step: Step, later: Option<ChangeKind>) -> Number {
        let changed = self.containers.entry((parent, step)).or_insert_with(|| {
            self.last += 1;
            Changed {
                number: self.last,
                change: None,
            }
        });
        match (&mut changed.change, later) {
            (Some(change), Some(later)) => change.extend(later),
            (change, later) => *change = change.take().or(later),
        }
        changed.number
    }

    /// The containers in one, in the order of their steps.
    fn inside(&self, number: Number) -> impl Iterator<Item = (&Step, &Changed)> {
        let inside = self.containers.range(range_of(number));
        inside.map(|((_, step), changed)| (step, changed))
    }
}

fn range_of(number: Number) -> std::ops::Range<(Number, Step)> {
    let first = Step {
        key: "".into(),
        kind: Kind::Map,
    };
    (number, first.clone())..(number + 1, first)
}

/// From each container once.
impl FromIterator<Note> for Changes {
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        let mut last = TOP;
        let containers = notes.into_iter().map(|(parent, step, number, change)| {
            last = last.max(number);
            ((parent, step), Changed { number, change })
        });
        Self {
            containers: containers.collect(),
            last,
        }
    }
}

impl PartialEq for Changes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
