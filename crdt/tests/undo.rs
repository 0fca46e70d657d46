//! Undo and redo: what comes back, and what is left alone.

mod support;

use driftwood_crdt::{
    Doc, Edit, Expand, Item, Kind, Path, ReplicaId, Segment, UndoManager, UndoOptions, Unit, Value,
};
use proptest::prelude::*;
use support::{Step, World};

/// All that a reader sees.
type Seen = (Value, Vec<Vec<Segment>>);

fn seen(doc: &Doc) -> Seen {
    let mut texts: Vec<_> = ["a", "b", "c"].map(|name| doc.text(name).segments()).into();
    for map in ["a", "b", "c"] {
        texts.extend(["a", "b", "c"].map(|key| doc.map(map).text_at(key).segments()));
    }
    (doc.to_value(), texts)
}

fn solo() -> UndoManager {
    UndoManager::new(UndoOptions {
        group_ms: 0,
        depth: 1_000,
        ..UndoOptions::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Alone, every state comes back exactly as it was, back and forth.
    #[test]
    fn all_undone_and_redone_is_as_it_was(
        edits in prop::collection::vec((any::<u8>(), 0usize..1_000, 0usize..1_000, 0usize..1_000), 1..40),
        walk in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let mut doc = Doc::new(ReplicaId::new(1));
        let mut undo = solo();
        let mut states = vec![seen(&doc)];
        let mut now = 1_000;
        for (what, a, b, c) in edits {
            now += 1_000;
            let before = doc.version().clone();
            let _ = support::edit(&mut doc, |doc| doc.edit_recorded(now, &mut undo), what, a, b, c);
            if *doc.version() != before {
                states.push(seen(&doc));
            }
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
}
