//! Changing a map.

use super::{CounterEdit, ListEdit, NodeEdit, SetEdit, TextEdit, TreeEdit};
use crate::container::{Body, ChangeKind, MapBody};
use crate::document::tree::check_key;
use crate::{DotRun, DotSet, EditError, Kind, Value};

/// A map that is being edited.
#[derive(Debug)]
pub struct MapEdit<'e>(pub(super) NodeEdit<'e>);

impl MapEdit<'_> {
    /// Writes a value in place of all that is seen at this key, containers included.
    ///
    /// # Errors
    /// [`EditError::Limit`] for a key or value that is too large, [`EditError::Deleted`] when this
    /// map is gone. Nothing was changed; so it is with every edit below.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<(), EditError> {
        let value = value.into();
        value.check()?;
        check_key(key)?;
        self.0.losing(|body| dots_at(body, key));
        let changes = self.0.changes_at(self.0.at, key);
        let by = self.0.write_made(
            |body, change| {
                let map = map(body);
                let by = map.values.write(key, value, change);
                change.made = Some(DotRun { start: by, len: 1 });
                if !map.children.is_empty() {
                    change.removed(by, map.take_marks(key));
                }
                Ok(by)
            },
            |_| changes,
        )?;
        if self.0.tree.has_children(self.0.at) {
            let inside = self.0.tree.subtrees_at(self.0.at, key);
            self.0.clear_after(inside, by);
        }
        Ok(())
    }

    /// Removes a key with all that is seen there; whether there was anything.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn delete(&mut self, key: &str) -> Result<bool, EditError> {
        self.0.check_writable()?;
        if self.0.tree.seen_at(self.0.at, key).is_none() {
            return Ok(false);
        }
        let dots = dots_at(&self.0.tree.get(self.0.at).body, key);
        self.0.tree.note_departing(self.0.at, &dots);
        self.0.losing(|_| dots);
        let changes = self.0.changes_at(self.0.at, key);
        let by = self.0.write(|body, change| {
            let by = change.dot();
            change.removed(by, map(body).values.take(key));
            change.removed(by, map(body).take_marks(key));
            Ok((by, changes))
        })?;
        let inside = self.0.tree.subtrees_at(self.0.at, key);
        self.0.clear_after(inside, by);
        Ok(true)
    }

    /// The container of any kind at a key. It is there once it is written to.
    pub fn child(&mut self, key: &str, kind: Kind) -> NodeEdit<'_> {
        self.0.child(key.into(), kind)
    }

    /// Makes sure that a container is at a key, even if it stays empty.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn create(&mut self, key: &str, kind: Kind) -> Result<(), EditError> {
        self.0
            .child(key.into(), kind)
            .write(|_, _| Ok(((), ChangeKind::none(kind))))
    }

    /// The map at a key.
    pub fn map(&mut self, key: &str) -> MapEdit<'_> {
        MapEdit(self.child(key, Kind::Map))
    }

    /// The list at a key.
    pub fn list(&mut self, key: &str) -> ListEdit<'_> {
        ListEdit(self.child(key, Kind::List))
    }

    /// The text at a key.
    pub fn text(&mut self, key: &str) -> TextEdit<'_> {
        TextEdit(self.child(key, Kind::Text))
    }

    /// The set at a key.
    pub fn set_at(&mut self, key: &str) -> SetEdit<'_> {
        SetEdit(self.child(key, Kind::Set))
    }

    /// The tree at a key.
    pub fn tree(&mut self, key: &str) -> TreeEdit<'_> {
        TreeEdit(self.child(key, Kind::Tree))
    }

    /// The counter at a key.
    pub fn counter(&mut self, key: &str) -> CounterEdit<'_> {
        CounterEdit(self.child(key, Kind::Counter))
    }
}

/// The dots of all that is written at a key.
fn dots_at(body: &Body, key: &str) -> DotSet {
    match body {
        Body::Map(map) => map.dots_at(key).collect(),
        _ => DotSet::new(),
    }
}

fn map(body: &mut Body) -> &mut MapBody {
    match body {
        Body::Map(map) => map,
        _ => unreachable!("this is a map"),
    }
}
