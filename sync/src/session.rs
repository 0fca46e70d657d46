//! One link: the hello, the heartbeat, how much it may carry, and how it ends.

use crate::config::RELAY;
use crate::document::Key;
use crate::link::Link;
use crate::message::{Hello, Message, PROTOCOL_VERSIONS};
use crate::node::Node;
use crate::rate::{Balance, Source, LOGIN_CHANGES};
use crate::timer::Alarm;
use crate::wire::{WireError, AGENT_BYTES_MAX};
use crate::{Channel, ErrorCode, LinkId, LinkKind, Output, ProtocolError, Reporter, Role, Token};

/// The number of a heartbeat's ping.
const HEARTBEAT: u64 = 0;

/// The longest pause that a peer's `RATE_LIMITED` is obeyed for, in milliseconds.
const PAUSE_MS_MAX: u64 = 60_000;

impl Node {
    pub(crate) fn connected(&mut self, link: LinkId, kind: LinkKind) {
        // Whoever a relay dials is a relay.
        let relays = kind == LinkKind::Up && self.config.role == Role::Relay;
        let kind = if relays { LinkKind::Mesh } else { kind };
        let session = Link::new(kind, self.now, &self.config.limits);
        let dialled = session.dialled;
        self.links.insert(link, Box::new(session));
        let hello = Hello {
            version_min: PROTOCOL_VERSIONS.0,
            version_max: PROTOCOL_VERSIONS.1,
            role: self.config.role,
            node: self.config.node,
            // Whoever dials us is a stranger until they have logged in.
            token: dialled.then(|| self.config.token.clone()).flatten(),
            agent: shorten(&self.config.agent, AGENT_BYTES_MAX).to_owned(),
        };
        self.outbox.send(link, &Message::Hello(hello));
        self.arm_link(link);
    }

