//! Many documents, each of one writer and one reader.

use super::{
    moments, per_100k, percentile, saves, send_when_due, Author, Values, CPU, LATE_MAX, P50, P99,
};
use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::Result;

/// Updates a second, of all together.
const PER_SECOND: usize = 500;

pub async fn measure(site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
    let server = Server::start(site, contender).await?;
    let mut crowd = Crowd::new(contender);
    let rooms = scale.documents;
    let count = PER_SECOND * scale.seconds;
    let mut messages = vec![Vec::new(); count];
    let mut outgoing = Vec::new();
    let mut first_text = String::new();
    for room in 0..rooms {
        let name = format!("room{room}");
        let mut author = Author::new(contender, 1 + room as u64);
        let numbers = (room..count).step_by(rooms);
        let (reader, changes) = Client::join(&server, &name, 10_000 + room as u64).await?;
        crowd.add_reader(reader, (room == 0).then_some(changes), 0..0);
        let (writer, _) = Client::join(&server, &name, 1 + room as u64).await?;
        let mut upto = Vec::new();
        for number in numbers {
            let update = author.write(number as u32, "")?;
            upto.push((update.upto, number as u32));
            messages[number] = writer.messages(&[update]).remove(0);
        }
        outgoing.push(writer.outgoing());
        crowd.add_author(writer, upto);
        if room == 0 {
            first_text = author.copy.text();
        }
    }
    server.quiet().await;

    let before = server.cpu();
    let due = moments(count, PER_SECOND as f64);
    crowd.seen().due.clone_from(&due);
    send_when_due(&outgoing, &messages, &due).await?;
    crowd
        .wait(count as u64, saves(contender, count), LATE_MAX)
        .await?;
    let cpu = server.cpu_since(before);
    crowd.check(&first_text, &[])?;
    let mut seen = crowd.seen();
    Ok(vec![
        (CPU, per_100k(cpu, count)),
        (P50, percentile(&mut seen.latencies, 50)),
        (P99, percentile(&mut seen.latencies, 99)),
        ("ack p50 ms", percentile(&mut seen.save_latencies, 50)),
        ("ack p99 ms", percentile(&mut seen.save_latencies, 99)),
        ("RSS MB", server.memory()?.0 / 1024.0),
    ])
}
