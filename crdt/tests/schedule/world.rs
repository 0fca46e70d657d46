//! Runs a schedule on documents and on the model side by side. Whatever does not hold is a panic.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use driftwood_crdt::{Delta, Doc, ReplicaId, Stamp, VersionVector};

use super::calls::{choose, on_doc, on_model, path_of};
use super::fork::Undo;
use super::steps::{Draw, Schedule, Step};
use crate::model::{self, Edit, History, OpId, OpSet, Replica};

/// A document and the model of it.
pub(super) struct Peer {
    pub(super) doc: Doc,
    pub(super) model: Replica,
    /// The last of its changes that a commit gave out.
    pub(super) committed: u64,
    pub(super) canonical: Option<Vec<u8>>,
    /// Of every other replica.
    pub(super) undo: Option<Undo>,
}

impl Peer {
    /// From here on the model cannot say what undoing earlier steps gives.
    pub(super) fn heard(&mut self) {
        if let Some(undo) = &mut self.undo {
            undo.past.clear();
        }
    }
}

/// How often a replica is held against the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Care {
    /// Now and then, and in the end: a mistake seldom goes away by itself.
    Quick,
    /// After every step.
    Full,
}

/// What was sent.
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    /// The bytes as they were read.
    pub(super) delta: Delta,
    /// What was alive at the sender.
    pub(super) living: OpSet,
}

pub(super) struct World {
    pub(super) history: History,
    pub(super) peers: Vec<Peer>,
    /// All that was sent.
    pub(super) sent: Vec<Rc<Sent>>,
    /// What each seed wrote, once somebody used it.
    pub(super) seeds: BTreeMap<usize, Vec<OpId>>,
    /// Whether anybody dropped deleted elements that others may ask for.
    pub(super) reclaimed: bool,
    pub(super) care: Care,
    replicas: u64,
    /// What happened, if anybody wants to know.
    pub(super) told: Option<String>,
}

