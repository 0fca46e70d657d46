//! What waits to be sent on one link: filled by the task that owns the node, emptied by the
//! connection.
//!
//! The node never waits for a slow reader. Its shell pushes frames here without blocking and learns
//! at once when too much is waiting; the connection says when all of it has gone out. Frames are
//! shared, so a broadcast to a thousand links holds its bytes once.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{poll_fn, Future};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use driftwood_sync::{Channel, Frame};
use futures_util::task::AtomicWaker;

/// As many frames go into one write at most.
const GATHER_FRAMES: usize = 64;

/// As many bytes go into one write, unless a single frame is longer.
const GATHER_BYTES: usize = 64 << 10;

/// A document by itself may have this part of what may wait on a link.
const DOCUMENT_PART: usize = 4;

/// What a link runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket, with TLS or without.
    WebSocket,
    /// QUIC.
    Quic,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocket => "WebSocket",
            Self::Quic => "QUIC",
        })
    }
}

/// A frame, and the document that it is about.
pub(crate) type Queued = (Option<Channel>, Frame);

/// Both ends of a link's queue; clones are the same queue.
#[derive(Clone)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    writer: AtomicWaker,
    closer: AtomicWaker,
    backlog_bytes_max: usize,
    transport: Transport,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Queued>,
    /// Of the frames in the queue and of those that are being written.
    bytes: usize,
    congested: bool,
    /// What waits of each document, where they do not wait for each other.
    documents: BTreeMap<Channel, Waiting>,
    close: Option<Close>,
}

/// What waits of a document.
#[derive(Default)]
struct Waiting {
    bytes: usize,
    crowded: bool,
}

/// What a frame that was added made of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fullness {
    /// There is room.
    Room,
    /// The link is congested.
    Congested,
    /// Too much waits of this document.
    Crowded(Channel),
}

/// How a connection is to be ended, once everything before has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Close {
    /// The WebSocket close code.
    pub(crate) code: u16,
    /// A stable name for it.
    pub(crate) reason: &'static str,
}

/// What a connection has to write next.
pub(crate) enum Next {
    /// These frames, in one go; then [`Outbox::sent`] with their bytes.
    Frames(Vec<Queued>),
    /// A close frame; nothing follows.
    Close(Close),
}

impl Outbox {
    /// An empty queue that counts as congested beyond so many bytes.
    pub(crate) fn new(backlog_bytes_max: usize, transport: Transport) -> Self {
        let shared = Shared {
            queue: Mutex::default(),
            writer: AtomicWaker::new(),
            closer: AtomicWaker::new(),
            backlog_bytes_max,
            transport,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Adds a frame. Says once when this made the link congested: from then on until
    /// [`sent`](Self::sent) says so, no document data should be added; and the same of a document, of which
    /// [`sent_of`](Self::sent_of) says when all is gone.
    pub(crate) fn push(&self, (channel, frame): Queued) -> Fullness {
        let mut queue = self.queue();
        if queue.close.is_some() {
            return Fullness::Room;
        }
        let apart = channel.filter(|_| self.shared.transport == Transport::Quic);
        let document_bytes_max = self.shared.backlog_bytes_max / DOCUMENT_PART;
        let crowded = apart.is_some_and(|channel| {
            let waiting = queue.documents.entry(channel).or_default();
            waiting.bytes += frame.len();
            let crowded = !waiting.crowded && waiting.bytes > document_bytes_max;
            waiting.crowded |= crowded;
            crowded
        });
        let idle = queue.frames.is_empty();
        queue.bytes += frame.len();
        queue.frames.push_back((channel, frame));
        let congested = !queue.congested && queue.bytes > self.shared.backlog_bytes_max;
        queue.congested |= congested;
        drop(queue);
        // Else it was woken for what waits already.
        if idle {
            self.shared.writer.wake();
        }
        match apart.filter(|_| crowded) {
            _ if congested => Fullness::Congested,
            Some(channel) => Fullness::Crowded(channel),
            None => Fullness::Room,
        }
    }

    /// Ends the link after what is queued. The first call wins.
    pub(crate) fn close(&self, close: Close) {
        self.queue().close.get_or_insert(close);
        self.shared.writer.wake();
        self.shared.closer.wake();
    }

    /// How many bytes wait, and whether that is too much.
    pub(crate) fn backlog(&self) -> (usize, bool) {
        let queue = self.queue();
        (queue.bytes, queue.congested)
    }

    /// What the link runs over.
    pub(crate) fn transport(&self) -> Transport {
        self.shared.transport
    }

    /// Waits for something to write. To be called by one task only.
    pub(crate) fn next(&self) -> impl Future<Output = Next> + '_ {
        poll_fn(|context| {
            // Before the look: who pushes after that wakes us.
            self.shared.writer.register(context.waker());
            self.take().map_or(Poll::Pending, Poll::Ready)
        })
    }

    /// Frames that are there already, if any.
    pub(crate) fn ready(&self) -> Option<Vec<Queued>> {
        match self.take() {
            Some(Next::Frames(frames)) => Some(frames),
            _ => None,
        }
    }

    /// Waits until the link is to be closed. To be called by one task only.
    pub(crate) fn closing(&self) -> impl Future<Output = Close> + '_ {
        poll_fn(|context| {
            self.shared.closer.register(context.waker());
            self.queue().close.map_or(Poll::Pending, Poll::Ready)
        })
    }

    /// Counts bytes as written. `true` when the link was congested and is empty now.
    pub(crate) fn sent(&self, bytes: usize) -> bool {
        let mut queue = self.queue();
        queue.bytes -= bytes;
        let drained = queue.congested && queue.bytes == 0;
        queue.congested &= !drained;
        drained
    }

