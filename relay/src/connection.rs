//! One WebSocket, whoever dialled it: messages in become events, queued frames go out.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driftwood_crdt::Dot;
use driftwood_sync::{Channel, DocumentName, ErrorCode, Frame, Input, Limits, LinkId, LinkKind};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, OwnedSemaphorePermit, Semaphore};
use tokio::time::{timeout, Instant};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::WebSocketStream;

use crate::metrics::Report;
use crate::outbox::{Close, Fullness, Next, Outbox, Transport};
use crate::purge::{purge, Lift, Purge};
use crate::traces::{Course, Traces, What, Within};

/// Beyond the protocol's own limit, so that a message which is a little too long is answered by the
/// protocol.
const SLACK_BYTES: usize = 4 << 10;

/// The library's default is 128 KiB, for each connection.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Frames are gathered here before they are written.
const WRITE_BUFFER_BYTES: usize = 64 << 10;

/// The kernel takes so much of what the other side is not ready for; by itself it would take up to 4 MiB
/// for each connection, and what is there cannot be taken back.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// Messages that came in and were not handled yet may hold so many bytes, of all links together.
pub(crate) const INCOMING_BYTES_MAX: usize = 16 << 20;

/// As many events wait to be handled at most.
const EVENTS_MAX: usize = 1024;

/// A relay that takes longer to say how it goes is in trouble.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);

/// A link that is to be closed has this long to send what is queued, and then the other side to say
/// goodbye.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// What connections tell the task that owns the node.
pub(crate) enum Event {
    /// A link came up, and this is its queue.
    Up {
        link: LinkId,
        kind: LinkKind,
        outbox: Outbox,
    },
    /// Something for the node. The permit is to be dropped when it has been handled.
    Happened {
        input: Input,
        permit: Option<OwnedSemaphorePermit>,
    },
    /// The link is gone.
    Down { link: LinkId },
    /// A change that was made here.
    Commit {
        commit: Commit,
        answer: oneshot::Sender<Result<(), ErrorCode>>,
    },
    /// A document is to be purged or lifted, or only asked about.
    Purge {
        document: DocumentName,
        what: Option<Lift>,
        answer: oneshot::Sender<Option<Purge>>,
    },
    /// Somebody wants to know how it goes.
    Ask { answer: oneshot::Sender<Report> },
}

/// A change that was made here: not by a client, but by a request.
pub(crate) struct Commit {
    pub(crate) document: DocumentName,
    pub(crate) delta: Arc<[u8]>,
    /// The last dot that it takes.
    pub(crate) last: Dot,
}

/// The queues of all links that are up, on the side of the task that owns the node.
#[derive(Default)]
pub(crate) struct Outboxes {
    outboxes: BTreeMap<LinkId, Outbox>,
    addresses: BTreeMap<LinkId, IpAddr>,
}

impl Outboxes {
    /// Takes note of an event. What the node is to hear of it, and what to drop after that.
    pub(crate) fn note(&mut self, event: Event) -> Option<(Input, Option<OwnedSemaphorePermit>)> {
        Some(match event {
            Event::Up { link, kind, outbox } => {
                self.outboxes.insert(link, outbox);
                (Input::Connected { link, kind }, None)
            }
            Event::Happened { input, permit } => {
                if let Input::Address { link, address } = input {
                    self.addresses.insert(link, address);
                }
                (input, permit)
            }
            Event::Down { link } => {
                self.outboxes.remove(&link);
                self.addresses.remove(&link);
                (Input::Disconnected { link }, None)
            }
            Event::Commit { .. } | Event::Purge { .. } | Event::Ask { .. } => return None,
        })
    }

    /// Where who dialled us called from.
    pub(crate) fn address(&self, link: LinkId) -> Option<IpAddr> {
        self.addresses.get(&link).copied()
    }

