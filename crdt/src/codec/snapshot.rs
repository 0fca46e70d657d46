//! A saved document: the delta from nothing to all, with a checksum.

use crate::checksum::crc32;
use crate::{Delta, LoadError};

/// The format that this version writes, and the newest it reads.
const FORMAT: u8 = 1;
const MAGIC: &[u8; 4] = b"DWD\x1a";

/// Magic, format, checksum of what follows, and the delta, which `write` appends.
pub(crate) fn save(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut saved = MAGIC.to_vec();
    saved.push(FORMAT);
    saved.extend_from_slice(&[0; 4]);
    let start = saved.len();
    write(&mut saved);
    let checksum = crc32(&[&saved[start..]]);
    saved[start - 4..start].copy_from_slice(&checksum.to_le_bytes());
    saved
}

pub(crate) fn load(saved: &[u8]) -> Result<Delta, LoadError> {
    let rest = saved.strip_prefix(MAGIC).ok_or(LoadError::NotADocument)?;
    let (&format, rest) = rest.split_first().ok_or(LoadError::Damaged)?;
    if format > FORMAT {
        return Err(LoadError::FormatTooNew {
            found: format,
            newest: FORMAT,
        });
    }
    if format != FORMAT {
        return Err(LoadError::Damaged);
    }
    let (checksum, delta) = rest.split_at_checked(4).ok_or(LoadError::Damaged)?;
    if crc32(&[delta]).to_le_bytes() != checksum {
        return Err(LoadError::Damaged);
    }
    Ok(Delta::decode(delta)?)
}
