//! Between relays: what changed over there, and what of ours is safe there.
//!
//! Each relay asks the other for the documents with a number above the last one it knows (`feed`), when
//! they meet again and every minute. What is listed with the digest of what we hold is durable over there;
//! anything else is opened, or asked for. Relays that do not know each other yet, and all once an hour,
//! compare all that they store (`survey`); where that is not worth it, they ask for what has a number
//! above 0, which is everything.

use driftwood_crdt::VersionVector;

use crate::config::RELAY;
use crate::document::Key;
use crate::link::Link;
use crate::message::{Changes, Message};
use crate::node::Node;
use crate::survey::{Confirming, Survey};
use crate::{ErrorCode, LinkId, NodeId, Role, Time};

/// How many documents may wait for their load before further ones are listed.
const QUEUE_MAX: usize = 256;

/// How far we are with another relay.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// The number that we asked from, until the answer comes.
    asked: Option<u64>,
    /// The highest number of theirs that we knew of when we asked.
    seen: u64,
    /// Before the first of what differed, in the answers to the present question. The next one begins
    /// there.
    differed: Option<u64>,
    /// The number that they asked from, until there is room for the answer.
    to_answer: Option<u64>,
    /// When to ask again.
    pub(crate) due: Option<Time>,
    /// Comparing everything with what they have.
    pub(crate) survey: Option<Box<Survey>>,
    pub(crate) survey_due: Option<Time>,
    /// What is yet to be taken note of, after a comparison.
    pub(crate) confirming: Option<Confirming>,
}

