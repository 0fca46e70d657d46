//! Which web pages may connect: browsers send their cookies and reach loopback from any page, so
//! the page's origin is checked before a WebSocket is made.

use std::net::IpAddr;

/// The origins that may connect. Programs that send no `Origin` header are no browsers and may
/// always connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Pages served from this machine.
    Loopback,
    /// Any page.
    Any,
    /// These, such as `https://app.example`.
    Listed(Vec<String>),
}

impl Origins {
    /// From the configured list: empty means loopback only, and `*` anyone.
    pub(crate) fn new(allowed: &[String]) -> Self {
        if allowed.is_empty() {
            Self::Loopback
        } else if allowed.iter().any(|origin| origin == "*") {
            Self::Any
        } else {
            let tidy = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
            Self::Listed(allowed.iter().map(tidy).collect())
        }
    }

    /// Whether a page of this origin may connect.
    pub(crate) fn allow(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(allowed) => allowed.contains(&origin.to_ascii_lowercase()),
            Self::Loopback => host(origin).is_some_and(is_loopback),
        }
    }
}

/// The host of `scheme://host[:port]`.
fn host(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    if let Some(bracketed) = rest.strip_prefix('[') {
        return Some(bracketed.split_once(']')?.0);
    }
    Some(rest.split_once(':').map_or(rest, |(host, _)| host))
}

fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_pages_may_connect_by_default() {
        let origins = Origins::new(&[]);
        for good in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "http://notes.localhost",
        ] {
            assert!(origins.allow(good), "{good}");
        }
        for bad in [
            "https://evil.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "null",
            "",
            "http://10.0.0.1",
        ] {
            assert!(!origins.allow(bad), "{bad}");
        }
    }

    #[test]
    fn a_list_takes_the_place_of_the_default() {
        let origins = Origins::new(&["https://App.example/".into()]);
        assert!(origins.allow("https://app.example"));
        assert!(!origins.allow("https://app.example:8443"));
        assert!(!origins.allow("http://localhost:5173"));
        assert!(Origins::new(&["*".into()]).allow("https://anyone.example"));
    }
}
