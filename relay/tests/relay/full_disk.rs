//! A store that cannot take more, or has lost a document.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use driftwood_relay::store::Store;
use driftwood_sync::{ErrorCode, Level};

use crate::staged::Staged;
use crate::support::{name, until, Guest, Relay};

#[tokio::test]
async fn a_full_disk_is_said_nothing_is_acknowledged_and_it_recovers_by_itself() {
    let store = Arc::new(Staged::default());
    let relay = Relay::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.write("trip", "before. ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let before = ann.version("trip").clone();

    store.full.store(true, Ordering::Relaxed);
    ann.write("trip", "while full. ");
    until("ann is told", [&mut ann], |[ann]| {
        ann.problems().contains(&ErrorCode::StorageFull)
    })
    .await;
    ann.write("trip", "still full. ");
    assert_eq!(ann.client.node().saved(&name("trip"), Level::Relay), before);

    // Reading goes on.
    let mut bob = Guest::at(relay.address, 2, "trip");
    until("bob reads", [&mut ann, &mut bob], |[_, bob]| {
        bob.version("trip").includes(&before)
    })
    .await;
    assert_eq!(ann.client.node().saved(&name("trip"), Level::Relay), before);

    store.full.store(false, Ordering::Relaxed);
    until(
        "all is saved and seen",
        [&mut ann, &mut bob],
        |[ann, bob]| ann.saved("trip", Level::Relay) && bob.body("trip") == ann.body("trip"),
    )
    .await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_damaged_document_is_refused_and_the_others_go_on() {
    let store = Arc::new(Staged::default());
    *store.damaged.lock().expect("not poisoned") = Some(name("trip"));
    let relay = Relay::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.open("work");
    ann.write("trip", "lost there. ");
    ann.write("work", "fine. ");
    until("one is refused, one is saved", [&mut ann], |[ann]| {
        ann.problems().contains(&ErrorCode::StoreCorrupt) && ann.saved("work", Level::Relay)
    })
    .await;
    assert!(ann
        .client
        .node()
        .saved(&name("trip"), Level::Relay)
        .is_empty());
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_sync_that_fails_ends_the_relay_and_nothing_is_acknowledged() {
    let store = Arc::new(Staged::default());
    let relay = Relay::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.write("trip", "before. ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let before = ann.version("trip").clone();

    store.broken.store(true, Ordering::Relaxed);
    ann.write("trip", "never safe. ");
    until("the link is gone", [&mut ann], |[ann]| {
        ann.client.node().links().count() == 0
    })
    .await;
    assert_eq!(ann.client.node().saved(&name("trip"), Level::Relay), before);
    let error = relay.ended().await.expect_err("it cannot go on");
    assert!(error.to_string().contains("staged"), "{error}");
}

#[tokio::test]
async fn a_client_whose_own_disk_is_full_sends_nothing_that_it_has_not_saved() {
    let relay = Relay::start(Arc::new(Staged::default())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    let mut bob = Guest::at(relay.address, 2, "trip");
    ann.write("trip", "one ");
    until("bob has it", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "one "
    })
    .await;

    ann.client.host_mut().full = true;
    ann.write("trip", "two ");
    bob.write("trip", "three ");
    until(
        "bob is saved and ann sees it",
        [&mut ann, &mut bob],
        |[ann, bob]| bob.saved("trip", Level::Relay) && ann.body("trip").contains("three "),
    )
    .await;
    assert!(!ann.saved("trip", Level::Local) && !bob.body("trip").contains("two "));

    ann.client.host_mut().full = false;
    until(
        "all is saved and seen",
        [&mut ann, &mut bob],
        |[ann, bob]| ann.saved("trip", Level::Relay) && bob.body("trip") == ann.body("trip"),
    )
    .await;
    relay.stop().await.expect("a clean end");
}
