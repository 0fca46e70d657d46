//! `cargo xtask crash`: the relay's crash test, as often as one likes.

use crate::process;
use crate::workspace::Workspace;
use anyhow::Result;

/// The options of `cargo xtask crash`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the relay is killed and started again on one folder; on redb a quarter of that
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

/// Runs the test in release, where a relay does the most between two kills.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut command = workspace.command("cargo");
    command.args([
        "test",
        "--release",
        "--locked",
        "--package",
        "driftwood-relay",
    ]);
    command.args([
        "--test",
        "relay",
        "--",
        "--nocapture",
        "crash::nothing_acknowledged",
    ]);
    command.env("DRIFTWOOD_CRASH_ROUNDS", args.rounds.to_string());
    process::run(&mut command)
}
