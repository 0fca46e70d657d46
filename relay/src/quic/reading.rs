//! What comes on the streams of a connection, made into events.
//!
//! A message on a document's stream waits for those of the common stream that were sent before it, and is
//! not read until then. Long ones are read one after the other ([`LONG_BYTES_MAX`]), so that unfinished
//! messages on all streams hold no more than two long ones.

use bytes::{Buf as _, Bytes};
use driftwood_sync::{Input, LinkId};
use futures_util::stream::FuturesUnordered;
use futures_util::StreamExt as _;
use quinn::{Connection, RecvStream};
use std::sync::Arc;
use tokio::sync::{watch, Semaphore, SemaphorePermit};

use crate::connection::{Event, Links, INCOMING_BYTES_MAX};

/// A message up to this length may be unfinished on every stream.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// What longer ones may hold together that are being read: the longest one fits.
const LONG_BYTES_MAX: usize = 1 << 20;

/// As much is taken from a stream at once.
const CHUNK_BYTES: usize = 64 << 10;

/// How far the common stream has come.
#[derive(Clone, Copy)]
struct Common {
    /// Messages of it that were handed to the node.
    taken: u64,
    ended: bool,
}

/// Why nothing further can be read of a stream.
enum Broken {
    /// The connection has ended.
    Lost,
    /// This is no message.
    Malformed,
    /// It is too long.
    TooLong,
}

/// What all streams of a connection share.
struct Shared {
    link: LinkId,
    common: watch::Sender<Common>,
    long: Semaphore,
}

impl Links {
    /// Turns what comes on any stream into events, until all have ended.
    pub(super) async fn read_streams(&self, link: LinkId, connection: &Connection) {
        let (common, _) = watch::channel(Common {
            taken: 0,
            ended: false,
        });
        let shared = Shared {
            link,
            common,
            long: Semaphore::new(LONG_BYTES_MAX),
        };
        let mut streams = FuturesUnordered::new();
        let mut is_first = true;
        let mut is_open = true;
        while is_open || !streams.is_empty() {
            tokio::select! {
                accepted = connection.accept_uni(), if is_open => match accepted {
                    Ok(stream) => {
                        let is_lane = !std::mem::take(&mut is_first);
                        streams.push(self.read_stream(&shared, stream, is_lane));
                    }
                    Err(_closed) => is_open = false,
                },
                Some(()) = streams.next() => {}
            }
        }
    }

    async fn read_stream(&self, shared: &Shared, stream: RecvStream, is_lane: bool) {
        let mut stream = Stream {
            stream,
            chunk: Bytes::new(),
        };
        let mut common = is_lane.then(|| shared.common.subscribe());
        let mut after = 0;
        loop {
            let next = self.message(shared, &mut stream, common.as_mut(), &mut after);
            let link = shared.link;
            let (input, broken) = match next.await {
                Ok(Some((bytes, _long))) => (Input::Received { link, bytes }, false),
                Ok(None) | Err(Broken::Lost) => break,
                Err(Broken::Malformed) => (Input::ReceivedText { link }, true),
                // The node answers by the length alone, and any that is too much will do.
                Err(Broken::TooLong) => {
                    let bytes = vec![0; self.limits.message_bytes + 1];
                    (Input::Received { link, bytes }, true)
                }
            };
            let weight = match &input {
                Input::Received { bytes, .. } => bytes.len().clamp(1, INCOMING_BYTES_MAX),
                _ => 1,
            };
            let acquired = Arc::clone(&self.incoming).acquire_many_owned(weight as u32);
            let permit = Some(acquired.await.expect("nobody closes the semaphore"));
            let event = Event::Happened { input, permit };
            if self.events.send(event).await.is_err() {
                break;
            }
            if broken {
                // Where the next message begins, nobody knows. The node closes the link now.
                std::future::pending::<()>().await;
            }
            if !is_lane {
                shared.common.send_modify(|common| common.taken += 1);
            }
        }
        if !is_lane {
            shared.common.send_modify(|common| common.ended = true);
        }
    }

    /// The next message of a stream; none where it ends.
    async fn message<'a>(
        &self,
        shared: &'a Shared,
        stream: &mut Stream,
        common: Option<&mut watch::Receiver<Common>>,
        after: &mut u64,
    ) -> Result<Option<(Vec<u8>, Option<SemaphorePermit<'a>>)>, Broken> {
        if stream.has_ended().await? {
            return Ok(None);
        }
        let len = usize::try_from(stream.varint().await?).map_err(|_| Broken::TooLong)?;
        if len > self.limits.message_bytes.min(LONG_BYTES_MAX) {
            return Err(Broken::TooLong);
        }
        if let Some(common) = common {
            *after = after.saturating_add(stream.varint().await?);
            let is_due = |common: &Common| common.taken >= *after || common.ended;
            let reached = common.wait_for(is_due).await.map_err(|_| Broken::Lost)?;
            if reached.taken < *after {
                return Err(Broken::Lost);
            }
        }
        let mut long = None;
        if len > SHORT_BYTES_MAX {
            let acquired = shared.long.acquire_many(len as u32).await;
            long = Some(acquired.expect("nobody closes the semaphore"));
        }
        Ok(Some((stream.bytes(len).await?, long)))
    }
}

/// A stream, and what was taken from it and not read yet.
struct Stream {
    stream: RecvStream,
    chunk: Bytes,
}

impl Stream {
    /// Sees to it that there is something to read; `false` where the stream ends.
    async fn fill(&mut self) -> Result<bool, Broken> {
        if self.chunk.is_empty() {
            match self.stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(Some(chunk)) => self.chunk = chunk.bytes,
                Ok(None) => return Ok(false),
                Err(quinn::ReadError::Reset(_)) => return Err(Broken::Malformed),
                Err(_) => return Err(Broken::Lost),
            }
        }
        Ok(true)
    }

    async fn has_ended(&mut self) -> Result<bool, Broken> {
        Ok(!self.fill().await?)
    }

    async fn byte(&mut self) -> Result<u8, Broken> {
        if self.fill().await? {
            Ok(self.chunk.get_u8())
        } else {
            Err(Broken::Malformed)
        }
    }

    /// A number, in as few bytes as it takes.
    async fn varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte().await?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(Broken::Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken::Malformed)
    }

    /// So many bytes. Room is taken for what came, not for what was announced.
    async fn bytes(&mut self, len: usize) -> Result<Vec<u8>, Broken> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            if !self.fill().await? {
                return Err(Broken::Malformed);
            }
            let missing = len - bytes.len();
            let part = self.chunk.split_to(missing.min(self.chunk.len()));
            if bytes.capacity() - bytes.len() < part.len() {
                bytes.reserve_exact(missing.min(part.len().max(bytes.len())));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}
