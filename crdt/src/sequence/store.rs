//! A sequence as a store of dots: what it gives out and takes in.

use std::borrow::Cow;

use super::build::{build, Built};
use super::causal::Incoming;
use super::content::{Content, Extent};
use super::link::RunLink;
use super::run::RunItem;
use super::table::{Piece as RunPiece, Sink, TableBuilder};
use super::{told, Patch, RunItems, Sequence};
use crate::{Dot, DotSet, DotStore, Interval, MergeError, Minute, ReplicaId, Stamp, VersionVector};

/// Where there are more runs than so many for each leaf, it is quicker to sort all spans than to find those
/// of each run.
const RUNS_A_LEAF: usize = 4;

impl<C: Content> DotStore for Sequence<C> {
    type Items = RunItems<C>;
    type Effects = Vec<Patch<C>>;
    /// All of it, built at once, if nothing is here yet.
    type Plan = Option<Built<C>>;

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        let mut table = TableBuilder::with_capacity(self.count_in(interval));
        self.give(interval, &mut table);
        RunItems::from(table.finish())
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
        items.live().for_each(|run| live.insert_run(run));
        live
    }

    fn max_stamp(_: &Self::Items, _: Option<ReplicaId>) -> Option<Stamp> {
        None
    }

    fn check(&self, items: &Self::Items, seen: &VersionVector) -> Result<Self::Plan, MergeError> {
        self.check_with(items, [], seen)
    }

    fn join(
        &mut self,
        items: &Self::Items,
        plan: Self::Plan,
        seen: &VersionVector,
        patches: &mut Vec<Patch<C>>,
    ) {
        self.join_with(items, plan, [], seen, Some(patches));
    }

    fn remove(&mut self, dots: &DotSet, patches: &mut Vec<Patch<C>>) {
        for run in dots.runs() {
            // Mostly all of it is shown in one place.
            if let Some(place) = self.whole(run) {
                let (at, deleted) = self.take_out(place, run.len);
                patches.push(Patch {
                    at,
                    deleted,
                    inserted: None,
                });
                continue;
            }
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
    /// How many runs have dots in an interval.
    fn count_in(&self, interval: Interval<'_>) -> usize {
        let spans = interval.spans();
        let runs =
            spans.map(|(replica, first, last)| self.runs.between(replica, first, last).count());
        runs.sum()
    }

    /// Gives out all runs with dots in an interval, and what is alive of them.
    pub(crate) fn give(&self, interval: Interval<'_>, sink: &mut dyn Sink<C>) {
        let count = self.count_in(interval);
        // Of many runs the spans are found all at once, of few for each by itself.
        let many = count / RUNS_A_LEAF >= self.index.leaf_count();
        let copied = if many { self.index.copied() } else { None };
        let mut all = many.then(|| self.in_order(copied.as_ref()));
        let mut views = Vec::with_capacity(count);
        let mut pieces: Vec<RunPiece> = Vec::new();
        let spans = interval.spans();
        let links =
            spans.flat_map(|(replica, first, last)| self.runs.between(replica, first, last));
        for link in links {
            pieces.clear();
            let mut living = 0;
            // How they are cut is no part of the state.
            let mut push = |len, view: Option<C::View<'_>>| {
                let is_alive = view.is_some();
                match pieces.last_mut() {
                    Some(last) if last.is_alive() == is_alive => {
                        *last = RunPiece::new(last.len() + len, is_alive);
                    }
                    _ => pieces.push(RunPiece::new(len, is_alive)),
                }
                living += view.map_or(0, C::raw_len);
            };
            match &mut all {
                Some(all) => all.each_part(&link, |len, view| {
                    push(len, view);
                    views.extend(view);
                }),
                None => {
                    for (part, piece, skip) in self.spans_of(link.dots) {
                        let content = || piece.view(skip..skip + part.len as usize);
                        let view = piece.span.life().is_alive().then(content);
                        push(part.len, view);
                        views.extend(view);
                    }
                }
            }
            sink.run(&link, &pieces, living);
        }
        sink.content(&views);
    }

    /// When the first of its runs were inserted.
    pub(crate) fn first_minute(&self) -> Option<Minute> {
        self.runs.minutes().min()
    }

    /// Whose elements it has.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        let agents = &self.runs.agents;
        agents.in_order().map(|agent| agents.replica(agent))
    }

    /// What it holds, shown or not, in any order.
    pub(crate) fn all_contents(&self) -> impl Iterator<Item = &C> {
        self.index.all_contents()
    }

    /// As [`DotStore::check`]; the elements `wanted` must be here too.
    pub(crate) fn check_with(
        &self,
        items: &RunItems<C>,
        wanted: impl IntoIterator<Item = Dot>,
        seen: &VersionVector,
    ) -> Result<Option<Built<C>>, MergeError> {
        let wanted: Vec<Dot> = wanted.into_iter().collect();
        let built = self.built(items, &wanted, seen);
        if built.is_none() {
            self.incoming(items, wanted, seen)?;
        }
        Ok(built)
    }

    /// The sequence of the items, if nothing is here yet, and they are all of it.
    fn built(&self, items: &RunItems<C>, wanted: &[Dot], seen: &VersionVector) -> Option<Built<C>> {
        let is_new = |run: RunLink| seen.get(run.dots.start.replica) < run.dots.start.seq;
        if !self.runs.is_empty() || !items.links().all(is_new) {
            return None;
        }
        let built = build(&items.columns())?;
        let is_whole = wanted.iter().all(|&dot| built.knows(dot));
        is_whole.then(|| Box::new(built))
    }

    /// As [`DotStore::join`]; of the elements `wanted` those that were dropped here come back as
    /// deleted ones. Patches are made if there is who takes them.
    pub(crate) fn join_with(
        &mut self,
        items: &RunItems<C>,
        built: Option<Built<C>>,
        wanted: impl IntoIterator<Item = Dot>,
        seen: &VersionVector,
        patches: Option<&mut Vec<Patch<C>>>,
    ) {
        let wanted: Vec<Dot> = wanted.into_iter().collect();
        if let Some(built) = built.or_else(|| self.built(items, &wanted, seen)) {
            *self = *built;
            if let Some(patches) = patches.filter(|_| self.extent() != Extent::default()) {
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
        let mut none = Vec::new();
        let patches = patches.unwrap_or(&mut none);
        let incoming = self.incoming(items, wanted, seen);
        let Incoming { restored, new } = incoming.expect("the items were checked");
        self.restored = restored.iter().map(RunItem::dots).collect();
        for run in &restored {
            self.take_in(run, patches);
        }
        for run in new {
            // Of the only one, which may be what was typed, no copy is made.
            let lone = items.lone().first().map(Cow::Borrowed);
            let whole = lone.unwrap_or_else(|| Cow::Owned(items.item(run as usize)));
            let run = whole.after(seen.get(whole.start.replica));
            let run = run.expect("the items in order are those with something new");
            self.take_in(&run, patches);
        }
    }

    /// Takes in a run of which all is new.
    fn take_in(&mut self, run: &RunItem<C>, patches: &mut Vec<Patch<C>>) {
        // What comes right after another is told with it.
        let mut end = None;
        self.integrate_copy(run, &mut |at, content| {
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
