//! Undo managers.

use std::cell::RefCell;

use driftwood_crdt::{Edit, Path, UndoManager, UndoOptions, Undone};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::document::Document;
use crate::error::Failure;
use crate::handles::Handle;
use crate::host;
use crate::raw::RawDocument;

/// An undo manager and when it recorded last.
struct Recorder {
    manager: UndoManager,
    scopes: Vec<Path>,
    group_ms: u64,
    last_ms: u64,
    transaction: u64,
}

/// The undo managers of a document, by number. Each container belongs to one of them at most.
#[derive(Default)]
pub(crate) struct Undo {
    recorders: RefCell<Vec<Option<Recorder>>>,
    /// The open transaction, and how many there have been: what is written in one is undone at once.
    transaction: RefCell<(bool, u64)>,
}

impl Recorder {
    fn covers(&self, path: &Path) -> bool {
        self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.contains(path))
    }

    fn overlaps(&self, scopes: &[Path]) -> bool {
        let within =
            |path: &Path| scopes.is_empty() || scopes.iter().any(|scope| scope.contains(path));
        self.scopes.is_empty()
            || scopes.iter().any(|scope| self.covers(scope))
            || self.scopes.iter().any(within)
    }
}

impl Undo {
    /// Runs an edit of a container so that its manager, if it has one, remembers it.
    pub(crate) fn record<R>(
        &self,
        doc: &mut driftwood_crdt::Doc,
        path: &Path,
        now_ms: u64,
        edit: impl FnOnce(&mut Edit<'_>) -> R,
    ) -> R {
        let mut recorders = self.recorders.borrow_mut();
        let mut of_path = recorders.iter_mut().flatten();
        let Some(recorder) = of_path.find(|recorder| recorder.covers(path)) else {
            return edit(&mut doc.edit(now_ms));
        };
        let (open, transaction) = *self.transaction.borrow();
        let together = open && recorder.transaction == transaction;
        if !together && now_ms.saturating_sub(recorder.last_ms) >= recorder.group_ms {
            recorder.manager.stop_grouping();
        }
        recorder.last_ms = now_ms;
        recorder.transaction = if open { transaction } else { 0 };
        let mut edits = doc.edit_recorded(now_ms, &mut recorder.manager);
        let result = edit(&mut edits);
        // What was written is remembered here.
        drop(edits);
        result
    }

    fn with<R>(
        &self,
        number: usize,
        act: impl FnOnce(&mut UndoManager) -> R,
    ) -> Result<R, Failure> {
        let mut recorders = self.recorders.borrow_mut();
        let recorder = recorders.get_mut(number).and_then(Option::as_mut);
        let recorder =
            recorder.ok_or_else(|| Failure::new("CLOSED", "the undo manager was closed"))?;
        Ok(act(&mut recorder.manager))
    }
}

impl Document {
    /// Has the undo managers forget the steps that hold anything of a container: erased is erased.
    pub(crate) fn forget(&self, handle: Handle) -> Result<(), Failure> {
        let handles = self.handles.borrow();
        let path = handles.path(handle)?;
        for recorder in self.undo.recorders.borrow_mut().iter_mut().flatten() {
            recorder.manager.forget(path);
        }
        Ok(())
    }

    /// Has a manager take a step back or forth: `[data, changes]`.
    fn step(
        &self,
        number: usize,
        act: impl FnOnce(&mut UndoManager, &mut driftwood_crdt::Doc, u64) -> Option<Undone>,
    ) -> Result<Option<Array>, Failure> {
        self.commit();
        self.client.before_edit(self);
        let undone = self.undo.with(number, |manager| {
            act(manager, &mut self.doc.borrow_mut(), host::now_ms())
        })?;
        let Some(Undone {
            delta,
            changes,
            data,
        }) = undone
        else {
            return Ok(None);
        };
        self.local(&delta);
        let data = String::from_utf8(data).unwrap_or_default();
        Ok(Some(Array::of2(
            &data.into(),
            &self.changes_to_js(&changes).into(),
        )))
    }
}

#[wasm_bindgen]
impl RawDocument {
    /// Begins (`true`) or ends a transaction: what is written in one is undone at once.
    pub fn transaction(&self, open: bool) {
        let mut transaction = self.document().undo.transaction.borrow_mut();
        transaction.0 = open;
        transaction.1 += u64::from(open);
    }

