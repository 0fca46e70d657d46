//! A thousand peers, each with one edit, at one place; one replica merges them all.

use super::{prepared, sample, take_turns, Budget, Sample};
use crate::contender::{Contender, Op};
use crate::measure::timed;
use crate::op::{ListOp, Patch, Put, Shown};
use crate::table::{Column, Table, Unit};
use crate::workload::Random;
use anyhow::{ensure, Context, Result};
use std::time::Duration;

/// What each peer does to an empty document.
pub struct Crowd<O> {
    /// Its name.
    pub name: String,
    edits: Vec<O>,
}

struct Kept {
    updates: Vec<Vec<u8>>,
    /// What a replica saves that has merged them, and shows.
    merged: Vec<u8>,
    end: Shown,
}

const ROWS: [(&str, Unit); 5] = [
    ("merge one by one + read (ms)", Unit::Ms),
    ("merge at once + read (ms)", Unit::Ms),
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
    crowd: &Crowd<O>,
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
        kept.push(prepared(contender.name, || {
            keep(crowd, contender, budget.cap).map(Some)
        })?);
    }
    let column = |contender: &&Contender<O>| Column {
        name: contender.name,
        is_plain: false,
    };
    let columns = contenders.iter().map(column).collect();
    let table = take_turns(crowd.name.clone(), columns, &rows, budget, |row, column| {
        let Some(kept) = &kept[column] else {
            return Ok(Sample::Because("editing fails"));
        };
        let contender = contenders[column];
        let exact = |len: usize| Ok(Sample::Exact(len as f64));
        match rows[row].0 {
            name if name == ROWS[0].0 => merge(contender, kept, false, budget.cap),
            name if name == ROWS[1].0 => merge(contender, kept, true, budget.cap),
            name if name == ROWS[2].0 => exact(kept.updates.iter().map(Vec::len).sum()),
            name if name == ROWS[3].0 && !kept.merged.is_empty() => exact(kept.merged.len()),
            _ if kept.merged.is_empty() => Ok(Sample::Because("merging takes too long")),
            _ => load(contender, kept),
        }
    })?;
    Ok(Some(table))
}

fn keep<O: Op>(crowd: &Crowd<O>, contender: &Contender<O>, limit: Duration) -> Result<Kept> {
    let edited = crowd.edits.iter().enumerate().map(|(number, edit)| {
        let mut peer = contender
            .new_replica(1 + number as u64)
            .context("it has replicas")?;
        Ok(peer.apply_encoded(edit))
    });
    let updates = edited.collect::<Result<Vec<_>>>()?;
    let mut all = contender.new_replica(5_000).context("it has replicas")?;
    // Who is slow at this has no more than the cap for it, and a half for what follows.
    let cap = crate::measure::Cap::of(limit);
    let done = all.merge_together(&updates, &cap);
    let end = all.read();
    let merged = if done == updates.len() {
        all.save()
    } else {
        Vec::new()
    };
    Ok(Kept {
        updates,
        merged,
        end,
    })
}

fn merge<O: Op>(
    contender: &Contender<O>,
    kept: &Kept,
    together: bool,
    limit: Duration,
) -> Result<Sample> {
    let mut all = contender.new_replica(5_000).context("it has replicas")?;
    let (sample, shown) = sample(kept.updates.len(), limit, |cap| {
        let done = if together {
            all.merge_together(&kept.updates, cap)
        } else {
            all.merge_each(&kept.updates, cap)
        };
        (done, all.read())
    });
    let whole = matches!(sample, Sample::Took(_)) && !kept.merged.is_empty();
    ensure!(
        !whole || shown == kept.end,
        "{} shows another text, merged otherwise",
        contender.name
    );
    Ok(sample)
}

fn load<O: Op>(contender: &Contender<O>, kept: &Kept) -> Result<Sample> {
    let (ms, (_loaded, shown)) = timed(|| {
        let mut loaded = contender.load_structure(5_001, &kept.merged);
        let shown = loaded.read();
        (loaded, shown)
    });
    ensure!(shown == kept.end, "{} loads {shown:?}", contender.name);
    Ok(Sample::Took(ms))
}

/// Each writes a word at the start.
pub fn words(peers: usize) -> Crowd<Patch> {
    let mut random = Random::new(21);
    Crowd {
        name: format!("text: {peers} peers each insert 5 letters at the start"),
        edits: (0..peers)
            .map(|_| Patch::ascii(0, 0, random.word(5)))
            .collect(),
    }
}

/// Each sets one and the same key.
pub fn keys(peers: usize) -> Crowd<Put> {
    let mut random = Random::new(22);
    let mut put = || Put {
        key: "key".to_owned(),
        value: random.number(),
    };
    Crowd {
        name: format!("map: {peers} peers each set the same key"),
        edits: (0..peers).map(|_| put()).collect(),
    }
}

/// Each puts a number first.
pub fn items(peers: usize) -> Crowd<ListOp> {
    let mut random = Random::new(23);
    Crowd {
        name: format!("list: {peers} peers each insert at the start"),
        edits: (0..peers)
            .map(|_| ListOp::Insert(0, random.number()))
            .collect(),
    }
}
