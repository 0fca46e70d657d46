//! The ports.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::Endpoint;
use tokio::net::{lookup_host, TcpListener, TcpSocket};

use crate::config::{Config, QUIC_OFF};
use crate::quic;
use crate::server::ServeError;
use crate::tls::Identity;

/// With port 0 the one that is free for TCP may not be for UDP: then another one is tried, so often.
const PORTS_TRIED_MAX: usize = 16;

/// So many connections wait to be accepted at most, if the system lets them: a crowd that comes back at
/// once is turned away beyond that, and tries again only a second later.
const WAITING_MAX: u32 = 4096;

/// What a relay listens on.
pub(crate) struct Ports {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// Where it speaks QUIC.
    pub(crate) quic: Option<Endpoint>,
}

impl Ports {
    /// Listens as the settings say.
    pub(crate) async fn open(
        config: &Config,
        identity: Option<&Arc<Identity>>,
    ) -> Result<Self, ServeError> {
        let listening = |error| ServeError::Listen {
            listen: config.listen.clone(),
            error,
        };
        let mut tries = 1;
        loop {
            let listener = listen(&config.listen).await.map_err(listening)?;
            let address = listener.local_addr().map_err(listening)?;
            match open_quic(config, identity, address) {
                Ok(quic) => {
                    return Ok(Self {
                        listener,
                        address,
                        quic,
                    })
                }
                Err(ServeError::Quic { error, .. })
                    if error.kind() == ErrorKind::AddrInUse
                        && config.quic.is_none()
                        && config.listen.ends_with(":0")
                        && tries < PORTS_TRIED_MAX =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Listens for QUIC beside TCP, or where the settings say.
fn open_quic(
    config: &Config,
    identity: Option<&Arc<Identity>>,
    beside: SocketAddr,
) -> Result<Option<Endpoint>, ServeError> {
    let wanted = config.quic.as_deref();
    if wanted == Some(QUIC_OFF) {
        return Ok(None);
    }
    let Some(identity) = identity else {
        return match wanted {
            Some(_) => Err(ServeError::QuicWithoutCertificate),
            None => Ok(None),
        };
    };
    let listen = wanted.map_or_else(|| beside.to_string(), str::to_owned);
    let socket = UdpSocket::bind(&listen).map_err(quic::ListenError::from);
    match socket.and_then(|socket| quic::listen(identity, socket)) {
        Ok(endpoint) => Ok(Some(endpoint)),
        Err(quic::ListenError::Socket(error)) => Err(ServeError::Quic { listen, error }),
        Err(quic::ListenError::Key(error)) => Err(ServeError::Certificate(error)),
    }
}

/// Listens on the first of the addresses of `host:port` that can be listened on.
async fn listen(at: &str) -> io::Result<TcpListener> {
    let mut refused = io::Error::new(io::ErrorKind::InvalidInput, "it has no address");
    for address in lookup_host(at).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Else a relay that ended could not be started again for a while. On Windows it means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::time::Duration;

    /// As many as the system lets wait for any program.
    fn system_max() -> usize {
        let file = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
        let number = file.ok().and_then(|text| text.trim().parse().ok());
        number.unwrap_or(128)
    }

    #[tokio::test]
    async fn a_crowd_waits_at_the_door() {
        let listener = listen("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let crowd = 512.min(system_max());
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
        let waiting: Result<Vec<_>, _> = (0..crowd).map(connect).collect();
        assert_eq!(waiting.expect("nobody is turned away").len(), crowd);
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        assert!(listen("nowhere").await.is_err());
        assert!(listen("127.0.0.1:99999").await.is_err());
    }
}
