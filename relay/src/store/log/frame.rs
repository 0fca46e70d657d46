//! The bytes of the log's records.
//!
//! `mark (1) ‖ length of the body (4, little endian) ‖ crc32 (4, little endian) ‖ body`. The checksum
//! covers the place in the log as well, so what turns up elsewhere is noticed. A body is
//!
//! ```text
//! kind ‖ varint document ‖ varint (place − how far the log was synced) ‖
//!   0 delta   varint at ‖ varint (place − the document's record before; 0 without) ‖ str name if at = 1 ‖
//!             version: what is new ‖ the delta
//!   1 base    str name ‖ varint at ‖ byte merged ‖ n × (varint segment ‖ varint bytes): what it replaces ‖
//!             n × (version: what is new ‖ bytes delta)
//!   2 owner   str name ‖ replica (8) ‖ str principal
//!   3 mark    byte clean ‖ n × varint document: those that were purged, whose records do not count
//!             wherever they are ‖ the mark (`driftwood_sync::Mark`)
//! ```
//!
//! A document's records are numbered from 1 by `at`. A *base* holds all of them up to its own `at` in
//! one record, so it is there as a whole or not at all; `merged` says that the first of its deltas is
//! a state that a checkpoint made. "How far the log was synced" tells at the start whether bytes that
//! cannot be read were ever safe.

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::{DecodeError, ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Mark};

use super::super::checkpoint::Piece;

/// What comes before a body.
pub(super) const HEADER_BYTES: usize = 9;

/// Makes it quick to find where records go on after damage.
const BEGIN: u8 = 0xd7;

const DELTA: u8 = 0;
const BASE: u8 = 1;
const OWNER: u8 = 2;
const MARK: u8 = 3;

/// More than this no record replaces or holds; a base has what a log may have before a checkpoint is
/// made in any case, and some.
const COUNT_MAX: usize = 1 << 20;

/// A record to be written, or one that was read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) document: u32,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Delta(Delta),
    Base(Base),
    Owner(Owned),
    Mark(Marked),
}

#[derive(Debug)]
pub(super) struct Delta {
    /// Only of the first.
    pub(super) name: Option<DocumentName>,
    pub(super) at: u64,
    /// Where the record before it is.
    pub(super) before: Option<u64>,
    pub(super) piece: Piece,
}

#[derive(Debug)]
pub(super) struct Base {
    pub(super) name: DocumentName,
    pub(super) at: u64,
    pub(super) merged: bool,
    /// Segments, and how many bytes of each this record replaces.
    pub(super) replaced: Vec<(u64, u64)>,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Debug)]
pub(super) struct Owned {
    pub(super) name: DocumentName,
    pub(super) replica: ReplicaId,
    pub(super) principal: String,
}

/// What is known of a document that was purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) mark: Mark,
    /// The numbers it had here, which are not given again.
    pub(super) documents: Vec<u32>,
    /// Nothing of them is in the log any more.
    pub(super) clean: bool,
}

impl Marked {
    pub(super) fn write(&self, out: &mut Writer) {
        out.byte(u8::from(self.clean));
        out.varint(self.documents.len() as u64);
        for document in &self.documents {
            out.varint(u64::from(*document));
        }
        out.raw(&self.mark.encode());
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let clean = input.byte()? == 1;
        let count = input.count(COUNT_MAX, "documents", 1)?;
        let mut documents = Vec::new();
        for _ in 0..count {
            let document = u32::try_from(input.varint()?);
            documents.push(document.map_err(|_| input.error("document"))?);
        }
        let mark = Mark::decode(input.raw(input.remaining())?)?;
        Ok(Self {
            mark,
            documents,
            clean,
        })
    }
}

impl Record {
    /// The bytes for this place in the log.
    pub(super) fn frame(&self, place: u64, synced: u64) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(&[0; HEADER_BYTES]);
        out.byte(match self.what {
            What::Delta(_) => DELTA,
            What::Base(_) => BASE,
            What::Owner(_) => OWNER,
            What::Mark(_) => MARK,
        });
        out.varint(u64::from(self.document));
        out.varint(place - synced);
        match &self.what {
            What::Delta(delta) => {
                out.varint(delta.at);
                out.varint(delta.before.map_or(0, |before| place - before));
                if let Some(name) = &delta.name {
                    out.str(name.as_str());
                }
                delta.piece.to.write(&mut out);
                out.raw(&delta.piece.bytes);
            }
            What::Base(base) => {
                out.str(base.name.as_str());
                out.varint(base.at);
                out.byte(u8::from(base.merged));
                out.varint(base.replaced.len() as u64);
                for (segment, bytes) in &base.replaced {
                    out.varint(*segment);
                    out.varint(*bytes);
                }
                out.varint(base.pieces.len() as u64);
                for piece in &base.pieces {
                    piece.to.write(&mut out);
                    out.bytes(&piece.bytes);
                }
            }
            What::Owner(owner) => {
                out.str(owner.name.as_str());
                out.u64_le(owner.replica.get());
                out.str(&owner.principal);
            }
            What::Mark(marked) => marked.write(&mut out),
        }
        let mut frame = out.into_vec();
        let (header, body) = frame.split_at_mut(HEADER_BYTES);
        header[0] = BEGIN;
        header[1..5].copy_from_slice(&(body.len() as u32).to_le_bytes());
        header[5..].copy_from_slice(&checksum(place, body).to_le_bytes());
        frame
    }

    /// Reads a body; also how far the log was synced when it was written.
    fn read(place: u64, body: &[u8]) -> Result<(Self, u64), DecodeError> {
        let mut input = Reader::new(body);
        let kind = input.byte()?;
        let document = input.varint()?;
        let document = u32::try_from(document).map_err(|_| input.error("document"))?;
        let synced = input.varint()?;
        let synced = place
            .checked_sub(synced)
            .ok_or_else(|| input.error("synced"))?;
        let what = match kind {
            DELTA => What::Delta(read_delta(place, &mut input)?),
            BASE => What::Base(read_base(&mut input)?),
            OWNER => What::Owner(Owned {
                name: name(&mut input)?,
                replica: ReplicaId::new(input.u64_le()?),
                principal: input.str()?.to_owned(),
            }),
            MARK => What::Mark(Marked::read(&mut input)?),
            _ => return Err(input.error("kind")),
        };
        input.finish()?;
        Ok((Self { document, what }, synced))
    }
}

