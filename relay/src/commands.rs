//! What `driftwood-relay` does beside running: one file a command.

mod doctor;
mod purge;
mod token;
mod upkeep;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;

use crate::config::Config;

/// What to do instead of running a relay.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token that lets somebody in, or a key that makes tokens
    Token(token::Args),
    /// List the documents with their sizes, or tell of one; the relay may be running
    Inspect {
        /// The document
        document: Option<String>,
    },
    /// Look at settings, keys and data, and say what is wrong and what to do about it
    Doctor,
    /// Put all documents into one file; the relay may be running
    Backup {
        /// The file, which must not be there yet
        file: PathBuf,
    },
    /// Fill a new data folder from a backup
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Delete a document for good, here and on all relays; tells which have done it, also later
    Purge(purge::Args),
    /// Put everything of one data folder into a new one, kept as --store says; no relay may be running
    Migrate {
        /// The old folder
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// The new folder
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Read and merge everything in the data folder, or in a backup; the relay may be running
    Verify {
        /// The backup [default: the data folder]
        file: Option<PathBuf>,
    },
}

impl Command {
    /// Does it; what is asked for is written to `out`. `false` when it found something that is wrong.
    ///
    /// # Errors
    /// Why it could not be done, for people.
    pub fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
        match self {
            Self::Token(args) => token::run(args, out).map(|()| true),
            Self::Inspect { document } => upkeep::inspect(config, document, out),
            Self::Doctor => doctor::run(config, out),
            Self::Backup { file } => upkeep::backup(config, &file, out),
            Self::Restore { file } => upkeep::restore(config, &file, out),
            Self::Purge(args) => purge::run(args, config, out),
            Self::Migrate { from, to } => upkeep::migrate(config, &from, &to, out),
            Self::Verify { file } => upkeep::verify(config, file.as_deref(), out),
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
