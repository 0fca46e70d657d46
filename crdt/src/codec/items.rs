//! What a delta says of each container, as bytes.

use super::value;
use super::varint::{DecodeError, Reader, Writer};
use crate::container::cell::{self, Cell, Cells, Moved};
use crate::container::text::{Anchor, Span, TextItems};
use crate::container::BodyItems;
use crate::counter::Tally;
use crate::map::MapItem;
use crate::sequence::content::{Chars, Content};
use crate::sequence::run::{PieceItem, RunItem, Side};
use crate::{limits, Dot, Kind, Minute, ReplicaId, Sibling, Stamp, Value};

/// The replicas that a delta speaks of, by number, and the minute that its times are counted from.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) replicas: Vec<ReplicaId>,
    pub(super) base: Minute,
}

impl Names {
    pub(super) fn write_replica(&self, out: &mut Writer, replica: ReplicaId) {
        let number = self.replicas.binary_search(&replica);
        out.varint(number.expect("the table has every replica of the delta") as u64);
    }

    pub(super) fn read_replica(&self, input: &mut Reader<'_>) -> Result<ReplicaId, DecodeError> {
        let number = input.varint()?;
        let replica = usize::try_from(number)
            .ok()
            .and_then(|number| self.replicas.get(number));
        replica
            .copied()
            .ok_or_else(|| input.error("unknown replica"))
    }

    pub(super) fn write_dot(&self, out: &mut Writer, dot: Dot) {
        self.write_replica(out, dot.replica);
        out.varint(dot.seq);
    }

    pub(super) fn read_dot(&self, input: &mut Reader<'_>) -> Result<Dot, DecodeError> {
        Ok(Dot::new(self.read_replica(input)?, input.seq()?))
    }

    fn write_stamp(&self, out: &mut Writer, stamp: Stamp) {
        out.varint(stamp.get() - Stamp::new(self.base.millis(), 0).get());
    }

    fn read_stamp(&self, input: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
        let base = Stamp::new(self.base.millis(), 0).get();
        let stamp = base.checked_add(input.varint()?);
        stamp
            .map(Stamp::from_bits)
            .ok_or_else(|| input.error("stamp over 64 bits"))
    }

    pub(super) fn write_minute(&self, out: &mut Writer, minute: Minute) {
        out.varint(u64::from(minute.get() - self.base.get()));
    }

    pub(super) fn read_minute(&self, input: &mut Reader<'_>) -> Result<Minute, DecodeError> {
        let minute = u64::from(self.base.get()).checked_add(input.varint()?);
        let minute = minute.and_then(|minute| u32::try_from(minute).ok());
        minute
            .map(Minute::new)
            .ok_or_else(|| input.error("minute over 32 bits"))
    }
}

/// A kind as a number.
pub(super) fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Map => 0,
        Kind::List => 1,
        Kind::Text => 2,
        Kind::Set => 3,
        Kind::Counter => 4,
        Kind::Tree => 5,
    }
}

pub(super) fn kind_of(code: u8, input: &Reader<'_>) -> Result<Kind, DecodeError> {
    Kind::ALL
        .get(usize::from(code))
        .copied()
        .ok_or_else(|| input.error("unknown kind"))
}

pub(super) fn read_key<'a>(input: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let key = input.str()?;
    if key.len() > limits::KEY_BYTES_MAX {
        return Err(input.over("key too long", limits::KEY_BYTES_MAX));
    }
    Ok(key)
}

pub(super) fn write(out: &mut Writer, items: &BodyItems, names: &Names) {
    match items {
        BodyItems::Map { values, children } => {
            write_map(out, values, names, |out, key| out.str(key), value::write);
            let write_slot = |out: &mut Writer, (key, kind): &(String, Kind)| {
                out.str(key);
                out.byte(kind_code(*kind));
            };
            write_map(out, children, names, write_slot, |_, ()| {});
        }
        BodyItems::List(runs) | BodyItems::Tree(runs) => {
            write_runs(out, runs, names, |out, cells: &Cells| {
                for cell in &cells.0 {
                    write_cell(out, cell, names);
                }
            });
        }
        BodyItems::Text(TextItems { runs, marks }) => {
            write_runs(out, runs, names, |out, chars: &Chars| {
                out.raw(chars.as_str().as_bytes());
            });
            let write_span = |out: &mut Writer, span: &Span| write_span(out, span, names);
            write_map(out, marks, names, write_span, value::write);
        }
        BodyItems::Set(items) => write_map(out, items, names, value::write, |_, ()| {}),
        BodyItems::Counter(tallies) => {
            out.varint(tallies.len() as u64);
            for tally in tallies {
                names.write_dot(out, tally.dot);
                names.write_minute(out, tally.minute);
                out.varint(tally.up);
                out.varint(tally.down);
            }
        }
    }
}

