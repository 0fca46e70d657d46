//! What holds whatever is edited, undone and redone.

use std::collections::BTreeSet;

use driftwood_crdt::{Doc, Dot, ReplicaId, UndoManager, UndoOptions};
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::copies::{seen, solo, Copy};
use crate::support::{self, Step, World};

/// Fewer in wasm, where the point is that the code runs there at all.
const CASES: u32 = if cfg!(target_arch = "wasm32") {
    60
} else {
    2_000
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Alone, every state comes back exactly as it was, back and forth.
    #[test]
    fn all_undone_and_redone_is_as_it_was(
        edits in prop::collection::vec((any::<u8>(), 0usize..1_000, 0usize..1_000, 0usize..1_000, 0u64..4), 1..40),
        walk in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let mut doc = Doc::new(ReplicaId::new(1));
        let mut undo = UndoManager::new(UndoOptions { depth: 1_000, ..UndoOptions::default() });
        let mut states = vec![seen(&doc)];
        let (mut now, mut recorded) = (1_000, 0);
        for (what, a, b, c, wait) in edits {
            now += wait * 200;
            let before = doc.version().clone();
            let _ = support::edit(&mut doc, |doc| doc.edit_recorded(now, &mut undo), what, a, b, c);
            if *doc.version() == before {
                continue;
            }
            // What follows soon is of the same step.
            if now - recorded < 500 {
                states.pop();
            }
            states.push(seen(&doc));
            recorded = now;
        }
        let last = states.len() - 1;
        let mut at = last;
        let there_and_back = (0..last).map(|_| true).chain((0..last).map(|_| false));
        for back in there_and_back.chain(walk).chain((0..last).map(|_| true)) {
            let done = if back { undo.undo(&mut doc, now) } else { undo.redo(&mut doc, now) };
            let expected = if back { at.checked_sub(1) } else { Some(at + 1).filter(|&at| at <= last) };
            prop_assert_eq!(done.is_some(), expected.is_some(), "at {}", at);
            at = expected.unwrap_or(at);
            prop_assert_eq!(&seen(&doc), &states[at], "state {}", at);
            doc.assert_invariants();
        }
    }

    /// With others: what they wrote stays, and all copies are equal in the end.
    #[test]
    fn copies_converge_and_what_others_wrote_stays(
        replicas in 2usize..5,
        steps in prop::collection::vec((0u8..12, any::<u8>(), 0usize..1_000, 0usize..1_000, 0usize..1_000, 0usize..1_000), 1..60),
    ) {
        whatever_is_undone(replicas, steps)?;
    }

    /// Each types its own letter and deletes whatever: undoing takes no letter of another.
    #[test]
    fn letters_of_others_stay(
        steps in prop::collection::vec((0u8..8, 0usize..3, 0usize..1_000, 0usize..6), 1..60),
    ) {
        let mut copies: Vec<Copy> = (1..=3).map(Copy::new).collect();
        for (action, me, at, len) in steps {
            let copy = &mut copies[me];
            let letters = ["a", "b", "c"];
            let others = |copy: &Copy| -> Vec<usize> {
                let text = copy.text();
                let others = letters.iter().filter(|letter| **letter != letters[me]);
                others.map(|letter| text.matches(letter).count()).collect()
            };
            let (before, size) = (others(copy), copy.text().len());
            match action {
                0 | 1 => copy.edit(|e| {
                    e.text("t").insert(at % (size + 1), &letters[me].repeat(len + 1)).unwrap();
                }),
                2 => copy.edit(|e| {
                    let start = at % (size + 1);
                    e.text("t").delete(start..(start + len).min(size)).unwrap();
                }),
                3 | 4 => {
                    let _ = copy.undo();
                    let after = others(copy);
                    prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
                }
                5 => drop(copy.redo()),
                _ => {
                    let other = (me + 1 + at % 2) % 3;
                    let delta = copies[other].doc.delta_since(copies[me].doc.version());
                    copies[me].doc.merge(&delta).unwrap();
                }
            }
        }
        for (i, j) in [(0, 1), (1, 2), (2, 0), (0, 1), (1, 2)] {
            let delta = copies[i].doc.delta_since(copies[j].doc.version());
            copies[j].doc.merge(&delta).unwrap();
        }
        prop_assert!(copies[0].doc.canonical() == copies[1].doc.canonical());
        prop_assert!(copies[0].doc.canonical() == copies[2].doc.canonical());
    }
}

