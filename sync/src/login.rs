//! Who is at the other end, what they may do there, and whose the replica ids are.
//!
//! A guarded relay asks its shell about every token ([`Output::Login`]) and holds the link to the
//! answer. A replica id belongs to the principal that first writes under it; who brings changes of
//! somebody else's is cut off, unless they may administer the document or are a relay. So that no
//! honest reader ever has to bring back a change of somebody else's that this relay has lost, a guarded
//! relay passes a change on only when it is durable.

use std::net::IpAddr;
use std::sync::Arc;

use driftwood_crdt::{ReplicaId, VersionVector};

use crate::config::RELAY;
use crate::document::Key;
use crate::link::Link;
use crate::message::Message;
use crate::node::Node;
use crate::rate::{Balance, Source, LOGIN_CHANGES};
use crate::{Channel, DocumentName, ErrorCode, LinkId, LinkKind, Output, Right, Rights, Token};

impl Link {
    /// Whether they may go so far with a document.
    pub(crate) fn may(&self, document: &DocumentName, right: Right) -> bool {
        let rights = self.rights.as_ref().filter(|_| RELAY);
        rights.is_none_or(|rights| rights.to(document) >= Some(right))
    }
}

impl Node {
    pub(crate) fn called_from(&mut self, link: LinkId, address: IpAddr) {
        if let Some(session) = self.links.get_mut(&link).filter(|_| RELAY) {
            session.address = Some(Source::address(address));
        }
    }

    /// Asks the shell about a first token, unless too many came from there.
    pub(crate) fn ask_who(&mut self, link: LinkId, token: Token) {
        let limits = &self.config.limits;
        let address = self.links.get(&link).and_then(|it| it.address.as_ref());
        let balance = address.filter(|_| RELAY).map(|address| {
            let amount = (LOGIN_CHANGES, token.0.len() as u64);
            self.meters.take(address, self.now, amount, limits)
        });
        if let Some(Balance::Broke { wait_ms }) = balance {
            return self.fail(link, ErrorCode::RateLimited, wait_ms);
        }
        self.outbox.push(Output::Login { link, token });
    }

    /// A token came after the first one. Where nobody has to log in, it is of no use.
    pub(crate) fn on_login(&mut self, link: LinkId, token: Token) {
        if self.config.is_guarded() {
            self.outbox.push(Output::Login { link, token });
        }
    }

    pub(crate) fn denied(&mut self, link: LinkId) {
        if RELAY && self.links.contains_key(&link) {
            self.fail(link, ErrorCode::Unauthenticated, 0);
        }
    }

    /// Their token was good. A second one takes the place of the first, if it is the same person's.
    pub(crate) fn admitted(&mut self, link: LinkId, rights: Rights) {
        let Some(session) = self.links.get_mut(&link).filter(|_| RELAY) else {
            return;
        };
        let known = session.rights.as_ref();
        let other = known.is_some_and(|known| known.principal != rights.principal);
        let expired = rights.expires.is_some_and(|at| self.now >= at);
        if other || expired || session.is_mesh() && !rights.relay {
            return self.fail(link, ErrorCode::Unauthenticated, 0);
        }
        let before = session.rights.replace(rights);
        if let Some(before) = before {
            self.review(link, &before);
            return self.arm_link(link);
        }
        if session.is_mesh() && !session.dialled {
            // They dialled us and have shown that they are a relay: now we do.
            if let Some(token) = self.config.token.clone().map(Token) {
                self.outbox.send(link, &Message::Login { token });
            }
        }
        self.welcome(link);
    }

    /// What changes with a new token: documents that are no longer theirs are shut, and what they could
    /// not hand in before is asked for.
    fn review(&mut self, link: LinkId, before: &Rights) {
        let Some(session) = self.links.get(&link) else {
            return;
        };
        let channels = session.channels.iter();
        let channels: Vec<(Channel, Key)> =
            channels.map(|(channel, &key)| (channel, key)).collect();
        for (channel, key) in channels {
            let (Some(session), Some(document)) = (self.links.get(&link), self.documents.get(key))
            else {
                continue;
            };
            let name = document.name.clone();
            if !session.may(&name, Right::Read) {
                self.on_shut(link, channel);
                self.refuse(link, &name, channel, ErrorCode::Forbidden, 0);
            } else if session.may(&name, Right::Write) && before.to(&name) < Some(Right::Write) {
                self.outbox.send(
                    link,
                    &Message::Gap {
                        channel: key,
                        version: document.version.clone(),
                    },
                );
            }
        }
    }

