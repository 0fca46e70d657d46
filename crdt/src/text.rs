//! [`Text`]: characters that many people type.

use std::fmt;
use std::ops::Range;

use crate::sequence::content::{self, Chars, Content, Extent, Unit};
use crate::{Change, EditError, Sequence};

/// A text: a [`Sequence`] of characters.
///
/// Offsets lie between characters and count Unicode scalar values or UTF-16 code units, as the
/// [`Unit`] says; both take O(log n). No half surrogate is ever stored.
///
/// ```
/// use driftwood_crdt::{Replicated, ReplicaId, Text, Unit};
/// let mut here = Replicated::<Text>::new(ReplicaId::new(1));
/// let (_, hello) = here.edit(0, |text, change| text.insert(Unit::Chars, 0, "Hello", change));
/// let mut there = Replicated::<Text>::new(ReplicaId::new(2));
/// there.merge(&hello)?;
/// assert_eq!(there.store().to_string(), "Hello");
/// # Ok::<(), driftwood_crdt::MergeError>(())
/// ```
pub type Text = Sequence<Chars>;

impl Sequence<Chars> {
    /// Inserts text at an offset; gives where that is in both units.
    ///
    /// # Errors
    /// Past the end, and inside of a character. Nothing was changed.
    pub fn insert(
        &mut self,
        unit: Unit,
        offset: usize,
        text: &str,
        change: &mut Change,
    ) -> Result<Extent, EditError> {
        let (at, _) = self.replace(unit, offset..offset, text, change)?;
        Ok(at)
    }

    /// Deletes a range; gives its start and its length in both units.
    ///
    /// # Errors
    /// Past the end, inside of a character, and where the range ends before it starts. Nothing was
    /// changed.
    pub fn delete(
        &mut self,
        unit: Unit,
        range: Range<usize>,
        change: &mut Change,
    ) -> Result<(Extent, Extent), EditError> {
        self.replace(unit, range, "", change)
    }

    /// Puts text in the place of a range; gives the start and the length of what went.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub fn replace(
        &mut self,
        unit: Unit,
        range: Range<usize>,
        text: &str,
        change: &mut Change,
    ) -> Result<(Extent, Extent), EditError> {
        if range.start == range.end {
            if let Some(at) = self.type_text(unit, range.start, text, change) {
                return Ok((at, Extent::default()));
            }
        }
        self.splice(unit, range, text, change)
    }

    /// As [`Self::replace`], which goes on where the last text was typed another way.
    pub(crate) fn splice(
        &mut self,
        unit: Unit,
        range: Range<usize>,
        text: &str,
        change: &mut Change,
    ) -> Result<(Extent, Extent), EditError> {
        let (start, end) = self.resolve_range(unit, range)?;
        let mut inserted = 0;
        // The new text comes first, while the old one is alive to hang on: then it stays before
        // what somebody else types after the old one meanwhile.
        if !text.is_empty() {
            let chars = Chars::from(text);
            inserted = chars.extent().chars;
            self.insert_at(start.chars, chars, change);
        }
        if start != end {
            let by = change.dot();
            let (at, len) = (start.chars + inserted, end.chars - start.chars);
            self.delete_at(at, len, by, change);
        }
        Ok((start, end - start))
    }

    /// Inserts text where the last was typed, if this goes on there; gives where that is. O(height).
    pub(crate) fn type_text(
        &mut self,
        unit: Unit,
        offset: usize,
        text: &str,
        change: &mut Change,
    ) -> Option<Extent> {
        if !self.has_pen_at(unit, offset) {
            return None;
        }
        let extent = content::extent(text);
        let put = |chars: &mut Chars, at| chars.insert_text(at, text, extent);
        let (_, at) = self.type_next(unit, offset, extent, change, put)?;
        Some(at)
    }

    /// Both ends of a range, in both units.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub fn resolve_range(
        &self,
        unit: Unit,
        range: Range<usize>,
    ) -> Result<(Extent, Extent), EditError> {
        if range.start > range.end {
            return Err(EditError::BadRange {
                start: range.start,
                end: range.end,
            });
        }
        Ok((
            self.resolve(unit, range.start)?,
            self.resolve(unit, range.end)?,
        ))
    }

    /// The text between two places that [`Self::resolve`] gave.
    pub(crate) fn slice(&self, start: Extent, end: Extent) -> String {
        let mut text = String::new();
        let mut at = start.chars;
        while at < end.chars {
            let part = self.part_at(at, end.chars - at);
            let (run, chars) = part.expect("the caller has bounded the range");
            at += run.len as usize;
            text.push_str(chars);
        }
        text
    }
}

impl fmt::Display for Sequence<Chars> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.contents().try_for_each(|part| f.write_str(part))
    }
}
