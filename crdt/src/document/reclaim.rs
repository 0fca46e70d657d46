//! Dropping what is left of deleted elements: tier T1 of the sequence's tombstones.
//!
//! A deleted element keeps its place only for what may hang on it. When nothing alive does, no mark is
//! anchored on it and nobody holds a cursor on it, it can go, without asking anyone: its place is a
//! function of its path, and whoever still knows something that hangs on it knows the path and can be
//! asked for it. Kept for a while, it saves the asking.

use super::{canonical, Doc};
use crate::{Cursor, DotSet};

/// The unneeded elements that were found by earlier calls, and when, oldest first.
#[derive(Clone, Default, Debug)]
pub(super) struct Waiting {
    since_ms: Vec<(u64, DotSet)>,
}

impl Waiting {
    /// Takes note of what is unneeded now; gives what has been so for `grace_ms`.
    fn note(&mut self, unneeded: &DotSet, now_ms: u64, grace_ms: u64) -> DotSet {
        let mut new = unneeded.clone();
        for (_, dots) in &mut self.since_ms {
            *dots = dots.intersection(unneeded);
            new = new.difference(dots);
        }
        self.since_ms.push((now_ms, new));
        let old = self.since_ms.iter();
        let old = old.filter(|(since, _)| since.saturating_add(grace_ms) <= now_ms);
        old.fold(DotSet::new(), |mut all, (_, dots)| {
            all.extend(dots);
            all
        })
    }

    fn forget(&mut self, dropped: &DotSet) {
        for (_, dots) in &mut self.since_ms {
            *dots = dots.difference(dropped);
        }
        self.since_ms.retain(|(_, dots)| !dots.is_empty());
    }
}

impl Doc {
    /// Drops the deleted elements of texts, lists and trees that nothing has needed for `grace_ms`:
    /// nothing alive hangs on them, no mark is anchored on them, none of the cursors `held` is beside
    /// them. Gives how many. Content is freed at once when it is deleted; this frees the ids.
    ///
    /// It is no change: versions, and what others see, stay as they are. A delta of somebody who was
    /// away may hang on what was dropped: merging it fails with
    /// [`MergeError::MissingAnchors`](crate::MergeError::MissingAnchors), and
    /// [`Self::delta_with_anchors`] of its sender makes one that can be merged. The longer the grace,
    /// the rarer that is; a week is a good one. Call it now and then, once a day say: how long
    /// something has been unneeded is counted from the first call that found it so.
    ///
    /// O(document).
    pub fn reclaim(&mut self, now_ms: u64, grace_ms: u64, held: &[Cursor]) -> u64 {
        let pins: DotSet = held.iter().filter_map(Cursor::dot).collect();
        let unneeded = self.unneeded(&pins);
        let old = self.waiting.note(&unneeded, now_ms, grace_ms);
        if old.is_empty() {
            return 0;
        }
        // What is kept needs what it hangs on.
        let mut pins = pins;
        pins.extend(&unneeded.difference(&old));
        let dropped = self.unneeded(&pins);
        self.inner.store_mut().drop_elements(&dropped);
        self.waiting.forget(&dropped);
        dropped.len()
    }

    /// The elements that nothing needs, and that nothing of `pins` needs.
    fn unneeded(&self, pins: &DotSet) -> DotSet {
        let whole = self.whole();
        let all = whole.items.element_dots();
        all.difference(&canonical::prune(whole, pins).items.element_dots())
    }
}
