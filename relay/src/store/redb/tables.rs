//! What is in the database, and how it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::{DecodeError, ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, Mark, MarkId};
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    TableDefinition, WriteTransaction,
};

use super::super::checkpoint::Piece;
use super::super::record::{seal, unseal};
use super::super::{Owner, StoreError};

const NAMES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("names");
const HEADS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("heads");
const STATES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("states");
const RECORDS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("records");
const OWNERS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("owners");
const MARKS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("marks");
/// Documents that were purged since the file was last written anew.
const GONE: TableDefinition<'_, u32, ()> = TableDefinition::new("gone");

/// Page cache of the engine; its own default is a gigabyte.
const CACHE_BYTES: usize = 64 << 20;

/// What the log of a document comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) version: VersionVector,
    /// The newest record; 0 before the first.
    pub(super) last: u64,
    /// The records up to here are in the checkpoint; 0 without one.
    pub(super) state: u64,
    pub(super) state_bytes: u64,
    /// Of the records behind it.
    pub(super) bytes: u64,
}

/// A checkpoint, and what it replaces.
pub(super) struct Merged {
    pub(super) old: u64,
    pub(super) upto: u64,
    pub(super) state: Piece,
}

impl Head {
    fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        for number in [self.last, self.state, self.state_bytes, self.bytes] {
            out.varint(number);
        }
        self.version.write(&mut out);
        out.into_vec()
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let head = Self {
            last: input.varint()?,
            state: input.varint()?,
            state_bytes: input.varint()?,
            bytes: input.varint()?,
            version: VersionVector::read(&mut input)?,
        };
        input.finish()?;
        Ok(head)
    }
}

/// A checksum covers this too, so that what turns up under another key is noticed.
fn key(table: u8, document: u32, number: u64) -> [u8; 13] {
    let mut key = [table; 13];
    key[1..5].copy_from_slice(&document.to_be_bytes());
    key[5..].copy_from_slice(&number.to_be_bytes());
    key
}

fn write_piece(key: &[u8], piece: &Piece) -> Vec<u8> {
    let mut out = Writer::new();
    piece.to.write(&mut out);
    out.raw(&piece.bytes);
    seal(key, &out.into_vec())
}

fn read_piece(key: &[u8], value: &[u8]) -> Result<Piece, &'static str> {
    let body = unseal(key, value).map_err(|_| "a record's checksum does not match")?;
    let mut input = Reader::new(body);
    let read = |input: &mut Reader<'_>| -> Result<Piece, DecodeError> {
        Ok(Piece {
            to: VersionVector::read(input)?,
            bytes: input.raw(input.remaining())?.into(),
        })
    };
    read(&mut input).map_err(|_| "a record's header does not decode")
}

/// What the engine says when it cannot go on.
fn engine(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) => StoreError::Io(error),
        other => StoreError::Engine(other.to_string()),
    }
}

/// Puts a table into another database.
fn copy<K: redb::Key + 'static>(
    from: &redb::ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, &'static [u8]>,
) -> Result<(), StoreError> {
    let from = from.open_table(table).map_err(engine)?;
    let mut to = to.open_table(table).map_err(engine)?;
    for pair in from.iter().map_err(engine)? {
        let (key, value) = pair.map_err(engine)?;
        to.insert(key.value(), value.value()).map_err(engine)?;
    }
    Ok(())
}

/// The open database.
pub(super) struct Tables {
    database: Database,
}

