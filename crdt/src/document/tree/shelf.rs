//! The containers by their numbers.

use std::ops::{Index, IndexMut};

use super::{Container, ContainerId};

/// Containers of a chunk: growing moves no more than these.
const CHUNK: usize = 256;

/// Containers, numbered from 0 on. In chunks, so that growing leaves little room unused.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    /// All but the last are full, and none is empty.
    chunks: Vec<Vec<Container>>,
}

impl Shelf {
    pub(super) fn new(first: Container) -> Self {
        Self {
            chunks: vec![vec![first]],
        }
    }

    pub(super) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    #[inline]
    pub(super) fn get(&self, id: ContainerId) -> Option<&Container> {
        let id = id as usize;
        self.chunks.get(id / CHUNK)?.get(id % CHUNK)
    }

    /// Adds one after all others; gives its number.
    pub(super) fn push(&mut self, container: Container) -> ContainerId {
        let id = self.len() as ContainerId;
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(container),
            None => self.chunks.push(vec![container]),
        }
        id
    }

    /// Takes the last one away.
    pub(super) fn pop(&mut self) {
        let Some(last) = self.chunks.last_mut() else {
            return;
        };
        last.pop();
        if last.is_empty() {
            self.chunks.pop();
        }
    }

    /// All of them, in order.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Container> {
        self.chunks.iter().flatten()
    }
}

impl Index<ContainerId> for Shelf {
    type Output = Container;

    #[inline]
    fn index(&self, id: ContainerId) -> &Container {
        let id = id as usize;
        &self.chunks[id / CHUNK][id % CHUNK]
    }
}

impl IndexMut<ContainerId> for Shelf {
    #[inline]
    fn index_mut(&mut self, id: ContainerId) -> &mut Container {
        let id = id as usize;
        &mut self.chunks[id / CHUNK][id % CHUNK]
    }
}
