//! Starting, serving and ending a relay.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use driftwood_crdt::ReplicaId;
use driftwood_sync::{Input, LinkKind, Node, NodeId, RelayId, Role, Token};
use quinn::Endpoint;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch as signal};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api::Api;
pub use crate::auth::KeyError;
use crate::auth::Keys;
use crate::committer::{Committer, Done};
use crate::config::Config;
use crate::connection::{Event, Links, WeakLinks};
use crate::http::{Front, GOING_AWAY};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::origin::Origins;
pub use crate::otlp::OtlpError;
use crate::otlp::{Collector, Exporter};
use crate::peers::{keep, random, Address, DialError, LinkState, Upkeep, QUIC_PAUSE};
use crate::ports::{local, Ports};
use crate::purge::Dialled;
use crate::quic;
use crate::restore::restore;
use crate::store::{self, Store, StoreError};
use crate::tls::{Identity, TlsError, Trust};
use crate::traces::Traces;
use crate::watch::watch;
pub use crate::webhook::WebhookError;
use crate::webhook::{Changed, Webhook};

/// How long open connections may take to say goodbye when the relay ends.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// How long the last packets of QUIC may take.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(500);

/// After an accept that failed for want of file descriptors or memory, wait this long for some to
/// be given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a relay did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The store cannot be opened or cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {error}")]
    Listen {
        /// The address.
        listen: String,
        /// Why.
        error: io::Error,
    },
    /// The address cannot be listened on for QUIC.
    #[error("--quic {listen}: {error}")]
    Quic {
        /// The address.
        listen: String,
        /// Why.
        error: io::Error,
    },
    /// There is no QUIC without a certificate.
    #[error("--quic needs --tls-cert and --tls-key")]
    QuicWithoutCertificate,
    /// A peer's address is malformed.
    #[error("--peer {0}")]
    Peer(#[from] DialError),
    /// A key cannot be used.
    #[error("--auth-key {0}")]
    Key(#[from] KeyError),
    /// The token for other relays cannot be read.
    #[error("--peer-token {}: {error}", .path.display())]
    PeerToken {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Relays where one has to log in do not talk to each other without tokens.
    #[error(
        "--peer needs --peer-token FILE where there is an --auth-key; make one with \
         `driftwood-relay token --key FILE --sub NAME --relay`"
    )]
    NoPeerToken,
    /// Everybody could reach it, and nobody would have to log in.
    #[error(
        "--listen {address} can be reached from other machines, and without --auth-key FILE whoever \
         reaches it may read and change everything; make a key with `driftwood-relay token --new-key \
         eddsa FILE`, or give --insecure-allow-anyone if that is what you want"
    )]
    Open {
        /// Where it would have listened.
        address: SocketAddr,
    },
    /// The certificate or its key cannot be used.
    #[error("--tls-cert, --tls-key: {0}")]
    Certificate(TlsError),
    /// One of the two is not enough.
    #[error("--tls-cert and --tls-key go together")]
    HalfCertificate,
    /// Nobody can be told what changes.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Numbers and traces cannot be sent there.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
    /// What peers are believed by cannot be used.
    #[error("--peer-ca {0}")]
    PeerCa(TlsError),
    /// The threads of the store cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The task that opens the store panicked.
    #[error("opening the store failed")]
    Opening,
}

/// A relay that listens, and serves once [`serve`](Server::serve) is awaited.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    quic: Option<Endpoint>,
    origins: Arc<Origins>,
    peers: Vec<Address>,
    trust: Option<Trust>,
    identity: Option<Arc<Identity>>,
    peer_token: Option<PathBuf>,
    links: Links,
    events: mpsc::Receiver<Event>,
    committer: Committer,
    keys: Option<Arc<Keys>>,
    metrics: Arc<Metrics>,
    api: Arc<Api>,
    webhook: Option<Webhook>,
    exporter: Option<Exporter>,
    #[cfg(unix)]
    door: Option<crate::admin::Door>,
    done: mpsc::UnboundedReceiver<Done>,
    node: Node,
}

/// Runs a relay on the store in `config.data` until `shutdown` resolves.
///
/// # Errors
/// When it cannot start, or when the store fails.
pub async fn run(config: &Config, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::bind(config).await?.serve(shutdown).await
}

impl Server {
    /// Opens the store in `config.data` and starts to listen.
    ///
    /// # Errors
    /// When the store cannot be opened, the address is taken or a peer's address is malformed.
    pub async fn bind(config: &Config) -> Result<Self, ServeError> {
        let (data, kind) = (config.data.clone(), config.store);
        let store = tokio::task::spawn_blocking(move || store::open(&data, kind))
            .await
            .map_err(|_panic| ServeError::Opening)??;
        let store: Arc<dyn Store> = store.into();
        let relay = store::relay_id(&config.data).map_err(StoreError::Io)?;
        let server = Self::bind_as(config, Arc::clone(&store), relay).await?;
        #[cfg(unix)]
        let server = Self {
            door: crate::admin::Door::open(&config.data, store, server.links.downgrade()),
            ..server
        };
        Ok(server)
    }

