//! What must hold: of a replica after every step, and of all in the end.

use driftwood_crdt::{Doc, Kind, ReplicaId, Value};

use super::calls::{dot_of, path_of};
use super::rng::Rng;
use super::shapes;
use super::world::{decode, stamp_of, Care, Peer, World};
use crate::model::{self, Key, Place, Replica, View, What, TOP};

impl World {
    /// What must hold of a replica after every step: every so many, or every one, it is held
    /// against the model and against others.
    pub(super) fn check(&mut self, who: usize, step: usize) {
        let peer = &mut self.peers[who];
        let care = self.care == Care::Full;
        let (shown, others) = (
            care || step.is_multiple_of(6),
            care || step.is_multiple_of(3),
        );
        #[cfg(debug_assertions)]
        peer.doc.assert_invariants();
        if shown {
            let version = peer.model.version(&self.history);
            let found = peer.doc.version().iter().map(|(r, seq)| (r.get(), seq));
            assert!(
                found.eq(version),
                "the version is not that of the model: {:?}",
                peer.doc.version()
            );
            let view = View::of(&self.history, &peer.model);
            let expected = view.value(TOP);
            let shown = peer.doc.to_value();
            assert!(
                shown == expected,
                "shows something else than the model\n    {shown:?}, not\n    {expected:?}"
            );
            assert_eq!(peer.doc.live_len(), view.live_len(), "what is alive");
            shapes::check(&self.history, &view, &peer.doc);
        }
        for other in (0..self.peers.len()).filter(|_| others) {
            if other != who && self.peers[other].doc.version() == self.peers[who].doc.version() {
                let other = self.canonical(other);
                assert!(
                    other == self.canonical(who),
                    "equal versions, and other bytes"
                );
            }
        }
    }

    fn canonical(&mut self, who: usize) -> Vec<u8> {
        let Peer { doc, canonical, .. } = &mut self.peers[who];
        canonical.get_or_insert_with(|| doc.canonical()).clone()
    }

    /// Everybody gets everything.
    pub(super) fn settle(&mut self) {
        self.tell(|| "everybody gets everything".to_owned());
        let count = self.peers.len();
        for i in 0..2 * count - 1 {
            self.sync(i % count, (i + 1) % count);
        }
        for who in 0..count {
            let (first, other) = (&self.peers[0].doc, &self.peers[who].doc);
            assert_eq!(first.version(), other.version(), "all got all, and differ");
            // All are held against the first, the first and the last against the model.
            let is_end = who == 0 || who == count - 1;
            self.check(who, if is_end { 0 } else { 3 });
        }
    }

    /// What no plain value shows: conflicts, and containers that something else hides.
    pub(super) fn check_everything(&self) {
        let Peer { doc, model, .. } = &self.peers[0];
        let view = View::of(&self.history, model);
        let mut copy = Doc::new(doc.replica());
        let whole = decode(&doc.canonical());
        copy.merge(&whole)
            .expect("the canonical bytes are a whole state");
        assert_eq!(copy.to_value(), doc.to_value(), "the canonical bytes show");
        for place in 1..self.history.names.len() {
            let path = path_of(&self.history, place);
            let found = doc.at(&path);
            let shown = found.to_value();
            // A container that was named and never written to is not there.
            if shown != Value::Null {
                assert_eq!(shown, view.value(place), "what is hidden in {path}");
            }
            if self.history.names[place].kind == Kind::Map {
                let map = found.as_map();
                for key in self.keys_ever(place) {
                    let found: Vec<_> = map
                        .conflicts(key)
                        .into_iter()
                        .map(|sibling| (sibling.dot, stamp_of(Some(sibling.stamp)), sibling.value))
                        .collect();
                    let siblings = view.siblings(place, key).into_iter();
                    let expected: Vec<_> = siblings
                        .filter_map(|op| match &self.history.ops[op] {
                            made @ model::Op {
                                what: What::Value(_, _, value),
                                ..
                            } => Some((dot_of(&self.history, op), made.stamp, value.clone())),
                            _ => None,
                        })
                        .collect();
                    assert_eq!(found, expected, "conflicts at {path}/{key}");
                }
            }
        }
    }

    /// Every key at which a plain value was ever written.
    fn keys_ever(&self, map: Place) -> Vec<&str> {
        let ops = self.history.ops.iter();
        let mut keys: Vec<&str> = ops
            .filter_map(|op| match &op.what {
                What::Value(place, key, _) if *place == map => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let children = self.history.children[map].iter();
        keys.extend(
            children.filter_map(|&child| match &self.history.names[child].key {
                Key::Name(name) => Some(name.as_str()),
                Key::Element(_) => None,
            }),
        );
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Somebody new gets what was sent, in disorder and then in turn, and at last the rest.
    pub(super) fn check_newcomer(&mut self, seed: u64) {
        let id = self.new_id();
        self.peers.push(Peer {
            doc: Doc::new(ReplicaId::new(id)),
            model: Replica::new(id),
            committed: 0,
            canonical: None,
            undo: None,
        });
        let newcomer = self.peers.len() - 1;
        self.tell(|| format!("r{id:x} is new"));
        let mut rng = Rng::new(seed);
        for _ in 0..self.sent.len() / 2 {
            let which = rng.below(self.sent.len());
            self.deliver(newcomer, which);
        }
        self.check(newcomer, 0);
        for which in 0..self.sent.len() {
            self.deliver(newcomer, which);
        }
        self.sync(0, newcomer);
        self.check(newcomer, 0);
    }
}
