//! Who is here: small states that are announced, renewed and forgotten, and never stored.
//!
//! Every announcement of a peer has a higher count than the one before, on whatever path it comes,
//! so the newest wins and nothing circles. A leave that a relay announces for a peer whose link it
//! lost repeats the last count, and counts only on the path the peer itself came by: somebody who
//! is still here by another path is not taken away.

use driftwood_crdt::ordered::BTreeMap;
use std::sync::Arc;

use crate::document::Key;
use crate::message::Message;
use crate::node::Node;
use crate::{Channel, DocumentName, ErrorCode, Limits, LinkId, NodeId, Output, PeerId, Role, Time};

/// The presences of one document.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    own: Option<Arc<[u8]>>,
    /// How often we announced something here.
    count: u64,
    renew: Option<Time>,
    others: BTreeMap<PeerId, Other>,
}

#[derive(Debug)]
struct Other {
    /// None once they left; kept until it expires so that an old announcement does not bring
    /// them back.
    state: Option<Arc<[u8]>>,
    count: u64,
    expires: Time,
    via: LinkId,
}

impl Presences {
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.others
            .values()
            .map(|other| other.expires)
            .chain(self.renew)
            .min()
    }

    /// Takes an announcement over if it is news.
    fn take(&mut self, peer: PeerId, news: Other, limits: &Limits) -> bool {
        let known = self.others.get(&peer);
        let fresh = known.is_none_or(|known| {
            let left = news.state.is_none() && known.state.is_some();
            news.count > known.count || news.count == known.count && left && news.via == known.via
        });
        let room = known.is_some() || self.others.len() < limits.presence_peers;
        if !fresh || !room {
            return false;
        }
        let was_there = known.is_some_and(|known| known.state.is_some());
        let tell = news.state.is_some() || was_there;
        self.others.insert(peer, news);
        tell
    }
}

impl Node {
    /// Our own presence.
    pub(crate) fn announce(&mut self, name: &DocumentName, state: Option<Arc<[u8]>>) {
        let limits = &self.config.limits;
        let max = limits.presence_bytes;
        if state.as_ref().is_some_and(|state| state.len() > max) {
            let code = ErrorCode::LimitPresence;
            return self.outbox.problem(Some(name), None, code, max as u64);
        }
        let Some(key) = self.documents.key(name) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let presences = &mut document.presences;
        if state.is_none() && presences.own.is_none() {
            return;
        }
        presences.renew = state.as_ref().map(|_| self.now + limits.presence_time);
        presences.own.clone_from(&state);
        presences.count += 1;
        let count = presences.count;
        self.spread(key, self.config.node, count, state, None);
        self.arm_document(key);
    }

    pub(crate) fn on_presence(
        &mut self,
        link: LinkId,
        channel: Channel,
        peer: PeerId,
        count: u64,
        state: Option<Arc<[u8]>>,
    ) {
        let limits = &self.config.limits;
        let Some(session) = self.links.get(&link) else {
            return;
        };
        let Some(key) = self.key_of(link, channel) else {
            return;
        };
        // Relays pass on what others announce; everybody else speaks for themselves.
        let relayed = session.is_mesh() || session.kind == crate::LinkKind::Up;
        if peer == self.config.node || !(relayed || session.remote == Some(peer)) {
            return;
        }
        if state
            .as_ref()
            .is_some_and(|state| state.len() > limits.presence_bytes)
        {
            let max = limits.presence_bytes as u64;
            return self.reject(link, key, ErrorCode::LimitPresence, max);
        }
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let expires = self.now + limits.presence_expiry;
        let news = Other {
            state: state.clone(),
            count,
            expires,
            via: link,
        };
        if document.open && document.presences.take(peer, news, limits) {
            self.pass_on(key, peer, count, state, Some(link));
        }
        self.arm_document(key);
    }

    /// What they do not see yet, when a document was opened on both sides.
    pub(crate) fn send_presences(&mut self, link: LinkId, key: Key) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let presences = &document.presences;
        let own = presences
            .own
            .iter()
            .map(|own| (self.config.node, presences.count, own));
        let others = presences
            .others
            .iter()
            .filter(|(_, other)| other.via != link);
        let others =
            others.filter_map(|(&peer, other)| Some((peer, other.count, other.state.as_ref()?)));
        let relay = self.config.role == Role::Relay;
        for (peer, count, state) in own.chain(others.filter(|_| relay)) {
            let state = Some(Arc::clone(state));
            self.outbox.send(
                link,
                &Message::Presence {
                    channel: key,
                    peer,
                    count,
                    state,
                },
            );
        }
    }

    /// Renews ours, and drops those that were not renewed.
    pub(crate) fn renew_presences(&mut self, key: Key) {
        let limits = &self.config.limits;
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let presences = &mut document.presences;
        if presences.renew.is_some_and(|at| self.now >= at) {
            presences.renew = Some(self.now + limits.presence_time);
            presences.count += 1;
            let (count, own) = (presences.count, presences.own.clone());
            self.spread(key, self.config.node, count, own, None);
        }
        let now = self.now;
        self.drop_presences(key, |other| now >= other.expires);
    }

    /// A link went down or shut the document: so did all who came by it.
    pub(crate) fn presence_lost(&mut self, link: LinkId, key: Key) {
        self.drop_presences(key, |other| other.via == link);
        self.arm_document(key);
    }

    fn drop_presences(&mut self, key: Key, gone: impl Fn(&Other) -> bool) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let mut left = Vec::new();
        document.presences.others.retain(|&peer, other| {
            let drop = gone(other);
            if drop && other.state.is_some() {
                left.push((peer, other.count, other.via));
            }
            !drop
        });
        for (peer, count, via) in left {
            self.pass_on(key, peer, count, None, Some(via));
        }
    }

    /// A client shows it, a relay tells the others.
    fn pass_on(
        &mut self,
        key: Key,
        peer: NodeId,
        count: u64,
        state: Option<Arc<[u8]>>,
        via: Option<LinkId>,
    ) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        match self.config.role {
            Role::Client => {
                let document = document.name.clone();
                self.outbox.push(Output::Presence {
                    document,
                    peer,
                    state,
                });
            }
            Role::Relay => self.spread(key, peer, count, state, via),
        }
    }

    /// Sends a presence to all who take part, except where it came from. Whoever is busy misses it:
    /// it will be renewed.
    fn spread(
        &mut self,
        key: Key,
        peer: PeerId,
        count: u64,
        state: Option<Arc<[u8]>>,
        via: Option<LinkId>,
    ) {
        if self.config.role == Role::Relay && state.is_some() {
            self.introduce_to_mesh(key);
        }
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let frame = Message::Presence {
            channel: key,
            peer,
            count,
            state,
        }
        .encode();
        for (&link, party) in &document.parties {
            let Some(session) = self.links.get(&link) else {
                continue;
            };
            let may = session.pushes() && !session.is_busy_with(key);
            if Some(link) != via && party.takes_part() && may {
                self.outbox.send_frame(link, Some(key), Arc::clone(&frame));
            }
        }
    }
}
