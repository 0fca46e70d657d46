//! A sequence from nothing: all runs at once, in linear time but for sorting.
//!
//! The runs come in order of dot. What hangs on each is sorted out first; then one walk through the tree
//! gives the elements in reading order, and leaves are filled one after the other. A run at a time would
//! look for its place, cut a span in two, and move what is beside it.

use std::borrow::Cow;
use std::iter::Peekable;

use super::chunks::Chunks;
use super::content::Content;
use super::fugue::Runs;
use super::homes::{Home, Homes};
use super::index::{Builder, Index};
use super::link::{Listed, Run, Slot};
use super::run::Side;
use super::span::{Life, Span};
use super::table::{Columns, Head};
use super::{Sequence, SPAN_MAX};
use crate::id::{Agent, Agents, Id};
use crate::ordered;

/// A sequence that was built to be checked, and takes the place of an empty one.
pub(crate) type Built<C> = Box<Sequence<C>>;

/// The sequence of these runs; `None` when something hangs on what is not among them, or on itself. O(n log n).
pub(super) fn build<C: Content>(items: &Columns<'_, C>) -> Option<Sequence<C>> {
    let plan = Plan::new(items)?;
    let (index, homes) = walk(items, &plan)?;
    Some(Sequence {
        runs: plan.into_runs(),
        index,
        homes,
        ..Sequence::default()
    })
}

/// The elements in reading order, and in which leaves they are; `None` when some are not reached.
fn walk<C: Content>(items: &Columns<'_, C>, plan: &Plan<'_>) -> Option<(Index<C>, Homes)> {
    let mut build = Build {
        items,
        plan,
        leaves: Builder::default(),
        stays: Stays::new(plan.heads.len()),
        visited: 0,
    };
    build.walk();
    // What is not reached hangs, in the end, on itself.
    let all = build.visited == plan.heads.len();
    all.then(|| (build.leaves.finish(), build.stays.homes(plan)))
}

/// All runs of a sequence and what hangs on what, before its elements are in order.
struct Plan<'a> {
    agents: Agents,
    /// In order of dot. None is the rest of the one before.
    heads: Cow<'a, [Head]>,
    /// What is looked at of each run on the way; and one after the last, which says where the kids of that end.
    runs: Vec<Planned>,
    /// In the order of [`Runs`]: those that hang on the sequence itself come last.
    kids: Vec<Kid>,
    roots: Kids,
    children: Chunks<Listed>,
}

/// What is looked at of a run on the way through the tree, in as few bytes as can be: it is not in the order of
/// the way that runs lie in memory.
#[derive(Clone, Copy)]
struct Planned {
    seq: u64,
    len: u32,
    /// The first of the kids of each slot; they end where those of the next run begin.
    kids: [u32; 3],
    /// Where the content begins of what is all alive.
    at: u32,
    agent: Agent,
    shape: Shape,
    is_parent: bool,
}

/// What a run is made of.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Alive,
    Dead,
    Pieces,
}

impl Planned {
    fn start(&self) -> Id {
        Id {
            agent: self.agent,
            seq: self.seq,
        }
    }
}

/// A run as a child.
#[derive(Clone, Copy)]
struct Kid {
    run: u32,
    /// On which element of a run it hangs.
    on: u32,
}

/// A run and what it hangs on, to be sorted by that.
#[derive(Clone, Copy)]
struct Hung {
    parent_seq: u64,
    run: u32,
    parent_agent: Agent,
    slot: Slot,
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
}

/// A run on the way through the tree.
struct Visit {
    /// Its number.
    run: u32,
    /// The next of its elements.
    next: u32,
    /// What hangs on the left of its elements; and on the right, before the next in the run.
    left: Kids,
    before: Kids,
    /// What hangs on the right after the next in the run, which comes when the run is at its end: of the
    /// last element first.
    after: Kids,
    /// Those of them that hang on one element.
    group: Kids,
    place: Within,
}

/// Where the next element of a run is in the items.
#[derive(Clone, Copy)]
struct Within {
    piece: u32,
    /// How many elements of the piece come before it.
    skip: u32,
    /// Where its content is.
    at: usize,
    /// The leaf that the element before it came into.
    leaf: u32,
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

/// In which leaves the elements of runs came.
struct Stays {
    /// That of the first element of each run.
    first: Vec<u32>,
    /// Those of others, where it is another: the run, the first element that is there, and the leaf. Elements of
    /// a run come in order.
    more: Vec<(u32, Home)>,
}

/// No leaf.
const NONE: u32 = u32::MAX;

impl Stays {
    fn new(runs: usize) -> Self {
        Self {
            first: vec![NONE; runs],
            more: Vec::new(),
        }
    }

