//! Writing defaults that every copy writes alike.

use super::{Doc, Edit};
use crate::container::Changes;
use crate::version_vector::mix;
use crate::{Delta, ReplicaId, SeedError};

impl Doc {
    /// Runs an edit that every copy of a document may run, whenever it likes, and that takes effect
    /// once: defaults, a template, a schema. Ten copies that seed at once end with one of everything,
    /// texts and counters included; what a user has deleted of it since stays deleted. Gives the delta
    /// to send and what changed, or `None` where the seed is there already.
    ///
    /// The edit runs on an empty document, under a replica id that is made of the name and of what it
    /// writes, at the beginning of time, so whatever anybody writes wins over it. It must do the same
    /// each time. It is run three times.
    ///
    /// # Errors
    /// [`SeedError::Changed`] when this document has another seed under this name: give a new version
    /// of a seed a new name. [`SeedError::NotTheSame`] when the edit is not the same each time,
    /// [`SeedError::Edit`] when it was refused. The document is then as it was.
    ///
    /// ```
    /// use driftwood_crdt::{Doc, ReplicaId};
    /// let (mut ann, mut ben) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
    /// for doc in [&mut ann, &mut ben] {
    ///     doc.seed("welcome", |edit| edit.text("body").insert(0, "Hello"))?;
    /// }
    /// ann.merge(&ben.delta_since(ann.version()))?;
    /// assert_eq!(ann.text("body").to_string(), "Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seed<E: Into<SeedError>>(
        &mut self,
        name: &str,
        fill: impl Fn(&mut Edit<'_>) -> Result<(), E>,
    ) -> Result<Option<(Delta, Changes)>, SeedError> {
        self.seed_by(name, |mut doc| {
            fill(&mut doc.edit(0)).map_err(Into::into)?;
            Ok(doc)
        })
    }

    /// As [`Self::seed`], for those who cannot fill in a document while they hold an edit of it: `fill`
    /// gets the empty document and gives it back, written to at time 0, nothing committed.
    ///
    /// # Errors
    /// As [`Self::seed`], and what `fill` fails with.
    pub fn seed_by<E: From<SeedError>>(
        &mut self,
        name: &str,
        mut fill: impl FnMut(Doc) -> Result<Doc, E>,
    ) -> Result<Option<(Delta, Changes)>, E> {
        let mut run = |replica| -> Result<Delta, E> {
            let mut doc = fill(Doc::new(replica))?;
            Ok(doc.edit(0).commit())
        };
        let draft = ReplicaId::new(hash(name.as_bytes()) & NAME_HALF);
        let written = run(draft)?;
        if run(draft)? != written {
            return Err(SeedError::NotTheSame.into());
        }
        if written.is_empty() {
            return Ok(None);
        }
        let replica = draft.get() | hash(&written.canonical()) & !NAME_HALF;
        let other = |id: u64| id & NAME_HALF == draft.get() && id != replica;
        if self.version().iter().any(|(id, _)| other(id.get())) {
            return Err(SeedError::Changed.into());
        }
        let delta = run(ReplicaId::new(replica))?;
        if self.version().includes(delta.to()) {
            return Ok(None);
        }
        let changes = self.merge(&delta).map_err(SeedError::from)?;
        Ok(Some((delta, changes)))
    }
}

/// FNV-1a (Fowler, Noll, Vo), mixed so that every bit counts for every bit.
fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// The half of a seed's replica id that its name makes; what it writes makes the other. Ids are random
/// otherwise: among 4,096 replicas one looks like a seed of a given name once in a million documents.
const NAME_HALF: u64 = 0xffff_ffff_0000_0000;
