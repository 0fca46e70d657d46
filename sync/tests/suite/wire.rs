//! The bytes: every message comes back from them, and nothing else is taken for one.

use std::sync::Arc;

use driftwood_crdt::{Dot, ReplicaId, VersionVector};
use driftwood_sync::{
    Changes, DocumentName, ErrorCode, Hello, Level, Listed, Mark, MarkId, Marks, Message, NodeId,
    Part, RelayId, Role, Symbol, Symbols, Time, Token, WireError,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn version() -> impl Strategy<Value = VersionVector> {
    let entries = btree_map(any::<u64>(), 1..1u64 << 53, 0..20);
    entries.prop_map(|map| {
        map.into_iter()
            .map(|(id, seq)| (ReplicaId::new(id), seq))
            .collect()
    })
}

fn name() -> impl Strategy<Value = DocumentName> {
    "[a-zé\u{1F30A}]{1,40}".prop_map(|text| DocumentName::new(&text).unwrap())
}

fn state() -> impl Strategy<Value = Option<Arc<[u8]>>> {
    proptest::option::of(vec(any::<u8>(), 0..100).prop_map(Into::into))
}

fn hello() -> impl Strategy<Value = Message> {
    let token = proptest::option::of(vec(any::<u8>(), 0..60));
    (
        0..=1u64,
        1..9u64,
        any::<bool>(),
        any::<u64>(),
        token,
        "[ -~]{0,128}",
    )
        .prop_map(|(version_min, version_max, relay, node, token, agent)| {
            let role = if relay { Role::Relay } else { Role::Client };
            Message::Hello(Hello {
                version_min,
                version_max,
                role,
                node: NodeId(node),
                token,
                agent,
            })
        })
}

fn changes() -> impl Strategy<Value = Message> {
    let documents = vec((1..1u64 << 40, name(), any::<u64>()), 0..20);
    (0..1u64 << 40, documents, any::<bool>()).prop_map(|(after, documents, more)| {
        let mut last = after;
        let documents: Vec<Listed> = documents
            .into_iter()
            .map(|(step, document, digest)| {
                last += step;
                Listed {
                    number: last,
                    document,
                    digest,
                }
            })
            .collect();
        Message::Changes(Changes {
            after,
            upto: last,
            more,
            documents,
        })
    })
}

fn symbols() -> impl Strategy<Value = Message> {
    let symbol = (any::<u64>(), any::<u32>()).prop_map(|(sum, check)| Symbol { sum, check });
    let numbers = (any::<[u64; 2]>(), any::<u64>(), any::<u64>());
    (numbers, vec(symbol, 0..20)).prop_map(|((secret, number, from), symbols)| {
        Message::Symbols(Symbols {
            secret,
            number,
            from,
            symbols,
        })
    })
}

fn unmatched() -> impl Strategy<Value = Message> {
    let items = proptest::collection::btree_set(any::<u64>(), 0..20);
    (any::<u64>(), any::<u64>(), items).prop_map(|(number, head, items)| Message::Unmatched {
        number,
        head,
        items: items.into_iter().collect(),
    })
}

fn marks() -> impl Strategy<Value = Message> {
    let relays = btree_map(any::<u64>(), any::<bool>(), 0..5);
    let numbers = (1..1u64 << 60, any::<u64>(), any::<u64>());
    let mark = (any::<[u8; 16]>(), numbers, relays).prop_map(|(id, (count, time, by), relays)| {
        let relays = relays.into_iter().map(|(id, done)| (RelayId(id), done));
        Mark {
            id: MarkId(id),
            count,
            time: Time::from_millis(time),
            by: RelayId(by),
            relays: relays.collect(),
        }
    });
    (any::<u64>(), any::<u64>(), vec(mark, 0..9)).prop_map(|(relay, digest, marks)| {
        Message::Marks(Marks {
            relay: RelayId(relay),
            digest,
            marks,
        })
    })
}

fn part() -> impl Strategy<Value = Message> {
    let bytes = vec(any::<u8>(), 1..300);
    (
        any::<u64>(),
        any::<u64>(),
        0..1u64 << 40,
        bytes,
        0..1u64 << 40,
    )
        .prop_map(|(channel, hash, offset, bytes, more)| {
            let total = offset + bytes.len() as u64 + more;
            Message::Part(Part {
                channel,
                hash,
                total,
                offset,
                bytes: bytes.into(),
            })
        })
}

fn message() -> impl Strategy<Value = Message> {
    let level = prop_oneof![
        Just(Level::Local),
        Just(Level::Relay),
        Just(Level::Replicated)
    ];
    let code = any::<u16>().prop_map(ErrorCode::from_u16);
    let dots = vec((any::<u64>(), 1..1u64 << 53), 0..9).prop_map(|dots| {
        dots.into_iter()
            .map(|(id, seq)| Dot {
                replica: ReplicaId::new(id),
                seq,
            })
            .collect()
    });
    prop_oneof![
        hello(),
        (any::<u64>(), name(), version(), any::<Option<u64>>()).prop_map(
            |(channel, document, version, own)| Message::Open {
                channel,
                document,
                version,
                own: own.map(ReplicaId::new),
            }
        ),
        vec(any::<u8>(), 0..99).prop_map(|token| Message::Login {
            token: Token(token)
        }),
        any::<u64>().prop_map(|channel| Message::Shut { channel }),
        (any::<u64>(), vec(any::<u8>(), 0..300)).prop_map(|(channel, delta)| Message::Delta {
            channel,
            delta: delta.into()
        }),
        (any::<u64>(), level, version()).prop_map(|(channel, level, version)| Message::Ack {
            channel,
            level,
            version
        }),
        (any::<u64>(), version()).prop_map(|(channel, version)| Message::Gap { channel, version }),
        (code, any::<Option<u64>>(), any::<u64>())
            .prop_map(|(code, about, value)| Message::Error { code, about, value }),
        (any::<u64>(), dots).prop_map(|(channel, dots)| Message::NeedSkeleton { channel, dots }),
        any::<u64>().prop_map(|after| Message::Since { after }),
        changes(),
        (any::<u64>(), any::<u64>()).prop_map(|(from, number)| Message::Survey { from, number }),
        symbols(),
        unmatched(),
        marks(),
        part(),
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(channel, hash, offset)| {
            Message::Want {
                channel,
                hash,
                offset,
            }
        }),
        (any::<u64>(), any::<u64>(), any::<u64>(), state()).prop_map(
            |(channel, peer, count, state)| Message::Presence {
                channel,
                peer: NodeId(peer),
                count,
                state
            }
        ),
        any::<u64>().prop_map(|number| Message::Ping { number }),
        any::<u64>().prop_map(|number| Message::Pong { number }),
    ]
}

