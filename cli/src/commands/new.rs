//! `driftwood new`: makes a note and lists it.

use std::io::Write as _;

use anyhow::{bail, Result};
use driftwood_sync::DocumentName;

use super::{now_ms, Outcome};
use crate::note;
use crate::workspace::Workspace;

pub(super) fn run(
    workspace: &Workspace,
    name: &DocumentName,
    title: Option<&str>,
    text: Option<&str>,
) -> Result<Outcome> {
    let notebook = note::notebook();
    if *name == notebook {
        bail!("`{notebook}` is the name of the list of notes");
    }
    if name.as_str().chars().any(char::is_control) {
        bail!("a name has no control characters");
    }
    let lease = workspace.lease()?;
    let mut store = workspace.store()?;
    let mut list = store.load(&notebook, lease.replica())?;
    let mut doc = store.load(name, lease.replica())?;
    if !doc.version().is_empty() || note::listed(&list).contains_key(name) {
        bail!("there is a note `{name}` already");
    }
    let now = now_ms();

    let mut edit = doc.edit(now);
    // A title even when none is given: so that the note is there and has something to show.
    note::set_title(&mut edit, title.unwrap_or_default())?;
    if let Some(text) = text {
        edit.text(note::BODY).insert(0, text)?;
    }
    store.append_commit(name, &edit.commit())?;

    let mut edit = list.edit(now);
    note::list(&mut edit, name, now)?;
    store.append_commit(&notebook, &edit.commit())?;
    store.finish()?;
    writeln!(std::io::stdout(), "made {name}")?;
    Ok(Outcome::Done)
}
