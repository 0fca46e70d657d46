//! A shell in memory: a disk that forgets what was not flushed, and documents on clients.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use driftwood_crdt::{Delta, Doc, Dot, MergeError, ReplicaId, VersionVector};
use driftwood_sync::{
    Channel, Config, DocumentName, ErrorCode, Frame, Grant, Input, Level, LinkId, Mark, MarkId,
    Node, NodeId, Output, PeerId, Reporter, Right, Rights, Role, Scope, Time, Token,
};

use crate::random::Random;

/// What one document left on disk.
#[derive(Default)]
pub(crate) struct Log {
    deltas: Vec<Arc<[u8]>>,
    /// How many of them would survive a power cut.
    flushed: usize,
}

impl Log {
    fn version_of(deltas: &[Arc<[u8]>]) -> VersionVector {
        let mut version = VersionVector::new();
        for delta in deltas {
            let delta = Delta::decode(delta).unwrap();
            assert!(version.includes(delta.from()), "a hole in the log");
            version.merge(delta.to());
        }
        version
    }

    pub(crate) fn version(&self) -> VersionVector {
        Self::version_of(&self.deltas)
    }

    pub(crate) fn durable(&self) -> VersionVector {
        Self::version_of(&self.deltas[..self.flushed])
    }
}

/// Every token is good and says who it is; those of relays say that, too.
fn rights(token: &Token) -> Rights {
    let principal = String::from_utf8(token.0.clone()).unwrap();
    let scope = Scope::Prefix("".into());
    let right = Right::Write;
    Rights {
        relay: principal.starts_with("relay"),
        principal: principal.into(),
        grants: vec![Grant { scope, right }],
        expires: None,
    }
}

/// What a host asks the world to do.
pub(crate) enum Effect {
    Send(LinkId, Option<Channel>, Frame),
    Close(LinkId, u16, ErrorCode),
}

/// Work that a host does when the world lets it.
pub(crate) enum Job {
    Flush(DocumentName),
    Load {
        link: LinkId,
        document: DocumentName,
        since: VersionVector,
        anchors: Vec<Dot>,
    },
    /// Nothing is to be left of these.
    Purge(Vec<MarkId>),
    /// What was loaded is on its way to the node, which may hear of other things before.
    Answer(Input),
}

pub(crate) struct Host {
    pub(crate) role: Role,
    pub(crate) replica: ReplicaId,
    pub(crate) node: Node,
    pub(crate) disk: BTreeMap<DocumentName, Log>,
    pub(crate) docs: BTreeMap<DocumentName, Doc>,
    pub(crate) jobs: VecDeque<Job>,
    /// Whose the replica ids are, on disk.
    owners: Vec<(DocumentName, ReplicaId, Arc<str>)>,
    pub(crate) saved: BTreeMap<(DocumentName, Level), VersionVector>,
    pub(crate) present: BTreeMap<(DocumentName, PeerId), Arc<[u8]>>,
    pub(crate) synced: Vec<(DocumentName, LinkId)>,
    pub(crate) forked: Vec<ReplicaId>,
    pub(crate) problems: Vec<(ErrorCode, Reporter)>,
    /// Stores are refused with this.
    pub(crate) broken: Option<ErrorCode>,
    /// On disk, at once.
    pub(crate) marks: BTreeMap<MarkId, Mark>,
    pub(crate) stores: usize,
    pub(crate) loads: usize,
}

impl Host {
    pub(crate) fn new(role: Role, number: u64, config: impl FnOnce(&mut Config)) -> Self {
        let mut setup = Config::new(role, NodeId(number));
        config(&mut setup);
        Self {
            role,
            replica: ReplicaId::new(number),
            node: Node::new(setup),
            disk: BTreeMap::new(),
            docs: BTreeMap::new(),
            jobs: VecDeque::new(),
            owners: Vec::new(),
            saved: BTreeMap::new(),
            present: BTreeMap::new(),
            synced: Vec::new(),
            forked: Vec::new(),
            problems: Vec::new(),
            broken: None,
            marks: BTreeMap::new(),
            stores: 0,
            loads: 0,
        }
    }