pub(super) fn read(
    input: &mut Reader<'_>,
    kind: Kind,
    names: &Names,
) -> Result<BodyItems, DecodeError> {
    let read_cells = |input: &mut Reader<'_>, len| {
        let len = usize::try_from(len).map_err(|_| input.error("input ends early"))?;
        let cells = input.times(len, 2, |input, _| read_cell(input, kind, names))?;
        Ok(Cells(cells))
    };
    Ok(match kind {
        Kind::Map => BodyItems::Map {
            values: read_map(
                input,
                names,
                |input| Ok(read_key(input)?.to_owned()),
                value::read,
            )?,
            children: read_map(
                input,
                names,
                |input| {
                    let key = read_key(input)?.to_owned();
                    let code = input.byte()?;
                    Ok((key, kind_of(code, input)?))
                },
                |_| Ok(()),
            )?,
        },
        Kind::List => BodyItems::List(read_runs(input, names, read_cells)?),
        Kind::Tree => BodyItems::Tree(read_runs(input, names, read_cells)?),
        Kind::Text => BodyItems::Text(TextItems {
            runs: read_runs(input, names, read_chars)?,
            marks: read_map(input, names, |input| read_span(input, names), value::read)?,
        }),
        Kind::Set => BodyItems::Set(read_map(input, names, value::read, |_| Ok(()))?),
        Kind::Counter => BodyItems::Counter(read_tallies(input, names)?),
    })
}

fn write_map<K, V>(
    out: &mut Writer,
    items: &[MapItem<K, V>],
    names: &Names,
    write_key: impl Fn(&mut Writer, &K),
    write_value: impl Fn(&mut Writer, &V),
) {
    out.varint(items.len() as u64);
    for MapItem { key, sibling } in items {
        write_key(out, key);
        names.write_dot(out, sibling.dot);
        names.write_stamp(out, sibling.stamp);
        write_value(out, &sibling.value);
    }
}

