//! How deltas travel from node to node.
//!
//! Three rules keep it quiet. What a peer is known to hold is not sent to it (`Party::theirs`), so
//! nothing is echoed. What is known here already is not passed on, so nothing circles in a mesh.
//! And a delta is only sent to a peer that holds what it starts from; others get a load.

use std::sync::Arc;

use driftwood_crdt::{DecodeError, Delta, Stamp, VersionVector};

use crate::document::{Key, Unsent};
use crate::message::Message;
use crate::node::Node;
use crate::{Channel, DocumentName, ErrorCode, Frame, LinkId, Output, Role};

impl Node {
    /// A delta is here, in one message or put together.
    pub(crate) fn delta_arrived(&mut self, link: LinkId, channel: Channel, bytes: Arc<[u8]>) {
        let Some(key) = self.key_of(link, channel) else {
            return;
        };
        let delta = match Delta::decode(&bytes) {
            Ok(delta) => delta,
            Err(error) => return self.bad_delta(link, channel, &error),
        };
        let (from, to) = (delta.from(), delta.to());
        self.learn(link, key, to);
        if !self.may_write(link, key) {
            return self.reject(link, key, ErrorCode::Forbidden, 0);
        }
        let limits = &self.config.limits;
        let replicas_max = limits.replicas;
        let role = self.config.role;
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if !document.open || document.failed_until.is_some() {
            return; // not ours, or it was said that nothing is taken now
        }
        if role == Role::Relay {
            let ahead = delta.max_stamp().map_or(0, Stamp::millis);
            if ahead > (self.now + limits.clock_ahead).as_millis() {
                let code = ErrorCode::ClockAhead;
                return self.reject(link, key, code, self.now.as_millis());
            }
        }
        if self.is_conflict(link, key, &delta, &bytes) {
            return;
        }
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if document.version.includes(to) {
            self.note_delta(link, key, to);
            return self.settle(key);
        }
        if !document.version.includes(from) {
            return self.report_gap(link, key);
        }
        let new = to
            .iter()
            .filter(|&(replica, _)| document.version.get(replica) == 0)
            .count();
        if document.version.len() + new > replicas_max {
            let max = replicas_max as u64;
            return self.reject(link, key, ErrorCode::LimitReplicas, max);
        }
        if !self.own_work(link, key, to) {
            return;
        }
        self.check_fork(key, to);
        self.note_step(key, &delta, &bytes);
        self.take(key, (from, to), bytes, Some(link));
    }

    /// A relay remembers the last step of each replica: who says something else of it is found out.
    fn note_step(&mut self, key: Key, delta: &Delta, bytes: &Arc<[u8]>) {
        if self.config.role == Role::Relay {
            if let Some(document) = self.documents.get_mut(key) {
                document.steps.note(delta, bytes);
            }
        }
    }

