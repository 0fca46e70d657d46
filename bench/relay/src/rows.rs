//! What is measured: each row on a server of its own.

mod burst;
mod documents;
mod fan_out;
mod idle;
mod ingest;
mod rejoin;
mod slow;

use crate::client::{Client, Crowd};
use crate::contender::Contender;
use crate::dialect::Update;
use crate::document::Copy;
use crate::marker;
use crate::server::Server;
use crate::socket::Outgoing;
use crate::{Scale, Site};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// What came of a row, with the names of the columns.
pub type Values = Vec<(&'static str, f64)>;

/// How long the last deliveries of a row may take.
const LATE_MAX: Duration = Duration::from_secs(20);

/// The names of columns that goals speak of.
pub const CPU: &str = "CPU s per 100,000";
pub const P50: &str = "p50 ms";
pub const P99: &str = "p99 ms";
pub const PER_CORE_SECOND: &str = "deliveries per core-second";
pub const CPU_S: &str = "CPU s";
pub const BASE: &str = "base RSS MB";
pub const EACH: &str = "KiB each, one document";
pub const EACH_OWN: &str = "KiB each, a document each";
pub const JOIN: &str = "join after restart ms";
pub const WHOLE: &str = "all whole ms";

/// A row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Row {
    FanOut(usize),
    Burst,
    Documents,
    Idle,
    Ingest,
    Rejoin,
    Slow,
}

impl Row {
    /// How it is called.
    pub fn name(self) -> String {
        match self {
            Self::FanOut(readers) => format!("fan-out to {readers}"),
            Self::Burst => "burst to 100".to_owned(),
            Self::Documents => "500 documents".to_owned(),
            Self::Idle => "idle connections".to_owned(),
            Self::Ingest => "ingest and cold join".to_owned(),
            Self::Rejoin => "return of 200".to_owned(),
            Self::Slow => "slow reader".to_owned(),
        }
    }

    /// What happens in it.
    pub fn about(self, scale: &Scale) -> String {
        match self {
            Self::FanOut(_) => format!("one writer, 20 updates/s for {} s", scale.seconds),
            Self::Burst => "one writer, its rate doubled each second until the server falls behind: \
                            half a second late, or p99 over 100 ms"
                .to_owned(),
            Self::Documents => format!(
                "{} documents of one writer and one reader, 500 updates/s in all for {} s",
                scale.documents, scale.seconds
            ),
            Self::Idle => format!("{} connections, then as many with a document each", scale.idle),
            Self::Ingest => "one writer, keystroke by keystroke, at most 9,500 a second and 1,000 not \
                             acknowledged; then the server is ended, started, and joined with nothing \
                             in hand"
                .to_owned(),
            Self::Rejoin => format!("{} clients with 50 edits each come at once", scale.returning),
            Self::Slow => format!(
                "one of 11 readers stops while {} updates of 2 KiB pass, then goes on",
                scale.passing
            ),
        }
    }

    /// Whether a server is measured in it.
    pub fn takes(self, contender: Contender) -> bool {
        match self {
            Self::Ingest | Self::Rejoin => contender.keeps(),
            _ => true,
        }
    }

    /// Measures it once.
    pub async fn measure(self, site: &Site, contender: Contender, scale: &Scale) -> Result<Values> {
        match self {
            Self::FanOut(readers) => fan_out::measure(site, contender, readers, scale).await,
            Self::Burst => burst::measure(site, contender, scale).await,
            Self::Documents => documents::measure(site, contender, scale).await,
            Self::Idle => idle::measure(site, contender, scale).await,
            Self::Ingest => ingest::measure(site, contender, scale).await,
            Self::Rejoin => rejoin::measure(site, contender, scale).await,
            Self::Slow => slow::measure(site, contender, scale).await,
        }
    }
}

/// A writer that types marked words at the end of its text.
struct Author {
    copy: Copy,
    length: usize,
}

impl Author {
    fn new(contender: Contender, replica: u64) -> Self {
        Self {
            copy: Copy::new(contender, replica),
            length: 0,
        }
    }

    fn write(&mut self, number: u32, filler: &str) -> Result<Update> {
        let word = marker::word(number) + filler;
        let update = self.copy.insert(self.length, &word)?;
        self.length += word.len();
        Ok(update)
    }

    fn write_all(&mut self, numbers: std::ops::Range<u32>) -> Result<Vec<Update>> {
        numbers.map(|number| self.write(number, "")).collect()
    }
}

/// Sends messages in turn, each when it is due; those of a millisecond together.
async fn send_when_due(outgoing: &[Outgoing], messages: &[Vec<u8>], due: &[Instant]) -> Result<()> {
    let mut next = 0;
    while next < messages.len() {
        sleep_until(due[next].into()).await;
        let now = Instant::now();
        if let [only] = outgoing {
            let upto = due.partition_point(|due| *due <= now).max(next + 1);
            only.send(&messages[next..upto]).await?;
            next = upto;
        } else {
            while next < messages.len() && due[next] <= now {
                outgoing[next % outgoing.len()]
                    .send(&messages[next..=next])
                    .await?;
                next += 1;
            }
        }
    }
    Ok(())
}

/// Moments from a little later on, so many a second.
fn moments(count: usize, per_second: f64) -> Vec<Instant> {
    let first = Instant::now() + Duration::from_millis(20);
    let at = |number| first + Duration::from_secs_f64(f64::from(number) / per_second);
    (0..count as u32).map(at).collect()
}

/// The part of sorted numbers below which so many of a hundred lie, in milliseconds.
fn percentile(micros: &mut [u32], percent: usize) -> f64 {
    if micros.is_empty() {
        return f64::NAN;
    }
    micros.sort_unstable();
    f64::from(micros[(micros.len() - 1) * percent / 100]) / 1000.0
}

fn per_100k(cpu: Duration, deliveries: usize) -> f64 {
    cpu.as_secs_f64() / deliveries as f64 * 100_000.0
}

/// Lets readers in, the first of whom is checked to the letter.
async fn add_readers(crowd: &mut Crowd, server: &Server, room: &str, count: usize) -> Result<()> {
    for number in 0..count {
        let (client, changes) = Client::join(server, room, 1000 + number as u64).await?;
        crowd.add_reader(client, (number == 0).then_some(changes), 0..0);
    }
    Ok(())
}

/// How many acknowledgements to wait for.
fn saves(contender: Contender, updates: usize) -> u64 {
    if contender.acknowledges() {
        updates as u64
    } else {
        0
    }
}
