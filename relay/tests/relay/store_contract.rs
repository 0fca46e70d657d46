//! What every store must do, checked on each of them.

use std::path::Path;
use std::sync::Arc;

use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
use driftwood_relay::store::{
    LogStore, MemoryStore, Owner, RedbStore, SledStore, Store, StoreError, StoreOptions,
    CHECKPOINT_RECORDS, TAIL_RECORDS,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{name, noise, Author};

/// How a kind of store on disk is opened.
pub(crate) type Open = fn(&Path, &StoreOptions) -> Result<Box<dyn Store>, StoreError>;

/// Those on disk, by name.
pub(crate) const ON_DISK: [(&str, Open); 3] = [
    ("log", |path, options| {
        Ok(Box::new(LogStore::open_with(path, options)?))
    }),
    ("redb", |path, options| {
        Ok(Box::new(RedbStore::open_with(path, options)?))
    }),
    ("sled", |path, options| {
        Ok(Box::new(SledStore::open_with(path, options)?))
    }),
];

/// Runs a check on an empty store of each kind.
fn on_each(check: impl Fn(&dyn Store)) {
    check(&MemoryStore::new());
    for (kind, open) in ON_DISK {
        println!("{kind}");
        let folder = TempDir::new().expect("temporary folder");
        let store = open(folder.path(), &StoreOptions::default());
        check(&*store.expect("a store"));
    }
}

pub(crate) fn append(store: &dyn Store, document: &str, delta: &Delta) {
    store
        .append(&name(document), &delta.encode(), delta.to())
        .expect("appended");
}

/// The document that the store's deltas make.
pub(crate) fn replay(store: &dyn Store, document: &str) -> Doc {
    let mut doc = Doc::new(ReplicaId::new(u64::MAX));
    for delta in store.load(&name(document)).expect("loaded") {
        doc.merge(&Delta::decode(&delta).expect("whole"))
            .expect("no gap");
    }
    doc
}

#[test]
fn what_was_appended_comes_back_in_order() {
    on_each(|store| {
        let mut author = Author::new(1);
        let deltas: Vec<Delta> = (0..200).map(|at| author.write(&format!("{at} "))).collect();
        for delta in &deltas {
            append(store, "trip", delta);
        }
        store.flush().expect("flushed");
        let loaded = store.load(&name("trip")).expect("loaded");
        let wanted: Vec<Arc<[u8]>> = deltas.iter().map(|delta| delta.encode().into()).collect();
        assert_eq!(loaded, wanted);
        assert_eq!(replay(store, "trip").canonical(), author.doc.canonical());
    });
}

#[test]
fn a_replica_has_the_owner_it_first_had() {
    on_each(|store| {
        let ids = [("trip", 7, "ada"), ("trip", 8, "bob"), ("work", 7, "bob")];
        for (document, replica, principal) in ids {
            let replica = ReplicaId::new(replica);
            store
                .bind(&name(document), replica, principal)
                .expect("bound");
            store
                .bind(&name(document), replica, "eve")
                .expect("no change");
        }
        let owners = ids.map(|(document, replica, principal)| Owner {
            document: name(document),
            replica: ReplicaId::new(replica),
            principal: principal.into(),
        });
        assert_eq!(store.owners().expect("read"), owners);
        append(store, "trip", &Author::new(7).write("x"));
        assert_eq!(replay(store, "trip").text("body").to_string(), "x");
    });
}

#[test]
fn only_what_is_missing_is_loaded() {
    on_each(|store| {
        let mut author = Author::new(1);
        let mut seen = VersionVector::new();
        for at in 0..10 {
            append(store, "trip", &author.write("x"));
            if at == 6 {
                seen = author.doc.version().clone();
            }
        }
        let missing = store.load_since(&name("trip"), &seen).expect("loaded");
        assert_eq!(missing.len(), 3);
        let all = store
            .load_since(&name("trip"), author.doc.version())
            .expect("loaded");
        assert!(all.is_empty());
    });
}

#[test]
fn a_long_log_can_be_loaded_piece_by_piece() {
    on_each(|store| {
        let mut author = Author::new(1);
        for number in 0..50 {
            append(store, "trip", &author.write(&noise(number, 1000)));
        }
        let mut reader = Doc::new(ReplicaId::new(9));
        let mut rounds = 0;
        loop {
            let some = store
                .load_some(&name("trip"), reader.version(), 4000)
                .expect("loaded");
            if some.is_empty() {
                break;
            }
            assert!(some.len() <= 4, "{} at once", some.len());
            for delta in some {
                reader
                    .merge(&Delta::decode(&delta).expect("whole"))
                    .expect("no gap");
            }
            rounds += 1;
        }
        assert!(rounds >= 12, "{rounds}");
        assert_eq!(reader.canonical(), author.doc.canonical());
        // Even when nothing fits, one comes: otherwise nobody would ever get on.
        let one = store
            .load_some(&name("trip"), &VersionVector::new(), 1)
            .expect("loaded");
        assert_eq!(one.len(), 1);
    });
}

#[test]
fn documents_are_listed_with_their_versions() {
    on_each(|store| {
        assert_eq!(store.documents().expect("read"), []);
        let mut versions = Vec::new();
        for (replica, document) in [(3, "c"), (1, "a"), (2, "b")] {
            let mut author = Author::new(replica);
            append(store, document, &author.write("x"));
            append(store, document, &author.write("y"));
            versions.push((document, author.doc.version().clone()));
        }
        versions.sort_by_key(|(document, _)| *document);
        let stored = store.documents().expect("read");
        let found: Vec<_> = stored
            .iter()
            .map(|stored| (stored.name.as_str(), stored.version.clone()))
            .collect();
        assert_eq!(found, versions);
        for (document, version) in versions {
            assert_eq!(store.version(&name(document)).expect("read"), Some(version));
        }
    });
}

#[test]
fn an_unknown_document_is_empty() {
    on_each(|store| {
        assert_eq!(store.version(&name("nothing")).expect("read"), None);
        assert!(store.load(&name("nothing")).expect("loaded").is_empty());
        store.checkpoint(&name("nothing")).expect("nothing to do");
        store.flush().expect("nothing to do");
        assert_eq!(store.documents().expect("read"), []);
    });
}

#[test]
fn a_delta_of_megabytes_comes_back_whole() {
    on_each(|store| {
        let mut author = Author::new(1);
        let large = author.write(&noise(0, 3_000_000));
        append(store, "trip", &large);
        append(store, "trip", &author.write("small"));
        let loaded = store.load(&name("trip")).expect("loaded");
        assert!(loaded.len() == 2 && *loaded[0] == large.encode());
        store.flush().expect("flushed");
        assert_eq!(replay(store, "trip").canonical(), author.doc.canonical());
    });
}

#[test]
fn a_checkpoint_shortens_the_log_and_keeps_what_it_says() {
    on_each(|store| {
        let mut author = Author::new(1);
        let mut before_tail = VersionVector::new();
        let records = CHECKPOINT_RECORDS + 1;
        for at in 0..records {
            assert!(store.due().is_empty());
            append(store, "trip", &author.write("word "));
            if at + 4 == records {
                before_tail = author.doc.version().clone();
            }
        }
        assert_eq!(store.due(), [name("trip")]);
        store.checkpoint(&name("trip")).expect("made");
        assert!(store.due().is_empty());

        let loaded = store.load(&name("trip")).expect("loaded").len() as u64;
        assert_eq!(
            loaded,
            TAIL_RECORDS + 1,
            "one small checkpoint and the newest records"
        );
        assert_eq!(replay(store, "trip").canonical(), author.doc.canonical());
        let missing = store
            .load_since(&name("trip"), &before_tail)
            .expect("loaded");
        assert_eq!(
            missing.len(),
            3,
            "someone who was away for a moment gets small deltas"
        );

        // And again, on top of the first.
        for _ in 0..records {
            append(store, "trip", &author.write("more "));
        }
        store.checkpoint(&name("trip")).expect("made");
        assert_eq!(
            store.load(&name("trip")).expect("loaded").len() as u64,
            TAIL_RECORDS + 1
        );
        assert_eq!(replay(store, "trip").canonical(), author.doc.canonical());
        let version = store.version(&name("trip")).expect("read");
        assert_eq!(version.as_ref(), Some(author.doc.version()));
    });
}

#[test]
fn many_bytes_call_for_a_checkpoint_as_well() {
    on_each(|store| {
        let mut author = Author::new(1);
        for number in 0..200 {
            append(store, "trip", &author.write(&noise(number, 8 << 10)));
        }
        assert_eq!(store.due(), [name("trip")]);
        store.checkpoint(&name("trip")).expect("made");
        assert!(store.due().is_empty());
        append(store, "trip", &author.write("one more"));
        assert!(store.due().is_empty(), "a long tail alone is no reason");
        assert_eq!(replay(store, "trip").canonical(), author.doc.canonical());
    });
}

#[test]
fn readers_and_a_writer_go_on_during_checkpoints() {
    on_each(|store| {
        let mut author = Author::new(1);
        for _ in 0..300 {
            append(store, "trip", &author.write("word "));
        }
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for _ in 0..300 {
                    append(store, "trip", &author.write("word "));
                    store.flush().expect("flushed");
                }
                author
            });
            let checkpoints = scope.spawn(move || {
                for _ in 0..20 {
                    store.checkpoint(&name("trip")).expect("made");
                }
            });
            for _ in 0..50 {
                let held = store.version(&name("trip")).expect("read").expect("known");
                let doc = replay(store, "trip");
                assert!(doc.version().includes(&held));
            }
            checkpoints.join().expect("no panic");
            let author = writer.join().expect("no panic");
            assert_eq!(replay(store, "trip").canonical(), author.doc.canonical());
        });
    });
}

