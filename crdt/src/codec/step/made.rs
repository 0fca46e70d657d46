//! The containers that a step makes on its way: whoever writes into one first says in the map around it that it
//! is there.

use crate::container::BodyItems;
use crate::document::{Key, Place};
use crate::map::MapItem;
use crate::plain::plain;
use crate::{limits, Dot, Sibling, Stamp};

/// Which containers of a step's path it makes. Their marks take the dots after what the step writes, the innermost
/// first, all with the stamp of the edit.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Made {
    /// A bit for each container of the path, from the top.
    places: u64,
    stamp: Stamp,
}

const _: () = assert!(limits::DEPTH_MAX <= u64::BITS as usize);

impl Made {
    /// Those whose bits are set.
    pub(super) fn new(places: u64, stamp: Stamp) -> Self {
        Self { places, stamp }
    }

    /// How many there are.
    pub(crate) fn len(self) -> u64 {
        u64::from(self.places.count_ones())
    }

    /// Whether the container at this place of the path, from 0, is one.
    pub(crate) fn has(self, at: usize) -> bool {
        at < limits::DEPTH_MAX && self.places >> at & 1 != 0
    }

    /// The stamp of the marks, if there are any.
    pub(crate) fn stamp(self) -> Option<Stamp> {
        (self.places != 0).then_some(self.stamp)
    }

    /// Notes one; `None` if it is not made along with the others, or cannot be written as one that is made.
    pub(crate) fn add(&mut self, at: usize, key: &Key, stamp: Stamp) -> Option<()> {
        let Key::Name(name) = key else { return None };
        let fits = at < limits::DEPTH_MAX && !name.is_empty() && !self.has(at);
        let fits = fits && self.stamp().is_none_or(|other| other == stamp);
        fits.then(|| {
            self.places |= 1 << at;
            self.stamp = stamp;
        })
    }

    /// Those of a path of which the items of other containers than its last one tell, `first` being the dot of
    /// the innermost; `None` if they tell anything else.
    pub(crate) fn of(items: &[(u32, BodyItems)], path: &[Place], first: Dot) -> Option<Self> {
        let mut made = Self::default();
        for (number, items) in items.iter().rev() {
            let at = *number as usize;
            let step = &path.get(at)?.step;
            let BodyItems::Map { values, children } = items else {
                return None;
            };
            let ([], [MapItem { key, sibling }]) = (&values[..], &children[..]) else {
                return None;
            };
            let (name, kind) = key;
            let fits = *kind == step.kind
                && step.key.is_name(name)
                && sibling.dot == first.plus(made.len());
            if !fits {
                return None;
            }
            made.add(at, &step.key, sibling.stamp)?;
        }
        Some(made)
    }

    /// What the maps on the way say, in their order; `after` is the last dot of all.
    pub(super) fn items(
        self,
        path: &[Place],
        after: Dot,
    ) -> impl Iterator<Item = (u32, BodyItems)> + '_ {
        let made = plain(path.iter().enumerate().filter(move |&(at, _)| self.has(at)));
        // The outermost comes last.
        made.enumerate().map(move |(outer, (at, place))| {
            let Key::Name(name) = &place.step.key else {
                unreachable!("only names are made")
            };
            let sibling = Sibling {
                dot: Dot::new(after.replica, after.seq - outer as u64),
                stamp: self.stamp,
                value: (),
            };
            let key = (name.to_string(), place.step.kind);
            let items = BodyItems::Map {
                values: Vec::new(),
                children: vec![MapItem { key, sibling }],
            };
            (at as u32, items)
        })
    }
}
