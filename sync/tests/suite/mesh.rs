//! Between relays.

use std::time::Duration;

use driftwood_sync::{Config, Input, Level, LinkKind, NodeId, Role};

use crate::world::{name, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const OPEN: u8 = 0x02;
const DELTA: u8 = 0x04;
const GAP: u8 = 0x06;
const CHANGES: u8 = 0x09;
const SINCE: u8 = 0x10;

fn link(world: &mut World, a: usize, b: usize) {
    // Whoever accepts a connection cannot know yet that a relay dialled.
    world.route(a, b, (LinkKind::Mesh, LinkKind::Down));
}

#[test]
fn changes_cross_and_are_replicated() {
    let mut world = World::new(1);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "notes");
    let ben = world.client(&[b], "notes");
    world.connect_all();
    world.settle();
    world.type_text(anna, "notes", "hello");
    world.settle();
    assert_eq!(world.text(ben, "notes"), "hello");
    for host in [anna, a, b] {
        let saved = world.saved(anna, host, "notes", Level::Replicated);
        assert_eq!(saved, world.made(anna, "notes"), "both relays know");
    }
    world.run(Duration::from_secs(3));
    let saved = world.saved(anna, ben, "notes", Level::Replicated);
    assert_eq!(
        saved,
        world.made(anna, "notes"),
        "and so does who only reads"
    );
    world.check_saved();
    // Once opened, a change costs one message a hop.
    world.delivered.clear();
    world.type_text(ben, "notes", "x");
    world.settle();
    assert_eq!(world.delivered[&DELTA], 3);
    assert_eq!(world.delivered.get(&OPEN), None);
    for host in [ben, a, b] {
        let saved = world.saved(ben, host, "notes", Level::Replicated);
        assert_eq!(saved, world.made(ben, "notes"), "host {host} knows again");
    }
    world.check_converged("notes");
}

/// A relay whose disk is slow holds something that it has not flushed when the link comes up.
fn unflushed() -> (World, [usize; 3]) {
    let mut world = World::new(11);
    let (a, b) = (world.relay(), world.relay());
    let anna = world.client(&[a], "notes");
    world.connect_all();
    world.type_text(anna, "notes", "flushed ");
    world.settle();
    world.type_text(anna, "notes", "x");
    world.work(anna);
    while world.deliver(false) {}
    link(&mut world, a, b);
    (world, [a, b, anna])
}

#[test]
fn what_is_not_flushed_yet_crosses_all_the_same() {
    let (mut world, [_, b, _]) = unflushed();
    world.connect_all();
    for _ in 0..20 {
        while world.deliver(false) {}
    }
    assert!(world.hosts[b].node.version(&name("notes")).is_some());
    world.settle();
    world.check_converged("notes");
}

#[test]
fn only_what_is_flushed_is_listed() {
    let (mut world, [a, b, anna]) = unflushed();
    // The other relay has it already, flushed, by way of a client that was with both.
    let ben = world.client(&[b], "notes");
    world.route(anna, ben, (LinkKind::Tab, LinkKind::Tab));
    let route = *world.routes.last().unwrap();
    world.connect(route);
    let route = world.routes[world.routes.len() - 2];
    world.connect(route);
    for _ in 0..50 {
        while world.deliver(false) {}
        for host in [anna, ben, b] {
            world.work(host);
        }
    }
    let made = world.made(anna, "notes");
    assert_eq!(world.saved(anna, b, "notes", Level::Relay), made);
    let flushed = world.saved(anna, a, "notes", Level::Relay);
    assert!(flushed > 0 && flushed < made);
    world.connect_all();
    for _ in 0..50 {
        while world.deliver(false) {}
        for host in [anna, ben, b] {
            world.work(host);
        }
    }
    world.check_saved();
    assert_eq!(world.saved(anna, b, "notes", Level::Replicated), flushed);
    world.settle();
    world.check_saved();
    assert_eq!(world.saved(anna, b, "notes", Level::Replicated), made);
    assert_eq!(world.saved(anna, a, "notes", Level::Replicated), made);
}

#[test]
fn nothing_is_called_replicated_before_the_second_relay_has_flushed() {
    let mut world = World::new(2);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "notes");
    world.connect_all();
    world.settle();
    let saved = |world: &World, level| world.saved(anna, anna, "notes", level);
    for _ in 0..2 {
        let before = world.made(anna, "notes");
        world.type_text(anna, "notes", "x");
        let made = world.made(anna, "notes");
        for _ in 0..20 {
            while world.deliver(false) {}
            world.work(anna);
            world.work(a);
        }
        assert_eq!(saved(&world, Level::Relay), made);
        assert_eq!(saved(&world, Level::Replicated), before);
        world.settle();
        assert_eq!(saved(&world, Level::Replicated), made);
    }
}