    /// What waits in all queues, in bytes, and how many of them are congested.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        let queues = self.outboxes.values().map(Outbox::backlog);
        queues.fold((0, 0), |(bytes, congested), (more, is_congested)| {
            (bytes + more, congested + usize::from(is_congested))
        })
    }

    /// How many links run over QUIC.
    pub(crate) fn over_quic(&self) -> usize {
        let all = self.outboxes.values();
        all.filter(|it| it.transport() == Transport::Quic).count()
    }

    /// Queues a frame. What the node must hear of it at once, if anything.
    pub(crate) fn send(
        &self,
        link: LinkId,
        channel: Option<Channel>,
        frame: Frame,
    ) -> Option<Input> {
        match self.outboxes.get(&link)?.push((channel, frame)) {
            Fullness::Room => None,
            Fullness::Congested => Some(Input::Congested { link }),
            Fullness::Crowded(channel) => Some(Input::Crowded { link, channel }),
        }
    }

    /// Ends a link after what is queued for it.
    pub(crate) fn close(&mut self, link: LinkId, code: u16, reason: ErrorCode) {
        if let Some(outbox) = self.outboxes.remove(&link) {
            outbox.close(Close {
                code,
                reason: reason.as_str(),
            });
        }
    }
}

/// The connections' side of a node: numbers links and carries their events.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) events: mpsc::Sender<Event>,
    next: Arc<AtomicU64>,
    pub(crate) incoming: Arc<Semaphore>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) traces: Traces,
}

/// A way to tell the node something while it runs.
#[derive(Clone)]
pub(crate) struct WeakLinks(mpsc::WeakSender<Event>);

impl WeakLinks {
    /// Purges a document, lifts that, or asks about it; see [`Links::purge`].
    pub(crate) async fn purge(
        &self,
        document: DocumentName,
        what: Option<Lift>,
        wait: Duration,
    ) -> Option<Option<Purge>> {
        purge(&self.0.upgrade()?, document, what, wait).await
    }

    /// How it goes; see [`Links::ask`].
    pub(crate) async fn ask(&self) -> Option<Report> {
        ask(&self.0.upgrade()?).await
    }

    pub(crate) async fn tell(&self, input: Input) {
        if let Some(events) = self.0.upgrade() {
            let permit = None;
            // Nobody listens any more when the node is being shut down.
            let _ = events.send(Event::Happened { input, permit }).await;
        }
    }
}

/// Sets a socket up for frames: small ones do not wait for company, and few wait in the kernel. A socket
/// that refuses is one that has ended.
pub(crate) fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
}

async fn ask(events: &mpsc::Sender<Event>) -> Option<Report> {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        events.send(Event::Ask { answer }).await.ok()?;
        answered.await.ok()
    };
    timeout(ASK_TIME_MAX, asked).await.ok()?
}

/// How a connection went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// How long it was up.
    pub(crate) lasted: Duration,
    /// How this side closed it, if it did.
    pub(crate) close: Option<Close>,
}

impl Ended {
    /// The node was gone already.
    pub(crate) fn at_once() -> Self {
        Self {
            lasted: Duration::ZERO,
            close: None,
        }
    }
}

