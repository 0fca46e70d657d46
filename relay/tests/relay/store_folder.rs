//! What every store on disk owes its folder: other programs, newer formats, a full disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use driftwood_relay::store::{open, Kind, StoreError, StoreOptions};
use driftwood_sync::ErrorCode;
use tempfile::TempDir;

use crate::store_contract::{append, replay, ON_DISK};
use crate::support::{name, Author};

/// Every file below a folder with its content.
pub(crate) fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).expect("a folder") {
        let path = entry.expect("read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).expect("read");
            found.insert(path, content);
        }
    }
    found
}

#[test]
fn a_newer_format_is_not_opened_and_not_changed() {
    for (kind, open) in ON_DISK {
        let folder = TempDir::new().expect("temporary folder");
        drop(open(folder.path(), &StoreOptions::default()).expect("a store"));
        fs::write(folder.path().join("FORMAT"), "driftwood-store 9\n").expect("written");
        let before = files(folder.path());
        let error = open(folder.path(), &StoreOptions::default());
        let error = error.err().expect("refused");
        assert_eq!(error.code(), Some(ErrorCode::FormatTooNew), "{kind}");
        assert!(error.to_string().contains("format 9"), "{error}");
        assert!(files(folder.path()) == before);
    }
}

#[test]
fn a_folder_of_someone_else_is_refused_and_left_alone() {
    for (_, open) in ON_DISK {
        let folder = TempDir::new().expect("temporary folder");
        fs::write(folder.path().join("holiday.jpg"), "not ours").expect("written");
        let before = files(folder.path());
        let opened = open(folder.path(), &StoreOptions::default());
        assert!(matches!(opened, Err(StoreError::Foreign { .. })));
        assert!(files(folder.path()) == before);
    }
}

#[test]
fn a_folder_of_another_kind_is_refused_with_what_to_do() {
    for (kind, make) in ON_DISK {
        let folder = TempDir::new().expect("temporary folder");
        drop(make(folder.path(), &StoreOptions::default()).expect("a store"));
        for (other, open) in ON_DISK {
            let opened = open(folder.path(), &StoreOptions::default());
            assert_eq!(opened.is_ok(), kind == other);
            if let Err(error) = opened {
                assert!(
                    error.to_string().contains("driftwood-relay migrate"),
                    "{error}"
                );
            }
        }
        // A relay takes what is there; but not the old one.
        assert_eq!(open(folder.path(), None).is_ok(), kind != "sled");
    }
    let folder = TempDir::new().expect("temporary folder");
    drop(open(folder.path(), None).expect("a store"));
    assert!(open(folder.path(), Some(Kind::Log)).is_ok(), "the default");
}

#[test]
fn a_folder_in_use_is_refused_and_free_again_afterwards() {
    for (kind, open) in ON_DISK {
        let folder = TempDir::new().expect("temporary folder");
        let options = StoreOptions {
            lock_wait: Duration::from_millis(60),
            ..StoreOptions::default()
        };
        let first = open(folder.path(), &options).expect("a store");
        let second = open(folder.path(), &options);
        assert!(matches!(second, Err(StoreError::InUse { .. })), "{kind}");
        drop(first);
        drop(open(folder.path(), &StoreOptions::default()).expect("free again"));
    }
}

#[test]
fn a_disk_without_room_takes_nothing_and_reads_on() {
    for (kind, open) in ON_DISK {
        let folder = TempDir::new().expect("temporary folder");
        let mut author = Author::new(1);
        let store = open(folder.path(), &StoreOptions::default()).expect("a store");
        append(&*store, "trip", &author.write("kept"));
        drop(store);
        let options = StoreOptions {
            free_bytes_min: u64::MAX,
            ..StoreOptions::default()
        };
        let store = open(folder.path(), &options).expect("a store");
        let kept = author.doc.canonical();
        let delta = author.write("refused");
        for document in ["trip", "new"] {
            let refused = store.append(&name(document), &delta.encode(), delta.to());
            let error = refused.expect_err("no room");
            assert_eq!(error.code(), Some(ErrorCode::StorageFull), "{kind}");
            assert!(!error.is_fatal());
        }
        assert_eq!(replay(&*store, "trip").canonical(), kept);
        assert_eq!(store.documents().expect("read").len(), 1);
        drop(store);
        let store = open(folder.path(), &StoreOptions::default()).expect("a store");
        append(&*store, "trip", &delta);
        assert_eq!(replay(&*store, "trip").canonical(), author.doc.canonical());
    }
}
