//! `cargo xtask soak`, and how the engine's random schedules are run at all.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For how long
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// The seed of the first schedule, in place of one that nobody has tried
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs schedules until the time is over or one fails, which is then shortened and printed.
pub(crate) fn soak(workspace: &Workspace, args: &Args) -> Result<()> {
    let seed = args.seed.map_or_else(fresh_seed, Ok)?;
    println!("Soak: {} minutes from seed {seed}", args.minutes);
    let mut command = command(workspace, true);
    command
        .env("DRIFTWOOD_SEED", seed.to_string())
        .env("DRIFTWOOD_MINUTES", args.minutes.to_string());
    process::run(&mut command)
}

/// The test that runs the schedules, in release; its numbers come by environment variables.
pub(crate) fn command(workspace: &Workspace, locked: bool) -> Command {
    let mut command = release_test(workspace, "schedules", locked);
    command.args(["--", "--nocapture"]);
    for name in ["SEED", "SCHEDULES", "MINUTES", "SHRINK"] {
        command.env_remove(format!("DRIFTWOOD_{name}"));
    }
    command
}

/// A test of the engine, in release.
pub(crate) fn release_test(workspace: &Workspace, test: &str, locked: bool) -> Command {
    let mut command = workspace.command("cargo");
    command.args(["test", "--release", "--package", "driftwood-crdt"]);
    command.args(locked.then_some("--locked"));
    command.args(["--test", test]);
    command
}

/// The line with which the schedules say how they ended.
pub(crate) fn closing(lines: &[String]) -> Option<&str> {
    let ends = |line: &&String| line.contains(" passed, seeds ") || line.contains("FAILED after ");
    let line = lines.iter().find(ends)?;
    // The test runner does not always end its own line before.
    line.find("schedules: ").map(|at| &line[at..])
}

/// The seconds of now, apart by more than a soak can use up.
fn fresh_seed() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.context("the clock stands before 1970")?.as_secs();
    Ok(seconds * 100_000)
}
