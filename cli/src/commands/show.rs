//! `driftwood show`: prints a note.

use std::io::Write as _;

use anyhow::Result;
use driftwood_crdt::Doc;
use driftwood_sync::DocumentName;

use super::{load_existing, Outcome};
use crate::note::{self, BODY};
use crate::workspace::Workspace;
use crate::{json, note::notebook};

pub(super) fn run(
    workspace: &Workspace,
    name: &DocumentName,
    body: bool,
    as_json: bool,
) -> Result<Outcome> {
    let doc = load_existing(&workspace.store()?, name, None)?;
    let mut out = std::io::stdout().lock();
    if body {
        write!(out, "{}", doc.text(BODY))?;
    } else if as_json || *name == notebook() {
        let value = json::from_value(&doc.to_value());
        writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
    } else {
        write!(out, "{}", page(name, &doc))?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// A note for people to read.
fn page(name: &DocumentName, doc: &Doc) -> String {
    let title = note::title(doc);
    let mut lines = vec![if title.is_empty() {
        name.to_string()
    } else {
        title
    }];
    let others = note::other_titles(doc);
    if !others.is_empty() {
        lines.push(format!(
            "  (at the same time also called {})",
            others.join(", ")
        ));
    }
    let tags: Vec<String> = note::tags(doc)
        .iter()
        .map(|tag| format!("#{tag}"))
        .collect();
    let mut facts = vec![format!("[{name}]")];
    facts.extend((!tags.is_empty()).then(|| tags.join(" ")));
    facts.extend(match note::likes(doc) {
        0 => None,
        number => Some(format!("♥ {number}")),
    });
    lines.push(facts.join("  "));
    let todos = note::todos(doc);
    if !todos.is_empty() {
        lines.push(String::new());
    }
    for (number, todo) in (1..).zip(&todos) {
        let mark = if todo.done { 'x' } else { ' ' };
        lines.push(format!("{number:>3}. [{mark}] {}", todo.text));
    }
    let body = doc.text(BODY).to_string();
    if !body.is_empty() {
        lines.push(String::new());
        lines.push(body.strip_suffix('\n').unwrap_or(&body).to_owned());
    }
    lines.join("\n") + "\n"
}
