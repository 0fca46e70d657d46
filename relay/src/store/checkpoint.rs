//! Making one state of many deltas: what all stores do to keep a log short.

use std::sync::Arc;

use driftwood_crdt::{Doc, ImportError, ReplicaId, VersionVector};

/// A delta as the store keeps it: its bytes, and the version they lead to.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) to: VersionVector,
    pub(super) bytes: Arc<[u8]>,
}

/// Merges deltas that follow each other without a gap into the one state they lead to.
pub(super) fn merge<'a>(deltas: impl IntoIterator<Item = &'a [u8]>) -> Result<Piece, &'static str> {
    // The document is only read, so this id never names a change.
    let mut doc = Doc::new(ReplicaId::new(0));
    for bytes in deltas {
        doc.merge_quietly(bytes).map_err(|error| match error {
            ImportError::Decode(_) => "a delta in the log does not decode",
            _ => "a delta in the log does not follow those before it",
        })?;
    }
    Ok(Piece {
        to: doc.version().clone(),
        bytes: doc.encode_whole().into(),
    })
}
