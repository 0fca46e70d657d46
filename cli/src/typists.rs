//! The people of a recording: each has a copy of the document in memory and types into it what they typed then.
//!
//! They see of each other what the recording says and nothing that happens elsewhere in the meantime; so every
//! position means what it meant, and the document gets their changes as it gets everybody's, by merging.

use anyhow::{Context as _, Result};
use driftwood_crdt::{Delta, Doc, ReplicaId};

use crate::note::BODY;
use crate::trace::{Trace, Transaction};

/// What a concurrent recording's writers have made, for each other.
struct Exchange {
    deltas: Vec<Delta>,
    /// For each writer, which transactions their copy holds.
    held: Vec<Vec<bool>>,
}

/// Types a recording, commit by commit.
pub(crate) struct Typists<'t> {
    trace: &'t Trace,
    copies: Vec<Doc>,
    exchange: Option<Exchange>,
    next: usize,
    batch: usize,
    patches: usize,
}

impl<'t> Typists<'t> {
    /// They start from `base`, one under each of `replicas`; `batch` transactions go into one commit.
    pub(crate) fn new(trace: &'t Trace, base: &Doc, replicas: &[ReplicaId], batch: usize) -> Self {
        let copies = replicas.iter().map(|&replica| {
            let mut copy = base.clone();
            // The copy has nothing that is not committed.
            let _nothing = copy.set_replica(replica);
            copy
        });
        let exchange = trace.concurrent.then(|| Exchange {
            deltas: Vec::with_capacity(trace.transactions.len()),
            held: vec![vec![false; trace.transactions.len()]; trace.writers],
        });
        Self {
            trace,
            copies: copies.collect(),
            batch: if trace.concurrent { 1 } else { batch },
            exchange,
            next: 0,
            patches: 0,
        }
    }

    /// How many patches have been typed.
    pub(crate) fn patches(&self) -> usize {
        self.patches
    }

    /// Whether all copies read so once they have seen everything.
    pub(crate) fn all_read(&mut self, body: &str) -> Result<bool> {
        if let Some(exchange) = &self.exchange {
            for copy in &mut self.copies {
                for delta in &exchange.deltas {
                    copy.merge(delta)?;
                }
            }
        }
        let mut copies = self.copies.iter();
        Ok(copies.all(|copy| copy.text(BODY).to_string() == body))
    }

    /// Makes the next commit; nothing when all is typed.
    pub(crate) fn commit(&mut self, now_ms: u64) -> Result<Option<Delta>> {
        let rest = &self.trace.transactions[self.next..];
        let Some(first) = rest.first() else {
            return Ok(None);
        };
        if let Some(exchange) = &mut self.exchange {
            let copy = &mut self.copies[first.writer];
            exchange
                .merge_parents(self.trace, first, copy)
                .with_context(|| format!("transaction {}", self.next))?;
        }
        let copy = &mut self.copies[first.writer];
        let mut edit = copy.edit(now_ms);
        let mut body = edit.text(BODY);
        for transaction in rest.iter().take(self.batch) {
            for patch in &transaction.patches {
                body.replace(patch.at..patch.at + patch.deleted, &patch.inserted)
                    .with_context(|| format!("transaction {} does not fit the text", self.next))?;
            }
            self.patches += transaction.patches.len();
            self.next += 1;
        }
        let delta = edit.commit();
        if let Some(exchange) = &mut self.exchange {
            exchange.held[first.writer][self.next - 1] = true;
            exchange.deltas.push(delta.clone());
        }
        Ok(Some(delta))
    }
}

impl Exchange {
    /// Lets a writer's copy see all that the writer had seen when they made this transaction, in order.
    fn merge_parents(&mut self, trace: &Trace, of: &Transaction, copy: &mut Doc) -> Result<()> {
        let held = &mut self.held[of.writer];
        let mut missing = Vec::new();
        let mut open = of.parents.clone();
        // What is held is held with all before it, so the way back ends there.
        while let Some(parent) = open.pop() {
            if !std::mem::replace(&mut held[parent], true) {
                missing.push(parent);
                open.extend(&trace.transactions[parent].parents);
            }
        }
        missing.sort_unstable();
        for parent in missing {
            copy.merge(&self.deltas[parent])?;
        }
        Ok(())
    }
}
