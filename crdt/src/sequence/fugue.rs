//! The tree: what hangs on what, and where that is in reading order.

use std::collections::{BTreeMap, BTreeSet};

use crate::sequence::run::Side;
use crate::{Dot, DotRun, Minute, ReplicaId};

/// The element beside which another belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Neighbour {
    /// At the very start.
    Start,
    /// Right before this element.
    Before(Dot),
    /// Right after this element.
    After(Dot),
    /// At the very end.
    End,
}

/// A way through the tree to the neighbour of a new element, one step at a time.
#[derive(Clone, Copy, Debug)]
enum Walk {
    /// Down to the last element of the tree under this one.
    Last(Dot),
    /// Down to the first.
    First(Dot),
    /// Up to what comes before the tree under this one.
    Before(Dot),
    /// Up to what comes after it.
    After(Dot),
    Done(Neighbour),
}

/// What is kept of a run besides its first dot.
#[derive(Clone, PartialEq, Debug)]
struct Link {
    len: u64,
    parent: Option<Dot>,
    side: Side,
    minute: Minute,
}

/// A run, or the part of one that was asked for.
#[derive(Clone, Debug)]
pub(super) struct RunLink {
    pub(super) dots: DotRun,
    pub(super) parent: Option<Dot>,
    pub(super) side: Side,
    pub(super) minute: Minute,
}

/// All runs, by dot and by what they hang on.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Runs {
    links: BTreeMap<Dot, Link>,
    /// The first dots of the runs that hang on an element, in order. Within a run each element's
    /// next one is a right child too, and is not listed.
    children: BTreeSet<(Slot, Option<Dot>, Dot)>,
}

/// Where under its parent a run hangs: what is on the right is before or after the place of the
/// parent's next dot. Those after it are kept apart, so that the way to the last element of a run's
/// tree is found without looking at all that hangs on the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Slot {
    Left,
    Before,
    After,
}

impl Slot {
    fn of(side: Side, parent: Option<Dot>, start: Dot) -> Self {
        match (side, parent) {
            (Side::Left, _) => Self::Left,
            (Side::Right, Some(parent)) if start < parent.plus(1) => Self::Before,
            (Side::Right, _) => Self::After,
        }
    }
}

/// Lower, and higher, than any dot of an element.
const LOWEST: Dot = Dot::new(ReplicaId::new(0), 0);
const HIGHEST: Dot = Dot::new(ReplicaId::new(u64::MAX), u64::MAX);

impl Runs {
    /// When the element was inserted.
    pub(super) fn minute_of(&self, dot: Dot) -> Option<Minute> {
        Some(self.links[&self.run_of(dot)?.start].minute)
    }

    /// Whether a run starts with this element.
    pub(super) fn is_start(&self, dot: Dot) -> bool {
        self.links.contains_key(&dot)
    }

    /// The dots of the run that has this element; O(log runs).
    pub(super) fn run_of(&self, dot: Dot) -> Option<DotRun> {
        let (&start, link) = self.links.range(..=dot).next_back()?;
        let run = DotRun {
            start,
            len: link.len,
        };
        (start.replica == dot.replica && dot.seq < start.seq + link.len).then_some(run)
    }

