//! How Driftwood's cost grows: each measure at ten times the size, through that at the size itself. A step that is
//! O(log n) gives a little over 10.

use crate::contender::{Contender, Op, OURS};
use crate::measure::{memory, timed, Cap};
use crate::op::{ListOp, Patch, Put};
use crate::table::{number_shown, Unit};
use crate::workload::Random;
use std::fmt::Write;
use std::time::Duration;

/// What ten times the size may cost at most.
const TIMES_MAX: f64 = 12.0;

/// What one measurement may take. What is quadratic would not end at a million.
const LIMIT: Duration = Duration::from_secs(15);

/// A measure at both sizes; nothing, when the time was over.
struct Growth {
    name: String,
    unit: Unit,
    small: Option<f64>,
    large: Option<f64>,
}

/// Measures what `wanted` takes, up to ten times `size`, and gives a table. `session` is what somebody typed.
pub fn run(size: usize, session: &[Patch], wanted: &dyn Fn(&str) -> bool) -> String {
    let mut grown = Vec::new();
    let ten = session_ten_times(session);
    compare(
        "session, ten times over",
        [session, &ten],
        wanted,
        &mut grown,
    );
    for (name, make) in KINDS_OF_TEXT {
        compare(name, [&make(size), &make(10 * size)], wanted, &mut grown);
    }
    compare(
        "map, distinct keys",
        [&puts(size), &puts(10 * size)],
        wanted,
        &mut grown,
    );
    compare(
        "list, pushes",
        [&pushes(size), &pushes(10 * size)],
        wanted,
        &mut grown,
    );
    let name = "text, a replica an edit: merge one by one";
    // A document has 4,096 replicas at most.
    compare_one(name, size / 250, wanted, crowd, &mut grown);
    let name = "text, two in turn at the end (leans right): edit, encode, merge";
    compare_one(name, size / 10, wanted, in_turn, &mut grown);
    if grown.is_empty() {
        return String::new();
    }
    let table = markdown(size, &grown);
    println!("{table}");
    table
}

type MakeText = fn(usize) -> Vec<Patch>;
const KINDS_OF_TEXT: [(&str, MakeText); 4] = [
    ("text, one-character runs at random", scattered),
    ("text, always at the start (leans left)", |size| {
        (0..size).map(|_| Patch::ascii(0, 0, "x")).collect()
    }),
    ("text, always at the end", |size| {
        (0..size).map(|at| Patch::ascii(at, 0, "x")).collect()
    }),
    ("text, written and deleted at random", written_and_deleted),
];

/// The session, then the session again in front of what is there.
fn session_ten_times(session: &[Patch]) -> Vec<Patch> {
    (0..10).flat_map(|_| session.iter().cloned()).collect()
}

fn scattered(size: usize) -> Vec<Patch> {
    let mut random = Random::new(31);
    (0..size)
        .map(|len| Patch::ascii(random.below(len + 1), 0, "x"))
        .collect()
}

fn written_and_deleted(size: usize) -> Vec<Patch> {
    let mut random = Random::new(32);
    let mut len = 0;
    let edit = |_| {
        if len > 0 && random.one_in(3) {
            len -= 1;
            return Patch::ascii(random.below(len + 1), 1, "");
        }
        len += 1;
        Patch::ascii(random.below(len), 0, "x")
    };
    (0..size).map(edit).collect()
}

fn puts(size: usize) -> Vec<Put> {
    let put = |key| Put {
        key: format!("key{key}"),
        value: 1,
    };
    (0..size).map(put).collect()
}

fn pushes(size: usize) -> Vec<ListOp> {
    (0..size).map(|index| ListOp::Insert(index, 1)).collect()
}

fn ours<O: Op>() -> Contender<O> {
    let found = O::contenders()
        .into_iter()
        .find(|contender| contender.name == OURS);
    found.expect("Driftwood has every kind of container")
}

/// Measures one kind of history at both sizes.
fn compare<O: Op>(
    name: &str,
    both: [&[O]; 2],
    wanted: &dyn Fn(&str) -> bool,
    grown: &mut Vec<Growth>,
) {
    if !wanted(name) {
        return;
    }
    let small = costs(both[0]);
    // What is too slow already at the size is not tried at ten times of it.
    let finished = small.iter().all(|(.., number)| number.is_some());
    let large = if finished { costs(both[1]) } else { Vec::new() };
    // The small one is short enough for other things to get in its way: once more, now that all is warm.
    let again = if finished { costs(both[0]) } else { Vec::new() };
    for (what, unit, first) in small {
        let in_other = |other: &[Cost]| other.iter().find(|cost| cost.0 == what)?.2;
        let small = match (first, in_other(&again)) {
            (Some(first), Some(again)) => Some(first.min(again)),
            _ => first,
        };
        let name = format!("{name}: {what}");
        let large = in_other(&large);
        grown.push(Growth {
            name,
            unit,
            small,
            large,
        });
    }
}

