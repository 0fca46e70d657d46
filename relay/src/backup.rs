//! All documents in one file, or one stream, to be read anywhere.
//!
//! `driftwood-backup 1`, a line break, then frames of `length (4) ‖ crc32 (4) ‖ body`, numbers little
//! endian. The first byte of a body says what it is: 0 a delta (`str name`, then its bytes), in the order in
//! which they are merged and with the documents one after the other; 1 the end (`varint documents ‖ varint
//! deltas ‖ varint documents that were left out as damaged`); 2 a mark of a document that was purged,
//! before the end. What has no end was cut off.
//!
//! Whose the replica ids are is left out: a relay that comes back with an old state has to take what its
//! readers bring back, whoever wrote it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{bail, ensure, Context as _};
use driftwood_crdt::codec::{Reader as Fields, Writer as Body};
use driftwood_crdt::{Delta, Doc, ReplicaId};
use driftwood_sync::{DocumentName, Mark, MarkId};

use crate::store::{Store, StoreError};

const MAGIC: &[u8] = b"driftwood-backup 1\n";
const DELTA: u8 = 0;
const END: u8 = 1;
const MARK: u8 = 2;

/// The longest body: a delta as long as it may be, and its name.
const BODY_BYTES_MAX: u32 = 80 << 20;

/// As many bytes are restored before a sync.
const FLUSH_BYTES: usize = 16 << 20;

/// What a backup holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) documents: u64,
    pub(crate) deltas: u64,
    /// Documents that are damaged in the store and not in the backup.
    pub(crate) left_out: u64,
}

