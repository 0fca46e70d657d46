//! Who is here.

use std::sync::Arc;
use std::time::Duration;

use driftwood_sync::{Input, LinkKind, NodeId};

use crate::world::{name, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PRESENCE: u8 = 0x0a;

fn announce(world: &mut World, host: usize, text: &str) {
    let state = Some(Arc::from(text.as_bytes()));
    world.input(
        host,
        Input::Presence {
            document: name("notes"),
            state,
        },
    );
}

fn leave(world: &mut World, host: usize) {
    world.input(
        host,
        Input::Presence {
            document: name("notes"),
            state: None,
        },
    );
}

/// Who `host` sees, as texts.
fn seen(world: &World, host: usize) -> Vec<String> {
    let states = world.hosts[host].present.values();
    states
        .map(|state| String::from_utf8(state.to_vec()).unwrap())
        .collect()
}

/// Two linked relays with a client each.
fn four() -> (World, [usize; 2], [usize; 2]) {
    let mut world = World::new(1);
    let (a, b) = (world.relay(), world.relay());
    world.route(a, b, (LinkKind::Mesh, LinkKind::Down));
    let anna = world.client(&[a], "notes");
    let ben = world.client(&[b], "notes");
    world.connect_all();
    world.settle();
    (world, [a, b], [anna, ben])
}

#[test]
fn is_seen_through_relays_and_leaves() {
    let (mut world, _, [anna, ben]) = four();
    announce(&mut world, anna, "anna");
    // The relays open the document to each other first; what they missed comes with the renewal.
    world.run(Duration::from_secs(16));
    assert_eq!(seen(&world, ben), ["anna"]);
    announce(&mut world, ben, "ben");
    announce(&mut world, anna, "anna at 5");
    world.settle();
    assert_eq!(
        (seen(&world, anna), seen(&world, ben)),
        (vec!["ben".into()], vec!["anna at 5".into()])
    );
    leave(&mut world, anna);
    world.settle();
    assert!(seen(&world, ben).is_empty());
    assert!(seen(&world, anna) == ["ben"]);
}

#[test]
fn whoever_comes_later_sees_who_is_there() {
    let (mut world, relays, [anna, _]) = four();
    announce(&mut world, anna, "anna");
    world.settle();
    for relay in relays {
        let late = world.client(&[relay], "notes");
        world.connect_all();
        world.settle();
        assert_eq!(seen(&world, late), ["anna"]);
    }
}

#[test]
fn a_cut_link_takes_them_away_and_brings_them_back() {
    let (mut world, [a, _], [anna, ben]) = four();
    announce(&mut world, anna, "anna");
    world.settle();
    let link = world.link_between(anna, a).unwrap();
    world.cut(link);
    world.settle();
    assert!(seen(&world, ben).is_empty());
    world.connect_all();
    world.settle();
    world.run(Duration::from_secs(16));
    assert_eq!(seen(&world, ben), ["anna"]);
}

#[test]
fn is_renewed_for_as_long_as_it_holds() {
    let (mut world, _, [anna, ben]) = four();
    announce(&mut world, anna, "anna");
    for _ in 0..20 {
        world.run(Duration::from_secs(10));
        assert_eq!(seen(&world, ben), ["anna"]);
    }
}

#[test]
fn expires_when_nobody_renews_it() {
    let (mut world, _, [anna, ben]) = four();
    announce(&mut world, anna, "anna");
    world.settle();
    // The other relay falls silent, without a word and without a closed connection.
    for _ in 0..36 {
        world.pass(Duration::from_secs(1));
    }
    assert!(seen(&world, ben).is_empty());
}

#[test]
fn does_not_circle_in_a_ring() {
    let mut world = World::new(2);
    let relays: Vec<usize> = (0..4).map(|_| world.relay()).collect();
    for at in 0..4 {
        world.route(
            relays[at],
            relays[(at + 1) % 4],
            (LinkKind::Mesh, LinkKind::Down),
        );
    }
    let anna = world.client(&[relays[0]], "notes");
    let ben = world.client(&[relays[2]], "notes");
    world.connect_all();
    announce(&mut world, anna, "here");
    world.settle();
    world.delivered.clear();
    announce(&mut world, anna, "there");
    world.settle();
    assert_eq!(seen(&world, ben), ["there"]);
    assert!(
        world.delivered[&PRESENCE] <= 7,
        "{}",
        world.delivered[&PRESENCE]
    );
}

#[test]
fn a_mesh_link_that_breaks_does_not_take_away_who_is_still_reachable() {
    let mut world = World::new(3);
    let relays: Vec<usize> = (0..3).map(|_| world.relay()).collect();
    let anna = world.client(&[relays[0]], "notes");
    let ben = world.client(&[relays[1]], "notes");
    let carol = world.client(&[relays[2]], "notes");
    for (from, to) in [(0, 1), (0, 2)] {
        world.route(relays[from], relays[to], (LinkKind::Mesh, LinkKind::Down));
    }
    world.connect_all();
    world.settle();
    announce(&mut world, anna, "anna");
    world.settle();
    // Both others heard it from anna's own relay before they met.
    world.route(relays[1], relays[2], (LinkKind::Mesh, LinkKind::Down));
    world.connect_all();
    world.settle();
    world.type_text(
        anna,
        "notes",
        "a change opens the document on that link too",
    );
    world.settle();
    assert_eq!(seen(&world, ben), ["anna"]);
    let direct = world.link_between(relays[0], relays[1]).unwrap();
    world.cut(direct);
    world.settle();
    assert_eq!(seen(&world, carol), ["anna"]);
    assert!(seen(&world, ben).is_empty());
    world.run(Duration::from_secs(16));
    assert_eq!(seen(&world, ben), ["anna"], "by way of the third relay");
}

#[test]
fn nobody_speaks_for_somebody_else() {
    let (mut world, [a, _], [anna, ben]) = four();
    let link = world.link_between(anna, a).unwrap();
    let forged = driftwood_sync::Message::Presence {
        channel: 1,
        peer: NodeId(12_345),
        count: 1,
        state: Some(Arc::from(&b"mallory"[..])),
    };
    world.input(
        a,
        Input::Received {
            link,
            bytes: forged.encode().to_vec(),
        },
    );
    world.settle();
    assert!(seen(&world, ben).is_empty());
}
