//! The bytes of the store's records, apart from the engine that keeps them.
//!
//! Every value is sealed:
//! `format (1 byte) ‖ crc32 (4, little endian) ‖ length of the body (4, little endian) ‖ body`. The
//! checksum covers the key as well, so a value that turns up under another key is noticed. The body
//! of a log record is `version it leads to ‖ delta`.
//!
//! A record is cut into chunks because the engine keeps up to seventeen values in one page and
//! rewrites pages whole: with chunks of 4 KiB a page stays small, and never becomes one of sled's
//! side files ("blobs"), which sled does not sync.

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::VersionVector;

/// The format this program writes, and the newest it reads.
pub(super) const FORMAT: u8 = 1;

const HEADER_BYTES: usize = 9;
const CHUNK_BYTES: usize = 4096;

/// What is wrong with bytes that were read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The end is missing: the process stopped while it wrote.
    Torn,
    /// Anything else.
    Damaged(&'static str),
}

/// Where a record stands in the log of its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The document's number in this store.
    pub(super) document: u32,
    /// Counts the appended records from 1.
    pub(super) position: u64,
    /// Whether it is a checkpoint, which merges everything up to and including `position`. It sorts
    /// behind what it replaces and before what follows.
    pub(super) checkpoint: bool,
}

impl Place {
    pub(super) fn key(self, chunk: u16) -> [u8; 16] {
        let mut key = [0; 16];
        key[..4].copy_from_slice(&self.document.to_be_bytes());
        key[4..12].copy_from_slice(&self.position.to_be_bytes());
        key[13] = u8::from(self.checkpoint);
        key[14..].copy_from_slice(&chunk.to_be_bytes());
        key
    }

    /// The place and the chunk number of a key.
    pub(super) fn of(key: &[u8]) -> Option<(Self, u16)> {
        let (document, rest) = key.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let ([0, checkpoint @ (0 | 1)], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let place = Place {
            document: u32::from_be_bytes(*document),
            position: u64::from_be_bytes(*position),
            checkpoint: *checkpoint == 1,
        };
        Some((place, u16::from_be_bytes(rest.try_into().ok()?)))
    }
}

/// A record as it was read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) place: Place,
    /// The version the delta leads to.
    pub(super) to: VersionVector,
    /// The sealed bytes; the delta starts at `delta_at`.
    bytes: Vec<u8>,
    delta_at: usize,
}

impl Record {
    pub(super) fn delta(&self) -> &[u8] {
        &self.bytes[self.delta_at..]
    }

    /// Seals a record and cuts it into the values to be kept under [`Place::key`] 0, 1, ….
    pub(super) fn chunks(place: Place, to: &VersionVector, delta: &[u8]) -> Vec<Vec<u8>> {
        let mut body = Writer::new();
        to.write(&mut body);
        body.raw(delta);
        let bytes = seal(&place.key(0), &body.into_vec());
        bytes.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect()
    }

    fn open(place: Place, bytes: Vec<u8>) -> Result<Self, Fault> {
        let unreadable = |_| Fault::Damaged("a record's header does not decode");
        let body = unseal(&place.key(0), &bytes)?;
        let mut input = Reader::new(body);
        let to = VersionVector::read(&mut input).map_err(unreadable)?;
        let delta_at = HEADER_BYTES + input.offset();
        Ok(Self {
            place,
            to,
            bytes,
            delta_at,
        })
    }
}

/// Wraps a body so that damage shows.
pub(super) fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&checksum(key, body).to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The body of sealed bytes, if they are whole and belong to this key.
pub(super) fn unseal<'a>(key: &[u8], bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
    let (format, rest) = bytes.split_first().ok_or(Fault::Torn)?;
    if *format != FORMAT {
        return Err(Fault::Damaged("a record has an unknown format"));
    }
    let (crc, rest) = rest.split_first_chunk().ok_or(Fault::Torn)?;
    let (length, body) = rest.split_first_chunk().ok_or(Fault::Torn)?;
    let length = u32::from_le_bytes(*length) as usize;
    if body.len() < length {
        return Err(Fault::Torn);
    }
    if body.len() > length || u32::from_le_bytes(*crc) != checksum(key, body) {
        return Err(Fault::Damaged("a record's checksum does not match"));
    }
    Ok(body)
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

/// Puts the chunks of a range of keys together again.
pub(super) struct Records<I> {
    chunks: I,
    next: Option<(Place, u16, Vec<u8>)>,
    failed: bool,
}

impl<I> Records<I> {
    pub(super) fn new(chunks: I) -> Self {
        Self {
            chunks,
            next: None,
            failed: false,
        }
    }
}

