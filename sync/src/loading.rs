//! Bringing somebody up to date: gaps, loads, and how many at a time.
//!
//! After every kind of trouble the answer is the same: load what follows the peer's version.

use std::sync::Arc;

use driftwood_crdt::{Delta, Dot, VersionVector};

use crate::document::{Key, Loading};
use crate::message::Message;
use crate::node::Node;
use crate::transfer::Transfer;
use crate::{Channel, DocumentName, ErrorCode, LinkId, Output};

impl Node {
    /// Sees to it that this link gets what it lacks.
    pub(crate) fn catch_up(&mut self, link: LinkId, key: Key) {
        let role = self.config.role;
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let Some(party) = document.parties.get(&link) else {
            return;
        };
        if document.open && party.needs(document.sendable(role)) {
            if let Some(session) = self.links.get_mut(&link) {
                session.queue.insert(key);
                self.pump(link);
            }
        }
    }

    /// Starts loads while there is room for more.
    pub(crate) fn pump(&mut self, link: LinkId) {
        let role = self.config.role;
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        while !session.is_busy() && session.loads < self.config.limits.loads {
            let mut queue = session.queue.iter();
            let next = queue.find(|&&key| !session.is_crowded(key));
            let Some(key) = next.copied() else {
                break;
            };
            session.queue.remove(&key);
            let Some(document) = self.documents.get_mut(key) else {
                continue;
            };
            // One that is being loaded already will be looked at again then.
            let due = document
                .parties
                .get(&link)
                .is_some_and(|party| party.needs(document.sendable(role)));
            let Some(party) = document.parties.get_mut(&link).filter(|_| due) else {
                continue;
            };
            let Some(since) = party.theirs.clone() else {
                continue;
            };
            let anchors = std::mem::take(&mut party.anchors);
            party.loading = Some(Loading::Fresh);
            session.loads += 1;
            self.outbox.push(Output::Load {
                link,
                document: document.name.clone(),
                since,
                anchors,
            });
        }
    }

    /// The answer to a load. Each delta is looked at again, since both sides may have moved on.
    pub(crate) fn loaded(&mut self, link: LinkId, name: &DocumentName, deltas: &[Arc<[u8]>]) {
        let Some(key) = self.documents.key(name) else {
            return;
        };
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let Some(party) = self
            .documents
            .get_mut(key)
            .and_then(|doc| doc.parties.get_mut(&link))
        else {
            return;
        };
        let loading = party.loading.take();
        if loading.is_some() {
            session.loads -= 1;
        }
        // What was asked for before they said what they need is of no use to them.
        let outdated = !party.anchors.is_empty();
        let flushed = loading == Some(Loading::Outdated);
        let deltas = if outdated { &[] } else { deltas };
        let mut progress = false;
        for bytes in deltas {
            let Some(theirs) = &party.theirs else {
                break;
            };
            // It was wholly validated when it came to the store, which has checksums.
            let Ok((from, to)) = Delta::span(bytes) else {
                self.outbox
                    .problem(Some(name), None, ErrorCode::StoreCorrupt, 0);
                break;
            };
            if theirs.includes(&to) {
                continue;
            }
            if !theirs.includes(&from) {
                break;
            }
            let max = self.config.limits.delta_bytes;
            if bytes.len() > max {
                let code = ErrorCode::LimitDelta;
                self.outbox.problem(Some(name), None, code, max as u64);
                break;
            }
            progress = true;
            if bytes.len() > self.config.limits.chunk_bytes {
                // What follows it is loaded again when it has been sent.
                party.transfer = Some(Box::new(Transfer::new(Arc::clone(bytes), to)));
                break;
            }
            let frame = self.frames.of(key, bytes);
            self.outbox.send_frame(link, Some(key), frame);
            party.sent(&to, session.is_mesh());
        }
        // Without progress the next flush tries again, or one that was too late for this: asking at once
        // would go in circles.
        party.stalled = !progress;
        if progress {
            self.settle(key);
            self.push_parts(link, key);
        }
        if progress || outdated || flushed {
            self.catch_up(link, key);
        }
        self.pump(link);
        self.answer_since(link);
    }

    pub(crate) fn on_gap(&mut self, link: LinkId, channel: Channel, version: VersionVector) {
        let Some(key) = self.key_of(link, channel) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if let Some(party) = document.parties.get_mut(&link) {
            party.theirs = Some(version);
            party.transfer = None;
            self.catch_up(link, key);
        }
    }

    /// They have dropped what a delta hangs on. From where to send again, a gap says that follows.
    pub(crate) fn on_need_skeleton(&mut self, link: LinkId, channel: Channel, dots: Vec<Dot>) {
        let Some(key) = self.key_of(link, channel) else {
            return;
        };
        let document = self.documents.get_mut(key);
        if let Some(party) = document.and_then(|document| document.parties.get_mut(&link)) {
            party.anchors = dots;
        }
    }

    /// Tells a peer what was dropped here that its delta hangs on, and where to send from; as often as
    /// [`Self::report_gap`] does.
    pub(crate) fn report_dropped(&mut self, link: LinkId, key: Key, dots: Vec<Dot>) {
        let party = self
            .documents
            .get(key)
            .and_then(|document| document.parties.get(&link));
        if party.is_some_and(|party| party.may_report(self.now, self.config.limits.gap_time)) {
            let channel = key;
            self.outbox
                .send(link, &Message::NeedSkeleton { channel, dots });
            self.report_gap(link, key);
        }
    }

    /// Tells a peer, once until there is progress or time has passed, where to send from.
    pub(crate) fn report_gap(&mut self, link: LinkId, key: Key) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let Some(party) = document.parties.get_mut(&link) else {
            return;
        };
        if party.may_report(self.now, self.config.limits.gap_time) {
            party.gap = Some(self.now);
            let gap = Message::Gap {
                channel: key,
                version: document.version.clone(),
            };
            self.outbox.send(link, &gap);
        }
    }

    pub(crate) fn progress(&mut self, link: LinkId, key: Key) {
        let party = self
            .documents
            .get_mut(key)
            .and_then(|document| document.parties.get_mut(&link));
        if let Some(party) = party {
            party.gap = None;
        }
    }

    /// Asks everybody who is known to hold more to send it again.
    pub(crate) fn ask_again(&mut self, key: Key) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        for (&link, party) in &document.parties {
            if party.takes_part()
                && !party
                    .theirs
                    .as_ref()
                    .is_some_and(|v| document.version.includes(v))
            {
                let gap = Message::Gap {
                    channel: key,
                    version: document.version.clone(),
                };
                self.outbox.send(link, &gap);
            }
        }
    }
}
