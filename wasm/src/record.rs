//! What one stored record holds, and whether it is whole.
//!
//! ```text
//! record = format (1 byte) kind (1 byte) crc32 of all but itself (4 bytes, little-endian) payload
//! ```
//!
//! A record's key is a function of its content, so that several tabs that store one delta store it
//! once, and so that nothing is ever overwritten with something else.

use driftwood_crdt::checksum::crc32;
use driftwood_crdt::{ReplicaId, VersionVector};

/// The newest format that can be read here, and the one that is written.
const FORMAT: u8 = 1;
const HEADER: usize = 6;
/// What the keys of snapshots begin with. They sort before deltas: loading starts from them.
pub(crate) const SNAPSHOT: char = 'a';

/// What a record's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An encoded delta.
    Delta = 1,
    /// A whole document, as `Doc::save` writes it.
    Snapshot = 2,
    /// The versions known to be saved by one and by two relays.
    Acks = 3,
    /// An entry of the replica pool.
    Replica = 4,
    /// A document's journal, as `Journal::to_bytes` writes it.
    Journal = 5,
}

/// Why a record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The checksum does not match, or it says something impossible.
    Damaged,
    /// A later version of this package wrote it.
    TooNew,
}

/// The bytes of a record.
pub(crate) fn encode(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER + payload.len());
    record.extend([FORMAT, kind as u8, 0, 0, 0, 0]);
    record.extend(payload);
    let crc = checksum(&record);
    record[2..HEADER].copy_from_slice(&crc.to_le_bytes());
    record
}

/// The kind and payload of a record that is whole.
pub(crate) fn decode(record: &[u8]) -> Result<(Kind, &[u8]), Unreadable> {
    // Every format there will be keeps this header: a flipped bit must not pass for a later format.
    let (&format, rest) = record.split_first().ok_or(Unreadable::Damaged)?;
    if record.len() < HEADER || record[2..HEADER] != checksum(record).to_le_bytes() {
        return Err(Unreadable::Damaged);
    }
    if format > FORMAT {
        return Err(Unreadable::TooNew);
    }
    let kind = match rest[0] {
        1 => Kind::Delta,
        2 => Kind::Snapshot,
        3 => Kind::Acks,
        4 => Kind::Replica,
        5 => Kind::Journal,
        _ => return Err(Unreadable::Damaged),
    };
    Ok((kind, &record[HEADER..]))
}

/// The key of a record within its document: first what it is about, so that the records of one
/// replica are read in order, then what tells it from all others.
pub(crate) fn key(kind: Kind, from: &VersionVector, to: &VersionVector, payload: &[u8]) -> String {
    let (replica, seq) = to
        .iter()
        .next()
        .map_or((0, 0), |(replica, seq)| (replica.get(), seq));
    let mut key = String::with_capacity(64);
    key.push(match kind {
        Kind::Snapshot => SNAPSHOT,
        _ => 'd',
    });
    push_hex(&mut key, replica, 16);
    push_hex(&mut key, seq, 14);
    push_hex(&mut key, from.digest().rotate_left(1) ^ to.digest(), 16);
    push_hex(&mut key, u64::from(crc32(&[payload])), 8);
    key
}

/// The last change of a replica that the record with this key holds, if the key says so.
pub(crate) fn last_of(key: &str) -> Option<(ReplicaId, u64)> {
    let replica = u64::from_str_radix(key.get(1..17)?, 16).ok()?;
    let seq = u64::from_str_radix(key.get(17..31)?, 16).ok()?;
    Some((ReplicaId::new(replica), seq))
}

/// `digits` lower-case hexadecimal digits of `number`.
pub(crate) fn push_hex(to: &mut String, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number.checked_shr(place * 4).unwrap_or(0) as u32 & 15;
        to.push(char::from_digit(digit, 16).expect("four bits are one digit"));
    }
}

fn checksum(record: &[u8]) -> u32 {
    crc32(&[&record[..2], &record[HEADER..]])
}
