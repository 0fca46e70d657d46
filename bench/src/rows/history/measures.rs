//! How each row of a history is measured.

#![expect(
    clippy::unnecessary_wraps,
    reason = "all rows are measured by functions of one type"
)]

use super::{bytes, is_as, play, Case, Done, TOO_SLOW};
use crate::contender::{Op, Replica};
use crate::measure::{memory, timed, Cap, Memory};
use crate::op::Shown;
use crate::rows::{sample, Sample};
use anyhow::{ensure, Result};

pub(super) fn replay<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    if !case.edits() {
        return Ok(Sample::Absent);
    }
    let ops = &case.history.ops;
    let mut fresh = case.contender.structure(1);
    let (sample, ()) = sample(ops.len(), case.cap, |cap| (fresh.apply_each(ops, cap), ()));
    if let Sample::Took(_) = sample {
        case.check_end(&fresh.read())?;
    }
    Ok(sample)
}

pub(super) fn replay_together<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let Some(mut fresh) = case.contender.new_replica(1).filter(|_| case.edits()) else {
        return Ok(Sample::Absent);
    };
    let ops = &case.history.ops;
    let (sample, has) = sample(ops.len(), case.cap, |cap| {
        let done = fresh.apply_together(ops, cap);
        (done.unwrap_or(ops.len()), done.is_some())
    });
    if !has {
        return Ok(Sample::Absent);
    }
    if let Sample::Took(_) = sample {
        case.check_end(&fresh.read())?;
    }
    Ok(sample)
}

pub(super) fn replay_encoded<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let alone = case.history.session.is_none();
    let Some(mut fresh) = case.contender.new_replica(1).filter(|_| alone) else {
        return Ok(Sample::Absent);
    };
    let ops = &case.history.ops;
    let (sample, updates) = sample(ops.len(), case.cap, |cap| {
        let updates = fresh.apply_each_encoded(ops, cap);
        (updates.len(), updates)
    });
    drop(updates);
    if let Sample::Took(_) = sample {
        case.check_end(&fresh.read())?;
    }
    Ok(sample)
}

pub(super) fn whole_session<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let Some(session) = case
        .history
        .session
        .as_ref()
        .filter(|_| !case.contender.is_plain())
    else {
        return Ok(Sample::Absent);
    };
    let ops = case.history.ops.len();
    let (sample, mut replicas) = sample(ops, case.cap, |cap| {
        let (replicas, updates) = play(case.history, session, case.contender, cap);
        (updates.len(), replicas)
    });
    if let Sample::Took(_) = sample {
        let shown: Vec<_> = replicas.iter_mut().map(|replica| replica.read()).collect();
        let agree = shown.windows(2).all(|pair| pair[0] == pair[1]);
        ensure!(agree, "the copies of {} differ", case.contender.name);
        case.check_end(&shown[0])?;
    }
    Ok(sample)
}

/// Times `work` on an empty replica.
fn into_empty<O: Op>(
    case: &Case<'_, O>,
    work: impl FnOnce(&mut dyn Replica<O>) -> Shown,
) -> Result<Sample> {
    let mut empty = case
        .contender
        .new_replica(9)
        .expect("only replicas have updates");
    let (ms, shown) = timed(|| work(&mut *empty));
    case.check_end(&shown)?;
    Ok(Sample::Took(ms))
}

/// Whether the text is letter by letter the one that was recorded, for those who care.
pub(super) fn as_recorded<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    if case.history.session.is_none() {
        return Ok(Sample::Absent);
    }
    let recorded = &case.history.end;
    let same = case.kept().end == *recorded;
    Ok(Sample::Because(if same { "yes" } else { "no" }))
}

pub(super) fn merge_full<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let Some(full) = case.kept().full.clone() else {
        return Ok(Sample::Absent);
    };
    into_empty(case, |empty| {
        empty.merge(&full);
        empty.read()
    })
}

pub(super) fn encode_full<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let Done::Replica(done) = &mut case.kept().done else {
        return Ok(Sample::Absent);
    };
    let (ms, full) = timed(|| done.full());
    Ok(full.map_or(Sample::Absent, |_| Sample::Took(ms)))
}

pub(super) fn full_size<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let full = case.kept().full.as_ref();
    Ok(full.map_or(Sample::Absent, |full| bytes(full.len())))
}

