//! Short names of dots: replicas by number.

use crate::plain::plain;
use crate::{Dot, ReplicaId};

/// The number of a replica in one sequence, or in one log.
pub(crate) type Agent = u16;

/// A dot, with the replica by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Id {
    pub(crate) agent: Agent,
    pub(crate) seq: u64,
}

impl Id {
    pub(crate) const fn plus(self, by: u64) -> Self {
        Self {
            agent: self.agent,
            seq: self.seq + by,
        }
    }
}

/// Replicas in order of arrival.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Agents {
    replicas: Vec<ReplicaId>,
    /// The numbers, in order of replica.
    sorted: Vec<Agent>,
}

impl Agents {
    pub(crate) fn replica(&self, agent: Agent) -> ReplicaId {
        self.replicas[usize::from(agent)]
    }

    pub(crate) fn dot(&self, id: Id) -> Dot {
        Dot::new(self.replica(id.agent), id.seq)
    }

    fn search(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.sorted
            .binary_search_by_key(&replica, |&agent| self.replica(agent))
    }

    pub(crate) fn find(&self, replica: ReplicaId) -> Option<Agent> {
        // Documents of one or two authors are most.
        if self.replicas.first() == Some(&replica) {
            return Some(0);
        }
        Some(self.sorted[self.search(replica).ok()?])
    }

    pub(crate) fn id(&self, dot: Dot) -> Option<Id> {
        Some(Id {
            agent: self.find(dot.replica)?,
            seq: dot.seq,
        })
    }

    /// The number of a replica, a new one if it has none. A document has fewer replicas than there are
    /// numbers.
    pub(crate) fn add(&mut self, replica: ReplicaId) -> Agent {
        match self.search(replica) {
            Ok(at) => self.sorted[at],
            Err(at) => {
                let agent = Agent::try_from(self.replicas.len());
                let agent = agent.expect("a document has at most 4,096 replicas");
                // Most sequences are of one.
                if self.replicas.is_empty() {
                    self.replicas.reserve_exact(1);
                    self.sorted.reserve_exact(1);
                }
                self.replicas.push(replica);
                self.sorted.insert(at, agent);
                agent
            }
        }
    }

    /// For each number the place of its replica in their order.
    pub(crate) fn ranks(&self) -> Vec<u16> {
        let mut ranks = vec![0; self.sorted.len()];
        for (rank, &agent) in (0..).zip(&self.sorted) {
            ranks[usize::from(agent)] = rank;
        }
        ranks
    }

    /// The numbers, in order of replica.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Agent> + '_ {
        plain(self.sorted.iter().copied())
    }
}
