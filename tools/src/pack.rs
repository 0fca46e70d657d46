//! `wasm-pack`, without the look for a newer version of itself that its own `main` starts with.

use clap::Parser;
use std::process::ExitCode;
use wasm_pack::{command::run_wasm_pack, Cli, PBAR};

fn main() -> ExitCode {
    let cli = Cli::parse();
    PBAR.set_log_level(cli.log_level);
    if cli.quiet {
        PBAR.set_quiet(true);
    }
    match run_wasm_pack(cli.cmd) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
