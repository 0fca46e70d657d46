//! Whether the parts of a delta agree.

use super::delta::{first_minute, names_of, Full};
use crate::ordered;
use crate::plain::plain;
use crate::{Delta, Dot, DotRun, Minute, ReplicaId};

/// Checks that the parts agree: every dot lies inside of the delta and names one thing, and nothing
/// is both there and removed.
pub(super) fn check(
    delta: &Delta,
    base: Option<Minute>,
    replicas: &[ReplicaId],
) -> Result<(), &'static str> {
    let interval = delta.interval();
    let inside = |run: &DotRun| interval.contains(run.start) && interval.contains(end(run));
    // What is deleted may be older: what others hang on comes along when it is asked for.
    let known = |dot: Dot| dot.seq <= delta.from.get(dot.replica).max(delta.to.get(dot.replica));
    let (mut apart, mut all_known, mut all_inside) = (true, true, true);
    let mut last = None;
    for_each_sorted_run(delta, |run| {
        apart &= last < Some(run.start);
        last = Some(end(&run));
        all_known &= known(end(&run));
        all_inside &= inside(&run);
    });
    if !apart {
        return Err("a dot names two things");
    }
    if !all_known {
        return Err("a dot lies outside of the delta");
    }
    if !all_inside {
        all_inside = true;
        for items in delta.items.bodies() {
            items.for_each_live(|run| all_inside &= inside(&run));
        }
        if !all_inside {
            return Err("a living dot lies outside of the delta");
        }
        erasing(delta).for_each(|run| all_inside &= inside(&run));
        if !all_inside {
            return Err("an erasure lies outside of the delta");
        }
    }
    if !delta.removals.keys().all(|&by| interval.contains(by)) {
        return Err("a removal lies outside of the delta");
    }
    if removes_what_is_there(delta) {
        return Err("a dot is both there and removed");
    }
    // One encoding: the times are counted from the first, the table has no more than is used.
    let full = Full::of(delta);
    if first_minute(&full) != base {
        return Err("times not counted from the first");
    }
    if names_of(&full) != replicas {
        return Err("a replica is listed and not used");
    }
    Ok(())
}

/// All dots that name something, in order.
fn for_each_sorted_run(delta: &Delta, mut each: impl FnMut(DotRun)) {
    let bodies = delta.items.bodies();
    let Some(largest) = bodies.clone().max_by_key(|items| items.run_count()) else {
        return erasing(delta).for_each(each);
    };
    // Those of the largest container mostly come in order; the others are sorted beside it.
    let mut others: Vec<DotRun> = erasing(delta).collect();
    for items in bodies.filter(|&items| !std::ptr::eq(items, largest)) {
        items.for_each_run(|run| others.push(run));
    }
    ordered::sort_by(&mut others, Ord::cmp);
    let mut others = others.into_iter().peekable();
    largest.for_each_sorted_run(|run| {
        while let Some(before) = others.next_if(|other| *other < run) {
            each(before);
        }
        each(run);
    });
    others.for_each(each);
}

fn removes_what_is_there(delta: &Delta) -> bool {
    let removals = || delta.removals.values().flat_map(|removal| &removal.runs);
    let mut removed = Vec::with_capacity(removals().count());
    removed.extend(removals().copied());
    ordered::sort(&mut removed);
    // Overlapping runs are made one, so that the ends are in order as well.
    removed.dedup_by(|next, run| {
        let overlap = next.start <= end(run);
        if overlap {
            run.len = run.len.max(end(next).seq - run.start.seq + 1);
        }
        overlap
    });
    let mut found = false;
    let mut look = |live: DotRun| {
        let next = removed.partition_point(|run| end(run) < live.start);
        found |= removed.get(next).is_some_and(|run| run.start <= end(&live));
    };
    erasing(delta).for_each(&mut look);
    for items in delta.items.bodies().take_while(|_| !removed.is_empty()) {
        items.for_each_live(&mut look);
    }
    found
}

/// The dots of erasing changes: alive, each the name of what it erased.
fn erasing(delta: &Delta) -> impl Iterator<Item = DotRun> + '_ {
    let erasures = delta.items.erasures.iter();
    plain(erasures.map(|&(start, _)| DotRun { start, len: 1 }))
}

/// The last dot of a run.
fn end(run: &DotRun) -> Dot {
    run.start.plus(run.len - 1)
}
