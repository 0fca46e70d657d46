//! One relay address: dials, dials again with jittered back-off, sends, and says when too much waits.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use driftwood_sync::Backoff;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::host::{self, Listener, Timer};

/// A connection that is not there after this long is tried anew: networks can swallow everything.
const DIAL_MS: f64 = 10_000.0;
/// A connection that lasted this long was a good one: the next attempt starts at the shortest delay again. A relay
/// that refuses whoever comes says so first, so that something was said is no proof.
const HELD_MS: u64 = 5_000;
/// How often a backlog is looked at; sockets do not say when they are empty.
const DRAIN_MS: f64 = 50.0;
/// What may wait in the socket before the node is told to hold back.
const BACKLOG_BYTES: u32 = 256 << 10;

/// What happens on a socket.
pub(crate) enum Event {
    /// It is connected.
    Open,
    /// One binary message came.
    Message(Vec<u8>),
    /// A text message came.
    Text,
    /// More than 256 KiB wait to be sent.
    Congested,
    /// Nothing waits any more.
    Drained,
    /// It was connected and is not any more; it dials again by itself.
    Closed,
    /// An attempt to connect failed; it dials again by itself.
    Failed,
}

struct Connection {
    socket: WebSocket,
    open: bool,
    /// When it opened.
    since: u64,
    congested: bool,
    _listeners: [Listener; 4],
}

/// The link to one relay, for as long as it is wanted.
pub(crate) struct Socket {
    url: String,
    connection: RefCell<Option<Connection>>,
    backoff: RefCell<Backoff>,
    /// Whether it should be connected.
    wanted: Cell<bool>,
    /// Whether an attempt failed, or the connection was lost, since it was first wanted.
    failed: Cell<bool>,
    /// The next attempt, or the end of the present one's patience.
    dial: Timer,
    drain: Timer,
    tell: Box<dyn Fn(Event)>,
}

impl Socket {
    /// A link to `url`, not dialled yet.
    pub(crate) fn new(url: &str, tell: impl Fn(Event) + 'static) -> Rc<Self> {
        Rc::new_cyclic(|weak: &Weak<Self>| {
            let (dialler, drainer) = (weak.clone(), weak.clone());
            Self {
                url: url.to_owned(),
                connection: RefCell::new(None),
                backoff: RefCell::new(Backoff::new(host::random_u64())),
                wanted: Cell::new(false),
                failed: Cell::new(false),
                dial: Timer::new(move || {
                    if let Some(socket) = dialler.upgrade() {
                        socket.dial_timer();
                    }
                }),
                drain: Timer::new(move || {
                    if let Some(socket) = drainer.upgrade() {
                        socket.look_at_backlog();
                    }
                }),
                tell: Box::new(tell),
            }
        })
    }

    /// Whether it is connected now.
    fn is_open(&self) -> bool {
        self.connection
            .borrow()
            .as_ref()
            .is_some_and(|connection| connection.open)
    }

    /// Whether it is being connected and nothing has failed so far.
    pub(crate) fn is_first_attempt(&self) -> bool {
        self.wanted.get() && !self.failed.get()
    }

    /// Connects, and keeps connecting.
    pub(crate) fn start(self: &Rc<Self>) {
        if !self.wanted.replace(true) {
            self.failed.set(false);
            self.dial_now();
        }
    }

    /// Disconnects, and leaves it at that.
    pub(crate) fn stop(&self) {
        self.wanted.set(false);
        self.dial.cancel();
        self.hang_up(None);
    }

    /// Does not wait any longer: the network is back.
    pub(crate) fn hurry(self: &Rc<Self>) {
        if self.wanted.get() && self.connection.borrow().is_none() {
            self.backoff.borrow_mut().reset();
            self.dial_now();
        }
    }

    /// Ends this connection, with a reason for the other side, and dials again later.
    pub(crate) fn disconnect(self: &Rc<Self>, code: u16, reason: &str) {
        self.hang_up(Some((code, reason)));
        self.dial_later();
    }

