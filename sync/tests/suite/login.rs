//! Who has to log in, what that allows, and whose the replica ids are.

use std::time::Duration;

use driftwood_crdt::{Delta, Doc, ReplicaId, VersionVector};
use driftwood_sync::{
    Channel, Config, ErrorCode, Grant, Hello, Input, LinkId, LinkKind, Message, Node, NodeId,
    Output, Pace, Right, Rights, Role, Scope, Time, Token,
};

use crate::lone::sent;
use crate::world::name;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ADA: LinkId = LinkId(1);
const BOB: LinkId = LinkId(2);

fn hello(role: Role, node: u64, token: Option<&str>) -> Message {
    Message::Hello(Hello {
        version_min: 1,
        version_max: 1,
        role,
        node: NodeId(node),
        token: token.map(|token| token.as_bytes().to_vec()),
        agent: String::new(),
    })
}

fn rights(principal: &str, right: Right) -> Rights {
    Rights {
        principal: principal.into(),
        relay: false,
        grants: vec![Grant {
            scope: Scope::Prefix("notes/".into()),
            right,
        }],
        expires: None,
    }
}

/// A relay where one has to log in.
struct Guarded {
    node: Node,
    now: Time,
}

impl Guarded {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(setup: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Role::Relay, NodeId(1));
        config.guarded = true;
        setup(&mut config);
        Self {
            node: Node::new(config),
            now: Time::from_millis(1_700_000_000_000),
        }
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.node.handle(self.now, input).collect()
    }

    fn connect(&mut self, link: LinkId, kind: LinkKind) -> Vec<Output> {
        self.input(Input::Connected { link, kind })
    }

    fn say(&mut self, link: LinkId, message: &Message) -> Vec<Output> {
        let bytes = message.encode().to_vec();
        self.input(Input::Received { link, bytes })
    }

    /// Somebody dials, says hello and is let in.
    fn join(&mut self, link: LinkId, rights: Rights) {
        self.connect(link, LinkKind::Down);
        let outputs = self.say(link, &hello(Role::Client, 10 + link.0, Some("sesame")));
        let token = Token(b"sesame".to_vec());
        assert_eq!(outputs, [Output::Login { link, token }]);
        self.input(Input::Admitted { link, rights });
        assert!(self.is_up(link));
    }

    fn open(&mut self, link: LinkId, document: &str, own: Option<u64>) -> Vec<Output> {
        self.say(
            link,
            &Message::Open {
                channel: 4,
                document: name(document),
                version: VersionVector::new(),
                own: own.map(ReplicaId::new),
            },
        )
    }

    fn delta(&mut self, link: LinkId, delta: Vec<u8>) -> Vec<Output> {
        let delta = delta.into();
        self.say(link, &Message::Delta { channel: 4, delta })
    }

    fn is_up(&self, link: LinkId) -> bool {
        self.node.links().any(|info| info.link == link)
    }
}

/// A first change of a replica.
fn change(replica: u64) -> Vec<u8> {
    let mut doc = Doc::new(ReplicaId::new(replica));
    let mut edit = doc.edit(1_000);
    edit.text("body").insert(0, "hello").unwrap();
    edit.commit().encode()
}

fn told(outputs: &[Output]) -> Vec<(ErrorCode, Option<Channel>)> {
    let errors = sent(outputs)
        .into_iter()
        .filter_map(|message| match message {
            Message::Error { code, about, .. } => Some((code, about)),
            _ => None,
        });
    errors.collect()
}

fn closed(outputs: &[Output]) -> Option<(u16, ErrorCode)> {
    outputs.iter().find_map(|output| match output {
        Output::Disconnect { code, reason, .. } => Some((*code, *reason)),
        _ => None,
    })
}

fn is_stored(outputs: &[Output]) -> bool {
    let mut outputs = outputs.iter();
    outputs.any(|output| matches!(output, Output::Store { .. }))
}

const STRANGER: Option<(u16, ErrorCode)> = Some((4401, ErrorCode::Unauthenticated));
const FORGER: Option<(u16, ErrorCode)> = Some((4403, ErrorCode::ForgedReplica));

#[test]
fn without_a_token_or_with_a_bad_one_nobody_comes_in() {
    let mut relay = Guarded::new();
    relay.connect(ADA, LinkKind::Down);
    let outputs = relay.say(ADA, &hello(Role::Client, 2, None));
    assert_eq!(closed(&outputs), STRANGER);

    relay.connect(BOB, LinkKind::Down);
    relay.say(BOB, &hello(Role::Client, 2, Some("guess")));
    let outputs = relay.input(Input::Denied { link: BOB });
    assert_eq!(closed(&outputs), STRANGER);
    assert!(!relay.is_up(BOB));
}

