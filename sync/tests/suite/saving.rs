//! Acknowledgements and loads, one message at a time.

use driftwood_crdt::{Doc, ReplicaId, VersionVector};
use driftwood_sync::{Input, Level, Message, Output};

use crate::lone::{sent, Relay, LINK};
use crate::world::name;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The versions that were acknowledged at level relay.
fn acks(outputs: &[Output]) -> Vec<VersionVector> {
    let acks = sent(outputs)
        .into_iter()
        .filter_map(|message| match message {
            Message::Ack {
                level: Level::Relay,
                version,
                ..
            } => Some(version),
            _ => None,
        });
    acks.collect()
}

fn loads(outputs: &[Output]) -> usize {
    outputs
        .iter()
        .filter(|output| matches!(output, Output::Load { .. }))
        .count()
}

/// Two deltas, one after the other, and the versions after each.
fn two_deltas() -> ([Message; 2], [VersionVector; 2]) {
    let mut doc = Doc::new(ReplicaId::new(5));
    let mut type_text = || {
        let mut edit = doc.edit(1_000);
        edit.text("body").insert(0, "hello").unwrap();
        let delta = edit.commit();
        (
            Message::Delta {
                channel: 1,
                delta: delta.encode().into(),
            },
            doc.version().clone(),
        )
    };
    let (first, second) = (type_text(), type_text());
    ([first.0, second.0], [first.1, second.1])
}

fn flush(relay: &mut Relay, version: &VersionVector) -> Vec<Output> {
    relay.input(Input::Flushed {
        document: name("a"),
        version: version.clone(),
    })
}

#[test]
fn what_is_flushed_is_acknowledged_and_nothing_else() {
    let (deltas, versions) = two_deltas();
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    for delta in &deltas {
        assert!(acks(&relay.say(delta)).is_empty());
    }
    for version in &versions {
        assert_eq!(
            acks(&flush(&mut relay, version)),
            std::slice::from_ref(version)
        );
    }
    assert!(acks(&flush(&mut relay, &versions[1])).is_empty());
}

#[test]
fn a_duplicate_is_acknowledged_again_but_not_before_it_is_flushed() {
    let (deltas, versions) = two_deltas();
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    relay.say(&deltas[0]);
    assert!(
        relay.say(&deltas[0]).is_empty(),
        "neither stored again nor acknowledged"
    );
    flush(&mut relay, &versions[0]);
    let outputs = relay.say(&deltas[0]);
    assert_eq!(acks(&outputs), versions[..1]);
    assert_eq!(outputs.len(), 1);
}

#[test]
fn a_load_that_brought_nothing_is_tried_again_after_the_next_flush() {
    let (deltas, versions) = two_deltas();
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    relay.say(&deltas[0]);
    let gap = Message::Gap {
        channel: 1,
        version: VersionVector::new(),
    };
    assert_eq!(loads(&relay.say(&gap)), 1);
    assert_eq!(loads(&relay.say(&gap)), 0, "one is under way");
    let nothing = Input::Loaded {
        link: LINK,
        document: name("a"),
        deltas: Vec::new(),
    };
    assert!(relay.input(nothing).is_empty());
    assert_eq!(loads(&flush(&mut relay, &versions[0])), 1);
}

#[test]
fn loads_of_documents_that_are_shut_meanwhile_leave_room_for_others() {
    let (_, versions) = two_deltas();
    let mut relay = Relay::greeted();
    let opened = Input::Open {
        document: name("a"),
        version: versions[0].clone(),
        own: None,
    };
    relay.input(opened);
    for _ in 0..40 {
        assert_eq!(loads(&relay.open(1, "a")), 1);
        relay.say(&Message::Shut { channel: 1 });
    }
}

#[test]
fn only_so_many_loads_are_under_way_on_a_link() {
    let (_, versions) = two_deltas();
    let mut relay = Relay::greeted();
    let names: Vec<String> = (0..40).map(|number| format!("d{number}")).collect();
    for document in &names {
        let (document, version) = (name(document), versions[0].clone());
        relay.input(Input::Open {
            document,
            version,
            own: None,
        });
    }
    let mut asked = 0;
    for (channel, document) in names.iter().enumerate() {
        asked += loads(&relay.open(channel as u64, document));
    }
    assert_eq!(asked, 16);
    for document in &names {
        let (document, deltas) = (name(document), Vec::new());
        asked += loads(&relay.input(Input::Loaded {
            link: LINK,
            document,
            deltas,
        }));
    }
    assert_eq!(asked, 40);
}
