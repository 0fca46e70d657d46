//! The door: who waits there, and how many.

use std::io;
use std::net::SocketAddr;

use tokio::net::{lookup_host, TcpListener, TcpSocket};

/// So many connections wait to be accepted at most, if the system lets them: a crowd that comes back at
/// once is turned away beyond that, and tries again only a second later.
const WAITING_MAX: u32 = 4096;

/// Listens on the first of the addresses of `host:port` that can be listened on.
pub(crate) async fn listen(at: &str) -> io::Result<TcpListener> {
    let mut refused = io::Error::new(io::ErrorKind::InvalidInput, "it has no address");
    for address in lookup_host(at).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Else a relay that ended could not be started again for a while. On Windows it means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::time::Duration;

    /// As many as the system lets wait for any program.
    fn system_max() -> usize {
        let file = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
        let number = file.ok().and_then(|text| text.trim().parse().ok());
        number.unwrap_or(128)
    }

    #[tokio::test]
    async fn a_crowd_waits_at_the_door() {
        let listener = listen("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let crowd = 512.min(system_max());
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
        let waiting: Result<Vec<_>, _> = (0..crowd).map(connect).collect();
        assert_eq!(waiting.expect("nobody is turned away").len(), crowd);
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        assert!(listen("nowhere").await.is_err());
        assert!(listen("127.0.0.1:99999").await.is_err());
    }
}
