//! A hop between a client and a relay that a test can stop and watch.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Small, so that little is under way when reading stops.
const SOCKET_BUFFER_BYTES: u32 = 16 << 10;

/// Forwards connections to one address.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// Connections that came, and that have ended.
    pub(crate) opened: Arc<AtomicU64>,
    pub(crate) ended: watch::Receiver<u64>,
    stalled: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens; `target` is asked for at each connection.
    pub(crate) async fn start(target: watch::Receiver<Option<SocketAddr>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stalled, stall) = watch::channel(false);
        let (cut, cutting) = watch::channel(false);
        let opened = Arc::new(AtomicU64::new(0));
        let (end, ended) = watch::channel(0);
        let count = Arc::clone(&opened);
        let task = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.expect("it listens");
                count.fetch_add(1, Ordering::Relaxed);
                let (mut target, stall, end) = (target.clone(), stall.clone(), end.clone());
                let mut cutting = cutting.clone();
                tokio::spawn(async move {
                    let whole = cutting.wait_for(|cut| !*cut).await.map(drop);
                    whole.expect("the proxy runs");
                    let address = *target.wait_for(Option::is_some).await.expect("a target");
                    let address = address.expect("waited for it");
                    let socket = TcpSocket::new_v4().expect("a socket");
                    socket
                        .set_recv_buffer_size(SOCKET_BUFFER_BYTES)
                        .expect("a size");
                    if let Ok(far) = socket.connect(address).await {
                        tokio::select! {
                            () = forward(near, far, stall) => {}
                            _ = cutting.wait_for(|cut| *cut) => {}
                        }
                    }
                    end.send_modify(|ended| *ended += 1);
                });
            }
        });
        Self {
            address,
            opened,
            ended,
            stalled,
            cut,
            task,
        }
    }

    /// Nothing more is read from the target until [`resume`](Self::resume).
    pub(crate) fn stall(&self) {
        self.stalled.send_replace(true);
    }

    pub(crate) fn resume(&self) {
        self.stalled.send_replace(false);
    }

    /// Connections break, and new ones come to nothing until [`heal`](Self::heal).
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub(crate) fn heal(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(near: TcpStream, far: TcpStream, mut stall: watch::Receiver<bool>) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let up = async {
        // Ends when either side is gone.
        let _ = tokio::io::copy(&mut near_read, &mut far_write).await;
        let _ = far_write.shutdown().await;
    };
    let down = async {
        let mut buffer = [0; 4096];
        loop {
            if stall.wait_for(|stalled| !*stalled).await.is_err() {
                break;
            }
            match far_read.read(&mut buffer).await {
                Ok(read) if read > 0 => {
                    if near_write.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
        let _ = near_write.shutdown().await;
    };
    tokio::join!(up, down);
}