/// Runs a schedule; `told` is given what happens, line by line.
pub(crate) fn run(schedule: &Schedule, care: Care, told: Option<&mut String>) {
    let mut world = World {
        seeds: BTreeMap::new(),
        reclaimed: false,
        care,
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
        for number in 0..schedule.replicas {
            let id = self.new_id();
            let undo = number.is_multiple_of(2);
            self.peers.push(Peer {
                doc: Doc::new(ReplicaId::new(id)),
                model: Replica::new(id),
                committed: 0,
                canonical: None,
                undo: undo.then(|| Undo::new(ReplicaId::new(id))),
            });
        }
        for (number, step) in schedule.steps.iter().enumerate() {
            if let Some(touched) = self.step(step) {
                self.check(touched, number);
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

    pub(super) fn name(&self, who: usize) -> ReplicaId {
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
                let since = self.peers[to].doc.version();
                let delta = self.peers[from].doc.delta_since(since);
                let living = self.peers[from].model.living();
                let number = self.sent.len();
                let (a, b) = (self.name(from), self.name(to));
                self.tell(|| format!("#{number} = what {b:?} lacks of {a:?}: {}", span(&delta)));
                self.send(&delta, living);
                None
            }
            Step::Reclaim { who, now, grace } => {
                self.reclaim(who % count, now, grace);
                Some(who % count)
            }
            Step::Seed { who, which } => {
                self.seed(who % count, which);
                Some(who % count)
            }
            Step::Reload { who, renamed } => {
                self.reload(who % count, renamed);
                Some(who % count)
            }
            Step::Rename { who } => {
                self.rename(who % count);
                Some(who % count)
            }
            Step::Fork { who, now, ref acts } => {
                self.fork(who % count, now, acts);
                None
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
        let past = peer.model.clone();
        let mut calls = Vec::new();
        let mut edit = Edit::new(&mut self.history, &mut peer.model, now);
        for draw in draws {
            let (place, what) = choose(&mut edit, draw);
            let result = on_model(&mut edit, place, &what);
            let erases = what.erases();
            calls.push((place, what, result));
            if erases {
                break;
            }
        }
        let erases = calls.last().is_some_and(|(_, what, _)| what.erases());
        // Who learns of it lets go of the names of what was erased.
        self.reclaimed |= erases;
        let changed = erases || peer.model.version(&self.history) != before;
        let saved = (!changed).then(|| peer.doc.save());

        let often = self.care == Care::Full || self.sent.len().is_multiple_of(8);
        let twin = (commit && often).then(|| peer.doc.clone());
        let mut edit = match &mut peer.undo {
            Some(undo) => peer.doc.edit_recorded(now, &mut undo.manager),
            None => peer.doc.edit(now),
        };
        for (place, what, expected) in &calls {
            let path = path_of(&self.history, *place);
            let result = on_doc(&mut edit, &self.history, &path, what);
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
        if let Some((mut twin, delta)) = twin.zip(delta.as_ref()) {
            let mut edit = twin.edit(now);
            for (place, what, _) in &calls {
                let path = path_of(&self.history, *place);
                // It is refused here too.
                let _ = on_doc(&mut edit, &self.history, &path, what);
            }
            assert_eq!(edit.commit_encoded(), delta.encode(), "other bytes at once");
        }
        if let Some(saved) = saved {
            assert!(saved == peer.doc.save(), "changed without a dot");
        }
        if let Some(undo) = &mut peer.undo {
            // What was erased does not come back.
            if erases {
                undo.past.clear();
            } else if changed {
                undo.past.push(past);
            }
        }
        let made = peer.doc.version().get(peer.doc.replica());
        if erases && made > peer.model.seq(&self.history) {
            Edit::again(&mut self.history, &mut peer.model).erased();
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
        let number = self.sent.len();
        self.tell(|| format!("#{number} = {}", span(delta)));
        let living = self.peers[who].model.living();
        self.send(delta, living);
    }

    fn reclaim(&mut self, who: usize, now: u64, grace: u64) {
        let replica = self.name(who);
        let doc = &mut self.peers[who].doc;
        let before = doc.canonical();
        let dropped = doc.reclaim(now, grace, &[]);
        assert!(doc.canonical() == before, "reclaiming is no change");
        let all = doc.delta_since(&VersionVector::new()).encode();
        assert!(
            doc.encode_since(&VersionVector::new()) == all,
            "encoded otherwise"
        );
        assert!(
            doc.encode_whole() == doc.whole().encode(),
            "encoded otherwise"
        );
        self.reclaimed |= dropped > 0;
        if dropped > 0 {
            let loaded = Doc::load(replica, &doc.save());
            let loaded = loaded.expect("what is kept has all that it hangs on");
            assert!(loaded.canonical() == before, "dropped, saved, and changed");
        }
        if self.care == Care::Full && grace == 0 {
            assert_eq!(doc.reclaim(now, 0, &[]), 0, "all is dropped at once");
        }
        self.tell(|| format!("{replica:?} drops {dropped} deleted elements"));
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
        if let Some(undo) = &mut peer.undo {
            *undo = Undo::new(ReplicaId::new(id));
        }
        let loaded = Doc::load(ReplicaId::new(id), &peer.doc.save()).expect("an own save");
        assert!(
            loaded.canonical() == peer.doc.canonical(),
            "saved, loaded, and changed"
        );
        peer.doc = loaded;
        peer.canonical = None;
        peer.model.id = id;
        peer.committed = peer.model.seq(&self.history);
        let living = peer.model.living();
        peer.model.stamp = self.history.last_stamp(living.iter(), id);
    }

    fn rename(&mut self, who: usize) {
        let id = self.new_id();
        let old = self.name(who);
        self.tell(|| format!("{old:?} goes on as r{id:x}"));
        let peer = &mut self.peers[who];
        let rest = peer.doc.set_replica(ReplicaId::new(id));
        if let Some(undo) = &mut peer.undo {
            undo.own.push(ReplicaId::new(id));
        }
        let (first, last) = (peer.committed, peer.model.seq(&self.history));
        assert_eq!(rest.is_empty(), first == last, "what was still to be sent");
        if !rest.is_empty() {
            let living = peer.model.living();
            self.send(&rest, living);
        }
        let peer = &mut self.peers[who];
        peer.model.id = id;
        peer.model.stamp = model::Stamp::default();
        peer.committed = 0;
    }

    /// What is refused must leave no trace; what a changed byte makes acceptable goes to a copy.
    fn damage(&mut self, to: usize, which: usize, at: usize, byte: u8) {
        if self.sent.is_empty() {
            return;
        }
        let mut bytes = self.sent[which % self.sent.len()].bytes.clone();
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

pub(super) fn span(delta: &Delta) -> String {
    format!("{:?} to {:?}", delta.from(), delta.to())
}
