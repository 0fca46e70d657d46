//! How to get into a relay: what to show there, and whose certificate to believe.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use driftwood_relay::driver::Client;
use driftwood_relay::tls::Trust;
use driftwood_sync::{Config, NodeId, Role};

use crate::session::Session;

/// What was said about it on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Access {
    /// A file with the token that the relay wants to see
    #[arg(long, global = true, value_name = "FILE", env = "DRIFTWOOD_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// Certificates in PEM that wss:// and quic:// relays are believed by [default: the public ones]
    #[arg(long, global = true, value_name = "FILE", env = "DRIFTWOOD_CA")]
    ca: Option<PathBuf>,
}

impl Access {
    /// A client of the protocol for the documents of a session.
    pub(crate) fn client(&self, session: Session) -> Result<Client<Session>> {
        let node = getrandom::u64().context("the system gives no random numbers")?;
        let config = Config {
            agent: concat!("driftwood-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
            token: self.token()?,
            ..Config::new(Role::Client, NodeId(node))
        };
        let mut client = Client::new(config, session);
        if let Some(path) = &self.ca {
            client.set_trust(Trust::from_file(path).context("--ca")?);
        }
        Ok(client)
    }

    fn token(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let token = fs::read(path);
        let token = token.with_context(|| format!("--token-file {}", path.display()))?;
        Ok(Some(token.trim_ascii().to_vec()))
    }
}
