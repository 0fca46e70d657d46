//! In which container each dot is.

use super::tree::ContainerId;
use crate::dot_map::DotMap;
use crate::DotRun;

/// The containers of runs of dots: of those alive, and of the skeletons of sequences.
#[derive(Clone, Default, Debug)]
pub(super) struct Homes {
    runs: DotMap<false>,
}

impl Homes {
    /// Notes in which container these dots are.
    #[inline]
    pub(super) fn settle(&mut self, id: ContainerId, runs: impl IntoIterator<Item = DotRun>) {
        for run in runs {
            self.runs.insert(run, id);
        }
    }

    /// Takes a run, which lies in one entry, out of the map of homes.
    pub(super) fn cut_out(&mut self, run: DotRun) {
        self.runs.remove(run);
    }

    /// The parts of a run that are somewhere, and where.
    pub(super) fn of(&self, run: DotRun) -> Vec<(DotRun, ContainerId)> {
        self.runs.parts_in(run).collect()
    }

    /// Calls back with each of these parts.
    pub(super) fn each_of(&self, run: DotRun, mut each: impl FnMut(DotRun, ContainerId)) {
        self.runs.parts_in(run).for_each(|(run, id)| each(run, id));
    }

    /// The first of these parts.
    pub(super) fn first_of(&self, run: DotRun) -> Option<(DotRun, ContainerId)> {
        self.runs.first_in(run)
    }

    /// How many dots are said to be in a container.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn count(&self, id: ContainerId) -> u64 {
        let runs = self.runs.iter().filter(|(_, home)| *home == id);
        runs.map(|(run, _)| run.len).sum()
    }
}
