//! Relays where one has to log in, with real keys, tokens and sockets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use clap::Parser as _;
use driftwood_relay::config::{Args, Config, Rates};
use driftwood_relay::server::{ServeError, Server};
use driftwood_relay::store::{LogStore, MemoryStore, Store};
use driftwood_sync::{ErrorCode, Input, Level, Token};
use tempfile::TempDir;

use crate::support::{name, until, Guest, Program, Relay};

/// A folder with a key, and relays that believe it.
pub(crate) struct Office {
    pub(crate) folder: TempDir,
    key: PathBuf,
}

impl Office {
    pub(crate) fn new(kind: &str) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        let key = folder.path().join("key");
        command(&["token", "--new-key", kind, text(&key)]);
        Self { folder, key }
    }

    /// Where the key is.
    pub(crate) fn key(&self) -> &Path {
        &self.key
    }

    /// A token, as the command makes it.
    pub(crate) fn token(&self, sub: &str, more: &[&str]) -> String {
        let args = ["token", "--key", text(&self.key), "--sub", sub];
        command(&[&args[..], more].concat()).trim().to_owned()
    }

    /// The public half of the key.
    pub(crate) fn public(&self) -> String {
        command(&["token", "--public", text(&self.key)])
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            listen: "127.0.0.1:0".into(),
            auth_keys: vec![self.key.clone()],
            ..Config::default()
        }
    }

    pub(crate) fn peer_token(&self, sub: &str) -> PathBuf {
        let path = self.folder.path().join(sub);
        let token = self.token(sub, &["--relay"]);
        std::fs::write(&path, token + "\n").expect("written");
        path
    }

    async fn relay(&self) -> Relay {
        Relay::start_with(&self.config(), Arc::new(MemoryStore::new())).await
    }

    fn guest(&self, relay: SocketAddr, replica: u64, sub: &str, doc: &str) -> Guest {
        let mut guest = Guest::with_token(replica, &self.token(sub, &["--doc", doc]));
        guest.dial(relay);
        guest
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

/// What a command prints.
fn command(args: &[&str]) -> String {
    let args = std::iter::once("driftwood-relay").chain(args.iter().copied());
    let parsed = Args::try_parse_from(args).expect("flags parse");
    let (config, command) = parsed.split().expect("a configuration");
    let mut out = Vec::new();
    let command = command.expect("a command");
    assert!(command.run(&config, &mut out).expect("it works"));
    String::from_utf8(out).expect("utf-8")
}

#[tokio::test]
async fn who_has_a_token_comes_in_and_nobody_else() {
    for kind in ["hs256", "eddsa"] {
        let office = Office::new(kind);
        let relay = office.relay().await;
        let mut ada = office.guest(relay.address, 1, "ada", "notes/*:write");
        ada.open("notes/trip");
        ada.write("notes/trip", "x");
        until("saved", [&mut ada], |[ada]| {
            ada.saved("notes/trip", Level::Relay)
        })
        .await;

        let other = Office::new(kind);
        let mut strangers = [
            Guest::new(2),
            Guest::with_token(3, "sesame"),
            Guest::with_token(4, &other.token("ada", &["--doc", "*:admin"])),
        ];
        for stranger in &mut strangers {
            stranger.open("notes/trip");
            stranger.dial(relay.address);
            until("refused", [stranger], |[stranger]| {
                stranger.problems().contains(&ErrorCode::Unauthenticated)
            })
            .await;
            assert_eq!(stranger.body("notes/trip"), "");
        }
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn documents_and_writing_are_permitted_one_by_one() {
    let office = Office::new("eddsa");
    let relay = office.relay().await;
    let mut ada = office.guest(relay.address, 1, "ada", "*:write");
    ada.open("trip");
    ada.write("trip", "from ada");
    let token = office.token("bob", &["--doc", "trip:read", "--doc", "own:write"]);
    let mut bob = Guest::with_token(2, &token);
    for document in ["trip", "own", "secret"] {
        bob.open(document);
        bob.write(document, "bob");
    }
    bob.dial(relay.address);
    until(
        "bob has what he may have",
        [&mut ada, &mut bob],
        |[ada, bob]| {
            ada.saved("trip", Level::Relay)
                && bob.body("trip").contains("from ada")
                && bob.saved("own", Level::Relay)
                && bob.problems().len() == 2
        },
    )
    .await;
    assert_eq!(bob.problems(), [ErrorCode::Forbidden; 2]);
    assert!(!bob.saved("trip", Level::Relay) && !bob.saved("secret", Level::Relay));
    assert_eq!(ada.body("trip"), "from ada");

    // A new token, on the same connection, opens what was closed.
    let token = office.token("bob", &["--doc", "*:write"]);
    let token = Token(token.into_bytes());
    bob.client.handle(Input::Token { token });
    until("all is saved", [&mut ada, &mut bob], |[_, bob]| {
        ["trip", "own", "secret"]
            .iter()
            .all(|it| bob.saved(it, Level::Relay))
    })
    .await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_login_that_expires_ends_the_connection() {
    let office = Office::new("hs256");
    let relay = office.relay().await;
    let token = office.token("ada", &["--doc", "*:write", "--expires", "1s"]);
    let mut ada = Guest::with_token(1, &token);
    ada.open("trip");
    ada.dial(relay.address);
    until("expired", [&mut ada], |[ada]| {
        ada.problems().contains(&ErrorCode::Unauthenticated)
    })
    .await;
    let token = Token(office.token("ada", &["--doc", "*:write"]).into_bytes());
    ada.client.handle(Input::Token { token });
    ada.write("trip", "x");
    until("back", [&mut ada], |[ada]| ada.saved("trip", Level::Relay)).await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_replica_keeps_its_owner_over_a_restart_and_a_forger_is_cut_off() {
    let office = Office::new("eddsa");
    let data = TempDir::new().expect("temporary folder");
    let open = || Arc::new(LogStore::open(data.path()).expect("a store"));
    let relay = Relay::start_with(&office.config(), open()).await;
    let mut ada = office.guest(relay.address, 7, "ada", "*:write");
    ada.open("trip");
    ada.write("trip", "mine");
    until("saved", [&mut ada], |[ada]| ada.saved("trip", Level::Relay)).await;
    let held = ada.version("trip").clone();
    ada.client.close().await;
    relay.stop().await.expect("a clean end");

    let relay = Relay::start_with(&office.config(), open()).await;
    // The same id and the same first words, and then some of his own.
    let mut bob = office.guest(relay.address, 7, "bob", "*:write");
    bob.open("trip");
    bob.write("trip", "mine");
    bob.write("trip", "not hers");
    until("cut off", [&mut bob], |[bob]| {
        bob.problems().contains(&ErrorCode::ForgedReplica)
    })
    .await;
    relay.stop().await.expect("a clean end");
    let store = open();
    let version = store.version(&name("trip")).expect("read").expect("there");
    assert_eq!(version, held);
}

#[tokio::test]
async fn a_new_key_is_believed_without_a_restart() {
    let (office, next) = (Office::new("eddsa"), Office::new("hs256"));
    let relay = office.relay().await;
    let mut ada = office.guest(relay.address, 1, "ada", "*:write");
    ada.open("trip");
    ada.write("trip", "x");
    until("saved", [&mut ada], |[ada]| ada.saved("trip", Level::Relay)).await;
    std::fs::copy(&next.key, &office.key).expect("copied");
    let mut bob = next.guest(relay.address, 2, "bob", "*:write");
    bob.open("trip");
    until("bob is in", [&mut ada, &mut bob], |[_, bob]| {
        bob.body("trip") == "x"
    })
    .await;
    // Who was in stays.
    ada.write("trip", "y");
    until("bob sees it", [&mut ada, &mut bob], |[_, bob]| {
        bob.body("trip") == "xy"
    })
    .await;
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn relays_log_in_to_each_other() {
    let office = Office::new("eddsa");
    let peer = |config: Config, to: SocketAddr| Config {
        peers: vec![format!("ws://{to}")],
        ..config
    };
    let store = || Arc::new(MemoryStore::new());
    let first = Config {
        peer_token: Some(office.peer_token("relay-1")),
        ..office.config()
    };
    let one = Relay::start_with(&first, store()).await;
    let second = Config {
        peer_token: Some(office.peer_token("relay-2")),
        ..office.config()
    };
    let two = Relay::start_with(&peer(second, one.address), store()).await;
    let mut ada = office.guest(one.address, 1, "ada", "*:write");
    let mut bob = office.guest(two.address, 2, "bob", "*:write");
    ada.open("trip");
    bob.open("trip");
    ada.write("trip", "over the mesh");
    until("bob sees it", [&mut ada, &mut bob], |[ada, bob]| {
        bob.body("trip") == "over the mesh" && ada.saved("trip", Level::Replicated)
    })
    .await;

    // Without a token that other relays believe there is no mesh.
    let config = peer(office.config(), one.address);
    let refused = Server::bind_with(&config, store()).await;
    assert!(matches!(refused.map(drop), Err(ServeError::NoPeerToken)));
    for relay in [two, one] {
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn who_brings_too_much_is_told_to_wait_and_then_cut_off() {
    let office = Office::new("hs256");
    let config = Config {
        rates: Rates {
            principal_changes: 2,
            ..Rates::default()
        },
        ..office.config()
    };
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let mut ada = office.guest(relay.address, 1, "ada", "*:write");
    let mut bob = office.guest(relay.address, 2, "bob", "*:write");
    ada.open("trip");
    bob.open("trip");
    until("both are there", [&mut ada, &mut bob], |[ada, bob]| {
        ada.client.node().links().count() + bob.client.node().links().count() == 2
    })
    .await;
    bob.write("trip", "b");
    for _ in 0..200 {
        ada.write("trip", "a");
    }
    until(
        "ada is told, bob is not",
        [&mut ada, &mut bob],
        |[ada, bob]| {
            ada.problems().contains(&ErrorCode::RateLimited) && bob.saved("trip", Level::Relay)
        },
    )
    .await;
    assert_eq!(bob.problems(), []);
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn without_keys_a_relay_listens_on_this_machine_only() {
    let data = TempDir::new().expect("temporary folder");
    let config = Config {
        listen: "0.0.0.0:0".into(),
        data: data.path().join("data"),
        ..Config::default()
    };
    let refused = Server::bind(&config).await.map(drop).expect_err("refused");
    let said = refused.to_string();
    assert!(matches!(refused, ServeError::Open { .. }));
    assert!(
        said.contains("--auth-key") && said.contains("--insecure-allow-anyone"),
        "{said}"
    );
    let insecure = Config {
        insecure_allow_anyone: true,
        ..config.clone()
    };
    Server::bind(&insecure)
        .await
        .map(drop)
        .expect("as they like");
    let office = Office::new("hs256");
    let guarded = Config {
        auth_keys: vec![office.key.clone()],
        ..config
    };
    Server::bind(&guarded)
        .await
        .map(drop)
        .expect("it is guarded");
}

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_driftwood-relay"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

#[test]
fn the_token_command_says_what_to_do() {
    let office = Office::new("hs256");
    let key = text(&office.key);
    for (args, wanted) in [
        (&["token"][..], "--key"),
        (&["token", "--key", key], "--sub"),
        (&["token", "--key", key, "--sub", "ada"], "--doc NAME:RIGHT"),
        (
            &["token", "--key", key, "--sub", "ada", "--doc", "notes"],
            "notes/*:write",
        ),
        (
            &["token", "--key", key, "--sub", "", "--doc", "a:read"],
            "`sub`",
        ),
        (
            &[
                "token", "--key", "/nowhere", "--sub", "a", "--doc", "a:read",
            ],
            "/nowhere",
        ),
        (
            &["token", "--new-key", "rsa", "/nowhere/key"],
            "hs256 or eddsa",
        ),
        (&["token", "--new-key", "hs256", key], "exists"),
        (&["token", "--public", key], "no public half"),
    ] {
        let output = program(args);
        assert!(!output.status.success(), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
    let made = program(&["token", "--key", key, "--sub", "ada", "--doc", "a:read"]);
    assert!(made.status.success());
    assert_eq!(
        String::from_utf8_lossy(&made.stdout)
            .trim()
            .split('.')
            .count(),
        3
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_has_a_token_a_key_or_content() {
    let office = Office::new("hs256");
    let folder = TempDir::new().expect("temporary folder");
    let log = std::fs::File::create(folder.path().join("log")).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"));
    command.args(["--listen", "127.0.0.1:0", "--log", "trace"]);
    command.arg("--data").arg(folder.path().join("data"));
    command.arg("--auth-key").arg(&office.key).stderr(log);
    let program = Program::spawn(&mut command);
    let good = office.token("ada", &["--doc", "*:write"]);
    let forged = Office::new("hs256").token("ada", &["--doc", "*:write"]);
    let mut ada = Guest::with_token(1, &good);
    let mut eve = Guest::with_token(2, &forged);
    for guest in [&mut ada, &mut eve] {
        guest.open("trip");
        guest.write("trip", "whiskers on kittens");
        guest.dial(program.address);
    }
    until(
        "one is in, one is not",
        [&mut ada, &mut eve],
        |[ada, eve]| {
            ada.saved("trip", Level::Relay) && eve.problems().contains(&ErrorCode::Unauthenticated)
        },
    )
    .await;
    assert!(program.signal("TERM").await.success());
    let log = std::fs::read_to_string(folder.path().join("log")).expect("utf-8");
    assert!(
        log.contains("logged in") && log.contains("refused a token"),
        "{log}"
    );
    let key = std::fs::read_to_string(&office.key).expect("a key");
    let key: serde_json::Value = serde_json::from_str(&key).expect("JSON");
    let secret = key["k"].as_str().expect("a secret");
    let parts = good.split('.').chain(forged.split('.'));
    for word in parts.chain([secret, "whiskers"]) {
        assert!(!log.contains(word), "{word} in {log}");
    }
}
