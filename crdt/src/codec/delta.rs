//! A document's delta as bytes.

use super::items::{self, kind_code, kind_of, read_key};
use super::names::Names;
use super::step::{self, Step};
use super::varint::{DecodeError, Reader, Writer};
use super::{check, packed, removals};
use crate::container::Said;
use crate::document::{self, Items, Key, Place};
use crate::VersionVector;
use crate::{limits, Delta, Dot, DotRun, Kind, Minute, ReplicaId, Stamp};

/// The first byte of a delta: that it is written in full, and the flags below.
const FULL: u8 = 0x08;
/// Flag: `removals` says all that was removed.
const COMPLETE: u8 = 1;
/// Flag: the delta has times, counted from a minute that stands in the header.
const TIMED: u8 = 2;
/// Flag: dots were erased; which ones comes at the end.
const ERASED: u8 = 4;

const NAME: u8 = 0x00;
const ELEMENT: u8 = 0x08;
const HAS_ITEMS: u8 = 0x10;
const KIND: u8 = 0x07;

/// Room for the bytes of a keystroke.
pub(crate) const STROKE: usize = 32;

impl Delta {
    /// The delta as bytes: a step of one replica in few, a large delta compressed where that makes it
    /// smaller.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STROKE);
        self.encode_into(&mut out);
        out
    }

    /// Appends what [`Self::encode`] gives, so that a buffer can be used again.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut plain = Writer::after(std::mem::take(out));
        write(&mut plain, self);
        finish(plain, out, start);
    }

    /// The delta as bytes that are never compressed: equal deltas have equal ones, whatever the
    /// version of the library that compresses.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Writer::new();
        write(&mut out, self);
        out.into_vec()
    }

    /// Reads what [`Self::encode`] or [`Self::canonical`] gave, and checks all that can be checked
    /// without the document.
    ///
    /// # Errors
    /// When the bytes are anything else: cut off, in another order, over a limit, contradicting
    /// themselves. The time and memory it takes are bounded by the number of bytes. In what is
    /// compressed, the offset is that in the bytes that come out.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match packed::unpack(bytes)? {
            None => read_all(&mut Reader::new(bytes)),
            Some((plain, room)) => read_all(&mut Reader::with_room(&plain, room)),
        }
    }

    /// Where a delta starts and what it raises ([`from`](Self::from) and [`to`](Self::to)), of bytes that were
    /// decoded when they came: what follows its header is not looked at again. A tenth of the time of
    /// [`Self::decode`] and less.
    ///
    /// # Errors
    /// When already the header is malformed. Without an error the rest may be malformed yet.
    pub fn span(bytes: &[u8]) -> Result<(VersionVector, VersionVector), DecodeError> {
        match packed::unpack(bytes)? {
            None => read_span(&mut Reader::new(bytes)),
            Some((plain, room)) => read_span(&mut Reader::with_room(&plain, room)),
        }
    }

    /// Whether changes in it erase something: what was kept of that elsewhere has to go.
    pub fn erases(&self) -> bool {
        !self.items.erasures.is_empty()
    }

    /// The greatest stamp among what the delta brings.
    pub fn max_stamp(&self) -> Option<Stamp> {
        <crate::document::Tree as crate::DotStore>::max_stamp(&self.items, None)
    }
}

/// Compresses what begins at `start`, where that makes it smaller.
fn finish(plain: Writer, out: &mut Vec<u8>, start: usize) {
    let weight = plain.weight();
    *out = plain.into_vec();
    #[cfg(debug_assertions)]
    check_weight(&out[start..], weight);
    packed::pack(out, start, weight);
}

/// What was noted while writing is what will be counted while reading, or what is saved could not be read.
#[cfg(debug_assertions)]
fn check_weight(plain: &[u8], weight: usize) {
    let mut input = Reader::new(plain);
    if read_all(&mut input).is_ok() {
        assert_eq!(input.weight(), weight, "weighed otherwise");
    }
}

fn read_all(input: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    let delta = read(input)?;
    input.finish()?;
    Ok(delta)
}

fn write(out: &mut Writer, delta: &Delta) {
    if let Some(step) = Step::of(delta) {
        step.write(delta, out);
    } else {
        write_full(out, &Full::of(delta));
    }
}

/// A delta that is written in full, wherever what it says lies.
pub(crate) struct Full<'a> {
    /// All but what it says of containers.
    pub(crate) head: &'a Delta,
    pub(crate) table: &'a [Place],
    pub(crate) bodies: Vec<(u32, Said<'a>)>,
}

