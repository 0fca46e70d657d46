//! Documents over plain HTTP, for servers and scripts: to list them, read one as JSON, change one.
//!
//! A change is written under a replica id that this process drew for itself, so that nothing another
//! process lost can be named twice; it is answered when it is on disk, and from there goes the way of all
//! changes. Documents are put together from the store for each request and not kept.

mod change;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{to_bytes, Body};
use axum::extract::{Path, Query, State};
use axum::http::{header, HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::routing::{get, MethodRouter};
use driftwood_crdt::{Delta, Doc, Dot, ReplicaId};
use driftwood_sync::{DocumentName, ErrorCode, Right, Rights};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::change::Changes;
use crate::backup;
use crate::connection::Commit;
use crate::http::{bearer, Front};
use crate::json::from_value;
use crate::purge::Lift;
use crate::store::{Store, StoreError, Stored};

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Who sends slower than this is not waited for.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Documents that are put together at a time: each may take much memory.
const READERS_MAX: usize = 2;

/// Who waits longer for a turn is told to come again.
const TURN_TIME_MAX: Duration = Duration::from_secs(10);

/// Relays that have not purged a document after this are said not to have.
const PURGE_TIME_MAX: Duration = Duration::from_secs(5);

/// Documents on one page of the list, when nobody says.
const PAGE: usize = 1_000;

/// And at most.
const PAGE_MAX: usize = 10_000;

type Answer = Response<Body>;

/// What all requests share.
pub(crate) struct Api {
    store: Arc<dyn Store>,
    replica: ReplicaId,
    readers: Arc<Semaphore>,
    /// Changes are made one after the other: each needs to know what the one before took.
    writer: Mutex<()>,
}

/// `/api/documents`
pub(crate) fn all() -> MethodRouter<(Front, IpAddr)> {
    get(list)
}

/// `/api/documents/NAME`
pub(crate) fn one() -> MethodRouter<(Front, IpAddr)> {
    get(read).post(write).delete(purge)
}

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("pages of this origin may not ask here")]
    Origin,
    #[error("this needs `Authorization: Bearer` and a token that is good")]
    Login,
    #[error("the token does not allow this")]
    Forbidden,
    #[error("{0}")]
    Bad(String),
    #[error("there is no such document")]
    Unknown,
    #[error("the document was deleted for good")]
    Gone,
    #[error("the document has changed since")]
    Changed,
    #[error("the body is longer than {BODY_BYTES_MAX} bytes, or came too slowly")]
    Body,
    #[error("the body must be JSON, and `Content-Type: application/json` must say so")]
    Type,
    #[error("{0}")]
    Refused(#[from] change::Refused),
    #[error("there is too much to do; try again later")]
    Busy,
    #[error("not stored: {}", .0.as_str())]
    NotStored(ErrorCode),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the document cannot be read: {0:#}")]
    Damaged(anyhow::Error),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Origin | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Login => StatusCode::UNAUTHORIZED,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotStored(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Store(_) | Self::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn answer(&self) -> Answer {
        let mut body = json!({ "error": self.to_string() });
        if let Self::Refused(refused) = self {
            body["change"] = refused.number.into();
        }
        let mut answer = say(&body, None);
        *answer.status_mut() = self.status();
        if matches!(self, Self::Login) {
            let scheme = HeaderValue::from_static("Bearer");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}

/// Who asks.
struct Caller(Option<Rights>);

impl Caller {
    /// Whether they may go so far. Where nobody logs in, everybody may do everything.
    fn may(&self, document: &DocumentName, right: Right) -> bool {
        let rights = self.0.as_ref();
        rights.is_none_or(|rights| rights.to(document) >= Some(right))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State((front, _)): State<(Front, IpAddr)>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let listed = async {
        let caller = caller(&front, &headers)?;
        let Query(page) = page.map_err(|bad| Problem::Bad(bad.body_text()))?;
        let api = Arc::clone(&front.api);
        let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
        let all = api.read(|store, _| Ok(store.documents()?)).await?;
        let after = page.after.as_deref();
        let meant = |stored: &&Stored| {
            let name = stored.name.as_str();
            name.starts_with(&page.prefix)
                && after.is_none_or(|after| name > after)
                && caller.may(&stored.name, Right::Read)
        };
        let mut page: Vec<_> = all.iter().filter(meant).take(limit + 1).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|last| last.name.as_str());
        let documents: Vec<_> = page.iter().map(|stored| entry(stored)).collect();
        Ok(say(&json!({ "documents": documents, "next": next }), None))
    };
    listed
        .await
        .unwrap_or_else(|problem: Problem| problem.answer())
}

fn entry(stored: &Stored) -> serde_json::Value {
    json!({
        "name": stored.name.as_str(),
        "version": digest(stored.version.digest()),
        "bytes": stored.bytes,
        "damaged": stored.damaged,
    })
}

async fn read(
    State((front, _)): State<(Front, IpAddr)>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let read = async {
        let caller = caller(&front, &headers)?;
        let name = document(&name)?;
        if !caller.may(&name, Right::Read) {
            return Err(Problem::Forbidden);
        }
        let api = Arc::clone(&front.api);
        let known = headers.get(header::IF_NONE_MATCH).cloned();
        let document = name.clone();
        let read = api.read(move |store, replica| {
            let doc = open(store, &document, replica)?.ok_or(Problem::Unknown)?;
            let tag = tag(&doc);
            if known.is_some_and(|known| known == tag) {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::NOT_MODIFIED;
                answer.headers_mut().insert(header::ETAG, tag);
                return Ok(answer);
            }
            Ok(say(&from_value(&doc.to_value()), Some(tag)))
        });
        match read.await {
            Err(Problem::Unknown) => {
                let asked = front.links.purge(name, None, Duration::ZERO).await;
                let purged = asked.flatten().is_some_and(|known| known.purged);
                Err(if purged {
                    Problem::Gone
                } else {
                    Problem::Unknown
                })
            }
            read => read,
        }
    };
    read.await
        .unwrap_or_else(|problem: Problem| problem.answer())
}

async fn write(
    State((front, _)): State<(Front, IpAddr)>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    let (head, body) = request.into_parts();
    let written = async {
        let caller = caller(&front, &head.headers)?;
        let name = document(&name)?;
        if !caller.may(&name, Right::Write) {
            return Err(Problem::Forbidden);
        }
        let kind = head.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
        if kind.map(str::trim) != Some("application/json") {
            return Err(Problem::Type);
        }
        let body = timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await;
        let body = body
            .map_err(|_| Problem::Body)?
            .map_err(|_| Problem::Body)?;
        let changes: Changes =
            serde_json::from_slice(&body).map_err(|error| Problem::Bad(error.to_string()))?;
        let seen = head.headers.get(header::IF_MATCH).cloned();
        // Whoever asked may hang up: what was begun is brought to its end all the same.
        let task = tokio::spawn(make(front, name, changes, seen));
        task.await.map_err(|_| Problem::Busy)?
    };
    written
        .await
        .unwrap_or_else(|problem: Problem| problem.answer())
}

/// Deletes a document for good, on all relays; says which have done it.
async fn purge(
    State((front, _)): State<(Front, IpAddr)>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let purged = async {
        let caller = caller(&front, &headers)?;
        let name = document(&name)?;
        if !caller.may(&name, Right::Admin) {
            return Err(Problem::Forbidden);
        }
        let purge = front.links.purge(name, Some(Lift(false)), PURGE_TIME_MAX);
        let purge = purge.await.flatten().ok_or(Problem::Busy)?;
        let mut answer = say(&purge.to_json(), None);
        if !purge.is_done() {
            *answer.status_mut() = StatusCode::ACCEPTED;
        }
        Ok(answer)
    };
    purged
        .await
        .unwrap_or_else(|problem: Problem| problem.answer())
}

/// Makes changes and waits until they are on disk.
async fn make(
    front: Front,
    name: DocumentName,
    changes: Changes,
    seen: Option<HeaderValue>,
) -> Result<Answer, Problem> {
    let api = Arc::clone(&front.api);
    let turn = timeout(TURN_TIME_MAX, api.writer.lock()).await;
    let _turn = turn.map_err(|_| Problem::Busy)?;
    let document = name.clone();
    let (delta, last, tag) = api
        .read(move |store, replica| {
            let doc = open(store, &document, replica)?;
            let mut doc = doc.unwrap_or_else(|| Doc::new(replica));
            if seen.is_some_and(|seen| seen != tag(&doc)) {
                return Err(Problem::Changed);
            }
            let delta: Delta = changes.apply(&mut doc, crate::now().as_millis())?;
            let last = Dot::new(replica, doc.version().get(replica));
            Ok((delta, last, tag(&doc)))
        })
        .await?;
    if !delta.is_empty() {
        let commit = Commit {
            document: name,
            delta: delta.encode().into(),
            last,
        };
        let stored = front.links.commit(commit).await.ok_or(Problem::Busy)?;
        stored.map_err(|code| match code {
            ErrorCode::Purged => Problem::Gone,
            code => Problem::NotStored(code),
        })?;
    }
    let body = json!({ "changed": !delta.is_empty() });
    Ok(say(&body, Some(tag)))
}

impl Api {
    pub(crate) fn new(store: Arc<dyn Store>, replica: ReplicaId) -> Self {
        Self {
            store,
            replica,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            writer: Mutex::new(()),
        }
    }

    /// Does something with the store, which blocks.
    async fn read<R: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store, ReplicaId) -> Result<R, Problem> + Send + 'static,
    ) -> Result<R, Problem> {
        let turn = timeout(TURN_TIME_MAX, Arc::clone(&self.readers).acquire_owned()).await;
        let turn: OwnedSemaphorePermit = turn
            .map_err(|_| Problem::Busy)?
            .expect("nobody closes the readers");
        let (store, replica) = (Arc::clone(&self.store), self.replica);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&*store, replica)
        });
        done.await.map_err(|_| Problem::Busy)?
    }
}

