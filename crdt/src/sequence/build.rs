//! A sequence from nothing: all runs at once, in linear time but for sorting.
//!
//! The runs come in order of dot. What hangs on each is sorted out first; then one walk through the tree
//! gives the elements in reading order, and leaves are filled one after the other. A run at a time would
//! look for its place, cut a span in two, and move what is beside it.

use std::ops::Range;

use super::content::Content;
use super::fugue::Runs;
use super::homes::Homes;
use super::id::Id;
use super::index::Builder;
use super::link::{hook, Listed, RunLink, Slot};
use super::run::RunItem;
use super::span::{Life, Span};
use super::{Sequence, SPAN_MAX};

/// All runs of a sequence and what hangs on what, before its elements are in order.
pub(super) struct Plan<'a, C> {
    items: &'a [RunItem<C>],
    runs: Runs,
    kids: Vec<Kid>,
}

/// A run that hangs on an element or on the sequence itself, and the first item that has some of it.
struct Kid {
    listed: Listed,
    item: usize,
}

impl Kid {
    fn parent_seq(&self) -> u64 {
        self.listed.parent().seq
    }
}

/// A run on the way through the tree.
struct Visit {
    run: Id,
    end: u64,
    /// The next of its elements.
    next: u64,
    /// What hangs on the left of its elements; and on the right, before the next in the run.
    left: Range<usize>,
    before: Range<usize>,
    /// What hangs on the right after the next in the run, which comes when the run is at its end: of the
    /// last element first.
    after: Range<usize>,
    /// Those of them that hang on one element.
    group: Range<usize>,
    /// Where its next element is in the items.
    item: usize,
    piece: usize,
    within: u64,
}

/// Elements of a run that lie together in the items.
struct Part<'a, C> {
    start: Id,
    len: u64,
    /// Whether the run begins with them.
    is_first: bool,
    /// Of these elements, from that number on; `None` when they are deleted.
    content: Option<(&'a C, usize)>,
}

/// What comes next in reading order.
enum Step {
    /// Elements of the run that is visited.
    Elements {
        upto: u64,
    },
    /// A run that hangs on it.
    Run(usize),
    Done,
}

impl<'a, C: Content> Plan<'a, C> {
    /// `None` when something hangs on what is not among the items, or on itself. O(n log n).
    pub(super) fn new(items: &'a [RunItem<C>]) -> Option<Self> {
        let mut runs = Runs::default();
        for item in items {
            runs.agents.add(item.start.replica);
        }
        let mut starts = Vec::new();
        let known = |parent: crate::Dot| runs.agents.id(parent).is_some();
        if !items.iter().filter_map(|item| item.parent).all(known) {
            return None;
        }
        for (number, item) in items.iter().enumerate() {
            let start = runs.push(&RunLink {
                dots: item.dots(),
                parent: item.parent,
                side: item.side,
                minute: item.minute,
            });
            starts.extend(start.map(|start| (start, number)));
        }
        let kids = starts.into_iter().map(|(start, item)| Kid {
            listed: runs.listed(start),
            item,
        });
        let mut kids: Vec<Kid> = kids.collect();
        // The items are in order of dot, so children of one element are in order too.
        kids.sort_unstable_by_key(|kid| (kid.listed.place(), kid.item));
        runs.list(kids.iter().map(|kid| kid.listed))?;
        let plan = Self { items, runs, kids };
        let mut count = 0;
        plan.walk(|part| count += part.len);
        let all: u64 = items.iter().map(RunItem::len).sum();
        (count == all).then_some(plan)
    }

    /// Whether the plan has the element.
    pub(super) fn knows(&self, dot: crate::Dot) -> bool {
        self.runs.run_of(dot).is_some()
    }

    /// The sequence; O(n log n) for the replicas' numbers, else O(n).
    pub(super) fn build(self) -> Sequence<C> {
        let mut builder = Builder::new();
        self.walk(|part| {
            let (mut start, mut left) = (part.start, part.len);
            while left > 0 {
                // A span is of one run.
                let is_first = part.is_first && start == part.start;
                let (len, life, max, view) = match part.content {
                    None => (left.min(Span::LEN_MAX), Life::Dead, Span::LEN_MAX, None),
                    Some((content, from)) => {
                        let from = from + (part.len - left) as usize;
                        let (fate, shown) = content.fate(from);
                        let len = left.min(fate as u64).min(SPAN_MAX);
                        let life = if shown { Life::Shown } else { Life::Hidden };
                        let view = content.view(from..from + len as usize);
                        (len, life, SPAN_MAX, Some(view))
                    }
                };
                let max = if is_first { 0 } else { max };
                builder.push(Span::new(start, len, life), view, max);
                (start, left) = (start.plus(len), left - len);
            }
        });
        let (index, places) = builder.finish();
        Sequence {
            runs: self.runs,
            index,
            homes: Homes::from_places(places),
            restored: Vec::new(),
        }
    }

