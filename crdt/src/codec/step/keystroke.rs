//! A keystroke in a text at the top of the document, read and written without a delta in between.

use super::read::{read_head, read_typed, Head};
use super::{is_one, place, CHARACTER, EPOCH, MINUTES, PLACE, REMOVED, STEP, TEXT, THING};
use crate::codec::packed::PLAIN_MAX;
use crate::codec::runs::{LEFT, RIGHT};
use crate::codec::varint::Reader;
use crate::limits;
use crate::sequence::content::Chars;
use crate::sequence::stroke::Typed;
use crate::{Dot, DotRun, Minute, VersionVector};

/// A step that writes to a text at the top of the document, or only removes a run.
pub(crate) struct Keystroke<'a> {
    /// Its last change.
    pub(crate) last: Dot,
    pub(crate) minute: Minute,
    pub(crate) removed: Option<DotRun>,
    /// The name of the text, and what is new there.
    pub(crate) new: Option<(&'a [u8], Typed<'a, Chars>)>,
}

impl<'a> Keystroke<'a> {
    /// Reads a delta of the very next changes of a replica that a copy at `version` knows, if it is a
    /// keystroke: then [`Delta::decode`](crate::Delta::decode) reads it too, and reads the same.
    pub(crate) fn read(bytes: &'a [u8], version: &VersionVector) -> Option<Self> {
        let flags = *bytes.first()?;
        if flags & STEP == 0 || !matches!(flags & THING, 0 | TEXT | CHARACTER) {
            return None;
        }
        let mut input = Reader::new(bytes);
        input.byte().ok()?;
        let head = read_head(&mut input, flags).ok()?;
        let Head { who, from, .. } = &head;
        if who.seen == 0 || version.get(who.own) != who.seen {
            return None;
        }
        // Who is listed must be used: where something was seen of all, all are.
        let has_seen = || from.len() == who.others.len() + 1 && version.includes(from);
        if !who.others.is_empty() && !has_seen() {
            return None;
        }
        let (new, len) = if flags & THING == 0 {
            (None, 1)
        } else {
            let code = input.varint().ok()?;
            // The way to it is one name.
            if code % 4 != 0 {
                return None;
            }
            let len = usize::try_from(code / 4).ok()?;
            let name = input.raw(len).ok()?;
            let typed = read_typed(&mut input, &head, flags).ok()?;
            let len = typed.link.dots.len + u64::from(head.removed.is_some());
            (Some((name, typed)), len)
        };
        input.finish().ok()?;
        let last = Dot::new(who.own, who.seen + len);
        let is_whole = new.is_some() || flags & (PLACE | REMOVED) == REMOVED;
        (is_whole && last.seq <= limits::SEQ_MAX).then_some(Self {
            last,
            minute: head.minute,
            removed: head.removed,
            new,
        })
    }

    /// Appends it, of a copy that has seen nothing of others since its last delta; `seen` is the seq of its change before.
    /// `None`, with nothing appended, if it names others or does not fit otherwise.
    pub(crate) fn write(&self, seen: u64, out: &mut Vec<u8>) -> Option<()> {
        let minute = self.minute.get().checked_sub(EPOCH);
        let minute = minute.filter(|&minute| minute < MINUTES)?;
        // How far back a dot of its own is.
        let back = |dot: Dot| {
            let own = Some(dot.seq).filter(|_| dot.replica == self.last.replica)?;
            seen.checked_sub(own)
        };
        let mut line = Line::default();
        let thing = match &self.new {
            None => 0,
            Some((_, Typed { link, content, .. })) if is_one(content) => CHARACTER | place(link),
            Some((_, Typed { link, .. })) => TEXT | place(link),
        };
        let removed = if self.removed.is_some() { REMOVED } else { 0 };
        line.raw([STEP | removed | thing]);
        line.raw(self.last.replica.get().to_le_bytes());
        line.varint(seen);
        let [a, b, c, _] = minute.to_le_bytes();
        line.raw([a, b, c]);
        if let Some(run) = self.removed {
            line.varint(back(run.start)? << 1 | u64::from(run.len > 1));
            if run.len > 1 {
                line.varint(run.len - 2);
            }
        }
        let Some((name, Typed { link, content, .. })) = &self.new else {
            out.extend_from_slice(line.bytes());
            return Some(());
        };
        // What is larger may be compressed.
        if name.len() + content.len() > PLAIN_MAX - 2 * LINE {
            return None;
        }
        line.varint((name.len() as u64) << 2);
        let mut middle = Line::default();
        let place = place(link);
        if let Some(parent) = link.parent.filter(|_| place == LEFT || place == RIGHT) {
            middle.varint(back(parent)?);
        }
        if !is_one(content) {
            middle.varint(content.len() as u64);
        }
        for part in [line.bytes(), name, middle.bytes(), content.as_bytes()] {
            out.extend_from_slice(part);
        }
        Some(())
    }
}

/// Bytes of a line, at most: a flag, a replica, three numbers, a minute, and the length of a name.
const LINE: usize = 56;

/// A few bytes on their way.
struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; LINE],
            len: 0,
        }
    }
}

impl Line {
    fn raw<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.raw([number as u8 | 0x80]);
            number >>= 7;
        }
        self.raw([number as u8]);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
