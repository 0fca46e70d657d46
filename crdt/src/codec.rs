//! Bytes: a canonical, bounded, little-endian varint encoding and what is written in it.
//!
//! Types do not know their bytes; this module imports them. A reader never panics, and never
//! allocates more than a small multiple of the bytes that are present. What is encoded has one
//! encoding, and nothing else decodes; PROTOCOL.md gives it as formulas.

mod check;
mod delta;
mod entries;
mod items;
mod names;
mod packed;
mod removals;
mod runs;
mod snapshot;
mod step;
mod value;
mod varint;

pub(crate) use delta::{Full, STROKE};
pub(crate) use snapshot::{load, save};
pub(crate) use step::{Keystroke, Made, Step, Thing};
pub use varint::{DecodeError, Reader, Writer};
