//! A disk for tests that loses power: it keeps a trace of everything that was done to it, of which any
//! moment can be turned into what a real disk might hold then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use driftwood_crdt::VersionVector;
use driftwood_sync::DocumentName;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What clients were told is safe.
#[derive(Debug, Clone, Default)]
pub(super) struct Promise {
    pub(super) versions: BTreeMap<DocumentName, VersionVector>,
    pub(super) owners: usize,
    /// Documents that were purged, and under which replica they were written before.
    pub(super) gone: Vec<(DocumentName, driftwood_crdt::ReplicaId)>,
}

/// Entries of a table that is written whole.
pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone)]
pub(super) enum Op {
    Create(String, usize),
    Remove(String),
    Rename(String, String),
    SyncNames,
    Write(usize, u64, Arc<[u8]>),
    Truncate(usize, u64),
    Sync(usize),
    Table(Arc<Entries>),
    Promise(Promise),
}

/// Files, and what becomes of them.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    table: Option<Arc<Entries>>,
    trace: Vec<Op>,
}

impl World {
    /// What a power cut has left.
    pub(super) fn of(image: Image) -> Self {
        let mut inner = Inner {
            table: image.table,
            ..Inner::default()
        };
        for (name, content) in image.files {
            inner.names.insert(name, inner.files.len());
            inner.files.push(content);
        }
        Self(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("not poisoned")
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.inner().names.keys().cloned().collect()
    }

    pub(super) fn create(&self, name: &str) -> usize {
        let mut inner = self.inner();
        let file = inner.files.len();
        inner.files.push(Vec::new());
        inner.names.insert(name.to_owned(), file);
        inner.trace.push(Op::Create(name.to_owned(), file));
        file
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.inner().names.get(name).copied()
    }

    pub(super) fn remove(&self, name: &str) {
        let mut inner = self.inner();
        inner.names.remove(name);
        inner.trace.push(Op::Remove(name.to_owned()));
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        let mut inner = self.inner();
        let op = Op::Rename(from.to_owned(), to.to_owned());
        rename(&mut inner.names, &op);
        inner.trace.push(op);
    }

    pub(super) fn length(&self, file: usize) -> u64 {
        self.inner().files[file].len() as u64
    }

    pub(super) fn read(&self, file: usize, bytes: &mut [u8], at: u64) -> usize {
        let inner = self.inner();
        let content = inner.files[file].get(at as usize..).unwrap_or_default();
        let length = content.len().min(bytes.len());
        bytes[..length].copy_from_slice(&content[..length]);
        length
    }

    /// Does something, and keeps it in mind.
    pub(super) fn act(&self, op: Op) {
        let mut inner = self.inner();
        match &op {
            Op::Write(file, at, bytes) => write(&mut inner.files[*file], *at, bytes),
            Op::Truncate(file, length) => inner.files[*file].resize(*length as usize, 0),
            Op::Table(entries) => inner.table = Some(Arc::clone(entries)),
            _ => {}
        }
        inner.trace.push(op);
    }

    pub(super) fn table(&self) -> Option<Arc<Entries>> {
        self.inner().table.clone()
    }

    pub(super) fn trace(&self) -> Vec<Op> {
        self.inner().trace.clone()
    }
}

fn write(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let at = at as usize;
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A disk after a power cut.
#[derive(Clone, Default)]
pub(super) struct Image {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) table: Option<Arc<Entries>>,
}

/// What happens to all that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// It is gone.
    All,
    /// It is there.
    None,
    /// Some writes are there, whichever came first.
    Writes,
    /// Some sectors are there; the others are as before, zeros where there was nothing.
    Sectors,
    /// As before, but where there was nothing is what the disk had there of old.
    Rubbish,
}

pub(super) const LOSSES: [Loss; 5] = [
    Loss::All,
    Loss::None,
    Loss::Writes,
    Loss::Sectors,
    Loss::Rubbish,
];

/// Marsaglia's xorshift.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % below
    }
}

/// Follows a trace, and knows what is durable.
#[derive(Default)]
pub(super) struct Platter {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    pending_names: Vec<Op>,
    tables: Vec<Arc<Entries>>,
    pub(super) promise: Promise,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Op>,
}

