//! `cargo xtask bench`: Driftwood beside its peers: the engine natively and in JavaScript, and the relay.
//!
//! What is measured stands in `bench/`, a workspace of its own: five other engines are compiled for it, which nobody
//! should wait for who only builds Driftwood.

mod engine;
mod js;
mod relay;
mod results;

use crate::workspace::Workspace;
use anyhow::Result;
use clap::Subcommand;
use std::path::PathBuf;

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
    /// The npm package beside Yjs, ywasm, Loro, automerge and json-joy, in Node and in headless Chromium
    Js(js::Args),
    /// The relay under load, beside y-websocket, Hocuspocus, y-sweet and two raw servers
    Relay(relay::Args),
}

/// Measures, prints tables, and writes `bench/RESULTS.md` when all was measured.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match &args.what {
        What::Engine(args) => engine::run(workspace, args),
        What::Js(args) => js::run(workspace, args),
        What::Relay(args) => relay::run(workspace, args),
    }
}

/// The benches' own tests, and one small run of each that is compiled.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    engine::smoke(workspace)?;
    relay::smoke(workspace)
}

/// The folder with traces: the one that was named, or the one where they are when nobody says.
fn traces(workspace: &Workspace, named: Option<&PathBuf>) -> Option<PathBuf> {
    let found = || Some(workspace.path("../shared/traces")).filter(|folder| folder.is_dir());
    let folder = named.cloned().or_else(found)?;
    // Programs that run elsewhere are given it too.
    Some(folder.canonicalize().unwrap_or(folder))
}
