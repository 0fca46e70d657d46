//! What all documents of a page with the same relays share: one node, one store, one replica id, the
//! links to relays and sibling tabs.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use driftwood_sync::{Config, DocumentName, Input, LinkId, Node, NodeId, Role, Time, Token};
use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::document::Document;
use crate::error::Failure;
use crate::exchange::Load;
use crate::host::{self, Listener, Timer};
use crate::inbox::Inbox;
use crate::indexeddb::{Database, DATABASE};
use crate::replica_pool::{self, Lease};
use crate::socket::Socket;
use crate::store::Store;
use crate::table::Table;
use crate::tabs::Tabs;
use crate::telling::Event;

/// The BroadcastChannel of every Driftwood tab of an origin.
const CHANNEL: &str = "driftwood";

thread_local! {
    static CLIENTS: RefCell<Table<Setup, Rc<Client>>> = const { RefCell::new(Table::new()) };
}

/// What tells clients apart: documents that agree in this share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setup {
    /// Addresses of relays, sorted.
    pub(crate) relays: Vec<String>,
    /// What to show when logging in.
    pub(crate) token: Option<String>,
    /// Whether nothing is to be stored.
    pub(crate) memory: bool,
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Far {
    /// The relay of this index.
    Relay(usize),
    /// A sibling tab.
    Tab(String),
}

/// See the [module](self).
pub(crate) struct Client {
    pub(crate) setup: RefCell<Setup>,
    pub(crate) node: RefCell<Node>,
    pub(crate) documents: RefCell<Table<DocumentName, Rc<Document>>>,
    pub(crate) inputs: RefCell<Vec<Input>>,
    pub(crate) pumping: Cell<bool>,
    /// The node's clock: it never goes back.
    pub(crate) clock: Cell<u64>,
    pub(crate) deadline: Cell<Option<Time>>,
    pub(crate) timer: Timer,
    pub(crate) links: RefCell<Table<LinkId, Far>>,
    pub(crate) next_link: Cell<u64>,
    pub(crate) sockets: RefCell<Vec<Rc<Socket>>>,
    pub(crate) inbox: Inbox,
    /// Whether the page asked for silence towards the relays.
    pub(crate) offline: Cell<bool>,
    pub(crate) tabs: RefCell<Option<Rc<Tabs>>>,
    pub(crate) store: RefCell<Option<Rc<Store>>>,
    /// Why there is no store, where one was wanted.
    pub(crate) storeless: RefCell<Option<Failure>>,
    pub(crate) lease: RefCell<Option<Lease>>,
    /// Whether the page is put away; see [`crate::page`].
    pub(crate) suspended: Cell<bool>,
    /// What the documents were last told of how this page reaches others.
    pub(crate) told: Cell<Option<(u8, usize)>>,
    /// Whether the last document was closed.
    pub(crate) ended: Cell<bool>,
    /// Loads that wait for what they would give to be durable.
    pub(crate) loads: RefCell<Vec<Load>>,
    /// Writes what relays have acknowledged, a while after they have.
    pub(crate) acks: Timer,
    /// To be called when the store has something to say.
    pub(crate) waiting: RefCell<Vec<Function>>,
    pub(crate) listeners: RefCell<Vec<Listener>>,
    ready: RefCell<Option<Promise>>,
    me: Weak<Client>,
}

impl Client {
    /// The client of a set-up, begun if need be. It is ready when this returns.
    pub(crate) async fn get(setup: Setup) -> Result<Rc<Self>, Failure> {
        let client = CLIENTS.with(|clients| {
            let mut clients = clients.borrow_mut();
            clients
                .or_insert_with(setup.clone(), || Self::new(setup))
                .clone()
        });
        let ready = client
            .ready
            .borrow_mut()
            .get_or_insert_with(|| {
                let client = client.clone();
                host::promise(async move {
                    client.start().await?;
                    Ok(JsValue::UNDEFINED)
                })
            })
            .clone();
        match JsFuture::from(ready).await {
            Ok(_) => Ok(client),
            Err(error) => {
                client.end();
                Err(Failure::crossed(&error))
            }
        }
    }

    fn new(setup: Setup) -> Rc<Self> {
        let mut config = Config::new(Role::Client, NodeId(host::random_u64()));
        config.token = setup.token.as_ref().map(|token| token.clone().into_bytes());
        config.agent = String::from(concat!("driftwood-sync/", env!("CARGO_PKG_VERSION")));
        Rc::new_cyclic(|me: &Weak<Self>| {
            let (ticker, writer, reader) = (me.clone(), me.clone(), me.clone());
            Self {
                setup: RefCell::new(setup),
                node: RefCell::new(Node::new(config)),
                documents: RefCell::default(),
                inputs: RefCell::default(),
                pumping: Cell::new(false),
                clock: Cell::new(0),
                deadline: Cell::new(None),
                timer: Timer::new(move || {
                    if let Some(client) = ticker.upgrade() {
                        client.deadline.set(None);
                        client.input(Input::Tick);
                    }
                }),
                links: RefCell::default(),
                next_link: Cell::new(1),
                sockets: RefCell::default(),
                inbox: Inbox::new(move || {
                    if let Some(client) = reader.upgrade() {
                        client.inbox_turn();
                    }
                }),
                offline: Cell::new(false),
                tabs: RefCell::default(),
                store: RefCell::default(),
                storeless: RefCell::default(),
                lease: RefCell::default(),
                suspended: Cell::new(false),
                told: Cell::new(None),
                ended: Cell::new(false),
                loads: RefCell::default(),
                acks: Timer::new(move || {
                    if let Some(client) = writer.upgrade() {
                        client.put_acks();
                    }
                }),
                waiting: RefCell::default(),
                listeners: RefCell::default(),
                ready: RefCell::default(),
                me: me.clone(),
            }
        })
    }

