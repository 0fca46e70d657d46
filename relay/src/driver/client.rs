//! The node, its links and the host, in the hands of one task.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use driftwood_crdt::VersionVector;
use driftwood_sync::{Config, DocumentName, Input, LinkKind, Node, Output};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout, Instant};

use super::{DialError, Host, LinkState, Notice, Refusal};
use crate::connection::{Event, Links, Outboxes};
use crate::outbox::Close;
use crate::peers::{keep, Address, Upkeep, QUIC_PAUSE};
use crate::tls::Trust;

/// How long [`Client::close`] takes at most.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(3);

/// After a store that failed, try again this much later.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// How this side says goodbye.
const DONE: Close = Close {
    code: 1000,
    reason: "DONE",
};

/// A node with its links, driven by the task that owns it.
pub struct Client<H> {
    node: Node,
    host: H,
    links: Links,
    outboxes: Outboxes,
    events: mpsc::Receiver<Event>,
    states: mpsc::UnboundedReceiver<(String, LinkState)>,
    report: mpsc::UnboundedSender<(String, LinkState)>,
    dials: BTreeMap<String, Dial>,
    trust: Option<Trust>,
    quic_pause: Duration,
    /// Appended, and not flushed yet.
    unflushed: BTreeMap<DocumentName, VersionVector>,
    /// What the host could not append, and what came after it, in order; and when to try again.
    unstored: VecDeque<Unstored>,
    retry_at: Option<Instant>,
}

struct Unstored {
    document: DocumentName,
    delta: Arc<[u8]>,
    to: VersionVector,
}

struct Dial {
    stop: watch::Sender<Option<Close>>,
    task: JoinHandle<()>,
}

impl<H: Host> Client<H> {
    /// A client without documents and links.
    pub fn new(config: Config, host: H) -> Self {
        let (links, events) = Links::new(config.limits.clone());
        let (report, states) = mpsc::unbounded_channel();
        Self {
            node: Node::new(config),
            host,
            links,
            outboxes: Outboxes::default(),
            events,
            states,
            report,
            dials: BTreeMap::new(),
            trust: None,
            quic_pause: QUIC_PAUSE,
            unflushed: BTreeMap::new(),
            unstored: VecDeque::new(),
            retry_at: None,
        }
    }

    /// Whose certificates to believe where `wss://` or `quic://` is dialled from now on, in place of the public ones.
    pub fn set_trust(&mut self, trust: Trust) {
        self.trust = Some(trust);
    }

    /// After how long to try QUIC again where it did not get through, from the next [`dial`](Self::dial) on; five
    /// minutes if nothing else is said.
    pub fn set_quic_pause(&mut self, pause: Duration) {
        self.quic_pause = pause;
    }

