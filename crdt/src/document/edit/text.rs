//! Changing a text.

use std::ops::Range;

use super::NodeEdit;
use crate::container::{Body, ChangeKind, TextPatch};
use crate::sequence::content::{Extent, Unit};
use crate::EditError;

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

    fn replace_in(&mut self, unit: Unit, range: Range<usize>, text: &str) -> Result<(), EditError> {
        if range.is_empty() && range.start == range.end && text.is_empty() {
            let Body::Text(body) = &self.0.tree.get(self.0.at).body else {
                return Ok(());
            };
            return body.resolve(unit, range.start).map(drop);
        }
        self.0.write(|body, change| {
            let Body::Text(body) = body else {
                unreachable!("this is a text")
            };
            let (at, deleted) = body.replace(unit, range, text, change)?;
            let patch = TextPatch {
                at,
                deleted,
                inserted: text.to_owned(),
            };
            Ok(((), ChangeKind::Text(vec![patch])))
        })
    }

    /// How long the text is, in both units.
    pub fn extent(&self) -> Extent {
        match &self.0.tree.get(self.0.at).body {
            Body::Text(text) => text.extent(),
            _ => Extent::default(),
        }
    }
}
