//! Documents that are deleted for good: from the disk, from all relays, and so that nobody brings them back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use driftwood_crdt::ordered::BTreeMap;
use driftwood_crdt::ReplicaId;
use driftwood_relay::config::Config;
use driftwood_relay::store::{MemoryStore, Store, StoreOptions};
use driftwood_sync::{ErrorCode, Level, Mark, MarkId, RelayId, Time};
use tempfile::TempDir;

use crate::loopback::http;
use crate::operation::command;
use crate::store_contract::{append, replay, Open, ON_DISK};
use crate::support::{name, until, Author, Guest, Program, Relay};

/// Letters that compression leaves as they are in a short delta.
const SECRET: &str = "Qz7Secret";

/// The same in the name.
const NAME: &str = "dossier-Xk42";

fn mark(count: u64) -> Mark {
    Mark {
        id: MarkId::of(&name(NAME)),
        count,
        time: Time::from_millis(1_000),
        by: RelayId(1),
        relays: BTreeMap::default(),
    }
}

/// The files of a folder that have these bytes.
fn holding(folder: &Path, bytes: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if path.is_file() {
            let content = std::fs::read(&path).expect("readable");
            let mut windows = content.windows(bytes.len());
            found.extend(windows.any(|it| it == bytes.as_bytes()).then_some(path));
        }
    }
    found
}

fn with_marks() -> impl Iterator<Item = (&'static str, Open)> {
    ON_DISK.into_iter().filter(|(kind, _)| *kind != "sled")
}

/// Writes two documents, one of them with a checkpoint and owners.
fn fill(store: &dyn Store, author: &mut Author) {
    let mut other = Author::new(2);
    for number in 0..400 {
        append(store, NAME, &author.write(&format!("{SECRET}{number} ")));
        append(store, "other", &other.write("kept "));
        if number % 150 == 149 {
            store.flush().expect("flushed");
            store.checkpoint(&name(NAME)).expect("made");
            store.tidy().expect("tidied");
        }
    }
    for document in [NAME, "other"] {
        let bound = store.bind(&name(document), ReplicaId::new(1), "ada-principal");
        bound.expect("bound");
    }
    store.flush().expect("flushed");
}

#[test]
fn nothing_of_a_purged_document_is_left_on_disk() {
    for (kind, open) in with_marks() {
        println!("{kind}");
        let folder = TempDir::new().expect("temporary folder");
        let options = StoreOptions::default();
        let store = open(folder.path(), &options).expect("a store");
        fill(&*store, &mut Author::new(1));
        drop(store);
        assert!(
            !holding(folder.path(), SECRET).is_empty(),
            "a test that can fail"
        );
        assert!(!holding(folder.path(), NAME).is_empty());
        let store = open(folder.path(), &options).expect("a store");
        store.mark(&mark(1)).expect("marked");
        store.purge(&BTreeSet::from([mark(1).id])).expect("purged");
        store.flush().expect("flushed");
        assert!(store.scrub().expect("room"));
        let check = |store: &dyn Store| {
            assert_eq!(holding(folder.path(), SECRET), Vec::<PathBuf>::new());
            assert_eq!(holding(folder.path(), NAME), Vec::<PathBuf>::new());
            assert_eq!(store.version(&name(NAME)).expect("read"), None);
            assert!(store.load(&name(NAME)).expect("read").is_empty());
            assert_eq!(store.documents().expect("read").len(), 1);
            assert_eq!(store.owners().expect("read").len(), 1);
            let body = replay(store, "other").text("body").to_string();
            assert_eq!(body, "kept ".repeat(400));
        };
        check(&*store);
        assert_eq!(store.marks().expect("read"), [mark(1)]);
        drop(store);
        let store = open(folder.path(), &options).expect("a store");
        check(&*store);
        assert_eq!(store.marks().expect("read"), [mark(1)]);
        // The name can be used again, and what came before stays away.
        store.mark(&mark(2)).expect("marked");
        let mut again = Author::new(3);
        append(&*store, NAME, &again.write("new"));
        store.flush().expect("flushed");
        drop(store);
        let store = open(folder.path(), &options).expect("a store");
        assert_eq!(replay(&*store, NAME).canonical(), again.doc.canonical());
        assert_eq!(store.marks().expect("read"), [mark(2)]);
        assert_eq!(holding(folder.path(), SECRET), Vec::<PathBuf>::new());
    }
}

