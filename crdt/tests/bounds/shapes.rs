//! Deltas made to take much memory or time for few bytes, each of as many things as are asked for.

use driftwood_crdt::codec::Writer;

/// A delta of one replica: `seqs` dots, a table of containers, their items, and removals.
fn hostile(seqs: u64, table: &[u8], bodies: &[u8], removals: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(&[0x0a, 0, 1]);
    out.u64_le(7);
    out.raw(&[0, 1]);
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

/// A number for each, without their count.
fn column(count: u64, mut each: impl FnMut(&mut Writer, u64)) -> Vec<u8> {
    let mut out = Writer::new();
    (1..=count).for_each(|number| each(&mut out, number));
    out.into_vec()
}

fn zeros(count: u64) -> Vec<u8> {
    vec![0; count as usize]
}

/// A key of four digits, of which those are left out that it has in common with the one before.
fn key(out: &mut Writer, number: u64) {
    let [before, key] = [number - 1, number].map(|number| format!("{number:04x}"));
    let pairs = before.bytes().zip(key.bytes());
    let shared = pairs.take_while(|(a, b)| number > 1 && a == b).count();
    out.varint(shared as u64);
    out.str(&key[shared..]);
}

/// Entries with these keys and values, with dots from `first` on.
fn entries_of(n: u64, first: u64, keys: &[u8], values: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.varint(n);
    out.raw(keys);
    (0..n).for_each(|i| out.signed(if i == 0 { first.cast_signed() } else { 1 }));
    // Times and their counters.
    out.raw(&zeros(2 * n));
    out.raw(values);
    out.into_vec()
}

/// Runs of one element each, which leave out every second dot; `parents` writes what all but the first hang on,
/// each in its place.
fn runs_of(n: u64, lives: u8, places: &[u8], parents: &[u8], replicas: &[u8]) -> Vec<u8> {
    let ones = vec![1; n as usize];
    let mut out = Writer::new();
    out.varint(n);
    out.raw(&vec![2 | lives; n as usize]);
    out.raw(&ones);
    out.raw(replicas);
    // The gaps.
    out.raw(&ones);
    out.raw(places);
    out.raw(&zeros(n));
    out.raw(parents);
    out.into_vec()
}

/// A character of each of many replicas.
fn replicas(n: u64) -> Vec<u8> {
    let n = n.clamp(2, 4_096);
    let mut out = Writer::new();
    out.raw(&[0x0a, 0]);
    out.varint(n);
    (1..=n).for_each(|id| out.u64_le(id));
    out.byte(0);
    out.varint(n);
    for number in 0..n {
        out.varint(number);
        out.byte(2);
    }
    out.raw(&[2, 0, 0x12, 0, 0]);
    let numbers = column(n, |out, i| out.varint(u64::from(i > 1)));
    out.raw(&runs_of(n, 1, &zeros(n), &[], &numbers));
    out.byte(0);
    out.raw(&vec![b'x'; n as usize]);
    out.raw(&[0, 0]);
    out.into_vec()
}

/// As many as fit.
pub(crate) fn fitting(bytes: usize, make: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
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
    lone(3, 1, &[&[1, 7], &nulls[..], &[2, 0, 0]].concat())
}

fn nested_maps(n: u64) -> Vec<u8> {
    // Lists of maps, 60 deep each.
    let maps = repeat(n / 60 + 1, |out, _| {
        (0..60).for_each(|_| out.raw(&[8, 1, 0]));
        out.raw(&[0, 0]);
    });
    lone(3, 1, &[&[1, 7], &maps[..], &[2, 0, 0]].concat())
}

fn entries(n: u64) -> Vec<u8> {
    let values = entries_of(n, 1, &column(n, key), &zeros(2 * n));
    lone(0, n, &[&values[..], &[0]].concat())
}

/// Keys that have much in common with the one before.
fn alike_keys(n: u64) -> Vec<u8> {
    let keys = column(n, |out, i| {
        out.byte(if i == 1 { 0 } else { 64 });
        out.str(&match i {
            1 => "k".repeat(64),
            _ => format!("{i:06x}"),
        });
    });
    let values = entries_of(n, 1, &keys, &zeros(2 * n));
    lone(0, n, &[&values[..], &[0]].concat())
}

fn siblings(n: u64) -> Vec<u8> {
    let n = n.min(4_096);
    let values = entries_of(n, 1, &zeros(2 * n), &zeros(2 * n));
    lone(0, n, &[&values[..], &[0]].concat())
}

fn marks(n: u64) -> Vec<u8> {
    let keys = column(n, |out, i| {
        key(out, i);
        out.byte(2);
    });
    let marks = entries_of(n, 1, &keys, &[]);
    lone(0, n, &[&[0], &marks[..]].concat())
}

fn pieces(n: u64) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(1);
    out.varint(n << 1);
    out.raw(&vec![1; n as usize]);
    out.raw(&[0, 0, 0, 0]);
    out.raw(&vec![b'x'; (n / 2) as usize]);
    out.byte(0);
    lone(2, n, &out.into_vec())
}

