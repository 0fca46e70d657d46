//! A journal as bytes.

use crate::checksum::crc32;
use crate::ordered::BTreeSet;

use super::{erased_by, Entry, Journal, JournalError, NamedVersion};
use crate::codec::{DecodeError, Reader, Writer};
use crate::{limits, Delta, DotSet, LoadError, Minute, VersionVector};

const MAGIC: &[u8; 4] = b"DWJ\x1a";
const FORMAT: u8 = 1;

/// The fewest bytes of a recorded delta with its length, and of a named version.
const ENTRY_BYTES: usize = 8;
const NAME_BYTES: usize = 3;

impl Journal {
    /// The journal as bytes with a checksum, for [`Self::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.bytes(&self.base.bytes);
        out.varint(self.entries.len() as u64);
        self.entries
            .iter()
            .for_each(|entry| out.bytes(&entry.bytes));
        out.varint(self.names.len() as u64);
        for NamedVersion {
            label,
            version,
            minute,
        } in &self.names
        {
            out.str(label);
            version.write(&mut out);
            out.varint(u64::from(minute.get()));
        }
        let content = out.into_vec();
        let mut bytes = Vec::with_capacity(content.len() + 9);
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&crc32(&[&content]).to_le_bytes());
        bytes.extend_from_slice(&content);
        bytes
    }

    /// Reads what [`Self::to_bytes`] gave. The time and memory it takes are bounded by the number of
    /// bytes.
    ///
    /// # Errors
    /// [`JournalError::Load`] when the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JournalError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(LoadError::NotADocument)?;
        let (&format, rest) = rest.split_first().ok_or(LoadError::Damaged)?;
        if format > FORMAT {
            return Err(JournalError::Load(LoadError::FormatTooNew {
                found: format,
                newest: FORMAT,
            }));
        }
        let (checksum, content) = rest.split_at_checked(4).ok_or(LoadError::Damaged)?;
        if format != FORMAT || crc32(&[content]).to_le_bytes() != checksum {
            return Err(JournalError::Load(LoadError::Damaged));
        }
        let mut input = Reader::new(content);
        let journal = read(&mut input).map_err(LoadError::Decode)?;
        input.finish().map_err(LoadError::Decode)?;
        Ok(journal)
    }
}

fn read(input: &mut Reader<'_>) -> Result<Journal, DecodeError> {
    let mut version = VersionVector::new();
    let mut erased = DotSet::new();
    let (base, _) = read_entry(input, &mut version, &mut erased)?;
    let max = usize::MAX;
    let entries = input.many(max, "too many deltas", ENTRY_BYTES, |input, _| {
        let (entry, news) = read_entry(input, &mut version, &mut erased)?;
        if !news {
            return Err(input.error("a delta that brings nothing"));
        }
        Ok(entry)
    })?;
    let mut labels = BTreeSet::new();
    let names = input.many(max, "too many names", NAME_BYTES, |input, _| {
        let label = input.str()?;
        if label.len() > limits::KEY_BYTES_MAX {
            return Err(input.over("label too long", limits::KEY_BYTES_MAX));
        }
        if !labels.insert(label) {
            return Err(input.error("a label twice"));
        }
        let label = label.to_owned();
        let version = VersionVector::read(input)?;
        let minutes = u32::try_from(input.varint()?);
        let minutes = minutes.map_err(|_| input.error("minute over 32 bits"))?;
        Ok(NamedVersion {
            label,
            version,
            minute: Minute::new(minutes),
        })
    })?;
    Ok(Journal {
        base,
        entries,
        version,
        names,
        erased,
    })
}

/// A recorded delta, and whether it brings something new.
fn read_entry(
    input: &mut Reader<'_>,
    version: &mut VersionVector,
    erased: &mut DotSet,
) -> Result<(Entry, bool), DecodeError> {
    let bytes = input.bytes()?;
    let delta = Delta::decode(bytes)?;
    if !version.includes(&delta.from) {
        return Err(input.error("a delta is missing"));
    }
    let news = !version.includes(&delta.to);
    version.merge(&delta.to);
    erased.extend(&erased_by(&delta));
    let entry = Entry {
        to: delta.to,
        bytes: bytes.to_vec(),
    };
    Ok((entry, news))
}
