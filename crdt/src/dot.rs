//! The names of changes: [`Dot`], and sets of them.

use std::collections::BTreeMap;
use std::fmt;

use crate::{ReplicaId, VersionVector};

/// The name of one change: the `seq`-th of `replica`, counted from 1 without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who made the change.
    pub replica: ReplicaId,
    /// Which of its changes.
    pub seq: u64,
}

impl Dot {
    /// The `seq`-th change of `replica`.
    pub const fn new(replica: ReplicaId, seq: u64) -> Self {
        Self { replica, seq }
    }

    /// The dot `by` places later in the same replica's count.
    pub(crate) const fn plus(self, by: u64) -> Self {
        Self {
            replica: self.replica,
            seq: self.seq + by,
        }
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.replica, self.seq)
    }
}

/// Neighbouring dots of one replica: `start`, `start + 1`, … `start + len - 1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DotRun {
    /// The first dot.
    pub start: Dot,
    /// How many there are.
    pub len: u64,
}

impl DotRun {
    /// Each of them. A run from a peer may be long: not for untrusted ones.
    pub fn dots(self) -> impl Iterator<Item = Dot> {
        (0..self.len).map(move |i| self.start.plus(i))
    }

    /// Whether the dot is one of them.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.replica == self.start.replica
            && dot.seq >= self.start.seq
            && dot.seq - self.start.seq < self.len
    }
}

/// A set of dots, kept as runs: what a deletion removed is mostly a few of them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DotSet {
    /// First seq -> one past the last, for each replica; runs neither touch nor overlap.
    runs: BTreeMap<ReplicaId, BTreeMap<u64, u64>>,
}

impl DotSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no dot is in the set.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Adds one dot.
    pub fn insert(&mut self, dot: Dot) {
        self.insert_run(DotRun { start: dot, len: 1 });
    }

    /// Adds a run; O(log runs), plus the runs that it swallows.
    pub fn insert_run(&mut self, run: DotRun) {
        if run.len == 0 {
            return;
        }
        let runs = self.runs.entry(run.start.replica).or_default();
        let (mut start, mut end) = (run.start.seq, run.start.seq + run.len);
        if let Some((&before, &before_end)) = runs.range(..=start).next_back() {
            if before_end >= start {
                start = before;
                end = end.max(before_end);
            }
        }
        while let Some((&next, &next_end)) = runs.range(start..=end).next() {
            end = end.max(next_end);
            runs.remove(&next);
        }
        runs.insert(start, end);
    }

    /// Adds every dot of `other`.
    pub fn extend(&mut self, other: &DotSet) {
        for run in other.runs() {
            self.insert_run(run);
        }
    }

    /// The dots that are in both; O(runs of both).
    #[must_use]
    pub fn intersection(&self, other: &DotSet) -> DotSet {
        let parts = self.runs().flat_map(|run| other.parts_in(run));
        parts.collect()
    }

    /// The dots that are not in `other`; O(runs of both).
    #[must_use]
    pub fn difference(&self, other: &DotSet) -> DotSet {
        let mut rest = DotSet::new();
        for run in self.runs() {
            let (mut seq, end) = (run.start.seq, run.start.seq + run.len);
            for part in other.parts_in(run) {
                rest.insert_run(DotRun {
                    start: Dot::new(run.start.replica, seq),
                    len: part.start.seq - seq,
                });
                seq = part.start.seq + part.len;
            }
            rest.insert_run(DotRun {
                start: Dot::new(run.start.replica, seq),
                len: end - seq,
            });
        }
        rest
    }

    /// What of a run is in the set, in order.
    pub(crate) fn parts_in(&self, run: DotRun) -> impl DoubleEndedIterator<Item = DotRun> + '_ {
        let (replica, first) = (run.start.replica, run.start.seq);
        let end = first + run.len;
        let runs = self.runs.get(&replica).into_iter().flat_map(move |runs| {
            let before = runs.range(..first).next_back();
            before.into_iter().chain(runs.range(first..end.max(first)))
        });
        runs.filter_map(move |(&start, &stop)| {
            let (start, stop) = (start.max(first), stop.min(end));
            (start < stop).then(|| DotRun {
                start: Dot::new(replica, start),
                len: stop - start,
            })
        })
    }

    /// How many dots there are.
    pub fn len(&self) -> u64 {
        self.runs().map(|run| run.len).sum()
    }

    /// Whether the dot is in the set; O(log runs).
    pub fn contains(&self, dot: Dot) -> bool {
        self.runs
            .get(&dot.replica)
            .and_then(|runs| runs.range(..=dot.seq).next_back())
            .is_some_and(|(_, &end)| dot.seq < end)
    }

    /// Whether any dot is in both; O(runs of `self` · log runs).
    pub(crate) fn meets(&self, other: &DotSet) -> bool {
        self.runs().any(|run| {
            let of_replica = other.runs.get(&run.start.replica);
            let end = run.start.seq + run.len;
            let last = of_replica.and_then(|runs| runs.range(..end).next_back());
            last.is_some_and(|(_, &other_end)| other_end > run.start.seq)
        })
    }

    /// The runs, in order of replica and seq.
    pub fn runs(&self) -> impl Iterator<Item = DotRun> + '_ {
        self.runs.iter().flat_map(|(&replica, runs)| {
            runs.iter().map(move |(&start, &end)| DotRun {
                start: Dot::new(replica, start),
                len: end - start,
            })
        })
    }

    /// Every dot, in order. A run from a peer may be long: use [`Self::runs`] on untrusted sets.
    pub fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        self.runs()
            .flat_map(|run| (0..run.len).map(move |i| run.start.plus(i)))
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        self.runs.values().map(BTreeMap::len).sum()
    }
}

