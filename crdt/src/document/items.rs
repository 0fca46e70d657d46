//! What a delta says of each container: the containers in a table, parents by number.

use crate::ordered::BTreeMap;
use crate::plain::plain;

use super::path::{Key, Kind, Step};
use crate::container::BodyItems;
use crate::{Dot, DotRun, DotSet};

/// A container of the table. The document itself is number 0 and not listed; the first one listed is
/// number 1.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Place {
    /// The number of what it is in; lower than its own.
    pub(crate) parent: u32,
    pub(crate) step: Step,
}

/// The live part of a document's delta: what it says of each container.
///
/// The table is in the order of the containers' paths, so a container stands before those in it and
/// equal items are equal tables. Every container in it has items, or one inside of it has.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Items {
    pub(crate) table: Vec<Place>,
    /// The items of containers by number, ascending; none is empty.
    pub(crate) bodies: Vec<(u32, BodyItems)>,
    /// The dots that changes erased, by the change.
    pub(crate) erasures: Vec<(Dot, Vec<DotRun>)>,
}

impl Items {
    /// The items of all containers.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &BodyItems> + Clone {
        plain(self.bodies.iter().map(|(_, items)| items))
    }

    /// The elements of each list, by its number, that containers with something alive are in: the
    /// list must know them, even deleted ones.
    pub(crate) fn wanted(&self) -> BTreeMap<u32, Vec<Dot>> {
        let is_inside = |place: &Place| matches!(place.step.key, Key::Element(_));
        if !self.table.iter().any(is_inside) {
            return BTreeMap::new();
        }
        let mut lives = vec![false; self.table.len() + 1];
        for (number, items) in &self.bodies {
            lives[*number as usize] = items.has_live();
        }
        for (at, place) in self.table.iter().enumerate().rev() {
            lives[place.parent as usize] |= lives[at + 1];
        }
        let mut wanted: BTreeMap<u32, Vec<Dot>> = BTreeMap::new();
        for (place, _) in self
            .table
            .iter()
            .zip(&lives[1..])
            .filter(|(_, lives)| **lives)
        {
            if let Key::Element(dot) = place.step.key {
                if self.kind(place.parent) == Kind::List {
                    wanted.entry(place.parent).or_default().push(dot);
                }
            }
        }
        wanted
    }

    /// What the container of this number is.
    pub(crate) fn kind(&self, number: u32) -> Kind {
        let place = (number as usize).checked_sub(1).map(|at| &self.table[at]);
        place.map_or(Kind::Map, |place| place.step.kind)
    }

    /// The dots of all elements of sequences, alive and deleted.
    pub(super) fn element_dots(&self) -> DotSet {
        let mut dots = DotSet::new();
        for items in self.bodies() {
            items.for_each_element_run(|run| dots.insert_run(run));
        }
        dots
    }

    /// Drops what is empty, and the containers that are named for nothing then.
    pub(crate) fn tidy(&mut self) {
        self.bodies.retain(|(_, items)| !items.is_empty());
        let mut used = vec![false; self.table.len() + 1];
        for &(number, _) in &self.bodies {
            used[number as usize] = true;
        }
        for (at, place) in self.table.iter().enumerate().rev() {
            used[place.parent as usize] |= used[at + 1];
        }
        used[0] = true;
        let mut numbers = vec![0; used.len()];
        let kept = (0..used.len()).filter(|&number| used[number]);
        for (new, old) in (0..).zip(kept) {
            numbers[old] = new;
        }
        let mut at = 0;
        self.table.retain_mut(|place| {
            at += 1;
            place.parent = numbers[place.parent as usize];
            used[at]
        });
        for (number, _) in &mut self.bodies {
            *number = numbers[*number as usize];
        }
    }
}
