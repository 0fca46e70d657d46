//! `driftwood sync`: exchanges changes with a relay until both sides have everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use driftwood_crdt::VersionVector;
use driftwood_relay::driver::{Client, LinkState, Notice};
use driftwood_sync::{DocumentName, ErrorCode, Input, Level, ProtocolError, Reporter};
use serde_json::json;

use super::{count, relay_or_last, Outcome, Patience};
use crate::access::Access;
use crate::note;
use crate::session::{changes_between, Session};
use crate::workspace::{Lease, Workspace};

/// As many documents are under way at once; a relay allows 256 on a connection.
const OPEN_MAX: usize = 64;

/// What was asked.
pub(super) struct Options {
    pub(super) names: Vec<DocumentName>,
    pub(super) relay: Option<String>,
    pub(super) wait: Level,
    pub(super) patience: Duration,
    pub(super) access: Access,
    pub(super) json: bool,
}

/// The documents on their way through a sync.
struct Progress {
    waiting: VecDeque<DocumentName>,
    open: BTreeMap<DocumentName, Open>,
    ended: BTreeMap<DocumentName, Ended>,
    /// Everything that was ever waiting.
    known: BTreeSet<DocumentName>,
}

struct Open {
    before: VersionVector,
    /// Everything that the relay had is here.
    synced: bool,
}

/// What became of a document.
struct Ended {
    came: u64,
    sent: u64,
    trouble: Option<String>,
}

/// How it is going with the relay.
#[derive(Default)]
struct Contact {
    reached: bool,
    /// Why it is not, or why it is no use.
    trouble: Option<String>,
    hopeless: bool,
}

pub(super) async fn run(workspace: &Workspace, options: Options) -> Result<Outcome> {
    let relay = relay_or_last(workspace, options.relay)?
        .context("no relay is known yet; name one with --relay ws://HOST:PORT")?;
    let mut lease = Some(workspace.lease()?);
    let all = options.names.is_empty();
    let mut progress = Progress::new(workspace, options.names)?;
    let mut client = options.access.client(Session::new(workspace.clone()))?;
    client.dial(&relay).context("cannot dial the relay")?;

    let mut patience = Patience::new(options.patience);
    let mut contact = Contact::default();
    while !contact.hopeless {
        progress.begin(workspace, &mut client, lease.as_ref())?;
        if progress.open.is_empty() {
            break;
        }
        if !patience.step(&mut client).await {
            contact.trouble.get_or_insert_with(|| "no answer".into());
            break;
        }
        while let Some(notice) = client.host_mut().notices.pop_front() {
            patience.renew();
            progress.note(notice, &mut contact, &mut lease);
        }
        if let Some(trouble) = client.host_mut().trouble.take() {
            client.close().await;
            return Err(trouble);
        }
        let done = progress.end_finished(&mut client, options.wait);
        if all && done.contains(&note::notebook()) {
            let listed = note::listed(client.host_mut().doc(&note::notebook())?);
            progress.add(listed.into_keys());
        }
    }
    if contact.reached {
        client.host_mut().remember(&relay)?;
    }
    let session = client.close().await;
    let finished = progress.open.is_empty() && progress.waiting.is_empty();
    progress.report(&session, &relay, &contact, options.wait, options.json)?;
    let refused = progress.ended.values().any(|ended| ended.trouble.is_some());
    Ok(match (finished, refused) {
        (false, _) => Outcome::NotConfirmed,
        (true, true) => Outcome::Wrong,
        (true, false) => Outcome::Done,
    })
}

impl Progress {
    /// The notebook comes first: it may name more.
    fn new(workspace: &Workspace, names: Vec<DocumentName>) -> Result<Self> {
        let mut progress = Self {
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            known: BTreeSet::new(),
        };
        progress.add([note::notebook()]);
        if names.is_empty() {
            for document in workspace.store()?.documents()? {
                if document.damaged {
                    progress.known.insert(document.name.clone());
                    let trouble = Some("the stored document is damaged".to_owned());
                    let ended = Ended {
                        came: 0,
                        sent: 0,
                        trouble,
                    };
                    progress.ended.insert(document.name, ended);
                } else {
                    progress.add([document.name]);
                }
            }
        } else {
            progress.add(names);
        }
        Ok(progress)
    }

