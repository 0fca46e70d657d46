//! Somebody who speaks QUIC by hand, message by message and stream by stream.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use driftwood_sync::Message;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, TransportConfig,
    VarInt,
};
use tokio::sync::mpsc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, RootCertStore};

use crate::hostile::hello;
use crate::support::soon;

pub(crate) const PROTOCOL: &[u8] = b"driftwood/1";

/// What a stranger lets come without reading it.
const WINDOW_BYTES: u32 = 384 << 10;

/// A connection with its common stream.
pub(crate) struct Stranger {
    pub(crate) connection: Connection,
    pub(crate) common: SendStream,
    _endpoint: Endpoint,
}

/// A number as PROTOCOL.md has it.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Dials with a protocol's name.
pub(crate) async fn dial(
    ca: &Path,
    relay: SocketAddr,
    protocol: &[u8],
) -> Result<(Endpoint, Connection), ConnectionError> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(ca).expect("a certificate");
    roots.add(ca).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks it")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let config = QuicClientConfig::try_from(config).expect("ring has what QUIC begins with");
    let endpoint = Endpoint::client("127.0.0.1:0".parse().expect("an address")).expect("a socket");
    let mut config = ClientConfig::new(Arc::new(config));
    let mut transport = TransportConfig::default();
    let window = VarInt::from_u32(WINDOW_BYTES);
    transport.stream_receive_window(window);
    transport.receive_window(window);
    config.transport_config(Arc::new(transport));
    let connecting = endpoint.connect_with(config, relay, "localhost");
    let connection = soon("a handshake", connecting.expect("a good name")).await?;
    Ok((endpoint, connection))
}

impl Stranger {
    /// One who has said nothing yet.
    pub(crate) async fn silent(ca: &Path, relay: SocketAddr) -> Self {
        let (endpoint, connection) = dial(ca, relay, PROTOCOL).await.expect("let in");
        let common = connection.open_uni().await.expect("one is allowed");
        Self {
            connection,
            common,
            _endpoint: endpoint,
        }
    }

    /// One who has said hello.
    pub(crate) async fn greeted(ca: &Path, relay: SocketAddr) -> Self {
        let mut stranger = Self::silent(ca, relay).await;
        stranger.say(&hello(None)).await;
        stranger
    }

    /// On the common stream.
    pub(crate) async fn say(&mut self, message: &Message) {
        let message = message.encode();
        let bytes = [&varint(message.len() as u64)[..], &message].concat();
        self.common.write_all(&bytes).await.expect("written");
    }

    /// A new stream for documents.
    pub(crate) async fn lane(&self) -> SendStream {
        soon("another stream", self.connection.open_uni())
            .await
            .expect("the connection is up")
    }

    /// How the relay ended it: the code and its name.
    pub(crate) async fn refused(&self) -> (u64, String) {
        match soon("the end", self.connection.closed()).await {
            ConnectionError::ApplicationClosed(close) => {
                let reason = String::from_utf8_lossy(&close.reason).into_owned();
                (close.error_code.into_inner(), reason)
            }
            other => panic!("{other}"),
        }
    }

    /// Reads all streams from now on: each message with the number of its stream, as they arrive.
    pub(crate) fn read(&self) -> mpsc::UnboundedReceiver<(usize, Message)> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let connection = self.connection.clone();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok(stream) = connection.accept_uni().await {
                tokio::spawn(read(stream, number, sender.clone()));
                number += 1;
            }
        });
        receiver
    }
}

/// Documents' messages begin with their length and what they wait for.
pub(crate) fn framed(message: &Message, after: u64) -> Vec<u8> {
    let message = message.encode();
    [&varint(message.len() as u64)[..], &varint(after), &message].concat()
}

async fn number(stream: &mut RecvStream) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.ok()?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

async fn read(
    mut stream: RecvStream,
    lane: usize,
    sender: mpsc::UnboundedSender<(usize, Message)>,
) {
    while let Some(len) = number(&mut stream).await {
        if lane > 0 {
            number(&mut stream).await.expect("what it waits for");
        }
        let mut bytes = vec![0; len as usize];
        stream
            .read_exact(&mut bytes)
            .await
            .expect("a whole message");
        let message = Message::decode(&bytes).expect("a message");
        if sender.send((lane, message)).is_err() {
            return;
        }
    }
}
