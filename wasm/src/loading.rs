//! From stored records to a document.

use std::rc::Rc;

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::{Delta, Doc, LoadError, ReplicaId, VersionVector};

use crate::error::Failure;
use crate::record::{self, Kind, Unreadable};
use crate::table::Table;

/// What relays are known to have saved of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acks {
    /// By one relay at least.
    pub(crate) relay: VersionVector,
    /// By two at least.
    pub(crate) replicated: VersionVector,
}

impl Acks {
    /// The payload of their record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.relay.write(&mut out);
        self.replicated.write(&mut out);
        out.into_vec()
    }

    /// From a payload. A damaged one is as none: it is asked anew when a relay is there.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut input = Reader::new(payload);
        let relay = VersionVector::read(&mut input).ok()?;
        let replicated = VersionVector::read(&mut input).ok()?;
        input.finish().ok()?;
        Some(Self { relay, replicated })
    }
}

/// Records as they are stored: their keys, and their bytes.
pub(crate) type Records = Vec<(Rc<str>, Vec<u8>)>;

/// What came out of the records of a document.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The document.
    pub(crate) doc: Doc,
    /// The records that are in it, and their sizes.
    pub(crate) merged: Table<Rc<str>, usize>,
    /// Records that are damaged, or wait for one that is.
    pub(crate) damaged: Vec<Rc<str>>,
}

/// Builds a document from its records, in whatever order they are.
///
/// # Errors
/// `FORMAT_TOO_NEW` when one of them was written by a later version: nothing may be changed then.
pub(crate) fn load(replica: ReplicaId, records: &Records) -> Result<Loaded, Failure> {
    let mut doc = Doc::new(replica);
    let mut merged = Table::new();
    let mut damaged = Vec::new();
    let mut deltas = Vec::new();
    for (key, bytes) in records {
        match read(replica, bytes) {
            // Loading is quicker than merging, and mostly there is one snapshot, in the first record.
            Ok(Piece::Snapshot(snapshot)) if doc.version().is_empty() => {
                doc = *snapshot;
                merged.insert(key.clone(), bytes.len());
            }
            Ok(Piece::Snapshot(snapshot)) => {
                deltas.push((
                    key,
                    bytes.len(),
                    snapshot.delta_since(&VersionVector::new()),
                ));
            }
            Ok(Piece::Delta(delta)) => deltas.push((key, bytes.len(), delta)),
            Err(Unreadable::Damaged) => {
                damaged.push(key.clone());
            }
            Err(Unreadable::TooNew) => {
                return Err(Failure::new(
                    "FORMAT_TOO_NEW",
                    "a later version of driftwood-sync has stored this document",
                ));
            }
        }
    }

    // Each delta is tried once, and again when the change that it missed has come.
    let mut ready: Vec<usize> = (0..deltas.len()).rev().collect();
    let mut waiting: Vec<(ReplicaId, u64, usize)> = Vec::new();
    while let Some(index) = ready.pop() {
        let (key, size, delta) = &deltas[index];
        let held = |replica, seq| doc.version().get(replica) >= seq;
        let missing = delta
            .from()
            .iter()
            .find(|&(replica, seq)| !held(replica, seq));
        if let Some((replica, seq)) = missing {
            waiting.push((replica, seq, index));
        } else if doc.merge(delta).is_ok() {
            merged.insert((*key).clone(), *size);
            waiting.retain(|&(replica, seq, index)| {
                let held = doc.version().get(replica) >= seq;
                if held {
                    ready.push(index);
                }
                !held
            });
        } else {
            damaged.push((*key).clone());
        }
    }
    damaged.extend(
        waiting
            .into_iter()
            .map(|(_, _, index)| deltas[index].0.clone()),
    );
    Ok(Loaded {
        doc,
        merged,
        damaged,
    })
}

enum Piece {
    Snapshot(Box<Doc>),
    Delta(Delta),
}

fn read(replica: ReplicaId, bytes: &[u8]) -> Result<Piece, Unreadable> {
    match record::decode(bytes)? {
        (Kind::Delta, payload) => Delta::decode(payload)
            .map(Piece::Delta)
            .map_err(|_| Unreadable::Damaged),
        (Kind::Snapshot, payload) => match Doc::load(replica, payload) {
            Ok(doc) => Ok(Piece::Snapshot(Box::new(doc))),
            Err(LoadError::FormatTooNew { .. }) => Err(Unreadable::TooNew),
            Err(_) => Err(Unreadable::Damaged),
        },
        (Kind::Acks | Kind::Replica | Kind::Journal, _) => Err(Unreadable::Damaged),
    }
}
