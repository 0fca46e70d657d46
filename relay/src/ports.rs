//! What a relay listens on: TCP, and UDP for QUIC.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::Endpoint;
use tokio::net::TcpListener;

use crate::config::{Config, QUIC_OFF};
use crate::listen::listen;
use crate::quic;
use crate::server::ServeError;
use crate::tls::Identity;

/// With port 0 the one that is free for TCP may not be for UDP: then another one is tried, so often.
const PORTS_TRIED_MAX: usize = 16;

/// What a relay listens on.
pub(crate) struct Ports {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) quic: Option<Endpoint>,
}

impl Ports {
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

pub(crate) fn local(endpoint: &Endpoint) -> Option<SocketAddr> {
    endpoint.local_addr().ok()
}
