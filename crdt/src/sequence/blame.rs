//! Who inserted what, and when.

use super::content::{Content, Extent, Unit};
use super::Sequence;
use crate::{Dot, Minute, ReplicaId};

/// A part of a text that one replica inserted within one minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Blame {
    /// Where it starts.
    pub start: Extent,
    /// Where it ends.
    pub end: Extent,
    /// Who inserted it.
    pub replica: ReplicaId,
    /// When.
    pub minute: Minute,
}

impl<C: Content> Sequence<C> {
    /// The parts between two places that [`Self::resolve`] gave, in order; O(spans between).
    pub(crate) fn blame(&self, start: Extent, end: Extent) -> Vec<Blame> {
        let mut parts: Vec<Blame> = Vec::new();
        let Some((place, before)) = self.index.find(Unit::Chars, start.chars) else {
            return parts;
        };
        let mut at = before;
        for piece in self.index.pieces_from(place) {
            if at.chars.max(start.chars) >= end.chars {
                break;
            }
            let len = piece.span.shown_len();
            if len == 0 {
                continue;
            }
            let skip = start.chars.saturating_sub(at.chars);
            let stop = (end.chars - at.chars).min(len);
            let (from, to) = (at + piece.extent_to(skip), at + piece.extent_to(stop));
            let dot = self.dot_of(piece.span.start().plus(skip as u64));
            self.blame_part(&mut parts, dot, from, to);
            at += piece.extent();
        }
        parts
    }

    /// Adds a part, or makes the last one longer.
    fn blame_part(&self, parts: &mut Vec<Blame>, dot: Dot, start: Extent, end: Extent) {
        let replica = dot.replica;
        let minute = self.minute_of(dot).expect("what is shown is in a run");
        match parts.last_mut() {
            Some(last) if (last.replica, last.minute) == (replica, minute) => last.end = end,
            _ => parts.push(Blame {
                start,
                end,
                replica,
                minute,
            }),
        }
    }
}