/// Who asks: no page of another site, and where one has to log in, somebody who did.
fn caller(front: &Front, headers: &HeaderMap) -> Result<Caller, Problem> {
    if !front.admits_page(headers) {
        return Err(Problem::Origin);
    }
    if let Some(keys) = &front.keys {
        let rights = bearer(keys, headers).ok_or(Problem::Login)?;
        return Ok(Caller(Some(rights)));
    }
    // A page whose own name was made to lead here (DNS rebinding) sends no Origin, but its name.
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let admits = host.is_some_and(|host| front.origins.allow(&format!("http://{host}")));
    admits.then_some(Caller(None)).ok_or(Problem::Origin)
}

fn document(name: &str) -> Result<DocumentName, Problem> {
    DocumentName::new(name).map_err(|error| Problem::Bad(error.to_string()))
}

/// The document as it is stored; none if it is unknown.
fn open(
    store: &dyn Store,
    name: &DocumentName,
    replica: ReplicaId,
) -> Result<Option<Doc>, Problem> {
    let deltas = store.load(name)?;
    if deltas.is_empty() {
        return Ok(None);
    }
    let mut doc = Doc::new(replica);
    for delta in deltas {
        backup::merge(&mut doc, &delta).map_err(Problem::Damaged)?;
    }
    Ok(Some(doc))
}

fn digest(digest: u64) -> String {
    format!("{digest:016x}")
}

fn tag(doc: &Doc) -> HeaderValue {
    let tag = format!("\"{}\"", digest(doc.version().digest()));
    HeaderValue::from_str(&tag).expect("digits and quotes")
}

fn say(body: &serde_json::Value, tag: Option<HeaderValue>) -> Answer {
    let mut answer = Response::new(Body::from(format!("{body}\n")));
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    answer
}
