//! What a peer may not do, and what it is told.

use std::time::Duration;

use driftwood_crdt::{Doc, ReplicaId, VersionVector};
use driftwood_sync::{
    Changes, Channel, Config, ErrorCode, Hello, Input, Level, LinkKind, Listed, Message, Node,
    NodeId, Output, Pace, Role, Symbol, Symbols, Time,
};

use crate::lone::{a_delta, hello, sent, Relay, LINK};
use crate::world::name;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The link was closed like this, after it was told why.
fn assert_closed(outputs: &[Output], code: u16, reason: ErrorCode, value: u64) {
    let told = Message::Error {
        code: reason,
        about: None,
        value,
    };
    assert_eq!(sent(outputs).last(), Some(&told), "{outputs:?}");
    assert_eq!(
        outputs.last(),
        Some(&Output::Disconnect {
            link: LINK,
            code,
            reason
        })
    );
}

fn assert_refused(outputs: &[Output], code: ErrorCode, about: Channel, value: u64) {
    assert_eq!(
        sent(outputs),
        vec![Message::Error {
            code,
            about: Some(about),
            value
        }]
    );
    assert!(!outputs
        .iter()
        .any(|output| matches!(output, Output::Disconnect { .. })));
}

#[test]
fn a_first_message_that_is_no_hello() {
    let mut relay = Relay::strict();
    assert_closed(&relay.open(1, "notes"), 4401, ErrorCode::Unauthenticated, 0);
    assert!(!relay.is_up());
    assert!(
        relay.open(1, "notes").is_empty(),
        "a closed link is not listened to"
    );
}

#[test]
fn a_late_hello() {
    let mut relay = Relay::strict();
    relay.now = relay.now + Duration::from_secs(5);
    assert_eq!(relay.node.next_deadline(), Some(relay.now));
    assert_closed(
        &relay.input(Input::Tick),
        4401,
        ErrorCode::Unauthenticated,
        0,
    );
}

#[test]
fn a_second_hello() {
    let mut relay = Relay::greeted();
    assert_closed(&relay.say(&hello()), 4400, ErrorCode::BadFrame, 0);
}

#[test]
fn a_version_that_is_not_spoken_here() {
    let mut relay = Relay::strict();
    let outputs = relay.receive(&[0x01, 7, 9, 1, 2, 3]);
    assert_closed(&outputs, 4406, ErrorCode::UnsupportedVersion, 1);
}

#[test]
fn text_garbage_and_parts() {
    assert_closed(
        &Relay::greeted().input(Input::ReceivedText { link: LINK }),
        4400,
        ErrorCode::BadFrame,
        0,
    );
    assert_closed(&Relay::greeted().receive(&[]), 4400, ErrorCode::BadFrame, 0);
    assert_closed(
        &Relay::greeted().receive(&[0x77]),
        4400,
        ErrorCode::BadFrame,
        0,
    );
    assert_closed(
        &Relay::greeted().receive(&[0x03]),
        4400,
        ErrorCode::BadFrame,
        1,
    );
    assert_closed(
        &Relay::greeted().receive(&[0x03, 1, 9]),
        4400,
        ErrorCode::BadFrame,
        2,
    );
}

#[test]
fn a_damaged_delta_is_reported_where_it_is_damaged() {
    let mut relay = Relay::greeted();
    relay.open(300, "notes");
    let delta = a_delta();
    let cut = &delta[..delta.len() - 1];
    let message = Message::Delta {
        channel: 300,
        delta: cut.into(),
    };
    let outputs = relay.say(&message);
    let Some(Message::Error {
        code: ErrorCode::BadFrame,
        value,
        ..
    }) = sent(&outputs).pop()
    else {
        panic!("{outputs:?}")
    };
    assert!(value >= 3 && value <= message.encode().len() as u64);
    assert!(!outputs
        .iter()
        .any(|output| matches!(output, Output::Store { .. })));
}

