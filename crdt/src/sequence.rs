//! The order engine under [`Text`](crate::Text) and [`List`](crate::List).
//!
//! Elements form a tree and are read in order: left children, the element, right children; siblings
//! stand in the order of their dots. That is Fugue (Weidner & Kleppmann, "The Art of the Fugue:
//! Minimizing Interleaving in Collaborative Text Editing", 2023, §4), so runs typed at one gap never
//! interleave, forwards or backwards. An element's place depends on nothing but its path of (dot,
//! side), so it does not matter in which order elements arrive.
//!
//! A departure from the paper: local insertions look only at living elements and their ancestors
//! when they choose what to hang on, so that a deleted run that carries nothing living is never
//! needed again.
//!
//! Elements with neighbouring dots, each the right child of the one before, are kept as one *run*
//! ([`Runs`]); what is alive and deleted of it, in reading order, as *pieces* ([`Index`]). Deleting
//! frees the content at once and keeps the run.

pub(crate) mod blame;
mod causal;
pub(crate) mod content;
mod fugue;
mod index;
pub(crate) mod near;
mod parts;
pub(crate) mod run;
mod store;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::{Change, Dot, DotRun, EditError, Minute, ReplicaId};
use content::{Content, Extent, Unit};
use fugue::{Neighbour, RunLink, Runs};
pub(crate) use index::Life;
use index::{Index, Piece, Place};
use run::{PieceItem, RunItem};

/// Living elements of one piece at most: to cut one in two takes time by its length, and a peer may
/// have many cut. Few in debug builds, as with the index.
const PIECE_MAX: u64 = if cfg!(debug_assertions) { 24 } else { 1_024 };

/// A change to a sequence as a reader sees it: at an offset, so much is deleted, then this inserted.
/// Several are to be carried out one after the other.
#[derive(Clone, PartialEq, Debug)]
pub struct Patch<C> {
    /// Where.
    pub at: Extent,
    /// How much goes.
    pub deleted: Extent,
    /// What comes.
    pub inserted: Option<C>,
}

/// Elements in an order on which all copies agree.
#[derive(Clone, Debug)]
pub struct Sequence<C> {
    runs: Runs,
    index: Index<C>,
    /// The leaf in which the piece that starts with a dot is.
    leaves: BTreeMap<Dot, u32>,
    /// The deleted elements that the last join brought back.
    restored: Vec<DotRun>,
}

impl<C: Content> Default for Sequence<C> {
    fn default() -> Self {
        Self {
            runs: Runs::default(),
            index: Index::new(),
            leaves: BTreeMap::new(),
            restored: Vec::new(),
        }
    }
}

impl<C: Content> Sequence<C> {
    /// How much is alive.
    pub fn extent(&self) -> Extent {
        self.index.extent()
    }

    /// What is shown, piece by piece.
    pub fn contents(&self) -> impl Iterator<Item = &C> {
        self.index.pieces().filter_map(Piece::shown)
    }

    /// What is shown, with the dot of its first element, piece by piece.
    pub fn shown(&self) -> impl Iterator<Item = (Dot, &C)> {
        let pieces = self.index.pieces();
        pieces.filter_map(|piece| Some((piece.start, piece.shown()?)))
    }

    /// The piece that the element at `offset` is in: its first dot, its content, and the number of
    /// the element in it; O(log n).
    pub(crate) fn at(&self, offset: usize) -> Option<(Dot, &C, usize)> {
        let (place, before) = self.index.find(Unit::Chars, offset)?;
        let piece = self.index.piece(place);
        Some((piece.start, piece.shown()?, offset - before.chars))
    }

    /// Where the element is, or `None` if it is not shown or unknown; O(log n).
    pub fn offset_of(&self, dot: Dot) -> Option<Extent> {
        let (place, within) = self.locate(dot)?;
        let content = self.index.piece(place).shown()?;
        Some(self.index.before(place) + content.extent_to(within as usize))
    }

    /// Where a known element begins, and where it ends: for one that is not shown both are the gap
    /// in which it stood; O(log n).
    pub(crate) fn span_of(&self, dot: Dot) -> Option<(Extent, Extent)> {
        let (place, within) = self.locate(dot)?;
        let before = self.index.before(place);
        let within = within as usize;
        Some(match self.index.piece(place).shown() {
            Some(content) => (
                before + content.extent_to(within),
                before + content.extent_to(within + 1),
            ),
            None => (before, before),
        })
    }

