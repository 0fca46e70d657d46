//! A relay, as it runs in earnest, under all that killed one of its kind (notes of how they behave: what
//! is malformed, endless, half open, too large or forged), beside a hundred good clients. None of
//! these is dropped, and no hostile connection costs much memory.

use std::future::Future;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
use driftwood_sync::{ErrorCode, Message, Part};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::crowd::{document, percentile, Crowd};
use crate::hostile::{frame, hello, long, open, Ending, Hostile};
use crate::login::Office;
use crate::support::{Author, Program};

const GOOD: usize = 100;

/// So many do the same at one moment where memory is looked at.
const TOGETHER: u8 = 16;

const MALFORMED: usize = 10_000;

const HALF_OPEN: usize = 1_000;

const MIB: u64 = 1 << 20;

/// What one hostile connection may cost.
const COST_MAX: u64 = 2 * MIB;

/// A relay in a process of its own, and what its enemies have.
struct Scene {
    relay: Program,
    token: String,
}

fn bad_frame() -> Ending {
    (vec![ErrorCode::BadFrame], Some(4400))
}

fn too_large() -> Ending {
    (vec![ErrorCode::FrameTooLarge], Some(1009))
}

/// An address for each of them.
fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, (number / 250) as u8, (number % 250) as u8 + 1)
}

fn a_delta(replica: u64, at_ms: u64) -> Delta {
    let mut doc = Doc::new(ReplicaId::new(replica));
    let mut edit = doc.edit(at_ms);
    edit.text("body").insert(0, "some text").expect("it fits");
    edit.commit()
}

fn delta(channel: u64, bytes: impl Into<Vec<u8>>) -> Message {
    Message::Delta {
        channel,
        delta: bytes.into().into(),
    }
}

impl Scene {
    async fn enter(&self, number: usize) -> Hostile {
        Hostile::inside(self.relay.address, address(number), &self.token).await
    }

    /// One with a document open under channel 1.
    async fn writer(&self, number: usize) -> Hostile {
        let mut hostile = self.enter(number).await;
        hostile.say(&open(1, "hostile", None)).await;
        hostile
    }

    /// A whole message once they are in.
    async fn message(&self, bytes: &[u8]) -> Ending {
        let mut hostile = self.writer(0).await;
        hostile.send(bytes).await;
        hostile.last_words().await
    }

    /// A frame, or what is none, once they are in.
    async fn bytes(&self, bytes: &[u8]) -> Ending {
        let mut hostile = self.enter(0).await;
        hostile.raw(bytes).await;
        hostile.last_words().await
    }

