//! One relay in this process, real sockets.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use driftwood_relay::config::Config;
use driftwood_relay::store::{LogStore, MemoryStore, Store};
use driftwood_sync::Level;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::staged::Staged;
use crate::support::{name, soon, until, Guest, Program, Relay};

#[tokio::test]
async fn two_clients_see_each_other() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    let mut bob = Guest::at(relay.address, 2, "trip");

    ann.write("trip", "from ann. ");
    until("bob sees ann", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "from ann. "
    })
    .await;
    bob.write("trip", "from bob.");
    until("ann sees bob", [&mut ann, &mut bob], |[ann, bob]| {
        ann.body("trip") == "from ann. from bob." && bob.saved("trip", Level::Relay)
    })
    .await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn documents_do_not_mix_and_unopened_ones_do_not_come() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.open("work");
    ann.write("trip", "t");
    ann.write("work", "w");
    let mut bob = Guest::at(relay.address, 2, "trip");
    until(
        "all is saved and seen",
        [&mut ann, &mut bob],
        |[ann, bob]| {
            ann.saved("trip", Level::Relay)
                && ann.saved("work", Level::Relay)
                && bob.body("trip") == "t"
        },
    )
    .await;
    assert_eq!(bob.client.node().documents().count(), 1);
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn edits_made_offline_converge() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    let mut bob = Guest::at(relay.address, 2, "trip");
    ann.write("trip", "start. ");
    until("both have it", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "start. "
    })
    .await;

    ann.hang_up(relay.address);
    bob.hang_up(relay.address);
    until("both are offline", [&mut ann, &mut bob], |[ann, bob]| {
        ann.client.node().links().count() + bob.client.node().links().count() == 0
    })
    .await;
    ann.write("trip", "ann offline. ");
    bob.write("trip", "bob offline. ");
    ann.dial(relay.address);
    bob.dial(relay.address);
    until("they converge", [&mut ann, &mut bob], |[ann, bob]| {
        ann.version("trip") == bob.version("trip") && ann.body("trip").len() == 33
    })
    .await;
    assert_eq!(ann.body("trip"), bob.body("trip"));
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_relay_that_ends_has_kept_everything() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let open = || Arc::new(LogStore::open(folder.path()).expect("a store"));
    let relay = Relay::start(open()).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.write("trip", "kept");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    relay.stop().await.expect("a clean end");

    let relay = Relay::start(open()).await;
    let mut bob = Guest::at(relay.address, 2, "trip");
    until("bob has it", [&mut bob], |[bob]| bob.body("trip") == "kept").await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_flush_and_all_that_waited_shares_the_next() {
    let store = Arc::new(Staged::default());
    store.hold_flushes();
    let relay = Relay::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    let mut bob = Guest::at(relay.address, 2, "trip");
    until("both are there", [&mut ann, &mut bob], |[ann, bob]| {
        ann.client.node().links().count() + bob.client.node().links().count() == 2
    })
    .await;

    // The first reaches the disk and waits there; the others are passed on while they queue behind
    // it.
    let lines = 200;
    for _ in 0..lines {
        ann.write("trip", "x");
        until("bob sees it", [&mut ann, &mut bob], |[ann, bob]| {
            bob.version("trip") == ann.version("trip")
        })
        .await;
    }
    assert!(ann
        .client
        .node()
        .saved(&name("trip"), Level::Relay)
        .is_empty());

    store.release_flushes();
    until("saved", [&mut ann, &mut bob], |[ann, _]| {
        ann.saved("trip", Level::Relay)
    })
    .await;
    let flushes = store.flushes.load(Ordering::Relaxed);
    assert!(flushes <= 3, "{flushes} flushes for {lines} changes");
    relay.stop().await.expect("a clean end");
}

pub(crate) async fn http(relay: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(relay).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    soon("an answer", stream.read_to_end(&mut answer))
        .await
        .expect("received");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn http_answers() {
    let config = Config {
        listen: "127.0.0.1:0".into(),
        allow_origins: vec!["https://notes.example".into()],
        ..Config::default()
    };
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let get = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n{more}\r\n")
    };
    let health = http(relay.address, &get("/healthz", "")).await;
    assert!(
        health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"),
        "{health}"
    );
    let missing = http(relay.address, &get("/nowhere", "")).await;
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
    let plain = http(relay.address, &get("/sync", "")).await;
    assert!(plain.starts_with("HTTP/1.1 426"), "{plain}");

    let upgrade = |origin: &str| {
        format!(
            "GET /sync HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: {origin}\r\n\r\n"
        )
    };
    let refused = http(
        relay.address,
        &upgrade("http://localhost:5173").replace("Upgrade\r", "Upgrade, close\r"),
    )
    .await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");

    let mut stream = TcpStream::connect(relay.address).await.expect("it listens");
    stream
        .write_all(upgrade("https://notes.example").as_bytes())
        .await
        .expect("sent");
    let mut head = [0; 12];
    soon("an upgrade", stream.read_exact(&mut head))
        .await
        .expect("received");
    assert_eq!(&head, b"HTTP/1.1 101");
    drop(stream);
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn the_program_ends_cleanly_on_both_signals() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = Program::start(folder.path(), "127.0.0.1:0", &[]);
        let mut ann = Guest::at(program.address, 1, "trip");
        ann.write("trip", "kept");
        until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
        let status = program.signal(signal).await;
        assert!(status.success(), "{signal}: {status}");
        let store = LogStore::open(folder.path()).expect("the folder is free again");
        assert_eq!(store.documents().expect("read").len(), 1);
    }
}
