//! The order engine under [`Text`](crate::Text) and [`List`](crate::List).
//!
//! Elements form a tree and are read in order: left children, the element, right children; siblings
//! stand in the order of their dots. That is Fugue (Weidner & Kleppmann, "The Art of the Fugue:
//! Minimizing Interleaving in Collaborative Text Editing", 2023, §4), so runs typed at one gap never
//! interleave, forwards or backwards. An element's place depends on nothing but its path of (dot,
//! side), so it does not matter in which order elements arrive.
//!
//! A departure from the paper: local insertions look only at living elements and their ancestors
//! when they choose what to hang on, so that a deleted run that carries nothing living is never
//! needed again.
//!
//! Elements with neighbouring dots, each the right child of the one before, are kept as one *run*
//! ([`Runs`]); what is alive and deleted of it, in reading order, as *spans* ([`Index`]), and
//! [`Homes`] says in which leaf of that an element is. Deleting frees the content at once and keeps
//! the run.

pub(crate) mod blame;
mod build;
mod causal;
mod chunks;
pub(crate) mod content;
mod edit;
mod fugue;
mod homes;
mod index;
pub(crate) mod link;
pub(crate) mod near;
mod parts;
pub(crate) mod run;
mod span;
mod spot;
mod store;
pub(crate) mod stroke;
pub(crate) mod table;

use crate::plain::plain;
pub(crate) use build::Built;
use std::cmp::Ordering;
pub use table::RunItems;

use crate::id::Id;
use crate::{Dot, DotRun, EditError, Minute, ReplicaId};
use chunks::At;
use content::{Content, Extent, Unit};
use fugue::{Neighbour, Runs};
use homes::Homes;
use index::{Index, Piece, Place, Put};
use link::RunLink;
use run::{PieceItem, RunItem};
pub(crate) use span::Life;
use span::Span;

/// Elements with content in one span, at most: they are added to it and cut out of it as one. Few in
/// debug builds, as with the index.
const SPAN_MAX: u64 = if cfg!(debug_assertions) { 24 } else { 1_024 };

/// A change to a sequence as a reader sees it: at an offset, so much is deleted, then this inserted.
/// Several are to be carried out one after the other.
#[derive(Clone, PartialEq, Debug)]
pub struct Patch<C: Content> {
    /// Where.
    pub at: Extent,
    /// How much goes.
    pub deleted: Extent,
    /// What comes.
    pub inserted: Option<C::Told>,
}

/// Elements in an order on which all copies agree.
#[derive(Clone, Debug)]
pub struct Sequence<C> {
    runs: Runs,
    index: Index<C>,
    homes: Homes,
    /// Where the run was that was asked for last: the next one is mostly the same.
    near: At,
    /// The deleted elements that the last join brought back.
    restored: Vec<DotRun>,
}

fn told<C: Content>(view: C::View<'_>) -> C::Told {
    let mut told = C::Told::default();
    C::tell(view, &mut told);
    told
}

impl<C: Content> Default for Sequence<C> {
    fn default() -> Self {
        Self {
            runs: Runs::default(),
            index: Index::new(),
            homes: Homes::default(),
            near: At::default(),
            restored: Vec::new(),
        }
    }
}

impl<C: Content> Sequence<C> {
    /// How much is alive.
    pub fn extent(&self) -> Extent {
        self.index.extent()
    }

