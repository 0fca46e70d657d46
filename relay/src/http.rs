//! The HTTP side of the port: `/healthz`, and `/sync`, which turns into a WebSocket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{header, HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use axum::middleware::{from_fn_with_state, Next};
use axum::routing::{any, get};
use axum::Router;
use driftwood_sync::{LinkKind, Rights};
use hyper::server::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::WebSocketStream;

use crate::api::{self, Api};
use crate::auth::{self, Keys};
use crate::connection::{prepare, Links};
use crate::metrics::Metrics;
use crate::origin::Origins;
use crate::outbox::Close;
use crate::tls::Acceptor;
use crate::traces::{Course, What, Within};

/// How long the head of a request may take, and a TLS handshake before it. What comes after an upgrade has the protocol's own
/// deadline.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// What a relay that ends says to those who are connected.
pub(crate) const GOING_AWAY: Close = Close {
    code: 1001,
    reason: "GOING_AWAY",
};

/// What every request shares.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) links: Links,
    pub(crate) origins: Arc<Origins>,
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) api: Arc<Api>,
    /// Where it speaks TLS.
    pub(crate) acceptor: Option<Acceptor>,
    /// Becomes true when the relay ends.
    pub(crate) ending: watch::Receiver<bool>,
}

impl Front {
    /// Whether a request comes from a page that may connect, or from no page.
    pub(crate) fn admits_page(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let admits = origin.to_str().is_ok_and(|it| self.origins.allow(it));
        if !admits {
            tracing::info!(?origin, "refused a page of this origin");
        }
        admits
    }

    /// Serves one accepted connection to its end.
    pub(crate) async fn serve(self, stream: TcpStream, address: IpAddr) {
        prepare(&stream);
        let Some(acceptor) = self.acceptor.clone() else {
            return self.serve_on(stream, address).await;
        };
        let mut ending = self.ending.clone();
        let accepted = tokio::select! {
            accepted = timeout(HEAD_TIME_MAX, acceptor.accept(stream)) => accepted,
            _ = ending.wait_for(|ending| *ending) => return,
        };
        match accepted {
            Ok(Ok(stream)) => self.serve_on(stream, address).await,
            Ok(Err(error)) => tracing::debug!(%error, "no handshake"),
            Err(_elapsed) => tracing::debug!("a handshake took too long"),
        }
    }

    async fn serve_on<S>(self, stream: S, address: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut ending = self.ending.clone();
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .route("/sync", any(sync))
            .route("/api/documents", api::all())
            .route("/api/documents/{*name}", api::one());
        let router = if self.metrics.traces().are_wanted() {
            router.layer(from_fn_with_state(Arc::clone(&self.metrics), note))
        } else {
            router
        };
        let router = router.with_state((self, address));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .with_upgrades();
        tokio::select! {
            served = connection => {
                if let Err(error) = served {
                    tracing::debug!(%error, "http connection failed");
                }
            }
            _ = ending.wait_for(|ending| *ending) => {}
        }
    }
}

/// Notes a request, but those that only ask how it goes. Its path may have a name in it.
async fn note(
    State(metrics): State<Arc<Metrics>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let route = match request.uri().path() {
        "/healthz" | "/readyz" | "/metrics" => return next.run(request).await,
        "/sync" => "/sync",
        "/api/documents" => "/api/documents",
        path if path.starts_with("/api/documents/") => "/api/documents/{name}",
        _ => "",
    };
    // Others are whatever somebody made up.
    let methods = [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS];
    let method = methods.iter().find(|method| *method == request.method());
    let method = method.map_or("_OTHER", Method::as_str);
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status();
    let course = Course::since(begun).failed(status.is_server_error());
    metrics
        .traces()
        .note(What::Request, Within::Nothing, course, || {
            [
                ("http.request.method", method.into()),
                ("http.route", route.into()),
                (
                    "http.response.status_code",
                    u64::from(status.as_u16()).into(),
                ),
            ]
        });
    response
}