    async fn start(self: &Rc<Self>) -> Result<(), Failure> {
        let memory = self.setup.borrow().memory;
        if !memory {
            match Database::open(DATABASE).await {
                Ok(database) => {
                    let weak = self.me.clone();
                    let store = Store::new(DATABASE, database, move |news| {
                        if let Some(client) = weak.upgrade() {
                            client.store_news(news);
                        }
                    });
                    *self.store.borrow_mut() = Some(store);
                }
                Err(failure) if failure.code == "FORMAT_TOO_NEW" => return Err(failure),
                Err(failure) => *self.storeless.borrow_mut() = Some(failure),
            }
        }
        let lease = match self.store().and_then(|store| store.database()) {
            Some(database) => replica_pool::lease(&database, None).await,
            None => Lease::for_session(),
        };
        *self.lease.borrow_mut() = Some(lease);
        self.watch_page();
        self.make_sockets();
        self.join_tabs();
        self.dial();
        Ok(())
    }

    fn make_sockets(&self) {
        let setup = self.setup.borrow();
        let sockets = setup.relays.iter().enumerate().map(|(index, url)| {
            let weak = self.me.clone();
            Socket::new(url, move |event| {
                if let Some(client) = weak.upgrade() {
                    client.socket_event(index, event);
                }
            })
        });
        *self.sockets.borrow_mut() = sockets.collect();
    }

    /// Another token from now on, for all documents of this client: it is shown on the links that are up, and a
    /// relay that refused the old one is dialled at once. Who opens a document with it later shares this client.
    pub(crate) fn set_token(self: &Rc<Self>, token: String) {
        if self.setup.borrow().token.as_ref() == Some(&token) {
            // Who answers every refusal with the same token shall not make it a storm.
            return;
        }
        let bytes = token.clone().into_bytes();
        self.input(Input::Token {
            token: Token(bytes),
        });
        self.sockets.borrow().iter().for_each(Socket::hurry);
        self.setup.borrow_mut().token = Some(token);
        let setup = self.setup.borrow().clone();
        CLIENTS.with(|clients| {
            let mut clients = clients.borrow_mut();
            clients.retain(|_, client| !Rc::ptr_eq(client, self));
            clients.or_insert_with(setup, || self.clone());
        });
    }

    pub(crate) fn join_tabs(&self) {
        let weak = self.me.clone();
        let me = self.node.borrow().config().node.to_string();
        *self.tabs.borrow_mut() = Tabs::join(CHANNEL, me, move |event| {
            if let Some(client) = weak.upgrade() {
                client.tab_event(event);
            }
        });
    }

    /// Connects to the relays, unless the page is offline or put away.
    pub(crate) fn dial(&self) {
        if !self.offline.get() && !self.suspended.get() {
            self.sockets.borrow().iter().for_each(Socket::start);
        }
    }

    /// Disconnects from the relays.
    pub(crate) fn hang_up(&self) {
        self.sockets
            .borrow()
            .iter()
            .for_each(|socket| socket.stop());
        self.drop_links(|far| matches!(far, Far::Relay(_)));
    }

    /// Tells every document.
    pub(crate) fn tell_all(&self, event: impl Fn() -> Event) {
        let documents: Vec<_> = self.documents.borrow().values().cloned().collect();
        for document in documents {
            document.tell(event());
        }
    }

    /// The store, where there is one.
    pub(crate) fn store(&self) -> Option<Rc<Store>> {
        self.store.borrow().clone()
    }

    pub(crate) fn weak(&self) -> Weak<Self> {
        self.me.clone()
    }

    /// The last document was closed: lets go of everything.
    pub(crate) fn end(self: &Rc<Self>) {
        CLIENTS.with(|clients| {
            clients
                .borrow_mut()
                .retain(|_, client| !Rc::ptr_eq(client, self));
        });
        self.listeners.borrow_mut().clear();
        self.hang_up();
        if let Some(tabs) = self.tabs.take() {
            tabs.leave();
        }
        self.timer.cancel();
        self.acks.cancel();
        self.suspended.set(true);
        self.ended.set(true);
        self.settle_suspension();
    }
}
