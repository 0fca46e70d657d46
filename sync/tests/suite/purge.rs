//! Documents that are deleted for good, and nobody who brings them back.

use std::time::Duration;

use driftwood_crdt::ordered::BTreeMap;
use driftwood_sync::{ErrorCode, Input, LinkKind, Mark, MarkId, RelayId, Reporter, Role, Time};

use crate::random::Random;
use crate::world::{name, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MARKS: u8 = 0x14;

/// So many relays in a line, each with a client.
fn line(seed: u64, relays: usize) -> World {
    let mut world = World::new(seed);
    for relay in 0..relays {
        let config = |config: &mut driftwood_sync::Config| config.relay = RelayId(relay as u64);
        world.add(Role::Relay, config);
    }
    for relay in 1..relays {
        world.route(relay, relay - 1, (LinkKind::Mesh, LinkKind::Down));
    }
    for relay in 0..relays {
        let client = world.client(&[relay], "trip");
        world.open(client, "work");
    }
    world
}

/// All links are new ones.
fn redial(world: &mut World) {
    for link in world.links() {
        world.cut(link);
    }
    world.connect_all();
    world.run(Duration::from_secs(70));
}

fn purge(world: &mut World, relay: usize, lift: bool) {
    let document = name("trip");
    world.input(relay, Input::Purge { document, lift });
}

fn mark(world: &World, relay: usize) -> Option<&Mark> {
    world.hosts[relay].node.mark(&name("trip"))
}

fn is_gone(world: &World, relay: usize) -> bool {
    let host = &world.hosts[relay];
    !host.disk.contains_key(&name("trip")) && host.node.version(&name("trip")).is_none()
}

fn was_told(world: &World, host: usize) -> bool {
    let told = (ErrorCode::Purged, Reporter::Peer);
    world.hosts[host].problems.contains(&told)
}

#[test]
fn all_relays_of_a_line_purge_and_say_so() {
    let mut world = line(1, 3);
    world.connect_all();
    for client in 3..6 {
        world.type_text(client, "trip", "secret ");
        world.type_text(client, "work", "kept ");
    }
    world.settle();
    purge(&mut world, 0, false);
    let at_once = mark(&world, 0).expect("known at once");
    assert!(at_once.is_purged() && !at_once.is_done());
    world.settle();
    for relay in 0..3 {
        assert!(is_gone(&world, relay));
        let mark = mark(&world, relay).expect("everybody knows");
        assert_eq!((mark.count, mark.by), (1, RelayId(0)));
        let relays: Vec<_> = mark.relays.iter().map(|(id, done)| (id.0, *done)).collect();
        assert_eq!(relays, [(0, true), (1, true), (2, true)]);
    }
    for client in 3..6 {
        assert!(was_told(&world, client));
        assert!(world.text(client, "trip").contains("secret"), "theirs");
    }
    world.check_converged("work");

    // Who has it cannot bring it back, by writing, by coming back or by being new there.
    world.type_text(4, "trip", "again ");
    for link in world.links() {
        world.cut(link);
    }
    world.connect_all();
    let late = world.client(&[2], "trip");
    world.connect_all();
    world.type_text(late, "trip", "late ");
    world.run(Duration::from_secs(4_000));
    for relay in 0..3 {
        assert!(is_gone(&world, relay));
    }
    assert!(was_told(&world, late));

    // Asked again, nothing happens; lifted, it is a document like any other.
    world.delivered.clear();
    purge(&mut world, 1, false);
    world.settle();
    assert_eq!(world.delivered.get(&MARKS), None);
    purge(&mut world, 1, true);
    world.settle();
    for relay in 0..3 {
        let mark = mark(&world, relay).expect("everybody knows");
        assert!(mark.count == 2 && mark.is_done() && mark.relays.len() == 3);
    }
    redial(&mut world);
    world.check_converged("trip");
    assert!(world.text(3, "trip").contains("late "));
}

#[test]
fn a_relay_that_was_away_learns_of_it_and_of_nobody_else() {
    let mut world = line(2, 3);
    world.connect_all();
    world.type_text(5, "trip", "secret ");
    world.settle();
    let route = world.routes[1];
    let link = world.link_between(1, 2).expect("linked");
    world.cut(link);
    purge(&mut world, 0, false);
    world.type_text(5, "trip", "more ");
    world.settle();
    let open: Vec<u64> = mark(&world, 0)
        .expect("known")
        .relays
        .iter()
        .filter_map(|(id, done)| (!done).then_some(id.0))
        .collect();
    assert_eq!(open, [2], "its neighbour knows that it is missing");
    assert!(!is_gone(&world, 2));
    // It goes down with the power, and comes back with all it had.
    world.crash(2);
    world.connect(route);
    world.connect_all();
    world.settle();
    assert!((0..3).all(|relay| is_gone(&world, relay)));
    assert!(
        mark(&world, 0).expect("known").is_done(),
        "told all along the line"
    );
    assert!(was_told(&world, 5));
}

#[test]
fn a_relay_that_crashes_in_the_middle_brings_it_to_its_end() {
    let mut world = line(3, 1);
    world.connect_all();
    world.type_text(1, "trip", "secret ");
    world.settle();
    purge(&mut world, 0, false);
    assert!(
        !world.hosts[0].jobs.is_empty(),
        "the store has yet to do it"
    );
    world.crash(0);
    assert!(!mark(&world, 0).expect("kept").is_done());
    world.connect_all();
    world.settle();
    assert!(is_gone(&world, 0) && mark(&world, 0).expect("kept").is_done());
    assert!(was_told(&world, 1));
}

#[test]
fn nothing_is_taken_while_the_store_gets_rid_of_it() {
    let mut world = line(4, 1);
    world.connect_all();
    world.type_text(1, "trip", "secret ");
    world.settle();
    purge(&mut world, 0, false);
    purge(&mut world, 0, true);
    assert!(world.hosts[0].node.is_purged(&name("trip")));
    world.settle();
    assert!(!world.hosts[0].node.is_purged(&name("trip")));
    assert!(is_gone(&world, 0));
}

#[test]
fn marks_merge_to_the_same_in_any_order() {
    let mut random = Random::new(5);
    let id = MarkId::of(&name("trip"));
    assert_ne!(id, MarkId::of(&name("trap")));
    let mut some = || {
        let mut mark = Mark {
            id,
            count: 1 + random.below(3) as u64,
            time: Time::from_millis(random.below(3) as u64),
            by: RelayId(random.below(3) as u64),
            relays: BTreeMap::default(),
        };
        for _ in 0..random.below(4) {
            mark.note(RelayId(random.below(400) as u64), random.one_in(2));
        }
        mark
    };
    for _ in 0..2_000 {
        let (a, b, c) = (some(), some(), some());
        let join = |a: &Mark, b: &Mark| {
            let mut joined = a.clone();
            let news = joined.merge(b);
            assert_eq!(news, joined != *a);
            joined
        };
        assert_eq!(join(&a, &b), join(&b, &a));
        assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        assert_eq!(join(&join(&a, &b), &b), join(&a, &b));
        assert_eq!(Mark::decode(&a.encode()).unwrap(), a);
    }
}

/// Purged and lifted here and there, while links break and relays lose power.
#[test]
fn whatever_happens_all_relays_agree_in_the_end() {
    let mut purged = 0;
    for seed in 0..60 {
        let mut world = line(seed, 3);
        if seed % 2 == 0 {
            world.route(0, 2, (LinkKind::Mesh, LinkKind::Down));
        }
        world.connect_all();
        for _ in 0..300 {
            match world.random.below(40) {
                0 => {
                    let relay = world.random.below(3);
                    purge(&mut world, relay, false);
                }
                1 => {
                    let relay = world.random.below(3);
                    purge(&mut world, relay, true);
                }
                2 => {
                    let relay = world.random.below(3);
                    world.crash(relay);
                }
                3 | 4 => {
                    let links = world.links();
                    if !links.is_empty() {
                        let link = *world.random.pick(&links);
                        world.cut(link);
                    }
                }
                5 | 6 => {
                    let route = *world.random.pick(&world.routes.clone());
                    world.connect(route);
                }
                7 | 8 => world.pass(Duration::from_secs(7)),
                9..=12 => {
                    let client = 3 + world.random.below(3);
                    world.type_text(client, "trip", "x");
                }
                13..=20 => {
                    let host = world.random.below(6);
                    world.work(host);
                }
                _ => drop(world.deliver(true)),
            }
        }
        redial(&mut world);
        world.run(Duration::from_secs(4_000));
        let first = mark(&world, 0).cloned();
        for relay in 0..3 {
            assert_eq!(mark(&world, relay), first.as_ref(), "seed {seed}");
            assert_eq!(world.hosts[relay].marks.values().next(), first.as_ref());
        }
        let Some(first) = first else { continue };
        assert!(first.is_done(), "seed {seed}: {first:?}");
        if first.is_purged() {
            purged += 1;
            assert!((0..3).all(|relay| is_gone(&world, relay)), "seed {seed}");
        } else {
            // Clients were told and do not ask again until they are back.
            redial(&mut world);
            world.check_converged("trip");
        }
    }
    assert!(purged > 10, "{purged}");
}
