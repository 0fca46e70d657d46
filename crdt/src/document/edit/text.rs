//! Changing a text.

use std::ops::Range;

use super::NodeEdit;
use crate::container::text::{Expand, TextBody, EMBED, EMBED_CHAR};
use crate::container::{Body, ChangeKind, TextPatch};
use crate::document::tree::check_key;
use crate::sequence::content::{Extent, Unit};
use crate::{Dot, DotRun, DotSet, EditError, Value};

/// A text that is being edited.
#[derive(Debug)]
pub struct TextEdit<'e>(pub(super) NodeEdit<'e>);

impl TextEdit<'_> {
    /// Inserts text at an offset in Unicode scalar values.
    ///
    /// # Errors
    /// Past the end; as [`MapEdit::set`](super::MapEdit::set).
    pub fn insert(&mut self, offset: usize, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Chars, offset..offset, text)
    }

    /// Deletes a range, in Unicode scalar values.
    ///
    /// # Errors
    /// Past the end, and where the range ends before it starts; as [`MapEdit::set`](super::MapEdit::set).
    pub fn delete(&mut self, range: Range<usize>) -> Result<(), EditError> {
        self.replace_in(Unit::Chars, range, "")
    }

    /// Deletes a range, in Unicode scalar values, and inserts text there.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub fn replace(&mut self, range: Range<usize>, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Chars, range, text)
    }

    /// Inserts text at an offset in UTF-16 code units.
    ///
    /// # Errors
    /// Past the end and inside of a character; as [`MapEdit::set`](super::MapEdit::set).
    pub fn insert_utf16(&mut self, offset: usize, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Utf16, offset..offset, text)
    }

    /// Deletes a range, in UTF-16 code units.
    ///
    /// # Errors
    /// As [`Self::delete`] and [`Self::insert_utf16`].
    pub fn delete_utf16(&mut self, range: Range<usize>) -> Result<(), EditError> {
        self.replace_in(Unit::Utf16, range, "")
    }

    /// Deletes a range, in UTF-16 code units, and inserts text there.
    ///
    /// # Errors
    /// As [`Self::delete_utf16`].
    pub fn replace_utf16(&mut self, range: Range<usize>, text: &str) -> Result<(), EditError> {
        self.replace_in(Unit::Utf16, range, text)
    }

    /// Marks a range: `value` is what the mark says, [`Value::Null`] takes it away. Gives nothing
    /// to send where nothing would change by it. `expand` says at which ends the mark takes in what
    /// is typed there later; [`Expand::usual`] gives what is usual for a name.
    ///
    /// # Errors
    /// As [`Self::delete`]; [`EditError::BadMark`] for an empty name, [`EditError::Limit`] for a name
    /// or value that is too large.
    pub fn mark(
        &mut self,
        unit: Unit,
        range: Range<usize>,
        name: &str,
        value: impl Into<Value>,
        expand: Expand,
    ) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        check_key(name)?;
        if name == EMBED {
            return Err(EditError::BadMark);
        }
        let (start, end) = text(&self.0).chars.resolve_range(unit, range)?;
        if start == end {
            return self.0.check_writable();
        }
        self.0.write(|body, change| {
            text_mut(body).mark((start, end), name, value, expand, change);
            Ok(((), ChangeKind::Text(Vec::new())))
        })
    }

    /// Takes a mark away from a range.
    ///
    /// # Errors
    /// As [`Self::mark`].
    pub fn unmark(&mut self, unit: Unit, range: Range<usize>, name: &str) -> Result<(), EditError> {
        self.mark(unit, range, name, Value::Null, Expand::usual(name))
    }

    /// Inserts an embed, an image say: one character that holds a value.
    ///
    /// # Errors
    /// As [`Self::insert`] and [`Self::mark`].
    pub fn embed(
        &mut self,
        unit: Unit,
        offset: usize,
        value: impl Into<Value>,
    ) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        self.replace_in(unit, offset..offset, EMBED_CHAR)?;
        self.0.write(|body, change| {
            let text = text_mut(body);
            let place = text.chars.resolve_range(unit, offset..offset + 1)?;
            text.mark(place, EMBED, value, Expand::None, change);
            Ok(((), ChangeKind::Text(Vec::new())))
        })
    }

    pub(crate) fn replace_in(
        &mut self,
        unit: Unit,
        range: Range<usize>,
        new: &str,
    ) -> Result<(), EditError> {
        if range.start == range.end && new.is_empty() {
            return text(&self.0).chars.resolve(unit, range.start).map(drop);
        }
        if self.0.is_plain() {
            if let Some(replaced) = self.0.replace_plain(unit, &range, new) {
                return replaced;
            }
        }
        self.0.losing(|body| match body {
            Body::Text(text) => text.dots_in(unit, range.clone()),
            _ => DotSet::new(),
        });
        let replaced = self.0.write_made(
            |body, change| {
                let first = change.last() + 1;
                let (at, deleted) = text_mut(body).replace(unit, range, new, change)?;
                // The deletion took the last dot, and made nothing.
                let end = change.last() + u64::from(deleted.chars == 0);
                change.made = Some(DotRun {
                    start: Dot::new(change.replica(), first),
                    len: end - first,
                });
                Ok((at, deleted))
            },
            |&(at, deleted)| {
                ChangeKind::Text(vec![TextPatch {
                    at,
                    deleted,
                    inserted: new.to_owned(),
                }])
            },
        );
        replaced.map(drop)
    }

    /// The text as it is now.
    pub(crate) fn body(&self) -> &TextBody {
        text(&self.0)
    }

    /// How long the text is, in both units.
    pub fn extent(&self) -> Extent {
        text(&self.0).chars.extent()
    }
}

impl NodeEdit<'_> {
    /// Puts text in the place of a range of a text [without marks](TextBody::unmarked), where
    /// [nothing else is to be done](NodeEdit::is_plain); `None` if it has some.
    #[inline]
    fn replace_plain(
        &mut self,
        unit: Unit,
        range: &Range<usize>,
        new: &str,
    ) -> Option<Result<(), EditError>> {
        let chars = text_mut(self.tree.body_mut(self.at)).unmarked()?;
        let start = Dot::new(self.change.replica(), self.change.last() + 1);
        let is_typed = range.start == range.end
            && chars
                .type_text(unit, range.start, new, self.change)
                .is_some();
        let mut gone = 0;
        if !is_typed {
            match chars.splice(unit, range.clone(), new, self.change) {
                Ok((_, replaced)) => gone = replaced.chars,
                Err(refused) => return Some(Err(refused)),
            }
        }
        // The deletion took the last dot, and made nothing.
        let end = self.change.last() + u64::from(gone == 0);
        let len = end - start.seq;
        self.tree.homes.settle(self.at, Some(DotRun { start, len }));
        self.tree.count(self.at, (len as usize, gone), self.noted);
        Some(Ok(()))
    }
}

pub(super) fn text<'a>(node: &'a NodeEdit<'_>) -> &'a TextBody {
    match &node.tree.get(node.at).body {
        Body::Text(text) => text,
        _ => unreachable!("this is a text"),
    }
}

#[inline]
fn text_mut(body: &mut Body) -> &mut TextBody {
    match body {
        Body::Text(text) => text,
        _ => unreachable!("this is a text"),
    }
}