/// Runs of one deleted element at one gap; every second dot, so that they stay apart.
fn dead_runs(n: u64) -> Vec<u8> {
    let runs = runs_of(n, 0, &zeros(n), &[], &[]);
    lone(2, 2 * n, &[&runs[..], &[0, 0]].concat())
}

/// Runs of one character, each to the left of the one before.
pub(crate) fn chain(n: u64) -> Vec<u8> {
    let mut places = vec![2; n as usize];
    places[0] = 0;
    let parents = vec![2; n as usize - 1];
    let runs = runs_of(n, 1, &places, &parents, &[]);
    let text = vec![b'x'; n as usize];
    lone(2, 2 * n, &[&runs[..], &[0], &text, &[0]].concat())
}

fn children_of_lists(n: u64) -> Vec<u8> {
    one_run(
        1,
        n,
        n,
        |out| {
            out.raw(&vec![0x10; n as usize]);
            out.raw(&zeros(n));
        },
        &[],
    )
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
        bodies.byte(1);
        bodies.varint(i);
        bodies.raw(&[0, 1, 0]);
    });
    hostile(n, &table.into_vec(), &bodies.into_vec(), &[0])
}

/// Many containers with one thing in each.
fn small(kind: u8, n: u64, body: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let mut table = Writer::new();
    table.varint(n + 1);
    table.byte(0);
    (1..=n).for_each(|i| {
        table.raw(&[0x10 | kind, 0]);
        table.str(&format!("{i:04x}"));
    });
    let bodies: Vec<u8> = (1..=n).flat_map(body).collect();
    hostile(n, &table.into_vec(), &bodies, &[0])
}

fn small_maps(n: u64) -> Vec<u8> {
    small(0, n, |i| {
        [entries_of(1, i, &[0, 0], &[0, 0]), vec![0]].concat()
    })
}

fn small_sets(n: u64) -> Vec<u8> {
    small(3, n, |i| entries_of(1, i, &[0, 0], &[]))
}

fn small_counters(n: u64) -> Vec<u8> {
    small(4, n, |i| [vec![1], varint(i), vec![0, 1, 0]].concat())
}

/// A sequence of one living element.
fn one(i: u64, content: &[u8]) -> Vec<u8> {
    [&[1, 3, 1], &varint(i - 1)[..], &[0, 0], content].concat()
}

fn small_lists(n: u64) -> Vec<u8> {
    small(1, n, |i| one(i, &[0, 0]))
}

fn small_texts(n: u64) -> Vec<u8> {
    small(2, n, |i| one(i, &[0, b'x', 0]))
}

fn small_trees(n: u64) -> Vec<u8> {
    small(5, n, |i| one(i, &[0x20, 0]))
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
        bodies.byte(1);
        bodies.varint(i);
        bodies.raw(&[0, 1, 0]);
    });
    hostile(n, &table.into_vec(), &bodies.into_vec(), &[0])
}

