//! Changing a document.

#[cfg(feature = "serde")]
mod assign;
mod erase;
mod list;
mod map;
mod restore;
mod reverse;
mod small;
mod text;
mod tree;

use super::path::{Key, Kind, Path, Step};
use super::tree::{ContainerId, Noted, Tree};
use crate::codec;
use crate::container::{Body, ChangeKind, Changes, Touched};
use crate::undo::write::{Lost, Part, Record, Write};
use crate::{
    Change, Delta, Dot, DotRun, DotSet, EditError, Interval, Replicated, UndoManager, VersionVector,
};
pub use list::ListEdit;
pub use map::MapEdit;
pub use small::{CounterEdit, SetEdit};
pub use text::TextEdit;
pub use tree::TreeEdit;

/// An edit of a document: what is written between [`Doc::edit`](crate::Doc::edit) and
/// [`commit`](Self::commit) travels as one delta, with one stamp.
///
/// Each call takes effect at once. An edit that is dropped without a commit stays in the document,
/// and its delta comes with the next commit.
#[derive(Debug)]
#[must_use = "commit gives the delta to send"]
pub struct Edit<'a> {
    inner: &'a mut Replicated<Tree>,
    change: Change,
    has_ended: bool,
    noted: Noted,
    /// Who remembers the edit once it ends, so that it can be undone.
    undo: Option<(&'a mut UndoManager, u64)>,
}

impl<'a> Edit<'a> {
    #[inline]
    pub(super) fn new(inner: &'a mut Replicated<Tree>, now_ms: u64) -> Self {
        let change = inner.begin(now_ms);
        Self {
            inner,
            change,
            has_ended: false,
            // Nobody has said yet that they want to know.
            noted: Noted::silent(),
            undo: None,
        }
    }

    pub(super) fn recorded(mut self, now_ms: u64, undo: &'a mut UndoManager) -> Self {
        self.undo = Some((undo, now_ms));
        self.record();
        self
    }

    /// From here on, what is written is remembered, until the edit ends.
    pub(crate) fn record(&mut self) {
        self.change.record = Some(Box::default());
    }

