//! Local insertions and deletions.

use super::content::{Content, Extent, Unit};
use super::index::Place;
use super::link::RunLink;
use super::run::{PieceItem, RunItem, Side};
use super::span::{Life, Span};
use super::{Sequence, SPAN_MAX};
use crate::id::Id;
use crate::{Change, Dot, DotRun, Minute};

impl<C: Content> Sequence<C> {
    /// Inserts content before the element at `offset`, which [`Self::resolve`] has bounded; gives
    /// the dot of its first element. O(log n).
    pub(crate) fn insert_at(&mut self, offset: usize, content: C, change: &mut Change) -> Dot {
        let left = match offset.checked_sub(1) {
            None => None,
            Some(before) => {
                let found = self.index.seek(Unit::Chars, before);
                let (place, start) = found.expect("the caller has bounded the offset");
                Some((place, (before - start.chars) as u64))
            }
        };
        let right = || {
            Some(
                self.id(self.dot_at(offset)?)
                    .expect("what is shown is known"),
            )
        };
        let start = change.dots(content.extent().chars as u64);
        let minute = change.stamp().into();
        if let Some((place, within)) = left {
            let span = self.index.span(place);
            if within + 1 == span.len() && self.types_on(span, start, minute) {
                self.type_on(place, span, start, content);
                return start;
            }
        }
        // Right after the left neighbour is the place whenever nothing hangs on that or the right
        // neighbour is the very next element.
        let after = left.map(|(place, within)| (place, within + 1));
        let (place, within) = after.unwrap_or((self.index.first(), 0));
        let next = match self.index.span_from(place) {
            Some(span) if within < span.len() => Some((span, within)),
            _ => self.index.span_from(place.next()).map(|span| (span, 0)),
        };
        let left = left.map(|(place, within)| self.index.span(place).start().plus(within));
        let (parent, side) = match next {
            _ if !self.runs.has_right(left) => (left, Side::Right),
            Some((span, within)) if span.life().is_shown() => {
                (Some(span.start().plus(within)), Side::Left)
            }
            _ => {
                let (parent, side) = self.runs.anchor(left, right());
                self.integrate_new(start, parent, side, minute, content);
                return start;
            }
        };
        self.runs.insert(&RunLink {
            dots: DotRun {
                start,
                len: content.extent().chars as u64,
            },
            parent: parent.map(|parent| self.dot_of(parent)),
            side,
            minute,
        });
        let place = if within == 0 || self.index.leaf(place.leaf).is_empty() {
            place
        } else {
            self.cut_at(place, within)
        };
        let place = self.put_content(place, start, content, &mut |_, _| ());
        self.hold_pen(place);
        start
    }

    /// Whether [`Self::type_next`] could go on at this offset.
    pub(crate) fn has_pen_at(&mut self, unit: Unit, offset: usize) -> bool {
        self.index.pen_at(unit, offset).is_some()
    }

    /// Inserts where the last element was inserted, if `offset` is there and these are the next of its
    /// run: gives the first one's dot, and what is shown before it. `put` puts the content, which takes
    /// `extent` and is shown, into that of others. O(height).
    #[inline]
    pub(crate) fn type_next(
        &mut self,
        unit: Unit,
        offset: usize,
        extent: Extent,
        change: &mut Change,
        put: impl FnOnce(&mut C, usize),
    ) -> Option<(Dot, Extent)> {
        let at = self.index.pen_at(unit, offset)?;
        let (start, minute) = (
            Dot::new(change.replica(), change.last() + 1),
            change.stamp().into(),
        );
        let before = self.go_on(at, start, minute, extent, put)?;
        Some((change.dots(extent.chars as u64), before))
    }

