//! What the store knows of one document without reading its log.

use std::sync::Arc;

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::{DecodeError, VersionVector};
use driftwood_sync::DocumentName;

use super::super::is_due;
use super::frame::{Base, Delta, Marked};

/// Where the log of a document stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The join of everything appended.
    pub(super) version: VersionVector,
    /// The newest record; 0 before the first.
    pub(super) last: u64,
    pub(super) last_place: u64,
    /// The records up to this one are in the base; 0 without one.
    pub(super) base: u64,
    pub(super) base_place: u64,
    /// The length of the state that the base begins with; 0 without one.
    pub(super) state_bytes: u64,
    /// How many deltas of the base are not merged.
    pub(super) base_deltas: u64,
    /// The bytes of all deltas that are not merged.
    pub(super) bytes: u64,
    /// It could not be read; the next start tries again.
    pub(super) damaged: bool,
}

impl Head {
    /// Adds a record.
    pub(super) fn append(&mut self, place: u64, delta: &Delta) {
        self.last = delta.at;
        self.last_place = place;
        self.bytes += delta.piece.bytes.len() as u64;
        self.version.merge(&delta.piece.to);
    }

    /// A new base takes over. What came behind it is estimated.
    pub(super) fn rebase(&mut self, place: u64, base: &Base) {
        let behind = self.last.saturating_sub(base.at);
        let before = (self.base_deltas + self.last - self.base).max(1);
        let deltas = &base.pieces[usize::from(base.merged)..];
        let behind_bytes = self.bytes / before * behind;
        self.base = base.at;
        self.base_place = place;
        self.last = self.last.max(base.at);
        self.state_bytes = match &base.pieces[..] {
            [state, ..] if base.merged => state.bytes.len() as u64,
            _ => 0,
        };
        self.base_deltas = deltas.len() as u64;
        let bytes = deltas.iter().map(|piece| piece.bytes.len() as u64);
        self.bytes = bytes.sum::<u64>() + behind_bytes;
        for piece in &base.pieces {
            self.version.merge(&piece.to);
        }
    }

    /// The records that a checkpoint would merge or keep one by one.
    pub(super) fn deltas(&self) -> u64 {
        self.base_deltas + self.last - self.base
    }

    pub(super) fn is_due(&self) -> bool {
        is_due(self.deltas(), self.bytes, self.state_bytes)
    }

    /// For the index.
    pub(super) fn write(&self, name: &DocumentName) -> Vec<u8> {
        let mut out = Writer::new();
        out.str(name.as_str());
        for number in [
            self.last,
            self.last_place,
            self.base,
            self.base_place,
            self.state_bytes,
            self.base_deltas,
            self.bytes,
        ] {
            out.varint(number);
        }
        out.byte(u8::from(self.damaged));
        self.version.write(&mut out);
        out.into_vec()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<(DocumentName, Self), DecodeError> {
        let mut input = Reader::new(bytes);
        let name = DocumentName::new(input.str()?).map_err(|_| input.error("a name"))?;
        let mut head = Self::default();
        for number in [
            &mut head.last,
            &mut head.last_place,
            &mut head.base,
            &mut head.base_place,
            &mut head.state_bytes,
            &mut head.base_deltas,
            &mut head.bytes,
        ] {
            *number = input.varint()?;
        }
        head.damaged = input.byte()? != 0;
        head.version = VersionVector::read(&mut input)?;
        input.finish()?;
        Ok((name, head))
    }
}

/// Whose a replica id is, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) principal: Arc<str>,
    pub(super) place: u64,
}

impl Binding {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.str(&self.principal);
        out.varint(self.place);
        out.into_vec()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let principal = input.str()?.into();
        let place = input.varint()?;
        input.finish()?;
        Ok(Self { principal, place })
    }
}

/// What is known of a document that was purged, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purged {
    pub(super) marked: Marked,
    pub(super) place: u64,
}

impl Purged {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.varint(self.place);
        self.marked.write(&mut out);
        out.into_vec()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let place = input.varint()?;
        let marked = Marked::read(&mut input)?;
        Ok(Self { marked, place })
    }
}
