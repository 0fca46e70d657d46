//! An index that is filled from its start to its end.

use super::{Child, Extent, Index, Leaf, Node, CONTENT_MAX, FANOUT, NONE};
use crate::sequence::content::Content;
use crate::sequence::span::Span;

/// An index that is filled from its start to its end.
pub(in crate::sequence) struct Builder<'a, C: Content + 'a> {
    leaves: Vec<Leaf<C>>,
    /// What comes into the next leaf, which is made once that is full, in no more room than it takes.
    spans: Vec<Span>,
    content: Vec<C::View<'a>>,
    content_len: usize,
}

impl<'a, C: Content + 'a> Default for Builder<'a, C> {
    fn default() -> Self {
        Self {
            leaves: Vec::new(),
            spans: Vec::new(),
            content: Vec::new(),
            content_len: 0,
        }
    }
}

impl<'a, C: Content + 'a> Builder<'a, C> {
    /// Adds a span, or makes the last one longer if that goes on and both have at most `max` elements.
    pub(in crate::sequence) fn push(&mut self, span: Span, content: Option<C::View<'a>>, max: u64) {
        let content_len = self.content_len + span.content_len();
        if self.spans.len() >= FANOUT || content_len > CONTENT_MAX {
            self.close();
        }
        self.content_len += span.content_len();
        if let Some(content) = content {
            self.content.push(content);
        }
        match self.spans.last_mut() {
            Some(last)
                if last.end() == span.start()
                    && last.life() == span.life()
                    && last.len() + span.len() <= max =>
            {
                *last = last.with_len(last.len() + span.len());
            }
            _ => self.spans.push(span),
        }
    }

    /// The leaf that the last span came into.
    pub(in crate::sequence) fn leaf(&self) -> u32 {
        self.leaves.len() as u32
    }

    /// Makes a leaf of what came since the last one.
    fn close(&mut self) {
        if self.leaves.is_empty() {
            self.leaves.reserve_exact(1);
        }
        self.leaves.push(Leaf {
            spans: self.spans.as_slice().to_vec(),
            content: C::concat(&self.content),
            ..Leaf::new()
        });
        self.spans.clear();
        self.content.clear();
        self.content_len = 0;
    }

    /// The index.
    pub(in crate::sequence) fn finish(mut self) -> Index<C> {
        if !self.spans.is_empty() {
            self.close();
        }
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