impl<'a> Full<'a> {
    pub(super) fn of(delta: &'a Delta) -> Self {
        let bodies = delta.items.bodies.iter();
        Self {
            head: delta,
            table: &delta.items.table,
            bodies: bodies
                .map(|(number, items)| (*number, Said::from(items)))
                .collect(),
        }
    }

    /// Appends its bytes, compressed where that makes them fewer.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut plain = Writer::after(std::mem::take(out));
        write_full(&mut plain, self);
        finish(plain, out, start);
    }
}

fn write_full(out: &mut Writer, full: &Full<'_>) {
    let delta = full.head;
    let base = first_minute(full);
    let names = Names {
        replicas: names_of(full),
        base: base.unwrap_or_default(),
    };
    let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    let erased = !delta.items.erasures.is_empty();
    let flags = flag(COMPLETE, delta.complete) | flag(TIMED, base.is_some());
    out.byte(FULL | flags | flag(ERASED, erased));
    if let Some(base) = base {
        out.varint(u64::from(base.get()));
    }
    out.count(names.replicas.len(), REPLICA_BYTES);
    names
        .replicas
        .iter()
        .for_each(|replica| out.u64_le(replica.get()));
    write_version(out, &delta.from, &VersionVector::new(), &names);
    write_version(out, &delta.to, &delta.from, &names);
    write_containers(out, full, &names);
    removals::write(out, &delta.removals, &names);
    if erased {
        out.count(delta.items.erasures.len(), ERASURE_BYTES);
        for (by, runs) in &delta.items.erasures {
            names.write_dot(out, *by);
            write_dot_runs(out, runs, &names);
        }
    }
}

fn write_dot_runs(out: &mut Writer, runs: &[DotRun], names: &Names) {
    out.count(runs.len(), DOT_RUN_BYTES);
    for run in runs {
        names.write_dot(out, run.start);
        out.varint(run.len);
    }
}

/// The first minute of what the delta brings and removes, from which its times are counted.
pub(super) fn first_minute(full: &Full<'_>) -> Option<Minute> {
    let said = full.bodies.iter().map(|(_, said)| said);
    let removals = full.head.removals.values().map(|removal| removal.minute);
    said.filter_map(items::min_minute).chain(removals).min()
}

/// Every replica that the delta names, in order.
pub(super) fn names_of(full: &Full<'_>) -> Vec<ReplicaId> {
    let delta = full.head;
    // Those that made changes come first and in order, and neighbours are mostly of one replica.
    let mut names: Vec<ReplicaId> = Vec::new();
    let mut last = None;
    let mut note = |replica| {
        if last.replace(replica) != Some(replica) {
            if let Err(place) = names.binary_search(&replica) {
                names.insert(place, replica);
            }
        }
    };
    let versions = delta.from.iter().chain(delta.to.iter());
    versions.for_each(|(replica, _)| note(replica));
    for (_, said) in &full.bodies {
        items::replicas(said, &mut note);
    }
    for place in full.table {
        if let Key::Element(dot) = &place.step.key {
            note(dot.replica);
        }
    }
    let removals = delta
        .removals
        .iter()
        .map(|(by, removal)| (by, &removal.runs));
    let erasures = delta.items.erasures.iter().map(|(by, runs)| (by, runs));
    for (by, runs) in removals.chain(erasures) {
        note(by.replica);
        for run in runs {
            note(run.start.replica);
        }
    }
    names
}

