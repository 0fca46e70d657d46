//! A reader that stops reading, beside others that go on.

use super::{
    add_readers, moments, percentile, saves, send_when_due, Author, Values, LATE_MAX, P50, P99,
};
use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::Result;

const GOOD: usize = 10;
const PER_SECOND: f64 = 1_000.0;

/// What an update is filled up with.
const FILLER_BYTES: usize = 2_048;

pub async fn measure(site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
    let server = Server::start(site, contender).await?;
    let mut crowd = Crowd::new(contender);
    let mut author = Author::new(contender, 1);
    let updates: Vec<_> = (0..scale.passing as u32)
        .map(|number| author.write(number, &filler(number)))
        .collect::<Result<_>>()?;
    add_readers(&mut crowd, &server, "room", GOOD).await?;
    let (slow, so_far) = Client::join(&server, "room", 2).await?;
    let (client, _) = Client::join(&server, "room", 1).await?;
    let (messages, outgoing) = (client.messages(&updates), client.outgoing());
    let marked = updates.iter().zip(0..);
    crowd.add_author(
        client,
        marked.map(|(one, marker)| (one.upto, marker)).collect(),
    );
    server.quiet().await;

    let (before, _) = server.memory()?;
    let count = updates.len();
    let due = moments(count, PER_SECOND);
    crowd.seen().due.clone_from(&due);
    send_when_due(&[outgoing], &messages, &due).await?;
    let deliveries = (count * GOOD) as u64;
    crowd
        .wait(deliveries, saves(contender, count), LATE_MAX)
        .await?;
    let (p50, p99) = {
        let mut seen = crowd.seen();
        let latencies = &mut seen.latencies;
        (percentile(latencies, 50), percentile(latencies, 99))
    };
    // Now it reads on, and must miss nothing.
    crowd.add_reader(slow, Some(so_far), 0..0);
    crowd
        .wait(deliveries + count as u64, saves(contender, count), LATE_MAX)
        .await?;
    crowd.check(&author.copy.text(), &[])?;
    let (_, peak) = server.memory()?;
    Ok(vec![
        (P50, p50),
        (P99, p99),
        ("RSS MB more, at most", (peak - before) / 1024.0),
    ])
}

/// Letters that do not get shorter by compression.
fn filler(seed: u32) -> String {
    let mut state = u64::from(seed) + 1;
    let letters = (0..FILLER_BYTES).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + ((state >> 33) % 90) as u8)
    });
    letters.collect()
}