    /// Puts elements from `start` on at the pen, if they are the rest of the run there. O(height).
    #[inline]
    pub(super) fn go_on(
        &mut self,
        (place, before): (Place, Extent),
        start: Dot,
        minute: Minute,
        extent: Extent,
        put: impl FnOnce(&mut C, usize),
    ) -> Option<Extent> {
        let (span, len) = (self.index.span(place), extent.chars as u64);
        let (end, run) = (span.end(), self.runs.last_of(span.agent())?);
        let is_next = start.seq == end.seq
            && run.end() == end.seq
            && run.minute == minute
            && self.runs.agents.replica(end.agent) == start.replica;
        if !is_next || len == 0 || span.len() + len > SPAN_MAX {
            return None;
        }
        self.index.write(span, extent, put)?;
        self.runs.lengthen_last(end.agent, len);
        self.homes.assign(end, len, place.leaf);
        Some(before)
    }

    /// Remembers that the elements before this place were typed last.
    pub(super) fn hold_pen(&mut self, place: Place) {
        if let Some(slot) = place.slot.checked_sub(1) {
            let place = Place { slot, ..place };
            if self.index.span(place).life() == Life::Shown {
                self.index.hold_pen(place);
            }
        }
    }

    /// Whether elements from `start` on, right after those of `span`, are the rest of its run.
    pub(super) fn types_on(&self, span: Span, start: Dot, minute: Minute) -> bool {
        let end = span.end();
        end.seq == start.seq
            && self.runs.agents.replica(end.agent) == start.replica
            && self
                .runs
                .last_of(end.agent)
                .is_some_and(|run| run.end() == start.seq && run.minute == minute)
            && !self.runs.has_right(Some(Id {
                seq: end.seq - 1,
                ..end
            }))
    }

    /// Adds to the run that ends with this span.
    pub(super) fn type_on(&mut self, place: Place, span: Span, start: Dot, content: C) {
        let extent = content.extent();
        let len = extent.chars as u64;
        self.runs.lengthen_last(span.agent(), len);
        let is_shown = content.fate(0..len as usize) == (len as usize, true);
        let mut content = Some(content);
        if span.life() == Life::Shown && span.len() + len <= SPAN_MAX && is_shown {
            self.index.hold_pen(place);
            let put = |all: &mut C, at| {
                if let Some(new) = content.take() {
                    all.insert(at, new);
                }
            };
            if self.index.write(span, extent, put).is_some() {
                self.homes.assign(span.end(), len, place.leaf);
            }
        }
        if let Some(content) = content {
            let place = self.put_content(place.next(), start, content, &mut |_, _| ());
            self.hold_pen(place);
        }
    }

    /// Inserts content between two elements that are needed and between which none is; gives the
    /// dot of its first element. O(log n).
    pub(crate) fn insert_between(
        &mut self,
        left: Option<Dot>,
        right: Option<Dot>,
        content: C,
        change: &mut Change,
    ) -> Dot {
        let known = |dot| self.id(dot).expect("the neighbours are in the sequence");
        let (parent, side) = self.runs.anchor(left.map(known), right.map(known));
        let start = change.dots(content.extent().chars as u64);
        self.integrate_new(start, parent, side, change.stamp().into(), content);
        start
    }

    fn integrate_new(
        &mut self,
        start: Dot,
        parent: Option<Id>,
        side: Side,
        minute: Minute,
        content: C,
    ) {
        let run = RunItem {
            start,
            parent: parent.map(|parent| self.dot_of(parent)),
            side,
            minute,
            pieces: PieceItem {
                len: content.extent().chars as u64,
                content: Some(content),
            }
            .into(),
        };
        self.integrate(run, &mut |_, _| ());
    }

    /// Deletes the elements from `offset` on, which [`Self::resolve`] has bounded, by the change `by`.
    /// O(spans · log n).
    pub(crate) fn delete_at(&mut self, offset: usize, len: usize, by: Dot, change: &mut Change) {
        let mut left = len;
        while left > 0 {
            let found = self.index.seek(Unit::Chars, offset);
            let (place, before) = found.expect("the caller has bounded the range");
            let span = self.index.span(place);
            let within = offset - before.chars;
            let count = left.min(span.len() as usize - within);
            let gone = DotRun {
                start: self.dot_of(span.start().plus(within as u64)),
                len: count as u64,
            };
            change.removed(by, [gone]);
            self.bury(place, within as u64, count as u64);
            left -= count;
        }
    }
}
