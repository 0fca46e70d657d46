//! A document's list: elements that can be moved.
//!
//! An element is named by the dot of the cell that made it. Moving it puts a [`Cell::Place`] where it
//! goes, in place of those that were seen; of concurrent ones the greatest (stamp, dot) counts, so an
//! element is never in two places (Kleppmann, "Moving Elements in List CRDTs", `PaPoC` 2020). The cell
//! of an element that is elsewhere, and places that do not count, are hidden.
//!
//! A deleted element of whose container something survived is *kept*: it is shown where it was.

use crate::ordered::{self, BTreeSet};
use crate::plain::plain;

use super::cell::{Cell, Cells, Moved, Places};
use super::ListPatch;
use crate::sequence::content::even;
use crate::sequence::run::{RunItem, Side};
use crate::sequence::stroke::Typed;
use crate::sequence::{Built, Life, RunItems};
use crate::{Change, Dot, DotRun, DotSet, DotStore, Kind, Sequence, Value, VersionVector};

/// What a list shows at an index.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Element<'a> {
    Value(&'a Value),
    Child(Kind),
}

#[derive(Clone, Default, Debug)]
pub(crate) struct ListBody {
    pub(crate) cells: Sequence<Cells>,
    places: Places,
    /// The elements of whose containers something lives: of use once they are deleted.
    inside: BTreeSet<(Dot, Kind)>,
    /// How many cells are alive.
    live: usize,
}

impl ListBody {
    pub(crate) fn len(&self) -> usize {
        self.cells.extent().chars
    }

    pub(crate) fn live_len(&self) -> usize {
        self.live
    }

    /// The element at an index and what it is; O(log n).
    pub(crate) fn get(&self, index: usize) -> Option<(Dot, Element<'_>)> {
        self.element(self.cells.dot_at(index)?)
    }

    /// The elements, in order.
    pub(crate) fn elements(&self) -> impl Iterator<Item = (Dot, Element<'_>)> {
        let cells = self
            .cells
            .shown()
            .flat_map(|(start, cells)| (0..cells.len()).map(move |i| start.plus(i as u64)));
        plain(cells.filter_map(|dot| self.element(dot)))
    }