    /// [`bind`](Self::bind) on a store of the caller's.
    ///
    /// # Errors
    /// When the store cannot be read, the address is taken or a peer's address is malformed.
    pub async fn bind_with(config: &Config, store: Arc<dyn Store>) -> Result<Self, ServeError> {
        Self::bind_as(config, store, RelayId(random())).await
    }

    async fn bind_as(
        config: &Config,
        store: Arc<dyn Store>,
        relay: RelayId,
    ) -> Result<Self, ServeError> {
        let peers: Vec<Address> = config
            .peers
            .iter()
            .map(|peer| Address::parse(peer))
            .collect::<Result<_, _>>()?;
        let keys = Keys::read(&config.auth_keys, config.auth_keys_url.as_deref())?.map(Arc::new);
        let collector = config.otlp_endpoint.as_deref().map(Collector::new);
        let collector = collector.transpose()?;
        let traces = match &collector {
            Some(_) => Traces::wanted(),
            None => Traces::default(),
        };
        let metrics = Arc::new(Metrics::traced(traces.clone()));
        let token = config.peer_token.as_deref().map(read_token).transpose()?;
        let identity = match (&config.tls_cert, &config.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(Identity::read(certificate, key).map_err(ServeError::Certificate)?)
            }
            (None, None) => None,
            _ => return Err(ServeError::HalfCertificate),
        };
        let trust = config.peer_ca.as_deref().map(Trust::from_file);
        let trust = trust.transpose().map_err(ServeError::PeerCa)?;
        if keys.is_some() && token.is_none() && !peers.is_empty() {
            return Err(ServeError::NoPeerToken);
        }
        let webhook = config.webhook.as_deref();
        let webhook = webhook.map(|url| Webhook::new(url, config.webhook_key.as_deref()));
        let webhook = webhook.transpose()?;
        let Ports {
            listener,
            address,
            quic,
        } = Ports::open(config, identity.as_ref()).await?;
        let everywhere = [Some(address), quic.as_ref().and_then(local)];
        for address in everywhere.into_iter().flatten() {
            if keys.is_some() || address.ip().is_loopback() {
                continue;
            }
            if !config.insecure_allow_anyone {
                return Err(ServeError::Open { address });
            }
            tracing::warn!(%address, "nobody has to log in: whoever reaches this may change everything");
        }

        let settings = driftwood_sync::Config {
            token,
            guarded: keys.is_some(),
            secret: [random(), random()],
            relay,
            limits: config.rates.limits(),
            agent: concat!("driftwood-relay/", env!("CARGO_PKG_VERSION")).into(),
            ..driftwood_sync::Config::new(Role::Relay, NodeId(random()))
        };
        let (mut links, events) = Links::new(settings.limits.clone());
        links.traces = traces;
        let exporter = collector.map(|collector| {
            let (metrics, links) = (Arc::clone(&metrics), links.downgrade());
            Exporter::new(collector, relay, metrics, links)
        });
        let mut node = Node::new(settings);
        let to_do = restore(&mut node, &*store)?;
        tracing::info!(%address, %relay, documents = node.documents().count(), peers = peers.len(), "listening");
        let (committer, done) = Committer::start(&store, &metrics).map_err(ServeError::Thread)?;
        for task in to_do {
            committer.ask(task);
        }
        Ok(Self {
            listener,
            address,
            quic,
            origins: Arc::new(Origins::new(&config.allow_origins)),
            peers,
            trust,
            identity,
            peer_token: config.peer_token.clone(),
            links,
            events,
            committer,
            keys,
            metrics,
            api: Arc::new(Api::new(store, ReplicaId::new(random()))),
            webhook,
            exporter,
            #[cfg(unix)]
            door: None,
            done,
            node,
        })
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.identity.is_some()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for QUIC, if it does.
    pub fn quic_address(&self) -> Option<SocketAddr> {
        self.quic.as_ref().and_then(local)
    }

    /// Serves until `shutdown` resolves; then closes every connection with 1001 after what is
    /// queued for it, and returns when everything received is on disk.
    ///
    /// # Errors
    /// When the store cannot go on. Nothing that is not on disk has been acknowledged.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (end, ending) = signal::channel(false);
        let (stop_dialling, stopped) = signal::channel(None);
        let (keys, metrics) = (self.keys, self.metrics);
        let dialled = Dialled::default();
        let changed = self.webhook.is_some().then(Arc::<Changed>::default);
        let mut hub = Hub::new(
            self.node,
            self.committer,
            keys.clone(),
            Arc::clone(&metrics),
            changed.clone(),
            dialled.clone(),
        );
        let (mut events, mut done) = (self.events, self.done);

