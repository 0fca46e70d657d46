//! What a number is known of for each of many dots, kept by runs.

use crate::plain::plain;
use crate::sorted::{Place, Sorted};
use crate::{Dot, DotRun};

/// Dots with numbers. Neighbours with equal numbers, or if `UP` with ascending ones, are one entry.
#[derive(Clone, Default, Debug)]
pub(crate) struct DotMap<const UP: bool> {
    runs: Sorted<Entry>,
    /// Where the last entry was written: the next dots mostly follow.
    last: Place,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    run: DotRun,
    /// The number of its first dot.
    number: u32,
}

impl<const UP: bool> DotMap<UP> {
    /// Of dots that come in order, each with its number.
    pub(crate) fn of(dots: &[(Dot, u32)]) -> Self {
        let goes_on =
            |a: &(Dot, u32), b: &(Dot, u32)| a.0.plus(1) == b.0 && a.1 + u32::from(UP) == b.1;
        let runs = dots.chunk_by(goes_on).map(|run| {
            let (start, number) = run[0];
            let len = run.len() as u64;
            Entry {
                run: DotRun { start, len },
                number,
            }
        });
        let runs: Vec<Entry> = runs.collect();
        Self {
            runs: Sorted::of(runs.into_iter()),
            last: Place::default(),
        }
    }

    /// Gives dots a number, or their numbers; those of one call are new, or were an entry before.
    #[inline]
    pub(crate) fn insert(&mut self, run: DotRun, number: u32) {
        if run.len > 0 && !self.extend(self.last, run, number) {
            self.insert_apart(run, number);
        }
    }

    fn insert_apart(&mut self, run: DotRun, number: u32) {
        let place = self.runs.seek(|entry| entry.run.start < run.start);
        if let Some(before) = place.before() {
            if self.extend(before, run, number) {
                self.last = before;
                return;
            }
        }
        let entry = Entry { run, number };
        self.last = match self.runs.get_mut(place) {
            Some(same) if same.run.start == run.start => {
                *same = entry;
                place
            }
            _ => self.runs.insert(place, entry),
        };
    }

    /// Makes an entry longer, if the run is what comes after it.
    #[inline]
    fn extend(&mut self, place: Place, run: DotRun, number: u32) -> bool {
        let entry = self.runs.get_mut(place);
        let before = entry.filter(|before| {
            before.run.end() == run.start.seq
                && before.run.start.replica == run.start.replica
                && Self::number_at(**before, before.run.len) == number
        });
        before.map(|before| before.run.len += run.len).is_some()
    }

    fn number_at(entry: Entry, within: u64) -> u32 {
        if UP {
            entry.number + within as u32
        } else {
            entry.number
        }
    }

    /// Forgets a run that lies in one entry.
    pub(crate) fn remove(&mut self, run: DotRun) {
        let Some(place) = self.last_until(run.start) else {
            return;
        };
        let Some(entry) = self.runs.get_mut(place) else {
            return;
        };
        let whole = *entry;
        if !whole.run.contains(run.start) {
            return;
        }
        let (skip, end) = (run.start.seq - whole.run.start.seq, run.end());
        let rest = whole.run.end().saturating_sub(end);
        let after = Entry {
            run: DotRun {
                start: run.start.plus(run.len),
                len: rest,
            },
            number: Self::number_at(whole, skip + run.len),
        };
        if skip > 0 {
            entry.run.len = skip;
            if rest > 0 {
                let place = self.runs.seek(|entry| entry.run.start < run.start);
                self.runs.insert(place, after);
            }
        } else if rest > 0 {
            *entry = after;
        } else {
            self.runs.remove(place);
        }
    }

    /// The place of the last entry that starts no later than at this dot.
    fn last_until(&self, dot: Dot) -> Option<Place> {
        self.runs.seek(|entry| entry.run.start <= dot).before()
    }

    /// The number of a dot.
    pub(crate) fn get(&self, dot: Dot) -> Option<u32> {
        let entry = *self.runs.get(self.last_until(dot)?)?;
        let within = dot.seq.wrapping_sub(entry.run.start.seq);
        entry
            .run
            .contains(dot)
            .then(|| Self::number_at(entry, within))
    }

