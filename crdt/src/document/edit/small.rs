//! Changing a set or a counter.

use super::NodeEdit;
use crate::container::{Body, ChangeKind};
use crate::undo::write::Lost;
use crate::{DotRun, DotSet, EditError, Tally, Value};

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
        self.0.losing(|body| dots_of(body, &value));
        self.0.write(|body, change| {
            let Body::Set(set) = body else {
                unreachable!("this is a set")
            };
            let start = set.add(value, change);
            change.made = Some(DotRun { start, len: 1 });
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
        self.0.check_writable()?;
        let dots = dots_of(&self.0.tree.get(self.0.at).body, value);
        self.0.tree.note_departing(self.0.at, &dots);
        self.0.losing(|_| dots);
        self.0.write(|body, change| {
            let Body::Set(set) = body else {
                unreachable!("this is a set")
            };
            Ok((set.delete(value, change), ChangeKind::Set))
        })
    }
}

fn dots_of(body: &Body, value: &Value) -> DotSet {
    match body {
        Body::Set(set) => set.elements().dots_at(value).collect(),
        _ => DotSet::new(),
    }
}

/// A counter that is being edited.
#[derive(Debug)]
pub struct CounterEdit<'e>(pub(super) NodeEdit<'e>);

impl NodeEdit<'_> {
    /// Before adding to a counter: says what this replica had added until then.
    fn adding(&mut self, added: i64, own: impl FnOnce(&Body) -> Option<Tally>) {
        if let Some(record) = &mut self.change.record {
            let own = own(&self.tree.get(self.at).body);
            let tallies = own.into_iter().collect();
            record.lost = Lost::Counter { tallies, added };
        }
    }
}

impl CounterEdit<'_> {
    /// Adds a number, which may be negative.
    ///
    /// # Errors
    /// [`EditError::Limit`] when this replica's sum would pass
    /// [`COUNTER_MAX`](crate::limits::COUNTER_MAX); as [`MapEdit::set`](super::MapEdit::set).
    pub fn add(&mut self, by: i64) -> Result<(), EditError> {
        let replica = self.0.change.replica();
        let own = |body: &Body| match body {
            Body::Counter(counter) => counter.tally_of(replica),
            _ => None,
        };
        self.0.adding(by, own);
        self.0.write_made(
            |body, change| {
                let Body::Counter(counter) = body else {
                    unreachable!("this is a counter")
                };
                let start = counter.add(by, change)?;
                change.made = Some(DotRun { start, len: 1 });
                Ok(())
            },
            |()| ChangeKind::Counter,
        )
    }
}
