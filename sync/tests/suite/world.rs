//! Hosts, the wires between them, and the time that passes: a world that follows from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use driftwood_sync::{
    Channel, Config, DocumentName, ErrorCode, Frame, Input, Level, LinkId, LinkKind, Role, Time,
};

use crate::host::{Effect, Host};
use crate::random::Random;

/// Frames that may be delivered twice: the first byte is the tag.
const REPEATABLE: [u8; 4] = [0x04, 0x05, 0x06, 0x0a];

/// Two hosts that connect to each other whenever they can.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Route {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kinds: (LinkKind, LinkKind),
}

/// Frames under way to one end: each document in a lane of its own, beside the others.
#[derive(Default)]
struct Queue {
    /// What is about no document.
    common: VecDeque<Frame>,
    pushed: u64,
    taken: u64,
    /// With how much of the above was sent before.
    lanes: BTreeMap<Channel, VecDeque<(u64, Frame)>>,
}

impl Queue {
    fn push(&mut self, channel: Option<Channel>, frame: Frame) {
        let Some(channel) = channel else {
            self.pushed += 1;
            return self.common.push_back(frame);
        };
        let lane = self.lanes.entry(channel).or_default();
        lane.push_back((self.pushed, frame));
    }

    fn is_empty(&self) -> bool {
        self.common.is_empty() && self.lanes.is_empty()
    }

    /// The next frame of any lane that need not wait.
    fn pop(&mut self, random: &mut Random) -> Option<Frame> {
        let common = (!self.common.is_empty()).then_some(None);
        let ready = |(&channel, lane): (&Channel, &VecDeque<(u64, Frame)>)| {
            (lane[0].0 <= self.taken).then_some(Some(channel))
        };
        let lanes = self.lanes.iter().filter_map(ready);
        let ready: Vec<Option<Channel>> = common.into_iter().chain(lanes).collect();
        let Some(channel) = *(!ready.is_empty()).then(|| random.pick(&ready))? else {
            self.taken += 1;
            return self.common.pop_front();
        };
        let lane = self.lanes.get_mut(&channel)?;
        let frame = lane.pop_front().map(|(_, frame)| frame);
        if lane.is_empty() {
            self.lanes.remove(&channel);
        }
        frame
    }
}

/// A connection: both ends have the same number for it.
struct Wire {
    route: Route,
    /// What is under way to `to`, and to `from`.
    queues: [Queue; 2],
    /// The node at that end closed it.
    closed: [bool; 2],
}

impl Wire {
    fn end(&self, side: usize) -> usize {
        [self.route.to, self.route.from][side]
    }
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) hosts: Vec<Host>,
    pub(crate) routes: Vec<Route>,
    pub(crate) random: Random,
    /// How every host is set up that is added from now on.
    pub(crate) setup: fn(&mut Config),
    /// Whether one has to log in to relays.
    pub(crate) guarded: bool,
    /// Whether documents travel beside each other, as over QUIC, and arrive in any order.
    pub(crate) lanes: bool,
    wires: BTreeMap<LinkId, Wire>,
    last_number: u64,
    /// Every frame that was delivered, by its tag.
    pub(crate) delivered: BTreeMap<u8, usize>,
    pub(crate) closes: Vec<(u16, ErrorCode)>,
}

