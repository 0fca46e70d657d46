//! Deltas made to take much memory or time for few bytes, and what they take.

// It measures memory and time, which needs an allocator and a clock of the system.
#![cfg(not(target_arch = "wasm32"))]

use driftwood_crdt::codec::Writer;
use driftwood_crdt::{Delta, Doc, ReplicaId};

#[allow(dead_code)]
#[path = "checks/mod.rs"]
mod checks;

/// A delta of one replica: `seqs` dots, a table of containers, their items, and removals.
fn hostile(seqs: u64, table: &[u8], bodies: &[u8], removals: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(&[1, 2, 0, 1]);
    out.u64_le(7);
    out.raw(&[0, 1, 0]);
    out.varint(seqs);
    out.raw(table);
    out.raw(bodies);
    out.raw(removals);
    out.into_vec()
}

/// One container at the top, with these items.
fn lone(kind: u8, seqs: u64, items: &[u8]) -> Vec<u8> {
    hostile(seqs, &[2, 0, 0x10 | kind, 0, 0], items, &[0])
}

fn repeat(count: u64, mut each: impl FnMut(&mut Writer, u64)) -> Vec<u8> {
    let mut out = Writer::new();
    out.varint(count);
    (1..=count).for_each(|number| each(&mut out, number));
    out.into_vec()
}

fn entry(out: &mut Writer, number: u64, value: impl FnOnce(&mut Writer)) {
    out.str(&format!("{number:04x}"));
    out.byte(0);
    out.varint(number);
    out.byte(0);
    value(out);
}

