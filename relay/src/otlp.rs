//! Numbers and traces for a collector: OTLP over HTTP, as protobuf.
//!
//! The messages are few and only written, so `protobuf` writes them and `fetch` carries them; tests read them
//! with the schema's own types. A collector that is away costs the spans that have no room, and nothing else.

mod numbers;
mod protobuf;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{header, Request, StatusCode};
use driftwood_sync::{Backoff, RelayId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout, Instant};

use self::protobuf::Message;
use crate::clock::unix_nanos;
use crate::connection::WeakLinks;
use crate::fetch::Url;
use crate::metrics::{Metrics, Report};
use crate::peers::random;
use crate::traces::{Span, Traces, Value, What};

/// Numbers go out so often, and at the start and the end.
const PERIOD: Duration = Duration::from_secs(15);

/// So long spans are gathered.
const WINDOW: Duration = Duration::from_secs(1);

/// Spans in one request, at most.
const BATCH_MAX: usize = 512;

/// What is left when the relay ends has so long to go out.
const LAST_TIME_MAX: Duration = Duration::from_secs(2);

/// The kinds of spans in OTLP, and the status of one that failed.
const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const FAILED: u64 = 2;

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// It is no address on the web.
    #[error("--otlp-endpoint `{0}` is not an address such as http://localhost:4318")]
    Address(String),
}

/// What was exported was not taken.
struct Refusal {
    reason: String,
    /// It may be taken another time.
    again: bool,
}

/// Where to.
pub(crate) struct Collector {
    metrics: Url,
    traces: Url,
}

impl Collector {
    pub(crate) fn new(endpoint: &str) -> Result<Self, OtlpError> {
        let base = endpoint.trim().trim_end_matches('/');
        let below = |path: &str| {
            let url = Url::parse(&format!("{base}/{path}"));
            url.filter(|_| !base.contains(['?', '#']))
                .ok_or_else(|| OtlpError::Address(endpoint.to_owned()))
        };
        Ok(Self {
            metrics: below("v1/metrics")?,
            traces: below("v1/traces")?,
        })
    }

    /// Whether it takes what it is sent; it is sent nothing.
    ///
    /// # Errors
    /// Why not, for people.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        for url in [&self.metrics, &self.traces] {
            let taken = post(url, Message::new()).await;
            taken.map_err(|refusal| refusal.reason)?;
        }
        Ok(())
    }
}

/// An empty message is a good one: nothing happened.
async fn post(url: &Url, message: Message) -> Result<(), Refusal> {
    let body = message.into_bytes();
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .header(header::CONTENT_LENGTH, body.len())
        .body(Body::from(body))
        .expect("these headers are in order");
    let status = match url.send(request).await {
        Ok(answer) => answer.status(),
        Err(error) => {
            return Err(Refusal {
                reason: error.to_string(),
                again: true,
            })
        }
    };
    if status.is_success() {
        return Ok(());
    }
    // As the specification has it: only these are tried again.
    let again = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    Err(Refusal {
        reason: status.to_string(),
        again: again.contains(&status),
    })
}

/// An exporter at work; dropped, it stops.
pub(crate) struct Running {
    end: oneshot::Sender<Report>,
    task: JoinHandle<()>,
}

impl Running {
    /// Sends how it went at the last, and what is left, in [`LAST_TIME_MAX`].
    pub(crate) async fn finish(self, last: Report) {
        let _ = self.end.send(last);
        if self.task.await.is_err() {
            tracing::error!("the export of metrics and traces panicked");
        }
    }
}

/// Sends what there is, for as long as the relay runs.
pub(crate) struct Exporter {
    collector: Collector,
    resource: Message,
    metrics: Arc<Metrics>,
    traces: Traces,
    links: WeakLinks,
    begun: u64,
    /// When numbers go out next.
    due: Instant,
    /// These are being sent, or could not be.
    sending: Vec<Span>,
    /// The collector did not take what it was sent last.
    away: Option<Backoff>,
}