        let front = Front {
            links: self.links.clone(),
            origins: self.origins,
            keys: keys.clone(),
            metrics: Arc::clone(&metrics),
            api: self.api,
            ending,
            acceptor: self.identity.as_ref().map(Identity::acceptor),
        };
        let mut tasks = JoinSet::new();
        let goodbyes = self.quic.clone();
        if let Some(endpoint) = self.quic {
            let ending = front.ending.clone();
            tasks.spawn(quic::accept(endpoint, self.links.clone(), ending));
        }
        #[cfg(unix)]
        if let Some(door) = self.door {
            tasks.spawn(door.serve());
        }
        if let (Some(webhook), Some(changed)) = (self.webhook, changed) {
            tasks.spawn(async move { webhook.run(&changed, &metrics).await });
        }
        // Beside the tasks that end with the last connection: it says how that went.
        let exporter = self.exporter.map(Exporter::start);
        tasks.spawn(accept(self.listener, front));
        for peer in self.peers {
            let (links, stop) = (self.links.clone(), stopped.clone());
            let upkeep = Upkeep {
                kind: LinkKind::Mesh,
                trust: self.trust.clone(),
                quic_pause: QUIC_PAUSE,
            };
            let dialled = dialled.clone();
            tasks.spawn(async move {
                let report = |state| {
                    let online = matches!(state, LinkState::Online { .. });
                    dialled.note(peer.to_string(), online);
                    log_peer(&peer, &state);
                };
                keep(peer.clone(), upkeep, links, stop, report).await;
            });
        }
        if let Some(keys) = keys {
            let (files, set) = (keys.files(), Arc::clone(&keys));
            tasks.spawn(watch(files, async move || keys.reload()));
            tasks.spawn(async move { set.follow().await });
        }
        if let Some(identity) = self.identity {
            let files = identity.files();
            tasks.spawn(watch(files, async move || identity.reload()));
        }
        if let Some(path) = self.peer_token {
            let links = self.links.downgrade();
            let files = vec![path.clone()];
            tasks.spawn(watch(files, async move || renew(&path, &links).await));
        }
        // From here on the connections hold the only senders: when they are gone, the events end.
        drop(self.links);

        let served = tokio::select! {
            broken = hub.run(&mut events, &mut done) => Err(broken),
            () = shutdown => Ok(()),
        };
        tracing::info!("closing connections");
        hub.finish();
        let drained = async {
            if served.is_ok() {
                // What was received gets its acknowledgement yet.
                hub.settle(&mut done).await?;
            }
            let _ = end.send(true);
            let _ = stop_dialling.send(Some(GOING_AWAY));
            while events.recv().await.is_some() {}
            Ok(())
        };
        let drained = timeout(DRAIN_TIME_MAX, drained).await.unwrap_or(Ok(()));
        tasks.shutdown().await;
        if let Some(exporter) = exporter {
            exporter.finish(hub.report()).await;
        }
        if let Some(endpoint) = goodbyes {
            let _ = timeout(GOODBYE_TIME_MAX, endpoint.wait_idle()).await;
        }
        let joined = tokio::task::spawn_blocking(move || hub.into_committer().join()).await;
        if joined.is_err() {
            tracing::error!("the store's threads did not end in order");
        }
        served.and(drained).map_err(ServeError::Store)
    }
}

/// A token, without the line break that most files end with.
fn read_token(path: &Path) -> Result<Vec<u8>, ServeError> {
    let text = std::fs::read(path).map_err(|error| ServeError::PeerToken {
        path: path.to_owned(),
        error,
    })?;
    Ok(text.trim_ascii().to_vec())
}

/// The token for other relays is another one.
async fn renew(path: &Path, links: &WeakLinks) {
    match read_token(path) {
        Ok(token) => {
            tracing::info!("the token for other relays was read anew");
            let token = Token(token);
            links.tell(Input::Token { token }).await;
        }
        Err(error) => tracing::warn!(%error, "the old token stays"),
    }
}

/// Takes connections until the relay ends.
async fn accept(listener: TcpListener, front: Front) {
    let mut ending = front.ending.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ending.wait_for(|ending| *ending) => return,
        };
        match accepted {
            Ok((stream, address)) => {
                tokio::spawn(front.clone().serve(stream, address.ip()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn log_peer(peer: &Address, state: &LinkState) {
    match state {
        LinkState::Connecting => tracing::debug!(%peer, "dialling"),
        LinkState::Online { over } => tracing::info!(%peer, %over, "linked"),
        LinkState::Offline {
            reason,
            retry_in: Some(delay),
        } => {
            tracing::info!(%peer, reason, retry_ms = delay.as_millis() as u64, "not linked");
        }
        LinkState::Offline {
            reason,
            retry_in: None,
        } => {
            tracing::warn!(%peer, reason, "gave this peer up");
        }
    }
}
