//! The order of lists and texts: Fugue's tree, tombstones and all, walked from end to end.

use super::{History, OpId, OpSet, Place, What};

/// What hangs on what.
pub(super) struct Trees {
    /// The left and the right children of every element, in order of dot.
    kids: Vec<[Vec<OpId>; 2]>,
    /// What hangs on the sequences themselves.
    roots: Vec<Vec<OpId>>,
}

impl Trees {
    pub(super) fn of(history: &History, known: &OpSet) -> Self {
        let mut trees = Self {
            kids: vec![[Vec::new(), Vec::new()]; history.ops.len()],
            roots: vec![Vec::new(); history.names.len()],
        };
        for op in known.iter() {
            if let What::Element {
                place,
                parent,
                right,
                ..
            } = history.ops[op].what
            {
                match parent {
                    Some(parent) => trees.kids[parent][usize::from(right)].push(op),
                    None => trees.roots[place].push(op),
                }
            }
        }
        let lists = trees.kids.iter_mut().flatten().chain(&mut trees.roots);
        lists
            .filter(|list| list.len() > 1)
            .for_each(|list| list.sort_by_key(|&op| history.ops[op].dot));
        trees
    }

    /// All elements of a sequence in reading order, the deleted ones too.
    pub(super) fn walk(&self, place: Place) -> Vec<OpId> {
        let mut order = Vec::new();
        // What is still to be done, last first: to enter a subtree, or to read its element.
        let mut open: Vec<(OpId, bool)> = Vec::new();
        let enter = |kids: &[OpId], open: &mut Vec<(OpId, bool)>| {
            open.extend(kids.iter().rev().map(|&kid| (kid, true)));
        };
        enter(&self.roots[place], &mut open);
        while let Some((op, whole)) = open.pop() {
            if whole {
                enter(&self.kids[op][1], &mut open);
                open.push((op, false));
                enter(&self.kids[op][0], &mut open);
            } else {
                order.push(op);
            }
        }
        order
    }

    /// What a new element before the living one at `index` hangs on, and whether on its right: as in
    /// Fugue, in the tree of the living elements and those that they hang on.
    pub(super) fn anchor(
        &self,
        history: &History,
        living: &OpSet,
        place: Place,
        index: usize,
    ) -> (Option<OpId>, bool) {
        let all = self.walk(place);
        let mut kept = OpSet::default();
        for &op in all.iter().filter(|&&op| living.contains(op)) {
            let mut next = Some(op);
            while let Some(op) = next.filter(|&op| !kept.contains(op)) {
                kept.insert(op);
                next = parent_of(history, op);
            }
        }
        let order: Vec<OpId> = all.into_iter().filter(|&op| kept.contains(op)).collect();
        let Some(before) = index.checked_sub(1) else {
            return order
                .first()
                .map_or((None, true), |&first| (Some(first), false));
        };
        let mut alive = order.iter().copied().filter(|&op| living.contains(op));
        let left = alive.nth(before).expect("the index is within the length");
        if !self.kids[left][1].iter().any(|&kid| kept.contains(kid)) {
            return (Some(left), true);
        }
        let at = order.iter().position(|&op| op == left);
        let next = order[at.expect("it was just found there") + 1];
        (Some(next), false)
    }
}

fn parent_of(history: &History, op: OpId) -> Option<OpId> {
    match history.ops[op].what {
        What::Element { parent, .. } => parent,
        _ => None,
    }
}
