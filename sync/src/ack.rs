//! Where things are saved, and who is told.
//!
//! A relay acknowledges what would survive a power cut and nothing else: at once to those who sent
//! it, or opened with it, and to relays it was passed on to; to all who take part together, a little later.
//! What another relay acknowledged as well is replicated: the smaller of what both have, replica by
//! replica.

use std::sync::Arc;
use std::time::Duration;

use driftwood_crdt::{ReplicaId, VersionVector};

use crate::config::RELAY;
use crate::document::Key;
use crate::message::Message;
use crate::node::Node;
use crate::{Channel, Level, LinkId, LinkKind, Output, Role};

impl Node {
    /// With our open a relay says what it has saved.
    pub(crate) fn send_first_acks(&mut self, link: LinkId, key: Key) {
        if !RELAY || self.config.role != Role::Relay {
            return;
        }
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let mesh = self.links.get(&link).is_some_and(|link| link.is_mesh());
        let levels = if mesh {
            &[Level::Relay][..]
        } else {
            &[Level::Relay, Level::Replicated]
        };
        for &level in levels {
            let version = document.saved_version(Role::Relay, level);
            if !version.is_empty() {
                self.outbox.send(
                    link,
                    &Message::Ack {
                        channel: key,
                        level,
                        version,
                    },
                );
            }
        }
    }

    /// They opened with this: what of it is not saved yet, they want to hear about.
    pub(crate) fn note_open(&mut self, link: LinkId, key: Key, theirs: &VersionVector) {
        let Some(document) = self.documents.get_mut(key).filter(|_| RELAY) else {
            return;
        };
        let saved = |level| document.saved_version(Role::Relay, level);
        let (relay, replicated) = (saved(Level::Relay), saved(Level::Replicated));
        let missing = |saved: VersionVector| {
            let entries = theirs.iter();
            entries
                .filter(move |&(replica, seq)| seq > saved.get(replica))
                .collect()
        };
        self.note(link, key, &missing(relay), &missing(replicated));
    }

    /// They sent this: they want to hear that it is saved, even if it is already.
    pub(crate) fn note_delta(&mut self, link: LinkId, key: Key, to: &VersionVector) {
        self.note(link, key, to, to);
    }

    fn note(&mut self, link: LinkId, key: Key, relay: &VersionVector, replicated: &VersionVector) {
        if !RELAY || self.config.role != Role::Relay {
            return;
        }
        let mesh = self.links.get(&link).is_some_and(|link| link.is_mesh());
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if let Some(party) = document.parties.get_mut(&link) {
            party.owed_relay.note(relay.iter());
            if !mesh {
                party.owed_replicated.note(replicated.iter());
            }
        }
    }

    /// Tells those who wait for it what is saved now.
    pub(crate) fn settle(&mut self, key: Key) {
        // Nobody waits for a client's word.
        let Some(document) = self.documents.get_mut(key).filter(|_| RELAY) else {
            return;
        };
        let (durable, elsewhere) = (&document.durable, &document.elsewhere);
        for (&link, party) in &mut document.parties {
            if party.owed_relay.is_empty() && party.owed_replicated.is_empty() {
                continue;
            }
            let relay = party.owed_relay.settle(|replica| durable.get(replica));
            let replicated = party
                .owed_replicated
                .settle(|replica| durable.get(replica).min(elsewhere.get(replica)));
            for (level, version) in [(Level::Relay, relay), (Level::Replicated, replicated)] {
                if version.is_empty() {
                    continue;
                }
                if let Some(own) = party.own {
                    party.told.note(own, level, &version);
                }
                self.outbox.send(
                    link,
                    &Message::Ack {
                        channel: key,
                        level,
                        version,
                    },
                );
            }
        }
    }

    pub(crate) fn on_ack(
        &mut self,
        link: LinkId,
        channel: Channel,
        level: Level,
        version: &VersionVector,
    ) {
        let Some(kind) = self.links.get(&link).map(|session| session.kind) else {
            return;
        };
        let Some(key) = self.key_of(link, channel) else {
            return;
        };
        match (self.config.role, kind, level) {
            (Role::Relay, LinkKind::Mesh, Level::Relay) => self.saved_elsewhere(key, version),
            (Role::Client, LinkKind::Up | LinkKind::Tab, Level::Relay) => {
                self.raise(key, Level::Relay, version);
            }
            (Role::Client, LinkKind::Up | LinkKind::Tab, Level::Replicated) => {
                self.raise(key, Level::Relay, version);
                self.raise(key, Level::Replicated, version);
            }
            // Nobody else can know where something is saved.
            _ => {}
        }
    }

