//! A client of a server, and a crowd of them that is watched.

use crate::dialect::{Dialect, Heard, Saved, Update};
use crate::document::{readable, Copy};
use crate::marker::{self, Bits};
use crate::server::Server;
use anyhow::{bail, ensure, Context, Result};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{spawn_local, JoinHandle};
use tokio::time::{sleep, timeout};

use crate::contender::Contender;
use crate::socket::{connect, Incoming, Outgoing};

/// How long a client may take to come in.
const JOIN_TIME_MAX: Duration = Duration::from_secs(30);

/// One client with one document.
pub struct Client {
    dialect: Box<dyn Dialect>,
    incoming: Incoming,
    outgoing: Outgoing,
    /// What the server lacks and is to be given when it asks.
    offer: Option<Bytes>,
    /// How many bytes of changes came.
    pub bytes: u64,
}

impl Client {
    /// Knocks, as somebody who holds this much of the document and may have more than the server.
    pub async fn open(
        server: &Server,
        room: &str,
        replica: u64,
        held: &[u8],
        offer: Option<Bytes>,
    ) -> Result<Self> {
        let dialect = server.contender().dialect(room, replica);
        let (incoming, outgoing) = connect(server.address(), &dialect.path()).await?;
        let join = dialect.join(held);
        if !join.is_empty() {
            outgoing.send(&join).await?;
        }
        Ok(Self {
            dialect,
            incoming,
            outgoing,
            offer,
            bytes: 0,
        })
    }

    /// Comes in with nothing in hand, and waits until that is through. What came meanwhile.
    pub async fn join(server: &Server, room: &str, replica: u64) -> Result<(Self, Vec<Bytes>)> {
        let held = Copy::nothing_held(server.contender());
        let mut client = Self::open(server, room, replica, &held, None).await?;
        let mut changes = Vec::new();
        let joining = async {
            loop {
                let heard = client.hear().await?.context("closed while joining")?;
                changes.extend(heard.change);
                if heard.joined {
                    return anyhow::Ok(());
                }
            }
        };
        timeout(JOIN_TIME_MAX, joining)
            .await
            .context("cannot come in")??;
        Ok((client, changes))
    }

    /// The next message, answered; none when the server has closed.
    pub async fn hear(&mut self) -> Result<Option<Heard>> {
        let Some(message) = self.incoming.next().await? else {
            return Ok(None);
        };
        let mut heard = self.dialect.hear(message)?;
        self.bytes += heard.change.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if heard.asks {
            let offer = self.offer.take();
            heard.answers.extend(self.dialect.offer(offer.as_deref()));
        }
        if !heard.answers.is_empty() {
            self.outgoing.send(&heard.answers).await?;
        }
        Ok(Some(heard))
    }

    /// When the last message came.
    pub fn arrived(&self) -> Instant {
        self.incoming.arrived
    }

    /// The messages that bring these updates.
    pub fn messages(&self, updates: &[Update]) -> Vec<Vec<u8>> {
        let message = |update: &Update| self.dialect.change(&update.bytes);
        updates.iter().map(message).collect()
    }

    /// Where its messages go.
    pub fn outgoing(&self) -> Outgoing {
        self.outgoing.clone()
    }
}

/// What is seen of a crowd.
#[derive(Default)]
pub struct Seen {
    /// When each marked update was to be sent.
    pub due: Vec<Instant>,
    /// How long after that it was seen, in microseconds: one for each reader.
    pub latencies: Vec<u32>,
    /// The same for when its author heard that it is saved.
    pub save_latencies: Vec<u32>,
    /// When the last one was seen.
    pub last: Option<Instant>,
    /// How many updates the authors were told are saved.
    pub saved: u64,
    /// Bytes of changes that came.
    pub bytes: u64,
    /// What went wrong first.
    pub broken: Option<String>,
    /// What readers that are checked to the letter got.
    pub kept: HashMap<usize, Vec<Bytes>>,
    /// Compressed changes that were looked at before.
    known: HashMap<Bytes, Rc<[u32]>>,
}

/// Clients that listen, each in a task.
pub struct Crowd {
    contender: Contender,
    seen: Rc<RefCell<Seen>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Crowd {
    pub fn new(contender: Contender) -> Self {
        Self {
            contender,
            seen: Rc::default(),
            tasks: Vec::new(),
        }
    }

    /// What is seen; not to be held over an `await`.
    pub fn seen(&self) -> std::cell::RefMut<'_, Seen> {
        self.seen.borrow_mut()
    }

    /// Lets a reader listen. What it got so far, and what comes, is kept if it is to be checked. What
    /// it made itself (these markers) is no delivery, although some servers send it back.
    pub fn add_reader(
        &mut self,
        client: Client,
        check: Option<Vec<Bytes>>,
        own: std::ops::Range<u32>,
    ) {
        let number = self.tasks.len();
        if let Some(so_far) = check {
            self.seen().kept.insert(number, so_far);
        }
        let mut mine = Bits::default();
        for marker in own {
            mine.insert(marker);
        }
        let (seen, contender) = (Rc::clone(&self.seen), self.contender);
        self.spawn(async move { read(client, number, contender, mine, &seen).await });
    }

