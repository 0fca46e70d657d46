//! A document's delta as bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::items::{self, kind_code, kind_of, read_key, Names};
use super::varint::{DecodeError, Reader, Writer};
use crate::document::{Items, Key, Path, Step};
use crate::VersionVector;
use crate::{limits, Delta, Dot, DotRun, Kind, Minute, Removal, Removals, ReplicaId, Stamp};

/// The format that this version writes, and the newest it reads.
pub(super) const FORMAT: u8 = 1;

/// Flag: `removals` says all that was removed.
const COMPLETE: u8 = 1;
/// Flag: the delta has times, counted from a minute that stands in the header.
const TIMED: u8 = 2;

const NAME: u8 = 0x00;
const ELEMENT: u8 = 0x08;
const HAS_ITEMS: u8 = 0x10;
const KIND: u8 = 0x07;

impl Delta {
    /// The delta as bytes. Equal deltas have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        write(&mut out, self);
        out.into_vec()
    }

    /// Reads what [`Self::encode`] gave, and checks all that can be checked without the document.
    ///
    /// # Errors
    /// When the bytes are anything else: cut off, in another order, over a limit, contradicting
    /// themselves. The time and memory it takes are bounded by the number of bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let delta = read(&mut input)?;
        input.finish()?;
        Ok(delta)
    }

    /// The greatest stamp among what the delta brings.
    pub fn max_stamp(&self) -> Option<Stamp> {
        <crate::document::Tree as crate::DotStore>::max_stamp(&self.items)
    }
}

fn write(out: &mut Writer, delta: &Delta) {
    let names = names_of(delta);
    let base = first_minute(delta);
    let names = Names {
        replicas: names,
        base: base.unwrap_or_default(),
    };
    out.byte(FORMAT);
    let complete = if delta.complete { COMPLETE } else { 0 };
    out.byte(complete | if base.is_some() { TIMED } else { 0 });
    if let Some(base) = base {
        out.varint(u64::from(base.get()));
    }
    out.varint(names.replicas.len() as u64);
    names
        .replicas
        .iter()
        .for_each(|replica| out.u64_le(replica.get()));
    write_version(out, &delta.from, &VersionVector::new(), &names);
    write_version(out, &delta.to, &delta.from, &names);
    write_containers(out, &delta.items, &names);
    out.varint(delta.removals.len() as u64);
    for (&by, removal) in &delta.removals {
        names.write_dot(out, by);
        names.write_minute(out, removal.minute);
        out.varint(removal.runs.len() as u64);
        for run in &removal.runs {
            names.write_dot(out, run.start);
            out.varint(run.len);
        }
    }
}

/// The first minute of what the delta brings and removes, from which its times are counted.
fn first_minute(delta: &Delta) -> Option<Minute> {
    let items = delta.items.containers.values();
    let removals = delta.removals.values().map(|removal| removal.minute);
    items.filter_map(items::min_minute).chain(removals).min()
}

/// Every replica that the delta names, in order.
fn names_of(delta: &Delta) -> Vec<ReplicaId> {
    let mut names: BTreeSet<ReplicaId> = delta
        .from
        .iter()
        .chain(delta.to.iter())
        .map(|(replica, _)| replica)
        .collect();
    for (path, items) in &delta.items.containers {
        items::replicas(items, |replica| {
            names.insert(replica);
        });
        for step in path.steps() {
            if let Key::Element(dot) = &step.key {
                names.insert(dot.replica);
            }
        }
    }
    for (by, removal) in &delta.removals {
        names.insert(by.replica);
        names.extend(removal.runs.iter().map(|run| run.start.replica));
    }
    names.into_iter().collect()
}

/// The entries of a version, counted from those of another that it is not behind.
fn write_version(out: &mut Writer, version: &VersionVector, after: &VersionVector, names: &Names) {
    out.varint(version.len() as u64);
    for (replica, seq) in version.iter() {
        names.write_replica(out, replica);
        out.varint(seq - after.get(replica));
    }
}

