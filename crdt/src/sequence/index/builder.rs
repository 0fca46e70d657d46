//! An index that is filled from its start to its end.

use super::{Child, Extent, Index, Leaf, Node, CONTENT_MAX, FANOUT, NONE};
use crate::sequence::content::Content;
use crate::sequence::span::Span;

/// An index that is filled from its start to its end.
pub(in crate::sequence) struct Builder<C> {
    leaves: Vec<Leaf<C>>,
}

impl<C: Content> Builder<C> {
    pub(in crate::sequence) fn new() -> Self {
        Self { leaves: Vec::new() }
    }

    /// Adds a span, or makes the last one longer if that goes on and both have at most `max` elements.
    pub(in crate::sequence) fn push(&mut self, span: Span, content: Option<C::View<'_>>, max: u64) {
        let full = |leaf: &Leaf<C>| {
            let content = leaf.content.extent().chars + span.content_len();
            leaf.spans.len() >= FANOUT || content > CONTENT_MAX
        };
        if self.leaves.last().is_none_or(full) {
            if self.leaves.is_empty() {
                self.leaves.reserve_exact(1);
            }
            self.leaves.push(Leaf::new());
        }
        let leaf = self.leaves.last_mut().expect("one was just added");
        match leaf.spans.last_mut() {
            Some(last)
                if last.end() == span.start()
                    && last.life() == span.life()
                    && last.len() + span.len() <= max =>
            {
                *last = last.with_len(last.len() + span.len());
            }
            _ => {
                // Most sequences have one.
                if leaf.spans.is_empty() {
                    leaf.spans.reserve_exact(1);
                }
                leaf.spans.push(span);
            }
        }
        if let Some(content) = content {
            leaf.content.append_view(content);
        }
    }

    /// The index.
    pub(in crate::sequence) fn finish(self) -> Index<C> {
        if self.leaves.is_empty() {
            return Index::new();
        }
        let mut index = Index {
            leaves: self.leaves,
            ..Index::new()
        };
        let count = index.leaves.len();
        for (leaf, next) in index.leaves.iter_mut().zip(1..) {
            leaf.extent = leaf.extent_before(leaf.spans.len());
            leaf.next = if next < count { next as u32 } else { NONE };
            index.extent += leaf.extent;
        }
        let mut layer: Vec<Child> = (0..)
            .zip(&index.leaves)
            .map(|(id, leaf)| Child {
                id,
                extent: leaf.extent,
            })
            .collect();
        while layer.len() > 1 {
            let mut above = Vec::new();
            for children in layer.chunks(FANOUT) {
                let id = index.nodes.len() as u32;
                let extents = children.iter().map(|child| child.extent);
                let extent = extents.fold(Extent::default(), |sum, extent| sum + extent);
                above.push(Child { id, extent });
                index.nodes.push(Node {
                    children: children.to_vec(),
                    parent: NONE,
                    rank: 0,
                });
                index.adopt(id, 0, index.height == 0);
            }
            index.height += 1;
            layer = above;
        }
        index.root = layer[0].id;
        index
    }
}
