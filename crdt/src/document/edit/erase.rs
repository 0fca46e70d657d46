//! Erasing: deleting for good, in journals too.
//!
//! Deleting frees content at once. Erasing says besides which dots are not to be shown any more: that
//! travels and stays, and names dots only. A copy that learns of it lets go of the names of the
//! containers, and a [`Journal`](crate::Journal) of what it has recorded.

use std::ops::Range;

use super::{Edit, ListEdit, MapEdit, NodeEdit, SetEdit, TextEdit, TreeEdit};
use crate::container::Body;
use crate::document::path::{Key, Kind, Path, Step};
use crate::document::tree::ContainerId;
use crate::sequence::content::{Content, Unit};
use crate::{Dot, DotRun, DotSet, EditError, Sequence, Value};

impl Edit<'_> {
    /// Erases a container with all in it: deletes it so that no journal shows it any more, here or
    /// where the change is merged. A path into a list erases the element, a path into a tree the node
    /// with all under it. What others write in it meanwhile stays. Whether there was anything.
    ///
    /// ```
    /// use driftwood_crdt::{Doc, Kind, Path, ReplicaId};
    /// let mut doc = Doc::new(ReplicaId::new(1));
    /// doc.edit(0).text("diary").insert(0, "private")?;
    /// let mut edit = doc.edit(1);
    /// assert!(edit.erase(&Path::root("diary", Kind::Text))?);
    /// edit.commit();
    /// assert!(!doc.save().windows(5).any(|bytes| bytes == b"diary"));
    /// # Ok::<(), driftwood_crdt::EditError>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn erase(&mut self, path: &Path) -> Result<bool, EditError> {
        let Some((Step { key, kind }, above)) = path.steps().split_last() else {
            return Ok(false);
        };
        let parent = Path::from_steps(above.to_vec());
        let mut node = self.at(&parent);
        match (key, parent.kind()) {
            (Key::Name(name), Kind::Map) => node.erase_slot(name, *kind),
            (Key::Element(element), Kind::List) => ListEdit(node).erase_element(*element),
            (Key::Element(element), Kind::Tree) => TreeEdit(node).erase(*element),
            _ => Ok(false),
        }
    }
}

impl Edit<'_> {
    /// Says of dots that were deleted before that journals are not to show them any more: those that
    /// [`Journal::dots_at`](crate::Journal::dots_at) found, say. What is alive of them, and what is
    /// not known here, is left out; whether anything was left.
    pub fn erase_dots(&mut self, dots: &DotSet) -> bool {
        let version = self.inner.version();
        let mut dead = DotSet::new();
        for mut run in dots.runs() {
            let known = version.get(run.start.replica) + 1;
            run.len = run.len.min(known.saturating_sub(run.start.seq));
            dead.insert_run(run);
        }
        let dead = dead.difference(&self.inner.store().living_of(&dead));
        let mut node = self.at(&Path::top());
        node.erased(node.change.last(), dead)
    }
}

impl NodeEdit<'_> {
    /// Notes as erased what was removed since the change with seq `first`, and other dots; whether
    /// there were any.
    fn erased(&mut self, first: u64, mut dots: DotSet) -> bool {
        let removed = self.change.removed_after(0, first);
        removed.for_each(|run| dots.insert_run(run));
        if dots.is_empty() {
            return false;
        }
        let by = self.change.dot();
        self.tree.erase(by, dots.runs().collect());
        true
    }

    /// Every dot of what is in these elements or at this key, alive or not.
    fn known_at(&self, keys: impl IntoIterator<Item = Key>) -> DotSet {
        let inside = keys
            .into_iter()
            .flat_map(|key| self.tree.all_at(self.at, &key));
        let inside: Vec<ContainerId> = inside.collect();
        self.tree.known_in(&inside)
    }

    fn erase_slot(&mut self, name: &str, kind: Kind) -> Result<bool, EditError> {
        let step = Step {
            key: name.into(),
            kind,
        };
        let Some(id) = self.tree.child(self.at, &step) else {
            return Ok(false);
        };
        let (first, known) = (
            self.change.last(),
            self.tree.known_in(&self.tree.subtree(id)),
        );
        self.delete_slot(name, kind)?;
        Ok(self.erased(first, known))
    }

    /// Removes a container of this map, and nothing else that is at its key.
    pub(super) fn delete_slot(&mut self, name: &str, kind: Kind) -> Result<(), EditError> {
        let slot = (name.to_owned(), kind);
        let step = Step {
            key: name.into(),
            kind,
        };
        let inside = self.tree.child(self.at, &step);
        let mut inside = inside.map_or(Vec::new(), |id| self.tree.subtree(id));
        inside.retain(|&id| self.tree.get(id).body.live_len() > 0);
        let map = self.tree.map_body(self.at);
        let marked = map.is_some_and(|map| map.children.register(&slot).is_some());
        if !marked && inside.is_empty() {
            return Ok(());
        }
        let by = self.write(|body, change| {
            let by = change.dot();
            if let Body::Map(map) = body {
                change.removed(by, map.children.take(&slot));
            }
            Ok((by, super::key_changed(name)))
        })?;
        self.clear(inside, by);
        Ok(())
    }
}

