//! diamond-types, as released: an operation log beside a rope; inserted text is compressed with LZ4 in what it writes.

use super::{Open, Replica, Structure};
use crate::measure::Cap;
use crate::op::{Patch, Shown};
use diamond_types::list::encoding::{ENCODE_FULL, ENCODE_PATCH};
use diamond_types::list::ListCRDT;
use diamond_types::AgentId;

const OWN: &str = "what was written here can be read";

pub struct Diamond {
    list: ListCRDT,
    agent: AgentId,
}

impl Diamond {
    fn of(mut list: ListCRDT, id: u64) -> Self {
        let agent = list.get_or_create_agent_id(&format!("{id:016x}"));
        Self { list, agent }
    }
}

impl Structure<Patch> for Diamond {
    fn apply(&mut self, op: &Patch) {
        if op.deleted > 0 {
            let range = op.at..op.at + op.deleted;
            self.list.delete_without_content(self.agent, range);
        }
        if !op.inserted.is_empty() {
            self.list.insert(self.agent, op.at, &op.inserted);
        }
    }

    fn save(&mut self) -> Vec<u8> {
        self.list.oplog.encode(ENCODE_FULL)
    }

    fn read(&mut self) -> Shown {
        Shown::Text(self.list.branch.content().to_string())
    }
}

impl Replica<Patch> for Diamond {
    fn apply_encoded(&mut self, op: &Patch) -> Vec<u8> {
        let before = self.list.oplog.local_version();
        self.apply(op);
        self.list.oplog.encode_from(ENCODE_PATCH, &before)
    }

    fn merge(&mut self, update: &[u8]) {
        self.list.merge_data_and_ff(update).expect(OWN);
    }

    fn merge_together(&mut self, updates: &[Vec<u8>], cap: &Cap) -> usize {
        let merged = cap.each(updates, |update| {
            self.list.oplog.decode_and_add(update).expect(OWN);
        });
        let ListCRDT { branch, oplog } = &mut self.list;
        branch.merge(oplog, oplog.local_version_ref());
        merged
    }

    fn apply_offline(&mut self, ops: &[Patch], cap: &Cap) -> Option<Vec<Vec<u8>>> {
        let before = self.list.oplog.local_version();
        let done = self.apply_each(ops, cap) == ops.len();
        done.then(|| vec![self.list.oplog.encode_from(ENCODE_PATCH, &before)])
    }

    fn full(&mut self) -> Option<Vec<u8>> {
        Some(self.list.oplog.encode(ENCODE_FULL))
    }
}

impl Open<Patch> for Diamond {
    fn new(id: u64) -> Self {
        Self::of(ListCRDT::new(), id)
    }

    fn load(id: u64, saved: &[u8]) -> Self {
        Self::of(ListCRDT::load_from(saved).expect(OWN), id)
    }
}
