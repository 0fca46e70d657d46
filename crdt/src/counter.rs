//! [`PnCounter`]: a number that everybody adds to.

use crate::limits::COUNTER_MAX;
use crate::plain::plain;
use crate::{Change, Dot, DotRun, DotSet, DotStore, EditError, Interval, MergeError, ReplicaId};
use crate::{Minute, Stamp, VersionVector};

/// What one replica has added and taken away so far, as of one of its changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// The change.
    pub dot: Dot,
    /// When it was made.
    pub minute: Minute,
    /// The sum of what was added, at most [`COUNTER_MAX`].
    pub up: u64,
    /// The sum of what was taken away, at most [`COUNTER_MAX`].
    pub down: u64,
}

/// A counter: one tally a replica, the newest replaces the one before.
///
/// Shapiro et al. 2011, §3.1; that a deletion takes only the tallies that it saw is after Baquero,
/// Almeida, Lerche, "The problem with embedded CRDT counters and a solution", `PaPoC` 2016.
///
/// ```
/// use driftwood_crdt::{PnCounter, ReplicaId, Replicated};
/// let mut likes = Replicated::<PnCounter>::new(ReplicaId::new(1));
/// let (done, _delta) = likes.edit(0, |counter, change| counter.add(-3, change));
/// done?;
/// assert_eq!(likes.store().value(), -3);
/// # Ok::<(), driftwood_crdt::EditError>(())
/// ```
#[derive(Clone, PartialEq, Default, Debug)]
pub struct PnCounter {
    /// In order of replica, of which there are at most [`REPLICAS_MAX`](crate::limits::REPLICAS_MAX).
    tallies: Vec<Tally>,
}

impl PnCounter {
    /// Adds `by`, which may be negative.
    ///
    /// # Errors
    /// [`EditError::Limit`] when this replica's sum would pass [`COUNTER_MAX`]. Nothing was changed.
    pub fn add(&mut self, by: i64, change: &mut Change) -> Result<Dot, EditError> {
        let old = self.tally_of(change.replica());
        let (up, down) = old.map_or((0, 0), |tally| (tally.up, tally.down));
        let up = up.saturating_add(by.max(0).cast_unsigned());
        let down = down.saturating_add(by.min(0).unsigned_abs());
        if up.max(down) > COUNTER_MAX {
            return Err(EditError::Limit {
                what: "sum of a counter",
                max: COUNTER_MAX,
            });
        }
        let dot = change.dot();
        change.removed(
            dot,
            old.map(|tally| DotRun {
                start: tally.dot,
                len: 1,
            }),
        );
        let minute = change.stamp().into();
        let tally = Tally {
            dot,
            minute,
            up,
            down,
        };
        self.replace(tally);
        Ok(dot)
    }

    fn place(&self, replica: ReplicaId) -> Result<usize, usize> {
        let tallies = &self.tallies;
        tallies.binary_search_by_key(&replica, |tally| tally.dot.replica)
    }

    /// Puts a tally in the place of the one of its replica, and gives that.
    fn replace(&mut self, tally: Tally) -> Option<Tally> {
        match self.place(tally.dot.replica) {
            Ok(place) => Some(std::mem::replace(&mut self.tallies[place], tally)),
            Err(place) => {
                // Most have one.
                if self.tallies.is_empty() {
                    self.tallies.reserve_exact(1);
                }
                self.tallies.insert(place, tally);
                None
            }
        }
    }

    /// The sum of all; exact.
    pub fn value(&self) -> i128 {
        self.tallies
            .iter()
            .map(|tally| i128::from(tally.up) - i128::from(tally.down))
            .sum()
    }

    /// Those of the tallies whose dots are among these.
    pub(crate) fn tallies_of(&self, dots: &DotSet) -> Vec<Tally> {
        let all = self.tallies.iter().copied();
        all.filter(|tally| dots.contains(tally.dot)).collect()
    }

    /// The tally of a change, if it is the last of its replica.
    pub(crate) fn written(&self, dot: Dot) -> Option<&Tally> {
        let place = self.place(dot.replica).ok()?;
        Some(&self.tallies[place]).filter(|tally| tally.dot == dot)
    }

    /// The tally of a replica.
    pub(crate) fn tally_of(&self, replica: ReplicaId) -> Option<Tally> {
        let place = self.place(replica).ok()?;
        Some(self.tallies[place])
    }

    /// Says anew what this replica has added and taken away; its newest word counts.
    pub(crate) fn put(&mut self, up: u64, down: u64, change: &mut Change) -> Dot {
        let dot = change.dot();
        let tally = Tally {
            dot,
            minute: change.stamp().into(),
            up: up.min(COUNTER_MAX),
            down: down.min(COUNTER_MAX),
        };
        if let Some(old) = self.replace(tally) {
            let old = DotRun {
                start: old.dot,
                len: 1,
            };
            change.removed(dot, [old]);
        }
        dot
    }

    /// Takes in the next tally of a replica, in place of the one that it removed; `None`, with nothing
    /// done, if that is not there or another is.
    pub(crate) fn strike(&mut self, removed: Option<Dot>, tally: &Tally) -> Option<()> {
        let old = self.tally_of(tally.dot.replica).map(|old| old.dot);
        if old != removed {
            return None;
        }
        self.replace(*tally);
        Some(())
    }

    pub(crate) fn live_len(&self) -> usize {
        self.tallies.len()
    }

    pub(crate) fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(self.tallies.iter().map(|tally| tally.dot))
    }

    fn tallies_in<'a>(&'a self, interval: Interval<'a>) -> impl Iterator<Item = &'a Tally> + 'a {
        plain(
            self.tallies
                .iter()
                .filter(move |tally| interval.contains(tally.dot)),
        )
    }
}

impl DotStore for PnCounter {
    /// In order of replica.
    type Items = Vec<Tally>;
    type Effects = ();
    type Plan = ();

    fn collect(&self, interval: Interval<'_>) -> Self::Items {
        self.tallies_in(interval).copied().collect()
    }

    fn live_in(&self, interval: Interval<'_>) -> DotSet {
        self.tallies_in(interval).map(|tally| tally.dot).collect()
    }

    fn dots_of(items: &Self::Items) -> DotSet {
        items.iter().map(|tally| tally.dot).collect()
    }

    fn max_stamp(_: &Self::Items, _: Option<ReplicaId>) -> Option<Stamp> {
        None
    }

    fn check(&self, _: &Self::Items, _: &VersionVector) -> Result<(), MergeError> {
        Ok(())
    }

    fn join(&mut self, items: &Self::Items, (): (), seen: &VersionVector, (): &mut ()) {
        for tally in items.iter().filter(|tally| !seen.contains(tally.dot)) {
            let place = self.place(tally.dot.replica).unwrap_or_else(|place| {
                self.tallies.insert(place, *tally);
                place
            });
            let newest = &mut self.tallies[place];
            if tally.dot.seq > newest.dot.seq {
                *newest = *tally;
            }
        }
    }

    fn remove(&mut self, dots: &DotSet, (): &mut ()) {
        self.tallies.retain(|tally| !dots.contains(tally.dot));
    }
}
