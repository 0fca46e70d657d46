//! `cargo xtask bench relay`: builds the relay and `bench/relay`, installs the other servers, and runs them side by side.

use super::results;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

const TARGET: &str = "target/bench";
const PEERS: [&str; 3] = ["y-websocket", "hocuspocus", "y-sweet"];
const Y_SWEET: &str = "0.9.1";

/// The options of `cargo xtask bench relay`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Under a minute: one round, less of everything, our own and the raw servers
    #[arg(long)]
    quick: bool,
    /// Tiny, our own and the raw servers only: to see that it works
    #[arg(long)]
    smoke: bool,
    /// How often everybody has a turn [default: 3]
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// A folder with editing traces [default: ../shared/traces, if it is there; else typing is made up]
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Only rows with this in their name; may be given several times
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Only these servers, with commas in between: driftwood, raw-log, raw, y-websocket, hocuspocus, y-sweet
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    peers: Vec<String>,
}

impl Args {
    /// Whether a server of somebody else's takes part.
    fn wants(&self, peer: &str) -> bool {
        match &self.peers[..] {
            [] => !self.quick && !self.smoke,
            names => names.iter().any(|name| name == peer),
        }
    }
}

/// Builds and installs what is needed, and measures.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let peers: Vec<&str> = PEERS.into_iter().filter(|peer| args.wants(peer)).collect();
    // What is only to be seen to work is the relay that the tests have built as well.
    let profile = if args.smoke { "debug" } else { "release" };
    build(workspace, profile, !peers.is_empty())?;
    install(workspace, &peers)?;

    let results = workspace.path(TARGET).join("relay.md");
    // What an earlier run has left is not what this one found.
    let _ = fs::remove_file(&results);
    let program = workspace.path(TARGET).join("release/driftwood-bench-relay");
    let mut bench = workspace.command(&program.to_string_lossy());
    let relay = workspace
        .path("target")
        .join(profile)
        .join("driftwood-relay");
    bench.arg("--relay").arg(relay);
    bench
        .arg("--y-sweet")
        .arg(workspace.path("target/y-sweet/bin/y-sweet"));
    bench
        .arg("--work")
        .arg(workspace.path("target/bench-relay"));
    if let Some(traces) = super::traces(workspace, args.traces.as_ref()) {
        bench.arg("--traces").arg(traces);
    }
    for (flag, given) in [("--quick", args.quick), ("--smoke", args.smoke)] {
        if given {
            bench.arg(flag);
        }
    }
    for row in &args.only {
        bench.args(["--only", row]);
    }
    if let Some(rounds) = args.rounds {
        bench.args(["--rounds", &rounds.to_string()]);
    }
    if !args.peers.is_empty() {
        bench.args(["--peers", &args.peers.join(",")]);
    }
    let whole = args.only.is_empty() && args.peers.is_empty() && !args.quick && !args.smoke;
    if whole {
        bench.arg("--results").arg(&results);
    }
    process::run(&mut bench)?;
    match fs::read_to_string(&results) {
        Ok(part) => results::keep(workspace, &part),
        // Only a run of everything leaves any.
        Err(_) => Ok(()),
    }
}

/// The tests of the load generator, and one small run of it. No time fails it.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    // The generator needs Linux: it says on which core who runs, and asks the kernel what that took.
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let mut test = workspace.cargo("test", &["--release"]);
    test.args(["--manifest-path", "bench/Cargo.toml"]);
    process::run(test.args(["-p", "driftwood-bench-relay", "--target-dir", TARGET]))?;
    run(
        workspace,
        &Args {
            smoke: true,
            ..Args::default()
        },
    )
}

fn build(workspace: &Workspace, profile: &str, peers: bool) -> Result<()> {
    println!("Build: the relay and its load generator");
    let mut relay = workspace.cargo("build", &["-p", "driftwood-relay"]);
    if profile == "release" {
        relay.arg("--release");
    }
    process::run(&mut relay).context("the relay does not build")?;
    let mut generator = workspace.cargo("build", &["--release"]);
    generator.args(["--manifest-path", "bench/Cargo.toml"]);
    generator.args(["-p", "driftwood-bench-relay", "--target-dir", TARGET]);
    if peers {
        generator.args(["--features", "driftwood-bench-relay/peers"]);
    }
    process::run(&mut generator).context("the load generator does not build")
}

fn install(workspace: &Workspace, peers: &[&str]) -> Result<()> {
    if peers.iter().any(|peer| *peer != "y-sweet") && !is_installed(workspace) {
        println!("Install: y-websocket and Hocuspocus (minutes: their databases may be compiled)");
        let install = ["ci", "--prefix", "bench/relay", "--no-audit", "--no-fund"];
        process::run(&mut workspace.npm(&install)).context("the peers cannot be installed")?;
    }
    if peers.contains(&"y-sweet") && !workspace.path("target/y-sweet/bin/y-sweet").is_file() {
        println!("Install: y-sweet (some minutes)");
        let version = ["y-sweet", "--version", Y_SWEET, "--locked"];
        let mut cargo = workspace.cargo("install", &version);
        cargo.args([
            "--root",
            "target/y-sweet",
            "--target-dir",
            "target/y-sweet-build",
        ]);
        if let Err(error) = process::run(&mut cargo) {
            println!("Without y-sweet, which does not build here: {error:#}");
        }
    }
    Ok(())
}

fn is_installed(workspace: &Workspace) -> bool {
    let modules = workspace.path("bench/relay/node_modules");
    modules
        .join("better-sqlite3/build/Release/better_sqlite3.node")
        .is_file()
        && modules.join("@y/websocket-server").is_dir()
}
