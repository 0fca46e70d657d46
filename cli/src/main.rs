//! `driftwood`: edit and sync Driftwood documents from a terminal, offline first.
//!
//! Every command works on the documents in a folder of its own, with or without a network; `sync`, `watch` and
//! `replay --relay` bring them together with those of others. The engine is the same as in the browser: the commands
//! own documents (`driftwood-crdt`), and `driftwood-relay`'s driver runs the protocol for them.

mod access;
mod args;
mod commands;
mod describe;
mod note;
mod session;
mod text_edits;
mod trace;
mod typists;
mod workspace;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;

fn main() -> ExitCode {
    match commands::run(Args::parse()) {
        Ok(outcome) => outcome.into(),
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("driftwood: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
