//! Where something was found last: the next edit is mostly near.

use super::{Extent, Index, Leaf, Pens, Place};
use crate::sequence::content::{even, Content, Unit};
use crate::sequence::span::Life;

/// The leaf in which something was found last, what is shown before it, and what of it comes before the span
/// that was found: the next edit is mostly near.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    pub(super) leaf: u32,
    pub(super) before: Extent,
    pub(super) lead: Lead,
}

/// What of a leaf comes before one of its spans.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Lead {
    pub(super) slot: usize,
    /// Elements of content.
    pub(super) at: usize,
    pub(super) shown: Extent,
}

impl Near {
    /// At the start of a leaf.
    pub(super) fn at_start(leaf: u32, before: Extent) -> Self {
        Self {
            leaf,
            before,
            lead: Lead::default(),
        }
    }

    /// Where that is, and what is shown before it.
    fn found(self) -> (Place, Extent) {
        let place = Place {
            leaf: self.leaf,
            slot: self.lead.slot,
        };
        (place, self.before + self.lead.shown)
    }
}

impl<C: Content> Index<C> {
    /// Where something was found last.
    pub(in crate::sequence) fn near(&self) -> Option<Place> {
        let (leaf, slot) = (self.near.leaf, self.near.lead.slot);
        let leaf_there = self.leaves.get(leaf as usize)?;
        (slot < leaf_there.spans.len()).then_some(Place { leaf, slot })
    }

    /// What in its leaf comes before a span; counted on from the one that was found last, if it may be.
    pub(super) fn lead(&self, place: Place) -> Lead {
        let from = self.near.lead;
        let is_near = self.near.leaf == place.leaf && from.slot <= place.slot;
        if is_near && from.slot == place.slot {
            return from;
        }
        let from = if is_near { from } else { Lead::default() };
        self.leaves[place.leaf as usize].lead(from, place.slot)
    }

    /// As [`Self::before`], and remembers where that was.
    pub(in crate::sequence) fn seek_before(&mut self, place: Place) -> Extent {
        self.near = Near {
            leaf: place.leaf,
            before: self.before_leaf(place.leaf),
            lead: self.lead(place),
        };
        self.near.before + self.near.lead.shown
    }

    /// The leaf in which the unit `offset` lies, what is shown before it, and a span at or before the offset.
    fn find_leaf(&self, unit: Unit, offset: usize) -> Option<Near> {
        if offset >= self.extent.get(unit) {
            return None;
        }
        let Near { leaf, before, lead } = self.near;
        if let Some(within) = offset.checked_sub(before.get(unit)) {
            let near = self.leaves.get(leaf as usize);
            if near.is_some_and(|near| within < near.extent.get(unit)) {
                let is_after = within >= lead.shown.get(unit);
                return Some(if is_after {
                    self.near
                } else {
                    Near::at_start(leaf, before)
                });
            }
        }
        let mut before = Extent::default();
        let mut leaf = self.root;
        for _ in 0..self.height {
            let mut chosen = None;
            for child in &self.nodes[leaf as usize].children {
                let after = before + child.extent;
                if offset < after.get(unit) {
                    chosen = Some(child.id);
                    break;
                }
                before = after;
            }
            leaf = chosen.expect("the offset is less than the length of this node");
        }
        Some(Near::at_start(leaf, before))
    }

    /// The span in which the unit `offset` lies, and what is shown before that span; O(log n).
    pub(in crate::sequence) fn find(&self, unit: Unit, offset: usize) -> Option<(Place, Extent)> {
        let near = self.find_in(self.find_leaf(unit, offset)?, unit, offset);
        Some(near.found())
    }

    /// As [`Self::find`], and remembers where that was.
    pub(in crate::sequence) fn seek(
        &mut self,
        unit: Unit,
        offset: usize,
    ) -> Option<(Place, Extent)> {
        self.near = self.find_in(self.find_leaf(unit, offset)?, unit, offset);
        Some(self.near.found())
    }

    /// Goes on to the span in which the unit `offset` lies, which is in this leaf.
    fn find_in(&self, mut near: Near, unit: Unit, offset: usize) -> Near {
        let leaf = &self.leaves[near.leaf as usize];
        let within = offset - near.before.get(unit);
        let (found, uneven) = (&mut near.lead, !leaf.is_even());
        for span in &leaf.spans[found.slot..] {
            let len = span.shown_len();
            let extent = if uneven {
                leaf.content.extent_of(found.at..found.at + len)
            } else {
                even(len)
            };
            let after = found.shown + extent;
            if within < after.get(unit) {
                return near;
            }
            *found = Lead {
                slot: found.slot + 1,
                at: found.at + span.content_len(),
                shown: after,
            };
        }
        unreachable!("the offset is less than the length of this leaf")
    }

    /// The leaf of a span that is to be changed, and how much content comes before it.
    pub(super) fn leaf_to_change(&mut self, place: Place) -> (&mut Leaf<C>, usize) {
        let at = self.lead(place).at;
        self.pens = Pens::default();
        self.step_back(place);
        (&mut self.leaves[place.leaf as usize], at)
    }

    /// Before a span is changed: what comes before later ones is not known any more.
    #[inline]
    pub(super) fn step_back(&mut self, Place { leaf, slot }: Place) {
        if self.near.leaf == leaf && self.near.lead.slot > slot {
            self.step_near_back(leaf, slot);
        }
    }

    fn step_near_back(&mut self, leaf: u32, slot: usize) {
        let near = &mut self.near;
        let is_nothing = self.leaves[leaf as usize].spans[slot].life() == Life::Dead;
        if is_nothing && near.lead.slot == slot + 1 {
            near.lead.slot = slot;
        } else {
            near.lead = Lead::default();
        }
    }
}
