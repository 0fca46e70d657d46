//! Values that are found by a number.

use crate::sorted::chunks;

/// Values in numbered slots; the numbers of removed ones are given again. In chunks, so that growing
/// moves nothing and leaves little room unused.
#[derive(Clone, Debug)]
pub(crate) struct Slots<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

const CHUNK: usize = 256;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    /// Of values of which it is known how many there are, in slots from 0 on: in no more room than they take.
    pub(crate) fn of(values: impl Iterator<Item = T>) -> Self {
        let chunks = chunks(values.map(Some), CHUNK);
        let free = Vec::new();
        Self { chunks, free }
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Puts a value in and gives its number: the one after the last, unless one is free.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            *self.slot(slot) = Some(value);
            return slot;
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            // Many have one value and never another.
            if self.chunks.is_empty() {
                self.chunks.reserve_exact(1);
            }
            self.chunks.push(Vec::with_capacity(1));
        }
        let before = self.chunks.len() - 1;
        let last = &mut self.chunks[before];
        last.push(Some(value));
        (before * CHUNK + last.len() - 1) as u32
    }

    fn slot(&mut self, slot: u32) -> &mut Option<T> {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// The value of a number that [`Self::insert`] gave.
    pub(crate) fn get(&self, slot: u32) -> &T {
        let slot = &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK];
        slot.as_ref()
            .expect("a slot is free only once it is not known any more")
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        let slot = self.slot(slot);
        slot.as_mut()
            .expect("a slot is free only once it is not known any more")
    }

    /// Takes a value out; its number may be given to another.
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let value = self.slot(slot).take();
        self.free.push(slot);
        if self.free.len() > CHUNK && self.free.len() == self.len() {
            *self = Self::default();
        }
        value.expect("a slot is free only once it is not known any more")
    }
}
