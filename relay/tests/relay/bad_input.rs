//! Frames that no well-behaved client sends: each gets its answer, and the others notice nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
use driftwood_relay::store::MemoryStore;
use driftwood_sync::{ErrorCode, Hello, Level, Message, NodeId, Role, PROTOCOL_VERSIONS};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{connect_async, MaybeTlsStream, WebSocketStream};

use crate::hostile::frame;
use crate::support::{name, soon, until, Author, Guest, Relay};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn hello() -> Message {
    Message::Hello(Hello {
        version_min: PROTOCOL_VERSIONS.0,
        version_max: PROTOCOL_VERSIONS.1,
        role: Role::Client,
        node: NodeId(0xbad),
        token: None,
        agent: "test".into(),
    })
}

fn binary(bytes: impl AsRef<[u8]>) -> Frame {
    Frame::Binary(bytes.as_ref().to_vec().into())
}

async fn connect(relay: SocketAddr) -> Socket {
    connect_async(format!("ws://{relay}/sync"))
        .await
        .expect("it listens")
        .0
}

/// What the relay says until it closes: the codes of its errors, and the close code.
async fn last_words(mut socket: Socket) -> (Vec<ErrorCode>, Option<u16>) {
    let mut codes = Vec::new();
    while let Some(Ok(frame)) = soon("an answer", socket.next()).await {
        match frame {
            Frame::Binary(bytes) => {
                if let Ok(Message::Error { code, .. }) = Message::decode(&bytes) {
                    codes.push(code);
                }
            }
            Frame::Close(close) => return (codes, close.map(|close| close.code.into())),
            _ => {}
        }
    }
    (codes, None)
}

/// A relay with a good client whose work must go on whatever others do.
struct Scene {
    relay: Relay,
    good: Guest,
}

impl Scene {
    async fn start() -> Self {
        let relay = Relay::start(Arc::new(MemoryStore::new())).await;
        let good = Guest::at(relay.address, 1, "trip");
        let mut scene = Self { relay, good };
        scene.check("the beginning").await;
        scene
    }

    async fn check(&mut self, after: &str) {
        self.good.write("trip", "x");
        until(after, [&mut self.good], |[good]| {
            good.saved("trip", Level::Relay)
        })
        .await;
        let links = self.good.client.node().links().count();
        assert_eq!(
            (links, self.good.problems()),
            (1, vec![]),
            "the good client, after {after}"
        );
    }
}

#[tokio::test]
async fn bad_messages_get_their_answer() {
    let mut scene = Scene::start().await;
    let open = Message::Open {
        channel: 1,
        document: name("trip"),
        version: VersionVector::new(),
        own: None,
    };
    let open = open.encode();
    let mut trailing = open.to_vec();
    trailing.push(0);
    let mut random = Vec::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..512 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        random.push((state >> 56) as u8);
    }
    let future = {
        let Message::Hello(hello) = hello() else {
            unreachable!("it is one")
        };
        Message::Hello(Hello {
            version_min: 90,
            version_max: 99,
            ..hello
        })
    };
    let bad = (ErrorCode::BadFrame, 4400);
    let large = (ErrorCode::FrameTooLarge, 1009);
    let logged_in = [
        ("text", Frame::Text("hello".into()), bad),
        ("empty", binary([]), bad),
        ("unknown tag", binary([0xff, 1, 2]), bad),
        ("truncated", binary(&open[..open.len() - 1]), bad),
        ("trailing", binary(&trailing), bad),
        ("random", binary(&random), bad),
        ("a little too large", binary(vec![4; (1 << 20) + 1]), large),
        ("far too large", binary(vec![4; 3 << 20]), large),
    ];
    for (what, frame, (code, close)) in logged_in {
        let mut socket = connect(scene.relay.address).await;
        socket.send(binary(hello().encode())).await.expect("sent");
        // The relay may have closed before all of it was sent.
        let _ = socket.send(frame).await;
        assert_eq!(
            last_words(socket).await,
            (vec![code], Some(close)),
            "{what}"
        );
        scene.check(what).await;
    }
    let stranger = (ErrorCode::Unauthenticated, 4401);
    let unknown = (ErrorCode::UnsupportedVersion, 4406);
    for (what, frame, (code, close)) in [
        ("no hello", binary(&open), stranger),
        ("a later protocol", binary(future.encode()), unknown),
        ("large before hello", binary(vec![1; 17 << 10]), large),
        ("text before hello", Frame::Text("hello".into()), bad),
    ] {
        let mut socket = connect(scene.relay.address).await;
        socket.send(frame).await.expect("sent");
        assert_eq!(
            last_words(socket).await,
            (vec![code], Some(close)),
            "{what}"
        );
        scene.check(what).await;
    }
    scene.relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn every_cut_of_a_message_is_survived() {
    let mut scene = Scene::start().await;
    let mut author = Author::new(7);
    let delta = author.write("some text").encode();
    let whole = Message::Delta {
        channel: 1,
        delta: delta.into(),
    }
    .encode();
    for length in 0..whole.len() {
        let mut socket = connect(scene.relay.address).await;
        socket.send(binary(hello().encode())).await.expect("sent");
        let open = Message::Open {
            channel: 1,
            document: name("cut"),
            version: VersionVector::new(),
            own: None,
        };
        socket.send(binary(open.encode())).await.expect("sent");
        socket.send(binary(&whole[..length])).await.expect("sent");
        let (codes, close) = last_words(socket).await;
        assert_eq!(
            (&codes[..], close),
            (&[ErrorCode::BadFrame][..], Some(4400)),
            "{length}"
        );
    }
    scene.check("all cuts").await;
    scene.relay.stop().await.expect("a clean end");
}

