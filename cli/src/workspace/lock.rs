//! One process at a time has the store open, and says who it is.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context as _, Result};
use fs4::fs_std::FileExt as _;

/// How often the lock is tried while another process has it.
const POLL: Duration = Duration::from_millis(5);

/// The lock of the data folder, held until it is dropped. The system takes it back from a process that ends.
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, waiting for another process that has it.
    pub(super) fn take(path: &Path, activity: &str, wait: Duration) -> Result<Self> {
        let cannot = || format!("cannot lock {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(cannot)?;
        let give_up = Instant::now() + wait;
        loop {
            match file.try_lock_exclusive() {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).with_context(cannot),
            }
            if Instant::now() >= give_up {
                bail!(
                    "the notes are in use by {}; try again when it is done, or end it",
                    holder(&mut file)
                );
            }
            thread::sleep(POLL);
        }
        // Who we are is for people only, so that it cannot be written is no reason to stop.
        let _ = sign(&mut file, activity);
        Ok(Self { _file: file })
    }
}

/// Says in the file who holds it.
fn sign(file: &mut File, activity: &str) -> std::io::Result<()> {
    let text = format!("`driftwood {activity}` (process {})\n", std::process::id());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match text.trim() {
        holder if read.is_ok() && !holder.is_empty() => holder.to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_second_waits_and_is_told_who_is_first() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("lock");
        let first = FolderLock::take(&path, "replay", Duration::ZERO).expect("free");
        let error = FolderLock::take(&path, "show", Duration::from_millis(20));
        let error = error.err().expect("taken").to_string();
        assert!(error.contains("`driftwood replay` (process "), "{error}");
        drop(first);
        FolderLock::take(&path, "show", Duration::ZERO).expect("free again");
    }
}
