//! What the log on disk can get wrong: restarts, a lost index, damage, space that does not come back.

use std::fs;
use std::path::{Path, PathBuf};

use driftwood_relay::store::{LogStore, Store, StoreError, TAIL_RECORDS};
use driftwood_sync::ErrorCode;
use tempfile::TempDir;

use crate::store_contract::{append, replay};
use crate::store_folder::files;
use crate::store_sled::copy;
use crate::support::{name, noise, Author};

fn open(path: &Path) -> LogStore {
    LogStore::open(path).expect("a store")
}

/// The files of the log, in order.
pub(crate) fn segments(path: &Path) -> Vec<PathBuf> {
    let log = |path: &PathBuf| path.extension().is_some_and(|it| it == "log");
    files(path).into_keys().filter(log).collect()
}

fn lose_index(path: &Path) {
    fs::remove_dir_all(path.join("index")).expect("removed");
}

/// Changes a byte of a file.
fn flip(path: &Path, at: usize, bits: u8) {
    let mut bytes = fs::read(path).expect("read");
    bytes[at] ^= bits;
    fs::write(path, bytes).expect("written");
}

/// Where a text stands in a file.
pub(crate) fn find(path: &Path, text: &str) -> usize {
    let bytes = fs::read(path).expect("read");
    let mut windows = bytes.windows(text.len());
    let found = windows.position(|window| window == text.as_bytes());
    found.expect("it is there")
}

#[test]
fn everything_is_there_after_a_restart_whatever_became_of_the_index() {
    let folder = TempDir::new().expect("temporary folder");
    let mut author = Author::new(1);
    let store = open(folder.path());
    for at in 0..500 {
        append(&store, "trip", &author.write("word "));
        if at % 200 == 199 {
            store.checkpoint(&name("trip")).expect("made");
        }
    }
    let records = store.load(&name("trip")).expect("loaded").len();
    drop(store);
    let damage: [fn(&Path); 5] = [
        |_| {},
        lose_index,
        |path| flip(&path.join("index/db"), 100, 0x10),
        |path| fs::write(path.join("index/db"), "").expect("written"),
        |path| fs::write(path.join("index/conf"), "nonsense").expect("written"),
    ];
    for (round, damage) in damage.into_iter().enumerate() {
        damage(folder.path());
        let store = open(folder.path());
        let stored = &store.documents().expect("read")[0];
        assert_eq!(
            (&stored.version, stored.damaged),
            (author.doc.version(), false)
        );
        let loaded = store.load(&name("trip")).expect("loaded").len();
        assert_eq!(loaded, records + round);
        assert_eq!(replay(&store, "trip").canonical(), author.doc.canonical());
        append(&store, "trip", &author.write("on "));
        assert_eq!(replay(&store, "trip").canonical(), author.doc.canonical());
    }
}

#[test]
fn a_half_written_end_is_dropped_and_its_place_is_not_used_again() {
    let folder = TempDir::new().expect("temporary folder");
    let mut author = Author::new(1);
    let store = open(folder.path());
    append(&store, "trip", &author.write("kept"));
    store.flush().expect("flushed");
    let kept = author.doc.canonical();
    let first = segments(folder.path()).remove(0);
    let safe = fs::read(&first).expect("read");
    append(&store, "trip", &author.write(&noise(0, 12_000)));
    store.flush().expect("flushed");
    let whole = fs::read(&first).expect("read");
    drop(store);
    for end in [safe.len() + 1, safe.len() + 20, whole.len() - 1] {
        let scratch = TempDir::new().expect("temporary folder");
        fs::copy(folder.path().join("FORMAT"), scratch.path().join("FORMAT")).expect("copied");
        let path = scratch.path().join(first.file_name().expect("a name"));
        fs::write(&path, &whole[..end]).expect("written");
        let store = open(scratch.path());
        assert_eq!(replay(&store, "trip").canonical(), kept);
        assert_eq!(fs::read(&path).expect("read"), safe);
        let mut other = Author::new(2);
        append(&store, "trip", &other.write("on"));
        drop(store);
        let store = open(scratch.path());
        let doc = replay(&store, "trip");
        assert!(doc.version().includes(other.doc.version()));
        assert_eq!(segments(scratch.path()).len(), 2);
    }
}

