//! The log of `raw-log`: one file, one thread, everything that came during a sync in the next one.

use super::{saved, Queue};
use anyhow::{Context, Result};
use bytes::{Buf as _, Bytes};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// A message of a room.
pub(super) struct Entry {
    pub(super) room: String,
    pub(super) message: Bytes,
}

struct Append {
    entry: Entry,
    count: u64,
    author: Queue,
}

/// The way to the thread.
pub(super) struct Log {
    appends: mpsc::Sender<Append>,
}

impl Log {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let (appends, to_append) = mpsc::channel();
        thread::spawn(move || append(file, &to_append).expect("the disk takes what it is given"));
        Ok(Self { appends })
    }

    /// Keeps a message, then tells its author.
    pub(super) fn append(&self, room: &str, message: Bytes, count: u64, author: Queue) {
        let room = room.to_owned();
        let entry = Entry { room, message };
        let append = Append {
            entry,
            count,
            author,
        };
        self.appends
            .send(append)
            .expect("the thread of the log runs");
    }
}

fn append(mut file: File, appends: &mpsc::Receiver<Append>) -> Result<()> {
    let mut bytes = Vec::new();
    let mut authors = Vec::new();
    while let Ok(first) = appends.recv() {
        for append in std::iter::once(first).chain(appends.try_iter().take(4095)) {
            let Entry { room, message } = append.entry;
            for field in [room.as_bytes(), &message] {
                bytes.extend_from_slice(&(field.len() as u32).to_le_bytes());
                bytes.extend_from_slice(field);
            }
            authors.push((append.author, append.count));
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        bytes.clear();
        // One word for all that an author sent in a row.
        authors.dedup_by(|later, kept| {
            let same = later.0.same_channel(&kept.0);
            if same {
                kept.1 = later.1;
            }
            same
        });
        for (author, count) in authors.drain(..) {
            saved(&author, count);
        }
    }
    Ok(())
}

/// What the log holds.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut bytes = Bytes::from(fs::read(path)?);
    let mut field = move || {
        let length = bytes.try_get_u32_le().ok()? as usize;
        (bytes.len() >= length).then(|| bytes.split_to(length))
    };
    let mut entries = Vec::new();
    while let (Some(room), Some(message)) = (field(), field()) {
        let room = std::str::from_utf8(&room).context("a room without a name")?;
        entries.push(Entry {
            room: room.to_owned(),
            message,
        });
    }
    Ok(entries)
}
