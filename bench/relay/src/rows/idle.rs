//! Connections on which nothing happens.

use super::{Values, BASE, EACH, EACH_OWN};
use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub async fn measure(site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
    let (base, each, cpu) = fill(site, contender, scale, |_| "room".to_owned()).await?;
    let (_, each_own, _) = fill(site, contender, scale, |n| format!("room{n}")).await?;
    Ok(vec![
        (EACH, each),
        (EACH_OWN, each_own),
        (BASE, base),
        ("idle CPU %", cpu),
    ])
}

/// What a server has in memory at first, in MB; what a connection adds, in KiB; what all of them cost, in
/// per cent of a core.
async fn fill(
    site: &Site,
    contender: Contender,
    scale: &Scale,
    room: impl Fn(usize) -> String,
) -> Result<(f64, f64, f64)> {
    let count = scale.idle;
    let server = Server::start(site, contender).await?;
    let (base, _) = server.memory()?;
    let mut crowd = Crowd::new(contender);
    for number in 0..count {
        let (client, _) = Client::join(&server, &room(number), 1000 + number as u64).await?;
        crowd.add_reader(client, None, 0..0);
    }
    server.quiet().await;
    let (cpu, begun) = (server.cpu(), Instant::now());
    sleep(scale.idle_time).await;
    let busy = server.cpu_since(cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    let (full, _) = server.memory()?;
    crowd.wait(0, 0, Duration::ZERO).await?;
    Ok((base / 1024.0, (full - base) / count as f64, busy * 100.0))
}
