//! A document of which a record is damaged comes back from those who hold it, and the others go on.

use std::path::Path;
use std::sync::Arc;

use driftwood_relay::config::Config;
use driftwood_relay::store::{LogStore, Store, StoreError};
use driftwood_sync::{ErrorCode, Level};
use tempfile::TempDir;

use super::store_log::{find, segments};
use super::support::{name, until, Author, Guest, Relay};

fn store(folder: &Path) -> Arc<dyn Store> {
    Arc::new(LogStore::open(folder).expect("a store"))
}

/// Changes a byte in the log where this text is.
fn hurt(folder: &Path, text: &str) {
    let log = segments(folder).remove(0);
    let at = find(&log, text);
    let mut bytes = std::fs::read(&log).expect("read");
    bytes[at] ^= 1;
    std::fs::write(&log, bytes).expect("written");
}

fn stored(store: &dyn Store, document: &str) -> (bool, bool) {
    let documents = store.documents().expect("listed");
    let stored = documents
        .iter()
        .find(|stored| stored.name == name(document));
    let stored = stored.expect("it is listed");
    (stored.damaged, stored.healing)
}

#[test]
fn a_damaged_document_is_begun_anew_and_heals_as_it_comes_back() {
    let folder = TempDir::new().expect("temporary folder");
    let mut author = Author::new(1);
    let deltas = ["first ", "second ", "third "].map(|text| author.write(text));
    let append = |store: &dyn Store, deltas: &[driftwood_crdt::Delta]| {
        for delta in deltas {
            let appended = store.append(&name("trip"), &delta.encode(), delta.to());
            appended.expect("appended");
        }
        store.flush().expect("flushed");
    };
    append(&*store(folder.path()), &deltas);
    hurt(folder.path(), "second");

    let again = store(folder.path());
    // The index says that all is well, until somebody reads it.
    let read = again.load(&name("trip"));
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
    assert_eq!(stored(&*again, "trip"), (true, false));
    append(&*again, &deltas[..1]);
    assert_eq!(
        stored(&*again, "trip"),
        (false, true),
        "some is missing yet"
    );
    drop(again);

    let again = store(folder.path());
    assert_eq!(
        stored(&*again, "trip"),
        (false, true),
        "also after a restart"
    );
    append(&*again, &deltas[1..]);
    assert_eq!(stored(&*again, "trip"), (false, false));
    drop(again);

    std::fs::remove_dir_all(folder.path().join("index")).expect("removed");
    let again = store(folder.path());
    assert_eq!(stored(&*again, "trip"), (false, false), "without the index");
    assert_eq!(again.load(&name("trip")).expect("whole").len(), 3);
    assert_eq!(again.documents().expect("listed").len(), 1);
}

#[tokio::test]
async fn clients_bring_a_damaged_document_back_after_a_restart() {
    let folder = TempDir::new().expect("temporary folder");
    let relay = Relay::start(store(folder.path())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.write("trip", "passports ");
    ann.write("trip", "boots ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    ann.hang_up(relay.address);
    relay.stop().await.expect("a clean end");
    hurt(folder.path(), "passports");
    // Whoever reads it through finds out, as the next start does.
    assert!(store(folder.path()).load(&name("trip")).is_err());

    let relay = Relay::start(store(folder.path())).await;
    ann.dial(relay.address);
    ann.write("trip", "maps ");
    until("saved again", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay)
    })
    .await;
    let mut bob = Guest::at(relay.address, 2, "trip");
    until("all is back", [&mut ann, &mut bob], |[ann, bob]| {
        bob.body("trip") == ann.body("trip")
    })
    .await;
    relay.stop().await.expect("a clean end");
    assert_eq!(stored(&*store(folder.path()), "trip"), (false, false));
}

#[tokio::test]
async fn a_relay_that_finds_damage_while_it_runs_asks_those_who_are_there() {
    let folder = TempDir::new().expect("temporary folder");
    // What was appended last is in memory: only after a restart is it read from the disk.
    let relay = Relay::start(store(folder.path())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.open("work");
    ann.write("trip", "passports ");
    ann.write("work", "fine ");
    until("saved", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay) && ann.saved("work", Level::Relay)
    })
    .await;
    ann.hang_up(relay.address);
    relay.stop().await.expect("a clean end");

    let relay = Relay::start(store(folder.path())).await;
    hurt(folder.path(), "passports");
    ann.dial(relay.address);
    let mut bob = Guest::at(relay.address, 2, "trip");
    bob.open("work");
    until("ann is told", [&mut ann, &mut bob], |[ann, bob]| {
        let told = |guest: &Guest| guest.problems().contains(&ErrorCode::StoreCorrupt);
        (told(ann) || told(bob)) && bob.body("work") == "fine "
    })
    .await;
    until("all is back", [&mut ann, &mut bob], |[ann, bob]| {
        bob.body("trip") == ann.body("trip")
    })
    .await;
    ann.write("trip", "boots ");
    until("saved again", [&mut ann, &mut bob], |[ann, bob]| {
        ann.saved("trip", Level::Relay) && bob.body("trip") == ann.body("trip")
    })
    .await;
    relay.stop().await.expect("a clean end");
    assert_eq!(stored(&*store(folder.path()), "trip"), (false, false));
}

#[tokio::test]
async fn another_relay_brings_a_damaged_document_back() {
    let folders = [(); 2].map(|()| TempDir::new().expect("temporary folder"));
    let first = Relay::start(store(folders[0].path())).await;
    let link = Config {
        peers: vec![format!("ws://{}", first.address)],
        ..Config::default()
    };
    let second = Relay::start_with(&link, store(folders[1].path())).await;
    let mut ann = Guest::at(first.address, 1, "trip");
    ann.write("trip", "passports ");
    until("on both", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Replicated)
    })
    .await;
    let text = ann.body("trip");
    drop(ann);
    second.stop().await.expect("a clean end");
    hurt(folders[1].path(), "passports");
    assert!(store(folders[1].path()).load(&name("trip")).is_err());

    let second = Relay::start_with(&link, store(folders[1].path())).await;
    let mut bob = Guest::at(second.address, 2, "trip");
    until("it is back", [&mut bob], |[bob]| bob.body("trip") == text).await;
    second.stop().await.expect("a clean end");
    first.stop().await.expect("a clean end");
}