    /// What is shown, in order, in some parts.
    pub fn contents(&self) -> impl Iterator<Item = C::View<'_>> {
        plain(self.index.contents())
    }

    /// What is shown, with the dot of its first element, part by part.
    pub fn shown(&self) -> impl Iterator<Item = (Dot, C::View<'_>)> {
        let pieces = self.index.pieces();
        plain(pieces.filter_map(|piece| Some((self.dot_of(piece.span.start()), piece.shown()?))))
    }

    /// Whether there are so many runs at least; O(that).
    pub(crate) fn has_runs(&self, count: usize) -> bool {
        self.runs.all().take(count).count() == count
    }

    fn dot_of(&self, id: Id) -> Dot {
        self.runs.agents.dot(id)
    }

    fn id(&self, dot: Dot) -> Option<Id> {
        self.runs.agents.id(dot)
    }

    fn run_of_span(&self, span: Span) -> DotRun {
        DotRun {
            start: self.dot_of(span.start()),
            len: span.len(),
        }
    }

    /// The elements shown from `offset` on that lie together, at most `len`; O(log n).
    pub(crate) fn part_at(&self, offset: usize, len: usize) -> Option<(DotRun, C::View<'_>)> {
        let (place, before) = self.index.find(Unit::Chars, offset)?;
        let piece = self.index.piece(place);
        let within = offset - before.chars;
        let len = len.min(piece.span.len() as usize - within);
        let run = DotRun {
            start: self.dot_of(piece.span.start().plus(within as u64)),
            len: len as u64,
        };
        Some((run, piece.view(within..within + len)))
    }

    /// Where the element is, or `None` if it is not shown or unknown; O(log n).
    pub fn offset_of(&self, dot: Dot) -> Option<Extent> {
        let (place, within) = self.locate(self.id(dot)?)?;
        let piece = self.index.piece(place);
        let shown = piece.span.life().is_shown();
        shown.then(|| self.index.before(place) + piece.extent_to(within as usize))
    }

    /// Where a known element begins, and where it ends: for one that is not shown both are the gap
    /// in which it stood; O(log n).
    pub(crate) fn span_of(&self, dot: Dot) -> Option<(Extent, Extent)> {
        let (place, within) = self.locate(self.id(dot)?)?;
        let before = self.index.before(place);
        let within = within as usize;
        let piece = self.index.piece(place);
        Some(if piece.span.life().is_shown() {
            (
                before + piece.extent_to(within),
                before + piece.extent_to(within + 1),
            )
        } else {
            (before, before)
        })
    }

    /// Which of two known elements comes first in reading order; O(log n).
    pub(crate) fn compare(&self, a: Dot, b: Dot) -> Option<Ordering> {
        let (a_place, a_within) = self.locate(self.id(a)?)?;
        let (b_place, b_within) = self.locate(self.id(b)?)?;
        let places = self.index.compare(a_place, b_place);
        Some(places.then(a_within.cmp(&b_within)))
    }

    /// The content of an element that has some, shown or not, and of those after it that lie with it, at
    /// most `len`; O(log n).
    pub(crate) fn content_of(&self, dot: Dot, len: usize) -> Option<C::View<'_>> {
        let (place, within) = self.locate(self.id(dot)?)?;
        let piece = self.index.piece(place);
        let within = within as usize;
        let end = piece.span.content_len().min(within + len);
        (within < end).then(|| piece.view(within..end))
    }

    /// What became of an element; `None` for an unknown one.
    pub(crate) fn life_of(&self, dot: Dot) -> Option<Life> {
        Some(self.index.span(self.locate(self.id(dot)?)?.0).life())
    }

    /// When the element was inserted; `None` for an unknown one.
    pub fn minute_of(&self, dot: Dot) -> Option<Minute> {
        self.runs.minute_of(dot)
    }

    /// Whether the element has a place here, deleted or not.
    pub(crate) fn knows(&self, dot: Dot) -> bool {
        self.runs.run_of(dot).is_some()
    }

    /// The runs of elements that are not shown between two neighbours in reading order: after
    /// `left`, or from the start, up to the next that is.
    pub(crate) fn gap_after(&self, left: Option<Dot>) -> impl Iterator<Item = DotRun> + '_ {
        let place = left.and_then(|left| self.locate(self.id(left)?));
        // The rest of the left neighbour's own span is shown, if it has any.
        let inside = place.is_some_and(|(place, within)| {
            let span = self.index.span(place);
            within + 1 < span.len() && span.life().is_shown()
        });
        let from = place.map_or(self.index.first(), |(place, _)| place.next());
        let pieces = self.index.pieces_from(from);
        plain(
            pieces
                .take_while(move |piece| !inside && !piece.span.life().is_shown())
                .map(|piece| self.run_of_span(piece.span)),
        )
    }

    /// The offset in both units, and the number of elements before it.
    ///
    /// # Errors
    /// Past the end, and inside of a character.
    #[inline]
    pub fn resolve(&self, unit: Unit, offset: usize) -> Result<Extent, EditError> {
        let extent = self.extent();
        if offset <= extent.chars && extent.chars == extent.utf16 {
            return Ok(content::even(offset));
        }
        self.resolve_uneven(unit, offset)
    }

    fn resolve_uneven(&self, unit: Unit, offset: usize) -> Result<Extent, EditError> {
        let extent = self.extent();
        if offset == extent.get(unit) {
            return Ok(extent);
        }
        let out = EditError::OutOfBounds {
            position: offset,
            len: extent.get(unit),
        };
        let (place, before) = self.index.find(unit, offset).ok_or(out)?;
        let piece = self.index.piece(place);
        let within = piece.elements_in(unit, offset - before.get(unit));
        let within = within.ok_or(EditError::SplitsCharacter { offset })?;
        Ok(before + piece.extent_to(within))
    }

    /// The element at an offset.
    pub(crate) fn dot_at(&self, offset: usize) -> Option<Dot> {
        let (place, before) = self.index.find(Unit::Chars, offset)?;
        let within = (offset - before.chars) as u64;
        Some(self.dot_of(self.index.span(place).start().plus(within)))
    }

    /// The span that has the element, deleted or not, and the element's number in it; O(log n).
    fn locate(&self, id: Id) -> Option<(Place, u64)> {
        let leaf = self.homes.leaf_of(id)?;
        let spans = self.index.leaf(leaf).iter().enumerate();
        let mut found = spans.filter_map(|(slot, span)| Some((slot, span.find(id)?)));
        let (slot, within) = found.next()?;
        Some((Place { leaf, slot }, within))
    }

    /// As [`Self::locate`], but only after a place in the same leaf.
    fn locate_after(&self, place: Place, id: Id) -> Option<(Place, u64)> {
        let leaf = place.leaf;
        let mut spans = (0..).zip(self.index.leaf(leaf)).skip(place.slot + 1);
        spans.find_map(|(slot, span)| Some((Place { leaf, slot }, span.find(id)?)))
    }

    /// Puts elements where the tree says they belong. Their parent is here.
    fn integrate(&mut self, run: RunItem<C>, on_insert: &mut dyn FnMut(Extent, &C)) {
        let place = self.hang(&run.link());
        self.put_pieces(place, run.start, run.pieces.into_iter(), on_insert);
    }

    /// As [`Self::integrate`]; a piece is copied when it is its turn.
    fn integrate_copy(&mut self, run: &RunItem<C>, on_insert: &mut dyn FnMut(Extent, &C)) {
        let place = self.hang(&run.link());
        self.put_pieces(place, run.start, run.pieces.iter().cloned(), on_insert);
    }

    /// Hangs a run into the tree; gives the place where its elements belong.
    fn hang(&mut self, run: &RunLink) -> Place {
        let known = |dot| self.id(dot).expect("the parent is in the sequence");
        let parent = run.parent.map(known);
        let Dot { replica, seq } = run.dots.start;
        let start = Id {
            agent: self.runs.agents.add(replica),
            seq,
        };
        let neighbour = self.runs.place(start, parent, run.side);
        self.runs.insert(run);
        match neighbour {
            Neighbour::Start => self.index.first(),
            Neighbour::Before(id) => self.cut(id),
            Neighbour::After(id) => self.cut_after(id),
            Neighbour::End => self.index.last(),
        }
    }

    fn put_pieces(
        &mut self,
        mut place: Place,
        mut start: Dot,
        pieces: impl Iterator<Item = PieceItem<C>>,
        on_insert: &mut dyn FnMut(Extent, &C),
    ) {
        for PieceItem { len, content } in pieces {
            place = match content {
                Some(content) => self.put_content(place, start, content, on_insert),
                None => self.put_dead(place, start, len),
            };
            start = start.plus(len);
        }
    }

    /// Inserts living elements before this place, cut where they are many; gives the place after them.
    /// O(n log n).
    fn put_content(
        &mut self,
        mut place: Place,
        mut start: Dot,
        content: C,
        on_insert: &mut dyn FnMut(Extent, &C),
    ) -> Place {
        let agent = self.runs.agents.add(start.replica);
        let all = content.extent().chars;
        let (mut from, mut content) = (0, content);
        while from < all {
            let (len, shown) = content.fate(from..all);
            let part = if len == all {
                std::mem::take(&mut content)
            } else {
                C::owned(content.view(from..from + len))
            };
            from += len;
            let life = if shown { Life::Shown } else { Life::Hidden };
            if shown {
                on_insert(self.index.before(place), &part);
            }
            // In halves, since to cut off a bit at a time would copy the rest each time.
            let (mut next, mut open) = (Some(part), Vec::new());
            while let Some(mut part) = next.take().or_else(|| open.pop()) {
                let len = part.extent().chars as u64;
                if len > SPAN_MAX {
                    open.push(part.split_off(len as usize / 2));
                    next = Some(part);
                    continue;
                }
                let id = Id {
                    agent,
                    seq: start.seq,
                };
                place = self.put(place, Span::new(id, len, life), Some(part));
                start = start.plus(len);
            }
        }
        place
    }

    /// Inserts deleted elements before this place; gives the place after them.
    fn put_dead(&mut self, mut place: Place, start: Dot, len: u64) -> Place {
        let mut id = Id {
            agent: self.runs.agents.add(start.replica),
            seq: start.seq,
        };
        let mut left = len;
        while left > 0 {
            let len = left.min(Span::LEN_MAX);
            place = self.put(place, Span::new(id, len, Life::Dead), None);
            (id, left) = (id.plus(len), left - len);
        }
        place
    }

    /// Inserts a span before this place, or adds it to the one before if it goes on there; gives the
    /// place after it.
    fn put(&mut self, place: Place, span: Span, content: Option<C>) -> Place {
        if let Some(slot) = place.slot.checked_sub(1) {
            let before = Place { slot, ..place };
            if self.continues(self.index.span(before), span) {
                self.homes.assign(span.start(), span.len(), place.leaf);
                let put = if let Some(content) = content {
                    self.index.append(before, content)
                } else {
                    let whole = self.index.span(before);
                    let whole = whole.with_len(whole.len() + span.len());
                    self.index.replace(before, 1, &[whole])
                };
                return self.settle(put).next();
            }
        }
        self.homes.assign(span.start(), span.len(), place.leaf);
        let put = self.index.insert(place, span, content);
        self.settle(put).next()
    }

    /// Whether one span could be the rest of the other, and both together are not too long.
    fn continues(&mut self, before: Span, span: Span) -> bool {
        let max = if span.life() == Life::Dead {
            Span::LEN_MAX
        } else {
            SPAN_MAX
        };
        before.end() == span.start()
            && before.life() == span.life()
            && before.len() + span.len() <= max
            && !self.runs.is_start(span.start(), &mut self.near)
    }

    /// Notes what moved to a new leaf; gives where the span is that was put.
    fn settle(&mut self, (place, new): Put) -> Place {
        if let Some(new) = new {
            for &span in self.index.leaf(new) {
                self.homes.assign(span.start(), span.len(), new);
            }
        }
        place
    }

    /// Cuts a span in two; gives the place of the second part.
    fn cut_at(&mut self, place: Place, within: u64) -> Place {
        let span = self.index.span(place);
        if within == 0 {
            return place;
        }
        if within == span.len() {
            return place.next();
        }
        let parts = [span.with_len(within), span.from(within)];
        let rest = parts[1].start();
        let (first, new) = self.index.replace(place, 1, &parts);
        if new.is_none() {
            return first.next();
        }
        self.settle((first, new));
        let (place, _) = self.locate(rest).expect("the element starts a span now");
        place
    }

    /// The place of the span that starts with this element, cutting one in two if need be.
    fn cut(&mut self, id: Id) -> Place {
        let (place, within) = self.locate(id).expect("the element is in the sequence");
        self.cut_at(place, within)
    }

    /// The place right after this element, cutting its span in two if need be.
    fn cut_after(&mut self, id: Id) -> Place {
        let (place, within) = self.locate(id).expect("the element is in the sequence");
        self.cut_at(place, within + 1)
    }

    /// Deletes `len` elements of a span: their content goes, their dots stay. Gives how much less is
    /// shown.
    fn bury(&mut self, place: Place, within: u64, len: u64) -> Extent {
        let span = self.index.span(place);
        let gone = self
            .index
            .clear(place, within as usize..(within + len) as usize);
        let dead = Span::new(span.start().plus(within), len, Life::Dead);
        let head = (within > 0).then(|| span.with_len(within));
        let tail = (within + len < span.len()).then(|| span.from(within + len));
        // What lies beside other dead elements of the run is joined to them.
        let (mut first, mut count, mut whole) = (place.slot, 1, dead);
        let spans = self.index.leaf(place.leaf);
        let before = place.slot.checked_sub(1).filter(|_| head.is_none());
        let before = before.map(|slot| (slot, spans[slot]));
        let after = spans.get(place.slot + 1).filter(|_| tail.is_none());
        let after = after.copied();
        if let Some((slot, before)) = before {
            if self.continues(before, whole) {
                whole = before.with_len(before.len() + whole.len());
                (first, count) = (slot, count + 1);
            }
        }
        if let Some(after) = after {
            if self.continues(whole, after) {
                whole = whole.with_len(whole.len() + after.len());
                count += 1;
            }
        }
        let mut parts = [whole; 3];
        let mut n = 0;
        for part in head.into_iter().chain([whole]).chain(tail) {
            parts[n] = part;
            n += 1;
        }
        let place = Place {
            slot: first,
            ..place
        };
        let put = self.index.replace(place, count, &parts[..n]);
        self.settle(put);
        gone
    }

    /// Shows or hides one element, or keeps a deleted one with this content or gives it up; what a
    /// reader sees of it. O(log n).
    pub(crate) fn set_life(
        &mut self,
        dot: Dot,
        life: Life,
        content: Option<C>,
    ) -> Option<Patch<C>> {
        let id = self.id(dot)?;
        let (place, within) = self.locate(id)?;
        let old = self.index.span(place);
        if old.life() == life {
            return None;
        }
        let (at, deleted) = if old.life().is_shown() {
            let start =
                self.index.before(place) + self.index.piece(place).extent_to(within as usize);
            (start, content::even(1))
        } else {
            (self.index.before(place), Extent::default())
        };
        if life == Life::Dead {
            self.bury(place, within, 1);
            return (deleted.chars > 0).then_some(Patch {
                at,
                deleted,
                inserted: None,
            });
        }
        self.cut_after(id);
        let place = self.cut(id);
        let content = content.filter(|_| life == Life::Kept);
        self.index.change(place, Span::new(id, 1, life), content);
        let shown = self.index.piece(place).shown().map(told::<C>);
        (deleted.chars > 0 || shown.is_some()).then_some(Patch {
            at,
            deleted,
            inserted: shown,
        })
    }

    /// The parts of spans with dots from `first` to `last`, in order of dot, and the number in the span
    /// of the first element of each.
    fn spans_between(
        &self,
        replica: ReplicaId,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = (DotRun, Piece<'_, C>, usize)> + '_ {
        let runs = self.runs.between(replica, first, last);
        plain(runs.flat_map(move |run| self.spans_of(run.dots)))
    }

    /// The parts of spans of elements that are all known.
    fn spans_of(&self, dots: DotRun) -> impl Iterator<Item = (DotRun, Piece<'_, C>, usize)> + '_ {
        let id = self.id(dots.start).expect("the elements are known");
        let end = id.seq + dots.len;
        let mut next = id;
        let mut last = None;
        std::iter::from_fn(move || {
            if next.seq == end {
                return None;
            }
            // The rest of a run is mostly further on in the same leaf.
            let found = last.and_then(|last| self.locate_after(last, next));
            let found = found.or_else(|| self.locate(next));
            let (place, within) = found.expect("the elements are known");
            last = Some(place);
            let piece = self.index.piece(place);
            let part = DotRun {
                start: self.dot_of(next),
                len: piece.span.end().seq.min(end) - next.seq,
            };
            next.seq += part.len;
            Some((part, piece, within as usize))
        })
    }

    /// Checks everything that must hold between the parts.
    #[cfg(any(test, debug_assertions))]
    pub fn assert_invariants(&self) {
        self.index.assert_invariants();
        self.runs.assert_invariants();
        let mut count = 0;
        for piece in self.index.pieces() {
            let span = piece.span;
            for id in [span.start(), span.start().plus(span.len() - 1)] {
                let (place, within) = self.locate(id).expect("every element is at home");
                assert_eq!(self.index.span(place), span);
                assert_eq!(within, id.seq - span.seq());
            }
            let (_, run) = self
                .runs
                .find(span.start())
                .expect("every span is of a run");
            assert!(span.end().seq <= run.end(), "a span is of one run");
            count += span.len();
        }
        let known: u64 = self.runs.all().map(|run| run.len).sum();
        assert_eq!(count, known, "every element has its place");
    }
}
