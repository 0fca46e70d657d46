//! Where elements that were deleted belong when they come again, under other dots.

use std::cmp::Ordering;

use super::{Life, Sequence};
use crate::sequence::content::{Content, Unit};
use crate::sequence::span::Span;
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
        let (place, within) = self.locate(self.id(dot)?)?;
        let own = self.index.span(place);
        if let Some(before) = self.last_needed(own, within, kept) {
            return Some(before);
        }
        let shown = self.index.before(place).chars.checked_sub(1);
        let shown = shown.and_then(|offset| self.index.find(Unit::Chars, offset));
        let from = shown.map_or(self.index.first(), |(place, _)| place);
        let before = self.index.pieces_from(from).map(|piece| piece.span);
        let before = before.take_while(|&span| span != own);
        before
            .filter_map(|span| self.last_needed(span, span.len(), kept))
            .last()
    }

    /// The first needed element after this one, or of all.
    pub(crate) fn needed_after(&self, left: Option<Dot>, kept: Kept<'_>) -> Option<Dot> {
        let mut from = self.index.first();
        if let Some((place, within)) = left.and_then(|left| self.locate(self.id(left)?)) {
            let rest = self.first_needed(self.index.span(place), within + 1, kept);
            if rest.is_some() {
                return rest;
            }
            from = place.next();
        }
        let mut pieces = self.index.pieces_from(from);
        pieces.find_map(|piece| self.first_needed(piece.span, 0, kept))
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
                if self.is_needed(l, kept) {
                    right = None;
                } else {
                    left = None;
                }
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
                let end = self.extent().chars;
                self.dot_at(end.checked_sub(1)?)
            }
            _ => self.needed_before(lost, kept),
        }
    }

    /// The last needed one of the first `len` elements of a span.
    fn last_needed(&self, span: Span, len: u64, kept: Kept<'_>) -> Option<Dot> {
        let start = self.dot_of(span.start());
        match span.life() {
            _ if len == 0 => None,
            Life::Dead => kept(DotRun { start, len }).pop(),
            _ => Some(start.plus(len - 1)),
        }
    }

    /// The first needed one of the elements of a span from the one numbered `from` on.
    fn first_needed(&self, span: Span, from: u64, kept: Kept<'_>) -> Option<Dot> {
        let len = span.len().checked_sub(from).filter(|&len| len > 0)?;
        let start = self.dot_of(span.start().plus(from));
        match span.life() {
            Life::Dead => kept(DotRun { start, len }).first().copied(),
            _ => Some(start),
        }
    }
}
