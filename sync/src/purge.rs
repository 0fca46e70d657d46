//! Documents that are deleted for good: on every relay, and so that nobody brings them back.
//!
//! A relay that is asked to, or hears of a [`Mark`], tells all who have the document open, forgets it,
//! has the store forget it, and then says so in the mark. From the moment it knows of the mark the name
//! is refused, whoever brings it: clients keep their copies to themselves, and relays learn of the mark.
//!
//! News of marks goes to all other relays at once. Who missed some finds out by a digest of all marks,
//! which relays tell each other when they meet and whenever they ask what changed; where it differs, all
//! are told. There are few.

use driftwood_crdt::ordered::{BTreeMap, BTreeSet};

use crate::assembly::hash;
use crate::config::RELAY;
use crate::document::Key;
use crate::frames::Frames;
use crate::message::{Marks, Message};
use crate::node::Node;
use crate::timer::Alarm;
use crate::{DocumentName, ErrorCode, LinkId, Mark, MarkId, Output, RelayId, Role};

/// So many marks are told in one message.
pub(crate) const MARKS_MAX: usize = 256;

/// All marks that a relay knows.
#[derive(Debug, Default)]
pub(crate) struct Known {
    marks: BTreeMap<MarkId, Mark>,
    /// The sum of what the marks hash to.
    digest: u64,
    /// What the store is still getting rid of. Until it has, nothing of that name is taken, or old
    /// answers of the store could be taken for those of a new document.
    removing: BTreeSet<MarkId>,
    /// The relays that this process has met.
    met: BTreeSet<RelayId>,
}

impl Known {
    fn put(&mut self, mark: Mark) {
        self.digest = self.digest.wrapping_add(hash(&mark.encode()));
        if let Some(old) = self.marks.insert(mark.id, mark) {
            self.digest = self.digest.wrapping_sub(hash(&old.encode()));
        }
    }
}

impl Node {
    /// What is known of a document that was purged once. O(length of the name + log marks).
    pub fn mark(&self, document: &DocumentName) -> Option<&Mark> {
        if !RELAY || self.known.marks.is_empty() {
            return None;
        }
        self.known.marks.get(&MarkId::of(document))
    }

    /// Whether a document is refused because it was purged.
    pub fn is_purged(&self, document: &DocumentName) -> bool {
        let refused = |mark: &Mark| mark.is_purged() || self.known.removing.contains(&mark.id);
        self.mark(document).is_some_and(refused)
    }

    /// A mark that was stored, at the start. What was not carried out is.
    pub(crate) fn restore_mark(&mut self, mark: Mark) {
        if !RELAY {
            return;
        }
        let own = self.config.relay();
        let open = mark.relays.get(&own) != Some(&true);
        if mark.is_purged() && open {
            self.known.removing.insert(mark.id);
            let ids = vec![mark.id];
            self.outbox.push(Output::Purge { ids });
        }
        self.known.put(mark);
    }

    /// Somebody wants a document gone, or to be allowed again.
    pub(crate) fn ask_purge(&mut self, name: &DocumentName, lift: bool) {
        if !RELAY || self.config.role == Role::Client {
            return;
        }
        let id = MarkId::of(name);
        let count = self.known.marks.get(&id).map_or(0, |mark| mark.count);
        if (count % 2 == 1) != lift {
            return; // it is so
        }
        let mark = Mark {
            id,
            count: count + 1,
            time: self.now,
            by: self.config.relay(),
            relays: BTreeMap::new(),
        };
        self.take_marks(vec![mark], None);
    }

    /// The store has nothing of these any more.
    pub(crate) fn purged(&mut self, ids: &[MarkId]) {
        if !RELAY {
            return;
        }
        let own = self.config.relay();
        let mut news = Vec::new();
        for id in ids {
            self.known.removing.remove(id);
            if let Some(mark) = self.known.marks.get(id) {
                let mut mark = mark.clone();
                mark.note(own, true);
                news.push(mark);
            }
        }
        self.take_marks(news, None);
    }

