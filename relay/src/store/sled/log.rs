//! The records in the engine's tree `log`.

use driftwood_crdt::VersionVector;

use super::super::record::{Fault, Place, Record, Records};
use super::super::StoreError;
use super::folder::engine_error;

/// The logs of all documents.
pub(super) struct Log {
    tree: sled::Tree,
}

impl Log {
    pub(super) fn new(tree: sled::Tree) -> Self {
        Self { tree }
    }

    /// Keeps a record; all of it or none.
    pub(super) fn write(
        &self,
        place: Place,
        to: &VersionVector,
        delta: &[u8],
    ) -> Result<(), StoreError> {
        let mut chunks = Record::chunks(place, to, delta);
        if chunks.len() == 1 {
            let only = chunks.remove(0);
            self.tree.insert(place.key(0), only).map_err(engine_error)?;
            return Ok(());
        }
        let mut batch = sled::Batch::default();
        for (chunk, value) in chunks.into_iter().enumerate() {
            batch.insert(&place.key(chunk as u16), value);
        }
        self.tree.apply_batch(batch).map_err(engine_error)
    }

    /// What is stored from `first` on and before `end`, whatever it is worth.
    pub(super) fn raw(
        &self,
        first: Place,
        end: Place,
    ) -> impl Iterator<Item = Result<Result<Record, (Place, Fault)>, StoreError>> {
        let range = self.tree.range(first.key(0)..end.key(0));
        Records::new(range).map(move |record| match record {
            // A page that the engine cannot read is the trouble of this document, not of all.
            Err(sled::Error::Corruption { .. }) => Ok(Err((
                first,
                Fault::Damaged("a page of the engine is damaged"),
            ))),
            record => record.map_err(engine_error),
        })
    }

    /// What a document's log says from the checkpoint at this position (0 is none) up to `last`, in
    /// order and without a hole; the inner error is damage.
    pub(super) fn read(
        &self,
        document: u32,
        checkpoint: u64,
        last: u64,
    ) -> impl Iterator<Item = Result<Result<Record, &'static str>, StoreError>> {
        let place = move |position, checkpoint| Place {
            document,
            position,
            checkpoint,
        };
        let mut expected = place(checkpoint.max(1), checkpoint > 0);
        let end = place(last + 1, false);
        let mut records = self.raw(expected, end);
        std::iter::from_fn(move || loop {
            let record = match records.next() {
                Some(Ok(record)) => record,
                Some(Err(error)) => return Some(Err(error)),
                None if expected == end => return None,
                None => {
                    expected = end;
                    return Some(Ok(Err("a record is missing")));
                }
            };
            return Some(Ok(match record {
                // What a checkpoint left behind that was interrupted stands for nothing.
                Ok(Record { place, .. }) | Err((place, _))
                    if place.checkpoint && place.position != checkpoint =>
                {
                    continue;
                }
                Ok(record) if record.place == expected => {
                    expected = place(expected.position + 1, false);
                    Ok(record)
                }
                Ok(_) => Err("a record is missing"),
                Err((_, Fault::Torn)) => Err("a record's end is missing"),
                Err((_, Fault::Damaged(reason))) => Err(reason),
            }));
        })
    }

    /// Drops everything from `first` on and before `end`.
    pub(super) fn remove(&self, first: Place, end: Place) -> Result<(), StoreError> {
        for key in self.tree.range(first.key(0)..end.key(0)).keys() {
            let key = key.map_err(engine_error)?;
            self.tree.remove(key).map_err(engine_error)?;
        }
        Ok(())
    }
}
