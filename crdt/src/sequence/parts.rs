//! What of runs of dots is alive, deleted, unknown; and letting go of what is of no use.

use super::content::Content;
use super::index::{Index, Life, Piece, Place};
use super::{store, Sequence};
use crate::{Dot, DotRun, DotSet};

impl<C: Content> Sequence<C> {
    /// The dots of all living elements.
    pub(crate) fn live_runs(&self) -> impl Iterator<Item = DotRun> + '_ {
        let alive = self.index.pieces().filter(|piece| piece.life.is_alive());
        alive.map(|piece| DotRun {
            start: piece.start,
            len: piece.len,
        })
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
        let mut index = Index::new();
        let mut end = index.first();
        for piece in self.index.pieces() {
            if piece.life != Life::Dead {
                end = index.push(end, piece.clone());
                continue;
            }
            let run = DotRun {
                start: piece.start,
                len: piece.len,
            };
            for DotRun { start, len } in DotSet::from_iter([run]).difference(dots).runs() {
                let rest = Piece {
                    start,
                    len,
                    ..piece.clone()
                };
                end = index.push(end, rest);
            }
        }
        self.index = index;
        self.leaves = self.index.starts().collect();
    }

    pub(crate) fn take_restored(&mut self) -> Vec<DotRun> {
        std::mem::take(&mut self.restored)
    }

    /// All runs, alive or not.
    pub(crate) fn known_runs(&self) -> impl Iterator<Item = DotRun> + '_ {
        self.runs.all()
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
        let (replica, first) = (run.start.replica, run.start.seq);
        self.pieces_between(replica, first, first + run.len - 1)
            .filter(|(_, content, _)| content.is_some())
            .map(|(run, _, _)| run)
            .collect()
    }

    /// The deleted parts of a run that have a place here.
    pub(crate) fn dead_in(&self, run: DotRun) -> Vec<DotRun> {
        let (replica, first) = (run.start.replica, run.start.seq);
        self.pieces_between(replica, first, first + run.len - 1)
            .filter(|(_, content, _)| content.is_none())
            .map(|(run, _, _)| run)
            .collect()
    }

    /// What is alive of a run, piece by piece.
    pub(crate) fn shown_in(&self, run: DotRun) -> Vec<(Dot, C)> {
        let (replica, first) = (run.start.replica, run.start.seq);
        self.pieces_between(replica, first, first + run.len - 1)
            .filter_map(|(run, content, skip)| {
                Some((run.start, store::part_of(content?, skip, run.len as usize)))
            })
            .collect()
    }

    /// The first living element after this one, or of all; O(log n) and the deleted runs between.
    pub(crate) fn alive_after(&self, left: Option<Dot>) -> Option<Dot> {
        let mut from = self.index.first();
        if let Some((place, within)) = left.and_then(|left| self.locate(left)) {
            let piece = self.index.piece(place);
            if within + 1 < piece.len && piece.life.is_alive() {
                return left.map(|left| left.plus(1));
            }
            from = Place {
                slot: place.slot + 1,
                ..place
            };
        }
        let mut pieces = self.index.pieces_from(from);
        pieces
            .find(|piece| piece.life.is_alive())
            .map(|piece| piece.start)
    }

    /// Everything alive with its dot, in reading order.
    pub(crate) fn living(&self) -> impl Iterator<Item = (Dot, &C)> {
        let pieces = self.index.pieces();
        pieces.filter_map(|piece| Some((piece.start, piece.alive()?)))
    }
}