impl FromIterator<Dot> for DotSet {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut set = Self::new();
        for dot in dots {
            set.insert(dot);
        }
        set
    }
}

impl FromIterator<DotRun> for DotSet {
    fn from_iter<I: IntoIterator<Item = DotRun>>(runs: I) -> Self {
        let mut set = Self::new();
        for run in runs {
            set.insert_run(run);
        }
        set
    }
}

impl fmt::Debug for DotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.runs().map(|r| (r.start, r.len)))
            .finish()
    }
}

/// The dots after one version up to another: what a delta is about.
#[derive(Clone, Copy, Debug)]
pub struct Interval<'a> {
    /// The version it starts after.
    pub from: &'a VersionVector,
    /// How far it goes, for the replicas that have dots inside.
    pub to: &'a VersionVector,
}

impl Interval<'_> {
    /// Whether the dot lies inside.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.seq > self.from.get(dot.replica) && dot.seq <= self.to.get(dot.replica)
    }

    /// For each replica that has dots inside: the first and the last of their seqs.
    pub fn spans(&self) -> impl Iterator<Item = (ReplicaId, u64, u64)> + '_ {
        self.to.iter().filter_map(|(replica, last)| {
            let first = self.from.get(replica) + 1;
            (first <= last).then_some((replica, first, last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    proptest! {
        #[test]
        fn is_a_set(runs in prop::collection::vec((0u64..3, 1u64..40, 1u64..6), 0..30)) {
            let mut set = DotSet::new();
            let mut model = BTreeSet::new();
            for (replica, seq, len) in runs {
                let start = Dot::new(ReplicaId::new(replica), seq);
                set.insert_run(DotRun { start, len });
                model.extend((0..len).map(|i| start.plus(i)));
            }
            prop_assert_eq!(set.dots().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            for replica in 0..3 {
                for seq in 0..50 {
                    let dot = Dot::new(ReplicaId::new(replica), seq);
                    prop_assert_eq!(set.contains(dot), model.contains(&dot));
                }
            }
            let runs: Vec<_> = set.runs().collect();
            for pair in runs.windows(2) {
                prop_assert!(pair[0].start.replica != pair[1].start.replica
                    || pair[0].start.seq + pair[0].len < pair[1].start.seq, "runs touch");
            }
        }
    }
}