    /// Sends one message.
    pub(crate) fn send(&self, frame: &[u8]) {
        let congested = {
            let mut connection = self.connection.borrow_mut();
            let Some(connection) = connection.as_mut().filter(|connection| connection.open) else {
                return;
            };
            // It throws only while connecting; a closing socket swallows it, and `close` follows.
            let _ = connection.socket.send_with_u8_array(frame);
            let over = connection.socket.buffered_amount() > BACKLOG_BYTES;
            over && !std::mem::replace(&mut connection.congested, over)
        };
        if congested {
            self.drain.set(DRAIN_MS);
            (self.tell)(Event::Congested);
        }
    }

    fn look_at_backlog(&self) {
        let drained = {
            let mut connection = self.connection.borrow_mut();
            let Some(connection) = connection.as_mut() else {
                return;
            };
            connection.socket.buffered_amount() == 0
                && std::mem::replace(&mut connection.congested, false)
        };
        if drained {
            (self.tell)(Event::Drained);
        } else {
            self.drain.set(DRAIN_MS);
        }
    }

    fn dial_timer(self: &Rc<Self>) {
        if self.connection.borrow().is_some() {
            // The attempt takes too long.
            self.closed();
        } else {
            self.dial_now();
        }
    }

    fn dial_later(&self) {
        self.failed.set(true);
        if self.wanted.get() {
            let delay = self.backoff.borrow_mut().next_delay();
            self.dial.set(delay.as_millis() as f64);
        }
    }

    fn dial_now(self: &Rc<Self>) {
        // A malformed address was refused before; a host without WebSocket throws each time.
        let Ok(socket) = WebSocket::new(&self.url) else {
            self.dial_later();
            return;
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let listen = |event, handle: fn(&Rc<Self>, &JsValue)| {
            let weak = Rc::downgrade(self);
            let this_one = socket.clone();
            Listener::new(&socket, event, move |event| {
                let Some(link) = weak.upgrade() else { return };
                // What an earlier connection still has to say is of no interest.
                let current = link
                    .connection
                    .borrow()
                    .as_ref()
                    .is_some_and(|connection| connection.socket == this_one);
                if current {
                    handle(&link, &event);
                }
            })
        };
        let listeners = [
            listen("open", |link, _| link.opened()),
            listen("message", Self::message),
            listen("close", |link, _| link.closed()),
            // `close` follows; without a listener some hosts report the error as uncaught.
            listen("error", |_, _| {}),
        ];
        *self.connection.borrow_mut() = Some(Connection {
            socket,
            open: false,
            since: 0,
            congested: false,
            _listeners: listeners,
        });
        self.dial.set(DIAL_MS);
    }

    fn opened(self: &Rc<Self>) {
        self.dial.cancel();
        if let Some(connection) = self.connection.borrow_mut().as_mut() {
            connection.open = true;
            connection.since = host::now_ms();
        }
        (self.tell)(Event::Open);
    }

    fn message(self: &Rc<Self>, event: &JsValue) {
        let data = event.unchecked_ref::<MessageEvent>().data();
        if let Some(buffer) = data.dyn_ref::<ArrayBuffer>() {
            (self.tell)(Event::Message(Uint8Array::new(buffer).to_vec()));
        } else {
            (self.tell)(Event::Text);
        }
    }

    fn closed(self: &Rc<Self>) {
        let was_open = self.is_open();
        self.hang_up(None);
        self.dial_later();
        (self.tell)(if was_open {
            Event::Closed
        } else {
            Event::Failed
        });
    }

    /// Forgets the connection. Its `close` event is not waited for: on a dead network that takes
    /// minutes.
    fn hang_up(&self, reason: Option<(u16, &str)>) {
        self.drain.cancel();
        let Some(connection) = self.connection.borrow_mut().take() else {
            return;
        };
        if connection.open && host::now_ms().saturating_sub(connection.since) >= HELD_MS {
            self.backoff.borrow_mut().reset();
        }
        let said = reason.is_some_and(|(code, reason)| {
            connection
                .socket
                .close_with_code_and_reason(code, reason)
                .is_ok()
        });
        if !said {
            // Browsers let scripts send only 1000 and 3000 to 4999.
            let _ = connection.socket.close();
        }
    }
}
