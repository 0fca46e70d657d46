//! What a relay answers to those who do harm over QUIC, beside somebody who does not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use driftwood_relay::store::MemoryStore;
use driftwood_sync::{Level, Message};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::hostile::{hello, open};
use crate::stranger::{dial, framed, varint, Stranger};
use crate::support::{until, Guest, Relay};
use crate::tls::Authority;

/// As many streams as anybody may open.
const STREAMS: usize = 257;

async fn relay(authority: &Authority) -> Relay {
    Relay::start_with(&authority.config(), Arc::new(MemoryStore::new())).await
}

/// Somebody honest still gets through.
async fn serves(authority: &Authority, relay: SocketAddr, replica: u64) {
    let mut ann = Guest::new(replica);
    ann.client.set_trust(authority.trust());
    ann.open("trip");
    let url = format!("quic://localhost:{}", relay.port());
    ann.client.dial(&url).expect("an address");
    ann.write("trip", "x");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
}

#[tokio::test]
async fn bad_input_gets_the_code_that_it_gets_over_a_websocket() {
    let authority = Authority::new();
    let relay = relay(&authority).await;
    let ca = authority.ca();
    let ping = Message::Ping { number: 1 };
    let frame = |bytes: &[u8]| [&varint(bytes.len() as u64)[..], bytes].concat();
    let first = [
        ("garbage", frame(&[0xff, 1, 2]), 4400),
        ("a number in too many bytes", vec![0x81, 0x80, 0], 4400),
        ("something else first", frame(&ping.encode()), 4401),
        ("a hello that is too long", frame(&vec![1; 20_000]), 1009),
        ("too long to be read", varint((1 << 20) + 1), 1009),
        ("much too long to be read", varint(u64::MAX), 1009),
        ("no number", vec![0xff; 10], 4400),
    ];
    for (what, bytes, code) in first {
        let mut stranger = Stranger::silent(&ca, relay.address).await;
        stranger.common.write_all(&bytes).await.expect("written");
        assert_eq!(stranger.refused().await.0, code, "{what}");
    }
    let opened = open(1, "trip", None);
    let then = [
        ("garbage", [&varint(3)[..], &[1, 0xff, 1, 2]].concat(), 4400),
        ("a second hello", framed(&hello(None), 1), 4400),
        ("too long", [varint(2 << 20), varint(1)].concat(), 1009),
        ("half of it", framed(&opened, 1)[..9].to_vec(), 4400),
        ("before the hello", framed(&opened, 0), 4401),
    ];
    for (what, bytes, code) in then {
        let mut stranger = Stranger::silent(&ca, relay.address).await;
        let early = code == 4401;
        if !early {
            stranger.say(&hello(None)).await;
        }
        let mut lane = stranger.lane().await;
        if early {
            // The first stream is the common one only if it is seen to be there.
            stranger.common.write_all(&[200, 1]).await.expect("written");
        }
        lane.write_all(&bytes).await.expect("written");
        lane.finish().expect("open");
        assert_eq!(stranger.refused().await.0, code, "{what}");
    }
    serves(&authority, relay.address, 1).await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn who_says_nothing_or_speaks_something_else_is_cut_off() {
    let authority = Authority::new();
    let relay = relay(&authority).await;
    let other = dial(&authority.ca(), relay.address, b"h3").await;
    assert!(other.is_err(), "another protocol");
    let silent = Stranger::silent(&authority.ca(), relay.address).await;
    let mut slow = Stranger::silent(&authority.ca(), relay.address).await;
    let hello = hello(None).encode();
    let half = [&varint(hello.len() as u64)[..], &hello[..4]].concat();
    slow.common.write_all(&half).await.expect("written");
    serves(&authority, relay.address, 1).await;
    for stranger in [silent, slow] {
        let wanted = (4401, "UNAUTHENTICATED".to_owned());
        assert_eq!(stranger.refused().await, wanted);
    }
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn streams_are_bounded() {
    let authority = Authority::new();
    let relay = relay(&authority).await;
    let stranger = Stranger::greeted(&authority.ca(), relay.address).await;
    let mut lanes = Vec::new();
    for _ in 1..STREAMS {
        let mut lane = stranger.lane().await;
        // What waits for something that never comes.
        lane.write_all(&framed(&open(1, "trip", None), 1 << 40))
            .await
            .expect("written");
        lanes.push(lane);
    }
    let moment = Duration::from_millis(200);
    let more = timeout(moment, stranger.connection.open_uni()).await;
    assert!(more.is_err(), "one too many");
    let both_ways = timeout(moment, stranger.connection.open_bi()).await;
    assert!(both_ways.is_err(), "none of these");
    serves(&authority, relay.address, 1).await;
    assert!(stranger.connection.close_reason().is_none());
    relay.stop().await.expect("a clean end");
}

/// What somebody may cost who does nothing but harm.
#[cfg(target_os = "linux")]
const HOSTILE_BYTES_MAX: u64 = 2 << 20;

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_messages_on_all_streams_cost_little() {
    use crate::support::Program;

    let authority = Authority::new();
    let data = tempfile::tempdir().expect("temporary folder");
    let config = authority.config();
    let [cert, key] = [config.tls_cert, config.tls_key].map(|path| path.expect("given"));
    let flags = [
        format!("--tls-cert={}", cert.display()),
        format!("--tls-key={}", key.display()),
    ];
    let flags = flags.each_ref().map(String::as_str);
    let relay = Program::start_with(data.path(), "127.0.0.1:0", &flags);
    serves(&authority, relay.address, 1).await;
    let before = relay.memory("VmRSS");
    let strangers = (0..10).map(|_| async {
        let stranger = Stranger::greeted(&authority.ca(), relay.address).await;
        let mut lanes = Vec::new();
        for number in 1..STREAMS {
            let mut lane = stranger.lane().await;
            // Half of them are short ones, of which every stream may have one.
            let len = if number % 2 == 0 { 1 << 10 } else { 1 << 20 };
            let begun = [varint(len), varint(1), vec![7; len as usize - 1]].concat();
            let moment = Duration::from_millis(if lanes.len() < 4 { 200 } else { 2 });
            // It ends when no more is taken.
            let _ = timeout(moment, lane.write_all(&begun)).await;
            lanes.push(lane);
        }
        (stranger, lanes)
    });
    let strangers = join_all(strangers).await;
    serves(&authority, relay.address, 2).await;
    let each = relay.memory("VmRSS").saturating_sub(before) / strangers.len() as u64;
    println!(
        "unfinished messages over QUIC: {} KiB a connection",
        each >> 10
    );
    let up = strangers
        .iter()
        .filter(|(stranger, _)| stranger.connection.close_reason().is_none());
    assert_eq!(up.count(), strangers.len(), "they hold what they may");
    assert!(each <= HOSTILE_BYTES_MAX, "{each}");
    relay.kill();
}
