//! A keystroke as bytes: written, and merged where it is of another copy.

use super::merge::text_patches;
use crate::codec::Keystroke;
use crate::container::{Body, ChangeKind, Changes};
use crate::document::path::{Key, Kind, Step};
use crate::document::tree::{ContainerId, Noted, Tree, ROOT};
use crate::document::Doc;
use crate::sequence::content::{even, Chars};
use crate::sequence::stroke::{Struck, Typed};
use crate::{Delta, DotRun, ImportError, Replicated};

impl Replicated<Tree> {
    /// Appends the bytes of what [`Self::commit`] gives, if that is a keystroke in a text at the top that names nobody
    /// else; else does nothing. O(log n).
    pub(super) fn write_keystroke(&self, out: &mut Vec<u8>) -> Option<()> {
        let dots = self.to_commit()?;
        let tree = self.store();
        if !self.news().is_empty() || tree.has_erasures() {
            return None;
        }
        let last = dots.start.plus(dots.len - 1);
        let removal = match self.removals().first_of(dots) {
            [None, None] => None,
            [Some((by, minute, run)), None] if by == last => Some((minute, run)),
            _ => return None,
        };
        let (new, minute, len) = match tree.homes.first_of(dots) {
            None => (None, removal?.0, 1),
            Some((made, id)) => {
                let (name, typed) = tree.typed_at_top(made, id)?;
                let DotRun { start, len } = typed.link.dots;
                if start != dots.start {
                    return None;
                }
                // The removal takes a dot of its own, which makes nothing.
                let own = DotRun {
                    start: last,
                    len: 1,
                };
                if removal.is_some() && tree.homes.first_of(own).is_some() {
                    return None;
                }
                let minute = typed.link.minute;
                let len = len + u64::from(removal.is_some());
                (Some((name, typed)), minute, len)
            }
        };
        let is_whole = len == dots.len && removal.is_none_or(|(other, _)| other == minute);
        let removed = removal.map(|(_, run)| run);
        let stroke = is_whole.then_some(Keystroke {
            last,
            minute,
            removed,
            new,
        })?;
        stroke.write(dots.start.seq - 1, out)
    }
}

impl Doc {
    /// As [`Self::merge`], of the bytes of a delta: of a keystroke none is made in between, and what is in any
    /// other is taken over, not copied.
    ///
    /// # Errors
    /// When [`Delta::decode`] refuses the bytes, or [`Self::merge`] what they say. The copy is then unchanged.
    pub fn merge_encoded(&mut self, bytes: &[u8]) -> Result<Changes, ImportError> {
        self.merge_bytes(bytes, Noted::default)
    }

    /// As [`Self::merge_encoded`], where nobody wants to know what changed.
    ///
    /// # Errors
    /// As [`Self::merge_encoded`].
    pub fn merge_quietly(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.merge_bytes(bytes, Noted::silent).map(drop)
    }

    fn merge_bytes(&mut self, bytes: &[u8], noted: fn() -> Noted) -> Result<Changes, ImportError> {
        if let Some(changes) = self.strike(bytes, noted()) {
            return Ok(changes);
        }
        let delta = Delta::decode(bytes)?;
        match self.merge_stroke(&delta) {
            Some(changes) => Ok(changes),
            None => Ok(self.take(delta, noted())?),
        }
    }

    /// What [`Self::merge_encoded`] does with a keystroke of another copy in a text that was named last, the very
    /// next of its changes. `None`, with nothing done, if the bytes are anything else. O(log n).
    pub fn merge_keystroke(&mut self, bytes: &[u8]) -> Option<Changes> {
        self.strike(bytes, Noted::default())
    }

    fn strike(&mut self, bytes: &[u8], mut noted: Noted) -> Option<Changes> {
        let stroke = Keystroke::read(bytes, self.version())?;
        if stroke.last.replica == self.replica() {
            return None;
        }
        let tree = self.inner.store_mut();
        let (id, struck) = tree.strike_text(&stroke, &mut noted)?;
        let mut changes = Changes::default();
        if !noted.is_silent() {
            let typed = stroke.new.map_or("", |(_, typed)| typed.content);
            let patches = text_patches(&struck, typed);
            changes = tree.report_with(noted, id, ChangeKind::Text(patches));
        }
        tree.sweep();
        let removed = stroke.removed.map(|run| (stroke.minute, run));
        self.inner.note_next(stroke.last, removed);
        Some(changes)
    }
}

impl Tree {
    /// The name of a text at the top, and what was typed there by these dots.
    fn typed_at_top(&self, made: DotRun, id: ContainerId) -> Option<(&[u8], Typed<'_, Chars>)> {
        let container = self.get(id);
        let (Body::Text(text), ROOT) = (&container.body, container.parent) else {
            return None;
        };
        let Some(Step {
            key: Key::Name(name),
            ..
        }) = &container.step
        else {
            return None;
        };
        let (link, content) = text.chars.typed(made)?;
        // Nobody asks how many code units it has.
        let extent = even(made.len as usize);
        Some((
            name.as_bytes(),
            Typed {
                link,
                content,
                extent,
            },
        ))
    }

    /// Does what a keystroke says, if all of it is in one text; gives which, and what it did. Else `None`,
    /// with nothing done.
    fn strike_text(
        &mut self,
        stroke: &Keystroke<'_>,
        noted: &mut Noted,
    ) -> Option<(ContainerId, Struck)> {
        let new = stroke.new.as_ref().map(|(_, typed)| typed);
        let named = match stroke.new {
            Some((name, _)) => Some(self.root_named_last(name, Kind::Text)?),
            None => None,
        };
        let id = self.only_home(stroke.removed, named)?;
        let Body::Text(text) = self.body_mut(id) else {
            return None;
        };
        let struck = text.chars.strike(stroke.removed, new)?;
        let made = new.map(|typed| typed.link.dots);
        self.homes.settle(id, made);
        let len = |run: Option<DotRun>| run.map_or(0, |run| run.len as usize);
        self.count(id, (len(made), len(stroke.removed)), noted);
        Some((id, struck))
    }
}
