//! Who takes part in what: opening a document on a link, and leaving it.
//!
//! Each side opens once and so names its channel; whoever opens second thereby answers. A client
//! remembers what siblings opened although it has not, since they will not open again when it does.

use std::sync::Arc;

use driftwood_crdt::{ReplicaId, VersionVector};

use crate::config::RELAY;
use crate::conflict::Steps;
use crate::document::{Document, Key};
use crate::message::Message;
use crate::node::Node;
use crate::timer::Alarm;
use crate::{Channel, DocumentName, ErrorCode, LinkId, LinkKind, Output, Right, Role};

impl Node {
    /// Sends our open, once, and with it what a relay has saved.
    pub(crate) fn introduce(&mut self, link: LinkId, key: Key) {
        let (Some(session), Some(document)) =
            (self.links.get_mut(&link), self.documents.get_mut(key))
        else {
            return;
        };
        let party = document.parties.entry(link).or_default();
        session.documents.insert(key, ());
        if std::mem::replace(&mut party.introduced, true) {
            return;
        }
        let open = open(key, document);
        self.outbox.send(link, &open);
        self.send_first_acks(link, key);
    }

    /// States anew what is held here and who writes it.
    pub(crate) fn introduce_again(&mut self, key: Key) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let open = open(key, document).encode();
        let parties = document.parties.iter();
        for (&link, _) in parties.filter(|(_, party)| party.introduced) {
            self.outbox.send_frame(link, Some(key), Arc::clone(&open));
        }
    }

    pub(crate) fn on_open(
        &mut self,
        link: LinkId,
        channel: Channel,
        name: &DocumentName,
        version: VersionVector,
        own: Option<ReplicaId>,
    ) {
        if self.is_outdated(link, channel, name) {
            return;
        }
        let limits = &self.config.limits;
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let known = self.documents.key(name);
        let taken = session.channels.get(channel);
        if taken.is_some() && taken != known.as_ref() {
            return self.fail(link, ErrorCode::BadFrame, 0);
        }
        let max = if session.is_mesh() {
            limits.documents_mesh
        } else {
            limits.documents
        };
        if taken.is_none() && session.channels.len() >= max {
            return self.refuse(link, name, channel, ErrorCode::LimitDocuments, max as u64);
        }
        if !session.may(name, Right::Read) {
            return self.refuse(link, name, channel, ErrorCode::Forbidden, 0);
        }
        if self.is_purged(name) {
            return self.refuse(link, name, channel, ErrorCode::Purged, 0);
        }
        if let (Some(key), Some(own)) = (known, own) {
            if self.is_forged(link, key, own) {
                return self.forged(link, name, Some(channel));
            }
        }
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let key = known.unwrap_or_else(|| self.documents.add(name.clone()));
        let document = self.documents.get_mut(key).expect("just found or made");
        document.open |= self.config.role == Role::Relay;
        let party = document.parties.entry(link).or_default();
        session.documents.insert(key, ());
        party.their_channel = Some(channel);
        session.channels.insert(channel, key);
        if session.is_mesh() && !document.version.includes(&version) {
            // They send it when they have our answer, unasked.
            party.gap = Some(self.now);
        }
        party.target = Some(version.clone());
        party.theirs = Some(version);
        party.own = own;
        party.conflict = None;
        party.transfer = None;
        if document.open {
            self.introduce(link, key);
            self.begin(link, key);
        }
    }

    /// Numbers are given in ascending order. So under a higher one than before they have shut the document
    /// and opened it anew, and their Shut is under way beside this; and what was sent before a Shut that
    /// is here already has nothing new, for the Open that followed it said what they hold.
    fn is_outdated(&mut self, link: LinkId, channel: Channel, name: &DocumentName) -> bool {
        if !RELAY {
            // Over a WebSocket everything is in order.
            return false;
        }
        let document = self.documents.by_name(name);
        let party = document.and_then(|document| document.parties.get(&link));
        let Some(before) = party.and_then(|party| party.their_channel) else {
            return false;
        };
        if before < channel {
            self.on_shut(link, before);
        }
        channel < before
    }

    /// Both sides have opened: brings the other one up to date.
    pub(crate) fn begin(&mut self, link: LinkId, key: Key) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let Some(party) = document.parties.get_mut(&link) else {
            return;
        };
        let Some(theirs) = party.theirs.clone() else {
            return;
        };
        self.note_open(link, key, &theirs);
        self.check_fork(key, &theirs);
        self.check_synced(key);
        self.send_presences(link, key);
        self.catch_up(link, key);
    }

    pub(crate) fn on_shut(&mut self, link: LinkId, channel: Channel) {
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        // A channel that we do not know was shut on our side already: the messages crossed.
        if let Some(key) = session.channels.remove(channel) {
            self.leave(link, key);
        }
    }

    /// Forgets a document on a link.
    pub(crate) fn leave(&mut self, link: LinkId, key: Key) {
        if let Some(session) = self.links.get_mut(&link) {
            session.channels.retain(|known| *known != key);
            session.documents.remove(key);
            session.queue.remove(&key);
            session.transfers.remove(&key);
            if RELAY {
                session.crowded.remove(&key);
            }
        }
        self.remove_party(link, key);
    }

    /// The other side will not take part in this document.
    pub(crate) fn refused_there(&mut self, link: LinkId, key: Key) {
        if let Some(document) = self.documents.get_mut(key) {
            if let Some(party) = document.parties.get_mut(&link) {
                party.theirs = None;
                party.target = None;
                party.transfer = None;
            }
        }
    }

    /// Says that a document will not be opened here.
    pub(crate) fn refuse(
        &mut self,
        link: LinkId,
        name: &DocumentName,
        channel: Channel,
        code: ErrorCode,
        value: u64,
    ) {
        self.outbox.problem(Some(name), Some(link), code, value);
        let key = self.documents.key(name);
        self.outbox
            .send_error(link, key, (code, Some(channel), value));
    }

    pub(crate) fn check_fork(&mut self, key: Key, theirs: &VersionVector) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        if document
            .own
            .is_some_and(|own| theirs.get(own) > document.version.get(own))
        {
            self.forked(key);
        }
    }

    /// The own id was used twice: says so once, until the host opens under another one.
    pub(crate) fn forked(&mut self, key: Key) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if let Some(replica) = document.own.take() {
            self.outbox.push(Output::Forked {
                document: document.name.clone(),
                replica,
            });
        }
    }

    pub(crate) fn check_synced(&mut self, key: Key) {
        let Some(Document {
            name,
            version,
            parties,
            ..
        }) = self.documents.get_mut(key)
        else {
            return;
        };
        for (&link, party) in parties {
            if party
                .target
                .take_if(|target| version.includes(target))
                .is_some()
            {
                self.outbox.push(Output::Synced {
                    document: name.clone(),
                    link,
                });
            }
        }
    }

    /// Forgets a document on a link, and the document if nothing speaks for keeping it.
    pub(crate) fn remove_party(&mut self, link: LinkId, key: Key) {
        let Some(name) = self
            .documents
            .get(key)
            .map(|document| document.name.clone())
        else {
            return;
        };
        self.transfers_lost(link, &name, key);
        self.presence_lost(link, key);
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if let Some(party) = document.parties.remove(&link) {
            if let Some(session) = self.links.get_mut(&link) {
                session.loads -= usize::from(party.loading.is_some());
            }
        }
        if document.parties.is_empty() {
            document.steps = Steps::default();
        }
        if document.is_idle(self.config.role) {
            self.timers.set(Alarm::Document(key), None);
            self.documents.remove(key);
        }
    }

    /// Our number of the document that the peer calls `channel`. An unknown one is nothing bad: it
    /// was shut while the message was under way.
    pub(crate) fn key_of(&self, link: LinkId, channel: Channel) -> Option<Key> {
        self.links.get(&link)?.channels.get(channel).copied()
    }

    pub(crate) fn introduce_to_mesh(&mut self, key: Key) {
        if !RELAY {
            return;
        }
        let pushes = |link| self.links.get(link).is_some_and(|link| link.pushes());
        let links = self.mesh.iter().filter(|&link| pushes(link));
        for link in links.copied().collect::<Vec<LinkId>>() {
            self.introduce(link, key);
        }
    }

    /// Links on which a client opens its documents.
    pub(crate) fn client_links(&self) -> Vec<LinkId> {
        let ready = self.links.iter().filter(|(_, link)| link.is_ready());
        ready
            .filter(|(_, link)| link.kind != LinkKind::Mesh)
            .map(|(&link, _)| link)
            .collect()
    }
}

fn open(key: Key, document: &Document) -> Message {
    Message::Open {
        channel: key,
        document: document.name.clone(),
        version: document.version.clone(),
        own: document.own,
    }
}
