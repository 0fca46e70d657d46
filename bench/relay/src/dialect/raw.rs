//! The raw servers' protocol: a byte that says what comes, and bytes.

use super::{Dialect, Heard, Saved};
use anyhow::{bail, Context, Result};
use bytes::{Buf as _, Bytes};

/// A change, either way.
pub const CHANGE: u8 = 0;
/// From the server: all messages of yours up to this number (u64, least first) are on disk.
pub const SAVED: u8 = 1;
/// From the server: everything that was here when you came has been sent.
pub const JOINED: u8 = 2;

/// A client of a room.
pub struct Raw {
    room: String,
}

impl Raw {
    pub fn new(room: &str) -> Self {
        Self {
            room: room.to_owned(),
        }
    }
}

impl Dialect for Raw {
    fn path(&self) -> String {
        format!("/{}", self.room)
    }

    fn join(&self, _held: &[u8]) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn change(&self, update: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(1 + update.len());
        message.push(CHANGE);
        message.extend_from_slice(update);
        message
    }

    fn offer(&mut self, update: Option<&[u8]>) -> Option<Vec<u8>> {
        update.map(|update| self.change(update))
    }

    fn hear(&mut self, mut message: Bytes) -> Result<Heard> {
        let mut heard = Heard::default();
        match message.try_get_u8().context("an empty message")? {
            CHANGE => heard.change = Some(message),
            SAVED => heard.saved = Some(Saved::Messages(message.try_get_u64_le()?)),
            JOINED => (heard.asks, heard.joined) = (true, true),
            other => bail!("message {other}"),
        }
        Ok(heard)
    }
}