#[test]
fn what_comes_before_the_answer_is_not_listened_to() {
    let mut relay = Guarded::new();
    relay.connect(ADA, LinkKind::Down);
    relay.say(ADA, &hello(Role::Client, 2, Some("sesame")));
    assert_eq!(closed(&relay.open(ADA, "notes/a", None)), STRANGER);
}

#[test]
fn a_document_that_is_not_permitted_is_refused_and_others_are_not() {
    let mut relay = Guarded::new();
    relay.join(ADA, rights("ada", Right::Write));
    let outputs = relay.open(ADA, "plans", None);
    assert_eq!(told(&outputs), [(ErrorCode::Forbidden, Some(4))]);
    assert!(relay.delta(ADA, change(5)).is_empty(), "nobody listens");
    assert!(told(&relay.open(ADA, "notes/a", None)).is_empty());
    assert!(is_stored(&relay.delta(ADA, change(5))));
}

#[test]
fn who_may_only_read_is_sent_changes_and_hands_in_none() {
    let mut relay = Guarded::new();
    relay.join(ADA, rights("ada", Right::Read));
    relay.join(BOB, rights("bob", Right::Write));
    relay.open(ADA, "notes/a", None);
    relay.open(BOB, "notes/a", None);
    let outputs = relay.delta(ADA, change(5));
    assert_eq!(told(&outputs), [(ErrorCode::Forbidden, Some(4))]);
    assert!(!is_stored(&outputs) && relay.is_up(ADA));
    let part = Message::Part(driftwood_sync::Part {
        channel: 4,
        hash: 1,
        total: 300_000,
        offset: 0,
        bytes: vec![1; 100].into(),
    });
    let outputs = relay.say(ADA, &part);
    assert_eq!(told(&outputs), [(ErrorCode::Forbidden, Some(4))]);
    assert!(is_stored(&relay.delta(BOB, change(6))));
}

#[test]
fn a_guarded_relay_passes_a_change_on_once_it_is_durable() {
    let mut relay = Guarded::new();
    relay.join(ADA, rights("ada", Right::Read));
    relay.join(BOB, rights("bob", Right::Write));
    relay.open(ADA, "notes/a", None);
    relay.open(BOB, "notes/a", None);
    let to_ada = |outputs: &[Output]| {
        let to_ada = |output: &&Output| matches!(output, Output::Send { link, .. } if *link == ADA);
        let frames: Vec<Output> = outputs.iter().filter(to_ada).cloned().collect();
        let is_delta = |message: &Message| matches!(message, Message::Delta { .. });
        sent(&frames).iter().any(is_delta)
    };
    assert!(!to_ada(&relay.delta(BOB, change(6))));
    let version = Delta::decode(&change(6)).unwrap().to().clone();
    let document = name("notes/a");
    let outputs = relay.input(Input::Flushed { document, version });
    assert!(to_ada(&outputs), "{outputs:?}");
}

#[test]
fn a_login_ends_unless_it_is_renewed_by_the_same_person() {
    let until = |relay: &Guarded, seconds| Rights {
        expires: Some(relay.now + Duration::from_secs(seconds)),
        ..rights("ada", Right::Write)
    };
    let mut relay = Guarded::new();
    let first = until(&relay, 3);
    relay.join(ADA, first.clone());
    assert_eq!(relay.node.next_deadline(), first.expires);
    relay.now = relay.now + Duration::from_secs(2);

    let token = Token(b"fresh".to_vec());
    let outputs = relay.say(
        ADA,
        &Message::Login {
            token: token.clone(),
        },
    );
    assert_eq!(outputs, [Output::Login { link: ADA, token }]);
    let rights = until(&relay, 5);
    relay.input(Input::Admitted { link: ADA, rights });
    relay.now = relay.now + Duration::from_secs(4);
    relay.input(Input::Tick);
    assert!(relay.is_up(ADA), "the new one counts");
    relay.now = relay.now + Duration::from_secs(1);
    assert_eq!(closed(&relay.input(Input::Tick)), STRANGER);

    let mut relay = Guarded::new();
    relay.join(ADA, self::rights("ada", Right::Write));
    let rights = self::rights("bob", Right::Write);
    let outputs = relay.input(Input::Admitted { link: ADA, rights });
    assert_eq!(closed(&outputs), STRANGER);
}

