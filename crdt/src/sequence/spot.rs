//! All spans of a sequence in order of dot, to be gone through at once.

use super::content::Content;
use super::index::Index;
use super::link::RunLink;
use super::span::Span;
use super::Sequence;
use crate::ordered;

/// A span, and where its content is: in which leaf, and from where on, as [`Content::view_from`] counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) span: Span,
    pub(super) leaf: u32,
    pub(super) at: u32,
}

impl<C: Content> Index<C> {
    /// All spans in order of dot; O(n) for a document of any likely size. `ranks` has the rank of each replica by its
    /// number. Content is found in that of `all` leaves, or in that of its own.
    fn in_order(&self, ranks: &[u16], all: bool) -> Vec<Spot> {
        let mut spots = self.spots(all);
        ordered::sort_bits(&mut spots, |spot| spot.span.seq());
        if ranks.len() > 1 {
            let rank = |spot: &Spot| ranks[usize::from(spot.span.agent())];
            ordered::sort_bits(&mut spots, |spot| rank(spot).into());
        }
        spots
    }
}

/// All spans of a sequence, sorted, on the way through them.
pub(super) struct InOrder<'a, C> {
    sequence: &'a Sequence<C>,
    /// What all leaves hold, if that was copied into one piece: it is looked at here and there.
    copied: Option<&'a C>,
    spots: std::vec::IntoIter<Spot>,
    /// The one that was reached.
    spot: Option<Spot>,
}

impl<C: Content> Sequence<C> {
    pub(super) fn in_order<'a>(&'a self, copied: Option<&'a C>) -> InOrder<'a, C> {
        let spots = self
            .index
            .in_order(&self.runs.agents.ranks(), copied.is_some());
        InOrder {
            sequence: self,
            copied,
            spots: spots.into_iter(),
            spot: None,
        }
    }
}

impl<'a, C: Content> InOrder<'a, C> {
    /// Tells what became of a run, part by part. Runs come in order.
    pub(super) fn each_part(
        &mut self,
        run: &RunLink,
        mut part: impl FnMut(u64, Option<C::View<'a>>),
    ) {
        let end = run.dots.end();
        let next = self.sequence.id(run.dots.start);
        let mut next = next.expect("the elements are known");
        while next.seq < end {
            let found = self
                .spot
                .and_then(|spot| Some((spot, spot.span.find(next)?)));
            let Some((spot, within)) = found else {
                let spot = self.spots.next();
                self.spot = Some(spot.expect("the elements have their places"));
                continue;
            };
            let len = spot.span.end().seq.min(end) - next.seq;
            let content = || self.view(spot, within as usize, len as usize);
            part(len, spot.span.life().is_alive().then(content));
            next.seq += len;
        }
    }

    fn view(&self, spot: Spot, skip: usize, len: usize) -> C::View<'a> {
        let own = || self.sequence.index.content(spot.leaf);
        let content = self.copied.unwrap_or_else(own);
        let mut at = spot.at as usize;
        if skip > 0 {
            at += content.raw_len_from(at, skip);
        }
        content.view_from(at, len)
    }
}