    /// Another relay has this, durably.
    pub(crate) fn saved_elsewhere(&mut self, key: Key, version: &VersionVector) {
        if let Some(document) = self.documents.get_mut(key).filter(|_| RELAY) {
            let known = &document.elsewhere;
            let raised = version
                .iter()
                .filter(|&(replica, seq)| seq > known.get(replica));
            let raised: Vec<ReplicaId> = raised.map(|(replica, _)| replica).collect();
            document.elsewhere.merge(version);
            if self.config.role == Role::Relay && !raised.is_empty() {
                self.outbox.push(Output::Saved {
                    document: document.name.clone(),
                    level: Level::Replicated,
                    version: version.clone(),
                });
            }
            self.settle(key);
            self.note_news(key, raised);
        }
    }

    /// More of these replicas is saved. Whoever sent it has been told; all others are, a little
    /// later and together, so that a busy document does not double what its readers receive.
    pub(crate) fn note_news(&mut self, key: Key, replicas: Vec<ReplicaId>) {
        let Some(document) = self.documents.get_mut(key).filter(|_| RELAY) else {
            return;
        };
        if self.config.role == Role::Client || replicas.is_empty() || document.parties.is_empty() {
            return;
        }
        document.news.extend(replicas);
        if document.news_due.is_none() {
            document.news_due = Some(self.now + self.config.limits.news_time);
            self.arm_document(key);
        }
    }

    /// Tells all who take part what was saved since the last time.
    pub(crate) fn tell_news(&mut self, key: Key) {
        self.tell_news_due(key, Duration::ZERO);
    }

    /// The same when a delta goes to them anyway, if that is not too often.
    pub(crate) fn tell_news_along(&mut self, key: Key) {
        let limits = &self.config.limits;
        let early = limits.news_time.saturating_sub(limits.news_pause);
        self.tell_news_due(key, early);
    }

    fn tell_news_due(&mut self, key: Key, early: Duration) {
        let Some(document) = self.documents.get_mut(key).filter(|_| RELAY) else {
            return;
        };
        let due = self.now + early;
        if document.news_due.take_if(|at| due >= *at).is_none() {
            return;
        }
        let replicas = std::mem::take(&mut document.news);
        for level in [Level::Relay, Level::Replicated] {
            let saved = |&replica| (replica, document.saved(Role::Relay, level, replica));
            let version: VersionVector = replicas.iter().map(saved).collect();
            if version.is_empty() {
                continue;
            }
            let frame = Message::Ack {
                channel: key,
                level,
                version: version.clone(),
            }
            .encode();
            for (&link, party) in &mut document.parties {
                let mesh = self.links.get(&link).is_none_or(|link| link.is_mesh());
                // Whoever wrote it was told at once.
                let told = party
                    .own
                    .is_some_and(|own| party.told.has(own, level, &version));
                if !mesh && !told && party.takes_part() {
                    self.outbox.send_frame(link, Some(key), Arc::clone(&frame));
                }
            }
        }
    }

    /// A client learns where things are saved, and passes it on to the tabs beside it.
    fn raise(&mut self, key: Key, level: Level, version: &VersionVector) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let known = match level {
            Level::Replicated => &mut document.replicated,
            _ => &mut document.elsewhere,
        };
        if known.includes(version) {
            return;
        }
        known.merge(version);
        self.outbox.push(Output::Saved {
            document: document.name.clone(),
            level,
            version: version.clone(),
        });
        for (&link, party) in &document.parties {
            let tab = self
                .links
                .get(&link)
                .is_some_and(|session| session.kind == LinkKind::Tab);
            if tab && party.takes_part() {
                let ack = Message::Ack {
                    channel: key,
                    level,
                    version: version.clone(),
                };
                self.outbox.send(link, &ack);
            }
        }
    }
}
