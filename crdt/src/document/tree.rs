//! The containers of a document and where each dot is.

mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use super::departed::{Departed, Departure};
use super::erasures::Erasures;
use super::homes::Homes;
use super::items::{Items, Place};
use super::path::{Key, Kind, Path, Step};
use crate::container::list::Element;
use crate::container::{Body, BodyItems, ChangeKind, Changes, MapBody};
use crate::map::MapItem;
use crate::{limits, Dot, DotRun, DotSet, DotStore, EditError, Interval, MergeError, Stamp, Value};
use crate::{ReplicaId, VersionVector};

/// The number of a container in this copy. That of one that was let go is given again: nobody holds
/// a number beyond an edit or a merge.
pub(crate) type ContainerId = u32;

/// The top of the document: a map, whose keys are the names of the root containers.
pub(crate) const ROOT: ContainerId = 0;

#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) parent: ContainerId,
    /// `None` for the top.
    pub(crate) step: Option<Step>,
    depth: usize,
    pub(crate) body: Body,
    /// How many containers are named in this one.
    children: u32,
    /// How many dots are alive in this container and those inside of it.
    live: usize,
}

/// All containers of a document.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    containers: Vec<Container>,
    /// What is in what, for all containers at once: a map for each would cost many times a container.
    children: BTreeMap<(ContainerId, Step), ContainerId>,
    pub(super) homes: Homes,
    pub(super) departed: Departed,
    erasures: Erasures,
    /// The numbers of containers that were let go.
    free: BTreeSet<ContainerId>,
    /// Containers that may be of no use any more: looked at when the edit or merge ends.
    loose: BTreeSet<ContainerId>,
}

impl Container {
    fn top() -> Self {
        Self {
            parent: ROOT,
            step: None,
            depth: 0,
            body: Body::new(Kind::Map),
            children: 0,
            live: 0,
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            containers: vec![Container::top()],
            children: BTreeMap::new(),
            homes: Homes::default(),
            departed: Departed::default(),
            erasures: Erasures::default(),
            free: BTreeSet::new(),
            loose: BTreeSet::new(),
        }
    }
}

/// What a reader sees at a key.
pub(crate) enum Seen<'a> {
    Value(&'a Value),
    Container(ContainerId),
}

impl Tree {
    pub(crate) fn get(&self, id: ContainerId) -> &Container {
        &self.containers[id as usize]
    }

    pub(crate) fn body_mut(&mut self, id: ContainerId) -> &mut Body {
        &mut self.containers[id as usize].body
    }