    /// What an element is, wherever it is shown.
    pub(crate) fn by_dot(&self, element: Dot) -> Option<Element<'_>> {
        let Some(cell) = self.cells.cell(element) else {
            return self.kept_kind(element).map(Element::Child);
        };
        match cell {
            Cell::Value(value) => Some(Element::Value(value)),
            Cell::Child(kind) => Some(Element::Child(*kind)),
            Cell::Node { .. } | Cell::Place(_) => None,
        }
    }

    /// Where an element is shown.
    pub(crate) fn index_of(&self, element: Dot) -> Option<usize> {
        let place = self.place_of(element).unwrap_or(element);
        Some(self.cells.offset_of(place)?.chars)
    }

    /// The index at which an element begins or ends, or that of the gap that it left.
    pub(crate) fn edge_of(&self, element: Dot, side: Side) -> Option<usize> {
        let place = self.place_of(element).unwrap_or(element);
        let (start, end) = self.cells.span_of(place)?;
        Some(match side {
            Side::Left => start.chars,
            Side::Right => end.chars,
        })
    }

    /// The element that a shown cell stands for.
    fn element(&self, cell: Dot) -> Option<(Dot, Element<'_>)> {
        let dot = match self.cells.cell(cell)? {
            Cell::Place(moved) => moved.of,
            _ => cell,
        };
        Some((dot, self.by_dot(dot)?))
    }

    /// The place that counts, of an element that was moved.
    fn place_of(&self, element: Dot) -> Option<Dot> {
        self.places.last_of(element)
    }

    /// Inserts elements before an index, which the caller has bounded; gives the first one's dot.
    pub(crate) fn insert(&mut self, index: usize, cells: Vec<Cell>, change: &mut Change) -> Dot {
        self.live += cells.len();
        self.cells.insert_at(index, Cells(cells), change)
    }

    /// Moves the element at `from` so that it is at index `to` afterwards; the caller has bounded
    /// both, and they differ.
    pub(crate) fn move_to(
        &mut self,
        from: usize,
        to: usize,
        change: &mut Change,
    ) -> Vec<ListPatch> {
        let (of, _) = self.get(from).expect("the caller has bounded the index");
        let before = if to > from { to + 1 } else { to };
        let cell = Cell::Place(Box::new(Moved {
            of,
            under: None,
            stamp: change.stamp(),
        }));
        let place = self.cells.insert_at(before, cell.into(), change);
        self.cells.set_life(place, Life::Hidden, None);
        self.live += 1;
        let old: DotSet = self.places.of(of).collect();
        self.places.forget(of, |_| true);
        self.places.insert(of, change.stamp(), place);
        change.removed(place, old.runs());
        let mut patches = self.bury(&old);
        self.settle(of, &mut patches);
        patches
    }

    /// The dots that are alive of the elements in a range of indexes: their cells and their places.
    pub(crate) fn dots_of_elements(&self, elements: impl Iterator<Item = Dot>) -> DotSet {
        let mut dots = DotSet::new();
        for element in elements {
            if self.cells.life_of(element).is_some_and(Life::is_alive) {
                dots.insert(element);
            }
            self.places.of(element).for_each(|place| dots.insert(place));
        }
        dots
    }

    /// The living places of an element.
    pub(crate) fn places_of(&self, element: Option<Dot>) -> DotSet {
        let places = element.into_iter().flat_map(|of| self.places.of(of));
        places.collect()
    }

    /// Of living cells: without the places of elements for which none of them counts.
    pub(crate) fn movable_back(&self, cells: &DotSet) -> DotSet {
        let counts = |dot: &Dot| match self.cells.cell(*dot) {
            Some(Cell::Place(moved)) => {
                let counting = self.place_of(moved.of);
                counting.is_some_and(|place| cells.contains(place))
            }
            _ => true,
        };
        cells.dots().filter(counts).collect()
    }

    /// The places of those of the elements of which nothing will be left without their cells.
    pub(crate) fn places_with(&self, cells: &DotSet) -> DotSet {
        let elements = cells.dots().filter(|&dot| self.kept_kind(dot).is_none());
        elements.flat_map(|of| self.places.of(of)).collect()
    }

    /// Puts a cell after another; what a reader sees of it.
    pub(crate) fn put_after(
        &mut self,
        left: Option<Dot>,
        cell: Cell,
        change: &mut Change,
    ) -> Vec<ListPatch> {
        let moved = match &cell {
            Cell::Place(place) => Some((place.of, place.stamp)),
            _ => None,
        };
        let right = self.cells.needed_after(left, &|_| Vec::new());
        let dot = self.cells.insert_between(left, right, cell.into(), change);
        self.live += 1;
        let mut shown = Vec::new();
        if let Some((of, stamp)) = moved {
            self.places.insert(of, stamp, dot);
        } else {
            let at = self.cells.offset_of(dot);
            shown.push(ListPatch {
                at: at.expect("the cell was just put there").chars,
                deleted: 0,
                inserted: 1,
            });
        }
        let element = moved.map_or(dot, |(of, _)| of);
        self.settle(element, &mut shown);
        shown
    }

    pub(crate) fn join(
        &mut self,
        items: &RunItems<Cells>,
        built: Option<Built<Cells>>,
        wanted: &[Dot],
        seen: &VersionVector,
    ) -> Vec<ListPatch> {
        let was_empty = self.len() == 0;
        let mut patches = Vec::new();
        self.cells.join_with(
            items,
            built,
            wanted.iter().copied(),
            seen,
            Some(&mut patches),
        );
        let mut patches = patches.into_iter().map(ListPatch::from).collect();
        let moved = self.learn(items, wanted, seen);
        for element in moved {
            self.settle(element, &mut patches);
            if was_empty {
                patches.clear();
            }
        }
        if was_empty {
            // However it came about, all of it is new.
            patches = self.whole_patch();
        }
        patches
    }

    /// Takes note of new cells; gives the elements that may not be shown where they came.
    fn learn(&mut self, items: &RunItems<Cells>, wanted: &[Dot], seen: &VersionVector) -> Vec<Dot> {
        let mut moved = wanted.to_vec();
        self.learn_each(items, &mut moved, seen);
        ordered::sort(&mut moved);
        moved.dedup();
        moved
    }

    fn learn_each(&mut self, items: &RunItems<Cells>, moved: &mut Vec<Dot>, seen: &VersionVector) {
        // In most lists nothing was moved, and nothing survived.
        let is_plain = |list: &Self| list.places.is_empty() && list.inside.is_empty();
        let is_new = items.links().all(|run| !seen.contains(run.dots.start));
        if is_plain(self) && is_new && items.cells().all(|cell| !cell.is_place()) {
            self.live += items.cells().count();
            return;
        }
        for (dot, cell) in items.living().filter(|&(dot, _)| !seen.contains(dot)) {
            self.live += 1;
            if let Cell::Place(place) = cell {
                self.places.insert(place.of, place.stamp, dot);
                if moved.last() != Some(&place.of) {
                    moved.push(place.of);
                }
            }
            let is_elsewhere = self.place_of(dot).is_some() || self.kept_kind(dot).is_some();
            if !is_plain(self) && is_elsewhere {
                moved.push(dot);
            }
        }
    }

    /// Takes in new elements that are plain values; `None`, with nothing done, if they are anything else, or
    /// hang on nothing known. O(log n).
    pub(crate) fn strike(&mut self, run: &RunItem<Cells>, cells: &Cells) -> Option<ListPatch> {
        let plain = cells.0.iter().all(|cell| matches!(cell, Cell::Value(_)));
        let known = run.dots().dots();
        let mut known = known.filter(|&dot| {
            self.place_of(dot)
                .or(self.kept_kind(dot).map(|_| dot))
                .is_some()
        });
        if !plain || self.len() == 0 || known.next().is_some() {
            return None;
        }
        let typed = Typed {
            link: run.link(),
            content: &cells.0[..],
            extent: even(cells.0.len()),
        };
        let struck = self.cells.strike(None, Some(&typed))?;
        self.live += cells.0.len();
        Some(ListPatch {
            at: struck.came?.chars,
            deleted: 0,
            inserted: cells.0.len(),
        })
    }

    fn whole_patch(&self) -> Vec<ListPatch> {
        if self.len() == 0 {
            return Vec::new();
        }
        vec![ListPatch {
            at: 0,
            deleted: 0,
            inserted: self.len(),
        }]
    }

    /// Removes those of the dots that are alive.
    pub(crate) fn remove(&mut self, dots: &DotSet) -> Vec<ListPatch> {
        let mut touched = BTreeSet::new();
        let alive = dots.runs().flat_map(|run| self.cells.alive_in(run));
        let alive: Vec<Dot> = alive.flat_map(DotRun::dots).collect();
        for dot in alive {
            touched.insert(dot);
            if let Some(Cell::Place(moved)) = self.cells.cell(dot) {
                touched.insert(moved.of);
            }
        }
        for element in &touched {
            self.places.forget(*element, |place| dots.contains(place));
        }
        let mut patches = self.bury(dots);
        for element in touched {
            self.settle(element, &mut patches);
        }
        patches
    }

    /// Notes whether something lives in the container of an element.
    pub(crate) fn keep(&mut self, element: Dot, kind: Kind, lives: bool) -> Vec<ListPatch> {
        if lives {
            self.inside.insert((element, kind));
        } else {
            self.inside.remove(&(element, kind));
        }
        let mut patches = Vec::new();
        self.settle(element, &mut patches);
        patches
    }

    /// Whether an element was deleted, and is shown for what survived in it.
    pub(crate) fn is_kept(&self, element: Dot) -> bool {
        !self.is_alive(element)
    }

    /// Whether an element is there and was not deleted.
    pub(crate) fn is_alive(&self, element: Dot) -> bool {
        self.cells.life_of(element).is_some_and(Life::is_alive)
    }

    fn kept_kind(&self, element: Dot) -> Option<Kind> {
        let kinds = (element, Kind::ALL[0])..;
        let (dot, kind) = self.inside.range(kinds).next()?;
        (*dot == element).then_some(*kind)
    }

    fn bury(&mut self, dots: &DotSet) -> Vec<ListPatch> {
        let mut patches = Vec::new();
        let alive = dots.runs().flat_map(|run| self.cells.alive_in(run));
        self.live -= alive.map(|run| run.len as usize).sum::<usize>();
        self.cells.remove(dots, &mut patches);
        patches.into_iter().map(ListPatch::from).collect()
    }

    /// Shows an element where it is to be seen, and there only.
    fn settle(&mut self, element: Dot, patches: &mut Vec<ListPatch>) {
        if let Some(Cell::Place(_)) = self.cells.cell(element) {
            // A place is no element, whatever a hostile copy says: it cannot be moved.
            let places: Vec<Dot> = self.places.of(element).collect();
            for place in places {
                let hidden = self.cells.set_life(place, Life::Hidden, None);
                patches.extend(hidden.map(ListPatch::from));
            }
            return;
        }
        let alive = self.cells.life_of(element).is_some_and(Life::is_alive);
        let kept = self.kept_kind(element);
        let there = alive || kept.is_some();
        let winner = self.place_of(element).filter(|_| there);
        let here = there && winner.is_none();
        let life = match (alive, here) {
            (true, true) => Life::Shown,
            (true, false) => Life::Hidden,
            (false, true) => Life::Kept,
            (false, false) => Life::Dead,
        };
        let content = kept.map(|kind| Cells::from(Cell::Child(kind)));
        let mut set = |dot, life, content| {
            let patch = self.cells.set_life(dot, life, content);
            patches.extend(patch.map(ListPatch::from));
        };
        if !here {
            set(element, life, content.clone());
        }
        let places: Vec<Dot> = self.places.of(element).collect();
        for place in places {
            if Some(place) != winner {
                set(place, Life::Hidden, None);
            }
        }
        // What is hidden goes first: a reader never sees the element twice.
        if here {
            set(element, life, content);
        } else if let Some(winner) = winner {
            set(winner, Life::Shown, None);
        }
    }

    #[cfg(any(test, debug_assertions))]
    pub(crate) fn assert_invariants(&self) {
        self.cells.assert_invariants();
        assert_eq!(self.live, self.cells.live_len());
        let elements: Vec<Dot> = self.elements().map(|(dot, _)| dot).collect();
        assert_eq!(
            elements.len(),
            self.len(),
            "every shown cell stands for an element"
        );
        let once: BTreeSet<&Dot> = elements.iter().collect();
        assert_eq!(once.len(), elements.len(), "an element is in one place");
        for (i, &element) in elements.iter().enumerate() {
            assert_eq!(
                self.index_of(element),
                Some(i),
                "an element is where it is shown"
            );
        }
    }
}
