//! What `driftwood-relay` does beside running: one file a command.

mod token;

use std::io::{self, Write};

use clap::Subcommand;

/// What to do instead of running a relay.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token that lets somebody in, or a key that makes tokens
    Token(token::Args),
}

impl Command {
    /// Does it; what is asked for is written to `out`.
    ///
    /// # Errors
    /// Why it could not be done, for people.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Token(args) => token::run(args, out),
        }
    }
}

/// Writes a line, unless nobody reads any more.
fn say(out: &mut dyn Write, line: &str) -> anyhow::Result<()> {
    match writeln!(out, "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
