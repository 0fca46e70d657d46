//! Runs a schedule on documents and on the model side by side. Whatever does not hold is a panic.

use std::fmt::Write;

use driftwood_crdt::{Delta, Doc, MergeError, ReplicaId, Stamp, VersionVector};

use super::calls::{choose, dot_of, on_doc, on_model, path_of};
use super::changes;
use super::steps::{Draw, Schedule, Step};
use crate::model::{self, Edit, History, Replica, View};

/// Whether others may be given changes that their maker has not committed yet. The engine's next
/// delta then leaves out what those who have them may not have: see the test
/// `what_is_shared_before_its_commit_implies_no_more` in `context.rs`, and set this once it passes.
const SHARES_UNCOMMITTED: bool = false;

/// Whether a reload, or a delta that has own changes, raises a replica's stamp to those of others. The
/// design says never: see the tests on stamps in `context.rs`, and clear this once they pass.
const TAKES_STAMPS_OF_OTHERS: bool = true;

/// A document and the model of it.
pub(super) struct Peer {
    pub(super) doc: Doc,
    pub(super) model: Replica,
    /// The last of its changes that a commit gave out.
    pub(super) committed: u64,
    pub(super) canonical: Option<Vec<u8>>,
}

pub(super) struct World {
    pub(super) history: History,
    pub(super) peers: Vec<Peer>,
    /// All that was sent.
    pub(super) sent: Vec<Vec<u8>>,
    replicas: u64,
    /// What happened, if anybody wants to know.
    told: Option<String>,
}

