//! [`Doc`]: containers in containers, edited by many.

mod canonical;
mod departed;
mod edit;
mod erasures;
mod homes;
mod items;
mod path;
mod read;
mod reclaim;
mod seed;
mod since;
mod stroke;
mod tree;

use crate::codec;
use crate::container::Changes;
use crate::{
    Delta, Dot, DotSet, DotStore, LoadError, MergeError, ReplicaId, Replicated, UndoManager,
};
use crate::{Value, VersionVector};
pub(crate) use departed::Departure;
pub use edit::{CounterEdit, Edit, ListEdit, MapEdit, NodeEdit, SetEdit, TextEdit, TreeEdit};
pub use items::Items;
pub(crate) use items::Place;
pub use path::{Key, Kind, Path, Step};
#[cfg(feature = "serde")]
pub(crate) use read::Found;
pub use read::{CounterRef, Item, ListRef, MapRef, NodeRef, SetRef, TextRef, TreeRef};
pub use since::{ChangesSince, Difference};
pub(crate) use tree::check_key;
use tree::Noted;
pub(crate) use tree::Tree;

/// A JSON-like document: maps, lists, texts, sets and counters inside of each other.
///
/// Any number of copies may be edited at the same time, online or not; copies that have merged the
/// same changes, in any order, are equal byte for byte. There is no clock inside: whoever edits says
/// what time it is, and that only ranks concurrent writes to one key.
///
/// ```
/// use driftwood_crdt::{Delta, Doc, ReplicaId};
///
/// let mut doc = Doc::new(ReplicaId::new(1));
/// let mut edit = doc.edit(1_700_000_000_000);
/// edit.text("body").insert(0, "Hello")?;
/// edit.map("meta").set("title", "Trip")?;
/// let bytes = edit.commit().encode();
///
/// let mut other = Doc::new(ReplicaId::new(2));
/// other.merge(&Delta::decode(&bytes)?)?;
/// assert_eq!(other.text("body").to_string(), "Hello");
///
/// let saved = other.save();
/// let loaded = Doc::load(ReplicaId::new(3), &saved)?;
/// assert_eq!(loaded.canonical(), doc.canonical());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Doc {
    inner: Replicated<Tree>,
    waiting: reclaim::Waiting,
}

impl Doc {
    /// An empty document whose changes are named after `replica`.
    pub fn new(replica: ReplicaId) -> Self {
        Self {
            inner: Replicated::new(replica),
            waiting: reclaim::Waiting::default(),
        }
    }

    /// Whose name this copy's changes bear.
    pub fn replica(&self) -> ReplicaId {
        self.inner.replica()
    }

    /// Goes on under another name, when this one is no longer this copy's alone. Gives the delta of
    /// what no delta was made of yet.
    pub fn set_replica(&mut self, replica: ReplicaId) -> Delta {
        self.inner.set_replica(replica)
    }

    /// How far this copy has come.
    pub fn version(&self) -> &VersionVector {
        self.inner.version()
    }

    /// Whether there are edits whose delta comes with the next commit.
    pub fn has_uncommitted(&self) -> bool {
        self.inner.has_uncommitted()
    }

