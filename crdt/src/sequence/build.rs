//! A sequence from nothing: all runs at once, in linear time but for sorting.
//!
//! The runs come in order of dot. What hangs on each is sorted out first; then one walk through the tree
//! gives the elements in reading order, and leaves are filled one after the other. A run at a time would
//! look for its place, cut a span in two, and move what is beside it.

use crate::ordered;

use super::chunks::Chunks;
use super::content::Content;
use super::fugue::Runs;
use super::homes::{Home, Homes};
use super::id::{Agent, Agents, Id};
use super::index::Builder;
use super::link::{packed, unpacked, Listed, Run, Slot};
use super::run::RunItem;
use super::span::{Life, Span};
use super::{Sequence, SPAN_MAX};

/// All runs of a sequence and what hangs on what, before its elements are in order.
#[derive(Debug)]
pub struct Plan {
    agents: Agents,
    /// In order of dot.
    runs: Vec<Planned>,
    /// In the order of [`Runs`].
    kids: Vec<Kid>,
    /// Those that hang on the sequence itself.
    roots: Kids,
}

#[derive(Debug)]
struct Planned {
    run: Run,
    agent: Agent,
    /// The first item that has some of it.
    item: u32,
    /// Those of the kids that hang on it, by slot.
    kids: [Kids; 3],
}

impl Planned {
    fn start(&self) -> Id {
        Id {
            agent: self.agent,
            seq: self.run.seq,
        }
    }
}

/// A run as a child of what it hangs on, in a number, so that they are sorted fast: from the top its slot,
/// the replica and the seq of what it hangs on, and its own number. Runs are numbered in order of dot, so
/// children of one element are in order too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Kid(u128);

impl From<Kid> for u128 {
    fn from(kid: Kid) -> Self {
        kid.0
    }
}

impl Kid {
    const RUN_BITS: u32 = 32;

    fn new(slot: Slot, parent: Option<Id>, run: u32) -> Self {
        let parent = packed(parent);
        let hook = u128::from(slot as u8) << 16 | u128::from(parent.agent);
        Self((hook << 64 | u128::from(parent.seq)) << Self::RUN_BITS | u128::from(run))
    }

    fn run(self) -> u32 {
        self.0 as u32
    }

    fn parent_seq(self) -> u64 {
        (self.0 >> Self::RUN_BITS) as u64
    }

    fn parent(self) -> Id {
        Id {
            agent: (self.0 >> 96) as Agent,
            seq: self.parent_seq(),
        }
    }

    fn slot(self) -> Slot {
        match (self.0 >> 112) as u8 {
            0 => Slot::Left,
            1 => Slot::Before,
            _ => Slot::After,
        }
    }
}

/// Some of the kids, by number.
#[derive(Clone, Copy, Default, Debug)]
struct Kids {
    start: u32,
    end: u32,
}

impl Kids {
    fn first(self) -> Option<u32> {
        (self.start < self.end).then_some(self.start)
    }

    fn take_first(&mut self) -> Option<u32> {
        let first = self.first()?;
        self.start += 1;
        Some(first)
    }

    fn of(self, kids: &[Kid]) -> &[Kid] {
        &kids[self.start as usize..self.end as usize]
    }
}

/// A run on the way through the tree.
struct Visit {
    /// Its number.
    run: u32,
    /// The next of its elements.
    next: u64,
    /// What hangs on the left of its elements; and on the right, before the next in the run.
    left: Kids,
    before: Kids,
    /// What hangs on the right after the next in the run, which comes when the run is at its end: of the
    /// last element first.
    after: Kids,
    /// Those of them that hang on one element.
    group: Kids,
    /// Where its next element is in the items.
    item: u32,
    piece: u32,
    within: u64,
}

/// The runs that are being visited, from the top. In chunks, since it may be as long as there are runs, and
/// what grows in one piece takes thrice its room for a moment.
#[derive(Default)]
struct Way {
    chunks: Vec<Vec<Visit>>,
}

/// Runs of a chunk.
const CHUNK: usize = 256;