#[test]
fn a_login_that_is_over_already_is_none() {
    let mut relay = Guarded::new();
    relay.connect(ADA, LinkKind::Down);
    relay.say(ADA, &hello(Role::Client, 2, Some("old")));
    let rights = Rights {
        expires: Some(relay.now),
        ..rights("ada", Right::Write)
    };
    let outputs = relay.input(Input::Admitted { link: ADA, rights });
    assert_eq!(closed(&outputs), STRANGER);
}

#[test]
fn a_new_token_may_say_less_or_more() {
    let mut relay = Guarded::new();
    relay.join(ADA, rights("ada", Right::Read));
    relay.open(ADA, "notes/a", None);
    let more = rights("ada", Right::Write);
    let outputs = relay.input(Input::Admitted {
        link: ADA,
        rights: more,
    });
    // What could not be handed in before is asked for now.
    assert!(
        matches!(sent(&outputs)[..], [Message::Gap { .. }]),
        "{outputs:?}"
    );
    let mut less = rights("ada", Right::Read);
    less.grants.clear();
    let outputs = relay.input(Input::Admitted {
        link: ADA,
        rights: less,
    });
    assert_eq!(told(&outputs), [(ErrorCode::Forbidden, Some(4))]);
    assert!(relay.delta(ADA, change(5)).is_empty() && relay.is_up(ADA));
}

#[test]
fn a_replica_belongs_to_whom_it_first_wrote_for() {
    let mut relay = Guarded::new();
    relay.join(ADA, rights("ada", Right::Write));
    relay.join(BOB, rights("bob", Right::Write));
    relay.open(ADA, "notes/a", Some(5));
    let outputs = relay.delta(ADA, change(5));
    let bound = Output::Bind {
        document: name("notes/a"),
        replica: ReplicaId::new(5),
        principal: "ada".into(),
    };
    let at = |wanted: &Output| outputs.iter().position(|output| output == wanted);
    let store = outputs
        .iter()
        .position(|output| matches!(output, Output::Store { .. }));
    assert!(at(&bound).is_some() && at(&bound) < store, "{outputs:?}");

    // Bob may hold Ada's change, but brings no news under her id.
    relay.open(BOB, "notes/a", Some(6));
    assert!(closed(&relay.delta(BOB, change(5))).is_none());
    let mut doc = Doc::new(ReplicaId::new(5));
    for _ in 0..2 {
        let mut edit = doc.edit(1_000);
        edit.text("body").insert(0, "hello").unwrap();
        drop(edit.commit());
    }
    let forged = doc.delta_since(&VersionVector::new()).encode();
    let outputs = relay.delta(BOB, forged.clone());
    assert_eq!(closed(&outputs), FORGER);
    assert!(!is_stored(&outputs) && !relay.is_up(BOB) && relay.is_up(ADA));

    // Neither does he say that he writes under it.
    let again = LinkId(3);
    relay.join(again, rights("bob", Right::Write));
    let outputs = relay.open(again, "notes/a", Some(5));
    assert_eq!(told(&outputs), [(ErrorCode::ForgedReplica, Some(4))]);
    assert_eq!(closed(&outputs), FORGER);

    // Who administers the document may bring back what the relay has lost.
    let admin = LinkId(4);
    relay.join(admin, rights("root", Right::Admin));
    relay.open(admin, "notes/a", None);
    assert!(is_stored(&relay.delta(admin, forged)));
}

#[test]
fn whose_a_replica_is_outlives_the_process() {
    let mut relay = Guarded::new();
    relay.input(Input::Open {
        document: name("notes/a"),
        version: VersionVector::from_iter([(ReplicaId::new(5), 1)]),
        own: None,
    });
    relay.input(Input::Bound {
        document: name("notes/a"),
        replica: ReplicaId::new(5),
        principal: "ada".into(),
    });
    relay.join(BOB, rights("bob", Right::Write));
    assert_eq!(closed(&relay.open(BOB, "notes/a", Some(5))), FORGER);
}

#[test]
fn a_client_that_is_told_of_a_forged_replica_takes_another() {
    let mut client = Node::new(Config::new(Role::Client, NodeId(3)));
    let now = Time::from_millis(5_000);
    let (document, own) = (name("notes/a"), ReplicaId::new(5));
    let mut step = |input| -> Vec<Output> { client.handle(now, input).collect() };
    step(Input::Open {
        document: document.clone(),
        version: VersionVector::new(),
        own: Some(own),
    });
    let kind = LinkKind::Up;
    step(Input::Connected { link: ADA, kind });
    let bytes = hello(Role::Relay, 1, None).encode().to_vec();
    let opened = sent(&step(Input::Received { link: ADA, bytes }));
    let [Message::Open {
        channel,
        own: Some(said),
        ..
    }] = opened[..]
    else {
        panic!("{opened:?}");
    };
    assert_eq!(said, own);
    let error = Message::Error {
        code: ErrorCode::ForgedReplica,
        about: Some(channel),
        value: 0,
    };
    let bytes = error.encode().to_vec();
    let outputs = step(Input::Received { link: ADA, bytes });
    let forked = Output::Forked {
        document: document.clone(),
        replica: own,
    };
    assert!(outputs.contains(&forked), "{outputs:?}");
    // The relay hears under which it goes on.
    let outputs = step(Input::Open {
        document,
        version: VersionVector::new(),
        own: Some(ReplicaId::new(6)),
    });
    assert!(
        matches!(sent(&outputs)[..], [Message::Open { own: Some(own), .. }] if own == ReplicaId::new(6)),
        "{outputs:?}"
    );
}

