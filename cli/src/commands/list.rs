//! `driftwood list`: the notes, and what of them is only here.

use std::io::Write as _;

use anyhow::Result;
use driftwood_crdt::VersionVector;
use driftwood_sync::DocumentName;
use serde_json::json;

use super::{now_ms, Outcome};
use crate::note::{self, BODY};
use crate::session::changes_between;
use crate::workspace::{OpenStore, Workspace};

struct Row {
    name: DocumentName,
    /// Nothing when the note is in the notebook, but not on this device.
    here: Option<Here>,
}

struct Here {
    title: String,
    characters: usize,
    changed_ms: Option<u64>,
    /// Changes that no relay has confirmed.
    unsynced: u64,
    /// Why it cannot be read.
    damage: Option<String>,
}

pub(super) fn run(workspace: &Workspace, all: bool, as_json: bool) -> Result<Outcome> {
    let store = workspace.store()?;
    let notebook = note::notebook();
    let reader = driftwood_crdt::ReplicaId::new(0);
    let listed = note::listed(&store.load(&notebook, reader)?);
    let stored = store.documents()?;
    let mut names: Vec<DocumentName> = listed.into_keys().collect();
    let unlisted = stored.iter().filter(|document| {
        // A damaged document is never passed over in silence.
        document.name != notebook && (all || document.damaged)
    });
    names.extend(unlisted.map(|document| document.name.clone()));
    names.sort();
    names.dedup();

    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        let document = stored.iter().find(|document| document.name == name);
        let here = document.map(|document| look(&store, &name, &document.version));
        rows.push(Row { name, here });
    }
    drop(store);
    if as_json {
        print_json(&rows)?;
    } else {
        print(&rows)?;
    }
    Ok(Outcome::Done)
}

fn look(store: &OpenStore, name: &DocumentName, version: &VersionVector) -> Here {
    let reader = driftwood_crdt::ReplicaId::new(0);
    let (title, characters, damage) = match store.load(name, reader) {
        Ok(doc) => (note::title(&doc), doc.text(BODY).len(), None),
        Err(error) => (String::new(), 0, Some(error.root_cause().to_string())),
    };
    Here {
        title,
        characters,
        changed_ms: store.ledger.changed_ms(name),
        unsynced: changes_between(&store.ledger.saved(name).relay, version),
        damage,
    }
}

fn print(rows: &[Row]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if rows.is_empty() {
        writeln!(out, "no notes yet; `driftwood new NAME` makes one")?;
        return Ok(());
    }
    let now = now_ms();
    let mut table = vec![["NAME", "TITLE", "SIZE", "CHANGED", "UNSYNCED"].map(str::to_owned)];
    for Row { name, here } in rows {
        let name = name.to_string();
        table.push(match here {
            None => [
                name,
                "(not on this device; sync)".into(),
                String::new(),
                String::new(),
                String::new(),
            ],
            Some(Here {
                damage: Some(damage),
                ..
            }) => [
                name,
                format!("(damaged: {damage})"),
                String::new(),
                String::new(),
                String::new(),
            ],
            Some(here) => [
                name,
                here.title.clone(),
                here.characters.to_string(),
                here.changed_ms
                    .map(|ms| ago(now.saturating_sub(ms)))
                    .unwrap_or_default(),
                match here.unsynced {
                    0 => "-".to_owned(),
                    changes => changes.to_string(),
                },
            ],
        });
    }
    let width = |column: usize| {
        let cells = table.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    for [name, title, size, changed, unsynced] in &table {
        let [w_name, w_title, w_size, w_changed] = widths;
        let line = format!(
            "{name:w_name$}  {title:w_title$}  {size:>w_size$}  {changed:w_changed$}  {unsynced}"
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn print_json(rows: &[Row]) -> Result<()> {
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|Row { name, here }| match here {
            None => json!({ "name": name.as_str(), "here": false }),
            Some(here) => json!({
                "name": name.as_str(),
                "here": true,
                "title": here.title,
                "characters": here.characters,
                "changedMs": here.changed_ms,
                "unsynced": here.unsynced,
                "damage": here.damage,
            }),
        })
        .collect();
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::to_string_pretty(&rows)?
    )?;
    Ok(())
}

/// How long ago, roughly.
fn ago(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::ago;

    #[test]
    fn times_are_rough() {
        let shown = [59_999, 60_000, 7_200_000, 200_000_000].map(ago);
        assert_eq!(shown, ["just now", "1 min ago", "2 h ago", "2 d ago"]);
    }
}