impl Way {
    fn push(&mut self, visit: Visit) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(visit),
            None => self.chunks.push(vec![visit]),
        }
    }

    fn last(&mut self) -> Option<&mut Visit> {
        self.chunks.last_mut()?.last_mut()
    }

    fn pop(&mut self) {
        if let Some(last) = self.chunks.last_mut() {
            last.pop();
            if last.is_empty() {
                self.chunks.pop();
            }
        }
    }
}

/// Where the elements of runs came, as they came.
struct Stays {
    all: Vec<Stay>,
}

/// The first element of a run that came into the leaf then.
struct Stay {
    seq: u64,
    run: u32,
    leaf: u32,
}

impl Stays {
    fn note(&mut self, run: u32, seq: u64, leaf: u32) {
        let last = self.all.last();
        if last.is_none_or(|last| (last.run, last.leaf) != (run, leaf)) {
            self.all.push(Stay { seq, run, leaf });
        }
    }

    /// Homes, in order of dot: elements of a run came in order, so it is enough to count those of each run.
    fn homes(self, of_agents: &[&[Planned]], count: usize) -> Homes {
        let mut ends = vec![0_u32; count + 1];
        for stay in &self.all {
            ends[stay.run as usize + 1] += 1;
        }
        for run in 0..count {
            ends[run + 1] += ends[run];
        }
        let mut homes = vec![Home::default(); self.all.len()];
        for Stay { seq, run, leaf } in self.all {
            let end = &mut ends[run as usize];
            homes[*end as usize] = Home { seq, leaf };
            *end += 1;
        }
        let (mut run, mut start) = (0, 0);
        Homes::new(of_agents.iter().map(|runs| {
            run += runs.len();
            let end = ends[run - 1] as usize;
            let own = &homes[std::mem::replace(&mut start, end)..end];
            (own, runs[runs.len() - 1].run.end())
        }))
    }
}

/// Elements of a run that lie together in the items.
struct Part<'a, C> {
    run: u32,
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
    Run(u32),
    Done,
}

