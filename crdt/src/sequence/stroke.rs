//! The short way for a keystroke: one run that goes and one that comes, with nothing to look up but
//! where they are.

use super::content::{Content, Extent};
use super::index::Place;
use super::link::RunLink;
use super::run::{RunItem, Side};
use super::span::Life;
use super::Sequence;
use crate::DotRun;

/// What a keystroke did.
#[derive(Debug)]
pub(crate) struct Struck {
    /// Where something went, and how much.
    pub(crate) gone: Option<(Extent, Extent)>,
    /// Where something came, after that.
    pub(crate) came: Option<Extent>,
}

impl<C: Content> Sequence<C> {
    /// Where a run is, if all of it is shown and lies in one span; O(log n).
    fn whole(&self, run: DotRun) -> Option<(Place, u64)> {
        let id = self.id(run.start)?;
        // What was typed last is asked for most.
        let typed = self.index.pen().and_then(|(place, _)| {
            let within = self.index.span(place).find(id)?;
            Some((place, within))
        });
        let (place, within) = typed.or_else(|| self.locate(id))?;
        let span = self.index.span(place);
        let is_whole = span.life() == Life::Shown && within + run.len <= span.len();
        is_whole.then_some((place, within))
    }

    /// The elements of these dots, if they are one run in one span, and all that is new of it; O(log n).
    pub(crate) fn typed(&self, dots: DotRun) -> Option<(RunLink, C::View<'_>)> {
        let (place, within) = self.whole(dots)?;
        let run = self.runs.part_of(dots)?;
        let range = within as usize..(within + dots.len) as usize;
        Some((run, self.index.piece(place).view(range)))
    }

    /// Removes a run and adds another one, which is new and alive: what [`DotStore`](crate::DotStore)'s
    /// `remove` and `join` would do. `None`, with nothing done, if the one is not shown in one span, or
    /// the other hangs on nothing known. O(log n).
    pub(crate) fn strike(
        &mut self,
        removed: Option<DotRun>,
        new: Option<(&RunItem<C>, &C)>,
    ) -> Option<Struck> {
        let gone = match removed {
            Some(run) => Some((self.whole(run)?, run.len)),
            None => None,
        };
        if let Some((run, _)) = new {
            run.parent.filter(|&parent| self.knows(parent))?;
        }
        let gone = gone.map(|((place, within), len)| {
            let before = self.index.piece(place).extent_to(within as usize);
            let at = self.index.seek_before(place) + before;
            (at, self.bury(place, within, len))
        });
        let came = new.map(|(run, content)| self.put_new(run, content));
        Some(Struck { gone, came })
    }

    /// Puts a run that is new and alive where it belongs; gives where that is.
    fn put_new(&mut self, run: &RunItem<C>, content: &C) -> Extent {
        let goes_on = run.side == Side::Right
            && (run.parent).is_some_and(|parent| parent.plus(1) == run.start);
        let len = content.extent().chars;
        let is_shown = content.fate(0..len) == (len, true);
        if let Some(pen) = self.index.pen().filter(|_| goes_on && is_shown) {
            let put =
                |all: &mut C, at| all.insert_view(at, content.view(0..content.extent().chars));
            let at = self.go_on(pen, run.start, run.minute, content.extent(), put);
            if let Some(at) = at {
                return at;
            }
        }
        if let Some(place) = self.typed_after(run) {
            let (at, span) = (self.index.seek_before(place.next()), self.index.span(place));
            self.type_on(place, span, run.start, content.clone());
            return at;
        }
        let mut first = None;
        self.integrate_copy(run, &mut |at, _| first = first.or(Some(at)));
        first.expect("the run is alive and shown")
    }

    /// The span after which the run goes on that its replica typed last.
    fn typed_after(&self, run: &RunItem<C>) -> Option<Place> {
        let parent = run.parent.filter(|parent| parent.plus(1) == run.start)?;
        if run.side == Side::Left {
            return None;
        }
        let (place, within) = self.locate(self.id(parent)?)?;
        let span = self.index.span(place);
        let is_last = within + 1 == span.len();
        (is_last && self.types_on(span, run.start, run.minute)).then_some(place)
    }
}
