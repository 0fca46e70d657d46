//! Recorded editing traces: gzipped JSON, sequential or concurrent, as josephg/editing-traces publishes them.

use super::{session, Session};
use crate::op::Patch;
use anyhow::{ensure, Context, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;
use str_indices::chars;

/// A trace, ready to be replayed.
pub struct Trace {
    /// The name of its file.
    pub name: String,
    /// All patches, in an order that is possible.
    pub patches: Vec<Patch>,
    /// Who made them, when it was more than one.
    pub session: Option<Session>,
    /// The text at the end.
    pub end: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    start_content: String,
    end_content: String,
    txns: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    parents: Vec<usize>,
    #[serde(default)]
    agent: usize,
    patches: Vec<(usize, usize, String)>,
}

impl Trace {
    /// What it is, in some words.
    pub fn about(&self) -> String {
        let agents = self.session.as_ref().map_or(1, |session| session.agents);
        let kind = if agents > 1 {
            "concurrent"
        } else {
            "sequential"
        };
        let (edits, end) = (self.patches.len(), self.end.len());
        format!("{kind} trace, {edits} edits of {agents}, {end} bytes at the end")
    }
}

/// Reads all traces of a folder, by name.
///
/// # Errors
/// When there is no such folder, or a file in it is no trace.
pub fn read_folder(folder: &Path) -> Result<Vec<Trace>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".json.gz") {
            files.push(path);
        }
    }
    files.sort();
    let read =
        |file: &_| read(file).with_context(|| format!("{} is no trace", Path::new(file).display()));
    files.iter().map(read).collect()
}

fn read(file: &std::path::PathBuf) -> Result<Trace> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".json.gz").to_owned();
    let input = GzDecoder::new(BufReader::new(File::open(file)?));
    let recorded: Recorded = serde_json::from_reader(BufReader::new(input))?;
    ensure!(recorded.start_content.is_empty(), "it begins with a text");
    let concurrent = recorded.kind.as_deref() == Some("concurrent");
    let is_ascii = |txn: &Transaction| txn.patches.iter().all(|(_, _, text)| text.is_ascii());
    let ascii = recorded.txns.iter().all(is_ascii);
    ensure!(
        ascii || !concurrent,
        "several people's text has to be ASCII"
    );

    let mut patches = Vec::new();
    let mut transactions: Vec<(usize, Vec<usize>, Range<usize>)> = Vec::new();
    for txn in recorded.txns {
        let first = patches.len();
        let made = txn.patches.into_iter();
        patches.extend(made.map(|(at, deleted, inserted)| Patch::ascii(at, deleted, inserted)));
        transactions.push((txn.agent, txn.parents, first..patches.len()));
    }
    if !ascii {
        find_bytes(&mut patches);
    }
    Ok(Trace {
        name,
        patches,
        session: concurrent.then(|| session(&transactions)),
        end: recorded.end_content,
    })
}

/// Finds out where patches are in bytes, by making them.
fn find_bytes(patches: &mut [Patch]) {
    let mut text = String::new();
    for patch in patches {
        let start = chars::to_byte_idx(&text, patch.at);
        let deleted = chars::to_byte_idx(&text[start..], patch.deleted);
        (patch.at_byte, patch.deleted_bytes) = (start, deleted);
        text.replace_range(start..start + deleted, &patch.inserted);
    }
}
