//! TLS, under WebSocket and in QUIC, by rustls with ring: the relay's certificate, and whom those who dial trust.

mod validity;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ::ring::{digest, hmac};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::{ring, CryptoProvider};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::{client, server, TlsAcceptor, TlsConnector};

/// How this protocol is called where a QUIC connection begins (ALPN).
const QUIC_PROTOCOL: &[u8] = b"driftwood/1";

/// How long a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// A certificate or a key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", .path.display())]
pub struct TlsError {
    path: PathBuf,
    problem: String,
}

impl TlsError {
    fn new(path: &Path, problem: impl fmt::Display) -> Self {
        Self {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |error| TlsError::new(path, format!("is no certificate in PEM: {error}"));
    let found = CertificateDer::pem_file_iter(path).map_err(wrong)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() {
        return Err(TlsError::new(path, "has no certificate"));
    }
    Ok(found)
}

/// The files of a relay's certificate, and what was last read from them.
pub(crate) struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Identity {
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(Arc::new(certified(certificate, key)?));
        Ok(Arc::new(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current,
        }))
    }

    /// Reads the files again; who connects from now on sees what they hold. Nothing changes if they
    /// cannot be used.
    pub(crate) fn reload(&self) {
        match certified(&self.certificate, &self.key) {
            Ok(new) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(new);
                tracing::info!("the certificate was read anew");
            }
            Err(error) => {
                tracing::warn!(%error, "the new certificate cannot be used; the old one stays");
            }
        }
    }

    /// In how many seconds the certificate is good, and in how many no longer; none where that cannot be
    /// read.
    pub(crate) fn seconds_left(&self) -> Option<(i64, i64)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (from, upto) = validity::validity(current.cert.first()?)?;
        let now = i64::try_from(crate::now().as_millis() / 1_000).ok()?;
        Some((from - now, upto - now))
    }

    /// What to look at for changes.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        vec![self.certificate.clone(), self.key.clone()]
    }

    /// What accepts connections with it.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Acceptor {
        let config = self.config(&[&TLS13, &TLS12], b"http/1.1");
        Acceptor(TlsAcceptor::from(Arc::new(config)))
    }

    /// The same for QUIC.
    pub(crate) fn quic(self: &Arc<Self>) -> QuicServerConfig {
        let config = self.config(&[&TLS13], QUIC_PROTOCOL);
        QuicServerConfig::try_from(config).expect("ring has what QUIC begins with")
    }

    /// How to tell the other ends of connections from before the start that they are forgotten.
    pub(crate) fn forgotten(&self) -> Result<Forgotten, TlsError> {
        let bytes = std::fs::read(&self.key).map_err(|error| TlsError::new(&self.key, error))?;
        let derive = |purpose: &[u8]| {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(purpose);
            context.update(&bytes);
            context.finish()
        };
        let id_key = derive(b"driftwood: connection ids\0");
        let id_key = id_key.as_ref().first_chunk().expect("it has 32 bytes");
        let reset_key = derive(b"driftwood: stateless resets\0");
        Ok(Forgotten {
            reset_key: hmac::Key::new(hmac::HMAC_SHA256, reset_key.as_ref()),
            id_key: u64::from_le_bytes(*id_key),
        })
    }

    fn config(
        self: &Arc<Self>,
        versions: &[&'static SupportedProtocolVersion],
        protocol: &[u8],
    ) -> ServerConfig {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("ring speaks them all")
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(Arc::<Self>::clone(self));
        config.alpn_protocols = vec![protocol.to_vec()];
        config
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.certificate).finish()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn client_config(
    roots: RootCertStore,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .expect("ring speaks them all")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The key in one file for the certificates in another, the own one first.
fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate)?;
    // What the parser says could quote the key.
    let der = PrivateKeyDer::from_pem_file(key);
    let der = der.map_err(|_| TlsError::new(key, "cannot be read, or is no private key in PEM"))?;
    let certified = CertifiedKey::from_der(chain, der, &provider());
    let unfit = "is not the key of the certificate, or of a kind that is not known here";
    certified.map_err(|_| TlsError::new(key, unfit))
}

/// By what the other end of a QUIC connection that is not known here any more believes so (RFC 9000, section
/// 10.3), and its id is seen to have been given out here. Both follow from the key of the certificate: so who was
/// connected to a relay that was killed and started again knows it at once.
pub(crate) struct Forgotten {
    pub(crate) reset_key: hmac::Key,
    pub(crate) id_key: u64,
}

/// Makes accepted connections into encrypted ones.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// The handshake, within its time.
    pub(crate) async fn accept<S>(&self, stream: S) -> std::io::Result<server::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        timeout(HANDSHAKE_TIME_MAX, self.0.accept(stream)).await?
    }
}

/// Whose certificates are believed when a `wss://` or `quic://` address is dialled.
#[derive(Clone)]
pub struct Trust {
    tls: TlsConnector,
    quic: Arc<QuicClientConfig>,
}

impl Trust {
    /// Those that Mozilla's browsers believe.
    pub fn public() -> Self {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
        Self::of(RootCertStore {
            roots: roots.collect(),
        })
    }

    /// Those in a file, in PEM, and no others.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn from_file(path: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            let added = roots.add(certificate);
            added.map_err(|error| TlsError::new(path, error))?;
        }
        Ok(Self::of(roots))
    }

    fn of(roots: RootCertStore) -> Self {
        let mut quic = client_config(roots.clone(), &[&TLS13]);
        quic.alpn_protocols = vec![QUIC_PROTOCOL.to_vec()];
        let quic = QuicClientConfig::try_from(quic).expect("ring has what QUIC begins with");
        Self {
            tls: TlsConnector::from(Arc::new(client_config(roots, &[&TLS13, &TLS12]))),
            quic: Arc::new(quic),
        }
    }

    /// For QUIC.
    pub(crate) fn quic(&self) -> Arc<QuicClientConfig> {
        Arc::clone(&self.quic)
    }

    /// The handshake with the host of that name.
    pub(crate) async fn connect<S>(
        &self,
        host: &str,
        stream: S,
    ) -> std::io::Result<client::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(std::io::Error::other)?;
        self.tls.connect(name, stream).await
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}
