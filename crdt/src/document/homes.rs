//! In which container each dot is.

use std::collections::BTreeMap;

use super::tree::ContainerId;
use crate::{Dot, DotRun};

/// The containers of runs of dots: of those alive, and of the skeletons of sequences.
#[derive(Clone, Default, Debug)]
pub(super) struct Homes {
    runs: BTreeMap<Dot, (u64, ContainerId)>,
}

impl Homes {
    /// Notes in which container these dots are.
    pub(super) fn settle(&mut self, id: ContainerId, runs: impl IntoIterator<Item = DotRun>) {
        for DotRun { mut start, mut len } in runs {
            if let Some((&before, &(before_len, home))) = self.runs.range(..start).next_back() {
                if home == id && before.plus(before_len) == start {
                    (start, len) = (before, before_len + len);
                }
            }
            self.runs.insert(start, (len, id));
        }
    }

    /// Takes a run, which lies in one entry, out of the map of homes.
    pub(super) fn cut_out(&mut self, run: DotRun) {
        let found = self
            .runs
            .range(..=run.start)
            .next_back()
            .map(|(&dot, &home)| (dot, home));
        let Some((start, (len, id))) = found else {
            return;
        };
        let end = run.start.plus(run.len);
        self.runs.remove(&start);
        if start < run.start {
            self.runs.insert(start, (run.start.seq - start.seq, id));
        }
        if end.seq < start.seq + len {
            self.runs.insert(end, (start.seq + len - end.seq, id));
        }
    }

    /// The parts of a run that are somewhere, and where.
    pub(super) fn of(&self, run: DotRun) -> Vec<(DotRun, ContainerId)> {
        let (replica, first, last) = (
            run.start.replica,
            run.start.seq,
            run.start.seq + run.len - 1,
        );
        let before = self.runs.range(..run.start).next_back();
        let within = self.runs.range(run.start..=Dot::new(replica, last));
        let parts = before
            .into_iter()
            .chain(within)
            .filter_map(|(&start, &(len, id))| {
                let from = first.max(start.seq);
                let end = (start.seq + len).min(last + 1);
                let run = DotRun {
                    start: Dot::new(replica, from),
                    len: end.checked_sub(from)?,
                };
                (start.replica == replica && run.len > 0).then_some((run, id))
            });
        parts.collect()
    }

    /// How many dots are said to be in a container.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn count(&self, id: ContainerId) -> u64 {
        self.runs
            .values()
            .filter(|(_, home)| *home == id)
            .map(|(len, _)| len)
            .sum()
    }
}
