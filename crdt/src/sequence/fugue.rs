//! The tree: what hangs on what, and where that is in reading order.

use crate::plain::plain;
use std::cmp::Ordering;

use super::chunks::{At, Chunks};
use super::link::{hook, Listed, Run, RunLink, Slot};
use crate::id::{Agent, Agents, Id};
use crate::sequence::run::Side;
use crate::{Dot, DotRun, Minute, ReplicaId};

/// The element beside which another belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Neighbour {
    /// At the very start.
    Start,
    /// Right before this element.
    Before(Id),
    /// Right after this element.
    After(Id),
    /// At the very end.
    End,
}

/// A way through the tree to the neighbour of a new element, one step at a time.
#[derive(Clone, Copy, Debug)]
enum Walk {
    /// Down to the last element of the tree under this one.
    Last(Id),
    /// Down to the first.
    First(Id),
    /// Up to what comes before the tree under this one.
    Before(Id),
    /// Up to what comes after it.
    After(Id),
    Done(Neighbour),
}

/// All runs, by replica and by what they hang on.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Runs {
    pub(super) agents: Agents,
    /// By number of replica, in order of seq.
    of: Vec<Chunks<Run>>,
    /// In order of hook, then of child.
    children: Chunks<Listed>,
}

impl Runs {
    fn compare(&self, a: Id, b: Id) -> Ordering {
        self.agents.compare(a, b)
    }

    fn slot_of(&self, side: Side, parent: Option<Id>, start: Id) -> Slot {
        self.agents.slot_of(side, parent, start)
    }

    fn runs(&self, agent: Agent) -> Option<&Chunks<Run>> {
        self.of.get(usize::from(agent))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.children.last().is_none()
    }

    /// When the element was inserted.
    pub(super) fn minute_of(&self, dot: Dot) -> Option<Minute> {
        Some(self.find(self.agents.id(dot)?)?.1.minute)
    }

    /// Whether a run starts with this element; `near` is where the last one was found.
    pub(super) fn is_start(&self, id: Id, near: &mut At) -> bool {
        let last = self.runs(id.agent).and_then(|runs| runs.get(*near));
        let has_it = |run: &&Run| run.seq <= id.seq && id.seq < run.end();
        let found = last.filter(has_it).or_else(|| {
            let (at, run) = self.find(id)?;
            *near = at;
            Some(run)
        });
        found.is_some_and(|run| run.seq == id.seq)
    }

    /// The run that has this element; O(log runs).
    pub(super) fn find(&self, id: Id) -> Option<(At, &Run)> {
        let runs = self.runs(id.agent)?;
        // What was typed last is asked for most.
        let last = runs.last().filter(|run| run.seq <= id.seq);
        let found = match last {
            Some(last) => (runs.last_at()?, last),
            None => runs.last_before(|run| run.seq <= id.seq)?,
        };
        Some(found).filter(|(_, run)| id.seq < run.end())
    }

    fn run(&self, id: Id) -> &Run {
        self.find(id).expect("the element is in the sequence").1
    }

    /// The dots of the run that has this element; O(log runs).
    pub(super) fn run_of(&self, dot: Dot) -> Option<DotRun> {
        let (_, run) = self.find(self.agents.id(dot)?)?;
        Some(DotRun {
            start: Dot::new(dot.replica, run.seq),
            len: run.len,
        })
    }

