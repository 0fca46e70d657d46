//! Clients that stop reading.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use driftwood_relay::store::Store;
use driftwood_sync::Level;
use futures_util::future::select_all;
use tokio::sync::watch;

use crate::loopback::http;
use crate::operation::{get, metric};
use crate::proxy::Proxy;
use crate::staged::Staged;
use crate::support::{noise, soon, until, Guest, Program, Relay};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_holds_up_nobody_and_misses_nothing() {
    let store = Arc::new(Staged::default());
    let relay = Relay::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let (_target, target) = watch::channel(Some(relay.address));
    let proxy = Proxy::start(target).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    let mut bob = Guest::at(relay.address, 2, "trip");
    let mut slow = Guest::at(proxy.address, 3, "trip");
    ann.write("trip", "start");
    until(
        "all three are there",
        [&mut ann, &mut bob, &mut slow],
        |[ann, bob, slow]| {
            ann.saved("trip", Level::Relay)
                && bob.body("trip") == "start"
                && slow.body("trip") == "start"
        },
    )
    .await;

    // Far more than the sockets' buffers and the queue hold.
    proxy.stall();
    for round in 0..16 {
        for number in 0..16 {
            ann.write("trip", &noise(16 * round + number, 32 << 10));
        }
        until(
            "bob keeps up",
            [&mut ann, &mut bob, &mut slow],
            |[ann, bob, _]| {
                bob.version("trip") == ann.version("trip") && ann.saved("trip", Level::Relay)
            },
        )
        .await;
    }
    assert_ne!(slow.version("trip"), ann.version("trip"));
    let loads = store.loads.load(Ordering::Relaxed);

    proxy.resume();
    until("slow catches up", [&mut ann, &mut slow], |[ann, slow]| {
        slow.version("trip") == ann.version("trip")
    })
    .await;
    assert_eq!(slow.body("trip"), ann.body("trip"));
    // What it missed did not wait in a queue for it but was read again.
    assert!(store.loads.load(Ordering::Relaxed) > loads);
    relay.stop().await.expect("a clean end");
}

/// What a hundred of them may cost, each.
const STOPPED_BYTES_MAX: u64 = 512 << 10;

/// Far more than one of them may cost.
const PIECES: u32 = 48;

const PIECE_BYTES: usize = 32 << 10;

async fn write_much(writer: &mut Guest, document: &str, first: u32) {
    for piece in first..first + PIECES {
        writer.write(document, &noise(piece, PIECE_BYTES));
        until("a piece is saved", [writer], |[writer]| {
            writer.saved(document, Level::Relay)
        })
        .await;
    }
}

async fn until_all(what: &str, guests: &mut [Guest], is_there: impl Fn(&Guest) -> bool) {
    soon(what, async {
        while !guests.iter().all(&is_there) {
            let steps = guests.iter_mut();
            select_all(steps.map(|guest| Box::pin(guest.client.step()))).await;
        }
    })
    .await;
}

async fn congested(relay: &Program) -> f64 {
    let answer = http(relay.address, &get("/metrics")).await;
    metric(&answer, "driftwood_congested_connections")
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_that_stop_reading_cost_little_and_miss_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let relay = Program::start(folder.path(), "127.0.0.1:0", &[]);
    let (_target, target) = watch::channel(Some(relay.address));
    let proxy = Proxy::start(target).await;
    let mut writer = Guest::at(relay.address, 1, "room");
    writer.open("other");
    writer.write("room", "start");
    let reader = |number: u64| Guest::at(proxy.address, 100 + number, "room");
    let mut readers: Vec<Guest> = (0..100).map(reader).collect();
    until("it is there", [&mut writer], |[it]| {
        it.saved("room", Level::Relay)
    })
    .await;
    until_all("they read", &mut readers, |it| it.body("room") == "start").await;

    // What the store takes for as much that nobody reads.
    let before = relay.memory("VmRSS");
    write_much(&mut writer, "other", 0).await;
    let stored = relay.memory("VmRSS").saturating_sub(before) / 100;

    // They stop while they read.
    proxy.stall();
    let before = relay.memory("VmRSS");
    write_much(&mut writer, "room", PIECES).await;
    let reading = relay.memory("VmRSS").saturating_sub(before) / 100;
    assert!(congested(&relay).await >= 100.0);
    proxy.resume();
    let wanted = writer.version("room").clone();
    until_all("they catch up", &mut readers, |it| {
        *it.version("room") == wanted
    })
    .await;

    // They stop when they have asked for much.
    proxy.stall();
    let before = relay.memory("VmRSS");
    for reader in &mut readers {
        reader.open("other");
    }
    let mut last = Guest::at(relay.address, 2, "other");
    let wanted = writer.version("other").clone();
    // What the relay reads for them, it has read before it does so for the last one.
    until("the last one has it", [&mut last], |[it]| {
        *it.version("other") == wanted
    })
    .await;
    let asking = relay.memory("VmRSS").saturating_sub(before) / 100;
    assert!(congested(&relay).await >= 100.0);
    proxy.resume();
    until_all("they catch up", &mut readers, |it| {
        *it.version("other") == wanted
    })
    .await;

    println!(
        "stopped readers: {} KiB each while reading (of which the store takes about {}), {} KiB \
         after asking",
        reading >> 10,
        stored >> 10,
        asking >> 10
    );
    for reader in &readers {
        assert_eq!(reader.problems(), []);
        for document in ["room", "other"] {
            assert!(reader.body(document) == writer.body(document), "{document}");
        }
    }
    assert!(reading.max(asking) <= STOPPED_BYTES_MAX, "too much each");
}