    /// Hands one input to the node and carries out what stays inside the host.
    pub(crate) fn handle(&mut self, now: Time, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let outputs: Vec<Output> = self.node.handle(now, input).collect();
            for output in outputs {
                self.carry_out(output, &mut effects, &mut inputs);
            }
        }
        effects
    }

    fn carry_out(&mut self, output: Output, effects: &mut Vec<Effect>, next: &mut VecDeque<Input>) {
        match output {
            Output::Send {
                link,
                channel,
                frame,
            } => effects.push(Effect::Send(link, channel, frame)),
            Output::Disconnect { link, code, reason } => {
                effects.push(Effect::Close(link, code, reason));
            }
            Output::Store {
                document,
                delta,
                from,
                to,
                origin,
            } => {
                self.store(document, delta, &from, &to, origin, next);
            }
            Output::Load {
                link,
                document,
                since,
                anchors,
            } => {
                self.loads += 1;
                self.jobs.push_back(Job::Load {
                    link,
                    document,
                    since,
                    anchors,
                });
            }
            Output::Saved {
                document,
                level,
                version,
            } => {
                self.saved
                    .entry((document, level))
                    .or_default()
                    .merge(&version);
            }
            Output::Presence {
                document,
                peer,
                state: Some(state),
            } => {
                self.present.insert((document, peer), state);
            }
            Output::Presence {
                document,
                peer,
                state: None,
            } => {
                self.present.remove(&(document, peer));
            }
            Output::Synced { document, link } => self.synced.push((document, link)),
            Output::Forked { replica, .. } => self.forked.push(replica),
            Output::Login { link, token } => {
                let rights = rights(&token);
                next.push_back(Input::Admitted { link, rights });
            }
            Output::Bind {
                document,
                replica,
                principal,
            } => self.owners.push((document, replica, principal)),
            Output::Mark { mark } => drop(self.marks.insert(mark.id, mark)),
            Output::Purge { ids } => self.jobs.push_back(Job::Purge(ids)),
            Output::Problem { error, .. } => self.problems.push((error.code, error.reporter)),
        }
    }

    fn store(
        &mut self,
        document: DocumentName,
        delta: Arc<[u8]>,
        from: &VersionVector,
        to: &VersionVector,
        origin: Option<LinkId>,
        next: &mut VecDeque<Input>,
    ) {
        self.stores += 1;
        let decoded = Delta::decode(&delta).unwrap();
        assert_eq!((decoded.from(), decoded.to()), (from, to));
        if let Some(doc) = self.docs.get_mut(&document) {
            if origin.is_some() {
                match doc.merge(&decoded) {
                    Ok(_) => {}
                    Err(MergeError::MissingAnchors { anchors }) => {
                        let version = doc.version().clone();
                        return next.push_back(Input::Refused {
                            document,
                            link: origin,
                            code: ErrorCode::NeedSkeleton,
                            version,
                            anchors,
                        });
                    }
                    Err(error) => panic!("the node knows what the document holds: {error}"),
                }
            }
        }
        if let Some(code) = self.broken {
            return next.push_back(Input::StoreFailed { document, code });
        }
        let log = self.disk.entry(document.clone()).or_default();
        assert!(log.version().includes(from), "stored beyond a gap");
        log.deltas.push(delta);
        self.jobs.push_back(Job::Flush(document));
    }

    /// Does one job, which may be any: flushes and loads take their time.
    pub(crate) fn work(&mut self, now: Time, random: &mut Random) -> Vec<Effect> {
        let at = random.below(self.jobs.len());
        match self.jobs.remove(at).unwrap() {
            Job::Flush(document) => self.flush(now, document),
            Job::Load {
                link,
                document,
                since,
                anchors,
            } => {
                let effects = self.flush(now, document.clone());
                let deltas = self.load(&document, &since, &anchors);
                self.jobs.push_back(Job::Answer(Input::Loaded {
                    link,
                    document,
                    deltas,
                }));
                effects
            }
            Job::Answer(loaded) => self.handle(now, loaded),
            Job::Purge(ids) => {
                // What was asked for before is answered before, or it does not matter.
                let meant = |document: &DocumentName| ids.contains(&MarkId::of(document));
                self.jobs.retain(|job| match job {
                    Job::Flush(document)
                    | Job::Load { document, .. }
                    | Job::Answer(Input::Loaded { document, .. }) => !meant(document),
                    _ => true,
                });
                self.disk.retain(|document, _| !meant(document));
                self.handle(now, Input::Purged { ids })
            }
        }
    }

    pub(crate) fn flush(&mut self, now: Time, document: DocumentName) -> Vec<Effect> {
        let log = self.disk.entry(document.clone()).or_default();
        log.flushed = log.deltas.len();
        let version = log.durable();
        self.handle(now, Input::Flushed { document, version })
    }

    fn load(
        &self,
        document: &DocumentName,
        since: &VersionVector,
        anchors: &[Dot],
    ) -> Vec<Arc<[u8]>> {
        if let Some(doc) = self.docs.get(document) {
            return vec![doc.delta_with_anchors(since, anchors).encode().into()];
        }
        if !anchors.is_empty() {
            let mut doc = Doc::new(ReplicaId::new(0));
            for delta in &self.disk[document].deltas {
                doc.merge(&Delta::decode(delta).unwrap()).unwrap();
            }
            return vec![doc.delta_with_anchors(since, anchors).encode().into()];
        }
        let deltas = &self.disk[document].deltas;
        let missing = deltas.iter().filter(|delta| {
            let delta = Delta::decode(delta).unwrap();
            !since.includes(delta.to())
        });
        missing.cloned().collect()
    }

    /// Edits a document and commits.
    pub(crate) fn edit(
        &mut self,
        now: Time,
        document: &DocumentName,
        change: impl FnOnce(&mut driftwood_crdt::Edit<'_>),
    ) -> Vec<Effect> {
        let doc = self
            .docs
            .get_mut(document)
            .expect("only clients edit what they opened");
        let mut edit = doc.edit(now.as_millis());
        change(&mut edit);
        let delta = edit.commit();
        if delta.is_empty() {
            return Vec::new();
        }
        let delta = delta.encode().into();
        self.handle(
            now,
            Input::Local {
                document: document.clone(),
                delta,
            },
        )
    }

    /// A client opens a document with what its disk has.
    pub(crate) fn open(&mut self, now: Time, document: &DocumentName) -> Vec<Effect> {
        let mut doc = Doc::new(self.replica);
        if let Some(log) = self.disk.get(document) {
            for delta in &log.deltas {
                doc.merge(&Delta::decode(delta).unwrap()).unwrap();
            }
        }
        let version = doc.version().clone();
        self.docs.insert(document.clone(), doc);
        let own = Some(self.replica);
        self.handle(
            now,
            Input::Open {
                document: document.clone(),
                version,
                own,
            },
        )
    }

    /// A client closes a document in order.
    pub(crate) fn shut(&mut self, now: Time, document: &DocumentName) -> Vec<Effect> {
        let log = self.disk.entry(document.clone()).or_default();
        log.flushed = log.deltas.len();
        self.docs.remove(document);
        let document = document.clone();
        self.handle(now, Input::Shut { document })
    }

    /// The power goes: of what was not flushed, some of the oldest may have reached the disk.
    pub(crate) fn crash(&mut self, now: Time, number: u64, random: &mut Random) {
        for log in self.disk.values_mut() {
            let unflushed = log.deltas.len() - log.flushed;
            log.deltas
                .truncate(log.flushed + random.below(unflushed + 1));
            log.flushed = log.deltas.len();
        }
        let mut config = self.node.config().clone();
        config.node = NodeId(number);
        self.node = Node::new(config);
        self.jobs.clear();
        self.present.clear();
        let purged = |document: &DocumentName| {
            let mark = self.marks.get(&MarkId::of(document));
            mark.is_some_and(Mark::is_purged)
        };
        self.disk.retain(|document, _| !purged(document));
        for mark in self.marks.clone().into_values() {
            assert!(self.handle(now, Input::Mark { mark }).is_empty());
        }
        let opened: Vec<DocumentName> = match self.role {
            Role::Client => std::mem::take(&mut self.docs).into_keys().collect(),
            Role::Relay => self.disk.keys().cloned().collect(),
        };
        for document in opened {
            let effects = match self.role {
                Role::Client => self.open(now, &document),
                Role::Relay => {
                    let version = self.disk[&document].durable();
                    self.handle(
                        now,
                        Input::Open {
                            document,
                            version,
                            own: None,
                        },
                    )
                }
            };
            assert!(effects.is_empty(), "there are no links yet");
        }
        for (document, replica, principal) in self.owners.clone() {
            let input = Input::Bound {
                document,
                replica,
                principal,
            };
            assert!(self.handle(now, input).is_empty());
        }
    }

    pub(crate) fn durable(&self, document: &DocumentName) -> VersionVector {
        self.disk
            .get(document)
            .map_or_else(VersionVector::new, Log::durable)
    }

    /// The document as whoever reads this host's copy would have it.
    pub(crate) fn canonical(&self, document: &DocumentName) -> Vec<u8> {
        if let Some(doc) = self.docs.get(document) {
            return doc.canonical();
        }
        let mut doc = Doc::new(ReplicaId::new(u64::MAX));
        for delta in self.disk.get(document).map_or(&[][..], |log| &log.deltas) {
            doc.merge(&Delta::decode(delta).unwrap()).unwrap();
        }
        doc.canonical()
    }
}
