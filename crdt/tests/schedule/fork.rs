//! What if? At any time some replicas go on in a world of their own, where they undo and redo what
//! they did before. The names of what comes back are the engine's affair, so no model follows them
//! there. Of whoever heard of nothing since its steps it can still say what each undo gives back, and
//! of everybody that what others wrote stays, and that all copies are equal in the end.

use std::collections::{BTreeMap, BTreeSet};

use driftwood_crdt::{
    Doc, Dot, Item, Kind, Path, ReplicaId, UndoManager, UndoOptions, Unit, Value,
};

use super::calls::path_of;
use super::world::World;
use crate::model::{History, Key, Name, Replica, View, What, TOP};
use crate::support;

/// More of them need more steps to meet each other.
const REPLICAS_MAX: usize = 3;

/// A step in a world of its own; replicas are counted modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Undo(usize),
    Redo(usize),
    /// An edit that can be undone: who, what, and three numbers to choose by.
    Edit(usize, u8, [usize; 3]),
    Other(support::Step),
}

/// What a replica can undo.
#[derive(Clone)]
pub(super) struct Undo {
    pub(super) manager: UndoManager,
    /// What it knew before each of its last steps, as long as it heard of nothing in between.
    pub(super) past: Vec<Replica>,
    /// Its names since it can undo.
    pub(super) own: Vec<ReplicaId>,
}

impl Undo {
    pub(super) fn new(own: ReplicaId) -> Self {
        let manager = UndoManager::new(UndoOptions {
            group_ms: 0,
            depth: 1_000,
            ..UndoOptions::default()
        });
        let own = vec![own];
        Self {
            manager,
            past: Vec::new(),
            own,
        }
    }
}

struct Fork {
    world: support::World,
    undos: Vec<Option<Undo>>,
    paths: Vec<Path>,
    now: u64,
}

impl World {
    /// Tries out acts of a replica and of some others, and forgets what came of them.
    pub(super) fn fork(&mut self, who: usize, now: u64, acts: &[Act]) {
        let count = self.peers.len();
        let chosen: Vec<usize> = (who..who + count.min(REPLICAS_MAX))
            .map(|i| i % count)
            .collect();
        let named = |place: &usize| {
            let mut way = self.history.upwards(*place).into_iter();
            way.all(|place| matches!(self.history.names[place].key, Key::Name(_)))
        };
        let paths = (1..self.history.names.len()).filter(named);
        let mut fork = Fork {
            paths: paths.map(|place| path_of(&self.history, place)).collect(),
            undos: chosen.iter().map(|&i| self.peers[i].undo.clone()).collect(),
            world: support::World::going_on(
                chosen.iter().map(|&i| self.peers[i].doc.clone()),
                self.sent.iter().map(|sent| sent.bytes.clone()),
                now,
            ),
            now,
        };
        let name = self.name(who);
        self.tell(|| format!("what if {name:?} undid: {acts:?}"));
        self.undo_all(who, &mut fork);
        for act in acts {
            fork.act(act);
        }
        fork.world.settle();
    }

    /// Takes back, and does again, all that the model can say of.
    fn undo_all(&self, who: usize, fork: &mut Fork) {
        let peer = &self.peers[who];
        let Some(Undo { past, .. }) = &peer.undo else {
            return;
        };
        let states: Vec<&Replica> = past.iter().chain([&peer.model]).collect();
        let unclear = states
            .iter()
            .rposition(|state| !is_plain(&self.history, state));
        let states = &states[unclear.map_or(0, |last| last + 1)..];
        for state in states.iter().rev().skip(1) {
            assert!(fork.undo(0, true), "there is no step to undo");
            self.check_fork(&fork.world.docs[0], state, "undone");
        }
        for state in states.iter().skip(1) {
            assert!(fork.undo(0, false), "what was undone cannot be redone");
            self.check_fork(&fork.world.docs[0], state, "redone");
        }
    }

    /// Holds what a copy shows against what the model shows of what somebody knew.
    fn check_fork(&self, doc: &Doc, known: &Replica, what: &str) {
        let view = View::of(&self.history, known);
        let (shown, expected) = (doc.to_value(), view.value(TOP));
        assert!(
            shown == expected,
            "{what}, it shows something else than before\n    {shown:?}, not\n    {expected:?}"
        );
        for place in 1..self.history.names.len() {
            let name = &self.history.names[place];
            if name.kind != Kind::Text || name.parent != TOP {
                continue;
            }
            let found = doc.at(&path_of(&self.history, place));
            let segments = found.as_text().segments().into_iter();
            let segments: Vec<_> = segments.map(|s| (s.text, s.embed, s.marks)).collect();
            assert_eq!(segments, view.segments(place), "{what}, the marks");
        }
    }
}