fn a_relays_rights() -> Rights {
    Rights {
        relay: true,
        ..rights("relay-2", Right::Admin)
    }
}

fn logins(outputs: &[Output]) -> usize {
    let messages = sent(outputs);
    let logins = messages
        .iter()
        .filter(|message| matches!(message, Message::Login { .. }));
    logins.count()
}

#[test]
fn relays_show_their_tokens_to_each_other_and_to_nobody_else() {
    let mut relay = Guarded::with(|config| config.token = Some(b"ours".to_vec()));
    // Whoever dials is a stranger.
    let outputs = relay.connect(ADA, LinkKind::Down);
    assert!(
        matches!(&sent(&outputs)[..], [Message::Hello(hello)] if hello.token.is_none()),
        "{outputs:?}"
    );
    relay.say(ADA, &hello(Role::Relay, 9, Some("theirs")));
    let rights = a_relays_rights();
    let outputs = relay.input(Input::Admitted { link: ADA, rights });
    assert_eq!(logins(&outputs), 1);
    let first = sent(&outputs).into_iter().next();
    assert!(
        matches!(first, Some(Message::Login { .. })),
        "before all else"
    );
    // A client sees nothing of it.
    relay.connect(BOB, LinkKind::Down);
    relay.say(BOB, &hello(Role::Client, 8, Some("sesame")));
    let rights = self::rights("bob", Right::Admin);
    let outputs = relay.input(Input::Admitted { link: BOB, rights });
    assert_eq!(logins(&outputs), 0);
}

#[test]
fn a_relay_that_was_dialled_has_to_log_in_too() {
    let mut relay = Guarded::with(|config| config.token = Some(b"ours".to_vec()));
    let outputs = relay.connect(ADA, LinkKind::Mesh);
    assert!(
        matches!(&sent(&outputs)[..], [Message::Hello(hello)] if hello.token.is_some()),
        "{outputs:?}"
    );
    assert!(relay.say(ADA, &hello(Role::Relay, 9, None)).is_empty());
    let token = Token(b"theirs".to_vec());
    let outputs = relay.say(ADA, &Message::Login { token });
    assert!(matches!(outputs[..], [Output::Login { .. }]));
    let rights = a_relays_rights();
    let outputs = relay.input(Input::Admitted { link: ADA, rights });
    let messages = sent(&outputs);
    assert!(messages
        .iter()
        .any(|it| matches!(it, Message::Since { .. })));
    assert_eq!(logins(&outputs), 0, "it was in the hello");

    // One that does not is not listened to.
    relay.connect(BOB, LinkKind::Mesh);
    relay.say(BOB, &hello(Role::Relay, 8, None));
    let ping = Message::Ping { number: 1 };
    assert_eq!(closed(&relay.say(BOB, &ping)), STRANGER);
}

#[test]
fn a_persons_token_does_not_make_a_relay() {
    let mut relay = Guarded::new();
    relay.connect(ADA, LinkKind::Down);
    relay.say(ADA, &hello(Role::Relay, 9, Some("sesame")));
    let rights = rights("ada", Right::Admin);
    let outputs = relay.input(Input::Admitted { link: ADA, rights });
    assert_eq!(closed(&outputs), STRANGER);
}

