//! The real program, loaded, and killed with SIGKILL again and again.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftwood_crdt::VersionVector;
use driftwood_sync::Level;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{name, noise, soon, until, Guest, Program};

/// Those who write.
const WRITERS: u64 = 4;

/// What they all write to. The last one gets long pieces, and so a checkpoint every round or two.
const DOCUMENTS: [&str; 3] = ["trip", "work", "archive"];

/// A relay that was killed reads what it has and serves within this time, on a busy machine too.
const SERVES_WITHIN: Duration = Duration::from_secs(5);

/// After so many rounds the documents are let be, and others begun: one that grows for ever is another
/// test.
const ROUNDS_A_SET: usize = 10;

/// CI's number; `cargo xtask crash --rounds` sets the variable.
fn rounds() -> usize {
    std::env::var("DRIFTWOOD_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

/// Someone who writes to all documents as fast as they are acknowledged, until told to stop.
struct Writer {
    guest: Guest,
    documents: Vec<String>,
    pieces: u32,
}

impl Writer {
    fn new(replica: u64, set: usize) -> Self {
        let mut guest = Guest::new(replica);
        let documents = DOCUMENTS.map(|document| format!("{document}-{set}"));
        for document in &documents {
            guest.open(document);
        }
        Self {
            guest,
            documents: documents.into(),
            pieces: 0,
        }
    }

    fn write(mut self, stop: Arc<AtomicBool>) -> JoinHandle<Self> {
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                self.pieces += 1;
                let [small, other, large] = [0, 1, 2].map(|at| self.documents[at].clone());
                self.guest.write(&small, "line\n");
                if self.pieces.is_multiple_of(3) {
                    self.guest.write(&other, "item\n");
                }
                if self.pieces.is_multiple_of(4) {
                    self.guest.write(&large, &noise(self.pieces, 12_000));
                }
                // Some changes go out together, some apart.
                for _ in 0..self.pieces % 4 {
                    let _ = timeout(Duration::from_millis(2), self.guest.client.step()).await;
                }
            }
            self
        })
    }

    fn acknowledged(&self, document: &str) -> VersionVector {
        self.guest
            .client
            .node()
            .saved(&name(document), Level::Relay)
    }

    /// Reads what the relay still said, and leaves.
    async fn leave(&mut self, address: SocketAddr) {
        let offline = |[guest]: &[&mut Guest; 1]| guest.client.node().links().count() == 0;
        until("the link breaks", [&mut self.guest], offline).await;
        self.guest.hang_up(address);
        until("nobody dials", [&mut self.guest], offline).await;
    }
}

/// What a relay that was just started has of the documents, and nobody else is there to bring.
async fn what_is_kept(address: SocketAddr, documents: &[String], wanted: &[VersionVector]) {
    let mut stranger = Guest::new(1_000);
    for document in documents {
        stranger.open(document);
    }
    stranger.dial(address);
    until(
        "the stranger has what was acknowledged",
        [&mut stranger],
        |[stranger]| {
            let mut both = documents.iter().zip(wanted);
            both.all(|(document, wanted)| stranger.version(document).includes(wanted))
        },
    )
    .await;
    stranger.client.close().await;
}

async fn crash(folder: &Path, rounds: usize, more: &[&str]) {
    let seed = getrandom::u64().expect("the system has randomness");
    println!("seed {seed}: {rounds} rounds");
    let mut moments = seed | 1;
    let mut program = Program::start_with(folder, "127.0.0.1:0", more);
    let address = program.address;
    let mut writers: Vec<Writer> = Vec::new();
    let mut slowest = Duration::ZERO;
    let mut changes = 0;

    for round in 0..rounds {
        if round % ROUNDS_A_SET == 0 {
            let set = round / ROUNDS_A_SET;
            let replica = |at| 1 + at + WRITERS * set as u64;
            writers = (0..WRITERS)
                .map(|at| Writer::new(replica(at), set))
                .collect();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writing: Vec<_> = writers
            .drain(..)
            .map(|mut writer| {
                writer.guest.dial(address);
                writer.write(Arc::clone(&stop))
            })
            .collect();
        // Marsaglia's xorshift.
        moments ^= moments << 13;
        moments ^= moments >> 7;
        moments ^= moments << 17;
        tokio::time::sleep(Duration::from_millis(20 + moments % 300)).await;
        program.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writing {
            let mut writer = soon("the writer stops", writer).await.expect("no panic");
            writer.leave(address).await;
            writers.push(writer);
        }

        // Nobody but the relay's disk can bring this.
        let documents = writers[0].documents.clone();
        let acknowledged: Vec<VersionVector> = documents
            .iter()
            .map(|document| {
                let mut all = VersionVector::new();
                for writer in &writers {
                    all.merge(&writer.acknowledged(document));
                }
                all
            })
            .collect();
        changes += acknowledged
            .iter()
            .flat_map(VersionVector::iter)
            .map(|(_, seq)| seq)
            .sum::<u64>();
        let begun = Instant::now();
        program = Program::start_with(folder, &address.to_string(), more);
        slowest = slowest.max(begun.elapsed());
        what_is_kept(address, &documents, &acknowledged).await;
    }
    println!("slowest start {slowest:?}; looked for {changes} changes that were acknowledged");
    assert!(slowest < SERVES_WITHIN, "a start took {slowest:?}");
    assert!(changes > 0, "nothing was ever acknowledged");

    // In the end all have everything.
    for writer in &mut writers {
        writer.guest.dial(address);
    }
    let documents = writers[0].documents.clone();
    let [a, b, c, d] = &mut writers[..] else {
        panic!("{WRITERS} writers");
    };
    let mut guests = [&mut a.guest, &mut b.guest, &mut c.guest, &mut d.guest];
    for document in &documents {
        until(
            "all is saved and seen",
            guests.each_mut().map(|guest| &mut **guest),
            |guests| {
                guests.iter().all(|guest| {
                    guest.saved(document, Level::Relay)
                        && guest.version(document) == guests[0].version(document)
                })
            },
        )
        .await;
        for guest in &guests {
            assert!(guest.body(document) == guests[0].body(document));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_relay_is_killed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    crash(folder.path(), rounds(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_a_relay_on_redb_is_killed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    crash(folder.path(), rounds().div_ceil(4), &["--store", "redb"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_is_refused_with_a_clear_message() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let _program = Program::start(folder.path(), "127.0.0.1:0", &[]);
    let second = tokio::task::spawn_blocking({
        let data = folder.path().to_owned();
        move || {
            Command::new(env!("CARGO_BIN_EXE_driftwood-relay"))
                .args(["--listen", "127.0.0.1:0", "--data"])
                .arg(data)
                .stdin(Stdio::null())
                .output()
        }
    })
    .await
    .expect("no panic")
    .expect("it runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("is in use by another process"), "{said}");
}

#[test]
fn settings_that_cannot_be_used_are_said_to_be_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("holiday.jpg"), "not ours").expect("written");
    let data = folder.path().to_str().expect("utf-8");
    for (args, wanted) in [
        (&["--peer", "http://localhost"][..], "http://localhost"),
        (&["--data", data], "not a Driftwood store"),
        (&["--config", "/nowhere/relay.toml"], "/nowhere/relay.toml"),
        (&["--log", "a=b=c"], "--log a=b=c"),
        (&["--listen", "nonsense"], "cannot listen on nonsense"),
    ] {
        let fresh = tempfile::tempdir().expect("temporary folder");
        let output = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"))
            .env("DRIFTWOOD_LISTEN", "127.0.0.1:0")
            .env("DRIFTWOOD_DATA", fresh.path().join("data"))
            .args(args)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
}