    /// Begins an edit. `now_ms` is the wall clock in milliseconds since 1970.
    pub fn edit(&mut self, now_ms: u64) -> Edit<'_> {
        Edit::new(&mut self.inner, now_ms)
    }

    /// Begins an edit that `undo` remembers once it ends, however it ends; see [`UndoManager`].
    pub fn edit_recorded<'a>(&'a mut self, now_ms: u64, undo: &'a mut UndoManager) -> Edit<'a> {
        self.edit(now_ms).recorded(now_ms, undo)
    }

    /// Joins a delta into this copy and says what changed. Deltas may come in any order that leaves
    /// no gap, more than once, and overlapping.
    ///
    /// # Errors
    /// [`MergeError::Gap`] when something before the delta is missing here: ask for what follows
    /// [`Self::version`]. The others when the delta contradicts itself or what is here. The copy is
    /// then unchanged.
    pub fn merge(&mut self, delta: &Delta) -> Result<Changes, MergeError> {
        match self.merge_stroke(delta) {
            Some(changes) => Ok(changes),
            None => self.merge_noting(delta, Noted::default()),
        }
    }

    fn merge_noting(&mut self, delta: &Delta, noted: Noted) -> Result<Changes, MergeError> {
        self.check_erased(delta)?;
        let noted = self.inner.merge_noting(delta, noted)?;
        Ok(self.told(noted))
    }

    /// As [`Self::merge`], of a delta that nobody else needs.
    pub(in crate::document) fn take(
        &mut self,
        delta: Delta,
        noted: Noted,
    ) -> Result<Changes, MergeError> {
        self.check_erased(&delta)?;
        let noted = self.inner.take_noting(delta, noted)?;
        Ok(self.told(noted))
    }

    /// Of what is yet to be written nothing can have been erased.
    fn check_erased(&self, delta: &Delta) -> Result<(), MergeError> {
        let known = |dot: Dot| self.version().contains(dot) || delta.to.contains(dot);
        let erased = delta.items.erasures.iter().flat_map(|(_, runs)| runs);
        let mut ends = erased.map(|run| run.start.plus(run.len - 1));
        if !self.version().includes(&delta.to) && !ends.all(known) {
            let have = self.version().clone();
            return Err(MergeError::Gap { have });
        }
        Ok(())
    }

    /// What was noted, once what is of no use any more was let go.
    fn told(&mut self, noted: Noted) -> Changes {
        let changes = self.inner.store().report(noted);
        self.inner.store_mut().sweep();
        changes
    }

    /// What a copy at `since` lacks of this one; empty if nothing.
    pub fn delta_since(&self, since: &VersionVector) -> Delta {
        self.inner.delta_since(since)
    }

    /// As [`Self::delta_since`], with all that the elements `anchors` hang on: the answer to
    /// [`MergeError::MissingAnchors`]. The copy that asked can merge it.
    pub fn delta_with_anchors(&self, since: &VersionVector, anchors: &[Dot]) -> Delta {
        let mut delta = self.inner.delta_since(since);
        if anchors.is_empty() {
            return delta;
        }
        delta.items = self.inner.store().collect_with(delta.interval(), anchors);
        delta
    }

    /// What [`Self::delta_since`] gives as bytes. All of a document is written as it lies, without a delta in between.
    pub fn encode_since(&self, since: &VersionVector) -> Vec<u8> {
        if since.is_empty() {
            let mut out = Vec::new();
            self.encode_all(self.inner.head_since(since), &mut out);
            return out;
        }
        self.delta_since(since).encode()
    }

    /// Appends all as bytes, after the head of a delta from nothing.
    fn encode_all(&self, mut head: Delta, out: &mut Vec<u8>) {
        let tree = self.inner.store();
        head.items.erasures = tree.erased(head.interval());
        if let Some((table, bodies)) = tree.said(head.interval()) {
            let (head, table) = (&head, &table[..]);
            let full = codec::Full {
                head,
                table,
                bodies,
            };
            return full.encode_into(out);
        }
        head.items = tree.collect(head.interval());
        head.encode_into(out);
    }

    /// The whole document as bytes with a checksum, for [`Self::load`].
    pub fn save(&self) -> Vec<u8> {
        codec::save(|out| self.encode_all(self.whole_head(), out))
    }

    /// Loads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When the bytes were damaged, are something else, or come from a newer version.
    pub fn load(replica: ReplicaId, saved: &[u8]) -> Result<Self, LoadError> {
        let whole = codec::load(saved)?;
        let mut doc = Self::new(replica);
        doc.take(whole, Noted::silent())?;
        Ok(doc)
    }

    /// The state as bytes that are the same for equal versions: what is alive and what that hangs
    /// on, without the deleted runs that a copy may or may not have kept.
    pub fn canonical(&self) -> Vec<u8> {
        canonical::prune(self.whole(), &DotSet::new()).canonical()
    }

    /// The whole document as one delta from nothing, without the records of what was removed.
    pub fn whole(&self) -> Delta {
        let mut whole = self.whole_head();
        if !whole.to.is_empty() {
            whole.items = self.inner.store().collect(whole.interval());
        }
        whole
    }

    /// What [`Self::whole`] gives as bytes, without a delta in between.
    pub fn encode_whole(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_all(self.whole_head(), &mut out);
        out
    }

    fn whole_head(&self) -> Delta {
        let mut head = self.inner.head_since(&VersionVector::new());
        // Of a whole state it is plain what is gone: the log of removals, which may be empty here, is no part of it.
        head.complete = false;
        head
    }

    /// The map of this name.
    pub fn map(&self, name: &str) -> MapRef<'_> {
        self.at(&Path::root(name, Kind::Map)).as_map()
    }

    /// The list of this name.
    pub fn list(&self, name: &str) -> ListRef<'_> {
        self.at(&Path::root(name, Kind::List)).as_list()
    }

    /// The text of this name.
    pub fn text(&self, name: &str) -> TextRef<'_> {
        self.at(&Path::root(name, Kind::Text)).as_text()
    }

    /// The set of this name.
    pub fn set(&self, name: &str) -> SetRef<'_> {
        self.at(&Path::root(name, Kind::Set)).as_set()
    }

    /// The counter of this name.
    pub fn counter(&self, name: &str) -> CounterRef<'_> {
        self.at(&Path::root(name, Kind::Counter)).as_counter()
    }

    /// The tree of this name.
    pub fn tree(&self, name: &str) -> TreeRef<'_> {
        self.at(&Path::root(name, Kind::Tree)).as_tree()
    }

    /// Any container.
    pub fn at(&self, path: &Path) -> NodeRef<'_> {
        NodeRef::new(self.inner.store(), path)
    }

    /// The document as a map of its root containers.
    pub fn top(&self) -> MapRef<'_> {
        NodeRef::top(self.inner.store()).as_map()
    }

    /// The whole document as a plain value.
    pub fn to_value(&self) -> Value {
        self.top().to_value()
    }

    /// Keeps the skeletons of what is erased from now on, or lets go of them.
    pub(crate) fn keep_skeletons(&mut self, keep: bool) {
        self.inner.store_mut().keep_skeletons(keep);
    }

    /// How many containers this copy keeps a record of; for tests.
    #[doc(hidden)]
    pub fn container_count(&self) -> usize {
        self.inner.store().container_count()
    }

    /// How many changes made something that is still alive; for tests.
    #[doc(hidden)]
    pub fn live_len(&self) -> usize {
        self.inner.store().live_len()
    }

    /// Checks everything that must hold between the parts; for tests.
    #[cfg(any(test, debug_assertions))]
    pub fn assert_invariants(&self) {
        self.inner.store().assert_invariants();
    }
}
