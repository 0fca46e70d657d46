//! Relays and clients over QUIC.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use driftwood_crdt::{Delta, Doc, ReplicaId};
use driftwood_relay::config::Config;
use driftwood_relay::driver::{LinkState, Notice, Transport};
use driftwood_relay::server::Server;
use driftwood_relay::store::MemoryStore;
use driftwood_relay::tls::Trust;
use driftwood_sync::{ErrorCode, Level, Message};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::hostile::open;
use crate::login::Office;
use crate::stranger::{framed, Stranger};
use crate::support::{name, noise, soon, until, Guest, Program, Relay};
use crate::tls::Authority;

fn url(relay: SocketAddr) -> String {
    format!("quic://localhost:{}", relay.port())
}

fn dial(guest: &mut Guest, trust: Trust, relay: SocketAddr) {
    guest.client.set_trust(trust);
    guest.client.dial(&url(relay)).expect("an address");
}

fn guest(authority: &Authority, replica: u64, relay: SocketAddr) -> Guest {
    let mut guest = Guest::new(replica);
    guest.open("trip");
    dial(&mut guest, authority.trust(), relay);
    guest
}

/// What its links have run over so far.
fn over(guest: &Guest) -> Vec<Transport> {
    let over = |notice: &Notice| match notice {
        Notice::Link {
            state: LinkState::Online { over },
            ..
        } => Some(*over),
        _ => None,
    };
    guest
        .client
        .host()
        .notices
        .iter()
        .filter_map(over)
        .collect()
}