    /// Many do something at one moment. What each of them cost at most, in bytes.
    async fn together<F: Future<Output = Ending>>(
        &self,
        what: &str,
        wanted: Ending,
        act: impl Fn(Hostile) -> F,
    ) {
        let mut all = Vec::new();
        for number in 0..TOGETHER {
            all.push(self.writer(number.into()).await);
        }
        let before = self.relay.memory("VmRSS");
        self.relay.reset_peak();
        for ending in join_all(all.into_iter().map(act)).await {
            assert_eq!(ending, wanted, "{what}");
        }
        let peak = self.relay.memory("VmHWM");
        let each = peak.saturating_sub(before) / u64::from(TOGETHER);
        println!("{what}: {} KiB a connection", each >> 10);
        assert!(each <= COST_MAX, "{what}: {each} bytes a connection");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_good_clients_notice_nothing_of_what_others_do() {
    let office = Office::new("hs256");
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"));
    command
        .args(["--listen", "127.0.0.1:0", "--log", "error", "--auth-key"])
        .arg(office.key())
        .arg("--data")
        .arg(office.folder.path().join("data"));
    let scene = Scene {
        relay: Program::spawn(&mut command),
        token: office.token("mallory", &["--doc", "*:write"]),
    };
    let token = |at| office.token(&format!("good{at}"), &["--doc", "room*:write"]);
    let tokens: Vec<String> = (0..GOOD).map(token).collect();
    let crowd = Crowd::start(scene.relay.address, &tokens);
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;

    let attack = Instant::now();
    malformed_messages(&scene).await;
    malformed_frames(&scene).await;
    what_is_too_large(&scene).await;
    forgeries(&scene).await;
    ten_thousand(&scene).await;
    half_open(&scene).await;
    let over = Instant::now();

    let waits = crowd.finish().await;
    for (what, from, to) in [("alone", start, attack), ("under attack", attack, over)] {
        let [half, most] = [50, 99].map(|part| percentile(&waits, part, from, to));
        println!("acknowledged {what}: p50 {half:?}, p99 {most:?}");
    }
    println!("attacked for {:?}", over - attack);
}

async fn malformed_messages(scene: &Scene) {
    let whole = delta(1, a_delta(7, 1_000).encode()).encode();
    for length in 0..whole.len() {
        let ending = scene.message(&whole[..length]).await;
        assert_eq!(ending, bad_frame(), "cut at {length}");
    }
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let half = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let some = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let trailing = [&whole[..], &[0]].concat();
    let mut cases = vec![vec![], vec![0xff, 1, 2], trailing];
    for count in [&most[..], &half, &some] {
        for head in [
            &[0x02, 1][..],                           // the length of a name
            &[0x02, 1, 1, b'x'],                      // the entries of a version
            &[0x05, 1, 1],                            // of an acknowledgement
            &[0x06, 1],                               // of a gap
            &[0x08, 1],                               // dots
            &[0x09, 0, 0],                            // what only relays say
            &[0x0a, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], // a presence
            &[0x0f],                                  // a token
        ] {
            cases.push([head, count].concat());
        }
    }
    for case in cases {
        let ending = scene.message(&case).await;
        assert_eq!(ending, bad_frame(), "{case:02x?}");
    }
    // A count over a limit of the data is refused as that, and the link goes on.
    for (what, head, wanted) in [
        ("replicas", &[0x04, 1, 0x08][..], ErrorCode::LimitReplicas),
        (
            "containers",
            &[0x04, 1, 0x08, 0, 0, 0],
            ErrorCode::LimitDelta,
        ),
    ] {
        let mut hostile = scene.writer(0).await;
        hostile.send(&[head, &most].concat()).await;
        assert_eq!(hostile.refusal(what).await, wanted, "2^64 {what}");
    }

    let stranger = (vec![ErrorCode::Unauthenticated], Some(4401));
    let unknown = (vec![ErrorCode::UnsupportedVersion], Some(4406));
    for (first, wanted) in [
        (&open(1, "hostile", None).encode()[..], stranger.clone()),
        (&hello(None).encode(), stranger.clone()),
        (&hello(Some("sesame")).encode(), stranger),
        (&[0x01, 7, 9, 1, 2, 3], unknown),
        (&vec![1; 17 << 10], too_large()),
        (&[], bad_frame()),
    ] {
        let mut hostile = Hostile::upgraded(scene.relay.address, address(0)).await;
        hostile.send(first).await;
        assert_eq!(hostile.last_words().await, wanted, "first: {first:02x?}");
    }
}

async fn malformed_frames(scene: &Scene) {
    for (what, bytes) in [
        ("text", frame(0x81, &[5], b"hello")),
        ("empty text", frame(0x81, &[0], b"")),
        ("bad UTF-8", frame(0x81, &[2], &[0xc0, 0x80])),
        ("a reserved bit", frame(0xc2, &[0], b"")),
        ("no mask", vec![0x82, 1, 7]),
        ("a long ping", frame(0x89, &[126, 1, 0], &[0; 256])),
        ("a ping in fragments", frame(0x09, &[1], &[0])),
        ("a reserved opcode", frame(0x83, &[0], b"")),
        ("a continuation of nothing", frame(0x80, &[0], b"")),
    ] {
        assert_eq!(scene.bytes(&bytes).await, bad_frame(), "{what}");
    }
    let endless = scene.bytes(&frame(0x82, &long(1 << 62), b"")).await;
    assert_eq!(endless, too_large(), "2^62 bytes");
}

async fn what_is_too_large(scene: &Scene) {
    let poured = |first| move |hostile: Hostile| hostile.pour(first, 100 * MIB, 100 << 20);
    scene
        .together("100 MB of zeros", too_large(), poured(0x82))
        .await;
    let just = move |hostile: Hostile| hostile.pour(0x82, MIB + 1, (1 << 20) + (64 << 10));
    scene.together("a byte over 1 MiB", too_large(), just).await;
    let fragments = |mut hostile: Hostile| async move {
        let piece = frame(0x00, &long(256 << 10), &vec![4; 256 << 10]);
        hostile.raw(&frame(0x02, &[0], b"")).await;
        hostile.pour_on(&piece, 240).await
    };
    scene
        .together("60 MB in unfinished fragments", too_large(), fragments)
        .await;
    // What a delta of 64 MiB of nothing comes to when it is compressed, and one that says it were.
    let zeros = lz4_zeros(64 << 20);
    let bomb = delta(1, [&[0x10, 0x80, 0x80, 0x80, 0x20][..], &zeros].concat()).encode();
    assert!(bomb.len() < 1 << 20);
    let bombed = |mut hostile: Hostile| {
        let bomb = bomb.clone();
        async move {
            hostile.send(&bomb).await;
            hostile.last_words().await
        }
    };
    scene
        .together("64 MiB compressed", too_large(), bombed)
        .await;

    // A delta that is larger than any may be, in parts: refused, and the link goes on.
    let mut hostile = scene.writer(0).await;
    hostile
        .say(&Message::Part(Part {
            channel: 1,
            hash: 7,
            total: 100 * MIB,
            offset: 0,
            bytes: vec![7; 64 << 10].into(),
        }))
        .await;
    let refusal = hostile.refusal("100 MB in parts").await;
    assert_eq!(refusal, ErrorCode::LimitDelta);
}

/// An LZ4 block (its format's own documentation) that is so many zeros.
fn lz4_zeros(bytes: usize) -> Vec<u8> {
    // One literal, then a match of all that follows but five, one byte back, then five literals.
    let rest = bytes - 6 - 4 - 15;
    let mut block = vec![0x1f, 0, 1, 0];
    block.extend(std::iter::repeat_n(0xff, rest / 255));
    block.extend([(rest % 255) as u8, 0x50, 0, 0, 0, 0, 0]);
    block
}

async fn forgeries(scene: &Scene) {
    let forged = (vec![ErrorCode::ForgedReplica], Some(4403));
    // The first of the good ones writes under 1.
    let room = document(0);
    let mut hostile = scene.enter(0).await;
    hostile.say(&open(1, &room, Some(1))).await;
    assert_eq!(hostile.last_words().await, forged, "somebody else's id");

    let mut hostile = scene.enter(0).await;
    hostile.say(&open(1, &room, Some(999))).await;
    let held = hostile
        .until("its version", |message| match message {
            Message::Open { version, .. } => Some(version),
            _ => None,
        })
        .await;
    hostile.say(&delta(1, next_of(&held, 1))).await;
    assert_eq!(
        hostile.last_words().await,
        forged,
        "in somebody else's name"
    );

    let mut hostile = scene.writer(0).await;
    let mut twins = [Author::new(10), Author::new(10)];
    for twin in &mut twins {
        hostile.say(&delta(1, twin.write("both ").encode())).await;
    }
    for (twin, text) in twins.iter_mut().zip(["one", "two"]) {
        hostile.say(&delta(1, twin.write(text).encode())).await;
    }
    let again = hostile.refusal("a dot used twice").await;
    assert_eq!(again, ErrorCode::DotConflict);

    let mut hostile = scene.writer(0).await;
    let far = a_delta(8, 4_000_000_000_000).encode();
    hostile.say(&delta(1, far)).await;
    let refusal = hostile.refusal("a far future").await;
    assert_eq!(refusal, ErrorCode::ClockAhead);
    let fine = Author::new(9).write("x").encode();
    hostile.say(&open(2, "elsewhere", None)).await;
    hostile.say(&delta(2, fine)).await;
    hostile
        .until("it goes on", |message| match message {
            Message::Ack { version, .. } => (version.get(ReplicaId::new(9)) > 0).then_some(()),
            _ => None,
        })
        .await;
}

/// A change of `replica` that follows on what is held.
fn next_of(held: &VersionVector, replica: u64) -> Vec<u8> {
    let mut author = Author::new(replica);
    let mut last = author.write("y");
    while last.to().get(ReplicaId::new(replica)) <= held.get(ReplicaId::new(replica)) {
        last = author.write("y");
    }
    last.encode()
}

/// Frames that follow from a seed and are malformed in any way.
async fn ten_thousand(scene: &Scene) {
    let seed = crate::support::seed();
    println!("malformed frames from DRIFTWOOD_SEED={seed}");
    let samples: Vec<Vec<u8>> = include_str!("../../../vectors/messages-v1.txt")
        .lines()
        .filter_map(|line| line.split_once(' ').filter(|_| !line.starts_with('#')))
        .map(|(_, hex)| {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            (0..hex.len()).step_by(2).map(byte).collect()
        })
        .collect();
    let mut random = crate::support::Random::new(seed);
    let mut sent = 0;
    let begun = Instant::now();
    while sent < MALFORMED {
        let mut batch = Vec::new();
        while batch.len() < 100 {
            let mut bytes = samples[random.below(samples.len())].clone();
            for _ in 0..=random.below(4) {
                match random.below(3) {
                    0 => bytes.truncate(random.below(bytes.len() + 1)),
                    1 => bytes.push(random.below(256) as u8),
                    _ if bytes.is_empty() => {}
                    _ => {
                        let at = random.below(bytes.len());
                        bytes[at] = random.below(256) as u8;
                    }
                }
            }
            // What is no message of a client's, whatever came before.
            if Message::decode(&bytes).is_err() && bytes.first() != Some(&1) {
                batch.push(bytes);
            }
        }
        let one = |(at, bytes): (usize, Vec<u8>)| async move {
            let number = sent + at;
            let mut hostile = scene.enter(number).await;
            hostile.send(&bytes).await;
            assert_eq!(hostile.last_words().await, bad_frame(), "{bytes:02x?}");
        };
        let count = batch.len();
        join_all(batch.into_iter().enumerate().map(one)).await;
        sent += count;
    }
    println!("{MALFORMED} malformed messages in {:?}", begun.elapsed());
}

/// Handshakes that stop somewhere are given five seconds.
async fn half_open(scene: &Scene) {
    let relay = scene.relay.address;
    let before = scene.relay.memory("VmRSS");
    scene.relay.reset_peak();
    // What the kernel has no room for in its queue would not be half open but nothing at all.
    let door = Semaphore::new(32);
    let door = &door;
    let one = |number: usize| async move {
        let from = address(number);
        let turn = door.acquire().await;
        let begun = Instant::now();
        let hostile = match number % 3 {
            0 => Hostile::tcp(relay, from).await,
            1 => {
                let mut half = Hostile::tcp(relay, from).await;
                half.raw(b"GET /sync HTTP/1.1\r\nHost: re").await;
                half
            }
            _ => Hostile::upgraded(relay, from).await,
        };
        drop(turn);
        hostile.last_words().await;
        begun.elapsed()
    };
    let ends = join_all((0..HALF_OPEN).map(one)).await;
    let last = ends.into_iter().max().expect("there are some");
    let each = scene.relay.memory("VmHWM").saturating_sub(before) / HALF_OPEN as u64;
    println!(
        "half-open handshakes: closed after {last:?} at most, {} KiB each",
        each >> 10
    );
    // Five, and what a busy machine takes to begin with a thousand at once.
    assert!(last < Duration::from_secs(8), "closed after {last:?}");
    assert!(each <= 64 << 10, "{each} bytes each");
}
