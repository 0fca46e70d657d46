//! What the host says of its store and its documents: flushed, failed, refused.

use driftwood_crdt::{Dot, ReplicaId, VersionVector};

use crate::config::RELAY;
use crate::document::{Key, Loading};
use crate::node::Node;
use crate::timer::Alarm;
use crate::{DocumentName, ErrorCode, Level, LinkId, Output, Role};

impl Node {
    /// What is durable now.
    pub(crate) fn flushed(&mut self, name: &DocumentName, version: &VersionVector) {
        let Some(key) = self.documents.key(name) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let raised = version
            .iter()
            .filter(|&(replica, seq)| seq > document.durable.get(replica));
        let raised: Vec<ReplicaId> = raised.map(|(replica, _)| replica).collect();
        document.durable.merge(version);
        document.version.merge(version);
        if self.config.role == Role::Client {
            self.outbox.push(Output::Saved {
                document: name.clone(),
                level: Level::Local,
                version: document.durable.clone(),
            });
        }
        if !raised.is_empty() {
            self.list(key);
            // A relay that came up since this was taken has not heard of it.
            self.introduce_to_mesh(key);
        }
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        for party in document.parties.values_mut() {
            if let Some(loading) = party.loading.as_mut().filter(|_| !raised.is_empty()) {
                *loading = Loading::Outdated;
            }
        }
        self.release(key);
        self.settle(key);
        self.note_news(key, raised);
        let Some(document) = self.documents.get(key) else {
            return;
        };
        // On a relay that passes things on at once only those whose last load found nothing can be
        // behind without a load.
        let all = self.config.role == Role::Client || self.config.is_guarded();
        let behind = document
            .parties
            .iter()
            .filter(|(_, party)| all || party.stalled);
        let behind: Vec<LinkId> = behind.map(|(&link, _)| link).collect();
        for link in behind {
            self.catch_up(link, key);
        }
    }

    /// Lets out what had to wait until it was durable.
    pub(crate) fn release(&mut self, key: Key) {
        while let Some(document) = self.documents.get_mut(key) {
            let ready = |to: &VersionVector| document.durable.includes(to);
            if !document
                .unsent
                .front()
                .is_some_and(|unsent| ready(&unsent.to))
            {
                break;
            }
            let unsent = document.unsent.pop_front().expect("there is a first one");
            self.broadcast(key, &unsent.delta, &unsent.from, &unsent.to, unsent.origin);
        }
    }

    /// Storing failed. A relay takes back what was not durable and is deaf to the document for a
    /// while; a client's documents live on in memory, and its shell tries again.
    pub(crate) fn store_failed(&mut self, name: &DocumentName, code: ErrorCode) {
        self.outbox.problem(Some(name), None, code, 0);
        let Some(key) = self.documents.key(name) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if self.config.role == Role::Client {
            return;
        }
        document.version = document.durable.clone();
        document.unsent.clear();
        document.failed_until = Some(self.now + self.config.limits.store_retry_time);
        for (&link, party) in &document.parties {
            let about = party.their_channel;
            if about.is_some() {
                self.outbox.send_error(link, Some(key), (code, about, 0));
            }
        }
        self.arm_document(key);
    }

    /// What a relay held is gone: it is asked for again, from everybody who takes part.
    pub(crate) fn lost(&mut self, name: &DocumentName) {
        if !RELAY {
            return;
        }
        let key = self.documents.key(name);
        if let Some(document) = key.and_then(|key| self.documents.get_mut(key)) {
            document.durable = VersionVector::new();
            if let Some(entry) = document.listed.take() {
                self.unlist(name, entry);
            }
        }
        self.store_failed(name, ErrorCode::StoreCorrupt);
    }

    /// The host's document did not take what it was given.
    pub(crate) fn refused(
        &mut self,
        name: &DocumentName,
        link: Option<LinkId>,
        code: ErrorCode,
        version: VersionVector,
        anchors: Vec<Dot>,
    ) {
        let Some(key) = self.documents.key(name) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        document.version = version;
        document.unsent.clear();
        let Some(link) = link else {
            return self.outbox.problem(Some(name), None, code, 0);
        };
        match code {
            ErrorCode::Gap => self.report_gap(link, key),
            ErrorCode::NeedSkeleton => self.report_dropped(link, key, anchors),
            code => self.reject(link, key, code, 0),
        }
    }

    /// What is due on a document.
    pub(crate) fn document_alarm(&mut self, key: Key) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if document
            .failed_until
            .take_if(|until| self.now >= *until)
            .is_some()
        {
            self.ask_again(key);
        }
        self.renew_presences(key);
        self.tell_news(key);
        self.arm_document(key);
    }

    pub(crate) fn arm_document(&mut self, key: Key) {
        let deadline = self.documents.get(key).and_then(|document| {
            let presence = document.presences.deadline();
            [document.failed_until, document.news_due, presence]
                .into_iter()
                .flatten()
                .min()
        });
        self.timers.set(Alarm::Document(key), deadline);
    }
}
