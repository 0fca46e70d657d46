//! What the relay is told: by flags, by the environment, by a TOML file, and else by these
//! defaults.

use std::path::{Path, PathBuf};

use clap::Parser;
use serde::Deserialize;

/// How to run a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `host:port` to listen on; port 0 takes a free one.
    pub listen: String,
    /// The folder of the store.
    pub data: PathBuf,
    /// Addresses of other relays to link to.
    pub peers: Vec<String>,
    /// Origins of web pages that may connect; empty allows pages served from this machine, `*`
    /// allows any.
    pub allow_origins: Vec<String>,
    /// What to log: `error`, `warn`, `info`, `debug`, `trace`, or per module as in `RUST_LOG`.
    pub log: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:4455".into(),
            data: "driftwood-data".into(),
            peers: Vec::new(),
            allow_origins: Vec::new(),
            log: "info".into(),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {error}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: toml::de::Error,
    },
}

/// A relay for Driftwood documents: stores what it is sent, acknowledges what is safe on disk,
/// passes it on.
#[derive(Debug, Parser)]
#[command(name = "driftwood-relay", version, about)]
pub struct Args {
    /// Where to listen [default: 127.0.0.1:4455]
    #[arg(long, value_name = "HOST:PORT", env = "DRIFTWOOD_LISTEN")]
    listen: Option<String>,

    /// The folder to keep documents in [default: ./driftwood-data]
    #[arg(long, value_name = "FOLDER", env = "DRIFTWOOD_DATA")]
    data: Option<PathBuf>,

    /// Another relay to link to; can be given several times
    #[arg(
        long = "peer",
        value_name = "ws://HOST:PORT",
        env = "DRIFTWOOD_PEER",
        value_delimiter = ','
    )]
    peers: Vec<String>,

    /// A web origin whose pages may connect, `*` for any; can be given several times
    /// [default: pages served from this machine]
    #[arg(
        long = "allow-origin",
        value_name = "ORIGIN",
        env = "DRIFTWOOD_ALLOW_ORIGIN",
        value_delimiter = ','
    )]
    allow_origins: Vec<String>,

    /// A TOML file with any of these settings, named as the flags
    #[arg(long, value_name = "FILE", env = "DRIFTWOOD_CONFIG")]
    config: Option<PathBuf>,

    /// What to log: error, warn, info, debug, trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "DRIFTWOOD_LOG")]
    log: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    listen: Option<String>,
    data: Option<PathBuf>,
    #[serde(default)]
    peer: Vec<String>,
    #[serde(default)]
    allow_origin: Vec<String>,
    log: Option<String>,
}

impl File {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        toml::from_str(&text).map_err(|error| ConfigError::Malformed {
            path: path.to_owned(),
            error,
        })
    }
}

impl Args {
    /// Adds the file and the defaults to what flags and environment say.
    ///
    /// # Errors
    /// When the file cannot be read or has an unknown key.
    pub fn into_config(self) -> Result<Config, ConfigError> {
        let file = match &self.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let default = Config::default();
        let listed = |mut flags: Vec<String>, file| {
            // A variable that is set to nothing says nothing.
            flags.retain(|value| !value.is_empty());
            if flags.is_empty() {
                file
            } else {
                flags
            }
        };
        Ok(Config {
            listen: self.listen.or(file.listen).unwrap_or(default.listen),
            data: self.data.or(file.data).unwrap_or(default.data),
            peers: listed(self.peers, file.peer),
            allow_origins: listed(self.allow_origins, file.allow_origin),
            log: self.log.or(file.log).unwrap_or(default.log),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> Result<Config, ConfigError> {
        let args = std::iter::once("driftwood-relay").chain(args.iter().copied());
        Args::try_parse_from(args)
            .expect("flags parse")
            .into_config()
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        assert_eq!(config(&[]).expect("defaults"), Config::default());
    }

    #[test]
    fn flags_come_before_the_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("relay.toml");
        let text =
            "listen = '0.0.0.0:1'\npeer = ['ws://a', 'ws://b']\nallow-origin = ['https://x']\n";
        std::fs::write(&path, text).expect("file");
        let path = path.to_str().expect("utf-8");

        let found = config(&["--config", path, "--listen", "127.0.0.1:2", "--log", "warn"]);
        let found = found.expect("config");
        assert_eq!(found.listen, "127.0.0.1:2");
        assert_eq!(found.peers, ["ws://a", "ws://b"]);
        assert_eq!(found.allow_origins, ["https://x"]);
        assert_eq!(
            (found.data, &found.log[..]),
            (Config::default().data, "warn")
        );
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, "lisen = 'typo'\n").expect("file");
        let error = config(&["--config", path.to_str().expect("utf-8")]).expect_err("typo");
        assert!(error.to_string().contains("lisen"), "{error}");
        let error = config(&["--config", "/nowhere/relay.toml"]).expect_err("missing");
        assert!(error.to_string().contains("/nowhere/relay.toml"), "{error}");
    }
}
