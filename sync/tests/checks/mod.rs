//! What must hold whatever the bytes: the targets in `fuzz/` call this with what they make up, and
//! `crashes.rs` with all that was ever found.

// The code under test takes time as an input; how long it takes itself is what is measured here.
#![allow(clippy::disallowed_types)]

use std::time::{Duration, Instant};

use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
use driftwood_sync::{
    Config, DocumentName, Hello, Input, LinkId, LinkKind, Message, Node, NodeId, Output, Part,
    Role, Time, PROTOCOL_VERSIONS,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes of memory that a byte of input may take, and what any input may take besides.
const FACTOR: usize = 16;
const FREE: usize = 1 << 20;
const TIME: Duration = Duration::from_millis(100);

fn bounded<T>(len: usize, factor: usize, call: impl Fn() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut started = Instant::now();
    let mut result = call();
    let mut time = started.elapsed();
    let bytes = MEMORY.peak_usage().saturating_sub(before);
    assert!(bytes <= factor * len + FREE, "{bytes} bytes for {len}");
    // The machine may have been busy with something else, but not every time.
    for _ in 0..4 {
        if time <= TIME {
            break;
        }
        started = Instant::now();
        result = call();
        time = started.elapsed();
    }
    let max = TIME * (len / (64 << 10) + 1) as u32;
    assert!(time <= max, "{time:?} for {len} bytes");
    result
}

/// A message has one encoding.
pub(crate) fn message(bytes: &[u8]) {
    let decode = || Message::decode(bytes);
    if let Ok(message) = bounded(bytes.len(), FACTOR, decode) {
        assert!(*message.encode() == *bytes, "another encoding");
    }
}

/// What two links do to a relay: see [`Step::read`].
pub(crate) fn parts(bytes: &[u8]) {
    bounded(bytes.len(), PARTS_FACTOR, || {
        let mut relay = Relay::new();
        let mut rest = bytes;
        while let Some(step) = Step::read(&mut rest) {
            relay.step(step);
        }
        relay.check();
    });
}

/// Two bytes make a relay hold, and offer to others, a delta of 2 KB.
const PARTS_FACTOR: usize = 16 << 10;

/// What one or two bytes and what follows them make happen.
#[derive(Clone, Copy)]
enum Step<'a> {
    /// A message of whatever bytes.
    Raw(u64, &'a [u8]),
    /// A part of a real delta, at a place, under the right hash or another.
    Part(u64, u8, u8, bool),
    /// The link breaks and comes back.
    Again(u64),
    /// Seconds pass.
    Wait(u8),
    /// The store has written all.
    Flush,
}

impl<'a> Step<'a> {
    fn read(rest: &mut &'a [u8]) -> Option<Self> {
        let mut byte = || {
            let (&first, left) = rest.split_first()?;
            *rest = left;
            Some(first)
        };
        let first = byte()?;
        let link = u64::from(first >> 7);
        Some(match first & 7 {
            0 | 5 | 6 | 7 => {
                let len = usize::from(byte()?).min(rest.len());
                let (raw, left) = rest.split_at(len);
                *rest = left;
                Self::Raw(link, raw)
            }
            1 => Self::Part(link, byte()?, byte()?, first & 8 != 0),
            2 => Self::Again(link),
            3 => Self::Wait(byte()?),
            _ => Self::Flush,
        })
    }
}

struct Relay {
    node: Node,
    now: Time,
    links: [LinkId; 2],
    last: u64,
    delta: Vec<u8>,
    to: VersionVector,
    stored: VersionVector,
}

fn notes() -> DocumentName {
    DocumentName::new("notes").expect("a short name")
}

impl Relay {
    fn new() -> Self {
        let mut config = Config::new(Role::Relay, NodeId(1));
        config.limits.chunk_bytes = 300;
        config.limits.part_bytes = 100;
        config.limits.window_bytes = 400;
        config.limits.delta_bytes = 4_000;
        config.limits.assembly_bytes = 6_000;
        let mut doc = Doc::new(ReplicaId::new(7));
        let mut edit = doc.edit(1);
        let text = "driftwood ".repeat(200);
        edit.text("body").insert(0, &text).expect("at the start");
        let delta = edit.commit();
        let mut relay = Self {
            node: Node::new(config),
            now: Time::from_millis(1_000),
            links: [LinkId(0), LinkId(1)],
            last: 1,
            delta: delta.encode(),
            to: delta.to().clone(),
            stored: VersionVector::new(),
        };
        relay.connect(0);
        relay.connect(1);
        relay
    }

    fn connect(&mut self, side: u64) {
        self.last += 1;
        let link = LinkId(self.last);
        self.links[side as usize] = link;
        self.handle(Input::Connected {
            link,
            kind: LinkKind::Down,
        });
        let (version_min, version_max) = PROTOCOL_VERSIONS;
        let hello = Message::Hello(Hello {
            version_min,
            version_max,
            role: Role::Client,
            node: NodeId(10 + side),
            token: None,
            agent: "test".to_owned(),
        });
        self.receive(side, &hello.encode());
        let open = Message::Open {
            channel: 1,
            document: notes(),
            version: VersionVector::new(),
            own: None,
        };
        self.receive(side, &open.encode());
    }

    fn receive(&mut self, side: u64, bytes: &[u8]) {
        self.handle(Input::Received {
            link: self.links[side as usize],
            bytes: bytes.to_vec(),
        });
    }

    fn handle(&mut self, input: Input) {
        let outputs: Vec<Output> = self.node.handle(self.now, input).collect();
        for output in outputs {
            match output {
                Output::Store {
                    delta, from, to, ..
                } => {
                    let delta = Delta::decode(&delta).expect("what is stored was validated");
                    assert!(*delta.from() == from && *delta.to() == to);
                    self.stored.merge(&to);
                }
                Output::Load { link, document, .. } => {
                    let deltas = Vec::new();
                    self.handle(Input::Loaded {
                        link,
                        document,
                        deltas,
                    });
                }
                Output::Send { frame, .. } => {
                    Message::decode(&frame).expect("what is sent can be read");
                }
                _ => {}
            }
        }
    }

    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Raw(side, raw) => self.receive(side, raw),
            Step::Part(side, from, len, damaged) => {
                let total = self.delta.len();
                let offset = usize::from(from) * 8 % total;
                let end = (offset + 1 + usize::from(len) * 9).min(total);
                let part = Message::Part(Part {
                    channel: 1,
                    hash: hash(&self.delta) ^ u64::from(damaged),
                    total: total as u64,
                    offset: offset as u64,
                    bytes: self.delta[offset..end].into(),
                });
                self.receive(side, &part.encode());
            }
            Step::Again(side) => {
                let link = self.links[side as usize];
                self.handle(Input::Disconnected { link });
                self.connect(side);
            }
            Step::Wait(seconds) => {
                self.now = self.now + Duration::from_secs(u64::from(seconds));
                self.handle(Input::Tick);
            }
            Step::Flush => {
                let (document, version) = (notes(), self.stored.clone());
                self.handle(Input::Flushed { document, version });
            }
        }
    }

    /// Whatever was said before: two links that come anew can still bring the delta.
    fn check(&mut self) {
        if let Some((held, total)) = self.node.receiving(&notes()) {
            assert!(held <= total);
        }
        if !self.stored.is_empty() {
            return;
        }
        self.now = self.now + Duration::from_secs(3_600);
        self.handle(Input::Tick);
        self.step(Step::Again(1));
        self.step(Step::Again(0));
        for from in (0..=255).step_by(8) {
            self.step(Step::Part(0, from, 8, false));
        }
        assert_eq!(self.stored, self.to, "it cannot be brought any more");
    }
}

/// FNV-1a, as PROTOCOL.md has it.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