    /// Lets an author listen whose updates lead to these counts; for each, its marker.
    pub fn add_author(&mut self, client: Client, upto: Vec<(u64, u32)>) {
        let seen = Rc::clone(&self.seen);
        self.spawn(async move { hear_saved(client, upto, &seen).await });
    }

    fn spawn(&mut self, listen: impl std::future::Future<Output = Result<()>> + 'static) {
        let seen = Rc::clone(&self.seen);
        self.tasks.push(spawn_local(async move {
            if let Err(error) = listen.await {
                seen.borrow_mut().broken.get_or_insert(format!("{error:#}"));
            }
        }));
    }

    /// Waits until so many deliveries were seen, and so many updates were said to be saved.
    pub async fn wait(&self, deliveries: u64, saved: u64, at_most: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            {
                let seen = self.seen.borrow();
                if let Some(reason) = &seen.broken {
                    bail!("{reason}");
                }
                let count = seen.latencies.len() as u64;
                if count >= deliveries && seen.saved >= saved {
                    ensure!(count == deliveries, "{count} deliveries of {deliveries}");
                    return Ok(());
                }
                ensure!(
                    begun.elapsed() < at_most,
                    "{} of {deliveries} deliveries missing, {} of {saved} not saved",
                    deliveries - count.min(deliveries),
                    saved - seen.saved.min(saved),
                );
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Checks that those who kept everything see the text that they should.
    pub fn check(&self, text: &str, base: &[Bytes]) -> Result<()> {
        for changes in self.seen.borrow().kept.values() {
            check(self.contender, base.iter().chain(changes), text)?;
        }
        Ok(())
    }
}

/// Checks that these changes make this text.
pub fn check<'a>(
    contender: Contender,
    changes: impl Iterator<Item = &'a Bytes>,
    text: &str,
) -> Result<()> {
    let mut copy = Copy::new(contender, 1 << 40);
    for change in changes {
        copy.merge(change)?;
    }
    let shown = copy.text();
    ensure!(
        shown == text,
        "a reader sees another text: {} bytes, not {}",
        shown.len(),
        text.len()
    );
    Ok(())
}

async fn read(
    mut client: Client,
    number: usize,
    contender: Contender,
    mut mine: Bits,
    seen: &RefCell<Seen>,
) -> Result<()> {
    while let Some(heard) = client.hear().await? {
        let Some(change) = heard.change else { continue };
        let mut seen = seen.borrow_mut();
        seen.note(contender, &change, &mut mine, client.arrived())?;
        if let Some(kept) = seen.kept.get_mut(&number) {
            kept.push(change);
        }
    }
    bail!("the server closed the connection")
}

impl Seen {
    fn note(
        &mut self,
        contender: Contender,
        change: &Bytes,
        mine: &mut Bits,
        arrived: Instant,
    ) -> Result<()> {
        self.bytes += change.len() as u64;
        if change.len() < 256 {
            for marker in marker::find(change) {
                self.saw(marker, mine, arrived);
            }
            return Ok(());
        }
        let known = self.known.get(change).map(Rc::clone);
        let markers = if let Some(markers) = known {
            markers
        } else {
            let markers: Rc<[u32]> = marker::find(&readable(contender, change)?).collect();
            self.known.insert(change.clone(), Rc::clone(&markers));
            markers
        };
        for &marker in &*markers {
            self.saw(marker, mine, arrived);
        }
        Ok(())
    }

    fn saw(&mut self, marker: u32, mine: &mut Bits, arrived: Instant) {
        let Some(due) = self.due.get(marker as usize) else {
            return;
        };
        if mine.insert(marker) {
            let late = arrived.saturating_duration_since(*due);
            self.latencies.push(late.as_micros() as u32);
            self.last = Some(arrived);
        }
    }
}

async fn hear_saved(mut client: Client, upto: Vec<(u64, u32)>, seen: &RefCell<Seen>) -> Result<()> {
    let mut told = 0;
    while let Some(heard) = client.hear().await? {
        let Some(saved) = heard.saved else { continue };
        let now_told = match saved {
            Saved::Messages(count) => (count as usize).min(upto.len()),
            Saved::Upto(seq) => upto.partition_point(|(upto, _)| *upto <= seq),
        };
        let mut seen = seen.borrow_mut();
        for (_, marker) in upto.iter().take(now_told).skip(told) {
            if let Some(due) = seen.due.get(*marker as usize) {
                let late = client.arrived().saturating_duration_since(*due);
                seen.save_latencies.push(late.as_micros() as u32);
            }
            seen.saved += 1;
        }
        told = told.max(now_told);
    }
    bail!("the server closed the author's connection")
}
