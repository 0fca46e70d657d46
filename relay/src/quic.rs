//! QUIC in front: the same messages as over a WebSocket, each document in a stream beside the others.
//!
//! PROTOCOL.md has the framing, and why this is order enough. `writing` deals messages out to streams,
//! `reading` takes them in; both hold what a connection costs to bounds that do not depend on the other side.

mod reading;
mod writing;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use driftwood_sync::LinkKind;
use futures_util::stream::FuturesUnordered;
use futures_util::StreamExt as _;
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime,
    TransportConfig, VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use tokio::sync::watch;
use tokio::time::{sleep, timeout, Instant};

use crate::connection::{Ended, Links, CLOSE_GRACE};
use crate::http::GOING_AWAY;
use crate::outbox::{Close, Transport};
use crate::tls::{Forgotten, Identity, TlsError, Trust};

/// Streams for documents, each way; beside them there is one for the rest.
const LANES: u16 = 256;

/// What may have come and not been read, on all streams together. More than [`UNACKNOWLEDGED_BYTES_MAX`],
/// or a message that is being read could wait for room behind others that wait for it.
const WINDOW_BYTES: u32 = 384 << 10;

/// What may be under way, and is kept until it has arrived.
const UNACKNOWLEDGED_BYTES_MAX: u64 = 256 << 10;

/// A connection on which nothing comes for so long is forgotten. The protocol's heartbeat is faster.
const IDLE_TIME_MAX: Duration = Duration::from_secs(45);

/// How long a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// Connections that have begun and were not looked at yet, and what they may have sent by then.
const INCOMING_MAX: usize = 256;
const INCOMING_BYTES_MAX: u64 = 16 << 10;

/// Where a name stands for several addresses, the next one is tried this much later.
const NEXT_ADDRESS_PAUSE: Duration = Duration::from_millis(250);

/// Said to somebody who stops our streams, which nobody does who speaks this protocol.
const UNHEARD: Close = Close {
    code: 4400,
    reason: "BAD_FRAME",
};

/// The last words of a connection that was closed have this long to go out.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(500);

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(u32::from(LANES) + 1))
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES))
        .receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(UNACKNOWLEDGED_BYTES_MAX)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(IDLE_TIME_MAX.try_into().ok());
    Arc::new(config)
}

/// Listens where the socket is bound.
pub(crate) fn listen(identity: &Arc<Identity>, socket: UdpSocket) -> Result<Endpoint, ListenError> {
    let mut config = ServerConfig::with_crypto(Arc::new(identity.quic()));
    config
        .transport_config(transport())
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_BYTES_MAX * INCOMING_MAX as u64);
    let Forgotten { reset_key, id_key } = identity.forgotten()?;
    let mut endpoint = EndpointConfig::new(Arc::new(reset_key));
    endpoint.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id_key)));
    let runtime = Arc::new(TokioRuntime);
    Ok(Endpoint::new(endpoint, Some(config), socket, runtime)?)
}

/// Why there is no listening for QUIC.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Key(#[from] TlsError),
}

/// Takes connections until the relay ends.
pub(crate) async fn accept(endpoint: Endpoint, links: Links, mut ending: watch::Receiver<bool>) {
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            _ = ending.wait_for(|ending| *ending) => None,
        };
        let Some(incoming) = incoming else {
            break;
        };
        if incoming.remote_address_validated() {
            tokio::spawn(serve(incoming, links.clone(), ending.clone()));
        } else {
            // Until they have shown that they get what is sent to their address, they cost nothing, and
            // nobody else is sent anything on their account.
            let _ = incoming.retry();
        }
    }
    endpoint.set_server_config(None);
}

async fn serve(incoming: Incoming, links: Links, mut ending: watch::Receiver<bool>) {
    let handshake = async { incoming.accept()?.await };
    let accepted = tokio::select! {
        accepted = timeout(HANDSHAKE_TIME_MAX, handshake) => accepted,
        _ = ending.wait_for(|ending| *ending) => return,
    };
    let connection = match accepted {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "no handshake over QUIC"),
        Err(_elapsed) => return tracing::debug!("a handshake over QUIC took too long"),
    };
    let address = connection.remote_address().ip();
    let stop = async move {
        // An error says that the relay is gone altogether.
        let _ = ending.wait_for(|ending| *ending).await;
        GOING_AWAY
    };
    links
        .drive_quic(&connection, LinkKind::Down, Some(address), stop)
        .await;
}

/// A connection that was dialled, and the socket that it runs on.
pub(crate) struct Dialled {
    connection: Connection,
    endpoint: Endpoint,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Dials a host: the first of its addresses that answers.
pub(crate) async fn dial(host: &str, port: u16, trust: &Trust) -> Result<Dialled, Failure> {
    let addresses = tokio::net::lookup_host((host, port)).await?;
    let mut attempts: FuturesUnordered<_> = (0..)
        .zip(addresses)
        .map(|(place, address)| async move {
            sleep(NEXT_ADDRESS_PAUSE * place).await;
            connect(address, host, trust).await
        })
        .collect();
    let mut failure: Failure = "the name stands for no address".into();
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(dialled) => return Ok(dialled),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn connect(address: SocketAddr, host: &str, trust: &Trust) -> Result<Dialled, Failure> {
    let any: IpAddr = if address.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let endpoint = Endpoint::client((any, 0).into())?;
    let mut config = ClientConfig::new(trust.quic());
    config.transport_config(transport());
    let connection = endpoint.connect_with(config, address, host)?.await?;
    Ok(Dialled {
        connection,
        endpoint,
    })
}

impl Dialled {
    /// Runs the link until either side ends it, or `stop` resolves and names how to.
    pub(crate) async fn drive(
        &self,
        links: &Links,
        kind: LinkKind,
        stop: impl Future<Output = Close>,
    ) -> Ended {
        let ended = links.drive_quic(&self.connection, kind, None, stop).await;
        // A process that ends now would take the last packet along.
        let _ = timeout(GOODBYE_TIME_MAX, self.endpoint.wait_idle()).await;
        ended
    }
}

/// Nothing happens to one that has ended.
fn close_with(connection: &Connection, close: Close) {
    let code = VarInt::from_u32(close.code.into());
    connection.close(code, close.reason.as_bytes());
}

impl Links {
    /// Runs a connection until either side ends it, or `stop` resolves and names how to.
    async fn drive_quic(
        &self,
        connection: &Connection,
        kind: LinkKind,
        address: Option<IpAddr>,
        stop: impl Future<Output = Close>,
    ) -> Ended {
        let started = Instant::now();
        let Some((link, outbox)) = self.begin(kind, address, Transport::Quic).await else {
            return Ended::at_once();
        };
        let mut close = None;
        {
            let closing = async {
                let close = outbox.closing().await;
                sleep(CLOSE_GRACE).await;
                close
            };
            let stopped = async {
                outbox.close(stop.await);
                std::future::pending::<()>().await;
            };
            let write = async {
                if let Some(close) = self.write_streams(link, &outbox, connection).await {
                    return close;
                }
                // The connection broke, or the other side does not want to hear us. What was received before is
                // read yet.
                close_with(connection, UNHEARD);
                std::future::pending().await
            };
            tokio::select! {
                () = self.read_streams(link, connection) => {}
                sent = write => close = Some(sent),
                late = closing => close = Some(late),
                () = stopped => {}
            }
        }
        close_with(connection, close.unwrap_or(GOING_AWAY));
        let ended = Ended {
            lasted: started.elapsed(),
            close,
        };
        self.end(link, kind, Transport::Quic, ended).await
    }
}
