//! A sequence from nothing: all runs at once, in linear time but for sorting.
//!
//! The runs come in order of dot. What hangs on each is sorted out first; then one walk through the tree
//! gives the elements in reading order, and leaves are filled one after the other. A run at a time would
//! look for its place, cut a span in two, and move what is beside it.

use crate::ordered;
use std::ops::Range;

use super::content::Content;
use super::fugue::Runs;
use super::homes::Homes;
use super::id::{Agents, Id};
use super::index::Builder;
use super::link::{unpacked, Listed, Run, Slot};
use super::run::RunItem;
use super::span::{Life, Span};
use super::{Sequence, SPAN_MAX};

/// All runs of a sequence and what hangs on what, before its elements are in order.
pub(super) struct Plan<'a, C> {
    items: &'a [RunItem<C>],
    agents: Agents,
    /// In order of dot.
    runs: Vec<Planned>,
    /// In the order of [`Runs`].
    kids: Vec<Kid>,
    /// Those that hang on the sequence itself.
    roots: Range<usize>,
}

struct Planned {
    start: Id,
    run: Run,
    /// The first item that has some of it.
    item: usize,
    /// Those of the kids that hang on it, by slot.
    kids: [Range<usize>; 3],
}

/// A run as a child of what it hangs on.
struct Kid {
    listed: Listed,
    run: usize,
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
        let mut agents = Agents::default();
        for item in items {
            agents.add(item.start.replica);
        }
        let mut runs: Vec<Planned> = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let start = agents.id(item.start)?;
            let parent = match item.parent {
                Some(parent) => Some(agents.id(parent)?),
                None => None,
            };
            let run = Run::new(start.seq, item.len(), parent, item.side, item.minute);
            match runs.last_mut() {
                Some(last) if last.start.agent == start.agent && run.goes_on(&last.run, start) => {
                    last.run.len += run.len;
                }
                _ => runs.push(Planned {
                    start,
                    run,
                    item: number,
                    kids: [0..0, 0..0, 0..0],
                }),
            }
        }
        let kids = runs.iter().enumerate().map(|(number, planned)| {
            let (run, start) = (&planned.run, planned.start);
            let slot = agents.slot_of(run.side, run.parent(), start);
            Kid {
                listed: Listed::new(slot, run.parent(), start),
                run: number,
            }
        });
        let mut kids: Vec<Kid> = kids.collect();
        // The runs are in order of dot, so children of one element are in order too.
        ordered::sort_unstable_by_key(&mut kids, |kid| (kid.listed.place(), kid.run));
        let mut plan = Self {
            items,
            agents,
            runs,
            kids,
            roots: 0..0,
        };
        plan.hang()?;
        plan.is_tree().then_some(plan)
    }

    /// Finds what hangs on each run, in one pass for each slot; `None` when something hangs on nothing.
    fn hang(&mut self) -> Option<()> {
        let mut at = 0;
        for (number, kid) in self.kids.iter().enumerate() {
            let (slot, ..) = kid.listed.place();
            if number > 0 && self.kids[number - 1].listed.slot != slot {
                at = 0;
            }
            let range = match unpacked(kid.listed.parent()) {
                None if slot == Slot::After => &mut self.roots,
                None => return None,
                Some(parent) => {
                    let is_before = |planned: &Planned| {
                        (planned.start.agent, planned.run.end()) <= (parent.agent, parent.seq)
                    };
                    while self.runs.get(at).is_some_and(is_before) {
                        at += 1;
                    }
                    let planned = self.runs.get_mut(at)?;
                    if planned.start.agent != parent.agent || planned.start.seq > parent.seq {
                        return None;
                    }
                    planned.run.is_parent = true;
                    &mut planned.kids[slot as usize]
                }
            };
            if range.start == range.end {
                *range = number..number;
            }
            range.end = number + 1;
        }
        Some(())
    }

    /// Whether all hangs, in the end, on the sequence itself.
    fn is_tree(&self) -> bool {
        let mut open = vec![self.roots.clone()];
        let mut count = 0;
        while let Some(kids) = open.pop() {
            count += kids.len();
            for kid in &self.kids[kids] {
                let planned = &self.runs[kid.run];
                if planned.run.is_parent {
                    open.extend(planned.kids.iter().cloned());
                }
            }
        }
        count == self.runs.len()
    }

    /// Whether the plan has the element.
    pub(super) fn knows(&self, dot: crate::Dot) -> bool {
        let Some(id) = self.agents.id(dot) else {
            return false;
        };
        let place = |planned: &Planned| (planned.start.agent, planned.start.seq);
        let after = self
            .runs
            .partition_point(|planned| place(planned) <= (id.agent, id.seq));
        let run = after.checked_sub(1).map(|before| &self.runs[before]);
        run.is_some_and(|run| run.start.agent == id.agent && id.seq < run.run.end())
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
        let runs = self
            .runs
            .iter()
            .map(|planned| (planned.start.agent, planned.run));
        let children = self.kids.iter().map(|kid| kid.listed);
        Sequence {
            runs: Runs::from_sorted(self.agents, runs, children),
            index,
            homes: Homes::from_places(places),
            restored: Vec::new(),
        }
    }

    /// Gives the elements in reading order.
    fn walk(&self, mut give: impl FnMut(Part<'a, C>)) {
        let mut way: Vec<Visit> = Vec::new();
        for root in self.roots.clone() {
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
        let planned = &self.runs[self.kids[kid].run];
        let [left, before, after] = planned.kids.clone();
        Visit {
            run: planned.start,
            end: planned.run.end(),
            next: planned.start.seq,
            left,
            before,
            after,
            group: 0..0,
            item: planned.item,
            piece: 0,
            within: 0,
        }
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