/// The entries of a version, counted from those of another that it is not behind.
fn write_version(out: &mut Writer, version: &VersionVector, after: &VersionVector, names: &Names) {
    out.count(version.len(), ENTRY_BYTES);
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
    let count = input.count(limits::REPLICAS_MAX, "too many replicas", ENTRY_BYTES)?;
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

/// The table of containers, then the items of those that have some.
fn write_containers(out: &mut Writer, full: &Full<'_>, names: &Names) {
    let Full { table, bodies, .. } = full;
    let mut with_items = bodies.iter().map(|&(number, _)| number).peekable();
    let mut has_items = |number: u32| match with_items.next_if_eq(&number) {
        Some(_) => HAS_ITEMS,
        None => 0,
    };
    out.count(table.len() + 1, 1);
    out.weigh(table.len().saturating_mul(PLACE_BYTES));
    out.weigh(bodies.len().saturating_mul(BODY_BYTES));
    out.byte(has_items(0));
    for (number, Place { parent, step }) in (1..).zip(*table) {
        let flags = kind_code(step.kind) | has_items(number);
        match &step.key {
            Key::Name(name) => {
                out.byte(flags | NAME);
                out.varint(u64::from(*parent));
                out.str(name);
            }
            Key::Element(dot) => {
                out.byte(flags | ELEMENT);
                out.varint(u64::from(*parent));
                names.write_dot(out, *dot);
            }
        }
    }
    for (_, said) in bodies {
        items::write(out, said, names);
    }
}

/// The fewest bytes of a replica's id, of its part of a version, and of a run of dots.
const REPLICA_BYTES: usize = 8;
const ENTRY_BYTES: usize = 1;
const DOT_RUN_BYTES: usize = 2;
/// The fewest bytes of an erasure.
const ERASURE_BYTES: usize = 4;
/// The fewest bytes of a container in the table, and of a container's items.
const PLACE_BYTES: usize = 3;
const BODY_BYTES: usize = 5;

fn read_containers(input: &mut Reader<'_>, names: &Names) -> Result<Items, DecodeError> {
    let count = input.count(u32::MAX as usize, "too many containers", 1)?;
    let listed = count.checked_sub(1);
    let listed = listed.ok_or_else(|| input.error("container without items"))?;
    let top = input.byte()?;
    if top & !HAS_ITEMS != 0 {
        return Err(input.error("impossible container"));
    }
    let mut with_items = usize::from(top != 0);
    let mut order = Order::default();
    // Which containers have items is remembered by bits, a byte for eight of them.
    let mut bits = vec![top; 1];
    let table = input.times(listed, PLACE_BYTES, |input, table: &[Place]| {
        let flags = input.byte()?;
        let place = read_place(input, flags, names)?;
        order.add(input, table, &place, flags & HAS_ITEMS != 0)?;
        bits.push(flags & HAS_ITEMS);
        with_items += usize::from(flags & HAS_ITEMS != 0);
        Ok(place)
    })?;
    if !order.used && !table.is_empty() {
        return Err(input.error("container without items"));
    }
    let mut items = Items {
        table,
        bodies: Vec::new(),
        erasures: Vec::new(),
    };
    let mut numbers = (0..).zip(bits).filter(|&(_, bits)| bits != 0);
    items.bodies = input.times(with_items, BODY_BYTES, |input, _| {
        let (number, _) = numbers.next().expect("as many were counted");
        let body = items::read(input, items.kind(number), names)?;
        if body.is_empty() {
            return Err(input.error("container without items"));
        }
        Ok((number, body))
    })?;
    Ok(items)
}

fn read_place(input: &mut Reader<'_>, flags: u8, names: &Names) -> Result<Place, DecodeError> {
    let kind = kind_of(flags & KIND, input)?;
    let parent = u32::try_from(input.varint()?);
    let parent = parent.map_err(|_| input.error("unknown container"))?;
    let key = match flags & !(HAS_ITEMS | KIND) {
        NAME => Key::from(read_key(input)?),
        ELEMENT => Key::Element(names.read_dot(input)?),
        _ => return Err(input.error("impossible container")),
    };
    let step = document::Step { key, kind };
    Ok(Place { parent, step })
}

/// Checks that containers come in the order of their paths, each after what it is in, and that none
/// is named for nothing; O(depth) a container.
#[derive(Default)]
pub(super) struct Order {
    /// The containers that the last one is in, from the top, and itself.
    way: Vec<u32>,
    /// Whether the last one has items.
    used: bool,
}

impl Order {
    pub(super) fn add(
        &mut self,
        input: &Reader<'_>,
        table: &[Place],
        place: &Place,
        has_items: bool,
    ) -> Result<(), DecodeError> {
        if self.way.is_empty() {
            (self.way, self.used) = (vec![0], true);
        }
        let depth = self.way.iter().rposition(|&number| number == place.parent);
        let depth = depth.ok_or_else(|| input.error("containers out of order"))?;
        let kind = match place.parent.checked_sub(1) {
            Some(at) => table[at as usize].step.kind,
            None => Kind::Map,
        };
        let fits = match (&place.step.key, kind) {
            (Key::Name(_), Kind::Map) | (Key::Element(_), Kind::List) => true,
            // The data of a node.
            (Key::Element(_), Kind::Tree) => place.step.kind == Kind::Map,
            _ => false,
        };
        if !fits {
            return Err(input.error("impossible container"));
        }
        if depth >= limits::DEPTH_MAX {
            return Err(input.over("containers too deep", limits::DEPTH_MAX));
        }
        if let Some(&before) = self.way.get(depth + 1) {
            if table[before as usize - 1].step >= place.step {
                return Err(input.error("containers out of order"));
            }
            if !self.used {
                return Err(input.error("container without items"));
            }
        }
        self.way.truncate(depth + 1);
        self.way.push(table.len() as u32 + 1);
        self.used = has_items;
        Ok(())
    }
}

fn read_span(input: &mut Reader<'_>) -> Result<(VersionVector, VersionVector), DecodeError> {
    let flags = input.byte()?;
    if flags & step::STEP != 0 {
        let step = step::read(input, flags)?;
        return Ok((step.from, step.to));
    }
    let header = read_header(input, flags)?;
    Ok((header.from, header.to))
}

/// What a delta that is written in full begins with.
struct Header {
    base: Option<Minute>,
    names: Names,
    from: VersionVector,
    to: VersionVector,
}

fn read_header(input: &mut Reader<'_>, flags: u8) -> Result<Header, DecodeError> {
    if flags & !(COMPLETE | TIMED | ERASED) != FULL {
        return Err(input.error("unknown format"));
    }
    let base = if flags & TIMED == 0 {
        None
    } else {
        let minutes = u32::try_from(input.varint()?);
        let minutes = minutes.map_err(|_| input.error("minute over 32 bits"))?;
        Some(Minute::new(minutes))
    };
    let max = 2 * limits::REPLICAS_MAX;
    let replicas = input.many(max, "too many replicas", REPLICA_BYTES, |input, before| {
        let replica = ReplicaId::new(input.u64_le()?);
        if before.last() >= Some(&replica) {
            return Err(input.error("replicas out of order"));
        }
        Ok(replica)
    })?;
    let names = Names {
        replicas,
        base: base.unwrap_or_default(),
    };
    let from = read_version(input, &VersionVector::new(), &names)?;
    let to = read_version(input, &from, &names)?;
    Ok(Header {
        base,
        names,
        from,
        to,
    })
}

fn read(input: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    let flags = input.byte()?;
    if flags & step::STEP != 0 {
        return step::read(input, flags);
    }
    let Header {
        base,
        names,
        from,
        to,
    } = read_header(input, flags)?;
    let mut items = read_containers(input, &names)?;
    let removals = removals::read(input, &names)?;
    if flags & ERASED != 0 {
        items.erasures = read_erasures(input, &names)?;
    }
    let delta = Delta {
        from,
        to,
        items,
        removals,
        complete: flags & COMPLETE != 0,
    };
    check::check(&delta, base, &names.replicas).map_err(|reason| input.error(reason))?;
    // What makes containers was written in full once, and is in stores and journals.
    if Step::of(&delta).is_some_and(|step| !step.makes()) {
        return Err(input.error("a step not written the short way"));
    }
    Ok(delta)
}

fn read_dot_runs(input: &mut Reader<'_>, names: &Names) -> Result<Vec<DotRun>, DecodeError> {
    let runs = input.many(
        usize::MAX,
        "too many removals",
        DOT_RUN_BYTES,
        |input, _| {
            let start = names.read_dot(input)?;
            let len = input.varint()?;
            if len == 0 || len > limits::SEQ_MAX - start.seq + 1 {
                return Err(input.error("impossible removal"));
            }
            Ok(DotRun { start, len })
        },
    )?;
    if runs.is_empty() {
        return Err(input.error("empty removal"));
    }
    Ok(runs)
}

fn read_erasures(
    input: &mut Reader<'_>,
    names: &Names,
) -> Result<Vec<(Dot, Vec<DotRun>)>, DecodeError> {
    let max = usize::MAX;
    let erasures = input.many(max, "too many erasures", ERASURE_BYTES, |input, before| {
        let by = names.read_dot(input)?;
        if before.last().is_some_and(|(last, _)| *last >= by) {
            return Err(input.error("erasures out of order"));
        }
        let runs = read_dot_runs(input, names)?;
        // One encoding: runs that touch are one run.
        if runs
            .windows(2)
            .any(|pair| pair[0].start.plus(pair[0].len) >= pair[1].start)
        {
            return Err(input.error("erasures out of order"));
        }
        Ok((by, runs))
    })?;
    if erasures.is_empty() {
        return Err(input.error("no erasures"));
    }
    Ok(erasures)
}
