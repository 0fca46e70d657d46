//! What the relay is told: by flags, by the environment, by a TOML file, and else by these
//! defaults.

mod rates;

use std::path::{Path, PathBuf};

use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::commands::Command;
use crate::store::Kind;

pub use self::rates::Rates;

/// What `quic` says where it is not wanted.
pub(crate) const QUIC_OFF: &str = "off";

/// How to run a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// `host:port` to listen on; port 0 takes a free one.
    pub listen: String,
    /// The folder of the store.
    pub data: PathBuf,
    /// How the store keeps documents; `None` as the folder does, or else in a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Kind>,
    /// Addresses of other relays to link to.
    #[serde(rename = "peer")]
    pub peers: Vec<String>,
    /// Origins of web pages that may connect; empty allows pages served from this machine, `*`
    /// allows any.
    #[serde(rename = "allow-origin")]
    pub allow_origins: Vec<String>,
    /// Files of the keys that tokens are checked with; without any, everybody may do everything.
    #[serde(rename = "auth-key")]
    pub auth_keys: Vec<PathBuf>,
    /// Where more keys are published, as a JSON Web Key Set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_keys_url: Option<String>,
    /// The file of the token that other relays are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_token: Option<PathBuf>,
    /// The files of the certificate, with its chain, and of its key, both in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// See `tls_cert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// `host:port` to listen on for QUIC, or `off`; `None` as `listen`, where there is a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quic: Option<String>,
    /// The certificates in PEM that peers are believed by, in place of the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_ca: Option<PathBuf>,
    /// Where to tell which documents have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// The file of the key that this is signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_key: Option<PathBuf>,
    /// Where to send numbers and traces (OTLP over HTTP).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// Listen beyond this machine although nobody has to log in.
    pub insecure_allow_anyone: bool,
    /// What clients may bring.
    #[serde(flatten)]
    pub rates: Rates,
    /// What to log: `error`, `warn`, `info`, `debug`, `trace`, or per module as in `RUST_LOG`.
    pub log: String,
}