    pub(crate) fn map_body(&self, id: ContainerId) -> Option<&MapBody> {
        match &self.get(id).body {
            Body::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The container inside of this one, if it was ever named here.
    pub(crate) fn child(&self, parent: ContainerId, step: &Step) -> Option<ContainerId> {
        if self.get(parent).children == 0 {
            return None;
        }
        self.children.get(&(parent, step.clone())).copied()
    }

    /// The containers in this one, in the order of their steps.
    fn children(&self, parent: ContainerId) -> impl Iterator<Item = (&Step, ContainerId)> {
        let first = Step {
            key: "".into(),
            kind: Kind::Map,
        };
        let inside = self.children.range((parent, first)..);
        inside
            .take_while(move |((of, _), _)| *of == parent)
            .map(|((_, step), &id)| (step, id))
            .take(self.get(parent).children as usize)
    }

    /// The container inside of this one. Naming it does not make it exist for others.
    pub(crate) fn child_named(&mut self, parent: ContainerId, step: Step) -> ContainerId {
        if let Some(id) = self.child(parent, &step) {
            return id;
        }
        let container = Container {
            parent,
            step: Some(step.clone()),
            depth: self.get(parent).depth + 1,
            body: Body::new(step.kind),
            children: 0,
            live: 0,
        };
        let id = self.free.pop_first();
        let id = id.unwrap_or(self.containers.len() as ContainerId);
        match self.containers.get_mut(id as usize) {
            Some(free) => *free = container,
            None => self.containers.push(container),
        }
        self.loose.insert(id);
        self.containers[parent as usize].children += 1;
        self.children.insert((parent, step), id);
        id
    }

    pub(crate) fn find(&self, steps: &[Step]) -> Option<ContainerId> {
        steps.iter().try_fold(ROOT, |id, step| self.child(id, step))
    }

    pub(crate) fn find_or_name(&mut self, steps: &[Step]) -> ContainerId {
        steps
            .iter()
            .fold(ROOT, |id, step| self.child_named(id, step.clone()))
    }

    /// The path of a container.
    pub(crate) fn path(&self, id: ContainerId) -> Path {
        let mut steps: Vec<Step> = self.ancestors(id).filter_map(|c| c.step.clone()).collect();
        steps.reverse();
        Path::from_steps(steps)
    }

    /// The container and what it is in, up to the top.
    fn ancestors(&self, id: ContainerId) -> impl Iterator<Item = &Container> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let id = next?;
            next = (id != ROOT).then(|| self.get(id).parent);
            Some(self.get(id))
        })
    }

    /// The containers inside of this one, itself included.
    pub(crate) fn subtree(&self, id: ContainerId) -> Vec<ContainerId> {
        let mut all = vec![id];
        let mut next = 0;
        while next < all.len() {
            all.extend(self.children(all[next]).map(|(_, id)| id));
            next += 1;
        }
        all
    }

    /// What a reader sees at a key: of a plain value and of the containers there, what was written
    /// last; a container of which only the content survived a deletion comes after all others.
    pub(crate) fn seen_at(&self, map: ContainerId, key: &str) -> Option<Seen<'_>> {
        let body = self.map_body(map)?;
        if self.get(map).children == 0 && body.children.is_empty() {
            return body.values.get(key).map(Seen::Value);
        }
        let value = body
            .values
            .register(key)
            .and_then(|register| register.winner());
        let value = value.map(|s| (Some(s.rank()), None, Seen::Value(&s.value)));
        let containers = Kind::ALL.into_iter().filter_map(|kind| {
            let mark = body.children.register(&(key.to_owned(), kind));
            let rank = mark
                .and_then(|register| register.winner())
                .map(super::super::register::Sibling::rank);
            let id = self.child(
                map,
                &Step {
                    key: key.into(),
                    kind,
                },
            );
            let id = id.filter(|&id| rank.is_some() || self.get(id).live > 0)?;
            Some((rank, Some(kind), Seen::Container(id)))
        });
        let all = value.into_iter().chain(containers);
        all.max_by_key(|&(rank, kind, _)| (rank, kind))
            .map(|(_, _, seen)| seen)
    }

    /// The keys at which a reader sees something, in order.
    pub(crate) fn keys(&self, map: ContainerId) -> BTreeSet<&str> {
        let Some(body) = self.map_body(map) else {
            return BTreeSet::new();
        };
        let survivors = self.children(map).filter(|&(_, id)| self.get(id).live > 0);
        let survivors = survivors.filter_map(|(step, _)| match &step.key {
            Key::Name(name) => Some(&**name),
            Key::Element(_) => None,
        });
        let values = body.values.iter().map(|(key, _)| key.as_str());
        let marks = body.children.iter().map(|((key, _), _)| key.as_str());
        values.chain(marks).chain(survivors).collect()
    }

    /// Makes sure that a container can be written to.
    pub(crate) fn check_writable(&self, id: ContainerId) -> Result<(), EditError> {
        if self.get(id).depth > limits::DEPTH_MAX {
            let max = limits::DEPTH_MAX as u64;
            return Err(EditError::Limit {
                what: "depth of containers",
                max,
            });
        }
        for container in self.ancestors(id) {
            let Some(Step { key, kind }) = &container.step else {
                break;
            };
            match (key, &self.get(container.parent).body) {
                (Key::Name(name), _) => check_key(name)?,
                (Key::Element(dot), Body::List(list)) => match list.by_dot(*dot) {
                    Some(Element::Child(child)) if child == *kind => {}
                    _ => return Err(EditError::Deleted),
                },
                (Key::Element(node), Body::Tree(tree)) if tree.shape().has(*node) => {}
                (Key::Element(_), _) => return Err(EditError::Deleted),
            }
        }
        Ok(())
    }

    /// The containers from this one up whose map does not say yet that they are there.
    pub(crate) fn unmarked(&self, id: ContainerId) -> Vec<(ContainerId, Step)> {
        let missing = self.ancestors(id).filter_map(|container| {
            let step = container.step.as_ref()?;
            let body = self.map_body(container.parent)?;
            let Key::Name(name) = &step.key else {
                return None;
            };
            let marked = body
                .children
                .register(&(name.to_string(), step.kind))
                .is_some();
            (!marked).then(|| (container.parent, step.clone()))
        });
        missing.collect()
    }

    /// The containers of every kind at a key, and all inside of them.
    pub(crate) fn subtrees_at(&self, parent: ContainerId, key: &Key) -> Vec<ContainerId> {
        let mut living = self.all_at(parent, key);
        living.retain(|&id| self.get(id).live > 0);
        living
    }

    /// As [`Self::subtrees_at`], and those in which nothing lives.
    pub(crate) fn all_at(&self, parent: ContainerId, key: &Key) -> Vec<ContainerId> {
        let children = Kind::ALL.into_iter().filter_map(|kind| {
            self.child(
                parent,
                &Step {
                    key: key.clone(),
                    kind,
                },
            )
        });
        children.flat_map(|id| self.subtree(id)).collect()
    }

    /// Removes dots from one container and notes what happened.
    pub(crate) fn remove_from(&mut self, id: ContainerId, dots: &DotSet, changes: &mut Changes) {
        let before = self.get(id).body.live_len();
        for (dot, what) in self.get(id).body.names_of(dots) {
            self.departed.note(dot, id, what);
        }
        let change = self.body_mut(id).remove(dots);
        self.note(id, change, changes);
        self.forget(id, dots);
        self.recount(id, before, changes);
    }

    /// Remembers the name of what is about to be deleted at a key or of a set.
    pub(super) fn note_departed(&mut self, id: ContainerId, dots: &[Dot], what: &Departure) {
        for &dot in dots {
            self.departed.note(dot, id, what.clone());
        }
    }

    /// Notes that something happened to a container.
    pub(crate) fn note(&mut self, id: ContainerId, change: ChangeKind, changes: &mut Changes) {
        if let ChangeKind::Map(keys) = &change {
            for key in keys {
                self.loosen_at(id, key);
            }
        }
        // What happens at the top is the coming of root containers, which have paths of their own.
        if id != ROOT {
            changes.add(self.path(id), change);
        }
    }

    /// Brings the live counts up to date after a container's own went from `before` to what it is.
    /// What lives in an element or node keeps it in sight.
    pub(crate) fn recount(&mut self, id: ContainerId, before: usize, changes: &mut Changes) {
        let after = self.get(id).body.live_len();
        let mut next = Some(id);
        while let Some(id) = next {
            let container = &mut self.containers[id as usize];
            let before_any = container.live > 0;
            container.live = container.live + after - before;
            let (parent, lives) = (container.parent, container.live > 0);
            next = (id != ROOT).then_some(parent);
            if before_any == lives {
                continue;
            }
            if before_any {
                self.loose.insert(id);
            }
            if let Some(Step {
                key: Key::Element(element),
                kind,
            }) = container.step
            {
                let change = self.body_mut(parent).keep(element, kind, lives);
                if let Some(change) = change {
                    self.note(parent, change, changes);
                }
            }
        }
    }

    /// Notes what a local write made in a container, and what it removed anywhere.
    pub(crate) fn settle_written(
        &mut self,
        id: ContainerId,
        removed: impl Iterator<Item = DotRun>,
        made: &DotSet,
    ) {
        for run in removed {
            for (part, home) in self.homes.of(run) {
                for gone in self.get(home).body.unnamed_in(part) {
                    self.homes.cut_out(gone);
                }
            }
        }
        self.homes.settle(id, made.runs());
    }

    /// Forgets where dots are that name nothing any more.
    fn forget(&mut self, id: ContainerId, dots: &DotSet) {
        for run in dots.runs() {
            for (part, home) in self.homes.of(run) {
                if home == id {
                    for gone in self.get(id).body.unnamed_in(part) {
                        self.homes.cut_out(gone);
                    }
                }
            }
        }
    }

    /// The items of containers, with the containers that these are in, in the order of their paths;
    /// O(result), whatever else is in the same maps.
    fn tabulate(&self, mut found: BTreeMap<ContainerId, BodyItems>) -> Items {
        let mut named: Vec<(ContainerId, &Step, ContainerId)> = Vec::new();
        let mut known = BTreeSet::new();
        for mut id in found.keys().copied() {
            while let Some(step) = self.get(id).step.as_ref().filter(|_| known.insert(id)) {
                named.push((self.get(id).parent, step, id));
                id = self.get(id).parent;
            }
        }
        named.sort_unstable();
        let mut items = Items::default();
        items.table.reserve_exact(named.len());
        items.bodies.reserve_exact(found.len());
        // What is still to be visited, the next one last: its number in `named`, and that of its parent.
        let mut open: Vec<(usize, u32)> = Vec::new();
        let (mut id, mut number) = (ROOT, 0);
        loop {
            items
                .bodies
                .extend(found.remove(&id).map(|items| (number, items)));
            let first = named.partition_point(|&(parent, ..)| parent < id);
            let last = named.partition_point(|&(parent, ..)| parent <= id);
            open.extend((first..last).rev().map(|child| (child, number)));
            let Some((next, parent)) = open.pop() else {
                return items;
            };
            let step = named[next].1.clone();
            items.table.push(Place { parent, step });
            (id, number) = (named[next].2, items.table.len() as u32);
        }
    }

    /// As [`DotStore::collect`], with all that the elements `anchors` hang on, themselves included.
    pub(crate) fn collect_with(&self, interval: Interval<'_>, anchors: &[Dot]) -> Items {
        let homes = self.containers_in(interval).into_iter();
        let found = homes.map(|id| (id, self.get(id).body.collect(interval)));
        let mut found: BTreeMap<_, _> = found.collect();
        let mut by_container: BTreeMap<ContainerId, Vec<Dot>> = BTreeMap::new();
        for &dot in anchors {
            let one = DotRun { start: dot, len: 1 };
            for (_, id) in self.homes.of(one) {
                by_container.entry(id).or_default().push(dot);
            }
        }
        for (id, dots) in by_container {
            let body = &self.get(id).body;
            let items = found.entry(id);
            let items = items.or_insert_with(|| BodyItems::none(body.kind()));
            items.add_skeleton(body, &dots, interval.from);
        }
        found.retain(|_, items| !items.is_empty());
        let mut items = self.tabulate(found);
        items.erasures = self.erasures.collect(interval);
        items
    }

    fn settle_restored(&mut self, id: ContainerId) {
        let restored = self.body_mut(id).take_restored();
        self.homes.settle(id, restored);
    }

    /// Drops deleted elements that nothing needs; it is no change.
    pub(crate) fn drop_elements(&mut self, dots: &DotSet) {
        let mut by_container: BTreeMap<ContainerId, DotSet> = BTreeMap::new();
        for (run, id) in dots.runs().flat_map(|run| self.homes.of(run)) {
            by_container.entry(id).or_default().insert_run(run);
        }
        for (id, dots) in by_container {
            self.body_mut(id).drop_elements(&dots);
            dots.runs().for_each(|run| self.homes.cut_out(run));
        }
    }

    pub(super) fn containers_in(&self, interval: Interval<'_>) -> BTreeSet<ContainerId> {
        let spans = interval.spans();
        spans
            .flat_map(|(replica, first, last)| self.homes_between(replica, first, last))
            .collect()
    }

    fn homes_between(&self, replica: ReplicaId, first: u64, last: u64) -> Vec<ContainerId> {
        let run = DotRun {
            start: Dot::new(replica, first),
            len: last - first + 1,
        };
        self.homes.of(run).into_iter().map(|(_, id)| id).collect()
    }

    /// Checks what must hold between the parts.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn assert_invariants(&self) {
        for (id, container) in self.containers.iter().enumerate() {
            match &container.body {
                Body::Text(text) => text.assert_invariants(),
                Body::List(list) => list.assert_invariants(),
                Body::Tree(tree) => tree.assert_invariants(),
                _ => {}
            }
            let children = self.children(id as ContainerId);
            let below: usize = children.map(|(_, child)| self.get(child).live).sum();
            assert!(!self.free.contains(&(id as ContainerId)) || container.step.is_none());
            assert_eq!(
                container.live,
                container.body.live_len() + below,
                "live count"
            );
            for run in container.body.live().runs() {
                for (part, home) in self.homes.of(run) {
                    assert_eq!(home as usize, id, "{part:?} is where it is alive");
                }
                let known: u64 = self.homes.of(run).iter().map(|(part, _)| part.len).sum();
                assert_eq!(known, run.len, "every live dot of {run:?} has a home");
            }
            if !container.body.is_sequence() {
                let known = self.homes.count(id as ContainerId);
                assert_eq!(
                    known,
                    container.body.live_len() as u64,
                    "no dead dot has a home"
                );
            }
        }
    }
}

