//! The order of a text against a model so simple that it is unlikely to be wrong: Fugue's tree with
//! nothing but nodes, walked in order, tombstones and all.

use std::collections::BTreeMap;

use driftwood_crdt::{Delta, VersionVector};
use driftwood_crdt::{Dot, DotStore, Interval, ReplicaId, Replicated, Side, Text, Unit};
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Every element of a text with what it hangs on, read off the items of its whole state.
#[derive(Default)]
struct Model {
    children: BTreeMap<(Option<Dot>, Side), Vec<Dot>>,
    letters: BTreeMap<Dot, Option<char>>,
}

impl Model {
    fn of(text: &Replicated<Text>) -> Self {
        let mut model = Self::default();
        let interval = Interval {
            from: &VersionVector::new(),
            to: text.version(),
        };
        for run in text.store().collect(interval).iter() {
            let (mut dot, mut parent, mut side) = (run.start, run.parent, run.side);
            for piece in run.pieces {
                let mut letters = piece.content.as_ref().map(|chars| chars.as_str().chars());
                for _ in 0..piece.len {
                    model.children.entry((parent, side)).or_default().push(dot);
                    model
                        .letters
                        .insert(dot, letters.as_mut().and_then(Iterator::next));
                    (parent, side) = (Some(dot), Side::Right);
                    dot = Dot::new(dot.replica, dot.seq + 1);
                }
            }
        }
        model
            .children
            .values_mut()
            .for_each(|siblings| siblings.sort());
        model
    }

    fn text(&self) -> String {
        let mut text = String::new();
        self.walk(None, &mut text);
        text
    }

    fn walk(&self, node: Option<Dot>, text: &mut String) {
        for side in [Side::Left, Side::Right] {
            if side == Side::Right {
                text.extend(node.and_then(|dot| self.letters[&dot]));
            }
            for &child in self.children.get(&(node, side)).into_iter().flatten() {
                self.walk(Some(child), text);
            }
        }
    }
}

fn type_at(
    text: &mut Replicated<Text>,
    offset: usize,
    letters: &str,
) -> Delta<<Text as DotStore>::Items> {
    let (done, delta) = text.edit(0, |text, change| {
        text.insert(Unit::Chars, offset, letters, change)
    });
    done.expect("the offset is in the text");
    delta
}

fn delete(text: &mut Replicated<Text>, offset: usize, len: usize) {
    let range = offset..offset + len;
    let (done, _) = text.edit(0, |text, change| text.delete(Unit::Chars, range, change));
    done.expect("the range is in the text");
}

fn merge_all(texts: &mut [Replicated<Text>]) {
    for _ in 0..2 {
        for i in 0..texts.len() {
            let next = (i + 1) % texts.len();
            let delta = texts[i].delta_since(texts[next].version());
            texts[next]
                .merge(&delta)
                .expect("it starts where the other stands");
        }
    }
}

fn replicas(count: u64) -> Vec<Replicated<Text>> {
    (1..=count)
        .map(|id| Replicated::new(ReplicaId::new(id)))
        .collect()
}

