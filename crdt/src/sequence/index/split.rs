//! How the tree grows: leaves and nodes are cut in two.

use super::{Child, Extent, Index, Lead, Leaf, Node, Place, Put, CONTENT_MAX, FANOUT, NONE, STEP};
use crate::sequence::content::Content;

impl<C: Content> Index<C> {
    /// Cuts the leaf in two if it has too much; gives where the span is then.
    pub(super) fn split_if_full(&mut self, place: Place) -> Put {
        let leaf = &self.leaves[place.leaf as usize];
        let content = leaf.content.extent().chars;
        if leaf.spans.len() <= FANOUT && (content <= CONTENT_MAX || leaf.spans.len() < 2) {
            return (place, None);
        }
        let count = leaf.spans.len();
        // What grows at its end leaves full leaves behind.
        let at = if leaf.next == NONE && place.slot + 1 == count {
            count - 1
        } else if content <= CONTENT_MAX {
            count / 2
        } else {
            let mut sum = 0;
            let half = leaf.spans.iter().position(|span| {
                sum += span.content_len();
                sum > content / 2
            });
            half.unwrap_or(count / 2).clamp(1, count - 1)
        };
        let new = self.split_leaf(place.leaf, at);
        match place.slot.checked_sub(at) {
            Some(slot) => (Place { leaf: new, slot }, Some(new)),
            None => (place, Some(new)),
        }
    }

    fn split_leaf(&mut self, id: u32, slot: usize) -> u32 {
        let new = self.leaves.len() as u32;
        if self.near.leaf == id && self.near.lead.slot > slot {
            self.near.lead = Lead::default();
        }
        let leaf = &mut self.leaves[id as usize];
        let (at, before) = (leaf.content_before(slot), leaf.extent_before(slot));
        let spans = leaf.spans.split_off(slot);
        leaf.spans.shrink_to(slot + STEP);
        let rest = Leaf {
            spans,
            content: leaf.content.split_off(at),
            extent: leaf.extent - before,
            parent: NONE,
            rank: 0,
            next: std::mem::replace(&mut leaf.next, new),
        };
        leaf.extent = before;
        let (parent, rank) = (leaf.parent, leaf.rank);
        let extents = (before, rest.extent);
        self.leaves.push(rest);
        self.add_sibling((parent, rank), (id, extents.0), (new, extents.1), true);
        new
    }

    /// Puts `new` after `old`, the child of this rank of `parent`, splitting upwards as far as needed.
    fn add_sibling(
        &mut self,
        (parent, rank): (u32, u32),
        (old, old_extent): (u32, Extent),
        (new, new_extent): (u32, Extent),
        leaves: bool,
    ) {
        let old = Child {
            id: old,
            extent: old_extent,
        };
        let new = Child {
            id: new,
            extent: new_extent,
        };
        if parent == NONE {
            self.root = self.nodes.len() as u32;
            self.nodes.push(Node {
                children: vec![old, new],
                parent: NONE,
                rank: 0,
            });
            self.height += 1;
            self.adopt(self.root, 0, leaves);
            return;
        }
        let node = &mut self.nodes[parent as usize];
        let rank = rank as usize;
        node.children[rank] = old;
        node.children.insert(rank + 1, new);
        let (up, count) = ((node.parent, node.rank), node.children.len());
        self.adopt(parent, rank + 1, leaves);
        if count > FANOUT {
            let half = if rank + 2 == count {
                count - 1
            } else {
                count / 2
            };
            let node = &mut self.nodes[parent as usize];
            let children = node.children.split_off(half);
            let sum = |children: &[Child]| {
                let extents = children.iter().map(|child| child.extent);
                extents.fold(Extent::default(), |sum, extent| sum + extent)
            };
            let (left, right) = (sum(&node.children), sum(&children));
            let new = self.nodes.len() as u32;
            self.nodes.push(Node {
                children,
                parent: NONE,
                rank: 0,
            });
            self.adopt(new, 0, leaves);
            self.add_sibling(up, (parent, left), (new, right), false);
        }
    }

    /// Tells the children of a node from this rank on whose and which they are.
    pub(super) fn adopt(&mut self, parent: u32, from: usize, leaves: bool) {
        let children = &self.nodes[parent as usize].children;
        let ids: Vec<u32> = children[from..].iter().map(|child| child.id).collect();
        for (rank, id) in (from as u32..).zip(ids) {
            if leaves {
                let leaf = &mut self.leaves[id as usize];
                (leaf.parent, leaf.rank) = (parent, rank);
            } else {
                let node = &mut self.nodes[id as usize];
                (node.parent, node.rank) = (parent, rank);
            }
        }
    }
}