    fn note(&mut self, run: u32, seq: u64, place: &mut Within, leaf: u32) {
        match std::mem::replace(&mut place.leaf, leaf) {
            same if same == leaf => {}
            NONE => self.first[run as usize] = leaf,
            _ => self.more.push((run, Home { seq, leaf })),
        }
    }

    /// Homes, in order of dot.
    fn homes(mut self, plan: &Plan<'_>) -> Homes {
        ordered::sort_by_key(&mut self.more, |&(run, _)| run);
        let mut more = self.more.iter().peekable();
        let heads = (0..).zip(&*plan.heads).zip(&self.first);
        let mut runs = heads.peekable();
        Homes::new(std::iter::from_fn(|| {
            let ((_, first), _) = runs.peek()?;
            let replica = first.start.replica;
            let (mut homes, mut end) = (Vec::new(), 0);
            while let Some(((run, head), &leaf)) =
                runs.next_if(|((_, head), _)| head.start.replica == replica)
            {
                let seq = head.start.seq;
                // Neighbours in one leaf have one home.
                if homes.last().is_none_or(|last: &Home| last.leaf != leaf) {
                    homes.push(Home { seq, leaf });
                }
                while let Some((_, home)) = more.next_if(|&&(other, _)| other == run) {
                    homes.push(*home);
                }
                end = head.dots().end();
            }
            Some((homes, end))
        }))
    }
}

/// Whether a run is the rest of the one before.
fn goes_on(before: &Head, run: &Head) -> bool {
    let last = before.start.plus(before.len - 1);
    run.parent() == Some(last)
        && run.side == Side::Right
        && run.start == last.plus(1)
        && run.minute == before.minute
}

impl<'a> Plan<'a> {
    /// `None` when something hangs on nothing, and of a run that is longer than what bytes can hold of its elements.
    fn new<C: Content>(items: &'a Columns<'a, C>) -> Option<Self> {
        let heads = joined(&items.heads);
        let mut agents = Agents::default();
        let mut runs = Vec::with_capacity(heads.len() + 1);
        for of_one in heads.chunk_by(|a, b| a.start.replica == b.start.replica) {
            let agent = agents.add(of_one[0].start.replica);
            for head in of_one {
                let piece = items.pieces[head.piece as usize];
                let shape = match piece.is_alive() {
                    _ if piece.len() < head.len => Shape::Pieces,
                    true => Shape::Alive,
                    false => Shape::Dead,
                };
                runs.push(Planned {
                    seq: head.start.seq,
                    len: u32::try_from(head.len).ok()?,
                    kids: [0; 3],
                    at: head.at,
                    agent,
                    shape,
                    is_parent: false,
                });
            }
        }
        let mut plan = Self {
            agents,
            heads,
            runs,
            kids: Vec::new(),
            roots: Kids::default(),
            children: Chunks::default(),
        };
        plan.hang()?;
        Some(plan)
    }

    /// Finds what hangs on each run, in one pass for each slot; `None` when something hangs on nothing.
    fn hang(&mut self) -> Option<()> {
        let mut hung = Vec::with_capacity(self.heads.len());
        let mut roots = Vec::new();
        for ((run, head), planned) in (0..).zip(&*self.heads).zip(&self.runs) {
            let Some(parent) = head.parent() else {
                roots.push(run);
                continue;
            };
            let parent = self.agents.id(parent)?;
            let slot = self
                .agents
                .slot_of(head.side, Some(parent), planned.start());
            hung.push(Hung {
                parent_seq: parent.seq,
                run,
                parent_agent: parent.agent,
                slot,
            });
        }
        // What is equal keeps its order, which is that of the dots: so are the children of one element.
        ordered::sort_bits(&mut hung, |hung| hung.parent_seq);
        ordered::sort_bits(&mut hung, |hung| {
            (hung.slot as u64) << 16 | u64::from(hung.parent_agent)
        });
        self.list(&hung, &roots);
        self.kids.reserve_exact(self.heads.len());
        let mut hung = hung.iter().peekable();
        for slot in [Slot::Left, Slot::Before, Slot::After] {
            self.hang_in(slot, &mut hung);
        }
        // What is left hangs on what is between two runs, or before or after all.
        if hung.next().is_some() {
            return None;
        }
        let start = self.kids.len() as u32;
        let roots = roots.into_iter().map(|run| Kid { run, on: 0 });
        self.kids.extend(roots);
        let end = self.kids.len() as u32;
        self.roots = Kids { start, end };
        // The kids of the last run end where the next slot begins.
        let ends = [1, 2].map(|slot| self.runs.first().map_or(0, |run| run.kids[slot]));
        self.runs.push(Planned {
            seq: 0,
            len: 0,
            kids: [ends[0], ends[1], start],
            at: 0,
            agent: Agent::MAX,
            shape: Shape::Dead,
            is_parent: false,
        });
        Some(())
    }