    /// The map of this name.
    pub fn map(&mut self, name: &str) -> MapEdit<'_> {
        MapEdit(self.root(name, Kind::Map))
    }

    /// The list of this name.
    pub fn list(&mut self, name: &str) -> ListEdit<'_> {
        ListEdit(self.root(name, Kind::List))
    }

    /// The text of this name.
    pub fn text(&mut self, name: &str) -> TextEdit<'_> {
        TextEdit(self.root(name, Kind::Text))
    }

    /// The set of this name.
    pub fn set(&mut self, name: &str) -> SetEdit<'_> {
        SetEdit(self.root(name, Kind::Set))
    }

    /// The counter of this name.
    pub fn counter(&mut self, name: &str) -> CounterEdit<'_> {
        CounterEdit(self.root(name, Kind::Counter))
    }

    /// The tree of this name.
    pub fn tree(&mut self, name: &str) -> TreeEdit<'_> {
        TreeEdit(self.root(name, Kind::Tree))
    }

    /// Any container, to be turned into the edit of its kind by `into()`.
    pub fn at(&mut self, path: &Path) -> NodeEdit<'_> {
        self.node(|tree| tree.find_or_name(path.steps()))
    }

    #[inline]
    fn root(&mut self, name: &str, kind: Kind) -> NodeEdit<'_> {
        self.node(|tree| tree.root_named(name, kind))
    }

    #[inline]
    fn node(&mut self, find: impl FnOnce(&mut Tree) -> ContainerId) -> NodeEdit<'_> {
        let tree = self.inner.store_mut();
        let at = find(tree);
        NodeEdit {
            tree,
            change: &mut self.change,
            noted: &mut self.noted,
            at,
        }
    }

    /// Ends the edit and gives the delta to send. It is empty if nothing was written.
    pub fn commit(mut self) -> Delta {
        self.end();
        self.inner.commit()
    }

    /// As [`Self::commit`], as the bytes of [`Delta::encode`]: for a keystroke in a fraction of the time.
    pub fn commit_encoded(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(codec::STROKE);
        self.commit_into(&mut out);
        out
    }

    /// Appends what [`Self::commit_encoded`] gives, so that a buffer can be used again; O(log n) for a
    /// keystroke.
    pub fn commit_into(mut self, out: &mut Vec<u8>) {
        self.end();
        if !self.inner.commit_stroke(out) {
            self.inner.commit().encode_into(out);
        }
    }

    /// From here on, what changes for a reader is gathered, for [`Self::commit_with_changes`].
    pub fn watch(mut self) -> Self {
        self.noted = Noted::default();
        self
    }

    /// As [`Self::commit`], and what changed for a reader since [`Self::watch`].
    pub fn commit_with_changes(mut self) -> (Delta, Changes) {
        let changes = self.end();
        (self.inner.commit(), changes)
    }

    /// Closes the edit, once; gives what changed for a reader.
    #[inline]
    fn end(&mut self) -> Changes {
        if std::mem::replace(&mut self.has_ended, true) {
            return Changes::default();
        }
        if let Some((undo, now_ms)) = self.undo.take() {
            let record = self.change.record.take();
            undo.remember(
                record.map(|record| record.writes).unwrap_or_default(),
                now_ms,
            );
        }
        let own = self.inner.replica();
        let first = Dot::new(own, self.inner.version().get(own) + 1);
        self.inner.end(&mut self.change);
        if self.inner.store().has_erasures() {
            self.erase_former(first);
        }
        let mut changes = Changes::default();
        if !self.noted.is_silent() {
            let noted = std::mem::replace(&mut self.noted, Noted::silent());
            changes = self.inner.store().report(noted);
        }
        self.inner.store_mut().sweep();
        changes
    }

    /// What the changes from this one on erased takes with it what that replaced.
    #[cold]
    fn erase_former(&mut self, first: Dot) {
        for (by, runs) in self.inner.store().erased_after(first) {
            let runs = self.inner.with_former(&runs).runs().collect();
            self.inner.store_mut().erase(by, runs);
        }
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A container that is being edited.
#[derive(Debug)]
pub struct NodeEdit<'e> {
    tree: &'e mut Tree,
    change: &'e mut Change,
    noted: &'e mut Noted,
    at: ContainerId,
}