fn read_version(
    input: &mut Reader<'_>,
    after: &VersionVector,
    names: &Names,
) -> Result<VersionVector, DecodeError> {
    let count = input.count(limits::REPLICAS_MAX, "too many replicas", 2)?;
    let mut version = VersionVector::new();
    let mut last = None;
    for _ in 0..count {
        let replica = names.read_replica(input)?;
        if last >= Some(replica) {
            return Err(input.error("replicas out of order"));
        }
        last = Some(replica);
        let seq = input.seq()? + after.get(replica);
        if seq > limits::SEQ_MAX {
            return Err(input.error("seq out of range"));
        }
        version.advance(replica, seq);
    }
    Ok(version)
}

/// The containers with items and those that they are in, parents first.
fn write_containers(out: &mut Writer, items: &Items, names: &Names) {
    let mut table: BTreeMap<&[Step], u64> = BTreeMap::new();
    for path in items.containers.keys() {
        for len in 1..=path.steps().len() {
            table.insert(&path.steps()[..len], 0);
        }
    }
    let top = items.containers.get(&Path::from_steps(Vec::new()));
    out.varint(table.len() as u64 + 1);
    out.byte(if top.is_some() { HAS_ITEMS } else { 0 });
    if let Some(top) = top {
        items::write(out, top, names);
    }
    for (number, place) in table.values_mut().enumerate() {
        *place = number as u64 + 1;
    }
    for steps in table.keys() {
        let (step, parent) = steps.split_last().expect("no path in the table is empty");
        let items = items.containers.get(&Path::from_steps(steps.to_vec()));
        let flags = kind_code(step.kind) | if items.is_some() { HAS_ITEMS } else { 0 };
        match &step.key {
            Key::Name(name) => {
                out.byte(flags | NAME);
                out.varint(table.get(parent).copied().unwrap_or(0));
                out.str(name);
            }
            Key::Element(dot) => {
                out.byte(flags | ELEMENT);
                out.varint(table.get(parent).copied().unwrap_or(0));
                names.write_dot(out, *dot);
            }
        }
        if let Some(items) = items {
            items::write(out, items, names);
        }
    }
}

fn read_containers(input: &mut Reader<'_>, names: &Names) -> Result<Items, DecodeError> {
    let count = input.count(usize::MAX, "too many containers", 1)?;
    let mut items = Items::default();
    let mut table: Vec<Path> = Vec::new();
    let mut used = Vec::new();
    for number in 0..count {
        let flags = input.byte()?;
        let path = if number == 0 {
            if flags & !HAS_ITEMS != 0 {
                return Err(input.error("impossible container"));
            }
            Path::from_steps(Vec::new())
        } else {
            read_path(input, flags, &table, &mut used, names)?
        };
        if flags & HAS_ITEMS != 0 {
            let body = items::read(input, path.kind(), names)?;
            if body.is_empty() {
                return Err(input.error("container without items"));
            }
            items.containers.insert(path.clone(), body);
        }
        if table.last().is_some_and(|last| *last >= path) {
            return Err(input.error("containers out of order"));
        }
        used.push(flags & HAS_ITEMS != 0);
        table.push(path);
    }
    if table.is_empty() || used.iter().skip(1).any(|used| !used) {
        return Err(input.error("container without items"));
    }
    Ok(items)
}

fn read_path(
    input: &mut Reader<'_>,
    flags: u8,
    table: &[Path],
    used: &mut [bool],
    names: &Names,
) -> Result<Path, DecodeError> {
    let kind = kind_of(flags & KIND, input)?;
    let parent = input.varint()?;
    let parent = usize::try_from(parent)
        .ok()
        .filter(|&parent| parent < table.len());
    let parent = parent.ok_or_else(|| input.error("unknown container"))?;
    used[parent] = true;
    let key = match flags & !(HAS_ITEMS | KIND) {
        NAME => Key::from(read_key(input)?),
        ELEMENT => Key::Element(names.read_dot(input)?),
        _ => return Err(input.error("impossible container")),
    };
    let parent = &table[parent];
    let fits =
        matches!(
            (&key, parent.kind()),
            (Key::Name(_), Kind::Map) | (Key::Element(_), Kind::List)
        ) || (matches!(key, Key::Element(_)) && parent.kind() == Kind::Tree && kind == Kind::Map);
    if !fits {
        return Err(input.error("impossible container"));
    }
    if parent.steps().len() >= limits::DEPTH_MAX {
        return Err(input.over("containers too deep", limits::DEPTH_MAX));
    }
    Ok(parent.child(Step { key, kind }))
}

