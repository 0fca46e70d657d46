//! The short way for a keystroke: one run that goes and one that comes, with nothing to look up but
//! where they are.

use super::content::{Content, Extent};
use super::index::Place;
use super::link::RunLink;
use super::run::Side;
use super::span::Life;
use super::Sequence;
use crate::DotRun;

/// A run that is new, all alive and shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed<'a, C: Content + 'a> {
    pub(crate) link: RunLink,
    pub(crate) content: C::View<'a>,
    /// How much it is.
    pub(crate) extent: Extent,
}

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
    pub(super) fn whole(&self, run: DotRun) -> Option<(Place, u64)> {
        let id = self.id(run.start)?;
        // What was typed last is asked for most, or what is beside what was deleted last.
        let found = |place| Some((place, self.index.span(place).find(id)?));
        let typed = self.index.pens().find_map(found);
        let near = || self.index.near().and_then(found);
        let (place, within) = typed.or_else(near).or_else(|| self.locate(id))?;
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

    /// Removes a run and adds another one: what [`DotStore`](crate::DotStore)'s `remove` and `join` would do. `None`, with nothing done, if the one is not shown in one span, or
    /// the other hangs on nothing known. O(log n).
    pub(crate) fn strike(
        &mut self,
        removed: Option<DotRun>,
        new: Option<&Typed<'_, C>>,
    ) -> Option<Struck> {
        let gone = match removed {
            Some(run) => Some((self.whole(run)?, run.len)),
            None => None,
        };
        let parent = new.as_ref().and_then(|typed| typed.link.parent);
        if parent.is_some_and(|parent| !self.knows(parent)) {
            return None;
        }
        let gone = gone.map(|(place, len)| self.take_out(place, len));
        let came = new.map(|typed| self.put_new(typed));
        Some(Struck { gone, came })
    }

    /// Deletes elements that [`Self::whole`] found; gives where they were, and how much.
    pub(super) fn take_out(&mut self, (place, within): (Place, u64), len: u64) -> (Extent, Extent) {
        let before = self.index.seek_before(place);
        let at = before + self.index.piece(place).extent_to(within as usize);
        (at, self.bury(place, within, len))
    }

    /// Puts a run that is new and alive where it belongs; gives where that is.
    fn put_new(&mut self, typed: &Typed<'_, C>) -> Extent {
        let &Typed {
            link,
            content,
            extent,
        } = typed;
        let start = link.dots.start;
        let next = Some(start).filter(|_| goes_on(&link));
        let next = next.and_then(|start| self.id(start));
        if let Some(pen) = next.and_then(|next| self.index.pen_before(next)) {
            let put = |all: &mut C, at| all.insert_view(at, content);
            if let Some(at) = self.go_on(pen, start, link.minute, extent, put) {
                return at;
            }
        }
        let content = C::owned(content);
        if let Some(place) = self.typed_after(&link) {
            let (at, span) = (self.index.seek_before(place.next()), self.index.span(place));
            self.type_on(place, span, start, content);
            return at;
        }
        let place = self.hang(&link);
        let at = self.index.before(place);
        let place = self.put_content(place, start, content, &mut |_, _| ());
        self.hold_pen(place);
        at
    }

    /// The span after which the run goes on that its replica typed last.
    fn typed_after(&self, run: &RunLink) -> Option<Place> {
        let parent = run.parent.filter(|_| goes_on(run))?;
        let (place, within) = self.locate(self.id(parent)?)?;
        let span = self.index.span(place);
        let is_last = within + 1 == span.len();
        (is_last && self.types_on(span, run.dots.start, run.minute)).then_some(place)
    }
}

/// Whether a run hangs on the element before it, as what is typed on does.
fn goes_on(run: &RunLink) -> bool {
    let parent = run.parent.filter(|_| run.side == Side::Right);
    parent.is_some_and(|parent| parent.plus(1) == run.dots.start)
}
