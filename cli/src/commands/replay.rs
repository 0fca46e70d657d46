//! `driftwood replay`: types a recorded editing session into a note.
//!
//! Every edit is a commit of its own, and with a relay a message of its own, as if people were typing very fast. It is
//! written to disk in groups, each before it is sent. The relay sets the pace: no more than [`UNCONFIRMED_MAX`] edits
//! are ahead of what it has confirmed, and what a slow link cannot take is sent as one delta when it can.

mod verdict;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use driftwood_crdt::{Doc, ReplicaId};
use driftwood_relay::driver::{Client, LinkState, Notice};
use driftwood_sync::{DocumentName, Input};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use self::verdict::Verdict;
use super::watch::interrupted;
use super::{count, now_ms, Outcome, Patience};
use crate::access::Access;
use crate::args::Rate;
use crate::note::{self, BODY};
use crate::session::{changes_between, Session};
use crate::trace::Trace;
use crate::typists::Typists;
use crate::workspace::{Lease, Workspace};

/// So many commits are made durable together at most.
const GROUP_COMMITS: usize = 2_048;

/// With a relay, a group is sent after this time at the latest.
const GROUP_TIME: Duration = Duration::from_millis(40);

/// A relay takes 10,000 messages a second in the long run; we stay below.
const LIVE_COMMITS_PER_SECOND: f64 = 8_000.0;

/// So many changes may be without the relay's confirmation before typing waits.
const UNCONFIRMED_MAX: u64 = 32_768;

/// How long a relay may be silent at the beginning and at the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was asked.
pub(super) struct Options {
    pub(super) trace: PathBuf,
    pub(super) name: DocumentName,
    pub(super) relay: Option<String>,
    pub(super) rate: Option<Rate>,
    pub(super) batch: usize,
    pub(super) access: Access,
    pub(super) json: bool,
}

/// A replay under way.
struct Replay {
    client: Client<Session>,
    name: DocumentName,
    /// What is kept in touch with the relay.
    documents: BTreeSet<DocumentName>,
    relay: Option<String>,
    online: bool,
    interrupted: bool,
}

pub(super) async fn run(workspace: &Workspace, options: Options) -> Result<Outcome> {
    let trace = Trace::read(&options.trace)?;
    let leases = leases(workspace, trace.writers)?;
    let replicas: Vec<ReplicaId> = leases.iter().map(Lease::replica).collect();
    list(workspace, &options.name, &leases[0])?;

    // Whoever is to see the note has to find it in the notebook.
    let documents = BTreeSet::from([options.name.clone(), note::notebook()]);
    let mut client = options.access.client(Session::new(workspace.clone()))?;
    let store = workspace.store()?;
    for document in &documents {
        let version = client.host_mut().open(document, &store)?;
        client.handle(Input::Open {
            document: document.clone(),
            version,
            own: Some(replicas[0]),
        });
    }
    drop(store);
    let mut replay = Replay {
        client,
        name: options.name.clone(),
        documents,
        relay: options.relay.clone(),
        online: false,
        interrupted: false,
    };
    replay.connect().await?;

    let base = replay.doc()?.clone();
    let mut typists = Typists::new(&trace, &base, &replicas, options.batch);
    let began = Instant::now();
    replay.type_all(&mut typists, &trace, &options).await?;
    let seconds = began.elapsed().as_secs_f64();
    let confirmed = replay.confirm().await?;
    let interrupted = replay.interrupted;
    let body = replay.doc()?.text(BODY).to_string();
    if let (Some(relay), true) = (&options.relay, replay.online) {
        replay.client.host_mut().remember(relay)?;
    }
    replay.client.close().await;

    let verdict = if interrupted || !base.text(BODY).is_empty() {
        Verdict::NotCompared
    } else {
        Verdict::of(&body, &trace, &mut typists)?
    };
    report(&options, typists.patches(), seconds, verdict, confirmed)?;
    Ok(match (interrupted, verdict, confirmed) {
        (true, ..) => Outcome::Interrupted,
        (_, Verdict::Different, _) => Outcome::Wrong,
        (_, _, Some(false)) => Outcome::NotConfirmed,
        _ => Outcome::Done,
    })
}

/// An id for each writer, in the writers' order: of concurrent insertions at one place the order of ids decides.
fn leases(workspace: &Workspace, writers: usize) -> Result<Vec<Lease>> {
    let mut leases = (0..writers)
        .map(|_| workspace.lease())
        .collect::<Result<Vec<_>>>()?;
    leases.sort_by_key(Lease::replica);
    Ok(leases)
}

/// Lists the note in the notebook if it is new.
fn list(workspace: &Workspace, name: &DocumentName, lease: &Lease) -> Result<()> {
    let mut store = workspace.store()?;
    let notebook = note::notebook();
    let mut list = store.load(&notebook, lease.replica())?;
    if *name == notebook || note::listed(&list).contains_key(name) {
        return Ok(());
    }
    let now = now_ms();
    let mut edit = list.edit(now);
    note::list(&mut edit, name, now)?;
    store.append_commit(&notebook, &edit.commit())?;
    store.finish()
}

impl Replay {
    fn doc(&mut self) -> Result<&mut Doc> {
        self.client.host_mut().doc(&self.name)
    }

    /// Reaches the relay, if one is wanted, and gets what it has of the document.
    async fn connect(&mut self) -> Result<()> {
        let Some(relay) = self.relay.clone() else {
            return Ok(());
        };
        self.client.dial(&relay)?;
        let patience = Patience::new(PATIENCE);
        loop {
            if !patience.step(&mut self.client).await {
                break;
            }
            let mut done = false;
            while let Some(notice) = self.client.host_mut().notices.pop_front() {
                if let Notice::Synced { document, .. } = &notice {
                    done |= *document == self.name;
                }
                if let Notice::Link {
                    state: LinkState::Offline { reason, .. },
                    ..
                } = &notice
                {
                    eprintln!(
                        "driftwood: cannot reach the relay {relay}: {reason}; typing without it"
                    );
                    done = true;
                }
                self.note(&notice);
            }
            if done {
                break;
            }
        }
        self.check_trouble()
    }

