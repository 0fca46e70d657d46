//! [`UndoManager`]: undo and redo of one's own changes.
//!
//! To undo is to make a new change that removes what one's own had made and is still there, and brings
//! back what it had removed; to redo is to undo that. So others need not know of it, and what they have
//! written stays: a key that somebody else has written to since is left alone, text that somebody typed
//! in the middle of mine stays when mine goes.
//!
//! Stewen & Kleppmann, "Undo and Redo Support for Replicated Registers", `PaPoC` 2024, call it local undo
//! and give operations like these for registers. One departure: there, undo brings back what was before
//! one's own write even over what somebody else has written since; here theirs stays.
//!
//! What comes back has new dots, but at a key and among marks it ranks by the time that it had: what hid
//! it before, or would have, still does. (A time that is yet to come, from a clock that was ahead, is
//! taken for now, so that it spreads no further.) The manager keeps which is which, so that older steps still find theirs.

pub(crate) mod names;
pub(crate) mod write;

use std::collections::VecDeque;

use crate::{Changes, Delta, Doc, Key, Path};
use names::Names;
use write::Write;

/// So many names are never looked through for those of no use.
const NAMES_MIN: usize = if cfg!(debug_assertions) { 4 } else { 256 };

/// What an [`UndoManager`] records, and how much.
#[derive(Clone, PartialEq, Debug)]
pub struct UndoOptions {
    /// Only changes in these containers, or in what is in them, are recorded; empty for all. That a
    /// container comes to be is a change of what it is in.
    pub scopes: Vec<Path>,
    /// Changes that follow each other within so many milliseconds are one step.
    pub group_ms: u64,
    /// How many steps are kept; the oldest go first.
    pub depth: usize,
}

impl Default for UndoOptions {
    fn default() -> Self {
        Self {
            scopes: Vec::new(),
            group_ms: 500,
            depth: 100,
        }
    }
}

/// What an undo or a redo did.
#[derive(Clone, PartialEq, Debug)]
#[must_use = "the delta is to be sent"]
pub struct Undone {
    /// What to send.
    pub delta: Delta,
    /// What changed for a reader.
    pub changes: Changes,
    /// What the app had [attached](UndoManager::attach) before the step, say its cursor.
    pub data: Vec<u8>,
}

/// One step: what is undone at once.
#[derive(Clone, Debug)]
struct Step {
    writes: Vec<Write>,
    data: Vec<u8>,
}

/// Undo and redo of the changes of one copy of a document, made with
/// [`Doc::edit_recorded`](crate::Doc::edit_recorded).
///
/// ```
/// use driftwood_crdt::{Doc, ReplicaId, UndoManager};
/// let (mut here, mut there) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
/// let mut undo = UndoManager::default();
///
/// let mut edit = here.edit_recorded(0, &mut undo);
/// edit.text("body").insert(0, "Hello")?;
/// there.merge(&edit.commit())?;
///
/// let mut edit = there.edit(1);
/// edit.text("body").insert(5, " world")?;
/// here.merge(&edit.commit())?;
///
/// let undone = undo.undo(&mut here, 2).expect("there is a step");
/// assert_eq!(here.text("body").to_string(), " world"); // what others wrote stays
/// there.merge(&undone.delta)?;
/// let _ = undo.redo(&mut here, 3).expect("it was undone");
/// assert_eq!(here.text("body").to_string(), "Hello world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct UndoManager {
    options: UndoOptions,
    undo: VecDeque<Step>,
    redo: Vec<Step>,
    names: Names,
    /// How many names there were when those of no use were last dropped.
    names_then: usize,
    data: Vec<u8>,
    /// When the last change was, while others may join it.
    open: Option<u64>,
}

