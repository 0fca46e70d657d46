//! Which dots were erased, not only deleted: what journals must not show any more.

use crate::ordered::BTreeMap;

use crate::{Dot, DotRun, DotSet, DotStore, Interval, MergeError, ReplicaId, Stamp, VersionVector};

/// The dots that each erasing change named; it has no content, and nothing of it ever goes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Erasures {
    records: BTreeMap<Dot, Vec<DotRun>>,
    /// All of them together.
    dots: DotSet,
}

impl Erasures {
    /// Notes an erasure: runs in order that do not touch.
    pub(super) fn insert(&mut self, by: Dot, runs: Vec<DotRun>) {
        for run in &runs {
            self.dots.insert_run(*run);
        }
        self.records.insert(by, runs);
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What the changes from this one on erased, of the same replica.
    pub(super) fn after(&self, first: Dot) -> Vec<(Dot, Vec<DotRun>)> {
        if self.records.is_empty() {
            return Vec::new();
        }
        let records = self.records.range(first..);
        let own = records.take_while(|(by, _)| by.replica == first.replica);
        own.map(|(&by, runs)| (by, runs.clone())).collect()
    }

    /// The erasing changes: they are alive.
    pub(super) fn dots_of_records(&self) -> DotSet {
        self.records.keys().copied().collect()
    }

    /// All erased dots.
    pub(crate) fn dots(&self) -> &DotSet {
        &self.dots
    }
}

impl DotStore for Erasures {
    /// In order of the erasing change.
    type Items = Vec<(Dot, Vec<DotRun>)>;
    type Effects = ();
    type Plan = ();

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        if self.records.is_empty() {
            return Vec::new();
        }
        let spans = interval.spans();
        let records = spans.flat_map(|(replica, first, last)| {
            let range = Dot::new(replica, first)..=Dot::new(replica, last);
            self.records.range(range)
        });
        records.map(|(&by, runs)| (by, runs.clone())).collect()
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        Self::dots_of(&self.collect(interval))
    }

    fn dots_of(items: &Self::Items) -> DotSet {
        items.iter().map(|&(by, _)| by).collect()
    }

    fn max_stamp(_: &Self::Items, _: Option<ReplicaId>) -> Option<Stamp> {
        None
    }

    fn check(&self, _: &Self::Items, _: &VersionVector) -> Result<(), MergeError> {
        Ok(())
    }

    fn join(&mut self, items: &Self::Items, (): (), seen: &VersionVector, (): &mut ()) {
        for (by, runs) in items.iter().filter(|(by, _)| !seen.contains(*by)) {
            self.insert(*by, runs.clone());
        }
    }

    fn remove(&mut self, dots: &DotSet, (): &mut ()) {
        let before = self.records.len();
        if before == 0 {
            return;
        }
        self.records.retain(|by, _| !dots.contains(*by));
        if self.records.len() < before {
            self.dots = self.records.values().flatten().copied().collect();
        }
    }
}
