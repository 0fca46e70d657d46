//! Trees: which node is under which, made out from all that is known; and their edits.

use std::collections::BTreeMap;

use driftwood_crdt::{Kind, Value};

use super::edit::{Done, Edit, Refused};
use super::read::{empty, View};
use super::{Holds, Key, OpId, Place, What};

/// Which node of a tree is where.
#[derive(Default)]
pub(crate) struct Shape {
    /// What each node is under, and the cell that says so.
    pub(super) spots: BTreeMap<OpId, Spot>,
    children: BTreeMap<Option<OpId>, Vec<OpId>>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Spot {
    pub(super) under: Option<OpId>,
    /// A node that was kept, or given no place, has none.
    pub(super) cell: Option<OpId>,
}

impl Shape {
    pub(crate) fn has(&self, node: OpId) -> bool {
        self.spots.contains_key(&node)
    }

    pub(crate) fn parent(&self, node: OpId) -> Option<OpId> {
        self.spots.get(&node)?.under
    }

    pub(crate) fn children(&self, under: Option<OpId>) -> &[OpId] {
        self.children.get(&under).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn nodes(&self) -> Vec<OpId> {
        self.spots.keys().copied().collect()
    }

    /// A node and all under it.
    pub(super) fn subtree(&self, node: OpId) -> Vec<OpId> {
        let below = self.nodes().into_iter();
        below
            .filter(|&other| self.is_within(Some(other), node))
            .collect()
    }

    pub(super) fn is_within(&self, node: Option<OpId>, above: OpId) -> bool {
        let mut at = node;
        while let Some(node) = at {
            if node == above {
                return true;
            }
            at = self.parent(node);
        }
        false
    }

    pub(super) fn value(&self, view: &View<'_>, tree: Place) -> Value {
        self.values_under(view, tree, None)
    }

    fn values_under(&self, view: &View<'_>, tree: Place, under: Option<OpId>) -> Value {
        let nodes = self.children(under).iter().map(|&node| {
            let data = view.history.find(tree, &Key::Element(node), Kind::Map);
            let data = data.map_or_else(|| empty(Kind::Map), |data| view.value(data));
            let mut value = BTreeMap::from([("data".to_owned(), data)]);
            if !self.children(Some(node)).is_empty() {
                let below = self.values_under(view, tree, Some(node));
                value.insert("children".to_owned(), below);
            }
            Value::Map(value.into())
        });
        Value::List(nodes.collect())
    }
}

impl View<'_> {
    /// All nodes that ever were, as far as they are known.
    pub(crate) fn all_nodes(&self, tree: Place) -> Vec<OpId> {
        let mut nodes = self.walk(tree);
        nodes.retain(|&cell| matches!(self.holds(cell), Holds::Node { .. }));
        nodes
    }

    pub(crate) fn tree(&self, place: Place) -> Shape {
        let order = self.walk(place);
        let mut shape = Shape::default();
        for &cell in &order {
            let is_node = matches!(self.holds(cell), Holds::Node { .. });
            if is_node && (self.living.contains(cell) || self.lives_inside(place, cell)) {
                shape.spots.insert(cell, Spot::default());
            }
        }
        // The last move comes first, and what was said when the nodes were made after all moves.
        let living = order
            .iter()
            .copied()
            .filter(|&cell| self.living.contains(cell));
        let mut edges: Vec<_> = living
            .clone()
            .map(|cell| match self.holds(cell) {
                Holds::Place { of, under } => ((1, self.rank(cell)), cell, *of, *under),
                Holds::Node { under } => {
                    let never = super::Stamp::default();
                    ((0, (never, self.op(cell).dot)), cell, cell, *under)
                }
                _ => unreachable!("a tree holds nodes"),
            })
            .collect();
        edges.sort_by_key(|&(rank, ..)| std::cmp::Reverse(rank));
        for (_, cell, node, under) in edges {
            let under = under.filter(|&under| shape.has(under));
            let is_free = shape
                .spots
                .get(&node)
                .is_some_and(|spot| spot.cell.is_none());
            if is_free && !shape.is_within(under, node) {
                let cell = Some(cell);
                shape.spots.insert(node, Spot { under, cell });
            }
        }
        for cell in living {
            let spots = shape.spots.iter();
            let spot = spots.into_iter().find(|(_, spot)| spot.cell == Some(cell));
            if let Some((&node, &Spot { under, .. })) = spot {
                shape.children.entry(under).or_default().push(node);
            }
        }
        let mut rest = shape.nodes();
        rest.retain(|node| shape.spots[node].cell.is_none());
        rest.sort_by_key(|&node| self.op(node).dot);
        shape.children.entry(None).or_default().extend(rest);
        shape
    }
}

impl Edit<'_> {
    pub(crate) fn create_node(&mut self, tree: Place, under: Option<OpId>, index: usize) -> Done {
        self.check_writable(tree)?;
        let (left, right) = self.around_node(tree, under, index, None)?;
        self.insert_all(tree, left, right, vec![Holds::Node { under }]);
        self.mark(tree);
        Ok(())
    }

    pub(crate) fn move_node(
        &mut self,
        tree: Place,
        node: OpId,
        under: Option<OpId>,
        index: usize,
    ) -> Done {
        self.check_writable(tree)?;
        let shape = self.view().tree(tree);
        if !shape.has(node) || shape.is_within(under, node) {
            return Err(Refused);
        }
        let (left, right) = self.around_node(tree, under, index, Some(node))?;
        let seen = self.view().places_of(tree, node);
        let holds = Holds::Place { of: node, under };
        let place = self.insert_all(tree, left, right, vec![holds]);
        self.also_removes(place.expect("one was inserted"), seen);
        self.mark(tree);
        Ok(())
    }

    /// The living cells between which a child of this index is put: right after the child before it,
    /// or after its parent if it is the only one, or before everything.
    fn around_node(
        &self,
        tree: Place,
        under: Option<OpId>,
        index: usize,
        without: Option<OpId>,
    ) -> Result<(Option<OpId>, Option<OpId>), Refused> {
        let view = self.view();
        let shape = view.tree(tree);
        if under.is_some_and(|under| !shape.has(under)) {
            return Err(Refused);
        }
        let cell = |node: OpId| shape.spots[&node].cell;
        let mut siblings = shape.children(under).to_vec();
        siblings.retain(|&sibling| Some(sibling) != without);
        let left = match index {
            0 if siblings.is_empty() => under.and_then(cell),
            0 => None,
            // Those that have no cell are the last.
            _ => {
                let before = siblings.get(..index).ok_or(Refused)?;
                before.iter().rev().find_map(|&node| cell(node))
            }
        };
        let order = view.walk(tree);
        let start = order.iter().position(|&cell| Some(cell) == left);
        let mut after = order[start.map_or(0, |at| at + 1)..].iter();
        let right = after.find(|&&cell| view.living.contains(cell));
        Ok((left, right.copied()))
    }

    pub(crate) fn delete_node(&mut self, tree: Place, node: OpId) -> Done {
        self.check_writable(tree)?;
        let view = self.view();
        let shape = view.tree(tree);
        if !shape.has(node) {
            return Ok(());
        }
        let nodes = shape.subtree(node).into_iter();
        let removed = nodes.flat_map(|node| view.all_of(tree, node)).collect();
        self.note(What::Nothing, removed);
        self.mark(tree);
        Ok(())
    }
}
