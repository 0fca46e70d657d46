//! The containers of a document and where each dot is.

mod report;
mod shelf;
mod store;
mod sweep;

use crate::ordered::BTreeSet;
use crate::plain::plain;

use super::departed::Departed;
use super::erasures::Erasures;
use super::homes::Homes;
use super::path::{Key, Kind, Path, Step};
use crate::container::list::Element;
use crate::container::{Body, MapBody, Touched};
use crate::sorted::{self, Sorted};
use crate::{limits, DotRun, DotSet, EditError, Value};
pub(crate) use report::Noted;
use shelf::Shelf;

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
    pub(crate) body: Body,
    /// How many containers are named in this one.
    children: u32,
    /// How many dots are alive in this container and those inside of it.
    live: usize,
}

/// All containers of a document.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    containers: Shelf,
    /// What is in what, for all containers at once: in order of what each is in, and of its step there.
    children: Sorted<ContainerId>,
    pub(super) homes: Homes,
    pub(super) departed: Departed,
    erasures: Erasures,
    /// The numbers of containers that were let go.
    free: BTreeSet<ContainerId>,
    /// Containers that may be of no use any more: looked at when the edit or merge ends.
    loose: Touched<ContainerId>,
    /// Whether the skeletons of what was erased stay, for older changes that may hang on them.
    keeps_skeletons: bool,
    /// The container that was named last, at the top and further inside.
    last_named: [ContainerId; 2],
    /// The container that was written to last, if it can be written to again without a look at what
    /// it is in: all of that says that it is there, and nothing else was changed since.
    ready: Option<ContainerId>,
}

