//! A load generator for sync servers: Driftwood's relay beside others, and beside raw servers of our own.
//!
//! The server runs on core 0, this program on core 1, over loopback; contenders take turns within a
//! round, and medians count. Every client speaks its server's protocol and carries real changes; every
//! row checks that its readers got all of it, and one of them to the letter.

mod client;
mod contender;
mod dialect;
mod document;
mod marker;
mod raw;
mod report;
mod rows;
mod server;
mod session;
mod socket;

use anyhow::{bail, ensure, Context, Result};
use clap::{Parser, Subcommand};
use contender::Contender;
use report::Report;
use rows::Row;
use session::Session;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measures Driftwood's relay beside other sync servers
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench relay", max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Under a minute: one round, less of everything, our own and the raw servers
    #[arg(long)]
    quick: bool,
    /// Tiny: only to see that it works
    #[arg(long)]
    smoke: bool,
    /// How often everybody has a turn
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// A folder with editing traces; without it, typing is made up
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Only rows with this in their name; may be given several times
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Only these servers, with commas in between
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    peers: Vec<String>,
    /// Driftwood's relay
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/release/driftwood-relay"
    )]
    relay: PathBuf,
    /// y-sweet, if it is there
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/y-sweet/bin/y-sweet"
    )]
    y_sweet: PathBuf,
    /// Where servers keep what they keep
    #[arg(long, value_name = "DIR", default_value = "target/bench-relay")]
    work: PathBuf,
    /// Where the results go
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Be a raw server
    #[command(hide = true)]
    Serve {
        /// Where to listen
        #[arg(long)]
        listen: String,
        /// Keep what comes
        #[arg(long)]
        log: Option<PathBuf>,
    },
}

/// Where everything is.
pub struct Site {
    pub relay: PathBuf,
    pub y_sweet: PathBuf,
    pub npm: PathBuf,
    pub own: PathBuf,
    pub work: PathBuf,
}

impl Site {
    /// A package beside this one.
    pub fn npm(&self, name: &str) -> PathBuf {
        self.npm.join("node_modules").join(name)
    }
}

/// How much of everything.
pub struct Scale {
    pub fan_out: &'static [usize],
    pub seconds: usize,
    pub step_seconds: f64,
    pub documents: usize,
    pub idle: usize,
    pub idle_time: Duration,
    pub returning: usize,
    pub passing: usize,
    pub ingest_time: Duration,
    pub session: Session,
}

/// A server that takes longer for a row has stalled.
const ROW_TIME_MAX: Duration = Duration::from_secs(180);

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Command::Serve { listen, log }) = &args.command {
        return raw::serve(listen, log.as_deref());
    }
    server::pin_self()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, run(&args))
}

async fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.work)?;
    let site = Site {
        relay: args.relay.clone(),
        y_sweet: args.y_sweet.clone(),
        npm: Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(),
        own: std::env::current_exe()?,
        work: args.work.clone(),
    };
    let scale = scale(args)?;
    let contenders = contenders(args, &site)?;
    let rows = rows(args, &scale)?;
    let rounds = if args.quick || args.smoke {
        1
    } else {
        args.rounds
    };
    let mut report = Report::new(&contenders);
    for round in 0..rounds {
        for &row in &rows {
            for &contender in contenders.iter().filter(|one| row.takes(**one)) {
                if report.has_failed(row, contender) {
                    continue; // once is enough
                }
                let measuring = row.measure(&site, contender, &scale);
                let measured = match tokio::time::timeout(ROW_TIME_MAX, measuring).await {
                    Ok(measured) => measured.map_err(|error| format!("{error:#}")),
                    Err(_elapsed) => Err("stalled: did not read what was sent".to_owned()),
                };
                let (row_name, name) = (row.name(), contender.name());
                match &measured {
                    Ok(_) => eprintln!("round {}: {row_name}, {name}", round + 1),
                    Err(why) => eprintln!("round {}: {row_name}, {name}: {why}", round + 1),
                }
                if let (Err(why), false) = (&measured, contender.is_peer()) {
                    bail!("{row_name}, {name}: {why}");
                }
                report.add(row, contender, measured);
            }
        }
    }
    let text = report.markdown(&scale, rounds);
    println!("{text}");
    if let Some(file) = &args.results {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn contenders(args: &Args, site: &Site) -> Result<Vec<Contender>> {
    let small = args.quick || args.smoke;
    let named = |one: &Contender| match &args.peers[..] {
        [] => !small || !one.is_peer(),
        names => names.iter().any(|name| name == one.name()),
    };
    let (here, missing): (Vec<_>, Vec<_>) = contender::ALL
        .into_iter()
        .filter(named)
        .partition(|one| one.is_here(site));
    for one in missing {
        ensure!(one.is_peer(), "no {}", site.relay.display());
        eprintln!("without {}, which is not here", one.name());
    }
    ensure!(!here.is_empty(), "nobody has such a name");
    Ok(here)
}

fn rows(args: &Args, scale: &Scale) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = scale.fan_out.iter().copied().map(Row::FanOut).collect();
    rows.extend([
        Row::Burst,
        Row::Documents,
        Row::Idle,
        Row::Ingest,
        Row::Rejoin,
        Row::Slow,
    ]);
    let wanted = |row: &Row| {
        args.only
            .iter()
            .any(|part| row.name().contains(part.as_str()))
    };
    rows.retain(|row| args.only.is_empty() || wanted(row));
    ensure!(!rows.is_empty(), "no row has such a name");
    Ok(rows)
}

fn scale(args: &Args) -> Result<Scale> {
    let session = |most: Option<usize>| match &args.traces {
        Some(folder) if !args.smoke => Session::read(folder, most),
        _ => Ok(Session::made_up(most.unwrap_or(250_000))),
    };
    Ok(if args.smoke {
        Scale {
            fan_out: &[5],
            seconds: 1,
            step_seconds: 0.02,
            documents: 5,
            idle: 10,
            idle_time: Duration::from_millis(100),
            returning: 5,
            passing: 50,
            ingest_time: Duration::from_secs(20),
            session: session(Some(300))?,
        }
    } else if args.quick {
        Scale {
            fan_out: &[10, 100, 500],
            seconds: 1,
            step_seconds: 0.2,
            documents: 500,
            idle: 200,
            idle_time: Duration::from_millis(300),
            returning: 50,
            passing: 2_000,
            ingest_time: Duration::from_secs(20),
            session: session(Some(20_000))?,
        }
    } else {
        Scale {
            fan_out: &[10, 100, 500],
            seconds: 5,
            step_seconds: 1.0,
            documents: 500,
            idle: 1_000,
            idle_time: Duration::from_secs(2),
            returning: 200,
            passing: 10_000,
            ingest_time: Duration::from_secs(60),
            session: session(None)?,
        }
    })
}
