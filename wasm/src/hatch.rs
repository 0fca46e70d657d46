//! The hatch: a piece of memory that both sides know.
//!
//! Short strings, in UTF-16, and short bytes are handed through it. So a keystroke and its delta allocate nothing on
//! their way. What is longer goes the general way.

use std::cell::RefCell;

use driftwood_crdt::Value;
use wasm_bindgen::prelude::*;

/// How many bytes it has; `ts/hatch.ts` says the same.
const BYTES: usize = 512;

/// Aligned for code units.
#[repr(align(8))]
struct Hatch([u8; BYTES]);

thread_local! {
    static HATCH: RefCell<Hatch> = const { RefCell::new(Hatch([0; BYTES])) };
    /// Room for bytes on their way, which is used again.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What did not fit.
    static LONG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where it is in the module's memory. It stays there.
#[wasm_bindgen]
pub fn hatch() -> *const u8 {
    HATCH.with_borrow(|hatch| hatch.0.as_ptr())
}

/// The bytes that did not fit, once.
#[wasm_bindgen(js_name = takeLong)]
pub fn take_long() -> Vec<u8> {
    LONG.take()
}

/// Calls with the first bytes. Whoever is called may use the hatch.
pub(crate) fn with_bytes<R>(len: usize, take: impl FnOnce(&[u8]) -> R) -> R {
    let mut room = ROOM.take();
    room.clear();
    HATCH.with_borrow(|hatch| room.extend_from_slice(&hatch.0[..len.min(BYTES)]));
    let taken = take(&room);
    ROOM.set(room);
    taken
}

/// Hands out the bytes that are put, and gives their length: the other side takes what is longer than the hatch by
/// [`take_long`].
pub(crate) fn hand_out(put: impl FnOnce(&mut Vec<u8>)) -> usize {
    let mut room = ROOM.take();
    room.clear();
    put(&mut room);
    let len = room.len();
    if len > BYTES {
        LONG.set(room);
        return len;
    }
    HATCH.with_borrow_mut(|hatch| hatch.0[..len].copy_from_slice(&room));
    ROOM.set(room);
    len
}

/// The code units from `start` on.
fn units(hatch: &Hatch, start: usize, len: usize) -> impl Iterator<Item = u16> + '_ {
    let pairs = hatch.0.chunks_exact(2).skip(start).take(len);
    pairs.map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// The string of `len` code units from `start` on; `None` if it has half a surrogate pair.
pub(crate) fn string(start: usize, len: usize) -> Option<String> {
    HATCH.with_borrow(|hatch| {
        char::decode_utf16(units(hatch, start, len))
            .collect::<Result<_, _>>()
            .ok()
    })
}

/// As [`string`] of the first code units; a single character takes no memory.
pub(crate) fn with_str<R>(len: usize, take: impl FnOnce(&str) -> R) -> Option<R> {
    if len != 1 {
        return Some(take(&string(0, len)?));
    }
    let unit = HATCH.with_borrow(|hatch| units(hatch, 0, 1).next())?;
    let character = char::from_u32(unit.into())?;
    Some(take(character.encode_utf8(&mut [0; 4])))
}

/// Hands out a string, if it fits, and gives its length in code units.
pub(crate) fn hand_out_str(text: &str) -> Option<usize> {
    // Of UTF-8 no byte is more than one code unit.
    if text.len() > BYTES / 2 {
        return None;
    }
    HATCH.with_borrow_mut(|hatch| {
        let mut len = 0;
        for (pair, unit) in hatch.0.chunks_exact_mut(2).zip(text.encode_utf16()) {
            pair.copy_from_slice(&unit.to_le_bytes());
            len += 1;
        }
        Some(len)
    })
}

/// A value of the kinds that come most: what `handIn` in `ts/hatch.ts` says it is, its string from `start` on.
#[allow(clippy::cast_sign_loss, reason = "the facade gives a length")]
pub(crate) fn value(start: usize, tag: u8, number: f64) -> Option<Value> {
    Some(match tag {
        0 => Value::Null,
        1 => Value::Bool(number != 0.0),
        2 => crate::convert::number(number),
        _ => Value::String(string(start, number as usize)?),
    })
}
