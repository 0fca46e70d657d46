//! The short way for what comes most: a keystroke, made and merged.

use super::items::Place;
use super::tree::{ContainerId, Noted, Tree, ROOT};
use super::Doc;
use crate::codec::{Keystroke, Writer};
use crate::container::{Body, BodyItems, ChangeKind, Changes};
use crate::document::path::{Key, Step};
use crate::sequence::content::Chars;
use crate::sequence::run::RunItem;
use crate::{Delta, Dot, DotRun, Replicated};

/// What a keystroke does.
struct Stroke<'a> {
    removed: Option<DotRun>,
    /// The way to the text, and what is new there.
    new: Option<(&'a [Place], &'a RunItem<Chars>, &'a Chars)>,
}

impl<'a> Stroke<'a> {
    /// The keystroke that a delta of the next changes of one replica is, if it is one.
    fn of(delta: &'a Delta) -> Option<Self> {
        if !delta.complete || !delta.items.erasures.is_empty() || delta.removals.len() > 1 {
            return None;
        }
        let removed = match delta.removals.values().next() {
            Some(removal) => match removal.runs[..] {
                [run] => Some(run),
                _ => return None,
            },
            None => None,
        };
        let new = match &delta.items.bodies[..] {
            [] => None,
            [(number, BodyItems::Text(text))] if text.marks.is_empty() => {
                let [run] = &text.runs[..] else { return None };
                let [piece] = &run.pieces[..] else {
                    return None;
                };
                let before = Dot::new(run.start.replica, run.start.seq - 1);
                let is_next = delta.from.contains(before) && !delta.from.contains(run.start);
                let chars = piece.content.as_ref().filter(|_| is_next)?;
                let is_path = *number as usize == delta.items.table.len();
                Some((is_path.then_some(&delta.items.table[..])?, run, chars))
            }
            _ => return None,
        };
        Some(Self { removed, new })
    }
}

impl Doc {
    /// What [`Self::merge`] does with a keystroke of another copy, the very next of its changes. `None`,
    /// with nothing done, if the delta is anything else. O(log n).
    pub(super) fn merge_stroke(&mut self, delta: &Delta) -> Option<Changes> {
        if !self.inner.is_next(delta) {
            return None;
        }
        let stroke = Stroke::of(delta)?;
        let mut noted = Noted::default();
        self.inner.store_mut().strike(&stroke, &mut noted)?;
        self.inner.note_merged(delta);
        let changes = self.inner.store().report(noted);
        self.inner.store_mut().sweep();
        Some(changes)
    }
}

impl Tree {
    /// Does what a keystroke says, if all of it is in one text; else nothing, and gives `None`.
    fn strike(&mut self, stroke: &Stroke<'_>, noted: &mut Noted) -> Option<()> {
        let mut at = None;
        if let Some(run) = stroke.removed {
            let (part, home) = self.homes.first_of(run)?;
            at = (part == run).then_some(home);
            at?;
        }
        if let Some((path, ..)) = stroke.new {
            let id = self.named_by(path)?;
            at = Some(id).filter(|_| at.is_none_or(|at| at == id));
        }
        let id = at?;
        let before = self.get(id).body.live_len();
        let Body::Text(text) = self.body_mut(id) else {
            return None;
        };
        let new = stroke.new.map(|(_, run, chars)| (run, chars));
        let patches = text.chars.strike(stroke.removed, new)?;
        self.note(id, ChangeKind::Text(patches), noted);
        self.homes.settle(id, new.map(|(run, _)| run.dots()));
        self.recount(id, before, noted);
        Some(())
    }

    /// The container at the end of a path of names, if it is known.
    fn named_by(&mut self, path: &[Place]) -> Option<ContainerId> {
        let mut id = ROOT;
        for (above, Place { parent, step }) in (0..).zip(path) {
            if *parent != above || !matches!(step.key, Key::Name(_)) {
                return None;
            }
            id = self.child_if_named(id, step)?;
        }
        Some(id)
    }
}

impl Replicated<Tree> {
    /// Appends the bytes of what [`Self::commit`] gives, if that is a keystroke that builds on nothing of
    /// others; else does nothing and says so. O(log n).
    pub(super) fn commit_stroke(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut writer = Writer::after(std::mem::take(out));
        let written = self.write_stroke(&mut writer);
        *out = writer.into_vec();
        let done = written.is_some() && Keystroke::fits(out.len() - start);
        if done {
            self.set_committed();
        } else {
            out.truncate(start);
        }
        done
    }

    fn write_stroke(&self, out: &mut Writer) -> Option<()> {
        let dots = self.to_commit()?;
        let tree = self.store();
        let removed = match self.removals().first_of(dots) {
            [None, None] => None,
            [Some(removal), None] => Some(removal),
            _ => return None,
        };
        let last = dots.start.plus(dots.len - 1);
        let is_last = removed.is_none_or(|(by, ..)| by == last);
        if !is_last || !tree.erased_after(dots.start).is_empty() {
            return None;
        }
        let (minute, removed) = match removed {
            Some((_, minute, run)) => (Some(minute), Some(run)),
            None => (None, None),
        };
        let Some((part, id)) = tree.homes.first_of(dots) else {
            let stroke = Keystroke::new(dots.start, minute?, removed, None)?;
            stroke.write_head(out);
            return (dots.len == 1).then_some(());
        };
        let len = dots.len - u64::from(removed.is_some());
        let made = DotRun { len, ..dots };
        let one = DotRun {
            start: last,
            len: 1,
        };
        if part != made || removed.is_some() && tree.homes.first_of(one).is_some() {
            return None;
        }
        let Body::Text(text) = &tree.get(id).body else {
            return None;
        };
        let typed = text.chars.typed(made)?;
        let minute = minute.unwrap_or(typed.minute);
        let stroke = Keystroke::new(dots.start, minute, removed, Some(&typed))?;
        stroke.write_head(out);
        tree.write_path(id, true, &stroke, out)?;
        stroke.write_text(out);
        Some(())
    }
}

