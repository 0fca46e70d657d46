//! What the standard library has, saved as varints: what a map, a list or a counter costs at the least.

use super::{Plain, Structure};
use crate::op::{Add, ListOp, Put, Shown};
use driftwood_crdt::codec::{Reader, Writer};
use std::collections::HashMap;

/// Why reading what we wrote ourselves goes well.
const OWN: &str = "what was saved can be read";

#[derive(Default)]
pub struct Map(HashMap<String, i64>);

#[derive(Default)]
pub struct List(Vec<i64>);

#[derive(Default)]
pub struct Counter(i64);

impl Structure<Put> for Map {
    fn apply(&mut self, op: &Put) {
        match self.0.get_mut(&op.key) {
            Some(value) => *value = op.value,
            None => drop(self.0.insert(op.key.clone(), op.value)),
        }
    }

    fn save(&mut self) -> Vec<u8> {
        let mut out = Writer::new();
        for (key, value) in &self.0 {
            out.str(key);
            out.signed(*value);
        }
        out.into_vec()
    }

    fn read(&mut self) -> Shown {
        Shown::map(self.0.iter().map(|(key, value)| (key, *value)))
    }
}

impl Plain<Put> for Map {
    fn load(saved: &[u8]) -> Self {
        let mut input = Reader::new(saved);
        let mut map = HashMap::new();
        while input.remaining() > 0 {
            let key = input.str().expect(OWN).to_owned();
            map.insert(key, input.signed().expect(OWN));
        }
        Self(map)
    }
}

impl Structure<ListOp> for List {
    fn apply(&mut self, op: &ListOp) {
        match *op {
            ListOp::Insert(index, value) => self.0.insert(index, value),
            ListOp::Delete(index) => drop(self.0.remove(index)),
        }
    }

    fn save(&mut self) -> Vec<u8> {
        let mut out = Writer::new();
        self.0.iter().for_each(|value| out.signed(*value));
        out.into_vec()
    }

    fn read(&mut self) -> Shown {
        Shown::list(self.0.iter().copied())
    }
}

impl Plain<ListOp> for List {
    fn load(saved: &[u8]) -> Self {
        let mut input = Reader::new(saved);
        let mut list = Vec::new();
        while input.remaining() > 0 {
            list.push(input.signed().expect(OWN));
        }
        Self(list)
    }
}

impl Structure<Add> for Counter {
    fn apply(&mut self, op: &Add) {
        // Without this the compiler adds all of them up before the clock is even read.
        self.0 = std::hint::black_box(self.0) + op.0;
    }

    fn save(&mut self) -> Vec<u8> {
        let mut out = Writer::new();
        out.signed(self.0);
        out.into_vec()
    }

    fn read(&mut self) -> Shown {
        Shown::counter(self.0)
    }
}

impl Plain<Add> for Counter {
    fn load(saved: &[u8]) -> Self {
        Self(Reader::new(saved).signed().expect(OWN))
    }
}
