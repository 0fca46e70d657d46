//! The Yjs sync protocol: as it is, with the document's name before each message (Hocuspocus), and with
//! y-sweet's paths.

use super::{Dialect, Heard, Saved};
use anyhow::{bail, ensure, Context, Result};
use bytes::{Buf as _, Bytes};

const SYNC: u64 = 0;
const AUTH: u64 = 2;
const SYNC_STATUS: u64 = 8;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

/// The state vector of an empty document, and an update that says nothing.
const EMPTY: &[u8] = &[0];
const NOTHING: &[u8] = &[0, 0];

/// Whose server it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// y-websocket's.
    Plain,
    /// Hocuspocus'.
    Named,
    /// y-sweet's.
    Sweet,
}

/// A client of a document.
pub struct Yjs {
    flavour: Flavour,
    room: String,
    /// How often it was said that something is saved, and how often that was not about an update.
    saved: u64,
    offered: u64,
}

impl Yjs {
    pub fn new(flavour: Flavour, room: &str) -> Self {
        Self {
            flavour,
            room: room.to_owned(),
            saved: 0,
            offered: 0,
        }
    }

    fn message(&self, kinds: &[u64], body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(body.len() + self.room.len() + 16);
        if self.flavour == Flavour::Named {
            write_bytes(&mut out, self.room.as_bytes());
        }
        for &kind in kinds {
            write_number(&mut out, kind);
        }
        write_bytes(&mut out, body);
        out
    }
}

impl Dialect for Yjs {
    fn path(&self) -> String {
        let room = &self.room;
        match self.flavour {
            Flavour::Plain | Flavour::Named => format!("/{room}"),
            Flavour::Sweet => format!("/d/{room}/ws/{room}"),
        }
    }

    fn join(&self, held: &[u8]) -> Vec<Vec<u8>> {
        let held = if held.is_empty() { EMPTY } else { held };
        let mut messages = Vec::new();
        if self.flavour == Flavour::Named {
            messages.push(self.message(&[AUTH, 0], b"token"));
        }
        messages.push(self.message(&[SYNC, STEP_1], held));
        messages
    }

    fn change(&self, update: &[u8]) -> Vec<u8> {
        self.message(&[SYNC, UPDATE], update)
    }

    fn offer(&mut self, update: Option<&[u8]>) -> Option<Vec<u8>> {
        self.offered += 1;
        Some(self.message(&[SYNC, STEP_2], update.unwrap_or(NOTHING)))
    }

    fn hear(&mut self, mut message: Bytes) -> Result<Heard> {
        let mut heard = Heard::default();
        if self.flavour == Flavour::Named {
            let name = read_bytes(&mut message)?;
            ensure!(name == self.room.as_bytes(), "a message for another room");
        }
        match read_number(&mut message)? {
            SYNC => match read_number(&mut message)? {
                STEP_1 => heard.asks = true,
                STEP_2 => {
                    heard.joined = true;
                    heard.change = Some(read_bytes(&mut message)?);
                }
                UPDATE => heard.change = Some(read_bytes(&mut message)?),
                other => bail!("sync message {other}"),
            },
            AUTH => ensure!(read_number(&mut message)? == 2, "not let in"),
            SYNC_STATUS => {
                ensure!(read_number(&mut message)? == 1, "an update was not taken");
                self.saved += 1;
                let updates = self.saved.saturating_sub(self.offered);
                heard.saved = (updates > 0).then_some(Saved::Messages(updates));
            }
            // Who else is there.
            _ => {}
        }
        Ok(heard)
    }
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn read_number(input: &mut Bytes) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = input.try_get_u8().context("a message that ends early")?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    bail!("a number that is too long")
}

fn read_bytes(input: &mut Bytes) -> Result<Bytes> {
    let length = read_number(input)? as usize;
    ensure!(length <= input.len(), "a message that ends early");
    Ok(input.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for flavour in [Flavour::Plain, Flavour::Named, Flavour::Sweet] {
            let mut yjs = Yjs::new(flavour, "room");
            let update = vec![7; 300];
            let heard = yjs.hear(yjs.change(&update).into()).expect("well-formed");
            assert_eq!(heard.change.as_deref(), Some(&update[..]));
            let first = yjs.join(&[]).pop().expect("it asks");
            assert!(yjs.hear(first.into()).expect("well-formed").asks);
            assert!(yjs.hear(vec![0x80].into()).is_err());
        }
    }
}
