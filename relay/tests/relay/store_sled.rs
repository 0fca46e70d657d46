//! The old store, that is still read: what it can get wrong at restarts and by damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use driftwood_relay::store::{SledStore, Store, StoreError, TAIL_RECORDS};
use driftwood_sync::ErrorCode;
use tempfile::TempDir;

use crate::store_contract::{append, replay};
use crate::support::{name, noise, Author, PATIENCE};

fn open(path: &Path) -> SledStore {
    SledStore::open(path).expect("a store")
}

/// The engine itself, to do damage. A thread of the one that was closed may hold its lock a little.
pub(crate) fn engine(path: &Path) -> sled::Db {
    let started = Instant::now();
    loop {
        match sled::open(path.join("log")) {
            Ok(engine) => return engine,
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::yield_now();
    }
}

fn first_number() -> [u8; 4] {
    1u32.to_be_bytes()
}

#[test]
fn everything_is_there_after_a_restart_also_without_heads() {
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
    for (round, lose_heads) in [false, true, false].into_iter().enumerate() {
        if lose_heads {
            let engine = engine(folder.path());
            engine
                .open_tree("heads")
                .expect("opened")
                .clear()
                .expect("cleared");
        }
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
fn a_checkpoint_that_was_interrupted_anywhere_changes_nothing() {
    // The keys that the two logs have in common and apart tell every state a crash can leave: first
    // the new pieces come one by one, then the old records go one by one.
    let build = |checkpoint: bool| {
        let folder = TempDir::new().expect("temporary folder");
        let mut author = Author::new(1);
        let store = open(folder.path());
        for number in 0..TAIL_RECORDS as u32 + 20 {
            append(&store, "trip", &author.write(&noise(number, 5_400)));
        }
        if checkpoint {
            store.checkpoint(&name("trip")).expect("made");
        }
        drop(store);
        (folder, author)
    };
    let keys = |folder: &TempDir| -> BTreeMap<Vec<u8>, Vec<u8>> {
        let tree = engine(folder.path()).open_tree("log").expect("opened");
        tree.iter()
            .map(|pair| pair.expect("read"))
            .map(|(k, v)| (k.to_vec(), v.to_vec()))
            .collect()
    };
    let (before, author) = build(false);
    let (after, _) = build(true);
    let (old, new) = (keys(&before), keys(&after));
    let added: Vec<_> = new
        .iter()
        .filter(|(key, _)| !old.contains_key(*key))
        .collect();
    assert!(added.len() > 10, "{} keys", added.len());

    // While the pieces are written, the head still tells of the log without them.
    for upto in 0..=added.len() {
        let engine = engine(before.path());
        let log = engine.open_tree("log").expect("opened");
        for (key, value) in &added[..upto] {
            log.insert(key.as_slice(), value.as_slice())
                .expect("written");
        }
        drop((log, engine));
        let store = open(before.path());
        assert_eq!(
            replay(&store, "trip").canonical(),
            author.doc.canonical(),
            "{upto} added"
        );
    }
    // The next checkpoint is made as if nothing had happened.
    let store = open(before.path());
    store.checkpoint(&name("trip")).expect("made");
    assert_eq!(replay(&store, "trip").canonical(), author.doc.canonical());
    drop(store);
    assert!(keys(&before) == new);

    // When the head tells of the checkpoint, any of the old records may still be there.
    let replaced: Vec<_> = old
        .iter()
        .filter(|(key, _)| !new.contains_key(*key))
        .collect();
    for kept in [0, 1, replaced.len() / 2, replaced.len()] {
        let engine = engine(after.path());
        let log = engine.open_tree("log").expect("opened");
        for (key, value) in &replaced[replaced.len() - kept..] {
            log.insert(key.as_slice(), value.as_slice())
                .expect("written");
        }
        drop((log, engine));
        for lose_heads in [false, true] {
            if lose_heads {
                let engine = self::engine(after.path());
                engine
                    .open_tree("heads")
                    .expect("opened")
                    .clear()
                    .expect("cleared");
            }
            let store = open(after.path());
            assert_eq!(
                replay(&store, "trip").canonical(),
                author.doc.canonical(),
                "{kept} kept"
            );
        }
    }
}

#[test]
fn a_half_written_record_at_the_end_is_dropped_and_one_in_the_middle_is_damage() {
    let folder = TempDir::new().expect("temporary folder");
    let mut author = Author::new(1);
    let store = open(folder.path());
    append(&store, "trip", &author.write("kept"));
    let kept = author.doc.canonical();
    append(&store, "trip", &author.write(&noise(0, 12_000)));
    drop(store);
    let remove_last_chunk = || {
        let engine = engine(folder.path());
        engine
            .open_tree("heads")
            .expect("opened")
            .clear()
            .expect("cleared");
        let log = engine.open_tree("log").expect("opened");
        let (key, _) = log.last().expect("read").expect("some");
        log.remove(key).expect("removed");
    };
    remove_last_chunk();
    let store = open(folder.path());
    assert_eq!(replay(&store, "trip").canonical(), kept);
    // Its place is taken again.
    let mut other = Author::new(2);
    append(&store, "trip", &other.write(&noise(1, 15_000)));
    drop(store);
    let store = open(folder.path());
    assert!(replay(&store, "trip")
        .version()
        .includes(other.doc.version()));
    drop(store);

    let engine = engine(folder.path());
    let log = engine.open_tree("log").expect("opened");
    let keys: Vec<_> = log.iter().keys().map(|key| key.expect("read")).collect();
    log.remove(&keys[keys.len() - 2]).expect("removed");
    drop((log, engine));
    let store = open(folder.path());
    assert!(matches!(
        store.load(&name("trip")),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn every_damaged_record_is_noticed_and_refuses_its_document_only() {
    let folder = TempDir::new().expect("temporary folder");
    let (mut damaged, mut whole) = (Author::new(1), Author::new(2));
    let store = open(folder.path());
    for _ in 0..6 {
        append(&store, "damaged", &damaged.write("abc"));
        append(&store, "whole", &whole.write("def"));
    }
    drop(store);
    for lose_heads in [false, true] {
        for record in 0..6 {
            let change = |bit: u8| {
                let engine = engine(folder.path());
                if lose_heads {
                    engine
                        .open_tree("heads")
                        .expect("opened")
                        .clear()
                        .expect("cleared");
                }
                let log = engine.open_tree("log").expect("opened");
                let pair = log.scan_prefix(first_number()).nth(record).expect("some");
                let (key, value) = pair.expect("read");
                let mut value = value.to_vec();
                let middle = value.len() / 2;
                value[middle] ^= bit;
                log.insert(key, value).expect("written");
            };
            change(4);
            let store = open(folder.path());
            let error = store.load(&name("damaged")).expect_err("it must show");
            assert_eq!(error.code(), Some(ErrorCode::StoreCorrupt), "{error}");
            assert!(!error.is_fatal());
            let mut copy = Author::new(3);
            let delta = copy.write("x");
            let refused = store.append(&name("damaged"), &delta.encode(), delta.to());
            assert!(matches!(refused, Err(StoreError::Corrupt { .. })));
            assert!(store.checkpoint(&name("damaged")).is_err());
            assert!(store.documents().expect("read")[0].damaged);
            assert_eq!(replay(&store, "whole").canonical(), whole.doc.canonical());
            drop(store);
            change(4);
        }
    }
    let store = open(folder.path());
    assert_eq!(
        replay(&store, "damaged").canonical(),
        damaged.doc.canonical()
    );
}

#[test]
fn a_damaged_database_is_a_clear_error() {
    let folder = TempDir::new().expect("temporary folder");
    let store = open(folder.path());
    let mut author = Author::new(1);
    append(&store, "trip", &author.write("x"));
    store.flush().expect("flushed");
    drop(store);
    let path = folder.path().join("log").join("db");
    let mut database = fs::read(&path).expect("read");
    database[100] ^= 1;
    fs::write(&path, database).expect("written");
    let error = SledStore::open(folder.path()).err().expect("refused");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(
        error.to_string().contains("move the folder away"),
        "{error}"
    );
}

#[test]
fn large_records_stay_out_of_the_engines_side_files() {
    let folder = TempDir::new().expect("temporary folder");
    let store = open(folder.path());
    let mut author = Author::new(1);
    for number in 0..8 {
        append(&store, "trip", &author.write(&noise(number, 900 << 10)));
        store.flush().expect("flushed");
    }
    store.checkpoint(&name("trip")).expect("made");
    drop(store);
    let blobs = fs::read_dir(folder.path().join("log").join("blobs"))
        .expect("a folder")
        .count();
    assert_eq!(blobs, 0, "sled does not sync them");
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn no_damaged_byte_of_the_database_goes_unnoticed() {
    for (records, words) in [(60, 2), (400, 300)] {
        let folder = TempDir::new().expect("temporary folder");
        let store = open(folder.path());
        let mut authors = [Author::new(1), Author::new(2)];
        for number in 0..records as u32 {
            for (author, document) in authors.iter_mut().zip(["one", "two"]) {
                append(&store, document, &author.write(&noise(number, 5 * words)));
            }
            store.flush().expect("flushed");
        }
        drop(store);
        let database = fs::read(folder.path().join("log").join("db")).expect("read");
        let used = database
            .iter()
            .rposition(|byte| *byte != 0)
            .expect("not empty");
        for step in 0..20 {
            let scratch = TempDir::new().expect("temporary folder");
            copy(folder.path(), scratch.path());
            let mut damaged = database.clone();
            damaged[used * step / 20] ^= 0x55;
            fs::write(scratch.path().join("log").join("db"), damaged).expect("written");
            let store = match SledStore::open(scratch.path()) {
                Ok(store) => store,
                Err(StoreError::Damaged { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            for (author, document) in authors.iter().zip(["one", "two"]) {
                match store.load(&name(document)) {
                    Ok(deltas) => {
                        assert_eq!(deltas.len(), records, "at step {step}");
                        let version = store.version(&name(document)).expect("read");
                        assert_eq!(version.as_ref(), Some(author.doc.version()));
                    }
                    Err(StoreError::Corrupt { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}