/// What, in which unit, and how much: nothing, when the time was over.
type Cost = (&'static str, Unit, Option<f64>);

fn costs<O: Op>(ops: &[O]) -> Vec<Cost> {
    let ours = ours::<O>();
    let mut doc = ours.new_replica(1).expect("Driftwood has replicas");
    let (edit, updates) = timed(|| doc.apply_each_encoded(ops, &Cap::of(LIMIT)));
    if updates.len() < ops.len() {
        return vec![("edit, encode", Unit::Ms, None)];
    }
    let mut other = ours.new_replica(2).expect("Driftwood has replicas");
    let (merge, merged) = timed(|| other.merge_each(&updates, &Cap::of(LIMIT)));
    let all = merged == updates.len();
    assert!(
        !all || doc.read() == other.read(),
        "who has merged all shows the same"
    );
    drop((other, updates));
    let full = doc.full().expect("Driftwood gives all at once");
    let mut third = ours.new_replica(3).expect("Driftwood has replicas");
    let (merge_full, ()) = timed(|| third.merge(&full));
    drop(third);
    let (save, saved) = timed(|| doc.save());
    let (load, _) = timed(|| ours.load_structure(4, &saved));
    let (used, _loaded) = memory(|| ours.load_structure(4, &saved));
    vec![
        ("edit, encode", Unit::Ms, Some(edit)),
        ("merge one by one", Unit::Ms, all.then_some(merge)),
        ("merge all", Unit::Ms, Some(merge_full)),
        ("save", Unit::Ms, Some(save)),
        ("load", Unit::Ms, Some(load)),
        ("saved", Unit::Bytes, Some(saved.len() as f64)),
        ("heap, loaded", Unit::Bytes, Some(used.held as f64)),
    ]
}

/// Measures at both sizes what is one number: nothing, when the time was over.
fn compare_one(
    name: &str,
    size: usize,
    wanted: &dyn Fn(&str) -> bool,
    cost: fn(usize) -> Option<f64>,
    grown: &mut Vec<Growth>,
) {
    if wanted(name) {
        let small = cost(size);
        let large = small.and_then(|_| cost(10 * size));
        let name = name.to_owned();
        grown.push(Growth {
            name,
            unit: Unit::Ms,
            small,
            large,
        });
    }
}

/// Many replicas with one edit each.
fn crowd(peers: usize) -> Option<f64> {
    let ours = ours::<Patch>();
    let update = |number| {
        let peer = ours.new_replica(number as u64);
        peer.expect("Driftwood has replicas")
            .apply_encoded(&Patch::ascii(0, 0, "hello"))
    };
    let updates: Vec<_> = (1..=peers).map(update).collect();
    let mut all = ours.new_replica(0).expect("Driftwood has replicas");
    let (ms, merged) = timed(|| all.merge_each(&updates, &Cap::of(LIMIT)));
    (merged == peers).then_some(ms)
}

/// Two people who write a character in turn, each after that of the other: a tree that leans right, of runs of one.
fn in_turn(size: usize) -> Option<f64> {
    let ours = ours::<Patch>();
    let mut peers = [1, 2].map(|number| ours.new_replica(number).expect("Driftwood has replicas"));
    let turns: Vec<usize> = (0..size).collect();
    let (ms, made) = timed(|| {
        Cap::of(LIMIT).each(&turns, |&at| {
            let update = peers[at % 2].apply_encoded(&Patch::ascii(at, 0, "x"));
            peers[(at + 1) % 2].merge(&update);
        })
    });
    (made == size).then_some(ms)
}

fn markdown(size: usize, grown: &[Growth]) -> String {
    let mut out = format!("### growth of Driftwood's cost, from {size} edits (replicas: a 250th, turns: a tenth)\n\n");
    out.push_str("| measure | at the size | at ten times | times |\n| :- | -: | -: | -: |\n");
    for Growth {
        name,
        unit,
        small,
        large,
    } in grown
    {
        let unit_shown = if *unit == Unit::Ms { " ms" } else { " bytes" };
        let shown = |number: &Option<f64>| match number {
            Some(number) => number_shown(*number, *unit) + unit_shown,
            None => format!("not finished in {} s", LIMIT.as_secs()),
        };
        let times = match (small, large) {
            (Some(small), Some(large)) if large / small <= TIMES_MAX => {
                format!("{:.1}", large / small)
            }
            (Some(small), Some(large)) => format!("**{:.1}**", large / small),
            _ => "**too many**".to_owned(),
        };
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {times} |",
            shown(small),
            shown(large)
        );
    }
    out
}