/// Whether it does its work: the task that owns the documents answers in time.
async fn ready(State((front, _)): State<(Front, IpAddr)>) -> Response<Body> {
    match front.links.ask().await {
        Some(_) => Response::new(Body::from("ok\n")),
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// What it counts, for whoever runs it.
async fn metrics(
    State((front, address)): State<(Front, IpAddr)>,
    request: Request<Body>,
) -> Response<Body> {
    if !may_look(front.keys.as_deref(), address, request.headers()) {
        let why = "this needs `Authorization: Bearer` and a token with admin for every document\n";
        return refuse(StatusCode::UNAUTHORIZED, why);
    }
    let Some(report) = front.links.ask().await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "not ready\n");
    };
    let mut response = Response::new(Body::from(front.metrics.text(&report)));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Whether somebody may see how it goes: from this machine, where nobody has to log in, or with the
/// right to everything.
fn may_look(keys: Option<&Keys>, address: IpAddr, headers: &HeaderMap) -> bool {
    let Some(keys) = keys.filter(|_| !address.to_canonical().is_loopback()) else {
        return true;
    };
    bearer(keys, headers).is_some_and(|rights| auth::is_everything(&rights))
}

/// What the token of a request allows, if it has a good one.
pub(crate) fn bearer(keys: &Keys, headers: &HeaderMap) -> Option<Rights> {
    let shown = headers.get(header::AUTHORIZATION)?;
    let token = shown.as_bytes().strip_prefix(b"Bearer ")?;
    keys.verify(token, crate::now()).ok()
}

/// Checks a WebSocket handshake (RFC 6455 §4.2.1), answers it and runs the link in a task of its
/// own.
async fn sync(
    State((front, address)): State<(Front, IpAddr)>,
    mut request: Request<Body>,
) -> Response<Body> {
    let headers = request.headers();
    if !front.admits_page(headers) {
        return refuse(StatusCode::FORBIDDEN, "this origin may not connect\n");
    }
    if request.method() != Method::GET
        || !lists(headers, &header::CONNECTION, "upgrade")
        || !lists(headers, &header::UPGRADE, "websocket")
    {
        let mut response = refuse(
            StatusCode::UPGRADE_REQUIRED,
            "this is a WebSocket endpoint\n",
        );
        response
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let mut response = refuse(StatusCode::BAD_REQUEST, "WebSocket version 13 is needed\n");
        let version = HeaderValue::from_static("13");
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, version);
        return response;
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing\n");
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .expect("base64 is allowed in headers");
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return refuse(
            StatusCode::UPGRADE_REQUIRED,
            "this connection cannot be upgraded\n",
        );
    };
    tokio::spawn(link(front.links, front.ending, upgrade, address));

    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// Waits for the WebSocket and gives it a task of its own, which is no larger than a link needs: there are
/// many, and most do nothing for long.
async fn link(
    links: Links,
    mut ending: watch::Receiver<bool>,
    upgrade: OnUpgrade,
    address: IpAddr,
) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => {
            tracing::debug!(%error, "the upgrade did not go through");
            return;
        }
    };
    let config = links.socket_config();
    let socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
    let stop = Box::pin(async move {
        // An error says that the relay is gone altogether.
        let _ = ending.wait_for(|ending| *ending).await;
        GOING_AWAY
    });
    tokio::spawn(links.drive(socket, LinkKind::Down, Some(address), stop));
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(why));
    *response.status_mut() = status;
    response
}

/// Whether a comma-separated header names a token.
fn lists(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{make_key, sign, Claims, KeyKind};

    #[test]
    fn from_elsewhere_only_who_may_do_everything_sees_how_it_goes() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("key");
        make_key(KeyKind::Hs256, &path).expect("a key");
        let token = |right: &str| {
            let claims = serde_json::json!({
                "sub": "prometheus", "exp": u64::MAX, "docs": [{"prefix": "", "right": right}],
            });
            let claims: Claims = serde_json::from_value(claims).expect("claims");
            sign(&path, &claims).expect("a token")
        };
        let keys = Keys::read(std::slice::from_ref(&path), None).expect("keys");
        let with = |token: &str| {
            let mut headers = HeaderMap::new();
            let value = format!("Bearer {token}").parse().expect("a header");
            headers.insert(header::AUTHORIZATION, value);
            headers
        };
        let here: IpAddr = [127, 0, 0, 1].into();
        let there: IpAddr = [192, 0, 2, 1].into();
        let none = HeaderMap::new();
        assert!(may_look(None, there, &none));
        assert!(may_look(keys.as_ref(), here, &none));
        assert!(!may_look(keys.as_ref(), there, &none));
        assert!(!may_look(keys.as_ref(), there, &with("sesame")));
        assert!(!may_look(keys.as_ref(), there, &with(&token("write"))));
        assert!(may_look(keys.as_ref(), there, &with(&token("admin"))));
    }
}
