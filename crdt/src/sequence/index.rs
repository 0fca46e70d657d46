//! The elements of a sequence in order: a B+ tree with cached lengths.
//!
//! Nodes live in vectors and point at each other by number, so that a place in the sequence is two
//! numbers and its offset is found by walking up. A leaf has its spans, 16 bytes each, and beside them
//! the content of all of them in one piece, so that text is read without a look at ids, and what is
//! deleted is gone at once. Spans are only removed where a neighbour in the same leaf takes their
//! elements, so leaves never become empty and need no rebalancing.

mod builder;
mod near;
mod pen;
mod split;

use crate::plain::plain;
use std::cmp::Ordering;
use std::ops::Range;

use super::content::{even, Content, Extent, Unit};
use super::span::Span;
use super::spot::Spot;
pub(super) use builder::Builder;
use near::{Lead, Near};
use pen::Pens;

/// Spans a leaf and children a node may have; few in debug builds, so that small tests split them.
const FANOUT: usize = if cfg!(debug_assertions) { 6 } else { 32 };

/// Elements with content in one leaf, at most: a keystroke moves half of them in memory.
const CONTENT_MAX: usize = if cfg!(debug_assertions) { 48 } else { 2_048 };

/// Spans that a leaf makes room for at a time: with room for as many again as it has, half of all would be empty.
const STEP: usize = 8;

/// No node.
const NONE: u32 = u32::MAX;

/// Where a span is. Good until the next insertion or removal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) leaf: u32,
    pub(super) slot: usize,
}

impl Place {
    pub(super) fn next(self) -> Self {
        Self {
            slot: self.slot + 1,
            ..self
        }
    }
}

/// A span with the leaf that has its content.
#[derive(Debug)]
pub(super) struct Piece<'a, C> {
    pub(super) span: Span,
    content: &'a C,
    /// How many elements of the leaf's content come before its own.
    at: usize,
}

impl<C> Clone for Piece<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Piece<'_, C> {}

impl<'a, C: Content> Piece<'a, C> {
    /// The content of these of its elements; it has some.
    pub(super) fn view(self, within: Range<usize>) -> C::View<'a> {
        self.content
            .view(self.at + within.start..self.at + within.end)
    }

    pub(super) fn content(self) -> Option<C::View<'a>> {
        let len = self.span.content_len();
        (len > 0).then(|| self.view(0..len))
    }

    pub(super) fn shown(self) -> Option<C::View<'a>> {
        self.content().filter(|_| self.span.life().is_shown())
    }

    pub(super) fn alive(self) -> Option<C::View<'a>> {
        self.content().filter(|_| self.span.life().is_alive())
    }

    /// How much of it is shown.
    pub(super) fn extent(self) -> Extent {
        self.extent_to(self.span.shown_len())
    }

    /// How much its first elements are, which are shown.
    pub(super) fn extent_to(self, within: usize) -> Extent {
        self.content.extent_of(self.at..self.at + within)
    }

    /// How many of its elements the first `offset` units are.
    pub(super) fn elements_in(self, unit: Unit, offset: usize) -> Option<usize> {
        self.content.elements_in(self.at, unit, offset)
    }
}

#[derive(Clone, Debug)]
struct Leaf<C> {
    spans: Vec<Span>,
    /// What the spans hold that are not dead.
    content: C,
    /// How much of that is shown.
    extent: Extent,
    parent: u32,
    /// Which child of its parent it is.
    rank: u32,
    next: u32,
}

#[derive(Clone, Debug)]
struct Node {
    children: Vec<Child>,
    parent: u32,
    rank: u32,
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
    extent: Extent,
    near: Near,
    pens: Pens,
}

/// A place at which a span was put, and the new leaf if one had to be made: what is in it has moved there.
pub(super) type Put = (Place, Option<u32>);

impl<C: Content> Index<C> {
    pub(super) fn new() -> Self {
        Self {
            leaves: vec![Leaf::new()],
            nodes: Vec::new(),
            root: 0,
            height: 0,
            extent: Extent::default(),
            near: Near::at_start(0, Extent::default()),
            pens: Pens::default(),
        }
    }

    /// The length of everything that is shown.
    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    pub(super) fn span(&self, place: Place) -> Span {
        self.leaves[place.leaf as usize].spans[place.slot]
    }