    /// Makes an undo manager for these containers, or for all, and gives its number.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when one of them has a manager.
    #[wasm_bindgen(js_name = undoOpen)]
    pub fn undo_open(
        &self,
        scopes: Vec<Handle>,
        group_ms: f64,
        depth: usize,
    ) -> Result<usize, Failure> {
        let handles = self.document().handles.borrow();
        let scopes: Result<Vec<Path>, _> = scopes
            .into_iter()
            .map(|scope| handles.path(scope).cloned())
            .collect();
        let scopes = scopes?;
        let mut recorders = self.document().undo.recorders.borrow_mut();
        if recorders
            .iter()
            .flatten()
            .any(|recorder| recorder.overlaps(&scopes))
        {
            return Err(Failure::argument(
                "another undo manager has what this one is for",
            ));
        }
        let manager = UndoManager::new(UndoOptions {
            scopes: scopes.clone(),
            // It is said here when a step begins.
            group_ms: u64::MAX,
            depth,
        });
        recorders.push(Some(Recorder {
            manager,
            scopes,
            group_ms: whole_ms(group_ms),
            last_ms: 0,
            transaction: 0,
        }));
        Ok(recorders.len() - 1)
    }

    /// Lets go of an undo manager.
    #[wasm_bindgen(js_name = undoClose)]
    pub fn undo_close(&self, number: usize) {
        if let Some(recorder) = self.document().undo.recorders.borrow_mut().get_mut(number) {
            *recorder = None;
        }
    }

    /// Takes the last step back: `[data, changes]`; `undefined` when there is none.
    ///
    /// # Errors
    /// `CLOSED`.
    #[wasm_bindgen(js_name = undoUndo)]
    pub fn undo_undo(&self, number: usize) -> Result<Option<Array>, Failure> {
        self.document().step(number, UndoManager::undo)
    }

    /// Does the step that was undone last again, likewise.
    ///
    /// # Errors
    /// `CLOSED`.
    #[wasm_bindgen(js_name = undoRedo)]
    pub fn undo_redo(&self, number: usize) -> Result<Option<Array>, Failure> {
        self.document().step(number, UndoManager::redo)
    }

    /// `[undo, redo]`: whether there are steps.
    ///
    /// # Errors
    /// `CLOSED`.
    #[wasm_bindgen(js_name = undoState)]
    pub fn undo_state(&self, number: usize) -> Result<Array, Failure> {
        self.document().undo.with(number, |manager| {
            Array::of2(&manager.can_undo().into(), &manager.can_redo().into())
        })
    }

    /// Forgets all steps.
    ///
    /// # Errors
    /// `CLOSED`.
    #[wasm_bindgen(js_name = undoClear)]
    pub fn undo_clear(&self, number: usize) -> Result<(), Failure> {
        self.document().undo.with(number, UndoManager::clear)
    }

    /// The next change begins a new step.
    ///
    /// # Errors
    /// `CLOSED`.
    #[wasm_bindgen(js_name = undoStop)]
    pub fn undo_stop(&self, number: usize) -> Result<(), Failure> {
        self.document()
            .undo
            .with(number, UndoManager::stop_grouping)
    }

    /// What to hand back when the next step is undone.
    ///
    /// # Errors
    /// `CLOSED`.
    #[wasm_bindgen(js_name = undoAttach)]
    pub fn undo_attach(&self, number: usize, data: String) -> Result<(), Failure> {
        self.document()
            .undo
            .with(number, |manager| manager.attach(data.into_bytes()))
    }
}

#[allow(clippy::cast_sign_loss, reason = "the facade has checked it")]
fn whole_ms(ms: f64) -> u64 {
    ms as u64
}