#[test]
fn every_part_of_a_delta_is_an_error_and_nothing_more() {
    let delta = a_delta();
    for end in 0..delta.len() {
        let mut relay = Relay::greeted();
        relay.open(1, "notes");
        let outputs = relay.say(&Message::Delta {
            channel: 1,
            delta: delta[..end].into(),
        });
        assert!(
            !relay.is_up()
                && !outputs
                    .iter()
                    .any(|output| matches!(output, Output::Store { .. }))
        );
    }
}

#[test]
fn messages_that_are_too_long() {
    let big = vec![0u8; (16 << 10) + 1];
    assert_closed(
        &Relay::strict().receive(&big),
        1009,
        ErrorCode::FrameTooLarge,
        16 << 10,
    );
    let bigger = vec![0u8; (1 << 20) + 1];
    assert_closed(
        &Relay::greeted().receive(&bigger),
        1009,
        ErrorCode::FrameTooLarge,
        1 << 20,
    );
}

#[test]
fn too_many_documents() {
    let mut relay = Relay::greeted();
    for channel in 0..256 {
        assert_eq!(sent(&relay.open(channel, &format!("d{channel}"))).len(), 1);
    }
    let outputs = relay.open(256, "one more");
    assert_refused(&outputs, ErrorCode::LimitDocuments, 256, 256);
    // Shutting one makes room.
    relay.say(&Message::Shut { channel: 7 });
    assert_eq!(sent(&relay.open(256, "one more")).len(), 1);
}

#[test]
fn a_channel_that_means_two_documents() {
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    assert_closed(&relay.open(1, "b"), 4400, ErrorCode::BadFrame, 0);
}

#[test]
fn opening_twice_is_answered_once() {
    let mut relay = Relay::greeted();
    assert_eq!(sent(&relay.open(1, "a")).len(), 1);
    assert!(sent(&relay.open(1, "a")).is_empty());
    assert_eq!(
        sent(&relay.open(2, "a")).len(),
        1,
        "a later number: their Shut is under way"
    );
    assert!(sent(&relay.open(1, "a")).is_empty(), "that was before");
    let delta = Message::Delta {
        channel: 1,
        delta: a_delta().into(),
    };
    assert!(relay.say(&delta).is_empty(), "the old number is free");
    let delta = Message::Delta {
        channel: 2,
        delta: a_delta().into(),
    };
    assert!(matches!(relay.say(&delta)[..], [Output::Store { .. }]));
}

#[test]
fn what_is_not_for_a_client_to_say_is_left_alone() {
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    let version = VersionVector::from_iter([(ReplicaId::new(5), 9)]);
    let documents = vec![Listed {
        number: 1,
        document: name("secret"),
        digest: 7,
    }];
    let messages = [
        Message::Since { after: 0 },
        Message::Changes(Changes {
            after: 0,
            upto: 1,
            more: false,
            documents,
        }),
        Message::Survey { from: 0, number: 0 },
        Message::Symbols(Symbols {
            secret: [1, 2],
            number: 1,
            from: 0,
            symbols: vec![Symbol::default()],
        }),
        Message::Unmatched {
            number: 9,
            head: 9,
            items: vec![],
        },
        Message::Ack {
            channel: 1,
            level: Level::Relay,
            version: version.clone(),
        },
        Message::Ack {
            channel: 1,
            level: Level::Replicated,
            version: version.clone(),
        },
        Message::Ack {
            channel: 99,
            level: Level::Relay,
            version: version.clone(),
        },
        Message::Gap {
            channel: 99,
            version,
        },
        Message::Shut { channel: 99 },
        Message::Delta {
            channel: 99,
            delta: a_delta().into(),
        },
        Message::Pong { number: 12 },
        Message::Error {
            code: ErrorCode::DotConflict,
            about: Some(1),
            value: 0,
        },
    ];
    for message in messages {
        let outputs = relay.say(&message);
        assert!(sent(&outputs).is_empty(), "{message:?}: {outputs:?}");
        assert!(relay.is_up());
    }
    assert!(relay.node.saved(&name("a"), Level::Replicated).is_empty());
    assert_eq!(relay.node.documents().count(), 1);
}

