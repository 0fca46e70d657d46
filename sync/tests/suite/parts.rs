//! Deltas that are too large for one message.

use std::time::Duration;

use driftwood_sync::{Config, ErrorCode, Input, Level, LinkKind, Message, Part, Reporter, Role};

use crate::lone::{a_delta, sent, Relay, LINK};
use crate::world::{name, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DELTA: u8 = 0x04;
const GAP: u8 = 0x06;
const PART: u8 = 0x0d;
const PART_BYTES: usize = 100;

/// Deltas over 300 bytes go in parts of 100, 400 bytes at a time.
fn small(config: &mut Config) {
    config.limits.chunk_bytes = 3 * PART_BYTES;
    config.limits.part_bytes = PART_BYTES;
    config.limits.window_bytes = 4 * PART_BYTES;
}

/// Two clients of one relay.
fn three(seed: u64) -> (World, usize, [usize; 2]) {
    let mut world = World::new(seed);
    let relay = world.add(Role::Relay, small);
    let clients = [(); 2].map(|()| {
        let client = world.add(Role::Client, small);
        world.route(client, relay, (LinkKind::Up, LinkKind::Down));
        world.open(client, "notes");
        client
    });
    world.connect_all();
    world.settle();
    (world, relay, clients)
}

/// As long as a word so many times, but letters at random after it: nothing gets smaller by compression.
fn noise(words: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let letters = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state >> 32) as u8 % 26)
    });
    "driftwood "
        .chars()
        .chain(letters)
        .take(10 * words)
        .collect()
}

fn delivered(world: &World, tag: u8) -> usize {
    world.delivered.get(&tag).copied().unwrap_or(0)
}

#[test]
fn a_large_delta_comes_in_parts_and_as_one() {
    let (mut world, relay, [anna, ben]) = three(1);
    world.type_text(anna, "notes", &noise(200));
    world.settle();
    world.type_text(anna, "notes", "short ");
    world.settle();
    assert!(world.text(ben, "notes").starts_with("short driftwood"));
    let parts = delivered(&world, PART);
    assert!(
        (40..=44).contains(&parts),
        "2,000 bytes to the relay and on to ben: {parts}"
    );
    assert_eq!(delivered(&world, DELTA), 2, "the short one");
    assert_eq!(world.hosts[relay].stores, 2);
    world.check_converged("notes");
    world.check_saved();
    assert_eq!(
        world.saved(anna, anna, "notes", Level::Relay),
        world.made(anna, "notes")
    );
}

#[test]
fn what_builds_on_a_large_delta_waits_for_it() {
    let (mut world, _, [anna, ben]) = three(7);
    world.type_text(anna, "notes", &noise(200));
    for round in 0..40 {
        world.work(anna);
        world.deliver(false);
        if round % 4 == 0 {
            world.type_text(anna, "notes", "x");
        }
    }
    world.settle();
    assert_eq!(world.text(ben, "notes").len(), 2_010);
    assert_eq!(delivered(&world, GAP), 0);
    world.check_converged("notes");
}

#[test]
fn a_broken_link_goes_on_where_it_stopped() {
    for seed in 0..20 {
        let (mut world, relay, [anna, ben]) = three(seed);
        world.type_text(anna, "notes", &noise(500));
        let mut cuts = 0;
        while world.saved(anna, anna, "notes", Level::Relay) < world.made(anna, "notes") {
            let before = delivered(&world, PART);
            for _ in 0..400 {
                world.work(anna);
                world.work(relay);
                world.deliver(false);
                if delivered(&world, PART) >= before + 10 {
                    break;
                }
            }
            if let Some(link) = world.link_between(anna, relay) {
                world.cut(link);
            }
            cuts += 1;
            assert!(cuts < 30, "it starts over each time");
            world.connect_all();
        }
        assert!(cuts >= 4, "the parts were cut off {cuts} times");
        world.settle();
        assert_eq!(world.text(ben, "notes"), world.text(anna, "notes"));
        // After each cut the first part comes again, and what was under way.
        let parts = delivered(&world, PART);
        assert!(parts <= 2 * 52 + 6 * cuts, "{parts} parts, {cuts} cuts");
        world.check_converged("notes");
    }
}

