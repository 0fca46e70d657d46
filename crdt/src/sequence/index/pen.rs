//! Where elements were typed last, at two places: the next one mostly follows.

use super::{Index, Lead, Place, CONTENT_MAX};
use crate::id::Id;
use crate::sequence::content::{Content, Extent, Unit};
use crate::sequence::span::Span;

/// The end of a span that was written last.
#[derive(Clone, Copy, Debug)]
struct Pen {
    place: Place,
    /// How much is shown up to there.
    end: Extent,
    /// How many elements of the leaf's content come up to there.
    at: usize,
}

/// Two pens, the one that was used last first: two who write at two places take turns. Any other change of the index
/// takes both away, so as long as there is one nothing was put between or hung on what it wrote.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Pens {
    held: Option<Pen>,
    other: Option<Pen>,
}

impl Pens {
    /// The first pen of which this is so, which is held from now on.
    #[inline]
    fn hold_if(&mut self, is_it: impl Fn(&Pen) -> bool) -> Option<&mut Pen> {
        if !self.held.as_ref().is_some_and(&is_it) {
            self.other.as_ref().filter(|pen| is_it(pen))?;
            std::mem::swap(&mut self.held, &mut self.other);
        }
        self.held.as_mut()
    }
}

impl<C: Content> Index<C> {
    /// Puts a pen at the end of a span that is shown.
    pub(in crate::sequence) fn hold_pen(&mut self, place: Place) {
        if self.pens.hold_if(|pen| pen.place == place).is_some() {
            return;
        }
        // What is deleted next is mostly near, too.
        self.seek_before(place);
        let Lead { at, shown, .. } = self.lead(place.next());
        let end = self.near.before + shown;
        self.pens = Pens {
            held: Some(Pen { place, end, at }),
            other: self.pens.held,
        };
    }

    /// Where the pens are.
    pub(in crate::sequence) fn pens(&self) -> impl Iterator<Item = Place> {
        let Pens { held, other } = self.pens;
        held.into_iter().chain(other).map(|pen| pen.place)
    }

    /// Where the pen at this offset is, and what is shown before it; it is held from now on.
    #[inline]
    pub(in crate::sequence) fn pen_at(
        &mut self,
        unit: Unit,
        offset: usize,
    ) -> Option<(Place, Extent)> {
        let pen = self.pens.hold_if(|pen| pen.end.get(unit) == offset)?;
        Some((pen.place, pen.end))
    }

    /// As [`Self::pen_at`], of the pen that this element follows on.
    pub(in crate::sequence) fn pen_before(&mut self, id: Id) -> Option<(Place, Extent)> {
        let leaves = &self.leaves;
        let pen = self.pens.hold_if(|pen| {
            let Place { leaf, slot } = pen.place;
            leaves[leaf as usize].spans[slot].end() == id
        })?;
        Some((pen.place, pen.end))
    }

    /// Checks that the pens are where they are said to be.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_pens(&self) {
        let Pens { held, other } = self.pens;
        assert!(held.is_some() || other.is_none(), "the other is the second");
        for Pen { place, end, at } in held.into_iter().chain(other) {
            let leaf = &self.leaves[place.leaf as usize];
            assert!(self.span(place).life().is_shown(), "a pen is at a span");
            assert_eq!(end, self.before(place.next()), "what is before a pen");
            assert_eq!(at, leaf.content_before(place.slot + 1), "its content");
        }
    }

    /// Makes the span at the pen that is held longer, if its leaf has room; `put` puts the content in. O(height).
    #[inline]
    pub(in crate::sequence) fn write(
        &mut self,
        span: Span,
        by: Extent,
        put: impl FnOnce(&mut C, usize),
    ) -> Option<()> {
        let Pens { held, other } = &mut self.pens;
        let pen = held.as_mut()?;
        let Pen { place, at, end } = *pen;
        let leaf = &mut self.leaves[place.leaf as usize];
        if leaf.content.extent().chars + by.chars > CONTENT_MAX {
            return None;
        }
        pen.at += by.chars;
        pen.end += by;
        // Where both are in one leaf, what is shown later comes later there too.
        if let Some(later) = other.as_mut().filter(|pen| pen.end.chars > end.chars) {
            later.end += by;
            if later.place.leaf == place.leaf {
                later.at += by.chars;
            }
        }
        leaf.spans[place.slot] = span.with_len(span.len() + by.chars as u64);
        put(&mut leaf.content, at);
        self.step_back(place);
        self.lengthen(place.leaf, by);
        Some(())
    }
}
