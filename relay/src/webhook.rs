//! Tells another server which documents have changed.
//!
//! Names are gathered for a second and sent together, each once, signed, and again until the server says
//! that it has them. What came up meanwhile waits in a set of names, so that a server that is down for long
//! costs no more than the names of what changed. A relay that is restarted forgets them: the list of
//! documents with their versions says then what is new.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{header, Request};
use driftwood_sync::{Backoff, DocumentName};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::auth::{KeyError, Signer};
use crate::fetch::Url;
use crate::metrics::Metrics;
use crate::peers::random;
use crate::traces::{Course, What, Within};

/// So long names are gathered.
const WINDOW: Duration = Duration::from_secs(1);

/// Names in one request, at most.
const BATCH_MAX: usize = 1_000;

/// The documents that have changed and were not told of yet.
#[derive(Default)]
pub(crate) struct Changed {
    names: Mutex<BTreeSet<DocumentName>>,
    news: Notify,
}

impl Changed {
    pub(crate) fn note(&self, document: &DocumentName) {
        if self.names().insert(document.clone()) {
            self.news.notify_one();
        }
    }

    /// The next names to be told.
    fn take(&self) -> Vec<DocumentName> {
        let mut names = self.names();
        let rest = names.iter().nth(BATCH_MAX).cloned();
        let rest = rest.map(|first| names.split_off(&first));
        let batch = std::mem::replace(&mut *names, rest.unwrap_or_default());
        batch.into_iter().collect()
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<DocumentName>> {
        // Nothing panics between two writes.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where to tell it, and what to sign with.
pub(crate) struct Webhook {
    url: Url,
    signer: Signer,
}

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// It is no address on the web.
    #[error("--webhook `{0}` is not an address such as https://app.example/hook")]
    Address(String),
    /// Nobody could know that it came from here.
    #[error(
        "--webhook needs --webhook-key FILE to sign with; make one with \
         `driftwood-relay token --new-key hs256 FILE`"
    )]
    NoKey,
    /// The key cannot be used.
    #[error("--webhook-key {0}")]
    Key(#[from] KeyError),
}

impl Webhook {
    pub(crate) fn new(url: &str, key: Option<&Path>) -> Result<Self, WebhookError> {
        let address = || WebhookError::Address(url.to_owned());
        let url = Url::parse(url).ok_or_else(address)?;
        let signer = Signer::read(key.ok_or(WebhookError::NoKey)?)?;
        Ok(Self { url, signer })
    }

    /// Whether the server is there; nothing is told.
    pub(crate) async fn reach(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.url.reach().await
    }

    /// Tells what changes, for as long as the relay runs.
    pub(crate) async fn run(self, changed: &Changed, metrics: &Metrics) {
        loop {
            changed.news.notified().await;
            sleep(WINDOW).await;
            loop {
                let batch = changed.take();
                if batch.is_empty() {
                    break;
                }
                self.deliver(&batch, metrics).await;
            }
        }
    }

    /// Sends one batch until it is taken.
    async fn deliver(&self, batch: &[DocumentName], metrics: &Metrics) {
        let documents: Vec<_> = batch
            .iter()
            .map(|document| json!({ "name": document.as_str() }))
            .collect();
        let id = format!("{:016x}", random());
        let body = json!({ "id": id, "documents": documents }).to_string();
        let mut backoff = Backoff::new(random());
        loop {
            let begun = std::time::Instant::now();
            let answer = self.url.send(self.request(&body)).await;
            let status = answer.as_ref().map_or(0, |it| it.status().as_u16());
            let course = Course::since(begun).failed(!(200..300).contains(&status));
            let traces = metrics.traces();
            traces.note(What::Webhook, Within::Nothing, course, || {
                [
                    ("http.request.method", "POST".into()),
                    ("http.response.status_code", u64::from(status).into()),
                    ("driftwood.documents", batch.len().into()),
                ]
            });
            let reason = match answer {
                Ok(answer) if answer.status().is_success() => {
                    metrics.webhook(true);
                    return;
                }
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            metrics.webhook(false);
            let delay = backoff.next_delay();
            let retry_ms = delay.as_millis() as u64;
            tracing::warn!(
                reason,
                retry_ms,
                documents = batch.len(),
                "the webhook was not taken"
            );
            sleep(delay).await;
        }
    }

    /// Signed anew each time, so that the receiver can refuse what is old.
    fn request(&self, body: &str) -> Request<Body> {
        let seconds = crate::now().as_millis() / 1_000;
        let signature = self.signer.sign(format!("{seconds}.{body}").as_bytes());
        Request::post("/")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .header("driftwood-time", seconds)
            .header("driftwood-signature", signature)
            .body(Body::from(body.to_owned()))
            .expect("these headers are in order")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_once_and_batches_are_bounded() {
        let changed = Changed::default();
        for number in (0..2_500).chain(0..2_500) {
            let name = DocumentName::new(&format!("{number:04}")).expect("a name");
            changed.note(&name);
        }
        let batches: Vec<usize> = (0..4).map(|_| changed.take().len()).collect();
        assert_eq!(batches, [1_000, 1_000, 500, 0]);
    }
}
