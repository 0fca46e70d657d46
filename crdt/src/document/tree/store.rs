//! The tree as a store of dots: what it gives out and takes in.

use crate::ordered::{self, BTreeMap, BTreeSet};
use std::borrow::Cow;

use super::{ContainerId, Noted, Tree, ROOT};
use crate::container::{Body, BodyItems, Plan, Said};
use crate::document::erasures::Erasures;
use crate::document::items::{Items, Place};
use crate::document::path::{Kind, Step};
use crate::map::MapItem;
use crate::{Dot, DotRun, DotSet, DotStore, Interval, MergeError, ReplicaId, Stamp, VersionVector};

/// A plan of fewer runs is not kept.
const KEPT_MIN: usize = 8;

/// A table of containers, and what is said of those by number.
type Tabulated<T> = (Vec<Place>, Vec<(u32, T)>);

/// No step says more things of a container.
const STEP_MAX: usize = 8;

impl Tree {
    /// What is said of containers, in ascending order, with the containers that these are in, in the order of their
    /// paths; O(result), whatever else is in the same maps.
    fn tabulate<T>(&self, found: Vec<(ContainerId, T)>) -> Tabulated<T> {
        let mut named: Vec<(ContainerId, &Step, ContainerId)> = Vec::new();
        let mut known = BTreeSet::new();
        for &(mut id, _) in &found {
            while let Some(step) = self.get(id).step.as_ref().filter(|_| known.insert(id)) {
                named.push((self.get(id).parent, step, id));
                id = self.get(id).parent;
            }
        }
        ordered::sort(&mut named);
        let mut table = Vec::with_capacity(named.len());
        let mut numbers = vec![0; found.len()];
        // What is still to be visited, the next one last: its number in `named`, and that of its parent.
        let mut open: Vec<(usize, u32)> = Vec::new();
        let (mut id, mut number) = (ROOT, 0);
        loop {
            if let Ok(at) = found.binary_search_by_key(&id, |&(id, _)| id) {
                numbers[at] = number;
            }
            let first = named.partition_point(|&(parent, ..)| parent < id);
            let last = named.partition_point(|&(parent, ..)| parent <= id);
            open.extend((first..last).rev().map(|child| (child, number)));
            let Some((next, parent)) = open.pop() else {
                break;
            };
            let step = named[next].1.clone();
            table.push(Place { parent, step });
            (id, number) = (named[next].2, table.len() as u32);
        }
        let said = found.into_iter().map(|(_, said)| said);
        let mut bodies: Vec<(u32, T)> = numbers.into_iter().zip(said).collect();
        ordered::sort_by_key(&mut bodies, |&(number, _)| number);
        (table, bodies)
    }