/// Fewer in wasm, where the point is that the code runs there at all.
const CASES: u32 = if cfg!(target_arch = "wasm32") {
    80
} else {
    800
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_is_that_of_the_tree(
        edits in prop::collection::vec((0usize..4, 0usize..5, 0usize..1_000, 1usize..5), 1..80),
    ) {
        let mut texts = replicas(4);
        let mut mirrors = vec![String::new(); 4];
        for (who, what, at, len) in edits {
            let text = &mut texts[who];
            let chars = text.store().extent().chars;
            match what {
                0..=2 => {
                    let letters: String = "αbcd🌊".chars().cycle().skip(at % 5).take(len).collect();
                    let at = at % (chars + 1);
                    type_at(text, at, &letters);
                    let byte = mirrors[who].char_indices().nth(at).map_or(mirrors[who].len(), |(b, _)| b);
                    mirrors[who].insert_str(byte, &letters);
                }
                3 if chars > 0 => {
                    let at = at % chars;
                    let len = len.min(chars - at);
                    delete(text, at, len);
                    mirrors[who] = mirrors[who].chars().enumerate()
                        .filter(|(i, _)| !(at..at + len).contains(i)).map(|(_, c)| c).collect();
                }
                _ => {
                    let from = at % 4;
                    let delta = texts[from].delta_since(texts[who].version());
                    // A merge says what it did, patch by patch.
                    for patch in texts[who].merge(&delta).unwrap() {
                        let mut chars: Vec<char> = mirrors[who].chars().collect();
                        let inserted = patch.inserted.iter().flat_map(|c| c.as_str().chars());
                        let start = patch.at.chars;
                        chars.splice(start..start + patch.deleted.chars, inserted);
                        mirrors[who] = chars.into_iter().collect();
                    }
                }
            }
            let text = &texts[who];
            text.store().assert_invariants();
            prop_assert_eq!(text.store().to_string(), mirrors[who].as_str(), "what the user did");
            prop_assert_eq!(Model::of(text).text(), mirrors[who].as_str(), "what the tree says");
        }
        merge_all(&mut texts);
        for text in &texts {
            prop_assert_eq!(text.store().to_string(), texts[0].store().to_string());
            prop_assert_eq!(Model::of(text).text(), texts[0].store().to_string());
        }
    }

    /// Offsets in both units agree with counting.
    #[test]
    fn offsets_count_both_units(words in prop::collection::vec("[a🌊é]{0,4}", 1..8)) {
        let mut text = replicas(1).remove(0);
        for (i, word) in words.iter().enumerate() {
            let at = i * 7 % (text.store().extent().chars + 1);
            type_at(&mut text, at, word);
        }
        let whole = text.store().to_string();
        let mut utf16 = 0;
        for (chars, c) in whole.chars().enumerate() {
            let place = text.store().resolve(Unit::Utf16, utf16).unwrap();
            prop_assert_eq!(place.chars, chars);
            prop_assert_eq!(text.store().resolve(Unit::Chars, chars).unwrap(), place);
            if c.len_utf16() == 2 {
                prop_assert!(text.store().resolve(Unit::Utf16, utf16 + 1).is_err(), "half a character");
            }
            utf16 += c.len_utf16();
        }
        prop_assert_eq!(text.store().extent().utf16, utf16);
        prop_assert!(text.store().resolve(Unit::Utf16, utf16 + 1).is_err());
    }
}

/// Kleppmann et al., "Interleaving anomalies in collaborative text editors", 2019, and the forward and
/// backward cases of Weidner & Kleppmann 2023, §1: runs typed at one place stay whole.
#[test]
fn runs_do_not_interleave() {
    for backwards in [false, true] {
        let mut texts = replicas(3);
        type_at(&mut texts[0], 0, "[]");
        merge_all(&mut texts);
        for (who, word) in ["milk", "eggs", "bread"].iter().enumerate() {
            if backwards {
                word.chars()
                    .rev()
                    .for_each(|c| drop(type_at(&mut texts[who], 1, &c.to_string())));
            } else {
                let letters = word.chars().enumerate();
                letters.for_each(|(i, c)| drop(type_at(&mut texts[who], 1 + i, &c.to_string())));
            }
        }
        merge_all(&mut texts);
        let merged = texts[0].store().to_string();
        for word in ["milk", "eggs", "bread"] {
            assert!(
                merged.contains(word),
                "{word} is torn apart in {merged} (backwards: {backwards})"
            );
        }
        assert!(texts.iter().all(|text| text.store().to_string() == merged));
    }
}

/// What is typed after a word that somebody else deletes meanwhile stays, where the word was.
#[test]
fn typing_at_a_deleted_place_survives() {
    let mut texts = replicas(2);
    type_at(&mut texts[0], 0, "one two three");
    merge_all(&mut texts);
    delete(&mut texts[0], 4, 4);
    type_at(&mut texts[1], 7, "-and-a-half");
    merge_all(&mut texts);
    assert_eq!(texts[0].store().to_string(), "one -and-a-halfthree");
    assert_eq!(texts[1].store().to_string(), "one -and-a-halfthree");
}
