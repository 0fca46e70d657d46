//! The links to relays and sibling tabs, as the node numbers them.

use driftwood_sync::{ErrorCode, Input, LinkId, LinkKind};

use crate::client::{Client, Far};
use crate::{socket, tabs};

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
        let state = match (self.setup.relays.is_empty(), online, dialling) {
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
        while let Some(link) = self.link(&is) {
            self.links.borrow_mut().remove(&link);
            self.input(Input::Disconnected { link });
        }
    }

    /// Something happened on the socket of this index.
    pub(crate) fn socket_event(&self, index: usize, event: socket::Event) {
        let is_it = |far: &Far| matches!(far, Far::Relay(other) if *other == index);
        let link = self.link(is_it);
        match (event, link) {
            (socket::Event::Open, _) => self.connected(Far::Relay(index)),
            (socket::Event::Closed, _) => self.drop_links(is_it),
            // It had not been connected: only the status may change.
            (socket::Event::Failed, _) => self.input(Input::Tick),
            (socket::Event::Message(bytes), Some(link)) => {
                self.input(Input::Received { link, bytes });
            }
            (socket::Event::Text, Some(link)) => self.input(Input::ReceivedText { link }),
            (socket::Event::Congested, Some(link)) => self.input(Input::Congested { link }),
            (socket::Event::Drained, Some(link)) => self.input(Input::Drained { link }),
            (_, None) => {}
        }
    }

    /// Something happened between tabs.
    pub(crate) fn tab_event(&self, event: tabs::Event) {
        match event {
            tabs::Event::Joined(tab) => self.connected(Far::Tab(tab)),
            tabs::Event::Left(tab) => {
                self.drop_links(|far| matches!(far, Far::Tab(other) if *other == tab));
            }
            tabs::Event::Message(tab, bytes) => {
                let is_it = |far: &Far| matches!(far, Far::Tab(other) if *other == tab);
                if let Some(link) = self.link(is_it) {
                    self.input(Input::Received { link, bytes });
                }
            }
        }
    }
}
