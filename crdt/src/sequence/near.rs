//! Where elements that were deleted belong when they come again, under other dots.

use std::cmp::Ordering;

use super::{Life, Place, Sequence};
use crate::sequence::content::Content;
use crate::sequence::index::Piece;
use crate::{Dot, DotRun};

/// The deleted elements of a run that are needed all the same, in order.
pub(crate) type Kept<'k> = &'k dyn Fn(DotRun) -> Vec<Dot>;

impl<C: Content> Sequence<C> {
    /// Whether something hangs on the element: it is alive, or shown for what survived in it.
    fn is_needed(&self, dot: Dot, kept: Kept<'_>) -> bool {
        self.life_of(dot).is_some_and(|life| life != Life::Dead)
            || !kept(DotRun { start: dot, len: 1 }).is_empty()
    }

    /// The last needed element before a known one; O(log n) and what is not shown between.
    pub(crate) fn needed_before(&self, dot: Dot, kept: Kept<'_>) -> Option<Dot> {
        let (place, within) = self.locate(dot)?;
        let own = self.index.piece(place);
        let start = own.start;
        if let Some(before) = last_needed(own, within, kept) {
            return Some(before);
        }
        let shown = self.index.before(place).chars.checked_sub(1);
        let shown = shown.and_then(|offset| self.locate(self.dot_at(offset)?));
        let from = shown.map_or(self.index.first(), |(place, _)| place);
        let before = self.index.pieces_from(from);
        let before = before.take_while(|piece| piece.start != start);
        before
            .filter_map(|piece| last_needed(piece, piece.len, kept))
            .last()
    }

    /// The first needed element after this one, or of all.
    pub(crate) fn needed_after(&self, left: Option<Dot>, kept: Kept<'_>) -> Option<Dot> {
        let mut from = self.index.first();
        if let Some((place, within)) = left.and_then(|left| self.locate(left)) {
            let rest = first_needed(self.index.piece(place), within + 1, kept);
            if rest.is_some() {
                return rest;
            }
            from = Place {
                slot: place.slot + 1,
                ..place
            };
        }
        let mut pieces = self.index.pieces_from(from);
        pieces.find_map(|piece| first_needed(piece, 0, kept))
    }

    /// The element after which a deleted one is to come again: where it stood, but not outside of
    /// what is left of its neighbours. Neighbours that came again themselves may be elsewhere than
    /// the place that it kept.
    pub(crate) fn left_of_lost(
        &self,
        lost: Dot,
        left: Option<Dot>,
        right: Option<Dot>,
        kept: Kept<'_>,
    ) -> Option<Dot> {
        let is_before = |a: Dot, b: Dot| self.compare(a, b) == Some(Ordering::Less);
        let mut left = left.filter(|&left| self.knows(left));
        let mut right = right.filter(|&right| self.knows(right));
        if let (Some(l), Some(r)) = (left, right) {
            if !is_before(l, r) {
                (left, right) = match self.is_needed(l, kept) {
                    true => (left, None),
                    false => (None, right),
                };
            }
        }
        let known = self.knows(lost);
        match (left, right) {
            (Some(left), _) if !known || is_before(lost, left) => {
                let needed = self.is_needed(left, kept);
                needed
                    .then_some(left)
                    .or_else(|| self.needed_before(left, kept))
            }
            (_, Some(right)) if !known || is_before(right, lost) => self.needed_before(right, kept),
            (None, None) if !known => {
                let last = self.extent().chars.checked_sub(1);
                last.and_then(|last| self.dot_at(last))
            }
            _ => self.needed_before(lost, kept),
        }
    }
}

/// The last needed one of the first `len` elements of a piece.
fn last_needed<C>(piece: &Piece<C>, len: u64, kept: Kept<'_>) -> Option<Dot> {
    let start = piece.start;
    match piece.life {
        _ if len == 0 => None,
        Life::Dead => kept(DotRun { start, len }).pop(),
        _ => Some(start.plus(len - 1)),
    }
}

/// The first needed one of the elements of a piece from the one numbered `from` on.
fn first_needed<C>(piece: &Piece<C>, from: u64, kept: Kept<'_>) -> Option<Dot> {
    let start = piece.start.plus(from);
    let len = piece.len.checked_sub(from).filter(|&len| len > 0)?;
    match piece.life {
        Life::Dead => kept(DotRun { start, len }).first().copied(),
        _ => Some(start),
    }
}