impl Exporter {
    pub(crate) fn new(
        collector: Collector,
        relay: RelayId,
        metrics: Arc<Metrics>,
        links: WeakLinks,
    ) -> Self {
        let said = [
            ("service.name", env!("CARGO_PKG_NAME").into()),
            ("service.version", env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id", Value::Text(relay.to_string())),
        ];
        let said = said.iter();
        let resource = said.fold(Message::new(), |resource, (key, value)| {
            resource.message(1, &attribute(key, value))
        });
        Self {
            collector,
            resource,
            traces: metrics.traces().clone(),
            metrics,
            links,
            begun: unix_nanos(),
            due: Instant::now(),
            sending: Vec::new(),
            away: None,
        }
    }

    /// Exports from now on, in a task of its own.
    pub(crate) fn start(self) -> Running {
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(self.run(ended));
        Running { end, task }
    }

    /// Exports until `end` says how it went at the last.
    async fn run(mut self, mut end: oneshot::Receiver<Report>) {
        let last = loop {
            tokio::select! {
                last = &mut end => break last,
                () = self.round() => {}
            }
        };
        // Without a word, whoever ran the relay has dropped it.
        let Ok(last) = last else { return };
        let sent = timeout(LAST_TIME_MAX, self.send(&last)).await;
        if sent.is_err() || self.away.is_some() {
            tracing::warn!("the collector did not take the last of what is exported");
        }
    }

    /// Waits until there is something to do, and does it. Cancelling it loses nothing.
    async fn round(&mut self) {
        let gathered = async {
            self.traces.news().await;
            sleep(WINDOW).await;
        };
        tokio::select! {
            () = sleep_until(self.due) => {}
            () = gathered, if self.away.is_none() => {}
        }
        if self.due > Instant::now() {
            let taken = self.send_spans().await;
            return self.note(taken);
        }
        self.due = Instant::now() + PERIOD;
        // It says nothing where it is in trouble, or ends.
        if let Some(report) = self.links.ask().await {
            self.send(&report).await;
        }
    }

    async fn send(&mut self, report: &Report) {
        let numbers = self.send_numbers(report).await;
        // There are collectors that take only spans.
        let spans = match numbers {
            Err(Refusal { again: true, .. }) => Ok(()),
            _ => self.send_spans().await,
        };
        self.note(numbers.and(spans));
    }

    /// They need not be kept: the next ones say all of it again.
    async fn send_numbers(&mut self, report: &Report) -> Result<(), Refusal> {
        let span = numbers::Span {
            start: self.begun,
            end: unix_nanos(),
        };
        let metrics = numbers::metrics(&self.metrics.text(report), span);
        let message = self.wrap(&metrics);
        post(&self.collector.metrics, message).await
    }

    /// Those that may be taken another time are kept.
    async fn send_spans(&mut self) -> Result<(), Refusal> {
        loop {
            if self.sending.is_empty() {
                self.sending = self.traces.take(BATCH_MAX);
            }
            if self.sending.is_empty() {
                return Ok(());
            }
            let spans: Vec<Message> = self.sending.iter().map(span).collect();
            let message = self.wrap(&spans);
            let taken = post(&self.collector.traces, message).await;
            if !matches!(taken, Err(Refusal { again: true, .. })) {
                let sent = std::mem::take(&mut self.sending);
                if taken.is_err() {
                    self.traces.lose(sent.len());
                }
            }
            taken?;
        }
    }

    /// Says once that the collector is away, and once that it is back.
    fn note(&mut self, taken: Result<(), Refusal>) {
        match taken {
            Ok(()) => {
                if self.away.take().is_some() {
                    let lost_spans = self.traces.take_lost();
                    tracing::info!(lost_spans, "the collector takes what is exported again");
                }
            }
            Err(Refusal { reason, .. }) => {
                if self.away.is_none() {
                    tracing::warn!(
                        reason,
                        "the collector does not take what is exported; it is tried again"
                    );
                }
                let away = self.away.get_or_insert_with(|| Backoff::new(random()));
                self.due = Instant::now() + away.next_delay();
            }
        }
    }

    /// A request with these metrics or spans: one resource with one scope, which both kinds number alike.
    fn wrap(&self, items: &[Message]) -> Message {
        let scope = Message::new().text(1, env!("CARGO_PKG_NAME"));
        let scoped = Message::new().message(1, &scope);
        let scoped = items.iter().fold(scoped, |all, item| all.message(2, item));
        let all = Message::new()
            .message(1, &self.resource)
            .message(2, &scoped);
        Message::new().message(1, &all)
    }
}

/// A `KeyValue`.
fn attribute(key: &str, value: &Value) -> Message {
    let value = match value {
        Value::Text(text) => Message::new().text(1, text),
        Value::Is(is) => Message::new().varint(2, u64::from(*is)),
        Value::Number(number) => Message::new().varint(3, *number),
    };
    Message::new().text(1, key).message(2, &value)
}

/// A `Span`.
fn span(span: &Span) -> Message {
    let kind = match span.what {
        What::Connection | What::Request => SERVER,
        What::Gossip | What::Survey | What::Webhook => CLIENT,
        What::Login | What::Commit | What::Fsync | What::Load => INTERNAL,
    };
    let message = Message::new()
        .bytes(1, &span.id.trace.to_be_bytes())
        .bytes(2, &span.id.span.to_be_bytes());
    let message = match span.parent {
        Some(parent) => message.bytes(4, &parent.to_be_bytes()),
        None => message,
    };
    let message = message
        .text(5, span.what.name())
        .varint(6, kind)
        .fixed(7, span.start)
        .fixed(8, span.end);
    let said = span.attributes.iter();
    let message = said.fold(message, |message, (key, value)| {
        message.message(9, &attribute(key, value))
    });
    if span.failed {
        message.message(15, &Message::new().varint(3, FAILED))
    } else {
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_to_which_paths_are_added() {
        for good in ["http://localhost:4318", " https://otel.example/tenant/ "] {
            assert!(Collector::new(good).is_ok(), "{good}");
        }
        for bad in ["", "localhost:4318", "grpc://localhost:4317", "http://x/?y"] {
            let error = Collector::new(bad).err().expect(bad).to_string();
            assert!(error.contains("--otlp-endpoint"), "{error}");
        }
    }
}
