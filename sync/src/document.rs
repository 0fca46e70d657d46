//! What a node knows about a document: versions and who takes part, never its content.

use driftwood_crdt::ordered::{BTreeMap, BTreeSet};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use driftwood_crdt::{Dot, ReplicaId, VersionVector};

use crate::conflict::Steps;
use crate::feed::Entry;
use crate::presence::Presences;
use crate::transfer::Transfer;
use crate::{Channel, DocumentName, Level, LinkId, Role, Time};

/// Our own number of a document, which is also the channel we use for it on every link.
pub(crate) type Key = Channel;

/// Deltas that wait for the flush that lets them leave. What no longer fits is loaded instead.
const UNSENT_MAX: usize = 1_024;

/// All documents, by our number and by name.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// In boxes, for a map that grows at its end keeps room for twice what it has.
    by_key: BTreeMap<Key, Box<Document>>,
    keys: BTreeMap<DocumentName, Key>,
    last: Key,
}

impl Documents {
    pub(crate) fn get(&self, key: Key) -> Option<&Document> {
        self.by_key.get(&key).map(|document| &**document)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Document> {
        self.by_key.get_mut(&key).map(|document| &mut **document)
    }

    pub(crate) fn key(&self, name: &DocumentName) -> Option<Key> {
        self.keys.get(name).copied()
    }

    pub(crate) fn by_name(&self, name: &DocumentName) -> Option<&Document> {
        self.get(self.key(name)?)
    }

    /// Makes a document under a number that was never used before.
    pub(crate) fn add(&mut self, name: DocumentName) -> Key {
        self.last += 1;
        self.keys.insert(name.clone(), self.last);
        self.by_key.insert(self.last, Box::new(Document::new(name)));
        self.last
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Document> {
        let document = self.by_key.remove(&key)?;
        self.keys.remove(&document.name);
        Some(*document)
    }

    /// Those that we take part in.
    pub(crate) fn open(&self) -> impl Iterator<Item = Key> + '_ {
        self.by_key
            .iter()
            .filter(|(_, document)| document.open)
            .map(|(&key, _)| key)
    }

    /// All of them, in order of name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Document> + '_ {
        self.keys.values().filter_map(|&key| self.get(key))
    }
}

/// One document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) name: DocumentName,
    /// Whether we take part. A client remembers what others opened, in case it does later.
    pub(crate) open: bool,
    /// What was handed to the host.
    pub(crate) version: VersionVector,
    /// What would survive a power cut. Never more than `version`.
    pub(crate) durable: VersionVector,
    /// What relays said they have, durably: for a client any relay, for a relay any other.
    pub(crate) elsewhere: VersionVector,
    /// For a client: what two relays have, as one of them said.
    pub(crate) replicated: VersionVector,
    /// The last steps that came.
    pub(crate) steps: Steps,
    /// What a relay lists of it.
    pub(crate) listed: Option<Entry>,
    pub(crate) own: Option<ReplicaId>,
    /// Whose the replica ids are, where one has to log in.
    pub(crate) authors: BTreeMap<ReplicaId, Arc<str>>,
    /// In boxes, for a map keeps room for eleven where it has one.
    pub(crate) parties: BTreeMap<LinkId, Box<Party>>,
    /// What is stored, may not leave before it is durable, and is to be passed on then.
    pub(crate) unsent: VecDeque<Unsent>,
    /// The store failed: nothing is taken until then.
    pub(crate) failed_until: Option<Time>,
    pub(crate) presences: Presences,
    /// Of whom something was saved since all who take part were last told.
    pub(crate) news: BTreeSet<ReplicaId>,
    /// When they are told.
    pub(crate) news_due: Option<Time>,
}

/// A delta that waits for its flush.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) delta: Arc<[u8]>,
    pub(crate) from: VersionVector,
    pub(crate) to: VersionVector,
    pub(crate) origin: Option<LinkId>,
}

