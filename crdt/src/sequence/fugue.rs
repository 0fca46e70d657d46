//! The tree: what hangs on what, and where that is in reading order.

use std::collections::BTreeMap;

use crate::sequence::content::Content;
use crate::sequence::run::{PieceItem, RunItem, Side};
use crate::sequence::Sequence;
use crate::{Dot, DotRun, DotSet, MergeError, Minute, ReplicaId, VersionVector};

/// The element beside which another belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Neighbour {
    /// At the very start.
    Start,
    /// Right before this element.
    Before(Dot),
    /// Right after this element.
    After(Dot),
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
    children: BTreeMap<(Side, Option<Dot>), Vec<Dot>>,
}

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

    /// The seq at which the replica's next run after this element starts.
    fn next_start(&self, dot: Dot) -> Option<u64> {
        let (next, _) = self.links.range(dot.plus(1)..).next()?;
        (next.replica == dot.replica).then_some(next.seq)
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
        let siblings = self.children.entry((side, parent)).or_default();
        let place = siblings.partition_point(|&sibling| sibling < start);
        siblings.insert(place, start);
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

    fn children(&self, side: Side, parent: Option<Dot>) -> &[Dot] {
        self.children
            .get(&(side, parent))
            .map_or(&[], Vec::as_slice)
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
        let childless = self.children(Side::Right, left).is_empty()
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

    /// Where a run that is not here yet belongs; its parent is here. O(log runs) where its gap has
    /// no others; else O(depth of those in runs).
    pub(super) fn place(&self, start: Dot, parent: Option<Dot>, side: Side) -> Neighbour {
        let siblings = self.children(side, parent);
        let greater = siblings.partition_point(|&sibling| sibling < start);
        match side {
            Side::Left => {
                let parent = parent.expect("only elements have left children");
                let next = siblings.get(greater).map(|&next| self.leftmost(next));
                Neighbour::Before(next.unwrap_or(parent))
            }
            Side::Right => {
                let listed = greater.checked_sub(1).map(|i| siblings[i]);
                let continuation = parent.and_then(|parent| self.continuation(parent));
                let before = listed.max(continuation.filter(|&next| next < start));
                match before.map(|before| self.rightmost(before)).or(parent) {
                    Some(dot) => Neighbour::After(dot),
                    None => Neighbour::Start,
                }
            }
        }
    }

    /// The first element, in reading order, of the tree under this one.
    fn leftmost(&self, mut dot: Dot) -> Dot {
        while let Some(&first) = self.children(Side::Left, Some(dot)).first() {
            dot = first;
        }
        dot
    }

    /// The last element, in reading order, of the tree under this one.
    fn rightmost(&self, mut dot: Dot) -> Dot {
        loop {
            let run = self.run_of(dot).expect("the element is in the sequence");
            let end = run.start.plus(run.len - 1);
            // The way goes along the run, unless one of its elements has a right child after the
            // next in the run.
            let range = (Side::Right, Some(dot))..=(Side::Right, Some(end));
            let turn = self
                .children
                .range(range)
                .find_map(|(&(_, parent), children)| {
                    let last = *children.last()?;
                    (parent == Some(end) || parent.map(|p| p.plus(1)) < Some(last)).then_some(last)
                });
            match turn {
                Some(child) => dot = child,
                None => return end,
            }
        }
    }

    /// Checks that runs and children say the same.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn assert_invariants(&self) {
        let mut listed = 0;
        for (&(side, parent), children) in &self.children {
            assert!(
                children.windows(2).all(|pair| pair[0] < pair[1]),
                "siblings are in order"
            );
            listed += children.len();
            for child in children {
                let link = &self.links[child];
                assert_eq!((link.side, link.parent), (side, parent));
                assert!(parent.is_none_or(|parent| self.run_of(parent).is_some()));
                let before = parent.filter(|p| side == Side::Right && p.plus(1) == *child);
                assert!(
                    before.is_none_or(|before| self.continuation(before).is_some()
                        || self.minute_of(before) != Some(link.minute)),
                    "a run is as long as it can be"
                );
            }
        }
        assert_eq!(listed, self.links.len(), "every run is a child once");
    }
}