    pub(super) fn piece(&self, place: Place) -> Piece<'_, C> {
        let leaf = &self.leaves[place.leaf as usize];
        Piece {
            span: leaf.spans[place.slot],
            content: &leaf.content,
            at: self.lead(place).at,
        }
    }

    /// The spans of one leaf.
    pub(super) fn leaf(&self, leaf: u32) -> &[Span] {
        &self.leaves[leaf as usize].spans
    }

    /// All spans, in order, with their content.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_, C>> {
        self.pieces_from(self.first())
    }

    /// The spans from this place on, in order.
    pub(super) fn pieces_from(&self, place: Place) -> impl Iterator<Item = Piece<'_, C>> {
        let mut next = place;
        let mut at = self.leaves[place.leaf as usize].content_before(place.slot);
        std::iter::from_fn(move || loop {
            let leaf = self.leaves.get(next.leaf as usize)?;
            let Some(&span) = leaf.spans.get(next.slot) else {
                (next, at) = (
                    Place {
                        leaf: leaf.next,
                        slot: 0,
                    },
                    0,
                );
                continue;
            };
            let content = &leaf.content;
            let piece = Piece { span, content, at };
            next.slot += 1;
            at += span.content_len();
            return Some(piece);
        })
    }

    /// How many leaves there are.
    pub(super) fn leaf_count(&self) -> usize {
        self.leaves.len()
    }

    /// Where all spans are, leaf by leaf, with their content in that of `all` leaves, or in that of their own.
    pub(super) fn spots(&self, all: bool) -> Vec<Spot> {
        let count = self.leaves.iter().map(|leaf| leaf.spans.len()).sum();
        let mut spots = Vec::with_capacity(count);
        let mut start = 0;
        for (number, leaf) in (0..).zip(&self.leaves) {
            let mut at = 0;
            for &span in &leaf.spans {
                spots.push(Spot {
                    span,
                    leaf: number,
                    at: (start + at) as u32,
                });
                at += leaf.content.raw_len_from(at, span.content_len());
            }
            start += if all { at } else { 0 };
        }
        spots
    }

    /// What all leaves hold, one after the other, if a copy of it costs little.
    pub(super) fn copied(&self) -> Option<C> {
        let leaves = self.all_contents();
        let views = leaves.map(|content| content.view(0..content.extent().chars));
        C::copied(&views.collect::<Vec<_>>())
    }

    /// What the leaves hold, shown or not, in any order.
    pub(super) fn all_contents(&self) -> impl Iterator<Item = &C> {
        self.leaves.iter().map(|leaf| &leaf.content)
    }

    /// What a leaf holds.
    pub(super) fn content(&self, leaf: u32) -> &C {
        &self.leaves[leaf as usize].content
    }

    /// What is shown, in order, in as few parts as it lies in.
    pub(super) fn contents(&self) -> impl Iterator<Item = C::View<'_>> {
        let leaves = std::iter::successors(Some(self.first().leaf), |&leaf| {
            let next = self.leaves[leaf as usize].next;
            (next != NONE).then_some(next)
        });
        plain(leaves.flat_map(|id| {
            let leaf = &self.leaves[id as usize];
            let all = leaf.content.extent().chars;
            // Where nothing is hidden the leaf is one part.
            let whole = (leaf.extent.chars == all).then(|| leaf.content.view(0..all));
            let parts = whole.is_none().then(|| {
                let pieces = self.pieces_from(Place { leaf: id, slot: 0 });
                pieces.take(leaf.spans.len()).filter_map(Piece::shown)
            });
            whole.into_iter().chain(parts.into_iter().flatten())
        }))
    }

    /// Which of two places comes first in reading order; O(log n).
    pub(super) fn compare(&self, a: Place, b: Place) -> Ordering {
        if a.leaf == b.leaf {
            return a.slot.cmp(&b.slot);
        }
        let way = |leaf: u32| {
            let leaf = &self.leaves[leaf as usize];
            (leaf.parent, leaf.rank)
        };
        let (mut a, mut b) = (way(a.leaf), way(b.leaf));
        // All leaves are equally deep, so both ways up meet in one step.
        while a.0 != b.0 {
            let up = |(parent, _): (u32, u32)| {
                let node = &self.nodes[parent as usize];
                (node.parent, node.rank)
            };
            (a, b) = (up(a), up(b));
        }
        a.1.cmp(&b.1)
    }

    /// Where a span would be inserted to come first.
    pub(super) fn first(&self) -> Place {
        let mut leaf = self.root;
        for _ in 0..self.height {
            leaf = self.nodes[leaf as usize].children[0].id;
        }
        Place { leaf, slot: 0 }
    }

    /// Where a span would be inserted to come last; O(log n).
    pub(super) fn last(&self) -> Place {
        let mut leaf = self.root;
        for _ in 0..self.height {
            let children = &self.nodes[leaf as usize].children;
            leaf = children.last().expect("a node has children").id;
        }
        let slot = self.leaf(leaf).len();
        Place { leaf, slot }
    }

    /// The span at a place or, where that is the end of a leaf, the next one.
    pub(super) fn span_from(&self, place: Place) -> Option<Span> {
        let leaf = &self.leaves[place.leaf as usize];
        if let Some(&span) = leaf.spans.get(place.slot) {
            return Some(span);
        }
        self.leaves.get(leaf.next as usize)?.spans.first().copied()
    }

    /// How much is shown before this place; O(log n).
    pub(super) fn before(&self, place: Place) -> Extent {
        self.before_leaf(place.leaf) + self.lead(place).shown
    }

    fn before_leaf(&self, leaf: u32) -> Extent {
        if self.near.leaf == leaf {
            return self.near.before;
        }
        let leaf = &self.leaves[leaf as usize];
        let mut sum = Extent::default();
        let (mut rank, mut parent) = (leaf.rank, leaf.parent);
        while parent != NONE {
            let node = &self.nodes[parent as usize];
            let before = &node.children[..rank as usize];
            sum += before
                .iter()
                .fold(Extent::default(), |sum, child| sum + child.extent);
            (rank, parent) = (node.rank, node.parent);
        }
        sum
    }

    /// Puts a span with its content before this place; O(log n).
    pub(super) fn insert(&mut self, place: Place, span: Span, content: Option<C>) -> Put {
        let (leaf, at) = self.leaf_to_change(place);
        if let Some(content) = content {
            let extent = content.extent();
            leaf.content.insert(at, content);
            leaf.insert_span(place.slot, span);
            if span.life().is_shown() {
                self.lengthen(place.leaf, extent);
            }
        } else {
            leaf.insert_span(place.slot, span);
        }
        self.split_if_full(place)
    }

    /// Adds content at the end of a span that has some, and as many elements; O(log n).
    pub(super) fn append(&mut self, place: Place, content: C) -> Put {
        let (leaf, at) = self.leaf_to_change(place);
        let extent = content.extent();
        let span = &mut leaf.spans[place.slot];
        let at = at + span.content_len();
        *span = span.with_len(span.len() + extent.chars as u64);
        let shown = span.life().is_shown();
        leaf.content.insert(at, content);
        if shown {
            self.lengthen(place.leaf, extent);
        }
        self.split_if_full(place)
    }

    /// Takes the content of these elements of a span, whose fate the caller changes next; gives how much
    /// of it was shown. O(log n).
    pub(super) fn clear(&mut self, place: Place, within: Range<usize>) -> Extent {
        let (leaf, at) = self.leaf_to_change(place);
        let range = at + within.start..at + within.end;
        let mut gone = Extent::default();
        if leaf.spans[place.slot].life().is_shown() {
            gone = leaf.content.extent_of(range.clone());
        }
        leaf.content.remove(range);
        self.shorten(place.leaf, gone);
        gone
    }

    /// Puts other spans in the place of some that have the same content; gives where the first is.
    pub(super) fn replace(&mut self, place: Place, count: usize, new: &[Span]) -> Put {
        self.pens = Pens::default();
        self.step_back(place);
        let leaf = &mut self.leaves[place.leaf as usize];
        let (both, end) = (count.min(new.len()), place.slot + count);
        let next = place.slot + both;
        leaf.spans[place.slot..next].copy_from_slice(&new[..both]);
        if next < end {
            leaf.spans.drain(next..end);
        }
        for &span in new[both..].iter().rev() {
            leaf.insert_span(next, span);
        }
        debug_assert!(!leaf.spans.is_empty(), "a leaf must not become empty");
        self.split_if_full(place)
    }

    /// Replaces a whole span's fate and content: `content` is what it holds if it held none, and the span
    /// may show what it hid; O(log n).
    pub(super) fn change(&mut self, place: Place, span: Span, content: Option<C>) {
        let (leaf, at) = self.leaf_to_change(place);
        let old = std::mem::replace(&mut leaf.spans[place.slot], span);
        let range = at..at + old.content_len();
        let mut gone = Extent::default();
        if old.life().is_shown() {
            gone = leaf.content.extent_of(range.clone());
        }
        if let Some(content) = content {
            leaf.content.remove(range);
            leaf.content.insert(at, content);
        } else if !span.life().has_content() {
            leaf.content.remove(range);
        }
        let mut new = Extent::default();
        if span.life().is_shown() {
            new = leaf.content.extent_of(at..at + span.content_len());
        }
        self.shorten(place.leaf, gone);
        self.lengthen(place.leaf, new);
    }

    fn lengthen(&mut self, leaf: u32, by: Extent) {
        self.resize(leaf, |extent| *extent += by);
    }

    fn shorten(&mut self, leaf: u32, by: Extent) {
        self.resize(leaf, |extent| *extent -= by);
    }

    #[inline]
    fn resize(&mut self, id: u32, change: impl Fn(&mut Extent)) {
        if self.near.leaf != id {
            self.near.leaf = NONE;
        }
        change(&mut self.extent);
        let leaf = &mut self.leaves[id as usize];
        change(&mut leaf.extent);
        let (mut rank, mut parent) = (leaf.rank, leaf.parent);
        while parent != NONE {
            let node = &mut self.nodes[parent as usize];
            change(&mut node.children[rank as usize].extent);
            (rank, parent) = (node.rank, node.parent);
        }
    }

    /// Checks every link and every cached length.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_invariants(&self) {
        self.assert_pens();
        let mut layer = vec![self.root];
        assert!(self.height == 0 || self.nodes[self.root as usize].parent == NONE);
        for depth in 0..self.height {
            let leaves = depth + 1 == self.height;
            let mut below = Vec::new();
            for id in layer {
                for (rank, child) in self.nodes[id as usize].children.iter().enumerate() {
                    let (link, extent) = if leaves {
                        let leaf = &self.leaves[child.id as usize];
                        ((leaf.parent, leaf.rank), leaf.extent)
                    } else {
                        let node = &self.nodes[child.id as usize];
                        let extents = node.children.iter().map(|child| child.extent);
                        let sum = extents.fold(Extent::default(), |sum, extent| sum + extent);
                        ((node.parent, node.rank), sum)
                    };
                    assert_eq!(link, (id, rank as u32), "child points to its parent");
                    assert_eq!(child.extent, extent, "cached length");
                    below.push(child.id);
                }
                assert!(self.nodes[id as usize].children.len() <= FANOUT);
            }
            layer = below;
        }
        let mut total = Extent::default();
        for (i, &id) in layer.iter().enumerate() {
            let leaf = &self.leaves[id as usize];
            if id == self.near.leaf {
                assert_eq!(
                    self.near.before, total,
                    "what is before the leaf found last"
                );
                let before = leaf.lead(Lead::default(), self.near.lead.slot);
                assert_eq!(self.near.lead, before, "what is before the span found last");
            }
            let content: usize = leaf.spans.iter().map(|span| span.content_len()).sum();
            assert_eq!(
                leaf.content.extent().chars,
                content,
                "content has its length"
            );
            assert_eq!(leaf.extent_before(leaf.spans.len()), leaf.extent);
            total += leaf.extent;
            let next = layer.get(i + 1).copied().unwrap_or(NONE);
            assert_eq!(leaf.next, next, "leaves are linked");
            assert!(
                !leaf.spans.is_empty() || self.leaves.len() == 1,
                "empty leaf"
            );
            assert!(leaf.spans.len() <= FANOUT, "leaf too long");
        }
        assert_eq!(total, self.extent, "cached length of all");
    }
}

