//! Two peers that work apart for a long time, then meet.

use super::{prepared, take_turns, Budget, Sample};
use crate::contender::{Contender, Op, Replica};
use crate::measure::{timed, Cap};
use crate::op::{ListOp, Patch, Put, Shown};
use crate::table::{Column, Table, Unit};
use crate::workload::Random;
use anyhow::{ensure, Result};

/// What two peers start from, and what each does then.
pub struct Apart<O> {
    /// Its name.
    pub name: String,
    base: Vec<O>,
    edits: [Vec<O>; 2],
}

/// The state in which they meet.
struct Kept {
    /// Each copy before it hears of the other.
    saved: [Vec<u8>; 2],
    updates: [Vec<Vec<u8>>; 2],
    /// One copy that has it all.
    merged: Vec<u8>,
    end: Shown,
}

const ROWS: [(&str, Unit); 4] = [
    ("merge both + read (ms)", Unit::Ms),
    ("bytes sent", Unit::Bytes),
    ("saved (bytes)", Unit::Bytes),
    ("load + read (ms)", Unit::Ms),
];

/// The names of all rows.
pub fn names() -> Vec<&'static str> {
    ROWS.iter().map(|(name, _)| *name).collect()
}

/// Measures the rows that are wanted.
pub fn run<O: Op>(
    apart: &Apart<O>,
    contenders: &[Contender<O>],
    wanted: &dyn Fn(&str) -> bool,
    budget: &Budget,
) -> Result<Option<Table>> {
    let rows: Vec<_> = ROWS.into_iter().filter(|(name, _)| wanted(name)).collect();
    let contenders: Vec<_> = contenders
        .iter()
        .filter(|contender| !contender.is_plain())
        .collect();
    if rows.is_empty() || contenders.is_empty() {
        return Ok(None);
    }
    let mut kept = Vec::new();
    for contender in &contenders {
        let keep = || keep(apart, contender, &Cap::of(budget.cap));
        kept.push(prepared(contender.name, keep)?);
    }
    let column = |contender: &&Contender<O>| Column {
        name: contender.name,
        is_plain: false,
    };
    let columns = contenders.iter().map(column).collect();
    let table = take_turns(apart.name.clone(), columns, &rows, budget, |row, column| {
        let Some(kept) = &kept[column] else {
            return Ok(Sample::Because("editing takes too long, or fails"));
        };
        let exact = |len: usize| Ok(Sample::Exact(len as f64));
        match rows[row].0 {
            name if name == ROWS[0].0 => meet(contenders[column], kept),
            name if name == ROWS[1].0 => exact(kept.updates.iter().flatten().map(Vec::len).sum()),
            name if name == ROWS[2].0 => exact(kept.merged.len()),
            _ => load(contenders[column], kept),
        }
    })?;
    Ok(Some(table))
}

fn replica<O: Op>(contender: &Contender<O>, number: u64) -> Box<dyn Replica<O>> {
    contender
        .new_replica(number)
        .expect("plain structures were left out")
}

fn merge_all<O>(replica: &mut dyn Replica<O>, updates: &[Vec<u8>]) {
    for update in updates {
        replica.merge(update);
    }
}

fn keep<O: Op>(apart: &Apart<O>, contender: &Contender<O>, cap: &Cap) -> Result<Option<Kept>> {
    let mut first = replica(contender, 1);
    let Some(base) = first.apply_offline(&apart.base, cap) else {
        return Ok(None);
    };
    let mut second = replica(contender, 2);
    merge_all(&mut *second, &base);
    let (Some(a), Some(b)) = (
        first.apply_offline(&apart.edits[0], cap),
        second.apply_offline(&apart.edits[1], cap),
    ) else {
        return Ok(None);
    };
    let saved = [first.save(), second.save()];
    merge_all(&mut *first, &b);
    merge_all(&mut *second, &a);
    let end = first.read();
    let name = contender.name;
    ensure!(
        end == second.read(),
        "{name}: the two differ after {}",
        apart.name
    );
    Ok(Some(Kept {
        saved,
        updates: [a, b],
        merged: first.save(),
        end,
    }))
}

fn meet<O: Op>(contender: &Contender<O>, kept: &Kept) -> Result<Sample> {
    let load = |index: usize| contender.load_replica(1 + index as u64, &kept.saved[index]);
    let mut peers = [0, 1].map(|index| load(index).expect("plain structures were left out"));
    // A copy that was loaded lazily has to be there in whole: what is timed is the merging.
    for peer in &mut peers {
        drop(peer.read());
    }
    let (ms, shown) = timed(|| {
        merge_all(&mut *peers[0], &kept.updates[1]);
        merge_all(&mut *peers[1], &kept.updates[0]);
        [peers[0].read(), peers[1].read()]
    });
    let name = contender.name;
    ensure!(
        shown.iter().all(|shown| *shown == kept.end),
        "{name}: the two differ"
    );
    Ok(Sample::Took(ms))
}

fn load<O: Op>(contender: &Contender<O>, kept: &Kept) -> Result<Sample> {
    let (ms, (_loaded, shown)) = timed(|| {
        let mut loaded = contender.load_structure(3, &kept.merged);
        let shown = loaded.read();
        (loaded, shown)
    });
    ensure!(shown == kept.end, "{} loads {shown:?}", contender.name);
    Ok(Sample::Took(ms))
}

/// Words put in and characters taken out, anywhere.
pub fn texts(edits: usize) -> Apart<Patch> {
    let mut random = Random::new(11);
    let mut base = random.word(1_000);
    base.push('.');
    let both = [1, 2].map(|_| {
        let mut len = base.len();
        let edit = |_| {
            let patch = if random.one_in(4) {
                let deleted = (1 + random.below(4)).min(len);
                Patch::ascii(random.below(len - deleted + 1), deleted, "")
            } else {
                let letters = 1 + random.below(6);
                Patch::ascii(random.below(len + 1), 0, random.word(letters))
            };
            len = len + patch.inserted.len() - patch.deleted;
            patch
        };
        (0..edits).map(edit).collect()
    });
    Apart {
        name: format!("text: 2 peers, {edits} random edits each offline, then both merge"),
        base: vec![Patch::ascii(0, 0, base)],
        edits: both,
    }
}

/// Keys that both write.
pub fn maps(edits: usize, keys: usize) -> Apart<Put> {
    let mut random = Random::new(12);
    let mut put = |key: usize| Put {
        key: format!("key{key}"),
        value: random.number(),
    };
    let base = (0..keys).map(&mut put).collect();
    let mut which = Random::new(13);
    Apart {
        name: format!(
            "map: 2 peers, {keys} shared keys, {edits} sets each offline, then both merge"
        ),
        base,
        edits: [1, 2].map(|_| (0..edits).map(|_| put(which.below(keys))).collect()),
    }
}

/// Insertions and deletions anywhere.
pub fn lists(edits: usize, shared: usize) -> Apart<ListOp> {
    let mut random = Random::new(14);
    let base = (0..shared)
        .map(|index| ListOp::Insert(index, random.number()))
        .collect();
    let both = [1, 2].map(|_| {
        let mut len = shared;
        let edit = |_| {
            if len > 0 && random.one_in(3) {
                len -= 1;
                return ListOp::Delete(random.below(len + 1));
            }
            len += 1;
            ListOp::Insert(random.below(len), random.number())
        };
        (0..edits).map(edit).collect()
    });
    Apart {
        name: format!("list: 2 peers, {shared} shared items, {edits} inserts and deletes each offline, then both merge"),
        base,
        edits: both,
    }
}
