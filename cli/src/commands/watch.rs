//! `driftwood watch`: prints a document's changes as they come, from a relay and from other commands on this device.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use driftwood_relay::driver::{Client, LinkState, Notice};
use driftwood_sync::{DocumentName, Input, ProtocolError};
use tokio::time::{interval, MissedTickBehavior};

use super::{relay_or_last, Outcome};
use crate::access::Access;
use crate::describe;
use crate::session::Session;
use crate::workspace::Workspace;

/// How often to look for what other commands on this device have written.
const LOOK_PERIOD: Duration = Duration::from_millis(200);

pub(super) async fn run(
    workspace: &Workspace,
    name: &DocumentName,
    relay: Option<String>,
    access: &Access,
    json: bool,
) -> Result<Outcome> {
    let relay = relay_or_last(workspace, relay)?;
    let mut session = Session::new(workspace.clone());
    session.news = Some(Vec::new());
    let mut seen = workspace.last_changed();
    session.open(name, &workspace.store()?)?;
    let version = session.doc(name)?.version().clone();
    let mut client = access.client(session)?;
    client.handle(Input::Open {
        document: name.clone(),
        version,
        own: None,
    });
    if let Some(relay) = &relay {
        client.dial(relay).context("cannot dial the relay")?;
    }
    eprintln!(
        "watching `{name}` {}; Ctrl-C ends it",
        relay.as_deref().unwrap_or("without a relay")
    );

    let mut look = interval(LOOK_PERIOD);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = std::pin::pin!(interrupted());
    let mut reached = false;
    loop {
        tokio::select! {
            () = client.step() => {}
            _ = look.tick() => look_here(workspace, name, &mut client, &mut seen)?,
            () = &mut ended => break,
        }
        while let Some(notice) = client.host_mut().notices.pop_front() {
            if let Notice::Link {
                url,
                state: LinkState::Online { .. },
            } = &notice
            {
                if !std::mem::replace(&mut reached, true) {
                    client.host_mut().remember(url)?;
                }
            }
            tell(&notice);
        }
        if let Some(trouble) = client.host_mut().trouble.take() {
            eprintln!("driftwood: {trouble:#}; trying again");
        }
        print(name, &mut client, json)?;
    }
    client.close().await;
    Ok(Outcome::Done)
}

/// Ends on Ctrl-C, and when asked to.
pub(super) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{signal, SignalKind};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process by itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Takes in what other commands on this device have written, and so sends it on.
fn look_here(
    workspace: &Workspace,
    name: &DocumentName,
    client: &mut Client<Session>,
    seen: &mut Option<SystemTime>,
) -> Result<()> {
    let now = workspace.last_changed();
    if now == *seen {
        return Ok(());
    }
    *seen = now;
    if let Some(version) = client.host_mut().catch_up(name)? {
        client.handle(Input::Open {
            document: name.clone(),
            version,
            own: None,
        });
    }
    Ok(())
}

fn print(name: &DocumentName, client: &mut Client<Session>, json: bool) -> Result<()> {
    let session = client.host_mut();
    let news = session.take_news();
    if news.is_empty() {
        return Ok(());
    }
    let doc = session.doc(name)?;
    let mut out = std::io::stdout().lock();
    for news in &news {
        if json {
            writeln!(out, "{}", describe::to_json(news, doc))?;
        } else {
            for line in describe::lines(news, doc) {
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn tell(notice: &Notice) {
    match notice {
        Notice::Link { url, state } => match state {
            LinkState::Connecting => {}
            LinkState::Online { over } => eprintln!("linked to {url} over {over}"),
            LinkState::Offline {
                reason,
                retry_in: Some(delay),
            } => {
                eprintln!(
                    "no link to {url}: {reason}; again in {:.1} s",
                    delay.as_secs_f32()
                );
            }
            LinkState::Offline {
                reason,
                retry_in: None,
            } => {
                eprintln!("no link to {url}: {reason}");
            }
        },
        Notice::Problem {
            error: ProtocolError { code, .. },
            ..
        } => {
            eprintln!("the relay: {code}");
        }
        Notice::Saved { .. }
        | Notice::Presence { .. }
        | Notice::Synced { .. }
        | Notice::Forked { .. } => {}
    }
}