/// The process ends between the two steps: the document is gone, and the rest is made up for.
#[test]
fn a_purge_that_was_cut_off_is_brought_to_its_end() {
    for (kind, open) in with_marks() {
        println!("{kind}");
        let folder = TempDir::new().expect("temporary folder");
        let options = StoreOptions::default();
        let store = open(folder.path(), &options).expect("a store");
        fill(&*store, &mut Author::new(1));
        store.mark(&mark(1)).expect("marked");
        store.purge(&BTreeSet::from([mark(1).id])).expect("purged");
        store.flush().expect("flushed");
        drop(store);
        let store = open(folder.path(), &options).expect("a store");
        assert_eq!(store.version(&name(NAME)).expect("read"), None);
        let mut again = Author::new(3);
        append(&*store, NAME, &again.write("new"));
        store.flush().expect("flushed");
        store.tidy().expect("tidied");
        assert_eq!(holding(folder.path(), SECRET), Vec::<PathBuf>::new());
        assert_eq!(replay(&*store, NAME).canonical(), again.doc.canonical());
    }
}

/// Runs a command on a data folder, which may take its time.
async fn run(data: &Path, args: &'static [&'static str]) -> (bool, String) {
    let data = data.to_owned();
    let task = tokio::task::spawn_blocking(move || command(&data, args).expect("it works"));
    task.await.expect("no panic")
}

fn get(path: &str) -> String {
    crate::operation::get(path).replace("Host: relay", "Host: localhost")
}

fn start(data: &Path, listen: &str, peer: Option<SocketAddr>) -> Program {
    Program::start(data, listen, peer.as_slice())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_relays_purges_also_the_one_that_was_away() {
    let folder = TempDir::new().expect("temporary folder");
    let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
    let first = start(&a, "127.0.0.1:0", None);
    let second = start(&b, "127.0.0.1:0", Some(first.address));
    let third = start(&c, "127.0.0.1:0", Some(second.address));
    let mut ann = Guest::at(first.address, 1, NAME);
    let mut bob = Guest::at(third.address, 2, NAME);
    ann.write(NAME, SECRET);
    until("it is everywhere", [&mut ann, &mut bob], |[ann, bob]| {
        bob.body(NAME) == SECRET && ann.saved(NAME, Level::Replicated)
    })
    .await;
    bob.write(NAME, SECRET);
    until("it is on his relay's disk", [&mut bob], |[bob]| {
        bob.saved(NAME, Level::Relay)
    })
    .await;
    drop(bob);
    let away = third.kill();
    assert!(!holding(&c, SECRET).is_empty());

    // One of them is down: the others do it and say who is missing.
    let (done, said) = run(&a, &["purge", NAME, "--wait", "1"]).await;
    assert!(!done, "{said}");
    assert_eq!(said.matches("purged           relay").count(), 2, "{said}");
    assert_eq!(said.matches("not reached yet  relay").count(), 1, "{said}");
    assert!(
        said.contains("this relay") && said.contains("backups"),
        "{said}"
    );
    for data in [&a, &b] {
        assert_eq!(holding(data, SECRET), Vec::<PathBuf>::new());
        assert_eq!(holding(data, NAME), Vec::<PathBuf>::new());
    }
    until("ann is told", [&mut ann], |[ann]| {
        ann.problems().contains(&ErrorCode::Purged)
    })
    .await;
    // What she writes now stays with her, also when she comes back.
    ann.write(NAME, SECRET);
    ann.hang_up(first.address);
    ann.dial(second.address);
    until("ann is told again", [&mut ann], |[ann]| {
        let told = ann.problems().into_iter();
        told.filter(|code| *code == ErrorCode::Purged).count() > 1
    })
    .await;

    // It comes back with what it had, and nobody gets it from there.
    let third = start(&c, &away.to_string(), Some(second.address));
    let (done, said) = run(&a, &["purge", NAME, "--wait", "50"]).await;
    assert!(
        done && said.matches("purged           relay").count() == 3,
        "{said}"
    );
    for data in [&a, &b, &c] {
        assert_eq!(holding(data, SECRET), Vec::<PathBuf>::new());
        assert_eq!(holding(data, NAME), Vec::<PathBuf>::new());
    }

    // Killed and started again, they still know; lifted at one of them, it can be used at another.
    let address = first.kill();
    let first = start(&a, &address.to_string(), None);
    let answer = http(first.address, &get(&format!("/api/documents/{NAME}"))).await;
    assert!(answer.starts_with("HTTP/1.1 410"), "{answer}");
    let (done, said) = run(&c, &["purge", NAME, "--lift", "--wait", "50"]).await;
    assert!(
        done && said.matches("lifted           relay").count() == 3,
        "{said}"
    );
    let mut cyd = Guest::at(first.address, 3, NAME);
    let mut dan = Guest::at(third.address, 4, NAME);
    cyd.write(NAME, "new");
    until("it is a document again", [&mut cyd, &mut dan], |[_, dan]| {
        dan.body(NAME) == "new"
    })
    .await;
}

#[tokio::test]
async fn a_request_purges_and_what_it_purged_is_gone() {
    let store = Arc::new(MemoryStore::new());
    let relay = Relay::start_with(
        &Config {
            listen: "127.0.0.1:0".into(),
            ..Config::default()
        },
        store.clone(),
    )
    .await;
    let path = format!("/api/documents/{NAME}");
    let mut ann = Guest::at(relay.address, 1, NAME);
    ann.write(NAME, SECRET);
    until("saved", [&mut ann], |[ann]| ann.saved(NAME, Level::Relay)).await;
    let unknown = http(relay.address, &get("/api/documents/other")).await;
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    let delete = get(&path).replace("GET", "DELETE");
    let answer = http(relay.address, &delete).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("\"purged\":true") && answer.contains("this relay"),
        "{answer}"
    );
    assert!(store.documents().expect("read").is_empty());
    let gone = http(relay.address, &get(&path)).await;
    assert!(gone.starts_with("HTTP/1.1 410"), "{gone}");
    let body = r#"{"changes":[{"op":"set","at":["a"],"key":"b","value":1}]}"#;
    let post = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let gone = http(relay.address, &post).await;
    assert!(gone.starts_with("HTTP/1.1 410"), "{gone}");
    relay.stop().await.expect("a clean end");
}