    /// Every run, in order of dot.
    pub(super) fn all(&self) -> impl Iterator<Item = DotRun> + '_ {
        plain(self.agents.in_order().flat_map(|agent| {
            let replica = self.agents.replica(agent);
            let runs = self.runs(agent).into_iter().flat_map(Chunks::iter);
            runs.map(move |run| DotRun {
                start: Dot::new(replica, run.seq),
                len: run.len,
            })
        }))
    }

    /// When each was inserted.
    pub(super) fn minutes(&self) -> impl Iterator<Item = Minute> + '_ {
        let runs = self.of.iter().flat_map(Chunks::iter);
        plain(runs.map(|run| run.minute))
    }

    /// The last run of a replica.
    #[inline]
    pub(super) fn last_of(&self, agent: Agent) -> Option<&Run> {
        self.runs(agent)?.last()
    }

    /// Makes the last run of a replica longer.
    #[inline]
    pub(super) fn lengthen_last(&mut self, agent: Agent, by: u64) {
        let runs = &mut self.of[usize::from(agent)];
        let at = runs.last_at().expect("the replica has a run");
        runs.update(at, |run| run.len += by);
    }

    /// Adds a run, or makes the one longer that it goes on from.
    pub(super) fn insert(&mut self, run: &RunLink) {
        let agent = self.agents.add(run.dots.start.replica);
        if self.of.len() <= usize::from(agent) {
            let more = usize::from(agent) + 1;
            self.of.resize_with(more, Chunks::default);
        }
        let start = Id {
            agent,
            seq: run.dots.start.seq,
        };
        let known = |dot| self.agents.id(dot).expect("the parent is in the sequence");
        let parent = run.parent.map(known);
        if let Some(parent) = parent {
            let (at, before) = self.find(parent).expect("the parent is there");
            let goes_on = run.side == Side::Right
                && parent.plus(1) == start
                && before.end() == start.seq
                && before.minute == run.minute;
            let runs = &mut self.of[usize::from(parent.agent)];
            if goes_on {
                runs.update(at, |before| before.len += run.dots.len);
                return;
            }
            runs.update(at, |run| run.is_parent = true);
        }
        let new = Run::new(start.seq, run.dots.len, parent, run.side, run.minute);
        let runs = &mut self.of[usize::from(agent)];
        runs.insert(runs.first_not(|run| run.seq < start.seq), new);
        let listed = Listed::new(self.slot_of(run.side, parent, start), parent, start);
        self.children.insert(self.listed_at(&listed), listed);
    }

    /// Of each replica, by number, its runs; and all of them as children, in order.
    pub(super) fn new(agents: Agents, of: Vec<Chunks<Run>>, children: Chunks<Listed>) -> Self {
        Self {
            agents,
            of,
            children,
        }
    }

    /// Where a child is listed, or would be.
    fn listed_at(&self, new: &Listed) -> At {
        let place = new.place();
        self.children.first_not(|listed| {
            let other = listed.place();
            other < place || other == place && self.compare(listed.child(), new.child()).is_lt()
        })
    }

    /// Drops elements that nothing hangs on but other dropped ones: each run loses its end, or all.
    pub(super) fn drop_run(&mut self, run: DotRun) {
        let Some(agent) = self.agents.find(run.start.replica) else {
            return;
        };
        let (seq, end) = (run.start.seq, run.start.seq + run.len);
        loop {
            let runs = &mut self.of[usize::from(agent)];
            let last = runs.last_before(|run| run.seq < end);
            let Some((at, &whole)) = last.filter(|(_, run)| run.end() > seq) else {
                return;
            };
            if whole.seq < seq {
                runs.update(at, |run| run.len = seq - run.seq);
                return;
            }
            runs.remove(at);
            let start = Id {
                agent,
                seq: whole.seq,
            };
            let slot = self.slot_of(whole.side, whole.parent(), start);
            let listed = Listed::new(slot, whole.parent(), start);
            let at = self.children.item_at(self.listed_at(&listed));
            debug_assert_eq!(self.children.get(at), Some(&listed), "every run is a child");
            self.children.remove(at);
        }
    }

    /// The runs with dots from `first` to `last`, cut to that range, in order of dot.
    pub(super) fn between(
        &self,
        replica: ReplicaId,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = RunLink> + '_ {
        let runs = self.agents.find(replica).and_then(|agent| self.runs(agent));
        let runs = runs.into_iter().flat_map(move |runs| {
            let at = runs.first_not(|run| run.end() <= first);
            runs.iter_from(at).take_while(move |run| run.seq <= last)
        });
        plain(runs.map(move |run| {
            let from = first.max(run.seq);
            self.link(replica, run, from, run.end().min(last + 1) - from)
        }))
    }

    /// These elements, if they are all of one run; O(log runs).
    pub(super) fn part_of(&self, dots: DotRun) -> Option<RunLink> {
        let (_, run) = self.find(self.agents.id(dots.start)?)?;
        let Dot { replica, seq } = dots.start;
        (dots.end() <= run.end()).then(|| self.link(replica, run, seq, dots.len))
    }

    /// A part of a run of this replica.
    fn link(&self, replica: ReplicaId, run: &Run, from: u64, len: u64) -> RunLink {
        let start = Dot::new(replica, from);
        let (parent, side) = if from == run.seq {
            let parent = run.parent().map(|parent| self.agents.dot(parent));
            (parent, run.side)
        } else {
            (Some(Dot::new(replica, from - 1)), Side::Right)
        };
        RunLink {
            dots: DotRun { start, len },
            parent,
            side,
            minute: run.minute,
        }
    }

    /// The next element of the same run, which is this one's right child.
    fn continuation(&self, id: Id) -> Option<Id> {
        let (_, run) = self.find(id)?;
        (id.seq + 1 < run.end()).then(|| id.plus(1))
    }

    /// The children that hang on one hook, in order.
    fn children(&self, slot: Slot, parent: Option<Id>) -> impl Iterator<Item = Id> + '_ {
        let hook = hook(slot, parent);
        let at = self.children.first_not(|listed| listed.place() < hook);
        let listed = self.children.iter_from(at);
        plain(
            listed
                .take_while(move |listed| listed.place() == hook)
                .map(Listed::child),
        )
    }

    fn first_child(&self, slot: Slot, parent: Option<Id>) -> Option<Id> {
        self.children(slot, parent).next()
    }

    fn last_child(&self, slot: Slot, parent: Option<Id>) -> Option<Id> {
        let hook = hook(slot, parent);
        let (_, listed) = self.children.last_before(|listed| listed.place() <= hook)?;
        (listed.place() == hook).then(|| listed.child())
    }

    /// Whether an element has a right child, alive or not; O(log runs), mostly O(1).
    pub(super) fn has_right(&self, left: Option<Id>) -> bool {
        if let Some(left) = left {
            let run = self.run(left);
            if left.seq + 1 < run.end() {
                return true;
            }
            if !run.is_parent {
                return false;
            }
        }
        self.first_child(Slot::Before, left).is_some()
            || self.first_child(Slot::After, left).is_some()
    }

    /// What a new element between two needed neighbours hangs on: the left one if it has no needed
    /// right descendant yet, else, on the left, the first element after it that is needed or has
    /// needed descendants (Fugue, Algorithm 1, with the tree of the needed and their ancestors).
    /// O(log runs) when typing; else O(depth of the right neighbour in runs).
    pub(super) fn anchor(&self, left: Option<Id>, right: Option<Id>) -> (Option<Id>, Side) {
        let Some(right) = right.filter(|_| self.has_right(left)) else {
            return (left, Side::Right);
        };
        // Climbs from the right neighbour. If that meets the left one, the neighbour is among its
        // right descendants, and of the path between them the topmost element that is followed by
        // a step to the right is the first in reading order.
        let (mut at, mut first) = (right, right);
        loop {
            let run = self.run(at);
            if let Some(left) = left.filter(|left| left.agent == at.agent) {
                if left.seq >= run.seq && left.seq < at.seq {
                    let top = left.plus(1);
                    return (Some(if top == at { first } else { top }), Side::Left);
                }
                if run.seq < left.seq {
                    // A replica's elements hang on older ones of its own.
                    return (Some(left), Side::Right);
                }
            }
            if run.seq != at.seq {
                first = Id { seq: run.seq, ..at };
            }
            if run.parent() == left && run.side == Side::Right {
                return (Some(first), Side::Left);
            }
            let Some(parent) = run.parent() else {
                return (left, Side::Right);
            };
            if run.side == Side::Right {
                first = parent;
            }
            at = parent;
        }
    }

    /// Where a run that is not here yet belongs; its parent is here.
    ///
    /// Its neighbours on both sides are looked for in turns, and one is enough. A deep tree is so
    /// walked for one element that comes into its midst, and cut in two there: O(log runs) amortised
    /// over all insertions, whoever chooses them, times O(log runs) for a step.
    pub(super) fn place(&self, start: Id, parent: Option<Id>, side: Side) -> Neighbour {
        let mut left = match (self.sibling_before(start, parent, side), side, parent) {
            (Some(sibling), ..) => Walk::Last(sibling),
            (None, Side::Right, Some(parent)) => Walk::Done(Neighbour::After(parent)),
            (None, Side::Left, Some(parent)) => Walk::Before(parent),
            (None, _, None) => Walk::Done(Neighbour::Start),
        };
        // Mostly it stands at the end of a run that nothing hangs on.
        left = self.step(left);
        if let Walk::Done(found) = left {
            return found;
        }
        let mut right = match (self.sibling_after(start, parent, side), side, parent) {
            (Some(sibling), ..) => Walk::First(sibling),
            (None, Side::Left, Some(parent)) => Walk::Done(Neighbour::Before(parent)),
            (None, Side::Right, Some(parent)) => Walk::After(parent),
            (None, _, None) => Walk::Done(Neighbour::End),
        };
        loop {
            if let Walk::Done(found) = left {
                return found;
            }
            if let Walk::Done(found) = right {
                return found;
            }
            (left, right) = (self.step(left), self.step(right));
        }
    }

    fn step(&self, walk: Walk) -> Walk {
        match walk {
            Walk::Done(_) => walk,
            Walk::First(id) => match self.first_child(Slot::Left, Some(id)) {
                Some(first) => Walk::First(first),
                None => Walk::Done(Neighbour::Before(id)),
            },
            Walk::Last(id) => self.step_to_last(id),
            Walk::Before(id) => {
                let (parent, side) = self.parent(id);
                match (self.sibling_before(id, parent, side), side, parent) {
                    (Some(sibling), ..) => Walk::Last(sibling),
                    (None, Side::Right, Some(parent)) => Walk::Done(Neighbour::After(parent)),
                    (None, Side::Left, Some(parent)) => Walk::Before(parent),
                    (None, _, None) => Walk::Done(Neighbour::Start),
                }
            }
            Walk::After(id) => self.step_after(id),
        }
    }

    /// Along the run to its end, unless one of its elements has a right child after the next in it.
    fn step_to_last(&self, id: Id) -> Walk {
        let run = self.run(id);
        let end = Id {
            seq: run.end() - 1,
            ..id
        };
        if !run.is_parent {
            return Walk::Done(Neighbour::After(end));
        }
        let from = hook(Slot::After, Some(id));
        let at = self.children.first_not(|listed| listed.place() < from);
        let along = self.child_at(at);
        let along = along.filter(|listed| listed.place() <= hook(Slot::After, Some(end)));
        let turn = match along {
            Some(listed) => self.last_child(Slot::After, Some(listed.parent())),
            None => self.last_child(Slot::Before, Some(end)),
        };
        turn.map_or(Walk::Done(Neighbour::After(end)), Walk::Last)
    }

    /// Back along the run to the first element that has a right child after the next in it, or out
    /// of the run.
    fn step_after(&self, id: Id) -> Walk {
        let run = self.run(id);
        let start = Id { seq: run.seq, ..id };
        if id != start && run.is_parent {
            let before = Id {
                seq: id.seq - 1,
                ..id
            };
            let upto = hook(Slot::After, Some(before));
            let along = self.children.last_before(|listed| listed.place() <= upto);
            let along =
                along.filter(|(_, listed)| listed.place() >= hook(Slot::After, Some(start)));
            let turn =
                along.and_then(|(_, listed)| self.first_child(Slot::After, Some(listed.parent())));
            if let Some(first) = turn {
                return Walk::First(first);
            }
        }
        let (parent, side) = (run.parent(), run.side);
        match (self.sibling_after(start, parent, side), side, parent) {
            (Some(sibling), ..) => Walk::First(sibling),
            (None, Side::Left, Some(parent)) => Walk::Done(Neighbour::Before(parent)),
            (None, Side::Right, Some(parent)) => Walk::After(parent),
            (None, _, None) => Walk::Done(Neighbour::End),
        }
    }

    /// What an element that is here hangs on.
    fn parent(&self, id: Id) -> (Option<Id>, Side) {
        let run = self.run(id);
        if run.seq == id.seq {
            return (run.parent(), run.side);
        }
        let before = Id {
            seq: id.seq - 1,
            ..id
        };
        (Some(before), Side::Right)
    }

    fn child_at(&self, at: At) -> Option<Listed> {
        self.children.iter_from(at).next().copied()
    }

    /// The greatest of the siblings that an element has or would have on this side with a lesser dot.
    fn sibling_before(&self, id: Id, parent: Option<Id>, side: Side) -> Option<Id> {
        let slot = self.slot_of(side, parent, id);
        let new = Listed::new(slot, parent, id);
        let before = self.children.prev(self.listed_at(&new));
        let listed = before.and_then(|at| self.children.get(at));
        let listed = listed.filter(|listed| listed.place() == new.place());
        let listed = listed.map(Listed::child);
        if slot != Slot::After {
            return listed;
        }
        let next = || {
            let next = self.continuation(parent?)?;
            self.compare(next, id).is_lt().then_some(next)
        };
        listed
            .or_else(next)
            .or_else(|| self.last_child(Slot::Before, parent))
    }

    /// The least of those with a greater dot.
    fn sibling_after(&self, id: Id, parent: Option<Id>, side: Side) -> Option<Id> {
        let slot = self.slot_of(side, parent, id);
        let new = Listed::new(slot, parent, id);
        let mut after = self.children.iter_from(self.listed_at(&new));
        let listed = after.find(|listed| listed.child() != id);
        let listed = listed.filter(|listed| listed.place() == new.place());
        let listed = listed.map(Listed::child);
        if slot != Slot::Before {
            return listed;
        }
        listed
            .or_else(|| self.continuation(parent?))
            .or_else(|| self.first_child(Slot::After, parent))
    }

    /// Checks that runs and children say the same.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_invariants(&self) {
        for listed in self.children.iter() {
            let (child, parent) = (listed.child(), super::link::unpacked(listed.parent()));
            let run = self.run(child);
            assert_eq!(run.seq, child.seq);
            assert_eq!(run.parent(), parent);
            assert_eq!(self.slot_of(run.side, parent, child), listed.slot);
            assert!(parent.is_none_or(|parent| self.run(parent).is_parent));
            let before = parent.filter(|p| listed.slot != Slot::Left && p.plus(1) == child);
            assert!(
                before.is_none_or(|before| self.continuation(before).is_some()
                    || self.run(before).minute != run.minute),
                "a run is as long as it can be"
            );
        }
        let all = self.children.iter().zip(self.children.iter().skip(1));
        for (a, b) in all {
            let order = a.place().cmp(&b.place());
            let order = order.then_with(|| self.compare(a.child(), b.child()));
            assert!(order.is_lt(), "children are in order");
        }
        let count: usize = self.of.iter().map(Chunks::len).sum();
        assert_eq!(count, self.children.len(), "every run is a child once");
    }
}
