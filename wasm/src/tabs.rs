//! Sibling tabs, by `BroadcastChannel`.
//!
//! A message is an array `[version, kind, from, to, bytes]`; `to` is a tab, or null for all. A tab
//! announces itself with `HELLO`; whoever hears it makes a link and answers `WELCOME`, on which the
//! other side makes its own. A tab that fell silent, and one that sends `DATA` without a link, is sent
//! a `HELLO` of its own, so that both start afresh when it can hear. `BYE` ends a link.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

use crate::host::{self, Listener};
use crate::table::Table;

const VERSION: f64 = 1.0;
const HELLO: f64 = 0.0;
const WELCOME: f64 = 1.0;
const DATA: f64 = 2.0;
const BYE: f64 = 3.0;

/// What happens between tabs.
pub(crate) enum Event {
    /// A link with this tab begins.
    Joined(String),
    /// It is over.
    Left(String),
    /// One message came.
    Message(String, Vec<u8>),
}

#[derive(Default)]
struct Known {
    linked: Table<String, ()>,
    /// Tabs that we asked to start afresh; what comes until they answer belongs to the old link.
    asked: Table<String, ()>,
}

/// The siblings of this tab.
pub(crate) struct Tabs {
    channel: BroadcastChannel,
    me: String,
    known: RefCell<Known>,
    tell: Box<dyn Fn(Event)>,
    listener: RefCell<Option<Listener>>,
}

impl Tabs {
    /// Joins the siblings as `me`, a name that no other tab has. `None` where there is no such thing
    /// as a sibling.
    pub(crate) fn join(
        channel: &str,
        me: String,
        tell: impl Fn(Event) + 'static,
    ) -> Option<Rc<Self>> {
        // In Node an open channel keeps the process alive, and there are no tabs.
        if !host::global("indexedDB").is_object() {
            return None;
        }
        let channel = BroadcastChannel::new(channel).ok()?;
        let tabs = Rc::new(Self {
            channel,
            me,
            known: RefCell::default(),
            tell: Box::new(tell),
            listener: RefCell::default(),
        });
        let weak = Rc::downgrade(&tabs);
        let listener = Listener::new(&tabs.channel, "message", move |event| {
            if let Some(tabs) = weak.upgrade() {
                tabs.receive(&event.unchecked_ref::<MessageEvent>().data());
            }
        });
        *tabs.listener.borrow_mut() = Some(listener);
        tabs.post(HELLO, None, None);
        Some(tabs)
    }

    /// Sends one message to a tab.
    pub(crate) fn send(&self, to: &str, frame: &[u8]) {
        self.post(DATA, Some(to), Some(frame));
    }

    /// Gives up a link that fell silent. Should the tab have been frozen only, it answers when it
    /// wakes up.
    pub(crate) fn drop_link(&self, tab: &str) {
        let mut known = self.known.borrow_mut();
        known.linked.remove(&tab.to_owned());
        known.asked.insert(tab.to_owned(), ());
        self.post(HELLO, Some(tab), None);
    }

    /// Says goodbye to all.
    pub(crate) fn leave(&self) {
        self.listener.borrow_mut().take();
        self.post(BYE, None, None);
        self.channel.close();
    }

    fn post(&self, kind: f64, to: Option<&str>, bytes: Option<&[u8]>) {
        let message = Array::of5(
            &VERSION.into(),
            &kind.into(),
            &self.me.as_str().into(),
            &to.map_or(JsValue::NULL, JsValue::from_str),
            &bytes.map_or(JsValue::NULL, |bytes| Uint8Array::from(bytes).into()),
        );
        // It fails only when the channel is closed: then nobody listens.
        let _ = self.channel.post_message(&message);
    }

    fn receive(&self, data: &JsValue) {
        let Some(message) = data.dyn_ref::<Array>() else {
            return;
        };
        let (Some(kind), Some(from)) = (message.get(1).as_f64(), message.get(2).as_string()) else {
            return;
        };
        let to = message.get(3);
        if message.get(0).as_f64() != Some(VERSION)
            || !(to.is_null() || to.as_string().as_ref() == Some(&self.me))
        {
            return;
        }
        let mut events = Vec::new();
        {
            let mut known = self.known.borrow_mut();
            if kind == HELLO {
                known.asked.remove(&from);
                if !known.linked.insert(from.clone(), ()) {
                    // It has lost its side of the link.
                    events.push(Event::Left(from.clone()));
                }
                // It must know of the link before our first message on it arrives.
                self.post(WELCOME, Some(&from), None);
                events.push(Event::Joined(from));
            } else if kind == WELCOME {
                known.asked.remove(&from);
                if known.linked.insert(from.clone(), ()) {
                    events.push(Event::Joined(from));
                }
            } else if kind == DATA && known.linked.contains(&from) {
                if let Some(bytes) = message.get(4).dyn_ref::<Uint8Array>() {
                    events.push(Event::Message(from, bytes.to_vec()));
                }
            } else if kind == DATA {
                if known.asked.insert(from.clone(), ()) {
                    self.post(HELLO, Some(&from), None);
                }
            } else if kind == BYE {
                known.asked.remove(&from);
                if known.linked.remove(&from).is_some() {
                    events.push(Event::Left(from));
                }
            }
        }
        for event in events {
            (self.tell)(event);
        }
    }
}
