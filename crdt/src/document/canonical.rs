//! What of a whole state is the same in every copy: see [`Doc::canonical`](crate::Doc::canonical).

use crate::container::BodyItems;
use crate::sequence::content::Content;
use crate::sequence::run::RunItem;
use crate::sequence::RunItems;
use crate::{Delta, Dot, DotSet};

/// Drops the deleted elements that nothing needs: on which no living one hangs, no mark is anchored,
/// in which nothing lives, and which are not pinned.
pub(super) fn prune(mut whole: Delta, pins: &DotSet) -> Delta {
    let mut kept = whole.items.wanted();
    for (number, items) in &mut whole.items.bodies {
        match items {
            BodyItems::Text(text) => {
                let anchors: Vec<Dot> = text.anchors().collect();
                prune_runs(&mut text.runs, anchors, pins);
            }
            BodyItems::List(runs) => {
                prune_runs(runs, kept.remove(number).unwrap_or_default(), pins);
            }
            BodyItems::Tree(runs) => prune_runs(runs, [], pins),
            BodyItems::Map { .. } | BodyItems::Set(_) | BodyItems::Counter(_) => {}
        }
    }
    whole.items.tidy();
    whole
}

fn prune_runs<C: Content>(
    runs: &mut RunItems<C>,
    extra: impl IntoIterator<Item = Dot>,
    pins: &DotSet,
) {
    runs.change(|runs| prune_each(runs, extra, pins));
}

fn prune_each<C: Content>(
    runs: &mut Vec<RunItem<C>>,
    extra: impl IntoIterator<Item = Dot>,
    pins: &DotSet,
) {
    // How many elements of each run are needed; what hangs on one may need more of another.
    let mut needed: Vec<u64> = runs.iter().map(living_prefix).collect();
    let run_of = |dot: Dot| {
        // They are in order of dot.
        let after = runs.partition_point(|run| run.start <= dot);
        let i = after.checked_sub(1)?;
        let found = runs[i].dots().contains(dot);
        found.then(|| (i, dot.seq - runs[i].start.seq + 1))
    };
    let pinned = runs
        .iter()
        .filter_map(|run| pins.parts_in(run.dots()).next_back());
    let pinned = pinned.map(|part| part.start.plus(part.len - 1));
    for (i, prefix) in extra.into_iter().chain(pinned).filter_map(run_of) {
        needed[i] = needed[i].max(prefix);
    }
    let mut open: Vec<usize> = (0..runs.len()).filter(|&i| needed[i] > 0).collect();
    while let Some(child) = open.pop() {
        let Some(parent) = runs[child].parent else {
            continue;
        };
        let (i, prefix) = run_of(parent).expect("what an element hangs on is in the state");
        if prefix > needed[i] {
            if needed[i] == 0 {
                open.push(i);
            }
            needed[i] = prefix;
        }
    }
    for (run, &needed) in runs.iter_mut().zip(&needed) {
        let mut left = needed;
        for piece in run.pieces.iter_mut() {
            // Only the deleted end of a run is ever cut off.
            piece.len = piece.len.min(left);
            left -= piece.len;
        }
        let left = run.pieces.iter().take_while(|piece| piece.len > 0).count();
        run.pieces.truncate(left);
    }
    runs.retain(|run| !run.pieces.is_empty());
}

/// The elements of a run up to its last living one.
fn living_prefix<C: Content>(run: &RunItem<C>) -> u64 {
    let dead_end = run
        .pieces
        .last()
        .filter(|piece| piece.content.is_none())
        .map_or(0, |p| p.len);
    run.len() - dead_end
}
