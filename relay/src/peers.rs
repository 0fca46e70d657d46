//! Keeping a link to an address: dial, run, wait, dial again; over QUIC where that gets through.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use driftwood_sync::{Backoff, ErrorCode, LinkKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout, Instant};
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{client_async_with_config, WebSocketStream};

use crate::connection::{prepare, Ended, Links};
use crate::http::GOING_AWAY;
use crate::outbox::{Close, Transport};
use crate::quic::{self, Dialled};
use crate::tls::Trust;

/// How long a connection may take to come up.
const DIAL_TIME_MAX: Duration = Duration::from_secs(10);

/// How long one over QUIC may: where UDP does not get through, nobody says so.
const QUIC_TIME_MAX: Duration = Duration::from_secs(2);

/// Where QUIC did not get through, it is tried again after so long.
pub(crate) const QUIC_PAUSE: Duration = Duration::from_secs(300);

/// What a link over a WebSocket is closed with when QUIC gets through after all.
const MOVED: Close = Close {
    code: 1000,
    reason: "MOVED",
};

/// A connection that lasted this long was a good one: the next attempt starts at the shortest delay
/// again.
const HELD_TIME_MIN: Duration = Duration::from_secs(5);

/// An address that cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// It is no address.
    #[error("`{0}` is not an address such as ws://localhost:4455, wss://relay.example or quic://relay.example")]
    Malformed(String),
}

/// Where to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Where to dial a WebSocket, also in place of QUIC.
    uri: Uri,
    quic: bool,
}

impl Address {
    /// From `ws://host:port`, `wss://host` or `quic://host`, with or without the path `/sync`.
    pub(crate) fn parse(text: &str) -> Result<Self, DialError> {
        let malformed = || DialError::Malformed(text.to_owned());
        let uri: Uri = text.trim().parse().map_err(|_| malformed())?;
        let scheme = match uri.scheme_str() {
            Some("ws") => "ws",
            Some("wss" | "quic") => "wss",
            _ => return Err(malformed()),
        };
        let quic = uri.scheme_str() == Some("quic");
        let authority = uri.authority().ok_or_else(malformed)?.as_str();
        let path = match uri.path() {
            "" | "/" => "/sync",
            path => path,
        };
        let uri = format!("{scheme}://{authority}{path}")
            .parse()
            .map_err(|_| malformed())?;
        Ok(Self { uri, quic })
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
        if self.quic {
            let authority = self.uri.authority().expect("it was made with one");
            write!(f, "quic://{authority}")
        } else {
            self.uri.fmt(f)
        }
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
    /// The connection is there.
    Online {
        /// What it runs over.
        over: Transport,
    },
    /// The socket is closed, or could not be opened.
    Offline {
        /// Why, for people.
        reason: String,
        /// When the next attempt begins; `None` if there will be none.
        retry_in: Option<Duration>,
    },
}

/// How a link is kept up.
pub(crate) struct Upkeep {
    pub(crate) kind: LinkKind,
    /// Whose certificates are believed, if not the public ones.
    pub(crate) trust: Option<Trust>,
    /// Where QUIC did not get through, it is tried again after so long.
    pub(crate) quic_pause: Duration,
}

/// A connection that was dialled.
enum Line {
    Socket(Box<Socket>),
    Quic(Dialled),
}

/// An address that is dialled again and again.
struct Route {
    address: Address,
    trust: Option<Trust>,
    /// When to try QUIC; none where it is not asked for.
    quic_at: Option<Instant>,
    quic_pause: Duration,
}

impl Route {
    fn new(address: Address, upkeep: &Upkeep) -> Self {
        let trust = upkeep.trust.clone();
        let trust = address
            .is_secure()
            .then(|| trust.unwrap_or_else(Trust::public));
        Self {
            quic_at: address.quic.then(Instant::now),
            address,
            trust,
            quic_pause: upkeep.quic_pause,
        }
    }

