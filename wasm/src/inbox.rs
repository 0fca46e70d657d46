//! What came on the links and waits for its turn. A flood of messages, each of them told and drawn by
//! itself, would keep a page from doing anything else: what arrives while the page is busy with the
//! last ones is taken in together, and the page rests for as long as it worked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::client::{Client, Far};
use crate::host::{self, Timer};

/// For how long messages are taken in before the page has its turn.
const WORK_MS: u64 = 8;
/// For how long it rests at most.
const REST_MS: u64 = 100;

/// What one message holds; none is a text message, which nobody may send.
pub(crate) type Message = Option<Vec<u8>>;

/// See the [module](self).
pub(crate) struct Inbox {
    waiting: RefCell<VecDeque<(Far, Message)>>,
    /// When the last ones were taken in, unless all that came of it is done.
    working: Cell<Option<u64>>,
    resting: Cell<bool>,
    turn: Timer,
}

impl Inbox {
    /// An empty one; `turn` is to call [`Client::inbox_turn`].
    pub(crate) fn new(turn: impl FnMut() + 'static) -> Self {
        Self {
            waiting: RefCell::default(),
            working: Cell::new(None),
            resting: Cell::new(false),
            turn: Timer::new(turn),
        }
    }
}

impl Client {
    /// A message came.
    pub(crate) fn arrived(&self, from: Far, message: Message) {
        self.inbox.waiting.borrow_mut().push_back((from, message));
        if self.inbox.working.get().is_none() || is_hidden() {
            self.take_from_inbox();
        }
    }

    /// What was taken in last has been told and, as far as the page was in a hurry, drawn.
    pub(crate) fn inbox_turn(&self) {
        let inbox = &self.inbox;
        let Some(since) = inbox.working.get() else {
            return;
        };
        if inbox.waiting.borrow().is_empty() {
            inbox.working.set(None);
            return;
        }
        let worked = host::now_ms().saturating_sub(since);
        if worked > WORK_MS && !inbox.resting.replace(true) {
            inbox.turn.set(worked.min(REST_MS) as f64);
        } else {
            self.take_from_inbox();
        }
    }

    fn take_from_inbox(&self) {
        let since = host::now_ms();
        self.inbox.working.set(Some(since));
        self.inbox.resting.set(false);
        // It is called after what follows from this: the subscribers, and messages that came meanwhile.
        self.inbox.turn.set(0.0);
        // Timers of a page that nobody sees are late by seconds.
        let patient = is_hidden();
        while self.take_one() {
            if !patient && host::now_ms().saturating_sub(since) > WORK_MS {
                break;
            }
        }
    }

    fn take_one(&self) -> bool {
        let Some((from, message)) = self.inbox.waiting.borrow_mut().pop_front() else {
            return false;
        };
        self.received(&from, message);
        true
    }

    /// Takes in everything that waits: links are about to end or to begin.
    pub(crate) fn empty_inbox(&self) {
        while self.take_one() {}
    }
}

fn is_hidden() -> bool {
    host::member(&host::global("document"), "hidden").is_truthy()
}