/// Reads until a message that is asked for.
async fn wait_for<T>(socket: &mut Socket, what: &str, wanted: impl Fn(Message) -> Option<T>) -> T {
    soon(what, async {
        loop {
            let frame = socket
                .next()
                .await
                .expect("not closed")
                .expect("no failure");
            let Frame::Binary(bytes) = frame else {
                continue;
            };
            if let Some(found) = wanted(Message::decode(&bytes).expect("it speaks our protocol")) {
                return found;
            }
        }
    })
    .await
}

#[tokio::test]
async fn deltas_that_cannot_be_taken_are_refused_and_the_link_stays() {
    let mut scene = Scene::start().await;
    let mut socket = connect(scene.relay.address).await;
    socket.send(binary(hello().encode())).await.expect("sent");
    let open = Message::Open {
        channel: 5,
        document: name("new"),
        version: VersionVector::new(),
        own: None,
    };
    socket.send(binary(open.encode())).await.expect("sent");

    let mut author = Author::new(7);
    let first = author.write("first ");
    let second = author.write("second");
    let message = |delta: &Delta| Message::Delta {
        channel: 5,
        delta: delta.encode().into(),
    };
    socket
        .send(binary(message(&second).encode()))
        .await
        .expect("sent");
    let held = wait_for(&mut socket, "a gap", |message| match message {
        Message::Gap { version, .. } => Some(version),
        _ => None,
    })
    .await;
    assert!(held.is_empty());

    let mut late = Doc::new(ReplicaId::new(8));
    let mut edit = late.edit(4_000_000_000_000);
    edit.text("body")
        .insert(0, "from the future")
        .expect("within limits");
    let future = edit.commit();
    socket
        .send(binary(message(&future).encode()))
        .await
        .expect("sent");
    let refused = wait_for(&mut socket, "a refusal", |message| match message {
        Message::Error { code, about, .. } => Some((code, about)),
        _ => None,
    })
    .await;
    assert_eq!(refused, (ErrorCode::ClockAhead, Some(5)));

    for delta in [&first, &second] {
        socket
            .send(binary(message(delta).encode()))
            .await
            .expect("sent");
    }
    wait_for(&mut socket, "an acknowledgement", |message| match message {
        Message::Ack { version, .. } => version.includes(author.doc.version()).then_some(()),
        _ => None,
    })
    .await;
    scene.check("refused deltas").await;
    scene.relay.stop().await.expect("a clean end");
}

/// A WebSocket whose frames are written by hand.
async fn raw(relay: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(relay).await.expect("it listens");
    let request = "GET /sync HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(
            soon("an upgrade", stream.read_u8())
                .await
                .expect("received"),
        );
    }
    stream
}

#[tokio::test]
async fn malformed_websocket_frames_close_their_own_connection_only() {
    let mut scene = Scene::start().await;
    let long = [&[127][..], &(1u64 << 62).to_be_bytes()].concat();
    let cases = [
        ("reserved bits", frame(0xc2, &[0], b"")),
        ("unmasked", vec![0x82, 1, 7]),
        ("bad UTF-8", frame(0x81, &[2], &[0xc0, 0x80])),
        ("long ping", frame(0x89, &[126, 1, 0], &[0; 256])),
        ("2^62 bytes", frame(0x82, &long, b"")),
        ("reserved opcode", frame(0x83, &[0], b"")),
        ("continuation of nothing", frame(0x80, &[0], b"")),
    ];
    for (what, bytes) in cases {
        let mut stream = raw(scene.relay.address).await;
        stream.write_all(&bytes).await.expect("sent");
        let mut rest = Vec::new();
        // Reset or closed, as long as it ends.
        let _ = soon(what, stream.read_to_end(&mut rest)).await;
        scene.check(what).await;
    }
    scene.relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn unfinished_fragments_are_counted_together() {
    let mut scene = Scene::start().await;
    let mut stream = raw(scene.relay.address).await;
    let length = [&[127][..], &(256u64 << 10).to_be_bytes()].concat();
    let payload = vec![4; 256 << 10];
    let mut sent = stream.write_all(&frame(0x02, &length, &payload)).await;
    for _ in 0..40 {
        if sent.is_ok() {
            sent = stream.write_all(&frame(0x00, &length, &payload)).await;
        }
    }
    let mut rest = Vec::new();
    let _ = soon("the end", stream.read_to_end(&mut rest)).await;
    scene.check("fragments").await;
    scene.relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn half_open_handshakes_are_closed() {
    let mut scene = Scene::start().await;
    let silent = TcpStream::connect(scene.relay.address)
        .await
        .expect("it listens");
    let mut half = TcpStream::connect(scene.relay.address)
        .await
        .expect("it listens");
    half.write_all(b"GET /sync HTTP/1.1\r\nHost: re")
        .await
        .expect("sent");
    let upgraded = raw(scene.relay.address).await;
    let mut answers = Vec::new();
    for mut stream in [silent, half, upgraded] {
        let mut answer = Vec::new();
        let _ = soon("closed", stream.read_to_end(&mut answer)).await;
        answers.push(answer);
    }
    assert!(String::from_utf8_lossy(&answers[2]).contains("UNAUTHENTICATED"));
    scene.check("half-open handshakes").await;
    scene.relay.stop().await.expect("a clean end");
}
