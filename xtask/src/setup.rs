//! `cargo xtask setup`: what a build needs beyond Rust and Node. Does nothing twice.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The binaries of the `tools` crate.
const TOOLS: [&str; 3] = ["wasm-pack", "wasm-bindgen", "wasm-bindgen-test-runner"];

/// Installs the wasm target, the wasm tools and the npm packages, each where it is missing.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    wasm_target(workspace)?;
    tools(workspace)?;
    npm_packages(workspace)
}

fn wasm_target(workspace: &Workspace) -> Result<()> {
    let sysroot = process::read(workspace.command("rustc").args(["--print", "sysroot"])).context(
        "`rustc --print sysroot` failed: Driftwood is built with Rust, see https://rustup.rs",
    )?;
    if Path::new(&sysroot)
        .join("lib/rustlib")
        .join(WASM_TARGET)
        .is_dir()
    {
        return Ok(());
    }
    println!("Setup: the Rust target {WASM_TARGET} (a download of some 20 MB)");
    process::run(
        workspace
            .command("rustup")
            .args(["target", "add", WASM_TARGET]),
    )
    .context("the wasm target comes with rustup; without rustup, install it beside your rustc")
}

fn tools(workspace: &Workspace) -> Result<()> {
    if TOOLS.iter().any(|tool| !workspace.bin(tool).is_file()) {
        println!(
            "Setup: wasm-pack and wasm-bindgen from Cargo.lock (the first time, 1 to 3 minutes)"
        );
    }
    // What wasm-bindgen's test server depends on will not please some Rust to come. That is not news for our users.
    let quiet = "future-incompat-report.frequency=\"never\"";
    process::run(&mut workspace.cargo("build", &["--package", "tools", "--config", quiet]))
}

fn npm_packages(workspace: &Workspace) -> Result<()> {
    if npm_packages_are_current(workspace) {
        return Ok(());
    }
    println!("Setup: the npm packages of package-lock.json (about a minute)");
    process::run(
        workspace
            .npm(&["ci", "--no-audit", "--no-fund"])
            // The tests use the system's browser; none is to be fetched.
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
    )
    .context("Driftwood's page is built with Node 20.19 or newer and its npm")
}

/// npm notes what it installed in a file of its own, at about the moment it writes package-lock.json.
fn npm_packages_are_current(workspace: &Workspace) -> bool {
    const SLACK: Duration = Duration::from_secs(10);
    let installed = modified(&workspace.path("node_modules/.package-lock.json"));
    let wanted = modified(&workspace.path("package-lock.json"));
    match (installed, wanted) {
        (Some(installed), Some(wanted)) => installed + SLACK >= wanted,
        _ => false,
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