fn read(input: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    if input.byte()? != FORMAT {
        return Err(input.error("unknown format"));
    }
    let flags = input.byte()?;
    if flags & !(COMPLETE | TIMED) != 0 {
        return Err(input.error("unknown flags"));
    }
    let base = if flags & TIMED == 0 {
        None
    } else {
        let minutes = u32::try_from(input.varint()?);
        Some(Minute::new(
            minutes.map_err(|_| input.error("minute over 32 bits"))?,
        ))
    };
    let count = input.count(2 * limits::REPLICAS_MAX, "too many replicas", 8)?;
    let mut replicas: Vec<ReplicaId> = Vec::with_capacity(count);
    for _ in 0..count {
        let replica = ReplicaId::new(input.u64_le()?);
        if replicas.last() >= Some(&replica) {
            return Err(input.error("replicas out of order"));
        }
        replicas.push(replica);
    }
    let names = Names {
        replicas,
        base: base.unwrap_or_default(),
    };
    let from = read_version(input, &VersionVector::new(), &names)?;
    let to = read_version(input, &from, &names)?;
    let items = read_containers(input, &names)?;
    let removals = read_removals(input, &names)?;
    let delta = Delta {
        from,
        to,
        items,
        removals,
        complete: flags & COMPLETE != 0,
    };
    check(&delta, &names, base).map_err(|reason| input.error(reason))?;
    Ok(delta)
}

fn read_removals(input: &mut Reader<'_>, names: &Names) -> Result<Removals, DecodeError> {
    let count = input.count(usize::MAX, "too many removals", 6)?;
    let mut removals = Removals::new();
    for _ in 0..count {
        let by = names.read_dot(input)?;
        if removals
            .last_key_value()
            .is_some_and(|(&last, _)| last >= by)
        {
            return Err(input.error("removals out of order"));
        }
        let minute = names.read_minute(input)?;
        let count = input.count(usize::MAX, "too many removals", 3)?;
        let mut runs = Vec::new();
        for _ in 0..count {
            let start = names.read_dot(input)?;
            let len = input.varint()?;
            if len == 0 || len > limits::SEQ_MAX - start.seq + 1 {
                return Err(input.error("impossible removal"));
            }
            runs.push(DotRun { start, len });
        }
        if runs.is_empty() {
            return Err(input.error("empty removal"));
        }
        removals.insert(by, Removal { minute, runs });
    }
    Ok(removals)
}

/// Checks that the parts agree: every dot lies inside of the delta and names one thing, and nothing
/// is both there and removed.
fn check(delta: &Delta, names: &Names, base: Option<Minute>) -> Result<(), &'static str> {
    let mut runs: Vec<DotRun> = delta
        .items
        .containers
        .values()
        .flat_map(super::super::container::BodyItems::all)
        .collect();
    runs.sort_unstable();
    let end = |run: &DotRun| Dot::new(run.start.replica, run.start.seq + run.len - 1);
    if runs.windows(2).any(|pair| end(&pair[0]) >= pair[1].start) {
        return Err("a dot names two things");
    }
    let interval = delta.interval();
    let mut live: Vec<DotRun> = delta
        .items
        .containers
        .values()
        .flat_map(|i| i.live().runs().collect::<Vec<_>>())
        .collect();
    live.sort_unstable();
    if !live
        .iter()
        .all(|run| interval.contains(run.start) && interval.contains(end(run)))
    {
        return Err("a dot lies outside of the delta");
    }
    // What is deleted may be older: what others hang on comes along when it is asked for.
    let known = |dot: Dot| dot.seq <= delta.from.get(dot.replica).max(delta.to.get(dot.replica));
    if !runs.iter().all(|run| known(end(run))) {
        return Err("a dot lies after the delta");
    }
    for (by, removal) in &delta.removals {
        if !interval.contains(*by) {
            return Err("a removal lies outside of the delta");
        }
        for run in &removal.runs {
            let next = live.partition_point(|live| end(live) < run.start);
            if live.get(next).is_some_and(|live| live.start <= end(run)) {
                return Err("a dot is both there and removed");
            }
        }
    }
    // One encoding: the stamps are counted from the lowest, the table has no more than is used.
    if first_minute(delta) != base {
        return Err("times not counted from the first");
    }
    if names_of(delta) != names.replicas {
        return Err("a replica is listed and not used");
    }
    Ok(())
}