/// A load that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loading {
    /// It will bring all that is durable.
    Fresh,
    /// More has become durable, and it may be without that.
    Outdated,
}

/// A document on one link.
#[derive(Debug, Default)]
pub(crate) struct Party {
    /// Their number of the document, once they opened it.
    pub(crate) their_channel: Option<Channel>,
    /// The replica under which they write.
    pub(crate) own: Option<ReplicaId>,
    /// Whether we sent our open.
    pub(crate) introduced: bool,
    /// What they hold, as far as we know or have sent it; none until they open.
    pub(crate) theirs: Option<VersionVector>,
    /// What they held when they opened, until we hold it too.
    pub(crate) target: Option<VersionVector>,
    /// Whether a load for them is under way.
    pub(crate) loading: Option<Loading>,
    /// A large delta on its way to them; rare, and so in a box.
    pub(crate) transfer: Option<Box<Transfer>>,
    /// Whether the last load brought nothing: more may come with the next flush.
    pub(crate) stalled: bool,
    /// What they have dropped and need again, until it is loaded for them.
    pub(crate) anchors: Vec<Dot>,
    /// A replica that they and somebody else write under.
    pub(crate) conflict: Option<ReplicaId>,
    /// When they were told of a gap that they have not filled.
    pub(crate) gap: Option<Time>,
    /// Acknowledgements that they wait for.
    pub(crate) owed_relay: Owed,
    pub(crate) owed_replicated: Owed,
    /// How far they were told that what they wrote is saved, here and on two relays.
    pub(crate) told: Told,
}

impl Document {
    pub(crate) fn new(name: DocumentName) -> Self {
        Self {
            name,
            open: false,
            version: VersionVector::new(),
            durable: VersionVector::new(),
            elsewhere: VersionVector::new(),
            replicated: VersionVector::new(),
            steps: Steps::default(),
            listed: None,
            own: None,
            authors: BTreeMap::new(),
            parties: BTreeMap::new(),
            unsent: VecDeque::new(),
            failed_until: None,
            presences: Presences::default(),
            news: BTreeSet::new(),
            news_due: None,
        }
    }

    /// What may leave this node. A client's changes may be lost with it until they are durable, and
    /// their dots would then be used again; what a relay passes on, its author has kept.
    pub(crate) fn sendable(&self, role: Role) -> &VersionVector {
        match role {
            Role::Client => &self.durable,
            Role::Relay => &self.version,
        }
    }

    /// How far `replica` is saved at a level.
    pub(crate) fn saved(&self, role: Role, level: Level, replica: ReplicaId) -> u64 {
        match (role, level) {
            (_, Level::Local) | (Role::Relay, Level::Relay) => self.durable.get(replica),
            (Role::Client, Level::Relay) => self.elsewhere.get(replica),
            (Role::Client, Level::Replicated) => self.replicated.get(replica),
            (Role::Relay, Level::Replicated) => {
                self.durable.get(replica).min(self.elsewhere.get(replica))
            }
        }
    }

    /// All that is saved at a level.
    pub(crate) fn saved_version(&self, role: Role, level: Level) -> VersionVector {
        let known = match (role, level) {
            (Role::Client, Level::Relay) => &self.elsewhere,
            (Role::Client, Level::Replicated) => &self.replicated,
            _ => &self.durable,
        };
        let replicas = known.iter().map(|(replica, _)| replica);
        replicas
            .map(|replica| (replica, self.saved(role, level, replica)))
            .collect()
    }

    pub(crate) fn push_unsent(&mut self, unsent: Unsent) {
        if self.unsent.len() == UNSENT_MAX {
            self.unsent.clear();
        }
        self.unsent.push_back(unsent);
    }

    /// Whether nothing would be lost by forgetting it.
    pub(crate) fn is_idle(&self, role: Role) -> bool {
        self.parties.is_empty()
            && match role {
                Role::Client => !self.open,
                Role::Relay => self.version.is_empty() && self.failed_until.is_none(),
            }
    }
}

