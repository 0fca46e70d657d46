//! What a document's lists and trees hold at one place.

use crate::plain::plain;
use std::ops::Range;

use crate::sequence::content::{even, Content, Extent, Unit};
use crate::sequence::RunItems;
use crate::sorted::Sorted;
use crate::{Dot, DotRun, Kind, Minute, ReplicaId, Sequence, Stamp, Value};

/// One element of the sequence under a list or a tree.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Cell {
    /// An element of a list: a plain value.
    Value(Value),
    /// An element of a list: a container, named after this cell.
    Child(Kind),
    /// A node of a tree, named after this cell, under another or at the top.
    Node { under: Option<Dot> },
    /// Where an element or a node has been moved to; of several that are alive the one with the
    /// greatest (stamp, dot) counts.
    Place(Box<Moved>),
}

/// Where an element or node has been moved to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Moved {
    pub(crate) of: Dot,
    /// In a tree: under which node, or at the top.
    pub(crate) under: Option<Dot>,
    pub(crate) stamp: Stamp,
}

impl Cell {
    pub(super) fn is_place(&self) -> bool {
        matches!(self, Self::Place(_))
    }
}

/// The living places of the elements or nodes that were moved: the element, when, and the place. In order,
/// so that of the places of an element the last one counts.
#[derive(Clone, Default, Debug)]
pub(super) struct Places {
    all: Sorted<(Dot, Stamp, Dot)>,
}

impl Places {
    pub(super) fn insert(&mut self, of: Dot, stamp: Stamp, place: Dot) {
        let new = (of, stamp, place);
        let at = self.all.seek(|other| *other < new);
        self.all.insert(at, new);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn of(&self, element: Dot) -> impl Iterator<Item = Dot> + '_ {
        let first = self.all.seek(|&(of, ..)| of < element);
        let all = self.all.iter_from(first);
        all.take_while(move |&&(of, ..)| of == element)
            .map(|&(_, _, place)| place)
    }

    pub(super) fn last_of(&self, element: Dot) -> Option<Dot> {
        self.of(element).last()
    }

    /// All of them: the elements, in order, and where each is.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Dot, Dot)> + '_ {
        self.all.iter().map(|&(of, _, place)| (of, place))
    }

    /// Forgets those of an element's places for which `goes` says so.
    pub(super) fn forget(&mut self, element: Dot, goes: impl Fn(Dot) -> bool) {
        let first = self.all.seek(|&(of, ..)| of < element);
        let all = self.all.iter_from(first);
        let its = all.take_while(|&&(of, ..)| of == element).copied();
        let gone: Vec<_> = its.filter(|&(_, _, place)| goes(place)).collect();
        for old in gone {
            let at = self.all.seek(|other| *other < old);
            self.all.remove(at);
        }
    }
}

/// The cells of a run.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Cells(pub(crate) Vec<Cell>);

impl From<Cell> for Cells {
    fn from(cell: Cell) -> Self {
        Self(vec![cell])
    }
}

impl Content for Cells {
    type View<'a> = &'a [Cell];
    /// How many there are: whoever wants to know what they are looks at the list.
    type Told = usize;

    fn extent(&self) -> Extent {
        even(self.0.len())
    }

    fn extent_of(&self, elements: Range<usize>) -> Extent {
        even(elements.len())
    }

    fn view(&self, elements: Range<usize>) -> &[Cell] {
        &self.0[elements]
    }

    fn raw_len(view: &[Cell]) -> usize {
        view.len()
    }

    fn view_from(&self, at: usize, len: usize) -> &[Cell] {
        &self.0[at..at + len]
    }

    fn owned(view: &[Cell]) -> Self {
        Self(view.to_vec())
    }

    fn insert(&mut self, at: usize, new: Self) {
        self.0.splice(at..at, new.0);
    }

    fn insert_view(&mut self, at: usize, new: &[Cell]) {
        self.0.splice(at..at, new.iter().cloned());
    }

    fn remove(&mut self, elements: Range<usize>) {
        self.0.drain(elements);
    }

    fn split_off(&mut self, at: usize) -> Self {
        Self(Content::split_off(&mut self.0, at))
    }

    fn append(&mut self, mut next: Self) {
        self.0.append(&mut next.0);
    }

    fn append_view(&mut self, next: &[Cell]) {
        self.0.extend_from_slice(next);
    }

    fn concat(views: &[&[Cell]]) -> Self {
        Self(views.concat())
    }

    fn tell(view: &[Cell], told: &mut usize) {
        *told += view.len();
    }

    fn elements_in(&self, _: usize, _: Unit, offset: usize) -> Option<usize> {
        Some(offset)
    }

    /// A place is hidden until it is known that it is the one that counts.
    fn fate(&self, elements: Range<usize>) -> (usize, bool) {
        let rest = &self.0[elements];
        let is_place = rest.first().is_some_and(Cell::is_place);
        let same = rest.iter().take_while(|cell| cell.is_place() == is_place);
        (same.count(), !is_place)
    }
}

impl Sequence<Cells> {
    /// A cell that has content.
    pub(crate) fn cell(&self, dot: Dot) -> Option<&Cell> {
        self.content_of(dot, 1)?.first()
    }
}

impl RunItems<Cells> {
    /// The cells that have content.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &Cell> + Clone + '_ {
        plain(self.contents().flat_map(|cells| cells.0.iter()))
    }

    /// The same with their dots.
    pub(crate) fn living(&self) -> impl Iterator<Item = (Dot, &Cell)> {
        plain(self.live().flat_map(DotRun::dots).zip(self.cells()))
    }

    /// The same, and when they were inserted.
    pub(crate) fn inserted_cells(&self) -> impl Iterator<Item = (Minute, (Dot, &Cell))> {
        let dots = self.inserted();
        let dots = dots.flat_map(|(minute, run)| run.dots().map(move |dot| (minute, dot)));
        let cells = dots.zip(self.cells());
        plain(cells.map(|((minute, dot), cell)| (minute, (dot, cell))))
    }

    /// The places and their dots.
    fn places(&self) -> impl Iterator<Item = (Dot, &Moved)> + '_ {
        plain(self.living().filter_map(|(dot, cell)| match cell {
            Cell::Place(moved) => Some((dot, &**moved)),
            _ => None,
        }))
    }

    /// The greatest stamp among the places, or among those of one replica.
    pub(super) fn max_stamp(&self, of: Option<ReplicaId>) -> Option<Stamp> {
        match of {
            None => self.contents().flat_map(|cells| stamps(&cells.0)).max(),
            Some(of) => {
                let own = self.places().filter(|(dot, _)| dot.replica == of);
                own.map(|(_, moved)| moved.stamp).max()
            }
        }
    }
}

/// The stamps of the places.
pub(crate) fn stamps(cells: &[Cell]) -> impl Iterator<Item = Stamp> + '_ {
    plain(cells.iter().filter_map(|cell| match cell {
        Cell::Place(moved) => Some(moved.stamp),
        _ => None,
    }))
}

/// The elements and nodes that the cells speak of.
pub(crate) fn named(cells: &[Cell]) -> impl Iterator<Item = Dot> + '_ {
    plain(cells.iter().flat_map(|cell| {
        let (of, under) = match cell {
            Cell::Place(moved) => (Some(moved.of), moved.under),
            Cell::Node { under } => (None, *under),
            Cell::Value(_) | Cell::Child(_) => (None, None),
        };
        of.into_iter().chain(under)
    }))
}