    pub(crate) fn received(&mut self, link: LinkId, bytes: &[u8]) {
        let limits = &self.config.limits;
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        session.heard = self.now;
        session.pinged = None;
        let bound = if session.is_ready() {
            limits.message_bytes
        } else {
            limits.hello_bytes
        };
        if bytes.len() > bound {
            return self.fail(link, ErrorCode::FrameTooLarge, bound as u64);
        }
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(WireError::Decode(error)) => {
                return self.fail(link, ErrorCode::BadFrame, error.offset as u64)
            }
            Err(WireError::Version { .. }) => {
                return self.fail(link, ErrorCode::UnsupportedVersion, PROTOCOL_VERSIONS.1)
            }
        };
        match (session.is_ready(), message) {
            (false, Message::Hello(hello)) if session.remote.is_none() => self.greeted(link, hello),
            (false, Message::Login { token }) if session.remote.is_some() => {
                self.ask_who(link, token);
            }
            (false, _) => self.fail(link, ErrorCode::Unauthenticated, 0),
            (true, Message::Hello(_)) => self.fail(link, ErrorCode::BadFrame, 0),
            (true, message) => {
                if self.within_rate(link, &message, bytes.len()) {
                    self.dispatch(link, message);
                }
            }
        }
    }

    pub(crate) fn fail_text(&mut self, link: LinkId) {
        if self.links.contains_key(&link) {
            self.fail(link, ErrorCode::BadFrame, 0);
        }
    }

    fn greeted(&mut self, link: LinkId, hello: Hello) {
        if hello.node == self.config.node {
            return self.fail(link, ErrorCode::NodeIdClash, 0);
        }
        let session = self
            .links
            .get_mut(&link)
            .expect("the message came on this link");
        let relays = (self.config.role, hello.role) == (Role::Relay, Role::Relay);
        if session.kind == LinkKind::Down && relays {
            session.kind = LinkKind::Mesh;
        }
        let fits = match session.kind {
            LinkKind::Up => hello.role == Role::Relay,
            LinkKind::Mesh => relays,
            LinkKind::Tab => hello.role == Role::Client,
            LinkKind::Down => true,
        };
        if !fits {
            return self.fail(link, ErrorCode::Unauthenticated, 0);
        }
        session.remote = Some(hello.node);
        session.agent = hello.agent;
        match hello.token {
            _ if !self.config.is_guarded() => self.welcome(link),
            Some(token) => self.ask_who(link, Token(token)),
            // A relay that was dialled logs in when it knows who we are.
            None if session.dialled => {}
            None => self.fail(link, ErrorCode::Unauthenticated, 0),
        }
    }

    /// They may come in.
    pub(crate) fn welcome(&mut self, link: LinkId) {
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        session.admitted = true;
        if session.is_mesh() {
            self.join_mesh(link);
        } else if self.config.role == Role::Client {
            let open: Vec<Key> = self.documents.open().collect();
            for key in open {
                self.introduce(link, key);
            }
        }
        self.arm_link(link);
    }

    fn dispatch(&mut self, link: LinkId, message: Message) {
        match message {
            // The one was answered before, as only the first message may be one; of the other one it
            // is enough that it came.
            Message::Hello(_) | Message::Pong { .. } => {}
            Message::Open {
                channel,
                document,
                version,
                own,
            } => {
                self.on_open(link, channel, &document, version, own);
            }
            Message::Shut { channel } => self.on_shut(link, channel),
            Message::Delta { channel, delta } => self.delta_arrived(link, channel, delta),
            Message::Part(part) => self.on_part(link, &part),
            Message::Want {
                channel,
                hash,
                offset,
            } => self.on_want(link, channel, hash, offset),
            Message::Ack {
                channel,
                level,
                version,
            } => self.on_ack(link, channel, level, &version),
            Message::Gap { channel, version } => self.on_gap(link, channel, version),
            Message::Error { code, about, value } => self.on_error(link, code, about, value),
            Message::NeedSkeleton { channel, dots } => {
                self.on_need_skeleton(link, channel, dots);
            }
            Message::Since { after } => self.on_since(link, after),
            Message::Changes(changes) => self.on_changes(link, changes),
            Message::Survey { from, number } => self.on_survey(link, from, number),
            Message::Symbols(symbols) => self.on_symbols(link, &symbols),
            Message::Unmatched {
                number,
                head,
                items,
            } => self.on_unmatched(link, number, head, &items),
            Message::Marks(marks) => self.on_marks(link, marks),
            Message::Presence {
                channel,
                peer,
                count,
                state,
            } => {
                self.on_presence(link, channel, peer, count, state);
            }
            Message::Login { token } => self.on_login(link, token),
            Message::Ping { number } => self.outbox.send(link, &Message::Pong { number }),
        }
    }

    /// An error is never answered with an error.
    fn on_error(&mut self, link: LinkId, code: ErrorCode, about: Option<Channel>, value: u64) {
        let document = about
            .and_then(|key| self.documents.get(key))
            .map(|doc| doc.name.clone());
        let error = ProtocolError {
            code,
            value,
            reporter: Reporter::Peer,
        };
        self.outbox.push(Output::Problem {
            document,
            link: Some(link),
            error,
        });
        if code == ErrorCode::RateLimited {
            if let Some(session) = self.links.get_mut(&link) {
                let pause = std::time::Duration::from_millis(value.min(PAUSE_MS_MAX));
                session.paused = Some(self.now + pause);
            }
            self.arm_link(link);
        }
        let Some(key) = about else { return };
        match code {
            // Another relay learns of it when it takes the mark, and asks again when that is lifted.
            ErrorCode::Purged if self.mesh_link(link).is_some() => self.leave(link, key),
            ErrorCode::Forbidden
            | ErrorCode::Purged
            | ErrorCode::LimitDocuments
            | ErrorCode::LimitName
            | ErrorCode::LimitReplicas
            | ErrorCode::LimitDelta
            | ErrorCode::FormatTooNew => self.refused_there(link, key),
            ErrorCode::DotConflict | ErrorCode::ReplicaForked | ErrorCode::ForgedReplica => {
                self.forked(key);
            }
            _ => {}
        }
    }

    pub(crate) fn congested(&mut self, link: LinkId) {
        let now = self.now;
        if let Some(session) = self.links.get_mut(&link) {
            session.congested.get_or_insert(now);
            self.arm_link(link);
        }
    }

    pub(crate) fn drained(&mut self, link: LinkId) {
        if let Some(session) = self.links.get_mut(&link) {
            session.congested = None;
            self.resume(link);
        }
    }

    pub(crate) fn crowded(&mut self, link: LinkId, key: Key) {
        let now = self.now;
        let session = self.links.get_mut(&link).filter(|_| RELAY);
        // One that is no longer there has nothing that could wait.
        if let Some(session) = session.filter(|it| it.documents.contains(key)) {
            session.crowded.entry(key).or_insert(now);
            self.arm_link(link);
        }
    }

    pub(crate) fn cleared(&mut self, link: LinkId, key: Key) {
        let session = self.links.get_mut(&link).filter(|_| RELAY);
        if session.is_some_and(|it| it.crowded.remove(&key).is_some()) {
            self.arm_link(link);
            self.push_parts(link, key);
            self.pump(link);
        }
    }

    fn resume(&mut self, link: LinkId) {
        self.arm_link(link);
        self.resume_transfers(link);
        self.pump(link);
        self.answer_since(link);
    }

    /// What is due on a link, and when to look again.
    pub(crate) fn link_alarm(&mut self, link: LinkId) {
        let limits = &self.config.limits;
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        if !session.is_ready() {
            if self.now >= session.connected + limits.hello_time {
                return self.fail(link, ErrorCode::Unauthenticated, 0);
            }
            return self.arm_link(link);
        }
        if RELAY && session.expires().is_some_and(|at| self.now >= at) {
            return self.fail(link, ErrorCode::Unauthenticated, 0);
        }
        let stuck = session
            .stuck_since()
            .is_some_and(|at| self.now >= at + limits.congested_time);
        let silent = session
            .pinged
            .is_some_and(|at| self.now >= at + limits.pong_time);
        if stuck || silent {
            return self.fail(link, ErrorCode::Timeout, 0);
        }
        if session.pinged.is_none() && self.now >= session.ping_due(limits) {
            session.pinged = Some(self.now);
            self.outbox.send(link, &Message::Ping { number: HEARTBEAT });
        }
        if session.paused.is_some_and(|until| self.now >= until) {
            session.paused = None;
        }
        self.exchange_alarm(link);
        self.resume(link);
    }

    pub(crate) fn arm_link(&mut self, link: LinkId) {
        let deadline = self
            .links
            .get(&link)
            .map(|session| session.deadline(&self.config.limits));
        self.timers.set(Alarm::Link(link), deadline);
    }

    fn within_rate(&mut self, link: LinkId, message: &Message, bytes: usize) -> bool {
        let limits = &self.config.limits;
        let Some(session) = self.links.get_mut(&link) else {
            return false;
        };
        if !RELAY || session.kind != LinkKind::Down {
            return true;
        }
        let mut balance = session.bucket.take(self.now, 1, limits.messages);
        let changes = match message {
            Message::Delta { .. } | Message::Part(_) => 1,
            Message::Login { .. } => LOGIN_CHANGES,
            _ => 0,
        };
        let amount = (changes, bytes as u64);
        let principal = session.rights.as_ref().map(|rights| &rights.principal);
        let principal = principal.map(|name| Source::Principal(name.clone()));
        for source in session.address.iter().chain(&principal) {
            balance = balance.max(self.meters.take(source, self.now, amount, limits));
        }
        match balance {
            Balance::Plenty => session.bucket.warned = false,
            Balance::Enough => {}
            Balance::Short { wait_ms } => {
                if !std::mem::replace(&mut session.bucket.warned, true) {
                    let code = ErrorCode::RateLimited;
                    self.outbox.problem(None, Some(link), code, wait_ms);
                    self.outbox.send_error(link, None, (code, None, wait_ms));
                }
            }
            Balance::Broke { wait_ms } => {
                self.fail(link, ErrorCode::RateLimited, wait_ms);
                return false;
            }
        }
        true
    }

    /// Says what is wrong and ends the link.
    pub(crate) fn fail(&mut self, link: LinkId, code: ErrorCode, value: u64) {
        self.outbox.problem(None, Some(link), code, value);
        self.end(link, code, None, value);
    }

    /// The last words on a link.
    pub(crate) fn end(
        &mut self,
        link: LinkId,
        code: ErrorCode,
        about: Option<Channel>,
        value: u64,
    ) {
        self.outbox.send_error(link, None, (code, about, value));
        let close = code.close_code().unwrap_or(4400);
        self.outbox.push(Output::Disconnect {
            link,
            code: close,
            reason: code,
        });
        self.disconnected(link);
    }

    pub(crate) fn disconnected(&mut self, link: LinkId) {
        let Some(session) = self.links.remove(&link) else {
            return;
        };
        self.mesh.remove(&link);
        self.timers.set(Alarm::Link(link), None);
        for key in session.documents.keys() {
            self.remove_party(link, key);
        }
        if session.is_mesh_primary() {
            self.promote_spare(session.remote);
        }
    }
}

/// At most the first `max` bytes of `text`, whole characters.
fn shorten(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
