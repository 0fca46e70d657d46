//! TLS: relays with certificates, and who believes them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use driftwood_relay::config::Config;
use driftwood_relay::driver::{LinkState, Notice};
use driftwood_relay::server::Server;
use driftwood_relay::store::MemoryStore;
use driftwood_relay::tls::Trust;
use driftwood_sync::Level;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::login::Office;
use crate::loopback::http;
use crate::operation::{get, metric};
use crate::support::{soon, until, Guest, Relay};

/// Somebody who vouches for relays, and a folder for what they sign.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("temporary folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).expect("signed");
        std::fs::write(folder.path().join("ca"), own.pem()).expect("written");
        let issuer = Issuer::new(params, key);
        Self { folder, issuer }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca")
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_file(&self.ca()).expect("certificates")
    }

    /// A certificate for this machine and its key, in these files.
    pub(crate) fn sign(&self, cert: &Path, key: &Path) {
        self.sign_for(&["localhost", "127.0.0.1"], cert, key);
    }

    fn sign_for(&self, names: &[&str], cert: &Path, key: &Path) {
        let pair = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let signed = params.signed_by(&pair, &self.issuer).expect("signed");
        std::fs::write(key, pair.serialize_pem()).expect("written");
        std::fs::write(cert, signed.pem()).expect("written");
    }

    /// A relay's settings with a certificate.
    pub(crate) fn config(&self) -> Config {
        let (cert, key) = (
            self.folder.path().join("cert"),
            self.folder.path().join("key"),
        );
        self.sign(&cert, &key);
        Config {
            listen: "127.0.0.1:0".into(),
            tls_cert: Some(cert),
            tls_key: Some(key),
            ..Config::default()
        }
    }

    async fn relay(&self) -> Relay {
        Relay::start_with(&self.config(), Arc::new(MemoryStore::new())).await
    }
}

/// A guest who believes somebody, and dials by this name.
fn guest(trust: Option<Trust>, replica: u64, host: &str, relay: SocketAddr) -> Guest {
    let mut guest = Guest::new(replica);
    if let Some(trust) = trust {
        guest.client.set_trust(trust);
    }
    guest.open("trip");
    let url = format!("wss://{host}:{}", relay.port());
    guest.client.dial(&url).expect("an address");
    guest
}

fn reasons(guest: &Guest) -> Vec<&str> {
    let reason = |notice| match notice {
        &Notice::Link {
            state: LinkState::Offline { ref reason, .. },
            ..
        } => Some(&reason[..]),
        _ => None,
    };
    guest
        .client
        .host()
        .notices
        .iter()
        .filter_map(reason)
        .collect()
}

