//! What of runs of dots is alive, deleted, unknown; and letting go of what is of no use.

use super::content::Content;
use super::homes::Homes;
use super::index::Index;
use super::span::{Life, Span};
use super::Sequence;
use crate::plain::plain;
use crate::{Dot, DotRun, DotSet};

impl<C: Content> Sequence<C> {
    /// The dots of all living elements.
    pub(crate) fn live_runs(&self) -> impl Iterator<Item = DotRun> + '_ {
        let spans = self.index.pieces().map(|piece| piece.span);
        let alive = spans.filter(|span| span.life().is_alive());
        plain(alive.map(|span| self.run_of_span(span)))
    }

    /// How many elements are alive; O(pieces).
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn live_len(&self) -> usize {
        self.live_runs().map(|run| run.len as usize).sum()
    }

    /// Drops deleted elements that nothing needs. O(pieces).
    pub(crate) fn drop_elements(&mut self, dots: &DotSet) {
        for run in dots.runs() {
            self.runs.drop_run(run);
        }
        let old = std::mem::replace(&mut self.index, Index::new());
        self.homes = Homes::default();
        let mut end = self.index.first();
        for piece in old.pieces() {
            let span = piece.span;
            if let Some(content) = piece.content() {
                end = self.put(end, span, Some(C::owned(content)));
                continue;
            }
            let (first, run) = (span.start(), self.run_of_span(span));
            for rest in DotSet::from_iter([run]).difference(dots).runs() {
                let start = first.plus(rest.start.seq - run.start.seq);
                end = self.put(end, Span::new(start, rest.len, Life::Dead), None);
            }
        }
    }

    pub(crate) fn take_restored(&mut self) -> Vec<DotRun> {
        std::mem::take(&mut self.restored)
    }

    /// All runs, alive or not.
    pub(crate) fn known_runs(&self) -> impl Iterator<Item = DotRun> + '_ {
        plain(self.runs.all())
    }

    /// The parts of a run that name no element here.
    pub(crate) fn unknown_in(&self, run: DotRun) -> Vec<DotRun> {
        let (replica, end) = (run.start.replica, run.start.seq + run.len);
        let mut unknown = Vec::new();
        let mut seq = run.start.seq;
        let known = self.runs.between(replica, seq, end - 1);
        let ends = known.map(|known| (known.dots.start.seq, known.dots.start.seq + known.dots.len));
        for (start, next) in ends.chain([(end, end)]) {
            if start > seq {
                unknown.push(DotRun {
                    start: Dot::new(replica, seq),
                    len: start - seq,
                });
            }
            seq = next;
        }
        unknown
    }

    /// The living parts of a run.
    pub(crate) fn alive_in(&self, run: DotRun) -> Vec<DotRun> {
        self.parts_in(run, Life::is_alive)
    }

    /// The deleted parts of a run that have a place here.
    pub(crate) fn dead_in(&self, run: DotRun) -> Vec<DotRun> {
        self.parts_in(run, |life| !life.is_alive())
    }

    fn parts_in(&self, run: DotRun, is_wanted: impl Fn(Life) -> bool) -> Vec<DotRun> {
        let (replica, first) = (run.start.replica, run.start.seq);
        let spans = self.spans_between(replica, first, first + run.len - 1);
        let wanted = spans.filter(|(_, piece, _)| is_wanted(piece.span.life()));
        wanted.map(|(part, _, _)| part).collect()
    }

    /// What is alive of a run, part by part.
    pub(crate) fn shown_in(&self, run: DotRun) -> Vec<(Dot, C::View<'_>)> {
        let (replica, first) = (run.start.replica, run.start.seq);
        let spans = self.spans_between(replica, first, first + run.len - 1);
        let alive = spans.filter(|(_, piece, _)| piece.span.life().is_alive());
        alive
            .map(|(part, piece, skip)| (part.start, piece.view(skip..skip + part.len as usize)))
            .collect()
    }

    /// The first living element after this one, or of all; O(log n) and the deleted runs between.
    pub(crate) fn alive_after(&self, left: Option<Dot>) -> Option<Dot> {
        let mut from = self.index.first();
        if let Some((place, within)) = left.and_then(|left| self.locate(self.id(left)?)) {
            let span = self.index.span(place);
            if within + 1 < span.len() && span.life().is_alive() {
                return left.map(|left| left.plus(1));
            }
            from = place.next();
        }
        let mut spans = self.index.pieces_from(from).map(|piece| piece.span);
        let next = spans.find(|span| span.life().is_alive())?;
        Some(self.dot_of(next.start()))
    }

    /// Everything alive with its dot, in reading order.
    pub(crate) fn living(&self) -> impl Iterator<Item = (Dot, C::View<'_>)> {
        let pieces = self.index.pieces();
        plain(pieces.filter_map(|piece| Some((self.dot_of(piece.span.start()), piece.alive()?))))
    }
}
