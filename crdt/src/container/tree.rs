//! A document's tree: nodes in an order under each other, that can be moved.
//!
//! All nodes stand in one sequence, whose order is that of the children of each. A node is named by the
//! dot of the cell that made it, which also says under which node; moving it puts a [`Cell::Place`],
//! in place of those that were seen. Concurrent moves may close a cycle, and no copy could know: so
//! the parents are made out when the tree is read. Of all places, and of what was said when the nodes
//! were made, those count that come first by (stamp, dot), from the greatest down, leaving out what
//! would close a cycle. No log of moves is kept, unlike in Kleppmann et al., "A Highly-Available Move
//! Operation for Replicated Trees", TPDS 2022.
//!
//! A node under one that is gone is at the top, and so is a deleted node of whose data something
//! survived: nothing is lost from sight.

use crate::ordered::{self, BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::cell::{Cell, Cells, Moved, Places};
use super::Touched;
use crate::sequence::{Built, Life, RunItems};
use crate::{Change, Dot, DotRun, DotSet, DotStore, EditError, Sequence, Stamp, VersionVector};

#[derive(Clone, Default, Debug)]
pub(crate) struct TreeBody {
    pub(crate) cells: Sequence<Cells>,
    places: Places,
    /// The nodes of whose data something lives: of use once they are deleted.
    inside: BTreeSet<Dot>,
    live: usize,
    /// Made out when it is first asked for after a change.
    shape: OnceLock<Shape>,
}

/// Which node is where.
#[derive(Clone, Default, Debug)]
pub(crate) struct Shape {
    spots: BTreeMap<Dot, Spot>,
    children: BTreeMap<Option<Dot>, Vec<Dot>>,
    /// Whether something had to give way to something else: then a move may change what gives way.
    contested: bool,
    /// Whether a node is deleted and kept: such nodes stand at the end, whatever is put after them.
    keeps: bool,
}

#[derive(Clone, Copy, Debug)]
struct Spot {
    under: Option<Dot>,
    /// The cell that says so, and in which order; a node that was kept has none.
    cell: Option<Dot>,
}

impl Shape {
    /// Whether the node is in the tree.
    pub(crate) fn has(&self, node: Dot) -> bool {
        self.spots.contains_key(&node)
    }

    /// What the node is under; `None` at the top.
    pub(crate) fn parent(&self, node: Dot) -> Option<Dot> {
        self.spots.get(&node)?.under
    }

    /// The nodes under one, or at the top, in order.
    pub(crate) fn children(&self, under: Option<Dot>) -> &[Dot] {
        self.children.get(&under).map_or(&[], Vec::as_slice)
    }

    /// A node and all under it, parents first.
    pub(crate) fn subtree(&self, node: Dot) -> Vec<Dot> {
        let mut all = vec![node];
        let mut next = 0;
        while next < all.len() {
            all.extend(self.children(Some(all[next])));
            next += 1;
        }
        all
    }

    /// Whether `node` is `above` or somewhere under it.
    pub(crate) fn is_within(&self, node: Option<Dot>, above: Dot) -> bool {
        let mut at = node;
        while let Some(node) = at {
            if node == above {
                return true;
            }
            at = self.parent(node);
        }
        false
    }

    fn insert(&mut self, node: Dot, spot: Spot, index: usize) {
        self.spots.insert(node, spot);
        self.children
            .entry(spot.under)
            .or_default()
            .insert(index, node);
    }

    fn take(&mut self, node: Dot) {
        if let Some(spot) = self.spots.remove(&node) {
            let siblings = self.children.entry(spot.under).or_default();
            siblings.retain(|&sibling| sibling != node);
        }
    }
}

/// For each node that is not at the top one that it is somewhere under; the ways up get shorter as
/// they are walked, so that a walk takes O(log n) on the whole.
#[derive(Default)]
struct Roots(BTreeMap<Dot, Dot>);

impl Roots {
    /// The node at the top that a node is under, or is.
    fn of(&mut self, node: Dot) -> Dot {
        let mut root = node;
        while let Some(&above) = self.0.get(&root) {
            root = above;
        }
        let mut at = node;
        while at != root {
            let above = self.0.insert(at, root);
            at = above.expect("the walk up came this way");
        }
        root
    }
}

impl TreeBody {
    pub(crate) fn live_len(&self) -> usize {
        self.live
    }

    /// Which node is where; O(n log n) after a merge, else O(1).
    pub(crate) fn shape(&self) -> &Shape {
        self.shape.get_or_init(|| self.make_out())
    }

    /// The living cells and their dots, in reading order.
    fn living(&self) -> impl Iterator<Item = (Dot, &Cell)> {
        let cells = self.cells.living();
        cells.flat_map(|(start, cells)| (0..).map(move |i| start.plus(i)).zip(cells))
    }

    fn make_out(&self) -> Shape {
        let mut shape = Shape::default();
        let mut edges: Vec<(Stamp, Dot, Dot, Option<Dot>)> = Vec::new();
        let nowhere = Spot {
            under: None,
            cell: None,
        };
        for (dot, cell) in self.living() {
            match cell {
                // Whatever was moved since it was made has a greater stamp than nothing.
                Cell::Node { under } => {
                    shape.spots.insert(dot, nowhere);
                    edges.push((Stamp::default(), dot, dot, *under));
                }
                Cell::Place(moved) => edges.push((moved.stamp, dot, moved.of, moved.under)),
                Cell::Value(_) | Cell::Child(_) => {}
            }
        }
        for &node in &self.inside {
            shape.keeps |= shape.spots.insert(node, nowhere).is_none();
        }
        edges.retain(|(_, _, node, _)| shape.has(*node));
        let moved = self.places.iter().filter(|&(node, _)| shape.has(node));
        let mut moved = moved.map(|(node, _)| node);
        let mut last = None;
        shape.contested = moved.any(|node| last.replace(node) == Some(node));
        ordered::sort_unstable_by_key(&mut edges, |&(stamp, cell, node, _)| {
            std::cmp::Reverse((cell != node, stamp, cell))
        });
        let mut roots = Roots::default();
        for (_, cell, node, under) in edges {
            let under = under.filter(|&under| shape.has(under));
            if shape.spots[&node].cell.is_some() {
                continue;
            }
            // It is at the top as yet: whatever is in it has it as its root.
            if under.is_some_and(|under| roots.of(under) == node) {
                shape.contested = true;
                continue;
            }
            if let Some(under) = under {
                roots.0.insert(node, under);
            }
            let cell = Some(cell);
            shape.spots.insert(node, Spot { under, cell });
        }
        for (dot, cell) in self.living() {
            let node = match cell {
                Cell::Place(moved) => moved.of,
                _ => dot,
            };
            let spot = shape.spots.get(&node).filter(|spot| spot.cell == Some(dot));
            if let Some(&Spot { under, .. }) = spot {
                shape.children.entry(under).or_default().push(node);
            }
        }
        let kept = shape.spots.iter().filter(|(_, spot)| spot.cell.is_none());
        let kept: Vec<Dot> = kept.map(|(&node, _)| node).collect();
        shape.children.entry(None).or_default().extend(kept);
        shape
    }

    /// Makes a node; gives its name.
    ///
    /// # Errors
    /// When `under` is not there, and past the end of its children.
    pub(crate) fn create(
        &mut self,
        under: Option<Dot>,
        index: usize,
        change: &mut Change,
    ) -> Result<Dot, EditError> {
        let left = self.left_of(under, index, None)?;
        let right = self.cells.alive_after(left);
        let cell = Cell::Node { under };
        let dot = self.cells.insert_between(left, right, cell.into(), change);
        self.live += 1;
        // A node that gave way may stand without a cell, after whatever is put last.
        let settled = |shape: &&mut Shape| !shape.contested && !shape.keeps;
        match self.shape.get_mut().filter(settled) {
            Some(shape) => {
                let cell = Some(dot);
                shape.insert(dot, Spot { under, cell }, index);
            }
            None => self.changed(),
        }
        Ok(dot)
    }

    /// Moves a node, so that it is at `index` of the children of `under` afterwards.
    ///
    /// # Errors
    /// When either is not there, when `under` is in the node, and past the end of its children.
    pub(crate) fn move_to(
        &mut self,
        node: Dot,
        under: Option<Dot>,
        index: usize,
        change: &mut Change,
    ) -> Result<(), EditError> {
        if !self.shape().has(node) {
            return Err(EditError::Deleted);
        }
        if self.shape().is_within(under, node) {
            return Err(EditError::Cycle);
        }
        let left = self.left_of(under, index, Some(node))?;
        let right = self.cells.alive_after(left);
        let stamp = change.stamp();
        let cell = Cell::Place(Box::new(Moved {
            of: node,
            under,
            stamp,
        }));
        let place = self.cells.insert_between(left, right, cell.into(), change);
        self.live += 1;
        let old: DotSet = self.places.of(node).collect();
        self.places.forget(node, |_| true);
        self.places.insert(node, stamp, place);
        change.removed(place, old.runs());
        self.live -= old.dots().count();
        self.cells.remove(&old, &mut Vec::new());
        let settled = |shape: &&mut Shape| !shape.contested && !shape.keeps;
        match self.shape.get_mut().filter(settled) {
            Some(shape) => {
                let cell = Some(place);
                shape.take(node);
                shape.insert(node, Spot { under, cell }, index);
            }
            None => self.changed(),
        }
        Ok(())
    }

    /// The cell after which a child of this index is to be put; of `without` it is as if it were
    /// not there.
    fn left_of(
        &self,
        under: Option<Dot>,
        index: usize,
        without: Option<Dot>,
    ) -> Result<Option<Dot>, EditError> {
        let shape = self.shape();
        if under.is_some_and(|under| !shape.has(under)) {
            return Err(EditError::Deleted);
        }
        let siblings = shape.children(under);
        let own = without.filter(|&node| shape.parent(node) == under);
        let own = own.and_then(|node| siblings.iter().position(|&sibling| sibling == node));
        let len = siblings.len() - usize::from(own.is_some());
        let Some(before) = index.checked_sub(1) else {
            // The first child comes right after its parent, or as the very first.
            return Ok(under
                .filter(|_| len == 0)
                .and_then(|under| shape.spots[&under].cell));
        };
        if index > len {
            return Err(EditError::OutOfBounds {
                position: index,
                len,
            });
        }
        let last = before + usize::from(own.is_some_and(|own| own <= before));
        let left = siblings[..=last].iter().rev();
        let mut left = left.filter(|&&sibling| Some(sibling) != without);
        // Kept nodes have no cell to stand after; the last one that has will do.
        Ok(left.find_map(|node| shape.spots[node].cell))
    }

    /// The living dots of nodes: their cells and their places.
    pub(crate) fn dots_of_nodes(&self, nodes: &[Dot]) -> DotSet {
        let dots = nodes.iter().flat_map(|&node| {
            let made = self.is_alive(node).then_some(node);
            made.into_iter().chain(self.places.of(node))
        });
        dots.collect()
    }

    /// Whether a node is there and was not deleted.
    pub(crate) fn is_alive(&self, node: Dot) -> bool {
        let alive = self.cells.life_of(node).is_some_and(Life::is_alive);
        alive && matches!(self.cells.cell(node), Some(Cell::Node { .. }))
    }

    /// The living places of a node.
    pub(crate) fn places_of(&self, node: Dot) -> DotSet {
        self.places.of(node).collect()
    }

    /// Of living cells: without the places of nodes of which none of them says where they are.
    pub(crate) fn movable_back(&self, cells: &DotSet) -> DotSet {
        let counts = |dot: &Dot| match self.cells.cell(*dot) {
            Some(Cell::Place(moved)) => {
                let spot = self.shape().spots.get(&moved.of);
                let counting = spot.and_then(|spot| spot.cell);
                counting.is_some_and(|cell| cells.contains(cell))
            }
            _ => true,
        };
        cells.dots().filter(counts).collect()
    }

    /// The places of those of the nodes of which nothing will be left without their cells.
    pub(crate) fn places_with(&self, cells: &DotSet) -> DotSet {
        let nodes = cells.dots().filter(|node| !self.inside.contains(node));
        nodes.flat_map(|node| self.places.of(node)).collect()
    }

    /// Puts a cell after another; gives the node that it is about.
    pub(crate) fn put_after(
        &mut self,
        left: Option<Dot>,
        cell: &Cell,
        change: &mut Change,
    ) -> Option<Dot> {
        let right = self.cells.needed_after(left, &|_| Vec::new());
        let dot = self
            .cells
            .insert_between(left, right, cell.clone().into(), change);
        self.live += 1;
        self.changed();
        self.learn(dot, cell)
    }

    /// Notes what a new cell says; gives the node that it is about.
    fn learn(&mut self, dot: Dot, cell: &Cell) -> Option<Dot> {
        match cell {
            Cell::Node { .. } => Some(dot),
            Cell::Place(moved) => {
                self.places.insert(moved.of, moved.stamp, dot);
                Some(moved.of)
            }
            Cell::Value(_) | Cell::Child(_) => None,
        }
    }

    /// Whether a node has a cell that says where it is.
    pub(crate) fn has_cell(&self, node: Dot) -> bool {
        let spot = self.shape().spots.get(&node);
        spot.is_some_and(|spot| spot.cell.is_some())
    }

    /// Takes in what is new; gives the nodes that it is about.
    pub(crate) fn join(
        &mut self,
        items: &RunItems<Cells>,
        built: Option<Built<Cells>>,
        seen: &VersionVector,
    ) -> Touched<Dot> {
        self.cells.join_with(items, built, [], seen, None);
        let mut touched = Touched::default();
        for (dot, cell) in items.living().filter(|&(dot, _)| !seen.contains(dot)) {
            self.live += 1;
            touched.extend(self.learn(dot, cell));
        }
        self.changed();
        touched
    }

    /// Removes those of the dots that are alive; gives the nodes that it is about.
    pub(crate) fn remove(&mut self, dots: &DotSet) -> Touched<Dot> {
        let alive = dots.runs().flat_map(|run| self.cells.alive_in(run));
        let alive: Vec<Dot> = alive.flat_map(DotRun::dots).collect();
        let mut touched = Touched::default();
        for &dot in &alive {
            let cell = self.cells.cell(dot).expect("the dot is alive");
            let node = match cell {
                Cell::Place(moved) => moved.of,
                _ => dot,
            };
            touched.extend([node]);
        }
        for &node in &touched {
            self.places.forget(node, |place| dots.contains(place));
        }
        self.live -= alive.len();
        self.cells.remove(dots, &mut Vec::new());
        self.changed();
        touched
    }

    /// Notes whether something lives in the data of a node; the node if that changes the tree.
    pub(crate) fn keep(&mut self, node: Dot, lives: bool) -> Option<Touched<Dot>> {
        if lives {
            self.inside.insert(node);
        } else {
            self.inside.remove(&node);
        }
        if self.is_alive(node) {
            return None;
        }
        self.changed();
        Some(Touched::one(node))
    }

    fn changed(&mut self) {
        self.shape = OnceLock::new();
    }

    #[cfg(any(test, debug_assertions))]
    pub(crate) fn assert_invariants(&self) {
        self.cells.assert_invariants();
        assert_eq!(self.live, self.cells.live_len());
        let (kept, fresh) = (self.shape(), self.make_out());
        assert_eq!(
            kept.children
                .iter()
                .filter(|(_, c)| !c.is_empty())
                .collect::<Vec<_>>(),
            fresh
                .children
                .iter()
                .filter(|(_, c)| !c.is_empty())
                .collect::<Vec<_>>(),
            "the shape is kept right"
        );
        let mut found = 0;
        let mut open = vec![None];
        while let Some(under) = open.pop() {
            for &child in fresh.children(under) {
                found += 1;
                open.push(Some(child));
            }
        }
        assert_eq!(found, fresh.spots.len(), "every node is found from the top");
    }
}
