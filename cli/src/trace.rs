//! Recorded editing sessions: gzipped JSON in the format of the public editing traces.
//!
//! A sequential recording is a list of transactions, each with patches `[position, deleted, "inserted"]` in Unicode
//! code points, to be carried out one after the other on an empty text. A concurrent one says of each transaction who
//! made it and which earlier ones they had seen (`parents`, with all that those had seen).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{bail, ensure, Context as _, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;

/// A recording that inflates to more than this is refused.
const INFLATED_BYTES_MAX: u64 = 1 << 30;

/// More writers than this are refused: each costs a copy of the document.
const WRITERS_MAX: usize = 1_000;

/// A recording that can be replayed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The text at its end.
    pub(crate) end: String,
    /// How many people wrote.
    pub(crate) writers: usize,
    /// Whether the transactions say what they had seen; else each has seen all before it.
    pub(crate) concurrent: bool,
    /// What they did.
    pub(crate) transactions: Vec<Transaction>,
}

/// What one writer did at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// Who, from 0.
    pub(crate) writer: usize,
    /// The last transactions that the writer had seen; only in concurrent recordings.
    pub(crate) parents: Vec<usize>,
    /// Changes, each on the result of the one before.
    pub(crate) patches: Vec<Patch>,
}

/// `deleted` characters are removed at `at`, then `inserted` goes there.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Patch {
    /// Where, in characters.
    pub(crate) at: usize,
    /// How many characters go.
    pub(crate) deleted: usize,
    /// What comes.
    pub(crate) inserted: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recording {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    start_content: String,
    end_content: String,
    num_agents: Option<usize>,
    txns: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    #[serde(default)]
    agent: usize,
    #[serde(default)]
    parents: Vec<usize>,
    patches: Vec<Patch>,
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no recording.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(cannot)?;
        let mut text = Vec::new();
        GzDecoder::new(file)
            .take(INFLATED_BYTES_MAX + 1)
            .read_to_end(&mut text)
            .with_context(cannot)?;
        ensure!(
            text.len() as u64 <= INFLATED_BYTES_MAX,
            "{} inflates to more than {INFLATED_BYTES_MAX} bytes",
            path.display()
        );
        Self::parse(&text).with_context(|| format!("{} is not a recording", path.display()))
    }

    fn parse(json: &[u8]) -> Result<Self> {
        let recording: Recording = serde_json::from_slice(json)?;
        let concurrent = match &*recording.kind {
            "" | "sequential" => false,
            "concurrent" => true,
            other => bail!("its kind `{other}` is unknown"),
        };
        let writers = if concurrent {
            recording.num_agents.context("numAgents is missing")?
        } else {
            1
        };
        ensure!(
            (1..=WRITERS_MAX).contains(&writers),
            "it has {writers} writers"
        );
        let mut transactions = Vec::with_capacity(recording.txns.len() + 1);
        if !recording.start_content.is_empty() {
            ensure!(!concurrent, "a concurrent recording starts empty");
            transactions.push(Transaction {
                writer: 0,
                parents: Vec::new(),
                patches: vec![Patch {
                    at: 0,
                    deleted: 0,
                    inserted: recording.start_content,
                }],
            });
        }
        for (index, recorded) in recording.txns.into_iter().enumerate() {
            ensure!(
                !concurrent || recorded.agent < writers,
                "transaction {index} is of an unknown writer"
            );
            ensure!(
                recorded.parents.iter().all(|&parent| parent < index),
                "transaction {index} comes before what it follows"
            );
            transactions.push(Transaction {
                writer: if concurrent { recorded.agent } else { 0 },
                parents: if concurrent {
                    recorded.parents
                } else {
                    Vec::new()
                },
                patches: recorded.patches,
            });
        }
        Ok(Self {
            end: recording.end_content,
            writers,
            concurrent,
            transactions,
        })
    }

    /// How many changes it has.
    pub(crate) fn patches(&self) -> usize {
        self.transactions
            .iter()
            .map(|transaction| transaction.patches.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        let trace = Trace::parse(
            br#"{"startContent":"a","endContent":"ab","txns":[{"time":"","patches":[[1,0,"b"]]}]}"#,
        );
        let trace = trace.expect("a recording");
        assert_eq!((trace.writers, trace.transactions.len()), (1, 2));
        assert_eq!(trace.transactions[0].patches[0].inserted, "a");

        let trace = Trace::parse(
            br#"{"kind":"concurrent","endContent":"","numAgents":2,"txns":[
                {"parents":[],"agent":1,"numChildren":1,"patches":[]},
                {"parents":[0],"agent":0,"numChildren":0,"patches":[]}]}"#,
        );
        let trace = trace.expect("a recording");
        assert_eq!(trace.transactions[1].parents, [0]);
        assert_eq!(trace.transactions[0].writer, 1);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            &br#"{"txns":[]}"#[..],
            br#"{"endContent":"","txns":[{"patches":[[-1,0,""]]}]}"#,
            br#"{"kind":"other","endContent":"","txns":[]}"#,
            br#"{"kind":"concurrent","endContent":"","numAgents":1,"txns":[{"agent":1,"patches":[]}]}"#,
            br#"{"kind":"concurrent","endContent":"","numAgents":1,"txns":[{"parents":[0],"patches":[]}]}"#,
        ] {
            assert!(Trace::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
