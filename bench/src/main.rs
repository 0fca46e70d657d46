//! Driftwood beside its peers, measured in one process: everyone takes turns at every row.
//!
//! Times are CPU time of the process, medians; memory is counted by the allocator. What each contender shows is
//! compared with what is expected, so nobody is quick at something else.

mod contender;
mod measure;
mod op;
mod report;
mod rows;
mod suite;
mod table;
mod workload;

use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;

/// Measures Driftwood beside its peers
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench engine", max_term_width = 100)]
pub struct Args {
    /// Under a minute: one trace, less of everything
    #[arg(long)]
    quick: bool,
    /// Tiny, made-up input: only to see that it works
    #[arg(long)]
    smoke: bool,
    /// A folder with editing traces; without it, typing is made up
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Only what has this in its name: a contender, a workload or a row; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure each row of Driftwood this often without anyone else, for a profiler
    #[arg(long, value_name = "N")]
    profile_loop: Option<usize>,
    /// Where the results go when everything was measured
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

fn main() -> Result<()> {
    suite::run(&Args::parse())
}
