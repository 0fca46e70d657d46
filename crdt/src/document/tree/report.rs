//! What happened to the containers, for a reader.

use super::{ContainerId, Tree, ROOT};
use crate::container::{ChangeKind, Changes, Entry, Touched};
use crate::sorted::Sorted;

/// What happened to each container since the edit or merge began.
#[derive(Debug)]
pub(crate) struct Noted {
    /// In order of their numbers; `None` if nobody will ask.
    containers: Option<Sorted<(ContainerId, Box<ChangeKind>)>>,
}

impl Default for Noted {
    fn default() -> Self {
        let containers = Some(Sorted::default());
        Self { containers }
    }
}

impl Noted {
    /// Notes nothing.
    pub(crate) fn silent() -> Self {
        Self { containers: None }
    }

    /// Whether it notes nothing.
    pub(crate) fn is_silent(&self) -> bool {
        self.containers.is_none()
    }

    fn add(&mut self, id: ContainerId, change: ChangeKind) {
        // What happens at the top is the coming of root containers, which are containers too.
        let Some(containers) = self.containers.as_mut().filter(|_| id != ROOT) else {
            return;
        };
        let place = containers.seek(|&(other, _)| other < id);
        match containers.get_mut(place) {
            Some((other, earlier)) if *other == id => earlier.extend(change),
            _ => _ = containers.insert(place, (id, Box::new(change))),
        }
    }
}

impl Tree {
    /// Notes that something happened to a container.
    pub(crate) fn note(&mut self, id: ContainerId, change: ChangeKind, noted: &mut Noted) {
        self.loosen_touched(id, &change);
        noted.add(id, change);
    }

    /// The containers at the keys that a change touched may be of no use now.
    pub(in crate::document) fn loosen_touched(&mut self, id: ContainerId, change: &ChangeKind) {
        if let ChangeKind::Map(keys) = change {
            for key in keys {
                self.loosen_at(id, key);
            }
        }
    }

    /// As [`Self::report`], and what happened to one container, mostly nothing else.
    pub(in crate::document) fn report_with(
        &self,
        mut noted: Noted,
        id: ContainerId,
        change: ChangeKind,
    ) -> Changes {
        if noted.containers.as_ref().is_some_and(|all| !all.is_empty()) || id == ROOT {
            noted.add(id, change);
            return self.report(noted);
        }
        let mut entries = Vec::with_capacity(1);
        let (mut number, mut change) = (id, Some(Box::new(change)));
        while let Some(step) = self.get(number).step.clone() {
            let parent = self.get(number).parent;
            entries.push(Entry {
                parent,
                number,
                step,
                change: change.take(),
            });
            number = parent;
        }
        Changes::new(entries)
    }

    /// What was noted, with the names of the containers: to be called before any of them is let go.
    pub(crate) fn report(&self, noted: Noted) -> Changes {
        let Some(containers) = noted.containers else {
            return Changes::default();
        };
        let has = |id: ContainerId| {
            let place = containers.seek(|&(other, _)| other < id);
            containers.get(place).is_some_and(|&(other, _)| other == id)
        };
        let mut above = Touched::default();
        for &(id, _) in containers.iter() {
            let mut id = self.get(id).parent;
            while id != ROOT && !has(id) && above.insert(id) {
                id = self.get(id).parent;
            }
        }
        let mut entries = Vec::with_capacity(containers.len() + above.len());
        let changed = containers.into_entries();
        let changed = changed.map(|(id, change)| (id, Some(change)));
        let all = changed.chain(above.into_iter().map(|id| (id, None)));
        entries.extend(all.filter_map(|(number, change)| {
            let container = self.get(number);
            Some(Entry {
                parent: container.parent,
                number,
                step: container.step.clone()?,
                change,
            })
        }));
        Changes::new(entries)
    }
}
