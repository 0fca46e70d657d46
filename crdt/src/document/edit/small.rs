//! Changing a set or a counter.

use super::NodeEdit;
use crate::container::{Body, ChangeKind};
use crate::document::Departure;
use crate::{EditError, Value};

/// A set that is being edited.
#[derive(Debug)]
pub struct SetEdit<'e>(pub(super) NodeEdit<'e>);

impl SetEdit<'_> {
    /// Adds a value, or adds it again.
    ///
    /// # Errors
    /// As [`MapEdit::set`](super::MapEdit::set).
    pub fn add(&mut self, value: impl Into<Value>) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        self.0.write(|body, change| {
            let Body::Set(set) = body else {
                unreachable!("this is a set")
            };
            set.add(value, change);
            Ok(((), ChangeKind::Set))
        })
    }

    /// Removes a value; whether it was there.
    ///
    /// # Errors
    /// As [`MapEdit::set`](super::MapEdit::set).
    pub fn delete(&mut self, value: &Value) -> Result<bool, EditError> {
        let Body::Set(set) = &self.0.tree.get(self.0.at).body else {
            return Ok(false);
        };
        if !set.has(value) {
            return Ok(false);
        }
        let dots = set.dots_of_element(value);
        self.0.tree.check_writable(self.0.at)?;
        let element = Departure::Element(value.clone());
        self.0.tree.note_departed(self.0.at, &dots, &element);
        self.0.write(|body, change| {
            let Body::Set(set) = body else {
                unreachable!("this is a set")
            };
            Ok((set.delete(value, change), ChangeKind::Set))
        })
    }
}

/// A counter that is being edited.
#[derive(Debug)]
pub struct CounterEdit<'e>(pub(super) NodeEdit<'e>);

impl CounterEdit<'_> {
    /// Adds a number, which may be negative.
    ///
    /// # Errors
    /// [`EditError::Limit`] when this replica's sum would pass
    /// [`COUNTER_MAX`](crate::limits::COUNTER_MAX); as [`MapEdit::set`](super::MapEdit::set).
    pub fn add(&mut self, by: i64) -> Result<(), EditError> {
        self.0.write(|body, change| {
            let Body::Counter(counter) = body else {
                unreachable!("this is a counter")
            };
            Ok((counter.add(by, change).map(drop)?, ChangeKind::Counter))
        })
    }
}