    fn note(&mut self, notice: &Notice) {
        match notice {
            // The news of the link may come after what came over it.
            Notice::Synced { .. } => self.online = true,
            Notice::Link { state, .. } => match state {
                LinkState::Online { .. } => self.online = true,
                LinkState::Offline { .. } => self.online = false,
                LinkState::Connecting => {}
            },
            _ => {}
        }
    }

    fn check_trouble(&mut self) -> Result<()> {
        self.client.host_mut().trouble.take().map_or(Ok(()), Err)
    }

    /// Types until all is typed, or until interrupted.
    async fn type_all(
        &mut self,
        typists: &mut Typists<'_>,
        trace: &Trace,
        options: &Options,
    ) -> Result<()> {
        let bar = bar(trace.patches() as u64);
        let began = Instant::now();
        let mut ended = std::pin::pin!(interrupted());
        let mut commits = 0.0;
        let mut group = Group::begin();
        while let Some(delta) = typists.commit(now_ms())? {
            let delta = self.client.host_mut().commit(&self.name, &delta)?;
            self.client.handle(Input::Local {
                document: self.name.clone(),
                delta,
            });
            commits += 1.0;
            group.commits += 1;
            let rate = options.rate.map(|Rate(edits)| edits / options.batch as f64);
            let pace = rate.or(self.online.then_some(LIVE_COMMITS_PER_SECOND));
            let due = pace.map(|pace| began + Duration::from_secs_f64(commits / pace));
            // A pace of thousands is kept on the whole, not from one edit to the next.
            let early = due.is_some_and(|due| due > Instant::now() + Duration::from_millis(1));
            if !early && !group.is_full(self.relay.is_some()) {
                continue;
            }
            group = Group::begin();
            bar.set_position(typists.patches() as u64);
            let until = if early { due } else { None };
            tokio::select! {
                worked = self.work(until) => worked?,
                () = &mut ended => {
                    self.interrupted = true;
                    break;
                }
            }
        }
        self.work(None).await?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Makes durable and sends what was typed, takes in what came, and waits: until a moment, and until the relay is
    /// not too far behind.
    async fn work(&mut self, until: Option<Instant>) -> Result<()> {
        let until = tokio::time::Instant::from_std(until.unwrap_or_else(Instant::now));
        loop {
            let waits = self.online && self.unconfirmed() > UNCONFIRMED_MAX;
            if waits {
                self.client.step().await;
            } else if tokio::time::timeout_at(until, self.client.step())
                .await
                .is_err()
            {
                return Ok(());
            }
            while let Some(notice) = self.client.host_mut().notices.pop_front() {
                self.note(&notice);
            }
            self.check_trouble()?;
        }
    }

    /// How many changes the relay has not confirmed.
    fn unconfirmed(&self) -> u64 {
        let session = self.client.host();
        let unconfirmed = self
            .documents
            .iter()
            .map(|name| changes_between(&session.saved(name).relay, &session.version(name)));
        unconfirmed.sum()
    }

    /// Waits until the relay has everything; whether it has, if there is one.
    async fn confirm(&mut self) -> Result<Option<bool>> {
        if self.relay.is_none() {
            return Ok(None);
        }
        let mut patience = Patience::new(PATIENCE);
        let mut ended = std::pin::pin!(interrupted());
        while self.online && self.unconfirmed() > 0 && !self.interrupted {
            tokio::select! {
                in_time = patience.step(&mut self.client) => if !in_time {
                    break;
                },
                () = &mut ended => self.interrupted = true,
            }
            while let Some(notice) = self.client.host_mut().notices.pop_front() {
                patience.renew();
                self.note(&notice);
            }
            self.check_trouble()?;
        }
        Ok(Some(self.unconfirmed() == 0))
    }
}

/// Commits that are made durable together.
struct Group {
    began: Instant,
    commits: usize,
}

impl Group {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            commits: 0,
        }
    }

    fn is_full(&self, live: bool) -> bool {
        self.commits >= GROUP_COMMITS || (live && self.began.elapsed() >= GROUP_TIME)
    }
}

fn bar(patches: u64) -> ProgressBar {
    let style = "{bar:30} {human_pos}/{human_len} edits, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    ProgressBar::new(patches).with_style(style)
}

fn report(
    options: &Options,
    typed: usize,
    seconds: f64,
    verdict: Verdict,
    confirmed: Option<bool>,
) -> Result<()> {
    let mut out = std::io::stdout();
    if options.json {
        let summary = json!({
            "name": options.name.as_str(),
            "edits": typed,
            "seconds": seconds,
            "text": verdict.code(),
            "confirmed": confirmed,
        });
        writeln!(out, "{summary}")?;
    } else {
        let rate = typed as f64 / seconds.max(0.001);
        let name = &options.name;
        let edits = count(typed as u64, "edit");
        writeln!(
            out,
            "{name}: typed {edits} in {seconds:.1} s ({rate:.0} a second)"
        )?;
        writeln!(out, "{name}: {}", verdict.words())?;
        if confirmed == Some(true) {
            writeln!(out, "{name}: all of it is on the relay")?;
        }
    }
    if confirmed == Some(false) {
        eprintln!(
            "driftwood: the relay does not have everything yet; it is safe here, `driftwood sync {}` sends it",
            options.name
        );
    }
    Ok(())
}
