//! All spans of a sequence in order of dot, to be gone through at once.

use super::content::Content;
use super::id::Agents;
use super::index::{Index, Piece};
use super::Sequence;
use crate::{ordered, Dot, DotRun};

/// Where a span is, in a number, so that spans in order of dot are numbers in order. From the top: the
/// replica's rank, the first seq, the leaf, the slot there, and how much content lies before it there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Spot(u128);

const CONTENT_BITS: u32 = 19;
const SLOT_BITS: u32 = 8;
const LEAF_BITS: u32 = 32;
const SEQ_BITS: u32 = 53;

impl From<Spot> for u128 {
    fn from(spot: Spot) -> Self {
        spot.0
    }
}

impl Spot {
    pub(super) fn new(rank: u16, seq: u64, leaf: u32, (slot, at): (usize, usize)) -> Self {
        debug_assert!(slot >> SLOT_BITS == 0 && at >> CONTENT_BITS == 0 && seq >> SEQ_BITS == 0);
        let dot = u128::from(rank) << SEQ_BITS | u128::from(seq);
        let leaf = dot << LEAF_BITS | u128::from(leaf);
        Self((leaf << SLOT_BITS | slot as u128) << CONTENT_BITS | at as u128)
    }

    fn bits(self, above: u32, count: u32) -> u64 {
        (self.0 >> above) as u64 & ((1 << count) - 1)
    }

    pub(super) fn leaf(self) -> u32 {
        self.bits(SLOT_BITS + CONTENT_BITS, LEAF_BITS) as u32
    }

    pub(super) fn slot(self) -> usize {
        self.bits(CONTENT_BITS, SLOT_BITS) as usize
    }

    /// How much content lies before it in its leaf.
    pub(super) fn at(self) -> usize {
        self.bits(0, CONTENT_BITS) as usize
    }
}

/// All spans of a sequence, sorted, on the way through them.
pub(super) struct InOrder<'a, C> {
    sequence: &'a Sequence<C>,
    spots: std::vec::IntoIter<Spot>,
    /// The one that was reached.
    piece: Option<Piece<'a, C>>,
}

impl<C: Content> Index<C> {
    /// Where all spans are, in order of dot; O(n) for a document of any likely size.
    pub(super) fn in_order(&self, agents: &Agents) -> Vec<Spot> {
        let mut spots = self.spots(&agents.ranks());
        ordered::sort_bits(&mut spots, LEAF_BITS + SLOT_BITS + CONTENT_BITS);
        spots
    }
}

impl<C: Content> Sequence<C> {
    pub(super) fn in_order(&self) -> InOrder<'_, C> {
        InOrder {
            sequence: self,
            spots: self.index.in_order(&self.runs.agents).into_iter(),
            piece: None,
        }
    }
}

impl<'a, C: Content> InOrder<'a, C> {
    /// As [`Sequence::spans_of`], for runs that come in order.
    pub(super) fn of(
        &mut self,
        dots: DotRun,
    ) -> impl Iterator<Item = (DotRun, Piece<'a, C>, usize)> + '_ {
        let end = dots.end();
        let mut next = self
            .sequence
            .id(dots.start)
            .expect("the elements are known");
        std::iter::from_fn(move || {
            while next.seq < end {
                let found = self
                    .piece
                    .and_then(|piece| Some((piece, piece.span.find(next)?)));
                let Some((piece, within)) = found else {
                    let spot = self.spots.next().expect("the elements have their places");
                    self.piece = Some(self.sequence.index.piece_at(spot));
                    continue;
                };
                let part = DotRun {
                    start: Dot::new(dots.start.replica, next.seq),
                    len: piece.span.end().seq.min(end) - next.seq,
                };
                next.seq += part.len;
                return Some((part, piece, within as usize));
            }
            None
        })
    }
}