#[tokio::test]
async fn a_handshake_that_stops_is_closed() {
    let relay = Authority::new().relay().await;
    let mut stream = TcpStream::connect(relay.address).await.expect("it listens");
    // The beginning of a record, and of nothing more.
    stream.write_all(&[0x16, 3, 1, 2, 0]).await.expect("sent");
    let mut rest = Vec::new();
    // Reset or closed, as long as it ends.
    let _ = soon("the end", stream.read_to_end(&mut rest)).await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn who_believes_the_certificate_gets_through_and_nobody_else_does() {
    let authority = Authority::new();
    let relay = authority.relay().await;
    for (replica, host) in [(1, "localhost"), (2, "127.0.0.1")] {
        let mut ann = guest(Some(authority.trust()), replica, host, relay.address);
        ann.write("trip", "x");
        until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    }
    for trust in [None, Some(Authority::new().trust())] {
        let mut eve = guest(trust, 3, "localhost", relay.address);
        until("not believed", [&mut eve], |[eve]| !reasons(eve).is_empty()).await;
        assert!(
            reasons(&eve)[0].contains("certificate"),
            "{:?}",
            reasons(&eve)
        );
        assert_eq!(eve.body("trip"), "");
    }
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_believed() {
    let authority = Authority::new();
    let config = authority.config();
    let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        unreachable!("they were just made");
    };
    authority.sign_for(&["localhost"], cert, key);
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let mut ann = guest(Some(authority.trust()), 1, "127.0.0.1", relay.address);
    until("not believed", [&mut ann], |[ann]| !reasons(ann).is_empty()).await;
    assert!(
        reasons(&ann)[0].contains("not valid for name"),
        "{:?}",
        reasons(&ann)
    );
    let mut bob = guest(Some(authority.trust()), 2, "localhost", relay.address);
    bob.write("trip", "x");
    until("saved", [&mut bob], |[bob]| bob.saved("trip", Level::Relay)).await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn relays_link_over_tls() {
    let authority = Authority::new();
    let one = authority.relay().await;
    let config = Config {
        listen: "127.0.0.1:0".into(),
        peers: vec![format!("wss://localhost:{}", one.address.port())],
        peer_ca: Some(authority.ca()),
        ..Config::default()
    };
    let two = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let mut ann = guest(Some(authority.trust()), 1, "localhost", one.address);
    let mut bob = Guest::at(two.address, 2, "trip");
    ann.write("trip", "sealed");
    until("bob sees it", [&mut ann, &mut bob], |[ann, bob]| {
        bob.body("trip") == "sealed" && ann.saved("trip", Level::Replicated)
    })
    .await;
    for relay in [two, one] {
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let config = old.config();
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let cert = config.tls_cert.expect("given");
    let key = config.tls_key.expect("given");
    let whole = std::fs::read(&cert).expect("read");
    std::fs::write(&cert, "half a certif").expect("written");
    let mut ann = guest(Some(old.trust()), 1, "localhost", relay.address);
    ann.write("trip", "x");
    until("the old one stays", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay)
    })
    .await;
    std::fs::write(&cert, whole).expect("written");

    new.sign(&cert, &key);
    let mut bob = guest(Some(new.trust()), 2, "localhost", relay.address);
    until("the new one is there", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "x"
    })
    .await;
    // Who was connected before stays so.
    ann.write("trip", "y");
    until("ann goes on", [&mut ann, &mut bob], |[_, bob]| {
        bob.body("trip") == "xy"
    })
    .await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_hung_up_on() {
    let authority = Authority::new();
    let relay = authority.relay().await;
    let mut plain = TcpStream::connect(relay.address).await.expect("it listens");
    let request = get("/healthz");
    plain.write_all(request.as_bytes()).await.expect("sent");
    let silent = TcpStream::connect(relay.address).await.expect("it listens");
    for mut stream in [plain, silent] {
        let mut answer = Vec::new();
        let _ = soon("closed", stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let mut ann = guest(Some(authority.trust()), 1, "localhost", relay.address);
    ann.write("trip", "x");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_said_to_be_so() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.config();
    let key = |path: PathBuf| Config {
        tls_key: Some(path),
        ..good.clone()
    };
    let nowhere = PathBuf::from("/nowhere/key");
    for (config, wanted) in [
        (
            key(other.config().tls_key.expect("given")),
            "is not the key of the certificate",
        ),
        (key(nowhere.clone()), "/nowhere/key"),
        (key(good.tls_cert.clone().expect("given")), "no private key"),
        (
            Config {
                tls_cert: good.tls_key.clone(),
                ..good.clone()
            },
            "has no certificate",
        ),
        (
            Config {
                tls_key: None,
                ..good.clone()
            },
            "go together",
        ),
        (
            Config {
                peer_ca: Some(nowhere),
                ..good.clone()
            },
            "--peer-ca /nowhere/key",
        ),
    ] {
        let refused = Server::bind_with(&config, Arc::new(MemoryStore::new())).await;
        let said = refused
            .map(drop)
            .expect_err("it cannot be used")
            .to_string();
        assert!(said.contains(wanted), "{said}");
    }
    let started = Server::bind_with(&good, Arc::new(MemoryStore::new())).await;
    started.map(drop).expect("this one is good");
}

#[tokio::test]
async fn a_new_token_for_other_relays_is_shown_at_once() {
    let office = Office::new("eddsa");
    let config = Config {
        peer_token: Some(office.peer_token("relay-1")),
        ..office.config()
    };
    let one = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let path = office.peer_token("relay-2");
    let config = Config {
        peers: vec![format!("ws://{}", one.address)],
        peer_token: Some(path.clone()),
        ..office.config()
    };
    let two = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let logins = async |wanted: f64| {
        soon("a login", async {
            loop {
                let text = http(one.address, &get("/metrics")).await;
                let name = "driftwood_logins_total{kind=\"accepted\"}";
                if text.contains(name) && metric(&text, name) >= wanted {
                    return;
                }
            }
        })
        .await;
    };
    logins(1.0).await;
    // The same name, another end.
    std::fs::write(
        &path,
        office.token("relay-2", &["--relay", "--expires", "300d"]),
    )
    .expect("written");
    logins(2.0).await;
    for relay in [two, one] {
        relay.stop().await.expect("a clean end");
    }
}
