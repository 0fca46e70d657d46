//! Random worlds: cut wires, crashes that lose what was not flushed, frames that come twice, slow
//! disks, full sockets. After healing all copies are equal, and nothing that was shown as saved was
//! ever missing.

use std::time::Duration;

use driftwood_sync::{ErrorCode, Input, Level, LinkKind, Role};

use crate::world::{name, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DOCUMENTS: [&str; 2] = ["notes", "trip"];
const STEPS: usize = 400;

struct Shape {
    relays: usize,
    /// Whether relay n is linked with all others, or only with n + 1.
    full: bool,
    clients: usize,
    tabs: bool,
    /// Everybody logs in under a name of their own.
    guarded: bool,
}

fn build(seed: u64, shape: &Shape) -> World {
    let mut world = World::new(seed);
    world.guarded = shape.guarded;
    world.lanes = seed % 4 >= 2;
    if seed.is_multiple_of(3) {
        // Nearly everything is too large for one message.
        world.setup = |config| {
            config.limits.chunk_bytes = 60;
            config.limits.part_bytes = 25;
            config.limits.window_bytes = 75;
        };
    }
    // Some begin with a comparison of symbols, however little there is.
    let relay = |number: usize, world: &mut World| {
        world.add(Role::Relay, |config| {
            if (seed / 2 + number as u64).is_multiple_of(2) {
                config.limits.survey_min = 0;
            }
        })
    };
    let relays: Vec<usize> = (0..shape.relays)
        .map(|number| relay(number, &mut world))
        .collect();
    for &a in &relays {
        for &b in &relays {
            // Every second pair is configured on both sides, as people do.
            let linked = if shape.full {
                a != b && (a < b || seed.is_multiple_of(2))
            } else {
                a + 1 == b
            };
            if linked {
                world.route(a, b, (LinkKind::Mesh, LinkKind::Down));
            }
        }
    }
    let mut clients = Vec::new();
    for _ in 0..shape.clients {
        let relay = *world.random.pick(&relays);
        let client = world.client(&[relay], DOCUMENTS[0]);
        world.open(client, DOCUMENTS[1]);
        clients.push(client);
    }
    if shape.tabs {
        for pair in clients.windows(2) {
            world.route(pair[0], pair[1], (LinkKind::Tab, LinkKind::Tab));
        }
    }
    world.connect_all();
    world
}

fn random_edit(world: &mut World, host: usize) {
    let document = name(DOCUMENTS[world.random.below(2)]);
    let (kind, place) = (world.random.below(7), world.random.below(1_000));
    let len = world.hosts[host].docs[&document].text("body").len();
    let effects = world.hosts[host].edit(world.now, &document, |edit| {
        let key = ["a", "b", "c"][place % 3];
        match kind {
            0 | 1 => {
                let at = place % (len + 1);
                edit.text("body")
                    .insert(at, ["x", "yz", "word "][place % 3])
                    .unwrap();
            }
            2 => {
                if len > 0 {
                    let at = place % len;
                    edit.text("body").delete(at..at + 1).unwrap();
                }
            }
            3 => edit.map("meta").set(key, i64::from(place as u32)).unwrap(),
            4 => {
                edit.map("meta").delete(key).unwrap();
            }
            5 => edit.set("tags").add(key).unwrap(),
            _ => edit.counter("likes").add(1).unwrap(),
        }
    });
    world.apply(host, effects);
}

fn clients(world: &World) -> Vec<usize> {
    (0..world.hosts.len())
        .filter(|&host| world.hosts[host].role == Role::Client)
        .collect()
}

fn step(world: &mut World) {
    let hosts = world.hosts.len();
    match world.random.below(100) {
        0..=19 => {
            let all = clients(world);
            let host = *world.random.pick(&all);
            random_edit(world, host);
        }
        20..=64 => {
            world.deliver(true);
        }
        65..=84 => {
            let host = world.random.below(hosts);
            world.work(host);
        }
        85..=88 => {
            let links = world.links();
            if !links.is_empty() {
                let link = *world.random.pick(&links);
                world.cut(link);
            }
        }
        89..=93 => {
            let all = world.routes.clone();
            let route = *world.random.pick(&all);
            world.connect(route);
        }
        94 if world.random.one_in(2) => {
            let all = clients(world);
            let host = *world.random.pick(&all);
            let document = DOCUMENTS[world.random.below(2)];
            let effects = world.hosts[host].shut(world.now, &name(document));
            world.apply(host, effects);
            world.open(host, document);
        }
        94 => {
            let host = world.random.below(hosts);
            world.crash(host);
        }
        95 => {
            let links = world.links();
            if !links.is_empty() {
                let link = *world.random.pick(&links);
                let host = world.random.below(hosts);
                let channel = 1 + world.random.below(4) as u64;
                let input = if world.lanes && channel < 4 {
                    Input::Crowded { link, channel }
                } else {
                    Input::Congested { link }
                };
                world.input(host, input);
            }
        }
        96 => drain(world),
        97 => world.pass(Duration::from_secs(12)),
        _ => world.pass(Duration::from_millis(40)),
    }
}

/// All that waited has been sent.
fn drain(world: &mut World) {
    for link in world.links() {
        for host in 0..world.hosts.len() {
            world.input(host, Input::Drained { link });
            for channel in 1..=3 {
                world.input(host, Input::Cleared { link, channel });
            }
        }
    }
}

fn heal(world: &mut World) {
    drain(world);
    world.connect_all();
    // Time for those who believe in a dead link to notice, and for one audit.
    for _ in 0..3 {
        world.run(Duration::from_secs(31));
        world.connect_all();
    }
    world.run(Duration::from_secs(1));
}

fn check(world: &World, relays: usize) {
    for document in DOCUMENTS {
        world.check_converged(document);
    }
    world.check_saved();
    for client in clients(world) {
        let host = &world.hosts[client];
        assert!(host.forked.is_empty(), "no id was used twice");
        let conflict = |&(code, _): &(ErrorCode, _)| code == ErrorCode::DotConflict;
        assert!(!host.problems.iter().any(conflict), "nor seemed to be");
        for document in DOCUMENTS.map(name) {
            let made = host.docs[&document].version().get(host.replica);
            let levels: &[Level] = match relays {
                1 => &[Level::Local, Level::Relay],
                _ => &[Level::Local, Level::Relay, Level::Replicated],
            };
            for &level in levels {
                let saved = host.node.saved(&document, level).get(host.replica);
                assert_eq!(saved, made, "own changes at {level:?}");
            }
        }
    }
}

fn run(seed: u64, shape: &Shape) {
    let mut world = build(seed, shape);
    for _ in 0..STEPS {
        step(&mut world);
        world.check_saved();
    }
    heal(&mut world);
    check(&world, shape.relays);
    // Only slowness ends a link here: a late hello, a late pong.
    let slow = |code| matches!(code, 4401 | 4408);
    assert!(
        world.closes.iter().all(|&(code, _)| slow(code)),
        "{:?}",
        world.closes
    );
}

/// As many worlds as `DRIFTWOOD_WORLDS` says, or 40: some seconds.
fn run_all(shape: &Shape) {
    let worlds = std::env::var("DRIFTWOOD_WORLDS").map_or(40, |count| count.parse().unwrap());
    for seed in 0..worlds {
        println!("seed {seed}");
        run(seed, shape);
    }
}

#[test]
fn one_relay() {
    run_all(&Shape {
        relays: 1,
        full: true,
        clients: 3,
        tabs: false,
        guarded: false,
    });
}

#[test]
fn one_relay_with_tabs() {
    run_all(&Shape {
        relays: 1,
        full: true,
        clients: 3,
        tabs: true,
        guarded: false,
    });
}

#[test]
fn two_relays() {
    run_all(&Shape {
        relays: 2,
        full: true,
        clients: 3,
        tabs: false,
        guarded: false,
    });
}

#[test]
fn a_chain_of_relays() {
    run_all(&Shape {
        relays: 3,
        full: false,
        clients: 3,
        tabs: true,
        guarded: false,
    });
}

#[test]
fn a_full_mesh() {
    run_all(&Shape {
        relays: 3,
        full: true,
        clients: 4,
        tabs: true,
        guarded: false,
    });
}

#[test]
fn one_guarded_relay() {
    run_all(&Shape {
        relays: 1,
        full: true,
        clients: 3,
        tabs: false,
        guarded: true,
    });
}

#[test]
fn a_guarded_mesh() {
    run_all(&Shape {
        relays: 3,
        full: true,
        clients: 4,
        tabs: false,
        guarded: true,
    });
}
