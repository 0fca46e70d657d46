//! Copies of the document, real ones: Driftwood's, or Yjs' as yrs has it. The raw servers carry
//! Driftwood's.

use crate::contender::Contender;
use crate::dialect::Update;
use anyhow::Result;
use bytes::Bytes;
use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
use std::time::{SystemTime, UNIX_EPOCH};

const TEXT: &str = "body";

/// A copy, and the replica that writes on it.
// There are few of them, and they stay where they are.
#[allow(clippy::large_enum_variant)]
pub enum Copy {
    Driftwood {
        doc: Doc,
        replica: ReplicaId,
        now_ms: u64,
    },
    #[cfg(feature = "peers")]
    Yjs(yjs::Copy),
}

impl Copy {
    /// An empty document, as the clients of this server have it.
    pub fn new(contender: Contender, replica: u64) -> Self {
        #[cfg(feature = "peers")]
        if contender.is_peer() {
            return Self::Yjs(yjs::Copy::new(replica));
        }
        assert!(!contender.is_peer(), "without the feature `peers`");
        let replica = ReplicaId::new(replica);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::Driftwood {
            doc: Doc::new(replica),
            replica,
            now_ms: since.unwrap_or_default().as_millis() as u64,
        }
    }

    /// Types; the texts here are ASCII.
    pub fn insert(&mut self, at: usize, text: &str) -> Result<Update> {
        match self {
            Self::Driftwood {
                doc,
                replica,
                now_ms,
            } => {
                let mut edit = doc.edit(*now_ms);
                edit.text(TEXT).insert(at, text)?;
                Ok(update_of(&edit.commit(), *replica))
            }
            #[cfg(feature = "peers")]
            Self::Yjs(copy) => Ok(copy.insert(at, text)),
        }
    }

    /// Deletes so many characters.
    pub fn delete(&mut self, at: usize, length: usize) -> Result<Update> {
        match self {
            Self::Driftwood {
                doc,
                replica,
                now_ms,
            } => {
                let mut edit = doc.edit(*now_ms);
                edit.text(TEXT).delete(at..at + length)?;
                Ok(update_of(&edit.commit(), *replica))
            }
            #[cfg(feature = "peers")]
            Self::Yjs(copy) => Ok(copy.delete(at, length)),
        }
    }

    /// Takes what came.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Driftwood { doc, .. } => {
                doc.merge(&Delta::decode(bytes)?)?;
                Ok(())
            }
            #[cfg(feature = "peers")]
            Self::Yjs(copy) => copy.merge(bytes),
        }
    }

    /// What a reader sees.
    pub fn text(&self) -> String {
        match self {
            Self::Driftwood { doc, .. } => doc.text(TEXT).to_string(),
            #[cfg(feature = "peers")]
            Self::Yjs(copy) => copy.text(),
        }
    }

    /// How much of the document this is, in the words of its protocol.
    pub fn held(&self) -> Vec<u8> {
        match self {
            Self::Driftwood { doc, .. } => doc.version().encode(),
            #[cfg(feature = "peers")]
            Self::Yjs(copy) => copy.held(),
        }
    }

    /// What is new since then, in one.
    pub fn since(&self, held: &[u8]) -> Result<Update> {
        match self {
            Self::Driftwood { doc, replica, .. } => {
                let delta = doc.delta_since(&VersionVector::decode(held)?);
                Ok(update_of(&delta, *replica))
            }
            #[cfg(feature = "peers")]
            Self::Yjs(copy) => copy.since(held),
        }
    }

    /// What is held of an empty document.
    pub fn nothing_held(contender: Contender) -> Vec<u8> {
        if contender.is_peer() {
            vec![0]
        } else {
            VersionVector::new().encode()
        }
    }
}

fn update_of(delta: &Delta, replica: ReplicaId) -> Update {
    Update {
        bytes: delta.encode().into(),
        upto: delta.to().get(replica),
    }
}

/// The bytes of a change as they were before they were compressed, so that one can look for something in
/// its text.
pub fn readable(contender: Contender, change: &Bytes) -> Result<Bytes> {
    /// What a compressed delta begins with, as PROTOCOL.md has it.
    const COMPRESSED: u8 = 0x10;
    if contender.is_peer() || change.first() != Some(&COMPRESSED) {
        return Ok(change.clone());
    }
    Ok(Delta::decode(change)?.canonical().into())
}

#[cfg(feature = "peers")]
mod yjs {
    use super::{Update, TEXT};
    use anyhow::Result;
    use yrs::updates::decoder::Decode as _;
    use yrs::updates::encoder::Encode as _;
    use yrs::{Doc, GetString as _, ReadTxn as _, StateVector, Text as _, TextRef, Transact as _};

    pub struct Copy {
        doc: Doc,
        text: TextRef,
        updates: u64,
    }

    impl Copy {
        pub fn new(replica: u64) -> Self {
            let doc = Doc::with_client_id(replica);
            let text = doc.get_or_insert_text(TEXT);
            let updates = 0;
            Self { doc, text, updates }
        }

        pub fn insert(&mut self, at: usize, text: &str) -> Update {
            let mut transaction = self.doc.transact_mut();
            self.text.insert(&mut transaction, at as u32, text);
            self.updates += 1;
            Update {
                bytes: transaction.encode_update_v1().into(),
                upto: self.updates,
            }
        }

        pub fn delete(&mut self, at: usize, length: usize) -> Update {
            let mut transaction = self.doc.transact_mut();
            self.text
                .remove_range(&mut transaction, at as u32, length as u32);
            self.updates += 1;
            Update {
                bytes: transaction.encode_update_v1().into(),
                upto: self.updates,
            }
        }

        pub fn merge(&mut self, bytes: &[u8]) -> Result<()> {
            let update = yrs::Update::decode_v1(bytes)?;
            self.doc.transact_mut().apply_update(update)?;
            Ok(())
        }

        pub fn text(&self) -> String {
            self.text.get_string(&self.doc.transact())
        }

        pub fn held(&self) -> Vec<u8> {
            self.doc.transact().state_vector().encode_v1()
        }

        pub fn since(&self, held: &[u8]) -> Result<Update> {
            let held = StateVector::decode_v1(held)?;
            Ok(Update {
                bytes: self.doc.transact().encode_diff_v1(&held).into(),
                upto: self.updates,
            })
        }
    }
}
