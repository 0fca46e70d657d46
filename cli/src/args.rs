//! What can be said on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};
use driftwood_sync::{DocumentName, Level, NameError};

use crate::access::Access;

/// Edit and sync Driftwood documents from a terminal, offline first.
#[derive(Debug, Parser)]
#[command(name = "driftwood", version, about, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The folder to keep documents in [default: the platform's data folder]
    #[arg(long, global = true, value_name = "FOLDER", env = "DRIFTWOOD_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) access: Access,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a relay could not be reached or did not confirm in time (all local \
work is kept), 130 interrupted.";

const KEYS: &str = "\
Keys:
  title TEXT          the note's title
  tag:add TAG         adds a tag                 tag:remove TAG    takes it away
  todo:add TEXT       adds a to-do at the end    todo:remove N     removes the Nth
  todo:done N         ticks the Nth              todo:open N       unticks it
  likes N             adds N likes, -N takes them back
  meta:KEY VALUE      any other key of `meta`; VALUE is JSON, or else text

Examples:
  driftwood set trip title \"A trip\"
  driftwood set trip tag:add beach
  driftwood set trip likes 1";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a note and list it in the notebook
    New {
        /// Its name, by which devices know it
        #[arg(value_parser = name)]
        name: DocumentName,
        /// Its title
        #[arg(long)]
        title: Option<String>,
        /// Its text
        #[arg(long, allow_hyphen_values = true)]
        text: Option<String>,
    },
    /// Edit a note's text in $VISUAL or $EDITOR, or take it from a file
    Edit {
        /// The note
        #[arg(value_parser = name)]
        name: DocumentName,
        /// Take the new text from this file, `-` for standard input, instead of an editor
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Show a note
    Show {
        /// The note
        #[arg(value_parser = name)]
        name: DocumentName,
        /// Only the text, as it is
        #[arg(long, conflicts_with = "json")]
        body: bool,
    },
    /// List the notes
    List {
        /// Also documents that are not in the notebook
        #[arg(long)]
        all: bool,
    },
    /// Change something of a note beside its text
    #[command(after_help = KEYS)]
    Set {
        /// The note
        #[arg(value_parser = name)]
        name: DocumentName,
        /// What to change; see below
        key: SetKey,
        /// The new value
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Exchange changes with a relay, until both sides have everything
    Sync {
        /// The documents [default: the notebook and everything in it]
        #[arg(value_parser = name)]
        names: Vec<DocumentName>,
        /// The relay [default: the one last reached]
        #[arg(long, value_name = "WS[S]://HOST:PORT", env = "DRIFTWOOD_RELAY")]
        relay: Option<String>,
        /// Wait until everything is saved there
        #[arg(long, value_name = "LEVEL", default_value = "relay")]
        wait: WaitLevel,
        /// Give up after so many seconds in which nothing happened
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
    /// Print a note's changes as they come, until interrupted
    Watch {
        /// The note
        #[arg(value_parser = name)]
        name: DocumentName,
        /// The relay [default: the one last reached]
        #[arg(long, value_name = "WS[S]://HOST:PORT", env = "DRIFTWOOD_RELAY")]
        relay: Option<String>,
    },
    /// Type a recorded editing session into a note
    Replay {
        /// The recording, a gzipped JSON file
        trace: PathBuf,
        /// The note; it is made if it is not there
        #[arg(value_parser = name)]
        name: DocumentName,
        /// Send every edit to this relay as it is made
        #[arg(long, value_name = "WS[S]://HOST:PORT")]
        relay: Option<String>,
        /// So many edits a second, such as 20/s [default: as fast as possible]
        #[arg(long, value_name = "N/s")]
        rate: Option<Rate>,
        /// So many edits in one commit; concurrent recordings are always committed one by one
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        batch: u32,
    },
}

impl Command {
    /// The command's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Edit { .. } => "edit",
            Self::Show { .. } => "show",
            Self::List { .. } => "list",
            Self::Set { .. } => "set",
            Self::Sync { .. } => "sync",
            Self::Watch { .. } => "watch",
            Self::Replay { .. } => "replay",
        }
    }
}

fn name(text: &str) -> Result<DocumentName, NameError> {
    DocumentName::new(text)
}

/// Where everything is to be saved before `sync` ends.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WaitLevel {
    /// On one relay
    Relay,
    /// On two relays
    Replicated,
}

impl From<WaitLevel> for Level {
    fn from(level: WaitLevel) -> Self {
        match level {
            WaitLevel::Relay => Self::Relay,
            WaitLevel::Replicated => Self::Replicated,
        }
    }
}

/// Edits a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        match number.trim().parse() {
            Ok(rate) if rate > 0.0 && f64::is_finite(rate) => Ok(Self(rate)),
            _ => Err("a rate is a number of edits a second, such as 20/s".into()),
        }
    }
}

/// What `set` changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SetKey {
    /// The title.
    Title,
    /// Another key of `meta`.
    Meta(String),
    /// A new tag.
    TagAdd,
    /// A tag less.
    TagRemove,
    /// A new to-do.
    TodoAdd,
    /// A to-do is done, or open again.
    TodoDone(bool),
    /// A to-do less.
    TodoRemove,
    /// More likes, or fewer.
    Likes,
}

impl FromStr for SetKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "title" => Self::Title,
            "tag:add" => Self::TagAdd,
            "tag:remove" => Self::TagRemove,
            "todo:add" => Self::TodoAdd,
            "todo:done" => Self::TodoDone(true),
            "todo:open" => Self::TodoDone(false),
            "todo:remove" => Self::TodoRemove,
            "likes" => Self::Likes,
            _ => match text.strip_prefix("meta:") {
                Some("title") => Self::Title,
                Some(key) if !key.is_empty() => Self::Meta(key.to_owned()),
                _ => return Err("not a key; `driftwood set --help` lists them".into()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn rates_and_keys_are_read() {
        assert_eq!("20/s".parse(), Ok(Rate(20.0)));
        assert_eq!("0.5".parse(), Ok(Rate(0.5)));
        for bad in ["", "0", "-1/s", "fast", "inf", "nan"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        assert_eq!("meta:colour".parse(), Ok(SetKey::Meta("colour".into())));
        assert!("meta:".parse::<SetKey>().is_err());
        assert!("tags".parse::<SetKey>().is_err());
    }
}
