//! Taking back an addition to a counter, or the deletion of one.
//!
//! A replica has one tally in a counter, in which all that it added is summed up. So an addition is
//! taken back from whatever that tally has become, and what was deleted comes on top of it.

use crate::limits::COUNTER_MAX;
use crate::undo::names::Names;
use crate::undo::write::{Lost, Part};
use crate::{Change, Dot, DotSet, PnCounter, ReplicaId, Tally};

/// What takes a write to a counter back.
pub(super) struct Plan {
    /// What the tally of this replica will say, if it is written anew.
    says: Option<Sums>,
    /// The dots of the lost tallies that it stands for then.
    again: Vec<Dot>,
    /// Of what the write made: what is to go.
    pub(super) gone: DotSet,
    /// What goes, and by how much that changes the sum.
    pub(super) replaced: Lost,
}

/// What was added, and what was taken away.
#[derive(Clone, Copy, Default)]
struct Sums {
    up: u64,
    down: u64,
}

impl From<Tally> for Sums {
    fn from(Tally { up, down, .. }: Tally) -> Self {
        Self { up, down }
    }
}

impl Sums {
    /// As far as a tally goes.
    fn plus(self, other: Self) -> Self {
        Self {
            up: self.up.saturating_add(other.up).min(COUNTER_MAX),
            down: self.down.saturating_add(other.down).min(COUNTER_MAX),
        }
    }

    fn value(self) -> i64 {
        self.up.cast_signed() - self.down.cast_signed()
    }

    /// As if a number had not been added.
    fn without(self, added: i64) -> Self {
        let by = added.unsigned_abs();
        let less = |with: u64, against: u64| {
            let against = against.saturating_add(by.saturating_sub(with));
            (with.saturating_sub(by), against.min(COUNTER_MAX))
        };
        if added < 0 {
            let (down, up) = less(self.down, self.up);
            Self { up, down }
        } else {
            let (up, down) = less(self.up, self.down);
            Self { up, down }
        }
    }
}

impl Plan {
    /// `None` if nothing is left of the write, or the counter was deleted since.
    pub(super) fn new(
        counter: &PnCounter,
        part: &Part,
        replica: ReplicaId,
        names: &Names,
    ) -> Option<Self> {
        let (tallies, added) = match &part.lost {
            Lost::Counter { tallies, added } => (&tallies[..], *added),
            _ => (&[][..], 0),
        };
        let own = counter.tally_of(replica);
        let says = own.map(Sums::from).unwrap_or_default();
        let lost = tallies.iter().filter(|tally| !names.has(tally.dot));
        let lost: Vec<Tally> = lost.copied().collect();
        let again: Vec<Dot> = lost.iter().map(|tally| tally.dot).collect();
        let Some(made) = part.made.dots().next().map(|dot| names.now(dot)) else {
            let sums = lost.into_iter().map(Sums::from).reduce(Sums::plus)?;
            let on_top = says.plus(sums);
            return Some(Self {
                says: Some(on_top),
                again,
                gone: DotSet::new(),
                replaced: Lost::Counter {
                    tallies: own.into_iter().collect(),
                    added: on_top.value() - says.value(),
                },
            });
        };
        let there = counter.tally_of(made.replica)?;
        let opposite = added.saturating_neg();
        if there.dot != made {
            // This replica went on adding from there.
            return (added != 0).then(|| Self {
                says: Some(says.without(added)),
                again,
                gone: DotSet::new(),
                replaced: Lost::Counter {
                    tallies: own.into_iter().collect(),
                    added: opposite,
                },
            });
        }
        let rest = Sums::from(there).without(added);
        let other = own.filter(|own| own.dot != made);
        let is_first = tallies.is_empty() && rest.up == rest.down;
        Some(Self {
            says: (!is_first).then(|| other.map_or(rest, |own| rest.plus(own.into()))),
            again,
            gone: [made].into_iter().collect(),
            replaced: Lost::Counter {
                tallies: [there]
                    .into_iter()
                    .chain(other.filter(|_| !is_first))
                    .collect(),
                added: opposite,
            },
        })
    }

    /// Writes what the tally of this replica says now.
    pub(super) fn write(&self, counter: &mut PnCounter, names: &mut Names, change: &mut Change) {
        if let Some(Sums { up, down }) = self.says {
            let new = counter.put(up, down, change);
            for &dot in &self.again {
                names.add(dot, new);
            }
        }
    }
}
