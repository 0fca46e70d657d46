//! A saved document: the delta from nothing to all, with a checksum.

use super::delta::FORMAT;
use crate::{Delta, LoadError};

const MAGIC: &[u8; 4] = b"DWD\x1a";

/// Magic, format, checksum of what follows, delta.
pub(crate) fn save(whole: &Delta) -> Vec<u8> {
    let delta = whole.encode();
    let mut saved = Vec::with_capacity(delta.len() + 9);
    saved.extend_from_slice(MAGIC);
    saved.push(FORMAT);
    saved.extend_from_slice(&crc32fast::hash(&delta).to_le_bytes());
    saved.extend_from_slice(&delta);
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
    if crc32fast::hash(delta).to_le_bytes() != checksum {
        return Err(LoadError::Damaged);
    }
    Ok(Delta::decode(delta)?)
}