impl NodeEdit<'_> {
    fn child(&mut self, key: Key, kind: Kind) -> NodeEdit<'_> {
        let at = self.tree.child_named(self.at, Step { key, kind });
        NodeEdit {
            tree: self.tree,
            change: self.change,
            noted: self.noted,
            at,
        }
    }

    /// Makes sure that the container can be written to.
    fn check_writable(&self) -> Result<(), EditError> {
        self.change.check_room()?;
        if self.tree.is_ready(self.at) {
            return Ok(());
        }
        self.tree.check_writable(self.at)
    }

    fn again(&mut self) -> NodeEdit<'_> {
        NodeEdit {
            tree: self.tree,
            change: self.change,
            noted: self.noted,
            at: self.at,
        }
    }

    /// That something changes at a key of a map, for whoever wants to know.
    fn changes_at(&mut self, map: ContainerId, key: &str) -> ChangeKind {
        if self.noted.is_silent() {
            self.tree.loosen_at(map, key);
            return ChangeKind::none(Kind::Map);
        }
        key_changed(key)
    }

    /// Does one thing to the container: `write` changes it or refuses, leaving it as it was.
    fn write<R>(
        &mut self,
        write: impl FnOnce(&mut Body, &mut Change) -> Result<(R, ChangeKind), EditError>,
    ) -> Result<R, EditError> {
        let (mut write, mut result) = (Some(write), None);
        self.write_noted(&mut |body, change| {
            let write = write.take().expect("it is called once");
            let (done, changed) = write(body, change)?;
            result = Some(done);
            Ok(changed)
        })?;
        Ok(result.expect("what was written gave it"))
    }

    /// Whether nobody wants to know what is written here, for a reader or to undo it, and the container
    /// can be written to without a look at what it is in.
    #[inline]
    fn is_plain(&self) -> bool {
        self.tree.is_ready(self.at)
            && self.noted.is_silent()
            && self.change.record.is_none()
            && self.change.full.is_none()
    }

    /// As [`Self::write`], of what comes most: `write` says what it made, and `told` what a reader is told.
    fn write_made<R>(
        &mut self,
        write: impl FnOnce(&mut Body, &mut Change) -> Result<R, EditError>,
        told: impl FnOnce(&R) -> ChangeKind,
    ) -> Result<R, EditError> {
        if !self.is_plain() {
            return self.write(|body, change| {
                let result = write(body, change)?;
                let told = told(&result);
                Ok((result, told))
            });
        }
        let before = self.before(self.at);
        let result = write(self.tree.body_mut(self.at), self.change)?;
        self.settle(self.at, &before);
        Ok(result)
    }

    /// As [`Self::write`], once for all that is written.
    fn write_noted(
        &mut self,
        write: &mut dyn FnMut(&mut Body, &mut Change) -> Result<ChangeKind, EditError>,
    ) -> Result<(), EditError> {
        let written = self
            .check_writable()
            .and_then(|()| self.write_at(self.at, write));
        let (change, made) = match written {
            Ok(written) => written,
            Err(refused) => {
                self.with_record(|record, _| record.give_up());
                return Err(refused);
            }
        };
        self.tree.note(self.at, change, self.noted);
        let part = self.with_record(|record, path| record.take_part(path, made.into()));
        let mut marks: Vec<Write> = Vec::new();
        if !self.tree.is_ready(self.at) {
            for (parent, step) in self.tree.unmarked(self.at) {
                marks.extend(self.mark(parent, step).map(Write::from));
            }
            self.tree.set_ready(self.at);
        }
        self.with_record(|record, _| {
            // What the container is in was there first, and goes last when this is undone.
            record.writes.extend(marks.into_iter().rev());
            let inside = std::mem::take(&mut record.inside);
            record.writes.extend(part.map(|part| Write {
                parts: std::iter::once(part).chain(inside).collect(),
            }));
        });
        Ok(())
    }

    /// Does something with the record, if there is one; it also gets the container's path.
    fn with_record<R>(&mut self, take: impl FnOnce(&mut Record, Path) -> R) -> Option<R> {
        let record = self.change.record.as_mut()?;
        Some(take(record, self.tree.path(self.at)))
    }

    /// Before a write: says which dots of the container it is about to remove.
    fn losing(&mut self, dots: impl FnOnce(&Body) -> DotSet) {
        if let Some(record) = &mut self.change.record {
            let body = &self.tree.get(self.at).body;
            record.lost = Lost::capture(body, &dots(body));
        }
    }

    /// Changes a container; gives the living dots that this made, too.
    fn write_at<R>(
        &mut self,
        at: ContainerId,
        write: impl FnOnce(&mut Body, &mut Change) -> Result<R, EditError>,
    ) -> Result<(R, Made), EditError> {
        let (mut write, mut result) = (Some(write), None);
        let made = self.write_any(at, &mut |body, change| {
            let write = write.take().expect("it is called once");
            result = Some(write(body, change)?);
            Ok(())
        })?;
        Ok((result.expect("what was written gave it"), made))
    }

    /// As [`Self::write_at`], once for all that is written.
    fn write_any(
        &mut self,
        at: ContainerId,
        write: &mut dyn FnMut(&mut Body, &mut Change) -> Result<(), EditError>,
    ) -> Result<Made, EditError> {
        let before = self.before(at);
        write(self.tree.body_mut(at), self.change)?;
        Ok(self.settle(at, &before))
    }

    fn before(&self, at: ContainerId) -> Before {
        let body = &self.tree.get(at).body;
        Before {
            last: self.change.last(),
            removed: self.change.removed_len(),
            live: body.live_len(),
            keeps_names: body.keeps_names(),
        }
    }

    /// Brings what is known of all containers up to date after one was written to; gives the living dots
    /// that this made.
    fn settle(&mut self, at: ContainerId, before: &Before) -> Made {
        let made = match self.change.made.take() {
            Some(run) => {
                debug_assert_eq!(DotSet::from_iter([run]), self.made_since(at, before.last));
                Made::Run(run)
            }
            None => Made::Set(self.made_since(at, before.last)),
        };
        if !before.keeps_names {
            let removed = self.change.removed_after(before.removed, before.last);
            self.tree.unsettle(removed, None);
        }
        match &made {
            Made::Run(run) => self.tree.homes.settle(at, Some(*run)),
            Made::Set(set) => self.tree.homes.settle(at, set.runs()),
        }
        self.tree.recount(at, before.live, self.noted);
        made
    }

    /// The living dots of a container that the edit took after the one with this seq.
    fn made_since(&self, at: ContainerId, seq: u64) -> DotSet {
        let of = |seq| VersionVector::from_iter([(self.change.replica(), seq)]);
        self.tree.get(at).body.live_in(Interval {
            from: &of(seq),
            to: &of(self.change.last()),
        })
    }

    /// Makes a map say that a container is there, in place of the plain value that was.
    fn mark(&mut self, parent: ContainerId, Step { key, kind }: Step) -> Option<Part> {
        let Key::Name(name) = key else { return None };
        let lost = self.change.record.is_some().then(|| {
            let body = &self.tree.get(parent).body;
            let values = body
                .as_map()
                .map(|map| map.values.dots_at(&*name).collect());
            Lost::capture(body, &values.unwrap_or_default())
        });
        let marked = self.write_at(parent, |body, change| {
            let Body::Map(map) = body else {
                unreachable!("only maps have names for containers")
            };
            let by = map.children.set((name.to_string(), kind), (), change);
            change.removed(by, map.values.take(&*name));
            Ok(())
        });
        let ((), made) = marked.expect("setting a mark is never refused");
        let change = self.changes_at(parent, &name);
        self.tree.note(parent, change, self.noted);
        lost.map(|lost| Part {
            at: self.tree.path(parent),
            made: made.into(),
            lost,
        })
    }

    /// Removes what is in these containers, as part of the change `by`.
    fn clear(&mut self, containers: Vec<ContainerId>, by: Dot) {
        if let Some(record) = &mut self.change.record {
            let parts = containers.iter().map(|&id| {
                let body = &self.tree.get(id).body;
                Part {
                    at: self.tree.path(id),
                    made: DotSet::new(),
                    lost: Lost::capture(body, &body.live()),
                }
            });
            record.inside.extend(parts);
        }
        // What is inside goes first, or it would keep what it is in for a moment.
        for id in containers.into_iter().rev() {
            let live = self.tree.get(id).body.live();
            self.change.removed(by, live.runs());
            self.tree.remove_from(id, &live, self.noted);
        }
    }
}

