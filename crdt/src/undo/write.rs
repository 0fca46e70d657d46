//! What one write did, so that it can be taken back.

use crate::container::cell::{Cell, Cells};
use crate::container::text::{Span, TextBody};
use crate::container::Body;
use crate::map::MapItem;
use crate::ordered;
use crate::plain::plain;
use crate::sequence::content::{Chars, Content};
use crate::sequence::near::Kept;
use crate::sequence::Sequence;
use crate::{Dot, DotRun, DotSet, Key, Kind, Path, Stamp, Tally, Value};

/// One write: to a container, and then to those in what it removed.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) parts: Vec<Part>,
}

/// What a write did to one container.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) at: Path,
    /// The dots that it made.
    pub(crate) made: DotSet,
    /// What it removed.
    pub(crate) lost: Lost,
}

impl Write {
    /// All dots that it speaks of.
    pub(crate) fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(self.parts.iter().flat_map(|part| {
            let at = part.at.steps().iter().filter_map(|step| match step.key {
                Key::Element(dot) => Some(dot),
                Key::Name(_) => None,
            });
            at.chain(part.made.dots()).chain(part.lost.dots())
        }))
    }

    /// The characters beside which the marks end that it removed.
    pub(crate) fn ends(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(self.parts.iter().flat_map(|part| {
            let marks = match &part.lost {
                Lost::Text { marks, .. } => &marks[..],
                _ => &[],
            };
            marks.iter().flat_map(|mark| mark.key.anchors())
        }))
    }
}

impl From<Part> for Write {
    fn from(part: Part) -> Self {
        Self { parts: vec![part] }
    }
}

impl Part {
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.lost.is_empty()
    }
}

/// What was removed from a container.
#[derive(Clone, Default, Debug)]
pub(crate) enum Lost {
    #[default]
    Nothing,
    /// The least in rank first.
    Map(Vec<LostEntry>),
    Cells(Vec<(Spot, Cell)>),
    Text {
        pieces: Vec<(Spot, Chars)>,
        marks: Vec<MapItem<Span, Value>>,
    },
    Set(Vec<(Dot, Value)>),
    Counter {
        tallies: Vec<Tally>,
        /// What the write added to the sum.
        added: i64,
    },
}

/// Something that was at a key of a map.
#[derive(Clone, Debug)]
pub(crate) struct LostEntry {
    pub(crate) dot: Dot,
    pub(crate) stamp: Stamp,
    pub(crate) key: String,
    pub(crate) what: Slot,
    /// What stayed at the key.
    pub(crate) beside: Vec<Dot>,
}

#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Value(Value),
    Child(Kind),
}

/// Where an element was: its own dot, and the needed ones beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) dot: Dot,
    pub(crate) left: Option<Dot>,
    pub(crate) right: Option<Dot>,
}

impl Lost {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Map(entries) => entries.is_empty(),
            Self::Cells(cells) => cells.is_empty(),
            Self::Text { pieces, marks } => pieces.is_empty() && marks.is_empty(),
            Self::Set(values) => values.is_empty(),
            Self::Counter { tallies, added } => tallies.is_empty() && *added == 0,
        }
    }

    /// All dots that it speaks of.
    fn dots(&self) -> Vec<Dot> {
        let mut dots = Vec::new();
        match self {
            Self::Nothing => {}
            Self::Map(entries) => {
                for entry in entries {
                    dots.push(entry.dot);
                    dots.extend(&entry.beside);
                }
            }
            Self::Cells(cells) => {
                for (spot, cell) in cells {
                    dots.extend(spot.dots(1));
                    match cell {
                        Cell::Place(moved) => {
                            dots.extend(moved.under.into_iter().chain([moved.of]));
                        }
                        Cell::Node { under } => dots.extend(under),
                        Cell::Value(_) | Cell::Child(_) => {}
                    }
                }
            }
            Self::Text { pieces, marks } => {
                for (spot, chars) in pieces {
                    dots.extend(spot.dots(chars.extent().chars as u64));
                }
                for mark in marks {
                    dots.push(mark.sibling.dot);
                    dots.extend(mark.key.anchors());
                }
            }
            Self::Set(values) => dots.extend(values.iter().map(|(dot, _)| dot)),
            Self::Counter { tallies, .. } => dots.extend(tallies.iter().map(|tally| tally.dot)),
        }
        dots
    }

    /// Those of the dots that are alive in a container, with what they hold.
    pub(crate) fn capture(body: &Body, dots: &DotSet) -> Self {
        if dots.is_empty() {
            return Self::Nothing;
        }
        match body {
            Body::Map(map) => {
                let values = map.values.items_of(dots).into_iter();
                let values = values.map(|MapItem { key, sibling }| {
                    let rank = sibling.rank();
                    (rank, key, Slot::Value(sibling.value))
                });
                let children = map.children.items_of(dots).into_iter();
                let children = children.map(|item| {
                    let (key, kind) = item.key;
                    (item.sibling.rank(), key, Slot::Child(kind))
                });
                let mut all: Vec<_> = values.chain(children).collect();
                ordered::sort_by_key(&mut all, |&(rank, ..)| rank);
                let entries = all.into_iter().map(|((stamp, dot), key, what)| {
                    let beside = map.dots_at(&key).filter(|&dot| !dots.contains(dot));
                    LostEntry {
                        dot,
                        stamp,
                        beside: beside.collect(),
                        key,
                        what,
                    }
                });
                Self::Map(entries.collect())
            }
            Body::Text(text) => Self::Text {
                pieces: capture_text(text, dots),
                marks: text.marks.items_of(dots),
            },
            Body::List(list) => Self::Cells(capture_cells(&list.cells, dots)),
            Body::Tree(tree) => Self::Cells(capture_cells(&tree.cells, dots)),
            Body::Set(set) => {
                let items = set.elements().items_of(dots).into_iter();
                Self::Set(items.map(|item| (item.sibling.dot, item.key)).collect())
            }
            Body::Counter(counter) => Self::Counter {
                tallies: counter.tallies_of(dots),
                added: 0,
            },
        }
    }
}

