//! The runs of a sequence, as columns: what is alike stands together. In the order of their dots.

use super::names::{Names, Steps};
use super::varint::{DecodeError, Reader, Writer};
use crate::container::Runs;
use crate::sequence::content::{self, Chars, Content};
use crate::sequence::link::RunLink;
use crate::sequence::run::Side;
use crate::sequence::table::{Head, Piece, Sink, Table};
use crate::sequence::RunItems;
use crate::{limits, Dot, DotRun, Minute, ReplicaId};

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

/// The side that goes with it.
pub(super) fn side(place: u8) -> Side {
    if place == LEFT {
        Side::Left
    } else {
        Side::Right
    }
}

/// What is alive in a sequence, as the last of its columns.
pub(super) trait Living: Content {
    /// Writes it.
    fn write(out: &mut Writer, views: &[Self::View<'_>], names: &Names);
}

/// All columns but those of the content, filled a run at a time.
struct Columns<'a> {
    out: &'a mut Writer,
    names: &'a Names,
    runs: usize,
    pieces: usize,
    shapes: Writer,
    lens: Writer,
    replicas: Writer,
    gaps: Writer,
    places: Writer,
    minutes: Writer,
    parents: Writer,
    /// The replica of the last run, and one past its last element.
    number: u64,
    free: Option<Dot>,
    minute: Steps,
}

/// Writes all columns of runs.
pub(super) fn write<C: Living>(out: &mut Writer, runs: &Runs<'_, C>, names: &Names) {
    runs.give(&mut Columns {
        out,
        names,
        runs: 0,
        pieces: 0,
        shapes: Writer::new(),
        lens: Writer::new(),
        replicas: Writer::new(),
        gaps: Writer::new(),
        places: Writer::new(),
        minutes: Writer::new(),
        parents: Writer::new(),
        number: 0,
        free: None,
        minute: Steps::from(u64::from(names.base.get())),
    });
}

impl<C: Living> Sink<C> for Columns<'_> {
    fn run(&mut self, run: &RunLink, pieces: &[Piece], _: usize) {
        self.runs += 1;
        self.pieces += pieces.len();
        let alive = pieces.first().is_some_and(|piece| piece.is_alive());
        self.shapes
            .varint((pieces.len() as u64) << 1 | u64::from(alive));
        for piece in pieces {
            self.lens.varint(piece.len());
        }
        // Each run from the end of the one before.
        let start = run.dots.start;
        let free = self.free.filter(|free| free.replica == start.replica);
        if self.names.many() {
            let number = free.map_or_else(|| self.names.number(start.replica), |_| self.number);
            self.replicas.varint(number - self.number);
            self.number = number;
        }
        self.gaps
            .varint(start.seq - free.map_or(1, |free| free.seq));
        self.free = Some(start.plus(run.dots.len));
        let place = place(start, run.parent, run.side);
        self.places.byte(place);
        self.minute
            .write(&mut self.minutes, u64::from(run.minute.get()));
        if let Some(parent) = run.parent.filter(|_| place >= LEFT) {
            self.names.write_replica(&mut self.parents, parent.replica);
            // It hangs on what was there before.
            self.parents.varint(if parent.replica == start.replica {
                start.seq - parent.seq
            } else {
                parent.seq
            });
        }
    }