#[test]
fn who_reads_learns_of_the_second_relay_however_slow_it_is() {
    let mut world = World::new(12);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "notes");
    let ben = world.client(&[a], "notes");
    world.connect_all();
    world.settle();
    world.type_text(anna, "notes", "x");
    for _ in 0..20 {
        while world.deliver(false) {}
        for host in [anna, a, ben] {
            world.work(host);
        }
    }
    world.pass(Duration::from_secs(3));
    while world.deliver(false) {}
    let made = world.made(anna, "notes");
    assert_eq!(world.saved(anna, ben, "notes", Level::Relay), made);
    assert_eq!(world.saved(anna, ben, "notes", Level::Replicated), 0);
    world.run(Duration::from_secs(3));
    assert_eq!(world.saved(anna, ben, "notes", Level::Replicated), made);
}

#[test]
fn a_relay_that_was_away_gets_only_what_differs() {
    let mut world = World::new(3);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "d00");
    for number in 1..40 {
        world.open(anna, &format!("d{number:02}"));
    }
    world.connect_all();
    for number in 0..40 {
        world.type_text(anna, &format!("d{number:02}"), "x");
    }
    world.settle();
    world.crash(b);
    for number in [3, 17] {
        world.type_text(anna, &format!("d{number:02}"), "y");
    }
    world.settle();
    world.delivered.clear();
    world.connect_all();
    world.settle();
    assert_eq!(world.delivered[&CHANGES], 2);
    assert_eq!(world.delivered[&OPEN], 4, "two documents, both ways");
    assert_eq!(world.delivered[&DELTA], 2);
    for document in (0..40).map(|number| format!("d{number:02}")) {
        world.check_converged(&document);
        for relay in [a, b] {
            let saved = world.saved(anna, relay, &document, Level::Replicated);
            assert_eq!(
                saved,
                world.made(anna, &document),
                "equal digests say it is safe there"
            );
        }
    }
}

#[test]
fn lists_come_page_by_page_and_show_what_either_side_lacks() {
    let mut world = World::new(4);
    let small = |config: &mut Config| config.limits.listed = 3;
    let (a, b) = (world.add(Role::Relay, small), world.add(Role::Relay, small));
    let anna = world.client(&[a], "a0");
    let ben = world.client(&[b], "b0");
    for number in 1..10 {
        world.open(anna, &format!("a{number}"));
    }
    world.connect_all();
    for number in 0..10 {
        world.type_text(anna, &format!("a{number}"), "x");
    }
    world.type_text(ben, "b0", "y");
    world.settle();
    link(&mut world, a, b);
    world.connect_all();
    world.settle();
    assert_eq!(world.hosts[b].node.documents().count(), 11);
    for number in 0..10 {
        world.check_converged(&format!("a{number}"));
    }
    world.check_converged("b0");
    assert!(world.delivered[&CHANGES] >= 5, "four pages and one");
}

#[test]
fn an_hourly_audit_repairs_what_was_lost_without_a_trace() {
    let mut world = World::new(5);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "notes");
    world.connect_all();
    world.type_text(anna, "notes", "x");
    world.settle();
    world.hosts[b].disk.clear();
    let (document, version) = (name("notes"), driftwood_crdt::VersionVector::new());
    world.input(
        b,
        Input::Shut {
            document: document.clone(),
        },
    );
    world.input(
        b,
        Input::Open {
            document,
            version,
            own: None,
        },
    );
    world.settle();
    world.run(Duration::from_secs(3_602));
    world.check_converged("notes");
}

#[test]
fn a_quiet_mesh_asks_what_is_new_and_nothing_else() {
    let mut world = World::new(6);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "notes");
    world.connect_all();
    world.type_text(anna, "notes", "x");
    world.settle();
    world.delivered.clear();
    world.run(Duration::from_secs(125));
    assert_eq!(world.delivered[&SINCE], 4);
    assert_eq!(world.delivered[&CHANGES], 4);
    assert_eq!(world.delivered.get(&OPEN), None);
    assert_eq!(world.delivered.get(&DELTA), None);
    assert_eq!(world.delivered.get(&GAP), None);
}

#[test]
fn two_links_between_two_relays_carry_a_change_once() {
    let mut world = World::new(7);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    link(&mut world, b, a);
    let anna = world.client(&[a], "notes");
    let ben = world.client(&[b], "notes");
    world.connect_all();
    world.settle();
    for client in [anna, ben, anna, ben] {
        world.type_text(client, "notes", "x");
        world.settle();
    }
    world.delivered.clear();
    for client in [anna, ben] {
        world.type_text(client, "notes", "x");
        world.settle();
    }
    assert_eq!(world.delivered[&DELTA], 6);
    // Either link may go: the other one takes over.
    for client in [anna, ben] {
        let first = world.link_between(a, b).unwrap();
        world.cut(first);
        world.type_text(client, "notes", "y");
        world.settle();
        world.check_converged("notes");
        world.connect_all();
        world.settle();
    }
}

