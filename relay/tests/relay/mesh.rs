//! Relays that are linked by `--peer`.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use driftwood_crdt::VersionVector;
use driftwood_relay::config::Config;
use driftwood_relay::store::MemoryStore;
use driftwood_sync::Level;
use tokio::sync::watch;

use crate::proxy::Proxy;
use crate::support::{soon, until, Guest, Program, Relay};

fn replicated(guest: &Guest) -> bool {
    guest.saved("trip", Level::Replicated)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_converge_and_one_that_was_killed_catches_up() {
    let (first_data, second_data) = (tempfile::tempdir(), tempfile::tempdir());
    let first_data = first_data.expect("temporary folder");
    let second_data = second_data.expect("temporary folder");
    let first = Program::start(first_data.path(), "127.0.0.1:0", &[]);
    let second = Program::start(second_data.path(), "127.0.0.1:0", &[first.address]);
    let mut ann = Guest::at(first.address, 1, "trip");
    let mut bob = Guest::at(second.address, 2, "trip");

    ann.write("trip", "one ");
    bob.write("trip", "two ");
    until(
        "both have both, on two relays",
        [&mut ann, &mut bob],
        |[ann, bob]| {
            ann.version("trip") == bob.version("trip") && replicated(ann) && replicated(bob)
        },
    )
    .await;
    assert_eq!(ann.body("trip"), bob.body("trip"));

    // One relay alone can save, and says no more than that.
    let second_address = second.kill();
    ann.write("trip", "alone ");
    until("ann is saved on one relay", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay)
    })
    .await;
    bob.write("trip", "offline ");
    assert!(!replicated(&ann));

    let second = Program::start(
        second_data.path(),
        &second_address.to_string(),
        &[first.address],
    );
    until(
        "the relay that returned caught up",
        [&mut ann, &mut bob],
        |[ann, bob]| {
            ann.version("trip") == bob.version("trip") && replicated(ann) && replicated(bob)
        },
    )
    .await;
    assert!(bob.body("trip").contains("alone ") && ann.body("trip").contains("offline "));

    // The other way round: the one that was dialled goes away, and the one that dials finds it
    // again.
    let first_address = first.kill();
    bob.write("trip", "more ");
    until("bob is saved on one relay", [&mut bob], |[bob]| {
        bob.saved("trip", Level::Relay)
    })
    .await;
    assert!(!replicated(&bob));
    let _first = Program::start(first_data.path(), &first_address.to_string(), &[]);
    until("they converge again", [&mut ann, &mut bob], |[ann, bob]| {
        ann.version("trip") == bob.version("trip") && replicated(ann) && replicated(bob)
    })
    .await;
    drop(second);
}

/// Copies the files of a data folder, and of the folders in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("known");
        if kind.is_dir() {
            copy(&path, &to);
        } else if kind.is_file() {
            std::fs::copy(path, to).expect("copied");
        }
    }
}

