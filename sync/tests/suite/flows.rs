//! One flow at a time, with nothing going wrong but what the test says.

use std::time::Duration;

use driftwood_crdt::ReplicaId;
use driftwood_sync::{ErrorCode, Input, Level, LinkId, LinkKind, Reporter};

use crate::world::{name, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DELTA: u8 = 0x04;
const ACK: u8 = 0x05;
const GAP: u8 = 0x06;
const NEED_SKELETON: u8 = 0x08;

/// A relay and two clients with "notes" open, in step.
fn three() -> (World, usize, usize, usize) {
    let mut world = World::new(1);
    let relay = world.relay();
    let anna = world.client(&[relay], "notes");
    let ben = world.client(&[relay], "notes");
    world.connect_all();
    world.settle();
    (world, relay, anna, ben)
}

#[test]
fn what_one_types_the_other_reads() {
    let (mut world, _, anna, ben) = three();
    world.type_text(anna, "notes", "hello");
    world.settle();
    assert_eq!(world.text(ben, "notes"), "hello");
    world.type_text(ben, "notes", "oh, ");
    world.settle();
    assert_eq!(world.text(anna, "notes"), "oh, hello");
    world.check_converged("notes");
    world.check_saved();
}

#[test]
fn nothing_leaves_a_client_before_it_is_durable() {
    let (mut world, _, anna, _) = three();
    world.delivered.clear();
    world.type_text(anna, "notes", "x");
    while world.deliver(false) {}
    assert_eq!(world.delivered.get(&DELTA), None);
    world.work(anna);
    while world.deliver(false) {}
    assert_eq!(
        world.delivered.get(&DELTA),
        Some(&2),
        "to the relay, and on to the other"
    );
}

#[test]
fn a_relay_forwards_at_once_and_acknowledges_when_flushed() {
    let (mut world, relay, anna, ben) = three();
    world.type_text(anna, "notes", "x");
    world.work(anna);
    while world.deliver(false) {}
    assert_eq!(world.text(ben, "notes"), "x");
    let made = world.made(anna, "notes");
    let saved = |world: &World, level| world.saved(anna, anna, "notes", level);
    assert_eq!(saved(&world, Level::Local), made);
    assert_eq!(saved(&world, Level::Relay), 0);
    world.work(relay);
    while world.deliver(false) {}
    assert_eq!(saved(&world, Level::Relay), made);
    assert_eq!(saved(&world, Level::Replicated), 0);
}

#[test]
fn nothing_is_echoed_and_both_sides_hear_that_it_is_saved() {
    let (mut world, _, anna, ben) = three();
    world.delivered.clear();
    for _ in 0..10 {
        world.type_text(anna, "notes", "x");
        world.settle();
    }
    assert_eq!(world.delivered[&DELTA], 20, "up once, down once each");
    assert_eq!(world.delivered[&ACK], 10, "to the sender, at once");
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.delivered[&ACK], 11,
        "to who reads, what was saved meanwhile"
    );
    let made = world.made(anna, "notes");
    assert_eq!(world.saved(anna, ben, "notes", Level::Relay), made);
    assert_eq!(world.delivered.get(&GAP), None);
}

#[test]
fn offline_edits_of_both_sides_meet() {
    let (mut world, relay, anna, ben) = three();
    for client in [anna, ben] {
        let link = world.link_between(client, relay).unwrap();
        world.cut(link);
    }
    world.type_text(anna, "notes", "from anna ");
    world.type_text(ben, "notes", "from ben ");
    world.settle();
    world.connect_all();
    world.settle();
    world.check_converged("notes");
    assert_eq!(world.text(anna, "notes").len(), "from anna from ben ".len());
    for client in [anna, ben] {
        let made = world.made(client, "notes");
        assert_eq!(world.saved(client, client, "notes", Level::Relay), made);
    }
}

#[test]
fn a_relay_that_lost_its_power_is_filled_up_again() {
    let (mut world, relay, anna, ben) = three();
    world.type_text(anna, "notes", "kept");
    world.settle();
    world.type_text(anna, "notes", "not yet flushed, ");
    world.work(anna);
    while world.deliver(false) {}
    world.check_saved();
    world.crash(relay);
    world.connect_all();
    world.settle();
    assert_eq!(world.text(ben, "notes"), "not yet flushed, kept");
    world.check_converged("notes");
    world.check_saved();
}

