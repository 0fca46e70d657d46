//! A little world for tests: documents that write deltas, clients that keep them, relays in this
//! process and apart.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use driftwood_crdt::{Delta, Doc, Dot, ReplicaId, VersionVector};
use driftwood_relay::config::Config;
use driftwood_relay::driver::{Client, Host, Notice, Refusal};
use driftwood_relay::server::{ServeError, Server};
use driftwood_relay::store::Store;
use driftwood_sync::{DocumentName, ErrorCode, Input, Level, LinkId, NodeId, Role};
use futures_util::future::select_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing that is waited for takes this long, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn name(text: &str) -> DocumentName {
    DocumentName::new(text).expect("a name")
}

/// Waits for something, but not forever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(elapsed) => panic!("waited in vain ({elapsed}): {what}"),
    }
}

/// Letters that compression makes hardly shorter, others for each number.
pub(crate) fn noise(number: u32, len: usize) -> String {
    let mut state = (number + 1).wrapping_mul(0x9e37_79b9);
    let letter = |_| {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'!' + (state >> 8) as u8 % 94)
    };
    (0..len).map(letter).collect()
}

/// What random tests begin with: `DRIFTWOOD_SEED`, or another number each time, which they print.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("DRIFTWOOD_SEED").ok();
    given.map_or_else(
        || getrandom::u64().expect("the operating system has randomness") >> 32,
        |seed| seed.parse().expect("DRIFTWOOD_SEED is a number"),
    )
}

/// What follows from a seed (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// A document that is written to, delta by delta.
pub(crate) struct Author {
    pub(crate) doc: Doc,
    now_ms: u64,
}

impl Author {
    pub(crate) fn new(replica: u64) -> Self {
        Self {
            doc: Doc::new(ReplicaId::new(replica)),
            now_ms: 1_700_000_000_000,
        }
    }

    /// Adds a line to the text `body`.
    pub(crate) fn write(&mut self, text: &str) -> Delta {
        self.now_ms += 1;
        let end = self.doc.text("body").len();
        let mut edit = self.doc.edit(self.now_ms);
        edit.text("body").insert(end, text).expect("within limits");
        edit.commit()
    }

    pub(crate) fn body(&self) -> String {
        self.doc.text("body").to_string()
    }
}

/// Deltas, with the versions they lead to.
type Log = Vec<(VersionVector, Arc<[u8]>)>;

/// A client's program: documents in memory, and everything it was told.
#[derive(Default)]
pub(crate) struct Notebook {
    pub(crate) authors: BTreeMap<DocumentName, Author>,
    logs: BTreeMap<DocumentName, Log>,
    pub(crate) notices: Vec<Notice>,
    /// Nothing can be appended.
    pub(crate) full: bool,
}

impl Host for Notebook {
    fn merge(
        &mut self,
        document: &DocumentName,
        delta: &Arc<[u8]>,
        _origin: LinkId,
    ) -> Result<(), Refusal> {
        let author = self
            .authors
            .get_mut(document)
            .expect("only open documents come");
        let delta = Delta::decode(delta).expect("the node has checked it");
        author.doc.merge(&delta).map(drop).map_err(|_| Refusal {
            code: ErrorCode::Gap,
            version: author.doc.version().clone(),
            anchors: Vec::new(),
        })
    }

