//! What happened to the containers, for a reader.

use super::{ContainerId, Tree, ROOT};
use crate::container::{ChangeKind, Changes, Entry, Touched};
use crate::sorted::Sorted;

/// What happened to each container since the edit or merge began.
#[derive(Default, Debug)]
pub(crate) struct Noted {
    /// In order of their numbers.
    containers: Sorted<(ContainerId, Box<ChangeKind>)>,
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
        let place = self.containers.seek(|&(other, _)| other < id);
        match self.containers.get_mut(place) {
            Some((other, earlier)) if *other == id => earlier.extend(change),
            _ => self.containers.insert(place, (id, Box::new(change))),
        }
    }

    fn has(&self, id: ContainerId) -> bool {
        let place = self.containers.seek(|&(other, _)| other < id);
        self.containers
            .get(place)
            .is_some_and(|&(other, _)| other == id)
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
        if !noted.containers.is_empty() || id == ROOT {
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
        let mut above = Touched::default();
        for &(id, _) in noted.containers.iter() {
            let mut id = self.get(id).parent;
            while id != ROOT && !noted.has(id) && above.insert(id) {
                id = self.get(id).parent;
            }
        }
        let mut entries = Vec::with_capacity(noted.containers.len() + above.len());
        let changed = noted.containers.into_entries();
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
