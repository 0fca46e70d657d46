//! `cargo xtask bench`: Driftwood beside its peers, native and in JavaScript.
//!
//! What is measured stands in `bench/`, a workspace of its own: five other engines are compiled for it, which nobody
//! should wait for who only builds Driftwood.

mod engine;
mod results;

use crate::workspace::Workspace;
use anyhow::Result;
use clap::Subcommand;
pub(crate) use engine::smoke;

/// The options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The engine beside diamond-types, cola, yrs, Loro, automerge and plain ropes
    Engine(engine::Args),
}

/// Measures, prints tables, and writes `bench/RESULTS.md` when all was measured.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match &args.what {
        What::Engine(args) => engine::run(workspace, args),
    }
}
