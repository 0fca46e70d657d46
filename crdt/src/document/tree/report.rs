//! What happened to the containers, for a reader.

use crate::ordered::{BTreeMap, BTreeSet};

use super::{Container, ContainerId, Tree, ROOT};
use crate::container::{ChangeKind, Changes};

/// What happened to each container since the edit or merge began.
#[derive(Default, Debug)]
pub(crate) struct Noted {
    containers: BTreeMap<ContainerId, ChangeKind>,
    /// Whether nobody will ask.
    silent: bool,
}

impl Noted {
    /// Notes nothing.
    pub(crate) fn silent() -> Self {
        Self {
            silent: true,
            ..Self::default()
        }
    }

    /// Whether it notes nothing.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    fn add(&mut self, id: ContainerId, change: ChangeKind) {
        // What happens at the top is the coming of root containers, which are containers too.
        if self.silent || id == ROOT {
            return;
        }
        match self.containers.get_mut(&id) {
            Some(earlier) => earlier.extend(change),
            None => {
                self.containers.insert(id, change);
            }
        }
    }
}

impl Tree {
    /// Notes that something happened to a container.
    pub(crate) fn note(&mut self, id: ContainerId, change: ChangeKind, noted: &mut Noted) {
        if let ChangeKind::Map(keys) = &change {
            for key in keys {
                self.loosen_at(id, key);
            }
        }
        noted.add(id, change);
    }

    /// What was noted, with the names of the containers: to be called before any of them is let go.
    pub(crate) fn report(&self, noted: Noted) -> Changes {
        let Noted { containers, .. } = noted;
        if containers.is_empty() {
            return Changes::default();
        }
        // Mostly it is one, at the top.
        if let (1, Some((&id, _))) = (containers.len(), containers.first_key_value()) {
            let Container { parent, step, .. } = self.get(id);
            if let (ROOT, Some(step)) = (*parent, step) {
                let mut numbers = BTreeMap::new();
                numbers.insert((ROOT, step.clone()), id);
                return Changes::new(containers, numbers);
            }
        }
        let mut above = BTreeSet::new();
        for &id in containers.keys() {
            let mut id = self.get(id).parent;
            while id != ROOT && !containers.contains_key(&id) && above.insert(id) {
                id = self.get(id).parent;
            }
        }
        let all = containers.keys().copied().chain(above);
        let numbers = all.filter_map(|id| {
            let container = self.get(id);
            Some(((container.parent, container.step.clone()?), id))
        });
        let numbers = numbers.collect();
        Changes::new(containers, numbers)
    }
}