/// (action, what, who, a, b, c)
type Steps = Vec<(u8, u8, usize, usize, usize, usize)>;

fn whatever_is_undone(replicas: usize, steps: Steps) -> Result<(), TestCaseError> {
    let mut world = World::new(replicas);
    let mut undos: Vec<UndoManager> = (0..replicas).map(|_| solo()).collect();
    let mut elements = vec![BTreeSet::new(); replicas];
    // Elements that somebody deleted. They show again where something in them survives, until that goes.
    let mut deleted: BTreeSet<Dot> = BTreeSet::new();
    let mut now = 1_000;
    for (action, what, who, a, b, c) in steps {
        now += 10_007;
        let me = who % replicas;
        let (doc, undo) = (&mut world.docs[me], &mut undos[me]);
        let theirs = dots_of_others(doc);
        match action {
            0..=3 => {
                let _ = support::edit(doc, |doc| doc.edit_recorded(now, undo), what, a, b, c);
            }
            4..=6 => {
                let undone = if action < 6 {
                    undo.undo(doc, now)
                } else {
                    undo.redo(doc, now)
                };
                let left = dots_of_others(doc);
                let gone = theirs.difference(&left).find(|dot| !deleted.contains(*dot));
                prop_assert_eq!(gone, None, "others' is gone");
                world
                    .deltas
                    .extend(undone.map(|undone| undone.delta.encode()));
            }
            7 => world.step(&Step::Edit(who, what, a, b, c)),
            8 => world.step(&Step::Deliver(a, b)),
            9 => world.step(&Step::Reclaim(who)),
            10 => world.step(&Step::Seed(who)),
            _ => world.step(&Step::Sync(a, b)),
        }
        world.docs[me].assert_invariants();
        world.assert_equal_where_versions_are();
        for (doc, before) in world.docs.iter().zip(&mut elements) {
            let after = elements_of(doc);
            deleted.extend(before.difference(&after));
            *before = after;
        }
    }
    world.step(&Step::Reload(0));
    world.settle();
    Ok(())
}

/// Somebody deletes an element in which another one writes meanwhile: it shows, until that is undone.
#[test]
fn what_shows_only_for_what_i_wrote_in_it_goes_with_that() {
    let steps = vec![
        (0, 24, 1, 78, 0, 0),
        (11, 0, 0, 523, 77, 0),
        (4, 0, 1, 0, 0, 0),
        (0, 139, 2, 675, 0, 0),
        (10, 0, 0, 0, 0, 0),
        (7, 43, 0, 0, 0, 0),
        (8, 0, 0, 407, 414, 0),
        (4, 0, 2, 0, 0, 0),
    ];
    whatever_is_undone(3, steps).expect("it is a law");
}

fn elements_of(doc: &Doc) -> BTreeSet<Dot> {
    let names = ["a", "b", "c"];
    let lists = names.iter().flat_map(|name| doc.list(name).ids());
    let trees = names.iter().flat_map(|name| doc.tree(name).nodes());
    lists.chain(trees).collect()
}

/// The names of what others wrote: elements, nodes, values at keys.
fn dots_of_others(doc: &Doc) -> BTreeSet<Dot> {
    let mut dots = elements_of(doc);
    for name in ["a", "b", "c"] {
        for key in ["a", "b", "c"] {
            let siblings = doc.map(name).conflicts(key).into_iter();
            dots.extend(siblings.map(|sibling| sibling.dot));
        }
    }
    dots.retain(|dot| dot.replica != doc.replica());
    dots
}
