//! What a data folder says of itself, and who may use it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use driftwood_sync::RelayId;
use fs4::fs_std::FileExt as _;
use serde::{Deserialize, Serialize};

use super::StoreError;

const MARK: &str = "FORMAT";
const MARK_NEW: &str = "FORMAT.new";
const MARK_TEXT: &str = "driftwood-store ";

/// The file with the number of the relay whose folder it is.
const RELAY: &str = "relay-id";

/// The newest format that this program knows.
pub(super) const NEWEST: u8 = 3;

/// How a data folder keeps its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// In sled alone, as the first relays did; it is only read, to be put elsewhere.
    #[value(skip)]
    Sled,
    /// In a log of their own, with an index in sled.
    Log,
    /// In redb.
    Redb,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Sled, Self::Log, Self::Redb];

    fn format(self) -> u8 {
        match self {
            Self::Sled => 1,
            Self::Log => 2,
            Self::Redb => 3,
        }
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Log => "log",
            Self::Redb => "redb",
        }
    }
}

/// How the folder keeps its documents; `None` if it is missing or empty.
///
/// # Errors
/// When the folder holds something else, or what only a newer program can read.
pub(super) fn kind_of(path: &Path) -> Result<Option<Kind>, StoreError> {
    let foreign = || StoreError::Foreign {
        path: path.to_owned(),
    };
    match fs::read_to_string(path.join(MARK)) {
        Ok(mark) => {
            let found = mark.trim().strip_prefix(MARK_TEXT.trim());
            let found = found.map(str::trim).ok_or_else(foreign)?;
            let mut kinds = Kind::ALL.into_iter();
            let kind = kinds.find(|kind| found == kind.format().to_string());
            let too_new = || StoreError::FormatTooNew {
                path: path.to_owned(),
                found: found.to_owned(),
            };
            Ok(Some(kind.ok_or_else(too_new)?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let entries = match fs::read_dir(path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            for entry in entries {
                // What a process leaves that stopped while it made the mark is no one else's.
                if entry?.file_name() != MARK_NEW {
                    return Err(foreign());
                }
            }
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(foreign()),
        Err(error) => Err(error.into()),
    }
}

/// Sees that the folder is of this kind, or makes it so if it is missing or empty.
pub(super) fn make_or_check(path: &Path, kind: Kind) -> Result<(), StoreError> {
    match kind_of(path)? {
        Some(found) if found == kind => Ok(()),
        Some(found) => Err(StoreError::OtherKind {
            path: path.to_owned(),
            found,
            wanted: kind,
        }),
        None => make(path, kind),
    }
}

/// Marks an empty folder as ours, before anything else is put there.
fn make(path: &Path, kind: Kind) -> Result<(), StoreError> {
    fs::create_dir_all(path)?;
    let new = path.join(MARK_NEW);
    let mut file = File::create(&new)?;
    writeln!(file, "{MARK_TEXT}{}", kind.format())?;
    file.sync_all()?;
    fs::rename(&new, path.join(MARK))?;
    Ok(sync_folder(path)?)
}

/// Which relay's the folder is: a number that is drawn once. Whoever calls has the folder open.
pub(crate) fn relay_id(path: &Path) -> std::io::Result<RelayId> {
    let file = path.join(RELAY);
    if let Ok(text) = fs::read_to_string(&file) {
        if let Ok(id) = u64::from_str_radix(text.trim(), 16) {
            return Ok(RelayId(id));
        }
    }
    let relay = RelayId(getrandom::u64().map_err(std::io::Error::other)?);
    let new = path.join("relay-id.new");
    let mut made = File::create(&new)?;
    writeln!(made, "{relay}")?;
    made.sync_all()?;
    fs::rename(&new, &file)?;
    sync_folder(path)?;
    Ok(relay)
}

/// Makes names that were added to a folder durable.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    // Only Unix lets a folder be opened; elsewhere names are durable by themselves.
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Keeps other processes out as long as the file that it gives is open.
pub(super) fn lock(path: &Path, file: &Path, wait: Duration) -> Result<File, StoreError> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)?;
    let give_up = Instant::now() + wait;
    while !file.try_lock_exclusive()? {
        // The lock of a process that was killed can outlive it for a moment.
        if Instant::now() >= give_up {
            return Err(StoreError::InUse {
                path: path.to_owned(),
            });
        }
        thread::sleep(Duration::from_millis(25));
    }
    Ok(file)
}