async fn relay(config: &Config) -> Relay {
    Relay::start_with(config, Arc::new(MemoryStore::new())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_relays_and_their_clients_converge() {
    let authority = Authority::new();
    let peers = |relays: &[&Relay]| Config {
        peers: relays.iter().map(|relay| url(relay.address)).collect(),
        peer_ca: Some(authority.ca()),
        ..authority.config()
    };
    let one = relay(&authority.config()).await;
    let two = relay(&peers(&[&one])).await;
    let three = relay(&peers(&[&two, &one])).await;
    let mut ann = guest(&authority, 1, one.address);
    let mut bob = guest(&authority, 2, two.address);
    let mut cat = guest(&authority, 3, three.address);
    for round in 0..20 {
        ann.write("trip", &format!("a{round} "));
        bob.write("trip", &format!("b{round} "));
        cat.write("trip", &format!("c{round} "));
    }
    until("all have all", [&mut ann, &mut bob, &mut cat], |all| {
        let [ann, bob, cat] = all;
        ann.version("trip") == bob.version("trip")
            && bob.version("trip") == cat.version("trip")
            && all.iter().all(|it| it.saved("trip", Level::Replicated))
    })
    .await;
    assert_eq!(ann.body("trip").len(), "a0 ".len() * 30 + "a10 ".len() * 30);
    assert_eq!(ann.body("trip"), cat.body("trip"));
    for guest in [&ann, &bob, &cat] {
        assert_eq!(over(guest), [Transport::Quic]);
        assert_eq!(guest.problems(), []);
    }
    for relay in [three, two, one] {
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_killed_again_and_again_loses_nothing_that_it_acknowledged() {
    let authority = Authority::new();
    let data = tempfile::tempdir().expect("temporary folder");
    let config = authority.config();
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let files = [
        flag("tls-cert", &config.tls_cert.expect("given")),
        flag("tls-key", &config.tls_key.expect("given")),
    ];
    let more = files.each_ref().map(String::as_str);
    let mut program = Program::start_with(data.path(), "127.0.0.1:0", &more);
    let listen = program.address.to_string();
    let mut ann = guest(&authority, 1, program.address);
    for round in 0..4 {
        for piece in 0..10 {
            ann.write("trip", &format!("{round}.{piece} "));
        }
        let acknowledged = ann.saved_seq("trip", Level::Relay);
        until("more is saved", [&mut ann], |[ann]| {
            ann.saved_seq("trip", Level::Relay) > acknowledged
        })
        .await;
        ann.write("trip", "under way ");
        let acknowledged = ann.saved_seq("trip", Level::Relay);
        program.kill();
        program = Program::start_with(data.path(), &listen, &more);
        // Somebody who was never there has all that ann was told is safe.
        let mut stranger = guest(&authority, 100 + round, program.address);
        until("a stranger reads", [&mut stranger], |[it]| {
            it.version("trip").get(ReplicaId::new(1)) >= acknowledged
        })
        .await;
    }
    until("all of it is saved", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay)
    })
    .await;
    assert!(over(&ann).iter().all(|over| *over == Transport::Quic));
    assert!(over(&ann).len() > 4, "it came back each time");
    assert!(program.signal("TERM").await.success());
}

#[tokio::test]
async fn a_token_is_needed_and_enough() {
    let (authority, office) = (Authority::new(), Office::new("eddsa"));
    let guarded = |token: &str| Config {
        auth_keys: vec![office.key().to_owned()],
        peer_token: Some(office.peer_token(token)),
        peer_ca: Some(authority.ca()),
        ..authority.config()
    };
    let one = relay(&guarded("relay-1")).await;
    let two = relay(&Config {
        peers: vec![url(one.address)],
        ..guarded("relay-2")
    })
    .await;
    let mut ann = Guest::with_token(1, &office.token("ann", &["--doc", "*:write"]));
    ann.open("trip");
    dial(&mut ann, authority.trust(), one.address);
    let mut bob = Guest::with_token(2, &office.token("bob", &["--doc", "*:read"]));
    bob.open("trip");
    dial(&mut bob, authority.trust(), two.address);
    ann.write("trip", "sealed");
    until("bob reads it", [&mut ann, &mut bob], |[ann, bob]| {
        bob.body("trip") == "sealed" && ann.saved("trip", Level::Replicated)
    })
    .await;
    bob.write("trip", "no");
    until("bob may not write", [&mut bob], |[bob]| {
        bob.problems() == [ErrorCode::Forbidden]
    })
    .await;
    let mut eve = Guest::with_token(3, "sesame");
    dial(&mut eve, authority.trust(), one.address);
    until("eve is told", [&mut eve], |[eve]| {
        eve.problems().contains(&ErrorCode::Unauthenticated)
    })
    .await;
    for relay in [two, one] {
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let config = old.config();
    let relay = relay(&config).await;
    let mut ann = guest(&old, 1, relay.address);
    ann.write("trip", "x");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    new.sign(
        &config.tls_cert.expect("given"),
        &config.tls_key.expect("given"),
    );
    let mut bob = Guest::new(2);
    bob.open("trip");
    bob.client.set_quic_pause(Duration::ZERO);
    dial(&mut bob, new.trust(), relay.address);
    until("the new one is there", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "x" && over(bob).last() == Some(&Transport::Quic)
    })
    .await;
    ann.write("trip", "y");
    until("ann goes on", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "xy"
    })
    .await;
    assert_eq!(over(&ann), [Transport::Quic]);
    relay.stop().await.expect("a clean end");
}

/// Passes packets on between those who send to one port and another one.
async fn hop(at: SocketAddr, to: SocketAddr) -> JoinHandle<()> {
    let near = UdpSocket::bind(at).await.expect("the port is free");
    let far = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    far.connect(to).await.expect("an address");
    tokio::spawn(async move {
        let mut last = None;
        let (mut up, mut down) = ([0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                Ok((len, from)) = near.recv_from(&mut up) => {
                    last = Some(from);
                    let _ = far.send(&up[..len]).await;
                }
                Ok(len) = far.recv(&mut down) => {
                    if let Some(to) = last {
                        let _ = near.send_to(&down[..len], to).await;
                    }
                }
            }
        }
    })
}

#[tokio::test]
async fn where_udp_does_not_get_through_it_is_a_websocket_until_it_does() {
    let authority = Authority::new();
    let config = Config {
        quic: Some("127.0.0.1:0".into()),
        ..authority.config()
    };
    let server = Server::bind_with(&config, Arc::new(MemoryStore::new())).await;
    let server = server.expect("free ports");
    let quic = server.quic_address().expect("it was asked for");
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        let _ = stopped.await;
    }));
    // Nobody answers at the port that the address names.
    let mut ann = Guest::new(1);
    ann.open("trip");
    ann.client.set_quic_pause(Duration::from_millis(200));
    dial(&mut ann, authority.trust(), address);
    ann.write("trip", "over TCP, ");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    assert_eq!(over(&ann), [Transport::WebSocket]);

    let hop = hop(address, quic).await;
    until("it goes over to QUIC", [&mut ann], |[ann]| {
        over(ann) == [Transport::WebSocket, Transport::Quic]
    })
    .await;
    ann.write("trip", "over UDP");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    assert_eq!(ann.problems(), []);
    hop.abort();
    drop(stop);
    soon("the relay ends", serving)
        .await
        .expect("no panic")
        .expect("a clean end");
}

