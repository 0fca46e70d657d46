//! `cargo xtask fuzz`: lets libFuzzer look for bytes that a decoder stumbles over.
//!
//! The targets are a workspace of their own, `fuzz/`. They are built by the same cargo and rustc as everything else:
//! what cargo-fuzz would add is the coverage that libFuzzer is led by, and that is a few flags.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{bail, ensure, Context, Result};
use std::fs;

/// Every target, one a decoder.
const TARGETS: [&str; 9] = [
    "delta", "merge", "saved", "value", "version", "cursor", "journal", "message", "parts",
];

/// Coverage as libFuzzer reads it: counters at edges, and what is compared with what. Without an address sanitizer,
/// since there is no unsafe code to watch.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Ccodegen-units=1";

/// The options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Throw away what the corpus does not need to reach what it reaches
    #[arg(long)]
    minimise: bool,
    /// The targets to run; all when none is named
    targets: Vec<String>,
}

/// Runs the targets, one after the other. Fails when one of them found something.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    for target in &args.targets {
        let known = TARGETS.contains(&target.as_str());
        ensure!(
            known,
            "there is no target \"{target}\"; there are {}",
            TARGETS.join(", ")
        );
    }
    let chosen = TARGETS.into_iter();
    let chosen =
        chosen.filter(|name| args.targets.is_empty() || args.targets.iter().any(|t| t == name));
    let host = build(workspace)?;
    let mut found = Vec::new();
    for target in chosen {
        println!("\n== {target} ==");
        if !fuzz(workspace, &host, target, args)? {
            found.push(target);
        }
    }
    if !found.is_empty() {
        bail!(
            "{} found something: it is in fuzz/crashes, and `cargo test --test crashes` replays it",
            found.join(", ")
        );
    }
    Ok(())
}

/// Builds all targets and gives the name of the platform they run on: named, so that build scripts are spared the flags.
fn build(workspace: &Workspace) -> Result<String> {
    let version =
        process::read(workspace.command("rustc").arg("-vV")).context("`rustc -vV` failed")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it runs on")?;
    let mut cargo = workspace.cargo(
        "build",
        &["--release", "--manifest-path", "fuzz/Cargo.toml"],
    );
    cargo
        .args(["--target", host, "--target-dir", "target/fuzz"])
        .env("RUSTFLAGS", FLAGS);
    process::run(&mut cargo)?;
    Ok(host.to_owned())
}

/// Runs one target; whether it found nothing. What it learns is added to its corpus.
fn fuzz(workspace: &Workspace, host: &str, target: &str, args: &Args) -> Result<bool> {
    let corpus = workspace.path("fuzz/corpus").join(target);
    let crashes = workspace.path("fuzz/crashes").join(target);
    for folder in [&corpus, &crashes] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let program = workspace
        .path("target/fuzz")
        .join(host)
        .join("release")
        .join(target);
    let mut command = workspace.command(&program.to_string_lossy());
    if args.minimise {
        return minimise(command, &corpus).map(|()| true);
    }
    command
        .arg(&corpus)
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .arg(format!("-max_total_time={}", args.seconds))
        .args([
            "-max_len=65536",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
    Ok(process::run(&mut command).is_ok())
}

/// Keeps as few files as reach all that is reached.
fn minimise(mut command: std::process::Command, corpus: &std::path::Path) -> Result<()> {
    let smaller = corpus.with_extension("new");
    fs::create_dir_all(&smaller).context("cannot make a second corpus")?;
    process::run(
        command
            .args(["-set_cover_merge=1", "-max_len=65536"])
            .arg(&smaller)
            .arg(corpus),
    )?;
    fs::remove_dir_all(corpus).context("cannot remove the old corpus")?;
    fs::rename(&smaller, corpus).context("cannot put the new corpus in its place")
}
