//! What the store knows of one document without reading its log, and how that is found again at the
//! start.

use std::sync::{Mutex, RwLock};

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::{DecodeError, VersionVector};
use driftwood_sync::DocumentName;

use super::super::record::{unseal, Fault, Place, Record};
use super::super::{check_whole, is_due, StoreError};
use super::folder::engine_error;
use super::log::Log;

/// One document of the store.
pub(super) struct Entry {
    pub(super) number: u32,
    /// Held shared while the log is read, and exclusively at the moment when a new checkpoint takes
    /// over.
    pub(super) gate: RwLock<()>,
    pub(super) state: Mutex<State>,
}

/// Where the log of a document stands.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// The join of everything appended.
    pub(super) version: VersionVector,
    /// The position of the newest record; 0 before the first.
    pub(super) last: u64,
    /// The position up to which the head on disk covers the log.
    pub(super) head: u64,
    /// The key of that head.
    pub(super) head_key: Option<[u8; 20]>,
    /// The bytes of the records behind the checkpoint.
    pub(super) bytes: u64,
    /// The position up to which the checkpoint merges the log; 0 without one.
    pub(super) checkpoint: u64,
    /// The length of the checkpoint.
    pub(super) checkpoint_bytes: u64,
    /// Why the document is refused, if it is.
    pub(super) damaged: Option<&'static str>,
}

impl State {
    /// Heads are never overwritten: their key says what they cover.
    pub(super) fn next_head_key(&self, number: u32) -> [u8; 20] {
        let mut key = [0; 20];
        key[..4].copy_from_slice(&number.to_be_bytes());
        key[4..12].copy_from_slice(&self.last.to_be_bytes());
        key[12..].copy_from_slice(&self.checkpoint.to_be_bytes());
        key
    }

    pub(super) fn to_head(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.varint(self.last);
        out.varint(self.bytes);
        out.varint(self.checkpoint);
        out.varint(self.checkpoint_bytes);
        self.version.write(&mut out);
        out.into_vec()
    }

    fn of_head(body: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(body);
        let last = input.varint()?;
        let bytes = input.varint()?;
        let checkpoint = input.varint()?;
        let checkpoint_bytes = input.varint()?;
        let version = VersionVector::read(&mut input)?;
        input.finish()?;
        Ok(Self {
            version,
            last,
            head: last,
            bytes,
            checkpoint,
            checkpoint_bytes,
            ..Self::default()
        })
    }

    pub(super) fn check(&self, document: &DocumentName) -> Result<(), StoreError> {
        check_whole(self.damaged, document)
    }

    pub(super) fn is_due(&self) -> bool {
        is_due(
            self.last - self.checkpoint,
            self.bytes,
            self.checkpoint_bytes,
        )
    }
}

impl Entry {
    /// A document without a record.
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            gate: RwLock::default(),
            state: Mutex::default(),
        }
    }

    /// Finds out where a document's log stands: from its newest head and the records behind it, or,
    /// without a head that can be read, from the whole log.
    pub(super) fn read(number: u32, heads: &sled::Tree, log: &Log) -> Result<Self, StoreError> {
        let head = heads.scan_prefix(number.to_be_bytes()).next_back();
        let head = head.transpose().map_err(engine_error)?;
        let read = head.as_ref().and_then(|(key, value)| {
            let mut state = State::of_head(unseal(key, value).ok()?).ok()?;
            state.head_key = key.as_ref().try_into().ok();
            Some(state)
        });
        let mut state = match read {
            Some(state) => state,
            None => from_checkpoint(number, log)?,
        };
        follow(number, log, &mut state)?;
        Ok(Self {
            number,
            gate: RwLock::default(),
            state: Mutex::new(state),
        })
    }
}

/// The state at the newest whole checkpoint of the log.
fn from_checkpoint(document: u32, log: &Log) -> Result<State, StoreError> {
    let mut found = State::default();
    for record in log.raw(at(document, 0), at(document, u64::MAX)) {
        let Ok(record) = record? else { continue };
        if record.place.checkpoint {
            found.last = record.place.position;
            found.checkpoint = record.place.position;
            found.checkpoint_bytes = record.delta().len() as u64;
            found.version = record.to;
        }
    }
    Ok(found)
}

/// Adds the records behind `state.last`. A record at the very end that is not whole was being
/// written when the process stopped: nobody was told that it is safe, so it goes.
fn follow(document: u32, log: &Log, state: &mut State) -> Result<(), StoreError> {
    let mut torn: Option<Place> = None;
    for record in log.raw(at(document, state.last + 1), at(document, u64::MAX)) {
        match record? {
            // What an interrupted checkpoint left behind.
            Ok(Record { place, .. }) | Err((place, _)) if place.checkpoint => {}
            Ok(record) if torn.is_none() && record.place.position == state.last + 1 => {
                state.last += 1;
                state.bytes += record.delta().len() as u64;
                state.version.merge(&record.to);
            }
            Err((place, Fault::Torn)) if torn.is_none() => torn = Some(place),
            Err((place, Fault::Damaged(reason))) => {
                state.last = place.position;
                state.damaged = Some(reason);
            }
            Ok(Record { place, .. }) | Err((place, Fault::Torn)) => {
                state.last = place.position;
                state.damaged = Some("a record is missing");
            }
        }
    }
    if let (Some(place), None) = (torn, state.damaged) {
        tracing::warn!(
            document,
            position = place.position,
            "dropped a half-written record"
        );
        log.remove(place, at(document, place.position + 1))?;
    }
    Ok(())
}

fn at(document: u32, position: u64) -> Place {
    Place {
        document,
        position,
        checkpoint: false,
    }
}
