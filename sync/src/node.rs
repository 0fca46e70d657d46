//! [`Node`]: the state machine that a relay, a tab and a terminal share.

use std::sync::Arc;

use driftwood_crdt::ordered::{BTreeMap, BTreeSet};

use driftwood_crdt::{ReplicaId, VersionVector};

use crate::assembly::Assembly;
use crate::config::RELAY;
use crate::document::Documents;
use crate::feed::Feed;
use crate::frames::Frames;
use crate::link::Link;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::purge::Known;
use crate::rate::Meters;
use crate::timer::{Alarm, Timers};
use crate::{
    Config, DocumentName, Input, Level, LinkId, LinkKind, NodeId, Output, RelayId, Role, Time,
};

/// One participant: any number of documents on any number of links.
///
/// It holds versions and timers, never the content of a document, and does nothing by itself: the
/// shell calls [`Node::handle`] with what happened, carries out the outputs, and sends
/// [`Input::Tick`] when [`Node::next_deadline`] has come. See the crate's front page for an example.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) now: Time,
    pub(crate) documents: Documents,
    pub(crate) feed: Feed,
    pub(crate) known: Known,
    /// In boxes, as documents are.
    pub(crate) links: BTreeMap<LinkId, Box<Link>>,
    /// Those of them that lead to other relays and are ready; few beside those to clients.
    pub(crate) mesh: BTreeSet<LinkId>,
    pub(crate) timers: Timers,
    pub(crate) assembly: Assembly,
    pub(crate) meters: Meters,
    pub(crate) frames: Frames,
    pub(crate) outbox: Outbox,
}

/// What a node knows about one of its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Its number.
    pub link: LinkId,
    /// What it leads to.
    pub kind: LinkKind,
    /// The process at the other end, once its hello came.
    pub node: Option<NodeId>,
    /// What the other end calls itself; empty before its hello.
    pub agent: String,
    /// Who is there, where one has to log in.
    pub principal: Option<Arc<str>>,
    /// Which relay it is, once another relay has said so.
    pub relay: Option<RelayId>,
    /// Whether document data waits, because the link is congested or the peer asked for a pause.
    pub busy: bool,
}

impl Node {
    /// A node without documents or links.
    ///
    /// # Panics
    /// When it is to be a relay and the feature `relay` is not there.
    pub fn new(config: Config) -> Self {
        assert!(
            RELAY || config.role == Role::Client,
            "without the feature `relay`"
        );
        Self {
            config,
            now: Time::default(),
            documents: Documents::default(),
            feed: Feed::default(),
            known: Known::default(),
            links: BTreeMap::new(),
            mesh: BTreeSet::new(),
            timers: Timers::default(),
            assembly: Assembly::default(),
            meters: Meters::default(),
            frames: Frames::default(),
            outbox: Outbox::default(),
        }
    }

