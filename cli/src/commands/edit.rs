//! `driftwood edit`: a note's text in an editor.
//!
//! The editor may be open for hours while others change the note. What it did is worked out against the text that it
//! was given, and committed on that state of the document: merging does the rest.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context as _, Result};
use driftwood_crdt::Doc;
use driftwood_sync::DocumentName;

use super::{count, load_existing, now_ms, Outcome};
use crate::note::BODY;
use crate::text_edits::{replacements, write, Replacement};
use crate::workspace::Workspace;

pub(super) fn run(
    workspace: &Workspace,
    name: &DocumentName,
    from: Option<&Path>,
) -> Result<Outcome> {
    let lease = workspace.lease()?;
    let mut doc = load_existing(&workspace.store()?, name, Some(&lease))?;
    let old = doc.text(BODY).to_string();
    if let Some(path) = from {
        let edits = replacements(&old, &read(path)?);
        save(workspace, name, &mut doc, &edits)?;
        return said(name, &edits);
    }
    let draft = Draft::make(&workspace.drafts(), name, &old)?;
    let saved = draft.edit().and_then(|edits| {
        save(workspace, name, &mut doc, &edits)?;
        Ok(edits)
    });
    match saved {
        Ok(edits) => {
            draft.discard();
            said(name, &edits)
        }
        Err(error) => {
            let kept = draft.path.display();
            Err(error.context(format!("`{name}` is unchanged; your draft is {kept}")))
        }
    }
}

fn said(name: &DocumentName, edits: &[Replacement]) -> Result<Outcome> {
    let mut out = std::io::stdout();
    if edits.is_empty() {
        writeln!(out, "{name}: nothing changed")?;
    } else {
        writeln!(out, "{name}: {}", count(edits.len() as u64, "edit"))?;
    }
    Ok(Outcome::Done)
}

fn save(
    workspace: &Workspace,
    name: &DocumentName,
    doc: &mut Doc,
    edits: &[Replacement],
) -> Result<()> {
    if edits.is_empty() {
        return Ok(());
    }
    let mut edit = doc.edit(now_ms());
    write(&mut edit.text(BODY), edits)?;
    let delta = edit.commit();
    let mut store = workspace.store()?;
    store.append_commit(name, &delta)?;
    store.finish()
}

fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The text while an editor has it.
struct Draft {
    path: PathBuf,
    old: String,
    /// Editors end a file with a line break; one that the text lacks is put there first and taken away again.
    line_break_added: bool,
}

impl Draft {
    fn make(folder: &Path, name: &DocumentName, old: &str) -> Result<Self> {
        let safe: String = name
            .as_str()
            .chars()
            .take(40)
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect();
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{safe}."))
            .suffix(".md")
            .tempfile_in(folder)
            .context("cannot make a draft")?;
        let line_break_added = !old.is_empty() && !old.ends_with('\n');
        file.write_all(old.as_bytes())?;
        if line_break_added {
            file.write_all(b"\n")?;
        }
        let (_, path) = file.keep().context("cannot keep the draft")?;
        Ok(Self {
            path,
            old: old.to_owned(),
            line_break_added,
        })
    }

    /// Lets the user edit it; gives what they did.
    fn edit(&self) -> Result<Vec<Replacement>> {
        let editor = ["VISUAL", "EDITOR"]
            .iter()
            .filter_map(std::env::var_os)
            .find(|editor| !editor.is_empty())
            .unwrap_or_else(|| OsString::from("vi"));
        let status = command(&editor, &self.path)
            .status()
            .with_context(|| format!("cannot start the editor `{}`", editor.display()))?;
        if !status.success() {
            bail!("the editor `{}` failed ({status})", editor.display());
        }
        let mut new = std::fs::read_to_string(&self.path).context("cannot read the draft")?;
        if self.line_break_added && new.ends_with('\n') {
            new.pop();
        }
        Ok(replacements(&self.old, &new))
    }

    fn discard(&self) {
        // A draft that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The editor's command line is the shell's business, as it may have flags and quotes.
#[cfg(unix)]
fn command(editor: &OsString, path: &Path) -> Command {
    let mut script = editor.clone();
    script.push(" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("driftwood").arg(path);
    command
}

/// The editor's command line is split at spaces.
#[cfg(not(unix))]
fn command(editor: &OsString, path: &Path) -> Command {
    let line = editor.to_string_lossy();
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("notepad"));
    command.args(words).arg(path);
    command
}
