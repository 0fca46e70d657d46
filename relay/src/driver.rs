//! A client's end of the protocol for native programs: one [`Node`](driftwood_sync::Node), its
//! sockets, and the program's own documents.
//!
//! The program implements [`Host`]: it keeps the documents and their log. [`Client`] does the rest:
//! it dials relays and dials them again, passes messages between them and the node, and calls the
//! host when something is to be stored, read or shown. Everything happens inside [`Client::handle`]
//! and [`Client::step`], on the caller's own task, so the host needs no lock and can be looked at
//! between two steps.
//!
//! ```no_run
//! use std::sync::Arc;
//! use driftwood_relay::driver::{Client, Host, Notice, Refusal};
//! use driftwood_sync::{Config, DocumentName, ErrorCode, Input, Level, LinkId, NodeId, Role};
//! use driftwood_crdt::{Dot, VersionVector};
//! # struct Notes;
//! # impl Host for Notes {
//! #     fn merge(&mut self, _: &DocumentName, _: &Arc<[u8]>, _: LinkId) -> Result<(), Refusal> {
//! #         Ok(())
//! #     }
//! #     fn append(
//! #         &mut self,
//! #         _: &DocumentName,
//! #         _: &Arc<[u8]>,
//! #         _: &VersionVector,
//! #     ) -> Result<(), ErrorCode> {
//! #         Ok(())
//! #     }
//! #     fn flush(&mut self) -> Result<(), ErrorCode> { Ok(()) }
//! #     fn load(
//! #         &mut self,
//! #         _: &DocumentName,
//! #         _: &VersionVector,
//! #         _: &[Dot],
//! #     ) -> Result<Vec<Arc<[u8]>>, ErrorCode> {
//! #         Ok(vec![])
//! #     }
//! #     fn notice(&mut self, _: Notice) {}
//! # }
//! # impl Notes { fn version(&self) -> VersionVector { VersionVector::new() } }
//! # async fn example(notes: Notes, delta: Arc<[u8]>) -> Result<(), Box<dyn std::error::Error>> {
//! let document = DocumentName::new("trip")?;
//! let version = notes.version();
//! let mut client = Client::new(Config::new(Role::Client, NodeId(4)), notes);
//! client.handle(Input::Open { document: document.clone(), version, own: None });
//! client.dial("ws://localhost:4455")?;
//! client.handle(Input::Local { document: document.clone(), delta });
//! // Until a relay has it on disk:
//! while !client.node().saved(&document, Level::Relay).includes(&client.host().version()) {
//!     client.step().await;
//! }
//! client.close().await;
//! # Ok(())
//! # }
//! ```

mod client;

use std::sync::Arc;

use driftwood_crdt::{Dot, ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, ErrorCode, Level, LinkId, PeerId, ProtocolError};

pub use self::client::Client;
pub use crate::outbox::Transport;
pub use crate::peers::{DialError, LinkState};

/// What a program that owns documents does for the protocol. The calls may block.
pub trait Host {
    /// Merges a delta that came from elsewhere into the open document. Not called for the program's
    /// own commits, which are in it already.
    ///
    /// # Errors
    /// When the document cannot take it; it may not have changed then.
    fn merge(
        &mut self,
        document: &DocumentName,
        delta: &Arc<[u8]>,
        origin: LinkId,
    ) -> Result<(), Refusal>;

    /// Appends a delta to the document's log: own commits and what was [merged](Self::merge) alike.
    /// `to` is what the log holds afterwards, for the replicas it names.
    ///
    /// # Errors
    /// Why the log cannot be written, such as [`ErrorCode::StorageFull`]. It is tried again later,
    /// and what follows waits for it.
    fn append(
        &mut self,
        document: &DocumentName,
        delta: &Arc<[u8]>,
        to: &VersionVector,
    ) -> Result<(), ErrorCode>;

    /// Makes everything stored so far durable, with an fsync. Called once after a run of
    /// [`append`](Self::append), before anything of it is acknowledged or sent on.
    ///
    /// # Errors
    /// Why it could not; it is tried again later.
    fn flush(&mut self) -> Result<(), ErrorCode>;

    /// The deltas, in order, that take `since` to what is held, or the first of them; the rest is
    /// asked for then. Where there are `anchors`, one delta with all that these hang on, as
    /// [`delta_with_anchors`](driftwood_crdt::Doc::delta_with_anchors) makes it.
    ///
    /// # Errors
    /// Why the document cannot be read.
    fn load(
        &mut self,
        document: &DocumentName,
        since: &VersionVector,
        anchors: &[Dot],
    ) -> Result<Vec<Arc<[u8]>>, ErrorCode>;

    /// Something to show.
    fn notice(&mut self, notice: Notice);
}

/// Why a document did not take a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: ErrorCode,
    /// What the document holds.
    pub version: VersionVector,
    /// With [`ErrorCode::NeedSkeleton`]: what the delta hangs on and the document lacks.
    pub anchors: Vec<Dot>,
}

/// What a [`Host`] may want to know.
#[derive(Debug, Clone)]
pub enum Notice {
    /// So much is now saved at that level; to be merged with what was said before.
    Saved {
        /// Which document.
        document: DocumentName,
        /// Where.
        level: Level,
        /// What.
        version: VersionVector,
    },
    /// Someone else's presence; `None` when they left.
    Presence {
        /// Which document.
        document: DocumentName,
        /// Who.
        peer: PeerId,
        /// What they announced.
        state: Option<Arc<[u8]>>,
    },
    /// We hold what the other side of the link held when it opened the document.
    Synced {
        /// Which document.
        document: DocumentName,
        /// With whom.
        link: LinkId,
    },
    /// The other side knows changes under our own replica id that we do not. Go on under a new id,
    /// with another [`Input::Open`](driftwood_sync::Input::Open).
    Forked {
        /// Which document.
        document: DocumentName,
        /// The id not to be used again.
        replica: ReplicaId,
    },
    /// Trouble.
    Problem {
        /// The document it is about, if one.
        document: Option<DocumentName>,
        /// The link it came up on, if one.
        link: Option<LinkId>,
        /// What it is.
        error: ProtocolError,
    },
    /// A relay that was dialled came or went.
    Link {
        /// The address, as it was given to [`Client::dial`].
        url: String,
        /// What became of it.
        state: LinkState,
    },
}
