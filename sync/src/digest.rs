//! Between relays: who stores what, compared page by page.
//!
//! A page covers a range of names, so that a document which one side does not have at all is
//! noticed by the other. Digests are of what is durable: an equal one therefore also says that the
//! other relay has it safely. After each page comes a ping, and its pong asks for the next page, so
//! a first contact with many documents does not pile up. It is repeated as an audit.

use driftwood_crdt::ordered::BTreeMap;

use driftwood_crdt::VersionVector;

use crate::config::RELAY;
use crate::document::Key;
use crate::link::Link;
use crate::message::{DigestPage, Message};
use crate::node::Node;
use crate::{DocumentName, LinkId, NodeId, Role, Time};

/// How many documents may wait for their load before the next page is sent.
const QUEUE_MAX: usize = 256;

/// How far we are in telling the other relay what we store.
#[derive(Debug, Default)]
pub(crate) enum Exchange {
    /// Not a relay, or a second link to it.
    #[default]
    None,
    /// A page was sent; the pong of that number asks for the next one.
    Sent {
        number: u64,
        after: Option<DocumentName>,
    },
    /// The next page waits until the link has room.
    Waiting { number: u64, after: DocumentName },
    /// All is said until then.
    Done { number: u64, audit: Time },
}

impl Exchange {
    /// When to begin anew.
    pub(crate) fn audit(&self) -> Option<Time> {
        match self {
            Self::Done { audit, .. } => Some(*audit),
            _ => None,
        }
    }
}

impl Node {
    /// The hello of another relay came.
    pub(crate) fn join_mesh(&mut self, link: LinkId) {
        if !RELAY {
            return;
        }
        let remote = self.links.get(&link).and_then(|session| session.remote);
        let second = self.links.iter().any(|(&other, session)| {
            other != link && session.is_mesh() && session.pushes() && session.remote == remote
        });
        if second {
            if let Some(session) = self.links.get_mut(&link) {
                session.spare = true;
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

    pub(crate) fn start_exchange(&mut self, link: LinkId) {
        if !RELAY {
            return;
        }
        let number = match self.links.get(&link).map(|session| &session.exchange) {
            Some(Exchange::Done { number, .. }) => *number,
            _ => 0,
        };
        self.send_page(link, number + 1, None);
    }

    fn send_page(&mut self, link: LinkId, number: u64, after: Option<DocumentName>) {
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let max = self.config.limits.digest_entries;
        let mut entries: Vec<_> = self
            .documents
            .range(after.as_ref(), None)
            .filter(|(_, document)| !document.durable.is_empty())
            .map(|(_, document)| (document.name.clone(), document.durable.digest()))
            .take(max + 1)
            .collect();
        let more = entries.len() > max;
        entries.truncate(max);
        let upto = if more {
            entries.last().map(|(name, _)| name.clone())
        } else {
            None
        };
        session.exchange = Exchange::Sent {
            number,
            after: upto.clone(),
        };
        self.outbox.send(
            link,
            &Message::Digest(DigestPage {
                after,
                upto,
                entries,
            }),
        );
        self.outbox.send(link, &Message::Ping { number });
    }

    pub(crate) fn on_pong(&mut self, link: LinkId, pong: u64) {
        if !RELAY {
            return;
        }
        let audit = self.now + self.config.limits.audit_time;
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let Exchange::Sent { number, after } = &mut session.exchange else {
            return;
        };
        let number = *number;
        if number != pong {
            return;
        }
        session.exchange = match after.take() {
            Some(after) => Exchange::Waiting { number, after },
            None => Exchange::Done { number, audit },
        };
        self.next_page(link);
        self.arm_link(link);
    }

    /// Sends the next page, if one waits and there is room.
    pub(crate) fn next_page(&mut self, link: LinkId) {
        let Some(session) = self.links.get(&link).filter(|_| RELAY) else {
            return;
        };
        if let Exchange::Waiting { number, after } = &session.exchange {
            if !session.is_busy() && session.queue.len() < QUEUE_MAX {
                let (number, after) = (number + 1, after.clone());
                self.send_page(link, number, Some(after));
            }
        }
    }

    /// Only relays have anything to compare; a client's digest is left alone.
    pub(crate) fn on_digest(&mut self, link: LinkId, page: DigestPage) {
        if !RELAY || !self.links.get(&link).is_some_and(Link::is_mesh) {
            return;
        }
        let theirs: BTreeMap<DocumentName, u64> = page.entries.into_iter().collect();
        let range = self
            .documents
            .range(page.after.as_ref(), page.upto.as_ref());
        let ours = range.filter(|(_, document)| !document.version.is_empty());
        let missing: Vec<Key> = ours
            .filter(|(_, document)| !theirs.contains_key(&document.name))
            .map(|(key, _)| key)
            .collect();
        for key in missing {
            self.differs(link, key);
        }
        for (name, digest) in theirs {
            let key = self
                .documents
                .key(&name)
                .unwrap_or_else(|| self.documents.add(name));
            let Some(document) = self.documents.get_mut(key) else {
                continue;
            };
            document.open |= self.config.role == Role::Relay;
            match same(digest, [&document.durable, &document.version]) {
                Some(version) => self.saved_elsewhere(key, &version),
                None => self.differs(link, key),
            }
        }
    }

    /// Opens a document that the other relay has otherwise. If it is open already, news is under
    /// way or was lost: asking from where we are repairs both.
    fn differs(&mut self, link: LinkId, key: Key) {
        let Some(document) = self.documents.get(key) else {
            return;
        };
        let party = document.parties.get(&link);
        if party.is_some_and(|party| party.takes_part()) {
            let version = document.version.clone();
            self.outbox.send(
                link,
                &Message::Gap {
                    channel: key,
                    version,
                },
            );
        } else {
            self.introduce(link, key);
        }
    }
}

fn same(digest: u64, versions: [&VersionVector; 2]) -> Option<VersionVector> {
    versions
        .into_iter()
        .find(|version| !version.is_empty() && version.digest() == digest)
        .cloned()
}
