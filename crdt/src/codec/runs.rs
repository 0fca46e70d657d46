//! The runs of a sequence, as columns: what is alike stands together. In the order of their dots.

use super::names::{Names, Steps};
use super::varint::{DecodeError, Reader, Writer};
use crate::container::cell::Cells;
use crate::plain::plain;
use crate::sequence::content::{Chars, Content};
use crate::sequence::run::{PieceItem, Pieces, RunItem, Side};
use crate::{limits, Dot, Minute, ReplicaId};

/// The fewest bytes of a run: how many pieces, the length of one, the gap, the place, the minute.
const RUN_BYTES: usize = 5;
/// What a piece takes of memory, in bytes of input; the one of its length is counted with the run.
const PIECE_BYTES: usize = 2;

/// Where the first element hangs: on nothing.
pub(super) const TOP: u8 = 0;
/// Right of the element with the dot before its own.
pub(super) const NEXT: u8 = 1;
/// Left of an element that is named.
pub(super) const LEFT: u8 = 2;
/// Right of one.
pub(super) const RIGHT: u8 = 3;

/// Where the first element of a run hangs, as a number.
pub(super) fn place(start: Dot, parent: Option<Dot>, side: Side) -> u8 {
    match (parent, side) {
        (None, _) => TOP,
        (Some(_), Side::Left) => LEFT,
        (Some(parent), Side::Right) if parent.plus(1) == start => NEXT,
        (Some(_), Side::Right) => RIGHT,
    }
}

fn place_of<C>(run: &RunItem<C>) -> u8 {
    place(run.start, run.parent, run.side)
}

/// The side that goes with it.
pub(super) fn side(place: u8) -> Side {
    if place == LEFT {
        Side::Left
    } else {
        Side::Right
    }
}

/// All columns but that of the content.
pub(super) fn write<C: Content>(out: &mut Writer, runs: &[RunItem<C>], names: &Names) {
    out.count(runs.len(), RUN_BYTES);
    let pieces = runs.iter().map(|run| run.pieces.len()).sum::<usize>();
    out.weigh(pieces.saturating_mul(PIECE_BYTES));
    for run in runs {
        let alive = run
            .pieces
            .first()
            .is_some_and(|piece| piece.content.is_some());
        out.varint((run.pieces.len() as u64) << 1 | u64::from(alive));
    }
    for run in runs {
        run.pieces.iter().for_each(|piece| out.varint(piece.len));
    }
    write_starts(out, runs, names);
    for run in runs {
        out.byte(place_of(run));
    }
    let mut minutes = Steps::from(u64::from(names.base.get()));
    for run in runs {
        minutes.write(out, u64::from(run.minute.get()));
    }
    let parent_of = |run: &RunItem<C>| run.parent.filter(|_| place_of(run) >= LEFT);
    for (run, parent) in runs.iter().filter_map(|run| Some((run, parent_of(run)?))) {
        names.write_replica(out, parent.replica);
        // It hangs on what was there before.
        out.varint(if parent.replica == run.start.replica {
            run.start.seq - parent.seq
        } else {
            parent.seq
        });
    }
}

/// Each run from the end of the one before.
fn write_starts<C: Content>(out: &mut Writer, runs: &[RunItem<C>], names: &Names) {
    if names.many() {
        let mut last = 0;
        for run in runs {
            let number = names.number(run.start.replica);
            out.varint(number - last);
            last = number;
        }
    }
    let mut free = None;
    for run in runs {
        let from = free.filter(|free: &Dot| free.replica == run.start.replica);
        out.varint(run.start.seq - from.map_or(1, |from| from.seq));
        free = Some(run.start.plus(run.len()));
    }
}

