//! The rows of a history: making it, sending it, merging it, saving and loading it.

mod measures;

use super::{prepared, take_turns, Budget, Sample};
use crate::contender::{Contender, Op, Replica, Structure};
use crate::measure::Cap;
use crate::op::Shown;
use crate::table::{Column, Table, Unit};
use crate::workload::{History, Session};
use anyhow::{ensure, Result};
use std::time::Duration;

/// What one contender made of the history, for the rows after the editing.
struct Kept<O> {
    /// Small updates, one for each edit.
    updates: Vec<Vec<u8>>,
    saved: Vec<u8>,
    /// What a reader sees at the end.
    end: Shown,
    full: Option<Vec<u8>>,
    /// What another replica says of its edit.
    extra: Vec<u8>,
    done: Done<O>,
}

enum Done<O> {
    Plain(Box<dyn Structure<O>>),
    Replica(Box<dyn Replica<O>>),
}

/// What a row is measured with.
struct Case<'a, O> {
    history: &'a History<O>,
    contender: &'a Contender<O>,
    kept: Option<&'a mut Kept<O>>,
    cap: Duration,
}

type Measure<O> = fn(&mut Case<'_, O>) -> Result<Sample>;

/// A row: its name, what it counts, how it is measured, and whether what was kept is needed for that.
struct Row<O> {
    name: &'static str,
    unit: Unit,
    needs_kept: bool,
    measure: Measure<O>,
}

const TOO_SLOW: &str = "replay takes too long";
const NOT_KEPT: &str = "replay takes too long, or fails";

/// Measures the rows whose names `wanted` takes.
pub fn run<O: Op>(
    history: &History<O>,
    contenders: &[Contender<O>],
    wanted: &dyn Fn(&str) -> bool,
    budget: &Budget,
) -> Result<Option<Table>> {
    let rows: Vec<Row<O>> = rows().into_iter().filter(|row| wanted(row.name)).collect();
    if rows.is_empty() || contenders.is_empty() {
        return Ok(None);
    }
    let mut kept = Vec::new();
    for contender in contenders {
        let needed = rows.iter().any(|row| row.needs_kept);
        // More time than for a row: without this there is nothing in any that follows.
        let keep = || keep(history, contender, 3 * budget.cap);
        kept.push(if needed {
            prepared(contender.name, keep)?
        } else {
            None
        });
    }
    let column = |contender: &Contender<O>| Column {
        name: contender.name,
        is_plain: contender.is_plain(),
    };
    let title = match history.about.as_str() {
        "" => history.name.clone(),
        about => format!("{} ({about})", history.name),
    };
    let names: Vec<_> = rows.iter().map(|row| (row.name, row.unit)).collect();
    let columns = contenders.iter().map(column).collect();
    let table = take_turns(title, columns, &names, budget, |row, column| {
        let row = &rows[row];
        let kept = kept[column].as_mut();
        if row.needs_kept && kept.is_none() {
            return Ok(Sample::Because(NOT_KEPT));
        }
        (row.measure)(&mut Case {
            history,
            contender: &contenders[column],
            kept,
            cap: budget.cap,
        })
    })?;
    Ok(Some(table))
}

/// The names of all rows.
pub fn names() -> Vec<&'static str> {
    rows::<crate::op::Patch>()
        .iter()
        .map(|row| row.name)
        .collect()
}

fn rows<O: Op>() -> Vec<Row<O>> {
    use Unit::{Bytes, BytesEach, Ms};
    let alone = |name, unit, measure| Row {
        name,
        unit,
        needs_kept: false,
        measure,
    };
    let kept = |name, unit, measure| Row {
        name,
        unit,
        needs_kept: true,
        measure,
    };
    vec![
        alone(
            "a1 local replay, a transaction an edit (ms)",
            Ms,
            measures::replay as Measure<O>,
        ),
        alone(
            "a2 local replay, all in one transaction (ms)",
            Ms,
            measures::replay_together,
        ),
        alone(
            "a3 local replay + an encoded delta each (ms)",
            Ms,
            measures::replay_encoded,
        ),
        alone(
            "g1 whole session, a replica for each agent (ms)",
            Ms,
            measures::whole_session,
        ),
        kept("g3 text as recorded", Bytes, measures::as_recorded),
        kept(
            "b1 merge full history into empty + read (ms)",
            Ms,
            measures::merge_full,
        ),
        kept("b2 encode full history (ms)", Ms, measures::encode_full),
        kept("b3 full history (bytes)", Bytes, |case| {
            measures::full_size(case)
        }),
        kept("c1 merge small deltas one by one (ms)", Ms, |case| {
            measures::merge_small(case, false)
        }),
        kept("c2 merge small deltas at once + read (ms)", Ms, |case| {
            measures::merge_small(case, true)
        }),
        kept(
            "c3 average small delta (bytes)",
            BytesEach,
            measures::average_delta,
        ),
        kept("d1 save (ms)", Ms, measures::save),
        kept("d2 saved (bytes)", Bytes, |case| {
            Ok(bytes(case.kept().saved.len()))
        }),
        kept(
            "d3 saved, history dropped (bytes)",
            Bytes,
            measures::saved_without_history,
        ),
        kept("e1 load + read (ms)", Ms, measures::load),
        kept(
            "e2 load, merge a delta, edit, read (ms)",
            Ms,
            measures::load_and_go_on,
        ),
        alone("f heap held after local replay (bytes)", Bytes, |case| {
            measures::replay_memory(case, |m| m.held)
        }),
        alone("f heap at most, local replay (bytes)", Bytes, |case| {
            measures::replay_memory(case, |m| m.peak)
        }),
        kept("f heap held after load + read (bytes)", Bytes, |case| {
            measures::load_memory(case, |m| m.held)
        }),
        kept("f heap at most, load + read (bytes)", Bytes, |case| {
            measures::load_memory(case, |m| m.peak)
        }),
        kept(
            "f heap held after merging full history (bytes)",
            Bytes,
            |case| measures::merge_memory(case, |m| m.held),
        ),
        kept(
            "f heap at most, merging full history (bytes)",
            Bytes,
            |case| measures::merge_memory(case, |m| m.peak),
        ),
    ]
}