impl Config {
    /// As a file for `--config`.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are texts, numbers and lists")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:4455".into(),
            data: "driftwood-data".into(),
            store: None,
            peers: Vec::new(),
            allow_origins: Vec::new(),
            auth_keys: Vec::new(),
            auth_keys_url: None,
            peer_token: None,
            tls_cert: None,
            tls_key: None,
            quic: None,
            peer_ca: None,
            webhook: None,
            webhook_key: None,
            otlp_endpoint: None,
            insecure_allow_anyone: false,
            rates: Rates::default(),
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
    #[command(flatten)]
    settings: Settings,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// Where to listen [default: 127.0.0.1:4455]
    #[arg(
        global = true,
        long,
        value_name = "HOST:PORT",
        env = "DRIFTWOOD_LISTEN"
    )]
    listen: Option<String>,

    /// The folder to keep documents in [default: ./driftwood-data]
    #[arg(global = true, long, value_name = "FOLDER", env = "DRIFTWOOD_DATA")]
    data: Option<PathBuf>,

    /// How to keep documents in a new data folder [default: log; else as the folder does]
    #[arg(global = true, long, value_name = "KIND", env = "DRIFTWOOD_STORE")]
    store: Option<Kind>,

    /// Another relay to link to; can be given several times
    #[arg(
        global = true,
        long = "peer",
        value_name = "ws[s]|quic://HOST:PORT",
        env = "DRIFTWOOD_PEER",
        value_delimiter = ','
    )]
    peers: Vec<String>,

    /// A web origin whose pages may connect, `*` for any; can be given several times
    /// [default: pages served from this machine]
    #[arg(
        global = true,
        long = "allow-origin",
        value_name = "ORIGIN",
        env = "DRIFTWOOD_ALLOW_ORIGIN",
        value_delimiter = ','
    )]
    allow_origins: Vec<String>,

    /// A key that tokens are checked with, as `driftwood-relay token --new-key` makes it; can be given
    /// several times. Without any, everybody may do everything
    #[arg(
        global = true,
        long = "auth-key",
        value_name = "FILE",
        env = "DRIFTWOOD_AUTH_KEY",
        value_delimiter = ','
    )]
    auth_keys: Vec<PathBuf>,

    /// Where a login service publishes its public keys (JSON Web Key Set, Ed25519); tokens are checked with
    /// them too
    #[arg(
        global = true,
        long,
        value_name = "URL",
        env = "DRIFTWOOD_AUTH_KEYS_URL"
    )]
    auth_keys_url: Option<String>,

    /// The token that other relays are shown, as `driftwood-relay token --relay` makes it
    #[arg(global = true, long, value_name = "FILE", env = "DRIFTWOOD_PEER_TOKEN")]
    peer_token: Option<PathBuf>,

    /// The relay's certificate and those that vouch for it, in PEM; read anew when it changes
    #[arg(global = true, long, value_name = "FILE", env = "DRIFTWOOD_TLS_CERT")]
    tls_cert: Option<PathBuf>,

    /// The key of the certificate, in PEM
    #[arg(global = true, long, value_name = "FILE", env = "DRIFTWOOD_TLS_KEY")]
    tls_key: Option<PathBuf>,

    /// Where to listen for QUIC, or `off` [default: as --listen, where there is a certificate]
    #[arg(
        global = true,
        long,
        value_name = "HOST:PORT|off",
        env = "DRIFTWOOD_QUIC"
    )]
    quic: Option<String>,

    /// Certificates in PEM that wss:// and quic:// peers are believed by [default: the public ones]
    #[arg(global = true, long, value_name = "FILE", env = "DRIFTWOOD_PEER_CA")]
    peer_ca: Option<PathBuf>,

    /// Where to POST the names of documents that have changed, in batches
    #[arg(global = true, long, value_name = "URL", env = "DRIFTWOOD_WEBHOOK")]
    webhook: Option<String>,

    /// The key that webhooks are signed with, as `driftwood-relay token --new-key` makes it
    #[arg(
        global = true,
        long,
        value_name = "FILE",
        env = "DRIFTWOOD_WEBHOOK_KEY"
    )]
    webhook_key: Option<PathBuf>,

    /// Where to send metrics and traces: a collector that speaks OTLP over HTTP, as <http://localhost:4318>
    #[arg(
        global = true,
        long,
        value_name = "URL",
        env = "DRIFTWOOD_OTLP_ENDPOINT"
    )]
    otlp_endpoint: Option<String>,

    /// Listen beyond this machine although nobody has to log in: whoever reaches the port may read and
    /// change everything
    #[arg(global = true, long, env = "DRIFTWOOD_INSECURE_ALLOW_ANYONE")]
    insecure_allow_anyone: bool,

    /// Changes a second of one principal [default: 10000; 0 is no limit]
    #[arg(
        global = true,
        long,
        value_name = "N",
        env = "DRIFTWOOD_PRINCIPAL_CHANGES"
    )]
    principal_changes: Option<u64>,

    /// Bytes a second of one principal [default: 32 MiB]
    #[arg(
        global = true,
        long,
        value_name = "N",
        env = "DRIFTWOOD_PRINCIPAL_BYTES"
    )]
    principal_bytes: Option<u64>,

    /// Changes a second of one address [default: 50000]
    #[arg(
        global = true,
        long,
        value_name = "N",
        env = "DRIFTWOOD_ADDRESS_CHANGES"
    )]
    address_changes: Option<u64>,

    /// Bytes a second of one address [default: 128 MiB]
    #[arg(global = true, long, value_name = "N", env = "DRIFTWOOD_ADDRESS_BYTES")]
    address_bytes: Option<u64>,

    /// A TOML file with any of these settings, named as the flags
    #[arg(global = true, long, value_name = "FILE", env = "DRIFTWOOD_CONFIG")]
    config: Option<PathBuf>,

    /// Print the settings that these flags, the environment and the file come to, as TOML, and end
    #[arg(long)]
    print_config: bool,

    /// What to log: error, warn, info, debug, trace [default: info]
    #[arg(global = true, long, value_name = "LEVEL", env = "DRIFTWOOD_LOG")]
    log: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    listen: Option<String>,
    data: Option<PathBuf>,
    store: Option<Kind>,
    #[serde(default)]
    peer: Vec<String>,
    #[serde(default)]
    allow_origin: Vec<String>,
    #[serde(default)]
    auth_key: Vec<PathBuf>,
    auth_keys_url: Option<String>,
    peer_token: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    quic: Option<String>,
    peer_ca: Option<PathBuf>,
    webhook: Option<String>,
    webhook_key: Option<PathBuf>,
    otlp_endpoint: Option<String>,
    insecure_allow_anyone: Option<bool>,
    principal_changes: Option<u64>,
    principal_bytes: Option<u64>,
    address_changes: Option<u64>,
    address_bytes: Option<u64>,
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
        self.settings.into_config()
    }

    /// Whether the configuration is only to be printed.
    pub fn print_config(&self) -> bool {
        self.settings.print_config
    }

    /// The configuration, and the command if there is one.
    ///
    /// # Errors
    /// As [`into_config`](Self::into_config).
    pub fn split(self) -> Result<(Config, Option<Command>), ConfigError> {
        Ok((self.settings.into_config()?, self.command))
    }
}

impl Settings {
    fn into_config(self) -> Result<Config, ConfigError> {
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
            store: self.store.or(file.store),
            peers: listed(self.peers, file.peer),
            allow_origins: listed(self.allow_origins, file.allow_origin),
            auth_keys: if self.auth_keys.is_empty() {
                file.auth_key
            } else {
                self.auth_keys
            },
            auth_keys_url: self.auth_keys_url.or(file.auth_keys_url),
            peer_token: self.peer_token.or(file.peer_token),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            quic: self.quic.or(file.quic),
            peer_ca: self.peer_ca.or(file.peer_ca),
            webhook: self.webhook.or(file.webhook),
            webhook_key: self.webhook_key.or(file.webhook_key),
            otlp_endpoint: self.otlp_endpoint.or(file.otlp_endpoint),
            insecure_allow_anyone: self.insecure_allow_anyone
                || file.insecure_allow_anyone.unwrap_or_default(),
            rates: Rates {
                principal_changes: (self.principal_changes.or(file.principal_changes))
                    .unwrap_or(default.rates.principal_changes),
                principal_bytes: (self.principal_bytes.or(file.principal_bytes))
                    .unwrap_or(default.rates.principal_bytes),
                address_changes: (self.address_changes.or(file.address_changes))
                    .unwrap_or(default.rates.address_changes),
                address_bytes: (self.address_bytes.or(file.address_bytes))
                    .unwrap_or(default.rates.address_bytes),
            },
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
    fn what_is_printed_can_be_read_back() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("relay.toml");
        let args = [
            "--peer",
            "ws://a",
            "--auth-key",
            "k",
            "--peer-token",
            "t",
            "--otlp-endpoint",
            "http://localhost:4318",
            "--address-bytes",
            "7",
        ];
        let said = config(&args).expect("config");
        std::fs::write(&path, said.to_toml()).expect("file");
        let read = config(&["--config", path.to_str().expect("utf-8")]);
        assert_eq!(read.expect("config"), said);
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
