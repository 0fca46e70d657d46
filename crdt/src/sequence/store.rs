//! A sequence as a store of dots: what it gives out and takes in.

use super::causal::Incoming;
use super::content::{Content, Extent};
use super::run::{push_piece, PieceItem, RunItem};
use super::{Patch, Sequence};
use crate::{Dot, DotSet, DotStore, Interval, MergeError, ReplicaId, Stamp, VersionVector};

impl<C: Content> DotStore for Sequence<C> {
    /// In order of dot.
    type Items = Vec<RunItem<C>>;
    type Effects = Vec<Patch<C>>;

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        let mut items = Vec::new();
        for (replica, first, last) in interval.spans() {
            for run in self.runs.between(replica, first, last) {
                let cut = run.dots.start.seq;
                let end = cut + run.dots.len - 1;
                let mut pieces = Vec::new();
                for (dots, content, skip) in self.pieces_between(replica, cut, end) {
                    let content = content.map(|c| part_of(c, skip, dots.len as usize));
                    push_piece(
                        &mut pieces,
                        PieceItem {
                            len: dots.len,
                            content,
                        },
                    );
                }
                items.push(RunItem {
                    start: run.dots.start,
                    parent: run.parent,
                    side: run.side,
                    minute: run.minute,
                    pieces,
                });
            }
        }
        items
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        let mut live = DotSet::new();
        for (replica, first, last) in interval.spans() {
            for (run, content, _) in self.pieces_between(replica, first, last) {
                if content.is_some() {
                    live.insert_run(run);
                }
            }
        }
        live
    }

    fn dots_of(items: &Self::Items) -> DotSet {
        let mut live = DotSet::new();
        for run in items.iter().flat_map(RunItem::live) {
            live.insert_run(run);
        }
        live
    }

    fn max_stamp(_: &Self::Items, _: Option<ReplicaId>) -> Option<Stamp> {
        None
    }

    fn check(&self, items: &Self::Items, seen: &VersionVector) -> Result<(), MergeError> {
        self.check_with(items, [], seen)
    }

    fn join(&mut self, items: &Self::Items, seen: &VersionVector, patches: &mut Vec<Patch<C>>) {
        self.join_with(items, [], seen, patches);
    }

    fn remove(&mut self, dots: &DotSet, patches: &mut Vec<Patch<C>>) {
        for run in dots.runs() {
            for run in self.alive_in(run) {
                // Cut out first, so that what goes is one piece and its length is at hand.
                self.cut_after(run.start.plus(run.len - 1));
                let place = self.cut(run.start);
                let (at, deleted) = (self.index.before(place), self.index.piece(place).extent());
                self.bury(place, 0, run.len);
                if deleted.chars > 0 {
                    patches.push(Patch {
                        at,
                        deleted,
                        inserted: None,
                    });
                }
            }
        }
    }
}

impl<C: Content> Sequence<C> {
    /// As [`DotStore::check`]; the elements `wanted` must be here too.
    pub(crate) fn check_with(
        &self,
        items: &[RunItem<C>],
        wanted: impl IntoIterator<Item = Dot>,
        seen: &VersionVector,
    ) -> Result<(), MergeError> {
        self.incoming(items, wanted, seen).map(drop)
    }

    /// As [`DotStore::join`]; of the elements `wanted` those that were dropped here come back as
    /// deleted ones.
    pub(crate) fn join_with(
        &mut self,
        items: &[RunItem<C>],
        wanted: impl IntoIterator<Item = Dot>,
        seen: &VersionVector,
        patches: &mut Vec<Patch<C>>,
    ) {
        let incoming = self.incoming(items, wanted, seen);
        let Incoming { restored, new } = incoming.expect("the items were checked");
        let new = new.into_iter().map(|item| {
            let run = item.after(seen.get(item.start.replica));
            run.expect("the items in order are those with something new")
        });
        self.restored = restored.iter().map(RunItem::dots).collect();
        for run in restored.into_iter().chain(new) {
            self.integrate(run, &mut |at, content| {
                patches.push(Patch {
                    at,
                    deleted: Extent::default(),
                    inserted: Some(content.clone()),
                });
            });
        }
    }
}

pub(super) fn part_of<C: Content>(content: &C, skip: usize, len: usize) -> C {
    let mut part = content.clone();
    if skip > 0 {
        part = part.split_off(skip);
    }
    if part.extent().chars > len {
        let _ = part.split_off(len);
    }
    part
}
