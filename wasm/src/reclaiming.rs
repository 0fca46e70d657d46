//! Lets go of what is left of deleted elements.
//!
//! A page that is stored does so only while no other tab has its documents: what another tab writes is
//! read from the store by itself, and must not hang on what a snapshot of ours has no longer. Peers who
//! were away are asked for it when they return.

use crate::client::{Client, Far};
use crate::document::Document;
use crate::host;

/// It is a walk over the whole document, so it is rare.
const EVERY_MS: u64 = 60 * 60 * 1_000;
/// How long something must have been of no use.
const GRACE_MS: u64 = 7 * 24 * EVERY_MS;

impl Document {
    /// Reclaims what is due, if that was not done a while ago. No timer calls it: a document in which
    /// nothing happens has nothing new to let go of.
    pub(crate) fn reclaim_sometimes(&self) {
        let now_ms = host::now_ms();
        let due = self.reclaim_at.get();
        if due == 0 {
            // Nothing goes before it was of no use for a week: an hour more is better than a walk while a page
            // opens its documents.
            self.reclaim_at.set(now_ms.saturating_add(EVERY_MS));
        } else if now_ms >= due && (!self.persistent.get() || self.client.is_only_tab()) {
            self.reclaim_at.set(now_ms.saturating_add(EVERY_MS));
            self.reclaim(GRACE_MS);
        }
    }

    /// Reclaims what has been of no use for so long; how many elements. Cursors need none of them: one
    /// beside what is gone is where that was.
    pub(crate) fn reclaim(&self, grace_ms: u64) -> u64 {
        let mut doc = self.doc.borrow_mut();
        doc.reclaim(host::now_ms(), grace_ms, &[])
    }
}

impl Client {
    fn is_only_tab(&self) -> bool {
        let links = self.links.borrow();
        !links.iter().any(|(_, far)| matches!(far, Far::Tab(_)))
    }
}
