//! One HTTP request to somebody else's server, over TLS where its address says so.

use std::time::Duration;

use axum::body::Body;
use axum::http::uri::Uri;
use axum::http::{header, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tls::Trust;

/// From dialling to the head of the answer.
const TIME_MAX: Duration = Duration::from_secs(10);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An address on the web.
#[derive(Debug, Clone)]
pub(crate) struct Url {
    uri: Uri,
    host: String,
    port: u16,
}

impl Url {
    /// From `http://host/path` or `https://host/path`; none if it is something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().parse().ok()?;
        let port = match uri.scheme_str()? {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_owned();
        let port = uri.port_u16().unwrap_or(port);
        Some(Self { uri, host, port })
    }

    /// Whether somebody answers there, with a certificate that is believed where it is `https`.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn reach(&self) -> Result<(), Failure> {
        let reached = timeout(TIME_MAX, async {
            let host = self.host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((host, self.port)).await?;
            if self.uri.scheme_str() == Some("https") {
                Trust::public().connect(host, stream).await?;
            }
            Ok::<(), Failure>(())
        });
        reached.await?
    }

    /// Sends a request there; gives the head of the answer, and its body to be read.
    ///
    /// # Errors
    /// When nobody answers in time, or not in HTTP.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let answered = timeout(TIME_MAX, async {
            let host = self.host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((host, self.port)).await?;
            if self.uri.scheme_str() == Some("https") {
                let stream = Trust::public().connect(host, stream).await?;
                self.send_on(stream, request).await
            } else {
                self.send_on(stream, request).await
            }
        });
        answered.await?
    }

    async fn send_on<S>(
        &self,
        stream: S,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let path = self.uri.path_and_query().map_or("/", |it| it.as_str());
        *request.uri_mut() = path.parse()?;
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        // Who is named before an @ is nobody's business but the server's, which gets a header for that.
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host)?;
        request.headers_mut().insert(header::HOST, host);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_asked() {
        for (text, host, port) in [
            ("http://localhost:8080/hook?x=1", "localhost", 8080),
            ("https://example.org", "example.org", 443),
            ("http://[::1]/", "[::1]", 80),
        ] {
            let url = Url::parse(text).expect(text);
            assert_eq!((url.host.as_str(), url.port), (host, port));
        }
        for text in ["", "example.org", "ftp://example.org", "https://", "/hook"] {
            assert!(Url::parse(text).is_none(), "{text}");
        }
    }
}