impl Container {
    fn top() -> Self {
        Self {
            parent: ROOT,
            step: None,
            body: Body::new(Kind::Map),
            children: 0,
            live: 0,
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            containers: Shelf::new(Container::top()),
            children: Sorted::default(),
            homes: Homes::default(),
            departed: Departed::default(),
            erasures: Erasures::default(),
            free: BTreeSet::new(),
            loose: Touched::default(),
            keeps_skeletons: false,
            last_named: [ROOT; 2],
            ready: None,
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
        &self.containers[id]
    }

    #[inline]
    pub(crate) fn body_mut(&mut self, id: ContainerId) -> &mut Body {
        self.ready = self.ready.filter(|&ready| ready == id);
        &mut self.containers[id].body
    }

    /// Whether a container can be written to, and is marked as there all the way up.
    pub(crate) fn is_ready(&self, id: ContainerId) -> bool {
        self.ready == Some(id)
    }

    /// Notes that a container was just written to, and marked.
    pub(crate) fn set_ready(&mut self, id: ContainerId) {
        self.ready = Some(id);
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
        self.named_last(parent, |other| other == step)
            .or_else(|| self.listed(parent, step).ok())
    }

    /// Whether a container was ever named inside of this one.
    pub(crate) fn has_children(&self, id: ContainerId) -> bool {
        self.get(id).children > 0
    }

    /// Where among the children what has this name is listed, or would be.
    fn place_in(&self, parent: ContainerId, step: &Step) -> sorted::Place {
        self.children.seek(|&id| {
            let child = self.get(id);
            (child.parent, child.step.as_ref()) < (parent, Some(step))
        })
    }

    /// The container of this name, or where it would be listed.
    fn listed(&self, parent: ContainerId, step: &Step) -> Result<ContainerId, sorted::Place> {
        let place = self.place_in(parent, step);
        let is_it = |&id: &ContainerId| {
            let child = self.get(id);
            child.parent == parent && child.step.as_ref() == Some(step)
        };
        self.children.get(place).copied().filter(is_it).ok_or(place)
    }

    /// As [`Self::child_named`], if it was ever named here.
    pub(crate) fn child_if_named(
        &mut self,
        parent: ContainerId,
        step: &Step,
    ) -> Option<ContainerId> {
        let id = self.child(parent, step)?;
        self.last_named[usize::from(parent != ROOT)] = id;
        Some(id)
    }

    /// The container that was named last, if it is in this one and that is its step.
    #[inline]
    fn named_last(
        &self,
        parent: ContainerId,
        is_it: impl FnOnce(&Step) -> bool,
    ) -> Option<ContainerId> {
        let last = self.last_named[usize::from(parent != ROOT)];
        let container = self.containers.get(last)?;
        let step = container.step.as_ref()?;
        (container.parent == parent && is_it(step)).then_some(last)
    }

    /// The containers in this one, in the order of their steps.
    fn children(&self, parent: ContainerId) -> impl Iterator<Item = (&Step, ContainerId)> {
        let first = self.children.seek(|&id| self.get(id).parent < parent);
        let inside = self.children.iter_from(first);
        plain(
            inside
                .take(self.get(parent).children as usize)
                .filter_map(|&id| Some((self.get(id).step.as_ref()?, id))),
        )
    }

    /// The container inside of this one. Naming it does not make it exist for others.
    pub(crate) fn child_named(&mut self, parent: ContainerId, step: Step) -> ContainerId {
        let found = self.child(parent, &step);
        let id = found.unwrap_or_else(|| self.add_child(parent, step));
        self.last_named[usize::from(parent != ROOT)] = id;
        id
    }

    fn add_child(&mut self, parent: ContainerId, step: Step) -> ContainerId {
        let place = self.place_in(parent, &step);
        let container = Container {
            parent,
            body: Body::new(step.kind),
            step: Some(step),
            children: 0,
            live: 0,
        };
        let id = match self.free.pop_first() {
            Some(id) => {
                self.containers[id] = container;
                id
            }
            None => self.containers.push(container),
        };
        self.loose.insert(id);
        self.containers[parent].children += 1;
        self.children.insert(place, id);
        id
    }

    /// How many containers one is in, the top included; O(that).
    pub(in crate::document) fn depth(&self, id: ContainerId) -> usize {
        self.ancestors(id).count() - 1
    }

    pub(crate) fn find(&self, steps: &[Step]) -> Option<ContainerId> {
        steps.iter().try_fold(ROOT, |id, step| self.child(id, step))
    }

    pub(crate) fn find_or_name(&mut self, steps: &[Step]) -> ContainerId {
        steps.iter().fold(ROOT, |id, step| {
            let known = self.child_if_named(id, step);
            known.unwrap_or_else(|| self.child_named(id, step.clone()))
        })
    }

    /// The root container of this name.
    pub(crate) fn root_named(&mut self, name: &str, kind: Kind) -> ContainerId {
        let last = self.named_last(ROOT, |step| step.kind == kind && step.key.is_name(name));
        last.unwrap_or_else(|| {
            let key = name.into();
            self.child_named(ROOT, Step { key, kind })
        })
    }

    /// The root container whose name has these bytes, if it was named last.
    #[inline]
    pub(crate) fn root_named_last(&self, name: &[u8], kind: Kind) -> Option<ContainerId> {
        self.named_last(ROOT, |step| step.kind == kind && step.key.has_bytes(name))
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

    /// Whether a container is in a map: said to be, or with something alive in it.
    pub(crate) fn has_slot(&self, map: ContainerId, step: &Step) -> bool {
        let lives = self
            .child(map, step)
            .is_some_and(|id| self.get(id).live > 0);
        lives || self.is_held(map, step)
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
        if self.depth(id) > limits::DEPTH_MAX {
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

    /// Whether a reader finds the container: it and all that it is in are marked as there, or hold
    /// something.
    pub(crate) fn is_there(&self, id: ContainerId) -> bool {
        self.ancestors(id).all(|container| {
            let named = container.step.as_ref().and_then(|step| match &step.key {
                Key::Name(name) => Some((name.to_string(), step.kind)),
                Key::Element(_) => None,
            });
            let body = self.map_body(container.parent);
            match named.zip(body) {
                Some((slot, map)) => container.live > 0 || map.children.register(&slot).is_some(),
                None => true,
            }
        })
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
    pub(crate) fn subtrees_at(&self, parent: ContainerId, key: impl Into<Key>) -> Vec<ContainerId> {
        if self.get(parent).children == 0 {
            return Vec::new();
        }
        let mut living = self.all_at(parent, &key.into());
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
    pub(crate) fn remove_from(&mut self, id: ContainerId, dots: &DotSet, noted: &mut Noted) {
        let before = self.get(id).body.live_len();
        self.note_departing(id, dots);
        let change = self.body_mut(id).remove(dots);
        self.note(id, change, noted);
        self.unsettle(dots.runs(), Some(id));
        self.recount(id, before, noted);
    }

    /// Remembers the names of what is about to be deleted.
    pub(super) fn note_departing(&mut self, id: ContainerId, dots: &DotSet) {
        for (dot, what) in self.get(id).body.names_of(dots) {
            self.departed.note(dot, id, what);
        }
    }

    /// Brings the live counts up to date after a container's own went from `before` to what it is.
    /// What lives in an element or node keeps it in sight.
    pub(crate) fn recount(&mut self, id: ContainerId, before: usize, noted: &mut Noted) {
        let after = self.get(id).body.live_len();
        self.count(id, (after, before), noted);
    }

    /// As [`Self::recount`], where it is known how many dots came and went.
    #[inline]
    pub(crate) fn count(
        &mut self,
        id: ContainerId,
        (came, went): (usize, usize),
        noted: &mut Noted,
    ) {
        let mut next = id;
        loop {
            let container = &mut self.containers[next];
            let before = container.live;
            container.live = before + came - went;
            let (parent, lives) = (container.parent, container.live > 0);
            if lives != (before > 0) {
                self.wake(next, lives, noted);
            }
            if next == ROOT {
                return;
            }
            next = parent;
        }
    }

    /// Notes that something lives in a container now, or nothing any more.
    fn wake(&mut self, id: ContainerId, lives: bool, noted: &mut Noted) {
        if !lives {
            self.loose.insert(id);
        }
        let container = self.get(id);
        if let Some(Step {
            key: Key::Element(element),
            kind,
        }) = container.step
        {
            let parent = container.parent;
            let change = self.body_mut(parent).keep(element, kind, lives);
            if let Some(change) = change {
                self.note(parent, change, noted);
            }
        }
    }

    /// Forgets where removed dots are that name nothing any more, in one container or anywhere.
    pub(crate) fn unsettle(
        &mut self,
        removed: impl Iterator<Item = DotRun>,
        only: Option<ContainerId>,
    ) {
        for mut rest in removed {
            while let Some((part, home)) = self.homes.first_of(rest) {
                rest.len = rest.end() - part.end();
                rest.start = part.start.plus(part.len);
                if only.is_some_and(|id| id != home) {
                    continue;
                }
                let body = &self.containers[home].body;
                if body.is_sequence() {
                    for gone in body.unnamed_in(part) {
                        self.homes.cut_out(gone);
                    }
                } else {
                    self.homes.cut_out(part);
                }
            }
        }
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
