//! One file a command.

mod edit;
mod list;
mod new;
mod replay;
mod set;
mod show;
mod sync;
mod watch;

use std::future::Future;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{bail, Context as _, Result};
use driftwood_crdt::Doc;
use driftwood_relay::driver::Client;
use driftwood_sync::DocumentName;

use crate::args::{Args, Command};
use crate::session::Session;
use crate::workspace::{Lease, OpenStore, Workspace};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it was asked.
    Done,
    /// It did, and found something that is not as it should be.
    Wrong,
    /// The local part is done, but a relay could not be reached or did not confirm in time.
    NotConfirmed,
    /// It was interrupted.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::Wrong => 1,
            Outcome::NotConfirmed => 3,
            Outcome::Interrupted => 130,
        })
    }
}

/// Carries out what was asked on the command line.
pub(crate) fn run(args: Args) -> Result<Outcome> {
    let workspace = Workspace::open(args.data, args.command.name())?;
    let (json, access) = (args.json, args.access);
    match args.command {
        Command::New { name, title, text } => {
            new::run(&workspace, &name, title.as_deref(), text.as_deref())
        }
        Command::Edit { name, from } => edit::run(&workspace, &name, from.as_deref()),
        Command::Show { name, body } => show::run(&workspace, &name, body, json),
        Command::List { all } => list::run(&workspace, all, json),
        Command::Set { name, key, value } => set::run(&workspace, &name, &key, &value),
        Command::Sync {
            names,
            relay,
            wait,
            timeout,
        } => {
            let options = sync::Options {
                names,
                relay,
                wait: wait.into(),
                patience: Duration::from_secs(timeout),
                access,
                json,
            };
            block_on(sync::run(&workspace, options))
        }
        Command::Watch { name, relay } => {
            block_on(watch::run(&workspace, &name, relay, &access, json))
        }
        Command::Replay {
            trace,
            name,
            relay,
            rate,
            batch,
        } => {
            let options = replay::Options {
                trace,
                name,
                relay,
                rate,
                batch: batch as usize,
                access,
                json,
            };
            block_on(replay::run(&workspace, options))
        }
    }
}

fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    // Sockets have threads of their own: the command's may be busy with documents and files.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start")?
        .block_on(command)
}

/// The time in milliseconds since 1970.
fn now_ms() -> u64 {
    driftwood_relay::now().as_millis()
}

/// A document that must be there.
fn load_existing(store: &OpenStore, name: &DocumentName, lease: Option<&Lease>) -> Result<Doc> {
    if store.version(name)?.is_empty() {
        bail!(
            "there is no note `{name}` here; `driftwood list` shows those there are, `driftwood sync {name}` gets it \
             from a relay, `driftwood new {name}` makes it"
        );
    }
    // An id that nothing is written under will do for reading.
    let reader = driftwood_crdt::ReplicaId::new(0);
    store.load(name, lease.map_or(reader, Lease::replica))
}

/// The relay that was named, or else the one last reached.
fn relay_or_last(workspace: &Workspace, named: Option<String>) -> Result<Option<String>> {
    match named {
        Some(url) => Ok(Some(url)),
        None => Ok(workspace.store()?.ledger.relay.clone()),
    }
}

/// Gives up when nothing happens for too long.
struct Patience {
    time: Duration,
    until: Instant,
}

impl Patience {
    fn new(time: Duration) -> Self {
        Self {
            time,
            until: Instant::now() + time,
        }
    }

    /// Something happened.
    fn renew(&mut self) {
        self.until = Instant::now() + self.time;
    }

    /// Lets the client work on; `false` when patience has run out.
    async fn step(&self, client: &mut Client<Session>) -> bool {
        let until = tokio::time::Instant::from_std(self.until);
        tokio::time::timeout_at(until, client.step()).await.is_ok()
    }
}

/// `1 change`, `12 changes`.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
