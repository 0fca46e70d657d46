//! A collector of numbers and traces.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::Router;
use driftwood_relay::config::Config;
use driftwood_relay::server::Server;
use driftwood_relay::store::MemoryStore;
use driftwood_sync::Level;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{any_value, AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::login::Office;
use crate::loopback::http;
use crate::operation::{command, get, metric};
use crate::support::{soon, until, Guest, Program, Relay};

/// A server that keeps what it is sent.
struct Collector {
    address: SocketAddr,
    /// What it answers; 200 at first.
    status: Arc<AtomicU16>,
    requests: mpsc::UnboundedReceiver<(String, Bytes)>,
    server: JoinHandle<()>,
    /// All that it took, undecoded.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    relays: BTreeSet<String>,
    /// The latest value of each, by its name and labels in the text of `/metrics`.
    numbers: BTreeMap<String, f64>,
    hooks: usize,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let status = Arc::new(AtomicU16::new(200));
        let (sender, requests) = mpsc::unbounded_channel();
        let answer = Arc::clone(&status);
        let router = Router::new().fallback(async move |uri: Uri, head: HeaderMap, body: Bytes| {
            let status = StatusCode::from_u16(answer.load(Ordering::SeqCst)).expect("a status");
            let path = uri.path().to_owned();
            assert!(path == "/hook" || head["content-type"] == "application/x-protobuf");
            if status.is_success() {
                sender.send((path, body)).expect("the test waits for it");
            }
            status
        });
        let server = tokio::spawn(async {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            address,
            status,
            requests,
            server,
            bytes: Vec::new(),
            spans: Vec::new(),
            relays: BTreeSet::new(),
            numbers: BTreeMap::new(),
            hooks: 0,
        }
    }

    fn config(&self) -> Config {
        Config {
            listen: "127.0.0.1:0".into(),
            otlp_endpoint: Some(format!("http://{}", self.address)),
            ..Config::default()
        }
    }

    /// Takes in what comes until something is there.
    async fn wait(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        soon(what, async {
            while !is_there(self) {
                let (path, body) = self.requests.recv().await.expect("it serves");
                self.take(&path, &body);
            }
        })
        .await;
    }

    /// Takes in what has come.
    fn take_all(&mut self) {
        while let Ok((path, body)) = self.requests.try_recv() {
            self.take(&path, &body);
        }
    }

    fn take(&mut self, path: &str, body: &[u8]) {
        self.bytes.extend(body);
        match path {
            "/hook" => {
                self.hooks += 1;
                // Names of documents are all there is in it.
                self.bytes.truncate(self.bytes.len() - body.len());
            }
            "/v1/traces" => {
                let request = ExportTraceServiceRequest::decode(body).expect("spans");
                for resource in request.resource_spans {
                    self.came_from(&resource.resource.expect("a resource").attributes);
                    let scopes = resource.scope_spans.into_iter();
                    for span in scopes.flat_map(|scope| scope.spans) {
                        // What was not answered in time comes again.
                        if self.spans.iter().all(|it| it.span_id != span.span_id) {
                            self.spans.push(span);
                        }
                    }
                }
            }
            "/v1/metrics" => {
                let request = ExportMetricsServiceRequest::decode(body).expect("metrics");
                for resource in request.resource_metrics {
                    self.came_from(&resource.resource.expect("a resource").attributes);
                    for scope in resource.scope_metrics {
                        for metric in scope.metrics {
                            self.number(&metric.name, metric.data.expect("numbers"));
                        }
                    }
                }
            }
            other => panic!("{other}"),
        }
    }

    fn came_from(&mut self, attributes: &[KeyValue]) {
        assert_eq!(text(attributes, "service.name"), "driftwood-relay");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(text(attributes, "service.version"), version);
        self.relays.insert(text(attributes, "service.instance.id"));
    }

    fn number(&mut self, name: &str, data: metric::Data) {
        let (points, suffix) = match data {
            metric::Data::Gauge(gauge) => (gauge.data_points, ""),
            metric::Data::Sum(sum) => {
                assert!(sum.is_monotonic);
                assert_eq!(sum.aggregation_temporality, 2);
                (sum.data_points, "_total")
            }
            metric::Data::Histogram(histogram) => {
                assert_eq!(histogram.aggregation_temporality, 2);
                for point in histogram.data_points {
                    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                    let count = point.count as f64;
                    self.numbers.insert(format!("{name}_count"), count);
                    let sum = point.sum.expect("a sum");
                    self.numbers.insert(format!("{name}_sum"), sum);
                    let mut below = 0;
                    for (bound, count) in point.explicit_bounds.iter().zip(&point.bucket_counts) {
                        below += count;
                        let bucket = format!("{name}_bucket{{le=\"{bound:?}\"}}");
                        self.numbers.insert(bucket, below as f64);
                    }
                }
                return;
            }
            other => panic!("{other:?}"),
        };
        for point in points {
            assert!(point.start_time_unix_nano <= point.time_unix_nano);
            let labels = point.attributes.iter();
            let labels: Vec<String> = labels
                .map(|it| format!("{}=\"{}\"", it.key, as_text(it.value.as_ref())))
                .collect();
            let labels = match &labels[..] {
                [] => String::new(),
                labels => format!("{{{}}}", labels.join(",")),
            };
            let value = match point.value.expect("a value") {
                number_data_point::Value::AsInt(whole) => whole as f64,
                number_data_point::Value::AsDouble(number) => number,
            };
            self.numbers
                .insert(format!("{name}{suffix}{labels}"), value);
        }
    }

    fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    /// How many changes were stored, as was told last.
    fn stored(&self) -> u64 {
        let count = self.numbers["driftwood_deltas_stored_total"];
        count.to_string().parse().expect("a whole number")
    }

    /// What stands around these words in all that came, if they are there.
    fn around(&self, words: &str) -> Option<String> {
        let mut windows = self.bytes.windows(words.len());
        let at = windows.position(|window| window == words.as_bytes())?;
        let end = self.bytes.len().min(at + words.len() + 20);
        Some(
            self.bytes[at.saturating_sub(20)..end]
                .escape_ascii()
                .to_string(),
        )
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn as_text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(is)) => is.to_string(),
        other => panic!("{other:?}"),
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|it| it.key == key);
    let found = found.unwrap_or_else(|| panic!("no {key}: {attributes:?}"));
    as_text(found.value.as_ref())
}