#[test]
fn what_a_broken_link_left_is_given_up_after_a_while() {
    let (mut world, relay, [anna, _]) = three(2);
    world.type_text(anna, "notes", &noise(100));
    for _ in 0..8 {
        world.work(anna);
        world.deliver(false);
    }
    let notes = name("notes");
    let (held, total) = world.hosts[relay]
        .node
        .receiving(&notes)
        .expect("it has begun");
    assert!(held >= PART_BYTES as u64 && held < total);
    world.routes.clear();
    let link = world.link_between(anna, relay).unwrap();
    world.cut(link);
    world.run(Duration::from_secs(290));
    assert_eq!(
        world.hosts[relay].node.receiving(&notes),
        Some((held, total))
    );
    world.run(Duration::from_secs(20));
    assert_eq!(world.hosts[relay].node.receiving(&notes), None);
}

#[test]
fn small_changes_pass_by_and_a_second_sender_waits() {
    let mut world = World::new(4);
    let relays = [(); 2].map(|()| world.add(Role::Relay, small));
    let anna = world.add(Role::Client, small);
    for relay in relays {
        world.route(anna, relay, (LinkKind::Up, LinkKind::Down));
    }
    world.open(anna, "notes");
    world.connect_all();
    world.type_text(anna, "notes", &noise(100));
    world.settle();
    // A newcomer gets it from both relays at once, and stores it once.
    let ben = newcomer(&mut world, relays);
    world.settle();
    assert_eq!(world.hosts[ben].stores, 1);
    assert_eq!(world.text(ben, "notes"), world.text(anna, "notes"));
    world.check_converged("notes");
    let synced = world.hosts[ben].synced.len();
    assert_eq!(synced, 2, "with either relay");
}

#[test]
fn who_waits_takes_over_from_a_link_that_breaks() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let relays = [(); 2].map(|()| world.add(Role::Relay, small));
        let anna = newcomer(&mut world, relays);
        world.type_text(anna, "notes", &noise(100));
        world.settle();
        let ben = newcomer(&mut world, relays);
        let notes = name("notes");
        for _ in 0..200 {
            world.deliver(false);
            for relay in relays {
                world.work(relay);
            }
            if world.hosts[ben]
                .node
                .receiving(&notes)
                .is_some_and(|(held, _)| held > 500)
            {
                break;
            }
        }
        // One of the two is bringing it: whichever that is, the other one ends it.
        let broken = relays[seed as usize % 2];
        let link = world.link_between(ben, broken).unwrap();
        world.cut(link);
        world.settle();
        assert_eq!(world.text(ben, "notes"), world.text(anna, "notes"));
        assert_eq!(world.hosts[ben].stores, 1);
    }
}

/// A client of both relays that is just connecting.
fn newcomer(world: &mut World, relays: [usize; 2]) -> usize {
    let client = world.add(Role::Client, small);
    for relay in relays {
        world.route(client, relay, (LinkKind::Up, LinkKind::Down));
    }
    world.open(client, "notes");
    world.connect_all();
    client
}

#[test]
fn several_large_documents_come_side_by_side_within_the_limits() {
    for room in [2_000, 64 << 20] {
        let (mut world, relay, [anna, ben]) = {
            let mut world = World::new(3);
            let tight = |config: &mut Config| {
                small(config);
                config.limits.delta_bytes = 1_500;
                config.limits.assembly_bytes = room;
            };
            let relay = world.add(Role::Relay, tight);
            let clients = [(); 2].map(|()| world.add(Role::Client, tight));
            (world, relay, clients)
        };
        for client in [anna, ben] {
            world.route(client, relay, (LinkKind::Up, LinkKind::Down));
            for document in ["a", "b", "c", "d"] {
                world.open(client, document);
            }
        }
        for document in ["a", "b", "c", "d"] {
            world.type_text(anna, document, &noise(110));
            world.type_text(ben, document, &noise(96));
        }
        world.connect_all();
        world.settle();
        for document in ["a", "b", "c", "d"] {
            world.check_converged(document);
            assert_eq!(world.text(anna, document).len(), 110 * 10 + 120 * 8);
        }
        world.check_saved();
    }
}

