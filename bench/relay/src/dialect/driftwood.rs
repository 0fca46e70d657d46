//! Driftwood's protocol, by the words of `driftwood-sync`.

use super::{Dialect, Heard, Saved};
use anyhow::{bail, Context, Result};
use bytes::{Buf as _, Bytes};
use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Hello, Level, Message, NodeId, Role, PROTOCOL_VERSIONS};

/// The client's number of its document.
const CHANNEL: u64 = 1;

/// The tag of a delta, as PROTOCOL.md has it: what most messages are is taken apart without a copy.
const DELTA: u8 = 0x04;

/// A client with one document.
pub struct Driftwood {
    document: DocumentName,
    replica: u64,
    /// What came of a large delta.
    parts: Vec<u8>,
}

impl Driftwood {
    pub fn new(room: &str, replica: u64) -> Self {
        Self {
            document: DocumentName::new(room).expect("rooms have short names"),
            replica,
            parts: Vec::new(),
        }
    }
}

impl Dialect for Driftwood {
    fn path(&self) -> String {
        "/sync".to_owned()
    }

    fn join(&self, held: &[u8]) -> Vec<Vec<u8>> {
        let hello = Message::Hello(Hello {
            version_min: PROTOCOL_VERSIONS.0,
            version_max: PROTOCOL_VERSIONS.1,
            role: Role::Client,
            node: NodeId(self.replica),
            token: None,
            agent: "bench".to_owned(),
        });
        let open = Message::Open {
            channel: CHANNEL,
            document: self.document.clone(),
            version: VersionVector::decode(held).expect("made by our own document"),
            own: Some(ReplicaId::new(self.replica)),
        };
        vec![hello.encode().to_vec(), open.encode().to_vec()]
    }

    fn change(&self, update: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(2 + update.len());
        message.extend_from_slice(&[DELTA, CHANNEL as u8]);
        message.extend_from_slice(update);
        message
    }

    fn offer(&mut self, update: Option<&[u8]>) -> Option<Vec<u8>> {
        update.map(|update| self.change(update))
    }

    fn hear(&mut self, mut message: Bytes) -> Result<Heard> {
        let mut heard = Heard::default();
        if message.first() == Some(&DELTA) {
            message.advance(1);
            while message
                .try_get_u8()
                .context("a delta without its channel")?
                >= 0x80
            {}
            heard.change = Some(message);
            return Ok(heard);
        }
        match Message::decode(&message)? {
            Message::Open { .. } => (heard.asks, heard.joined) = (true, true),
            Message::Ack {
                level: Level::Relay,
                version,
                ..
            } => {
                let seq = version.get(ReplicaId::new(self.replica));
                heard.saved = (seq > 0).then_some(Saved::Upto(seq));
            }
            Message::Part(part) => {
                if part.offset == 0 {
                    self.parts.clear();
                }
                if part.offset == self.parts.len() as u64 {
                    self.parts.extend_from_slice(&part.bytes);
                }
                let want = Message::Want {
                    channel: CHANNEL,
                    hash: part.hash,
                    offset: self.parts.len() as u64,
                };
                heard.answers.push(want.encode().to_vec());
                if self.parts.len() as u64 == part.total {
                    heard.change = Some(std::mem::take(&mut self.parts).into());
                }
            }
            Message::Ping { number } => {
                heard
                    .answers
                    .push(Message::Pong { number }.encode().to_vec());
            }
            Message::Error { code, value, .. } => bail!("the relay says {code} ({value})"),
            Message::Gap { .. } => bail!("the relay misses what came before"),
            _ => {}
        }
        Ok(heard)
    }
}