    /// Our own token is another one from now on. What was refused to the old one is asked for again.
    pub(crate) fn show(&mut self, token: &Token) {
        self.config.token = Some(token.0.clone());
        let up = self.links.iter();
        let up = up.filter(|(_, session)| session.dialled && session.is_ready());
        let up: Vec<(LinkId, LinkKind)> = up.map(|(&link, session)| (link, session.kind)).collect();
        for (link, kind) in up {
            let token = token.clone();
            self.outbox.send(link, &Message::Login { token });
            if kind == LinkKind::Up {
                self.ask_refused(link);
            }
        }
    }

    fn ask_refused(&mut self, link: LinkId) {
        let Some(session) = self.links.get(&link) else {
            return;
        };
        for key in session.documents.clone().keys() {
            let document = self.documents.get_mut(key);
            let party = document.and_then(|document| document.parties.get_mut(&link));
            let Some(party) = party.filter(|party| party.theirs.is_none()) else {
                continue;
            };
            party.introduced = false;
            self.introduce(link, key);
        }
    }

    /// Whose a replica id is, from before.
    pub(crate) fn bound(&mut self, name: &DocumentName, replica: ReplicaId, principal: Arc<str>) {
        let key = self.documents.key(name).filter(|_| RELAY);
        if let Some(document) = key.and_then(|key| self.documents.get_mut(key)) {
            document.authors.insert(replica, principal);
        }
    }

    pub(crate) fn may_write(&self, link: LinkId, key: Key) -> bool {
        match (self.links.get(&link), self.documents.get(key)) {
            (Some(session), Some(document)) if RELAY => session.may(&document.name, Right::Write),
            _ => true,
        }
    }

    /// Whether this replica id is somebody else's.
    pub(crate) fn is_forged(&self, link: LinkId, key: Key, replica: ReplicaId) -> bool {
        if !RELAY {
            return false;
        }
        let rights = self.links.get(&link).and_then(|it| it.rights.as_ref());
        let (Some(rights), Some(document)) = (rights, self.documents.get(key)) else {
            return false;
        };
        let owner = document.authors.get(&replica);
        !rights.relay && owner.is_some_and(|owner| *owner != rights.principal)
    }

    /// Sees to it that a delta has no changes of somebody else's, and remembers whose a replica is that
    /// writes for the first time. False when the link is closed.
    pub(crate) fn own_work(&mut self, link: LinkId, key: Key, to: &VersionVector) -> bool {
        if !RELAY {
            return true;
        }
        let (Some(session), Some(document)) = (self.links.get(&link), self.documents.get(key))
        else {
            return true;
        };
        let Some(rights) = session.rights.as_ref().filter(|rights| !rights.relay) else {
            return true;
        };
        let name = document.name.clone();
        let is_news = |replica| to.get(replica) > document.version.get(replica);
        let mut news = to.iter().map(|(replica, _)| replica);
        if !session.may(&name, Right::Admin)
            && news.any(|replica| is_news(replica) && self.is_forged(link, key, replica))
        {
            let party = document.parties.get(&link);
            let channel = party.and_then(|party| party.their_channel);
            self.forged(link, &name, channel);
            return false;
        }
        let own = document.parties.get(&link).and_then(|party| party.own);
        let own = own.filter(|own| is_news(*own) && !document.authors.contains_key(own));
        if let Some(replica) = own {
            let principal = rights.principal.clone();
            self.bound(&name, replica, principal.clone());
            self.outbox.push(Output::Bind {
                document: name,
                replica,
                principal,
            });
        }
        true
    }

    /// They write in somebody else's name. An honest client that was handed an id of somebody who used
    /// this device before takes another one.
    pub(crate) fn forged(&mut self, link: LinkId, name: &DocumentName, about: Option<Channel>) {
        let code = ErrorCode::ForgedReplica;
        self.outbox.problem(Some(name), Some(link), code, 0);
        self.end(link, code, about, 0);
    }
}