impl Fork {
    fn act(&mut self, act: &Act) {
        let count = self.world.docs.len();
        self.now += 10_007;
        match *act {
            Act::Undo(who) => drop(self.undo(who % count, true)),
            Act::Redo(who) => drop(self.undo(who % count, false)),
            Act::Edit(who, what, [a, b, c]) => {
                let (now, doc) = (self.now, &mut self.world.docs[who % count]);
                let Some(undo) = &mut self.undos[who % count] else {
                    return;
                };
                let undo = &mut undo.manager;
                let delta = support::edit(doc, |doc| doc.edit_recorded(now, undo), what, a, b, c);
                self.world.deltas.extend(delta.map(|delta| delta.encode()));
            }
            Act::Other(ref step) => self.world.step(step),
        }
    }

    /// Whether there was something to undo, or to redo.
    fn undo(&mut self, who: usize, back: bool) -> bool {
        let doc = &mut self.world.docs[who];
        let Some(Undo { manager, own, .. }) = &mut self.undos[who] else {
            return false;
        };
        let (theirs, version) = (written(doc, &self.paths, own, false), doc.version().clone());
        let done = if back {
            manager.undo(doc, self.now)
        } else {
            manager.redo(doc, self.now)
        };
        let after = written(doc, &self.paths, own, true);
        assert!(theirs.0.is_subset(&after.0), "an undo took what is others'");
        let fewer = theirs.1.iter().any(|(key, n)| after.1.get(key) < Some(n));
        assert!(!fewer, "an undo took what others typed");
        assert_eq!(
            done.is_some(),
            *doc.version() != version,
            "something was undone, or nothing"
        );
        let Some(done) = done else { return false };
        self.world.deltas.push(done.delta.encode());
        true
    }
}

/// Whether each key of each map has one thing at most. Of several it is the times that say what shows.
fn is_plain(history: &History, known: &Replica) -> bool {
    let mut keys = BTreeSet::new();
    known.living().iter().all(|op| match &history.ops[op].what {
        What::Value(map, key, _) => keys.insert((*map, key.as_str())),
        What::Mark(child) => match &history.names[*child] {
            Name {
                parent,
                key: Key::Name(key),
                ..
            } => keys.insert((*parent, key.as_str())),
            _ => true,
        },
        _ => true,
    })
}

/// What others wrote, in containers that have names: elements, nodes and values by their own, and how
/// many characters each typed. Unless `full` without the elements and nodes that hold something: one that
/// was deleted stays for what somebody wrote in it, and goes with that.
type Theirs = (BTreeSet<Dot>, BTreeMap<(usize, ReplicaId), usize>);

fn written(doc: &Doc, paths: &[Path], own: &[ReplicaId], full: bool) -> Theirs {
    let (mut dots, mut chars) = Theirs::default();
    for (number, path) in paths.iter().enumerate() {
        let found = doc.at(path);
        match path.kind() {
            Kind::List => {
                let list = found.as_list();
                let holds = |&(i, _): &(usize, Dot)| match list.get(i) {
                    Some(Item::Container(kind)) => list.child(i, kind).to_value() != empty(kind),
                    _ => false,
                };
                let ids = list.ids().into_iter().enumerate();
                dots.extend(ids.filter(|id| full || !holds(id)).map(|(_, id)| id));
            }
            Kind::Tree => {
                let tree = found.as_tree();
                let counts = |node: &Dot| full || tree.data(*node).is_empty();
                dots.extend(tree.nodes().into_iter().filter(counts));
            }
            Kind::Map => {
                let map = found.as_map();
                let values = ["a", "b", "ü"].map(|key| map.conflicts(key)).into_iter();
                dots.extend(values.flatten().map(|sibling| sibling.dot));
            }
            Kind::Text => {
                let text = found.as_text();
                let all = text.blame(Unit::Chars, 0..text.extent().chars);
                for part in all.expect("it is as long as it is") {
                    let count = part.end.chars - part.start.chars;
                    *chars.entry((number, part.replica)).or_default() += count;
                }
            }
            Kind::Set | Kind::Counter => {}
        }
    }
    dots.retain(|dot| !own.contains(&dot.replica));
    chars.retain(|(_, replica), _| !own.contains(replica));
    (dots, chars)
}

/// What a container shows in which nothing is.
fn empty(kind: Kind) -> Value {
    Doc::new(ReplicaId::new(1))
        .at(&Path::root("x", kind))
        .to_value()
}