/// Writes all documents of a store, each as it is at its moment. Takes memory for one of them.
pub(crate) fn write(
    store: &dyn Store,
    out: &mut dyn Write,
    stop: &AtomicBool,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    out.write_all(MAGIC)?;
    for stored in store.documents()? {
        ensure!(!stop.load(Ordering::Relaxed), "the relay is ending");
        let deltas = match store.load(&stored.name) {
            Ok(deltas) => deltas,
            Err(StoreError::Corrupt { .. }) => {
                summary.left_out += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        // A document that was opened and never written has nothing to keep.
        summary.documents += u64::from(!deltas.is_empty());
        for delta in deltas {
            summary.deltas += 1;
            let mut body = Body::new();
            body.byte(DELTA);
            body.str(stored.name.as_str());
            body.raw(&delta);
            frame(out, &body.into_vec())?;
        }
    }
    for mark in store.marks()? {
        let mut body = Body::new();
        body.byte(MARK);
        body.raw(&mark.encode());
        frame(out, &body.into_vec())?;
    }
    let mut body = Body::new();
    body.byte(END);
    for number in [summary.documents, summary.deltas, summary.left_out] {
        body.varint(number);
    }
    frame(out, &body.into_vec())?;
    out.flush()?;
    Ok(summary)
}

fn frame(out: &mut dyn Write, body: &[u8]) -> std::io::Result<()> {
    out.write_all(&(body.len() as u32).to_le_bytes())?;
    out.write_all(&crc32fast::hash(body).to_le_bytes())?;
    out.write_all(body)
}

/// What a backup is made of.
pub(crate) enum Part<'a> {
    Delta(&'a DocumentName, &'a [u8]),
    Mark(Mark),
}

/// Reads a backup to its end and hands on every part; fails on anything that is not whole.
pub(crate) fn read(
    mut input: impl Read,
    mut each: impl FnMut(Part<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Summary> {
    let mut magic = [0; MAGIC.len()];
    let is_backup = input.read_exact(&mut magic).is_ok() && magic == MAGIC;
    ensure!(
        is_backup,
        "it is no backup of this program, or of a newer one"
    );
    let mut summary = Summary::default();
    let mut last = None;
    loop {
        let body = body(&mut input)?;
        let mut fields = Fields::new(&body);
        match fields.byte()? {
            DELTA => {
                let name = DocumentName::new(fields.str()?)?;
                summary.deltas += 1;
                summary.documents += u64::from(last.as_ref() != Some(&name));
                each(Part::Delta(&name, fields.raw(fields.remaining())?))?;
                last = Some(name);
            }
            MARK => each(Part::Mark(Mark::decode(fields.raw(fields.remaining())?)?))?,
            END => {
                let said = (fields.varint()?, fields.varint()?);
                summary.left_out = fields.varint()?;
                ensure!(
                    said == (summary.documents, summary.deltas),
                    "it does not hold what it says it holds"
                );
                ensure!(input.read(&mut [0])? == 0, "something follows its end");
                return Ok(summary);
            }
            _ => bail!("it holds something that only a newer program knows"),
        }
    }
}

fn body(input: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut head = [0; 8];
    input.read_exact(&mut head).context("it is cut off")?;
    let [a, b, c, d, crc @ ..] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    ensure!(length <= BODY_BYTES_MAX, "it is damaged: a length is wrong");
    let mut body = Vec::new();
    // Allocates for what is there and not for what is announced.
    let read = input.take(u64::from(length)).read_to_end(&mut body)?;
    ensure!(read == length as usize, "it is cut off");
    ensure!(
        crc32fast::hash(&body) == u32::from_le_bytes(crc),
        "it is damaged: a checksum does not match"
    );
    Ok(body)
}

/// Merges everything in a backup, to see that it can be.
pub(crate) fn verify(input: impl Read) -> anyhow::Result<Summary> {
    let mut open: Option<(DocumentName, Doc)> = None;
    read(input, |part| {
        let Part::Delta(name, bytes) = part else {
            return Ok(());
        };
        if open.as_ref().is_none_or(|(last, _)| last != name) {
            open = Some((name.clone(), reader()));
        }
        let (_, doc) = open.as_mut().expect("it was just made");
        merge(doc, bytes).with_context(|| format!("`{name}`"))
    })
}

/// Puts everything in a backup into an empty store, and returns when it is on disk.
pub(crate) fn restore(input: impl Read, store: &dyn Store) -> anyhow::Result<Summary> {
    let mut unflushed = 0;
    let mut purged = BTreeSet::new();
    let summary = read(input, |part| {
        let (name, bytes) = match part {
            Part::Delta(name, bytes) => (name, bytes),
            Part::Mark(mark) => {
                purged.extend(mark.is_purged().then_some(mark.id));
                return Ok(store.mark(&mark)?);
            }
        };
        let delta = Delta::decode(bytes)?;
        store.append(name, bytes, delta.to())?;
        unflushed += bytes.len();
        if unflushed > FLUSH_BYTES {
            unflushed = 0;
            store.flush()?;
        }
        Ok(())
    })?;
    // It may have been purged while the backup was made.
    get_rid(store, &purged)?;
    store.flush()?;
    Ok(summary)
}

/// Deletes what was purged.
fn get_rid(store: &dyn Store, purged: &BTreeSet<MarkId>) -> anyhow::Result<()> {
    if !purged.is_empty() {
        store.purge(purged)?;
        store.flush()?;
        store.scrub()?;
    }
    Ok(())
}

/// Puts everything in a store into an empty one, and returns when it is on disk. Calls `damaged` for
/// documents that are left out.
pub(crate) fn copy(
    old: &dyn Store,
    new: &dyn Store,
    mut damaged: impl FnMut(&DocumentName, &str) -> anyhow::Result<()>,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let mut unflushed = 0;
    let mut purged = BTreeSet::new();
    for mark in old.marks()? {
        purged.extend(mark.is_purged().then_some(mark.id));
        new.mark(&mark)?;
    }
    let all = old.documents()?.into_iter();
    for stored in all.filter(|stored| !purged.contains(&MarkId::of(&stored.name))) {
        let deltas = match old.load(&stored.name) {
            Ok(deltas) => deltas,
            Err(error @ StoreError::Corrupt { .. }) => {
                summary.left_out += 1;
                damaged(&stored.name, &error.to_string())?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        summary.documents += u64::from(!deltas.is_empty());
        for bytes in deltas {
            summary.deltas += 1;
            new.append(&stored.name, &bytes, Delta::decode(&bytes)?.to())?;
            unflushed += bytes.len();
        }
        if unflushed > FLUSH_BYTES {
            unflushed = 0;
            new.flush()?;
        }
    }
    let owners = old.owners()?.into_iter();
    for owner in owners.filter(|owner| !purged.contains(&MarkId::of(&owner.document))) {
        new.bind(&owner.document, owner.replica, &owner.principal)?;
    }
    new.flush()?;
    Ok(summary)
}

/// Merges every document of a store. Calls `damaged` for those that cannot be.
pub(crate) fn verify_store(
    store: &dyn Store,
    stop: &AtomicBool,
    mut damaged: impl FnMut(&DocumentName, &str) -> anyhow::Result<()>,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for stored in store.documents()? {
        ensure!(!stop.load(Ordering::Relaxed), "the relay is ending");
        let found = match store.load(&stored.name) {
            Ok(deltas) => {
                let mut doc = reader();
                let merged = deltas.iter().try_for_each(|delta| merge(&mut doc, delta));
                summary.deltas += deltas.len() as u64;
                merged.and_then(|()| {
                    let whole = doc.version().includes(&stored.version);
                    ensure!(whole, "it has less than the store says");
                    Ok(())
                })
            }
            Err(error @ StoreError::Corrupt { .. }) => Err(error.into()),
            Err(error) => return Err(error.into()),
        };
        summary.documents += 1;
        if let Err(error) = found {
            summary.left_out += 1;
            damaged(&stored.name, &format!("{error:#}"))?;
        }
    }
    Ok(summary)
}

/// A document that is only read: nothing is ever written under this id.
fn reader() -> Doc {
    Doc::new(ReplicaId::new(0))
}

pub(crate) fn merge(doc: &mut Doc, bytes: &[u8]) -> anyhow::Result<()> {
    let delta = Delta::decode(bytes).context("a delta does not decode")?;
    doc.merge(&delta)
        .map_err(|_| anyhow::anyhow!("a delta does not follow those before it"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn store() -> MemoryStore {
        let store = MemoryStore::new();
        for name in ["trip", "work"] {
            let mut doc = Doc::new(ReplicaId::new(7));
            for at in 0..3 {
                let mut edit = doc.edit(1_000 + at);
                edit.text("body").insert(0, "some words ").expect("fits");
                let delta = edit.commit();
                let name = DocumentName::new(name).expect("a name");
                let appended = store.append(&name, &delta.encode(), delta.to());
                appended.expect("appended");
            }
        }
        store
    }

    fn backup(store: &dyn Store) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(store, &mut bytes, &AtomicBool::new(false)).expect("written");
        bytes
    }

    #[test]
    fn what_was_backed_up_comes_back_byte_for_byte() {
        let (store, other) = (store(), MemoryStore::new());
        let bytes = backup(&store);
        let whole = Summary {
            documents: 2,
            deltas: 6,
            left_out: 0,
        };
        assert_eq!(verify(&bytes[..]).expect("whole"), whole);
        assert_eq!(restore(&bytes[..], &other).expect("restored"), whole);
        assert_eq!(
            other.documents().expect("read"),
            store.documents().expect("read")
        );
        assert_eq!(backup(&other), bytes);
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let bytes = backup(&store());
        for end in 0..bytes.len() {
            assert!(verify(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            assert!(verify(&damaged[..]).is_err(), "flipped at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(verify(&longer[..]).is_err());
    }
}