    /// Over QUIC if that is asked for and gets through, else a socket.
    async fn dial(
        &mut self,
        config: WebSocketConfig,
    ) -> Result<Line, Box<dyn Error + Send + Sync>> {
        if self.quic_at.is_some_and(|at| Instant::now() >= at) {
            match self.dial_quic().await {
                Ok(dialled) => return Ok(Line::Quic(dialled)),
                Err(reason) => self.put_off(&reason),
            }
        }
        let socket = self.address.dial(self.trust.as_ref(), config).await?;
        Ok(Line::Socket(Box::new(socket)))
    }

    async fn dial_quic(&self) -> Result<Dialled, String> {
        let trust = self.trust.as_ref().expect("QUIC has TLS in it");
        let dialled = quic::dial(self.address.host(), self.address.port(), trust);
        match timeout(QUIC_TIME_MAX, dialled).await {
            Ok(Ok(dialled)) => Ok(dialled),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err("no answer".to_owned()),
        }
    }

    /// It goes over a WebSocket for a while.
    fn put_off(&mut self, reason: &str) {
        let (peer, retry_s) = (&self.address, self.quic_pause.as_secs());
        tracing::info!(%peer, reason, retry_s, "QUIC does not get through: over a WebSocket for now");
        self.quic_at = Some(Instant::now() + self.quic_pause);
    }

    /// Waits until QUIC gets through where it did not before.
    async fn recovered(&mut self) -> Dialled {
        loop {
            let Some(at) = self.quic_at else {
                return std::future::pending().await;
            };
            sleep_until(at).await;
            match self.dial_quic().await {
                Ok(dialled) => return dialled,
                Err(reason) => self.put_off(&reason),
            }
        }
    }

    /// Runs a link to its end; the one to go on with, if there is a better one by then.
    async fn run(
        &mut self,
        line: Line,
        kind: LinkKind,
        links: &Links,
        stop: impl Future<Output = Close>,
    ) -> (Ended, Option<Line>) {
        match line {
            Line::Quic(dialled) => (dialled.drive(links, kind, stop).await, None),
            Line::Socket(socket) => {
                let mut found = None;
                let end = async {
                    tokio::select! {
                        close = stop => close,
                        dialled = self.recovered() => {
                            found = Some(Line::Quic(dialled));
                            MOVED
                        }
                    }
                };
                let ended = links.clone().drive(*socket, kind, None, end).await;
                (ended, found)
            }
        }
    }
}

/// Keeps a link to `address` until `stop` holds a value, which then says how to close.
pub(crate) async fn keep(
    address: Address,
    upkeep: Upkeep,
    links: Links,
    mut stop: watch::Receiver<Option<Close>>,
    report: impl Fn(LinkState),
) {
    let kind = upkeep.kind;
    let mut route = Route::new(address, &upkeep);
    let mut backoff = match kind {
        LinkKind::Mesh => Backoff::between_relays(random()),
        _ => Backoff::new(random()),
    };
    let mut next = None;
    loop {
        let dialled = if let Some(line) = next.take() {
            Ok(Ok(line))
        } else {
            report(LinkState::Connecting);
            tokio::select! {
                dialled = timeout(DIAL_TIME_MAX, route.dial(links.socket_config())) => dialled,
                _ = stopped(&mut stop) => return,
            }
        };
        let reason = match dialled {
            Ok(Ok(line)) => {
                let over = line.transport();
                report(LinkState::Online { over });
                let (ended, better) = route.run(line, kind, &links, stopped(&mut stop)).await;
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
                if better.is_some() {
                    next = better;
                    continue;
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

impl Line {
    fn transport(&self) -> Transport {
        match self {
            Self::Socket(_) => Transport::WebSocket,
            Self::Quic(_) => Transport::Quic,
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
            ("quic://relay.example:4455/", "quic://relay.example:4455"),
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
            ("quic://relay.example", "relay.example", 443, true),
            ("quic://[::1]:4455", "::1", 4455, true),
        ] {
            let address = Address::parse(text).expect("an address");
            let found = (address.host(), address.port(), address.is_secure());
            assert_eq!(found, (host, port, secure), "{text}");
        }
    }
}
