//! What a reader is told of an edit or a merge.

use crate::ordered;
use std::ops::Range;

use super::cell::Cells;
use super::Touched;
use crate::sequence::content::{Chars, Extent};
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
    Map(Touched<String>),
    /// Elements came and went.
    List(Vec<ListPatch>),
    /// Characters came and went, or, if there are no patches, only marks.
    Text(Vec<TextPatch>),
    /// Elements came or went.
    Set,
    /// The number changed.
    Counter,
    /// These nodes came, went or moved.
    Tree(Touched<Dot>),
}

impl ChangeKind {
    pub(crate) fn none(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map(Touched::default()),
            Kind::List => Self::List(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Set => Self::Set,
            Kind::Counter => Self::Counter,
            Kind::Tree => Self::Tree(Touched::default()),
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
        let inserted = patch.inserted.map(Chars::into_string).unwrap_or_default();
        Self {
            at: patch.at,
            deleted: patch.deleted,
            inserted,
        }
    }
}

impl From<Patch<Cells>> for ListPatch {
    fn from(patch: Patch<Cells>) -> Self {
        Self {
            at: patch.at.chars,
            deleted: patch.deleted.chars,
            inserted: patch.inserted.unwrap_or_default(),
        }
    }
}

/// What happened in a document, container by container.
///
/// It takes the same for a container however deep it is: each is named by what it is in and the step
/// from there.
#[derive(Clone, Default, Debug)]
pub struct Changes {
    /// The containers in which something happened, and those that these are in, in order of what each is
    /// in and of its step there. A vector, as a tree's nodes are mostly half empty.
    entries: Vec<Entry>,
}

/// A container, and what happened in it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) parent: Number,
    pub(crate) number: Number,
    pub(crate) step: Step,
    // Boxed, as in many that are named nothing happened.
    pub(crate) change: Option<Box<ChangeKind>>,
}

impl Entry {
    fn place(&self) -> (Number, &Step) {
        (self.parent, &self.step)
    }
}

/// The number of a container, here only.
type Number = u32;

/// That of the document itself, which is not among the containers.
const TOP: Number = 0;

impl Changes {
    /// Of the containers in which something happened, and of all that they are in.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        Self { entries }
    }

    /// The containers in which something happened, in order of their paths; O(length of the path) for
    /// each, and a logarithm.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &ChangeKind)> {
        let mut open = vec![self.inside(TOP)];
        let mut steps = Vec::new();
        std::iter::from_fn(move || loop {
            let Some(at) = open.last_mut()?.next() else {
                open.pop();
                steps.pop();
                continue;
            };
            let entry = &self.entries[at];
            steps.push(entry.step.clone());
            open.push(self.inside(entry.number));
            if let Some(change) = entry.change.as_deref() {
                return Some((Path::from_steps(steps.clone()), change));
            }
        })
    }

    /// What happened in one container; a logarithm for each step of the path.
    pub fn of(&self, path: &Path) -> Option<&ChangeKind> {
        let mut last = None;
        for step in path.steps() {
            let parent = last.map_or(TOP, |entry: &Entry| entry.number);
            last = Some(&self.entries[self.find(parent, step).ok()?]);
        }
        last?.change.as_deref()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds what happened afterwards; a logarithm for each container of that, and where there are others
    /// than before, O(containers).
    pub fn extend(&mut self, mut later: Self) {
        if self.is_empty() {
            *self = later;
            return;
        }
        let numbers = self.entries.iter().map(|entry| entry.number);
        let mut last = numbers.max().unwrap_or(TOP);
        let mut new = Vec::new();
        let mut open = vec![(TOP, TOP)];
        while let Some((of_later, parent)) = open.pop() {
            for at in later.inside(of_later) {
                let entry = &mut later.entries[at];
                let change = entry.change.take();
                let number = if let Ok(own) = self.find(parent, &entry.step) {
                    let own = &mut self.entries[own];
                    match (&mut own.change, change) {
                        (Some(earlier), Some(change)) => earlier.extend(*change),
                        (None, change) => own.change = change,
                        (Some(_), None) => {}
                    }
                    own.number
                } else {
                    last += 1;
                    new.push(Entry {
                        parent,
                        number: last,
                        step: entry.step.clone(),
                        change,
                    });
                    last
                };
                open.push((entry.number, number));
            }
        }
        if !new.is_empty() {
            self.entries.append(&mut new);
            // What is in order but for its end is sorted by merging.
            ordered::sort_by(&mut self.entries, |a, b| a.place().cmp(&b.place()));
        }
    }

    /// Which of the entries is this container, or where it would be.
    fn find(&self, parent: Number, step: &Step) -> Result<usize, usize> {
        let place = (parent, step);
        self.entries
            .binary_search_by(|entry| entry.place().cmp(&place))
    }

    /// Which of the entries are in one, in the order of their steps.
    fn inside(&self, number: Number) -> Range<usize> {
        let start = self.entries.partition_point(|entry| entry.parent < number);
        let end = self.entries.partition_point(|entry| entry.parent <= number);
        start..end
    }
}

impl PartialEq for Changes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
