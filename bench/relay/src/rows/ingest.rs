//! A long history, keystroke by keystroke; then a cold join.

use super::{Values, CPU_S, JOIN};
use crate::client::{check, Client, Crowd};
use crate::contender::Contender;
use crate::dialect::Update;
use crate::document::Copy;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::{bail, ensure, Result};
use bytes::Bytes;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A connection may bring 10,000 messages a second to Driftwood's relay.
const PER_SECOND: f64 = 9_500.0;

/// So many are under way at most, where the server says what is saved.
const WINDOW: usize = 1_000;

/// So many go in one write at most.
const BATCH: usize = 100;

/// When nothing more comes for so long, it may be all.
const SILENCE: Duration = Duration::from_millis(300);

const WHOLE_TIME_MAX: Duration = Duration::from_secs(20);

/// Those who store later than they say, or say nothing, have stored by then.
const PEER_STORES_WITHIN: Duration = Duration::from_secs(12);

/// The server is ended and joined so often; the median counts.
const JOINS: usize = 3;

pub async fn measure(site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
    let mut server = Server::start(site, contender).await?;
    let (updates, text) = updates(contender, scale)?;
    let begun = Instant::now();
    let before = server.cpu();
    let crowd = ingest(&server, &updates, scale.ingest_time).await?;
    until_whole(&server, &text).await?;
    // Only now: a socket that is closed before it has read what came back may take along what it sent.
    drop(crowd);
    let whole = begun.elapsed();
    server.quiet().await;
    if contender.is_peer() {
        sleep(PEER_STORES_WITHIN).await;
    }
    let cpu = server.cpu_since(before);
    let (_, peak) = server.memory()?;

    let mut joins = Vec::new();
    let mut kept = 0;
    for _ in 0..JOINS {
        (server, kept) = server.restart(site).await?;
        joins.push(cold_join(&server, &text).await?);
    }
    joins.sort_by_key(|join| join.took);
    let join = &joins[JOINS / 2];
    Ok(vec![
        (CPU_S, cpu.as_secs_f64()),
        ("all there s", whole.as_secs_f64()),
        ("RSS MB at most", peak / 1024.0),
        ("disk MB", kept as f64 / 1e6),
        (JOIN, join.took.as_secs_f64() * 1e3),
        ("its CPU ms", join.cpu.as_secs_f64() * 1e3),
        ("KB sent", join.bytes as f64 / 1e3),
    ])
}

/// The history as changes, and the text at its end.
fn updates(contender: Contender, scale: &Scale) -> Result<(Vec<Update>, String)> {
    let mut copy = Copy::new(contender, 1);
    let mut updates = Vec::new();
    for stroke in &*scale.session.strokes {
        if stroke.deleted > 0 {
            updates.push(copy.delete(stroke.at, stroke.deleted)?);
        }
        if !stroke.typed.is_empty() {
            updates.push(copy.insert(stroke.at, &stroke.typed)?);
        }
    }
    let text = copy.text();
    ensure!(*text == *scale.session.end, "the session ends otherwise");
    Ok((updates, text))
}

async fn ingest(server: &Server, updates: &[Update], at_most: Duration) -> Result<Crowd> {
    let contender = server.contender();
    let mut crowd = Crowd::new(contender);
    let (client, _) = Client::join(server, "session", 1).await?;
    let (messages, outgoing) = (client.messages(updates), client.outgoing());
    crowd.add_author(
        client,
        updates.iter().map(|one| (one.upto, u32::MAX)).collect(),
    );
    let begun = Instant::now();
    let mut sent = 0;
    while sent < messages.len() {
        let stalled = || format!("stalled after {sent} of {} updates", messages.len());
        ensure!(begun.elapsed() < at_most, "{}", stalled());
        let saved = crowd.seen().saved as usize;
        let may = if contender.acknowledges() {
            saved + WINDOW
        } else {
            messages.len()
        };
        let due = (begun.elapsed().as_secs_f64() * PER_SECOND) as usize;
        let upto = (sent + BATCH).min(may).min(due).min(messages.len());
        if upto <= sent {
            sleep(Duration::from_millis(1)).await;
            continue;
        }
        let sending = outgoing.send(&messages[sent..upto]);
        let Ok(written) = timeout(at_most.saturating_sub(begun.elapsed()), sending).await else {
            bail!("{}", stalled());
        };
        written?;
        sent = upto;
        // What comes back is heard in between.
        tokio::task::yield_now().await;
    }
    let saved = if contender.acknowledges() { sent } else { 0 };
    crowd.wait(0, saved as u64, WHOLE_TIME_MAX).await?;
    Ok(crowd)
}

/// Waits until somebody who joins sees the whole text.
async fn until_whole(server: &Server, text: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let (mut client, mut changes) = Client::join(server, "session", 2).await?;
        while let Ok(heard) = timeout(SILENCE, client.hear()).await {
            changes.extend(heard?.and_then(|heard| heard.change));
        }
        match check(server.contender(), changes.iter(), text) {
            Ok(()) => return Ok(()),
            Err(error) => ensure!(begun.elapsed() < WHOLE_TIME_MAX, "not whole: {error}"),
        }
    }
}

struct Join {
    took: Duration,
    cpu: Duration,
    bytes: u64,
}

async fn cold_join(server: &Server, text: &str) -> Result<Join> {
    let (before, begun) = (server.cpu(), Instant::now());
    let held = Copy::nothing_held(server.contender());
    let mut client = Client::open(server, "session", 3, &held, None).await?;
    let mut changes: Vec<Bytes> = Vec::new();
    let mut last = begun;
    loop {
        match timeout(SILENCE, client.hear()).await {
            Ok(heard) => {
                let Some(heard) = heard? else {
                    bail!("closed while joining")
                };
                if let Some(change) = heard.change {
                    changes.push(change);
                    last = client.arrived();
                }
            }
            Err(_silence) => match check(server.contender(), changes.iter(), text) {
                Ok(()) => break,
                Err(error) => ensure!(begun.elapsed() < WHOLE_TIME_MAX, "join: {error}"),
            },
        }
    }
    Ok(Join {
        took: last - begun,
        cpu: server.cpu_since(before),
        bytes: client.bytes,
    })
}