    /// All that there is, where it lies; `None` if that may be so little that it is a step.
    pub(in crate::document) fn said<'a>(
        &'a self,
        all: Interval<'a>,
    ) -> Option<Tabulated<Said<'a>>> {
        let ids = self.containers_in(all).into_iter();
        let said = ids.map(|id| (id, self.get(id).body.said(all)));
        let said: Vec<_> = said.filter(|(_, said)| said.has(1)).collect();
        let is_large = said.iter().any(|(_, said)| said.has(STEP_MAX + 1));
        is_large.then(|| self.tabulate(said))
    }

    fn tabulate_one(&self, mut id: ContainerId, items: BodyItems) -> Items {
        let depth = self.depth(id) as u32;
        let mut table = Vec::with_capacity(depth as usize);
        while let Some(step) = self.get(id).step.clone() {
            let parent = depth - 1 - table.len() as u32;
            table.push(Place { parent, step });
            id = self.get(id).parent;
        }
        table.reverse();
        Items {
            table,
            bodies: vec![(depth, items)],
            erasures: Vec::new(),
        }
    }

    pub(in crate::document) fn erased(&self, all: Interval<'_>) -> Vec<(Dot, Vec<DotRun>)> {
        self.erasures.collect(all)
    }

    /// As [`DotStore::collect`], with all that the elements `anchors` hang on, themselves included.
    pub(crate) fn collect_with(&self, interval: Interval<'_>, anchors: &[Dot]) -> Items {
        let homes = self.containers_in(interval);
        if let ([id], true) = (&homes[..], anchors.is_empty()) {
            let found = self.get(*id).body.collect(interval);
            let found = Some(found).filter(|found| !found.is_empty());
            let items = found.map(|found| self.tabulate_one(*id, found));
            let mut items = items.unwrap_or_default();
            items.erasures = self.erasures.collect(interval);
            return items;
        }
        let homes = homes.into_iter();
        let found = homes.map(|id| (id, self.get(id).body.collect(interval)));
        let mut found: Vec<_> = found.collect();
        let mut by_container: BTreeMap<ContainerId, Vec<Dot>> = BTreeMap::new();
        for &dot in anchors {
            let one = DotRun { start: dot, len: 1 };
            for (_, id) in self.homes.of(one) {
                by_container.entry(id).or_default().push(dot);
            }
        }
        for (id, dots) in by_container {
            let body = &self.get(id).body;
            let at = found.binary_search_by_key(&id, |&(id, _)| id);
            let at = at.unwrap_or_else(|at| {
                found.insert(at, (id, BodyItems::none(body.kind())));
                at
            });
            found[at].1.add_skeleton(body, &dots, interval.from);
        }
        found.retain(|(_, items)| !items.is_empty());
        let (table, bodies) = self.tabulate(found);
        Items {
            table,
            bodies,
            erasures: self.erasures.collect(interval),
        }
    }

    /// Makes sure that elements that were seen before are not said to be somewhere else, nor marks of this text.
    fn check_homes(
        &self,
        items: &BodyItems,
        here: Option<ContainerId>,
        seen: &VersionVector,
    ) -> Result<(), MergeError> {
        if seen.is_empty() {
            return Ok(());
        }
        let mut elsewhere = None;
        items.for_each_element_run(|run| {
            let known = (seen.get(run.start.replica) + 1).saturating_sub(run.start.seq);
            let len = known.min(run.len);
            if len > 0 && elsewhere.is_none() {
                let mut homes = self.homes.of(DotRun { len, ..run }).into_iter();
                let other = |(part, id): (DotRun, _)| match here {
                    Some(here) if here == id => self.get(id).body.mark_in(part),
                    _ => Some(part.start),
                };
                elsewhere = homes.find_map(other);
            }
        });
        elsewhere.map_or(Ok(()), |dot| Err(MergeError::DotConflict { dot }))
    }

    /// Takes in the items of containers, those that nobody else needs without a copy.
    fn join_each(
        &mut self,
        items: &Items,
        bodies: &mut dyn Iterator<Item = (u32, Cow<'_, BodyItems>)>,
        mut wanted: BTreeMap<u32, Vec<Dot>>,
        plans: Vec<(u32, Plan)>,
        (seen, noted): (&VersionVector, &mut Noted),
    ) {
        let mut plans = plans.into_iter().peekable();
        // Of the first of all there is nothing that it could have changed.
        let is_told = !(noted.is_silent() && seen.is_empty());
        let mut ids = Vec::with_capacity(items.table.len() + 1);
        ids.push(ROOT);
        for Place { parent, step } in &items.table {
            ids.push(self.child_named(ids[*parent as usize], step.clone()));
        }
        for (number, items) in bodies {
            let wanted = wanted.remove(&number).unwrap_or_default();
            let id = ids[number as usize];
            let plan = plans.next_if(|(planned, _)| *planned == number);
            let plan = plan.map(|(_, plan)| plan);
            let before = self.get(id).body.live_len();
            let counted = self.get(id).body.counted(&items);
            self.settle_new(id, &items, seen);
            // Of what is taken over nothing is left then; else it is cheaper in memory when all is joined.
            let kept = match &items {
                Cow::Borrowed(items) => Some(*items),
                Cow::Owned(items) => {
                    self.name_children(id, items);
                    None
                }
            };
            let change = self
                .body_mut(id)
                .join(items, plan, &wanted, (seen, is_told));
            self.note(id, change, noted);
            self.settle_restored(id);
            if !counted.is_empty() {
                let gone = counted.difference(&self.get(id).body.alive_of(&counted));
                self.unsettle(gone.runs(), Some(id));
            }
            self.recount(id, before, noted);
            if self.get(id).live == 0 {
                self.loose.insert(id);
            }
            if let Some(items) = kept {
                self.name_children(id, items);
            }
        }
        // Lists of which the delta says nothing but what is in their elements.
        for (number, wanted) in wanted {
            let id = ids[number as usize];
            let nothing = Cow::Owned(BodyItems::none(Kind::List));
            let change = self
                .body_mut(id)
                .join(nothing, None, &wanted, (seen, is_told));
            self.note(id, change, noted);
            self.settle_restored(id);
        }
        for (_, runs) in items.erasures.iter().filter(|(by, _)| !seen.contains(*by)) {
            self.departed.clear();
            self.loosen_homes(runs);
        }
        self.erasures.join(&items.erasures, (), seen, &mut ());
    }

    /// Notes where new dots are.
    fn settle_new(&mut self, id: ContainerId, items: &BodyItems, seen: &VersionVector) {
        // Neighbours are settled together.
        let mut last: Option<DotRun> = None;
        items.for_each_sorted_run(|run| {
            let skip = (seen.get(run.start.replica) + 1).saturating_sub(run.start.seq);
            let Some(len) = run.len.checked_sub(skip).filter(|&len| len > 0) else {
                return;
            };
            let start = run.start.plus(skip);
            match &mut last {
                Some(last) if last.start.plus(last.len) == start => last.len += len,
                _ => self.homes.settle(id, last.replace(DotRun { start, len })),
            }
        });
        self.homes.settle(id, last);
    }

    /// Notes which containers a map has.
    fn name_children(&mut self, id: ContainerId, items: &BodyItems) {
        if let BodyItems::Map { children, .. } = items {
            // A container that is there may still be empty, and so have no items of its own.
            for MapItem {
                key: (name, kind), ..
            } in children
            {
                self.child_named(
                    id,
                    Step {
                        key: name.as_str().into(),
                        kind: *kind,
                    },
                );
            }
        }
    }

    fn settle_restored(&mut self, id: ContainerId) {
        let restored = self.body_mut(id).take_restored();
        self.homes.settle(id, restored);
    }

    /// Drops deleted elements that nothing needs; it is no change.
    pub(crate) fn drop_elements(&mut self, dots: &DotSet) {
        let mut parts: Vec<(ContainerId, DotRun)> = Vec::new();
        for run in dots.runs() {
            self.homes.each_of(run, |part, id| parts.push((id, part)));
        }
        ordered::sort(&mut parts);
        for of_one in parts.chunk_by(|(one, _), (other, _)| one == other) {
            // Neighbours may be two entries of the homes, so each is cut out by itself.
            for &(_, run) in of_one {
                self.homes.cut_out(run);
            }
            let (id, _) = of_one[0];
            let dots = of_one.iter().map(|&(_, run)| run).collect();
            self.body_mut(id).drop_elements(&dots);
            self.loose.insert(id);
        }
        self.sweep();
    }

    /// In ascending order.
    pub(in crate::document) fn containers_in(&self, interval: Interval<'_>) -> Vec<ContainerId> {
        let mut found = Vec::new();
        for (replica, first, last) in interval.spans() {
            let run = DotRun {
                start: Dot::new(replica, first),
                len: last - first + 1,
            };
            self.homes.each_of(run, |_, id| {
                if found.last() != Some(&id) {
                    found.push(id);
                }
            });
        }
        ordered::sort(&mut found);
        found.dedup();
        found
    }
}