#[test]
fn synced_comes_when_their_content_is_here() {
    let (mut world, relay, anna, _) = three();
    world.type_text(anna, "notes", "hello");
    world.settle();
    let late = world.client(&[relay], "notes");
    world.connect_all();
    world.settle();
    let link = world.link_between(late, relay).unwrap();
    assert_eq!(world.hosts[late].synced, vec![(name("notes"), link)]);
    assert_eq!(world.text(late, "notes"), "hello");
}

#[test]
fn a_delta_beyond_a_gap_is_asked_for_once_and_filled() {
    let (mut world, relay, anna, ben) = three();
    // The relay's host lost the document behind the node's back.
    world.type_text(anna, "notes", "a");
    world.settle();
    let version = driftwood_crdt::VersionVector::new();
    world.hosts[relay].disk.clear();
    let refused = Input::Refused {
        document: name("notes"),
        link: None,
        code: ErrorCode::StoreCorrupt,
        version,
        anchors: Vec::new(),
    };
    world.input(relay, refused);
    world.delivered.clear();
    for _ in 0..3 {
        world.type_text(anna, "notes", "b");
        world.work(anna);
    }
    while world.deliver(false) {}
    assert_eq!(world.delivered[&GAP], 1);
    world.settle();
    assert_eq!(world.text(ben, "notes"), "bbba");
    world.check_converged("notes");
}

/// One deletes a letter and forgets that it was there; meanwhile another has typed behind it.
fn typed_behind_what_is_forgotten(world: &mut World, forgets: usize, types: usize, link: LinkId) {
    world.type_text(forgets, "notes", "abc");
    world.settle();
    world.cut(link);
    let doc = world.hosts[types].docs.get_mut(&name("notes")).unwrap();
    let mut edit = doc.edit(1);
    edit.text("body").insert(3, "-").unwrap();
    let behind = edit.commit().encode().into();
    let document = name("notes");
    world.input(
        types,
        Input::Local {
            document,
            delta: behind,
        },
    );

    let doc = world.hosts[forgets].docs.get_mut(&name("notes")).unwrap();
    let mut edit = doc.edit(1);
    edit.text("body").delete(2..3).unwrap();
    let gone = edit.commit().encode().into();
    assert_eq!(doc.reclaim(1, 0, &[]), 1, "the letter is forgotten");
    let document = name("notes");
    world.input(
        forgets,
        Input::Local {
            document,
            delta: gone,
        },
    );
}

#[test]
fn what_was_forgotten_is_asked_for_by_name() {
    let (mut world, relay, anna, ben) = three();
    let link = world.link_between(ben, relay).unwrap();
    typed_behind_what_is_forgotten(&mut world, anna, ben, link);
    world.settle();
    world.delivered.clear();
    world.connect_all();
    world.settle();
    assert_eq!(world.text(anna, "notes"), "ab-");
    assert_eq!(world.text(ben, "notes"), "ab-");
    assert_eq!(world.delivered[&NEED_SKELETON], 1);
    world.check_converged("notes");
    world.check_saved();
}

#[test]
fn a_stale_load_does_no_harm() {
    let (mut world, relay, anna, ben) = three();
    world.type_text(anna, "notes", "a");
    world.settle();
    let link = world.link_between(ben, relay).unwrap();
    let doc = &world.hosts[anna].docs[&name("notes")];
    let all = doc
        .delta_since(&driftwood_crdt::VersionVector::new())
        .encode()
        .into();
    world.delivered.clear();
    let loaded = Input::Loaded {
        link,
        document: name("notes"),
        deltas: vec![all],
    };
    world.input(relay, loaded.clone());
    world.settle();
    assert!(world.delivered.is_empty(), "they have it");
    world.cut(link);
    world.input(relay, loaded);
    world.settle();
    world.check_converged("notes");
}

