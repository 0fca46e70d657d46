//! Dots that name two things: two writers under one replica id.
//!
//! A relay does not open documents, so it cannot tell what a known change says. But a *step*, one change of
//! one replica as it was made, has exactly one encoding. Two steps that start from one version and lead to
//! one version are equal byte for byte, also when one of them was made again from a state: whatever else
//! the sender knew would be in one of the two versions. So the last step of each replica is remembered, for
//! as long as somebody has the document open, and one that should be the same and is not gives two writers
//! away at the moment when both are there: clones of a machine, or somebody who means harm. Who writes under
//! an id that goes on elsewhere while they are away is found by their versions (`Node::check_fork`).

use driftwood_crdt::ordered::BTreeMap;

use driftwood_crdt::{Delta, ReplicaId};

use crate::assembly::hash;
use crate::config::RELAY;
use crate::document::Key;
use crate::node::Node;
use crate::{ErrorCode, LinkId, Role};

/// Whether these are the bytes of a step: see "Documents and deltas" of PROTOCOL.md.
fn is_step(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x80 != 0)
}

/// The last step of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    seq: u64,
    from: u64,
    bytes: u64,
}

/// The last step of each replica of a document.
#[derive(Debug, Default)]
pub(crate) struct Steps(BTreeMap<ReplicaId, Step>);

impl Steps {
    /// Whose step it is, and which; none where it is not a step.
    fn read(delta: &Delta, bytes: &[u8]) -> Option<(ReplicaId, Step)> {
        if !RELAY || !is_step(bytes) {
            return None;
        }
        let (replica, seq) = delta.to().iter().next()?;
        let step = Step {
            seq,
            from: delta.from().digest(),
            bytes: hash(bytes),
        };
        Some((replica, step))
    }

    /// Remembers a step that is news.
    pub(crate) fn note(&mut self, delta: &Delta, bytes: &[u8]) {
        if let Some((replica, step)) = Self::read(delta, bytes) {
            self.0.insert(replica, step);
        }
    }

    /// Whose known step this contradicts.
    fn contradicted(&self, delta: &Delta, bytes: &[u8]) -> Option<ReplicaId> {
        let (replica, step) = Self::read(delta, bytes)?;
        let known = self.0.get(&replica)?;
        let same = (known.seq, known.from) == (step.seq, step.from);
        (same && known.bytes != step.bytes).then_some(replica)
    }
}

impl Node {
    /// Whether a delta says something else of a change than was said before, or follows on one that did.
    /// Then nothing more of that replica is taken from them until they open the document anew, under
    /// another id. Another relay hears of it too, but stands for all its clients.
    pub(crate) fn is_conflict(
        &mut self,
        link: LinkId,
        key: Key,
        delta: &Delta,
        bytes: &[u8],
    ) -> bool {
        let mesh = self.mesh_link(link).is_some();
        let document = self.documents.get_mut(key).filter(|_| RELAY);
        let Some(document) = document.filter(|_| self.config.role == Role::Relay) else {
            return false;
        };
        let Some(party) = document.parties.get_mut(&link) else {
            return false;
        };
        let known = document.version.includes(delta.to());
        let found = known
            .then(|| document.steps.contradicted(delta, bytes))
            .flatten();
        if found.is_some() && !mesh {
            party.conflict = found;
        }
        let follows = |replica| delta.to().get(replica) > 0;
        if found.is_some() || party.conflict.is_some_and(follows) {
            self.reject(link, key, ErrorCode::DotConflict, 0);
            return true;
        }
        false
    }
}