/// Something done to a store.
#[derive(Debug, Clone)]
enum Act {
    Append {
        document: u8,
        replica: u8,
        length: u16,
    },
    Flush,
    Checkpoint(u8),
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (0..3u8, 1..4u8, 1..6000u16)
            .prop_map(|(document, replica, length)| Act::Append { document, replica, length }),
        2 => Just(Act::Flush),
        2 => (0..3u8).prop_map(Act::Checkpoint),
        1 => Just(Act::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done, the store on disk says what a document in memory says.
    #[test]
    fn the_store_agrees_with_documents_in_memory(acts in prop::collection::vec(act(), 1..300)) {
        for (kind, open) in ON_DISK {
            // Nothing is written to the old one any more, and a transaction takes its time.
            if kind == "sled" || kind == "redb" && acts.len() % 3 > 0 {
                continue;
            }
            let open = |path: &Path| open(path, &StoreOptions::default());
            agrees_with_memory(&acts, open).map_err(|error| {
                TestCaseError::fail(format!("{kind}: {error}"))
            })?;
        }
    }
}

fn agrees_with_memory(
    acts: &[Act],
    open: impl Fn(&Path) -> Result<Box<dyn Store>, StoreError>,
) -> Result<(), TestCaseError> {
    let folder = TempDir::new().expect("temporary folder");
    let mut store = Some(open(folder.path()).expect("a store"));
    let mut model: Vec<Author> = (0..3).map(|at| Author::new(at + 1)).collect();
    for act in acts {
        let now = store.as_deref().expect("open between acts");
        match act {
            Act::Append {
                document,
                replica,
                length,
            } => {
                let author = &mut model[usize::from(*document)];
                let early = author.doc.set_replica(ReplicaId::new(u64::from(*replica)));
                prop_assert!(early.is_empty());
                let delta = author.write(&noise(u32::from(*length), usize::from(*length)));
                append(now, &document.to_string(), &delta);
            }
            Act::Flush => {
                now.flush().expect("flushed");
                now.tidy().expect("tidied");
            }
            Act::Checkpoint(document) => {
                now.checkpoint(&name(&document.to_string())).expect("made");
            }
            Act::Reopen => {
                drop(store.take());
                store = Some(open(folder.path()).expect("a store"));
            }
        }
    }
    let now = store.as_deref().expect("open");
    for (document, author) in model.iter().enumerate() {
        let document = document.to_string();
        prop_assert_eq!(replay(now, &document).canonical(), author.doc.canonical());
        let version = now.version(&name(&document)).expect("read");
        prop_assert_eq!(&version.unwrap_or_default(), author.doc.version());
    }
    Ok(())
}