#[test]
fn a_presence_that_is_too_large() {
    let mut relay = Relay::greeted();
    relay.open(4, "a");
    let state = Some(vec![0; 5_000].into());
    let outputs = relay.say(&Message::Presence {
        channel: 4,
        peer: NodeId(2),
        count: 1,
        state,
    });
    assert_refused(&outputs, ErrorCode::LimitPresence, 4, 4_096);
}

#[test]
fn a_client_that_talks_too_much_is_warned_and_then_closed() {
    let mut relay = Relay::with(|config| {
        config.limits.messages = Pace {
            per_second: 10,
            burst: 100,
        };
    });
    relay.say(&hello());
    let mut told = Vec::new();
    for _ in 0..199 {
        for message in sent(&relay.say(&Message::Ping { number: 0 })) {
            if let Message::Error { code, value, .. } = message {
                told.push((code, value));
            }
        }
        assert!(relay.is_up());
    }
    assert_eq!(told.len(), 1);
    let (code, wait) = told[0];
    assert_eq!(code, ErrorCode::RateLimited);
    // Whoever waits as told is welcome again.
    relay.now = relay.now + Duration::from_millis(wait) + Duration::from_secs(20);
    for _ in 0..100 {
        relay.say(&Message::Ping { number: 0 });
    }
    assert!(relay.is_up());
    let mut last = Vec::new();
    while relay.is_up() {
        last = relay.say(&Message::Ping { number: 0 });
    }
    assert!(matches!(
        last.last(),
        Some(Output::Disconnect { code: 4429, .. })
    ));
}

#[test]
fn a_client_told_to_wait_holds_its_documents_back() {
    let mut node = Node::new(Config::new(Role::Client, NodeId(2)));
    let now = Time::from_millis(5_000);
    let mut doc = Doc::new(ReplicaId::new(5));
    let mut step = |now: Time, input: Input| node.handle(now, input).collect::<Vec<_>>();
    let (document, version) = (name("a"), VersionVector::new());
    let own = Some(ReplicaId::new(5));
    step(
        now,
        Input::Open {
            document: document.clone(),
            version: version.clone(),
            own,
        },
    );
    step(
        now,
        Input::Connected {
            link: LINK,
            kind: LinkKind::Up,
        },
    );
    let relay = Message::Hello(Hello {
        version_min: 1,
        version_max: 3,
        role: Role::Relay,
        node: NodeId(1),
        token: None,
        agent: "a newer one".into(),
    });
    let received = |message: &Message| Input::Received {
        link: LINK,
        bytes: message.encode().to_vec(),
    };
    step(now, received(&relay));
    step(
        now,
        received(&Message::Open {
            channel: 9,
            document: document.clone(),
            version,
            own: None,
        }),
    );
    let code = ErrorCode::RateLimited;
    step(
        now,
        received(&Message::Error {
            code,
            about: None,
            value: 2_000,
        }),
    );
    let mut edit = doc.edit(1_000);
    edit.text("body").insert(0, "hello").unwrap();
    let delta = edit.commit();
    let (version, bytes) = (doc.version().clone(), delta.encode());
    step(
        now,
        Input::Local {
            document: document.clone(),
            delta: bytes.into(),
        },
    );
    let outputs = step(now, Input::Flushed { document, version });
    assert!(sent(&outputs).is_empty());
    let later = now + Duration::from_secs(2);
    let outputs = step(later, Input::Tick);
    assert!(matches!(outputs[..], [Output::Load { .. }]), "{outputs:?}");
}

