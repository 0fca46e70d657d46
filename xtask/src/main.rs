//! `cargo xtask …`: set up, build, show and test Driftwood.
//!
//! These are the very commands that the README names and that CI runs. They need Rust, Node and nothing else of ours:
//! whatever is missing they install from the package registries, and say what they do while they do it.

mod bench;
mod browser;
mod build;
mod crash;
mod demo;
mod fuzz;
mod hygiene;
mod mutants;
mod order;
mod process;
mod schedules;
mod setup;
mod size;
mod tally;
mod test;
mod wasm;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    about,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what a build needs: the wasm target, our wasm tools, the npm packages
    Setup,
    /// Build the npm package and the demo page, and say how big the package is
    Build,
    /// Build everything, start a relay, serve the page and print its address
    Demo(demo::Args),
    /// Run everything that CI runs: lints, docs, tests of every part, end-to-end tests in a browser
    #[command(alias = "ci")]
    Test(test::Args),
    /// Feed every decoder with made-up bytes, and keep what one stumbles over
    Fuzz(fuzz::Args),
    /// Run random schedules against the engine for some minutes, with seeds that nobody has tried
    Soak(schedules::Args),
    /// Kill a loaded relay again and again, and see that nothing it acknowledged is missing
    Crash(crash::Args),
    /// Put known bugs into the engine, one at a time, and see that the schedules find each of them
    Mutants(mutants::Args),
    /// Measure Driftwood beside other engines
    Bench(bench::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // One line for a person; where in xtask an error arose would not help them.
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Setup => setup::run(&workspace),
        Command::Build => build::run(&workspace),
        Command::Demo(args) => demo::run(&workspace, &args),
        Command::Test(args) => test::run(&workspace, &args),
        Command::Fuzz(args) => fuzz::run(&workspace, &args),
        Command::Soak(args) => schedules::soak(&workspace, &args),
        Command::Crash(args) => crash::run(&workspace, &args),
        Command::Mutants(args) => mutants::run(&workspace, &args),
        Command::Bench(args) => bench::run(&workspace, &args),
    }
}