#[tokio::test]
async fn quic_can_be_off_and_needs_a_certificate() {
    let authority = Authority::new();
    let off = Config {
        quic: Some("off".into()),
        ..authority.config()
    };
    let relay = relay(&off).await;
    let mut ann = guest(&authority, 1, relay.address);
    ann.write("trip", "x");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    assert_eq!(over(&ann), [Transport::WebSocket]);
    relay.stop().await.expect("a clean end");

    let plain = Config {
        listen: "127.0.0.1:0".into(),
        quic: Some("127.0.0.1:0".into()),
        ..Config::default()
    };
    let refused = Server::bind_with(&plain, Arc::new(MemoryStore::new())).await;
    let said = refused.map(drop).expect_err("no certificate").to_string();
    assert!(said.contains("--quic needs --tls-cert"), "{said}");
    let everywhere = Config {
        quic: Some("0.0.0.0:0".into()),
        ..authority.config()
    };
    let refused = Server::bind_with(&everywhere, Arc::new(MemoryStore::new())).await;
    let said = refused.map(drop).expect_err("nobody logs in").to_string();
    assert!(said.contains("--auth-key"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_document_does_not_hold_up_small_changes_of_another() {
    let authority = Authority::new();
    let relay = relay(&authority.config()).await;
    let mut ann = guest(&authority, 1, relay.address);
    ann.open("large");
    ann.write("large", &noise(7, 12 << 20));
    ann.write("trip", "start");
    until("saved", [&mut ann], |[ann]| {
        ann.saved("large", Level::Relay) && ann.saved("trip", Level::Relay)
    })
    .await;
    let mut bob = guest(&authority, 2, relay.address);
    until("bob has the small one", [&mut bob], |[bob]| {
        bob.body("trip") == "start"
    })
    .await;
    bob.open("large");
    let large = name("large");
    until("the large one is on its way", [&mut bob], |[bob]| {
        bob.client.node().receiving(&large).is_some()
    })
    .await;
    for round in 0..5 {
        ann.write("trip", &format!(" {round}"));
        until("bob sees it", [&mut ann, &mut bob], |[ann, bob]| {
            bob.body("trip") == ann.body("trip") && ann.saved("trip", Level::Relay)
        })
        .await;
        assert_eq!(bob.body("large"), "", "and the large one is not there yet");
    }
    until("all of it is there", [&mut bob], |[bob]| {
        bob.version("large") == ann.version("large")
    })
    .await;
    assert!(bob.body("large") == ann.body("large"));
    relay.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_reading_holds_up_nobody_and_misses_nothing() {
    let authority = Authority::new();
    let relay = relay(&authority.config()).await;
    let mut ann = guest(&authority, 1, relay.address);
    ann.open("small");
    for piece in 0..40 {
        ann.write("trip", &noise(piece, 100 << 10));
    }
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let mut slow = Stranger::greeted(&authority.ca(), relay.address).await;
    let mut lanes = [slow.lane().await, slow.lane().await];
    for (lane, (channel, document)) in lanes.iter_mut().zip([(1, "trip"), (2, "small")]) {
        let asked = framed(&open(channel, document, None), 1);
        lane.write_all(&asked).await.expect("written");
    }
    // It does not read; others do.
    let mut bob = guest(&authority, 2, relay.address);
    until("bob has all", [&mut bob], |[bob]| {
        bob.version("trip") == ann.version("trip")
    })
    .await;
    ann.write("trip", "the end");
    ann.write("small", "x");
    until("bob goes on", [&mut ann, &mut bob], |[ann, bob]| {
        bob.version("trip") == ann.version("trip") && ann.saved("small", Level::Relay)
    })
    .await;

    let mut messages = slow.read();
    let mut channels = BTreeMap::new();
    let mut copy = Doc::new(ReplicaId::new(9));
    let (mut bytes, mut before_small) = (0, None);
    soon("it has all as well", async {
        while copy.version() != ann.version("trip") || before_small.is_none() {
            let (lane, message) = messages.recv().await.expect("the connection is up");
            let (channel, delta) = match message {
                Message::Delta { channel, delta } => (channel, delta),
                Message::Open {
                    channel, document, ..
                } => {
                    channels.insert(channel, (lane, document));
                    continue;
                }
                _ => continue,
            };
            let (own, document) = &channels[&channel];
            assert_eq!(*own, lane, "each document has a stream of its own");
            if *document == name("small") {
                before_small = Some(bytes);
                continue;
            }
            bytes += delta.len();
            let delta = Delta::decode(&delta).expect("a delta");
            copy.merge(&delta).expect("in order");
        }
    })
    .await;
    // What was under way, what waited to be, and what had just been loaded: 500 KB, where the machine has time.
    let before = before_small.expect("it came");
    println!("{before} of {bytes} bytes came before the small change");
    assert!(before < bytes / 2, "{before} of {bytes}");
    slow.say(&Message::Ping { number: 4 }).await;
    soon("an answer", async {
        while messages.recv().await.expect("up") != (0, Message::Pong { number: 4 }) {}
    })
    .await;
    let stopping = tokio::spawn(relay.stop());
    assert_eq!(slow.refused().await, (1001, "GOING_AWAY".to_owned()));
    stopping.await.expect("no panic").expect("a clean end");
}
