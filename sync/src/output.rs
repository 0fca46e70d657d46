//! What a node asks the shell to do, in order.

use std::sync::Arc;

use driftwood_crdt::{Dot, ReplicaId, VersionVector};

use crate::{Channel, DocumentName, ErrorCode, LinkId, Mark, MarkId, PeerId, ProtocolError, Token};

/// One encoded message, shared by all links it goes to.
pub type Frame = Arc<[u8]>;

/// Where something is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Durable on this device.
    Local,
    /// Durable on one relay.
    Relay,
    /// Durable on two relays or more.
    Replicated,
}

/// One thing to do. The shell carries outputs out in order, all of them, before the next `handle`.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send one message: the payload of one binary frame.
    ///
    /// A link may carry documents beside each other. Then messages of one `channel` stay in order, so do
    /// those of none, and each comes after those of none that were sent before it. More is not needed.
    Send {
        /// Where to.
        link: LinkId,
        /// The document it is about, by our number; none for what is about the link, or all documents.
        channel: Option<Channel>,
        /// What.
        frame: Frame,
    },
    /// Find out who shows this, and answer [`Input::Admitted`](crate::Input::Admitted) or
    /// [`Input::Denied`](crate::Input::Denied) before anything else that came on the link. Guarded
    /// relays only.
    Login {
        /// Which link.
        link: LinkId,
        /// What they showed.
        token: Token,
    },
    /// Remember whose a replica id is, and tell so at the next start
    /// ([`Input::Bound`](crate::Input::Bound)). It is to be durable when the `Store` after it is.
    /// Guarded relays only.
    Bind {
        /// The document it writes in.
        document: DocumentName,
        /// The id.
        replica: ReplicaId,
        /// Whose it is.
        principal: Arc<str>,
    },
    /// Remember a mark in place of what was known of the document, durably before the `Purge` after it is
    /// carried out, and tell so at the next start ([`Input::Mark`](crate::Input::Mark)). Relays only.
    Mark {
        /// It.
        mark: Mark,
    },
    /// Delete all that is stored of these documents, so that nothing is left of it, and answer
    /// [`Input::Purged`](crate::Input::Purged). Relays only.
    Purge {
        /// Which documents; some may be unknown.
        ids: Vec<MarkId>,
    },
    /// Append a delta to what is stored (a client merges it into its document first), make it
    /// durable, then answer [`Input::Flushed`](crate::Input::Flushed).
    Store {
        /// Which document.
        document: DocumentName,
        /// The very bytes that came in, wholly validated.
        delta: Arc<[u8]>,
        /// What must be held before.
        from: VersionVector,
        /// What is held afterwards, for the replicas named.
        to: VersionVector,
        /// The link it came on; none for a local commit.
        origin: Option<LinkId>,
    },
    /// Answer [`Input::Loaded`](crate::Input::Loaded) with deltas that take `since` to all that is
    /// held. Nothing that is not durable may be among them: flush first.
    Load {
        /// For which link.
        link: LinkId,
        /// Which document.
        document: DocumentName,
        /// What the other side holds.
        since: VersionVector,
        /// Elements that it has dropped and now needs: where there are any, the answer is one delta
        /// with all that they hang on, as `Doc::delta_with_anchors` makes it.
        anchors: Vec<Dot>,
    },
    /// Close a link, after what was sent before. The node has already forgotten it.
    Disconnect {
        /// Which link.
        link: LinkId,
        /// The WebSocket close code.
        code: u16,
        /// Why; its name is the close reason.
        reason: ErrorCode,
    },
    /// This much is now saved at that level. On a relay, `Replicated` alone: another relay has it.
    Saved {
        /// Which document.
        document: DocumentName,
        /// Where.
        level: Level,
        /// What, to be merged with earlier answers.
        version: VersionVector,
    },
    /// Another participant's presence; `None` when it is gone. Clients only.
    Presence {
        /// Which document.
        document: DocumentName,
        /// Whose.
        peer: PeerId,
        /// What they announced.
        state: Option<Arc<[u8]>>,
    },
    /// The first exchange on this link is done: we hold what they held when they opened.
    Synced {
        /// Which document.
        document: DocumentName,
        /// With whom.
        link: LinkId,
    },
    /// The other side knows changes of our own replica that we do not: the id was used twice.
    /// Retire it and open the document again under a new one.
    Forked {
        /// Which document.
        document: DocumentName,
        /// The id to retire.
        replica: ReplicaId,
    },
    /// Something to log or to show.
    Problem {
        /// The document it is about, if one.
        document: Option<DocumentName>,
        /// The link it came up on, if one.
        link: Option<LinkId>,
        /// What it is.
        error: ProtocolError,
    },
}