impl<C: Content> Leaf<C> {
    fn new() -> Self {
        Self {
            spans: Vec::new(),
            content: C::default(),
            extent: Extent::default(),
            parent: NONE,
            rank: 0,
            next: NONE,
        }
    }

    fn insert_span(&mut self, slot: usize, span: Span) {
        let spans = &mut self.spans;
        if spans.len() == spans.capacity() {
            // Many have one and never another.
            spans.reserve_exact(spans.len().clamp(1, STEP));
        }
        spans.insert(slot, span);
    }

    /// How many elements of content the spans before this one have.
    fn content_before(&self, slot: usize) -> usize {
        self.lead(Lead::default(), slot).at
    }

    /// How much the spans before this one show.
    fn extent_before(&self, slot: usize) -> Extent {
        self.lead(Lead::default(), slot).shown
    }

    /// What comes before a span, where it is known for one at or before that.
    fn lead(&self, from: Lead, slot: usize) -> Lead {
        let (spans, mut at) = (&self.spans[from.slot..slot], from.at);
        if self.is_even() {
            let mut shown = from.shown.chars;
            for span in spans {
                shown += span.shown_len();
                at += span.content_len();
            }
            let shown = even(shown);
            return Lead { slot, at, shown };
        }
        let mut shown = from.shown;
        for span in spans {
            shown += self.content.extent_of(at..at + span.shown_len());
            at += span.content_len();
        }
        Lead { slot, at, shown }
    }

    /// Whether each element is one unit long.
    fn is_even(&self) -> bool {
        let extent = self.content.extent();
        extent.chars == extent.utf16
    }
}