impl Party {
    /// Whether both sides opened the document on this link.
    pub(crate) fn takes_part(&self) -> bool {
        self.introduced && self.theirs.is_some()
    }

    /// Whether something in `sendable` is missing there, and nothing is being done about it.
    pub(crate) fn needs(&self, sendable: &VersionVector) -> bool {
        let busy = self.loading.is_some() || self.transfer.is_some();
        let theirs = self.theirs.as_ref().filter(|_| self.introduced && !busy);
        theirs.is_some_and(|theirs| !theirs.includes(sendable))
    }

    /// Whether they may be told of a gap: not twice in this time.
    pub(crate) fn may_report(&self, now: Time, gap_time: Duration) -> bool {
        self.gap.is_none_or(|at| now >= at + gap_time)
    }

    /// They hold this as well.
    pub(crate) fn learn(&mut self, version: &VersionVector) {
        if let Some(theirs) = &mut self.theirs {
            theirs.merge(version);
        }
    }

    /// This was sent to them. A relay waits to hear when it is safe here; a reader can wait.
    pub(crate) fn sent(&mut self, to: &VersionVector, mesh: bool) {
        self.learn(to);
        if mesh {
            self.owed_relay.note(to.iter());
        }
    }
}

/// How far an author was told that its own replica is saved.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Told {
    relay: u64,
    replicated: u64,
}

impl Told {
    /// The author of `own` was told this.
    pub(crate) fn note(&mut self, own: ReplicaId, level: Level, version: &VersionVector) {
        let told = self.of(level);
        *told = version.get(own).max(*told);
    }

    /// Whether there is nothing but what that author was told.
    pub(crate) fn has(&mut self, own: ReplicaId, level: Level, version: &VersionVector) -> bool {
        let told = *self.of(level);
        version
            .iter()
            .all(|(replica, seq)| replica == own && seq <= told)
    }

    fn of(&mut self, level: Level) -> &mut u64 {
        match level {
            Level::Replicated => &mut self.replicated,
            _ => &mut self.relay,
        }
    }
}

/// What somebody is to be told about: of each replica, how far, and how far they were told.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    replicas: BTreeMap<ReplicaId, Claim>,
}

#[derive(Debug)]
struct Claim {
    want: u64,
    told: u64,
}

impl Owed {
    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// They want to know when `version` is saved, even if it is already.
    pub(crate) fn note(&mut self, version: impl IntoIterator<Item = (ReplicaId, u64)>) {
        for (replica, want) in version {
            let claim = self
                .replicas
                .entry(replica)
                .or_insert(Claim { want, told: 0 });
            claim.want = claim.want.max(want);
        }
    }

    /// What is news to them in what is saved now; what they wanted in full is forgotten.
    pub(crate) fn settle(&mut self, saved: impl Fn(ReplicaId) -> u64) -> VersionVector {
        let mut news = VersionVector::new();
        self.replicas.retain(|&replica, claim| {
            let now = saved(replica);
            if now > claim.told {
                news.advance(replica, now);
                claim.told = now;
            }
            now < claim.want
        });
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn owed_is_told_in_steps_and_then_forgotten() {
        let replica = ReplicaId::new(1);
        let version = |seq| VersionVector::from_iter([(replica, seq)]);
        let mut owed = Owed::default();
        owed.note(version(5).iter());
        assert!(owed.settle(|_| 0).is_empty());
        assert_eq!(owed.settle(|_| 3), version(3));
        assert!(owed.settle(|_| 3).is_empty());
        owed.note(version(6).iter());
        assert_eq!(owed.settle(|_| 9), version(9));
        assert!(owed.settle(|_| 10).is_empty());
        owed.note(version(6).iter());
        assert_eq!(
            owed.settle(|_| 10),
            version(10),
            "a duplicate is acknowledged again"
        );
    }
}