impl DotStore for Tree {
    type Items = Items;
    type Effects = Noted;
    /// For sequences that nothing is here of yet, by the number of the container: that of small ones is soon
    /// made again.
    type Plan = Vec<(u32, Plan)>;

    fn collect(&self, interval: Interval<'_>) -> Items {
        self.collect_with(interval, &[])
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        let mut live = self.erasures.live_in(interval);
        for id in self.containers_in(interval) {
            live.extend(&self.get(id).body.live_in(interval));
        }
        live
    }

    fn dots_of(items: &Items) -> DotSet {
        let mut live = Erasures::dots_of(&items.erasures);
        for items in items.bodies() {
            live.extend(&items.live());
        }
        live
    }

    fn max_stamp(items: &Items, of: Option<ReplicaId>) -> Option<Stamp> {
        items.bodies().filter_map(|body| body.max_stamp(of)).max()
    }

    fn check(&self, items: &Items, seen: &VersionVector) -> Result<Self::Plan, MergeError> {
        let mut ids = Vec::with_capacity(items.table.len() + 1);
        ids.push(Some(ROOT));
        for Place { parent, step } in &items.table {
            let parent: Option<ContainerId> = ids[*parent as usize];
            ids.push(parent.and_then(|parent| self.child(parent, step)));
        }
        let mut wanted = items.wanted();
        let (mut missing, mut plans) = (Vec::new(), Vec::new());
        let mut check = |number: u32, items: &BodyItems, wanted: &mut BTreeMap<u32, Vec<Dot>>| {
            let wanted = wanted.remove(&number).unwrap_or_default();
            self.check_homes(items, ids[number as usize], seen)?;
            let checked = match ids[number as usize] {
                Some(id) => self.get(id).body.check(items, &wanted, seen),
                None => Body::new(items.kind()).check(items, &wanted, seen),
            };
            match checked {
                Err(MergeError::MissingAnchors { anchors }) => missing.extend(anchors),
                other => {
                    let plan = other?.filter(|plan| plan.has_runs(KEPT_MIN));
                    plans.extend(plan.map(|plan| (number, plan)));
                }
            }
            Ok(())
        };
        for (number, items) in &items.bodies {
            check(*number, items, &mut wanted)?;
        }
        let silent: Vec<u32> = wanted.keys().copied().collect();
        for number in silent {
            check(number, &BodyItems::none(Kind::List), &mut wanted)?;
        }
        if missing.is_empty() {
            Ok(plans)
        } else {
            Err(MergeError::MissingAnchors { anchors: missing })
        }
    }