/// Somebody who was never there before reads so much at a relay.
async fn reads(relay: &Program, replica: u64, wanted: &VersionVector) {
    let mut stranger = Guest::at(relay.address, replica, "trip");
    until("a stranger has all of it", [&mut stranger], |[stranger]| {
        stranger.version("trip").includes(wanted)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_was_restored_from_an_old_copy_is_healed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [data, old, other] = ["data", "old", "other"].map(|name| folder.path().join(name));
    let first = Program::start(&data, "127.0.0.1:0", &[]);
    let address = first.address;
    let listen = address.to_string();
    let mut ann = Guest::at(address, 1, "trip");
    ann.write("trip", "old ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    assert!(first.signal("TERM").await.success());
    copy(&data, &old);

    // By a client: she has all that the relay had told her was safe.
    let first = Program::start(&data, &listen, &[]);
    ann.write("trip", "new ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    first.kill();
    std::fs::remove_dir_all(&data).expect("removed");
    copy(&old, &data);
    let first = Program::start(&data, &listen, &[]);
    until("she is back", [&mut ann], |[ann]| {
        ann.client.node().links().any(|link| link.node.is_some())
    })
    .await;
    ann.write("trip", "newer ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    reads(&first, 10, ann.version("trip")).await;

    // By another relay, with nobody else there.
    let second = Program::start(&other, "127.0.0.1:0", &[address]);
    until("on two relays", [&mut ann], |[ann]| replicated(ann)).await;
    let version = ann.version("trip").clone();
    drop(ann);
    first.kill();
    std::fs::remove_dir_all(&data).expect("removed");
    copy(&old, &data);
    let first = Program::start(&data, &listen, &[]);
    reads(&first, 11, &version).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_relay_is_one_more_relay() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [data, clone] = ["data", "clone"].map(|name| folder.path().join(name));
    let first = Program::start(&data, "127.0.0.1:0", &[]);
    let mut ann = Guest::at(first.address, 1, "trip");
    ann.write("trip", "both ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let listen = first.address.to_string();
    assert!(first.signal("TERM").await.success());
    copy(&data, &clone);
    let first = Program::start(&data, &listen, &[]);
    let clone = Program::start(&clone, "127.0.0.1:0", &[first.address]);
    let mut bob = Guest::at(clone.address, 2, "trip");
    ann.write("trip", "ann's ");
    bob.write("trip", "bob's ");
    until("both have both", [&mut ann, &mut bob], |[ann, bob]| {
        ann.version("trip") == bob.version("trip") && replicated(ann) && replicated(bob)
    })
    .await;
    assert_eq!(ann.body("trip").len(), "both ann's bob's ".len());
    assert_eq!(ann.problems(), []);
}

async fn relay(peers: &[&Proxy]) -> Relay {
    let config = Config {
        listen: "127.0.0.1:0".into(),
        peers: peers
            .iter()
            .map(|peer| format!("ws://{}", peer.address))
            .collect(),
        ..Config::default()
    };
    Relay::start_with(&config, Arc::new(MemoryStore::new())).await
}

#[tokio::test]
async fn relays_that_dial_each_other_and_a_third_in_a_ring_converge() {
    let mut targets = Vec::new();
    let mut proxies = Vec::new();
    for _ in 0..3 {
        let (target, wanted) = watch::channel(None);
        targets.push(target);
        proxies.push(Proxy::start(wanted).await);
    }
    // The first and the second dial each other, and the third closes the ring.
    let relays = [
        relay(&[&proxies[1]]).await,
        relay(&[&proxies[0]]).await,
        relay(&[&proxies[0], &proxies[1]]).await,
    ];
    for (target, relay) in targets.iter().zip(&relays) {
        target.send_replace(Some(relay.address));
    }
    let [mut ann, mut bob, mut cat] =
        [0, 1, 2].map(|at| Guest::at(relays[at].address, at as u64 + 1, "trip"));
    for round in 0..20 {
        ann.write("trip", &format!("a{round} "));
        bob.write("trip", &format!("b{round} "));
        cat.write("trip", &format!("c{round} "));
    }
    until(
        "all have all",
        [&mut ann, &mut bob, &mut cat],
        |[ann, bob, cat]| {
            ann.version("trip") == bob.version("trip")
                && bob.version("trip") == cat.version("trip")
                && [ann, bob, cat].iter().all(|guest| replicated(guest))
        },
    )
    .await;
    assert_eq!(ann.body("trip").len(), "a0 ".len() * 30 + "a10 ".len() * 30);
    assert_eq!(ann.body("trip"), bob.body("trip"));
    assert_eq!(ann.body("trip"), cat.body("trip"));
    for relay in relays {
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn what_was_stored_before_the_link_is_exchanged() {
    let alone = relay(&[]).await;
    let mut ann = Guest::at(alone.address, 1, "trip");
    ann.open("work");
    ann.write("trip", "old ");
    ann.write("work", "old too ");
    until("saved", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay) && ann.saved("work", Level::Relay)
    })
    .await;
    let (_target, target) = watch::channel(Some(alone.address));
    let proxy = Proxy::start(target).await;
    let newcomer = relay(&[&proxy]).await;
    let mut bob = Guest::at(newcomer.address, 2, "work");
    until("it has come over", [&mut ann, &mut bob], |[ann, bob]| {
        bob.body("work") == "old too " && replicated(ann)
    })
    .await;
    newcomer.stop().await.expect("a clean end");
    alone.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_relay_that_reaches_itself_drops_the_link_and_serves_on() {
    let (set_target, target) = watch::channel(None);
    let mut proxy = Proxy::start(target).await;
    let relay = relay(&[&proxy]).await;
    set_target.send_replace(Some(relay.address));
    soon(
        "the link is dropped",
        proxy.ended.wait_for(|ended| *ended == 1),
    )
    .await
    .expect("running");

    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.write("trip", "x");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    assert!(!replicated(&ann), "it is no second relay for itself");
    assert_eq!(
        proxy.opened.load(Ordering::Relaxed),
        1,
        "and it is not dialled again"
    );
    relay.stop().await.expect("a clean end");
}