/// Fewer in wasm, where the point is that the code runs there at all.
const CASES: u32 = if cfg!(target_arch = "wasm32") {
    100
} else {
    1_000
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_message_comes_back(message in message()) {
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
    }

    #[test]
    fn a_part_is_an_error(message in message()) {
        // The bytes of a delta are whatever is left: cutting them off is for their own decoder.
        let header = match &message {
            Message::Delta { delta, .. } => message.encode().len() - delta.len(),
            Message::Part(part) => message.encode().len() - part.bytes.len(),
            _ => usize::MAX,
        };
        let bytes = message.encode();
        for end in 0..bytes.len().min(header) {
            prop_assert!(Message::decode(&bytes[..end]).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn bytes_left_over_are_an_error(message in message(), extra: u8) {
        prop_assume!(!matches!(message, Message::Delta { .. } | Message::Part(_)));
        let mut bytes = message.encode().to_vec();
        bytes.push(extra);
        match Message::decode(&bytes) {
            Err(WireError::Decode(error)) => prop_assert_eq!(error.offset, bytes.len() - 1),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn random_bytes_are_an_error_or_a_message_in_its_only_form(
        bytes in vec(any::<u8>(), 0..200),
        tag in 0..17u8,
    ) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = tag;
        }
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn a_flipped_byte_never_panics(message in message(), at: prop::sample::Index, with: u8) {
        let mut bytes = message.encode().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode().to_vec(), bytes);
        }
    }
}

/// What every later version must still read: the bytes of version 1 as they were first released.
#[test]
fn the_golden_messages_have_the_bytes_they_always_had() {
    let golden = include_str!("../../../vectors/messages-v1.txt");
    let mut tags = Vec::new();
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let (name, hex) = line
            .split_once(' ')
            .expect("a name, a space, the bytes in hex");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let message = Message::decode(&bytes).unwrap();
        assert!(
            format!("{message:?}").starts_with(name),
            "{line}: {message:?}"
        );
        assert_eq!(message.encode().to_vec(), bytes, "{line}");
        tags.push(bytes[0]);
    }
    assert_eq!(tags, (1..=20).collect::<Vec<u8>>(), "one of each");
}

#[test]
fn counts_are_believed_only_as_far_as_there_are_bytes() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for head in [
        &[0x02, 1, 1, b'a'][..],
        &[0x06, 1],
        &[0x08, 1],
        &[0x09, 0, 0, 0],
        &[0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x13, 0, 0],
        &[0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x0a, 1],
    ] {
        let bytes = [head, &huge].concat();
        assert!(Message::decode(&bytes).is_err(), "{head:?}");
    }
}

#[test]
fn what_relays_list_out_of_order_is_an_error() {
    let changes = |after, upto, numbers: &[u64]| {
        let listed = |&number: &u64| Listed {
            number,
            document: DocumentName::new("a").unwrap(),
            digest: 1,
        };
        let changes = Changes {
            after,
            upto,
            more: false,
            documents: numbers.iter().map(listed).collect(),
        };
        Message::decode(&Message::Changes(changes).encode())
    };
    assert!(changes(3, 9, &[4, 9]).is_ok());
    assert!(changes(3, 2, &[]).is_ok(), "of who has begun anew");
    assert!(changes(3, 9, &[3]).is_err());
    assert!(changes(3, 9, &[5, 5]).is_err());
    assert!(changes(3, 9, &[10]).is_err());
    let unmatched = |items: &[u64]| {
        let (number, head, items) = (1, 2, items.to_vec());
        let message = Message::Unmatched {
            number,
            head,
            items,
        };
        Message::decode(&message.encode())
    };
    assert!(unmatched(&[1, 2]).is_ok());
    assert!(unmatched(&[1, 1]).is_err());
    assert!(unmatched(&[2, 1]).is_err());
}

#[test]
fn a_hello_of_another_version_is_told_from_garbage() {
    // What follows the versions is of a layout that we do not know.
    let error = Message::decode(&[0x01, 2, 9, 0xaa, 0xbb]).unwrap_err();
    assert_eq!(error, WireError::Version { min: 2, max: 9 });
    assert!(matches!(
        Message::decode(&[0x01, 2, 1]),
        Err(WireError::Decode(_))
    ));
}

#[test]
fn codes_have_one_number_and_one_name_each() {
    let numbers: std::collections::BTreeSet<u16> =
        ErrorCode::ALL.iter().map(|code| code.to_u16()).collect();
    let names: std::collections::BTreeSet<&str> =
        ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(
        (numbers.len(), names.len()),
        (ErrorCode::ALL.len(), ErrorCode::ALL.len())
    );
    for &code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_u16(code.to_u16()), code);
    }
}
