//! The pieces of a sequence in order: a B+ tree with cached lengths.
//!
//! Nodes live in vectors and point at each other by number, so that a place in the sequence is two
//! numbers and its offset is found by walking up. Nothing is ever removed but a piece that was joined
//! to its neighbour in the same leaf, so leaves never become empty and need no rebalancing.

use std::cmp::Ordering;
use std::ops::Add;

use crate::sequence::content::{Content, Extent, Unit};
use crate::Dot;

/// Pieces a leaf and children a node may have; few in debug builds, so that small tests split them.
const FANOUT: usize = if cfg!(debug_assertions) { 6 } else { 32 };

/// No node.
const NONE: u32 = u32::MAX;

/// What became of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// Alive, and read.
    Shown,
    /// Alive, and skipped by readers: its list shows it elsewhere.
    Hidden,
    /// Deleted, and read all the same: something inside of it survived.
    Kept,
    /// Deleted; the content is gone.
    Dead,
}

impl Life {
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Shown | Self::Hidden)
    }

    pub(crate) fn is_shown(self) -> bool {
        matches!(self, Self::Shown | Self::Kept)
    }
}

/// Neighbouring elements with neighbouring dots and one fate.
#[derive(Clone, Debug)]
pub(super) struct Piece<C> {
    pub(super) start: Dot,
    pub(super) len: u64,
    pub(super) life: Life,
    /// `None` for the dead, and for them only.
    pub(super) content: Option<C>,
}

impl<C: Content> Piece<C> {
    pub(super) fn extent(&self) -> Extent {
        match &self.content {
            Some(content) if self.life.is_shown() => content.extent(),
            _ => Extent::default(),
        }
    }

    /// The content that is shown.
    pub(super) fn shown(&self) -> Option<&C> {
        self.content.as_ref().filter(|_| self.life.is_shown())
    }

    /// The content that is alive.
    pub(super) fn alive(&self) -> Option<&C> {
        self.content.as_ref().filter(|_| self.life.is_alive())
    }

    /// Keeps the first `at` elements and gives the rest.
    pub(super) fn split_off(&mut self, at: u64) -> Self {
        let content = self.content.as_mut();
        let rest = Self {
            start: self.start.plus(at),
            len: self.len - at,
            life: self.life,
            content: content.map(|content| content.split_off(at as usize)),
        };
        self.len = at;
        rest
    }

    /// One past the last dot.
    pub(super) fn end(&self) -> Dot {
        self.start.plus(self.len)
    }
}

/// Where a piece is. Good until the next insertion or removal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) leaf: u32,
    pub(super) slot: usize,
}

#[derive(Clone, Debug)]
struct Leaf<C> {
    pieces: Vec<Piece<C>>,
    parent: u32,
    next: u32,
}

#[derive(Clone, Debug)]
struct Node {
    children: Vec<Child>,
    parent: u32,
}

#[derive(Clone, Copy, Debug)]
struct Child {
    id: u32,
    extent: Extent,
}

#[derive(Clone, Debug)]
pub(super) struct Index<C> {
    leaves: Vec<Leaf<C>>,
    nodes: Vec<Node>,
    root: u32,
    /// How many layers of nodes lie above the leaves; with none the root is a leaf.
    height: u32,
}

impl<C: Content> Index<C> {
    pub(super) fn new() -> Self {
        let leaf = Leaf {
            pieces: Vec::new(),
            parent: NONE,
            next: NONE,
        };
        Self {
            leaves: vec![leaf],
            nodes: Vec::new(),
            root: 0,
            height: 0,
        }
    }

    /// The length of everything that is alive.
    pub(super) fn extent(&self) -> Extent {
        if self.height == 0 {
            self.leaf_extent(self.root)
        } else {
            self.node_extent(self.root)
        }
    }

    pub(super) fn piece(&self, place: Place) -> &Piece<C> {
        &self.leaves[place.leaf as usize].pieces[place.slot]
    }

    /// The pieces of one leaf.
    pub(super) fn leaf(&self, leaf: u32) -> &[Piece<C>] {
        &self.leaves[leaf as usize].pieces
    }

