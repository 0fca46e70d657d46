//! How changes come from one replica to another, and what that means to the model.

use std::fmt::Write;
use std::rc::Rc;

use driftwood_crdt::{Changes, Delta, Doc, ImportError, MergeError, ReplicaId, VersionVector};

use super::calls::{dot_of, path_of};
use super::changes;
use super::world::{decode, span, Care, Sent, World};
use crate::model::{self, OpId, OpSet};

/// How often a replica may have to ask for what it dropped.
const ASKING_MAX: usize = 4;

impl World {
    /// Notes a delta as sent.
    pub(super) fn send(&mut self, delta: &Delta, living: OpSet) {
        let bytes = delta.encode();
        let read = decode(&bytes);
        assert_eq!(read, *delta, "a delta changed on its way");
        self.sent.push(Rc::new(Sent {
            bytes,
            delta: read,
            living,
        }));
    }

    pub(super) fn deliver(&mut self, to: usize, which: usize) -> Option<usize> {
        if self.sent.is_empty() {
            return None;
        }
        let which = which % self.sent.len();
        let sent = Rc::clone(&self.sent[which]);
        let missing = self.merge(to, &sent.delta, &sent.living, &format!("#{which}"));
        missing.is_none().then_some(to)
    }

    pub(super) fn sync(&mut self, from: usize, to: usize) {
        let living = self.peers[from].model.living();
        let since = self.peers[to].doc.version();
        let mut delta = self.peers[from].doc.delta_since(since);
        for _ in 0..ASKING_MAX {
            delta = decode(&delta.encode());
            let Some(missing) = self.merge(to, &delta, &living, "it") else {
                break;
            };
            let since = self.peers[to].doc.version();
            delta = self.peers[from].doc.delta_with_anchors(since, &missing);
        }
        let (from, to) = (&self.peers[from].doc, &self.peers[to].doc);
        assert!(to.version().includes(from.version()), "synced, and behind");
    }

    /// A delta that starts where a replica stands, or earlier, must be taken; any other refused. Gives
    /// the deleted elements that it hangs on, where they were dropped.
    fn merge(
        &mut self,
        to: usize,
        delta: &Delta,
        living: &OpSet,
        name: &str,
    ) -> Option<Vec<driftwood_crdt::Dot>> {
        let replica = self.name(to);
        let peer = &mut self.peers[to];
        let version = peer.doc.version().clone();
        let is_new = !version.includes(delta.to());
        let is_gap = is_new && !version.includes(delta.from());
        let lot = version.digest();
        // Not always: a copy of the document costs as much as all the rest.
        let care = self.care == Care::Full;
        let refused = is_gap || !is_new || self.reclaimed;
        let saved = (refused && (care || lot % 8 == 1)).then(|| peer.doc.save());
        let before =
            (is_new && !is_gap && (care || lot.is_multiple_of(8))).then(|| peer.doc.clone());
        let result = peer.doc.merge(delta);
        if let Some(before) = &before {
            check_encoded(before.clone(), delta, &result, &peer.doc);
        }
        if let Some(told) = &mut self.told {
            let result = result.as_ref().map(drop).map_err(ToString::to_string);
            writeln!(told, "  {replica:?} merges {name}: {result:?}").expect("a string takes all");
        }
        let mut missing = None;
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
            Err(MergeError::MissingAnchors { anchors }) => {
                assert!(
                    self.reclaimed,
                    "misses {anchors:?}, and nothing was dropped"
                );
                missing = Some(anchors);
            }
            Err(error) => panic!("refused an honest delta: {error}"),
        }
        if let Some(saved) = saved.filter(|_| is_gap || !is_new || missing.is_some()) {
            assert!(saved == peer.doc.save(), "refused or known, and changed");
        }
        if is_new && !is_gap && missing.is_none() {
            peer.canonical = None;
            peer.heard();
            self.learn(to, delta, living);
        }
        missing
    }

    /// The same for the model.
    fn learn(&mut self, to: usize, delta: &Delta, living: &OpSet) {
        let model = &mut self.peers[to].model;
        let history = &self.history;
        let is_in = |op: &OpId, version: &VersionVector| {
            let model::Dot { replica, seq } = history.ops[*op].dot;
            seq <= version.get(ReplicaId::new(replica))
        };
        let new: Vec<OpId> = (0..history.ops.len())
            .filter(|op| !model.known.contains(*op) && is_in(op, delta.to()))
            .collect();
        for &op in &new {
            model.learn(history, op);
        }
        for &op in &new {
            let whole = model.known.includes(&history.ops[op].seen);
            assert!(
                whole,
                "took {:?} without what it had seen",
                dot_of(history, op)
            );
        }
        // After a reload its stamps go on from its own last one, if others still show that.
        let told = living.iter();
        let told = told.filter(|op| is_in(op, delta.to()) && !is_in(op, delta.from()));
        model.stamp = model.stamp.max(history.last_stamp(told, model.id));
    }
}

/// What the bytes of a delta do to a copy is what the delta did.
fn check_encoded(mut copy: Doc, delta: &Delta, result: &Result<Changes, MergeError>, after: &Doc) {
    match (copy.merge_encoded(&delta.encode()), result) {
        (Ok(changes), Ok(expected)) => assert!(changes == *expected, "told otherwise"),
        (Err(ImportError::Merge(error)), Err(expected)) => assert_eq!(error, *expected),
        (other, _) => panic!("merged otherwise: {other:?}"),
    }
    assert!(copy.save() == after.save(), "merged otherwise from bytes");
}
