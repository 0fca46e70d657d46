//! A relay by itself, driven by hand.

use driftwood_crdt::{Doc, ReplicaId, VersionVector};
use driftwood_sync::{
    Channel, Config, Hello, Input, LinkId, LinkKind, Message, Node, NodeId, Output, Role, Time,
};

use crate::world::name;

pub(crate) const LINK: LinkId = LinkId(1);

/// A relay with one link, driven by hand.
pub(crate) struct Relay {
    pub(crate) node: Node,
    pub(crate) now: Time,
}

impl Relay {
    /// Before any hello.
    pub(crate) fn strict() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(config: impl FnOnce(&mut Config)) -> Self {
        let mut setup = Config::new(Role::Relay, NodeId(1));
        config(&mut setup);
        let mut relay = Self {
            node: Node::new(setup),
            now: Time::from_millis(1_700_000_000_000),
        };
        relay.input(Input::Connected {
            link: LINK,
            kind: LinkKind::Down,
        });
        relay
    }

    pub(crate) fn greeted() -> Self {
        let mut relay = Self::strict();
        relay.say(&hello());
        relay
    }

    pub(crate) fn input(&mut self, input: Input) -> Vec<Output> {
        self.node.handle(self.now, input).collect()
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Output> {
        self.input(Input::Received {
            link: LINK,
            bytes: bytes.to_vec(),
        })
    }

    pub(crate) fn say(&mut self, message: &Message) -> Vec<Output> {
        self.receive(&message.encode())
    }

    pub(crate) fn open(&mut self, channel: Channel, document: &str) -> Vec<Output> {
        let version = VersionVector::new();
        self.say(&Message::Open {
            channel,
            document: name(document),
            version,
            own: None,
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.node.links().next().is_some()
    }
}

pub(crate) fn hello() -> Message {
    Message::Hello(Hello {
        version_min: 1,
        version_max: 1,
        role: Role::Client,
        node: NodeId(2),
        token: None,
        agent: String::new(),
    })
}

pub(crate) fn sent(outputs: &[Output]) -> Vec<Message> {
    let frames = outputs.iter().filter_map(|output| match output {
        Output::Send { frame, .. } => Some(Message::decode(frame).unwrap()),
        _ => None,
    });
    frames.collect()
}

pub(crate) fn a_delta() -> Vec<u8> {
    let mut doc = Doc::new(ReplicaId::new(5));
    let mut edit = doc.edit(1_000);
    edit.text("body").insert(0, "hello").unwrap();
    edit.commit().encode()
}