pub(super) fn merge_small<O: Op>(case: &mut Case<'_, O>, together: bool) -> Result<Sample> {
    let Some(mut empty) = case.contender.new_replica(9) else {
        return Ok(Sample::Absent);
    };
    let limit = case.cap;
    let updates = &case.kept().updates;
    let (sample, shown) = sample(updates.len(), limit, |cap| {
        if !together {
            return (empty.merge_each(updates, cap), None);
        }
        let merged = empty.merge_together(updates, cap);
        (merged, (merged == updates.len()).then(|| empty.read()))
    });
    if let Sample::Took(_) = sample {
        let shown = shown.unwrap_or_else(|| empty.read());
        case.check_end(&shown)?;
    }
    Ok(sample)
}

pub(super) fn average_delta<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let updates = &case.kept().updates;
    if updates.is_empty() {
        return Ok(Sample::Absent);
    }
    let total: usize = updates.iter().map(Vec::len).sum();
    Ok(Sample::Exact(total as f64 / updates.len() as f64))
}

pub(super) fn save<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let (ms, _) = match &mut case.kept().done {
        Done::Plain(done) => timed(|| done.save()),
        Done::Replica(done) => timed(|| done.save()),
    };
    Ok(Sample::Took(ms))
}

pub(super) fn saved_without_history<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let Done::Replica(done) = &mut case.kept().done else {
        return Ok(Sample::Absent);
    };
    let saved = done.save_without_history();
    Ok(saved.map_or(Sample::Absent, |saved| bytes(saved.len())))
}

pub(super) fn load<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    let contender = case.contender;
    let saved = &case.kept().saved;
    let (ms, (_loaded, shown)) = timed(|| {
        let mut loaded = contender.load_structure(8, saved);
        let shown = loaded.read();
        (loaded, shown)
    });
    case.check_end(&shown)?;
    Ok(Sample::Took(ms))
}

pub(super) fn load_and_go_on<O: Op>(case: &mut Case<'_, O>) -> Result<Sample> {
    if case.contender.is_plain() {
        return Ok(Sample::Absent);
    }
    let (contender, history) = (case.contender, case.history);
    let kept = case.kept();
    let (ms, (_loaded, shown)) = timed(|| {
        let loaded = contender.load_replica(8, &kept.saved);
        let mut loaded = loaded.expect("plain structures are none");
        loaded.merge(&kept.extra);
        loaded.apply(&history.extra[1]);
        let shown = loaded.read();
        (loaded, shown)
    });
    let fits = is_as(history, &shown, &history.after_extra);
    ensure!(
        fits,
        "{} shows {shown:?} after two further edits",
        contender.name
    );
    Ok(Sample::Took(ms))
}

pub(super) fn replay_memory<O: Op>(
    case: &mut Case<'_, O>,
    which: fn(Memory) -> usize,
) -> Result<Sample> {
    if !case.edits() {
        return Ok(Sample::Absent);
    }
    let (contender, ops) = (case.contender, &case.history.ops);
    let cap = Cap::of(case.cap);
    let (used, (_fresh, done)) = memory(|| {
        let mut fresh = contender.structure(1);
        let done = fresh.apply_each(ops, &cap);
        (fresh, done)
    });
    if done < ops.len() {
        return Ok(Sample::Because(TOO_SLOW));
    }
    Ok(bytes(which(used)))
}

pub(super) fn load_memory<O: Op>(
    case: &mut Case<'_, O>,
    which: fn(Memory) -> usize,
) -> Result<Sample> {
    let contender = case.contender;
    let saved = &case.kept().saved;
    let (used, _loaded) = memory(|| {
        let mut loaded = contender.load_structure(8, saved);
        drop(loaded.read());
        loaded
    });
    Ok(bytes(which(used)))
}

pub(super) fn merge_memory<O: Op>(
    case: &mut Case<'_, O>,
    which: fn(Memory) -> usize,
) -> Result<Sample> {
    let contender = case.contender;
    let Some(full) = &case.kept().full else {
        return Ok(Sample::Absent);
    };
    let (used, _merged) = memory(|| {
        let mut empty = contender.new_replica(9);
        if let Some(empty) = &mut empty {
            empty.merge(full);
        }
        empty
    });
    Ok(bytes(which(used)))
}