    /// The parts of a run that have numbers, in order, each with that of its first dot.
    pub(crate) fn parts_in(&self, run: DotRun) -> impl Iterator<Item = (DotRun, u32)> + '_ {
        let place = self.runs.seek(|entry| entry.run.start <= run.start);
        let place = place.before().unwrap_or(place);
        let entries = self.runs.iter_from(place);
        let last = run.start.plus(run.len);
        let entries = entries.take_while(move |entry| entry.run.start < last);
        plain(entries.filter_map(move |&entry| Self::part_of(entry, run)))
    }

    /// The first of these parts.
    pub(crate) fn first_in(&self, run: DotRun) -> Option<(DotRun, u32)> {
        let has_it = |entry: &&Entry| entry.run.contains(run.start);
        // What was written last is asked for most.
        let last = self.runs.get(self.last).filter(has_it);
        let entry = last.or_else(|| {
            let next = self.runs.seek(|entry| entry.run.start <= run.start);
            let before = next.before().and_then(|place| self.runs.get(place));
            before.filter(has_it).or_else(|| self.runs.get(next))
        });
        Self::part_of(*entry?, run)
    }

    /// What of a run lies in an entry.
    fn part_of(entry: Entry, run: DotRun) -> Option<(DotRun, u32)> {
        let first = run.start.seq.max(entry.run.start.seq);
        let end = run.end().min(entry.run.end());
        let part = DotRun {
            start: Dot::new(run.start.replica, first),
            len: end.checked_sub(first).filter(|&len| len > 0)?,
        };
        let number = Self::number_at(entry, first - entry.run.start.seq);
        (entry.run.start.replica == run.start.replica).then_some((part, number))
    }

    /// The runs with their numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DotRun, u32)> + '_ {
        plain(self.runs.iter().map(|entry| (entry.run, entry.number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReplicaId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn runs() -> impl Strategy<Value = Vec<(bool, u64, u64, u64, u32)>> {
        prop::collection::vec((any::<bool>(), 0..2u64, 1..60u64, 1..9u64, 0..9u32), 0..60)
    }

    fn is_a_map<const UP: bool>(steps: Vec<(bool, u64, u64, u64, u32)>) {
        let (mut map, mut model) = (DotMap::<UP>::default(), BTreeMap::new());
        for (inserts, replica, seq, len, number) in steps {
            let start = Dot::new(ReplicaId::new(replica), seq);
            let run = DotRun { start, len };
            let dots = (0..len).map(|i| (start.plus(i), number + u32::from(UP) * i as u32));
            if inserts {
                for (dot, number) in dots
                    .filter(|(dot, _)| !model.contains_key(dot))
                    .collect::<Vec<_>>()
                {
                    map.insert(DotRun { start: dot, len: 1 }, number);
                    model.insert(dot, number);
                }
            } else {
                let parts: Vec<_> = map.parts_in(run).collect();
                for (part, _) in parts {
                    map.remove(part);
                }
                for (dot, _) in dots {
                    model.remove(&dot);
                }
            }
            let all = |parts: Vec<(DotRun, u32)>| -> Vec<(Dot, u32)> {
                let each = |(run, number): (DotRun, u32)| {
                    run.dots()
                        .enumerate()
                        .map(move |(i, dot)| (dot, number + u32::from(UP) * i as u32))
                };
                parts.into_iter().flat_map(each).collect()
            };
            let expected: Vec<_> = model.iter().map(|(&dot, &number)| (dot, number)).collect();
            assert_eq!(all(map.iter().collect()), expected);
            let within: Vec<_> = expected
                .iter()
                .copied()
                .filter(|&(dot, _)| run.contains(dot))
                .collect();
            assert_eq!(all(map.parts_in(run).collect()), within);
            assert_eq!(map.first_in(run), map.parts_in(run).next());
            for dot in run.dots() {
                assert_eq!(map.get(dot), model.get(&dot).copied());
            }
        }
    }

    proptest! {
        #[test]
        fn knows_a_number_for_each_dot(steps in runs()) {
            is_a_map::<false>(steps.clone());
            is_a_map::<true>(steps);
        }
    }
}