impl NodeEdit<'_> {
    /// Removes what is in these containers, as part of the change `by` that is written already.
    fn clear_after(&mut self, containers: Vec<ContainerId>, by: Dot) {
        self.clear(containers, by);
        self.with_record(|record, _| {
            let inside = std::mem::take(&mut record.inside);
            let write = record.writes.last_mut();
            write.map(|write| write.parts.extend(inside))
        });
    }
}

/// What was before a write.
struct Before {
    /// The seq of the last dot that was taken.
    last: u64,
    /// How many runs were said to be removed.
    removed: usize,
    /// How many dots were alive in the container, and whether it keeps the names of those that are not.
    live: usize,
    keeps_names: bool,
}

/// The living dots that a write made.
enum Made {
    /// What its change said: nearly always.
    Run(DotRun),
    Set(DotSet),
}

impl From<Made> for DotSet {
    fn from(made: Made) -> Self {
        match made {
            Made::Run(run) => [run].into_iter().collect(),
            Made::Set(set) => set,
        }
    }
}

fn key_changed(key: &str) -> ChangeKind {
    ChangeKind::Map(Touched::one(key.to_owned()))
}

macro_rules! from_node {
    ($($edit:ident: $kind:ident),*) => {
        $(impl<'e> From<NodeEdit<'e>> for $edit<'e> {
            /// # Panics
            /// When the container is of another kind.
            #[track_caller]
            fn from(node: NodeEdit<'e>) -> Self {
                let kind = node.tree.get(node.at).body.kind();
                assert_eq!(kind, Kind::$kind, "the path names a container of another kind");
                Self(node)
            }
        })*
    };
}

from_node!(MapEdit: Map, ListEdit: List, TextEdit: Text, SetEdit: Set, CounterEdit: Counter, TreeEdit: Tree);
