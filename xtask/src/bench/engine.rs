//! `cargo xtask bench engine`: builds `bench/` and runs it.

use super::results;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const TARGET: &str = "target/bench";

/// The options of `cargo xtask bench engine`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Under a minute: one trace, less of everything
    #[arg(long)]
    quick: bool,
    /// Tiny, made-up input, Driftwood and plain structures only: to see that it works
    #[arg(long)]
    smoke: bool,
    /// A folder with editing traces [default: ../shared/traces, if it is there; else typing is made up]
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Only what has this in its name: a contender, a workload or a row; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Without the other engines, which take minutes to compile
    #[arg(long)]
    alone: bool,
    /// Measure each row of Driftwood this often without anyone else, for a profiler
    #[arg(long, value_name = "N")]
    profile_loop: Option<u32>,
}

/// Builds what is needed and measures.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let alone = args.alone || args.smoke || args.profile_loop.is_some();
    build(workspace, alone)?;
    let results = workspace.path(TARGET).join("engine.md");
    // What an earlier run has left is not what this one found.
    let _ = fs::remove_file(&results);
    let mut bench = bench(workspace, args);
    if !alone {
        bench.arg("--results").arg(&results);
    }
    process::run(&mut bench)?;
    match fs::read_to_string(&results) {
        Ok(part) => results::keep(workspace, &part),
        // Only a run of everything leaves any.
        Err(_) => Ok(()),
    }
}

/// The tests of the bench, and one small run of it.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let mut test = workspace.cargo(
        "test",
        &["--release", "--manifest-path", "bench/Cargo.toml"],
    );
    process::run(test.args(["--target-dir", TARGET]))?;
    run(
        workspace,
        &Args {
            smoke: true,
            ..Args::default()
        },
    )
}

fn build(workspace: &Workspace, alone: bool) -> Result<()> {
    if alone {
        println!("Build: the bench, without the other engines");
    } else {
        println!("Build: the bench with the other engines (the first time, 5 to 10 minutes)");
    }
    let mut cargo = workspace.cargo(
        "build",
        &["--release", "--manifest-path", "bench/Cargo.toml"],
    );
    cargo.args(["--target-dir", TARGET]);
    if !alone {
        cargo.args(["--features", "peers"]);
    }
    process::run(&mut cargo).context("the bench does not build")
}

fn bench(workspace: &Workspace, args: &Args) -> Command {
    let program = workspace.path(TARGET).join("release/driftwood-bench");
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    let mut bench = workspace.command(&program.to_string_lossy());
    if let Some(traces) = super::traces(workspace, args.traces.as_ref()) {
        bench.arg("--traces").arg(traces);
    }
    for (flag, given) in [("--quick", args.quick), ("--smoke", args.smoke)] {
        if given {
            bench.arg(flag);
        }
    }
    for part in &args.only {
        bench.args(["--only", part]);
    }
    if let Some(times) = args.profile_loop {
        bench.args(["--profile-loop", &times.to_string()]);
    }
    bench
}