    /// Takes in what happened and says what to do. All of it is to be done, in order, before the
    /// next call; what the caller leaves in the iterator is lost.
    pub fn handle(&mut self, now: Time, input: Input) -> impl Iterator<Item = Output> + '_ {
        self.now = self.now.max(now);
        self.react(input);
        self.outbox.drain()
    }

    fn react(&mut self, input: Input) {
        match input {
            Input::Open {
                document,
                version,
                own,
            } => self.open(&document, &version, own),
            Input::Shut { document } => self.shut(&document),
            Input::Mark { mark } => self.restore_mark(mark),
            Input::Purge { document, lift } => self.ask_purge(&document, lift),
            Input::Purged { ids } => self.purged(&ids),
            Input::Connected { link, kind } => self.connected(link, kind),
            Input::Address { link, address } => self.called_from(link, address),
            Input::Admitted { link, rights } => self.admitted(link, rights),
            Input::Denied { link } => self.denied(link),
            Input::Token { token } => self.show(&token),
            Input::Bound {
                document,
                replica,
                principal,
            } => self.bound(&document, replica, principal),
            Input::Disconnected { link } => self.disconnected(link),
            Input::Received { link, bytes } => self.received(link, &bytes),
            Input::ReceivedText { link } => self.fail_text(link),
            Input::Local { document, delta } => self.local(&document, delta),
            Input::Flushed { document, version } => self.flushed(&document, &version),
            Input::StoreFailed { document, code } => self.store_failed(&document, code),
            Input::Lost { document } => self.lost(&document),
            Input::Loaded {
                link,
                document,
                deltas,
            } => self.loaded(link, &document, &deltas),
            Input::Refused {
                document,
                link,
                code,
                version,
                anchors,
            } => {
                self.refused(&document, link, code, version, anchors);
            }
            Input::Presence { document, state } => self.announce(&document, state),
            Input::Congested { link } => self.congested(link),
            Input::Drained { link } => self.drained(link),
            Input::Crowded { link, channel } => self.crowded(link, channel),
            Input::Cleared { link, channel } => self.cleared(link, channel),
            Input::Tick => self.tick(),
        }
    }

    /// The next moment at which something is due without any other input.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// What is held of a document; none when it is not open.
    pub fn version(&self, document: &DocumentName) -> Option<&VersionVector> {
        let document = self.documents.by_name(document)?;
        document.open.then_some(&document.version)
    }

    /// How much of a document is saved at a level, as far as is known here. On a relay
    /// [`Level::Local`] and [`Level::Relay`] are the same.
    pub fn saved(&self, document: &DocumentName, level: Level) -> VersionVector {
        let document = self.documents.by_name(document);
        document.map_or_else(VersionVector::new, |document| {
            document.saved_version(self.config.role, level)
        })
    }

    /// How much has come of a large delta for this document, and how much there is, in bytes; none
    /// when none is on its way.
    pub fn receiving(&self, document: &DocumentName) -> Option<(u64, u64)> {
        self.assembly.progress(document)
    }

    /// The documents that are open, in order of name.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentName> + '_ {
        let all = self.documents.all();
        all.filter(|document| document.open)
            .map(|document| &document.name)
    }

    /// The links that are up, in order of number.
    pub fn links(&self) -> impl Iterator<Item = LinkInfo> + '_ {
        self.links.iter().map(|(&link, session)| LinkInfo {
            link,
            kind: session.kind,
            node: session.remote,
            agent: session.agent.clone(),
            principal: session
                .rights
                .as_ref()
                .map(|rights| rights.principal.clone()),
            relay: session.relay,
            busy: session.is_busy(),
        })
    }

    /// How the node was set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn open(&mut self, name: &DocumentName, version: &VersionVector, own: Option<ReplicaId>) {
        if self.is_purged(name) {
            return;
        }
        let key = self
            .documents
            .key(name)
            .unwrap_or_else(|| self.documents.add(name.clone()));
        let document = self.documents.get_mut(key).expect("just found or made");
        let again = std::mem::replace(&mut document.open, true);
        document.version.merge(version);
        document.durable.merge(version);
        let new_id = document.own != own;
        document.own = own;
        self.list(key);
        if again && new_id {
            self.introduce_again(key);
        }
        let Some(document) = self.documents.get(key) else {
            return;
        };
        if self.config.role == Role::Relay || again {
            let parties: Vec<LinkId> = document.parties.keys().copied().collect();
            for link in parties {
                self.catch_up(link, key);
            }
            return;
        }
        for link in self.client_links() {
            self.introduce(link, key);
            self.begin(link, key);
        }
    }

    fn shut(&mut self, name: &DocumentName) {
        let Some(key) = self.documents.key(name) else {
            return;
        };
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let parties: Vec<(LinkId, bool)> = document
            .parties
            .iter()
            .map(|(&link, party)| (link, party.introduced))
            .collect();
        document.open = false;
        document.version = VersionVector::new();
        for (link, introduced) in parties {
            if introduced {
                self.outbox.send(link, &Message::Shut { channel: key });
            }
            self.leave(link, key);
        }
        self.timers.set(Alarm::Document(key), None);
        let removed = self.documents.remove(key);
        if let Some((entry, document)) = removed.and_then(|it| Some((it.listed?, it))) {
            self.unlist(&document.name, entry);
        }
    }

    fn tick(&mut self) {
        while let Some(alarm) = self.timers.pop_due(self.now) {
            match alarm {
                Alarm::Link(link) => self.link_alarm(link),
                Alarm::Document(key) => self.document_alarm(key),
                Alarm::Assembly => self.assembly_alarm(),
            }
        }
    }
}
