//! `cargo xtask bench js`: builds the npm package and runs `bench/js` in Node and in Chromium.

use super::results;
use crate::workspace::Workspace;
use crate::{browser, build, process, setup};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// The options of `cargo xtask bench js`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Less of everything, one round
    #[arg(long)]
    quick: bool,
    /// A folder with editing traces [default: ../shared/traces, if it is there; else typing is made up]
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Only what has this in its name: an engine, a bench, `bundle`, `Chromium`; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Builds the package, installs the peers, and measures.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    setup::run(workspace)?;
    browser::ensure(workspace)?;
    build::package(workspace)?;
    let install = ["ci", "--prefix", "bench/js", "--no-audit", "--no-fund"];
    process::run(&mut workspace.npm(&install))
        .context("the peers' packages cannot be installed")?;

    let results = workspace.path("target/bench/js.md");
    fs::create_dir_all(workspace.path("target/bench"))
        .context("making a folder in cargo's target folder")?;
    // What an earlier run has left is not what this one found.
    let _ = fs::remove_file(&results);
    let found = browser::find().context("the browser is gone")?;
    let mut node = workspace.command("node");
    node.arg("bench/js/run.mjs")
        .env("CHROMIUM_PATH", &found.chromium);
    node.arg("--results").arg(&results);
    if let Some(traces) = super::traces(workspace, args.traces.as_ref()) {
        node.arg("--traces").arg(traces);
    }
    if args.quick {
        node.arg("--quick");
    }
    for part in &args.only {
        node.args(["--only", part]);
    }
    process::run(&mut node)?;
    match fs::read_to_string(&results) {
        Ok(part) => results::keep(workspace, &part),
        // Only a run of everything leaves any.
        Err(_) => Ok(()),
    }
}
