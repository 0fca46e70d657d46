//! What came again under which other name, and what else undo needs to find again.

use crate::ordered::{BTreeMap, BTreeSet};

use crate::{Dot, DotRun, DotSet, Key, Path, Step};

/// For each dot that came again: the dot under which it did, which may be gone again too.
#[derive(Clone, Default, Debug)]
pub(crate) struct Names {
    runs: BTreeMap<Dot, (u64, Dot)>,
    /// The characters that the marks end beside that may come again. When they are deleted as well,
    /// what comes again near them has to come on the right side of them.
    ends: BTreeSet<Dot>,
}

impl Names {
    /// Notes that `old` came again as `new`.
    pub(crate) fn add(&mut self, old: Dot, new: Dot) {
        let before = self.runs.range(..=old).next_back();
        if let Some((&start, &(len, now))) = before {
            if start.plus(len) == old && now.plus(len) == new {
                self.runs.insert(start, (len + 1, now));
                return;
            }
        }
        self.runs.insert(old, (1, new));
    }

    fn next(&self, dot: Dot) -> Option<Dot> {
        let (&start, &(len, now)) = self.runs.range(..=dot).next_back()?;
        let run = DotRun { start, len };
        run.contains(dot).then(|| now.plus(dot.seq - start.seq))
    }

    /// Whether the dot came again.
    pub(crate) fn has(&self, dot: Dot) -> bool {
        self.next(dot).is_some()
    }

    /// What the dot is called now.
    pub(crate) fn now(&self, dot: Dot) -> Dot {
        let mut dot = dot;
        while let Some(next) = self.next(dot) {
            dot = next;
        }
        dot
    }

    pub(crate) fn dots(&self, dots: &DotSet) -> DotSet {
        dots.dots().map(|dot| self.now(dot)).collect()
    }

    pub(crate) fn path(&self, path: &Path) -> Path {
        let steps = path.steps().iter().map(|step| match step.key {
            Key::Element(dot) => Step {
                key: Key::Element(self.now(dot)),
                kind: step.kind,
            },
            Key::Name(_) => step.clone(),
        });
        Path::from_steps(steps.collect())
    }

    pub(crate) fn ends(&self) -> &BTreeSet<Dot> {
        &self.ends
    }

    pub(crate) fn add_ends(&mut self, dots: impl IntoIterator<Item = Dot>) {
        for dot in dots {
            self.ends.insert(self.now(dot));
        }
    }

    /// Those of a run; they are no longer among the ends.
    pub(crate) fn take_ends(&mut self, run: DotRun) -> Vec<Dot> {
        let last = run.start.plus(run.len - 1);
        let taken: Vec<Dot> = self.ends.range(run.start..=last).copied().collect();
        for dot in &taken {
            self.ends.remove(dot);
        }
        taken
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.len() + self.ends.len()
    }

    /// Keeps only what these dots are called now.
    pub(crate) fn keep(&mut self, dots: &BTreeSet<Dot>) {
        let mut kept = Self::default();
        for &dot in dots.iter().filter(|&&dot| self.has(dot)) {
            kept.add(dot, self.now(dot));
        }
        let now = dots.iter().map(|&dot| self.now(dot));
        kept.ends = now.filter(|dot| self.ends.contains(dot)).collect();
        *self = kept;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
