//! What a log asks of a disk, and the real one: a folder of files.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::mark::sync_folder;

/// Files by name. What was written, made or removed is durable after the sync that belongs to it, and
/// anything may have become of it when the power goes before.
pub(super) trait Disk: Send + Sync {
    /// The names of the files that are there.
    fn names(&self) -> io::Result<Vec<String>>;

    /// A file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// A new, empty file; one of that name is replaced.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Takes a file away.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns when the names that were made and removed before are durable.
    fn sync_names(&self) -> io::Result<()>;

    /// How many bytes can still be written.
    fn available_bytes(&self) -> io::Result<u64>;
}

/// A file of a [`Disk`].
pub(super) trait DiskFile: Send + Sync {
    fn length(&self) -> io::Result<u64>;

    /// Fills `bytes` from there on; how many there were.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns when everything written before is durable, the length included.
    fn sync(&self) -> io::Result<()>;
}

/// A folder.
pub(super) struct Folder(pub(super) PathBuf);

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(self.0.join(name))?;
        Ok(Arc::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.0.join(name))?;
        Ok(Arc::new(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }

    fn available_bytes(&self) -> io::Result<u64> {
        fs4::available_space(&self.0)
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < bytes.len() {
            match read_some(self, &mut bytes[read..], at + read as u64) {
                Ok(0) => break,
                Ok(some) => read += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            match write_some(self, &bytes[written..], at + written as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(some) => written += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        // The length is part of what `fdatasync` makes durable.
        self.sync_data()
    }
}

#[cfg(unix)]
use std::os::unix::fs::FileExt;

#[cfg(unix)]
fn read_some(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    FileExt::read_at(file, bytes, at)
}

#[cfg(unix)]
fn write_some(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    FileExt::write_at(file, bytes, at)
}

#[cfg(windows)]
use std::os::windows::fs::FileExt;

#[cfg(windows)]
fn read_some(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    FileExt::seek_read(file, bytes, at)
}

#[cfg(windows)]
fn write_some(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    FileExt::seek_write(file, bytes, at)
}
