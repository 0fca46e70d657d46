//! `cargo xtask build`: Rust to wasm, wasm to npm package, package to demo page.

use crate::setup::{self, WASM_TARGET};
use crate::workspace::Workspace;
use crate::{order, process, size, wasm};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// What wasm-pack names the module after the crate `driftwood-wasm`.
const MODULE: &str = "wasm/pkg/driftwood_wasm_bg.wasm";

/// How much of what a function calls the compiler puts in its place. The module is compiled for size, with which it does so
/// for next to nothing, not even for an index into a vector. Each step costs bytes, and each time in the browser's compiler
/// too: with all that speed asks for the first seconds are slower, not faster (ARCHITECTURE.md, "Size").
const INLINE: [&str; 2] = [
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "-Cllvm-args=-inline-threshold=30",
];

/// How wasm-opt makes the module small *as gzip sends it*, which is not the same as small.
///
/// It inlines nothing: that would save 5 % of the bytes and cost 16 % of the packed ones, as what was alike is so no more. What is
/// worth it the compiler has inlined already. So it is with functions that are merged because they are nearly alike, and with
/// values that are kept for later instead of being computed again: each costs about 1 %. The names stay until
/// `size` has said what takes the space.
const SMALL: [&str; 7] = [
    "-O3",
    "-g",
    "--one-caller-inline-max-function-size=0",
    "--always-inline-max-function-size=3",
    "--flexible-inline-max-function-size=0",
    "--skip-pass=merge-similar-functions",
    "--skip-pass=local-cse",
];

/// How wasm-opt puts functions into the order of their names.
const SORT: [&str; 2] = ["--reorder-functions-by-name", "-g"];

/// Sets up, then builds the package and the page.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace)?;
    package(workspace)?;
    page(workspace)
}

/// Builds the npm package `driftwood-sync` into `wasm/dist`.
pub(crate) fn package(workspace: &Workspace) -> Result<()> {
    println!("Build: the wasm module (the first time, about a minute; the linker is silent)");
    let [flags, inline] = INLINE;
    process::run(workspace.command("wasm-pack").env(flags, inline).args([
        "--log-level",
        "warn",
        "build",
        "wasm",
        "--mode",
        "no-install",
        "--no-opt",
        "--no-pack",
        "--no-gitignore",
        "--target",
        "web",
        "--profile",
        "wasm-release",
        "--",
        "--locked",
    ]))?;
    let named = optimise(workspace)?;
    println!("Build: the npm package driftwood-sync");
    process::run(&mut workspace.npm(&["run", "build", "--workspace", "wasm"]))?;
    size::check(workspace, &named)
}

/// Builds the demo page into `web-demo/dist`. The package must be there.
pub(crate) fn page(workspace: &Workspace) -> Result<()> {
    println!("Build: the demo page");
    process::run(&mut workspace.npm(&["run", "build", "--workspace", "web-demo"]))
}

/// Runs npm's wasm-opt over the module, unless the same bytes went through it before in the same way: it is slow for what it is,
/// being wasm itself.
///
/// No features are named, and above all not `--all-features`: with that, wasm-opt writes what no browser loads. Left
/// alone it keeps to what the module itself declares.
///
/// Gives the module with the names of its functions, which the package is without.
fn optimise(workspace: &Workspace) -> Result<Vec<u8>> {
    let module = workspace.path(MODULE);
    let cache = workspace.cache().join(WASM_TARGET);
    let (raw, optimised) = (cache.join("raw"), cache.join("optimised.wasm"));
    let bytes = fs::read(&module).with_context(|| format!("wasm-pack made no {MODULE}"))?;
    let of = [SMALL.join(" ").as_bytes(), &bytes].concat();
    if !optimised.is_file() || fs::read(&raw).ok().as_ref() != Some(&of) {
        println!("Build: optimising the wasm module (about a minute)");
        fs::create_dir_all(&cache).context("making a folder in cargo's target folder")?;
        let wasm_opt = |from: &Path, how: &[&str], to: &Path| {
            let mut wasm_opt = workspace.command("wasm-opt");
            process::run(wasm_opt.arg(from).args(how).arg("-o").arg(to))
        };
        let small = cache.join("small.wasm");
        wasm_opt(&module, &SMALL, &small)?;
        let bytes = fs::read(&small).context("reading what wasm-opt wrote")?;
        fs::write(&small, order::by_names(&bytes)?).context("writing to cargo's target folder")?;
        wasm_opt(&small, &SORT, &optimised)?;
        // Only now, so that a wasm-opt cut short is not taken for done.
        fs::write(&raw, &of).context("writing to cargo's target folder")?;
    }
    let named = fs::read(&optimised).context("reading what wasm-opt wrote")?;
    let bare = wasm::bare(&named)?;
    fs::write(&module, bare).with_context(|| format!("writing {MODULE}"))?;
    Ok(named)
}