    /// Which of two known elements comes first in reading order; O(log n).
    pub(crate) fn compare(&self, a: Dot, b: Dot) -> Option<Ordering> {
        let (a_place, a_within) = self.locate(a)?;
        let (b_place, b_within) = self.locate(b)?;
        let places = self.index.compare(a_place, b_place);
        Some(places.then(a_within.cmp(&b_within)))
    }

    /// The content of an element that has some, shown or not, and its number in it.
    pub(crate) fn content_of(&self, dot: Dot) -> Option<(&C, usize)> {
        let (place, within) = self.locate(dot)?;
        Some((self.index.piece(place).content.as_ref()?, within as usize))
    }

    /// What became of an element; `None` for an unknown one.
    pub(crate) fn life_of(&self, dot: Dot) -> Option<Life> {
        Some(self.index.piece(self.locate(dot)?.0).life)
    }

    /// When the element was inserted; `None` for an unknown one.
    pub fn minute_of(&self, dot: Dot) -> Option<Minute> {
        self.runs.minute_of(dot)
    }

    /// Whether the element has a place here, deleted or not.
    pub(crate) fn knows(&self, dot: Dot) -> bool {
        self.runs.run_of(dot).is_some()
    }

    /// The runs of elements that are not shown between two neighbours in reading order: after
    /// `left`, or from the start, up to the next that is.
    pub(crate) fn gap_after(&self, left: Option<Dot>) -> impl Iterator<Item = DotRun> + '_ {
        let place = left.and_then(|left| self.locate(left));
        // The rest of the left neighbour's own piece is shown, if it has any.
        let inside = place.is_some_and(|(place, within)| {
            within + 1 < self.index.piece(place).len && self.index.piece(place).shown().is_some()
        });
        let from = place.map_or(self.index.first(), |(place, _)| Place {
            slot: place.slot + 1,
            ..place
        });
        let pieces = self.index.pieces_from(from);
        pieces
            .take_while(move |piece| !inside && !piece.life.is_shown())
            .map(|piece| DotRun {
                start: piece.start,
                len: piece.len,
            })
    }

    /// The offset in both units, and the number of elements before it.
    ///
    /// # Errors
    /// Past the end, and inside of a character.
    pub fn resolve(&self, unit: Unit, offset: usize) -> Result<Extent, EditError> {
        let extent = self.extent();
        if offset == extent.get(unit) {
            return Ok(extent);
        }
        let out = EditError::OutOfBounds {
            position: offset,
            len: extent.get(unit),
        };
        let (place, before) = self.index.find(unit, offset).ok_or(out)?;
        let content = self
            .index
            .piece(place)
            .shown()
            .expect("a found piece is shown");
        let within = content.elements_in(unit, offset - before.get(unit));
        let within = within.ok_or(EditError::SplitsCharacter { offset })?;
        Ok(before + content.extent_to(within))
    }

    /// Inserts content before the element at `offset`, which [`Self::resolve`] has bounded; gives
    /// the dot of its first element. O(log n).
    pub(crate) fn insert_at(&mut self, offset: usize, content: C, change: &mut Change) -> Dot {
        let left = offset.checked_sub(1).and_then(|before| self.dot_at(before));
        let right = self.dot_at(offset);
        self.insert_between(left, right, content, change)
    }

    /// Inserts content between two elements that are needed and between which none is; gives the
    /// dot of its first element. O(log n).
    pub(crate) fn insert_between(
        &mut self,
        left: Option<Dot>,
        right: Option<Dot>,
        content: C,
        change: &mut Change,
    ) -> Dot {
        let len = content.extent().chars as u64;
        let (parent, side) = self.runs.anchor(left, || right);
        let start = change.dots(len);
        let run = RunItem {
            start,
            parent,
            side,
            minute: change.stamp().into(),
            pieces: vec![PieceItem {
                len,
                content: Some(content),
            }],
        };
        self.integrate(run, &mut |_, _| ());
        start
    }

    /// Deletes the elements from `offset` on, which [`Self::resolve`] has bounded; gives the dots of
    /// what was deleted. The caller notes by which change. O(pieces · log n).
    pub(crate) fn delete_at(&mut self, offset: usize, len: usize) -> Vec<DotRun> {
        let mut deleted = Vec::new();
        let mut left = len;
        while left > 0 {
            let found = self.index.find(Unit::Chars, offset);
            let (place, before) = found.expect("the caller has bounded the range");
            let piece = self.index.piece(place);
            let within = offset - before.chars;
            let count = left.min(piece.len as usize - within);
            let start = piece.start.plus(within as u64);
            self.bury(place, within as u64, count as u64);
            deleted.push(DotRun {
                start,
                len: count as u64,
            });
            left -= count;
        }
        deleted
    }

    /// The element at an offset.
    pub(crate) fn dot_at(&self, offset: usize) -> Option<Dot> {
        let (start, _, within) = self.at(offset)?;
        Some(start.plus(within as u64))
    }

    /// The piece that has the element, deleted or not, and the element's number in it; O(log n).
    fn locate(&self, dot: Dot) -> Option<(Place, u64)> {
        let (&start, &leaf) = self.leaves.range(..=dot).next_back()?;
        if start.replica != dot.replica {
            return None;
        }
        let slot = self
            .index
            .leaf(leaf)
            .iter()
            .position(|piece| piece.start == start)?;
        let place = Place { leaf, slot };
        let within = dot.seq - start.seq;
        (within < self.index.piece(place).len).then_some((place, within))
    }

    /// Puts elements where the tree says they belong. Their parent is here.
    fn integrate(&mut self, run: RunItem<C>, on_insert: &mut dyn FnMut(Extent, &C)) {
        let link = RunLink {
            dots: run.dots(),
            parent: run.parent,
            side: run.side,
            minute: run.minute,
        };
        let neighbour = self.runs.place(run.start, run.parent, run.side);
        self.runs.insert(&link);
        let mut place = match neighbour {
            Neighbour::Start => self.index.first(),
            Neighbour::Before(dot) => self.cut(dot),
            Neighbour::After(dot) => self.cut_after(dot),
            Neighbour::End => self.index.last(),
        };
        let mut start = run.start;
        for PieceItem { len, content } in run.pieces {
            let Some(content) = content else {
                place = self.put(
                    place,
                    Piece {
                        start,
                        len,
                        life: Life::Dead,
                        content: None,
                    },
                );
                start = start.plus(len);
                continue;
            };
            for content in content.parts() {
                let len = content.extent().chars as u64;
                let life = if content.is_shown() {
                    on_insert(self.index.before(place), &content);
                    Life::Shown
                } else {
                    Life::Hidden
                };
                place = self.put(
                    place,
                    Piece {
                        start,
                        len,
                        life,
                        content: Some(content),
                    },
                );
                start = start.plus(len);
            }
        }
    }

    /// Inserts a piece before this place, cut where it is long; gives the place after it. O(n log n).
    fn put(&mut self, mut place: Place, piece: Piece<C>) -> Place {
        let mut open = vec![piece];
        while let Some(mut piece) = open.pop() {
            // In halves, since to cut off a bit at a time would copy the rest each time.
            if piece.content.is_some() && piece.len > PIECE_MAX {
                let rest = piece.split_off(piece.len / 2);
                open.extend([rest, piece]);
            } else {
                place = self.put_short(place, piece);
            }
        }
        place
    }

    /// Inserts a piece before this place, or adds it to the piece before if it goes on there; gives
    /// the place after it.
    fn put_short(&mut self, place: Place, piece: Piece<C>) -> Place {
        if let Some(slot) = place.slot.checked_sub(1) {
            let before = Place { slot, ..place };
            if self.continues(self.index.piece(before), &piece) {
                self.index.update(before, |before| join(before, piece));
                return place;
            }
        }
        let start = piece.start;
        self.insert_piece(place, piece);
        let (place, _) = self.locate(start).expect("the piece was just put there");
        Place {
            slot: place.slot + 1,
            ..place
        }
    }

    /// Whether one piece could be the rest of the other, and both together are not too long.
    fn continues(&self, before: &Piece<C>, piece: &Piece<C>) -> bool {
        before.end() == piece.start
            && before.life == piece.life
            && (piece.content.is_none() || before.len + piece.len <= PIECE_MAX)
            && !self.runs.is_start(piece.start)
    }

    fn insert_piece(&mut self, place: Place, piece: Piece<C>) {
        self.leaves.insert(piece.start, place.leaf);
        if let Some(new) = self.index.insert(place, piece) {
            for piece in self.index.leaf(new) {
                self.leaves.insert(piece.start, new);
            }
        }
    }

    /// The place of the piece that starts with this element, cutting one in two if need be.
    fn cut(&mut self, dot: Dot) -> Place {
        let (place, within) = self.locate(dot).expect("the element is in the sequence");
        if within == 0 {
            return place;
        }
        let rest = self.index.update(place, |piece| piece.split_off(within));
        self.insert_piece(
            Place {
                slot: place.slot + 1,
                ..place
            },
            rest,
        );
        self.locate(dot).expect("the element starts a piece now").0
    }

    /// The place right after this element, cutting its piece in two if need be.
    fn cut_after(&mut self, dot: Dot) -> Place {
        let (place, within) = self.locate(dot).expect("the element is in the sequence");
        if within + 1 < self.index.piece(place).len {
            return self.cut(dot.plus(1));
        }
        Place {
            slot: place.slot + 1,
            ..place
        }
    }

    /// Deletes `len` elements of a piece: their content goes, their dots stay.
    fn bury(&mut self, place: Place, within: u64, len: u64) {
        let start = self.index.piece(place).start.plus(within);
        if within + len < self.index.piece(place).len {
            self.cut(start.plus(len));
        }
        let place = self.cut(start);
        self.index.update(place, |piece| {
            piece.life = Life::Dead;
            piece.content = None;
        });
        // Backspacing over a word leaves one dead piece, not one a letter.
        let after = Place {
            slot: place.slot + 1,
            ..place
        };
        self.join_if_dead(after);
        self.join_if_dead(place);
    }

    /// Joins a piece to the one before it in the leaf, if both are dead and of one run.
    fn join_if_dead(&mut self, place: Place) {
        let pieces = self.index.leaf(place.leaf);
        let Some(slot) = place
            .slot
            .checked_sub(1)
            .filter(|_| place.slot < pieces.len())
        else {
            return;
        };
        let (before, piece) = (&pieces[slot], &pieces[place.slot]);
        if piece.life == Life::Dead && self.continues(before, piece) {
            let piece = self.index.remove(place);
            self.leaves.remove(&piece.start);
            self.index
                .update(Place { slot, ..place }, |before| join(before, piece));
        }
    }

    /// Shows or hides one element, or keeps a deleted one with this content or gives it up; what a
    /// reader sees of it. O(log n).
    pub(crate) fn set_life(
        &mut self,
        dot: Dot,
        life: Life,
        content: Option<C>,
    ) -> Option<Patch<C>> {
        let (place, _) = self.locate(dot)?;
        if self.index.piece(place).life == life {
            return None;
        }
        self.cut_after(dot);
        let place = self.cut(dot);
        let at = self.index.before(place);
        let (before, after) = self.index.update(place, |piece| {
            let before = piece.extent();
            match life {
                Life::Dead => piece.content = None,
                Life::Kept => piece.content = content,
                Life::Shown | Life::Hidden => {}
            }
            piece.life = life;
            (before, piece.shown().cloned())
        });
        if life == Life::Dead {
            self.bury(place, 0, 1);
        }
        (before.chars > 0 || after.is_some()).then_some(Patch {
            at,
            deleted: before,
            inserted: after,
        })
    }

    /// The pieces with dots from `first` to `last`, cut to that range, in order of dot.
    fn pieces_between(
        &self,
        replica: ReplicaId,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = (DotRun, Option<&C>, usize)> + '_ {
        let begin = Dot::new(replica, first);
        let begin = self
            .locate(begin)
            .map_or(begin, |(place, _)| self.index.piece(place).start);
        self.leaves
            .range(begin..=Dot::new(replica, last))
            .map(move |(&start, &leaf)| {
                let piece = self
                    .index
                    .leaf(leaf)
                    .iter()
                    .find(|piece| piece.start == start);
                let piece = piece.expect("the leaf of a piece has it");
                let from = first.max(start.seq);
                let len = (start.seq + piece.len).min(last + 1) - from;
                let run = DotRun {
                    start: Dot::new(replica, from),
                    len,
                };
                (run, piece.alive(), (from - start.seq) as usize)
            })
    }

    /// Checks everything that must hold between the parts.
    #[cfg(any(test, debug_assertions))]
    pub fn assert_invariants(&self) {
        self.index.assert_invariants();
        self.runs.assert_invariants();
        let mut count = 0;
        for piece in self.index.pieces() {
            let (place, within) = self.locate(piece.start).expect("every piece is in the map");
            assert_eq!((self.index.piece(place).start, within), (piece.start, 0));
            let run = self
                .runs
                .run_of(piece.start)
                .expect("every piece is of a run");
            assert!(
                piece.end().seq <= run.start.seq + run.len,
                "a piece is of one run"
            );
            assert_eq!(piece.content.is_none(), piece.life == Life::Dead);
            if let Some(content) = &piece.content {
                assert_eq!(
                    content.extent().chars as u64,
                    piece.len,
                    "content has its length"
                );
            }
            count += 1;
        }
        assert_eq!(
            count,
            self.leaves.len(),
            "the map has no more than the pieces"
        );
    }
}

fn join<C: Content>(before: &mut Piece<C>, piece: Piece<C>) {
    before.len += piece.len;
    if let (Some(content), Some(next)) = (&mut before.content, piece.content) {
        content.append(next);
    }
}
