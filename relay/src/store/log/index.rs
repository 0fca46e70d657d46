//! A table of what the log comes to, so that a start need not read it through.
//!
//! It follows the log in steps and can be missing, old or damaged: it says up to where it follows, and
//! how many entries it has and what their checksums add up to. If that does not fit, it is made anew
//! from the log. Nothing else rests on the engine that keeps it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_sync::MarkId;

use super::segments::{Segment, Segments};

/// Where the table is kept.
pub(super) trait Table: Send + Sync {
    /// All entries, or nothing where they cannot be read.
    fn read(&mut self) -> Option<BTreeMap<Vec<u8>, Vec<u8>>>;

    /// Changes entries and makes that durable. Takes all others away with `alone`.
    fn write(&mut self, entries: Vec<(Vec<u8>, Vec<u8>)>, alone: bool) -> Result<(), String>;
}

/// The engine lets go of its files within this time.
const LET_GO_TIME_MAX: Duration = Duration::from_secs(2);

/// How long to wait before it is asked again.
const LET_GO_PAUSE: Duration = Duration::from_millis(5);

const META: u8 = 0;
const HEAD: u8 = 1;
const OWNER: u8 = 2;
const MARK: u8 = 3;

pub(super) fn head_key(document: u32) -> Vec<u8> {
    let mut key = vec![HEAD];
    key.extend_from_slice(&document.to_be_bytes());
    key
}

pub(super) fn owner_key(document: u32, replica: u64) -> Vec<u8> {
    let mut key = vec![OWNER];
    key.extend_from_slice(&document.to_be_bytes());
    key.extend_from_slice(&replica.to_be_bytes());
    key
}

pub(super) fn mark_key(id: MarkId) -> Vec<u8> {
    let mut key = vec![MARK];
    key.extend_from_slice(&id.0);
    key
}

/// What an entry's key says.
pub(super) enum Key {
    Head(u32),
    Owner(u32, u64),
    Mark,
}

impl Key {
    pub(super) fn read(key: &[u8]) -> Option<Self> {
        let (kind, rest) = key.split_first()?;
        if *kind == MARK {
            return Some(Self::Mark);
        }
        let (document, rest) = rest.split_first_chunk()?;
        let document = u32::from_be_bytes(*document);
        match (*kind, rest) {
            (HEAD, []) => Some(Self::Head(document)),
            (OWNER, rest) => Some(Self::Owner(
                document,
                u64::from_be_bytes(rest.try_into().ok()?),
            )),
            _ => None,
        }
    }
}

/// What the table says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// The log up to here is in the table, and more of it may be.
    pub(super) upto: u64,
    /// The segments of the log up to there.
    pub(super) segments: Segments,
    entries: u64,
    sum: u64,
}

impl Meta {
    /// Counts an entry in, in place of the one with this checksum; its own.
    pub(super) fn count(&mut self, key: &[u8], value: &[u8], old: Option<u32>) -> u32 {
        let sum = checksum(key, value);
        self.entries += u64::from(old.is_none());
        self.sum = self.sum.wrapping_add(u64::from(sum));
        self.sum = self.sum.wrapping_sub(u64::from(old.unwrap_or(0)));
        sum
    }

    /// The entry for this.
    pub(super) fn entry(&self) -> (Vec<u8>, Vec<u8>) {
        let mut out = Writer::new();
        for number in [self.upto, self.entries, self.sum] {
            out.varint(number);
        }
        out.varint(self.segments.len() as u64);
        for (start, segment) in &self.segments {
            for number in [*start, segment.bytes, segment.live] {
                out.varint(number);
            }
        }
        let mut value = out.into_vec();
        value.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
        (vec![META], value)
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (value, crc) = value.split_last_chunk()?;
        if crc32fast::hash(value) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut input = Reader::new(value);
        let mut next = || input.varint().ok();
        let mut meta = Self {
            upto: next()?,
            entries: next()?,
            sum: next()?,
            segments: Segments::new(),
        };
        for _ in 0..next()? {
            let start = next()?;
            let (bytes, live) = (next()?, next()?);
            meta.segments.insert(start, Segment { bytes, live });
        }
        Some(meta)
    }

