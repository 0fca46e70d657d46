//! What an editor did to a text, as few small edits.
//!
//! Only what changed may be written: whatever an edit touches needlessly, somebody else's concurrent edit of it is lost
//! or doubled. So the lines that stayed are found first, and within the others the characters that stayed. Characters
//! that two different words happen to share are no sign that they stayed: edits with less between them than they
//! replace themselves are put together.

use std::ops::Range;
use std::time::{Duration, Instant};

use driftwood_crdt::{EditError, TextEdit};
use similar::{capture_diff_slices_deadline, Algorithm, DiffOp, TextDiff};

/// What is not told apart within this time is replaced as a whole.
const TIME_MAX: Duration = Duration::from_secs(1);

/// More characters than this between two edits, and they stay two.
const GAP_MAX: usize = 5;

/// One replaced range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// What to replace, in characters of the old text.
    pub(crate) range: Range<usize>,
    /// By what.
    pub(crate) text: String,
}

/// The replacements that make `old` into `new`, from the last to the first: so no offset is moved by the ones before.
pub(crate) fn replacements(old: &str, new: &str) -> Vec<Replacement> {
    let deadline = Instant::now() + TIME_MAX;
    let (old_chars, new_chars): (Vec<char>, Vec<char>) =
        (old.chars().collect(), new.chars().collect());
    let lines = TextDiff::configure()
        .deadline(deadline)
        .diff_lines(old, new);
    let old_starts = line_starts(lines.iter_old_slices());
    let new_starts = line_starts(lines.iter_new_slices());

    let mut found: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for hunk in changed(lines.ops()) {
        let (old_at, old_end) = (old_starts[hunk.0.start], old_starts[hunk.0.end]);
        let (new_at, new_end) = (new_starts[hunk.1.start], new_starts[hunk.1.end]);
        let chars = capture_diff_slices_deadline(
            Algorithm::Myers,
            &old_chars[old_at..old_end],
            &new_chars[new_at..new_end],
            Some(deadline),
        );
        for (old, new) in changed(&chars) {
            let next = (
                old_at + old.start..old_at + old.end,
                new_at + new.start..new_at + new.end,
            );
            match found.last_mut() {
                Some(last) if belong_together(last, &next) => {
                    last.0.end = next.0.end;
                    last.1.end = next.1.end;
                }
                _ => found.push(next),
            }
        }
    }
    let replacement = |(range, new): (Range<usize>, Range<usize>)| Replacement {
        range,
        text: new_chars[new].iter().collect(),
    };
    found.into_iter().rev().map(replacement).collect()
}

/// Carries replacements out.
pub(crate) fn write(
    text: &mut TextEdit<'_>,
    replacements: &[Replacement],
) -> Result<(), EditError> {
    for Replacement { range, text: new } in replacements {
        text.replace(range.clone(), new)?;
    }
    Ok(())
}

fn changed(ops: &[DiffOp]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
    ops.iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| (op.old_range(), op.new_range()))
}

/// Where each line starts, in characters, and where the last one ends.
fn line_starts<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut starts = vec![0];
    let mut at = 0;
    starts.extend(lines.map(|line| {
        at += line.chars().count();
        at
    }));
    starts
}

fn belong_together(
    before: &(Range<usize>, Range<usize>),
    after: &(Range<usize>, Range<usize>),
) -> bool {
    let gap = after.0.start - before.0.end;
    let size = |change: &(Range<usize>, Range<usize>)| change.0.len().max(change.1.len());
    gap == 0 || (gap <= GAP_MAX && gap <= size(before) && gap <= size(after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edit(old: &str, new: &str) -> Vec<(Range<usize>, String)> {
        let found = replacements(old, new).into_iter();
        found.map(|edit| (edit.range, edit.text)).collect()
    }

    fn carried_out(old: &str, edits: &[Replacement]) -> String {
        let mut chars: Vec<char> = old.chars().collect();
        for edit in edits {
            chars.splice(edit.range.clone(), edit.text.chars());
        }
        chars.into_iter().collect()
    }

    #[test]
    fn only_what_changed_is_written() {
        assert_eq!(edit("same\n", "same\n"), []);
        assert_eq!(edit("", "all new\n"), [(0..0, "all new\n".into())]);
        assert_eq!(edit("gone\n", ""), [(0..5, String::new())]);
        assert_eq!(
            edit("one\ntwo\nthree\n", "one\ntwo and a half\nthree\n"),
            [(7..7, " and a half".into())]
        );
        assert_eq!(edit("the colour\n", "the color\n"), [(8..9, String::new())]);
        let first_and_last = edit(
            "Trip to Skye\nb\nc\nBoots\n",
            "A trip to Skye\nb\nc\nBoots!\n",
        );
        assert_eq!(first_and_last, [(22..22, "!".into()), (0..1, "A t".into())]);
    }

    #[test]
    fn offsets_count_characters() {
        assert_eq!(edit("🧭🧭 a\n", "🧭🧭 b\n"), [(3..4, "b".into())]);
    }

    #[test]
    fn words_that_share_letters_by_chance_are_replaced_whole() {
        let found = edit("take the ferry at nine\n", "take the train at nine\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_large_text_written_anew_is_done_in_time() {
        let line = |seed: usize| {
            (0..60)
                .map(|at| char::from(b'a' + ((seed * 7919 + at * at * 31) % 26) as u8))
                .collect::<String>()
        };
        let text = |from: usize| {
            (from..from + 4_000)
                .map(|n| line(n) + "\n")
                .collect::<String>()
        };
        let (old, new) = (text(0), text(1_000_000));
        let before = Instant::now();
        let edits = replacements(&old, &new);
        assert!(before.elapsed() < Duration::from_secs(10));
        assert_eq!(carried_out(&old, &edits), new);
    }

    proptest! {
        #[test]
        fn the_edits_make_the_new_text(old in "[ab \n🧭]{0,40}", new in "[ab \n🧭]{0,40}") {
            let edits = replacements(&old, &new);
            prop_assert_eq!(carried_out(&old, &edits), new);
            let starts: Vec<usize> = edits.iter().map(|edit| edit.range.start).collect();
            prop_assert!(starts.windows(2).all(|pair| pair[0] > pair[1]));
        }
    }
}
