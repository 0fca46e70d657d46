//! Large deltas compressed: LZ4, in one block.

use super::varint::{DecodeError, Reader, Writer};

/// The first byte of a delta: what follows is how long it is, and that delta compressed.
const PACKED: u8 = 0x10;

/// What is smaller stays as it is.
pub(super) const PLAIN_MAX: usize = 1_023;

/// Bytes of memory that a compressed byte may come to, and what any input may.
const FACTOR: usize = 32;
const FREE: usize = 512 << 10;
/// Bytes of memory for a byte of what is counted.
const WEIGHT: usize = 24;

/// What may be counted in `plain` bytes that came out of `packed`; `None` when there are too many.
///
/// What is not compressed is bounded by its own length; here a few bytes could stand for many.
fn room(plain: usize, packed: usize) -> Option<usize> {
    let most = packed.saturating_mul(FACTOR).saturating_add(FREE);
    Some(most.checked_sub(plain)? / WEIGHT)
}

/// Compresses what begins at `start` and counts `weight`, if it is large, gets smaller and may be read then.
pub(super) fn pack(out: &mut Vec<u8>, start: usize, weight: usize) {
    let plain = &out[start..];
    if plain.len() <= PLAIN_MAX {
        return;
    }
    let block = lz4_flex::block::compress(plain);
    let mut packed = Writer::new();
    packed.byte(PACKED);
    packed.varint(plain.len() as u64);
    packed.raw(&block);
    let packed = packed.into_vec();
    let fits = room(plain.len(), packed.len()).is_some_and(|room| weight <= room);
    if packed.len() < plain.len() && fits {
        out.truncate(start);
        out.extend_from_slice(&packed);
    }
}

/// The bytes of a compressed delta and what they may count; `None` for those of any other.
pub(super) fn unpack(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, DecodeError> {
    let mut input = Reader::new(bytes);
    if bytes.first() != Some(&PACKED) {
        return Ok(None);
    }
    input.byte()?;
    let len = input.varint()?;
    let len = usize::try_from(len).map_err(|_| input.error("too much for its size"))?;
    if len <= PLAIN_MAX || bytes.len() >= len {
        return Err(input.error("compressed for nothing"));
    }
    let room = room(len, bytes.len()).ok_or_else(|| input.error("too much for its size"))?;
    let plain = lz4_flex::block::decompress(input.rest(), len);
    let plain = plain.map_err(|_| input.error("not compressed as it says"))?;
    if plain.len() != len {
        return Err(input.error("not compressed as it says"));
    }
    // One in another would not be bounded.
    if plain.first() == Some(&PACKED) {
        return Err(input.error("compressed twice"));
    }
    Ok(Some((plain, room)))
}