    /// Takes the table's own entry out and sees whether the others are those it tells of.
    pub(super) fn of(entries: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Option<Self> {
        let meta = Self::read(&entries.remove(&[META][..])?)?;
        let mut found = Self {
            upto: meta.upto,
            segments: meta.segments.clone(),
            ..Self::default()
        };
        for (key, value) in &*entries {
            found.count(key, value, None);
        }
        (found == meta).then_some(meta)
    }
}

pub(super) fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// A table in sled.
pub(super) struct SledTable {
    path: PathBuf,
    engine: Option<Engine>,
}

struct Engine {
    db: sled::Db,
    /// Our own handle: on Linux sled's `flush` starts the writing and does not sync the file.
    file: File,
}

impl SledTable {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            engine: None,
        }
    }

    fn open(&mut self) -> Result<&Engine, String> {
        if self.engine.is_none() {
            let db = self.open_engine()?;
            let file = File::open(self.path.join("db")).map_err(|error| error.to_string())?;
            self.engine = Some(Engine { db, file });
        }
        Ok(self.engine.as_ref().expect("it was just opened"))
    }

    /// Waits for the engine to let go of its files, should it have been closed just now: it does that on
    /// threads of its own.
    fn open_engine(&self) -> Result<sled::Db, String> {
        let begun = Instant::now();
        loop {
            // The engine asserts what it finds in its files, so damage can show as a panic.
            let open = std::panic::AssertUnwindSafe(|| {
                sled::Config::new()
                    .path(&self.path)
                    .cache_capacity(8 << 20)
                    .flush_every_ms(None)
                    .open()
            });
            let opened = std::panic::catch_unwind(open);
            match opened.map_err(|_panic| "it panicked".to_owned())? {
                Err(sled::Error::Io(error)) if begun.elapsed() < LET_GO_TIME_MAX => {
                    tracing::debug!(%error, "the index is not free yet");
                    std::thread::sleep(LET_GO_PAUSE);
                }
                opened => return opened.map_err(|error| error.to_string()),
            }
        }
    }

    /// Starts with an empty one.
    fn clear(&mut self) {
        self.engine = None;
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Table for SledTable {
    fn read(&mut self) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
        let read = self.open().and_then(|engine| {
            let pair = |pair: sled::Result<(sled::IVec, sled::IVec)>| {
                pair.map(|(key, value)| (key.to_vec(), value.to_vec()))
            };
            let all = std::panic::AssertUnwindSafe(|| engine.db.iter().map(pair).collect());
            let all: Result<sled::Result<_>, _> = std::panic::catch_unwind(all);
            let all = all.map_err(|_panic| "it panicked".to_owned())?;
            all.map_err(|error| error.to_string())
        });
        if let Err(reason) = &read {
            tracing::warn!(reason, "the index cannot be read; it is made anew");
            self.clear();
        }
        read.ok()
    }

    fn write(&mut self, entries: Vec<(Vec<u8>, Vec<u8>)>, alone: bool) -> Result<(), String> {
        if alone {
            self.clear();
        }
        let engine = self.open()?;
        let text = |error: sled::Error| error.to_string();
        for (key, value) in entries {
            engine.db.insert(key, value).map_err(text)?;
        }
        engine.db.flush().map_err(text)?;
        engine.file.sync_all().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_just_closed_can_be_opened() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("index");
        for round in 0..300_u32 {
            let mut table = SledTable::new(&path);
            let entries = table.read().expect("nobody else has it open");
            assert_eq!(entries.len(), round as usize);
            let entry = (head_key(round), vec![7; 100]);
            table.write(vec![entry], false).expect("written");
        }
    }
}