impl Tree {
    /// Writes the way to a container, from the top; `None` if it is not by names alone.
    fn write_path(
        &self,
        id: ContainerId,
        is_last: bool,
        stroke: &Keystroke<'_>,
        out: &mut Writer,
    ) -> Option<()> {
        let container = self.get(id);
        let step = container.step.as_ref();
        let step = step.filter(|Step { key, .. }| matches!(key, Key::Name(_)))?;
        if container.parent != ROOT {
            self.write_path(container.parent, false, stroke, out)?;
        }
        stroke.write_step(step, is_last, out);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Edit, MergeError, ReplicaId};
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: u64 = 1_700_000_000_000;

    /// As [`Doc::merge`], always the long way.
    fn merge_long(doc: &mut Doc, delta: &Delta) -> Result<Changes, MergeError> {
        doc.merge_noting(delta, Noted::default())
    }

    /// Does something, mostly in the first text.
    fn write(edit: &mut Edit<'_>, (what, at, len): (u8, usize, usize)) {
        let name = if what % 16 == 15 { "u" } else { "t" };
        let mut text = edit.text(name);
        let all = text.extent().chars;
        let start = at.min(all);
        let end = (start + len).min(all);
        let end_of_text = all.saturating_sub(at % 3);
        match what % 16 {
            0..4 => text.insert(end_of_text, "x"),
            4 => text.insert(start, "é🌊"),
            5 => text.insert(start, &"words and ".repeat(1 + at % 2 * 2)),
            6 => text.insert(0, "y"),
            7 => text.delete(end_of_text.saturating_sub(1)..end_of_text),
            8 => text.delete(start..end),
            9 => text.replace(start..end, "new"),
            10 => text.mark(
                crate::Unit::Chars,
                start..end,
                "bold",
                true,
                crate::Expand::After,
            ),
            11 => edit.map("m").set("k", len > 2),
            12 => edit.map("m").text("t").insert(0, "deep"),
            13 => edit.list("l").insert(0, "one"),
            14 => text
                .insert(start, "gone")
                .and_then(|()| text.delete(start..start + 4)),
            _ => text.insert(start, "z"),
        }
        .expect("all of it is inside");
    }

    proptest! {
        /// Two write and hear of each other now and then; the short ways give what the long ones give.
        #[test]
        fn both_ways_agree(
            steps in prop::collection::vec((0..2usize, any::<u8>(), 0..40usize, 0..6usize, 0..9u8), 1..60),
        ) {
            let new = |id| Doc::new(ReplicaId::new(id));
            let (mut writers, mut unsent) = ([new(1), new(2)], [Vec::new(), Vec::new()]);
            let (mut short, mut long) = (new(3), new(3));
            for (i, (who, what, at, len, then)) in steps.into_iter().enumerate() {
                let now = NOW + i as u64 * 7_000;
                let mut edit = writers[who].edit(now);
                write(&mut edit, (what, at, len));
                if then == 0 {
                    // Its delta comes with the next one.
                    drop(edit);
                    continue;
                }
                drop(edit);
                let mut twin = writers[who].clone();
                let delta = writers[who].edit(now).commit();
                let bytes = twin.edit(now).commit_encoded();
                prop_assert_eq!(&bytes, &delta.encode());
                prop_assert_eq!(twin.edit(now).commit(), writers[who].edit(now).commit());
                unsent[1 - who].push(delta.clone());
                let (a, b) = (short.merge(&delta), merge_long(&mut long, &delta));
                prop_assert_eq!(a, b);
                prop_assert_eq!(short.save(), long.save());
                prop_assert_eq!(short.version(), long.version());
                prop_assert_eq!(short.merge(&delta), merge_long(&mut long, &delta));
                short.assert_invariants();
                if then < 3 {
                    for delta in std::mem::take(&mut unsent[who]) {
                        writers[who].merge(&delta).expect("it comes in order");
                    }
                    writers[who].assert_invariants();
                }
            }
            let mine = |doc: &mut Doc| {
                doc.edit(NOW).text("t").insert(0, "mine").expect("at the start");
                (doc.edit(NOW).commit(), doc.delta_since(&crate::VersionVector::new()))
            };
            prop_assert_eq!(mine(&mut short), mine(&mut long));
        }
    }

    #[test]
    fn keystrokes_go_the_short_way() {
        let (mut ada, mut ben) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
        ada.edit(NOW).text("t").insert(0, "Hello").unwrap();
        ben.merge(&ada.edit(NOW).commit()).unwrap();
        for what in [0, 4, 5, 6, 7, 8, 9, 7, 7, 0] {
            // What is deleted is of one run.
            let at = if matches!(what, 8 | 9) { 7 } else { 2 };
            let mut edit = ada.edit(NOW);
            write(&mut edit, (what, at, 2));
            drop(edit);
            let mut out = vec![7];
            assert!(ada.clone().inner.commit_stroke(&mut out), "{what}");
            let delta = ada.edit(NOW).commit();
            assert_eq!(out[1..], delta.encode(), "{what}");
            assert!(ben.merge_stroke(&delta).is_some(), "{what}");
            assert!(ben.merge_stroke(&delta).is_none(), "it came");
            assert_eq!(ada.canonical(), ben.canonical());
        }
    }
}
