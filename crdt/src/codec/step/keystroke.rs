//! A keystroke in a text at the top of the document, read without a delta in between.

use super::read::{read_head, read_typed, Head};
use super::{CHARACTER, PLACE, REMOVED, STEP, TEXT, THING};
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
}
