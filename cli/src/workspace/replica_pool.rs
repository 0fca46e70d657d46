//! Replica ids: random numbers that this folder keeps, each used by one process at a time.
//!
//! An id is a file named after it, made and synced before the id is used; while a process writes under it, it holds
//! the file's lock. So there are as many ids as there were ever processes writing at once, and not one for each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use driftwood_crdt::ReplicaId;
use fs4::fs_std::FileExt as _;

use super::sync_folder;

/// What an id's file is called once the id must not be used again.
const RETIRED: &str = "retired";

/// An id that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    replica: ReplicaId,
    path: PathBuf,
    _file: File,
}

impl Lease {
    /// The id.
    pub(crate) fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// Sees to it that the id is never used again.
    pub(crate) fn retire(self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension(RETIRED))
    }
}

/// Takes the first id in the folder that nobody uses, or makes a new one.
pub(super) fn lease(folder: &Path) -> io::Result<Lease> {
    for (replica, path) in ids(folder)? {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            // Retired since we looked.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if try_lock(&file)? && path.exists() {
            return Ok(Lease {
                replica,
                path,
                _file: file,
            });
        }
    }
    make(folder)
}

fn make(folder: &Path) -> io::Result<Lease> {
    let number = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let replica = ReplicaId::new(number);
    let path = folder.join(replica.to_string());
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    if !try_lock(&file)? {
        // Another process found it between the two calls; it is theirs.
        return make(folder);
    }
    file.sync_all()?;
    sync_folder(folder)?;
    Ok(Lease {
        replica,
        path,
        _file: file,
    })
}

/// The ids in the folder that may be used, in order.
fn ids(folder: &Path) -> io::Result<Vec<(ReplicaId, PathBuf)>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name
            .filter(|name| name.len() == 16)
            .and_then(|name| u64::from_str_radix(name, 16).ok());
        if let Some(number) = number {
            ids.push((ReplicaId::new(number), path));
        }
    }
    ids.sort();
    Ok(ids)
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock_exclusive() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        tried => tried,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_used_again_but_never_by_two() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let first = lease(folder.path()).expect("an id");
        let second = lease(folder.path()).expect("another id");
        let (one, two) = (first.replica(), second.replica());
        assert_ne!(one, two);
        drop((first, second));
        let again = lease(folder.path()).expect("an id");
        assert_eq!(again.replica(), one.min(two));
        assert_eq!(ids(folder.path()).expect("readable").len(), 2);
    }

    #[test]
    fn a_retired_id_is_not_used_again() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let first = lease(folder.path()).expect("an id");
        let retired = first.replica();
        first.retire().expect("renamed");
        assert_ne!(lease(folder.path()).expect("an id").replica(), retired);
    }
}