fn read_map<'a, K: Ord, V>(
    input: &mut Reader<'a>,
    names: &Names,
    mut read_key: impl FnMut(&mut Reader<'a>) -> Result<K, DecodeError>,
    mut read_value: impl FnMut(&mut Reader<'a>) -> Result<V, DecodeError>,
) -> Result<Vec<MapItem<K, V>>, DecodeError> {
    let mut siblings = 0;
    input.many(usize::MAX, "too many entries", 4, |input, before| {
        let key = read_key(input)?;
        let dot = names.read_dot(input)?;
        let last = before.last();
        if last.is_some_and(|last: &MapItem<K, V>| (&last.key, last.sibling.dot) >= (&key, dot)) {
            return Err(input.error("entries out of order"));
        }
        siblings = if last.is_some_and(|last| last.key == key) {
            siblings + 1
        } else {
            1
        };
        if siblings > limits::SIBLINGS_MAX {
            return Err(input.over("too many siblings", limits::SIBLINGS_MAX));
        }
        let stamp = names.read_stamp(input)?;
        let value = read_value(input)?;
        Ok(MapItem {
            key,
            sibling: Sibling { dot, stamp, value },
        })
    })
}

const CHILD: u8 = 0x10;
const NODE: u8 = 0x20;
const PLACE: u8 = 0x30;
/// Flag of a node or a place: it is under another node.
const UNDER: u8 = 0x01;

fn write_cell(out: &mut Writer, cell: &Cell, names: &Names) {
    let under_flag = |under: &Option<Dot>| if under.is_some() { UNDER } else { 0 };
    match cell {
        Cell::Value(value) => value::write(out, value),
        Cell::Child(kind) => {
            out.byte(CHILD);
            out.byte(kind_code(*kind));
        }
        Cell::Node { under } => {
            out.byte(NODE);
            out.byte(under_flag(under));
            if let Some(dot) = under {
                names.write_dot(out, *dot);
            }
        }
        Cell::Place(moved) => {
            out.byte(PLACE);
            out.byte(under_flag(&moved.under));
            moved
                .under
                .iter()
                .for_each(|dot| names.write_dot(out, *dot));
            names.write_dot(out, moved.of);
            names.write_stamp(out, moved.stamp);
        }
    }
}

/// A cell of a list or a tree, as `kind` says.
fn read_cell(input: &mut Reader<'_>, kind: Kind, names: &Names) -> Result<Cell, DecodeError> {
    let mut ahead = input.clone();
    let first = ahead.byte()?;
    let fits = match first {
        NODE => kind == Kind::Tree,
        PLACE => true,
        _ => kind == Kind::List,
    };
    if !fits {
        return Err(input.error("impossible element"));
    }
    if !matches!(first, CHILD | NODE | PLACE) {
        return value::read(input).map(Cell::Value);
    }
    *input = ahead;
    if first == CHILD {
        let code = input.byte()?;
        return kind_of(code, input).map(Cell::Child);
    }
    let under = match input.byte()? {
        0 => None,
        UNDER if kind == Kind::Tree => Some(names.read_dot(input)?),
        _ => return Err(input.error("impossible element")),
    };
    if first == NODE {
        return Ok(Cell::Node { under });
    }
    Ok(Cell::Place(Box::new(Moved {
        under,
        of: names.read_dot(input)?,
        stamp: names.read_stamp(input)?,
    })))
}

/// Flags of an end of a mark: which side of the character, and whether there is one.
const AFTER: u8 = 1;
const AT: u8 = 2;

fn write_anchor(out: &mut Writer, anchor: Anchor, names: &Names) {
    let side = if anchor.side == Side::Right { AFTER } else { 0 };
    out.byte(side | if anchor.at.is_some() { AT } else { 0 });
    anchor.at.iter().for_each(|dot| names.write_dot(out, *dot));
}

fn read_anchor(input: &mut Reader<'_>, names: &Names) -> Result<Anchor, DecodeError> {
    let flags = input.byte()?;
    if flags & !(AFTER | AT) != 0 {
        return Err(input.error("impossible anchor"));
    }
    let at = if flags & AT == 0 {
        None
    } else {
        Some(names.read_dot(input)?)
    };
    let side = if flags & AFTER == 0 {
        Side::Left
    } else {
        Side::Right
    };
    Ok(Anchor { at, side })
}

fn write_span(out: &mut Writer, span: &Span, names: &Names) {
    out.str(&span.name);
    write_anchor(out, span.start, names);
    write_anchor(out, span.end, names);
    out.varint(u64::from(span.level));
}

fn read_span(input: &mut Reader<'_>, names: &Names) -> Result<Span, DecodeError> {
    let name = read_key(input)?.to_owned();
    let (start, end) = (read_anchor(input, names)?, read_anchor(input, names)?);
    let level = u32::try_from(input.varint()?);
    Ok(Span {
        name,
        start,
        end,
        level: level.map_err(|_| input.error("level over 32 bits"))?,
    })
}

/// `len` characters of UTF-8.
fn read_chars(input: &mut Reader<'_>, len: u64) -> Result<Chars, DecodeError> {
    let mut ahead = input.clone();
    let mut bytes = 0;
    for _ in 0..len {
        // How long a character is stands in its first byte; the whole is checked below.
        let first = ahead.byte()?;
        let more = match first {
            0xf0.. => 3,
            0xe0.. => 2,
            0xc0.. => 1,
            _ => 0,
        };
        ahead.raw(more)?;
        bytes += 1 + more;
    }
    let raw = input.raw(bytes)?;
    let text = std::str::from_utf8(raw).map_err(|_| input.error("text is not UTF-8"))?;
    let chars = Chars::from(text);
    if chars.extent().chars as u64 == len {
        Ok(chars)
    } else {
        Err(input.error("text is not as long as it says"))
    }
}

const HAS_PARENT: u64 = 1;
const RIGHT: u64 = 2;
/// The parent is the dot before the first one.
const FOLLOWS: u64 = 4;

fn write_runs<C: Content>(
    out: &mut Writer,
    runs: &[RunItem<C>],
    names: &Names,
    write_content: impl Fn(&mut Writer, &C),
) {
    out.varint(runs.len() as u64);
    for run in runs {
        names.write_dot(out, run.start);
        let follows = run.parent.is_some_and(|parent| parent.plus(1) == run.start);
        let mut flags = if run.side == Side::Right { RIGHT } else { 0 };
        match run.parent {
            Some(_) if follows => flags |= HAS_PARENT | FOLLOWS,
            Some(_) => flags |= HAS_PARENT,
            None => {}
        }
        out.varint(flags);
        if let Some(parent) = run.parent.filter(|_| !follows) {
            names.write_dot(out, parent);
        }
        names.write_minute(out, run.minute);
        out.varint(run.pieces.len() as u64);
        for piece in &run.pieces {
            out.varint(piece.len << 1 | u64::from(piece.content.is_some()));
            if let Some(content) = &piece.content {
                write_content(out, content);
            }
        }
    }
}

fn read_runs<'a, C: Content>(
    input: &mut Reader<'a>,
    names: &Names,
    mut read_content: impl FnMut(&mut Reader<'a>, u64) -> Result<C, DecodeError>,
) -> Result<Vec<RunItem<C>>, DecodeError> {
    input.many(usize::MAX, "too many runs", 5, |input, before| {
        let start = names.read_dot(input)?;
        if before
            .last()
            .is_some_and(|last: &RunItem<C>| last.start >= start)
        {
            return Err(input.error("runs out of order"));
        }
        let flags = input.varint()?;
        let side = if flags & RIGHT == 0 {
            Side::Left
        } else {
            Side::Right
        };
        let parent = match flags & !RIGHT {
            0 if side == Side::Right => None,
            HAS_PARENT => Some(names.read_dot(input)?)
                .filter(|parent| parent.plus(1) != start)
                .ok_or_else(|| input.error("parent not written the short way"))
                .map(Some)?,
            f if f == HAS_PARENT | FOLLOWS && start.seq > 1 => {
                Some(Dot::new(start.replica, start.seq - 1))
            }
            _ => return Err(input.error("impossible parent")),
        };
        let minute = names.read_minute(input)?;
        let pieces = read_pieces(input, start, &mut read_content)?;
        Ok(RunItem {
            start,
            parent,
            side,
            minute,
            pieces,
        })
    })
}

fn read_pieces<'a, C: Content>(
    input: &mut Reader<'a>,
    start: Dot,
    read_content: &mut impl FnMut(&mut Reader<'a>, u64) -> Result<C, DecodeError>,
) -> Result<Vec<PieceItem<C>>, DecodeError> {
    let mut next = start.seq;
    let pieces = input.many(usize::MAX, "too many pieces", 1, |input, before| {
        let code = input.varint()?;
        let (len, alive) = (code >> 1, code & 1 == 1);
        let last = before.last();
        let follows = last.is_some_and(|last: &PieceItem<C>| last.content.is_some() == alive);
        if len == 0 || len > limits::SEQ_MAX + 1 - next || follows {
            return Err(input.error("impossible piece"));
        }
        next += len;
        let content = if alive {
            Some(read_content(input, len)?)
        } else {
            None
        };
        Ok(PieceItem { len, content })
    })?;
    if pieces.is_empty() {
        return Err(input.error("empty run"));
    }
    Ok(pieces)
}

fn read_tallies(input: &mut Reader<'_>, names: &Names) -> Result<Vec<Tally>, DecodeError> {
    let max = limits::REPLICAS_MAX;
    input.many(max, "too many replicas", 4, |input, before| {
        let dot = names.read_dot(input)?;
        if before
            .last()
            .is_some_and(|last: &Tally| last.dot.replica >= dot.replica)
        {
            return Err(input.error("replicas out of order"));
        }
        let minute = names.read_minute(input)?;
        let (up, down) = (input.varint()?, input.varint()?);
        if up.max(down) > limits::COUNTER_MAX {
            return Err(input.over("counter too large", limits::COUNTER_MAX));
        }
        Ok(Tally {
            dot,
            minute,
            up,
            down,
        })
    })
}

/// Every replica that the items name.
pub(super) fn replicas(items: &BodyItems, mut note: impl FnMut(ReplicaId)) {
    items.for_each_run(|run| note(run.start.replica));
    match items {
        BodyItems::List(runs) | BodyItems::Tree(runs) => {
            runs.iter()
                .filter_map(|run| run.parent)
                .for_each(|dot| note(dot.replica));
            cell::named(runs).for_each(|dot| note(dot.replica));
        }
        BodyItems::Text(text) => {
            let parents = text.runs.iter().filter_map(|run| run.parent);
            parents
                .chain(text.anchors())
                .for_each(|dot| note(dot.replica));
        }
        BodyItems::Map { .. } | BodyItems::Set(_) | BodyItems::Counter(_) => {}
    }
}

/// The first minute in which something of the items was made.
pub(super) fn min_minute(items: &BodyItems) -> Option<Minute> {
    fn of_map<K, V>(items: &[MapItem<K, V>]) -> Option<Minute> {
        items.iter().map(|item| item.sibling.stamp.into()).min()
    }
    fn of_runs<C>(runs: &[RunItem<C>]) -> Option<Minute> {
        runs.iter().map(|run| run.minute).min()
    }
    let (a, b) = match items {
        BodyItems::Map { values, children } => (of_map(values), of_map(children)),
        BodyItems::Set(items) => (of_map::<Value, ()>(items), None),
        BodyItems::List(runs) | BodyItems::Tree(runs) => {
            (of_runs(runs), cell::stamps(runs).map(Minute::from).min())
        }
        BodyItems::Text(text) => (of_runs(&text.runs), of_map(&text.marks)),
        BodyItems::Counter(tallies) => (tallies.iter().map(|tally| tally.minute).min(), None),
    };
    a.into_iter().chain(b).min()
}