    fn hang_in(&mut self, slot: Slot, hung: &mut Peekable<std::slice::Iter<'_, Hung>>) {
        for run in &mut self.runs {
            let &mut Planned {
                seq, len, agent, ..
            } = run;
            let is_here = |hung: &&Hung| {
                (hung.slot, hung.parent_agent) == (slot, agent)
                    && hung.parent_seq.wrapping_sub(seq) < u64::from(len)
            };
            run.kids[slot as usize] = self.kids.len() as u32;
            while let Some(hung) = hung.next_if(is_here) {
                let on = (hung.parent_seq - seq) as u32;
                self.kids.push(Kid { run: hung.run, on });
                run.is_parent = true;
            }
        }
    }

    /// Lists all runs as children.
    fn list(&mut self, hung: &[Hung], roots: &[u32]) {
        let hung = hung.iter().map(|hung| {
            let parent = Id {
                agent: hung.parent_agent,
                seq: hung.parent_seq,
            };
            (hung.slot, Some(parent), hung.run)
        });
        let roots = roots.iter().map(|&run| (Slot::After, None, run));
        let runs = &self.runs;
        let all = hung.chain(roots).map(|(slot, parent, run)| {
            let child = runs[run as usize].start();
            Listed::new(slot, parent, child)
        });
        self.children = Chunks::of(all);
    }

    fn kids_of(&self, run: u32, slot: Slot) -> Kids {
        let (run, slot) = (run as usize, slot as usize);
        Kids {
            start: self.runs[run].kids[slot],
            end: self.runs[run + 1].kids[slot],
        }
    }

    /// What hangs on what.
    fn into_runs(self) -> Runs {
        let agents = &self.agents;
        let mut all = self.heads.iter().zip(&self.runs).map(|(head, planned)| {
            let parent = head.parent().and_then(|parent| agents.id(parent));
            let mut run = Run::new(head.start.seq, head.len, parent, head.side, head.minute);
            run.is_parent = planned.is_parent;
            run
        });
        let of_agents = self
            .heads
            .chunk_by(|a, b| a.start.replica == b.start.replica);
        let of = of_agents.map(|heads| {
            let runs = (0..heads.len()).map(|_| all.next().expect("a run for each head"));
            Chunks::of(runs)
        });
        let mut of: Vec<_> = of.collect();
        // Mostly there is one, and room for four was made.
        of.shrink_to_fit();
        Runs::new(self.agents, of, self.children)
    }
}

/// Runs that are as long as they can be.
fn joined(heads: &[Head]) -> Cow<'_, [Head]> {
    if !heads.windows(2).any(|pair| goes_on(&pair[0], &pair[1])) {
        return Cow::Borrowed(heads);
    }
    let mut joined: Vec<Head> = Vec::with_capacity(heads.len());
    for head in heads {
        match joined.last_mut() {
            Some(last) if goes_on(last, head) => last.len += head.len,
            _ => joined.push(*head),
        }
    }
    Cow::Owned(joined)
}

/// On the way through the tree, with what came so far.
struct Build<'a, C: Content> {
    items: &'a Columns<'a, C>,
    plan: &'a Plan<'a>,
    leaves: Builder<'a, C>,
    stays: Stays,
    /// How many runs were reached.
    visited: usize,
}

/// What comes next in reading order.
enum Step {
    /// Elements of the run that is visited.
    Elements {
        upto: u32,
    },
    /// A run that hangs on it.
    Run(u32),
    Done,
}