fn removals(n: u64) -> Vec<u8> {
    let (ones, steps) = (vec![1; n as usize], vec![2; n as usize]);
    let mut starts = zeros(n);
    starts[0] = 2;
    let columns = [varint(n), steps, zeros(n), ones.clone(), starts, ones];
    hostile(n, &[1, 0], &[], &columns.concat())
}

fn removed_runs(n: u64) -> Vec<u8> {
    let starts = vec![4; n as usize];
    let columns = [vec![1, 2, 0], varint(n), starts, vec![1; n as usize]];
    hostile(2 * n, &[1, 0], &[], &columns.concat())
}

/// A sequence of one run, all alive: its content is written by `content`, and what follows the runs by `rest`.
fn one_run(kind: u8, seqs: u64, len: u64, content: impl Fn(&mut Writer), rest: &[u8]) -> Vec<u8> {
    let mut run = Writer::new();
    run.raw(&[1, 3]);
    run.varint(len);
    run.raw(&[0, 0, 0]);
    content(&mut run);
    run.raw(rest);
    lone(kind, seqs, &run.into_vec())
}

/// A text of one character a mark, and the marks; their names and ends are written by `span`.
fn marked(n: u64, span: impl Fn(&mut Writer, u64)) -> Vec<u8> {
    let values = [zeros(n), vec![2; n as usize]].concat();
    marked_with(n, &values, span)
}

fn marked_with(n: u64, values: &[u8], span: impl Fn(&mut Writer, u64)) -> Vec<u8> {
    let marks = entries_of(n, n + 1, &column(n, span), values);
    let prose = |out: &mut Writer| {
        out.byte(0);
        (0..n).for_each(|_| out.byte(b'x'));
    };
    one_run(2, 2 * n, n, prose, &marks)
}

/// The level comes after the ends.
fn beside(out: &mut Writer, start: u64, end: u64, level: u64) {
    for (flags, seq) in [(2, start), (3, end)] {
        out.byte(flags);
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

/// What each is, then what it holds.
fn tree(n: u64, cell: impl Fn(u64) -> (u8, Vec<u8>)) -> Vec<u8> {
    one_run(5, n, n, |out| cells(out, n, &cell), &[])
}

fn cells(out: &mut Writer, n: u64, cell: impl Fn(u64) -> (u8, Vec<u8>)) {
    (1..=n).for_each(|i| out.byte(cell(i).0));
    (1..=n).for_each(|i| out.raw(&cell(i).1));
}

fn node(under: Option<u64>) -> (u8, Vec<u8>) {
    (0x20, under_bytes(under))
}

fn under_bytes(under: Option<u64>) -> Vec<u8> {
    under.map_or_else(|| vec![0], |seq| [vec![1], varint(seq)].concat())
}

fn place(of: u64, under: Option<u64>, millis: u64) -> (u8, Vec<u8>) {
    let parts = [under_bytes(under), varint(of), varint(millis), vec![0]];
    (0x30, parts.concat())
}

/// Nodes under each other, each under the one before.
fn nodes_down(n: u64) -> Vec<u8> {
    tree(n, |i| node(Some(i - 1).filter(|&above| above > 0)))
}

/// Nodes under each other, each under the one after.
fn nodes_up(n: u64) -> Vec<u8> {
    tree(n, |i| node(Some(i + 1).filter(|&above| above <= n)))
}

/// Nodes that were moved under each other, the last one under the first; and then all under the last.
fn cycles(n: u64) -> Vec<u8> {
    let third = n / 3 + 1;
    tree(3 * third, |i| {
        match ((i - 1) / third, (i - 1) % third + 1) {
            (0, _) => node(None),
            (1, i) => place(i, Some(i % third + 1), i),
            (_, i) => place(i, Some(third), 0),
        }
    })
}

fn moves_of_a_node(n: u64) -> Vec<u8> {
    tree(n + 1, |i| match i {
        1 => node(None),
        _ => place(1, None, i),
    })
}

fn moves_of_an_element(n: u64) -> Vec<u8> {
    let cell = |i| match i {
        1 => (0, vec![0]),
        _ => place(1, None, i - 1),
    };
    one_run(1, n + 1, n + 1, |out| cells(out, n + 1, cell), &[])
}

fn moves_of_elements(n: u64) -> Vec<u8> {
    let cell = |i| match i {
        _ if i <= n => (0, vec![0]),
        _ => place(2 * n + 1 - i, None, i - n),
    };
    one_run(1, 2 * n, 2 * n, |out| cells(out, 2 * n, cell), &[])
}

/// Elements and places of them by turns, which show and hide each other.
fn elements_and_places(n: u64) -> Vec<u8> {
    let cell = |i| match i % 2 {
        1 => (0, vec![0]),
        _ => place(i - 1, None, i / 2),
    };
    one_run(1, 2 * n, 2 * n, |out| cells(out, 2 * n, cell), &[])
}

/// A text of one character a mark of one name, every second one with another value.
fn marks_beside_each_other(n: u64) -> Vec<u8> {
    let values = (1..=n).map(|i| 1 + (i % 2) as u8);
    let values = [zeros(n), values.collect()].concat();
    marked_with(n, &values, |out, i| {
        out.str("b");
        beside(out, i, i, 0);
    })
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
        out.varint(2 * i);
        out.byte(1);
    });
    erasing(2 * n + 1, &[&[1][..], &varint(2 * n + 1), &runs].concat())
}

