//! A keystroke written without a delta in between: the bytes are those of its step.

use super::{Who, CHARACTER, EPOCH, MINUTES, REMOVED, STEP};
use crate::codec::items::kind_code;
use crate::codec::packed::PLAIN_MAX;
use crate::codec::runs::{LEFT, NEXT, RIGHT, TOP};
use crate::codec::varint::Writer;
use crate::document;
use crate::sequence::run::Side;
use crate::sequence::stroke::Typed;
use crate::{Dot, DotRun, Kind, Minute};

/// A step that types characters, or removes a run, or both, and names no other replica.
pub(crate) struct Keystroke<'a> {
    who: Who,
    minute: Minute,
    removed: Option<DotRun>,
    typed: Option<&'a Typed<'a>>,
}

impl<'a> Keystroke<'a> {
    /// A step from its first dot on; `None` if it cannot be written so.
    pub(crate) fn new(
        first: Dot,
        minute: Minute,
        removed: Option<DotRun>,
        typed: Option<&'a Typed<'a>>,
    ) -> Option<Self> {
        let stroke = Self {
            who: Who {
                own: first.replica,
                seen: first.seq - 1,
                others: Vec::new(),
            },
            minute,
            removed,
            typed,
        };
        let last = removed.map(|run| run.start.plus(run.len - 1));
        let parent = typed.and_then(|typed| typed.parent);
        let mut named = last.into_iter().chain(parent);
        let fits = named.all(|dot| dot.replica == first.replica && stroke.who.knows(dot))
            && typed.is_none_or(|typed| typed.minute == minute)
            && (EPOCH..EPOCH + MINUTES).contains(&minute.get());
        fits.then_some(stroke)
    }

    /// Whether so many bytes are never compressed.
    pub(crate) fn fits(len: usize) -> bool {
        len <= PLAIN_MAX
    }

    fn place(&self, typed: &Typed<'_>) -> u8 {
        match (typed.parent, typed.side) {
            (None, _) => TOP,
            (Some(_), Side::Left) => LEFT,
            (Some(parent), Side::Right) if parent.seq == self.who.seen => NEXT,
            (Some(_), Side::Right) => RIGHT,
        }
    }

    fn code(&self, typed: &Typed<'_>) -> u8 {
        if is_one(typed.text) {
            return CHARACTER | self.place(typed);
        }
        (kind_code(Kind::Text) + 1) << 2 | self.place(typed)
    }

    /// Writes all up to the path.
    pub(crate) fn write_head(&self, out: &mut Writer) {
        let removes = if self.removed.is_some() { REMOVED } else { 0 };
        let thing = self.typed.map_or(0, |typed| self.code(typed));
        out.byte(STEP | removes | thing);
        out.u64_le(self.who.own.get());
        out.varint(self.who.seen);
        out.raw(&(self.minute.get() - EPOCH).to_le_bytes()[..3]);
        if let Some(run) = self.removed {
            self.who.write_removed(out, run);
        }
    }

    /// Writes a container of the path.
    pub(crate) fn write_step(&self, step: &document::Step, is_last: bool, out: &mut Writer) {
        self.who.write_place(out, step, is_last);
    }

    /// Writes what follows the path.
    pub(crate) fn write_text(&self, out: &mut Writer) {
        let Some(typed) = self.typed else { return };
        let parent = typed.parent.filter(|_| self.place(typed) >= LEFT);
        if let Some(parent) = parent {
            self.who.write_dot(out, parent);
        }
        if is_one(typed.text) {
            out.raw(typed.text.as_bytes());
        } else {
            out.str(typed.text);
        }
    }
}

fn is_one(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some() && chars.next().is_none()
}