impl Tables {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        if !path.exists() {
            // A database that was being made when the power went cannot be opened.
            let new = path.with_extension("new");
            let _ = std::fs::remove_file(&new);
            drop(Self::of(builder.create(&new).map_err(engine)?)?);
            std::fs::File::open(&new)?.sync_all()?;
            std::fs::rename(&new, path)?;
        }
        Self::of(builder.create(path).map_err(engine)?)
    }

    /// Puts all that is in it into a new file, which takes the place of the old one: what was deleted is
    /// in no page of it. Nobody may change anything meanwhile. O(all that is stored).
    pub(super) fn write_anew(&self, path: &Path) -> Result<Self, StoreError> {
        let new = path.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let tables = Self::of(builder.create(&new).map_err(engine)?)?;
        let view = self.database.begin_read().map_err(engine)?;
        let change = tables.database.begin_write().map_err(engine)?;
        copy(&view, &change, NAMES)?;
        copy(&view, &change, HEADS)?;
        copy(&view, &change, STATES)?;
        copy(&view, &change, RECORDS)?;
        copy(&view, &change, OWNERS)?;
        copy(&view, &change, MARKS)?;
        change.commit().map_err(engine)?;
        std::fs::File::open(&new)?.sync_all()?;
        std::fs::rename(&new, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        super::mark::sync_folder(folder)?;
        Ok(tables)
    }

    /// Whether something was purged since the file was last written anew.
    pub(super) fn is_to_be_written_anew(&self) -> Result<bool, StoreError> {
        let view = self.database.begin_read().map_err(engine)?;
        let gone = view.open_table(GONE).map_err(engine)?;
        Ok(!gone.is_empty().map_err(engine)?)
    }

    /// All marks that are whole. One that is damaged comes back from other relays.
    pub(super) fn marks(&self) -> Result<BTreeMap<MarkId, Mark>, StoreError> {
        let view = self.database.begin_read().map_err(engine)?;
        let mut marks = BTreeMap::new();
        let table = view.open_table(MARKS).map_err(engine)?;
        for pair in table.iter().map_err(engine)? {
            let (id, value) = pair.map_err(engine)?;
            let mark = unseal(id.value(), value.value()).ok();
            if let Some(mark) = mark.and_then(|mark| Mark::decode(mark).ok()) {
                marks.insert(mark.id, mark);
            } else {
                tracing::error!("dropped a damaged mark of a document that was purged");
            }
        }
        Ok(marks)
    }

    pub(super) fn of(database: Database) -> Result<Self, StoreError> {
        let change = database.begin_write().map_err(engine)?;
        change.open_table(NAMES).map_err(engine)?;
        change.open_table(HEADS).map_err(engine)?;
        change.open_table(STATES).map_err(engine)?;
        change.open_table(RECORDS).map_err(engine)?;
        change.open_table(OWNERS).map_err(engine)?;
        change.open_table(MARKS).map_err(engine)?;
        change.open_table(GONE).map_err(engine)?;
        change.commit().map_err(engine)?;
        Ok(Self { database })
    }

    /// All documents; without a head where it is damaged.
    pub(super) fn documents(&self) -> Result<Vec<(u32, DocumentName, Option<Head>)>, StoreError> {
        let view = self.database.begin_read().map_err(engine)?;
        let heads = view.open_table(HEADS).map_err(engine)?;
        let mut documents = Vec::new();
        for pair in view
            .open_table(NAMES)
            .map_err(engine)?
            .iter()
            .map_err(engine)?
        {
            let (number, name) = pair.map_err(engine)?;
            let number = number.value();
            let name = unseal(&key(0, number, 0), name.value()).ok();
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            let Some(name) = name.and_then(|name| DocumentName::new(name).ok()) else {
                tracing::error!(
                    number,
                    "a document's name is damaged; its log is left alone"
                );
                continue;
            };
            let head = heads.get(number).map_err(engine)?;
            let head = head.and_then(|value| {
                let body = unseal(&key(1, number, 0), value.value()).ok()?;
                Head::read(body).ok()
            });
            documents.push((number, name, head));
        }
        Ok(documents)
    }

    pub(super) fn owners(
        &self,
        names: &BTreeMap<u32, DocumentName>,
    ) -> Result<BTreeSet<Owner>, StoreError> {
        let view = self.database.begin_read().map_err(engine)?;
        let mut owners = BTreeSet::new();
        for pair in view
            .open_table(OWNERS)
            .map_err(engine)?
            .iter()
            .map_err(engine)?
        {
            let (at, value) = pair.map_err(engine)?;
            let (document, replica) = at.value();
            let principal = unseal(&key(4, document, replica), value.value()).ok();
            let principal = principal.and_then(|it| std::str::from_utf8(it).ok());
            let (Some(principal), Some(name)) = (principal, names.get(&document)) else {
                // An id without an owner belongs to whom it writes for next.
                tracing::warn!("dropped a damaged record of whose a replica is");
                continue;
            };
            owners.insert(Owner {
                document: name.clone(),
                replica: ReplicaId::new(replica),
                principal: principal.into(),
            });
        }
        Ok(owners)
    }

    /// The checkpoint of a document, if there is one, and the records behind it up to `last`. The inner
    /// error is damage.
    #[allow(clippy::type_complexity)]
    pub(super) fn pieces(
        &self,
        document: u32,
        last: u64,
    ) -> Result<Result<Vec<Piece>, &'static str>, StoreError> {
        let view = self.database.begin_read().map_err(engine)?;
        let mut pieces = Vec::new();
        let states = view.open_table(STATES).map_err(engine)?;
        let mut at = 0;
        if let Some(value) = states.get(document).map_err(engine)? {
            let Some((upto, value)) = value.value().split_first_chunk() else {
                return Ok(Err("a checkpoint is damaged"));
            };
            at = u64::from_be_bytes(*upto);
            match read_piece(&key(2, document, at), value) {
                Ok(piece) => pieces.push(piece),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        let records = view.open_table(RECORDS).map_err(engine)?;
        let first = at + 1;
        // A newer checkpoint may have come in between.
        let last = last.max(at);
        for pair in (records.range((document, first)..=(document, last))).map_err(engine)? {
            let (place, value) = pair.map_err(engine)?;
            at += 1;
            if place.value().1 != at {
                return Ok(Err("a record is missing"));
            }
            match read_piece(&key(3, document, at), value.value()) {
                Ok(piece) => pieces.push(piece),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(if at == last {
            Ok(pieces)
        } else {
            Err("a record is missing")
        })
    }

    pub(super) fn change(&self) -> Result<Change, StoreError> {
        Ok(Change(self.database.begin_write().map_err(engine)?))
    }
}

/// A transaction, which is on disk when it was committed.
pub(super) struct Change(WriteTransaction);

impl Change {
    pub(super) fn document(
        &mut self,
        document: u32,
        name: &DocumentName,
        head: &Head,
    ) -> Result<(), StoreError> {
        let mut names = self.0.open_table(NAMES).map_err(engine)?;
        if names.get(document).map_err(engine)?.is_none() {
            let value = seal(&key(0, document, 0), name.as_str().as_bytes());
            names.insert(document, &value[..]).map_err(engine)?;
        }
        let mut heads = self.0.open_table(HEADS).map_err(engine)?;
        let value = seal(&key(1, document, 0), &head.write());
        heads.insert(document, &value[..]).map_err(engine)?;
        Ok(())
    }

    pub(super) fn record(
        &mut self,
        document: u32,
        at: u64,
        piece: &Piece,
    ) -> Result<(), StoreError> {
        let mut records = self.0.open_table(RECORDS).map_err(engine)?;
        let value = write_piece(&key(3, document, at), piece);
        records.insert((document, at), &value[..]).map_err(engine)?;
        Ok(())
    }

    /// A checkpoint takes the place of what it was made of.
    pub(super) fn state(&mut self, document: u32, merged: &Merged) -> Result<(), StoreError> {
        let mut states = self.0.open_table(STATES).map_err(engine)?;
        let mut value = merged.upto.to_be_bytes().to_vec();
        value.extend(write_piece(&key(2, document, merged.upto), &merged.state));
        states.insert(document, &value[..]).map_err(engine)?;
        let mut records = self.0.open_table(RECORDS).map_err(engine)?;
        let replaced = (document, merged.old + 1)..=(document, merged.upto);
        records.retain_in(replaced, |_, _| false).map_err(engine)?;
        Ok(())
    }

    pub(super) fn owner(&mut self, document: u32, owner: &Owner) -> Result<(), StoreError> {
        let mut owners = self.0.open_table(OWNERS).map_err(engine)?;
        let replica = owner.replica.get();
        let value = seal(&key(4, document, replica), owner.principal.as_bytes());
        owners
            .insert((document, replica), &value[..])
            .map_err(engine)?;
        Ok(())
    }

    pub(super) fn mark(&mut self, mark: &Mark) -> Result<(), StoreError> {
        let mut marks = self.0.open_table(MARKS).map_err(engine)?;
        let value = seal(&mark.id.0, &mark.encode());
        marks.insert(&mark.id.0[..], &value[..]).map_err(engine)?;
        Ok(())
    }

    /// Takes everything of a document out.
    pub(super) fn purge(&mut self, document: u32) -> Result<(), StoreError> {
        let mut names = self.0.open_table(NAMES).map_err(engine)?;
        names.remove(document).map_err(engine)?;
        let mut heads = self.0.open_table(HEADS).map_err(engine)?;
        heads.remove(document).map_err(engine)?;
        let mut states = self.0.open_table(STATES).map_err(engine)?;
        states.remove(document).map_err(engine)?;
        let all = (document, 0)..=(document, u64::MAX);
        let mut records = self.0.open_table(RECORDS).map_err(engine)?;
        (records.retain_in(all.clone(), |_, _| false)).map_err(engine)?;
        let mut owners = self.0.open_table(OWNERS).map_err(engine)?;
        owners.retain_in(all, |_, _| false).map_err(engine)?;
        let mut gone = self.0.open_table(GONE).map_err(engine)?;
        gone.insert(document, ()).map_err(engine)?;
        Ok(())
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        self.0.commit().map_err(engine)
    }
}
