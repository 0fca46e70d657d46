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

/// A measure at both sizes.
struct Growth {
    name: String,
    unit: Unit,
    small: f64,
    large: f64,
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
    crowds(size / 100, wanted, &mut grown);
    turns(size / 10, wanted, &mut grown);
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

/// What there is to know of one history: name, unit, number.
fn compare<O: Op>(
    name: &str,
    both: [&[O]; 2],
    wanted: &dyn Fn(&str) -> bool,
    grown: &mut Vec<Growth>,
) {
    if !wanted(name) {
        return;
    }
    // The small one is short enough for other things to get in its way.
    let small = (0..3).map(|_| costs(both[0])).reduce(|a, b| {
        a.into_iter()
            .zip(b)
            .map(|((name, unit, a), (.., b))| (name, unit, a.min(b)))
            .collect()
    });
    let large = costs(both[1]);
    let small = small.expect("it was measured three times");
    grown.extend(
        small
            .into_iter()
            .zip(large)
            .map(|((what, unit, small), (.., large))| Growth {
                name: format!("{name}: {what}"),
                unit,
                small,
                large,
            }),
    );
}

fn costs<O: Op>(ops: &[O]) -> Vec<(&'static str, Unit, f64)> {
    let ours = ours::<O>();
    let cap = Cap::of(Duration::MAX);
    let mut doc = ours.new_replica(1).expect("Driftwood has replicas");
    let (edit, updates) = timed(|| doc.apply_each_encoded(ops, &cap));
    let mut other = ours.new_replica(2).expect("Driftwood has replicas");
    let (merge, _) = timed(|| other.merge_each(&updates, &cap));
    assert_eq!(
        doc.read(),
        other.read(),
        "who has merged all shows the same"
    );
    let full = doc.full().expect("Driftwood gives all at once");
    let mut third = ours.new_replica(3).expect("Driftwood has replicas");
    let (merge_full, ()) = timed(|| third.merge(&full));
    drop((other, third));
    let (save, saved) = timed(|| doc.save());
    let (load, _) = timed(|| ours.load_structure(4, &saved));
    let (used, _loaded) = memory(|| ours.load_structure(4, &saved));
    vec![
        ("edit, encode", Unit::Ms, edit),
        ("merge one by one", Unit::Ms, merge),
        ("merge all", Unit::Ms, merge_full),
        ("save", Unit::Ms, save),
        ("load", Unit::Ms, load),
        ("saved", Unit::Bytes, saved.len() as f64),
        ("heap, loaded", Unit::Bytes, used.held as f64),
    ]
}

/// Many replicas with one edit each.
fn crowds(peers: usize, wanted: &dyn Fn(&str) -> bool, grown: &mut Vec<Growth>) {
    let name = "text, a replica an edit: merge one by one";
    if wanted(name) {
        let small = (0..3).map(|_| crowd(peers)).fold(f64::INFINITY, f64::min);
        let large = crowd(10 * peers);
        grown.push(Growth {
            name: name.to_owned(),
            unit: Unit::Ms,
            small,
            large,
        });
    }
}

fn crowd(peers: usize) -> f64 {
    let ours = ours::<Patch>();
    let update = |number| {
        let mut peer = ours
            .new_replica(number as u64)
            .expect("Driftwood has replicas");
        peer.apply_encoded(&Patch::ascii(0, 0, "hello"))
    };
    let updates: Vec<_> = (1..=peers).map(update).collect();
    let mut all = ours.new_replica(0).expect("Driftwood has replicas");
    let (ms, _) = timed(|| all.merge_each(&updates, &Cap::of(Duration::MAX)));
    ms
}

/// Two people who write a character in turn, each after that of the other: a tree that leans right, of runs of one.
fn turns(size: usize, wanted: &dyn Fn(&str) -> bool, grown: &mut Vec<Growth>) {
    let name = "text, two in turn at the end (leans right): edit, encode, merge";
    if wanted(name) {
        let small = (0..3).map(|_| in_turn(size)).fold(f64::INFINITY, f64::min);
        let large = in_turn(10 * size);
        grown.push(Growth {
            name: name.to_owned(),
            unit: Unit::Ms,
            small,
            large,
        });
    }
}

fn in_turn(size: usize) -> f64 {
    let ours = ours::<Patch>();
    let mut peers = [1, 2].map(|number| ours.new_replica(number).expect("Driftwood has replicas"));
    let (ms, ()) = timed(|| {
        for at in 0..size {
            let update = peers[at % 2].apply_encoded(&Patch::ascii(at, 0, "x"));
            peers[(at + 1) % 2].merge(&update);
        }
    });
    ms
}

fn markdown(size: usize, grown: &[Growth]) -> String {
    let mut out = format!("### growth of Driftwood's cost, from {size} edits (replicas: a hundredth, turns: a tenth)\n\n");
    out.push_str("| measure | at the size | at ten times | times |\n| :- | -: | -: | -: |\n");
    for Growth {
        name,
        unit,
        small,
        large,
    } in grown
    {
        let times = large / small;
        let mark = if times > TIMES_MAX { "**" } else { "" };
        let unit_shown = if *unit == Unit::Ms { " ms" } else { " bytes" };
        let [small, large] = [small, large].map(|number| number_shown(*number, *unit) + unit_shown);
        let _ = writeln!(
            out,
            "| {name} | {small} | {large} | {mark}{times:.1}{mark} |"
        );
    }
    out
}