/// As many as fit.
fn fitting(bytes: usize, make: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let (mut low, mut high) = (1, bytes as u64);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if make(middle).len() <= bytes {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    make(low)
}

fn nulls(n: u64) -> Vec<u8> {
    let nulls = repeat(n, |out, _| out.raw(&[0, 0]));
    lone(3, 1, &[&[1, 7], &nulls[..], &[0, 1, 0]].concat())
}

fn nested_maps(n: u64) -> Vec<u8> {
    // Lists of maps, 60 deep each.
    let maps = repeat(n / 60 + 1, |out, _| {
        (0..60).for_each(|_| out.raw(&[8, 1, 0]));
        out.raw(&[0, 0]);
    });
    lone(3, 1, &[&[1, 7], &maps[..], &[0, 1, 0]].concat())
}

fn entries(n: u64) -> Vec<u8> {
    let values = repeat(n, |out, i| entry(out, i, |out| out.raw(&[0, 0])));
    lone(0, n, &[&values[..], &[0]].concat())
}

fn siblings(n: u64) -> Vec<u8> {
    let n = n.min(4_096);
    let values = repeat(n, |out, i| {
        out.raw(&[0, 0]);
        out.varint(i);
        out.raw(&[0, 0, 0]);
    });
    lone(0, n, &[&values[..], &[0]].concat())
}

fn marks(n: u64) -> Vec<u8> {
    let marks = repeat(n, |out, i| {
        out.str(&format!("{i:04x}"));
        out.raw(&[2, 0]);
        out.varint(i);
        out.byte(0);
    });
    lone(0, n, &[&[0], &marks[..]].concat())
}

fn pieces(n: u64) -> Vec<u8> {
    let pieces = repeat(n, |out, i| {
        if i % 2 == 0 {
            out.raw(&[3, b'x']);
        } else {
            out.byte(2);
        }
    });
    lone(2, n, &[&[1, 0, 1, 2, 0], &pieces[..], &[0]].concat())
}

/// Runs of one deleted element at one gap; every second dot, so that they stay apart.
fn dead_runs(n: u64) -> Vec<u8> {
    let runs = repeat(n, |out, i| {
        out.byte(0);
        out.varint(2 * i);
        out.raw(&[2, 0, 1, 2]);
    });
    lone(2, 2 * n, &[&runs[..], &[0]].concat())
}

/// Runs of one character, each to the left of the one before.
fn chain(n: u64) -> Vec<u8> {
    let runs = repeat(n, |out, i| {
        out.byte(0);
        out.varint(2 * i);
        if i == 1 {
            out.byte(2);
        } else {
            out.raw(&[1, 0]);
            out.varint(2 * i - 2);
        }
        out.raw(&[0, 1, 3, b'x']);
    });
    lone(2, 2 * n, &[&runs[..], &[0]].concat())
}

fn children_of_lists(n: u64) -> Vec<u8> {
    let mut run = Writer::new();
    run.raw(&[1, 0, 1, 2, 0, 1]);
    run.varint(n << 1 | 1);
    (0..n).for_each(|_| run.raw(&[0x10, 0]));
    lone(1, n, &run.into_vec())
}

/// Counters 64 deep, beside each other.
fn deep(n: u64) -> Vec<u8> {
    let mut table = Writer::new();
    table.varint(63 + n + 1);
    table.byte(0);
    (0..63).for_each(|parent| table.raw(&[0, parent, 0]));
    (1..=n).for_each(|i| {
        table.raw(&[0x14, 63]);
        table.str(&format!("{i:04x}"));
    });
    let mut bodies = Writer::new();
    (1..=n).for_each(|i| {
        bodies.raw(&[1, 0]);
        bodies.varint(i);
        bodies.raw(&[0, 1, 0]);
    });
    hostile(n, &table.into_vec(), &bodies.into_vec(), &[0])
}

/// Ways down 64 deep that have nothing in common.
fn ways(n: u64) -> Vec<u8> {
    let n = n / 64 + 1;
    let mut table = Writer::new();
    table.varint(64 * n + 1);
    table.byte(0);
    for way in 0..n {
        table.raw(&[0, 0]);
        table.str(&format!("{way:04x}"));
        (1..64).for_each(|depth| {
            table.byte(if depth == 63 { 0x14 } else { 0 });
            table.varint(way * 64 + depth);
            table.byte(0);
        });
    }
    let mut bodies = Writer::new();
    (1..=n).for_each(|i| {
        bodies.raw(&[1, 0]);
        bodies.varint(i);
        bodies.raw(&[0, 1, 0]);
    });
    hostile(n, &table.into_vec(), &bodies.into_vec(), &[0])
}

fn removals(n: u64) -> Vec<u8> {
    let removals = repeat(n, |out, i| {
        out.byte(0);
        out.varint(i);
        out.raw(&[0, 1, 0, 1, 1]);
    });
    hostile(n, &[1, 0], &[], &removals)
}

fn removed_runs(n: u64) -> Vec<u8> {
    let runs = repeat(n, |out, i| {
        out.byte(0);
        out.varint(2 * i);
        out.byte(1);
    });
    hostile(2 * n, &[1, 0], &[], &[&[1, 0, 1, 0], &runs[..]].concat())
}

/// A text or a tree of one run: its content is written by `content`, and what follows the runs by `rest`.
fn one_run(kind: u8, seqs: u64, len: u64, content: impl Fn(&mut Writer), rest: &[u8]) -> Vec<u8> {
    let mut run = Writer::new();
    run.raw(&[1, 0, 1, 2, 0, 1]);
    run.varint(len << 1 | 1);
    content(&mut run);
    run.raw(rest);
    lone(kind, seqs, &run.into_vec())
}

/// A text of one character a mark, and the marks; their names and ends are written by `span`.
fn marked(n: u64, span: impl Fn(&mut Writer, u64)) -> Vec<u8> {
    let marks = repeat(n, |out, i| {
        span(out, i);
        out.byte(0);
        out.varint(n + i);
        out.raw(&[0, 0, 2]);
    });
    let prose = |out: &mut Writer| (0..n).for_each(|_| out.byte(b'x'));
    one_run(2, 2 * n, n, prose, &marks)
}

/// The level comes after the ends.
fn beside(out: &mut Writer, start: u64, end: u64, level: u64) {
    for (flags, seq) in [(2, start), (3, end)] {
        out.raw(&[flags, 0]);
        out.varint(seq);
    }
    out.varint(level);
}

/// Marks of one name, each within the one before.
fn marks_of_one_name(n: u64) -> Vec<u8> {
    marked(n, |out, i| {
        out.str("b");
        beside(out, i.div_ceil(2), n + 1 - i.div_ceil(2), i);
    })
}

/// Marks of one name on the very same characters.
fn marks_on_one_range(n: u64) -> Vec<u8> {
    marked(n, |out, i| {
        out.str("b");
        beside(out, 1, n, i);
    })
}

fn tree(n: u64, cell: impl Fn(&mut Writer, u64)) -> Vec<u8> {
    one_run(5, n, n, |out| (1..=n).for_each(|i| cell(out, i)), &[])
}

fn node(out: &mut Writer, under: Option<u64>) {
    out.byte(0x20);
    write_under(out, under);
}

fn write_under(out: &mut Writer, under: Option<u64>) {
    out.byte(u8::from(under.is_some()));
    if let Some(seq) = under {
        out.byte(0);
        out.varint(seq);
    }
}

fn place(out: &mut Writer, of: u64, under: Option<u64>, stamp: u64) {
    out.byte(0x30);
    write_under(out, under);
    out.byte(0);
    out.varint(of);
    out.varint(stamp);
}

/// Nodes under each other, each under the one before.
fn nodes_down(n: u64) -> Vec<u8> {
    tree(n, |out, i| {
        node(out, Some(i - 1).filter(|&above| above > 0));
    })
}

/// Nodes under each other, each under the one after.
fn nodes_up(n: u64) -> Vec<u8> {
    tree(n, |out, i| {
        node(out, Some(i + 1).filter(|&above| above <= n));
    })
}

/// Nodes that were moved under each other, the last one under the first; and then all under the last.
fn cycles(n: u64) -> Vec<u8> {
    let third = n / 3 + 1;
    tree(3 * third, |out, i| {
        match ((i - 1) / third, (i - 1) % third + 1) {
            (0, _) => node(out, None),
            (1, i) => place(out, i, Some(i % third + 1), i),
            (_, i) => place(out, i, Some(third), 0),
        }
    })
}

fn moves_of_a_node(n: u64) -> Vec<u8> {
    tree(n + 1, |out, i| match i {
        1 => node(out, None),
        _ => place(out, 1, None, i),
    })
}

fn moves_of_an_element(n: u64) -> Vec<u8> {
    let cells = |out: &mut Writer| {
        out.raw(&[0, 0]);
        (1..=n).for_each(|i| place(out, 1, None, i));
    };
    one_run(1, n + 1, n + 1, cells, &[])
}

fn moves_of_elements(n: u64) -> Vec<u8> {
    let cells = |out: &mut Writer| {
        (1..=n).for_each(|_| out.raw(&[0, 0]));
        (1..=n).for_each(|i| place(out, n + 1 - i, None, i));
    };
    one_run(1, 2 * n, 2 * n, cells, &[])
}

/// Elements and places of them by turns, which show and hide each other.
fn elements_and_places(n: u64) -> Vec<u8> {
    let cells = |out: &mut Writer| {
        for i in 1..=n {
            out.raw(&[0, 0]);
            place(out, 2 * i - 1, None, i);
        }
    };
    one_run(1, 2 * n, 2 * n, cells, &[])
}

/// A text of one character a mark of one name, every second one with another value.
fn marks_beside_each_other(n: u64) -> Vec<u8> {
    let marks = repeat(n, |out, i| {
        out.str("b");
        beside(out, i, i, 0);
        out.byte(0);
        out.varint(n + i);
        out.raw(&[0, 0, 1 + (i % 2) as u8]);
    });
    let prose = |out: &mut Writer| (0..n).for_each(|_| out.byte(b'x'));
    one_run(2, 2 * n, n, prose, &marks)
}

/// Marks of different names, each within the one before.
fn nested_names(n: u64) -> Vec<u8> {
    marked(n, |out, i| {
        out.str(&format!("{i:04x}"));
        beside(out, i.div_ceil(2), n + 1 - i.div_ceil(2), 0);
    })
}

/// One change that erases every second of the dots before it.
fn erased_runs(n: u64) -> Vec<u8> {
    let runs = repeat(n, |out, i| {
        out.byte(0);
        out.varint(2 * i);
        out.byte(1);
    });
    erasing(
        2 * n + 1,
        &[&[1, 0][..], &varint(2 * n + 1), &runs].concat(),
    )
}

/// Changes that erase one dot each.
fn erasures(n: u64) -> Vec<u8> {
    let erasures = repeat(n, |out, i| {
        out.byte(0);
        out.varint(n + i);
        out.raw(&[1, 0]);
        out.varint(i);
        out.byte(1);
    });
    erasing(2 * n, &erasures)
}

fn varint(number: u64) -> Vec<u8> {
    let mut out = Writer::new();
    out.varint(number);
    out.into_vec()
}

fn erasing(seqs: u64, erasures: &[u8]) -> Vec<u8> {
    let timed = hostile(seqs, &[1, 0], &[], &[0]);
    // Nothing in it has a time.
    [&[1, 4], &timed[3..], erasures].concat()
}

/// What removes all of the others.
fn removing(seqs: u64) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(&[1, 2, 0, 2]);
    out.u64_le(6);
    out.u64_le(7);
    out.raw(&[1, 1]);
    out.varint(seqs);
    out.raw(&[1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]);
    out.varint(seqs);
    out.into_vec()
}

