//! The Driftwood sync protocol as a state machine without IO.
//!
//! A [`Node`] is told what happened ([`Input`]) and when ([`Time`]), and answers what to do
//! ([`Output`]). A relay, a browser tab and a terminal all drive the same node; what differs is the
//! shell around it. It reads no clock, draws no random numbers and never looks into a document: it
//! moves encoded deltas by their version vectors. PROTOCOL.md has the messages and the rules.
//!
//! A client and a relay in one process:
//!
//! ```
//! use std::collections::VecDeque;
//! use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
//! use driftwood_sync::{
//!     Config, DocumentName, Input, Level, LinkId, LinkKind, Node, NodeId, Output, Role, Time,
//! };
//!
//! let now = Time::from_millis(1_000);
//! let notes = DocumentName::new("notes")?;
//! let replica = ReplicaId::new(7);
//! let mut doc = Doc::new(replica);
//! let mut client = Node::new(Config::new(Role::Client, NodeId(1)));
//! let mut relay = Node::new(Config::new(Role::Relay, NodeId(2)));
//! let mut stored = Vec::new(); // what the relay keeps
//!
//! // The client has a document open and commits a change; then a link comes up.
//! let mut edit = doc.edit(now.as_millis());
//! edit.text("body").insert(0, "hello")?;
//! let delta = edit.commit().encode().into();
//! let (document, version) = (notes.clone(), VersionVector::new());
//! let (link, kind) = (LinkId(1), LinkKind::Up);
//! let mut to_client = VecDeque::from([
//!     Input::Open { document: document.clone(), version, own: Some(replica) },
//!     Input::Local { document, delta },
//!     Input::Connected { link, kind },
//! ]);
//! let mut to_relay = VecDeque::from([Input::Connected { link, kind: LinkKind::Down }]);
//!
//! // The two shells: each carries out what its node says.
//! while !(to_client.is_empty() && to_relay.is_empty()) {
//!     if let Some(input) = to_client.pop_front() {
//!         for output in client.handle(now, input).collect::<Vec<_>>() {
//!             match output {
//!                 Output::Send { link, frame, .. } => {
//!                     to_relay.push_back(Input::Received { link, bytes: frame.to_vec() });
//!                 }
//!                 // A real client writes to its disk first.
//!                 Output::Store { document, to, .. } => {
//!                     to_client.push_back(Input::Flushed { document, version: to });
//!                 }
//!                 Output::Load { link, document, since, anchors } => {
//!                     let deltas = vec![doc.delta_with_anchors(&since, &anchors).encode().into()];
//!                     to_client.push_back(Input::Loaded { link, document, deltas });
//!                 }
//!                 _ => {}
//!             }
//!         }
//!     }
//!     if let Some(input) = to_relay.pop_front() {
//!         for output in relay.handle(now, input).collect::<Vec<_>>() {
//!             match output {
//!                 Output::Send { link, frame, .. } => {
//!                     to_client.push_back(Input::Received { link, bytes: frame.to_vec() });
//!                 }
//!                 Output::Store { document, delta, to, .. } => {
//!                     stored.push(delta);
//!                     to_relay.push_back(Input::Flushed { document, version: to });
//!                 }
//!                 _ => {}
//!             }
//!         }
//!     }
//! }
//!
//! // The relay has it, and the client knows.
//! let mut copy = Doc::new(ReplicaId::new(8));
//! copy.merge(&Delta::decode(&stored[0])?)?;
//! assert_eq!(copy.text("body").to_string(), "hello");
//! assert_eq!(&client.saved(&notes, Level::Relay), doc.version());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ack;
mod assembly;
mod backoff;
mod config;
mod conflict;
mod document;
mod error;
mod exchange;
mod feed;
mod few;
mod frames;
mod gossip;
mod input;
mod limits;
mod link;
mod loading;
mod login;
mod mark;
mod message;
mod name;
mod node;
mod opening;
mod outbox;
mod output;
mod presence;
mod purge;
mod rate;
mod rights;
mod session;
mod sketch;
mod storage;
mod survey;
mod time;
mod timer;
mod transfer;
mod wire;

pub use backoff::Backoff;
pub use config::{Config, Role};
pub use error::{ErrorCode, ProtocolError, Reporter};
pub use input::{Input, LinkKind};
pub use limits::{Allowance, Limits, Pace};
pub use mark::{Mark, MarkId, RelayId};
pub use message::{
    Changes, Channel, Hello, Listed, Marks, Message, Part, Symbols, PROTOCOL_VERSIONS,
};
pub use name::{DocumentName, LinkId, NameError, NodeId, PeerId, NAME_BYTES_MAX};
pub use node::{LinkInfo, Node};
pub use output::{Frame, Level, Output};
pub use rights::{Grant, Right, Rights, Scope, Token};
pub use sketch::Symbol;
pub use time::Time;
pub use wire::WireError;
