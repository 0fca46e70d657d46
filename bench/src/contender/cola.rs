//! cola, which knows positions only, with crop for the text. What it sends is serialised with bincode, as its authors do.

use super::{Open, Replica, Structure};
use crate::measure::Cap;
use crate::op::{Patch, Shown};
use cola::{Deletion, EncodedReplica, Insertion};
use serde::{Deserialize, Serialize};

const OWN: &str = "what was written here can be read";

pub struct Cola {
    positions: cola::Replica,
    text: crop::Rope,
}

#[derive(Serialize, Deserialize)]
enum Message {
    Deleted(Deletion),
    Inserted(Insertion, String),
    Replaced(Deletion, Insertion, String),
}

impl Cola {
    fn delete(&mut self, op: &Patch) -> Deletion {
        let range = op.at_byte..op.at_byte + op.deleted_bytes;
        self.text.delete(range.clone());
        self.positions.deleted(range)
    }

    fn insert(&mut self, op: &Patch) -> Insertion {
        self.text.insert(op.at_byte, &op.inserted);
        self.positions.inserted(op.at_byte, op.inserted.len())
    }

    fn edit(&mut self, op: &Patch) -> (Option<Deletion>, Option<Insertion>) {
        let deletion = (op.deleted > 0).then(|| self.delete(op));
        let insertion = (!op.inserted.is_empty()).then(|| self.insert(op));
        (deletion, insertion)
    }

    fn merge_deletion(&mut self, deletion: &Deletion) {
        for range in self
            .positions
            .integrate_deletion(deletion)
            .into_iter()
            .rev()
        {
            self.text.delete(range);
        }
    }

    fn merge_insertion(&mut self, insertion: &Insertion, text: &str) {
        if let Some(at) = self.positions.integrate_insertion(insertion) {
            self.text.insert(at, text);
        }
    }
}

impl Structure<Patch> for Cola {
    fn apply(&mut self, op: &Patch) {
        drop(self.edit(op));
    }

    fn save(&mut self) -> Vec<u8> {
        bincode::serialize(&(self.positions.encode(), self.text.to_string()))
            .expect("it has no cycles")
    }

    fn read(&mut self) -> Shown {
        Shown::Text(self.text.to_string())
    }
}

impl Replica<Patch> for Cola {
    fn apply_encoded(&mut self, op: &Patch) -> Vec<u8> {
        let text = || op.inserted.clone();
        let message = match self.edit(op) {
            (Some(deletion), None) => Message::Deleted(deletion),
            (None, Some(insertion)) => Message::Inserted(insertion, text()),
            (Some(deletion), Some(insertion)) => Message::Replaced(deletion, insertion, text()),
            (None, None) => return Vec::new(),
        };
        bincode::serialize(&message).expect("it has no cycles")
    }

    fn merge(&mut self, update: &[u8]) {
        if update.is_empty() {
            return;
        }
        match bincode::deserialize(update).expect(OWN) {
            Message::Deleted(deletion) => self.merge_deletion(&deletion),
            Message::Inserted(insertion, text) => self.merge_insertion(&insertion, &text),
            Message::Replaced(deletion, insertion, text) => {
                self.merge_deletion(&deletion);
                self.merge_insertion(&insertion, &text);
            }
        }
    }

    /// It cannot say what another lacks: what it said at each edit has to be kept.
    fn apply_offline(&mut self, ops: &[Patch], cap: &Cap) -> Option<Vec<Vec<u8>>> {
        let updates = self.apply_each_encoded(ops, cap);
        (updates.len() == ops.len()).then_some(updates)
    }

    fn full(&mut self) -> Option<Vec<u8>> {
        None
    }
}

impl Open<Patch> for Cola {
    fn new(id: u64) -> Self {
        Self {
            // The empty text is an insertion of its own, which all copies must have from one and the same replica.
            positions: cola::Replica::new(1, 0).fork(id),
            text: crop::Rope::new(),
        }
    }

    fn load(id: u64, saved: &[u8]) -> Self {
        let (positions, text): (EncodedReplica, String) = bincode::deserialize(saved).expect(OWN);
        Self {
            positions: cola::Replica::decode(id, &positions).expect(OWN),
            text: crop::Rope::from(text),
        }
    }
}
