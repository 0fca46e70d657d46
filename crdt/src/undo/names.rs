//! What came again under which other name.

use std::collections::BTreeMap;

use crate::{Dot, DotRun, DotSet, Key, Path, Step};

/// For each dot that came again: the dot under which it did, which may be gone again too.
#[derive(Clone, Default, Debug)]
pub(crate) struct Names {
    runs: BTreeMap<Dot, (u64, Dot)>,
}

impl Names {
    /// Notes that `old` came again as `new`.
    pub(crate) fn add(&mut self, old: Dot, new: Dot) {
        if let Some((&start, (len, now))) = self.runs.range_mut(..=old).next_back() {
            if start.plus(*len) == old && now.plus(*len) == new {
                *len += 1;
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

    pub(crate) fn clear(&mut self) {
        self.runs.clear();
    }
}