#[test]
fn an_id_that_the_relay_knows_more_of_is_retired_before_anything_is_sent() {
    let mut node = Node::new(Config::new(Role::Client, NodeId(2)));
    let now = Time::from_millis(5_000);
    let (own, document) = (ReplicaId::new(5), name("a"));
    let mut step = |input: Input| node.handle(now, input).collect::<Vec<_>>();
    let version = VersionVector::from_iter([(own, 3)]);
    step(Input::Open {
        document: document.clone(),
        version,
        own: Some(own),
    });
    step(Input::Connected {
        link: LINK,
        kind: LinkKind::Up,
    });
    let relay = Message::Hello(Hello {
        version_min: 1,
        version_max: 1,
        role: Role::Relay,
        node: NodeId(1),
        token: None,
        agent: String::new(),
    });
    let received = |message: &Message| {
        let bytes = message.encode().to_vec();
        Input::Received { link: LINK, bytes }
    };
    step(received(&relay));
    let version = VersionVector::from_iter([(own, 4)]);
    let outputs = step(received(&Message::Open {
        channel: 9,
        document: document.clone(),
        version,
        own: None,
    }));
    assert_eq!(
        outputs,
        [Output::Forked {
            document,
            replica: own
        }]
    );
}

#[test]
fn a_link_that_is_not_what_it_was_dialled_for() {
    let mut node = Node::new(Config::new(Role::Client, NodeId(3)));
    let now = Time::from_millis(5_000);
    node.handle(
        now,
        Input::Connected {
            link: LINK,
            kind: LinkKind::Up,
        },
    )
    .for_each(drop);
    let bytes = hello().encode().to_vec();
    let outputs: Vec<_> = node
        .handle(now, Input::Received { link: LINK, bytes })
        .collect();
    assert_closed(&outputs, 4401, ErrorCode::Unauthenticated, 0);
}

#[test]
fn tokens_are_shown_to_nobody() {
    let mut config = Config::new(Role::Client, NodeId(3));
    config.token = Some(b"sesame".to_vec());
    let shown = format!("{config:?} {:?}", Node::new(config.clone()));
    assert!(!shown.contains("sesame") && !shown.contains("115, 101"));
}

/// A change of `r` that says something, after so many others.
fn a_change(replica: u64, before: usize, text: &str) -> Message {
    let mut doc = Doc::new(ReplicaId::new(replica));
    let mut delta = Vec::new();
    for number in 0..=before {
        let mut edit = doc.edit(1_700_000_000_000);
        let text = if number == before { text } else { "x" };
        edit.text("body").insert(number, text).unwrap();
        delta = edit.commit().encode();
    }
    Message::Delta {
        channel: 1,
        delta: delta.into(),
    }
}

#[test]
fn a_known_change_that_says_something_else() {
    let mut relay = Relay::greeted();
    relay.open(1, "notes");
    let stores = |outputs: &[Output]| {
        let stores = outputs.iter();
        stores
            .filter(|it| matches!(it, Output::Store { .. }))
            .count()
    };
    assert_eq!(stores(&relay.say(&a_change(5, 0, "x"))), 1);
    assert_eq!(stores(&relay.say(&a_change(5, 1, "y"))), 1);
    // The same again is no trouble, and another one is.
    assert!(!sent(&relay.say(&a_change(5, 1, "y")))
        .iter()
        .any(|message| matches!(message, Message::Error { .. })));
    assert_refused(
        &relay.say(&a_change(5, 1, "z")),
        ErrorCode::DotConflict,
        1,
        0,
    );
    // What follows on it is not taken either, but what others wrote is.
    let outputs = relay.say(&a_change(5, 2, "z"));
    assert_eq!(stores(&outputs), 0);
    assert_refused(&outputs, ErrorCode::DotConflict, 1, 0);
    assert_eq!(stores(&relay.say(&a_change(6, 0, "x"))), 1);
    // They have taken another id, and may bring back what is held of the old one.
    relay.open(1, "notes");
    assert_eq!(stores(&relay.say(&a_change(7, 0, "x"))), 1);
    assert_eq!(stores(&relay.say(&a_change(5, 2, "z"))), 1);
}