    /// Gives the elements in reading order.
    fn walk(&self, mut give: impl FnMut(Part<'a, C>)) {
        let mut way: Vec<Visit> = Vec::new();
        for root in self.hooked(Slot::After, None, None) {
            way.push(self.visit(root));
            while let Some(visit) = way.last_mut() {
                match visit.step(&self.kids) {
                    Step::Done => drop(way.pop()),
                    Step::Run(kid) => {
                        let visit = self.visit(kid);
                        way.push(visit);
                    }
                    Step::Elements { upto } => self.give(visit, upto, &mut give),
                }
            }
        }
    }

    fn visit(&self, kid: usize) -> Visit {
        let child = self.kids[kid].listed.child();
        let (_, run) = self.runs.find(child).expect("every child is a run");
        let last = Id {
            seq: run.end() - 1,
            ..child
        };
        let [left, before, after] = [Slot::Left, Slot::Before, Slot::After].map(|slot| {
            if run.is_parent {
                self.hooked(slot, Some(child), Some(last))
            } else {
                0..0
            }
        });
        Visit {
            run: child,
            end: run.end(),
            next: child.seq,
            left,
            before,
            after,
            group: 0..0,
            item: self.kids[kid].item,
            piece: 0,
            within: 0,
        }
    }

    /// What hangs on these elements.
    fn hooked(&self, slot: Slot, first: Option<Id>, last: Option<Id>) -> Range<usize> {
        let (first, last) = (hook(slot, first), hook(slot, last));
        let start = self.kids.partition_point(|kid| kid.listed.place() < first);
        let rest = &self.kids[start..];
        start..start + rest.partition_point(|kid| kid.listed.place() <= last)
    }

    /// Gives elements of a run up to a seq, as they lie in the items.
    fn give(&self, visit: &mut Visit, upto: u64, give: &mut impl FnMut(Part<'a, C>)) {
        while visit.next < upto {
            let item = &self.items[visit.item];
            let Some(piece) = item.pieces.get(visit.piece) else {
                (visit.item, visit.piece) = (visit.item + 1, 0);
                continue;
            };
            let len = (piece.len - visit.within).min(upto - visit.next);
            let start = Id {
                seq: visit.next,
                ..visit.run
            };
            let content = piece.content.as_ref();
            give(Part {
                start,
                len,
                is_first: start == visit.run,
                content: content.map(|content| (content, visit.within as usize)),
            });
            visit.next += len;
            visit.within += len;
            if visit.within == piece.len {
                (visit.piece, visit.within) = (visit.piece + 1, 0);
            }
        }
    }
}

impl Visit {
    fn step(&mut self, kids: &[Kid]) -> Step {
        if let Some(kid) = self.group.next() {
            return Step::Run(kid);
        }
        let mut upto = self.end;
        if let Some(seq) = self.before.clone().next().map(|kid| kids[kid].parent_seq()) {
            if seq < self.next {
                return Step::Run(self.before.next().expect("there is one"));
            }
            upto = seq + 1;
        }
        if let Some(seq) = self.left.clone().next().map(|kid| kids[kid].parent_seq()) {
            if seq == self.next {
                return Step::Run(self.left.next().expect("there is one"));
            }
            upto = upto.min(seq);
        }
        if self.next < upto {
            return Step::Elements { upto };
        }
        // The run is at its end.
        let Some(last) = self.after.clone().next_back() else {
            return Step::Done;
        };
        let seq = kids[last].parent_seq();
        let on_it = kids[self.after.clone()].iter().rev();
        let count = on_it.take_while(|kid| kid.parent_seq() == seq).count();
        let start = self.after.end - count;
        self.group = start..self.after.end;
        self.after.end = start;
        let first = self.group.next();
        Step::Run(first.expect("an element that is named has children"))
    }
}