#[test]
fn every_damaged_byte_is_noticed_and_refuses_its_document_only() {
    let folder = TempDir::new().expect("temporary folder");
    let (mut damaged, mut whole) = (Author::new(1), Author::new(2));
    let store = open(folder.path());
    append(&store, "whole", &whole.write("first "));
    append(&store, "damaged", &damaged.write("first "));
    store.flush().expect("flushed");
    let log = segments(folder.path()).remove(0);
    let start = fs::read(&log).expect("read").len();
    append(&store, "damaged", &damaged.write("hurt "));
    store.flush().expect("flushed");
    let end = fs::read(&log).expect("read").len();
    append(&store, "damaged", &damaged.write("last "));
    append(&store, "whole", &whole.write("last "));
    store.flush().expect("flushed");
    // By this record the start knows that those before were safe.
    append(&store, "whole", &whole.write("more "));
    drop(store);
    for lost in [false, true] {
        for at in start..end {
            let scratch = TempDir::new().expect("temporary folder");
            copy(folder.path(), scratch.path());
            let log = segments(scratch.path()).remove(0);
            flip(&log, at, 1 << (at % 8));
            if lost {
                lose_index(scratch.path());
            }
            let store = open(scratch.path());
            let error = store.load(&name("damaged")).expect_err("it must show");
            assert_eq!(error.code(), Some(ErrorCode::StoreCorrupt), "{error}");
            assert!(!error.is_fatal());
            assert!(store.checkpoint(&name("damaged")).is_err());
            assert_eq!(replay(&store, "whole").canonical(), whole.doc.canonical());
            if at % 8 > 1 {
                continue;
            }
            // It is still known the next time, and when the byte is mended it is well.
            drop(store);
            let store = open(scratch.path());
            assert!(store.documents().expect("read")[0].damaged);
            let mut both = damaged.doc.clone();
            if at % 8 == 1 {
                let delta = Author::new(3).write("x");
                append(&store, "damaged", &delta);
                assert!(store.documents().expect("read")[0].healing);
                both.merge(&delta).expect("it hangs on nothing");
            }
            drop(store);
            flip(&log, at, 1 << (at % 8));
            let store = open(scratch.path());
            assert_eq!(replay(&store, "damaged").canonical(), both.canonical());
            let stored = &store.documents().expect("read")[0];
            assert!(!stored.damaged && !stored.healing);
        }
    }
}

#[test]
fn no_damaged_byte_of_a_long_log_makes_it_say_something_wrong() {
    let folder = TempDir::new().expect("temporary folder");
    let store = open(folder.path());
    let mut authors = [Author::new(1), Author::new(2)];
    for number in 0..200 {
        for (author, document) in authors.iter_mut().zip(["one", "two"]) {
            append(&store, document, &author.write(&noise(number, 300)));
        }
        if number == 150 {
            store.checkpoint(&name("one")).expect("made");
        }
        store.flush().expect("flushed");
    }
    drop(store);
    let log = segments(folder.path()).remove(0);
    let length = fs::read(&log).expect("read").len();
    for step in 0..60 {
        let scratch = TempDir::new().expect("temporary folder");
        copy(folder.path(), scratch.path());
        let log = segments(scratch.path()).remove(0);
        flip(&log, length * step / 60 + step % 7, 0x55);
        if step % 2 == 0 {
            lose_index(scratch.path());
        }
        let store = open(scratch.path());
        for (author, document) in authors.iter().zip(["one", "two"]) {
            match store.load(&name(document)) {
                Ok(_) => {
                    let doc = replay(&store, document);
                    assert!(doc.canonical() == author.doc.canonical(), "step {step}");
                }
                Err(StoreError::Corrupt { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn space_comes_back_and_what_is_left_of_a_file_is_moved() {
    let folder = TempDir::new().expect("temporary folder");
    let store = open(folder.path());
    let mut still = Author::new(1);
    let mut author = Author::new(2);
    append(&store, "still", &still.write("written once"));
    let used = || -> usize {
        files(folder.path())
            .into_iter()
            .filter(|(path, _)| path.extension().is_some_and(|it| it == "log"))
            .map(|(_, bytes)| bytes.len())
            .sum()
    };
    for number in 0..60 {
        for at in 0..2 * TAIL_RECORDS as u32 {
            append(
                &store,
                "long",
                &author.write(&noise(number * 1000 + at, 400)),
            );
        }
        let length = author.doc.text("body").len();
        let mut edit = author.doc.edit(1_700_000_000_000);
        edit.text("body").delete(0..length).expect("within");
        append(&store, "long", &edit.commit());
        store.checkpoint(&name("long")).expect("made");
        store.flush().expect("flushed");
        assert!(number < 20 || store.is_untidy() || used() < 2 << 20);
        store.tidy().expect("tidied");
    }
    assert!(used() < 2 << 20, "{} bytes", used());
    append(&store, "still", &still.write(" and once more"));
    drop(store);
    for _ in 0..2 {
        let store = open(folder.path());
        assert_eq!(replay(&store, "still").canonical(), still.doc.canonical());
        assert_eq!(replay(&store, "long").canonical(), author.doc.canonical());
        drop(store);
        lose_index(folder.path());
    }
}
