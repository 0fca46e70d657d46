//! The links to relays and sibling tabs, as the node numbers them.

use driftwood_sync::{ErrorCode, Input, LinkId, LinkKind};

use crate::client::{Client, Far};
use crate::{inbox, socket, tabs};

impl Client {
    /// How this page reaches others: 0 no relay is wanted, 1 connecting, 2 online, 3 offline; and how
    /// many links are open.
    pub(crate) fn reach(&self) -> (u8, usize) {
        let links: Vec<_> = self
            .node
            .borrow()
            .links()
            .filter(|link| link.node.is_some())
            .collect();
        let online = links.iter().any(|link| link.kind == LinkKind::Up);
        let dialling = self
            .sockets
            .borrow()
            .iter()
            .any(|socket| socket.is_first_attempt());
        let state = match (self.setup.borrow().relays.is_empty(), online, dialling) {
            (true, _, _) => 0,
            (_, true, _) => 2,
            (_, _, true) => 1,
            _ => 3,
        };
        (state, links.len())
    }

    pub(crate) fn send(&self, link: LinkId, frame: &[u8]) {
        match self.links.borrow().get(&link) {
            Some(Far::Relay(index)) => {
                let socket = self.sockets.borrow().get(*index).cloned();
                if let Some(socket) = socket {
                    socket.send(frame);
                }
            }
            Some(Far::Tab(tab)) => {
                if let Some(tabs) = &*self.tabs.borrow() {
                    tabs.send(tab, frame);
                }
            }
            None => {}
        }
    }

    pub(crate) fn disconnect(&self, link: LinkId, code: u16, reason: ErrorCode) {
        let far = self.links.borrow_mut().remove(&link);
        match far {
            Some(Far::Relay(index)) => {
                if let Some(socket) = self.sockets.borrow().get(index) {
                    socket.disconnect(code, reason.as_str());
                }
            }
            Some(Far::Tab(tab)) => {
                if let Some(tabs) = &*self.tabs.borrow() {
                    tabs.drop_link(&tab);
                }
            }
            None => {}
        }
        self.input(Input::Disconnected { link });
    }

    /// A new link to `far`.
    fn connected(&self, far: Far) {
        // What an earlier link to it said must not be taken for what this one says.
        self.empty_inbox();
        let link = LinkId(self.next_link.replace(self.next_link.get() + 1));
        let kind = match far {
            Far::Relay(_) => LinkKind::Up,
            Far::Tab(_) => LinkKind::Tab,
        };
        self.links.borrow_mut().insert(link, far);
        self.input(Input::Connected { link, kind });
    }

    /// The link to what `is` says, if there is one.
    fn link(&self, is: impl Fn(&Far) -> bool) -> Option<LinkId> {
        self.links
            .borrow()
            .iter()
            .find(|(_, far)| is(far))
            .map(|(link, _)| *link)
    }

    /// Forgets links that are down.
    pub(crate) fn drop_links(&self, is: impl Fn(&Far) -> bool) {
        self.empty_inbox();
        while let Some(link) = self.link(&is) {
            self.links.borrow_mut().remove(&link);
            self.input(Input::Disconnected { link });
        }
    }

    /// Something happened on the socket of this index.
    pub(crate) fn socket_event(&self, index: usize, event: socket::Event) {
        let far = Far::Relay(index);
        match event {
            socket::Event::Open => self.connected(far),
            socket::Event::Closed => self.drop_links(|other| *other == far),
            // It had not been connected: only the status may change.
            socket::Event::Failed => self.input(Input::Tick),
            socket::Event::Message(bytes) => self.arrived(far, Some(bytes)),
            socket::Event::Text => self.arrived(far, None),
            socket::Event::Congested => self.on_link(&far, |link| Input::Congested { link }),
            socket::Event::Drained => self.on_link(&far, |link| Input::Drained { link }),
        }
    }

    /// Something happened between tabs.
    pub(crate) fn tab_event(&self, event: tabs::Event) {
        match event {
            tabs::Event::Joined(tab) => self.connected(Far::Tab(tab)),
            tabs::Event::Left(tab) => {
                let far = Far::Tab(tab);
                self.drop_links(|other| *other == far);
            }
            tabs::Event::Message(tab, bytes) => self.arrived(Far::Tab(tab), Some(bytes)),
        }
    }

    /// The message of a link has its turn.
    pub(crate) fn received(&self, from: &Far, message: inbox::Message) {
        self.on_link(from, |link| match message {
            Some(bytes) => Input::Received { link, bytes },
            None => Input::ReceivedText { link },
        });
    }

    /// Tells the node of something on the link to `far`, if there is one.
    fn on_link(&self, far: &Far, input: impl FnOnce(LinkId) -> Input) {
        if let Some(link) = self.link(|other| other == far) {
            self.input(input(link));
        }
    }
}
