//! Good clients that write and read all the time, and notice when they are kept waiting.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use driftwood_crdt::VersionVector;
use driftwood_relay::driver::{LinkState, Notice};
use driftwood_sync::Level;
use futures_util::future::select_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::{soon, Guest};

/// How often each of them writes.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// So many share a document.
const SHARED_BY: usize = 10;

/// When a change was written, and how long it took until it was acknowledged.
type Waits = Vec<(Instant, Duration)>;

struct Member {
    guest: Guest,
    document: String,
    waits: Waits,
}

/// All of them, at work.
pub(crate) struct Crowd {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Member>>,
}

pub(crate) fn document(member: usize) -> String {
    format!("room{}", member / SHARED_BY)
}

impl Crowd {
    /// So many, each logged in with a token of its own.
    pub(crate) fn start(relay: SocketAddr, tokens: &[String]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let member = |(at, token): (usize, &String)| {
            let mut guest = Guest::with_token(at as u64 + 1, token);
            let document = document(at);
            guest.open(&document);
            guest.dial(relay);
            let member = Member {
                guest,
                document,
                waits: Waits::new(),
            };
            // They do not all write at one moment.
            let begin = WRITE_EVERY * at as u32 / tokens.len() as u32;
            tokio::spawn(member.work(begin, stopped.clone()))
        };
        let tasks = tokens.iter().enumerate().map(member).collect();
        Self { stop, tasks }
    }

    /// No one writes any more: all that share a document come to hold the same, everything is saved, and
    /// nobody was cut off or told of a problem. How long changes waited.
    pub(crate) async fn finish(self) -> Waits {
        self.stop.send_replace(true);
        let mut members = Vec::new();
        for task in self.tasks {
            members.push(soon("a member stops", task).await.expect("no panic"));
        }
        let mut written: BTreeMap<String, VersionVector> = BTreeMap::new();
        for member in &members {
            let version = member.guest.version(&member.document);
            let all = written.entry(member.document.clone()).or_default();
            all.merge(version);
        }
        let is_whole = |member: &Member| {
            *member.guest.version(&member.document) == written[&member.document]
                && member.guest.saved(&member.document, Level::Relay)
        };
        soon("all are whole", async {
            while !members.iter().all(is_whole) {
                let steps = members.iter_mut();
                select_all(steps.map(|member| Box::pin(member.guest.client.step()))).await;
            }
        })
        .await;
        for member in &members {
            member.check();
        }
        for pair in members.windows(2) {
            if pair[0].document == pair[1].document {
                let [a, b] = [&pair[0], &pair[1]].map(|it| it.guest.body(&it.document));
                assert_eq!(a, b, "{}", pair[0].document);
            }
        }
        members.into_iter().flat_map(|it| it.waits).collect()
    }
}

impl Member {
    async fn work(mut self, begin: Duration, mut stopped: watch::Receiver<bool>) -> Self {
        let mut writing = tokio::time::interval_at((Instant::now() + begin).into(), WRITE_EVERY);
        let mut unsaved = VecDeque::new();
        loop {
            tokio::select! {
                () = self.guest.client.step() => {}
                _ = writing.tick() => {
                    self.guest.write(&self.document, "a line\n");
                    unsaved.push_back((self.guest.made(&self.document), Instant::now()));
                }
                _ = stopped.wait_for(|stopped| *stopped) => return self,
            }
            let saved = self.guest.saved_seq(&self.document, Level::Relay);
            while let Some((_, at)) = unsaved.front().filter(|(seq, _)| *seq <= saved) {
                self.waits.push((*at, at.elapsed()));
                unsaved.pop_front();
            }
        }
    }

    fn check(&self) {
        assert_eq!(self.guest.problems(), [], "{}", self.document);
        let offline = |notice: &&Notice| {
            let Notice::Link { state, .. } = notice else {
                return false;
            };
            matches!(state, LinkState::Offline { .. })
        };
        let notices = &self.guest.client.host().notices;
        assert_eq!(notices.iter().filter(offline).count(), 0, "cut off");
    }
}

/// The wait that so many in a hundred were below, of the changes written between two moments.
pub(crate) fn percentile(waits: &Waits, part: usize, from: Instant, to: Instant) -> Duration {
    let between = waits.iter().filter(|(at, _)| (from..to).contains(at));
    let mut sorted: Vec<Duration> = between.map(|&(_, wait)| wait).collect();
    sorted.sort_unstable();
    assert!(!sorted.is_empty(), "somebody wrote meanwhile");
    sorted[(sorted.len() - 1) * part / 100]
}