impl UndoManager {
    /// A manager that has recorded nothing yet.
    pub fn new(options: UndoOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Says what the app wants back when the next step is undone: its cursor, say. It holds until it
    /// is said anew.
    ///
    /// ```
    /// use driftwood_crdt::{Doc, ReplicaId, UndoManager};
    /// let mut doc = Doc::new(ReplicaId::new(1));
    /// let mut undo = UndoManager::default();
    /// undo.attach(b"at 0".to_vec());
    /// let mut edit = doc.edit_recorded(0, &mut undo);
    /// edit.text("body").insert(0, "Hello")?;
    /// let _ = edit.commit();
    /// undo.attach(b"at 5".to_vec());
    /// let undone = undo.undo(&mut doc, 1).expect("there is a step");
    /// assert_eq!(undone.data, b"at 0");
    /// let redone = undo.redo(&mut doc, 2).expect("it was undone");
    /// assert_eq!(redone.data, b"at 5");
    /// # Ok::<(), driftwood_crdt::EditError>(())
    /// ```
    pub fn attach(&mut self, data: Vec<u8>) {
        self.data = data;
    }

    /// Takes the last step back. `None` when there is none of which anything is left to take back:
    /// what others have written over meanwhile is not touched. Costs what the step changed, and a
    /// logarithm.
    pub fn undo(&mut self, doc: &mut Doc, now_ms: u64) -> Option<Undone> {
        while let Some(step) = self.undo.pop_back() {
            if let Some((undone, back)) = self.reverse(doc, &step, now_ms) {
                self.redo.push(back);
                self.tidy();
                return Some(undone);
            }
        }
        self.tidy();
        None
    }

    /// Does again what was undone last. `None` when there is nothing, and after any other recorded
    /// change.
    pub fn redo(&mut self, doc: &mut Doc, now_ms: u64) -> Option<Undone> {
        while let Some(step) = self.redo.pop() {
            if let Some((undone, back)) = self.reverse(doc, &step, now_ms) {
                self.undo.push_back(back);
                self.tidy();
                return Some(undone);
            }
        }
        self.tidy();
        None
    }

    /// Whether there is a step to undo. Others may have left nothing of it.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether there is a step to redo.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.undo.clear();
        self.clear_redo();
        self.open = None;
    }

    /// Forgets what could be redone.
    pub fn clear_redo(&mut self) {
        self.redo.clear();
        self.tidy();
    }

    /// The next change starts a new step, however soon it comes.
    pub fn stop_grouping(&mut self) {
        self.open = None;
    }

    /// Forgets all steps that hold anything of a container or of what is in it.
    pub fn forget(&mut self, container: &Path) {
        let names = &self.names;
        let now = names.path(container);
        let holds = |write: &Write| {
            write
                .parts
                .iter()
                .any(|part| container.contains(&part.at) || now.contains(&names.path(&part.at)))
        };
        let keep = |step: &Step| !step.writes.iter().any(holds);
        self.undo.retain(keep);
        self.redo.retain(keep);
        self.open = None;
        self.tidy();
    }

    /// Adds what an edit wrote to the open step, or as a new one.
    pub(crate) fn remember(&mut self, mut writes: Vec<Write>, now_ms: u64) {
        if !self.options.scopes.is_empty() {
            let scopes = self.options.scopes.iter().map(|path| self.names.path(path));
            let scopes: Vec<Path> = scopes.collect();
            writes.retain(|write| {
                let at = write.parts.first().map(|part| self.names.path(&part.at));
                at.is_some_and(|at| scopes.iter().any(|scope| scope.contains(&at)))
            });
        }
        writes.retain(|write| write.parts.iter().any(|part| !part.is_empty()));
        if writes.is_empty() {
            return;
        }
        self.names.add_ends(writes.iter().flat_map(Write::ends));
        self.redo.clear();
        let near = |last: u64| now_ms.saturating_sub(last) < self.options.group_ms;
        let grouped = self.open.replace(now_ms).is_some_and(near);
        match self.undo.back_mut().filter(|_| grouped) {
            Some(step) => step.writes.append(&mut writes),
            None => self.undo.push_back(Step {
                writes,
                data: self.data.clone(),
            }),
        }
        while self.undo.len() > self.options.depth {
            self.undo.pop_front();
        }
        self.tidy();
    }

    /// Takes a step back; also gives the step that this was.
    fn reverse(&mut self, doc: &mut Doc, step: &Step, now_ms: u64) -> Option<(Undone, Step)> {
        self.open = None;
        let mut edit = doc.edit(now_ms).watch();
        let mut writes = Vec::new();
        for write in step.writes.iter().rev() {
            writes.extend(edit.reverse(write, &mut self.names));
        }
        let (delta, changes) = edit.commit_with_changes();
        self.names.add_ends(writes.iter().flat_map(Write::ends));
        if writes.is_empty() {
            return None;
        }
        let back = Step {
            writes,
            data: std::mem::replace(&mut self.data, step.data.clone()),
        };
        let data = step.data.clone();
        let undone = Undone {
            delta,
            changes,
            data,
        };
        Some((undone, back))
    }

    /// Drops the names that no step speaks of, once there are many.
    fn tidy(&mut self) {
        if self.undo.is_empty() && self.redo.is_empty() {
            self.names.clear();
        } else if self.names.len() > 2 * self.names_then + NAMES_MIN {
            let steps = self.undo.iter().chain(&self.redo);
            let dots = steps.flat_map(|step| step.writes.iter().flat_map(Write::dots));
            let scopes = self.options.scopes.iter().flat_map(Path::steps);
            let scopes = scopes.filter_map(|step| match step.key {
                Key::Element(dot) => Some(dot),
                Key::Name(_) => None,
            });
            self.names.keep(&dots.chain(scopes).collect());
            self.names_then = self.names.len();
        }
    }
}
