//! Three relays, as they run in earnest, whose links are cut and which are killed and ended at random
//! while people write. When the links are whole again, all that was acknowledged is everywhere, and soon,
//! although those who wrote it are gone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use driftwood_crdt::VersionVector;
use driftwood_sync::{DocumentName, Level};
use futures_util::future::select_all;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::Proxy;
use crate::support::{name, seed, soon, Guest, Program, Random};

/// Of each shape.
const STORM_TIME: Duration = Duration::from_secs(30);

/// So long after healing everything is everywhere.
const HEAL_TIME_MAX: Duration = Duration::from_secs(5);

const WRITE_EVERY: Duration = Duration::from_millis(40);

/// A relay that came up is left alone for so long, as those who dial it wait longer after each failure.
const REST_TIME: Duration = Duration::from_secs(6);

const DOCUMENTS: [&str; 3] = ["plans", "notes", "trip"];

struct Node {
    data: TempDir,
    peers: Vec<SocketAddr>,
    /// None while it is down.
    program: Option<Program>,
    address: SocketAddr,
    since: Instant,
}

impl Node {
    fn start(peers: Vec<SocketAddr>) -> Self {
        let data = tempfile::tempdir().expect("temporary folder");
        let program = Program::start(data.path(), "127.0.0.1:0", &peers);
        Self {
            address: program.address,
            data,
            peers,
            program: Some(program),
            since: Instant::now(),
        }
    }

    /// Killed, or ended in order.
    async fn stop(&mut self, kill: bool) {
        let program = self.program.take().expect("it runs");
        if kill {
            program.kill();
        } else {
            assert!(program.signal("TERM").await.success());
        }
    }

    fn start_again(&mut self) {
        let listen = self.address.to_string();
        self.program = Some(Program::start(self.data.path(), &listen, &self.peers));
        self.since = Instant::now();
    }
}

/// Somebody who writes in all documents by turns until they are stopped.
async fn write(mut guest: Guest, mut stopped: watch::Receiver<bool>) -> Guest {
    let mut writing = tokio::time::interval(WRITE_EVERY);
    let mut documents = DOCUMENTS.iter().cycle();
    loop {
        tokio::select! {
            () = guest.client.step() => {}
            _ = writing.tick() => guest.write(documents.next().expect("it cycles"), "x"),
            _ = stopped.wait_for(|stopped| *stopped) => return guest,
        }
    }
}

struct Storm {
    nodes: Vec<Node>,
    proxies: Vec<Proxy>,
    stop: watch::Sender<bool>,
    writers: Vec<JoinHandle<Guest>>,
    // A proxy asks for its target as long as this is here.
    _targets: Vec<watch::Sender<Option<SocketAddr>>>,
}

impl Storm {
    /// `links` are who dials whom.
    async fn start(links: &[(usize, usize)]) -> Self {
        let (mut targets, mut proxies) = (Vec::new(), Vec::new());
        for _ in links {
            let (target, wanted) = watch::channel(None);
            targets.push(target);
            proxies.push(Proxy::start(wanted).await);
        }
        let dials = |node| {
            let own = links.iter().zip(&proxies);
            let own = own.filter(move |((from, _), _)| *from == node);
            own.map(|(_, proxy)| proxy.address).collect()
        };
        let nodes: Vec<Node> = (0..3).map(|node| Node::start(dials(node))).collect();
        for (target, &(_, to)) in targets.iter().zip(links) {
            target.send_replace(Some(nodes[to].address));
        }
        let (stop, stopped) = watch::channel(false);
        let writer = |number: u64| {
            let mut guest = Guest::new(1 + number);
            for document in DOCUMENTS {
                guest.open(document);
            }
            guest.dial(nodes[number as usize % 3].address);
            tokio::spawn(write(guest, stopped.clone()))
        };
        let writers = (0..6).map(writer).collect();
        Self {
            nodes,
            proxies,
            stop,
            writers,
            _targets: targets,
        }
    }