    /// All pieces, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece<C>> {
        self.pieces_from(self.first())
    }

    /// The pieces from this place on, in order.
    pub(super) fn pieces_from(&self, place: Place) -> impl Iterator<Item = &Piece<C>> {
        let (mut leaf, mut slot) = (place.leaf, place.slot);
        std::iter::from_fn(move || {
            let pieces = (leaf != NONE).then(|| &self.leaves[leaf as usize])?;
            leaf = pieces.next;
            Some(&pieces.pieces[std::mem::take(&mut slot)..])
        })
        .flatten()
    }

    /// Which of two places comes first in reading order; O(log n).
    pub(super) fn compare(&self, a: Place, b: Place) -> Ordering {
        let (mut a_at, mut b_at) = (a.leaf, b.leaf);
        if a_at == b_at {
            return a.slot.cmp(&b.slot);
        }
        let mut parents = (
            self.leaves[a_at as usize].parent,
            self.leaves[b_at as usize].parent,
        );
        // All leaves are equally deep, so both ways up meet in one step.
        while parents.0 != parents.1 {
            (a_at, b_at) = parents;
            parents = (
                self.nodes[a_at as usize].parent,
                self.nodes[b_at as usize].parent,
            );
        }
        let children = &self.nodes[parents.0 as usize].children;
        let first = children
            .iter()
            .find(|child| child.id == a_at || child.id == b_at);
        if first.expect("both are children of the node").id == a_at {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }

    fn first_leaf(&self) -> u32 {
        let mut id = self.root;
        for _ in 0..self.height {
            id = self.nodes[id as usize].children[0].id;
        }
        id
    }

    /// Where a piece would be inserted to come first.
    pub(super) fn first(&self) -> Place {
        Place {
            leaf: self.first_leaf(),
            slot: 0,
        }
    }

    /// Where a piece would be inserted to come last; O(log n).
    pub(super) fn last(&self) -> Place {
        let mut leaf = self.root;
        for _ in 0..self.height {
            let children = &self.nodes[leaf as usize].children;
            leaf = children.last().expect("a node has children").id;
        }
        let slot = self.leaf(leaf).len();
        Place { leaf, slot }
    }

    /// How much is alive before this place; O(log n).
    pub(super) fn before(&self, place: Place) -> Extent {
        let leaf = &self.leaves[place.leaf as usize];
        let mut sum = sum(leaf.pieces[..place.slot].iter().map(Piece::extent));
        let (mut id, mut parent) = (place.leaf, leaf.parent);
        while parent != NONE {
            let node = &self.nodes[parent as usize];
            sum += node
                .children
                .iter()
                .take_while(|c| c.id != id)
                .fold(Extent::default(), |sum, child| sum + child.extent);
            (id, parent) = (parent, node.parent);
        }
        sum
    }

    /// The piece in which the unit `offset` lies, and what is alive before that piece; O(log n).
    pub(super) fn find(&self, unit: Unit, offset: usize) -> Option<(Place, Extent)> {
        if offset >= self.extent().get(unit) {
            return None;
        }
        let mut before = Extent::default();
        let mut id = self.root;
        for _ in 0..self.height {
            let mut chosen = None;
            for child in &self.nodes[id as usize].children {
                if offset < (before + child.extent).get(unit) {
                    chosen = Some(child.id);
                    break;
                }
                before += child.extent;
            }
            id = chosen.expect("the offset is less than the length of this node");
        }
        for (slot, piece) in self.leaves[id as usize].pieces.iter().enumerate() {
            let extent = piece.extent();
            if offset < (before + extent).get(unit) {
                return Some((Place { leaf: id, slot }, before));
            }
            before += extent;
        }
        unreachable!("the offset is less than the length of this leaf")
    }

    /// Changes a piece and keeps the lengths right; O(log n).
    pub(super) fn update<R>(&mut self, place: Place, change: impl FnOnce(&mut Piece<C>) -> R) -> R {
        let piece = &mut self.leaves[place.leaf as usize].pieces[place.slot];
        let old = piece.extent();
        let result = change(piece);
        let new = piece.extent();
        self.resize(place.leaf, old, new);
        result
    }

    /// Inserts a piece before this place. When the leaf had to be split, gives the new leaf: the
    /// pieces in it have moved there.
    pub(super) fn insert(&mut self, place: Place, piece: Piece<C>) -> Option<u32> {
        let extent = piece.extent();
        self.leaves[place.leaf as usize]
            .pieces
            .insert(place.slot, piece);
        self.resize(place.leaf, Extent::default(), extent);
        (self.leaves[place.leaf as usize].pieces.len() > FANOUT)
            .then(|| self.split_leaf(place.leaf))
    }

    /// Inserts a piece at the end, which is at this place; gives the new end.
    pub(super) fn push(&mut self, end: Place, piece: Piece<C>) -> Place {
        let leaf = self.insert(end, piece).unwrap_or(end.leaf);
        Place {
            leaf,
            slot: self.leaves[leaf as usize].pieces.len(),
        }
    }

    /// The first dot of each piece and the leaf that it is in.
    pub(super) fn starts(&self) -> impl Iterator<Item = (Dot, u32)> + '_ {
        let leaves = (0..).zip(&self.leaves);
        leaves.flat_map(|(id, leaf)| leaf.pieces.iter().map(move |piece| (piece.start, id)))
    }

    /// Removes a piece that is not the only one of its leaf.
    pub(super) fn remove(&mut self, place: Place) -> Piece<C> {
        let leaf = &mut self.leaves[place.leaf as usize];
        debug_assert!(leaf.pieces.len() > 1, "a leaf must not become empty");
        let piece = leaf.pieces.remove(place.slot);
        self.resize(place.leaf, piece.extent(), Extent::default());
        piece
    }

    fn resize(&mut self, leaf: u32, old: Extent, new: Extent) {
        if old == new {
            return;
        }
        let (mut id, mut parent) = (leaf, self.leaves[leaf as usize].parent);
        while parent != NONE {
            let node = &mut self.nodes[parent as usize];
            let child = node.children.iter_mut().find(|child| child.id == id);
            let child = child.expect("a node is among its parent's children");
            child.extent = child.extent + new - old;
            (id, parent) = (parent, node.parent);
        }
    }

    fn split_leaf(&mut self, id: u32) -> u32 {
        let new = self.leaves.len() as u32;
        let leaf = &mut self.leaves[id as usize];
        let pieces = leaf.pieces.split_off(leaf.pieces.len() / 2);
        let (parent, next) = (leaf.parent, std::mem::replace(&mut leaf.next, new));
        self.leaves.push(Leaf {
            pieces,
            parent,
            next,
        });
        let (left, right) = (self.leaf_extent(id), self.leaf_extent(new));
        let parent = self.add_sibling(parent, id, left, new, right, true);
        self.leaves[new as usize].parent = parent;
        new
    }

    /// Puts `new` after `old` under their parent, splitting upwards as far as needed; gives the
    /// parent of `new`.
    fn add_sibling(
        &mut self,
        parent: u32,
        old: u32,
        old_extent: Extent,
        new: u32,
        new_extent: Extent,
        leaves: bool,
    ) -> u32 {
        let (old_child, new_child) = (
            Child {
                id: old,
                extent: old_extent,
            },
            Child {
                id: new,
                extent: new_extent,
            },
        );
        if parent == NONE {
            let root = self.nodes.len() as u32;
            self.nodes.push(Node {
                children: vec![old_child, new_child],
                parent: NONE,
            });
            self.root = root;
            self.height += 1;
            self.set_parent(old, root, leaves);
            self.set_parent(new, root, leaves);
            return root;
        }
        let node = &mut self.nodes[parent as usize];
        let at = node.children.iter().position(|child| child.id == old);
        let at = at.expect("a node is among its parent's children");
        node.children[at] = old_child;
        node.children.insert(at + 1, new_child);
        self.set_parent(new, parent, leaves);
        if self.nodes[parent as usize].children.len() > FANOUT {
            self.split_node(parent, leaves);
        }
        self.parent_of(new, leaves)
    }

    fn split_node(&mut self, id: u32, over_leaves: bool) {
        let new = self.nodes.len() as u32;
        let node = &mut self.nodes[id as usize];
        let children = node.children.split_off(node.children.len() / 2);
        let parent = node.parent;
        for child in &children {
            self.set_parent(child.id, new, over_leaves);
        }
        self.nodes.push(Node { children, parent });
        let (left, right) = (self.node_extent(id), self.node_extent(new));
        let parent = self.add_sibling(parent, id, left, new, right, false);
        self.nodes[new as usize].parent = parent;
    }

    fn set_parent(&mut self, id: u32, parent: u32, leaf: bool) {
        if leaf {
            self.leaves[id as usize].parent = parent;
        } else if let Some(node) = self.nodes.get_mut(id as usize) {
            node.parent = parent;
        }
    }

    fn parent_of(&self, id: u32, leaf: bool) -> u32 {
        if leaf {
            self.leaves[id as usize].parent
        } else {
            self.nodes[id as usize].parent
        }
    }

    fn leaf_extent(&self, id: u32) -> Extent {
        sum(self.leaves[id as usize].pieces.iter().map(Piece::extent))
    }

    fn node_extent(&self, id: u32) -> Extent {
        sum(self.nodes[id as usize]
            .children
            .iter()
            .map(|child| child.extent))
    }

    /// Checks every link and every cached length.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_invariants(&self) {
        let mut layer = vec![self.root];
        assert!(self.height == 0 || self.nodes[self.root as usize].parent == NONE);
        for depth in 0..self.height {
            let leaves = depth + 1 == self.height;
            let mut below = Vec::new();
            for id in layer {
                for child in &self.nodes[id as usize].children {
                    assert_eq!(
                        self.parent_of(child.id, leaves),
                        id,
                        "child points to its parent"
                    );
                    let extent = if leaves {
                        self.leaf_extent(child.id)
                    } else {
                        self.node_extent(child.id)
                    };
                    assert_eq!(child.extent, extent, "cached length");
                    below.push(child.id);
                }
                assert!(self.nodes[id as usize].children.len() <= FANOUT);
            }
            layer = below;
        }
        for (i, &id) in layer.iter().enumerate() {
            let leaf = &self.leaves[id as usize];
            assert_eq!(
                leaf.next,
                layer.get(i + 1).copied().unwrap_or(NONE),
                "leaves are linked"
            );
            assert!(
                !leaf.pieces.is_empty() || self.leaves.len() == 1,
                "empty leaf"
            );
            assert!(leaf.pieces.iter().all(|p| p.len > 0), "empty piece");
        }
    }
}

fn sum(extents: impl Iterator<Item = Extent>) -> Extent {
    extents.fold(Extent::default(), Add::add)
}
