//! `driftwood set`: changes something of a note beside its text.

use std::io::Write as _;

use anyhow::{bail, Context as _, Result};
use driftwood_crdt::Doc;
use driftwood_sync::DocumentName;

use super::{load_existing, now_ms, Outcome};
use crate::args::SetKey;
use crate::note::{self, Todo};
use crate::workspace::Workspace;
use driftwood_relay::json;

pub(super) fn run(
    workspace: &Workspace,
    name: &DocumentName,
    key: &SetKey,
    value: &str,
) -> Result<Outcome> {
    let lease = workspace.lease()?;
    let mut store = workspace.store()?;
    let mut doc = load_existing(&store, name, Some(&lease))?;
    let todo = match key {
        SetKey::TodoDone(_) | SetKey::TodoRemove => Some(todo(&doc, value)?),
        _ => None,
    };
    let mut edit = doc.edit(now_ms());
    let said = match (key, todo) {
        (SetKey::Title, _) => {
            note::set_title(&mut edit, value)?;
            format!("the title is now “{value}”")
        }
        (SetKey::Meta(key), _) => {
            let value = serde_json::from_str(value).unwrap_or_else(|_text| value.into());
            note::set_meta(&mut edit, key, json::to_value(&value))?;
            format!("{key} is now {value}")
        }
        (SetKey::TagAdd, _) => {
            note::add_tag(&mut edit, value)?;
            format!("tagged #{value}")
        }
        (SetKey::TagRemove, _) => {
            if !note::remove_tag(&mut edit, value)? {
                bail!("`{name}` has no tag `{value}`");
            }
            format!("no longer tagged #{value}")
        }
        (SetKey::TodoAdd, _) => {
            note::add_todo(&mut edit, value)?;
            format!("to do: {value}")
        }
        (SetKey::TodoDone(done), Some(todo)) => {
            note::set_done(&mut edit, &todo, *done)?;
            format!("{}: {}", if *done { "done" } else { "to do" }, todo.text)
        }
        (SetKey::TodoRemove, Some(todo)) => {
            note::remove_todo(&mut edit, &todo)?;
            format!("removed: {}", todo.text)
        }
        (SetKey::Likes, _) => {
            let by = value
                .parse()
                .context("likes are counted in whole numbers")?;
            note::add_likes(&mut edit, by)?;
            format!("{by:+} likes")
        }
        (SetKey::TodoDone(_) | SetKey::TodoRemove, None) => {
            unreachable!("the to-do was looked up above")
        }
    };
    let delta = edit.commit();
    store.append_commit(name, &delta)?;
    store.finish()?;
    writeln!(std::io::stdout(), "{name}: {said}")?;
    Ok(Outcome::Done)
}

/// The to-do of a number, counted from 1 as `show` does.
fn todo(doc: &Doc, number: &str) -> Result<Todo> {
    let mut todos = note::todos(doc);
    let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    match index {
        Some(index) if index < todos.len() => Ok(todos.swap_remove(index)),
        _ => bail!(
            "there is no to-do number {number}; there are {}",
            todos.len()
        ),
    }
}