/// Runs a schedule; `told` is given what happens, line by line.
pub(crate) fn run(schedule: &Schedule, told: Option<&mut String>) {
    let mut world = World {
        history: History::new(),
        peers: Vec::new(),
        sent: Vec::new(),
        replicas: 0,
        told: None,
    };
    match told {
        None => world.run(schedule),
        Some(told) => {
            world.told = Some(String::new());
            let end =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run(schedule)));
            told.push_str(&world.told.take().unwrap_or_default());
            if let Err(panic) = end {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl World {
    fn run(&mut self, schedule: &Schedule) {
        for _ in 0..schedule.replicas {
            let id = self.new_id();
            self.peers.push(Peer {
                doc: Doc::new(ReplicaId::new(id)),
                model: Replica::new(id),
                committed: 0,
                canonical: None,
            });
        }
        for step in &schedule.steps {
            if let Some(touched) = self.step(step) {
                self.check(touched);
            }
        }
        self.settle();
        self.check_everything();
        self.check_newcomer(schedule.seed);
    }

    /// A name that nobody had; small, and in no order.
    pub(super) fn new_id(&mut self) -> u64 {
        self.replicas += 1;
        self.replicas * 37 % 101
    }

    pub(super) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            writeln!(told, "  {}", what()).expect("a string takes all");
        }
    }

    fn name(&self, who: usize) -> ReplicaId {
        self.peers[who].doc.replica()
    }

    /// Does one step; gives the replica that it touched.
    fn step(&mut self, step: &Step) -> Option<usize> {
        let count = self.peers.len();
        match *step {
            Step::Edit {
                who,
                now,
                ref draws,
                commit,
            } => {
                self.edit(who % count, now, draws, commit);
                Some(who % count)
            }
            Step::Deliver { to, which } => self.deliver(to % count, which),
            Step::DeliverNew { to, back } => {
                let which = self.sent.len().checked_sub(back + 1)?;
                self.deliver(to % count, which)
            }
            Step::Sync { from, to } => {
                let (from, to) = (from % count, to % count);
                let (a, b) = (self.name(from), self.name(to));
                self.tell(|| format!("{b:?} gets all that {a:?} has"));
                self.sync(from, to);
                Some(to)
            }
            Step::Send { from, to } => {
                let (from, to) = (from % count, to % count);
                self.commit_before_sharing(from);
                let since = self.peers[to].doc.version();
                let delta = self.peers[from].doc.delta_since(since);
                let number = self.sent.len();
                let (a, b) = (self.name(from), self.name(to));
                self.tell(|| format!("#{number} = what {b:?} lacks of {a:?}: {}", span(&delta)));
                self.sent.push(delta.encode());
                None
            }
            Step::Reload { who, renamed } => {
                self.reload(who % count, renamed);
                Some(who % count)
            }
            Step::Rename { who } => {
                self.rename(who % count);
                Some(who % count)
            }
            Step::Damage {
                to,
                which,
                at,
                byte,
            } => {
                self.damage(to % count, which, at, byte);
                None
            }
        }
    }

    fn edit(&mut self, who: usize, now: u64, draws: &[Draw], commit: bool) {
        let peer = &mut self.peers[who];
        peer.canonical = None;
        // First on the model: it says what is possible.
        let before = peer.model.version(&self.history);
        let mut calls = Vec::new();
        let mut edit = Edit::new(&mut self.history, &mut peer.model, now);
        for draw in draws {
            let (place, what) = choose(&mut edit, draw);
            let result = on_model(&mut edit, place, &what);
            calls.push((place, what, result));
        }
        let changed = peer.model.version(&self.history) != before;
        let saved = (!changed).then(|| peer.doc.save());

        let mut edit = peer.doc.edit(now);
        for (place, what, expected) in &calls {
            let path = path_of(&self.history, *place);
            let result = on_doc(&mut edit, &path, what);
            if let Some(told) = &mut self.told {
                let replica = peer.model.id;
                let result = result.as_ref().map_err(ToString::to_string);
                writeln!(told, "  r{replica:x} at {now}: {path} {what:?} {result:?}")
                    .expect("a string takes all");
            }
            assert_eq!(
                result.is_err(),
                expected.is_err(),
                "refuses what is possible, or the reverse: {what:?} gave {result:?}"
            );
        }
        let delta = if commit {
            Some(edit.commit())
        } else {
            drop(edit);
            None
        };
        if let Some(saved) = saved {
            assert!(saved == peer.doc.save(), "changed without a dot");
        }
        let Some(delta) = delta else { return };
        let (last, first) = (peer.model.seq(&self.history), peer.committed);
        peer.committed = last;
        self.check_own(who, &delta, first, last);
    }

    /// Checks and sends a delta of a replica's own changes after one up to another.
    fn check_own(&mut self, who: usize, delta: &Delta, first: u64, last: u64) {
        let own = self.name(who);
        assert_eq!(delta.is_empty(), first == last, "empty delta");
        if delta.is_empty() {
            return;
        }
        assert_eq!(delta.from().get(own), first, "where the delta starts");
        let to: VersionVector = [(own, last)].into_iter().collect();
        assert_eq!(*delta.to(), to, "where the delta ends");
        let bytes = delta.encode();
        assert_eq!(decode(&bytes), *delta, "a delta changed on its way");
        let number = self.sent.len();
        self.tell(|| format!("#{number} = {}", span(delta)));
        self.sent.push(bytes);
    }

    pub(super) fn deliver(&mut self, to: usize, which: usize) -> Option<usize> {
        if self.sent.is_empty() {
            return None;
        }
        let which = which % self.sent.len();
        let delta = decode(&self.sent[which]);
        self.merge(to, &delta, &format!("#{which}"));
        Some(to)
    }

    fn commit_before_sharing(&mut self, who: usize) {
        let peer = &self.peers[who];
        let all = peer.committed == peer.model.seq(&self.history);
        if !SHARES_UNCOMMITTED && !all {
            self.edit(who, 0, &[], true);
        }
    }

    pub(super) fn sync(&mut self, from: usize, to: usize) {
        self.commit_before_sharing(from);
        let delta = self.peers[from]
            .doc
            .delta_since(self.peers[to].doc.version());
        let delta = decode(&delta.encode());
        self.merge(to, &delta, "it");
        let (from, to) = (&self.peers[from].doc, &self.peers[to].doc);
        assert!(to.version().includes(from.version()), "synced, and behind");
    }

    /// A delta that starts where a replica stands, or earlier, must be taken; any other refused.
    fn merge(&mut self, to: usize, delta: &Delta, name: &str) {
        let replica = self.name(to);
        let peer = &mut self.peers[to];
        peer.canonical = None;
        let version = peer.doc.version().clone();
        let is_new = !version.includes(delta.to());
        let is_gap = is_new && !version.includes(delta.from());
        let saved = (is_gap || !is_new).then(|| peer.doc.save());
        // Not always: a copy of the document costs as much as all the rest.
        let before = (version.digest().is_multiple_of(4)).then(|| peer.doc.clone());
        let result = peer.doc.merge(delta);
        if let Some(told) = &mut self.told {
            let result = result.as_ref().map(drop).map_err(ToString::to_string);
            writeln!(told, "  {replica:?} merges {name}: {result:?}").expect("a string takes all");
        }
        match result {
            Ok(changes) => {
                assert!(!is_gap, "took a delta over a gap: {}", span(delta));
                if let Some(before) = before {
                    let places = 1..self.history.names.len();
                    let paths: Vec<_> = places.map(|p| path_of(&self.history, p)).collect();
                    changes::check(&before, &peer.doc, &changes, &paths);
                }
            }
            Err(MergeError::Gap { .. }) => assert!(is_gap, "saw a gap where there is none"),
            Err(error) => panic!("refused an honest delta: {error}"),
        }
        if let Some(saved) = saved {
            assert!(saved == peer.doc.save(), "refused or known, and changed");
        }
        if is_new && !is_gap {
            let known = &mut peer.model.known;
            for (op, made) in self.history.ops.iter().enumerate() {
                if made.dot.seq <= delta.to().get(ReplicaId::new(made.dot.replica)) {
                    known.insert(op);
                }
            }
            if TAKES_STAMPS_OF_OTHERS && delta.to().get(replica) > 0 {
                peer.model.stamp = peer.model.stamp.max(stamp_of(delta.max_stamp()));
            }
            if let Some(op) = peer.model.without_its_past(&self.history) {
                let dot = dot_of(&self.history, op);
                panic!("took {dot:?} without what it had seen");
            }
        }
    }

    fn reload(&mut self, who: usize, renamed: bool) {
        let id = if renamed {
            self.new_id()
        } else {
            self.peers[who].model.id
        };
        let old = self.name(who);
        self.tell(|| format!("{old:?} is saved and loaded as r{id:x}"));
        let peer = &mut self.peers[who];
        let loaded = Doc::load(ReplicaId::new(id), &peer.doc.save()).expect("an own save");
        assert!(
            loaded.canonical() == peer.doc.canonical(),
            "saved, loaded, and changed"
        );
        peer.doc = loaded;
        peer.canonical = None;
        peer.model.id = id;
        peer.committed = peer.model.seq(&self.history);
        peer.model.stamp = if !TAKES_STAMPS_OF_OTHERS {
            View::of(&self.history, &peer.model.known).last_stamp(id)
        } else if peer.committed == 0 {
            model::Stamp::default()
        } else {
            stamp_of(peer.doc.whole().max_stamp())
        };
    }

    fn rename(&mut self, who: usize) {
        let id = self.new_id();
        let old = self.name(who);
        self.tell(|| format!("{old:?} goes on as r{id:x}"));
        let peer = &mut self.peers[who];
        let rest = peer.doc.set_replica(ReplicaId::new(id));
        let (first, last) = (peer.committed, peer.model.seq(&self.history));
        assert_eq!(rest.is_empty(), first == last, "what was still to be sent");
        if !rest.is_empty() {
            self.sent.push(rest.encode());
        }
        peer.model.id = id;
        peer.model.stamp = model::Stamp::default();
        peer.committed = 0;
    }

    /// What is refused must leave no trace; what a changed byte makes acceptable goes to a copy.
    fn damage(&mut self, to: usize, which: usize, at: usize, byte: u8) {
        if self.sent.is_empty() {
            return;
        }
        let mut bytes = self.sent[which % self.sent.len()].clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        let Ok(delta) = Delta::decode(&bytes) else {
            return;
        };
        let replica = self.name(to);
        self.tell(|| format!("{replica:?} gets a damaged delta, byte {at} is {byte}"));
        let doc = &self.peers[to].doc;
        let mut copy = doc.clone();
        if copy.merge(&delta).is_err() {
            assert!(copy.save() == doc.save(), "refused, and changed");
        }
    }
}

pub(super) fn decode(bytes: &[u8]) -> Delta {
    Delta::decode(bytes).expect("an own delta can be read")
}

pub(super) fn stamp_of(stamp: Option<Stamp>) -> model::Stamp {
    let stamp = stamp.unwrap_or_default();
    model::Stamp {
        millis: stamp.millis(),
        counter: stamp.counter(),
    }
}

fn span(delta: &Delta) -> String {
    format!("{:?} to {:?}", delta.from(), delta.to())
}
