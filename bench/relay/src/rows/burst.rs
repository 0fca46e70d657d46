//! One writer whose rate is doubled until the server falls behind.

use super::{
    add_readers, moments, percentile, saves, send_when_due, Author, Values, P99, PER_CORE_SECOND,
};
use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::Result;
use std::time::Duration;

const READERS: usize = 100;

/// Updates a second of the first step.
const FIRST: usize = 100;

/// Updates a second of the last: a connection may bring 10,000 messages a second to Driftwood's relay in
/// the long run, and five times as much at once.
const LAST: usize = 12_800;

/// Who delivers later than this after the end of a step has fallen behind.
const LATE_MAX: Duration = Duration::from_millis(500);
const P99_MAX_MS: f64 = 100.0;

/// What is late comes yet, or was lost.
const LOST: Duration = Duration::from_secs(20);

pub async fn measure(site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
    let server = Server::start(site, contender).await?;
    let mut crowd = Crowd::new(contender);
    let mut author = Author::new(contender, 1);
    let rates = || {
        (0..)
            .map(|step| FIRST << step)
            .take_while(|rate| *rate <= LAST)
    };
    let counts = || rates().map(|rate| (rate as f64 * scale.step_seconds) as usize);
    let updates = author.write_all(0..counts().sum::<usize>() as u32)?;
    add_readers(&mut crowd, &server, "room", READERS).await?;
    let (client, _) = Client::join(&server, "room", 1).await?;
    let (messages, outgoing) = (client.messages(&updates), [client.outgoing()]);
    let marked = updates.iter().zip(0..);
    crowd.add_author(
        client,
        marked.map(|(one, marker)| (one.upto, marker)).collect(),
    );
    server.quiet().await;

    let (mut best, mut sustained, mut best_p99) = (0.0_f64, 0.0, f64::NAN);
    let mut sent = 0;
    for (rate, count) in rates().zip(counts()) {
        let due = moments(count, rate as f64);
        let (last, before) = (due[count - 1], server.cpu());
        crowd.seen().due.extend(&due);
        crowd.seen().latencies.clear();
        send_when_due(&outgoing, &messages[sent..sent + count], &due).await?;
        sent += count;
        let deliveries = count * READERS;
        crowd
            .wait(deliveries as u64, saves(contender, sent), LOST)
            .await?;
        let cpu = server.cpu_since(before);
        best = best.max(deliveries as f64 / cpu.as_secs_f64());
        let mut seen = crowd.seen();
        let p99 = percentile(&mut seen.latencies, 99);
        let late = seen
            .last
            .map_or(LOST, |at| at.saturating_duration_since(last));
        if p99 > P99_MAX_MS || late > LATE_MAX {
            break;
        }
        (sustained, best_p99) = (rate as f64 * READERS as f64, p99);
    }
    if sent == updates.len() {
        crowd.check(&author.copy.text(), &[])?;
    }
    Ok(vec![
        (PER_CORE_SECOND, best),
        ("deliveries/s kept up with", sustained),
        (P99, best_p99),
        ("RSS MB at most", server.memory()?.1 / 1024.0),
    ])
}