    fn content(&mut self, views: &[C::View<'_>]) {
        let out = &mut *self.out;
        out.count(self.runs, RUN_BYTES);
        out.weigh(self.pieces.saturating_mul(PIECE_BYTES));
        for column in [
            &mut self.shapes,
            &mut self.lens,
            &mut self.replicas,
            &mut self.gaps,
            &mut self.places,
            &mut self.minutes,
            &mut self.parents,
        ] {
            out.raw(&std::mem::take(column).into_vec());
        }
        C::write(out, views, self.names);
    }
}

/// What stands in columns, before its content was read.
pub(super) struct Shapes {
    heads: Vec<Head>,
    pieces: Vec<Piece>,
    /// How many elements are alive.
    pub(super) living: usize,
}

impl Shapes {
    /// The runs with their content; `skip` says where that of so many elements ends, from where it begins.
    pub(super) fn with<C: Content>(
        self,
        content: C,
        mut skip: impl FnMut(usize, usize) -> usize,
    ) -> RunItems<C> {
        let Self {
            mut heads, pieces, ..
        } = self;
        let mut at = 0;
        for run in 0..heads.len() {
            let end = heads
                .get(run + 1)
                .map_or(pieces.len(), |next| next.piece as usize);
            let head = &mut heads[run];
            head.at = at as u32;
            let own = &pieces[head.piece as usize..end];
            let living = own.iter().filter(|piece| piece.is_alive());
            at = skip(at, living.map(|piece| piece.len() as usize).sum());
        }
        RunItems::from(Table::new(heads, pieces, content))
    }
}

/// All columns but that of the content.
pub(super) fn read(input: &mut Reader<'_>, names: &Names) -> Result<Shapes, DecodeError> {
    let (mut heads, pieces) = read_shapes(input)?;
    read_starts(input, &mut heads, names)?;
    let places = input.raw(heads.len())?;
    let mut minutes = Steps::from(u64::from(names.base.get()));
    for head in &mut heads {
        let minute = minutes.read(input, 0, u64::from(u32::MAX), "minute over 32 bits")?;
        head.minute = Minute::new(minute as u32);
    }
    for (head, &place) in heads.iter_mut().zip(places) {
        let parent = read_parent(input, names, head.start, place)?;
        head.set_parent(parent, side(place));
    }
    let mut living = 0usize;
    for piece in pieces.iter().filter(|piece| piece.is_alive()) {
        let len = usize::try_from(piece.len()).unwrap_or(usize::MAX);
        living = living.saturating_add(len);
    }
    if living > input.remaining() {
        return Err(input.error("input ends early"));
    }
    Ok(Shapes {
        heads,
        pieces,
        living,
    })
}

/// Runs of pieces with their lengths.
fn read_shapes(input: &mut Reader<'_>) -> Result<(Vec<Head>, Vec<Piece>), DecodeError> {
    let max = u32::MAX as usize;
    let count = input.count(max, "too many runs", RUN_BYTES)?;
    let mut ahead = input.clone();
    let mut total = 0u64;
    for _ in 0..count {
        total = total.saturating_add(ahead.varint()? >> 1);
    }
    if total > (ahead.remaining() as u64).min(u64::from(u32::MAX)) {
        return Err(input.error("input ends early"));
    }
    input.weigh((total as usize).saturating_mul(PIECE_BYTES))?;
    let mut heads = Vec::with_capacity(count);
    let mut pieces = Vec::with_capacity(total as usize);
    for _ in 0..count {
        let code = input.varint()?;
        if code < 2 {
            return Err(input.error("empty run"));
        }
        let mut run = RunLink {
            dots: DotRun {
                start: Dot::new(ReplicaId::new(0), 0),
                len: 0,
            },
            parent: None,
            side: Side::Right,
            minute: Minute::default(),
        };
        let first = pieces.len();
        let mut is_alive = code & 1 == 1;
        for _ in 0..code >> 1 {
            let len = ahead.varint()?;
            if len == 0 || len > limits::SEQ_MAX - run.dots.len {
                return Err(ahead.error("impossible piece"));
            }
            run.dots.len += len;
            pieces.push(Piece::new(len, is_alive));
            is_alive = !is_alive;
        }
        heads.push(Head::new(&run, first, 0));
    }
    input.skip_to(&ahead);
    Ok((heads, pieces))
}

fn read_starts(
    input: &mut Reader<'_>,
    runs: &mut [Head],
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
        let seq = seq.filter(|&seq| seq <= limits::SEQ_MAX + 1 - run.len);
        run.start.seq = seq.ok_or_else(|| input.error("seq out of range"))?;
        free = Some(run.start.plus(run.len));
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

impl Living for Chars {
    /// In one piece: by how many bytes they are more than characters, then UTF-8.
    fn write(out: &mut Writer, texts: &[&str], _: &Names) {
        let more = |text: &&str| text.len() - content::extent(text).chars;
        out.varint(texts.iter().map(more).sum::<usize>() as u64);
        for text in texts {
            out.raw(text.as_bytes());
        }
    }
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
) -> Result<RunItems<Chars>, DecodeError> {
    let shapes = read(input, names)?;
    let (text, is_ascii) = read_text(input, shapes.living)?;
    Ok(shapes.with(Chars::from(text), |at, chars| {
        if is_ascii {
            return at + chars;
        }
        let mut rest = text[at..].char_indices();
        rest.nth(chars).map_or(text.len(), |(more, _)| at + more)
    }))
}
