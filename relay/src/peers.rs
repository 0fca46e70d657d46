//! Keeping a link to an address: dial, run, wait, dial again.

use std::fmt;
use std::time::Duration;

use driftwood_sync::{Backoff, ErrorCode, LinkKind};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::connection::Links;
use crate::http::GOING_AWAY;
use crate::outbox::Close;

/// How long a connection may take to come up.
const DIAL_TIME_MAX: Duration = Duration::from_secs(10);

/// A connection that lasted this long was a good one: the next attempt starts at the shortest delay
/// again.
const HELD_TIME_MIN: Duration = Duration::from_secs(5);

/// An address that cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// It is no address.
    #[error("`{0}` is not an address such as ws://localhost:4455")]
    Malformed(String),
    /// It asks for TLS, which this program does not speak itself.
    #[error("`{0}`: only ws:// can be dialled; reach a relay behind TLS through a local tunnel or proxy")]
    Tls(String),
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
        match uri.scheme_str() {
            Some("ws") => {}
            Some("wss") => return Err(DialError::Tls(text.to_owned())),
            _ => return Err(malformed()),
        }
        let authority = uri.authority().ok_or_else(malformed)?.as_str();
        let path = match uri.path() {
            "" | "/" => "/sync",
            path => path,
        };
        let uri = format!("ws://{authority}{path}")
            .parse()
            .map_err(|_| malformed())?;
        Ok(Self { uri })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

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
    links: Links,
    mut stop: watch::Receiver<Option<Close>>,
    report: impl Fn(LinkState),
) {
    let mut backoff = Backoff::new(random());
    loop {
        report(LinkState::Connecting);
        let dial = connect_async_with_config(&address.uri, Some(links.socket_config()), true);
        let dialled = tokio::select! {
            dialled = timeout(DIAL_TIME_MAX, dial) => dialled,
            _ = stopped(&mut stop) => return,
        };
        let reason = match dialled {
            Ok(Ok((socket, _response))) => {
                report(LinkState::Online);
                let ended = links.drive(socket, kind, None, stopped(&mut stop)).await;
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
        assert!(matches!(
            Address::parse("wss://relay.example"),
            Err(DialError::Tls(_))
        ));
    }
}
