//! Many clients that were away come back at once, each with what it did meanwhile.

use super::{Values, CPU_S, LATE_MAX, WHOLE};
use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::document::Copy;
use crate::marker;
use crate::server::Server;
use crate::{Scale, Site};
use anyhow::{Context, Result};
use bytes::Bytes;
use std::time::Instant;
use tokio::task::spawn_local;

/// What each of them did.
const EDITS: u32 = 50;

/// The text that all of them had.
const BASE_WORDS: usize = 500;

struct Returning {
    held: Vec<u8>,
    offer: Bytes,
}

pub async fn measure(site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
    let server = std::rc::Rc::new(Server::start(site, contender).await?);
    let mut first = Copy::new(contender, 1);
    let base = first.insert(0, &"lorem ipsum ".repeat(BASE_WORDS / 2))?;
    let count = scale.returning as u32;
    let mut returning = Vec::new();
    for number in 0..count {
        let client = edited(contender, number, &base.bytes)?;
        first.merge(&client.offer)?;
        returning.push(client);
    }
    let text = first.text();
    bring_base(&server, &base.bytes).await?;
    server.quiet().await;

    let mut crowd = Crowd::new(contender);
    let begun = Instant::now();
    let before = server.cpu();
    crowd.seen().due = vec![begun; (count * EDITS) as usize];
    let mut opening = Vec::new();
    for (number, client) in (0..count).zip(returning) {
        let server = std::rc::Rc::clone(&server);
        let own = client.offer.clone();
        let open = spawn_local(async move {
            let (replica, offer) = (100 + u64::from(number), Some(client.offer));
            Client::open(&server, "room", replica, &client.held, offer).await
        });
        opening.push((number, own, open));
    }
    for (number, own, open) in opening {
        let client = open.await.context("a client panicked")??;
        let check = (number == 0).then(|| vec![own]);
        crowd.add_reader(client, check, number * EDITS..(number + 1) * EDITS);
    }
    let deliveries = u64::from(count * (count - 1) * EDITS);
    crowd.wait(deliveries, 0, LATE_MAX * 2).await?;
    let cpu = server.cpu_since(before);
    crowd.check(&text, std::slice::from_ref(&base.bytes))?;
    let seen = crowd.seen();
    let whole = seen
        .last
        .map_or(f64::NAN, |last| (last - begun).as_secs_f64());
    Ok(vec![
        (CPU_S, cpu.as_secs_f64()),
        (WHOLE, whole * 1e3),
        ("MB sent", seen.bytes as f64 / 1e6),
        ("RSS MB at most", server.memory()?.1 / 1024.0),
    ])
}

fn edited(contender: Contender, number: u32, base: &[u8]) -> Result<Returning> {
    let mut copy = Copy::new(contender, 100 + u64::from(number));
    copy.merge(base)?;
    let held = copy.held();
    // All over the text, from behind so that no word is torn, and elsewhere for each of them.
    let apart = (BASE_WORDS * 6) as u32 / EDITS;
    for edit in (0..EDITS).rev() {
        let place = edit * apart + number * 7 % apart;
        copy.insert(place as usize, &marker::word(number * EDITS + edit))?;
    }
    Ok(Returning {
        offer: copy.since(&held)?.bytes,
        held: copy.held(),
    })
}

async fn bring_base(server: &Server, base: &Bytes) -> Result<()> {
    let (mut client, _) = Client::join(server, "room", 1).await?;
    let update = crate::dialect::Update {
        bytes: base.clone(),
        upto: 1,
    };
    let outgoing = client.outgoing();
    outgoing.send(&client.messages(&[update])).await?;
    if server.contender().acknowledges() {
        while client.hear().await?.context("closed")?.saved.is_none() {}
    }
    Ok(())
}