impl Platter {
    /// All that a power cut has left is durable.
    pub(super) fn of(image: Image, promise: Promise) -> Self {
        let mut platter = Self {
            promise,
            tables: image.table.into_iter().collect(),
            ..Self::default()
        };
        for (name, durable) in image.files {
            platter.names.insert(name, platter.files.len());
            platter.files.push(File {
                durable,
                pending: Vec::new(),
            });
        }
        platter
    }

    pub(super) fn follow(&mut self, op: &Op) {
        match op {
            Op::Create(_, file) => {
                assert_eq!(*file, self.files.len());
                self.files.push(File::default());
                self.pending_names.push(op.clone());
            }
            Op::Remove(_) | Op::Rename(..) => self.pending_names.push(op.clone()),
            Op::SyncNames => {
                for op in std::mem::take(&mut self.pending_names) {
                    rename(&mut self.names, &op);
                }
            }
            Op::Write(file, ..) | Op::Truncate(file, _) => {
                self.files[*file].pending.push(op.clone());
            }
            Op::Sync(file) => {
                let file = &mut self.files[*file];
                for op in std::mem::take(&mut file.pending) {
                    change(&mut file.durable, &op);
                }
            }
            Op::Table(entries) => self.tables.push(Arc::clone(entries)),
            Op::Promise(promise) => self.promise = promise.clone(),
        }
    }

    /// What the disk may hold if the power goes now.
    pub(super) fn image(&self, loss: Loss, dice: &mut Dice) -> Image {
        let keeps = |dice: &mut Dice| match loss {
            Loss::All => false,
            Loss::None => true,
            _ => dice.roll(2) == 0,
        };
        let mut names = self.names.clone();
        for op in &self.pending_names {
            if keeps(dice) {
                rename(&mut names, op);
            }
        }
        let mut files = BTreeMap::new();
        for (name, file) in names {
            let file = &self.files[file];
            let mut content = file.durable.clone();
            for op in &file.pending {
                match op {
                    Op::Write(_, at, bytes) if matches!(loss, Loss::Sectors | Loss::Rubbish) => {
                        tear(&mut content, *at as usize, bytes, loss, dice);
                    }
                    op if keeps(dice) => change(&mut content, op),
                    _ => {}
                }
            }
            files.insert(name, content);
        }
        // The newest table, an older one, or none.
        let table = match dice.roll(4) {
            0 => None,
            1 if !self.tables.is_empty() => {
                let at = dice.roll(self.tables.len() as u64) as usize;
                Some(Arc::clone(&self.tables[at]))
            }
            _ => self.tables.last().cloned(),
        };
        Image { files, table }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, op: &Op) {
    match op {
        Op::Create(name, file) => drop(names.insert(name.clone(), *file)),
        Op::Remove(name) => drop(names.remove(name)),
        Op::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        _ => unreachable!("only these are names"),
    }
}

fn change(content: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(_, at, bytes) => write(content, *at, bytes),
        Op::Truncate(_, length) => content.resize(*length as usize, 0),
        _ => unreachable!("only these change a file"),
    }
}

/// Writes some sectors of what was to be written.
fn tear(content: &mut Vec<u8>, at: usize, bytes: &[u8], loss: Loss, dice: &mut Dice) {
    let old = content.len();
    let end = at + bytes.len();
    // The length may not have come along.
    if end > old && dice.roll(3) == 0 {
        content.resize(old.max(at + dice.roll(bytes.len() as u64 + 1) as usize), 0);
    } else {
        content.resize(old.max(end), 0);
    }
    if loss == Loss::Rubbish {
        for byte in &mut content[old..] {
            *byte = dice.roll(256) as u8;
        }
    }
    let mut from = at;
    while from < end.min(content.len()) {
        let to = (from / SECTOR + 1) * SECTOR;
        let to = to.min(end).min(content.len());
        if dice.roll(2) == 0 {
            content[from..to].copy_from_slice(&bytes[from - at..to - at]);
        }
        from = to;
    }
}