pub(crate) fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap()
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Time::from_millis(1_700_000_000_000),
            hosts: Vec::new(),
            routes: Vec::new(),
            random: Random::new(seed),
            setup: |_| {},
            guarded: false,
            lanes: false,
            wires: BTreeMap::new(),
            last_number: 0,
            delivered: BTreeMap::new(),
            closes: Vec::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn add(&mut self, role: Role, config: impl FnOnce(&mut Config)) -> usize {
        let (number, setup, guarded) = (self.number(), self.setup, self.guarded);
        let config = |all: &mut Config| {
            setup(all);
            all.guarded = guarded && role == Role::Relay;
            let name = if role == Role::Relay {
                "relay"
            } else {
                "person"
            };
            all.token = Some(format!("{name}-{number}").into_bytes());
            config(all);
        };
        self.hosts.push(Host::new(role, number, config));
        self.hosts.len() - 1
    }

    pub(crate) fn relay(&mut self) -> usize {
        self.add(Role::Relay, |_| {})
    }

    /// A client of these relays that has this document open.
    pub(crate) fn client(&mut self, relays: &[usize], document: &str) -> usize {
        let client = self.add(Role::Client, |_| {});
        for &relay in relays {
            self.route(client, relay, (LinkKind::Up, LinkKind::Down));
        }
        self.open(client, document);
        client
    }

    pub(crate) fn route(&mut self, from: usize, to: usize, kinds: (LinkKind, LinkKind)) {
        self.routes.push(Route { from, to, kinds });
    }

    pub(crate) fn open(&mut self, host: usize, document: &str) {
        let effects = self.hosts[host].open(self.now, &name(document));
        self.apply(host, effects);
    }

    pub(crate) fn input(&mut self, host: usize, input: Input) {
        let effects = self.hosts[host].handle(self.now, input);
        self.apply(host, effects);
    }

    /// Types at the end of the document's text.
    pub(crate) fn type_text(&mut self, host: usize, document: &str, text: &str) {
        let document = name(document);
        let effects = self.hosts[host].edit(self.now, &document, |edit| {
            edit.text("body").insert(0, text).unwrap();
        });
        self.apply(host, effects);
    }

    pub(crate) fn text(&self, host: usize, document: &str) -> String {
        self.hosts[host].docs[&name(document)]
            .text("body")
            .to_string()
    }

    /// How many changes of its own a client has made to a document.
    pub(crate) fn made(&self, client: usize, document: &str) -> u64 {
        let host = &self.hosts[client];
        host.docs[&name(document)].version().get(host.replica)
    }

    /// How many of those are saved at a level, as far as `host` knows.
    pub(crate) fn saved(&self, client: usize, host: usize, document: &str, level: Level) -> u64 {
        let own = self.hosts[client].replica;
        self.hosts[host].node.saved(&name(document), level).get(own)
    }

    /// Lets a host do one of its jobs.
    pub(crate) fn work(&mut self, host: usize) {
        if !self.hosts[host].jobs.is_empty() {
            let effects = self.hosts[host].work(self.now, &mut self.random);
            self.apply(host, effects);
        }
    }

    pub(crate) fn apply(&mut self, host: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(link, channel, frame) => {
                    let channel = channel.filter(|_| self.lanes);
                    if let Some(wire) = self.wires.get_mut(&link) {
                        let side = usize::from(wire.end(0) == host);
                        wire.queues[side].push(channel, frame);
                    }
                }
                Effect::Close(link, code, reason) => {
                    self.closes.push((code, reason));
                    if let Some(wire) = self.wires.get_mut(&link) {
                        let side = usize::from(wire.end(0) != host);
                        wire.closed[side] = true;
                        // Nobody reads what was on its way here.
                        wire.queues[side] = Queue::default();
                    }
                }
            }
        }
    }

    pub(crate) fn link_between(&self, a: usize, b: usize) -> Option<LinkId> {
        let joins =
            |route: &Route| (route.from, route.to) == (a, b) || (route.from, route.to) == (b, a);
        self.wires
            .iter()
            .find(|(_, wire)| joins(&wire.route))
            .map(|(&link, _)| link)
    }

    pub(crate) fn links(&self) -> Vec<LinkId> {
        self.wires.keys().copied().collect()
    }

    /// Dials every route that has no wire.
    pub(crate) fn connect_all(&mut self) {
        for route in self.routes.clone() {
            self.connect(route);
        }
    }

    pub(crate) fn connect(&mut self, route: Route) {
        if self.wires.values().any(|wire| wire.route == route) {
            return;
        }
        let link = LinkId(self.number());
        let wire = Wire {
            route,
            queues: Default::default(),
            closed: [false; 2],
        };
        self.wires.insert(link, wire);
        self.input(
            route.from,
            Input::Connected {
                link,
                kind: route.kinds.0,
            },
        );
        self.input(
            route.to,
            Input::Connected {
                link,
                kind: route.kinds.1,
            },
        );
    }

    /// A wire breaks: what was under way is lost.
    pub(crate) fn cut(&mut self, link: LinkId) {
        if let Some(wire) = self.wires.remove(&link) {
            self.input(wire.route.from, Input::Disconnected { link });
            self.input(wire.route.to, Input::Disconnected { link });
        }
    }

    pub(crate) fn crash(&mut self, host: usize) {
        for link in self.links() {
            let route = self.wires[&link].route;
            if route.from == host || route.to == host {
                self.cut(link);
            }
        }
        let number = self.number() + (1 << 32);
        self.hosts[host].crash(self.now, number, &mut self.random);
    }

    /// Delivers the next frame of some wire. False if there is none.
    pub(crate) fn deliver(&mut self, duplicates: bool) -> bool {
        let mut full = Vec::new();
        for (&link, wire) in &self.wires {
            for side in 0..2 {
                if !wire.queues[side].is_empty() || wire.closed[1 - side] {
                    full.push((link, side));
                }
            }
        }
        if full.is_empty() {
            return false;
        }
        let &(link, side) = self.random.pick(&full);
        let wire = self.wires.get_mut(&link).unwrap();
        let end = wire.end(side);
        let Some(frame) = wire.queues[side].pop(&mut self.random) else {
            self.cut(link);
            return true;
        };
        *self.delivered.entry(frame[0]).or_default() += 1;
        let twice = duplicates && REPEATABLE.contains(&frame[0]) && self.random.one_in(8);
        for _ in 0..=usize::from(twice) {
            self.input(
                end,
                Input::Received {
                    link,
                    bytes: frame.to_vec(),
                },
            );
        }
        true
    }

    /// Lets time pass, with a tick for whom it is due.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        for host in 0..self.hosts.len() {
            if self.hosts[host]
                .node
                .next_deadline()
                .is_some_and(|at| at <= self.now)
            {
                self.input(host, Input::Tick);
            }
        }
    }

    /// Until nothing is under way and nobody has anything to do. No time passes.
    pub(crate) fn settle(&mut self) {
        for step in 0.. {
            assert!(step < 200_000, "it goes on for ever");
            let busy: Vec<usize> = (0..self.hosts.len())
                .filter(|&host| !self.hosts[host].jobs.is_empty())
                .collect();
            if !busy.is_empty() && self.random.one_in(2) {
                let host = *self.random.pick(&busy);
                self.work(host);
            } else if !self.deliver(false) && busy.is_empty() {
                return;
            }
        }
    }

    /// As [`Self::settle`], for so long, ticking as deadlines come.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let deadlines = self
                .hosts
                .iter()
                .filter_map(|host| host.node.next_deadline());
            match deadlines.min() {
                Some(at) if at <= end => {
                    self.pass(at.since(self.now).max(Duration::from_millis(1)));
                }
                _ => break,
            }
        }
        self.now = self.now.max(end);
    }

    /// What a client was told is saved must be on so many disks, flushed.
    pub(crate) fn check_saved(&self) {
        for client in self.hosts.iter().filter(|host| host.role == Role::Client) {
            for ((document, level), version) in &client.saved {
                let relays = match level {
                    Level::Local => {
                        assert!(client.durable(document).includes(version), "local");
                        continue;
                    }
                    Level::Relay => 1,
                    Level::Replicated => 2,
                };
                let disks = self.hosts.iter().filter(|host| host.role == Role::Relay);
                let disks: Vec<_> = disks.map(|relay| relay.durable(document)).collect();
                for (replica, seq) in version.iter() {
                    let holding = disks.iter().filter(|disk| disk.get(replica) >= seq).count();
                    assert!(
                        holding >= relays,
                        "{level:?}: {replica} {seq} is on {holding}"
                    );
                }
            }
        }
    }

    /// Equal versions and equal content everywhere, and all of it flushed on the relays.
    pub(crate) fn check_converged(&self, document: &str) {
        let document = name(document);
        let holders: Vec<&Host> = self
            .hosts
            .iter()
            .filter(|host| host.role == Role::Relay || host.docs.contains_key(&document))
            .collect();
        let first = holders[0];
        for (at, host) in holders.iter().enumerate() {
            let version = host.node.version(&document).cloned().unwrap_or_default();
            let expected = first.node.version(&document).cloned().unwrap_or_default();
            assert_eq!(version, expected, "host {at} of {document}");
            assert_eq!(host.durable(&document), expected, "durable on host {at}");
            assert_eq!(
                host.canonical(&document),
                first.canonical(&document),
                "content of {at}"
            );
        }
    }
}
