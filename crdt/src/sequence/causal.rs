//! In which order the runs of a delta can be put in their places.

use crate::ordered::{self, BTreeMap};

use super::content::Content;
use super::fugue::Runs;
use super::link::RunLink;
use super::run::{PieceItem, RunItem, Side};
use super::{RunItems, Sequence};
use crate::{Dot, DotRun, DotSet, MergeError, VersionVector};

/// What a delta brings to a sequence, parents before children.
pub(super) struct Incoming<C> {
    /// Deleted elements that were dropped here and that something needs again.
    pub(super) restored: Vec<RunItem<C>>,
    /// The numbers of those of the items that bring something new.
    pub(super) new: Vec<u32>,
}

impl<C: Content> Sequence<C> {
    /// What is new in the items; and of the deleted elements that were dropped here, those that
    /// something new hangs on or that are `wanted`.
    pub(super) fn incoming(
        &self,
        items: &RunItems<C>,
        wanted: impl IntoIterator<Item = Dot>,
        seen: &VersionVector,
    ) -> Result<Incoming<C>, MergeError> {
        let new = |run: &RunLink| run.after(seen.get(run.dots.start.replica));
        let link = |run: u32| items.link(run as usize);
        let known = |dot| self.runs.run_of(dot).is_some();
        let mut needed: Vec<Dot> = wanted.into_iter().filter(|&dot| !known(dot)).collect();
        if !needed.is_empty() {
            let brought = items.links().filter_map(|run| new(&run));
            let brought: DotSet = brought.map(|run| run.dots).collect();
            needed.retain(|&dot| !brought.contains(dot));
        }
        let count = items.len() as u32;
        let order = in_order(count, |run| new(&link(run)), known);
        let order = order.map_err(|missing| needed.extend(missing));
        if needed.is_empty() {
            let restored = Vec::new();
            let new = order.expect("what is missing is needed");
            return Ok(Incoming { restored, new });
        }
        let restored = self.restore(needed, items, seen)?;
        let here: DotSet = restored.iter().map(RunItem::dots).collect();
        let known = |dot| known(dot) || here.contains(dot);
        let order = in_order(count, |run| new(&link(run)), known);
        let new = order.map_err(|anchors| MergeError::MissingAnchors { anchors })?;
        Ok(Incoming { restored, new })
    }

    /// These elements, which were dropped here, and what they hang on, out of the items.
    fn restore(
        &self,
        mut open: Vec<Dot>,
        items: &RunItems<C>,
        seen: &VersionVector,
    ) -> Result<Vec<RunItem<C>>, MergeError> {
        let mut dropped: BTreeMap<Dot, RunItem<C>> = BTreeMap::new();
        for run in items.links() {
            let runs = self.dropped_of(&run, seen.get(run.dots.start.replica));
            dropped.extend(runs.into_iter().map(|run| (run.start, run)));
        }
        let mut restored = Vec::new();
        let mut here = DotSet::new();
        let mut missing = Vec::new();
        while let Some(anchor) = open.pop() {
            if self.runs.run_of(anchor).is_some() || here.contains(anchor) {
                continue;
            }
            let found = dropped.range(..=anchor).next_back();
            let found = found.filter(|(_, run)| run.dots().contains(anchor));
            let Some((&start, _)) = found else {
                missing.push(anchor);
                continue;
            };
            let run = dropped.remove(&start).expect("the run was just found");
            let (needed, rest) = run.cut(anchor.seq - start.seq + 1);
            dropped.extend(rest.map(|rest| (rest.start, rest)));
            open.extend(needed.parent);
            here.insert_run(needed.dots());
            restored.push(needed);
        }
        if !missing.is_empty() {
            return Err(MergeError::MissingAnchors { anchors: missing });
        }
        let all = |run: u32| Some(restored[run as usize].link());
        let known = |dot| self.runs.run_of(dot).is_some();
        let order = in_order(restored.len() as u32, all, known);
        let order = order.map_err(|anchors| MergeError::MissingAnchors { anchors })?;
        let order = order.into_iter().map(|run| restored[run as usize].clone());
        Ok(order.collect())
    }

