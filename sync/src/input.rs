//! What the shell tells a node.

use std::net::IpAddr;
use std::sync::Arc;

use driftwood_crdt::{Dot, ReplicaId, VersionVector};

use crate::{Channel, DocumentName, ErrorCode, LinkId, Mark, MarkId, Rights, Token};

/// What a link leads to, as far as the shell knows when it comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// We dialled a relay, as a client.
    Up,
    /// Somebody dialled us. A relay that is dialled by another relay learns so from the hello and
    /// treats the link as [`LinkKind::Mesh`] from then on.
    Down,
    /// Relay to relay, either way.
    Mesh,
    /// A sibling: another tab of the same browser.
    Tab,
}

/// One event from outside. The node answers with [`Output`](crate::Output)s.
#[derive(Clone, Debug)]
pub enum Input {
    /// We hold this much of a document, durably, and take part in it.
    ///
    /// A relay opens everything it stores when it starts; what it does not know yet it opens by
    /// itself when a peer asks for it. Opening a document again raises its version and replaces
    /// `own`: that is how a client goes on after [`Output::Forked`](crate::Output::Forked).
    Open {
        /// Which document.
        document: DocumentName,
        /// What is held, durably.
        version: VersionVector,
        /// The replica that writes here; none on a relay.
        own: Option<ReplicaId>,
    },
    /// We no longer take part in this document.
    Shut {
        /// Which document.
        document: DocumentName,
    },
    /// What was stored for [`Output::Mark`](crate::Output::Mark): to be told at the start, before any
    /// document. Relays only.
    Mark {
        /// It.
        mark: Mark,
    },
    /// A document is to be deleted for good on all relays, or may be there again. Whether it is so,
    /// [`Node::mark`](crate::Node::mark) says. Relays only.
    Purge {
        /// Which document.
        document: DocumentName,
        /// Whether it may be there again.
        lift: bool,
    },
    /// The answer to [`Output::Purge`](crate::Output::Purge), after all answers that were asked for
    /// before it.
    Purged {
        /// Of what nothing is left.
        ids: Vec<MarkId>,
    },
    /// A link came up.
    Connected {
        /// Its number, never used before.
        link: LinkId,
        /// What it leads to.
        kind: LinkKind,
    },
    /// Who is at the other end of a link, as far as the network knows; it counts for
    /// [`Limits::address`](crate::Limits). To be told after `Connected`, if at all.
    Address {
        /// Its number.
        link: LinkId,
        /// Their address.
        address: IpAddr,
    },
    /// The answer to [`Output::Login`](crate::Output::Login): who they are and what they may do.
    Admitted {
        /// Which link.
        link: LinkId,
        /// What follows from their token.
        rights: Rights,
    },
    /// The other answer to [`Output::Login`](crate::Output::Login): they may not come in.
    Denied {
        /// Which link.
        link: LinkId,
    },
    /// A new token of our own, in place of [`Config::token`](crate::Config) and of one that is about to
    /// expire: it is shown at once on links that we dialled, and on those to come.
    Token {
        /// What to show.
        token: Token,
    },
    /// A replica id belongs to this principal. To be told at the start of what was once stored for
    /// [`Output::Bind`](crate::Output::Bind).
    Bound {
        /// The document it writes in.
        document: DocumentName,
        /// The id.
        replica: ReplicaId,
        /// Whose it is.
        principal: Arc<str>,
    },
    /// A link went down. Also to be told, harmlessly, after [`Output::Disconnect`](crate::Output::Disconnect).
    Disconnected {
        /// Its number.
        link: LinkId,
    },
    /// One whole message came.
    Received {
        /// From where.
        link: LinkId,
        /// The payload of one binary frame.
        bytes: Vec<u8>,
    },
    /// A text frame came, which this protocol never uses.
    ReceivedText {
        /// From where.
        link: LinkId,
    },
    /// A local commit, already merged into the host's document: to store, then to send.
    Local {
        /// Which document.
        document: DocumentName,
        /// The encoded delta.
        delta: Arc<[u8]>,
    },
    /// What is durable now: everything up to `version` survives a power cut.
    Flushed {
        /// Which document.
        document: DocumentName,
        /// What is durable; it may be partial, entries are only ever raised.
        version: VersionVector,
    },
    /// A relay's store found that a document is damaged, and begins it anew: nothing of it is held.
    Lost {
        /// Which one.
        document: DocumentName,
    },
    /// Storing failed: nothing is acknowledged.
    ///
    /// A relay goes back to what was durable, tells those who take part, and asks them again a few
    /// seconds later. A client keeps its documents in memory, and its shell is the one to retry: when
    /// it succeeds it says so with [`Input::Flushed`].
    StoreFailed {
        /// Which document.
        document: DocumentName,
        /// [`ErrorCode::StorageFull`] or [`ErrorCode::StoreCorrupt`].
        code: ErrorCode,
    },
    /// The answer to [`Output::Load`](crate::Output::Load). It may come late or twice.
    Loaded {
        /// For which link.
        link: LinkId,
        /// Which document.
        document: DocumentName,
        /// Whole deltas in order, of any size up to [`Limits::delta_bytes`](crate::Limits), that take
        /// the asked version to what is held durably. They may be only the first of them: the rest is
        /// asked for then. Empty when nothing is missing or loading failed.
        deltas: Vec<Arc<[u8]>>,
    },
    /// The host's document refused what [`Output::Store`](crate::Output::Store) handed it.
    Refused {
        /// Which document.
        document: DocumentName,
        /// Where it came from: the `origin` of the `Store`.
        link: Option<LinkId>,
        /// Why.
        code: ErrorCode,
        /// What the document holds, the refused delta not included.
        version: VersionVector,
        /// With [`ErrorCode::NeedSkeleton`]: what the delta hangs on and the document lacks.
        anchors: Vec<Dot>,
    },
    /// Our own presence in a document, at most 4 KiB; `None` leaves.
    Presence {
        /// Which document.
        document: DocumentName,
        /// Opaque bytes for the others.
        state: Option<Arc<[u8]>>,
    },
    /// What waits to be sent on this link passed [`Limits::backlog_bytes`](crate::Limits).
    Congested {
        /// Which link.
        link: LinkId,
    },
    /// All that was waiting on this link has been sent.
    Drained {
        /// Which link.
        link: LinkId,
    },
    /// Too much waits to be sent about one document, on a link where others need not wait for that.
    Crowded {
        /// Which link.
        link: LinkId,
        /// The document: the channel of [`Output::Send`](crate::Output::Send).
        channel: Channel,
    },
    /// All that was waiting there about a crowded document has been sent.
    Cleared {
        /// Which link.
        link: LinkId,
        /// The document.
        channel: Channel,
    },
    /// The moment of [`Node::next_deadline`](crate::Node::next_deadline) has come.
    Tick,
}