#[test]
fn a_congested_link_gets_one_load_when_it_is_drained() {
    let (mut world, relay, anna, ben) = three();
    let link = world.link_between(ben, relay).unwrap();
    world.input(relay, Input::Congested { link });
    world.delivered.clear();
    let loads = world.hosts[relay].loads;
    for _ in 0..20 {
        world.type_text(anna, "notes", "x");
        world.settle();
    }
    assert_eq!(world.delivered[&DELTA], 20, "only those from anna");
    assert_eq!(world.hosts[relay].loads, loads);
    world.input(relay, Input::Drained { link });
    world.settle();
    assert_eq!(world.hosts[relay].loads, loads + 1);
    assert_eq!(world.text(ben, "notes").len(), 20);
    world.check_converged("notes");
}

#[test]
fn a_link_that_stays_congested_is_closed() {
    let (mut world, relay, _, ben) = three();
    let link = world.link_between(ben, relay).unwrap();
    world.input(relay, Input::Congested { link });
    world.run(Duration::from_secs(59));
    assert!(world.closes.is_empty());
    world.run(Duration::from_secs(2));
    assert_eq!(world.closes, vec![(4408, ErrorCode::Timeout)]);
    assert_eq!(world.link_between(ben, relay), None);
}

#[test]
fn idle_links_are_kept_alive_by_pings() {
    let (mut world, relay, anna, _) = three();
    world.delivered.clear();
    world.run(Duration::from_secs(100));
    assert!(world.closes.is_empty());
    assert!(world.link_between(anna, relay).is_some());
    let pings = world.delivered[&0x0b];
    assert!(
        (18..=22).contains(&pings),
        "one side asks, every ten seconds: {pings}"
    );
}

#[test]
fn a_silent_peer_is_given_up() {
    let (mut world, relay, anna, _) = three();
    let link = world.link_between(anna, relay).unwrap();
    // Nothing is delivered any more: only time passes.
    for _ in 0..19 {
        world.pass(Duration::from_secs(1));
    }
    assert!(world.hosts[anna].node.links().any(|info| info.link == link));
    for _ in 0..2 {
        world.pass(Duration::from_secs(1));
    }
    assert!(!world.hosts[anna].node.links().any(|info| info.link == link));
    assert!(world.closes.contains(&(4408, ErrorCode::Timeout)));
}

#[test]
fn siblings_sync_without_a_relay_and_learn_what_the_relay_saved() {
    let mut world = World::new(2);
    let relay = world.relay();
    let online = world.client(&[relay], "notes");
    let offline = world.client(&[], "notes");
    world.route(online, offline, (LinkKind::Tab, LinkKind::Tab));
    world.connect_all();
    world.settle();
    world.type_text(offline, "notes", "through the other tab");
    world.settle();
    assert_eq!(world.text(online, "notes"), "through the other tab");
    world.check_converged("notes");
    let made = world.made(offline, "notes");
    assert_eq!(world.saved(offline, offline, "notes", Level::Relay), made);
    world.check_saved();
}

#[test]
fn a_document_that_a_sibling_opened_before_is_synced_when_we_open_it() {
    let mut world = World::new(3);
    let a = world.client(&[], "first");
    let b = world.client(&[], "second");
    world.route(a, b, (LinkKind::Tab, LinkKind::Tab));
    world.connect_all();
    world.settle();
    world.type_text(b, "second", "hello");
    world.settle();
    world.open(a, "second");
    world.settle();
    assert_eq!(world.text(a, "second"), "hello");
    assert!(world.hosts[b].node.version(&name("first")).is_none());
}

#[test]
fn a_document_can_be_left_and_opened_again() {
    let (mut world, relay, anna, ben) = three();
    world.type_text(anna, "notes", "one ");
    world.settle();
    world.input(
        ben,
        Input::Shut {
            document: name("notes"),
        },
    );
    world.hosts[ben].docs.clear();
    world.settle();
    world.delivered.clear();
    world.type_text(anna, "notes", "two ");
    world.settle();
    assert_eq!(world.delivered[&DELTA], 1, "ben no longer takes part");
    world.open(ben, "notes");
    world.settle();
    assert_eq!(world.text(ben, "notes"), "two one ");
    world.check_converged("notes");
    assert_eq!(world.hosts[relay].node.documents().count(), 1);
}