impl Links {
    /// Links whose events come out of the receiver.
    pub(crate) fn new(limits: Limits) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let links = Self {
            events,
            next: Arc::new(AtomicU64::new(1)),
            incoming: Arc::new(Semaphore::new(INCOMING_BYTES_MAX)),
            limits: Arc::new(limits),
            traces: Traces::default(),
        };
        (links, receiver)
    }

    /// The same without keeping the node's task from ending.
    pub(crate) fn downgrade(&self) -> WeakLinks {
        WeakLinks(self.events.downgrade())
    }

    /// The limits that sockets keep by themselves.
    pub(crate) fn socket_config(&self) -> WebSocketConfig {
        let message_bytes = self.limits.message_bytes + SLACK_BYTES;
        WebSocketConfig::default()
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes))
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(WRITE_BUFFER_BYTES + 2 * message_bytes)
    }

    /// Takes in a change; what became of it when it is on disk or could not be stored, none if the relay
    /// ends.
    pub(crate) async fn commit(&self, commit: Commit) -> Option<Result<(), ErrorCode>> {
        let (answer, answered) = oneshot::channel();
        let event = Event::Commit { commit, answer };
        self.events.send(event).await.ok()?;
        answered.await.ok()
    }

    /// Purges a document, lifts that, or asks about it, and waits so long for all relays to have done it.
    /// None if the relay ends; and what is known, if anything.
    pub(crate) async fn purge(
        &self,
        document: DocumentName,
        what: Option<Lift>,
        wait: Duration,
    ) -> Option<Option<Purge>> {
        purge(&self.events, document, what, wait).await
    }

    /// How it goes; none if the node's task does not answer.
    pub(crate) async fn ask(&self) -> Option<Report> {
        ask(&self.events).await
    }

    /// Runs a socket until either side ends it, or `stop` resolves and names how to.
    // What an `async fn` is given it holds twice, and for each connection this is the largest thing there is.
    #[allow(clippy::manual_async_fn)]
    pub(crate) fn drive<S>(
        self,
        socket: WebSocketStream<S>,
        kind: LinkKind,
        address: Option<IpAddr>,
        stop: impl Future<Output = Close>,
    ) -> impl Future<Output = Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let started = Instant::now();
        let (mut sink, mut stream) = socket.split();
        async move {
            let Some((link, outbox)) = self.begin(kind, address, Transport::WebSocket).await else {
                return Ended::at_once();
            };

            let mut close = None;
            {
                let closing = async {
                    let close = outbox.closing().await;
                    tokio::time::sleep(CLOSE_GRACE).await;
                    close
                };
                let stopped = async {
                    outbox.close(stop.await);
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    () = self.read(link, &mut stream) => {}
                    sent = self.write(link, &outbox, &mut sink) => close = sent,
                    late = closing => close = Some(late),
                    () = stopped => {}
                }
            }
            // In a box, for most connections are far from their end.
            if let Some(ending) = end_of(sink, stream, close.is_some()) {
                ending.await;
            }
            let ended = Ended {
                lasted: started.elapsed(),
                close,
            };
            self.end(link, kind, Transport::WebSocket, ended).await
        }
    }

    /// Tells of a link that has ended.
    pub(crate) async fn end(
        &self,
        link: LinkId,
        kind: LinkKind,
        transport: Transport,
        ended: Ended,
    ) -> Ended {
        let begun = std::time::Instant::now();
        let course = begun.checked_sub(ended.lasted).unwrap_or(begun);
        let course = Course::of(course, ended.lasted);
        self.traces
            .note(What::Connection, Within::Link(link), course, || {
                let reason = ended
                    .close
                    .map_or("closed by the other side", |it| it.reason);
                [
                    ("driftwood.link", link.0.into()),
                    ("driftwood.dialled", (kind != LinkKind::Down).into()),
                    ("driftwood.transport", transport.to_string().as_str().into()),
                    (
                        "driftwood.close.code",
                        ended.close.map_or(0, |it| u64::from(it.code)).into(),
                    ),
                    ("driftwood.close.reason", reason.into()),
                ]
            });
        // Nobody listens any more when the node itself is being shut down.
        let _ = self.events.send(Event::Down { link }).await;
        ended
    }

    /// Tells of a link that came up; none if nobody listens any more.
    pub(crate) async fn begin(
        &self,
        kind: LinkKind,
        address: Option<IpAddr>,
        transport: Transport,
    ) -> Option<(LinkId, Outbox)> {
        let link = LinkId(self.next.fetch_add(1, Ordering::Relaxed));
        let outbox = Outbox::new(self.limits.backlog_bytes, transport);
        let up = Event::Up {
            link,
            kind,
            outbox: outbox.clone(),
        };
        self.events.send(up).await.ok()?;
        if let Some(address) = address {
            let input = Input::Address { link, address };
            let permit = None;
            let _ = self.events.send(Event::Happened { input, permit }).await;
        }
        Some((link, outbox))
    }

    /// Turns what comes in into events, until the other side is gone.
    async fn read<S>(&self, link: LinkId, stream: &mut SplitStream<WebSocketStream<S>>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let mut permit = None;
            let mut lost = false;
            let input = match stream.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    let weight = bytes.len().clamp(1, INCOMING_BYTES_MAX) as u32;
                    let incoming = Arc::clone(&self.incoming);
                    let acquired = incoming.acquire_many_owned(weight).await;
                    permit = Some(acquired.expect("nobody closes the semaphore"));
                    Input::Received {
                        link,
                        bytes: bytes.into(),
                    }
                }
                Some(Ok(Message::Text(_))) => Input::ReceivedText { link },
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => return,
                // No frame of a WebSocket's: as little of this protocol as text is.
                Some(Err(Error::Utf8(_) | Error::Protocol(_))) => {
                    lost = true;
                    Input::ReceivedText { link }
                }
                Some(Err(Error::Capacity(_))) => {
                    lost = true;
                    // The node answers by the length alone, and any that is too much will do.
                    Input::Received {
                        link,
                        bytes: vec![0; self.limits.message_bytes + 1],
                    }
                }
                // The library answers pings and close frames by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            };
            if self
                .events
                .send(Event::Happened { input, permit })
                .await
                .is_err()
            {
                return;
            }
            if lost {
                // Where the next message begins, nobody knows. The node closes the link now.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sends what is queued, until the queue says how to close or the socket fails.
    async fn write<S>(
        &self,
        link: LinkId,
        outbox: &Outbox,
        sink: &mut SplitSink<WebSocketStream<S>, Message>,
    ) -> Option<Close>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            match outbox.next().await {
                Next::Frames(frames) => {
                    let mut bytes = 0;
                    for (_, frame) in frames {
                        bytes += frame.len();
                        sink.feed(Message::Binary(Bytes::from_owner(frame)))
                            .await
                            .ok()?;
                    }
                    sink.flush().await.ok()?;
                    if outbox.sent(bytes) {
                        let input = Input::Drained { link };
                        self.events
                            .send(Event::Happened {
                                input,
                                permit: None,
                            })
                            .await
                            .ok()?;
                    }
                }
                Next::Close(close) => {
                    let frame = CloseFrame {
                        code: CloseCode::from(close.code),
                        reason: close.reason.into(),
                    };
                    // A socket that fails here is as closed as it can be.
                    let _ = sink.send(Message::Close(Some(frame))).await;
                    return Some(close);
                }
            }
        }
    }
}

/// What [`end`] does, for a socket in two halves.
fn end_of<S>(
    sink: SplitSink<WebSocketStream<S>, Message>,
    stream: SplitStream<WebSocketStream<S>>,
    said_goodbye: bool,
) -> Option<Pin<Box<impl Future<Output = ()>>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let socket = sink.reunite(stream).ok()?;
    Some(Box::pin(end(socket, said_goodbye)))
}

/// Ends a socket such that what was sent arrives: a socket that is dropped while bytes wait to be
/// read resets the connection, and the other side may lose our last words.
async fn end<S>(mut socket: WebSocketStream<S>, said_goodbye: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        if !said_goodbye {
            // Completes the answer to the other side's close frame.
            let _ = socket.close(None).await;
        }
        let raw = socket.get_mut();
        let _ = raw.shutdown().await;
        let mut rest = [0; 1024];
        while matches!(raw.read(&mut rest).await, Ok(read) if read > 0) {}
    };
    // Whoever does not hang up in time has had their chance.
    let _ = timeout(CLOSE_GRACE, farewell).await;
}
