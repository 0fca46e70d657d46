//! What came last, still in memory: who comes back after a moment away is given it without a read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use driftwood_crdt::VersionVector;
use driftwood_sync::DocumentName;

/// What is kept of all documents holds so many bytes at most, with what keeping costs.
const BYTES_MAX: usize = 1 << 20;

/// What keeping a delta costs beside it.
const COST: usize = 256;

/// The newest deltas of the log, of all documents together.
#[derive(Default)]
pub(super) struct Recent(Mutex<Tails>);

#[derive(Default)]
struct Tails {
    of: BTreeMap<DocumentName, Tail>,
    /// Whose the deltas are, from the oldest one on.
    order: VecDeque<DocumentName>,
    bytes: usize,
}

/// The newest deltas of a document, in the order of its log.
struct Tail {
    /// What was held before the first of them.
    base: VersionVector,
    deltas: VecDeque<(VersionVector, Arc<[u8]>)>,
}

impl Recent {
    /// Keeps a delta that was appended to what was `held`.
    pub(super) fn note(
        &self,
        document: &DocumentName,
        held: VersionVector,
        delta: &Arc<[u8]>,
        to: &VersionVector,
    ) {
        let mut tails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = tails.of.entry(document.clone()).or_insert_with(|| Tail {
            base: held,
            deltas: VecDeque::new(),
        });
        tail.deltas.push_back((to.clone(), Arc::clone(delta)));
        tails.order.push_back(document.clone());
        tails.bytes += delta.len() + COST;
        while tails.bytes > BYTES_MAX {
            tails.drop_oldest();
        }
    }

    /// Keeps nothing of what came so far.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Tails::default();
    }

    /// As [`Store::load_some`](crate::store::Store::load_some), if all that is lacked is here.
    pub(super) fn since(
        &self,
        document: &DocumentName,
        version: &VersionVector,
        bytes_max: usize,
    ) -> Option<Vec<Arc<[u8]>>> {
        let tails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = tails.of.get(document)?;
        if !version.includes(&tail.base) {
            return None;
        }
        let lacked = tail.deltas.iter().filter(|(to, _)| !version.includes(to));
        let mut bytes = 0;
        let some = lacked.take_while(|(_, delta)| {
            let is_first = bytes == 0;
            bytes += delta.len();
            is_first || bytes <= bytes_max
        });
        Some(some.map(|(_, delta)| Arc::clone(delta)).collect())
    }
}

impl Tails {
    fn drop_oldest(&mut self) {
        let document = self.order.pop_front().expect("bytes are of deltas");
        let tail = self.of.get_mut(&document).expect("it has deltas");
        let (to, delta) = tail.deltas.pop_front().expect("as many as are counted");
        tail.base.merge(&to);
        self.bytes -= delta.len() + COST;
        if tail.deltas.is_empty() {
            self.of.remove(&document);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftwood_crdt::ReplicaId;

    fn version(seq: u64) -> VersionVector {
        VersionVector::from_iter([(ReplicaId::new(1), seq)])
    }

    fn note(recent: &Recent, document: &DocumentName, seq: u64, bytes: usize) {
        let delta: Arc<[u8]> = vec![seq as u8; bytes].into();
        recent.note(document, version(seq - 1), &delta, &version(seq));
    }

    fn since(recent: &Recent, document: &DocumentName, seq: u64, bytes: usize) -> Option<Vec<u8>> {
        let deltas = recent.since(document, &version(seq), bytes)?;
        Some(deltas.iter().map(|delta| delta[0]).collect())
    }

    #[test]
    fn it_gives_what_follows_a_version_that_it_reaches_back_to() {
        let recent = Recent::default();
        let [trip, other] = ["trip", "other"].map(|name| DocumentName::new(name).expect("a name"));
        assert_eq!(since(&recent, &trip, 9, 1), None, "nothing is known of it");
        for seq in 5..=8 {
            note(&recent, &trip, seq, 10);
        }
        assert_eq!(since(&recent, &trip, 3, 100), None, "5 does not follow it");
        assert_eq!(since(&recent, &trip, 4, 100), Some(vec![5, 6, 7, 8]));
        assert_eq!(since(&recent, &trip, 6, 100), Some(vec![7, 8]));
        assert_eq!(since(&recent, &trip, 8, 100), Some(vec![]));
        assert_eq!(since(&recent, &trip, 4, 25), Some(vec![5, 6]), "some of it");
        assert_eq!(since(&recent, &trip, 4, 1), Some(vec![5]), "one at least");

        // Another document takes the room, the oldest goes first.
        note(&recent, &other, 1, BYTES_MAX - 4 * (10 + COST));
        assert_eq!(since(&recent, &trip, 4, 100), None);
        assert_eq!(since(&recent, &trip, 5, 100), Some(vec![6, 7, 8]));
        recent.forget();
        assert_eq!(since(&recent, &trip, 7, 100), None);
        note(&recent, &trip, 9, 10);
        assert_eq!(since(&recent, &trip, 8, 100), Some(vec![9]));
        note(&recent, &other, 2, BYTES_MAX);
        assert_eq!(since(&recent, &trip, 7, 100), None);
        assert_eq!(since(&recent, &other, 1, 100), None, "too much to keep");
    }
}
