//! A client that stops reading.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use driftwood_relay::store::Store;
use driftwood_sync::Level;
use tokio::sync::watch;

use crate::proxy::Proxy;
use crate::staged::Staged;
use crate::support::{noise, until, Guest, Relay};

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
