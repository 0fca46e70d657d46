//! What a client says to each kind of server, and what it understands.

mod driftwood;
mod raw;
mod yjs;

use anyhow::Result;
use bytes::Bytes;

pub use driftwood::Driftwood;
pub use raw::{Raw, CHANGE as RAW_CHANGE, JOINED as RAW_JOINED, SAVED as RAW_SAVED};
pub use yjs::{Flavour as YjsFlavour, Yjs};

/// A change as it travels.
#[derive(Clone)]
pub struct Update {
    /// Its bytes, in the format of the document.
    pub bytes: Bytes,
    /// How many changes of its author there are with it, as the document counts them.
    pub upto: u64,
}

/// What a message of a server means.
#[derive(Default)]
pub struct Heard {
    /// Something changed in the document.
    pub change: Option<Bytes>,
    /// So much of what this client sent is saved.
    pub saved: Option<Saved>,
    /// The server wants what it lacks.
    pub asks: bool,
    /// What the document held when this client came has come.
    pub joined: bool,
    /// What to answer.
    pub answers: Vec<Vec<u8>>,
}

/// How a server says what is saved.
#[derive(Clone, Copy)]
pub enum Saved {
    /// All messages up to this one.
    Messages(u64),
    /// All changes up to this one: [`Update::upto`].
    Upto(u64),
}

/// One client's side of a protocol.
pub trait Dialect {
    /// Where the document is.
    fn path(&self) -> String;

    /// What a client says first that holds this much of the document.
    fn join(&self, held: &[u8]) -> Vec<Vec<u8>>;

    /// The message that brings a change.
    fn change(&self, update: &[u8]) -> Vec<u8>;

    /// The message that brings what the server asked for, if it waits for one; `None` is nothing.
    fn offer(&mut self, update: Option<&[u8]>) -> Option<Vec<u8>>;

    /// What came.
    fn hear(&mut self, message: Bytes) -> Result<Heard>;
}
