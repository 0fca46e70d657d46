//! One open document: the CRDT in memory, and what connects it with storage, peers and its face.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use driftwood_crdt::{
    Delta, Doc, Edit, Journal, MergeError, NodeEdit, Path, ReplicaId, VersionVector,
};
use driftwood_sync::{DocumentName, ErrorCode, Level};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::error::Failure;
use crate::handles::{Handle, Handles};
use crate::host::{self, Timer};
use crate::loading::{Acks, Loaded};
use crate::table::Table;
use crate::telling::{Event, Face};
use crate::undo::Undo;

/// Marks carry which of the document's replica ids they mean above these bits, and a seq below: no
/// replica reaches 2^43 changes, and JavaScript's numbers hold 53 bits.
const MARK_SEQ: f64 = (1u64 << 43) as f64;

thread_local! {
    /// The documents whose deltas are to be made when the present task has run.
    static EDITED: RefCell<Vec<Weak<Document>>> = const { RefCell::new(Vec::new()) };
    /// Makes them. One for all: to make a function for JavaScript takes longer than an edit.
    static COMMIT: Closure<dyn FnMut()> = Closure::wrap(Box::new(|| {
        for document in EDITED.take() {
            if let Some(document) = document.upgrade() {
                document.commit();
            }
        }
    }));
}

/// What is stored of a document.
#[derive(Default)]
pub(crate) struct Stored {
    /// The records that the document in memory contains, and their sizes.
    pub(crate) records: Table<Rc<str>, usize>,
    /// Records that could not be read.
    pub(crate) damaged: Vec<Rc<str>>,
    /// Whether a relay has given us everything it had since.
    pub(crate) repaired: bool,
    /// Whether the document is in the list of documents.
    pub(crate) listed: bool,
}

/// How far a document is saved.
#[derive(Default)]
pub(crate) struct Saved {
    /// Everything that was handed to the store, without a gap.
    pub(crate) queued: VersionVector,
    /// What is durable on this device.
    pub(crate) local: VersionVector,
    pub(crate) acks: Acks,
}

/// An open document.
pub(crate) struct Document {
    pub(crate) name: DocumentName,
    pub(crate) client: Rc<Client>,
    pub(crate) doc: RefCell<Doc>,
    pub(crate) handles: RefCell<Handles>,
    pub(crate) stored: RefCell<Stored>,
    pub(crate) saved: RefCell<Saved>,
    /// Whether it is stored on this device, or lives in memory only.
    pub(crate) persistent: Cell<bool>,
    /// The ids that it has written under since it was opened.
    replicas: RefCell<Vec<ReplicaId>>,
    /// Whether its id is its own, for this session, and not leased from the pool.
    private_id: Cell<bool>,
    commit_due: Cell<bool>,
    /// When the present task wrote first; 0 if it did not.
    edited_at: Cell<u64>,
    /// Whether there is more that was not handed on than what was imported and the edits since the last
    /// delta.
    behind: Cell<bool>,
    /// What was imported before these edits.
    imported: RefCell<Option<Arc<[u8]>>>,
    /// Whether the face wants the deltas that are made here.
    tells_deltas: Cell<bool>,
    pub(crate) undo: Undo,
    /// Its past, if it is kept; see [`crate::journal`].
    pub(crate) journal: RefCell<Option<Journal>>,
    /// Whether what is edited is a seed's empty document and not this one.
    seeding: Cell<bool>,
    /// When to look for what can be let go of; see [`crate::reclaiming`].
    pub(crate) reclaim_at: Cell<u64>,
    /// Whether acknowledgements of relays came that are not stored.
    pub(crate) acks_due: Cell<bool>,
    /// See [`crate::compaction`].
    pub(crate) compaction: Timer,
    pub(crate) compacting: Cell<bool>,
    weak: Weak<Document>,
    pub(crate) face: Face,
}

