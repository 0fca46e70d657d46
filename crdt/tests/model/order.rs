//! The order of lists, texts and trees: Fugue's tree, tombstones and all, walked from end to end.

use super::{History, OpId, OpSet, Place, What};

impl History {
    /// All known elements of a sequence in reading order, the deleted ones too. What hangs on an
    /// element is known only where the element is.
    pub(super) fn walk(&self, known: &OpSet, place: Place) -> Vec<OpId> {
        let mut order = Vec::new();
        // What is still to be done, last first: to enter a subtree, or to read its element.
        let mut open: Vec<(OpId, bool)> = Vec::new();
        let enter = |kids: &[OpId], open: &mut Vec<(OpId, bool)>| {
            let kids = kids.iter().rev().filter(|&&kid| known.contains(kid));
            open.extend(kids.map(|&kid| (kid, true)));
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

    /// What a new element between two others hangs on, and whether on its right: as in Fugue, in the
    /// tree of these two and those that they hang on. `order` is the whole sequence.
    pub(super) fn anchor(
        &self,
        order: &[OpId],
        left: Option<OpId>,
        right: Option<OpId>,
    ) -> (Option<OpId>, bool) {
        let mut needed = OpSet::default();
        for end in [left, right] {
            let mut next = end;
            while let Some(op) = next.filter(|&op| !needed.contains(op)) {
                needed.insert(op);
                next = self.parent_of(op);
            }
        }
        let mut after = order.iter().copied().filter(|&op| needed.contains(op));
        let next = match left {
            None => after.next(),
            Some(left) if self.kids[left][1].iter().any(|&kid| needed.contains(kid)) => {
                after.by_ref().find(|&op| op == left);
                after.next()
            }
            Some(_) => None,
        };
        next.map_or((left, true), |next| (Some(next), false))
    }

    fn parent_of(&self, op: OpId) -> Option<OpId> {
        match self.ops[op].what {
            What::Element { parent, .. } => parent,
            _ => None,
        }
    }
}