/// Changes that erase one dot each.
fn erasures(n: u64) -> Vec<u8> {
    let erasures = repeat(n, |out, i| {
        out.varint(n + i);
        out.byte(1);
        out.varint(i);
        out.byte(1);
    });
    erasing(2 * n, &erasures)
}

pub(crate) fn varint(number: u64) -> Vec<u8> {
    let mut out = Writer::new();
    out.varint(number);
    out.into_vec()
}

fn erasing(seqs: u64, erasures: &[u8]) -> Vec<u8> {
    let timed = hostile(seqs, &[1, 0], &[], &[0]);
    // Nothing in it has a time.
    [&[0x0c], &timed[2..], erasures].concat()
}

/// What removes all of the others.
pub(crate) fn removing(seqs: u64) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(&[0x0a, 0, 2]);
    out.u64_le(6);
    out.u64_le(7);
    out.raw(&[1, 1]);
    out.varint(seqs);
    out.raw(&[1, 0, 1, 1, 0, 1, 0, 2, 0, 1, 1, 2]);
    out.varint(seqs);
    out.into_vec()
}

pub(crate) type Shape = (&'static str, fn(u64) -> Vec<u8>);

pub(crate) const SHAPES: [Shape; 34] = [
    ("nulls", nulls),
    ("nested maps", nested_maps),
    ("entries", entries),
    ("alike keys", alike_keys),
    ("siblings", siblings),
    ("marks", marks),
    ("pieces", pieces),
    ("dead runs", dead_runs),
    ("chain of runs", chain),
    ("children of lists", children_of_lists),
    ("deep containers", deep),
    ("ways down", ways),
    ("small maps", small_maps),
    ("small sets", small_sets),
    ("small counters", small_counters),
    ("small lists", small_lists),
    ("small texts", small_texts),
    ("small trees", small_trees),
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
    ("many replicas", replicas),
    ("erased runs", erased_runs),
    ("erasures", erasures),
];

/// A delta of another replica whose elements hang on those of `chain`, or of a long run.
fn second(replica: u64, seqs: u64, runs: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(&[0x0a, 0, 2]);
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
pub(crate) fn prose(n: u64) -> Vec<u8> {
    let text = |out: &mut Writer| {
        out.varint(n);
        (0..n).for_each(|_| out.raw("é".as_bytes()));
    };
    one_run(2, n, n, text, &[0])
}

/// Runs of one character that hang to the left of what another replica wrote.
pub(crate) fn left_of(n: u64, seq: impl Fn(u64) -> u64) -> Vec<u8> {
    let parents = column(n, |out, i| {
        out.byte(1);
        out.varint(seq(i));
    });
    let runs = runs_of(n, 1, &vec![2; n as usize], &parents, &zeros(n));
    let text = vec![b'y'; n as usize];
    second(6, 2 * n, &[&runs[..], &[0], &text].concat())
}