    /// The elements of a run up to seq `seen` that are not here, as deleted ones.
    fn dropped_of(&self, item: &RunLink, seen: u64) -> Vec<RunItem<C>> {
        let DotRun { start, len } = item.dots;
        let end = (start.seq + len).min(seen.saturating_add(1));
        let Some(len) = end.checked_sub(start.seq).filter(|&len| len > 0) else {
            return Vec::new();
        };
        let unknown = self.unknown_in(DotRun { start, len }).into_iter();
        let dropped = unknown.map(|DotRun { start: at, len }| {
            let before = (at != start).then(|| Dot::new(at.replica, at.seq - 1));
            RunItem {
                start: at,
                parent: before.or(item.parent),
                side: before.map_or(item.side, |_| Side::Right),
                minute: item.minute,
                pieces: PieceItem { len, content: None }.into(),
            }
        });
        dropped.collect()
    }

    /// Everything that these elements hang on, themselves included, as far as its seqs are not after
    /// `from`: as deleted elements, in order of dot.
    pub(crate) fn skeleton_of(&self, dots: &[Dot], from: &VersionVector) -> Vec<RunItem<C>> {
        let runs = self.runs.ancestry(dots).into_iter().filter_map(|run| {
            let last = run.dots.start.seq + run.dots.len - 1;
            let last = last.min(from.get(run.dots.start.replica));
            let len = (last + 1).checked_sub(run.dots.start.seq);
            let len = len.filter(|&len| len > 0)?;
            Some(RunItem {
                start: run.dots.start,
                parent: run.parent,
                side: run.side,
                minute: run.minute,
                pieces: PieceItem { len, content: None }.into(),
            })
        });
        runs.collect()
    }
}

impl Runs {
    /// The runs that these elements are in and hang on, each up to the last element that is needed,
    /// in order of dot.
    fn ancestry(&self, dots: &[Dot]) -> Vec<RunLink> {
        let mut lasts: BTreeMap<Dot, RunLink> = BTreeMap::new();
        let mut open = dots.to_vec();
        while let Some(dot) = open.pop() {
            let Some(start) = self.run_of(dot).map(|run| run.start) else {
                continue;
            };
            let len = dot.seq - start.seq + 1;
            if lasts.get(&start).is_some_and(|run| run.dots.len >= len) {
                continue;
            }
            let run = self.between(start.replica, start.seq, dot.seq).next();
            let run = run.expect("the run was just found");
            open.extend(run.parent);
            lasts.insert(start, run);
        }
        lasts.into_values().collect()
    }
}

/// Those of the items of which something is `new`, parents before children; else the parents that
/// neither are `known` nor come with the items.
fn in_order(
    count: u32,
    new: impl Fn(u32) -> Option<RunLink>,
    known: impl Fn(Dot) -> bool,
) -> Result<Vec<u32>, Vec<Dot>> {
    let mut ready = Vec::new();
    let mut waiting: Vec<(Dot, u32)> = Vec::new();
    for item in 0..count {
        let Some(run) = new(item) else {
            continue;
        };
        match run.parent.filter(|&parent| !known(parent)) {
            Some(parent) => waiting.push((parent, item)),
            None => ready.push(item),
        }
    }
    // Stable: siblings stay in order.
    ordered::sort_by_key(&mut waiting, |&(parent, _)| parent);
    let mut taken = vec![false; waiting.len()];
    let mut next = 0;
    while let Some(&item) = ready.get(next) {
        let dots = new(item).expect("what is new was filtered above").dots;
        let end = dots.start.plus(dots.len);
        let first = waiting.partition_point(|&(parent, _)| parent < dots.start);
        for (place, &(parent, item)) in waiting.iter().enumerate().skip(first) {
            if parent >= end {
                break;
            }
            if !std::mem::replace(&mut taken[place], true) {
                ready.push(item);
            }
        }
        next += 1;
    }
    // What still waits hangs on what nobody has, or on itself.
    let left = waiting.iter().zip(&taken).filter(|(_, taken)| !**taken);
    let left: Vec<&(Dot, u32)> = left.map(|(waiting, _)| waiting).collect();
    if left.is_empty() {
        return Ok(ready);
    }
    // Of an item that is known in part only the rest comes with it.
    let brought = left.iter().filter_map(|&&(_, item)| new(item));
    let brought: DotSet = brought.map(|run| run.dots).collect();
    let mut missing: Vec<Dot> = left.iter().map(|(parent, _)| *parent).collect();
    missing.dedup();
    if missing.iter().any(|&parent| !brought.contains(parent)) {
        missing.retain(|&parent| !brought.contains(parent));
    }
    Err(missing)
}