#[tokio::test]
async fn a_session_is_seen_at_the_collector_and_what_it_wrote_is_not() {
    let mut collector = Collector::start().await;
    let office = Office::new("hs256");
    let config = Config {
        auth_keys: vec![office.key().to_owned()],
        webhook: Some(format!("http://{}/hook", collector.address)),
        webhook_key: Some(office.key().to_owned()),
        ..collector.config()
    };
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    // Long enough not to be found in a number by chance.
    let token = office.token("ada-lovelace", &["--doc", "*:write"]);
    let [mut ann, mut bob] = [1, 2].map(|replica| Guest::with_token(replica, &token));
    ann.open("trip");
    ann.write("trip", "nobody's business");
    ann.dial(relay.address);
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    bob.open("trip");
    bob.dial(relay.address);
    until("read", [&mut bob], |[bob]| {
        bob.body("trip") == ann.body("trip")
    })
    .await;
    let asked = format!(
        "GET /api/documents/trip HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = http(relay.address, &asked).await;
    assert!(answer.contains("nobody's business"), "{answer}");
    collector.wait("the webhook", |it| it.hooks > 0).await;
    ann.hang_up(relay.address);
    // While it runs, without anybody asking for it.
    collector
        .wait("spans", |it| !it.named("connection").is_empty())
        .await;
    let shown = http(relay.address, &get("/metrics")).await;
    relay.stop().await.expect("a clean end");
    collector.take_all();

    for name in ["login", "commit", "fsync", "load", "request", "webhook"] {
        assert!(!collector.named(name).is_empty(), "{name}");
    }
    let connections = collector.named("connection");
    assert_eq!(connections.len(), 2, "also that which lasted to the end");
    for connection in &connections {
        let all = &connection.attributes;
        assert_eq!(text(all, "driftwood.transport"), "WebSocket");
        assert!(connection.parent_span_id.is_empty());
        let logins = collector.named("login");
        let login = logins.iter().find(|it| it.trace_id == connection.trace_id);
        let login = login.expect("it logged in");
        assert_eq!(login.parent_span_id, connection.span_id);
        let link = text(all, "driftwood.link");
        assert_eq!(text(&login.attributes, "driftwood.link"), link);
        assert!(connection.start_time_unix_nano <= login.start_time_unix_nano);
    }
    let reasons = connections.iter();
    let reasons = reasons.map(|it| text(&it.attributes, "driftwood.close.reason"));
    assert!(reasons.into_iter().any(|reason| reason == "GOING_AWAY"));
    let syncs = collector.named("fsync");
    let commits = collector.named("commit");
    assert!(syncs
        .iter()
        .all(|sync| commits.iter().any(|it| it.span_id == sync.parent_span_id)));
    let loads = collector.named("load");
    let first = |load: &&&Span| text(&load.attributes, "driftwood.first") == "true";
    let load = loads.iter().find(first).expect("bob's first sync");
    assert_eq!(text(&load.attributes, "driftwood.document"), "trip");
    let requests = collector.named("request");
    let routes = requests.iter();
    let routes = routes.map(|it| text(&it.attributes, "http.route"));
    assert!(routes.into_iter().any(|it| it == "/api/documents/{name}"));

    let samples = shown.lines().filter(|line| line.starts_with("driftwood_"));
    let mut count = 0;
    for (name, _) in samples.filter_map(|line| line.rsplit_once(' ')) {
        if name.contains("le=\"+Inf\"") {
            continue;
        }
        let sent = collector.numbers.get(name).copied();
        let sent = sent.unwrap_or_else(|| panic!("no {name}: {:?}", collector.numbers));
        let shown = metric(&shown, name);
        // Acknowledgements may be under way, and connections come to their end.
        let moves = name.contains("_bytes") || name.contains("connections");
        assert!(
            moves || sent.to_bits() == shown.to_bits(),
            "{name}: {sent}, not {shown}"
        );
        count += 1;
    }
    assert!(count > 60, "{shown}");
    assert_eq!(collector.stored(), 1);

    assert!(collector.around("trip").is_some());
    for secret in ["nobody's business", &token[..], "ada-lovelace"] {
        let around = collector.around(secret);
        assert!(around.is_none(), "{secret}: {around:?}");
    }
}

#[tokio::test]
async fn relays_that_ask_each_other_say_so() {
    let mut collector = Collector::start().await;
    let config = collector.config();
    let first = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let config = Config {
        peers: vec![format!("ws://{}", first.address)],
        ..config
    };
    let second = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(first.address, 1, "trip");
    ann.write("trip", "boots");
    until("there", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Replicated)
    })
    .await;
    collector
        .wait("an exchange", |it| !it.named("gossip").is_empty())
        .await;
    second.stop().await.expect("a clean end");
    first.stop().await.expect("a clean end");
    collector.take_all();
    assert_eq!(collector.relays.len(), 2);
    let connections = collector.named("connection");
    let dialled = |it: &&&Span| text(&it.attributes, "driftwood.dialled") == "true";
    let link = connections.iter().find(dialled).expect("one dialled");
    let exchanges = collector.named("gossip");
    let exchange = exchanges.iter().find(|it| it.trace_id == link.trace_id);
    assert_eq!(exchange.expect("on it").parent_span_id, link.span_id);
}