    /// Counts bytes of documents as written. Those that were crowded and of which nothing waits now.
    pub(crate) fn sent_of(&self, documents: &[(Channel, usize)]) -> Vec<Channel> {
        let mut queue = self.queue();
        let mut cleared = Vec::new();
        for &(channel, bytes) in documents {
            let Some(waiting) = queue.documents.get_mut(&channel) else {
                continue;
            };
            waiting.bytes -= bytes;
            if waiting.bytes == 0 {
                cleared.extend(waiting.crowded.then_some(channel));
                queue.documents.remove(&channel);
            }
        }
        cleared
    }

    fn take(&self) -> Option<Next> {
        let mut queue = self.queue();
        if queue.frames.len() <= GATHER_FRAMES && queue.bytes <= GATHER_BYTES {
            // All of it, and the room that it took: most links are idle.
            let frames = std::mem::take(&mut queue.frames);
            return if frames.is_empty() {
                queue.close.map(Next::Close)
            } else {
                Some(Next::Frames(frames.into()))
            };
        }
        let mut gathered = Vec::new();
        let mut bytes = 0;
        while let Some((_, frame)) = queue.frames.front() {
            bytes += frame.len();
            if gathered.len() == GATHER_FRAMES || (bytes > GATHER_BYTES && !gathered.is_empty()) {
                break;
            }
            gathered.extend(queue.frames.pop_front());
        }
        if gathered.is_empty() {
            return queue.close.map(Next::Close);
        }
        Some(Next::Frames(gathered))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing here panics between two writes, so what a poisoned lock guards is whole.
        self.shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Queued {
        (None, vec![0; bytes].into())
    }

    fn outbox(backlog_bytes_max: usize) -> Outbox {
        Outbox::new(backlog_bytes_max, Transport::WebSocket)
    }

    async fn frames(outbox: &Outbox) -> usize {
        match outbox.next().await {
            Next::Frames(frames) => frames.len(),
            Next::Close(close) => panic!("{close:?}"),
        }
    }

    #[tokio::test]
    async fn it_says_once_that_it_is_congested_and_once_that_it_is_empty() {
        let outbox = outbox(100);
        assert_eq!(outbox.push(frame(60)), Fullness::Room);
        assert_eq!(outbox.push(frame(40)), Fullness::Room);
        assert_eq!(outbox.push(frame(1)), Fullness::Congested, "too much");
        assert_eq!(outbox.push(frame(1)), Fullness::Room, "known by now");
        assert_eq!(frames(&outbox).await, 4);
        assert!(!outbox.sent(60), "what is being written still counts");
        assert!(outbox.sent(42));
        assert_eq!(outbox.push(frame(100)), Fullness::Room);
        assert_eq!(frames(&outbox).await, 1);
        assert!(!outbox.sent(100), "it was not congested again");
    }

    #[test]
    fn where_documents_do_not_wait_for_each_other_one_may_be_crowded() {
        let outbox = Outbox::new(100, Transport::Quic);
        let about = |channel, bytes| (Some(channel), frame(bytes).1);
        assert_eq!(outbox.push(about(1, 25)), Fullness::Room);
        assert_eq!(outbox.push(about(1, 1)), Fullness::Crowded(1));
        assert_eq!(outbox.push(about(1, 1)), Fullness::Room, "known by now");
        assert_eq!(outbox.push(about(2, 20)), Fullness::Room);
        assert_eq!(outbox.push(about(2, 54)), Fullness::Congested);
        assert!(outbox.sent_of(&[(1, 26), (2, 20)]).is_empty());
        assert_eq!(outbox.sent_of(&[(1, 1), (2, 54)]), [1, 2]);
        assert_eq!(outbox.push(about(1, 20)), Fullness::Room, "from the start");
        assert_eq!(outbox.push(frame(5)), Fullness::Room, "about none");
        assert!(outbox.sent_of(&[(1, 20)]).is_empty());
    }

    #[tokio::test]
    async fn writes_are_gathered_up_to_a_bound() {
        let outbox = outbox(usize::MAX);
        for _ in 0..100 {
            outbox.push(frame(1));
        }
        assert_eq!(frames(&outbox).await, GATHER_FRAMES);
        assert_eq!(frames(&outbox).await, 100 - GATHER_FRAMES);
        for bytes in [GATHER_BYTES * 3, GATHER_BYTES - 1, 1, 1] {
            outbox.push(frame(bytes));
        }
        assert_eq!(frames(&outbox).await, 1, "a long frame goes alone");
        assert_eq!(frames(&outbox).await, 2);
        assert_eq!(frames(&outbox).await, 1);
    }

    #[tokio::test]
    async fn closing_comes_after_what_was_queued_and_nothing_follows() {
        let outbox = outbox(100);
        outbox.push(frame(1));
        let close = Close {
            code: 4400,
            reason: "BAD_FRAME",
        };
        outbox.close(close);
        outbox.close(Close {
            code: 1001,
            reason: "GOING_AWAY",
        });
        outbox.push(frame(1));
        assert_eq!(outbox.closing().await, close);
        assert_eq!(frames(&outbox).await, 1);
        assert!(matches!(outbox.next().await, Next::Close(said) if said == close));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let outbox = outbox(100);
        let (writer, closer) = (outbox.clone(), outbox.clone());
        let writer = tokio::spawn(async move { frames(&writer).await });
        let closer = tokio::spawn(async move { closer.closing().await.code });
        tokio::task::yield_now().await;
        outbox.push(frame(1));
        assert_eq!(writer.await.expect("no panic"), 1);
        outbox.close(Close {
            code: 1000,
            reason: "DONE",
        });
        assert_eq!(closer.await.expect("no panic"), 1000);
    }
}