#[test]
fn two_that_dial_each_other_know_at_once_what_the_other_has() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        let (a, b) = (world.relay(), world.relay());
        let anna = world.client(&[a], "notes");
        let ben = world.client(&[b], "trip");
        world.connect_all();
        world.type_text(anna, "notes", "x");
        world.type_text(ben, "trip", "y");
        world.settle();
        link(&mut world, a, b);
        link(&mut world, b, a);
        // Each may see another one of the two links as the first.
        world.connect_all();
        world.settle();
        for document in ["notes", "trip"] {
            world.check_converged(document);
        }
    }
}

#[test]
fn changes_go_through_a_ring_without_circling() {
    let mut world = World::new(8);
    let relays: Vec<usize> = (0..4).map(|_| world.relay()).collect();
    for at in 0..4 {
        link(&mut world, relays[at], relays[(at + 1) % 4]);
    }
    let anna = world.client(&[relays[0]], "notes");
    let ben = world.client(&[relays[2]], "notes");
    world.connect_all();
    world.settle();
    world.type_text(anna, "notes", "a");
    world.settle();
    world.delivered.clear();
    world.type_text(ben, "notes", "b");
    world.settle();
    assert_eq!(world.text(anna, "notes"), "ba");
    assert!(world.delivered[&DELTA] <= 7, "{}", world.delivered[&DELTA]);
    world.check_converged("notes");
}

#[test]
fn a_relay_that_dials_itself_notices() {
    let mut world = World::new(9);
    let twin = |config: &mut Config| config.node = NodeId(99);
    let (a, b) = (world.add(Role::Relay, twin), world.add(Role::Relay, twin));
    link(&mut world, a, b);
    world.connect_all();
    world.settle();
    assert!(world.closes.iter().any(|&(code, _)| code == 4403));
    assert_eq!(world.link_between(a, b), None);
}

#[test]
fn two_relays_under_one_number_are_noticed_by_a_third() {
    let mut world = World::new(14);
    let twin = |config: &mut Config| config.node = NodeId(99);
    let (a, b) = (world.add(Role::Relay, twin), world.add(Role::Relay, twin));
    let c = world.relay();
    link(&mut world, c, a);
    link(&mut world, c, b);
    let anna = world.client(&[a], "notes");
    let ben = world.client(&[b], "trip");
    world.connect_all();
    world.settle();
    for _ in 0..20 {
        world.type_text(anna, "notes", "x");
        world.settle();
    }
    world.type_text(ben, "trip", "x");
    world.settle();
    world.run(Duration::from_secs(130));
    let clash = (4403, driftwood_sync::ErrorCode::NodeIdClash);
    assert!(world.closes.contains(&clash), "{:?}", world.closes);
}

#[test]
fn one_relay_dies_and_the_other_brings_it_back() {
    let mut world = World::new(10);
    let (a, b) = (world.relay(), world.relay());
    link(&mut world, a, b);
    let anna = world.client(&[a], "notes");
    let ben = world.client(&[b], "notes");
    world.connect_all();
    world.type_text(anna, "notes", "before ");
    world.settle();
    world.crash(a);
    world.type_text(ben, "notes", "while it was away ");
    world.type_text(anna, "notes", "offline ");
    world.settle();
    world.connect_all();
    world.settle();
    world.check_converged("notes");
    world.check_saved();
    assert_eq!(
        world.text(ben, "notes").len(),
        "before while it was away offline ".len()
    );
}

#[test]
fn acknowledgements_and_presence_cross_a_line_of_three() {
    let mut world = World::new(13);
    let relays: Vec<usize> = (0..3).map(|_| world.relay()).collect();
    link(&mut world, relays[0], relays[1]);
    link(&mut world, relays[1], relays[2]);
    let anna = world.client(&[relays[0]], "notes");
    let ben = world.client(&[relays[2]], "notes");
    world.connect_all();
    world.settle();
    world.type_text(anna, "notes", "x");
    let state: std::sync::Arc<[u8]> = std::sync::Arc::from(&b"anna"[..]);
    world.input(
        anna,
        Input::Presence {
            document: name("notes"),
            state: Some(std::sync::Arc::clone(&state)),
        },
    );
    world.run(Duration::from_secs(3));
    world.check_converged("notes");
    world.check_saved();
    for host in [anna, ben] {
        let saved = world.saved(anna, host, "notes", Level::Replicated);
        assert_eq!(saved, world.made(anna, "notes"), "host {host}");
    }
    let seen: Vec<_> = world.hosts[ben].present.values().cloned().collect();
    assert_eq!(seen, [state]);

    // The middle of the line goes without a word: nobody says that she has left.
    let broken = world.link_between(relays[1], relays[2]).unwrap();
    world.input(relays[1], Input::Disconnected { link: broken });
    world.run(Duration::from_secs(36));
    assert!(world.hosts[ben].present.is_empty(), "it has expired");
}