type Shape = (&'static str, fn(u64) -> Vec<u8>);

const SHAPES: [Shape; 26] = [
    ("nulls", nulls),
    ("nested maps", nested_maps),
    ("entries", entries),
    ("siblings", siblings),
    ("marks", marks),
    ("pieces", pieces),
    ("dead runs", dead_runs),
    ("chain of runs", chain),
    ("children of lists", children_of_lists),
    ("deep containers", deep),
    ("ways down", ways),
    ("removals", removals),
    ("removed runs", removed_runs),
    ("marks of one name", marks_of_one_name),
    ("marks on one range", marks_on_one_range),
    ("nodes down", nodes_down),
    ("nodes up", nodes_up),
    ("cycles", cycles),
    ("moves of a node", moves_of_a_node),
    ("moves of an element", moves_of_an_element),
    ("moves of elements", moves_of_elements),
    ("elements and places", elements_and_places),
    ("nested names", nested_names),
    ("marks beside each other", marks_beside_each_other),
    ("erased runs", erased_runs),
    ("erasures", erasures),
];

/// A delta of another replica whose elements hang on those of `chain`, or of a long run.
fn second(replica: u64, seqs: u64, runs: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(&[1, 2, 0, 2]);
    out.u64_le(replica.min(7));
    out.u64_le(replica.max(7));
    let (own, other) = if replica < 7 { (0, 1) } else { (1, 0) };
    // It builds on the first dot of the other.
    out.raw(&[1, other, 1, 1, own]);
    out.varint(seqs);
    out.raw(&[2, 0, 0x12, 0, 0]);
    out.raw(runs);
    out.raw(&[0, 0]);
    out.into_vec()
}

/// One run of characters of two bytes.
fn prose(n: u64) -> Vec<u8> {
    let mut run = Writer::new();
    run.raw(&[1, 0, 1, 2, 0, 1]);
    run.varint(n << 1 | 1);
    (0..n).for_each(|_| run.raw("é".as_bytes()));
    run.byte(0);
    lone(2, n, &run.into_vec())
}

/// Elements that each come right before a chain of thousands, which hang on each other; and some that
/// each come into the midst of one long piece.
fn pairs_stay_in_bounds() {
    let before = |n: u64| {
        let runs = repeat(n, |out, i| {
            out.byte(0);
            out.varint(2 * i);
            out.raw(&[1, 1, 2, 0, 1, 3, b'y']);
        });
        second(6, 2 * n, &runs)
    };
    let within = |n: u64| {
        let runs = repeat(n, |out, i| {
            out.byte(0);
            out.varint(2 * i);
            out.raw(&[1, 1]);
            out.varint(3 * i);
            out.raw(&[0, 1, 3, b'y']);
        });
        second(6, 2 * n, &runs)
    };
    let pairs = [
        (fitting(64 << 10, chain), fitting(64 << 10, before)),
        (fitting(64 << 10, prose), fitting(64 << 10, within)),
    ];
    for (first, second) in pairs {
        let mut doc = Doc::new(ReplicaId::new(9));
        for bytes in [first, second] {
            let delta = Delta::decode(&bytes).expect("made well");
            let (merged, cost) = checks::measure(|| doc.merge(&delta));
            merged.expect("what it hangs on is there");
            println!("{} bytes: {:?}", bytes.len(), cost.time);
            assert!(cost.time.as_millis() < 1_000, "{:?}", cost.time);
        }
    }
}

/// Prints how long it takes to read a document, to load it, to remove all that is in it and to bring it
/// back; says what takes too long.
fn use_it(name: &str, doc: &Doc, slow: &mut Vec<String>) {
    let replica = ReplicaId::new(8);
    let seqs = doc.version().get(ReplicaId::new(7));
    let remove = Delta::decode(&removing(seqs)).expect("made well");
    let empty = Doc::new(replica);
    let revert = |from: &Doc, to: &Doc| {
        let mut doc = from.clone();
        let _ = doc.set_replica(replica);
        doc.revert_to(to, 1).expect("no limit is near");
        assert_eq!(doc.to_value(), to.to_value());
    };
    let uses: [(&str, &dyn Fn()); 7] = [
        ("to_value", &|| drop(doc.to_value())),
        ("segments", &|| drop(doc.text("").segments())),
        ("nodes", &|| drop(doc.tree("").nodes())),
        ("load", &|| {
            drop(Doc::load(replica, &doc.save()).expect("just saved"));
        }),
        ("removing", &|| {
            doc.clone().merge(&remove).expect("no gap");
        }),
        ("emptying by reverting", &|| revert(doc, &empty)),
        ("filling by reverting", &|| revert(&empty, doc)),
    ];
    for (call, run) in uses {
        let most = match call {
            _ if cfg!(debug_assertions) => 5_000,
            "to_value" | "nodes" => 100,
            "segments" | "load" | "removing" => 250,
            _ => 1_000,
        };
        // The machine may have been busy with something else, but not every time.
        let mut times = (0..5).map(|_| checks::measure(run).1.time.as_millis());
        let first = times.next().expect("five");
        let least = if first <= most {
            first
        } else {
            times.min().expect("four")
        };
        println!("    {call}: {least} ms");
        if least > most {
            slow.push(format!("{name}, {call}: {least} ms"));
        }
    }
}

/// Prints the cost of each shape; the checks have the bounds. One test, since memory is measured for the
/// whole process.
#[test]
fn hostile_deltas_stay_in_bounds() {
    pairs_stay_in_bounds();
    let mut slow = Vec::new();
    for bytes in [64 << 10, 400 << 10] {
        for (name, make) in SHAPES {
            let input = fitting(bytes, make);
            let (delta, decode) = checks::measure(|| Delta::decode(&input));
            let delta = delta.unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut doc = Doc::new(ReplicaId::new(9));
            let (merged, merge) = checks::measure(|| doc.merge(&delta));
            merged.unwrap_or_else(|error| panic!("{name}: {error}"));
            let ratio = |bytes: usize| bytes as f64 / input.len() as f64;
            println!(
                "{name:23} {:>7} bytes: decoding x{:.1} {:?}, merging x{:.1} {:?}",
                input.len(),
                ratio(decode.bytes),
                decode.time,
                ratio(merge.bytes),
                merge.time,
            );
            if bytes <= 64 << 10 {
                use_it(name, &doc, &mut slow);
            }
            drop((doc, delta));
            if bytes <= 64 << 10 {
                checks::merge(&input);
                checks::saved(&input);
            }
            checks::delta(&input);
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

/// The same shapes, small: what fuzzing begins with.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, make) in SHAPES {
        let bytes = make(3);
        for target in ["delta", "merge", "saved"] {
            let file = fuzz.join(target).join(name.replace(' ', "-"));
            std::fs::write(file, &bytes).expect("a folder of ours");
        }
    }
}