fn read_delta(place: u64, input: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    let at = input.varint()?;
    let before = match input.varint()? {
        0 => None,
        distance => {
            Some((place.checked_sub(distance)).ok_or_else(|| input.error("the record before"))?)
        }
    };
    let name = (at == 1).then(|| name(input)).transpose()?;
    let to = VersionVector::read(input)?;
    let bytes = input.raw(input.remaining())?.into();
    Ok(Delta {
        name,
        at,
        before,
        piece: Piece { to, bytes },
    })
}

fn read_base(input: &mut Reader<'_>) -> Result<Base, DecodeError> {
    let name = name(input)?;
    let at = input.varint()?;
    let merged = match input.byte()? {
        0 => false,
        1 => true,
        _ => return Err(input.error("merged")),
    };
    let count = input.count(COUNT_MAX, "segments", 2)?;
    let mut replaced = Vec::new();
    for _ in 0..count {
        replaced.push((input.varint()?, input.varint()?));
    }
    let count = input.count(COUNT_MAX, "deltas", 2)?;
    let mut pieces = Vec::new();
    for _ in 0..count {
        let to = VersionVector::read(input)?;
        let bytes = input.bytes()?.into();
        pieces.push(Piece { to, bytes });
    }
    Ok(Base {
        name,
        at,
        merged,
        replaced,
        pieces,
    })
}

fn name(input: &mut Reader<'_>) -> Result<DocumentName, DecodeError> {
    DocumentName::new(input.str()?).map_err(|_| input.error("a name"))
}

fn checksum(place: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place.to_le_bytes());
    hasher.update(&(body.len() as u32).to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// How long the frame is that begins with these bytes, if they can be the beginning of one.
pub(super) fn length(header: &[u8]) -> Option<usize> {
    let [BEGIN, a, b, c, d, ..] = *header else {
        return None;
    };
    Some(HEADER_BYTES + u32::from_le_bytes([a, b, c, d]) as usize)
}

/// The record that begins at this place with these bytes, its length, and how far the log was synced
/// when it was written; `None` where there is no whole record.
pub(super) fn parse(place: u64, bytes: &[u8]) -> Option<(Record, usize, u64)> {
    let length = length(bytes)?;
    let frame = bytes.get(..length)?;
    let (header, body) = frame.split_first_chunk::<HEADER_BYTES>()?;
    let [_, _, _, _, _, crc @ ..] = *header;
    if u32::from_le_bytes(crc) != checksum(place, body) {
        return None;
    }
    let (record, synced) = Record::read(place, body).ok()?;
    Some((record, length, synced))
}

#[cfg(test)]
mod tests {
    use driftwood_sync::{MarkId, RelayId, Time};

    use super::*;

    fn records() -> Vec<Record> {
        let name = DocumentName::new("trip").expect("a name");
        let mut mark = Mark {
            id: MarkId::of(&name),
            count: 3,
            time: Time::from_millis(1_000),
            by: RelayId(5),
            relays: driftwood_crdt::ordered::BTreeMap::new(),
        };
        mark.note(RelayId(5), true);
        let piece = |seq| {
            let mut to = VersionVector::new();
            to.advance(ReplicaId::new(9), seq);
            let bytes = vec![seq as u8; seq as usize].into();
            Piece { to, bytes }
        };
        let delta = |at, before, name| Record {
            document: 7,
            what: What::Delta(Delta {
                name,
                at,
                before,
                piece: piece(3),
            }),
        };
        vec![
            delta(1, None, Some(name.clone())),
            delta(1 << 40, Some(12), None),
            Record {
                document: u32::MAX,
                what: What::Base(Base {
                    name: name.clone(),
                    at: 9,
                    merged: true,
                    replaced: vec![(0, 12), (1 << 50, 1)],
                    pieces: vec![piece(9), piece(300)],
                }),
            },
            Record {
                document: 1,
                what: What::Owner(Owned {
                    name,
                    replica: ReplicaId::new(u64::MAX),
                    principal: "ada".into(),
                }),
            },
            Record {
                document: 0,
                what: What::Mark(Marked {
                    mark,
                    documents: vec![7, 300],
                    clean: true,
                }),
            },
        ]
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for record in records() {
            let frame = record.frame(1000, 900);
            let (read, length, synced) = parse(1000, &frame).expect("whole");
            assert_eq!((length, synced), (frame.len(), 900));
            assert_eq!(format!("{read:?}"), format!("{record:?}"));
            assert!(parse(1001, &frame).is_none(), "at another place");
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        for record in records() {
            let frame = record.frame(1000, 0);
            for end in 0..frame.len() {
                assert!(parse(1000, &frame[..end]).is_none(), "cut at {end}");
            }
            for bit in 0..frame.len() * 8 {
                let mut damaged = frame.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(parse(1000, &damaged).is_none(), "bit {bit}");
            }
        }
    }
}
