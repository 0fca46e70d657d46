//! Where elements that were deleted belong when they come again, under other dots.

use std::cmp::Ordering;

use super::{Life, Place, Sequence};
use crate::sequence::content::Content;
use crate::Dot;

impl<C: Content> Sequence<C> {
    /// Whether something hangs on the element: it is alive, or shown for what survived in it.
    pub(crate) fn is_needed(&self, dot: Dot) -> bool {
        self.life_of(dot).is_some_and(|life| life != Life::Dead)
    }

    /// The last needed element before a known one; O(log n) and what is not shown between.
    pub(crate) fn needed_before(&self, dot: Dot) -> Option<Dot> {
        let (place, within) = self.locate(dot)?;
        let piece = self.index.piece(place);
        if within > 0 && piece.life != Life::Dead {
            return Some(piece.start.plus(within - 1));
        }
        let start = piece.start;
        let shown = self.index.before(place).chars.checked_sub(1);
        let shown = shown.and_then(|offset| self.locate(self.dot_at(offset)?));
        let from = shown.map_or(self.index.first(), |(place, _)| place);
        let before = self.index.pieces_from(from);
        let before = before.take_while(|piece| piece.start != start);
        let needed = before.filter(|piece| piece.life != Life::Dead).last()?;
        Some(needed.start.plus(needed.len - 1))
    }

    /// The first needed element after this one, or of all.
    pub(crate) fn needed_after(&self, left: Option<Dot>) -> Option<Dot> {
        let mut from = self.index.first();
        if let Some((place, within)) = left.and_then(|left| self.locate(left)) {
            let piece = self.index.piece(place);
            if within + 1 < piece.len && piece.life != Life::Dead {
                return left.map(|left| left.plus(1));
            }
            from = Place {
                slot: place.slot + 1,
                ..place
            };
        }
        let mut pieces = self.index.pieces_from(from);
        pieces
            .find(|piece| piece.life != Life::Dead)
            .map(|piece| piece.start)
    }

    /// The element after which a deleted one is to come again: where it stood, but not outside of
    /// what is left of its neighbours. Neighbours that came again themselves may be elsewhere than
    /// the place that it kept.
    pub(crate) fn left_of_lost(
        &self,
        lost: Dot,
        left: Option<Dot>,
        right: Option<Dot>,
    ) -> Option<Dot> {
        let left = left.filter(|&left| self.is_needed(left));
        let right = right.filter(|&right| self.is_needed(right));
        let before = if self.knows(lost) {
            self.needed_before(lost)
        } else if left.is_none() && right.is_none() {
            let last = self.extent().chars.checked_sub(1);
            last.and_then(|last| self.dot_at(last))
        } else {
            left.or_else(|| self.needed_before(right?))
        };
        let is_before = |a: Dot, b: Dot| self.compare(a, b) == Some(Ordering::Less);
        let before = match (before, right) {
            (Some(before), Some(right)) if !is_before(before, right) => self.needed_before(right),
            _ => before,
        };
        match (before, left) {
            (Some(before), Some(left)) if is_before(before, left) => Some(left),
            (None, left) => left,
            _ => before,
        }
    }
}