impl<I, V, E> Iterator for Records<I>
where
    I: Iterator<Item = Result<(V, V), E>>,
    V: AsRef<[u8]>,
{
    /// A record, or the place of one that is not whole; the outer error is the engine's.
    type Item = Result<Result<Record, (Place, Fault)>, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut gathered: Option<(Place, u16, Vec<u8>)> = self.next.take();
        let mut orderly = gathered.as_ref().is_none_or(|(_, first, _)| *first == 0);
        loop {
            let (key, value) = match self.chunks.next() {
                None => break,
                Some(Err(error)) => {
                    self.failed = true;
                    return Some(Err(error));
                }
                Some(Ok(pair)) => pair,
            };
            let Some((place, chunk)) = Place::of(key.as_ref()) else {
                let place = gathered.map_or(
                    Place {
                        document: 0,
                        position: 0,
                        checkpoint: false,
                    },
                    |(place, ..)| place,
                );
                return Some(Ok(Err((
                    place,
                    Fault::Damaged("a key of the log is malformed"),
                ))));
            };
            match &mut gathered {
                None => {
                    orderly = chunk == 0;
                    gathered = Some((place, chunk, value.as_ref().to_vec()));
                }
                Some((current, last, bytes)) if *current == place => {
                    orderly &= chunk == *last + 1;
                    *last = chunk;
                    bytes.extend_from_slice(value.as_ref());
                }
                Some(_) => {
                    self.next = Some((place, chunk, value.as_ref().to_vec()));
                    break;
                }
            }
        }
        let (place, _, bytes) = gathered?;
        if !orderly {
            return Some(Ok(Err((
                place,
                Fault::Damaged("a chunk of a record is missing"),
            ))));
        }
        Some(Ok(
            Record::open(place, bytes).map_err(|fault| (place, fault))
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftwood_crdt::ReplicaId;

    const PLACE: Place = Place {
        document: 7,
        position: 1 << 40,
        checkpoint: true,
    };

    type Pairs = Vec<Result<(Vec<u8>, Vec<u8>), ()>>;

    fn pairs(place: Place, delta: &[u8]) -> Pairs {
        let mut to = VersionVector::new();
        to.advance(ReplicaId::new(9), 12);
        let chunks = Record::chunks(place, &to, delta);
        chunks
            .into_iter()
            .enumerate()
            .map(|(at, value)| Ok((place.key(at as u16).to_vec(), value)))
            .collect()
    }

    fn read(pairs: Pairs) -> Vec<Result<Record, (Place, Fault)>> {
        Records::new(pairs.into_iter())
            .map(|record| record.expect("no engine"))
            .collect()
    }

    #[test]
    fn keys_sort_as_places_do_and_read_back() {
        let later = Place {
            position: PLACE.position + 1,
            checkpoint: false,
            ..PLACE
        };
        assert!(PLACE.key(u16::MAX) < later.key(0));
        assert_eq!(Place::of(&PLACE.key(300)), Some((PLACE, 300)));
        assert_eq!(Place::of(&PLACE.key(0)[1..]), None);
    }

    #[test]
    fn a_record_comes_back_whole_whatever_its_length() {
        for length in [0, 1, CHUNK_BYTES - 40, CHUNK_BYTES, 3 * CHUNK_BYTES + 1] {
            let delta: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut all = pairs(PLACE, &delta);
            all.extend(pairs(
                Place {
                    position: PLACE.position + 1,
                    ..PLACE
                },
                b"next",
            ));
            let records = read(all);
            assert_eq!(records.len(), 2);
            let first = records[0].as_ref().expect("whole");
            assert_eq!((first.delta(), first.place), (&delta[..], PLACE));
            assert_eq!(records[1].as_ref().expect("whole").delta(), b"next");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let whole = pairs(PLACE, b"some delta");
        let length = whole[0].as_ref().expect("one").1.len();
        for bit in 0..length * 8 {
            let mut damaged = whole.clone();
            damaged[0].as_mut().expect("one").1[bit / 8] ^= 1 << (bit % 8);
            assert!(read(damaged)[0].is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_missing_end_is_torn_and_a_missing_middle_is_damage() {
        let whole = pairs(PLACE, &[1; 3 * CHUNK_BYTES]);
        let torn = whole[..2].to_vec();
        assert_eq!(read(torn), [Err((PLACE, Fault::Torn))]);
        let mut holed = whole;
        drop(holed.remove(1));
        assert!(matches!(read(holed)[..], [Err((PLACE, Fault::Damaged(_)))]));
    }

    #[test]
    fn a_value_under_another_key_is_damage() {
        let mut moved = pairs(PLACE, b"x");
        moved[0].as_mut().expect("one").0 = Place {
            document: 8,
            ..PLACE
        }
        .key(0)
        .to_vec();
        assert!(matches!(read(moved)[..], [Err((_, Fault::Damaged(_)))]));
    }
}