impl<C: Content> Sequence<C> {
    /// What is new in the items, parents before children; and of the deleted elements that were
    /// dropped here, those that something new hangs on or that are `wanted`.
    pub(super) fn in_causal_order(
        &self,
        items: &[RunItem<C>],
        wanted: impl Iterator<Item = Dot>,
        seen: &VersionVector,
    ) -> Result<Vec<RunItem<C>>, MergeError> {
        let mut order = CausalOrder::new(&self.runs);
        let mut dropped: BTreeMap<Dot, RunItem<C>> = BTreeMap::new();
        for item in items {
            for run in self.dropped_of(item, seen.get(item.start.replica)) {
                dropped.insert(run.start, run);
            }
            if let Some(new) = item.after(seen.get(item.start.replica)) {
                order.add(new);
            }
        }
        for dot in wanted {
            if !order.knows(dot) {
                order.waiting.entry(dot).or_default();
            }
        }
        let mut missing = Vec::new();
        while let Some((anchor, hanging)) = order.waiting.pop_first() {
            let found = dropped.range(..=anchor).next_back();
            let found = found.filter(|(_, run)| run.dots().contains(anchor));
            let Some((&start, _)) = found else {
                missing.push(anchor);
                continue;
            };
            let run = dropped.remove(&start).expect("the run was just found");
            let (needed, rest) = run.cut(anchor.seq - start.seq + 1);
            if let Some(rest) = rest {
                dropped.insert(rest.start, rest);
            }
            order.waiting.insert(anchor, hanging);
            order.add(needed);
        }
        if missing.is_empty() {
            Ok(order.ready)
        } else {
            Err(MergeError::MissingAnchors { anchors: missing })
        }
    }

    /// The elements of a run up to seq `seen` that are not here, as deleted ones.
    fn dropped_of(&self, item: &RunItem<C>, seen: u64) -> Vec<RunItem<C>> {
        let DotRun { start, len } = item.dots();
        let end = (start.seq + len).min(seen + 1);
        let mut dropped = Vec::new();
        let mut seq = start.seq;
        while seq < end {
            let at = Dot::new(start.replica, seq);
            if let Some(here) = self.runs.run_of(at) {
                seq = here.start.seq + here.len;
                continue;
            }
            let next = self.runs.next_start(at).map_or(end, |next| next.min(end));
            let before = (seq > start.seq).then(|| Dot::new(start.replica, seq - 1));
            dropped.push(RunItem {
                start: at,
                parent: before.or(item.parent),
                side: before.map_or(item.side, |_| Side::Right),
                minute: item.minute,
                pieces: vec![PieceItem {
                    len: next - seq,
                    content: None,
                }],
            });
            seq = next;
        }
        dropped
    }

    /// Everything that these elements hang on, themselves included, as far as its seqs are not after
    /// `from`: as deleted elements, in order of dot.
    pub(crate) fn skeleton_of(&self, dots: &[Dot], from: &VersionVector) -> Vec<RunItem<C>> {
        let mut lasts: BTreeMap<Dot, u64> = BTreeMap::new();
        let mut open = dots.to_vec();
        while let Some(dot) = open.pop() {
            let Some(run) = self.runs.run_of(dot) else {
                continue;
            };
            if lasts.get(&run.start).is_none_or(|&last| last < dot.seq) {
                lasts.insert(run.start, dot.seq);
                open.extend(self.runs.links[&run.start].parent);
            }
        }
        let runs = lasts.into_iter().filter_map(|(start, last)| {
            let link = &self.runs.links[&start];
            let last = last.min(from.get(start.replica));
            let len = (last + 1).checked_sub(start.seq).filter(|&len| len > 0)?;
            Some(RunItem {
                start,
                parent: link.parent,
                side: link.side,
                minute: link.minute,
                pieces: vec![PieceItem { len, content: None }],
            })
        });
        runs.collect()
    }
}

/// Runs in the making of an order in which each comes after what it hangs on.
struct CausalOrder<'a, C> {
    here: &'a Runs,
    ready: Vec<RunItem<C>>,
    placed: DotSet,
    /// The runs that hang on an element that has not come yet.
    waiting: BTreeMap<Dot, Vec<RunItem<C>>>,
}

impl<'a, C: Content> CausalOrder<'a, C> {
    fn new(here: &'a Runs) -> Self {
        Self {
            here,
            ready: Vec::new(),
            placed: DotSet::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn knows(&self, dot: Dot) -> bool {
        self.here.run_of(dot).is_some() || self.placed.contains(dot)
    }

    /// Adds a run, and those that waited for it.
    fn add(&mut self, run: RunItem<C>) {
        let mut open = vec![run];
        while let Some(run) = open.pop() {
            let unknown = run.parent.filter(|&parent| !self.knows(parent));
            if let Some(parent) = unknown {
                self.waiting.entry(parent).or_default().push(run);
                continue;
            }
            let DotRun { start, len } = run.dots();
            self.placed.insert_run(run.dots());
            self.ready.push(run);
            let range = start..=start.plus(len - 1);
            let anchors: Vec<Dot> = self
                .waiting
                .range(range)
                .map(|(&anchor, _)| anchor)
                .collect();
            for anchor in anchors {
                open.extend(
                    self.waiting
                        .remove(&anchor)
                        .expect("the anchor was just found"),
                );
            }
        }
    }
}
