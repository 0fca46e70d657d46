//! What a store must keep when the power is cut, at any moment of its work.

use std::collections::{BTreeMap, BTreeSet};

use driftwood_crdt::{Delta, Doc, ReplicaId};
use driftwood_sync::{DocumentName, Mark, MarkId, RelayId, Time};

use super::world::{Dice, Image, Op, Platter, Promise, World, LOSSES};
use super::Store;

const DOCUMENTS: [&str; 3] = ["trip", "work", "notes"];

/// Opens a store on what a disk holds.
type Open = fn(&World) -> Box<dyn Store>;

fn name(text: &str) -> DocumentName {
    DocumentName::new(text).expect("a name")
}

/// A document that is written, and what it was like at every step.
struct Author {
    doc: Doc,
    states: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Author {
    fn new(replica: u64) -> Self {
        let mut author = Self {
            doc: Doc::new(ReplicaId::new(replica)),
            states: BTreeMap::new(),
        };
        author.remember();
        author
    }

    fn remember(&mut self) {
        let version = self.doc.version().encode();
        self.states.insert(version, self.doc.canonical());
    }

    fn write(&mut self, length: u64) -> Delta {
        let text: String = (0..length)
            .map(|at| char::from(b'a' + (at * 7 % 26) as u8))
            .collect();
        let mut edit = self.doc.edit(1_000);
        edit.text("body").insert(0, &text).expect("fits");
        let delta = edit.commit();
        self.remember();
        delta
    }
}

/// Everything a relay asks of a store, in some order. The trace of it, and the documents.
fn work(open: Open, steps: u64, dice: &mut Dice) -> (Vec<Op>, Vec<Author>) {
    let world = World::default();
    let store = open(&world);
    let mut authors: Vec<Author> = (1..=3).map(Author::new).collect();
    let mut promise = Promise::default();
    let mut owners = [0; DOCUMENTS.len()];
    for step in 0..steps {
        // One is written most, and one is let be after a while.
        let at = [0, 0, 0, 1, 1, 2][dice.roll(if step < steps / 3 { 6 } else { 5 }) as usize];
        let length = if dice.roll(12) == 0 {
            dice.roll(900) + 1
        } else {
            dice.roll(30) + 1
        };
        let document = name(DOCUMENTS[at]);
        let delta = authors[at].write(length);
        if dice.roll(40) == 0 {
            let replica = ReplicaId::new(100 + step);
            store.bind(&document, replica, "ada").expect("bound");
            owners[at] += 1;
        }
        store
            .append(&document, &delta.encode(), delta.to())
            .expect("appended");
        promise
            .versions
            .insert(document.clone(), authors[at].doc.version().clone());
        if dice.roll(3) == 0 {
            store.flush().expect("flushed");
            promise.owners = owners.iter().sum();
            world.act(Op::Promise(promise.clone()));
            store.tidy().expect("tidied");
        }
        if dice.roll(25) == 0 {
            store.checkpoint(&document).expect("made");
        }
        if dice.roll(50) == 0 {
            store.flush().expect("flushed");
            // Until that is flushed again it may be there or not.
            owners[at] = 0;
            promise.owners = promise.owners.min(owners.iter().sum());
            promise.versions.remove(&document);
            world.act(Op::Promise(promise.clone()));
            purge(&*store, &document, step);
            let old = authors[at].doc.replica();
            promise.gone.push((document, old));
            world.act(Op::Promise(promise.clone()));
            if dice.roll(2) == 0 {
                assert!(store.scrub().expect("room"), "nothing is damaged");
            }
            let states = std::mem::take(&mut authors[at].states);
            authors[at] = Author::new(10_000 + step);
            authors[at].states.extend(states);
        }
    }
    drop(store);
    let trace = world.trace();
    (trace, authors)
}

/// Deletes a document for good, durably.
fn purge(store: &dyn Store, document: &DocumentName, step: u64) {
    let mark = Mark {
        id: MarkId::of(document),
        count: 2 * step + 1,
        time: Time::from_millis(step),
        by: RelayId(1),
        relays: driftwood_crdt::ordered::BTreeMap::new(),
    };
    store.mark(&mark).expect("marked");
    store.purge(&BTreeSet::from([mark.id])).expect("purged");
    store.flush().expect("flushed");
    assert_eq!(store.version(document).expect("unknown"), None);
}

/// What must hold after every power cut; the store then, on its disk.
fn check(open: Open, image: Image, promise: &Promise, authors: &[Author]) -> (World, Vec<Author>) {
    let world = World::of(image);
    let store = open(&world);
    assert!(store.owners().expect("read").len() >= promise.owners);
    let marks = store.marks().expect("read");
    for (document, replica) in &promise.gone {
        let id = MarkId::of(document);
        assert!(marks.iter().any(|mark| mark.id == id), "a mark is lost");
        let version = store.version(document).expect("not damaged");
        let seq = version.map_or(0, |version| version.get(*replica));
        assert_eq!(seq, 0, "what was purged is back");
    }
    let mut found = Vec::new();
    for (document, author) in DOCUMENTS.iter().zip(authors) {
        let document = name(document);
        let version = store.version(&document).expect("not damaged");
        let version = version.unwrap_or_default();
        if let Some(promised) = promise.versions.get(&document) {
            assert!(version.includes(promised), "lost what was acknowledged");
        }
        let doc = replay(&*store, &document);
        assert_eq!(doc.version(), &version);
        let state = author.states.get(&version.encode());
        let state = state.expect("a state that the document once had");
        assert!(*state == doc.canonical(), "not what it was at this version");
        let states = author.states.clone();
        found.push(Author { doc, states });
    }
    // It goes on until the power is cut again.
    let mut promise = promise.clone();
    for (document, author) in DOCUMENTS.iter().zip(&mut found) {
        let document = name(document);
        drop(
            author
                .doc
                .set_replica(ReplicaId::new(1_000 + author.states.len() as u64)),
        );
        let delta = author.write(60);
        store
            .append(&document, &delta.encode(), delta.to())
            .expect("appended");
        promise
            .versions
            .insert(document, author.doc.version().clone());
        store.flush().expect("flushed");
        world.act(Op::Promise(promise.clone()));
        store.tidy().expect("tidied");
    }
    drop(store);
    (world, found)
}

fn replay(store: &dyn Store, document: &DocumentName) -> Doc {
    let mut doc = Doc::new(ReplicaId::new(u64::MAX));
    for delta in store.load(document).expect("not damaged") {
        let delta = Delta::decode(&delta).expect("whole");
        doc.merge(&delta).expect("no gap");
    }
    doc
}

/// `DRIFTWOOD_POWER_CUTS` is how many pieces of work are cut off; each gives some thousand images.
fn rounds() -> u64 {
    let rounds = std::env::var("DRIFTWOOD_POWER_CUTS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Cuts a piece of work of so many steps off at every moment; at some of them in all ways, and on one of
/// so many disks that are left, again. How many that were.
pub(super) fn cut_at_every_moment(open: Open, steps: u64, again_every: u64) -> u64 {
    let mut images = 0;
    for round in 0..rounds() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (round << 20));
        let (trace, authors) = work(open, steps, &mut dice);
        let mut platter = Platter::default();
        for (at, op) in trace.iter().enumerate() {
            platter.follow(op);
            // After a sync and before it, in all ways; between, in one.
            let near = |op: Option<&Op>| matches!(op, Some(Op::Sync(_) | Op::SyncNames));
            let losses = if near(Some(op)) || near(trace.get(at + 1)) {
                LOSSES.to_vec()
            } else {
                vec![LOSSES[at % LOSSES.len()]]
            };
            for loss in losses {
                images += 1;
                let image = platter.image(loss, &mut dice);
                let again = images % again_every == 0;
                let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let left = image.clone();
                    let (world, found) = check(open, image, &platter.promise, &authors);
                    if again {
                        let mut platter = Platter::of(left, platter.promise.clone());
                        let trace = world.trace();
                        for op in &trace[..dice.roll(trace.len() as u64 + 1) as usize] {
                            platter.follow(op);
                        }
                        let loss = LOSSES[dice.roll(LOSSES.len() as u64) as usize];
                        let image = platter.image(loss, &mut dice);
                        check(open, image, &platter.promise, &found);
                    }
                }));
                let ok = checked.is_ok();
                assert!(ok, "round {round}, cut after operation {at}, {loss:?}");
                images += u64::from(again);
            }
        }
        println!("round {round}: {} operations, {images} images", trace.len());
    }
    images
}
