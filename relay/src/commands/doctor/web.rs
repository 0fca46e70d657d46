//! What the relay needs from other servers.

use std::future::Future;

use super::Findings;
use crate::auth::Keys;
use crate::config::Config;
use crate::otlp::Collector;
use crate::webhook::Webhook;

/// Waits for an answer from elsewhere. On a thread of its own, wherever that is called from.
fn wait<T: Send>(future: impl Future<Output = T> + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            anyhow::Ok(runtime.enable_all().build()?.block_on(future))
        });
        waiting.join().map_err(|_| anyhow::anyhow!("it panicked"))?
    })
}

/// The keys that a login service publishes.
pub(super) fn key_set(
    keys: &Keys,
    config: &Config,
    findings: &mut Findings<'_>,
) -> anyhow::Result<()> {
    let Some(url) = &config.auth_keys_url else {
        return Ok(());
    };
    match wait(keys.count_published())? {
        Ok(count) => findings.good(&format!("--auth-keys-url {url}: {count} keys")),
        Err(error) => findings.wrong(&format!(
            "--auth-keys-url {url}: {error}; until it answers nobody is let in by its keys"
        )),
    }
}

/// The server that is told what changes.
pub(super) fn webhook(config: &Config, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    let Some(url) = config.webhook.as_deref() else {
        return Ok(());
    };
    let webhook = match Webhook::new(url, config.webhook_key.as_deref()) {
        Ok(webhook) => webhook,
        Err(error) => return findings.wrong(&error.to_string()),
    };
    match wait(webhook.reach())? {
        Ok(()) => findings.good(&format!("--webhook {url} can be reached")),
        Err(error) => findings.wrong(&format!(
            "--webhook {url}: {error}; names of what changes wait until it answers"
        )),
    }
}

/// The collector of numbers and traces.
pub(super) fn collector(config: &Config, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    let Some(url) = config.otlp_endpoint.as_deref() else {
        return Ok(());
    };
    let collector = match Collector::new(url) {
        Ok(collector) => collector,
        Err(error) => return findings.wrong(&error.to_string()),
    };
    match wait(collector.reach())? {
        Ok(()) => findings.good(&format!("--otlp-endpoint {url} takes what it is sent")),
        Err(reason) => findings.wrong(&format!(
            "--otlp-endpoint {url}: {reason}; the relay runs without it, and nothing of it is seen there"
        )),
    }
}
