//! A sequence as a store of dots: what it gives out and takes in.

use std::borrow::Cow;

use super::build::Plan;
use super::causal::Incoming;
use super::content::{Content, Extent};
use super::index::Piece;
use super::run::{push_piece, PieceItem, Pieces, RunItem};
use super::{told, Patch, Sequence};
use crate::{Dot, DotRun, DotSet, DotStore, Interval, MergeError, ReplicaId, Stamp, VersionVector};

/// Where there are more runs than so many for each leaf, it is quicker to sort all spans than to find those
/// of each run.
const RUNS_A_LEAF: usize = 4;

impl<C: Content> DotStore for Sequence<C> {
    /// In order of dot.
    type Items = Vec<RunItem<C>>;
    type Effects = Vec<Patch<C>>;
    /// How to build it all at once, if nothing is here yet.
    type Plan = Option<Plan>;

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        let links = || {
            let spans = interval.spans();
            spans.flat_map(|(replica, first, last)| self.runs.between(replica, first, last))
        };
        let count = links().count();
        let mut items = Vec::with_capacity(count);
        // Of many runs the spans are found all at once, of few for each by itself; and in a browser, where what
        // is loaded counts more than what is computed.
        let many = count / RUNS_A_LEAF >= self.index.leaf_count();
        let many = many && cfg!(not(target_arch = "wasm32"));
        let mut all = many.then(|| self.in_order());
        for link in links() {
            let mut pieces = Pieces::default();
            let put = |(part, piece, skip): (DotRun, Piece<'_, C>, usize)| {
                let len = part.len;
                let alive = piece.span.life().is_alive();
                let content = alive.then(|| C::owned(piece.view(skip..skip + len as usize)));
                push_piece(&mut pieces, PieceItem { len, content });
            };
            match &mut all {
                Some(all) => all.of(link.dots).for_each(put),
                None => self.spans_of(link.dots).for_each(put),
            }
            items.push(RunItem {
                start: link.dots.start,
                parent: link.parent,
                side: link.side,
                minute: link.minute,
                pieces,
            });
        }
        items
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        let mut live = DotSet::new();
        for (replica, first, last) in interval.spans() {
            for (part, piece, _) in self.spans_between(replica, first, last) {
                if piece.span.life().is_alive() {
                    live.insert_run(part);
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

    fn check(&self, items: &Self::Items, seen: &VersionVector) -> Result<Option<Plan>, MergeError> {
        self.check_with(items, [], seen)
    }

    fn join(
        &mut self,
        items: &Self::Items,
        plan: Option<Plan>,
        seen: &VersionVector,
        patches: &mut Vec<Patch<C>>,
    ) {
        self.join_with(items, plan, [], seen, patches);
    }

    fn remove(&mut self, dots: &DotSet, patches: &mut Vec<Patch<C>>) {
        for run in dots.runs() {
            for run in self.alive_in(run) {
                let start = self.id(run.start).expect("what is alive is known");
                let (place, within) = self.locate(start).expect("what is alive is known");
                let piece = self.index.piece(place);
                let mut at = self.index.before(place);
                if piece.span.life().is_shown() {
                    at += piece.extent_to(within as usize);
                }
                let deleted = self.bury(place, within, run.len);
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
    ) -> Result<Option<Plan>, MergeError> {
        let wanted: Vec<Dot> = wanted.into_iter().collect();
        let plan = self.plan(items, &wanted, seen);
        if plan.is_none() {
            self.incoming(items, wanted, seen)?;
        }
        Ok(plan)
    }

    /// How to build a sequence of which nothing is here yet, if that is so and the items are all of it.
    fn plan(&self, items: &[RunItem<C>], wanted: &[Dot], seen: &VersionVector) -> Option<Plan> {
        let is_new = |item: &RunItem<C>| seen.get(item.start.replica) < item.start.seq;
        if !self.runs.is_empty() || !items.iter().all(is_new) {
            return None;
        }
        let plan = Plan::new(items)?;
        wanted.iter().all(|&dot| plan.knows(dot)).then_some(plan)
    }

    /// As [`DotStore::join`]; of the elements `wanted` those that were dropped here come back as
    /// deleted ones.
    pub(crate) fn join_with(
        &mut self,
        items: &[RunItem<C>],
        plan: Option<Plan>,
        wanted: impl IntoIterator<Item = Dot>,
        seen: &VersionVector,
        patches: &mut Vec<Patch<C>>,
    ) {
        let wanted: Vec<Dot> = wanted.into_iter().collect();
        if let Some(plan) = plan.or_else(|| self.plan(items, &wanted, seen)) {
            *self = plan.build(items);
            if self.extent() != Extent::default() {
                let mut all = C::Told::default();
                self.contents().for_each(|part| C::tell(part, &mut all));
                patches.reserve_exact(1);
                patches.push(Patch {
                    at: Extent::default(),
                    deleted: Extent::default(),
                    inserted: Some(all),
                });
            }
            return;
        }
        let incoming = self.incoming(items, wanted, seen);
        let Incoming { restored, new } = incoming.expect("the items were checked");
        let new = new.into_iter().map(|item| {
            let run = item.after(seen.get(item.start.replica));
            run.expect("the items in order are those with something new")
        });
        self.restored = restored.iter().map(RunItem::dots).collect();
        for run in restored.iter().map(Cow::Borrowed).chain(new) {
            // What comes right after another is told with it.
            let mut end = None;
            self.integrate_copy(&run, &mut |at, content| {
                let all = content.extent();
                let view = content.view(0..all.chars);
                let last = patches.last_mut().and_then(|last| last.inserted.as_mut());
                match last.filter(|_| end == Some(at)) {
                    Some(told) => C::tell(view, told),
                    None => patches.push(Patch {
                        at,
                        deleted: Extent::default(),
                        inserted: Some(told::<C>(view)),
                    }),
                }
                end = Some(at + all);
            });
        }
    }
}