impl Spot {
    /// All dots that it speaks of, when it is that of `len` elements.
    fn dots(self, len: u64) -> impl Iterator<Item = Dot> {
        let own = (0..len).map(move |i| self.dot.plus(i));
        plain(own.chain(self.left).chain(self.right))
    }

    /// The spots of runs in reading order. What goes together has the same neighbour on the right:
    /// it comes again from the left.
    fn all<C: Content>(sequence: &Sequence<C>, runs: &[DotRun], kept: Kept<'_>) -> Vec<Self> {
        let mut spots: Vec<Self> = Vec::with_capacity(runs.len());
        for run in runs.iter().rev() {
            let last = run.start.plus(run.len - 1);
            let mut right = sequence.needed_after(Some(last), kept);
            if let Some(next) = spots.last().filter(|next| right == Some(next.dot)) {
                right = next.right;
            }
            spots.push(Self {
                dot: run.start,
                left: sequence.needed_before(run.start, kept),
                right,
            });
        }
        spots.reverse();
        spots
    }
}

/// In reading order.
fn in_order<C: Content>(sequence: &Sequence<C>, dots: &DotSet) -> Vec<DotRun> {
    let runs = dots.runs().flat_map(|run| sequence.alive_in(run));
    let mut runs: Vec<DotRun> = runs.collect();
    ordered::sort_by(&mut runs, |a, b| {
        let order = sequence.compare(a.start, b.start);
        order.expect("what is alive has a place")
    });
    runs
}

fn capture_text(text: &TextBody, dots: &DotSet) -> Vec<(Spot, Chars)> {
    let runs = in_order(&text.chars, dots);
    let spots = Spot::all(&text.chars, &runs, &|run| text.anchored_of(run));
    let chars = runs.iter().map(|run| {
        let chars = text.chars.content_of(run.start, run.len as usize);
        Chars::from(chars.expect("the run is alive"))
    });
    spots.into_iter().zip(chars).collect()
}

fn capture_cells(cells: &Sequence<Cells>, dots: &DotSet) -> Vec<(Spot, Cell)> {
    let dots = in_order(cells, dots).into_iter().flat_map(DotRun::dots);
    let runs: Vec<DotRun> = dots.map(|start| DotRun { start, len: 1 }).collect();
    let spots = Spot::all(cells, &runs, &|_| Vec::new()).into_iter();
    let lost = spots.map(|spot| {
        let cell = cells.cell(spot.dot).expect("the cell is alive");
        (spot, cell.clone())
    });
    lost.collect()
}

/// What an edit has recorded so far.
#[derive(Clone, Default, Debug)]
pub(crate) struct Record {
    pub(crate) writes: Vec<Write>,
    /// What the write at hand is about to remove, or has removed, from its container.
    pub(crate) lost: Lost,
    /// The marks that it has removed.
    pub(crate) marks: Vec<MapItem<Span, Value>>,
    /// What it has removed from other containers.
    pub(crate) inside: Vec<Part>,
}

impl Record {
    /// What the write at hand did to its container.
    pub(crate) fn take_part(&mut self, at: Path, made: DotSet) -> Part {
        let mut lost = std::mem::take(&mut self.lost);
        if !self.marks.is_empty() {
            let dropped = std::mem::take(&mut self.marks);
            let pieces = match lost {
                Lost::Text { pieces, .. } => pieces,
                _ => Vec::new(),
            };
            lost = Lost::Text {
                pieces,
                marks: dropped,
            };
        }
        Part { at, made, lost }
    }

    /// The write at hand was refused.
    pub(crate) fn give_up(&mut self) {
        let writes = std::mem::take(&mut self.writes);
        *self = Self {
            writes,
            ..Self::default()
        };
    }
}
