//! Keys by address: the key set (RFC 7517 §5) that a login service publishes.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use axum::body::{to_bytes, Body};
use axum::http::Request;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::key::{self, Key};
use crate::fetch::Url;

/// It is looked at so often.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// And when a token names a key that is not known, but not more often than this: anybody can do that.
const PAUSE: Duration = Duration::from_secs(10);

const BYTES_MAX: usize = 1 << 20;
const TIME_MAX: Duration = Duration::from_secs(10);

/// The keys behind an address; none until they came for the first time.
pub(super) struct KeySet {
    url: Url,
    keys: RwLock<Vec<Key>>,
    wanted: Notify,
}

impl KeySet {
    pub(super) fn new(url: Url) -> Self {
        Self {
            url,
            keys: RwLock::default(),
            wanted: Notify::new(),
        }
    }

    pub(super) fn keys(&self) -> RwLockReadGuard<'_, Vec<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token came with a key that is not known.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Keeps the keys up to date. While the address does not answer, those that are known stay.
    pub(super) async fn follow(&self) {
        loop {
            match self.fetch().await {
                Ok(new) => {
                    tracing::debug!(keys = new.len(), "the key set was read");
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = new;
                }
                Err(error) => {
                    tracing::warn!(%error, "the key set cannot be read; the old keys stay");
                }
            }
            sleep(PAUSE).await;
            // Who is called for meanwhile is called for once.
            let _ = timeout(EVERY, self.wanted.notified()).await;
        }
    }

    pub(super) async fn fetch(&self) -> Result<Vec<Key>, Box<dyn std::error::Error + Send + Sync>> {
        let request = Request::get("/").body(Body::empty())?;
        let answer = self.url.send(request).await?;
        if !answer.status().is_success() {
            return Err(format!("it answers {}", answer.status()).into());
        }
        let body = to_bytes(Body::new(answer.into_body()), BYTES_MAX);
        let body = timeout(TIME_MAX, body).await??;
        Ok(key::public_set(&body)?)
    }
}