    /// Takes in what somebody knows, carries it out and tells all others what was news.
    fn take_marks(&mut self, marks: Vec<Mark>, from: Option<LinkId>) {
        let own = self.config.relay();
        let mut news = Vec::new();
        // What is known here beyond what they told.
        let mut answer = Vec::new();
        let mut to_remove = BTreeSet::new();
        for mark in marks {
            let old = self.known.marks.get(&mark.id);
            let mut now = old.cloned().unwrap_or_else(|| mark.clone());
            if !now.merge(&mark) && old.is_some_and(|old| *old == now) {
                continue;
            }
            if old.is_none_or(|old| old.count < now.count) {
                // There is nothing to do for one that is lifted.
                now.note(own, !now.is_purged());
                for &relay in &self.known.met {
                    now.note(relay, false);
                }
                to_remove.extend(now.is_purged().then_some(now.id));
            }
            self.outbox.push(Output::Mark { mark: now.clone() });
            self.known.put(now.clone());
            answer.extend((now != mark).then(|| now.clone()));
            news.push(now);
        }
        if !to_remove.is_empty() {
            self.expel(&to_remove);
        }
        let mesh: Vec<LinkId> = self.mesh.iter().copied().collect();
        for link in mesh {
            if Some(link) == from {
                self.tell_marks(link, &answer);
            } else if self.links.get(&link).is_some_and(|it| !it.spare) {
                self.tell_marks(link, &news);
            }
        }
    }

    /// Forgets documents, and has the store forget them. O(documents).
    fn expel(&mut self, ids: &BTreeSet<MarkId>) {
        self.known.removing.extend(ids.iter().copied());
        self.frames = Frames::default();
        let all = self.documents.all();
        let meant = all.filter(|document| ids.contains(&MarkId::of(&document.name)));
        let names: Vec<DocumentName> = meant.map(|document| document.name.clone()).collect();
        for name in names {
            if let Some(key) = self.documents.key(&name) {
                self.forget(&name, key);
            }
            self.assembly.forget(&name);
        }
        let ids = ids.iter().copied().collect();
        self.outbox.push(Output::Purge { ids });
    }

    /// Tells all who have a document open that it is gone.
    fn forget(&mut self, name: &DocumentName, key: Key) {
        let Some(document) = self.documents.get_mut(key) else {
            return;
        };
        if let Some(entry) = document.listed.take() {
            self.unlist(name, entry);
        }
        let parties = self.documents.get(key).into_iter();
        let parties = parties.flat_map(|document| &document.parties);
        let parties: Vec<_> = parties
            .map(|(&link, party)| (link, party.their_channel, party.introduced))
            .collect();
        for &(link, about, introduced) in &parties {
            if about.is_some() {
                let channel = introduced.then_some(key);
                let error = (ErrorCode::Purged, about, 0);
                self.outbox.send_error(link, channel, error);
            }
            if introduced {
                self.outbox.send(link, &Message::Shut { channel: key });
            }
        }
        for (link, ..) in parties {
            self.leave(link, key);
        }
        self.timers.set(Alarm::Document(key), None);
        self.documents.remove(key);
    }

    /// Tells another relay who this is and whether it may know other marks.
    pub(crate) fn tell_digest(&mut self, link: LinkId) {
        self.send_marks(link, Vec::new());
    }

    fn tell_marks(&mut self, link: LinkId, marks: &[Mark]) {
        for some in marks.chunks(MARKS_MAX) {
            self.send_marks(link, some.to_vec());
        }
    }

    fn send_marks(&mut self, link: LinkId, marks: Vec<Mark>) {
        let message = Message::Marks(Marks {
            relay: self.config.relay(),
            digest: self.known.digest,
            marks,
        });
        self.outbox.send(link, &message);
    }

    pub(crate) fn on_marks(&mut self, link: LinkId, told: Marks) {
        let Some(session) = self.mesh_link(link) else {
            return;
        };
        session.relay = Some(told.relay);
        self.known.met.insert(told.relay);
        if !told.marks.is_empty() {
            return self.take_marks(told.marks, Some(link));
        }
        if told.digest != self.known.digest {
            let all: Vec<Mark> = self.known.marks.values().cloned().collect();
            self.tell_marks(link, &all);
        }
    }
}