impl Plan {
    /// `None` when something hangs on what is not among the items, or on itself. O(n log n).
    pub(super) fn new<C: Content>(items: &[RunItem<C>]) -> Option<Self> {
        let mut agents = Agents::default();
        for of_one in items.chunk_by(|a, b| a.start.replica == b.start.replica) {
            agents.add(of_one[0].start.replica);
        }
        let mut runs: Vec<Planned> = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let start = agents.id(item.start)?;
            // Many more than the codec takes.
            let number = u32::try_from(number).ok()?;
            let parent = match item.parent {
                Some(parent) => Some(agents.id(parent)?),
                None => None,
            };
            let run = Run::new(start.seq, item.len(), parent, item.side, item.minute);
            match runs.last_mut() {
                Some(last) if last.agent == start.agent && run.goes_on(&last.run, start) => {
                    last.run.len += run.len;
                }
                _ => runs.push(Planned {
                    run,
                    agent: start.agent,
                    item: number,
                    kids: [Kids::default(); 3],
                }),
            }
        }
        Self::of(agents, runs)
    }

    fn of(agents: Agents, runs: Vec<Planned>) -> Option<Self> {
        // By slot, which comes first in their order; and last what hangs on the sequence itself.
        let mut parts: [Vec<Kid>; 4] = Default::default();
        for (number, planned) in (0..).zip(&runs) {
            let parent = planned.run.parent();
            let slot = agents.slot_of(planned.run.side, parent, planned.start());
            let part = parent.map_or(3, |_| slot as usize);
            parts[part].push(Kid::new(slot, parent, number));
        }
        let mut kids = Vec::with_capacity(runs.len());
        for mut part in parts {
            ordered::sort_bits(&mut part, Kid::RUN_BITS);
            kids.append(&mut part);
        }
        let mut plan = Self {
            agents,
            runs,
            kids,
            roots: Kids::default(),
        };
        plan.hang()?;
        plan.is_tree().then_some(plan)
    }

    /// Finds what hangs on each run, in one pass for each slot; `None` when something hangs on nothing.
    fn hang(&mut self) -> Option<()> {
        let mut at = 0;
        let mut last = None;
        for (number, kid) in (0..).zip(&self.kids) {
            if last.replace(kid.slot()) != Some(kid.slot()) {
                at = 0;
            }
            let range = match unpacked(kid.parent()) {
                None if kid.slot() == Slot::After => &mut self.roots,
                None => return None,
                Some(parent) => {
                    let is_before = |planned: &Planned| {
                        (planned.agent, planned.run.end()) <= (parent.agent, parent.seq)
                    };
                    while self.runs.get(at).is_some_and(is_before) {
                        at += 1;
                    }
                    let planned = self.runs.get_mut(at)?;
                    if planned.agent != parent.agent || planned.run.seq > parent.seq {
                        return None;
                    }
                    planned.run.is_parent = true;
                    &mut planned.kids[kid.slot() as usize]
                }
            };
            if range.first().is_none() {
                range.start = number;
            }
            range.end = number + 1;
        }
        Some(())
    }

    /// Whether all hangs, in the end, on the sequence itself.
    fn is_tree(&self) -> bool {
        let mut open = vec![self.roots];
        let mut count = 0;
        while let Some(mut kids) = open.pop() {
            // One at a time, and those of a deep one first: no more stand open than the tree is deep.
            let Some(kid) = kids.take_first() else {
                continue;
            };
            if kids.first().is_some() {
                open.push(kids);
            }
            count += 1;
            let planned = &self.runs[self.kids[kid as usize].run() as usize];
            if planned.run.is_parent {
                open.extend(planned.kids.iter().filter(|kids| kids.first().is_some()));
            }
        }
        count == self.runs.len()
    }

    /// Whether the plan has the element.
    pub(super) fn knows(&self, dot: crate::Dot) -> bool {
        let Some(id) = self.agents.id(dot) else {
            return false;
        };
        let place = |planned: &Planned| (planned.agent, planned.run.seq);
        let after = self
            .runs
            .partition_point(|planned| place(planned) <= (id.agent, id.seq));
        let run = after.checked_sub(1).map(|before| &self.runs[before]);
        run.is_some_and(|run| run.agent == id.agent && id.seq < run.run.end())
    }

    /// How many runs there are.
    pub(crate) fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// The sequence, of the items that this was made of; O(n log n).
    pub(super) fn build<C: Content>(self, items: &[RunItem<C>]) -> Sequence<C> {
        let mut builder = Builder::default();
        // Each run has one, and few have more.
        let room = self.runs.len() + self.runs.len() / 8;
        let mut stays = Stays {
            all: Vec::with_capacity(room),
        };
        self.walk(items, |part| {
            let (mut start, mut left) = (part.start, part.len);
            while left > 0 {
                // A span is of one run.
                let is_first = part.is_first && start == part.start;
                let (len, life, max, view) = match part.content {
                    None => (left.min(Span::LEN_MAX), Life::Dead, Span::LEN_MAX, None),
                    Some((content, from)) => {
                        let from = from + (part.len - left) as usize;
                        // No further than a span goes, or all would be looked at for each.
                        let len = left.min(SPAN_MAX) as usize;
                        let (fate, shown) = content.fate(from..from + len);
                        let len = fate as u64;
                        let life = if shown { Life::Shown } else { Life::Hidden };
                        let view = content.view(from..from + len as usize);
                        (len, life, SPAN_MAX, Some(view))
                    }
                };
                let max = if is_first { 0 } else { max };
                builder.push(Span::new(start, len, life), view, max);
                stays.note(part.run, start.seq, builder.leaf());
                (start, left) = (start.plus(len), left - len);
            }
        });
        let index = builder.finish();
        let (runs, homes) = self.hung(stays);
        Sequence {
            runs,
            index,
            homes,
            restored: Vec::new(),
        }
    }

    /// What hangs on what, and where the elements came.
    fn hung(self, stays: Stays) -> (Runs, Homes) {
        let Self {
            agents, runs, kids, ..
        } = self;
        let of_agents = runs.chunk_by(|a, b| a.agent == b.agent);
        let of_agents: Vec<&[Planned]> = of_agents.collect();
        let homes = stays.homes(&of_agents, runs.len());
        let children = Chunks::of(kids.iter().map(|kid| {
            let start = runs[kid.run() as usize].start();
            Listed::new(kid.slot(), unpacked(kid.parent()), start)
        }));
        drop(kids);
        let of = of_agents.iter();
        let of = of.map(|runs| Chunks::of(runs.iter().map(|planned| planned.run)));
        let of = of.collect();
        (Runs::new(agents, of, children), homes)
    }

    /// Gives the elements in reading order.
    fn walk<'a, C: Content>(&self, items: &'a [RunItem<C>], mut give: impl FnMut(Part<'a, C>)) {
        let mut way = Way::default();
        let mut roots = self.roots;
        while let Some(root) = roots.take_first() {
            way.push(self.visit(root));
            while let Some(visit) = way.last() {
                match visit.step(&self.runs[visit.run as usize].run, &self.kids) {
                    Step::Done => way.pop(),
                    Step::Run(kid) => {
                        let mut visit = self.visit(kid);
                        let run = &self.runs[visit.run as usize].run;
                        if run.is_parent {
                            way.push(visit);
                        } else {
                            self.give(items, &mut visit, run.end(), &mut give);
                        }
                    }
                    Step::Elements { upto } => self.give(items, visit, upto, &mut give),
                }
            }
        }
    }

    fn visit(&self, kid: u32) -> Visit {
        let run = self.kids[kid as usize].run();
        let planned = &self.runs[run as usize];
        let [left, before, after] = planned.kids;
        Visit {
            run,
            next: planned.run.seq,
            left,
            before,
            after,
            group: Kids::default(),
            item: planned.item,
            piece: 0,
            within: 0,
        }
    }

    /// Gives elements of a run up to a seq, as they lie in the items.
    fn give<'a, C: Content>(
        &self,
        items: &'a [RunItem<C>],
        visit: &mut Visit,
        upto: u64,
        give: &mut impl FnMut(Part<'a, C>),
    ) {
        let first = self.runs[visit.run as usize].start();
        while visit.next < upto {
            let item = &items[visit.item as usize];
            let Some(piece) = item.pieces.get(visit.piece as usize) else {
                (visit.item, visit.piece) = (visit.item + 1, 0);
                continue;
            };
            let len = (piece.len - visit.within).min(upto - visit.next);
            let start = Id {
                seq: visit.next,
                ..first
            };
            let content = piece.content.as_ref();
            give(Part {
                run: visit.run,
                start,
                len,
                is_first: start == first,
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
    fn step(&mut self, run: &Run, kids: &[Kid]) -> Step {
        if let Some(kid) = self.group.take_first() {
            return Step::Run(kid);
        }
        let seq_of = |kid: u32| kids[kid as usize].parent_seq();
        let mut upto = run.end();
        if let Some(seq) = self.before.first().map(seq_of) {
            if seq < self.next {
                return Step::Run(self.before.take_first().expect("there is one"));
            }
            upto = seq + 1;
        }
        if let Some(seq) = self.left.first().map(seq_of) {
            if seq == self.next {
                return Step::Run(self.left.take_first().expect("there is one"));
            }
            upto = upto.min(seq);
        }
        if self.next < upto {
            return Step::Elements { upto };
        }
        // The run is at its end.
        let after = self.after.of(kids);
        let Some(last) = after.last() else {
            return Step::Done;
        };
        let on_it = after.iter().rev();
        let on_it = on_it.take_while(|kid| kid.parent_seq() == last.parent_seq());
        let start = self.after.end - on_it.count() as u32;
        self.group = Kids {
            start,
            end: self.after.end,
        };
        self.after.end = start;
        let first = self.group.take_first();
        Step::Run(first.expect("an element that is named has children"))
    }
}
