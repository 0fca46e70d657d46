//! The short way for a keystroke: one run that goes and one that comes, with nothing to look up but
//! where they are.

use super::content::{Chars, Extent};
use super::index::Place;
use super::run::{RunItem, Side};
use super::span::Life;
use super::Sequence;
use crate::container::TextPatch;
use crate::{Dot, DotRun, Minute};

/// Characters in one span, as a keystroke writes them.
#[derive(Debug)]
pub(crate) struct Typed<'a> {
    pub(crate) parent: Option<Dot>,
    pub(crate) side: Side,
    pub(crate) minute: Minute,
    pub(crate) text: &'a str,
}

impl Sequence<Chars> {
    /// Where a run is, if all of it is shown and lies in one span; O(log n).
    fn whole(&self, run: DotRun) -> Option<(Place, u64)> {
        let (place, within) = self.locate(self.id(run.start)?)?;
        let span = self.index.span(place);
        let is_whole = span.life() == Life::Shown && within + run.len <= span.len();
        is_whole.then_some((place, within))
    }

    /// The characters of these dots, if they are one run in one span; O(log n).
    pub(crate) fn typed(&self, dots: DotRun) -> Option<Typed<'_>> {
        let (place, within) = self.whole(dots)?;
        let (first, end) = (dots.start.seq, dots.end());
        let run = self.runs.between(dots.start.replica, first, end - 1).next();
        let run = run.filter(|run| run.dots == dots)?;
        let range = within as usize..(within + dots.len) as usize;
        Some(Typed {
            parent: run.parent,
            side: run.side,
            minute: run.minute,
            text: self.index.piece(place).view(range),
        })
    }

    /// Removes a run and adds another one, which is new and alive: what [`DotStore`](crate::DotStore)'s
    /// `remove` and `join` would do. `None`, with nothing done, if the one is not shown in one span, or
    /// the other hangs on nothing known. O(log n).
    pub(crate) fn strike(
        &mut self,
        removed: Option<DotRun>,
        new: Option<(&RunItem<Chars>, &Chars)>,
    ) -> Option<Vec<TextPatch>> {
        let gone = match removed {
            Some(run) => Some((self.whole(run)?, run.len)),
            None => None,
        };
        if let Some((run, _)) = new {
            run.parent.filter(|&parent| self.knows(parent))?;
        }
        let count = usize::from(gone.is_some()) + usize::from(new.is_some());
        let mut patches = Vec::with_capacity(count);
        if let Some(((place, within), len)) = gone {
            let before = self.index.piece(place).extent_to(within as usize);
            let at = self.index.seek_before(place) + before;
            let deleted = self.bury(place, within, len);
            patches.push(TextPatch {
                at,
                deleted,
                inserted: String::new(),
            });
        }
        if let Some((run, chars)) = new {
            let at = self.put_new(run, chars);
            patches.push(TextPatch {
                at,
                deleted: Extent::default(),
                inserted: chars.as_str().to_owned(),
            });
        }
        Some(patches)
    }

    /// Puts a run that is new and alive where it belongs; gives where that is.
    fn put_new(&mut self, run: &RunItem<Chars>, chars: &Chars) -> Extent {
        if let Some(place) = self.typed_after(run) {
            let (at, span) = (self.index.seek_before(place.next()), self.index.span(place));
            self.type_on(place, span, run.start, chars.clone());
            return at;
        }
        let mut first = None;
        self.integrate_copy(run, &mut |at, _| first = first.or(Some(at)));
        first.expect("the run is alive")
    }

    /// The span after which the run goes on that its replica typed last.
    fn typed_after(&self, run: &RunItem<Chars>) -> Option<Place> {
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