#[test]
fn parts_wait_for_a_congested_link() {
    let (mut world, relay, [anna, ben]) = three(5);
    let link = world.link_between(ben, relay).unwrap();
    world.input(relay, Input::Congested { link });
    world.type_text(anna, "notes", &noise(100));
    world.settle();
    assert!(world.text(ben, "notes").is_empty());
    world.input(relay, Input::Drained { link });
    for _ in 0..200 {
        world.deliver(false);
        world.work(relay);
        if world.hosts[ben].node.receiving(&name("notes")).is_some() {
            break;
        }
    }
    world.input(relay, Input::Congested { link });
    world.settle();
    assert!(world.text(ben, "notes").is_empty());
    world.input(relay, Input::Drained { link });
    world.settle();
    world.check_converged("notes");
}

#[test]
fn a_delta_over_the_limit_is_refused_and_not_tried_for_ever() {
    let mut world = World::new(6);
    let relay = world.add(Role::Relay, |config| {
        small(config);
        config.limits.delta_bytes = 1_000;
    });
    let anna = world.add(Role::Client, small);
    world.route(anna, relay, (LinkKind::Up, LinkKind::Down));
    world.open(anna, "notes");
    world.connect_all();
    world.type_text(anna, "notes", &noise(200));
    world.settle();
    assert!(world.hosts[anna]
        .problems
        .contains(&(ErrorCode::LimitDelta, Reporter::Peer)));
    let parts = delivered(&world, PART);
    world.type_text(anna, "notes", "x");
    world.settle();
    assert_eq!(delivered(&world, PART), parts);
    assert_eq!(world.hosts[relay].stores, 0);
    assert!(world.closes.is_empty());
}

/// A delta in parts of `size`, as a client would send it.
fn cut(delta: &[u8], hash: u64, size: usize) -> Vec<Message> {
    let parts = delta.chunks(size).enumerate().map(|(at, bytes)| {
        let (total, offset) = (delta.len() as u64, (at * size) as u64);
        Message::Part(Part {
            channel: 1,
            hash,
            total,
            offset,
            bytes: bytes.into(),
        })
    });
    parts.collect()
}

#[test]
fn bytes_that_do_not_fit_their_name_are_asked_for_again() {
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    let parts = cut(&a_delta(), 12_345, 20);
    let mut outputs = Vec::new();
    for part in &parts {
        outputs = relay.say(part);
    }
    assert!(
        matches!(sent(&outputs)[..], [Message::Gap { .. }]),
        "{outputs:?}"
    );
    assert!(relay.is_up());
    let link = relay.node.links().next().unwrap().link;
    assert_eq!(link, LINK);
}

#[test]
fn parts_out_of_turn_are_ignored() {
    let mut relay = Relay::greeted();
    relay.open(1, "a");
    let parts = cut(&a_delta(), 12_345, 20);
    assert!(relay.say(&parts[1]).is_empty(), "the first one is missing");
    assert_eq!(sent(&relay.say(&parts[0])).len(), 1);
    assert!(relay.say(&parts[2]).is_empty(), "a hole");
    let want = Message::Want {
        channel: 1,
        hash: 12_345,
        offset: 40,
    };
    let outputs = sent(&relay.say(&parts[1]));
    assert!(
        matches!(&outputs[..], [Message::Want { offset: 40, .. }]),
        "{want:?}"
    );
    let unknown = Message::Want {
        channel: 1,
        hash: 9,
        offset: 40,
    };
    assert!(relay.say(&unknown).is_empty(), "nothing is being sent");
}
