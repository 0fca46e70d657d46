//! What a node knows about one connection.

use driftwood_crdt::ordered::{BTreeMap, BTreeSet};

use crate::config::RELAY;
use crate::document::Key;
use crate::exchange::Exchange;
use crate::few::Few;
use crate::rate::{Bucket, Source};
use crate::{Channel, Limits, LinkKind, NodeId, RelayId, Rights, Time};

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) kind: LinkKind,
    /// Whether the link is our doing.
    pub(crate) dialled: bool,
    /// Who is there; none until their hello.
    pub(crate) remote: Option<NodeId>,
    /// Which relay it is, once they said so.
    pub(crate) relay: Option<RelayId>,
    pub(crate) agent: String,
    /// Whether they may go on after their hello.
    pub(crate) admitted: bool,
    /// What they may do; everything, where nobody has to log in.
    pub(crate) rights: Option<Rights>,
    /// Where they call from.
    pub(crate) address: Option<Source>,
    pub(crate) connected: Time,
    pub(crate) heard: Time,
    pub(crate) pinged: Option<Time>,
    pub(crate) congested: Option<Time>,
    /// Documents of which too much waits to be sent, and since when.
    pub(crate) crowded: BTreeMap<Key, Time>,
    /// They asked for silence until then.
    pub(crate) paused: Option<Time>,
    /// Another link leads to the same relay: this one answers, and pushes nothing.
    pub(crate) spare: bool,
    /// Their numbers of documents.
    pub(crate) channels: Few<Channel, Key>,
    /// Documents that have a party on this link.
    pub(crate) documents: Few<Key, ()>,
    /// Documents to load something for, when there is room.
    pub(crate) queue: BTreeSet<Key>,
    /// Documents of which a large delta is under way to them.
    pub(crate) transfers: BTreeSet<Key>,
    /// Loads under way.
    pub(crate) loads: usize,
    /// With another relay; few links have one.
    pub(crate) exchange: Option<Box<Exchange>>,
    pub(crate) bucket: Bucket,
}

impl Link {
    pub(crate) fn new(kind: LinkKind, now: Time, limits: &Limits) -> Self {
        Self {
            kind,
            dialled: matches!(kind, LinkKind::Up | LinkKind::Mesh),
            remote: None,
            relay: None,
            agent: String::new(),
            admitted: false,
            rights: None,
            address: None,
            connected: now,
            heard: now,
            pinged: None,
            congested: None,
            crowded: BTreeMap::new(),
            paused: None,
            spare: false,
            channels: Few::None,
            documents: Few::None,
            queue: BTreeSet::new(),
            transfers: BTreeSet::new(),
            loads: 0,
            exchange: None,
            bucket: Bucket::new(now, limits.messages),
        }
    }

    /// When their login ends.
    pub(crate) fn expires(&self) -> Option<Time> {
        self.rights.as_ref().and_then(|rights| rights.expires)
    }

    /// Whether document data has to wait.
    pub(crate) fn is_busy(&self) -> bool {
        self.congested.is_some() || self.paused.is_some()
    }

    /// Whether data of this document has to wait.
    pub(crate) fn is_busy_with(&self, key: Key) -> bool {
        self.is_busy() || self.is_crowded(key)
    }

    /// Whether too much of this document waits to be sent.
    pub(crate) fn is_crowded(&self, key: Key) -> bool {
        RELAY && self.crowded.contains_key(&key)
    }

    /// Since when the link, or a document on it, has been congested.
    pub(crate) fn stuck_since(&self) -> Option<Time> {
        if !RELAY {
            return self.congested;
        }
        let crowded = self.crowded.values().copied();
        crowded.chain(self.congested).min()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.admitted
    }

    pub(crate) fn is_mesh(&self) -> bool {
        self.kind == LinkKind::Mesh
    }

    /// Whether we are the one of two relays who begins to compare. Each side may see another one of two
    /// links as the first, so it goes by their numbers.
    pub(crate) fn begins(&self, own: NodeId) -> bool {
        self.remote.is_some_and(|remote| own < remote)
    }

    /// Whether this is where news for that relay goes.
    pub(crate) fn pushes(&self) -> bool {
        self.is_ready() && !self.spare
    }

    /// The side that dialled asks first, so that one ping does for both.
    pub(crate) fn ping_due(&self, limits: &Limits) -> Time {
        let silence = match self.kind {
            LinkKind::Down => limits.ping_time * 2,
            _ => limits.ping_time,
        };
        self.heard + silence
    }

    pub(crate) fn deadline(&self, limits: &Limits) -> Time {
        if !self.is_ready() {
            return self.connected + limits.hello_time;
        }
        let alive = match self.pinged {
            Some(pinged) => pinged + limits.pong_time,
            None => self.ping_due(limits),
        };
        let others = [
            self.stuck_since()
                .map(|since| since + limits.congested_time),
            self.paused,
            self.exchange.as_ref().and_then(|it| it.deadline()),
            self.expires(),
        ];
        others.into_iter().flatten().fold(alive, Time::min)
    }

    /// What is compared with the other relay.
    pub(crate) fn exchange(&mut self) -> &mut Exchange {
        self.exchange.get_or_insert_default()
    }

    /// Whether another link to the same relay should take over when this one ends.
    pub(crate) fn is_mesh_primary(&self) -> bool {
        self.is_mesh() && !self.spare
    }
}
