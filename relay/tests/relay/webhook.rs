//! Other servers: one that is told what changes, one that publishes keys.

use std::sync::Arc;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use driftwood_relay::config::Config;
use driftwood_relay::server::Server;
use driftwood_relay::store::MemoryStore;
use driftwood_sync::{ErrorCode, Level};
use serde_json::{json, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::login::Office;
use crate::support::{soon, until, Guest, Relay};

/// A request as it came.
struct Told {
    head: String,
    body: String,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name}: {}", self.head))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The next request, answered with this status.
async fn next(server: &TcpListener, status: &str) -> Told {
    answer(server, status, "").await
}

/// The next request, answered with this status and body.
async fn answer(server: &TcpListener, status: &str, with: &str) -> Told {
    soon("a request", async {
        let (mut stream, _) = server.accept().await.expect("a connection");
        let mut bytes = Vec::new();
        let (head, body) = loop {
            let read = stream.read_buf(&mut bytes).await.expect("read");
            assert!(read > 0, "it ended early");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| length.parse() == Ok(body.len())) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let len = with.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n\r\n{with}");
        stream.write_all(answer.as_bytes()).await.expect("written");
        Told { head, body }
    })
    .await
}

#[tokio::test]
async fn changes_are_told_signed_and_again_until_they_are_taken() {
    let office = Office::new("hs256");
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = server.local_addr().expect("bound");
    let config = Config {
        listen: "127.0.0.1:0".into(),
        webhook: Some(format!("http://{address}/hook?from=relay")),
        webhook_key: Some(office.key().to_owned()),
        ..Config::default()
    };
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.open("work");
    for _ in 0..3 {
        ann.write("trip", "boots ");
        ann.write("work", "mail ");
    }
    until("saved", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay) && ann.saved("work", Level::Relay)
    })
    .await;

    let refused = next(&server, "500 Not Now").await;
    let told = next(&server, "204 No Content").await;
    assert!(
        told.head.starts_with("POST /hook?from=relay HTTP/1.1\r\n"),
        "{}",
        told.head
    );
    assert_eq!(told.header("host"), address.to_string());
    assert_eq!(told.body, refused.body, "the same again, by its id");
    let names = json!([{ "name": "trip" }, { "name": "work" }]);
    assert_eq!(told.json()["documents"], names, "each once");

    let key: Value =
        serde_json::from_slice(&std::fs::read(office.key()).expect("the key")).expect("JSON");
    let secret = URL_SAFE_NO_PAD
        .decode(key["k"].as_str().expect("a secret"))
        .expect("base64url");
    let signed = format!("{}.{}", told.header("driftwood-time"), told.body);
    let signature = URL_SAFE_NO_PAD
        .decode(told.header("driftwood-signature"))
        .expect("base64url");
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
    ring::hmac::verify(&hmac, signed.as_bytes(), &signature).expect("it is signed");

    ann.write("work", "more ");
    until("saved", [&mut ann], |[ann]| ann.saved("work", Level::Relay)).await;
    let told = next(&server, "200 OK").await;
    assert_eq!(told.json()["documents"], json!([{ "name": "work" }]));
    assert_ne!(told.json()["id"], refused.json()["id"]);
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_webhook_that_cannot_be_is_refused_at_the_start() {
    let office = Office::new("hs256");
    let config = |url: &str, key| Config {
        listen: "127.0.0.1:0".into(),
        webhook: Some(url.into()),
        webhook_key: key,
        ..Config::default()
    };
    for (config, why) in [
        (
            config("app.example", Some(office.key().to_owned())),
            "is not an address",
        ),
        (config("https://app.example", None), "--new-key hs256"),
        (
            config("https://app.example", Some("/nowhere".into())),
            "--webhook-key /nowhere",
        ),
    ] {
        let refused = Server::bind_with(&config, Arc::new(MemoryStore::new())).await;
        let error = refused.err().expect("it is refused").to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[tokio::test]
async fn keys_that_a_login_service_publishes_are_believed() {
    let office = Office::new("eddsa");
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = server.local_addr().expect("bound");
    let config = Config {
        listen: "127.0.0.1:0".into(),
        auth_keys_url: Some(format!("http://{address}/jwks.json")),
        ..Config::default()
    };
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let token = office.token("ada", &["--doc", "*:write"]);
    let mut ann = Guest::with_token(1, &token);
    ann.open("trip");
    ann.write("trip", "boots ");
    ann.dial(relay.address);
    // Without any key yet, one has to log in all the same.
    until("ann is not let in", [&mut ann], |[ann]| {
        ann.problems().contains(&ErrorCode::Unauthenticated)
    })
    .await;
    let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    let ours: Value = serde_json::from_str(&office.public()).expect("JSON");
    let set = json!({ "keys": [rsa, ours] }).to_string();
    let asked = answer(&server, "200 OK", &set).await;
    assert!(
        asked.head.starts_with("GET /jwks.json HTTP/1.1\r\n"),
        "{}",
        asked.head
    );
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    relay.stop().await.expect("a clean end");
}