/// What is done in an edit.
type AnyEdit<'a> = &'a mut dyn FnMut(&mut Edit<'_>, &Path) -> Result<(), Failure>;

impl Document {
    /// A document as it was loaded.
    pub(crate) fn new(
        name: DocumentName,
        client: Rc<Client>,
        loaded: Loaded,
        acks: Option<Acks>,
        persistent: bool,
        private_id: bool,
        face: Face,
    ) -> Rc<Self> {
        let Loaded {
            doc,
            merged,
            damaged,
        } = loaded;
        let version = doc.version().clone();
        let stored = Stored {
            records: merged,
            damaged,
            repaired: false,
            listed: acks.is_some(),
        };
        let local = if persistent {
            version.clone()
        } else {
            VersionVector::new()
        };
        Rc::new_cyclic(|weak: &Weak<Self>| Self {
            name,
            client,
            replicas: RefCell::new(vec![doc.replica()]),
            doc: RefCell::new(doc),
            handles: RefCell::default(),
            stored: RefCell::new(stored),
            saved: RefCell::new(Saved {
                queued: version,
                local,
                acks: acks.unwrap_or_default(),
            }),
            persistent: Cell::new(persistent),
            private_id: Cell::new(private_id),
            commit_due: Cell::new(false),
            edited_at: Cell::new(0),
            behind: Cell::new(false),
            imported: RefCell::default(),
            tells_deltas: Cell::new(false),
            undo: Undo::default(),
            journal: RefCell::default(),
            seeding: Cell::new(false),
            reclaim_at: Cell::new(0),
            acks_due: Cell::new(false),
            compaction: Timer::new({
                let weak = weak.clone();
                move || {
                    if let Some(document) = weak.upgrade() {
                        document.compact();
                    }
                }
            }),
            compacting: Cell::new(false),
            weak: weak.clone(),
            face,
        })
    }

    /// The id that it writes under now.
    pub(crate) fn replica(&self) -> ReplicaId {
        self.doc.borrow().replica()
    }

    /// Edits a container, at once in memory; the delta is made when the present task has run, and
    /// has all its edits. Gives what the edit gave, and the mark of its last change.
    pub(crate) fn edit<R, E: Into<Failure>>(
        &self,
        handle: Handle,
        edit: impl FnOnce(NodeEdit<'_>) -> Result<R, E>,
    ) -> Result<(R, f64), Failure> {
        self.edit_at(handle, |edits, path| edit(edits.at(path)))
    }

    /// As [`Self::edit`], for what is done to a container from outside.
    pub(crate) fn edit_at<R, E: Into<Failure>>(
        &self,
        handle: Handle,
        edit: impl FnOnce(&mut Edit<'_>, &Path) -> Result<R, E>,
    ) -> Result<(R, f64), Failure> {
        let (mut edit, mut result) = (Some(edit), None);
        let mark = self.edit_any(handle, &mut |edits, path| {
            let edit = edit.take().expect("it is called once");
            result = Some(edit(edits, path).map_err(Into::into)?);
            Ok(())
        })?;
        Ok((result.expect("the edit gave it"), mark))
    }

    /// As [`Self::edit_at`], once for all edits.
    fn edit_any(&self, handle: Handle, edit: AnyEdit<'_>) -> Result<f64, Failure> {
        let seeding = self.seeding.get();
        if !seeding {
            self.client.before_edit(self);
        }
        let mut doc = self.doc.borrow_mut();
        let handles = self.handles.borrow();
        let path = handles.path(handle)?;
        // A seed is written at the beginning of time: it wins over nothing.
        let now_ms = if seeding { 0 } else { self.task_ms() };
        let result = if seeding {
            edit(&mut doc.edit(now_ms), path)
        } else {
            self.undo
                .record(&mut doc, path, now_ms, |edits| edit(edits, path))
        };
        if !seeding {
            self.commit_soon();
        }
        let seq = doc.version().get(doc.replica());
        let index = self.replicas.borrow().len() - 1;
        result.map(|()| index as f64 * MARK_SEQ + seq as f64)
    }

    /// What time it is for the present task: asking for each keystroke takes longer than some of what it does.
    fn task_ms(&self) -> u64 {
        if self.edited_at.get() == 0 {
            self.edited_at.set(host::now_ms());
        }
        self.edited_at.get()
    }

    fn commit_soon(&self) {
        if !self.commit_due.replace(true) {
            EDITED.with_borrow_mut(|edited| {
                edited.push(self.weak.clone());
                if edited.len() == 1 {
                    COMMIT.with(host::microtask);
                }
            });
        }
    }

    /// Makes the delta of what was edited, to be stored and then sent.
    pub(crate) fn commit(&self) {
        self.edited_at.set(0);
        if !self.commit_due.replace(false) {
            return;
        }
        let delta = self.doc.borrow_mut().edit(host::now_ms()).commit();
        self.note(&delta);
        self.tell_delta(&delta);
        let imported = self.imported.take();
        if self.behind.replace(false) {
            let since = self.saved.borrow().queued.clone();
            let all = self.doc.borrow().delta_since(&since);
            self.client.local(&self.name, &all);
        } else {
            if let Some(bytes) = imported {
                self.client.local_bytes(&self.name, bytes);
            }
            self.client.local(&self.name, &delta);
        }
        self.reclaim_sometimes();
    }

    /// Puts the delta of what was edited since the last one, if there is something. What it says is stored and
    /// sent when the present task has run, with all else that the task made.
    pub(crate) fn take_delta(&self, out: &mut Vec<u8>) {
        if self.seeding.get() {
            return;
        }
        let mut doc = self.doc.borrow_mut();
        if !doc.has_uncommitted() {
            return;
        }
        self.behind.set(true);
        // Nothing is written: it makes no difference when.
        let edit = doc.edit(0);
        if self.journal.borrow().is_none() {
            return edit.commit_into(out);
        }
        let delta = edit.commit();
        drop(doc);
        self.note(&delta);
        delta.encode_into(out);
    }

    /// Hands on a delta that was made here and is in the document.
    pub(crate) fn local(&self, delta: &Delta) {
        self.note(delta);
        self.tell_delta(delta);
        self.client.local(&self.name, delta);
    }

    /// Whether the face is to be told of each delta that is made here.
    pub(crate) fn tell_deltas(&self, wanted: bool) {
        self.tells_deltas.set(wanted);
    }

    fn tell_delta(&self, delta: &Delta) {
        if self.tells_deltas.get() && !delta.is_empty() {
            self.tell(Event::Delta(delta.encode()));
        }
    }

    /// Merges what the app got by ways of its own.
    ///
    /// # Errors
    /// As [`Self::merge`].
    pub(crate) fn import(&self, delta: &Delta, bytes: &[u8]) -> Result<(), MergeError> {
        // What was written here comes first where one could not be told from the other.
        if self.journal.borrow().is_some() || delta.to().get(self.replica()) > 0 {
            self.commit();
        }
        let is_first = !self.doc.borrow().has_uncommitted();
        self.join(delta)?;
        self.hand_on(bytes, is_first);
        Ok(())
    }

    /// As [`Self::import`], of a keystroke of somebody else; whether it was one. Else nothing is done.
    pub(crate) fn import_keystroke(&self, bytes: &[u8]) -> bool {
        let is_first = !self.doc.borrow().has_uncommitted();
        let done = self.join_keystroke(bytes);
        if done {
            self.hand_on(bytes, is_first);
        }
        done
    }

    /// Has what was imported go along with what the task makes. Time is asked for once, at its end.
    fn hand_on(&self, bytes: &[u8], is_first: bool) {
        let mut imported = self.imported.borrow_mut();
        if self.behind.get() || !is_first || imported.is_some() {
            self.behind.set(true);
        } else {
            *imported = Some(bytes.into());
        }
        drop(imported);
        self.commit_soon();
    }

    /// Has `fill` write a seed, to an empty document in the place of this one. What changed, unless
    /// the seed is there already.
    ///
    /// # Errors
    /// As [`Doc::seed`], and what `fill` fails with.
    pub(crate) fn seed(
        &self,
        name: &str,
        mut fill: impl FnMut() -> Result<(), Failure>,
    ) -> Result<Option<Array>, Failure> {
        if self.seeding.replace(true) {
            return Err(Failure::argument("a seed cannot be made inside of another"));
        }
        self.commit();
        let nothing = || Doc::new(ReplicaId::new(0));
        let mut doc = self.doc.replace(nothing());
        let seeded = doc.seed_by(name, |empty| {
            self.doc.replace(empty);
            fill()?;
            Ok::<_, Failure>(self.doc.replace(nothing()))
        });
        self.doc.replace(doc);
        self.seeding.set(false);
        let Some((delta, changes)) = seeded? else {
            return Ok(None);
        };
        self.local(&delta);
        Ok(Some(self.changes_to_js(&changes)))
    }

    /// Joins a delta and tells the face.
    ///
    /// # Errors
    /// When the document refuses it; nothing has changed then.
    pub(crate) fn merge(&self, delta: &Delta) -> Result<(), MergeError> {
        self.join(delta)?;
        self.reclaim_sometimes();
        Ok(())
    }

    /// As [`Self::merge`], of a keystroke of somebody else; whether it was one. Else nothing is done.
    pub(crate) fn merge_keystroke(&self, bytes: &[u8]) -> bool {
        let done = self.join_keystroke(bytes);
        if done {
            self.reclaim_sometimes();
        }
        done
    }

    fn join_keystroke(&self, bytes: &[u8]) -> bool {
        // A journal wants to see each delta.
        if self.journal.borrow().is_some() {
            return false;
        }
        let changes = self.doc.borrow_mut().merge_keystroke(bytes);
        changes.is_some_and(|changes| {
            self.tell_changes(&changes);
            true
        })
    }

    fn join(&self, delta: &Delta) -> Result<(), MergeError> {
        let changes = self.doc.borrow_mut().merge(delta)?;
        self.tell_changes(&changes);
        self.note(delta);
        Ok(())
    }

    /// Whether nobody else can come to write under the id that it has.
    pub(crate) fn has_private_id(&self) -> bool {
        self.private_id.get()
    }

    /// Goes on under another id.
    pub(crate) fn take_replica(&self, replica: ReplicaId, private: bool) {
        self.commit();
        self.private_id.set(private);
        if replica == self.replica() {
            return;
        }
        let rest = self.doc.borrow_mut().set_replica(replica);
        debug_assert!(rest.is_empty(), "everything was committed");
        self.replicas.borrow_mut().push(replica);
    }

    /// Joins what was read from the store again, which is durable. Whether the document took it.
    pub(crate) fn absorb(&self, loaded: Loaded) -> bool {
        self.commit();
        let since = self.doc.borrow().version().clone();
        let news = loaded.doc.delta_since(&since);
        if self.merge(&news).is_err() {
            return false;
        }
        let mut saved = self.saved.borrow_mut();
        saved.queued.merge(loaded.doc.version());
        saved.local.merge(loaded.doc.version());
        let mut stored = self.stored.borrow_mut();
        for (key, size) in loaded.merged {
            stored.records.insert(key, size);
        }
        true
    }

    /// Whether the change of a mark is saved at a level.
    pub(crate) fn is_saved(&self, level: Level, mark: f64) -> bool {
        let Some((index, seq)) = unmark(mark) else {
            return false;
        };
        let Some(&replica) = self.replicas.borrow().get(index) else {
            return false;
        };
        self.with_saved(level, |saved| saved.get(replica) >= seq)
    }

    /// Whether a version is saved at a level.
    pub(crate) fn is_version_saved(&self, level: Level, version: &VersionVector) -> bool {
        self.with_saved(level, |saved| saved.includes(version))
    }

    fn with_saved<R>(&self, level: Level, look: impl FnOnce(&VersionVector) -> R) -> R {
        let saved = self.saved.borrow();
        look(match level {
            Level::Local => &saved.local,
            Level::Relay => &saved.acks.relay,
            Level::Replicated => &saved.acks.replicated,
        })
    }

    /// How many changes of the document are not saved at a level.
    pub(crate) fn unsaved(&self, level: Level) -> u64 {
        let doc = self.doc.borrow();
        let count = |saved: &VersionVector| {
            let open = doc
                .version()
                .iter()
                .map(|(r, seq)| seq.saturating_sub(saved.get(r)));
            open.sum()
        };
        self.with_saved(level, count)
    }
}

/// Which of the document's ids a mark means, and which seq.
#[allow(clippy::cast_sign_loss, reason = "checked first")]
fn unmark(mark: f64) -> Option<(usize, u64)> {
    (mark >= 0.0).then(|| ((mark / MARK_SEQ) as usize, (mark % MARK_SEQ) as u64))
}

/// What a peer is told when the document refuses its delta.
pub(crate) fn refusal_code(error: &MergeError) -> ErrorCode {
    match error {
        MergeError::Gap { .. } => ErrorCode::Gap,
        MergeError::MissingAnchors { .. } => ErrorCode::NeedSkeleton,
        MergeError::DotConflict { .. } => ErrorCode::DotConflict,
        _ => ErrorCode::LimitDelta,
    }
}