#[test]
fn connections_of_one_principal_or_address_share_what_they_may_bring() {
    let small = Pace {
        per_second: 10,
        burst: 10,
    };
    let flood = |setup: fn(&mut Config, Pace), address: bool, principals: [&str; 2]| {
        let mut relay = Guarded::with(|config| setup(config, small));
        for (link, principal) in [ADA, BOB].into_iter().zip(principals) {
            relay.join(link, rights(principal, Right::Write));
            if address {
                let address = [10, 0, 0, 1].into();
                relay.input(Input::Address { link, address });
            }
            relay.open(link, "notes/a", None);
        }
        let mut codes = Vec::new();
        for _ in 0..14 {
            for link in [ADA, BOB] {
                codes.extend(told(&relay.delta(link, change(5))));
            }
        }
        let limited = codes
            .iter()
            .filter(|(code, _)| *code == ErrorCode::RateLimited);
        (limited.count(), relay.is_up(ADA), relay.is_up(BOB))
    };
    let principal: fn(&mut Config, Pace) = |config, pace| config.limits.principal.changes = pace;
    let address: fn(&mut Config, Pace) = |config, pace| config.limits.address.changes = pace;
    // Each is warned once and closed once.
    assert_eq!(flood(principal, false, ["ada", "ada"]), (4, false, false));
    assert_eq!(flood(address, true, ["ada", "bob"]), (4, false, false));
    // 14 each is more than is good, and not yet too much.
    assert_eq!(flood(principal, false, ["ada", "bob"]), (2, true, true));
    assert_eq!(flood(address, false, ["ada", "bob"]), (0, true, true));
}

#[test]
fn an_address_that_guesses_tokens_is_not_even_asked_any_more() {
    let mut relay = Guarded::with(|config| config.limits.address.changes = Pace::of(100));
    let mut guess = |link, address: [u8; 4]| {
        relay.connect(link, LinkKind::Down);
        let address = address.into();
        relay.input(Input::Address { link, address });
        let outputs = relay.say(link, &hello(Role::Client, 2, Some("guess")));
        if matches!(outputs[..], [Output::Login { .. }]) {
            relay.input(Input::Denied { link });
        }
        closed(&outputs)
    };
    // 5 at once are good, 10 are too much.
    for number in 0..10 {
        assert_eq!(guess(LinkId(number), [10, 0, 0, 1]), None, "{number}");
    }
    let limited = Some((4429, ErrorCode::RateLimited));
    assert_eq!(guess(LinkId(10), [10, 0, 0, 1]), limited);
    assert_eq!(guess(LinkId(11), [10, 0, 0, 2]), None, "somebody else");
}

#[test]
fn bytes_are_counted_as_well() {
    let mut relay = Guarded::with(|config| {
        config.limits.principal.bytes = Pace {
            per_second: 100,
            burst: 1_000,
        };
    });
    relay.join(ADA, rights("ada", Right::Write));
    let mut last = Vec::new();
    let mut messages = 0;
    while relay.is_up(ADA) {
        last = relay.open(ADA, &"x".repeat(256), None);
        messages += 1;
    }
    // Two bursts of 1,000 bytes are 7 messages of 263.
    assert_eq!(messages, 8);
    assert_eq!(closed(&last), Some((4429, ErrorCode::RateLimited)));
}

#[test]
fn a_new_token_of_ours_is_shown_at_once_and_what_was_refused_is_asked_for_again() {
    let mut client = Node::new(Config::new(Role::Client, NodeId(3)));
    let now = Time::from_millis(5_000);
    let mut step = |input| -> Vec<Output> { client.handle(now, input).collect() };
    step(Input::Open {
        document: name("notes/a"),
        version: VersionVector::new(),
        own: None,
    });
    let kind = LinkKind::Up;
    step(Input::Connected { link: ADA, kind });
    let bytes = hello(Role::Relay, 1, None).encode().to_vec();
    let opened = sent(&step(Input::Received { link: ADA, bytes }));
    let [Message::Open { channel, .. }] = opened[..] else {
        panic!("{opened:?}");
    };
    let refused = Message::Error {
        code: ErrorCode::Forbidden,
        about: Some(channel),
        value: 0,
    };
    let bytes = refused.encode().to_vec();
    step(Input::Received { link: ADA, bytes });
    let token = Token(b"fresh".to_vec());
    let messages = sent(&step(Input::Token {
        token: token.clone(),
    }));
    assert_eq!(messages[0], Message::Login { token });
    assert!(matches!(messages[1], Message::Open { .. }) && messages.len() == 2);
    // And from now on in every hello.
    let link = BOB;
    let messages = sent(&step(Input::Connected { link, kind }));
    assert!(
        matches!(&messages[..], [Message::Hello(hello)] if hello.token.as_deref() == Some(b"fresh"))
    );
}

#[test]
fn tokens_are_shown_by_no_debug() {
    let token = Token(b"sesame".to_vec());
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        Message::Login {
            token: token.clone()
        },
        Output::Login {
            link: ADA,
            token: token.clone()
        },
        Input::Token {
            token: token.clone()
        },
        token
    );
    assert!(!shown.contains("sesame") && !shown.contains("115, 101"));
}