    async fn rage(&mut self, random: &mut Random) {
        let begun = Instant::now();
        let (mut cuts, mut kills, mut ends) = (0, 0, 0);
        while begun.elapsed() < STORM_TIME {
            tokio::time::sleep(Duration::from_millis(50 + random.below(500) as u64)).await;
            let link = random.below(self.proxies.len());
            let node = random.below(3);
            match random.below(5) {
                0 | 1 => {
                    self.proxies[link].cut();
                    cuts += 1;
                }
                2 | 3 => self.proxies[link].heal(),
                _ if self.nodes[node].since.elapsed() < REST_TIME => {}
                _ => {
                    let kill = random.below(2) == 0;
                    *(if kill { &mut kills } else { &mut ends }) += 1;
                    self.nodes[node].stop(kill).await;
                    let away = Duration::from_millis(random.below(1_000) as u64);
                    tokio::time::sleep(away).await;
                    self.nodes[node].start_again();
                }
            }
        }
        println!("{cuts} cuts, {kills} killed, {ends} ended");
    }

    /// Those who wrote are gone. What they had been told is safe.
    async fn quiet(&mut self) -> BTreeMap<DocumentName, VersionVector> {
        self.stop.send_replace(true);
        let mut acknowledged: BTreeMap<_, VersionVector> = BTreeMap::new();
        for writer in self.writers.drain(..) {
            let guest = soon("a writer stops", writer).await.expect("no panic");
            for document in DOCUMENTS.map(name) {
                let saved = guest.client.node().saved(&document, Level::Relay);
                let all = acknowledged.entry(document).or_default();
                all.merge(&saved);
            }
            drop(guest);
        }
        acknowledged
    }

    /// The links are whole again. How long it takes until all three have all.
    async fn heal(&mut self, acknowledged: &BTreeMap<DocumentName, VersionVector>) -> Duration {
        let reader = |(at, node): (usize, &Node)| {
            let mut guest = Guest::new(100 + at as u64);
            for document in DOCUMENTS {
                guest.open(document);
            }
            guest.dial(node.address);
            guest
        };
        let mut readers: Vec<Guest> = self.nodes.iter().enumerate().map(reader).collect();
        for proxy in &self.proxies {
            proxy.heal();
        }
        let healed = Instant::now();
        soon("all have all", async {
            while !is_whole(&readers, acknowledged) {
                let steps = readers.iter_mut();
                select_all(steps.map(|reader| Box::pin(reader.client.step()))).await;
            }
        })
        .await;
        healed.elapsed()
    }
}

fn is_whole(readers: &[Guest], acknowledged: &BTreeMap<DocumentName, VersionVector>) -> bool {
    acknowledged.iter().all(|(document, version)| {
        let held = |reader: &Guest| reader.version(document.as_str()).clone();
        let first = held(&readers[0]);
        first.includes(version) && readers.iter().all(|reader| held(reader) == first)
    })
}

async fn storm(what: &str, links: &[(usize, usize)]) {
    let seed = seed();
    println!("{what}: DRIFTWOOD_SEED={seed}");
    let mut storm = Storm::start(links).await;
    storm.rage(&mut Random::new(seed)).await;
    let acknowledged = storm.quiet().await;
    let changes = acknowledged.values().flat_map(VersionVector::iter);
    let changes: u64 = changes.map(|(_, seq)| seq).sum();
    let took = storm.heal(&acknowledged).await;
    println!("{what}: {changes} acknowledged changes, everywhere after {took:?}");
    assert!(changes > 500, "{what}: hardly anything was written");
    assert!(took < HEAL_TIME_MAX, "{what}: healed after {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_in_a_line_lose_nothing_and_heal_soon() {
    storm("line", &[(0, 1), (1, 2)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_in_a_ring_lose_nothing_and_heal_soon() {
    storm("ring", &[(0, 1), (1, 2), (2, 0)]).await;
}