impl<O> Case<'_, O> {
    fn kept(&mut self) -> &mut Kept<O> {
        self.kept.as_mut().expect("the row says that it needs it")
    }

    /// The end is what it was when it was made, or what was recorded.
    fn check_end(&self, shown: &Shown) -> Result<()> {
        let recorded = &self.history.end;
        let fits = match &self.kept {
            Some(kept) => *shown == kept.end,
            None => is_as(self.history, shown, recorded),
        };
        let (name, history) = (self.contender.name, &self.history.name);
        ensure!(
            fits,
            "{name} shows {shown:?} in place of {recorded:?} for {history}"
        );
        Ok(())
    }

    /// Whether local edits are made by one writer, and measured with this contender.
    fn edits(&self) -> bool {
        self.history.session.is_none() && !self.contender.edits_like_another
    }
}

fn bytes(len: usize) -> Sample {
    Sample::Exact(len as f64)
}

/// Whether this is shown rightly. Of a session, engines may put insertions that were made beside deleted text in one order
/// or another; that all copies agree is seen elsewhere.
fn is_as<O>(history: &History<O>, shown: &Shown, expected: &Shown) -> bool {
    shown == expected || (history.session.is_some() && shown.has_letters_of(expected))
}

/// Makes what the later rows start from. Nothing, when that takes too long.
fn keep<O: Op>(
    history: &History<O>,
    contender: &Contender<O>,
    limit: Duration,
) -> Result<Option<Kept<O>>> {
    let cap = Cap::of(limit);
    let Some(mut replica) = contender.new_replica(1) else {
        if history.session.is_some() {
            return Ok(None);
        }
        let mut plain = contender.structure(1);
        plain.apply_each(&history.ops, &cap);
        let saved = plain.save();
        let (updates, full, extra) = (Vec::new(), None, Vec::new());
        return Ok(Some(Kept {
            updates,
            saved,
            end: plain.read(),
            full,
            extra,
            done: Done::Plain(plain),
        }));
    };
    let updates = match &history.session {
        None => replica.apply_each_encoded(&history.ops, &cap),
        Some(session) => {
            let (mut replicas, updates) = play(history, session, contender, &cap);
            replica = replicas.swap_remove(0);
            updates
        }
    };
    if updates.len() < history.ops.len() {
        return Ok(None);
    }
    let end = replica.read();
    let as_recorded = is_as(history, &end, &history.end);
    ensure!(
        as_recorded,
        "{} shows {end:?} for {}",
        contender.name,
        history.name
    );
    let saved = replica.save();
    let other = contender.load_replica(77, &saved);
    let mut other = other.expect("what can be made new can be loaded");
    Ok(Some(Kept {
        updates,
        saved,
        end,
        full: replica.full(),
        extra: other.apply_encoded(&history.extra[0]),
        done: Done::Replica(replica),
    }))
}

type Replicas<O> = Vec<Box<dyn Replica<O>>>;

/// The session with a replica for each agent; everyone has everything at the end, unless the time was over.
fn play<O: Op>(
    history: &History<O>,
    session: &Session,
    contender: &Contender<O>,
    cap: &Cap,
) -> (Replicas<O>, Vec<Vec<u8>>) {
    let replica = |agent| contender.new_replica(1 + agent as u64);
    let replicas: Option<Vec<_>> = (0..session.agents).map(replica).collect();
    let mut replicas = replicas.expect("a plain structure has no replicas");
    let mut merged = vec![vec![false; history.ops.len()]; session.agents];
    let mut updates: Vec<Vec<u8>> = Vec::with_capacity(history.ops.len());
    cap.each(&session.turns, |turn| {
        let replica = &mut replicas[turn.agent];
        for &update in &turn.merges {
            replica.merge(&updates[update]);
            merged[turn.agent][update] = true;
        }
        for edit in turn.edits.clone() {
            updates.push(replica.apply_encoded(&history.ops[edit]));
            merged[turn.agent][edit] = true;
        }
    });
    if updates.len() == history.ops.len() {
        for (replica, merged) in replicas.iter_mut().zip(merged) {
            let missing = updates.iter().zip(merged).filter(|(_, merged)| !merged);
            missing.for_each(|(update, _)| replica.merge(update));
        }
    }
    (replicas, updates)
}
