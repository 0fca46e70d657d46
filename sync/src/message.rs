//! The messages of protocol version 1. Their bytes are `wire`'s business.

use std::sync::Arc;

use driftwood_crdt::{Dot, ReplicaId, VersionVector};

use crate::sketch::Symbol;
use crate::{DocumentName, ErrorCode, Level, Mark, NodeId, PeerId, RelayId, Role, Token};

/// The oldest and the newest version of the protocol that this crate speaks.
pub const PROTOCOL_VERSIONS: (u64, u64) = (1, 1);

/// The sender's own number of a document, the same on all its links.
pub type Channel = u64;

/// The first message in either direction.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// The oldest version of the protocol the sender speaks; this message is laid out in it.
    pub version_min: u64,
    /// The newest version it speaks.
    pub version_max: u64,
    /// What the sender is.
    pub role: Role,
    /// Its process.
    pub node: NodeId,
    /// What it shows to log in.
    pub token: Option<Vec<u8>>,
    /// Its name and version, for the log.
    pub agent: String,
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("versions", &(self.version_min, self.version_max))
            .field("role", &self.role)
            .field("node", &self.node)
            .field("token", &self.token.as_ref().map(|_| "..."))
            .field("agent", &self.agent)
            .finish()
    }
}

/// A document as a relay lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The number of its latest update there.
    pub number: u64,
    /// Which document.
    pub document: DocumentName,
    /// The digest of the version that is durable there.
    pub digest: u64,
}

/// What changed at a relay, or some of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The number that was asked for: all of these are higher.
    pub after: u64,
    /// All documents with a number beyond `after` up to this one are here.
    pub upto: u64,
    /// Whether there are documents with higher ones.
    pub more: bool,
    /// By ascending number.
    pub documents: Vec<Listed>,
}

/// Some symbols of the set of all that a relay stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbols {
    /// Under what the documents are hashed.
    pub secret: [u64; 2],
    /// The highest number that was given out when they were taken.
    pub number: u64,
    /// The place of the first one.
    pub from: u64,
    /// These; none if there will be no more.
    pub symbols: Vec<Symbol>,
}

/// What a relay knows of documents that were deleted for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Which relay it is.
    pub relay: RelayId,
    /// The sum of what all its marks hash to.
    pub digest: u64,
    /// Some of them; none asks for those that the sender may not know.
    pub marks: Vec<Mark>,
}

/// Some of the bytes of a large delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The sender's number of the document.
    pub channel: Channel,
    /// FNV-1a of all the bytes: which delta it is.
    pub hash: u64,
    /// How many bytes there are.
    pub total: u64,
    /// Where these begin; they end within `total`, and there is at least one.
    pub offset: u64,
    /// These.
    pub bytes: Arc<[u8]>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Who I am. First, and only once.
    Hello(Hello),
    /// I hold `version` of this document and call it `channel`: give me the rest, and go on.
    Open {
        /// The sender's number of it.
        channel: Channel,
        /// Its name.
        document: DocumentName,
        /// What the sender holds.
        version: VersionVector,
        /// The replica under which the sender writes there, if it does.
        own: Option<ReplicaId>,
    },
    /// I no longer take part; `channel` is free.
    Shut {
        /// The sender's number of the document.
        channel: Channel,
    },
    /// A piece of state.
    Delta {
        /// The sender's number of the document.
        channel: Channel,
        /// Its bytes, in the data format of the crdt crate.
        delta: Arc<[u8]>,
    },
    /// Some of a large delta.
    Part(Part),
    /// Send more of that delta, from here.
    Want {
        /// The sender's number of the document.
        channel: Channel,
        /// Which delta.
        hash: u64,
        /// How much of it is here.
        offset: u64,
    },
    /// This much is saved.
    Ack {
        /// The sender's number of the document.
        channel: Channel,
        /// Where: [`Level::Relay`] or [`Level::Replicated`].
        level: Level,
        /// What.
        version: VersionVector,
    },
    /// Your delta starts beyond what I hold: send again from here.
    Gap {
        /// The sender's number of the document.
        channel: Channel,
        /// What the sender holds.
        version: VersionVector,
    },
    /// Something you sent cannot be.
    Error {
        /// What is wrong.
        code: ErrorCode,
        /// The *receiver's* number of the document it is about, since the sender may have none.
        about: Option<Channel>,
        /// The number that belongs to the code.
        value: u64,
    },
    /// I dropped what your delta hangs on: send me these elements and their ancestors.
    NeedSkeleton {
        /// The sender's number of the document.
        channel: Channel,
        /// The missing elements; empty means all.
        dots: Vec<Dot>,
    },
    /// Between relays: which of your documents have a number above this one?
    Since {
        /// Your number.
        after: u64,
    },
    /// Between relays: these.
    Changes(Changes),
    /// Between relays: give me symbols of all that you store.
    Survey {
        /// How many of them I have.
        from: u64,
        /// The number under which they were taken.
        number: u64,
    },
    /// Between relays: here they are.
    Symbols(Symbols),
    /// Between relays: all that your symbols stand for is here as well, but these.
    Unmatched {
        /// The number under which the symbols were taken.
        number: u64,
        /// The highest number of my own that was given out when I compared.
        head: u64,
        /// Your items that I do not have, ascending.
        items: Vec<u64>,
    },
    /// Between relays: what was deleted for good.
    Marks(Marks),
    /// Somebody's presence.
    Presence {
        /// The sender's number of the document.
        channel: Channel,
        /// Whose presence it is.
        peer: PeerId,
        /// Grows with every announcement of that peer, so that the newest one wins on every path.
        count: u64,
        /// What is announced; `None` when they leave.
        state: Option<Arc<[u8]>>,
    },
    /// A token: of a relay that was dialled, or a new one in place of one that is about to expire.
    Login {
        /// What is shown.
        token: Token,
    },
    /// Are you there?
    Ping {
        /// Comes back in the answer.
        number: u64,
    },
    /// I am.
    Pong {
        /// The number of the ping.
        number: u64,
    },
}

impl Message {
    /// The sender's number of the document it is about; none for what is about the link, or about all
    /// documents. An error is about the receiver's number: see [`Output::Send`](crate::Output::Send).
    pub fn channel(&self) -> Option<Channel> {
        match self {
            Self::Open { channel, .. }
            | Self::Shut { channel }
            | Self::Delta { channel, .. }
            | Self::Part(Part { channel, .. })
            | Self::Want { channel, .. }
            | Self::Ack { channel, .. }
            | Self::Gap { channel, .. }
            | Self::NeedSkeleton { channel, .. }
            | Self::Presence { channel, .. } => Some(*channel),
            Self::Hello(_)
            | Self::Login { .. }
            | Self::Error { .. }
            | Self::Since { .. }
            | Self::Changes(_)
            | Self::Survey { .. }
            | Self::Symbols(_)
            | Self::Unmatched { .. }
            | Self::Marks(_)
            | Self::Ping { .. }
            | Self::Pong { .. } => None,
        }
    }
}
