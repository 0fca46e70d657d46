//! What changes removed, as columns: the changes, their minutes, how many runs, the runs.

use super::names::{Names, Steps};
use super::varint::{DecodeError, Reader, Writer};
use crate::plain::plain;
use crate::{limits, Dot, DotRun, Minute, Removal, Removals, ReplicaId};

/// The fewest bytes of a removal, and of a run of dots.
const REMOVAL_BYTES: usize = 5;
const DOT_RUN_BYTES: usize = 2;

pub(super) fn write(out: &mut Writer, removals: &Removals, names: &Names) {
    out.count(removals.len(), REMOVAL_BYTES);
    for by in removals.keys() {
        names.write_replica(out, by.replica);
    }
    let mut seqs = Steps::from(0);
    for by in removals.keys() {
        seqs.write(out, by.seq);
    }
    let mut minutes = Steps::from(u64::from(names.base.get()));
    for removal in removals.values() {
        minutes.write(out, u64::from(removal.minute.get()));
    }
    for removal in removals.values() {
        out.count(removal.runs.len(), DOT_RUN_BYTES);
    }
    let runs = || removals.values().flat_map(|removal| &removal.runs);
    for run in runs() {
        names.write_replica(out, run.start.replica);
    }
    let mut starts = Steps::from(0);
    for run in runs() {
        starts.write(out, run.start.seq);
    }
    for run in runs() {
        out.varint(run.len);
    }
}

pub(super) fn read(input: &mut Reader<'_>, names: &Names) -> Result<Removals, DecodeError> {
    let nobody = Dot::new(ReplicaId::new(0), 0);
    let count = input.count(usize::MAX, "too many removals", REMOVAL_BYTES)?;
    let mut removals = Vec::with_capacity(count);
    for _ in 0..count {
        let by = Dot::new(names.read_replica(input)?, 0);
        let (minute, runs) = (Minute::default(), Vec::new());
        removals.push((by, Removal { minute, runs }));
    }
    let mut seqs = Steps::from(0);
    for (by, _) in &mut removals {
        by.seq = seqs.read(input, 1, limits::SEQ_MAX, "seq out of range")?;
    }
    if removals.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err(input.error("removals out of order"));
    }
    let mut minutes = Steps::from(u64::from(names.base.get()));
    for (_, removal) in &mut removals {
        let minute = minutes.read(input, 0, u64::from(u32::MAX), "minute over 32 bits")?;
        removal.minute = Minute::new(minute as u32);
    }
    let mut total = 0usize;
    for (_, removal) in &mut removals {
        let count = input.count(usize::MAX, "too many removals", DOT_RUN_BYTES)?;
        // Together they must be there, not only each.
        total = total.saturating_add(count);
        if count == 0 || total.saturating_mul(DOT_RUN_BYTES) > input.remaining() {
            return Err(input.error("impossible removal"));
        }
        let (start, len) = (nobody, 0);
        removal.runs = vec![DotRun { start, len }; count];
    }
    read_runs(input, names, &mut removals)?;
    Ok(removals.into_iter().collect())
}

fn read_runs(
    input: &mut Reader<'_>,
    names: &Names,
    removals: &mut [(Dot, Removal)],
) -> Result<(), DecodeError> {
    fn runs(removals: &mut [(Dot, Removal)]) -> impl Iterator<Item = &mut DotRun> {
        plain(
            removals
                .iter_mut()
                .flat_map(|(_, removal)| &mut removal.runs),
        )
    }
    for run in runs(removals) {
        run.start.replica = names.read_replica(input)?;
    }
    let mut starts = Steps::from(0);
    for run in runs(removals) {
        run.start.seq = starts.read(input, 1, limits::SEQ_MAX, "seq out of range")?;
    }
    for run in runs(removals) {
        run.len = input.varint()?;
        if run.len == 0 || run.len > limits::SEQ_MAX - run.start.seq + 1 {
            return Err(input.error("impossible removal"));
        }
    }
    Ok(())
}
