//! A WebSocket client that does as little as possible: the generator must not be what is measured.
//!
//! It takes what the servers here send: unfragmented frames without extensions (RFC 6455 §5).

use anyhow::{bail, ensure, Context, Result};
use base64::prelude::{Engine as _, BASE64_STANDARD};
use bytes::{Buf as _, Bytes, BytesMut};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// As much is read at one time.
const READ_BYTES: usize = 64 << 10;

/// As much is gathered for one write.
const WRITE_BYTES: usize = 64 << 10;

/// The bit beside the length that says that a mask follows.
const MASKED: u8 = 0x80;

const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// What comes from the server.
pub struct Incoming {
    half: OwnedReadHalf,
    buffer: BytesMut,
    outgoing: Outgoing,
    /// When the bytes came that are being taken apart.
    pub arrived: Instant,
}

/// What goes to it; clones write to the same socket.
#[derive(Clone)]
pub struct Outgoing {
    half: Rc<Mutex<OwnedWriteHalf>>,
}

/// Opens a WebSocket.
pub async fn connect(address: SocketAddr, path: &str) -> Result<(Incoming, Outgoing)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut read, mut write) = stream.into_split();
    let key = BASE64_STANDARD.encode([7; 16]);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    write.write_all(request.as_bytes()).await?;
    let mut buffer = BytesMut::new();
    let end = loop {
        ensure!(
            read.read_buf(&mut buffer).await? > 0,
            "hung up on the handshake"
        );
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 101 "), "the server says {status}");
    buffer.advance(end);
    let outgoing = Outgoing {
        half: Rc::new(Mutex::new(write)),
    };
    let incoming = Incoming {
        half: read,
        buffer,
        outgoing: outgoing.clone(),
        arrived: Instant::now(),
    };
    Ok((incoming, outgoing))
}

impl Incoming {
    /// The next message; none when the server said goodbye.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            while let Some((kind, payload)) = self.frame()? {
                match kind {
                    BINARY => return Ok(Some(payload)),
                    PING => self.outgoing.write(&[(PONG, &payload)]).await?,
                    CLOSE => return Ok(None),
                    _ => {}
                }
            }
            self.buffer.reserve(READ_BYTES);
            let read = self.half.read_buf(&mut self.buffer).await;
            if read.context("the connection broke")? == 0 {
                return Ok(None);
            }
            self.arrived = Instant::now();
        }
    }

    fn frame(&mut self) -> Result<Option<(u8, Bytes)>> {
        let Some((kind, header, length)) = frame_header(&self.buffer)? else {
            return Ok(None);
        };
        if self.buffer.len() < header + length {
            return Ok(None);
        }
        self.buffer.advance(header);
        Ok(Some((kind, self.buffer.split_to(length).freeze())))
    }
}

/// What a frame is, how long its header is, and how long what follows; none if that is not here yet.
fn frame_header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (header, length) = match second {
        126 => match rest.first_chunk() {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        short @ 0..126 => (2, u64::from(*short)),
        _ => bail!("a server's frame is not masked"),
    };
    ensure!(
        first & 0xf0 == 0x80,
        "a frame in pieces, or of an extension"
    );
    let length = usize::try_from(length).context("a frame that fits no memory")?;
    Ok(Some((first & 0x0f, header, length)))
}

impl Outgoing {
    /// Sends messages, in as few writes as they take.
    pub async fn send<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<()> {
        let frames: Vec<(u8, &[u8])> = messages.iter().map(|one| (BINARY, one.as_ref())).collect();
        self.write(&frames).await
    }

    async fn write(&self, frames: &[(u8, &[u8])]) -> Result<()> {
        let mut half = self.half.lock().await;
        let mut out = Vec::new();
        for (kind, payload) in frames {
            out.push(0x80 | kind);
            match payload.len() {
                short @ 0..126 => out.push(MASKED | short as u8),
                middle @ 126..0x1_0000 => {
                    out.push(MASKED | 0x7e);
                    out.extend_from_slice(&(middle as u16).to_be_bytes());
                }
                long => {
                    out.push(MASKED | 0x7f);
                    out.extend_from_slice(&(long as u64).to_be_bytes());
                }
            }
            // The mask is nought: what is masked with it is what it was.
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(payload);
            if out.len() > WRITE_BYTES {
                half.write_all(&out).await?;
                out.clear();
            }
        }
        half.write_all(&out).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_lengths_are_read() {
        let header = |bytes: &[u8]| frame_header(bytes).expect("well-formed");
        assert_eq!(header(&[0x82, 5]), Some((BINARY, 2, 5)));
        assert_eq!(header(&[0x82, 126, 1, 0]), Some((BINARY, 4, 256)));
        let long = [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(header(&long), Some((BINARY, 10, 65_536)));
        assert_eq!(header(&long[..9]), None);
        assert_eq!(header(&[0x89]), None);
        assert!(frame_header(&[0x82, 0x85]).is_err(), "masked");
        assert!(frame_header(&[0x02, 5]).is_err(), "in pieces");
    }
}
