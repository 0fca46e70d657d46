//! What of a whole state is the same in every copy: see [`Doc::canonical`](crate::Doc::canonical).

use std::collections::BTreeMap;

use crate::container::BodyItems;
use crate::sequence::content::Content;
use crate::sequence::run::RunItem;
use crate::{Delta, Dot};

/// Drops the deleted elements that no living one hangs on.
pub(super) fn prune(mut whole: Delta) -> Delta {
    for (_, items) in &mut whole.items.bodies {
        match items {
            BodyItems::Text(runs) => prune_runs(runs),
            BodyItems::List(runs) => prune_runs(runs),
            BodyItems::Map { .. } | BodyItems::Set(_) | BodyItems::Counter(_) => {}
        }
    }
    whole.items.tidy();
    whole
}

fn prune_runs<C: Content>(runs: &mut Vec<RunItem<C>>) {
    let by_start: BTreeMap<Dot, usize> = runs
        .iter()
        .enumerate()
        .map(|(i, run)| (run.start, i))
        .collect();
    // How many elements of each run are needed; what hangs on one may need more of another.
    let mut needed: Vec<u64> = runs.iter().map(living_prefix).collect();
    let mut open: Vec<usize> = (0..runs.len()).filter(|&i| needed[i] > 0).collect();
    while let Some(child) = open.pop() {
        let Some(parent) = runs[child].parent else {
            continue;
        };
        let found = by_start.range(..=parent).next_back();
        let (start, &i) = found.expect("what an element hangs on is in the state");
        let prefix = parent.seq - start.seq + 1;
        if prefix > needed[i] {
            if needed[i] == 0 {
                open.push(i);
            }
            needed[i] = prefix;
        }
    }
    for (run, &needed) in runs.iter_mut().zip(&needed) {
        let mut left = needed;
        for piece in &mut run.pieces {
            // Only the deleted end of a run is ever cut off.
            piece.len = piece.len.min(left);
            left -= piece.len;
        }
        run.pieces.retain(|piece| piece.len > 0);
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