    /// Every run, in order of dot.
    pub(super) fn all(&self) -> impl Iterator<Item = DotRun> + '_ {
        self.links.iter().map(|(&start, link)| DotRun {
            start,
            len: link.len,
        })
    }

    /// Adds a run, or makes the one longer that it goes on from.
    pub(super) fn insert(&mut self, run: &RunLink) {
        let RunLink {
            dots: DotRun { start, len },
            parent,
            side,
            minute,
        } = *run;
        if let (Some(parent), Side::Right) = (parent, side) {
            if parent.plus(1) == start {
                let before = self.run_of(parent).expect("the parent is in the sequence");
                let link = self.links.get_mut(&before.start);
                let link = link.expect("the run was just found");
                if before.start.plus(before.len) == start && link.minute == minute {
                    link.len += len;
                    return;
                }
            }
        }
        let link = Link {
            len,
            parent,
            side,
            minute,
        };
        self.links.insert(start, link);
        self.children
            .insert((Slot::of(side, parent, start), parent, start));
    }

    /// Drops elements that nothing hangs on but other dropped ones: each run loses its end, or all.
    pub(super) fn drop_run(&mut self, run: DotRun) {
        let last = run.start.seq + run.len - 1;
        let parts: Vec<DotRun> = self
            .between(run.start.replica, run.start.seq, last)
            .map(|part| part.dots)
            .collect();
        for part in parts {
            let whole = self.run_of(part.start).expect("the part was just found");
            let len = part.start.seq - whole.start.seq;
            if len > 0 {
                let link = self.links.get_mut(&whole.start);
                link.expect("the run was just found").len = len;
                continue;
            }
            let link = self
                .links
                .remove(&whole.start)
                .expect("the run was just found");
            let slot = Slot::of(link.side, link.parent, whole.start);
            self.children.remove(&(slot, link.parent, whole.start));
        }
    }

    /// The runs with dots from `first` to `last`, cut to that range, in order of dot.
    pub(super) fn between(
        &self,
        replica: ReplicaId,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = RunLink> + '_ {
        let begin = Dot::new(replica, first);
        let begin = self.run_of(begin).map_or(begin, |run| run.start);
        self.links
            .range(begin..=Dot::new(replica, last))
            .map(move |(&start, link)| {
                let from = first.max(start.seq);
                let dots = DotRun {
                    start: Dot::new(replica, from),
                    len: (start.seq + link.len).min(last + 1) - from,
                };
                if from == start.seq {
                    RunLink {
                        dots,
                        parent: link.parent,
                        side: link.side,
                        minute: link.minute,
                    }
                } else {
                    let parent = Some(Dot::new(replica, from - 1));
                    RunLink {
                        dots,
                        parent,
                        side: Side::Right,
                        minute: link.minute,
                    }
                }
            })
    }

    /// The next element of the same run, which is this one's right child.
    fn continuation(&self, dot: Dot) -> Option<Dot> {
        let run = self.run_of(dot)?;
        let next = dot.plus(1);
        (next.seq < run.start.seq + run.len).then_some(next)
    }

    fn children(
        &self,
        slot: Slot,
        parent: Option<Dot>,
    ) -> impl DoubleEndedIterator<Item = Dot> + '_ {
        let range = (slot, parent, LOWEST)..=(slot, parent, HIGHEST);
        self.children.range(range).map(|&(.., child)| child)
    }

    /// What a new element between two needed neighbours hangs on: the left one if it has no needed
    /// right descendant yet, else, on the left, the first element after it that is needed or has
    /// needed descendants (Fugue, Algorithm 1, with the tree of the needed and their ancestors).
    /// O(log runs) when typing; else O(depth of the right neighbour in runs).
    pub(super) fn anchor(
        &self,
        left: Option<Dot>,
        right: impl FnOnce() -> Option<Dot>,
    ) -> (Option<Dot>, Side) {
        let childless = self.children(Slot::Before, left).next().is_none()
            && self.children(Slot::After, left).next().is_none()
            && left.and_then(|left| self.continuation(left)).is_none();
        if childless {
            return (left, Side::Right);
        }
        let Some(right) = right() else {
            return (left, Side::Right);
        };
        // Climbs from the right neighbour. If that meets the left one, the neighbour is among its
        // right descendants, and of the path between them the topmost element that is followed by
        // a step to the right is the first in reading order.
        let (mut at, mut first) = (right, right);
        loop {
            let run = self.run_of(at).expect("the path is in the sequence");
            if let Some(left) = left.filter(|left| {
                left.replica == at.replica && left.seq >= run.start.seq && left.seq < at.seq
            }) {
                let top = left.plus(1);
                return (Some(if top == at { first } else { top }), Side::Left);
            }
            if run.start != at {
                first = run.start;
            }
            let link = &self.links[&run.start];
            if link.parent == left && link.side == Side::Right {
                return (Some(first), Side::Left);
            }
            let Some(parent) = link.parent else {
                return (left, Side::Right);
            };
            if link.side == Side::Right {
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
    pub(super) fn place(&self, start: Dot, parent: Option<Dot>, side: Side) -> Neighbour {
        let mut left = match (self.sibling_before(start, parent, side), side, parent) {
            (Some(sibling), ..) => Walk::Last(sibling),
            (None, Side::Right, Some(parent)) => Walk::Done(Neighbour::After(parent)),
            (None, Side::Left, Some(parent)) => Walk::Before(parent),
            (None, _, None) => Walk::Done(Neighbour::Start),
        };
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
            Walk::First(dot) => match self.children(Slot::Left, Some(dot)).next() {
                Some(first) => Walk::First(first),
                None => Walk::Done(Neighbour::Before(dot)),
            },
            Walk::Last(dot) => self.step_to_last(dot),
            Walk::Before(dot) => {
                let (parent, side) = self.parent(dot);
                match (self.sibling_before(dot, parent, side), side, parent) {
                    (Some(sibling), ..) => Walk::Last(sibling),
                    (None, Side::Right, Some(parent)) => Walk::Done(Neighbour::After(parent)),
                    (None, Side::Left, Some(parent)) => Walk::Before(parent),
                    (None, _, None) => Walk::Done(Neighbour::Start),
                }
            }
            Walk::After(dot) => self.step_after(dot),
        }
    }

    /// Along the run to its end, unless one of its elements has a right child after the next in it.
    fn step_to_last(&self, dot: Dot) -> Walk {
        let run = self.run_of(dot).expect("the element is in the sequence");
        let end = run.start.plus(run.len - 1);
        let along = (Slot::After, Some(dot), LOWEST)..=(Slot::After, Some(end), HIGHEST);
        let turn = match self.children.range(along).next() {
            Some(&(slot, parent, _)) => self.children(slot, parent).next_back(),
            None => self.children(Slot::Before, Some(end)).next_back(),
        };
        turn.map_or(Walk::Done(Neighbour::After(end)), Walk::Last)
    }

    /// Back along the run to the first element that has a right child after the next in it, or out
    /// of the run.
    fn step_after(&self, dot: Dot) -> Walk {
        let run = self.run_of(dot).expect("the element is in the sequence");
        if dot > run.start {
            let before = Dot::new(dot.replica, dot.seq - 1);
            let along =
                (Slot::After, Some(run.start), LOWEST)..=(Slot::After, Some(before), HIGHEST);
            let turn = self.children.range(along).next_back();
            let turn = turn.and_then(|&(slot, parent, _)| self.children(slot, parent).next());
            if let Some(first) = turn {
                return Walk::First(first);
            }
        }
        let (parent, side) = self.parent(run.start);
        match (self.sibling_after(run.start, parent, side), side, parent) {
            (Some(sibling), ..) => Walk::First(sibling),
            (None, Side::Left, Some(parent)) => Walk::Done(Neighbour::Before(parent)),
            (None, Side::Right, Some(parent)) => Walk::After(parent),
            (None, _, None) => Walk::Done(Neighbour::End),
        }
    }

    /// What an element that is here hangs on.
    fn parent(&self, dot: Dot) -> (Option<Dot>, Side) {
        match self.links.get(&dot) {
            Some(link) => (link.parent, link.side),
            None => (Some(Dot::new(dot.replica, dot.seq - 1)), Side::Right),
        }
    }

    /// The greatest of the siblings that an element has or would have on this side with a lesser dot.
    fn sibling_before(&self, dot: Dot, parent: Option<Dot>, side: Side) -> Option<Dot> {
        let slot = Slot::of(side, parent, dot);
        let less = (slot, parent, LOWEST)..(slot, parent, dot);
        let listed = self.children.range(less).next_back();
        let listed = listed.map(|&(.., sibling)| sibling);
        if slot != Slot::After {
            return listed;
        }
        let next = || self.continuation(parent?).filter(|&next| next < dot);
        listed
            .or_else(next)
            .or_else(|| self.children(Slot::Before, parent).next_back())
    }

    /// The least of those with a greater dot.
    fn sibling_after(&self, dot: Dot, parent: Option<Dot>, side: Side) -> Option<Dot> {
        let slot = Slot::of(side, parent, dot);
        let greater = (slot, parent, dot.plus(1))..=(slot, parent, HIGHEST);
        let listed = self.children.range(greater).next();
        let listed = listed.map(|&(.., sibling)| sibling);
        if slot != Slot::Before {
            return listed;
        }
        listed
            .or_else(|| self.continuation(parent?))
            .or_else(|| self.children(Slot::After, parent).next())
    }

    /// Checks that runs and children say the same.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_invariants(&self) {
        for &(slot, parent, child) in &self.children {
            let link = &self.links[&child];
            assert_eq!(link.parent, parent);
            assert_eq!(Slot::of(link.side, parent, child), slot);
            assert!(parent.is_none_or(|parent| self.run_of(parent).is_some()));
            let before = parent.filter(|p| slot != Slot::Left && p.plus(1) == child);
            assert!(
                before.is_none_or(|before| self.continuation(before).is_some()
                    || self.minute_of(before) != Some(link.minute)),
                "a run is as long as it can be"
            );
        }
        let count = self.children.len();
        assert_eq!(count, self.links.len(), "every run is a child once");
    }
}