pub(crate) fn check_key(key: &str) -> Result<(), EditError> {
    if key.len() > limits::KEY_BYTES_MAX {
        let max = limits::KEY_BYTES_MAX as u64;
        return Err(EditError::Limit {
            what: "bytes of a key",
            max,
        });
    }
    Ok(())
}

impl DotStore for Tree {
    type Items = Items;
    type Effects = Changes;

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

    fn check(&self, items: &Items, seen: &VersionVector) -> Result<(), MergeError> {
        let mut ids = Vec::with_capacity(items.table.len() + 1);
        ids.push(Some(ROOT));
        for Place { parent, step } in &items.table {
            let parent: Option<ContainerId> = ids[*parent as usize];
            ids.push(parent.and_then(|parent| self.child(parent, step)));
        }
        let mut wanted = items.wanted();
        let mut missing = Vec::new();
        let mut check = |number: u32, items: &BodyItems, wanted: &mut BTreeMap<u32, Vec<Dot>>| {
            let wanted = wanted.remove(&number).unwrap_or_default();
            let checked = match ids[number as usize] {
                Some(id) => self.get(id).body.check(items, &wanted, seen),
                None => Body::new(items.kind()).check(items, &wanted, seen),
            };
            match checked {
                Err(MergeError::MissingAnchors { anchors }) => missing.extend(anchors),
                other => other?,
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
            Ok(())
        } else {
            Err(MergeError::MissingAnchors { anchors: missing })
        }
    }

    fn join(&mut self, items: &Items, seen: &VersionVector, changes: &mut Changes) {
        let mut ids = Vec::with_capacity(items.table.len() + 1);
        ids.push(ROOT);
        for Place { parent, step } in &items.table {
            ids.push(self.child_named(ids[*parent as usize], step.clone()));
        }
        let mut wanted = items.wanted();
        for (number, items) in &items.bodies {
            let wanted = wanted.remove(number).unwrap_or_default();
            let id = ids[*number as usize];
            self.loose.insert(id);
            let before = self.get(id).body.live_len();
            let change = self.body_mut(id).join(items, &wanted, seen);
            self.note(id, change, changes);
            let new = items.all().into_iter().filter_map(|run| {
                let skip = (seen.get(run.start.replica) + 1).saturating_sub(run.start.seq);
                let len = run.len.checked_sub(skip).filter(|&len| len > 0)?;
                Some(DotRun {
                    start: run.start.plus(skip),
                    len,
                })
            });
            self.homes.settle(id, new);
            self.settle_restored(id);
            self.recount(id, before, changes);
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
        // Lists of which the delta says nothing but what is in their elements.
        for (number, wanted) in wanted {
            let id = ids[number as usize];
            let nothing = BodyItems::none(Kind::List);
            let change = self.body_mut(id).join(&nothing, &wanted, seen);
            self.note(id, change, changes);
            self.settle_restored(id);
        }
        for (_, runs) in items.erasures.iter().filter(|(by, _)| !seen.contains(*by)) {
            self.departed.clear();
            self.loosen_homes(runs);
        }
        self.erasures.join(&items.erasures, seen, &mut ());
        self.sweep();
    }

    fn remove(&mut self, dots: &DotSet, changes: &mut Changes) {
        let mut by_container: BTreeMap<ContainerId, DotSet> = BTreeMap::new();
        for (run, id) in dots.runs().flat_map(|run| self.homes.of(run)) {
            by_container.entry(id).or_default().insert_run(run);
        }
        // What is inside goes first, or it would keep what it is in for a moment.
        let mut by_container: Vec<_> = by_container.into_iter().collect();
        by_container.sort_by_key(|&(id, _)| std::cmp::Reverse(self.get(id).depth));
        for (id, dots) in by_container {
            self.remove_from(id, &dots, changes);
        }
        self.erasures.remove(dots, &mut ());
    }
}
