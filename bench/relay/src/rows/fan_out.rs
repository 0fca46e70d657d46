//! One writer, many readers.

use super::{
    add_readers, moments, per_100k, percentile, saves, send_when_due, Author, Values, CPU,
    LATE_MAX, P50, P99,
};
use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::Result;

const PER_SECOND: usize = 20;

pub async fn measure(
    site: &Site,
    contender: Contender,
    readers: usize,
    scale: &Scale,
) -> Result<Values> {
    let server = Server::start(site, contender).await?;
    let mut crowd = Crowd::new(contender);
    let mut author = Author::new(contender, 1);
    let count = PER_SECOND * scale.seconds;
    let updates = author.write_all(0..count as u32)?;
    add_readers(&mut crowd, &server, "room", readers).await?;
    let (client, _) = Client::join(&server, "room", 1).await?;
    let (messages, outgoing) = (client.messages(&updates), client.outgoing());
    let marked = updates.iter().zip(0..);
    crowd.add_author(
        client,
        marked.map(|(one, marker)| (one.upto, marker)).collect(),
    );
    server.quiet().await;

    let before = server.cpu();
    let due = moments(count, PER_SECOND as f64);
    crowd.seen().due.clone_from(&due);
    send_when_due(&[outgoing], &messages, &due).await?;
    let deliveries = count * readers;
    crowd
        .wait(deliveries as u64, saves(contender, count), LATE_MAX)
        .await?;
    let cpu = server.cpu_since(before);
    crowd.check(&author.copy.text(), &[])?;
    let mut seen = crowd.seen();
    let mut values = vec![
        (CPU, per_100k(cpu, deliveries)),
        (P50, percentile(&mut seen.latencies, 50)),
        (P99, percentile(&mut seen.latencies, 99)),
    ];
    values.push(("ack p50 ms", percentile(&mut seen.save_latencies, 50)));
    values.push(("ack p99 ms", percentile(&mut seen.save_latencies, 99)));
    values.push(("RSS MB", server.memory()?.0 / 1024.0));
    Ok(values)
}
