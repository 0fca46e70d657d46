//! A peer that means no good: its frames are written by hand.

use std::net::{Ipv4Addr, SocketAddr};

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{Channel, ErrorCode, Hello, Message, NodeId, Role, PROTOCOL_VERSIONS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{name, soon};

/// How a relay ended a connection: what it said, and the close code.
pub(crate) type Ending = (Vec<ErrorCode>, Option<u16>);

/// One connection of theirs.
pub(crate) struct Hostile {
    stream: TcpStream,
}

pub(crate) fn hello(token: Option<&str>) -> Message {
    Message::Hello(Hello {
        version_min: PROTOCOL_VERSIONS.0,
        version_max: PROTOCOL_VERSIONS.1,
        role: Role::Client,
        node: NodeId(0xbad),
        token: token.map(|token| token.as_bytes().to_vec()),
        agent: "test".into(),
    })
}

pub(crate) fn open(channel: Channel, document: &str, own: Option<u64>) -> Message {
    Message::Open {
        channel,
        document: name(document),
        version: VersionVector::new(),
        own: own.map(ReplicaId::new),
    }
}

/// A masked frame; the mask is zero, so the payload is as given.
pub(crate) fn frame(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    frame.extend_from_slice(length);
    frame[1] |= 0x80;
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// The length of a frame in the form of eight bytes.
pub(crate) fn long(bytes: u64) -> Vec<u8> {
    [&[127][..], &bytes.to_be_bytes()].concat()
}

impl Hostile {
    /// Connected, and nothing more.
    pub(crate) async fn tcp(relay: SocketAddr, from: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("all of 127/8 is ours");
        let stream = soon("connected", socket.connect(relay)).await;
        let stream = stream.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream }
    }

    /// Upgraded to a WebSocket.
    pub(crate) async fn upgraded(relay: SocketAddr, from: Ipv4Addr) -> Self {
        let mut hostile = Self::tcp(relay, from).await;
        let request = "GET /sync HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        hostile.raw(request.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = soon("an upgrade", hostile.stream.read_u8()).await;
            head.push(byte.expect("received"));
        }
        hostile
    }

    /// Logged in with a token that is good.
    pub(crate) async fn inside(relay: SocketAddr, from: Ipv4Addr, token: &str) -> Self {
        let mut hostile = Self::upgraded(relay, from).await;
        hostile.say(&hello(Some(token))).await;
        hostile
    }

    /// Sends bytes as they are. The relay may have closed before all of it was sent.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a binary frame.
    pub(crate) async fn send(&mut self, payload: &[u8]) {
        self.raw(&frame(0x82, &long(payload.len() as u64), payload))
            .await;
    }

    pub(crate) async fn say(&mut self, message: &Message) {
        self.send(&message.encode()).await;
    }

    /// Sends many bytes, until they are through or the relay has closed, and then listens.
    pub(crate) async fn pour(mut self, first: u8, length: u64, bytes: usize) -> Ending {
        self.raw(&frame(first, &long(length), &[])).await;
        self.pour_on(&vec![0; 64 << 10], bytes >> 16).await
    }

    /// Sends a piece so many times, while the relay takes it, and listens meanwhile.
    pub(crate) async fn pour_on(self, piece: &[u8], times: usize) -> Ending {
        let (read, mut write) = self.stream.into_split();
        let pouring = async {
            for _ in 0..times {
                if write.write_all(piece).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ending = listen(read) => ending,
            () = pouring => unreachable!("it pours for ever"),
        }
    }

    /// What the relay says until it closes.
    pub(crate) async fn last_words(self) -> Ending {
        let (read, _write) = self.stream.into_split();
        listen(read).await
    }

    /// Reads up to an answer that is asked for.
    pub(crate) async fn until<T>(&mut self, what: &str, want: impl Fn(Message) -> Option<T>) -> T {
        soon(what, async {
            loop {
                let (_, payload) = read_frame(&mut self.stream).await.expect("it is open");
                let message = Message::decode(&payload).expect("it speaks our protocol");
                if let Some(found) = want(message) {
                    return found;
                }
            }
        })
        .await
    }

    /// The code of the next error that does not close the connection.
    pub(crate) async fn refusal(&mut self, what: &str) -> ErrorCode {
        let code = |message| match message {
            Message::Error { code, .. } => Some(code),
            _ => None,
        };
        self.until(what, code).await
    }
}

async fn listen(mut stream: impl tokio::io::AsyncRead + Unpin) -> Ending {
    let mut codes = Vec::new();
    let close = soon("it closes", async {
        loop {
            match read_frame(&mut stream).await {
                Some((8, payload)) => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return code;
                }
                Some((_, payload)) => {
                    if let Ok(Message::Error { code, .. }) = Message::decode(&payload) {
                        codes.push(code);
                    }
                }
                None => return None,
            }
        }
    })
    .await;
    (codes, close)
}

/// A frame from the relay: its opcode and what is in it. None at the end.
async fn read_frame(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let length = match stream.read_u8().await.ok()? {
        126 => u64::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()?,
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).expect("it fits")];
    stream.read_exact(&mut payload).await.ok()?;
    Some((first & 0x0f, payload))
}
