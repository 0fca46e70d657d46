//! Keeping a link to an address: dial, run, wait, dial again.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use driftwood_sync::{Backoff, ErrorCode, LinkKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{client_async_with_config, WebSocketStream};

use crate::connection::{prepare, Links};
use crate::http::GOING_AWAY;
use crate::outbox::Close;
use crate::tls::Trust;

/// How long a connection may take to come up.
const DIAL_TIME_MAX: Duration = Duration::from_secs(10);

/// A connection that lasted this long was a good one: the next attempt starts at the shortest delay
/// again.
const HELD_TIME_MIN: Duration = Duration::from_secs(5);

/// An address that cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// It is no address.
    #[error("`{0}` is not an address such as ws://localhost:4455 or wss://relay.example")]
    Malformed(String),
}

/// Where to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    uri: Uri,
}

impl Address {
    /// From `ws://host:port`, with or without the path `/sync`.
    pub(crate) fn parse(text: &str) -> Result<Self, DialError> {
        let malformed = || DialError::Malformed(text.to_owned());
        let uri: Uri = text.trim().parse().map_err(|_| malformed())?;
        let scheme = match uri.scheme_str() {
            Some("ws") => "ws",
            Some("wss") => "wss",
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?.as_str();
        let path = match uri.path() {
            "" | "/" => "/sync",
            path => path,
        };
        let uri = format!("{scheme}://{authority}{path}")
            .parse()
            .map_err(|_| malformed())?;
        Ok(Self { uri })
    }

    /// Whether it is dialled with TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("wss")
    }

    /// The name or number of the host, without brackets.
    fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        let inner = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    fn port(&self) -> u16 {
        let default = if self.is_secure() { 443 } else { 80 };
        self.uri.port_u16().unwrap_or(default)
    }

    /// Opens a socket there.
    async fn dial(
        &self,
        trust: Option<&Trust>,
        config: WebSocketConfig,
    ) -> Result<Socket, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect((self.host(), self.port())).await?;
        prepare(&stream);
        let stream: Box<dyn Stream> = match trust {
            Some(trust) => Box::new(trust.connect(self.host(), stream).await?),
            None => Box::new(stream),
        };
        let (socket, _response) = client_async_with_config(&self.uri, stream, Some(config)).await?;
        Ok(socket)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// What a socket can run on.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Socket = WebSocketStream<Box<dyn Stream>>;

/// What becomes of a link that is kept up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Being dialled.
    Connecting,
    /// The socket is open.
    Online,
    /// The socket is closed, or could not be opened.
    Offline {
        /// Why, for people.
        reason: String,
        /// When the next attempt begins; `None` if there will be none.
        retry_in: Option<Duration>,
    },
}

/// Keeps a link to `address` until `stop` holds a value, which then says how to close.
pub(crate) async fn keep(
    address: Address,
    kind: LinkKind,
    trust: Option<Trust>,
    links: Links,
    mut stop: watch::Receiver<Option<Close>>,
    report: impl Fn(LinkState),
) {
    let trust = address
        .is_secure()
        .then(|| trust.unwrap_or_else(Trust::public));
    let mut backoff = match kind {
        LinkKind::Mesh => Backoff::between_relays(random()),
        _ => Backoff::new(random()),
    };
    loop {
        report(LinkState::Connecting);
        let dial = address.dial(trust.as_ref(), links.socket_config());
        let dialled = tokio::select! {
            dialled = timeout(DIAL_TIME_MAX, dial) => dialled,
            _ = stopped(&mut stop) => return,
        };
        let reason = match dialled {
            Ok(Ok(socket)) => {
                report(LinkState::Online);
                let stopped = stopped(&mut stop);
                let ended = links.clone().drive(socket, kind, None, stopped).await;
                if ended.lasted >= HELD_TIME_MIN {
                    backoff.reset();
                }
                let ourselves = ErrorCode::NodeIdClash.as_str();
                if ended.close.is_some_and(|close| close.reason == ourselves) {
                    let reason = "this address leads back to this very process".to_owned();
                    report(LinkState::Offline {
                        reason,
                        retry_in: None,
                    });
                    return;
                }
                "the connection ended".to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "no answer".to_owned(),
        };
        let delay = backoff.next_delay();
        report(LinkState::Offline {
            reason,
            retry_in: Some(delay),
        });
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = stopped(&mut stop) => return,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<Option<Close>>) -> Close {
    match stop.wait_for(Option::is_some).await {
        Ok(close) => close.expect("waited for it"),
        // Whoever could say how to close is gone.
        Err(_) => GOING_AWAY,
    }
}

/// A random number for a node's id or a seed.
pub(crate) fn random() -> u64 {
    getrandom::u64().expect("the operating system has randomness")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_path_when_they_have_none() {
        for (text, wanted) in [
            ("ws://localhost:4455", "ws://localhost:4455/sync"),
            ("ws://localhost:4455/", "ws://localhost:4455/sync"),
            ("ws://[::1]:4455/sync", "ws://[::1]:4455/sync"),
            (
                " ws://relay.example/team/sync ",
                "ws://relay.example/team/sync",
            ),
        ] {
            assert_eq!(
                Address::parse(text).map(|address| address.to_string()),
                Ok(wanted.into())
            );
        }
        for bad in [
            "",
            "localhost:4455",
            "http://localhost",
            "ws://",
            "ws:///sync",
        ] {
            assert!(
                matches!(Address::parse(bad), Err(DialError::Malformed(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn hosts_and_ports_are_taken_apart() {
        for (text, host, port, secure) in [
            ("ws://localhost", "localhost", 80, false),
            ("ws://[::1]:4455", "::1", 4455, false),
            ("wss://relay.example", "relay.example", 443, true),
            ("wss://127.0.0.1:8443/team/sync", "127.0.0.1", 8443, true),
        ] {
            let address = Address::parse(text).expect("an address");
            let found = (address.host(), address.port(), address.is_secure());
            assert_eq!(found, (host, port, secure), "{text}");
        }
    }
}