#[tokio::test]
async fn a_collector_that_was_away_is_told_when_it_is_back() {
    let mut collector = Collector::start().await;
    collector.status.store(503, Ordering::SeqCst);
    let folder = TempDir::new().expect("temporary folder");
    let log = folder.path().join("log");
    let mut program = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"));
    program
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .env(
            "DRIFTWOOD_OTLP_ENDPOINT",
            format!("http://{}", collector.address),
        )
        .stderr(std::fs::File::create(&log).expect("a file"));
    let begun = Instant::now();
    let relay = Program::spawn(&mut program);
    let said = async |what: &str| {
        soon(what, async {
            loop {
                let text = std::fs::read_to_string(&log).expect("the log");
                if text.contains(what) {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    };
    said("the collector does not take what is exported; it is tried again").await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    for _ in 0..50 {
        ann.write("trip", "boots ");
        until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    }
    collector.status.store(200, Ordering::SeqCst);
    // Those of while it was away.
    collector
        .wait("spans", |it| !it.named("commit").is_empty())
        .await;
    let text = said("the collector takes what is exported again").await;
    assert_eq!(text.matches("does not take").count(), 1, "{text}");
    let is_quick = |it: &&&Span| it.end_time_unix_nano - it.start_time_unix_nano < 100_000_000;
    let commits = collector.named("commit");
    let quick = commits.iter().filter(is_quick).count() as u64;
    let seconds = begun.elapsed().as_secs();
    assert!(
        quick <= seconds + 2,
        "{quick} in {seconds} s: a change does not cost a span"
    );
    assert!(collector.stored() >= 50);

    ann.write("trip", "the last word");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let ended = relay.signal("TERM").await;
    assert!(ended.success(), "{ended}");
    collector.take_all();
    assert_eq!(collector.stored(), 51);
    assert_eq!(collector.named("connection").len(), 1);
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = silent.local_addr().expect("bound");
    let config = Config {
        listen: "127.0.0.1:0".into(),
        otlp_endpoint: Some(format!("http://{address}")),
        ..Config::default()
    };
    let relay = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let connected = soon("it is asked", silent.accept()).await.expect("asked");
    let mut ann = Guest::at(relay.address, 1, "trip");
    ann.write("trip", "boots");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let begun = Instant::now();
    relay.stop().await.expect("a clean end");
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    drop(connected);
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_refused_and_doctor_asks_those_that_are() {
    let config = Config {
        listen: "127.0.0.1:0".into(),
        otlp_endpoint: Some("collector:4317".into()),
        ..Config::default()
    };
    let refused = Server::bind_with(&config, Arc::new(MemoryStore::new())).await;
    let error = refused.err().expect("it is refused").to_string();
    assert!(error.contains("http://localhost:4318"), "{error}");

    let mut collector = Collector::start().await;
    let doctor = async |url: String| {
        let folder = TempDir::new().expect("temporary folder");
        let asked = tokio::task::spawn_blocking(move || {
            command(folder.path(), &["doctor", "--otlp-endpoint", &url])
        });
        let (good, said) = asked.await.expect("no panic").expect("it works");
        let lines = said.lines();
        let lines = lines.filter(|line| line.contains("--otlp-endpoint"));
        (good, lines.collect::<String>())
    };
    let url = format!("http://{}", collector.address);
    let (good, said) = doctor(url.clone()).await;
    assert!(good && said.ends_with("takes what it is sent"), "{said}");
    collector.take_all();
    assert!(collector.bytes.is_empty(), "it is sent nothing");
    collector.status.store(404, Ordering::SeqCst);
    let (good, said) = doctor(url.clone()).await;
    assert!(!good && said.contains("404"), "{said}");
    collector.server.abort();
    soon("it is gone", async {
        while tokio::net::TcpStream::connect(collector.address)
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (good, said) = doctor(url).await;
    assert!(!good && said.starts_with("WRONG"), "{said}");
}