    fn add(&mut self, names: impl IntoIterator<Item = DocumentName>) {
        for name in names {
            if self.known.insert(name.clone()) {
                self.waiting.push_back(name);
            }
        }
    }

    /// Opens what waits while there is room.
    fn begin(
        &mut self,
        workspace: &Workspace,
        client: &mut Client<Session>,
        lease: Option<&Lease>,
    ) -> Result<()> {
        if self.waiting.is_empty() || self.open.len() >= OPEN_MAX {
            return Ok(());
        }
        let store = workspace.store()?;
        while self.open.len() < OPEN_MAX {
            let Some(name) = self.waiting.pop_front() else {
                break;
            };
            let version = match client.host_mut().open(&name, &store) {
                Ok(version) => version,
                Err(error) => {
                    let trouble = Some(error.root_cause().to_string());
                    self.ended.insert(
                        name,
                        Ended {
                            came: 0,
                            sent: 0,
                            trouble,
                        },
                    );
                    continue;
                }
            };
            let open = Open {
                before: version.clone(),
                synced: false,
            };
            self.open.insert(name.clone(), open);
            client.handle(Input::Open {
                document: name,
                version,
                own: lease.map(Lease::replica),
            });
        }
        Ok(())
    }

    fn note(&mut self, notice: Notice, contact: &mut Contact, lease: &mut Option<Lease>) {
        match notice {
            Notice::Link { state, .. } => contact.note(state),
            Notice::Synced { document, .. } => {
                // The news of the link may come after what came over it.
                contact.reached = true;
                if let Some(open) = self.open.get_mut(&document) {
                    open.synced = true;
                }
            }
            Notice::Problem {
                document, error, ..
            } => self.note_problem(document, error, contact),
            Notice::Forked { document, replica } => {
                eprintln!(
                    "driftwood: `{document}`: a copy of this folder has written under the same id; from now on a new \
                     one is used here"
                );
                if let Some(lease) = lease.take_if(|lease| lease.replica() == replica) {
                    if let Err(error) = lease.retire() {
                        eprintln!("driftwood: cannot retire the id: {error}");
                    }
                }
            }
            Notice::Saved { .. } | Notice::Presence { .. } => {}
        }
    }

    fn note_problem(
        &mut self,
        document: Option<DocumentName>,
        error: ProtocolError,
        contact: &mut Contact,
    ) {
        match document {
            // What the other side says of a document is said for good; what we notice is repaired by itself.
            Some(name) if error.reporter == Reporter::Peer => {
                if self.open.contains_key(&name) {
                    let trouble = Some(format!("the relay refuses it: {}", explain(error)));
                    self.ended.insert(
                        name,
                        Ended {
                            came: 0,
                            sent: 0,
                            trouble,
                        },
                    );
                }
            }
            Some(_) => {}
            None => {
                contact.trouble = Some(explain(error));
                contact.hopeless |= matches!(
                    error.code,
                    ErrorCode::Unauthenticated | ErrorCode::UnsupportedVersion
                );
            }
        }
    }

