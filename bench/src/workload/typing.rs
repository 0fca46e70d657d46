//! Somebody types: bursts at a place, corrections, jumps, now and then a paste or a larger cut.

use super::Random;
use crate::op::Patch;

/// Makes this many edits of an ASCII text that begins empty.
pub fn type_text(edits: usize, random: &mut Random) -> Vec<Patch> {
    let mut patches = Vec::with_capacity(edits);
    let (mut len, mut cursor) = (0_usize, 0_usize);
    while patches.len() < edits {
        if random.one_in(4) || len == 0 {
            cursor = random.below(len + 1);
        }
        let burst = 1 + random.below(60);
        for _ in 0..burst.min(edits - patches.len()) {
            let patch = step(len, cursor, random);
            cursor = patch.at + patch.inserted.len();
            len = len - patch.deleted + patch.inserted.len();
            patches.push(patch);
        }
    }
    patches
}

fn step(len: usize, cursor: usize, random: &mut Random) -> Patch {
    if random.one_in(500) {
        return Patch::ascii(cursor, 0, random.word(40));
    }
    if random.one_in(300) {
        let at = cursor.saturating_sub(30);
        return Patch::ascii(at, cursor - at, "");
    }
    // A quarter of what people type they take back.
    if random.one_in(5) && cursor > 0 {
        return Patch::ascii(cursor - 1, 1, "");
    }
    let typed = if random.one_in(6) {
        ' '
    } else {
        random.letter()
    };
    debug_assert!(cursor <= len, "the cursor is in the text");
    Patch::ascii(cursor, 0, typed.to_string())
}
