//! What a node is told once, when it is made.

use std::fmt;

use crate::sketch::Secret;
use crate::{Limits, NodeId, RelayId};

/// What a node is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Holds the documents it opened: a tab, a terminal.
    Client,
    /// Stores and forwards every document it is asked for.
    Relay,
}

/// How a node is set up.
#[derive(Clone)]
pub struct Config {
    /// What it is to others.
    pub role: Role,
    /// A random number of this process, drawn at its start.
    pub node: NodeId,
    /// What to show when logging in, on links that we dialled. Never part of an error or of `Debug`.
    pub token: Option<Vec<u8>>,
    /// Whether others have to log in: see [`Output::Login`](crate::Output::Login). Relays only, and
    /// only with the feature `relay`.
    #[cfg(feature = "relay")]
    pub guarded: bool,
    /// Under what relays hash what they store: random numbers of this process, which only other relays
    /// learn. Relays only, and only with the feature `relay`.
    #[cfg(feature = "relay")]
    pub secret: [u64; 2],
    /// Which relay this is: a number that stays when the process ends. Relays only, and only with the
    /// feature `relay`.
    #[cfg(feature = "relay")]
    pub relay: RelayId,
    /// Bounds and periods.
    pub limits: Limits,
    /// The name and version of the program, for the other side's log; at most 128 bytes are sent.
    pub agent: String,
}

impl Config {
    /// A node of that role and number, with default limits, no token, a secret that is none, and this
    /// crate as agent.
    pub fn new(role: Role, node: NodeId) -> Self {
        Self {
            role,
            node,
            token: None,
            #[cfg(feature = "relay")]
            guarded: false,
            #[cfg(feature = "relay")]
            secret: [node.0; 2],
            #[cfg(feature = "relay")]
            relay: RelayId(node.0),
            limits: Limits::default(),
            agent: concat!("driftwood/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Whether this build can be a relay.
pub(crate) const RELAY: bool = cfg!(feature = "relay");

impl Config {
    #[cfg(feature = "relay")]
    pub(crate) fn is_guarded(&self) -> bool {
        self.guarded
    }

    #[cfg(feature = "relay")]
    pub(crate) fn secret(&self) -> Secret {
        Secret(self.secret)
    }

    #[cfg(feature = "relay")]
    pub(crate) fn relay(&self) -> RelayId {
        self.relay
    }

    #[cfg(not(feature = "relay"))]
    #[allow(clippy::unused_self)]
    pub(crate) fn relay(&self) -> RelayId {
        RelayId(0)
    }

    #[cfg(not(feature = "relay"))]
    #[allow(clippy::unused_self)]
    pub(crate) fn secret(&self) -> Secret {
        Secret([0; 2])
    }

    #[cfg(not(feature = "relay"))]
    #[allow(clippy::unused_self)]
    pub(crate) fn is_guarded(&self) -> bool {
        false
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("role", &self.role)
            .field("node", &self.node)
            .field("token", &self.token.as_ref().map(|_| "..."))
            .field("guarded", &self.is_guarded())
            .field("limits", &self.limits)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}
