//! The names of changes: [`Dot`], and sets of them.

use crate::ordered::BTreeMap;
use crate::plain::plain;
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
        plain((0..self.len).map(move |i| self.start.plus(i)))
    }

    /// One past the seq of the last.
    pub(crate) const fn end(self) -> u64 {
        self.start.seq + self.len
    }

    /// Whether the dot is one of them.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.replica == self.start.replica
            && dot.seq >= self.start.seq
            && dot.seq - self.start.seq < self.len
    }
}

/// A set of dots, kept as runs: what a deletion removed is mostly a few of them.
#[derive(Clone, Default)]
pub struct DotSet {
    /// The only run: as long as there is no other, it takes no memory of its own.
    one: Option<DotRun>,
    /// First dot -> how many; runs neither touch nor overlap.
    runs: BTreeMap<Dot, u64>,
}

impl PartialEq for DotSet {
    fn eq(&self, other: &Self) -> bool {
        self.runs().eq(other.runs())
    }
}

impl Eq for DotSet {}

impl DotSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no dot is in the set.
    pub fn is_empty(&self) -> bool {
        self.one.is_none() && self.runs.is_empty()
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
        match self.one.take() {
            None if self.runs.is_empty() => {
                self.one = Some(run);
                return;
            }
            None => {}
            Some(one) => {
                let (low, high) = (one.min(run), one.max(run));
                if low.start.replica == high.start.replica && high.start.seq <= low.end() {
                    let len = low.end().max(high.end()) - low.start.seq;
                    self.one = Some(DotRun { len, ..low });
                    return;
                }
                self.runs.insert(one.start, one.len);
            }
        }
        let (mut start, mut end) = (run.start, run.end());
        if let Some(before) = self.last_until(start) {
            if before.start.replica == start.replica && before.end() >= start.seq {
                start = before.start;
                end = end.max(before.end());
            }
        }
        let replica = start.replica;
        while let Some((&next, &len)) = self.runs.range(start..=Dot::new(replica, end)).next() {
            end = end.max(next.seq + len);
            self.runs.remove(&next);
        }
        self.runs.insert(start, end - start.seq);
    }

    /// The last run that starts no later than at a dot, of those in the map.
    fn last_until(&self, dot: Dot) -> Option<DotRun> {
        let (&start, &len) = self.runs.range(..=dot).next_back()?;
        Some(DotRun { start, len })
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
        let before = self.runs.range(..run.start).next_back();
        let within = self.runs.range(run.start..run.start.plus(run.len));
        let all = before.into_iter().chain(within);
        let one = self.one.as_ref().map(|one| (&one.start, &one.len));
        let all = one.into_iter().chain(all);
        plain(all.filter_map(move |(&dot, &len)| {
            let (start, stop) = (dot.seq.max(first), (dot.seq + len).min(end));
            (dot.replica == replica && start < stop).then(|| DotRun {
                start: Dot::new(replica, start),
                len: stop - start,
            })
        }))
    }

    /// How many dots there are.
    pub fn len(&self) -> u64 {
        self.runs().map(|run| run.len).sum()
    }

    /// Whether the dot is in the set; O(log runs).
    pub fn contains(&self, dot: Dot) -> bool {
        let run = self.one.or_else(|| self.last_until(dot));
        run.is_some_and(|run| run.contains(dot))
    }

    /// Whether any dot is in both; O(runs of `self` · log runs).
    pub(crate) fn meets(&self, other: &DotSet) -> bool {
        self.runs()
            .any(|run| other.parts_in(run).next_back().is_some())
    }

    /// The runs, in order of replica and seq.
    pub fn runs(&self) -> impl Iterator<Item = DotRun> + '_ {
        let many = self.runs.iter();
        let many = many.map(|(&start, &len)| DotRun { start, len });
        plain(self.one.into_iter().chain(many))
    }

    /// Every dot, in order. A run from a peer may be long: use [`Self::runs`] on untrusted sets.
    pub fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(
            self.runs()
                .flat_map(|run| (0..run.len).map(move |i| run.start.plus(i))),
        )
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        usize::from(self.one.is_some()) + self.runs.len()
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

impl<'a> Interval<'a> {
    /// Whether the dot lies inside.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.seq > self.from.get(dot.replica) && dot.seq <= self.to.get(dot.replica)
    }

    /// For each replica that has dots inside: the first and the last of their seqs.
    pub fn spans(self) -> impl Iterator<Item = (ReplicaId, u64, u64)> + 'a {
        plain(self.to.iter().filter_map(move |(replica, last)| {
            let first = self.from.get(replica) + 1;
            (first <= last).then_some((replica, first, last))
        }))
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
                let one = |seq| DotSet::from_iter([Dot::new(ReplicaId::new(replica), seq)]);
                for seq in 1..50 {
                    let dot = Dot::new(ReplicaId::new(replica), seq);
                    prop_assert_eq!(set.meets(&one(seq)), model.contains(&dot));
                    let without = set.difference(&one(seq));
                    prop_assert!(!without.contains(dot));
                    let mut with = without.clone();
                    if model.contains(&dot) {
                        with.insert(dot);
                    }
                    prop_assert_eq!(&with, &set);
                    prop_assert_eq!(one(seq).difference(&set).is_empty(), model.contains(&dot));
                }
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