    /// Shuts what is through, and gives it.
    fn end_finished(&mut self, client: &mut Client<Session>, wait: Level) -> Vec<DocumentName> {
        let node = client.node();
        let finished: Vec<DocumentName> = self
            .open
            .iter()
            .filter(|(name, open)| {
                let version = client.host().version(name);
                let is_saved = |level| node.saved(name, level).includes(&version);
                self.ended.contains_key(*name)
                    || (open.synced && is_saved(Level::Local) && is_saved(wait))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in &finished {
            if let Some(open) = self.open.remove(name) {
                let counted = Ended::count(client.host(), name, &open);
                let ended = self.ended.entry(name.clone()).or_insert(counted);
                // Of a refused document something may have come all the same.
                ended.came = changes_between(&open.before, &client.host().version(name));
            }
            client.handle(Input::Shut {
                document: name.clone(),
            });
        }
        finished
    }

    fn report(
        &mut self,
        session: &Session,
        relay: &str,
        contact: &Contact,
        wait: Level,
        as_json: bool,
    ) -> Result<()> {
        let unfinished: BTreeSet<DocumentName> =
            self.open.keys().chain(&self.waiting).cloned().collect();
        for (name, open) in &self.open {
            let counted = Ended::count(session, name, open);
            self.ended.entry(name.clone()).or_insert(counted);
        }
        let mut out = std::io::stdout().lock();
        if as_json {
            let documents: Vec<serde_json::Value> = self
                .ended
                .iter()
                .map(|(name, ended)| {
                    json!({
                        "name": name.as_str(),
                        "came": ended.came,
                        "sent": ended.sent,
                        "done": !unfinished.contains(name) && ended.trouble.is_none(),
                        "trouble": ended.trouble,
                    })
                })
                .collect();
            let summary = json!({
                "relay": relay,
                "reached": contact.reached,
                "done": unfinished.is_empty(),
                "trouble": if unfinished.is_empty() { None } else { contact.trouble.as_deref() },
                "documents": documents,
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
        } else {
            for (name, ended) in &self.ended {
                let open = unfinished.contains(name);
                if contact.reached || ended.trouble.is_some() {
                    writeln!(out, "{name}: {}", ended.describe(open))?;
                }
            }
        }
        if unfinished.is_empty() {
            return Ok(());
        }
        let trouble = contact.trouble.as_deref().unwrap_or("it did not answer");
        let problem = match wait {
            _ if !contact.reached => format!("cannot reach the relay {relay}: {trouble}"),
            Level::Replicated => {
                format!("{relay} has not confirmed that two relays have everything ({trouble})")
            }
            _ => format!("{relay} has not confirmed everything ({trouble})"),
        };
        eprintln!("driftwood: {problem}; what you wrote is safe here, sync again later");
        Ok(())
    }
}

impl Contact {
    fn note(&mut self, state: LinkState) {
        match state {
            LinkState::Connecting => {}
            LinkState::Online { .. } => {
                self.reached = true;
                self.trouble = None;
            }
            LinkState::Offline { reason, retry_in } => {
                // One that was there a moment ago comes back; one that never was need not be waited for.
                self.hopeless |= !self.reached || retry_in.is_none();
                self.trouble = Some(reason);
            }
        }
    }
}

impl Ended {
    fn count(session: &Session, name: &DocumentName, open: &Open) -> Self {
        Self {
            came: changes_between(&open.before, &session.version(name)),
            sent: session.sent(name),
            trouble: None,
        }
    }

    fn describe(&self, unfinished: bool) -> String {
        let moved = match (self.came, self.sent) {
            (0, 0) => "up to date".to_owned(),
            (came, 0) => format!("{} came", count(came, "change")),
            (0, sent) => format!("{} sent", count(sent, "change")),
            (came, sent) => format!("{} came, {sent} sent", count(came, "change")),
        };
        match &self.trouble {
            Some(trouble) => trouble.clone(),
            None if unfinished && self.sent == 0 => "not confirmed".to_owned(),
            None if unfinished => format!("{moved}, not confirmed"),
            None => moved,
        }
    }
}

/// A problem in words.
fn explain(error: ProtocolError) -> String {
    let words = match error.code {
        ErrorCode::Unauthenticated => {
            "the relay wants a token (--token-file), or another one than this"
        }
        ErrorCode::UnsupportedVersion => "the relay speaks another version of the protocol",
        ErrorCode::Forbidden => "it is not permitted",
        ErrorCode::Purged => {
            "it was deleted for good on the relay; this copy stays here alone, and what is to be kept of it can go \
             into a document of another name"
        }
        ErrorCode::ForgedReplica => "it was changed here under an id of somebody else's",
        ErrorCode::StorageFull => "the relay's disk is full",
        ErrorCode::StoreCorrupt => "the relay's copy is damaged",
        ErrorCode::ClockAhead => "this computer's clock is ahead of the relay's",
        ErrorCode::RateLimited => "the relay asks to go slower",
        ErrorCode::Timeout => "it fell silent",
        other => return other.to_string(),
    };
    format!("{words} ({})", error.code)
}