    fn join(&mut self, items: &Items, plans: Self::Plan, seen: &VersionVector, noted: &mut Noted) {
        let bodies = items.bodies.iter();
        let mut bodies = bodies.map(|(number, body)| (*number, Cow::Borrowed(body)));
        let wanted = items.wanted();
        self.join_each(items, &mut bodies, wanted, plans, (seen, noted));
    }

    fn take(
        &mut self,
        mut items: Items,
        plans: Self::Plan,
        seen: &VersionVector,
        noted: &mut Noted,
    ) {
        let wanted = items.wanted();
        let bodies = std::mem::take(&mut items.bodies).into_iter();
        let mut bodies = bodies.map(|(number, body)| (number, Cow::Owned(body)));
        self.join_each(&items, &mut bodies, wanted, plans, (seen, noted));
    }

    fn remove(&mut self, dots: &DotSet, noted: &mut Noted) {
        let mut parts: Vec<(ContainerId, DotRun)> = Vec::new();
        for run in dots.runs() {
            self.homes.each_of(run, |part, id| parts.push((id, part)));
        }
        // What is inside goes first, or it would keep what it is in for a moment.
        ordered::sort_by_key(&mut parts, |&(id, run)| {
            (std::cmp::Reverse(self.depth(id)), id, run.start)
        });
        for of_one in parts.chunk_by(|(one, _), (other, _)| one == other) {
            let dots = of_one.iter().map(|&(_, run)| run).collect();
            self.remove_from(of_one[0].0, &dots, noted);
        }
        self.erasures.remove(dots, &mut ());
    }
}
