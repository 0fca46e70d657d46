//! Where the last element was typed: the next one mostly follows.

use super::{Index, Lead, Place, CONTENT_MAX};
use crate::sequence::content::{Content, Extent, Unit};
use crate::sequence::span::Span;

/// The end of a span that was written last. Any other change of the index takes the pen away, so as long
/// as there is one nothing was put between or hung on what it wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    place: Place,
    /// How much is shown up to there.
    end: Extent,
    /// How many elements of the leaf's content come up to there.
    at: usize,
}

impl<C: Content> Index<C> {
    /// Puts the pen at the end of a span that is shown.
    pub(in crate::sequence) fn hold_pen(&mut self, place: Place) {
        // What is deleted next is mostly near, too.
        self.seek_before(place);
        let Lead { at, shown, .. } = self.lead(place.next());
        let end = self.near.before + shown;
        self.pen = Some(Pen { place, end, at });
    }

    /// Where the pen is, and what is shown before it.
    pub(in crate::sequence) fn pen(&self) -> Option<(Place, Extent)> {
        self.pen.map(|pen| (pen.place, pen.end))
    }

    /// As [`Self::pen`], if it is at this offset.
    pub(in crate::sequence) fn pen_at(&self, unit: Unit, offset: usize) -> Option<(Place, Extent)> {
        self.pen().filter(|(_, end)| end.get(unit) == offset)
    }

    /// Checks that the pen is where it is said to be.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_pen(&self) {
        let Some(Pen { place, end, at }) = self.pen else {
            return;
        };
        let leaf = &self.leaves[place.leaf as usize];
        assert!(self.span(place).life().is_shown(), "the pen is at a span");
        assert_eq!(end, self.before(place.next()), "what is before the pen");
        assert_eq!(at, leaf.content_before(place.slot + 1), "its content");
    }

    /// Makes the span at the pen longer, if its leaf has room; `put` puts the content in. O(height).
    #[inline]
    pub(in crate::sequence) fn write(
        &mut self,
        span: Span,
        by: Extent,
        put: impl FnOnce(&mut C, usize),
    ) -> Option<()> {
        let pen = self.pen.as_mut()?;
        let Pen { place, at, .. } = *pen;
        let leaf = &mut self.leaves[place.leaf as usize];
        if leaf.content.extent().chars + by.chars > CONTENT_MAX {
            return None;
        }
        pen.at += by.chars;
        pen.end += by;
        leaf.spans[place.slot] = span.with_len(span.len() + by.chars as u64);
        put(&mut leaf.content, at);
        self.step_back(place);
        self.lengthen(place.leaf, by);
        Some(())
    }
}
