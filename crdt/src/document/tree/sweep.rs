//! Letting go of containers that are of no use, and of the skeletons of what was erased; and what
//! comes back of them.

use crate::ordered::BTreeSet;

use super::{Container, ContainerId, Tree, ROOT};
use crate::container::Body;
use crate::document::path::{Key, Kind, Step};
use crate::{Dot, DotRun, DotSet};

impl Tree {
    /// Notes that dots were erased by the change `by`. What is alive of them was removed before.
    pub(crate) fn erase(&mut self, by: Dot, runs: Vec<DotRun>) {
        self.departed.clear();
        self.loosen_homes(&runs);
        self.erasures.insert(by, runs);
    }

    /// Whether anything was ever erased.
    pub(crate) fn has_erasures(&self) -> bool {
        !self.erasures.is_empty()
    }

    /// What the changes from this one on erased, of the same replica.
    pub(crate) fn erased_after(&self, first: Dot) -> Vec<(Dot, Vec<DotRun>)> {
        self.erasures.after(first)
    }

    /// Keeps the skeletons of what is erased, or lets go of them.
    pub(crate) fn keep_skeletons(&mut self, keep: bool) {
        self.keeps_skeletons = keep;
        let erased: Vec<DotRun> = self.erasures.dots().runs().collect();
        self.loosen_homes(&erased);
        self.sweep();
    }

    /// The containers of these dots may be of no use now.
    pub(super) fn loosen_homes(&mut self, runs: &[DotRun]) {
        let homes = runs.iter().flat_map(|run| self.homes.of(*run));
        let homes: Vec<ContainerId> = homes.map(|(_, id)| id).collect();
        self.loose.extend(homes);
    }

    /// The containers at a key may be of no use now.
    pub(in crate::document) fn loosen_at(&mut self, map: ContainerId, key: &str) {
        if self.get(map).children == 0 {
            return;
        }
        let first = Step {
            key: key.into(),
            kind: Kind::ALL[0],
        };
        let from = self.children.iter_from(self.place_in(map, &first));
        let at_key = from.take_while(|&&id| {
            let child = self.get(id);
            child.parent == map && child.step.as_ref().is_some_and(|s| s.key == first.key)
        });
        let at_key: Vec<ContainerId> = at_key.copied().collect();
        self.loose.extend(at_key);
    }

    /// Every dot that names something in these containers, alive or not.
    pub(crate) fn known_in(&self, containers: &[ContainerId]) -> DotSet {
        let mut known = DotSet::new();
        for &id in containers {
            known.extend(&self.get(id).body.known());
        }
        known
    }

    /// Those of the dots that are alive.
    pub(crate) fn living_of(&self, dots: &DotSet) -> DotSet {
        let homes = dots.runs().flat_map(|run| self.homes.of(run));
        let homes: BTreeSet<ContainerId> = homes.map(|(_, id)| id).collect();
        let mut living = self.erasures.dots_of_records();
        for id in homes {
            living.extend(&self.get(id).body.live());
        }
        living
    }

    /// Lets go of the containers that became of no use since the last time. To be called when nobody
    /// holds the number of a container.
    #[inline]
    pub(crate) fn sweep(&mut self) {
        if !self.loose.is_empty() {
            self.sweep_loose();
        }
    }

    fn sweep_loose(&mut self) {
        while let Some(id) = self.loose.pop_last() {
            if !self.is_of_use(id) {
                self.let_go(id);
            }
        }
        while self.free.last().map(|&id| id as usize + 1) == Some(self.containers.len()) {
            self.free.pop_last();
            self.containers.pop();
        }
    }

    /// Whether a container must be kept: as something lives in it, as it is said to be there, or as
    /// others may still hang something on what was deleted in it.
    fn is_of_use(&self, id: ContainerId) -> bool {
        let Some(Container {
            step: Some(step), ..
        }) = self.containers.get(id)
        else {
            return true;
        };
        let container = self.get(id);
        if container.live > 0 || container.children > 0 {
            return true;
        }
        let held = self.is_held(container.parent, step);
        if held && matches!(step.key, Key::Name(_)) {
            return true;
        }
        if container.body.is_bare() {
            return false;
        }
        let erased = self.erasures.dots();
        held || self.keeps_skeletons || erased.is_empty() || !container.body.known().meets(erased)
    }

    /// Whether what a container is in says that it is there.
    pub(super) fn is_held(&self, parent: ContainerId, Step { key, kind }: &Step) -> bool {
        match (key, &self.get(parent).body) {
            (Key::Name(name), Body::Map(map)) => {
                let mark = map.children.register(&(name.to_string(), *kind));
                mark.is_some()
            }
            (Key::Element(element), Body::List(list)) => list.is_alive(*element),
            (Key::Element(node), Body::Tree(tree)) => tree.is_alive(*node),
            _ => false,
        }
    }

    fn let_go(&mut self, id: ContainerId) {
        for run in self.get(id).body.known().runs() {
            for (part, home) in self.homes.of(run) {
                if home == id {
                    self.homes.cut_out(part);
                }
            }
        }
        let gone = self.get(id);
        let step = gone.step.as_ref().expect("the top is always of use");
        let place = self.place_in(gone.parent, step);
        let listed = self.children.remove(place);
        debug_assert_eq!(listed, Some(id), "every container is listed");
        let gone = std::mem::replace(&mut self.containers[id], Container::top());
        self.containers[gone.parent].children -= 1;
        self.free.insert(id);
        self.ready = None;
        self.departed.forget(id);
        self.loose.insert(gone.parent);
    }

    /// How many dots are alive in all containers.
    pub(crate) fn live_len(&self) -> usize {
        self.get(ROOT).live
    }

    /// How many containers are known, those that are gone for others included.
    pub(crate) fn container_count(&self) -> usize {
        self.containers.len() - self.free.len()
    }
}
