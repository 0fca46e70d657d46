//! What a store holds, for people: names, sizes, versions; never content.

use std::io::Write;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use driftwood_sync::{DocumentName, MarkId};

use crate::backup;
use crate::store::{Store, Stored};

/// Lists all documents, or tells of one. `false` when one is damaged.
pub(crate) fn run(store: &dyn Store, document: Option<&str>, out: &mut dyn Write) -> Result<bool> {
    match document {
        Some(document) => one(store, document, out),
        None => all(store, out),
    }
}

fn all(store: &dyn Store, out: &mut dyn Write) -> Result<bool> {
    let documents = store.documents()?;
    writeln!(
        out,
        "{:>12} {:>12} {:>9}  document",
        "bytes", "changes", "replicas"
    )?;
    let mut bytes = 0;
    for stored in &documents {
        bytes += stored.bytes;
        writeln!(
            out,
            "{:>12} {:>12} {:>9}  {}{}",
            stored.bytes,
            changes(stored),
            stored.version.len(),
            stored.name.as_str().escape_debug(),
            state(stored),
        )?;
    }
    let marks = store.marks()?;
    let purged = marks.iter().filter(|mark| mark.is_purged()).count();
    let purged = match purged {
        0 => String::new(),
        purged => format!(", {purged} purged"),
    };
    writeln!(
        out,
        "{bytes:>12} bytes in {} documents{purged}",
        documents.len()
    )?;
    Ok(documents.iter().all(|stored| state(stored).is_empty()))
}

/// What is wrong with a document, if anything is.
fn state(stored: &Stored) -> &'static str {
    match stored {
        Stored { damaged: true, .. } => "  DAMAGED",
        Stored { healing: true, .. } => "  HEALING",
        _ => "",
    }
}

fn one(store: &dyn Store, document: &str, out: &mut dyn Write) -> Result<bool> {
    let name = DocumentName::new(document)?;
    let mut documents = store.documents()?.into_iter();
    let stored = documents.find(|stored| stored.name == name);
    let id = MarkId::of(&name);
    let mark = store.marks()?.into_iter().find(|mark| mark.id == id);
    let was = mark.map_or("there is no", |mark| {
        if mark.is_purged() {
            "nothing is left of the purged"
        } else {
            "there is nothing yet in the lifted"
        }
    });
    let stored = stored.with_context(|| format!("{was} document `{document}`"))?;
    writeln!(out, "document  {}", document.escape_debug())?;
    writeln!(out, "bytes     {}", stored.bytes)?;
    writeln!(out, "changes   {}", changes(&stored))?;
    writeln!(out, "digest    {:016x}", stored.version.digest())?;
    if stored.damaged {
        writeln!(
            out,
            "DAMAGED: it comes back from other relays and from clients, when they connect"
        )?;
    } else if stored.healing {
        writeln!(
            out,
            "HEALING: it was damaged, and not all of it has come back from other relays and clients yet"
        )?;
    }
    let owners = store.owners()?;
    for (replica, seq) in stored.version.iter() {
        let mut owners = owners.iter();
        let owner = owners.find(|owner| owner.document == name && owner.replica == replica);
        let owner = owner.map(|owner| format!("  {}", owner.principal.escape_debug()));
        let id = replica.get();
        writeln!(
            out,
            "replica   {id:016x} {seq:>10}{}",
            owner.unwrap_or_default()
        )?;
    }
    Ok(state(&stored).is_empty())
}

fn changes(stored: &Stored) -> u64 {
    stored.version.iter().map(|(_, seq)| seq).sum()
}

/// Merges every document, and tells of those that cannot be. `false` when there are any.
pub(crate) fn verify(store: &dyn Store, out: &mut dyn Write, stop: &AtomicBool) -> Result<bool> {
    let summary = backup::verify_store(store, stop, |name, why| {
        writeln!(out, "`{}`: {why}", name.as_str().escape_debug())?;
        Ok(())
    })?;
    writeln!(
        out,
        "{} documents in {} deltas, {} damaged",
        summary.documents, summary.deltas, summary.left_out
    )?;
    Ok(summary.left_out == 0)
}