#[test]
fn a_folder_is_purged_without_a_relay_and_a_backup_keeps_that() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let (kind, open) = with_marks().next().expect("the log");
    assert_eq!(kind, "log");
    let store = open(&data, &StoreOptions::default()).expect("a store");
    fill(&*store, &mut Author::new(1));
    drop(store);
    let lift = command(&data, &["purge", NAME, "--lift"]).expect_err("it was not purged");
    assert!(lift.contains("was not purged"), "{lift}");
    let (done, said) = command(&data, &["purge", NAME]).expect("it works");
    assert!(done && said.contains("this folder"), "{said}");
    assert_eq!(holding(&data, SECRET), Vec::<PathBuf>::new());
    let (_, said) = command(&data, &["inspect"]).expect("it works");
    assert!(said.contains("1 documents, 1 purged"), "{said}");
    let said = command(&data, &["inspect", NAME]).expect_err("it is gone");
    assert!(said.contains("nothing is left"), "{said}");

    let file = folder.path().join("backup");
    let file = file.to_str().expect("utf-8");
    command(&data, &["backup", file]).expect("it works");
    let [new, newer] = ["new", "newer"].map(|name| folder.path().join(name));
    command(&new, &["restore", file]).expect("it works");
    let (from, to) = (new.to_str().expect("utf-8"), newer.to_str().expect("utf-8"));
    command(
        &data,
        &["migrate", "--from", from, "--to", to, "--store", "redb"],
    )
    .expect("it works");
    for data in [&new, &newer] {
        let (whole, said) = command(data, &["verify"]).expect("it works");
        assert!(whole, "{said}");
        let (_, said) = command(data, &["inspect"]).expect("it works");
        assert!(said.contains("1 documents, 1 purged"), "{said}");
    }
}
