//! The task that owns the node: it takes events one by one, hands them to the node, and carries out
//! what the node answers before it takes the next.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use driftwood_crdt::VersionVector;
use driftwood_sync::{
    DocumentName, ErrorCode, Input, Level, LinkId, LinkKind, Node, Output, Token,
};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, Instant};

use crate::auth::Keys;
use crate::commits::{Answer, Commits};
use crate::committer::{Committer, Done, Task};
use crate::connection::{Commit, Event, Outboxes};
use crate::metrics::{Metrics, Report, Unreplicated};
use crate::purge::{Dialled, Lift, Purge};
use crate::store::StoreError;
use crate::traces::{Course, Underway, What, Within};
use crate::webhook::Changed;

/// Beyond so many bytes that wait for the disk, nothing further is taken from connections.
const UNSTORED_BYTES_MAX: usize = 32 << 20;

/// Room for so many outputs is kept.
const OUTPUTS_KEPT: usize = 1024;

/// A node with its links and its store.
pub(crate) struct Hub {
    node: Node,
    links: Outboxes,
    committer: Committer,
    /// What tokens are checked with, where one has to log in.
    keys: Option<Arc<Keys>>,
    metrics: Arc<Metrics>,
    unreplicated: Unreplicated,
    underway: Underway,
    commits: Commits,
    /// Who is told what changes, if anybody is.
    changed: Option<Arc<Changed>>,
    dialled: Dialled,
    unstored_bytes: usize,
    /// Empty; its room is used again.
    outputs: Vec<Output>,
}

impl Hub {
    pub(crate) fn new(
        node: Node,
        committer: Committer,
        keys: Option<Arc<Keys>>,
        metrics: Arc<Metrics>,
        changed: Option<Arc<Changed>>,
        dialled: Dialled,
    ) -> Self {
        Self {
            node,
            links: Outboxes::default(),
            committer,
            keys,
            underway: Underway::new(metrics.traces().clone()),
            metrics,
            unreplicated: Unreplicated::default(),
            commits: Commits::default(),
            changed,
            dialled,
            unstored_bytes: 0,
            outputs: Vec::new(),
        }
    }

    /// Serves until the store cannot go on, and says why. Cancelling it loses nothing that was
    /// taken.
    pub(crate) async fn run(
        &mut self,
        events: &mut mpsc::Receiver<Event>,
        done: &mut mpsc::UnboundedReceiver<Done>,
    ) -> StoreError {
        let mut tick = pin!(sleep_until(Instant::now()));
        let mut armed = None;
        loop {
            let deadline = self.node.next_deadline();
            if let Some(at) = deadline.filter(|_| deadline != armed) {
                tick.as_mut().reset(Instant::now() + (at - crate::now()));
            }
            armed = deadline;
            let result = tokio::select! {
                biased;
                Some(done) = done.recv() => self.stored(done),
                () = &mut tick, if armed.is_some() => {
                    armed = None;
                    self.handle(Input::Tick);
                    Ok(())
                }
                Some(event) = events.recv(), if self.unstored_bytes < UNSTORED_BYTES_MAX => {
                    self.happened(event);
                    Ok(())
                }
            };
            if let Err(broken) = result {
                return broken;
            }
        }
    }

    /// No further tasks for the store.
    pub(crate) fn finish(&mut self) {
        self.committer.finish();
    }

    /// Takes what the store still has to say, until its threads are through.
    pub(crate) async fn settle(
        &mut self,
        done: &mut mpsc::UnboundedReceiver<Done>,
    ) -> Result<(), StoreError> {
        while let Some(done) = done.recv().await {
            self.stored(done)?;
        }
        Ok(())
    }

    pub(crate) fn into_committer(self) -> Committer {
        self.committer
    }

    fn happened(&mut self, event: Event) {
        if let Event::Ask { answer } = event {
            // Whoever asked may have gone.
            let _ = answer.send(self.report());
            return;
        }
        if let Event::Commit { commit, answer } = event {
            return self.commit(commit, answer);
        }
        if let Event::Purge {
            document,
            what,
            answer,
        } = event
        {
            let _ = answer.send(self.purge(&document, what));
            return;
        }
        let Some((input, permit)) = self.links.note(event) else {
            return;
        };
        match &input {
            Input::Received { link, bytes } => {
                self.metrics.received(bytes);
                self.underway.received(*link, bytes);
            }
            Input::Connected { link, .. } => tracing::debug!(link = link.0, "link up"),
            Input::Disconnected { link } => {
                self.underway.gone(*link);
                tracing::debug!(link = link.0, "link down");
            }
            _ => {}
        }
        self.handle(input);
        drop(permit);
    }

    fn stored(&mut self, done: Done) -> Result<(), StoreError> {
        match done {
            Done::Flushed {
                versions,
                bytes,
                taken,
            } => {
                self.unstored_bytes -= bytes;
                for (document, version) in versions {
                    self.commits.flushed(&document, &version);
                    if let Some(changed) = &self.changed {
                        changed.note(&document);
                    }
                    let flushed = self.unreplicated.is_meshed();
                    let flushed = flushed.then(|| (document.clone(), version.clone()));
                    self.handle(Input::Flushed { document, version });
                    if let Some((document, version)) = flushed {
                        let there = self.node.saved(&document, Level::Replicated);
                        let metrics = &self.metrics;
                        self.unreplicated
                            .flushed(&document, &version, &there, metrics);
                    }
                }
                for moment in taken {
                    self.metrics.acknowledged(moment);
                }
            }
            Done::Lost { document } => {
                self.commits.failed(&document, ErrorCode::StoreCorrupt);
                self.handle(Input::Lost { document });
            }
            Done::Failed { document, code } => {
                self.commits.failed(&document, code);
                self.handle(Input::StoreFailed { document, code });
            }
            Done::Loaded {
                link,
                document,
                deltas,
            } => {
                self.underway.loaded(link, &document, &deltas);
                self.handle(Input::Loaded {
                    link,
                    document,
                    deltas,
                });
            }
            Done::Purged { ids } => self.handle(Input::Purged { ids }),
            Done::Broken(error) => return Err(error),
        }
        Ok(())
    }

    fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut outputs = std::mem::take(&mut self.outputs);
            outputs.extend(self.node.handle(crate::now(), input));
            for output in outputs.drain(..) {
                inputs.extend(self.carry_out(output));
            }
            outputs.shrink_to(OUTPUTS_KEPT);
            self.outputs = outputs;
        }
    }

    /// A change that was made here, and who waits for it to be on disk.
    fn commit(&mut self, commit: Commit, answer: Answer) {
        let Commit {
            document,
            delta,
            last,
        } = commit;
        if self.node.is_purged(&document) {
            let _ = answer.send(Err(ErrorCode::Purged));
            return;
        }
        if self.node.version(&document).is_none() {
            self.handle(Input::Open {
                document: document.clone(),
                version: VersionVector::new(),
                own: None,
            });
        }
        self.commits.wait(document.clone(), last, answer);
        self.handle(Input::Local { document, delta });
    }

    /// Purges a document or lifts that, if so asked; what is known of it.
    fn purge(&mut self, document: &DocumentName, what: Option<Lift>) -> Option<Purge> {
        if let Some(Lift(lift)) = what {
            tracing::info!(document = document.as_str(), lift, "asked to purge");
            let document = document.clone();
            self.handle(Input::Purge { document, lift });
        }
        let mark = self.node.mark(document)?;
        Some(Purge::of(&self.node, mark, &self.links, &self.dialled))
    }

    /// How it goes. O(documents + links).
    pub(crate) fn report(&mut self) -> Report {
        let links = self.node.links();
        let (relays, clients): (Vec<_>, Vec<_>) =
            links.partition(|link| link.kind == LinkKind::Mesh);
        if relays.is_empty() {
            // Alone, a relay is not behind.
            self.unreplicated.clear();
        }
        let (backlog_bytes, congested) = self.links.backlog();
        Report {
            documents: self.node.documents().count(),
            clients: clients.len(),
            relays: relays.len(),
            over_quic: self.links.over_quic(),
            backlog_bytes,
            congested,
            unstored_bytes: self.unstored_bytes,
            gossip_lag: self.unreplicated.lag(),
        }
    }

    /// Whether somebody may come in. A token is never logged.
    fn login(&self, link: LinkId, token: &Token) -> Input {
        let begun = std::time::Instant::now();
        let verified = self
            .keys
            .as_ref()
            .map(|keys| keys.verify(&token.0, crate::now()));
        let accepted = matches!(verified, Some(Ok(_)));
        let course = Course::since(begun).failed(!accepted);
        let traces = self.metrics.traces();
        traces.note(What::Login, Within::Link(link), course, || {
            [
                ("driftwood.link", link.0.into()),
                ("driftwood.accepted", accepted.into()),
            ]
        });
        match verified {
            Some(Ok(rights)) => {
                self.metrics.login(true);
                tracing::info!(link = link.0, principal = &*rights.principal, "logged in");
                Input::Admitted { link, rights }
            }
            Some(Err(reason)) => {
                self.metrics.login(false);
                tracing::info!(link = link.0, %reason, "refused a token");
                Input::Denied { link }
            }
            // Only a guarded node asks, and that has keys.
            None => Input::Denied { link },
        }
    }

    /// Does what the node asks. Some of it has a consequence that the node must hear of at once.
    fn carry_out(&mut self, output: Output) -> Option<Input> {
        self.metrics.output(&output);
        self.underway.output(&output);
        match output {
            Output::Send {
                link,
                channel,
                frame,
            } => return self.links.send(link, channel, frame),
            Output::Login { link, token } => return Some(self.login(link, &token)),
            Output::Bind {
                document,
                replica,
                principal,
            } => {
                self.committer.ask(Task::Bind {
                    document,
                    replica,
                    principal,
                });
            }
            Output::Mark { mark } => self.committer.ask(Task::Mark { mark }),
            Output::Purge { ids } => {
                self.commits.purged(&ids);
                self.unreplicated.forget(&ids);
                self.committer.ask(Task::Purge { ids });
            }
            Output::Store {
                document,
                delta,
                from,
                to,
                origin: _,
            } => {
                self.unstored_bytes += delta.len();
                self.committer.ask(Task::Append {
                    document,
                    delta,
                    from,
                    to,
                    taken: std::time::Instant::now(),
                });
            }
            Output::Load {
                link,
                document,
                since,
                anchors,
            } => {
                self.committer.ask(Task::Load {
                    link,
                    document,
                    since,
                    anchors,
                });
            }
            Output::Disconnect { link, code, reason } => {
                tracing::info!(link = link.0, code, %reason, "disconnecting");
                self.links.close(link, code, reason);
            }
            Output::Problem {
                document,
                link,
                error,
            } => {
                let document = document.as_ref().map(AsRef::<str>::as_ref);
                tracing::info!(document, link = link.map(|link| link.0), %error, "problem");
            }
            Output::Saved {
                document, version, ..
            } => {
                let metrics = &self.metrics;
                self.unreplicated.replicated(&document, &version, metrics);
            }
            // A relay has no documents of its own: nothing of it is to be shown to anyone.
            Output::Presence { .. } | Output::Synced { .. } | Output::Forked { .. } => {}
        }
        None
    }
}
