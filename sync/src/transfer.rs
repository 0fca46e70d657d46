//! Large deltas: sent in parts, as fast as the receiver asks for them.
//!
//! A delta is one step and cannot be made into smaller ones, so its bytes are cut. The sender offers
//! the first part and waits; the receiver says from where it wants more, which after a broken link is
//! further on; then a bounded number of parts is under way at any time. Small deltas pass by.

use std::sync::Arc;

use driftwood_crdt::VersionVector;

use crate::assembly::{hash, Step, Subject};
use crate::document::Key;
use crate::message::{Message, Part};
use crate::node::Node;
use crate::timer::Alarm;
use crate::{Channel, DocumentName, ErrorCode, LinkId};

/// So many parts are sent at one time.
const STEP_PARTS: usize = 2;

/// A large delta on its way to somebody.
#[derive(Debug)]
pub(crate) struct Transfer {
    bytes: Arc<[u8]>,
    hash: u64,
    /// What they will hold when all is sent.
    to: VersionVector,
    sent: usize,
    /// How far the receiver lets us send.
    granted: usize,
}

impl Transfer {
    /// An offer: the first part only, since they may hold more already.
    pub(crate) fn new(bytes: Arc<[u8]>, to: VersionVector) -> Self {
        let hash = hash(&bytes);
        Self {
            bytes,
            hash,
            to,
            sent: 0,
            granted: 1,
        }
    }
}

impl Node {
    /// Sends the parts of a large delta that may be sent now.
    pub(crate) fn push_parts(&mut self, link: LinkId, key: Key) {
        let max = self.config.limits.part_bytes.max(1);
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let Some(party) = document.parties.get_mut(&link) else {
            return;
        };
        let Some(transfer) = &mut party.transfer else {
            return;
        };
        let total = transfer.bytes.len();
        // Not all that may be under way at once: what it does to the link is known afterwards. Every part
        // that arrives is answered, so this comes again.
        let granted = transfer.granted.min(transfer.sent + STEP_PARTS * max);
        while !session.is_busy_with(key) && transfer.sent < granted.min(total) {
            let end = total.min(transfer.sent + max);
            let part = Part {
                channel: key,
                hash: transfer.hash,
                total: total as u64,
                offset: transfer.sent as u64,
                bytes: transfer.bytes[transfer.sent..end].into(),
            };
            self.outbox.send(link, &Message::Part(part));
            transfer.sent = end;
        }
        if transfer.sent < total {
            session.transfers.insert(key);
            return;
        }
        session.transfers.remove(&key);
        let to = transfer.to.clone();
        party.transfer = None;
        party.sent(&to, session.is_mesh());
        self.settle(key);
        self.catch_up(link, key);
    }

    /// The receiver has so much, and wants what follows.
    pub(crate) fn on_want(&mut self, link: LinkId, channel: Channel, hash: u64, offset: u64) {
        let limits = &self.config.limits;
        let Some(key) = self.key_of(link, channel) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let transfer = document
            .parties
            .get_mut(&link)
            .and_then(|party| party.transfer.as_mut());
        // One that was given up meanwhile is no longer known.
        let Some(transfer) = transfer.filter(|transfer| transfer.hash == hash) else {
            return;
        };
        let offset = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(transfer.bytes.len());
        transfer.sent = transfer.sent.max(offset);
        transfer.granted = transfer
            .granted
            .max(offset.saturating_add(limits.window_bytes));
        self.push_parts(link, key);
    }

    /// The link has room again.
    pub(crate) fn resume_transfers(&mut self, link: LinkId) {
        let Some(session) = self.links.get(&link) else {
            return;
        };
        for key in session.transfers.clone() {
            self.push_parts(link, key);
        }
    }

    pub(crate) fn on_part(&mut self, link: LinkId, part: &Part) {
        let limits = &self.config.limits;
        let Some(key) = self.key_of(link, part.channel) else {
            return;
        };
        let Some(document) = self.documents.get(key) else {
            return;
        };
        if !document.open || document.failed_until.is_some() {
            return;
        }
        if !self.may_write(link, key) {
            return self.reject(link, key, ErrorCode::Forbidden, 0);
        }
        let max = limits.delta_bytes as u64;
        if part.total > max {
            return self.reject(link, key, ErrorCode::LimitDelta, max);
        }
        let document = document.name.clone();
        let subject = Subject {
            document,
            hash: part.hash,
            total: part.total,
        };
        match self
            .assembly
            .take(&subject, link, (part.offset, &part.bytes), self.now, limits)
        {
            Step::Continue { held } => {
                let want = Message::Want {
                    channel: key,
                    hash: part.hash,
                    offset: held,
                };
                self.outbox.send(link, &want);
            }
            Step::Whole(bytes) => {
                self.delta_arrived(link, part.channel, bytes.into());
                self.ask_waiting();
            }
            Step::Damaged => {
                self.ask_from_here(link, key);
                self.ask_waiting();
            }
            Step::Wait => self.assembly.wait(link, key),
            Step::Stray => {}
        }
        self.arm_assembly();
    }

    /// Those who had to wait send again what is still missing.
    fn ask_waiting(&mut self) {
        for (link, key) in self.assembly.waiting() {
            self.ask_from_here(link, key);
        }
    }

    fn ask_from_here(&mut self, link: LinkId, key: Key) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        if document.parties.contains_key(&link) && self.links.contains_key(&link) {
            let gap = Message::Gap {
                channel: key,
                version: document.version.clone(),
            };
            self.outbox.send(link, &gap);
        }
    }

    /// A link no longer brings anything for this document.
    pub(crate) fn transfers_lost(&mut self, link: LinkId, document: &DocumentName, key: Key) {
        if self.assembly.lose(link, document, key) {
            // Whoever waited for that link to finish brings it instead.
            self.ask_waiting();
            self.arm_assembly();
        }
    }

    pub(crate) fn assembly_alarm(&mut self) {
        self.assembly.expire(self.now, &self.config.limits);
        self.arm_assembly();
    }

    fn arm_assembly(&mut self) {
        let deadline = self.assembly.deadline(&self.config.limits);
        self.timers.set(Alarm::Assembly, deadline);
    }
}
