//! A relay's own order of what changed: every update of a document has a number, and only the latest one
//! of each document is kept. Another relay that knows all up to a number asks for what has a higher one.
//!
//! Numbers are those of one process and begin anew with the next one, so they go by its node id.

use driftwood_crdt::ordered::BTreeMap;

use crate::config::RELAY;
use crate::document::{Document, Key};
use crate::message::{Changes, Listed};
use crate::node::Node;
use crate::sketch::{Secret, Sketch};
use crate::{DocumentName, NodeId, Role};

/// Of so many relays that we met it is known what they told us.
const CURSORS_MAX: usize = 64;

/// No sketch is shorter, and none longer.
pub(crate) const SYMBOLS_MIN: usize = 64;
const SYMBOLS_MAX: usize = 1 << 16;

/// In a sketch of so many documents there is one symbol. Who needs more is better served with a list.
const DOCUMENTS_A_SYMBOL: usize = 20;

/// What we list of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) digest: u64,
}

/// All that is listed.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    order: BTreeMap<u64, Key>,
    /// The highest number that was given out.
    head: u64,
    /// Of all that is listed, since somebody asked for one.
    sketch: Option<Sketch>,
    /// Up to where we know what other relays have.
    cursors: BTreeMap<NodeId, u64>,
    /// The highest number that they told us of, which may be further.
    seen: BTreeMap<NodeId, u64>,
}

impl Feed {
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// How many documents are listed.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn cursor(&self, relay: NodeId) -> Option<u64> {
        self.cursors.get(&relay).copied()
    }

    pub(crate) fn set_cursor(&mut self, relay: NodeId, number: u64) {
        self.cursors.insert(relay, number);
        if self.cursors.len() > CURSORS_MAX {
            // Who is forgotten is compared with as if for the first time.
            self.cursors.retain(|&other, _| other == relay);
        }
    }

    pub(crate) fn seen(&self, relay: NodeId) -> u64 {
        self.seen.get(&relay).copied().unwrap_or_default()
    }

    pub(crate) fn see(&mut self, relay: NodeId, number: u64) {
        let seen = self.seen.entry(relay).or_default();
        *seen = number.max(*seen);
        if self.seen.len() > CURSORS_MAX {
            self.seen.retain(|&other, _| other == relay);
        }
    }

    pub(crate) fn forget(&mut self, relay: NodeId) {
        self.seen.remove(&relay);
        self.cursors.remove(&relay);
    }

    /// The documents with numbers after one number and up to another, by ascending number.
    pub(crate) fn range(&self, after: u64, upto: u64) -> impl Iterator<Item = (u64, Key)> + '_ {
        let range = (after < upto).then(|| self.order.range(after + 1..=upto));
        let entries = range.into_iter().flatten();
        entries.map(|(&number, &key)| (number, key))
    }

    /// How many symbols are made of what is listed, at most.
    pub(crate) fn symbols(&self) -> usize {
        let symbols = self.len() / DOCUMENTS_A_SYMBOL;
        symbols.clamp(SYMBOLS_MIN, SYMBOLS_MAX)
    }

    fn number(&mut self, key: Key, old: Option<Entry>) -> u64 {
        if let Some(old) = old {
            self.order.remove(&old.number);
        }
        self.head += 1;
        self.order.insert(self.head, key);
        self.head
    }
}

impl Node {
    /// Lists a document of which more is durable than before.
    pub(crate) fn list(&mut self, key: Key) {
        if !RELAY || self.config.role == Role::Client {
            return;
        }
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        let digest = document.durable.digest();
        let old = document.listed;
        if document.durable.is_empty() || old.is_some_and(|old| old.digest == digest) {
            return;
        }
        let number = self.feed.number(key, old);
        document.listed = Some(Entry { number, digest });
        if let Some(sketch) = &mut self.feed.sketch {
            let secret = sketch.secret();
            let name = &document.name;
            let items = old.into_iter().map(|old| secret.item(name, old.digest));
            items.for_each(|item| sketch.toggle(item));
            sketch.toggle(secret.item(name, digest));
        }
    }

    /// Lists a document anew, as others are to look at it again.
    pub(crate) fn list_again(&mut self, key: Key) {
        let document = self.documents.get_mut(key);
        let Some(Document {
            listed: Some(entry),
            ..
        }) = document
        else {
            return;
        };
        entry.number = self.feed.number(key, Some(*entry));
    }

    /// A document is no longer stored here.
    pub(crate) fn unlist(&mut self, name: &DocumentName, entry: Entry) {
        self.feed.order.remove(&entry.number);
        if let Some(sketch) = &mut self.feed.sketch {
            let item = sketch.secret().item(name, entry.digest);
            sketch.toggle(item);
        }
    }

    /// What has a number above `after`, as far as one message holds it.
    pub(crate) fn changes(&self, after: u64) -> Changes {
        let max = self.config.limits.listed.max(1);
        let range = self.feed.range(after, self.feed.head);
        let listed = |(number, key)| {
            let document = self.documents.get(key)?;
            Some(Listed {
                number,
                document: document.name.clone(),
                digest: document.listed?.digest,
            })
        };
        let mut documents: Vec<Listed> = range.filter_map(listed).take(max + 1).collect();
        let more = documents.len() > max;
        documents.truncate(max);
        let last = documents.last().map(|listed| listed.number);
        Changes {
            after,
            upto: last.filter(|_| more).unwrap_or(self.feed.head),
            more,
            documents,
        }
    }

    /// The sketch of all that is listed. The first time, or when it has become too short, it costs
    /// O(documents); from then on it is kept up to date.
    pub(crate) fn sketch(&mut self) -> &Sketch {
        let len = self.feed.symbols();
        let fits = |sketch: &Sketch| sketch.symbols().len() * 2 > len;
        if !self.feed.sketch.as_ref().is_some_and(fits) {
            let sketch = self.sketch_under(self.config.secret(), len).0;
            self.feed.sketch = Some(sketch);
        }
        self.feed.sketch.as_ref().expect("just made")
    }

    /// A sketch of all that is listed, and its items. O(documents · log symbols).
    pub(crate) fn sketch_under(&self, secret: Secret, len: usize) -> (Sketch, Vec<(u64, Key)>) {
        let mut sketch = Sketch::new(secret, len);
        let mut items = Vec::with_capacity(self.feed.len());
        for (_, key) in self.feed.range(0, self.feed.head) {
            let document = self.documents.get(key);
            if let Some((document, entry)) = document.and_then(|it| Some((it, it.listed?))) {
                let item = secret.item(&document.name, entry.digest);
                sketch.toggle(item);
                items.push((item, key));
            }
        }
        (sketch, items)
    }
}
