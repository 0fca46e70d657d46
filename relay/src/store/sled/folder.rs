//! The data folder around the engine: its format mark, its lock, its syncs and the room on its
//! disk.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::super::mark::{self, sync_folder, Kind};
use super::super::record::{seal, unseal};
use super::super::StoreError;

const ENGINE: &str = "log";
const TIDE: &str = "TIDE";

/// Page cache of the engine; its own default is a gigabyte.
const CACHE_BYTES: u64 = 64 << 20;

/// A data folder whose engine is open in this process.
pub(super) struct Folder {
    pub(super) engine: sled::Db,
    path: PathBuf,
    /// Our own handle of the engine's file: on Linux sled's `flush` starts the writing but does not
    /// sync the file.
    file: File,
    /// Holds how many records were safe at the last sync. Written after each, and not synced
    /// itself: so it never promises too much, and tells when the engine comes up with less. (sled
    /// drops what follows a damaged byte of its log, and says nothing.)
    tide: File,
}

impl Folder {
    /// Checks the folder's format, makes it if there is none, and opens the engine.
    pub(super) fn open(path: &Path, lock_wait: Duration) -> Result<Self, StoreError> {
        mark::make_or_check(path, Kind::Sled)?;
        let engine_path = path.join(ENGINE);
        let engine = open_engine(path, &engine_path, lock_wait)?;
        let file = File::open(engine_path.join("db"))?;
        file.sync_all()?;
        let tide = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(TIDE))?;
        sync_folder(&engine_path)?;
        sync_folder(path)?;
        Ok(Self {
            engine,
            path: path.to_owned(),
            file,
            tide,
        })
    }

    /// Returns once everything written to the engine before is on disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.engine.flush().map_err(engine_error)?;
        self.file.sync_all()?;
        Ok(())
    }

    /// Remembers how many records are safe.
    pub(super) fn set_tide(&self, records: u64) -> Result<(), StoreError> {
        let mut tide = &self.tide;
        tide.rewind()?;
        tide.write_all(&seal(TIDE.as_bytes(), &records.to_le_bytes()))?;
        Ok(())
    }

    /// How many records are safe at least.
    pub(super) fn tide(&self) -> Result<u64, StoreError> {
        let mut bytes = Vec::new();
        let mut tide = &self.tide;
        tide.rewind()?;
        tide.read_to_end(&mut bytes)?;
        let records = unseal(TIDE.as_bytes(), &bytes).ok();
        let records = records
            .and_then(|body| body.try_into().ok())
            .map(u64::from_le_bytes);
        if records.is_none() && !bytes.is_empty() {
            tracing::warn!("the file {TIDE} is damaged; it is made anew");
        }
        Ok(records.unwrap_or(0))
    }

    /// An error that names the folder.
    pub(super) fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            reason,
        }
    }

    /// How many bytes the disk has left.
    pub(super) fn available_bytes(&self) -> Result<u64, StoreError> {
        Ok(fs4::available_space(&self.path)?)
    }
}

/// What the engine says when it cannot go on.
pub(super) fn engine_error(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => StoreError::Io(error),
        other => StoreError::Engine(other.to_string()),
    }
}

fn open_engine(
    path: &Path,
    engine_path: &Path,
    lock_wait: Duration,
) -> Result<sled::Db, StoreError> {
    let give_up = Instant::now() + lock_wait;
    loop {
        // The engine asserts what it finds in its files, so damage can show as a panic.
        let opened = std::panic::catch_unwind(|| {
            sled::Config::new()
                .path(engine_path)
                .cache_capacity(CACHE_BYTES)
                .open()
        });
        let damaged = |reason: String| StoreError::Damaged {
            path: path.to_owned(),
            reason,
        };
        match opened {
            Ok(Ok(engine)) => return Ok(engine),
            Ok(Err(sled::Error::Io(error))) if is_lock_error(&error) => {
                // The lock of a process that was killed can outlive it for a moment.
                if Instant::now() >= give_up {
                    return Err(StoreError::InUse {
                        path: path.to_owned(),
                    });
                }
                thread::sleep(Duration::from_millis(25));
            }
            Ok(Err(sled::Error::Io(error))) => return Err(StoreError::Io(error)),
            Ok(Err(error)) => return Err(damaged(error.to_string())),
            Err(_panic) => return Err(damaged("the storage engine cannot read its files".into())),
        }
    }
}

/// sled wraps the lock's failure in an error of kind `Other`; only the text tells.
fn is_lock_error(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}
