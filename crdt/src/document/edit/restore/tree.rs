//! Bringing back the nodes of a tree, where they were.

use crate::ordered::{BTreeMap, BTreeSet};

use super::{rising, Then};
use crate::container::tree::{Shape, TreeBody};
use crate::container::Body;
use crate::document::edit::{NodeEdit, TreeEdit};
use crate::document::path::Step;
use crate::{Dot, EditError, Kind};

/// Taking away a place that counted can make one count that did not: then it takes another turn.
const TURNS_MAX: usize = 8;

/// The nodes that were there, and which they are now.
type Names = BTreeMap<Dot, Dot>;

impl NodeEdit<'_> {
    pub(super) fn restore_tree(&mut self, then: Then<'_>) -> Result<(), EditError> {
        let nothing = TreeBody::default();
        let was = tree(then).unwrap_or(&nothing);
        let mut names = self.names_now(then, was);
        for _ in 0..TURNS_MAX {
            let before = self.change.last();
            self.place_nodes(was.shape(), &mut names)?;
            self.delete_others(&names)?;
            if self.change.last() == before {
                break;
            }
        }
        for (then_node, now_node) in names {
            let data = then.child(&data_of(then_node));
            self.child(now_node.into(), Kind::Map).restore(data)?;
        }
        Ok(())
    }

    fn shape(&self) -> &Shape {
        tree(self.now()).expect("this is a tree").shape()
    }

    /// The nodes that are there still. One that is only there for what survived in its data stays if
    /// it was so then, with the same data: it would go from sight when that is changed.
    fn names_now(&self, then: Then<'_>, was: &TreeBody) -> Names {
        let now = tree(self.now()).expect("this is a tree");
        let same = |node: Dot| {
            let data = data_of(node);
            let now = self.now().child(&data).to_value();
            !was.is_alive(node) && now == then.child(&data).to_value()
        };
        let nodes = all_nodes(was.shape()).into_iter();
        let there = nodes.filter(|&node| now.is_alive(node) || now.shape().has(node) && same(node));
        there.map(|node| (node, node)).collect()
    }

    /// From the top down, so that no node is ever put under itself.
    fn place_nodes(&mut self, was: &Shape, names: &mut Names) -> Result<(), EditError> {
        let mut open = vec![None];
        while let Some(parent) = open.pop() {
            let wanted = was.children(parent);
            let under = parent.map(|parent| names[&parent]);
            let stays = self.staying(wanted, under, names);
            let mut next: Option<Dot> = None;
            let mut end = wanted.len();
            while let Some(last) = end.checked_sub(1) {
                end = if let Some(&node) = names.get(&wanted[last]) {
                    if !stays.contains(&node) {
                        let index = self.index_before(next, under, Some(node));
                        TreeEdit(self.again()).move_to(node, under, index)?;
                    }
                    last
                } else {
                    let there = |node: &Dot| names.contains_key(node);
                    let start = wanted[..last].iter().rposition(there);
                    let start = start.map_or(0, |there| there + 1);
                    let index = self.index_before(next, under, None);
                    for (index, &node) in (index..).zip(&wanted[start..end]) {
                        names.insert(node, TreeEdit(self.again()).create(under, index)?);
                    }
                    start
                };
                next = Some(names[&wanted[end]]);
            }
            open.extend(wanted.iter().copied().map(Some));
        }
        Ok(())
    }

    /// The nodes that others are moved around.
    fn staying(&self, wanted: &[Dot], under: Option<Dot>, names: &Names) -> BTreeSet<Dot> {
        let now = tree(self.now()).expect("this is a tree");
        let here = now.shape().children(under).iter().enumerate();
        let here: BTreeMap<Dot, usize> = here.map(|(at, &node)| (node, at)).collect();
        let mut there: Vec<(Dot, usize)> = Vec::new();
        // Nodes that are deleted and kept stand at the end, and nothing can be put after them.
        let mut at_end = true;
        for node in wanted.iter().rev() {
            let found = names
                .get(node)
                .and_then(|node| Some((*node, *here.get(node)?)));
            let kept = found.is_some_and(|(node, _)| !now.has_cell(node));
            at_end &= kept;
            if let Some((node, at)) = found.filter(|_| !kept || at_end) {
                there.push((node, at));
            }
        }
        there.reverse();
        let places: Vec<usize> = there.iter().map(|&(_, at)| at).collect();
        let stay = there.iter().zip(rising(&places));
        stay.filter(|(_, stays)| *stays)
            .map(|(&(node, _), _)| node)
            .collect()
    }

    /// The index of the child `next`, or of the end, as if `node` were not there.
    fn index_before(&self, next: Option<Dot>, under: Option<Dot>, node: Option<Dot>) -> usize {
        let others = self.shape().children(under).iter();
        let mut others = others.filter(|&&other| Some(other) != node);
        let found = next.and_then(|next| others.position(|&other| other == next));
        found.unwrap_or_else(|| self.len_without(under, node))
    }

    fn len_without(&self, under: Option<Dot>, node: Option<Dot>) -> usize {
        let shape = self.shape();
        let inside = node.is_some_and(|node| shape.has(node) && shape.parent(node) == under);
        shape.children(under).len() - usize::from(inside)
    }

    fn delete_others(&mut self, names: &Names) -> Result<(), EditError> {
        let wanted: BTreeSet<Dot> = names.values().copied().collect();
        let mut others = all_nodes(self.shape());
        others.retain(|node| !wanted.contains(node));
        if others.is_empty() {
            return Ok(());
        }
        TreeEdit(self.again()).delete_all(&others)
    }
}

fn tree(of: Then<'_>) -> Option<&TreeBody> {
    match of.body()? {
        Body::Tree(tree) => Some(tree),
        _ => None,
    }
}

fn data_of(node: Dot) -> Step {
    Step {
        key: node.into(),
        kind: Kind::Map,
    }
}

/// Every node, those above before those below.
fn all_nodes(shape: &Shape) -> Vec<Dot> {
    let tops = shape.children(None).iter();
    tops.flat_map(|&top| shape.subtree(top)).collect()
}
