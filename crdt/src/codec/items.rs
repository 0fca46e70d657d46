//! What a delta says of each container, as bytes.

use super::entries::{ENTRY_BYTES, MARK_BYTES};
use super::names::Names;
use super::varint::{DecodeError, Reader, Writer};
use super::{entries, runs, value};
use crate::container::cell::{self, Cell, Cells, Moved};
use crate::container::text::{Anchor, Span, TextItems};
use crate::container::BodyItems;
use crate::counter::Tally;
use crate::map::MapItem;
use crate::sequence::run::{RunItem, Side};
use crate::{limits, Dot, Kind, Minute, ReplicaId, Value};

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
            entries::write(out, values, names, ENTRY_BYTES, write_keys, write_values);
            let write_slots = |out: &mut Writer, items: &[MapItem<(String, Kind), ()>]| {
                let mut before = None;
                for MapItem {
                    key: (key, kind), ..
                } in items
                {
                    entries::write_key(out, before, key);
                    out.byte(kind_code(*kind));
                    before = Some(key);
                }
            };
            entries::write(out, children, names, ENTRY_BYTES, write_slots, |_, _| {});
        }
        BodyItems::List(runs) | BodyItems::Tree(runs) => {
            runs::write(out, runs, names);
            let before = out.len();
            runs::cells(runs).for_each(|cell| out.byte(cell_code(cell)));
            out.weigh((out.len() - before).saturating_mul(CELL_BYTES));
            runs::cells(runs).for_each(|cell| write_cell(out, cell, names));
        }
        BodyItems::Text(TextItems { runs, marks }) => {
            runs::write(out, runs, names);
            runs::write_chars(out, runs);
            let write_spans = |out: &mut Writer, items: &[MapItem<Span, Value>]| {
                for item in items {
                    write_span(out, &item.key, names);
                }
            };
            entries::write(out, marks, names, MARK_BYTES, write_spans, write_values);
        }
        BodyItems::Set(items) => {
            let write_elements = |out: &mut Writer, items: &[MapItem<Value, ()>]| {
                for item in items {
                    value::write(out, &item.key);
                }
            };
            entries::write(out, items, names, ENTRY_BYTES, write_elements, |_, _| {});
        }
        BodyItems::Counter(tallies) => {
            out.count(tallies.len(), TALLY_BYTES);
            for tally in tallies {
                names.write_dot(out, tally.dot);
                names.write_minute(out, tally.minute);
                out.varint(tally.up);
                out.varint(tally.down);
            }
        }
    }
}

fn write_keys(out: &mut Writer, items: &[MapItem<String, Value>]) {
    let mut before = None;
    for MapItem { key, .. } in items {
        entries::write_key(out, before, key);
        before = Some(key);
    }
}

fn write_values<K>(out: &mut Writer, items: &[MapItem<K, Value>]) {
    value::write_all(out, items.iter().map(|item| &item.sibling.value));
}

pub(super) fn read(
    input: &mut Reader<'_>,
    kind: Kind,
    names: &Names,
) -> Result<BodyItems, DecodeError> {
    Ok(match kind {
        Kind::Map => BodyItems::Map {
            values: entries::read(input, names, ENTRY_BYTES, entries::read_key, read_values)?,
            children: entries::read(input, names, ENTRY_BYTES, read_slot, |_, _| Ok(()))?,
        },
        Kind::List => BodyItems::List(read_cells(input, kind, names)?),
        Kind::Tree => BodyItems::Tree(read_cells(input, kind, names)?),
        Kind::Text => BodyItems::Text(TextItems {
            runs: runs::read_texts(input, names)?,
            marks: entries::read(
                input,
                names,
                MARK_BYTES,
                |input, _| read_span(input, names),
                read_values,
            )?,
        }),
        Kind::Set => {
            let element = |input: &mut Reader<'_>, _: Option<&Value>| value::read(input);
            BodyItems::Set(entries::read(
                input,
                names,
                ENTRY_BYTES,
                element,
                |_, _| Ok(()),
            )?)
        }
        Kind::Counter => BodyItems::Counter(read_tallies(input, names)?),
    })
}