#[test]
fn a_relay_forgets_documents_that_nobody_wrote_to() {
    let (mut world, relay, anna, ben) = three();
    world.open(anna, "empty");
    world.settle();
    assert_eq!(world.hosts[relay].node.documents().count(), 2);
    for client in [anna, ben] {
        let link = world.link_between(client, relay).unwrap();
        world.cut(link);
    }
    assert_eq!(world.hosts[relay].node.documents().count(), 0);
}

#[test]
fn an_id_that_was_used_twice_is_reported_once() {
    let (mut world, relay, anna, _) = three();
    world.type_text(anna, "notes", "a");
    world.settle();
    // A backup from before: the disk is empty, the id is the same.
    world.hosts[anna].disk.clear();
    world.crash(anna);
    let replica = world.hosts[anna].replica;
    world.connect_all();
    world.settle();
    assert_eq!(world.hosts[anna].forked, vec![replica]);
    assert_eq!(
        world.text(anna, "notes"),
        "a",
        "the state is pulled all the same"
    );
    // It goes on under a new id.
    let fresh = ReplicaId::new(77);
    world.hosts[anna].replica = fresh;
    let document = name("notes");
    world.hosts[anna]
        .docs
        .get_mut(&document)
        .unwrap()
        .set_replica(fresh);
    let version = world.hosts[anna].docs[&document].version().clone();
    world.input(
        anna,
        Input::Open {
            document,
            version,
            own: Some(fresh),
        },
    );
    world.type_text(anna, "notes", "b");
    world.settle();
    assert_eq!(world.hosts[anna].forked.len(), 1);
    world.check_converged("notes");
    assert_eq!(world.hosts[relay].problems, vec![]);
}

#[test]
fn a_full_disk_is_no_acknowledgement_and_is_made_good_later() {
    let (mut world, relay, anna, ben) = three();
    world.hosts[relay].broken = Some(ErrorCode::StorageFull);
    world.type_text(anna, "notes", "a");
    world.settle();
    world.type_text(anna, "notes", "b");
    world.settle();
    let saved = |world: &World| world.saved(anna, anna, "notes", Level::Relay);
    assert_eq!(saved(&world), 0);
    assert!(world.hosts[anna]
        .problems
        .contains(&(ErrorCode::StorageFull, Reporter::Peer)));
    assert_eq!(
        world.hosts[relay].stores, 1,
        "it does not try again with every delta"
    );
    world.hosts[relay].broken = None;
    world.run(Duration::from_secs(11));
    assert_eq!(saved(&world), world.made(anna, "notes"));
    assert_eq!(world.text(ben, "notes"), "ba");
    world.check_converged("notes");
}

#[test]
fn a_change_from_the_future_is_refused_with_the_relays_time() {
    let (mut world, relay, anna, ben) = three();
    let now = world.now;
    let ahead = driftwood_sync::Time::from_millis(now.as_millis() + 61_000);
    let document = name("notes");
    let effects = world.hosts[anna].edit(ahead, &document, |edit| {
        edit.map("meta").set("title", "from tomorrow").unwrap();
    });
    world.apply(anna, effects);
    world.settle();
    assert!(world.hosts[anna]
        .problems
        .contains(&(ErrorCode::ClockAhead, Reporter::Peer)));
    assert_eq!(world.hosts[relay].stores, 0);
    assert!(world.closes.is_empty());
    // Time heals it: with the next change, and the gap it makes, it is sent again.
    world.run(Duration::from_secs(10));
    world.type_text(anna, "notes", "x");
    world.settle();
    assert_eq!(world.text(ben, "notes"), "x");
    world.check_converged("notes");
}

#[test]
fn big_documents_come_in_pieces() {
    let (mut world, relay, anna, _) = three();
    for _ in 0..200 {
        world.type_text(anna, "notes", "a line of text\n");
    }
    world.settle();
    let late = world.client(&[relay], "notes");
    world.connect_all();
    world.settle();
    assert_eq!(world.text(late, "notes").len(), 3_000);
    world.check_converged("notes");
}