    /// Keeps a link to a relay, `ws://host:port`, `wss://host` (with or without `/sync`) or `quic://host`, which
    /// is `wss://host` where QUIC does not get through, from now on: dials at
    /// once, and again with growing delays whenever the link is lost. Nothing happens if it is
    /// being dialled already.
    ///
    /// # Errors
    /// When the address cannot be dialled.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn dial(&mut self, url: &str) -> Result<(), DialError> {
        let address = Address::parse(url)?;
        if self.dials.contains_key(url) {
            return Ok(());
        }
        let (stop, stopped) = watch::channel(None);
        let (links, report) = (self.links.clone(), self.report.clone());
        let upkeep = Upkeep {
            kind: LinkKind::Up,
            trust: self.trust.clone(),
            quic_pause: self.quic_pause,
        };
        let name = url.to_owned();
        let task = tokio::spawn(async move {
            // Nobody listens any more when the client is gone.
            let report = |state| drop(report.send((name.clone(), state)));
            keep(address, upkeep, links, stopped, report).await;
        });
        self.dials.insert(url.to_owned(), Dial { stop, task });
        Ok(())
    }

    /// Closes the link to an address, after what is queued for it, and dials it no more.
    pub fn hang_up(&mut self, url: &str) {
        if let Some(dial) = self.dials.remove(url) {
            let _ = dial.stop.send(Some(DONE));
        }
    }

    /// Tells the node something: [`Input::Open`], [`Input::Shut`], [`Input::Local`],
    /// [`Input::Presence`]. What it answers is carried out before this returns, except that stored
    /// deltas are flushed by the next [`step`](Self::step): so many commits share one fsync.
    pub fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let outputs: Vec<Output> = self.node.handle(crate::now(), input).collect();
            for output in outputs {
                self.carry_out(output, &mut inputs);
            }
        }
    }

    /// Makes durable what was stored, or else waits for the next thing to happen on a link or a
    /// timer and handles it. Dropping the future before it is done loses nothing.
    pub async fn step(&mut self) {
        if !self.unflushed.is_empty() && self.retry_at.is_none() {
            self.flush();
            return;
        }
        let deadline = self
            .node
            .next_deadline()
            .map(|at| Instant::now() + (at - crate::now()));
        let retry_at = self.retry_at;
        tokio::select! {
            Some(event) = self.events.recv() => {
                self.happened(event);
                // What else is there already shares the next fsync.
                while let Ok(event) = self.events.try_recv() {
                    self.happened(event);
                }
            }
            Some((url, state)) = self.states.recv() => {
                self.host.notice(Notice::Link { url, state });
            }
            () = at(deadline) => self.handle(Input::Tick),
            () = at(retry_at) => self.retry(),
        }
    }

    /// The program's side.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// The program's side.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// The protocol's side: what is held, what is saved where.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Closes all links after what is queued for them and gives the host back. Takes three seconds
    /// at most.
    pub async fn close(mut self) -> H {
        self.flush();
        for dial in self.dials.values() {
            let _ = dial.stop.send(Some(DONE));
        }
        let mut events = self.events;
        let ended = async {
            for dial in std::mem::take(&mut self.dials).into_values() {
                // Connections report to the end, and must not wait for room to do so.
                let mut task = dial.task;
                loop {
                    tokio::select! {
                        _ = &mut task => break,
                        Some(_) = events.recv() => {}
                    }
                }
            }
        };
        // What is not through by then comes again when the document is opened next.
        let _ = timeout(CLOSE_TIME_MAX, ended).await;
        self.host
    }

    fn happened(&mut self, event: Event) {
        if let Some((input, permit)) = self.outboxes.note(event) {
            self.handle(input);
            drop(permit);
        }
    }

    fn flush(&mut self) {
        for input in self.flushed() {
            self.handle(input);
        }
    }

    /// Lets the host flush. What the node is to hear of it; all of it is good news, or none.
    fn flushed(&mut self) -> Vec<Input> {
        if self.unflushed.is_empty() {
            return Vec::new();
        }
        match self.host.flush() {
            Ok(()) => std::mem::take(&mut self.unflushed)
                .into_iter()
                .map(|(document, version)| Input::Flushed { document, version })
                .collect(),
            Err(code) => {
                self.retry_later();
                let documents = self.unflushed.keys().cloned();
                documents
                    .map(|document| Input::StoreFailed { document, code })
                    .collect()
            }
        }
    }

    fn retry_later(&mut self) {
        self.retry_at = Some(Instant::now() + STORE_RETRY);
    }

    /// Appends what could not be appended before, up to the first that still cannot.
    fn retry(&mut self) {
        self.retry_at = None;
        while let Some(Unstored {
            document,
            delta,
            to,
        }) = self.unstored.front()
        {
            if self.host.append(document, delta, to).is_err() {
                self.retry_later();
                return;
            }
            self.unflushed
                .entry(document.clone())
                .or_default()
                .merge(to);
            self.unstored.pop_front();
        }
    }

    fn append(
        &mut self,
        document: DocumentName,
        delta: Arc<[u8]>,
        to: VersionVector,
    ) -> Option<Input> {
        if self.unstored.is_empty() {
            match self.host.append(&document, &delta, &to) {
                Ok(()) => {
                    self.unflushed.entry(document).or_default().merge(&to);
                    return None;
                }
                Err(code) => {
                    self.retry_later();
                    self.unstored.push_back(Unstored {
                        document: document.clone(),
                        delta,
                        to,
                    });
                    return Some(Input::StoreFailed { document, code });
                }
            }
        }
        self.unstored.push_back(Unstored {
            document,
            delta,
            to,
        });
        None
    }

    /// Does what the node asks, and adds what the node must hear of it.
    fn carry_out(&mut self, output: Output, inputs: &mut VecDeque<Input>) {
        match output {
            Output::Send {
                link,
                channel,
                frame,
            } => inputs.extend(self.outboxes.send(link, channel, frame)),
            Output::Store {
                document,
                delta,
                from: _,
                to,
                origin,
            } => {
                let merged =
                    origin.map_or(Ok(()), |origin| self.host.merge(&document, &delta, origin));
                inputs.extend(match merged {
                    Ok(()) => self.append(document, delta, to),
                    Err(Refusal {
                        code,
                        version,
                        anchors,
                    }) => Some(Input::Refused {
                        document,
                        link: origin,
                        code,
                        version,
                        anchors,
                    }),
                });
            }
            Output::Load {
                link,
                document,
                since,
                anchors,
            } => {
                // Nothing leaves this device before it is safe here.
                inputs.extend(self.flushed());
                let deltas = if self.unflushed.is_empty() {
                    self.host.load(&document, &since, &anchors)
                } else {
                    Ok(Vec::new())
                };
                inputs.extend(deltas.as_ref().err().map(|&code| Input::StoreFailed {
                    document: document.clone(),
                    code,
                }));
                let deltas = deltas.unwrap_or_default();
                inputs.push_back(Input::Loaded {
                    link,
                    document,
                    deltas,
                });
            }
            Output::Disconnect { link, code, reason } => self.outboxes.close(link, code, reason),
            // Only relays ask who somebody is, and purge.
            Output::Login { .. }
            | Output::Bind { .. }
            | Output::Mark { .. }
            | Output::Purge { .. } => {}
            Output::Saved {
                document,
                level,
                version,
            } => {
                self.host.notice(Notice::Saved {
                    document,
                    level,
                    version,
                });
            }
            Output::Presence {
                document,
                peer,
                state,
            } => {
                self.host.notice(Notice::Presence {
                    document,
                    peer,
                    state,
                });
            }
            Output::Synced { document, link } => {
                self.host.notice(Notice::Synced { document, link });
            }
            Output::Forked { document, replica } => {
                self.host.notice(Notice::Forked { document, replica });
            }
            Output::Problem {
                document,
                link,
                error,
            } => {
                self.host.notice(Notice::Problem {
                    document,
                    link,
                    error,
                });
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