    fn append(
        &mut self,
        document: &DocumentName,
        delta: &Arc<[u8]>,
        to: &VersionVector,
    ) -> Result<(), ErrorCode> {
        if self.full {
            return Err(ErrorCode::StorageFull);
        }
        let log = self.logs.entry(document.clone()).or_default();
        log.push((to.clone(), Arc::clone(delta)));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ErrorCode> {
        Ok(())
    }

    fn load(
        &mut self,
        document: &DocumentName,
        since: &VersionVector,
        _anchors: &[Dot],
    ) -> Result<Vec<Arc<[u8]>>, ErrorCode> {
        let log = self
            .logs
            .get(document)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let missing = log.iter().filter(|(to, _)| !since.includes(to));
        Ok(missing.map(|(_, delta)| Arc::clone(delta)).collect())
    }

    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

/// A client with its documents.
pub(crate) struct Guest {
    pub(crate) client: Client<Notebook>,
    replica: u64,
}

impl Guest {
    pub(crate) fn new(replica: u64) -> Self {
        let config = driftwood_sync::Config::new(Role::Client, NodeId(0x1000 + replica));
        Self {
            client: Client::new(config, Notebook::default()),
            replica,
        }
    }

    /// A guest that shows a token.
    pub(crate) fn with_token(replica: u64, token: &str) -> Self {
        let mut config = driftwood_sync::Config::new(Role::Client, NodeId(0x1000 + replica));
        config.token = Some(token.as_bytes().to_vec());
        Self {
            client: Client::new(config, Notebook::default()),
            replica,
        }
    }

    /// A guest of a relay with one document open.
    pub(crate) fn at(relay: SocketAddr, replica: u64, document: &str) -> Self {
        let mut guest = Self::new(replica);
        guest.open(document);
        guest.dial(relay);
        guest
    }

    pub(crate) fn dial(&mut self, relay: SocketAddr) {
        self.client
            .dial(&format!("ws://{relay}"))
            .expect("an address");
    }

    pub(crate) fn hang_up(&mut self, relay: SocketAddr) {
        self.client.hang_up(&format!("ws://{relay}"));
    }

    pub(crate) fn open(&mut self, document: &str) {
        let author = Author::new(self.replica);
        let version = author.doc.version().clone();
        self.client
            .host_mut()
            .authors
            .insert(name(document), author);
        let own = Some(ReplicaId::new(self.replica));
        self.client.handle(Input::Open {
            document: name(document),
            version,
            own,
        });
    }

    pub(crate) fn write(&mut self, document: &str, text: &str) {
        let document = name(document);
        let author = self
            .client
            .host_mut()
            .authors
            .get_mut(&document)
            .expect("open");
        let delta = author.write(text).encode().into();
        self.client.handle(Input::Local { document, delta });
    }

    pub(crate) fn body(&self, document: &str) -> String {
        self.client.host().authors[&name(document)].body()
    }

    pub(crate) fn version(&self, document: &str) -> &VersionVector {
        self.client.host().authors[&name(document)].doc.version()
    }

    /// Whether everything written here is saved at a level. Relays acknowledge to each what it
    /// sent.
    pub(crate) fn saved(&self, document: &str, level: Level) -> bool {
        self.saved_seq(document, level) == self.made(document)
    }

    /// How many changes were written here.
    pub(crate) fn made(&self, document: &str) -> u64 {
        self.version(document).get(ReplicaId::new(self.replica))
    }

    /// How many of them are saved at a level.
    pub(crate) fn saved_seq(&self, document: &str, level: Level) -> u64 {
        let saved = self.client.node().saved(&name(document), level);
        saved.get(ReplicaId::new(self.replica))
    }

    pub(crate) fn problems(&self) -> Vec<ErrorCode> {
        let code = |notice: &Notice| match notice {
            Notice::Problem { error, .. } => Some(error.code),
            _ => None,
        };
        self.client.host().notices.iter().filter_map(code).collect()
    }
}

/// Lets all guests act until a condition holds.
pub(crate) async fn until<const N: usize>(
    what: &str,
    mut guests: [&mut Guest; N],
    condition: impl Fn(&[&mut Guest; N]) -> bool,
) {
    soon(what, async {
        while !condition(&guests) {
            let steps = guests.iter_mut().map(|guest| Box::pin(guest.client.step()));
            select_all(steps).await;
        }
    })
    .await;
}

/// A relay in this process.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Relay {
    pub(crate) async fn start(store: Arc<dyn Store>) -> Self {
        Self::start_with(
            &Config {
                listen: "127.0.0.1:0".into(),
                ..Config::default()
            },
            store,
        )
        .await
    }

    pub(crate) async fn start_with(config: &Config, store: Arc<dyn Store>) -> Self {
        let server = Server::bind_with(config, store).await.expect("a free port");
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.serve(async {
            // Dropping the sender stops it as well.
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), ServeError> {
        soon("the relay ends", self.task).await.expect("no panic")
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) -> Result<(), ServeError> {
        let _ = self.stop.send(());
        soon("the relay ends", self.task).await.expect("no panic")
    }
}

/// The real program, in a process of its own. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn start(data: &Path, listen: &str, peers: &[SocketAddr]) -> Self {
        let peers: Vec<String> = peers
            .iter()
            .map(|peer| format!("--peer=ws://{peer}"))
            .collect();
        let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
        Self::start_with(data, listen, &peers)
    }

    /// Starts it with more flags.
    pub(crate) fn start_with(data: &Path, listen: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"));
        command
            .arg("--listen")
            .arg(listen)
            .arg("--data")
            .arg(data)
            .args(["--log", "warn"])
            .args(more);
        Self::spawn(&mut command)
    }

    /// Starts it as the command says.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|rest| rest.split_once("://"))
            .map(|(_scheme, rest)| rest)
            .and_then(|rest| rest.strip_suffix("/sync"))
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("unexpected first line: {line:?}"));
        Self { child, address }
    }

    /// A line of what the kernel says of the process's memory, in bytes: `VmRSS`, or `VmHWM` for the
    /// most since [`reset_peak`](Self::reset_peak).
    pub(crate) fn memory(&self, line: &str) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).expect("it runs");
        let found = status.lines().find_map(|text| text.strip_prefix(line));
        let kib = found.and_then(|rest| rest.split_ascii_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number")
            << 10
    }

    /// The time that all its threads have had of a processor so far.
    #[cfg(target_os = "linux")]
    pub(crate) fn cpu(&self) -> Duration {
        let stat = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(stat).expect("it runs");
        // After its name in brackets; `utime` and `stime` in hundredths of a second.
        let fields = stat.rsplit(") ").next().expect("a name");
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks = ticks.map(|text| text.parse::<u64>().expect("a number"));
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// The peak of memory begins anew.
    pub(crate) fn reset_peak(&self) {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(path, "5").expect("it is ours");
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> SocketAddr {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it ends");
        self.address
    }

    /// A signal by name, then what became of the program.
    pub(crate) async fn signal(mut self, signal: &str) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        soon("the program ends", async {
            loop {
                if let Some(status) = self.child.try_wait().expect("it is ours") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
