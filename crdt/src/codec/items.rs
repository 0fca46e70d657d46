//! What a delta says of each container, as bytes.

use super::entries::{ENTRY_BYTES, MARK_BYTES};
use super::names::Names;
use super::runs::Living;
use super::varint::{DecodeError, Reader, Writer};
use super::{entries, runs, value};
use crate::container::cell::{self, Cell, Cells, Moved};
use crate::container::text::{Anchor, Span, TextItems};
use crate::container::{BodyItems, Said};
use crate::counter::Tally;
use crate::map::{Entry, MapItem};
use crate::sequence::run::Side;
use crate::sequence::RunItems;
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

pub(super) fn write(out: &mut Writer, said: &Said<'_>, names: &Names) {
    match said {
        Said::Map { values, children } => {
            entries::write(out, values, names, ENTRY_BYTES, write_keys, write_values);
            let write_slots = |out: &mut Writer, entries: &[Entry<'_, (String, Kind), ()>]| {
                let mut before = None;
                for Entry {
                    key: (key, kind), ..
                } in entries
                {
                    entries::write_key(out, before, key);
                    out.byte(kind_code(*kind));
                    before = Some(key.as_str());
                }
            };
            entries::write(out, children, names, ENTRY_BYTES, write_slots, |_, _| {});
        }
        Said::List(runs) | Said::Tree(runs) => runs::write(out, runs, names),
        Said::Text { runs, marks } => {
            runs::write(out, runs, names);
            let write_spans = |out: &mut Writer, entries: &[Entry<'_, Span, Value>]| {
                for entry in entries {
                    write_span(out, entry.key, names);
                }
            };
            entries::write(out, marks, names, MARK_BYTES, write_spans, write_values);
        }
        Said::Set(elements) => {
            let write_elements = |out: &mut Writer, entries: &[Entry<'_, Value, ()>]| {
                for entry in entries {
                    value::write(out, entry.key);
                }
            };
            entries::write(out, elements, names, ENTRY_BYTES, write_elements, |_, _| {});
        }
        Said::Counter(tallies) => {
            out.count(tallies.len(), TALLY_BYTES);
            for tally in &**tallies {
                names.write_dot(out, tally.dot);
                names.write_minute(out, tally.minute);
                out.varint(tally.up);
                out.varint(tally.down);
            }
        }
    }
}

impl Living for Cells {
    /// What each is, then what each holds.
    fn write(out: &mut Writer, views: &[&[Cell]], names: &Names) {
        let cells = || views.iter().copied().flatten();
        let before = out.len();
        cells().for_each(|cell| out.byte(cell_code(cell)));
        out.weigh((out.len() - before).saturating_mul(CELL_BYTES));
        cells().for_each(|cell| write_cell(out, cell, names));
    }
}

fn write_keys(out: &mut Writer, entries: &[Entry<'_, String, Value>]) {
    let mut before = None;
    for Entry { key, .. } in entries {
        entries::write_key(out, before, key);
        before = Some(key.as_str());
    }
}

fn write_values<K>(out: &mut Writer, entries: &[Entry<'_, K, Value>]) {
    value::write_all(out, entries.iter().map(|entry| entry.value));
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
) -> Result<RunItems<Cells>, DecodeError> {
    let shapes = runs::read(input, names)?;
    let count = shapes.living;
    // What each is, then what each holds.
    let mut codes = input.raw(count)?.iter();
    input.weigh(count.saturating_mul(CELL_BYTES - 1))?;
    let cells = input.times(count, 1, |input, _| {
        let code = codes.next().expect("a code for each cell");
        read_cell(input, kind, *code, names)
    })?;
    Ok(shapes.with(Cells(cells), |at, cells| at + cells))
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

/// Every replica that is named.
pub(super) fn replicas(said: &Said<'_>, mut note: impl FnMut(ReplicaId)) {
    fn of_entries<K, V>(entries: &[Entry<'_, K, V>], note: &mut impl FnMut(ReplicaId)) {
        for entry in entries {
            note(entry.dot.replica);
        }
    }
    match said {
        Said::Map { values, children } => {
            of_entries(values, &mut note);
            of_entries(children, &mut note);
        }
        Said::List(runs) | Said::Tree(runs) => {
            runs.for_each_replica(&mut note);
            runs.for_each_content(|cells| {
                cell::named(&cells.0).for_each(|dot| note(dot.replica));
            });
        }
        Said::Text { runs, marks } => {
            runs.for_each_replica(&mut note);
            of_entries(marks, &mut note);
            let anchors = marks.iter().flat_map(|mark| mark.key.anchors());
            anchors.for_each(|dot| note(dot.replica));
        }
        Said::Set(elements) => of_entries(elements, &mut note),
        Said::Counter(tallies) => tallies.iter().for_each(|tally| note(tally.dot.replica)),
    }
}

/// The first minute in which something of it was made.
pub(super) fn min_minute(said: &Said<'_>) -> Option<Minute> {
    fn of_entries<K, V>(entries: &[Entry<'_, K, V>]) -> Option<Minute> {
        let first = entries.iter().map(|entry| entry.stamp).min();
        first.map(Minute::from)
    }
    let (a, b) = match said {
        Said::Map { values, children } => (of_entries(values), of_entries(children)),
        Said::Set(elements) => (of_entries(elements), None),
        Said::List(runs) | Said::Tree(runs) => {
            let mut first: Option<Minute> = None;
            runs.for_each_content(|cells| {
                for stamp in cell::stamps(&cells.0) {
                    let minute = Minute::from(stamp);
                    first = Some(first.map_or(minute, |first| first.min(minute)));
                }
            });
            (runs.first_minute(), first)
        }
        Said::Text { runs, marks } => (runs.first_minute(), of_entries(marks)),
        Said::Counter(tallies) => (tallies.iter().map(|tally| tally.minute).min(), None),
    };
    a.into_iter().chain(b).min()
}