/// `begin` reads what the contents of all living elements share, seeing how many there are; `content` reads
/// that of one piece.
pub(super) fn read<'a, C: Content, S>(
    input: &mut Reader<'a>,
    names: &Names,
    begin: impl FnOnce(&mut Reader<'a>, usize) -> Result<S, DecodeError>,
    mut content: impl FnMut(&mut Reader<'a>, &mut S, usize) -> Result<C, DecodeError>,
) -> Result<Vec<RunItem<C>>, DecodeError> {
    let mut lives = Vec::new();
    let mut runs = read_shapes(input, &mut lives)?;
    read_starts(input, &mut runs, names)?;
    let places = input.raw(runs.len())?;
    let mut minutes = Steps::from(u64::from(names.base.get()));
    for run in &mut runs {
        let minute = minutes.read(input, 0, u64::from(u32::MAX), "minute over 32 bits")?;
        run.minute = Minute::new(minute as u32);
    }
    for (run, &place) in runs.iter_mut().zip(places) {
        run.side = side(place);
        run.parent = read_parent(input, names, run.start, place)?;
    }
    let mut total = 0usize;
    each_living(&mut runs, &lives, |piece| {
        let len = usize::try_from(piece.len).unwrap_or(usize::MAX);
        total = total.saturating_add(len);
        Ok(())
    })?;
    if total > input.remaining() {
        return Err(input.error("input ends early"));
    }
    let mut shared = begin(input, total)?;
    each_living(&mut runs, &lives, |piece| {
        piece.content = Some(content(input, &mut shared, piece.len as usize)?);
        Ok(())
    })?;
    Ok(runs)
}

/// Runs of pieces with their lengths, and whether the first piece of each is alive.
fn read_shapes<C: Content>(
    input: &mut Reader<'_>,
    lives: &mut Vec<bool>,
) -> Result<Vec<RunItem<C>>, DecodeError> {
    let count = input.count(usize::MAX, "too many runs", RUN_BYTES)?;
    let mut ahead = input.clone();
    let mut pieces = 0u64;
    for _ in 0..count {
        pieces = pieces.saturating_add(ahead.varint()? >> 1);
    }
    if pieces > ahead.remaining() as u64 {
        return Err(input.error("input ends early"));
    }
    input.weigh((pieces as usize).saturating_mul(PIECE_BYTES))?;
    lives.reserve_exact(count);
    let mut runs = Vec::with_capacity(count);
    for _ in 0..count {
        let code = input.varint()?;
        if code < 2 {
            return Err(input.error("empty run"));
        }
        lives.push(code & 1 == 1);
        let len = ahead.varint()?;
        let mut run = RunItem {
            start: Dot::new(ReplicaId::new(0), 0),
            parent: None,
            side: Side::Right,
            minute: Minute::default(),
            pieces: Pieces::with_capacity((code >> 1) as usize),
        };
        run.pieces.push(PieceItem { len, content: None });
        for _ in 1..code >> 1 {
            let len = ahead.varint()?;
            run.pieces.push(PieceItem { len, content: None });
        }
        let mut free = limits::SEQ_MAX;
        for piece in run.pieces.iter() {
            if piece.len == 0 || piece.len > free {
                return Err(ahead.error("impossible piece"));
            }
            free -= piece.len;
        }
        runs.push(run);
    }
    input.skip_to(&ahead);
    Ok(runs)
}

fn read_starts<C: Content>(
    input: &mut Reader<'_>,
    runs: &mut [RunItem<C>],
    names: &Names,
) -> Result<(), DecodeError> {
    let mut number = 0u64;
    for run in &mut *runs {
        if names.many() {
            number = number.saturating_add(input.varint()?);
        }
        run.start.replica = names.replica(number, input)?;
    }
    let mut free = None;
    for run in runs {
        let from = free.filter(|free: &Dot| free.replica == run.start.replica);
        let seq = from.map_or(1, |from| from.seq).checked_add(input.varint()?);
        let len = run.len();
        let seq = seq.filter(|&seq| seq <= limits::SEQ_MAX + 1 - len);
        run.start.seq = seq.ok_or_else(|| input.error("seq out of range"))?;
        free = Some(run.start.plus(len));
    }
    Ok(())
}

fn read_parent(
    input: &mut Reader<'_>,
    names: &Names,
    start: Dot,
    place: u8,
) -> Result<Option<Dot>, DecodeError> {
    match place {
        TOP => Ok(None),
        NEXT if start.seq > 1 => Ok(Some(Dot::new(start.replica, start.seq - 1))),
        LEFT | RIGHT => {
            let replica = names.read_replica(input)?;
            let mut seq = input.seq()?;
            if replica == start.replica {
                let before = start.seq.checked_sub(seq).filter(|&seq| seq > 0);
                seq = before.ok_or_else(|| input.error("impossible parent"))?;
                if place == RIGHT && seq + 1 == start.seq {
                    return Err(input.error("parent not written the short way"));
                }
            }
            Ok(Some(Dot::new(replica, seq)))
        }
        _ => Err(input.error("impossible parent")),
    }
}

fn each_living<C>(
    runs: &mut [RunItem<C>],
    lives: &[bool],
    mut each: impl FnMut(&mut PieceItem<C>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    for (run, &alive) in runs.iter_mut().zip(lives) {
        let mut alive = alive;
        for piece in run.pieces.iter_mut() {
            if alive {
                each(piece)?;
            }
            alive = !alive;
        }
    }
    Ok(())
}

/// The living characters of all runs in one piece: by how many bytes they are more than characters, then UTF-8.
pub(super) fn write_chars(out: &mut Writer, runs: &[RunItem<Chars>]) {
    let texts = || {
        let pieces = runs.iter().flat_map(|run| run.pieces.iter());
        pieces.filter_map(|piece| piece.content.as_ref())
    };
    let (chars, bytes) = texts().fold((0, 0), |(chars, bytes), text| {
        (chars + text.extent().chars, bytes + text.as_bytes().len())
    });
    out.varint((bytes - chars) as u64);
    texts().for_each(|text| out.raw(text.as_bytes()));
}

/// The characters of all runs, and whether each is one byte. UTF-8 is checked here, once.
fn read_text<'a>(input: &mut Reader<'a>, chars: usize) -> Result<(&'a str, bool), DecodeError> {
    let more = usize::try_from(input.varint()?).ok();
    let bytes = more.and_then(|more| chars.checked_add(more));
    let raw = input.raw(bytes.unwrap_or(usize::MAX))?;
    let text = std::str::from_utf8(raw).map_err(|_| input.error("text is not UTF-8"))?;
    let is_ascii = raw.len() == chars;
    if (is_ascii && !text.is_ascii()) || (!is_ascii && text.chars().count() != chars) {
        return Err(input.error("text is not as long as it says"));
    }
    Ok((text, is_ascii))
}

pub(super) fn read_texts(
    input: &mut Reader<'_>,
    names: &Names,
) -> Result<Vec<RunItem<Chars>>, DecodeError> {
    read(input, names, read_text, |input, (text, is_ascii), len| {
        let bytes = if *is_ascii {
            Some(len)
        } else {
            let ends = text.char_indices().map(|(at, _)| at);
            ends.chain([text.len()]).nth(len)
        };
        let parts = bytes.and_then(|bytes| text.split_at_checked(bytes));
        let (head, rest) = parts.ok_or_else(|| input.error("text is not as long as it says"))?;
        *text = rest;
        Ok(Chars::from(head))
    })
}

/// The living cells of all runs.
pub(super) fn cells(
    runs: &[RunItem<Cells>],
) -> impl Iterator<Item = &crate::container::cell::Cell> {
    let pieces = runs.iter().flat_map(|run| run.pieces.iter());
    plain(pieces.flat_map(|piece| piece.content.iter().flat_map(|cells| &cells.0)))
}
