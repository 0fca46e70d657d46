//! Plain ropes: a text, and nothing of who wrote it. No text CRDT can be faster than the best of them.

use super::{Plain, Structure};
use crate::op::{Patch, Shown};
use jumprope::{JumpRope, JumpRopeBuf};

#[derive(Default)]
pub struct Jumprope(JumpRope);

#[derive(Default)]
pub struct JumpropeBuf(JumpRopeBuf);

#[derive(Default)]
pub struct Crop(crop::Rope);

fn text(saved: &[u8]) -> &str {
    std::str::from_utf8(saved).expect("a rope saves its text")
}

impl Structure<Patch> for Jumprope {
    fn apply(&mut self, op: &Patch) {
        if op.deleted > 0 {
            self.0.remove(op.at..op.at + op.deleted);
        }
        if !op.inserted.is_empty() {
            self.0.insert(op.at, &op.inserted);
        }
    }

    fn save(&mut self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    fn read(&mut self) -> Shown {
        Shown::Text(self.0.to_string())
    }
}

impl Plain<Patch> for Jumprope {
    fn load(saved: &[u8]) -> Self {
        Self(JumpRope::from(text(saved)))
    }
}

impl Structure<Patch> for JumpropeBuf {
    fn apply(&mut self, op: &Patch) {
        if op.deleted > 0 {
            self.0.remove(op.at..op.at + op.deleted);
        }
        if !op.inserted.is_empty() {
            self.0.insert(op.at, &op.inserted);
        }
    }

    fn save(&mut self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    fn read(&mut self) -> Shown {
        Shown::Text(self.0.to_string())
    }
}

impl Plain<Patch> for JumpropeBuf {
    fn load(saved: &[u8]) -> Self {
        Self(JumpRopeBuf::new_from_str(text(saved)))
    }
}

impl Structure<Patch> for Crop {
    fn apply(&mut self, op: &Patch) {
        let range = op.at_byte..op.at_byte + op.deleted_bytes;
        if op.deleted_bytes > 0 {
            self.0.delete(range);
        }
        if !op.inserted.is_empty() {
            self.0.insert(op.at_byte, &op.inserted);
        }
    }

    fn save(&mut self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    fn read(&mut self) -> Shown {
        Shown::Text(self.0.to_string())
    }
}

impl Plain<Patch> for Crop {
    fn load(saved: &[u8]) -> Self {
        Self(crop::Rope::from(text(saved)))
    }
}
