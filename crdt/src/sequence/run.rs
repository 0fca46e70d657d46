//! A typed run as a delta carries it.

use std::borrow::Cow;

use crate::few::Few;
use crate::plain::plain;
use crate::sequence::content::Content;
use crate::sequence::link::RunLink;
use crate::{Dot, DotRun, Minute};

/// On which side of its parent an element hangs in the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Side {
    /// Before the parent.
    Left,
    /// After the parent.
    Right,
}

/// Elements with neighbouring dots that were inserted in one minute, each the right child of the one
/// before it.
#[derive(Clone, PartialEq, Debug)]
pub struct RunItem<C> {
    /// The first element.
    pub start: Dot,
    /// What the first element hangs on; `None` is the sequence itself.
    pub parent: Option<Dot>,
    /// On which side of it.
    pub side: Side,
    /// When they were inserted.
    pub minute: Minute,
    /// The elements, alive and deleted by turns.
    pub pieces: Pieces<C>,
}

/// A part of a run that is all alive or all deleted.
#[derive(Clone, PartialEq, Debug)]
pub struct PieceItem<C> {
    /// How many elements.
    pub len: u64,
    /// What they hold, or `None` when they are deleted.
    pub content: Option<C>,
}

/// The pieces of a run, in order.
pub type Pieces<C> = Few<PieceItem<C>>;

impl<C: Content> RunItem<C> {
    /// How many elements the run has.
    #[inline]
    pub fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Its content, if that is one piece, all alive.
    pub(crate) fn lone(&self) -> Option<&C> {
        match &self.pieces[..] {
            [piece] => piece.content.as_ref(),
            _ => None,
        }
    }

    /// Whether any element is alive.
    pub(crate) fn has_live(&self) -> bool {
        self.pieces.iter().any(|piece| piece.content.is_some())
    }

    /// All its dots.
    pub(crate) fn dots(&self) -> DotRun {
        DotRun {
            start: self.start,
            len: self.len(),
        }
    }

    /// It without its pieces.
    pub(crate) fn link(&self) -> RunLink {
        RunLink {
            dots: self.dots(),
            parent: self.parent,
            side: self.side,
            minute: self.minute,
        }
    }

    /// The dots of its living elements.
    pub(crate) fn live(&self) -> impl Iterator<Item = DotRun> + '_ {
        let mut start = self.start;
        plain(self.pieces.iter().filter_map(move |piece| {
            let run = DotRun {
                start,
                len: piece.len,
            };
            start = start.plus(piece.len);
            piece.content.is_some().then_some(run)
        }))
    }

    /// With those of the elements deleted for which `goes` says so.
    pub(crate) fn without(&self, goes: impl Fn(Dot) -> bool) -> Self {
        let mut pieces = Pieces::default();
        let mut start = self.start;
        for PieceItem { len, content } in self.pieces.clone() {
            let mut content = content;
            let end = start.plus(len);
            while start != end {
                let dead = content.is_none() || goes(start);
                let next = (start.seq..end.seq)
                    .map(|seq| Dot::new(start.replica, seq))
                    .find(|&dot| content.is_some() && goes(dot) != dead);
                let next = next.unwrap_or(end);
                let len = next.seq - start.seq;
                let rest = content
                    .as_mut()
                    .filter(|_| next != end)
                    .map(|content| content.split_off(len as usize));
                let part = std::mem::replace(&mut content, rest).filter(|_| !dead);
                push_piece(&mut pieces, PieceItem { len, content: part });
                start = next;
            }
        }
        Self {
            pieces,
            ..self.clone()
        }
    }

    /// Without the elements up to and including seq `seen`; `None` when that is all.
    pub(crate) fn after(&self, seen: u64) -> Option<Cow<'_, Self>> {
        if seen < self.start.seq {
            return Some(Cow::Borrowed(self));
        }
        let (_, rest) = self.clone().cut(seen - self.start.seq + 1);
        rest.map(Cow::Owned)
    }

    /// Its first `at` elements, at least one, and the rest.
    pub(crate) fn cut(mut self, at: u64) -> (Self, Option<Self>) {
        let mut left = at;
        let mut rest = Pieces::default();
        let mut head = Pieces::default();
        for mut piece in std::mem::take(&mut self.pieces) {
            if left >= piece.len {
                left -= piece.len;
                head.push(piece);
                continue;
            }
            if left > 0 {
                let tail = piece
                    .content
                    .as_mut()
                    .map(|content| content.split_off(left as usize));
                rest.push(PieceItem {
                    len: piece.len - left,
                    content: tail,
                });
                head.push(PieceItem {
                    len: left,
                    content: piece.content,
                });
                left = 0;
            } else {
                rest.push(piece);
            }
        }
        let last = self.start.plus(at - 1);
        let rest = (!rest.is_empty()).then(|| Self {
            start: last.plus(1),
            parent: Some(last),
            side: Side::Right,
            minute: self.minute,
            pieces: rest,
        });
        (
            Self {
                pieces: head,
                ..self
            },
            rest,
        )
    }
}

/// Adds a piece, or joins it to the last one if both are alive or both deleted: how pieces are cut
/// is no part of the state.
pub(super) fn push_piece<C: Content>(pieces: &mut Pieces<C>, piece: PieceItem<C>) {
    match pieces
        .last_mut()
        .filter(|last| last.content.is_some() == piece.content.is_some())
    {
        Some(last) => {
            last.len += piece.len;
            if let (Some(content), Some(next)) = (&mut last.content, piece.content) {
                content.append(next);
            }
        }
        None => pieces.push(piece),
    }
}