    /// A delta that is news, by where it starts and what it raises: to store, and for a relay to pass on.
    fn take(
        &mut self,
        key: Key,
        (from, to): (&VersionVector, &VersionVector),
        bytes: Arc<[u8]>,
        origin: Option<LinkId>,
    ) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        document.version.merge(to);
        self.outbox.push(Output::Store {
            document: document.name.clone(),
            delta: Arc::clone(&bytes),
            from: from.clone(),
            to: to.clone(),
            origin,
        });
        // Where replica ids have owners, others cannot bring back what this relay may yet lose.
        if self.config.role == Role::Relay && origin.is_some() && !self.config.is_guarded() {
            self.broadcast(key, &bytes, from, to, origin);
        } else {
            let unsent = Unsent {
                delta: bytes,
                from: from.clone(),
                to: to.clone(),
                origin,
            };
            document.push_unsent(unsent);
        }
        if let Some(link) = origin {
            self.progress(link, key);
            self.note_delta(link, key, to);
        }
        self.check_synced(key);
    }

    /// A local commit.
    pub(crate) fn local(&mut self, name: &DocumentName, bytes: Arc<[u8]>) {
        let Some(key) = self.documents.key(name) else {
            return;
        };
        // A client has just written what a relay may have been handed.
        let span = match self.config.role {
            Role::Client => Delta::span(&bytes),
            Role::Relay => Delta::decode(&bytes).map(|delta| {
                self.note_step(key, &delta, &bytes);
                (delta.from().clone(), delta.to().clone())
            }),
        };
        let Ok((from, to)) = span else {
            return self
                .outbox
                .problem(Some(name), None, ErrorCode::BadFrame, 0);
        };
        if to.is_empty() {
            return;
        }
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        // Who commits a change holds what it starts from.
        document.version.merge(&from);
        self.take(key, (&from, &to), bytes, None);
    }

    /// Sends a delta to everybody who takes part and does not have it.
    pub(crate) fn broadcast(
        &mut self,
        key: Key,
        delta: &Arc<[u8]>,
        from: &VersionVector,
        to: &VersionVector,
        origin: Option<LinkId>,
    ) {
        if self.config.role == Role::Relay {
            self.introduce_to_mesh(key);
            self.tell_news_along(key);
        }
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let fits = delta.len() <= self.config.limits.chunk_bytes;
        let mut frame: Option<Frame> = None;
        let mut late = Vec::new();
        for (&link, party) in &mut document.parties {
            let Some(session) = self.links.get(&link) else {
                continue;
            };
            if Some(link) == origin || !session.pushes() || !party.takes_part() {
                continue;
            }
            let Some(theirs) = &party.theirs else {
                continue;
            };
            if theirs.includes(to) {
                continue;
            }
            if session.is_busy_with(key) || !fits || !theirs.includes(from) {
                late.push(link);
                continue;
            }
            party.sent(to, session.is_mesh());
            let frame = frame.get_or_insert_with(|| self.frames.of(key, delta));
            self.outbox.send_frame(link, Some(key), Arc::clone(frame));
        }
        for link in late {
            self.catch_up(link, key);
        }
    }

    /// The other end of the link holds this, and so do its other links.
    fn learn(&mut self, link: LinkId, key: Key, to: &VersionVector) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let Some(session) = self.links.get(&link) else {
            return;
        };
        if let Some(party) = document.parties.get_mut(&link) {
            party.learn(to);
        }
        if !session.is_mesh() {
            return;
        }
        for (other, party) in &mut document.parties {
            let other = self.links.get(other);
            if other.is_some_and(|other| other.remote == session.remote) {
                party.learn(to);
            }
        }
    }

    /// Bytes that are no delta end the link; one that wants too much is refused, and that is all. One
    /// that comes to too much when it is read was made to do harm.
    fn bad_delta(&mut self, link: LinkId, channel: Channel, error: &DecodeError) {
        if error.reason == "too much for its size" {
            let max = self.config.limits.delta_bytes as u64;
            return self.fail(link, ErrorCode::FrameTooLarge, max);
        }
        if let (Some(limit), Some(key)) = (error.limit, self.key_of(link, channel)) {
            return self.reject(link, key, limit_code(error.reason), limit);
        }
        let header = Message::Delta {
            channel,
            delta: Arc::from([]),
        }
        .encode()
        .len();
        self.fail(link, ErrorCode::BadFrame, (header + error.offset) as u64);
    }

    /// Says that a delta was not taken; the link goes on.
    pub(crate) fn reject(&mut self, link: LinkId, key: Key, code: ErrorCode, value: u64) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let about = document
            .parties
            .get(&link)
            .and_then(|party| party.their_channel);
        self.outbox
            .problem(Some(&document.name), Some(link), code, value);
        self.outbox
            .send_error(link, Some(key), (code, about, value));
    }
}

/// Which limit of the data it was, by the words of the data's decoder.
fn limit_code(reason: &str) -> ErrorCode {
    let words = [
        ("deep", ErrorCode::LimitDepth),
        ("key", ErrorCode::LimitKey),
        ("value", ErrorCode::LimitValue),
        ("counter", ErrorCode::LimitCounter),
        ("siblings", ErrorCode::LimitSiblings),
        ("replicas", ErrorCode::LimitReplicas),
    ];
    let code = words.into_iter().find(|(word, _)| reason.contains(word));
    code.map_or(ErrorCode::LimitDelta, |(_, code)| code)
}