impl Exchange {
    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let confirming = self.confirming.as_ref().map(|it| it.due);
        [self.due, self.survey_due, confirming]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Node {
    /// The hello of another relay came.
    pub(crate) fn join_mesh(&mut self, link: LinkId) {
        if !RELAY {
            return;
        }
        self.mesh.insert(link);
        self.tell_digest(link);
        let remote = self.links.get(&link).and_then(|session| session.remote);
        let second = self.links.iter().any(|(&other, session)| {
            other != link && session.is_mesh() && session.pushes() && session.remote == remote
        });
        if second {
            let due = self.now + self.config.limits.audit_time;
            if let Some(session) = self.links.get_mut(&link) {
                session.spare = true;
                session.exchange().due = Some(due);
            }
        } else {
            self.start_exchange(link);
        }
    }

    /// The link to a relay went down; if there is a second one, it takes over.
    pub(crate) fn promote_spare(&mut self, remote: Option<NodeId>) {
        if !RELAY || remote.is_none() {
            return;
        }
        let spare = self
            .links
            .iter_mut()
            .find(|(_, link)| link.spare && link.remote == remote);
        if let Some((&link, session)) = spare {
            session.spare = false;
            self.start_exchange(link);
            self.arm_link(link);
        }
    }

    /// We know how far we were with them, or else one of us compares everything.
    fn start_exchange(&mut self, link: LinkId) {
        let due = self.now + self.config.limits.audit_time;
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let cursor = session.remote.and_then(|remote| self.feed.cursor(remote));
        match cursor {
            Some(after) => self.ask_since(link, after),
            None if session.begins(self.config.node) => self.start_survey(link),
            // They begin, and then it is our turn.
            None => session.exchange().due = Some(due),
        }
    }

    /// Whoever of the two begins, begins with a survey where there is enough to compare.
    pub(crate) fn start_survey(&mut self, link: LinkId) {
        if self.feed.len() < self.config.limits.survey_min {
            return self.ask_since(link, 0);
        }
        if let Some(session) = self.links.get_mut(&link) {
            session.exchange().survey_due = None;
            session.exchange().survey = Some(Box::default());
            let (from, number) = (0, 0);
            self.outbox.send(link, &Message::Survey { from, number });
        }
    }

    /// Asks what has a number above this one.
    pub(crate) fn ask_since(&mut self, link: LinkId, after: u64) {
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let seen = session.remote.map(|remote| self.feed.seen(remote));
        session.exchange().seen = seen.unwrap_or_default();
        session.exchange().due = None;
        session.exchange().asked = Some(after);
        session.exchange().differed = None;
        self.outbox.send(link, &Message::Since { after });
    }

    pub(crate) fn on_since(&mut self, link: LinkId, after: u64) {
        let own = self.config.node;
        let Some(session) = self.mesh_link(link) else {
            return;
        };
        session.exchange().to_answer = Some(after);
        let (remote, begins) = (session.remote, session.begins(own));
        self.answer_since(link);
        // They have begun to compare everything, or think that we know each other. Their first link may
        // not be ours.
        let known = remote.is_some_and(|remote| self.feed.cursor(remote).is_some());
        let mut links = self.links.iter();
        let first = links.find(|(_, it)| it.remote == remote && it.is_mesh() && it.pushes());
        let Some((&link, first)) = first.filter(|_| !begins) else {
            return;
        };
        if first.exchange.as_ref().is_none_or(|it| it.asked.is_none()) && (after == 0 || !known) {
            self.ask_since(link, 0);
        }
    }

    /// Lists what they asked for, when there is room.
    pub(crate) fn answer_since(&mut self, link: LinkId) {
        let Some(session) = self.links.get_mut(&link).filter(|_| RELAY) else {
            return;
        };
        if session.is_busy() || session.queue.len() >= QUEUE_MAX {
            return;
        }
        let exchange = session.exchange.as_mut();
        if let Some(after) = exchange.and_then(|it| it.to_answer.take()) {
            let changes = self.changes(after);
            self.outbox.send(link, &Message::Changes(changes));
        }
    }

    pub(crate) fn on_changes(&mut self, link: LinkId, changes: Changes) {
        let limits = &self.config.limits;
        let (due, survey_due) = (self.now + limits.audit_time, self.now + limits.survey_time);
        let Some(session) = self.mesh_link(link) else {
            return;
        };
        let Some(remote) = session.remote else {
            return;
        };
        if session.exchange().asked != Some(changes.after) {
            return;
        }
        let seen = session.exchange().seen;
        if changes.upto < changes.after || !changes.more && changes.upto < seen {
            return self.fell_behind(link, remote);
        }
        let mut differed = session.exchange().differed;
        let spare = session.spare;
        if spare {
            // The other link has told, or will.
            session.exchange().asked = None;
            session.exchange().due = Some(due);
        }
        self.feed.see(remote, changes.upto);
        if spare {
            return self.arm_link(link);
        }
        for listed in changes.documents {
            if self.is_purged(&listed.document) {
                // Until they know that, or we that it is lifted.
                differed.get_or_insert(listed.number - 1);
                continue;
            }
            let key = self
                .documents
                .key(&listed.document)
                .unwrap_or_else(|| self.documents.add(listed.document));
            let Some(document) = self.documents.get_mut(key) else {
                continue;
            };
            document.open |= self.config.role == Role::Relay;
            if let Some(version) = same(listed.digest, [&document.durable, &document.version]) {
                self.saved_elsewhere(key, &version);
            } else {
                differed.get_or_insert(listed.number - 1);
                self.differs(link, key);
            }
        }
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let begins = session.begins(self.config.node);
        session.exchange().differed = differed;
        if changes.more {
            let after = changes.upto;
            session.exchange().asked = Some(after);
            return self.outbox.send(link, &Message::Since { after });
        }
        session.exchange().asked = None;
        session.exchange().due = Some(due);
        if begins {
            session.exchange().survey_due.get_or_insert(survey_due);
        }
        self.feed
            .set_cursor(remote, differed.unwrap_or(changes.upto));
        self.arm_link(link);
    }

    /// They have given out fewer numbers than they told us of. Where two links lead to that node, these are
    /// two processes under one number, of a machine that was copied while it ran: what one of them has, the
    /// other would never be told. Else it was put back to what it was, and is compared with anew.
    fn fell_behind(&mut self, link: LinkId, remote: NodeId) {
        let mut links = self.links.iter();
        let twin = links.any(|(&other, it)| other != link && it.remote == Some(remote));
        if twin {
            self.fail(link, ErrorCode::NodeIdClash, 0);
        } else {
            self.feed.forget(remote);
            self.ask_since(link, 0);
        }
    }

    /// What is due of an exchange.
    pub(crate) fn exchange_alarm(&mut self, link: LinkId) {
        let now = self.now;
        let Some(session) = self.links.get_mut(&link).filter(|_| RELAY) else {
            return;
        };
        let remote = session.remote;
        let cursor = match (session.spare, remote) {
            // Here it is only their number that counts.
            (true, Some(remote)) => Some(self.feed.seen(remote)),
            _ => remote.and_then(|remote| self.feed.cursor(remote)),
        };
        let Some(exchange) = &mut session.exchange else {
            return;
        };
        let ask = exchange.due.take_if(|at| now >= *at).is_some();
        let survey = exchange.survey_due.take_if(|at| now >= *at).is_some();
        if ask {
            self.tell_digest(link);
            self.ask_since(link, cursor.unwrap_or(0));
        }
        if survey {
            self.start_survey(link);
        }
        self.confirm(link);
    }

    /// Opens a document that the other relay has otherwise. If it is open already, news is under
    /// way or was lost: asking from where we are repairs both. What they opened with a moment ago is
    /// under way.
    pub(crate) fn differs(&mut self, link: LinkId, key: Key) {
        let party = self.documents.get(key);
        let party = party.and_then(|document| document.parties.get(&link));
        if party.is_some_and(|party| party.takes_part()) {
            self.report_gap(link, key);
        } else {
            self.introduce(link, key);
        }
    }

    /// Only relays have anything to compare; what a client says of it is left alone.
    pub(crate) fn mesh_link(&mut self, link: LinkId) -> Option<&mut Link> {
        let session = self.links.get_mut(&link).filter(|_| RELAY)?;
        session.is_mesh().then_some(session)
    }
}

fn same(digest: u64, versions: [&VersionVector; 2]) -> Option<VersionVector> {
    versions
        .into_iter()
        .find(|version| !version.is_empty() && version.digest() == digest)
        .cloned()
}