impl<C: Content> Build<'_, C> {
    /// Puts all elements into leaves, in reading order.
    fn walk(&mut self) {
        let plan = self.plan;
        let mut way = Way::default();
        let mut roots = plan.roots;
        while let Some(root) = roots.take_first() {
            way.push(self.visit(root));
            while let Some(visit) = way.last() {
                match visit.step(plan) {
                    Step::Done => way.pop(),
                    Step::Run(kid) => {
                        let mut visit = self.visit(kid);
                        let run = &plan.runs[visit.run as usize];
                        if run.is_parent {
                            way.push(visit);
                        } else {
                            self.put(&mut visit, run.len);
                        }
                    }
                    Step::Elements { upto } => self.put(visit, upto),
                }
            }
        }
    }

    fn visit(&mut self, kid: u32) -> Visit {
        self.visited += 1;
        let run = self.plan.kids[kid as usize].run;
        let planned = &self.plan.runs[run as usize];
        let mut place = Within {
            piece: 0,
            skip: 0,
            at: planned.at as usize,
            leaf: NONE,
        };
        if planned.shape == Shape::Pieces {
            place.piece = self.plan.heads[run as usize].piece;
        }
        let [left, before, after] = if planned.is_parent {
            [Slot::Left, Slot::Before, Slot::After].map(|slot| self.plan.kids_of(run, slot))
        } else {
            [Kids::default(); 3]
        };
        Visit {
            run,
            next: 0,
            left,
            before,
            after,
            group: Kids::default(),
            place,
        }
    }

    /// Puts elements of a run up to one, span by span.
    fn put(&mut self, visit: &mut Visit, upto: u32) {
        let run = self.plan.runs[visit.run as usize];
        while visit.next < upto {
            let place = &mut visit.place;
            let (is_alive, left) = match run.shape {
                Shape::Alive => (true, upto - visit.next),
                Shape::Dead => (false, upto - visit.next),
                Shape::Pieces => {
                    let piece = self.items.pieces[place.piece as usize];
                    // A piece is no longer than its run.
                    let left = piece.len() as u32 - place.skip;
                    (piece.is_alive(), left.min(upto - visit.next))
                }
            };
            let start = run.start().plus(visit.next.into());
            let (len, life, max, view) = if is_alive {
                // No further than a span goes, or all would be looked at for each.
                let content = &*self.items.content;
                let (len, shown) = content.fate_from(place.at, left.min(SPAN_MAX as u32) as usize);
                let life = if shown { Life::Shown } else { Life::Hidden };
                let view = content.view_from(place.at, len);
                place.at += C::raw_len(view);
                (len as u32, life, SPAN_MAX, Some(view))
            } else {
                (left, Life::Dead, Span::LEN_MAX, None)
            };
            // A span is of one run.
            let max = if visit.next == 0 { 0 } else { max };
            self.leaves
                .push(Span::new(start, len.into(), life), view, max);
            self.stays
                .note(visit.run, start.seq, place, self.leaves.leaf());
            visit.next += len;
            place.skip += len;
            if run.shape == Shape::Pieces
                && u64::from(place.skip) == self.items.pieces[place.piece as usize].len()
            {
                (place.piece, place.skip) = (place.piece + 1, 0);
            }
        }
    }
}

impl Visit {
    fn step(&mut self, plan: &Plan<'_>) -> Step {
        if let Some(kid) = self.group.take_first() {
            return Step::Run(kid);
        }
        let on = |kid: u32| plan.kids[kid as usize].on;
        let mut upto = plan.runs[self.run as usize].len;
        if let Some(on) = self.before.first().map(on) {
            if on < self.next {
                return Step::Run(self.before.take_first().expect("there is one"));
            }
            upto = on + 1;
        }
        if let Some(on) = self.left.first().map(on) {
            if on == self.next {
                return Step::Run(self.left.take_first().expect("there is one"));
            }
            upto = upto.min(on);
        }
        if self.next < upto {
            return Step::Elements { upto };
        }
        // The run is at its end.
        let Kids { start, end } = self.after;
        let Some(last) = end.checked_sub(1).filter(|&last| last >= start) else {
            return Step::Done;
        };
        let on_it = (start..last).rev();
        let on_it = on_it.take_while(|&kid| on(kid) == on(last));
        let start = last - on_it.count() as u32;
        self.group = Kids { start, end };
        self.after.end = start;
        let first = self.group.take_first();
        Step::Run(first.expect("an element that is named has children"))
    }
}