fn read_values<K>(
    input: &mut Reader<'_>,
    items: &mut [MapItem<K, Value>],
) -> Result<(), DecodeError> {
    value::read_all(input, items.iter_mut().map(|item| &mut item.sibling.value))
}

fn read_slot(
    input: &mut Reader<'_>,
    before: Option<&(String, Kind)>,
) -> Result<(String, Kind), DecodeError> {
    let key = entries::read_key(input, before.map(|(key, _)| key))?;
    let code = input.byte()?;
    Ok((key, kind_of(code, input)?))
}

fn read_cells(
    input: &mut Reader<'_>,
    kind: Kind,
    names: &Names,
) -> Result<Vec<RunItem<Cells>>, DecodeError> {
    // What each is, then what each holds.
    runs::read(
        input,
        names,
        Reader::raw,
        |input, codes: &mut &[u8], len| {
            let (own, rest) = codes.split_at(len);
            *codes = rest;
            let mut own = own.iter();
            input.weigh(len.saturating_mul(CELL_BYTES - 1))?;
            let cells = input.times(len, 1, |input, _| {
                let code = own.next().expect("a code for each cell");
                read_cell(input, kind, *code, names)
            })?;
            Ok(Cells(cells))
        },
    )
}

/// The fewest bytes of a cell, and of a replica's part of a counter.
const CELL_BYTES: usize = 2;
/// What a place takes of memory beyond that of a cell, in bytes of input.
const PLACE_WEIGHT: usize = 3;
const TALLY_BYTES: usize = 4;

const CHILD: u8 = 0x10;
const NODE: u8 = 0x20;
const PLACE: u8 = 0x30;
/// Flag of a node or a place: it is under another node.
const UNDER: u8 = 0x01;

fn cell_code(cell: &Cell) -> u8 {
    match cell {
        Cell::Value(value) => value::code(value),
        Cell::Child(_) => CHILD,
        Cell::Node { .. } => NODE,
        Cell::Place(_) => PLACE,
    }
}

/// What a cell holds; what it is was said before.
fn write_cell(out: &mut Writer, cell: &Cell, names: &Names) {
    let write_under = |out: &mut Writer, under: &Option<Dot>| {
        out.byte(if under.is_some() { UNDER } else { 0 });
        if let Some(dot) = under {
            names.write_dot(out, *dot);
        }
    };
    match cell {
        Cell::Value(value) => value::write_content(out, value),
        Cell::Child(kind) => out.byte(kind_code(*kind)),
        Cell::Node { under } => write_under(out, under),
        Cell::Place(moved) => {
            out.weigh(PLACE_WEIGHT);
            write_under(out, &moved.under);
            names.write_dot(out, moved.of);
            names.write_stamp(out, moved.stamp);
        }
    }
}

/// A cell of a list or a tree, as `kind` says.
fn read_cell(
    input: &mut Reader<'_>,
    kind: Kind,
    code: u8,
    names: &Names,
) -> Result<Cell, DecodeError> {
    let fits = match code {
        NODE => kind == Kind::Tree,
        PLACE => true,
        _ => kind == Kind::List,
    };
    if !fits {
        return Err(input.error("impossible element"));
    }
    if code == CHILD {
        let code = input.byte()?;
        return kind_of(code, input).map(Cell::Child);
    }
    if !matches!(code, NODE | PLACE) {
        return value::read_sized(input, code).map(Cell::Value);
    }
    let under = match input.byte()? {
        0 => None,
        UNDER if kind == Kind::Tree => Some(names.read_dot(input)?),
        _ => return Err(input.error("impossible element")),
    };
    if code == NODE {
        return Ok(Cell::Node { under });
    }
    input.weigh(PLACE_WEIGHT)?;
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

fn read_tallies(input: &mut Reader<'_>, names: &Names) -> Result<Vec<Tally>, DecodeError> {
    let max = limits::REPLICAS_MAX;
    input.many(max, "too many replicas", TALLY_BYTES, |input, before| {
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