impl MapEdit<'_> {
    /// Erases a key with all that is there: as [`Edit::erase`], and former values of the key go from
    /// journals too. Whether there was anything.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn erase(&mut self, key: &str) -> Result<bool, EditError> {
        let (first, known) = (self.0.change.last(), self.0.known_at([Key::from(key)]));
        self.delete(key)?;
        Ok(self.0.erased(first, known))
    }
}

impl ListEdit<'_> {
    /// Erases the elements of a range of indexes with all in them, and what was deleted there before:
    /// as [`Edit::erase`].
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub fn erase(&mut self, range: Range<usize>) -> Result<(), EditError> {
        let (first, start) = (self.0.change.last(), range.start);
        let elements = range.clone().filter_map(|index| self.id(index));
        let elements: Vec<Dot> = elements.collect();
        let mut known = self
            .0
            .known_at(elements.iter().map(|&element| element.into()));
        self.delete(range)?;
        let before = start.checked_sub(1);
        let gap = match &self.0.tree.get(self.0.at).body {
            Body::List(list) => dead_after(&list.cells, before),
            _ => DotSet::new(),
        };
        known.extend(&self.0.known_at(gap.dots().map(Key::from)));
        known.extend(&gap);
        self.0.erased(first, known);
        Ok(())
    }

    fn erase_element(&mut self, element: Dot) -> Result<bool, EditError> {
        let Body::List(list) = &self.0.tree.get(self.0.at).body else {
            return Ok(false);
        };
        if let Some(index) = list.index_of(element) {
            return self.erase(index..index + 1).map(|()| true);
        }
        let known = self.0.known_at([element.into()]);
        Ok(self.0.erased(self.0.change.last(), known))
    }
}

impl TextEdit<'_> {
    /// Erases a range, in Unicode scalar values, and what was deleted there before: as
    /// [`Edit::erase`].
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub fn erase(&mut self, range: Range<usize>) -> Result<(), EditError> {
        self.erase_in(Unit::Chars, range)
    }

    /// Erases a range, in UTF-16 code units: as [`Self::erase`].
    ///
    /// # Errors
    /// As [`Self::delete_utf16`].
    pub fn erase_utf16(&mut self, range: Range<usize>) -> Result<(), EditError> {
        self.erase_in(Unit::Utf16, range)
    }

    fn erase_in(&mut self, unit: Unit, range: Range<usize>) -> Result<(), EditError> {
        let first = self.0.change.last();
        let (start, _) = super::text::text(&self.0)
            .chars
            .resolve_range(unit, range.clone())?;
        self.replace_in(unit, range, "")?;
        let before = start.chars.checked_sub(1);
        let gap = dead_after(&super::text::text(&self.0).chars, before);
        self.0.erased(first, gap);
        Ok(())
    }
}

impl SetEdit<'_> {
    /// Erases a value; whether it was there. As [`Edit::erase`].
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn erase(&mut self, value: &Value) -> Result<bool, EditError> {
        let first = self.0.change.last();
        self.delete(value)?;
        Ok(self.0.erased(first, DotSet::new()))
    }
}

impl TreeEdit<'_> {
    /// Erases a node with its data and all that is seen under it; whether there was anything. As
    /// [`Edit::erase`].
    ///
    /// # Errors
    /// As [`MapEdit::set`].
    pub fn erase(&mut self, node: Dot) -> Result<bool, EditError> {
        let first = self.0.change.last();
        let nodes = match &self.0.tree.get(self.0.at).body {
            Body::Tree(tree) if tree.shape().has(node) => tree.shape().subtree(node),
            _ => vec![node],
        };
        let known = self.0.known_at(nodes.into_iter().map(Key::from));
        self.delete(node)?;
        Ok(self.0.erased(first, known))
    }
}

/// The deleted elements between the one at an index, or the start, and the next that is shown.
fn dead_after<C: Content>(sequence: &Sequence<C>, index: Option<usize>) -> DotSet {
    let left = index.and_then(|index| sequence.dot_at(index));
    let gap: Vec<DotRun> = sequence.gap_after(left).collect();
    let alive = gap.iter().flat_map(|run| sequence.alive_in(*run)).collect();
    gap.into_iter().collect::<DotSet>().difference(&alive)
}
